"""
The process that another one takes the place of.

It writes what is settled, stands still until the new one serves, lets go of
what that one has, and goes on with the rest: calls that ring, transfers in
their midst, exchanges that are open.  As soon as one of those is settled it is
handed over too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.restoring.snapshot import movable
from b2bua.handover.belonging import Relay, Say, Word
from b2bua.handover.store import RelayStore
from b2bua.trunks.trunks import Trunks

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.legs.leg import Leg
    from b2bua.persistence import Persistence
    from b2bua.server import Server


def _number(leg: Leg) -> int:
    """The CSeq number that was used last; nothing is written for its sake alone."""
    assert leg.dialog is not None
    return leg.dialog.local_seq


class OldProcess:
    """What a server does that leaves."""

    def __init__(self, server: Server, say: Say) -> None:
        """
        Be ready to leave.

        @param say: tells the new process; what it says comes to L{hear}.
        """
        assert server.persistence is not None
        self._server = server
        self._kept: Persistence = server.persistence
        self._say = say
        self._relay = Relay(server, say)
        self._moved: list[Call] = []
        self._left = -1

    def finish(self) -> None:
        """Have everything written that the new process is to have; the journal has to be flushed then."""
        self._moved = self._kept.finish()

    def will(self) -> Word:
        """What the new process has to know that is not in the store; nothing may happen here any more."""
        calls, runner = self._server.core.calls, self._server.runner
        unwritten = self._kept.journal.unwritten_calls()
        self._moved = [
            call for call in self._moved if call.id not in unwritten and self._kept.is_finished(call)
        ]
        moved = {call.id for call in self._moved}
        return {
            "say": "go",
            "numbers": {call.id: [_number(leg) for leg in call.legs] for call in self._moved},
            "keeps": [id for id in {*calls.going, *self._kept.calls, *unwritten} if id not in moved],
            "branches": runner.servers.branches(),
            "nonces": self._server.authenticator.nonces.written(),
        }

    def leave(self) -> int:
        """The new process serves: be silent from now on, but in what it does not have; how many that is."""
        server, journal = self._server, self._kept.journal
        moved, self._moved = self._moved, []
        for call in moved:
            self._kept.let_go(call)
        if isinstance(server.trunks, Trunks):
            server.trunks.let_go()
        server.notifier.stop()
        server.core.subscriber.stop()
        server.stop_asking()
        self._relay.stay()
        server.runner.transport.wires.part(server.context.connections.channels)
        journal.store = RelayStore(self._say, journal.store.name, journal.store.node)
        return len(moved)

    def hear(self, word: Word) -> None:
        """The new process says something."""
        if word["say"] == "message":
            self._relay.passed(word)

    def hand_over(self) -> None:
        """Hand over what is settled by now."""
        for call in movable(self._server.core.calls.going.values()):
            text, record = self._kept.give(call)
            self._say({"say": "call", "id": call.id, "text": text, "record": record})
        left = {*self._server.core.calls.going, *self._kept.journal.unwritten_calls()}
        if len(left) != self._left:
            self._left = len(left)
            self._say({"say": "has", "calls": self._left})

    def let_go(self) -> None:
        """The new process has died: say nothing more, since the next one finds our calls in the store."""
        self._server.runner.transport.silent = lambda: True
        for call in list(self._server.core.calls.going.values()):
            self._kept.let_go(call)

    @property
    def is_done(self) -> bool:
        """Has it nothing to do any more?"""
        return not self._server.core.calls.going and not self._server.runner.live
