"""
Two who talk are told something in the middle of it, each by a voice of ours; then they talk again.

Meanwhile they do not hear each other.  When one of them leaves the call is over, as ever.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from b2bua.calls.operations.conversation import Conversation
from b2bua.calls.operations.leg_waiter import Busy, Gone
from b2bua.calls.operations.rerouting import reroute
from b2bua.calls.stand_in import StandIn
from b2bua.calls.verdicts import Talk
from b2bua.legs.words import Referred, Word

if TYPE_CHECKING:
    from collections.abc import Callable

    from b2bua.calls.bridge import Bridge
    from b2bua.calls.draft import Script
    from b2bua.calls.operations.protocol import OperatedCall
    from b2bua.legs.leg import Leg


async def tell_both(call: OperatedCall, script: Script) -> None:
    """
    Talk to each of the two who talk, by a script like that of L{Talk}; then they talk again.

    For who cannot be talked to the script does not run.

    @raise Busy: nobody talks, one holds the other, or something else is at work in the call.
    @raise Gone: one of them has left, and so the call is over.
    @raise NotJoined: they do not agree to go on as before.
    """
    bridge = call.bridge
    if not call.legs:
        return
    if bridge is None or call.holders or not (bridge.a.answered and bridge.b.answered):
        raise Busy(call.legs[0])
    await reroute(call, bridge, partial(_tell, call, bridge, script))


async def _tell(call: OperatedCall, bridge: Bridge, script: Script) -> None:
    """Talk to both at a time, until both have heard it or one has left."""
    all_told: Deferred[None] = Deferred()
    left = {bridge.a, bridge.b}

    def told(leg: Leg) -> None:
        left.discard(leg)
        if (leg.ended or not left) and not all_told.called:
            all_told.callback(None)

    tellings = [Telling(call, leg, script, told) for leg in (bridge.a, bridge.b)]
    for leg, telling in zip((bridge.a, bridge.b), tellings, strict=True):
        call.listen(leg, telling)

    def begin() -> None:
        if not all_told.called:
            for telling in tellings:
                telling.begin(None)

    # What is kept says that they have to be shown each other again, before they are shown a voice;
    # for a store that fails nobody waits, and who hangs up meanwhile ends it as ever.
    call.leaving()
    call.calls.written().addBoth(lambda _: call.calls.run_in(call, begin))
    await all_told
    for telling in tellings:
        telling.stop()
    for leg in (bridge.a, bridge.b):
        if leg.ended:
            raise Gone(leg)


class Telling(Conversation):
    """Talks to one of the two; when that is over its party waits for the other one."""

    def __init__(self, call: OperatedCall, leg: Leg, script: Script, then: Callable[[Leg], None]) -> None:
        """
        Prepare.

        @param then: told, perhaps more than once, that it is over.
        """
        super().__init__(call, leg, Talk(script))
        self._then = then

    def begin(self, offer: bytes | None) -> None:
        """Talk to the party, unless it has left already."""
        if self._leg.ended:
            self._then(self._leg)
        else:
            super().begin(offer)

    def stop(self) -> None:
        """Say no more."""
        if not self._over:
            self._stop()

    def hear(self, leg: Leg, word: Word) -> None:
        """Take a word of the party; one that wants to transfer may try again (RFC 3261 section 21.4.27)."""
        if isinstance(word, Referred):
            word.referral.refuse(491)
        elif self._over:
            StandIn.hear(self, leg, word)
            self._then(leg)
        else:
            super().hear(leg, word)

    def _done(self) -> None:
        """All is said."""
        if not self._over:
            self._stop()
        self._then(self._leg)

    def _fail(self, why: str) -> None:
        """There is no voice for it."""
        self._call.story.note("{} cannot be told: {}", self._leg.party, why)
        self._done()

    def _end_for(self, said: str) -> None:
        """The voice is lost, or nothing comes of the party."""
        self._fail(said)

    def _lost(self, why: str) -> None:
        """The party has left."""
        super()._lost(why)
        self._then(self._leg)
