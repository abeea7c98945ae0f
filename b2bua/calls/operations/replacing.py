"""
INVITE with Replaces: somebody takes the place of a leg of ours (RFC 3891).

Which dialog is meant, and the statuses of section 3, are settled before a
feature is asked; none is when a REFER that was passed on led to it.  The leg
that is replaced is ended when its successor talks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from b2bua.calls.bridge import Bridge
from b2bua.calls.media import Alignment
from b2bua.calls.operations.conversation import Conversation
from b2bua.calls.operations.joining import NotJoined, join
from b2bua.calls.operations.leg_waiter import Gone, LegWaiter
from b2bua.calls.operations.picking import answer_instead, answer_search
from b2bua.calls.verdicts import Refuse, Replace, ReplaceVerdict
from b2bua.legs.words import Answered, Confirmed, Offered, Refused, Word

if TYPE_CHECKING:
    from b2bua.calls.operations.protocol import OperatedCall
    from b2bua.legs.leg import Leg

_log = Logger()


class Replacing:
    """Listens to a new leg until it has taken the place of another one."""

    def __init__(self, call: OperatedCall, leg: Leg, replaced: Leg, *, granted: bool = False) -> None:
        """
        Take C{leg} into the call of the leg that it wants to replace.

        @param granted: has it been asked to, by a REFER that we passed on?
        """
        self.call = call
        self.granted = granted
        self.leg = leg
        self.replaced = replaced
        call.take(leg)
        call.listen(leg, self)

    def hear(self, leg: Leg, word: Word) -> None:
        """The invitation comes first; until it is decided nothing else matters."""
        if isinstance(word, Offered) and self.granted:
            self._decided(word.session, Replace())
        elif isinstance(word, Offered):
            self.call.calls.when(
                self.call.features.ask_replace(self.call, leg, self.replaced),
                lambda verdict: self._decided(word.session, verdict),
                lambda: self.call.refuse(leg, 500),
            )

    def _decided(self, offer: bytes | None, verdict: ReplaceVerdict | None) -> None:
        """Carry out the verdict; without one the invitation is declined."""
        match verdict:
            case Refuse(code, reason):
                self.call.refuse(self.leg, code, reason)
            case Replace() if not self.leg.ended:
                work = Deferred.fromCoroutine(self._replace(offer))
                work.addErrback(self._broken)
            case _:
                self.call.refuse(self.leg, 603)

    def _broken(self, failure: Failure) -> None:
        """A bug of ours costs this call, and no other one."""
        _log.failure("a replacement in {call} broke", failure, call=self.call.id)
        self.call.calls.run(self.call.abandon)

    async def _replace(self, offer: bytes | None) -> None:
        """Take the place."""
        call = self.call
        call.hold_open()
        try:
            if self.replaced.ended:
                call.refuse(self.leg, 603)  # section 3: it has just ended
            elif call.setup is not None:
                answer_instead(call, self.leg, offer)
            elif call.search is not None and call.search.rings(self.replaced):
                answer_search(call.search, self.leg, offer)
            elif call.bridge is not None and self.replaced in (call.bridge.a, call.bridge.b):
                await self._take_over(call.bridge, offer)
            else:
                self._go_over(offer)
        finally:
            call.let_close()

    def _go_over(self, offer: bytes | None) -> None:
        """Be somebody's other phone in a conference (RFC 4579 5.9); nobody else takes a place there."""
        talk = self.call.listener(self.replaced)
        if not isinstance(talk, Conversation) or not talk.conference:
            self.call.refuse(self.leg, 481)
        elif self.leg.party.key != self.replaced.party.key:
            self.call.refuse(self.leg, 403)
        else:
            talk.go_over(self.leg, offer)

    async def _take_over(self, bridge: Bridge, offer: bytes | None) -> None:
        """Talk to the other party of a call that goes on (section 3, confirmed)."""
        call, leg = self.call, self.leg
        bridge.release()
        await bridge.idle()
        other = bridge.other(self.replaced)
        waiter = LegWaiter(call, leg, other, self.replaced)
        alignment = Alignment()
        connected = call.calls.identities.connected
        told = connected(other, leg)
        try:
            if offer is None:
                waiter.change(other, None, told)
            else:
                shown, alignment = alignment.translate(offer, to_b=True, previous=other.local_session)
                waiter.change(other, shown, told, by=leg)
            reply = await waiter.answer(other, leg)
            if isinstance(reply, Refused):
                call.refuse(leg, reply.code if not reply.local else 480)
                await self._left_as_it_is(bridge, other, waiter)
                return
            back = reply.session
            if offer is not None and back is not None:
                back, alignment = alignment.translate(back, to_b=False, previous=offer)
            call.pass_on(other, leg, Answered(back, connected(leg, other)))
            call.leg_was_answered(leg)
            if offer is None:
                call.pass_on(leg, other, Confirmed((await waiter.confirmation(leg, other)).session))
        except Gone as gone:
            await self._interrupted(gone.leg, other, waiter)
            return
        Bridge(call, leg, other, alignment).begin()
        call.joined()
        call.hang_up(self.replaced, "replaced")

    async def _left_as_it_is(self, bridge: Bridge, other: Leg, waiter: LegWaiter) -> None:
        """Nobody is replaced, and the old dialog goes on (section 3), if both are still there."""
        if waiter.disturbed or self.replaced.ended:
            await self._together_again(other, waiter)  # one of them was answered in nobody's stead
        else:
            bridge.begin()

    async def _interrupted(self, gone: Leg, other: Leg, waiter: LegWaiter) -> None:
        """Somebody left in the middle: who was talking before talks again."""
        if gone is other:
            self.call.end()
        else:
            await self._together_again(other, waiter)

    async def _together_again(self, other: Leg, waiter: LegWaiter) -> None:
        """Show the two who were talking to each other."""
        try:
            bridge = await join(self.call, other, self.replaced)
        except (Gone, NotJoined):
            self.call.end()
        else:
            bridge.see_who_holds(waiter.changed)
