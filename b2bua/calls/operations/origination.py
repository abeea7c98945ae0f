"""
A call that a feature begins: one party is rung, then the other one (RFC 3725).

This is its flow IV, which section 5 recommends where people answer: the first
party is invited to a session without media, the second one is asked for an
offer, and the first is offered that.  The session without media has an audio
stream that is inactive, for phones refuse one with no stream at all.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from b2bua.calls.identity import Unseen
from b2bua.calls.media import NOTHING
from b2bua.calls.operations.call_control import ring_for
from b2bua.calls.operations.leg_waiter import Busy, Gone
from b2bua.calls.path import Path
from b2bua.calls.routing.permission import SERVER
from b2bua.calls.routing.search import Reached, Search
from b2bua.calls.routing.template import Dialling, InviteTemplate
from b2bua.calls.verdicts import Outcome
from b2bua.legs.party import Identity
from b2bua.wire.fields import Reason

if TYPE_CHECKING:
    from b2bua.calls.operations.protocol import CallTable, OperatedCall
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party

ENDED = Outcome("refused", 487, "Request Terminated", local=True)
FULL = Outcome("refused", 503, "Service Unavailable", local=True)


@dataclass(frozen=True, slots=True)
class Wish:
    """Which call is to be begun."""

    first: str
    second: str
    behalf: Party
    """Whose permission to dial counts."""
    shown: Identity
    """What the phone of the first party shows while it rings."""
    presented: Identity | None = None
    """Who calls, for the second party; None leaves it to what we know of the first."""
    ring_seconds: float | None = None
    """How long each of them rings."""


class Origination:
    """
    A call that is being begun.

    Whoever awaits it gets L{None} when the two talk (or the first one waits
    where a feature keeps it), else how it failed, C{by} whom.  It fails at the
    latest when both have had their time to ring.
    """

    def __init__(self, calls: CallTable, wish: Wish) -> None:
        """Begin; when there are too many calls, or the service ends, it fails with 503."""
        self._wish = wish
        self._call = calls.new_call(wish.behalf, wish.second) if calls.may_begin() else None
        self.id = "" if self._call is None else self._call.id
        """The id of the call."""
        self.first = wish.first
        """Who is rung first, as it was dialled."""
        self._over: Outcome | None = None
        self._waiters: list[Deferred[Outcome | None]] = []
        self._done = False
        if self._call is None:
            self._end(FULL)
        else:
            self._call.hold_open()
            calls.run(self._begin, self._call)

    def __await__(self) -> Generator[Deferred[Outcome | None], None, Outcome | None]:
        """Wait for the end of it."""
        return (yield from self.ended().__await__())

    def ended(self) -> Deferred[Outcome | None]:
        """Fire with what awaiting gives, for whoever has no coroutine."""
        waiter: Deferred[Outcome | None] = Deferred()
        if self._done:
            waiter.callback(self._over)
        else:
            self._waiters.append(waiter)
        return waiter

    def cancel(self) -> None:
        """Ring no more, and hang up who has answered; a call in which two talk is ended."""
        if self._call is not None:
            self._call.calls.run(self._call.end)

    # ---- how it goes ----------------------------------------------------

    def _begin(self, call: OperatedCall) -> None:
        """Ring the first party."""
        call.start()
        work = Deferred.fromCoroutine(self._run(call))
        work.addErrback(_broken, call)
        work.addCallback(self._end)

    def _end(self, outcome: Outcome | None) -> None:
        """Tell who waits."""
        self._done, self._over = True, outcome
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(outcome)

    async def _run(self, call: OperatedCall) -> Outcome | None:
        """Ring one, then the other."""
        try:
            leg = await self._ring_first(call)
            if isinstance(leg, Outcome):
                call.record.refused(leg.code, leg.reason)
                return leg
            call.caller = leg
            call.record.caller = str(leg.party)
            if self._wish.presented is not None:
                leg.identity = self._wish.presented
            outcome = await self._ring_second(call, leg)
            if isinstance(outcome, Outcome):
                call.record.refused(outcome.code, outcome.reason)
                # Section 6: the first one learns the reason from its BYE.
                call.hang_up(leg, "bye", (("Reason", str(Reason("SIP", outcome.code, outcome.reason))),))
                return outcome
            call.was_taken(outcome)
            return None
        finally:
            call.let_close()

    async def _ring_first(self, call: OperatedCall) -> Leg | Outcome:
        """
        Ring the first party; it waits when it has answered.

        A phone of ours is rung as it is: whoever clicks wants that phone to
        ring, though it may be forwarded or not to be disturbed.
        """
        wish, directory = self._wish, call.calls.directory
        own = directory.extension(wish.first)
        party = directory.party(own) if own is not None else wish.behalf
        search = Search(call, InviteTemplate(Unseen(party, wish.shown), NOTHING))
        granted = SERVER if own == wish.behalf.name else wish.behalf
        found = await search.seek(
            Dialling(wish.first, Path(), granted, wish.ring_seconds, direct=own is not None)
        )
        if isinstance(found, Outcome):
            return found
        if not isinstance(found, Reached):
            return Outcome("not_found", 404, "Nobody to ring first", local=True)
        return ENDED if found.leg.ended else found.leg

    async def _ring_second(self, call: OperatedCall, leg: Leg) -> Leg | Outcome:
        """Ring the second party for the first one."""
        wish = self._wish
        try:
            return await ring_for(
                call, leg, None, Dialling(wish.second, Path(), wish.behalf, wish.ring_seconds)
            )
        except (Gone, Busy):
            return ENDED


def _broken(failure: Failure, call: OperatedCall) -> Outcome:
    """A bug of ours costs this call, and no other one."""
    call.calls.log.failure("{call} could not be begun", failure, call=call.id)
    call.calls.run(call.abandon)
    return Outcome("refused", 500, local=True)
