"""
Transfers: a party asks by REFER that the other one talk to somebody else.

We carry it out ourselves (RFC 5589; RFC 5359 sections 2.4 and 2.5).  The
I{transferor} asks, the I{survivor} is whom it talked to.  Who was talking still
is, or hears an end: when the target fails the two are as before, and when the
transferor has left meanwhile the survivor is brought back to it (recall).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from b2bua.calls.media import resumed
from b2bua.calls.operations.conversation import Conversation
from b2bua.calls.operations.hold_music import entertain
from b2bua.calls.operations.joining import NotJoined, join
from b2bua.calls.operations.leg_waiter import Gone, LegWaiter
from b2bua.calls.operations.meeting import meet
from b2bua.calls.operations.relaying import only_we_can, relay
from b2bua.calls.outcomes import LOOPED
from b2bua.calls.path import Path
from b2bua.calls.routing.search import Instead, Reached, Search
from b2bua.calls.routing.template import Dialling, InviteTemplate
from b2bua.calls.stand_in import StandIn
from b2bua.calls.verdicts import Outcome, Refuse, Relay, Transfer, TransferVerdict
from b2bua.legs.words import HungUp, Word

if TYPE_CHECKING:
    from b2bua.calls.bridge import Bridge
    from b2bua.calls.operations.protocol import OperatedCall
    from b2bua.legs.leg import Leg
    from b2bua.legs.words import Referral

TRANSFEROR_SECONDS = 2.0
"""How long the transferor has to hang up by itself after the final NOTIFY."""

_log = Logger()


def transfer_requested(call: OperatedCall, leg: Leg, referral: Referral) -> None:
    """Ask the features whether C{leg} may transfer, and do what they say."""
    call.story.note("{} asks for a transfer to {}", leg.party, referral.refer_to.uri_text)
    call.calls.when(
        call.features.ask_transfer(call, leg, referral),
        lambda verdict: _decided(call, leg, referral, verdict),
        lambda: referral.refuse(500),
    )


def _decided(call: OperatedCall, leg: Leg, referral: Referral, verdict: TransferVerdict | None) -> None:
    """Carry out the verdict; without one a REFER is declined."""
    bridge = call.bridge
    if isinstance(verdict, Refuse):
        referral.refuse(verdict.code, verdict.reason)
    elif referral.method != "INVITE":
        referral.refuse(501)  # it was meant for a conference, which the leg has left
    elif verdict is not None and bridge is None and call.is_busy(leg):
        referral.refuse(491)  # one that came before it is at work, and who asks may try again
    elif verdict is None or bridge is None or leg not in (bridge.a, bridge.b) or leg.ended:
        referral.refuse(603)
    elif isinstance(verdict, Relay) and not only_we_can(call, referral):
        relay(bridge, leg, referral)
    else:
        how = verdict if isinstance(verdict, Transfer) else Transfer()
        work = Deferred.fromCoroutine(_Transferring(call, bridge, leg, referral, how).run())
        work.addErrback(lambda failure: _broken(call, failure))


def _broken(call: OperatedCall, failure: Failure) -> None:
    """A bug of ours costs this call, and no other one."""
    _log.failure("a transfer of {call} broke", failure, call=call.id)
    call.calls.run(call.abandon)


class _Transferring:
    """One transfer, from the REFER to its end."""

    def __init__(
        self, call: OperatedCall, bridge: Bridge, transferor: Leg, referral: Referral, how: Transfer
    ) -> None:
        self.call = call
        self.bridge = bridge
        self.transferor = transferor
        self.survivor = bridge.other(transferor)
        self.referral = referral
        self.how = how
        self.search: Search | None = None
        self.waiter: LegWaiter
        self.let_go = False
        """Does the transferor believe that it is done?"""

    async def run(self) -> None:
        """Answer the REFER, find the target and join it with the survivor."""
        call = self.call
        call.hold_open()
        try:
            named = self._named()
            if named is not None and named.party.key != self.transferor.party.key:
                self.referral.refuse(403)
                return
            self.referral.accept(self.how.accepted)
            self.bridge.release()
            await self.bridge.idle()
            self.waiter = LegWaiter(call, self.survivor, self.transferor)
            self.waiter.left = self._left
            if self.survivor.ended:
                outcome: Outcome | None = Outcome("refused", 487, "Request Terminated")
            elif self.referral.replaces is None or (named is None and self._was_consulting()):
                outcome = await self._blind()
            elif named is None:
                outcome = Outcome("not_found", 481, "Call/Transaction Does Not Exist")
            else:
                outcome = await self._attended(named)
            call.features.tell_call_transferred(call, self.transferor, outcome)
            await self._finish(outcome)
        finally:
            call.let_close()

    # ---- who is meant ---------------------------------------------------

    def _named(self) -> Leg | None:
        """The leg that Replaces names, in either orientation of the tags."""
        replaces = self.referral.replaces
        if replaces is None:
            return None
        leg = self.call.calls.dialogs.find_replaced(replaces.call_id, replaces.to_tag, replaces.from_tag)
        return leg if leg is not None and not leg.ended and leg.call is not None else None

    def _was_consulting(self) -> bool:
        """Did Replaces name a dialog that has just ended: a consultation given up too early?"""
        replaces = self.referral.replaces
        return replaces is not None and self.call.calls.dialogs.has_ended(
            replaces.call_id, replaces.to_tag, replaces.from_tag
        )

    def _left(self, leg: Leg) -> None:
        """Without the survivor there is nobody to transfer; without the transferor we go on."""
        if leg is self.survivor and self.search is not None:
            self.search.cancel()

    # ---- the two kinds --------------------------------------------------

    async def _blind(self) -> Outcome | None:
        """Dial the target with the transferor's permission (RFC 5589 section 6)."""
        uri = self.referral.refer_to.uri
        return await self._dial(str(uri.bare()) if uri.headers else self.referral.refer_to.uri_text)

    async def _dial(self, target: str) -> Outcome | None:
        """Ring a target for the survivor."""
        search = self._new_search()
        path = Path(diversions=self.call.path.diversions, private=self.call.path.private)
        party = self.survivor.party
        if party.internal and self.call.calls.directory.extension(target) == party.name:
            return LOOPED
        self._entertain()
        self._let_go()
        found = await search.seek(Dialling(target, path, self.transferor.party, self.how.ring_seconds))
        return await self._join(found)

    def _entertain(self) -> None:
        """Let the survivor hear music or ringing meanwhile, if there is any; nothing waits for its answer."""
        if entertain(self.call, self.survivor, self.waiter.change):
            self.waiter.disturbed = True

    def _let_go(self) -> None:
        """Send a transferor home that is not to wait for the end."""
        if self.how.at_once:
            self.let_go = True
            self.referral.notify(200)
            self.call.calls.later(TRANSFEROR_SECONDS, self.call.hang_up, self.transferor)

    def _new_search(self) -> Search:
        """A search in the name of the survivor, who is to be connected."""
        survivor = self.survivor
        offer = None if survivor.described is None else resumed(survivor.described)
        referral = self.referral
        template = InviteTemplate(
            survivor, offer, referral.passed_on(self.transferor), referral.max_forwards - 1
        )
        self.search = Search(self.call, template)
        if self.how.progress:
            self.search.on_progress = self.referral.notify
        return self.search

    async def _attended(self, named: Leg) -> Outcome | None:
        """Join the survivor with whom the transferor consulted (RFC 5589 section 7)."""
        consultation: OperatedCall | None = named.call
        if consultation is None or consultation is self.call:
            return Outcome("not_found", 481)
        bridge = consultation.bridge
        if bridge is not None and named in (bridge.a, bridge.b):
            return await self._join_consulted(named, consultation, bridge)
        if consultation.setup is not None and consultation.setup.caller is named:
            return await self._semi_attended(named, consultation)
        listener = consultation.listener(named)
        if isinstance(listener, Conversation) and listener.conference:
            return await self._join_conference(named, consultation, listener.conference)
        # RFC 3891 section 3: an early dialog that its UA did not begin cannot be replaced.
        return Outcome("not_found", 481, "Call/Transaction Does Not Exist")

    async def _join_consulted(self, named: Leg, consultation: OperatedCall, bridge: Bridge) -> Outcome | None:
        """The consulted party has answered: it and the survivor are joined."""
        consultation.hold_open()
        try:
            bridge.release()
            await bridge.idle()
            target = bridge.other(named)
            if named.ended or target.ended:
                consultation.end()
                return Outcome("not_found", 481)
            self.call.take(target)
            consultation.listen(named, StandIn(consultation))
            outcome = await self._join_established(target)
            if outcome is None:
                consultation.hang_up(named, "replaced")
            elif not target.ended and target in self.call.legs:
                await self._give_back(named, consultation, target)
            else:
                consultation.end()  # whom it consulted is gone
            return outcome
        finally:
            consultation.let_close()

    async def _give_back(self, named: Leg, consultation: OperatedCall, target: Leg) -> None:
        """The two could not be joined: transferor and consulted party go on talking."""
        if named.ended:
            self.call.hang_up(target)
            return
        consultation.take(target)
        try:
            await join(consultation, named, target)
        except (Gone, NotJoined):
            consultation.end()

    async def _join_conference(self, named: Leg, consultation: OperatedCall, room: str) -> Outcome | None:
        """The transferor is in a conference of ours: the survivor comes there, and it leaves."""
        outcome = await self._dial(room)
        if outcome is None:
            consultation.calls.later(TRANSFEROR_SECONDS, consultation.hang_up, named, "replaced")
        return outcome

    async def _semi_attended(self, named: Leg, consultation: OperatedCall) -> Outcome | None:
        """The consulted party still rings: it goes on ringing, now for the survivor."""
        assert consultation.setup is not None
        attempt = consultation.setup.release()
        consultation.listen(named, StandIn(consultation))
        consultation.record.refused(487, "Request Terminated")
        search = self._new_search()
        before = attempt.every_leg()
        attempt.move(self.call, search.template)
        self._entertain()
        self._let_go()
        if attempt.rang:
            search.on_progress(180)
        found = await search.adopt(attempt, ring_seconds=self.how.ring_seconds)
        if isinstance(found, Reached) and found.leg in before:
            # It answered what the transferor's phone had offered.
            outcome = await self._join_established(found.leg)
            if outcome is not None:
                self.call.hang_up(found.leg)
        else:
            outcome = await self._join(found)
        consultation.refuse(named, 487)
        return outcome

    # ---- joining --------------------------------------------------------

    async def _join(self, found: Reached | Instead | Outcome) -> Outcome | None:
        """Connect the survivor with a target that answered an offer in its name, or obey a feature."""
        try:
            met = await meet(self.call, self.survivor, found)
        except (Gone, NotJoined) as problem:
            return self._not_joined(found.leg if isinstance(found, Reached) else None, problem)
        if not isinstance(met, Outcome):
            return None
        if isinstance(found, Instead):
            self.waiter.disturbed = True  # whom it was to take could not be had: its media may be elsewhere
        return met

    async def _join_established(self, target: Leg) -> Outcome | None:
        """Connect the survivor with a target that has a session with somebody else."""
        try:
            await join(self.call, self.survivor, target)
        except (Gone, NotJoined) as problem:
            return self._not_joined(None, problem)
        return None

    def _not_joined(self, found: Leg | None, problem: Gone | NotJoined) -> Outcome:
        """Say why; a target that nobody else talks to is let go."""
        # Who refuses a change has its session as before (RFC 3261 section 14.1).
        if isinstance(problem, Gone) or problem.leg is not self.survivor:
            self.waiter.disturbed = True
        if found is not None:
            self.call.hang_up(found)
        if isinstance(problem, NotJoined):
            return Outcome("refused", problem.code, problem.reason)
        if problem.leg is self.survivor:
            return Outcome("refused", 487, "Request Terminated")
        return Outcome("unreachable", 480, "Temporarily Unavailable")

    # ---- the end --------------------------------------------------------

    async def _finish(self, outcome: Outcome | None) -> None:
        """Tell the transferor, and see that nobody is left alone."""
        call, transferor = self.call, self.transferor
        if outcome is None:
            self.referral.notify(200)
            if not transferor.ended:
                call.listen(transferor, StandIn(call))
                call.calls.later(TRANSFEROR_SECONDS, call.hang_up, transferor)
            return
        self.referral.notify(outcome.code, outcome.reason)
        if self.survivor.ended:
            call.hang_up(transferor)
        elif transferor.ended or self.let_go:
            call.hang_up(transferor)
            await self._recall()
        else:
            await self._restore()

    async def _restore(self) -> None:
        """Survivor and transferor talk again, as before."""
        bridge = self.bridge
        try:
            if self.waiter.disturbed:
                bridge = await join(self.call, self.survivor, self.transferor)
                bridge.see_who_holds(self.waiter.changed)
            else:
                bridge.begin()
            unaware = _Unaware(self, bridge)
            self.call.listen(self.transferor, unaware)
            unaware.look(self.transferor)
        except Gone as gone:
            if gone.leg is self.survivor:
                self.call.hang_up(self.transferor)
            else:
                await self._recall()
        except NotJoined:
            self.call.end()

    async def recall(self) -> None:
        """The transferor has left the old call, believing in the transfer."""
        self.call.hold_open()
        try:
            await self._recall()
        finally:
            self.call.let_close()

    async def _recall(self) -> None:
        """The transferor has left: bring the survivor back to it, or to where the setting says."""
        party = self.transferor.party
        targets = [party.name] if self.how.recall and party.internal else []
        targets += [self.how.otherwise] if self.how.otherwise else []
        for target in targets:
            if self.survivor.ended:
                return
            self.waiter = LegWaiter(self.call, self.survivor)
            self.waiter.left = self._left
            search = self._new_search()
            search.on_progress = lambda code: None
            search.template.display = f"Recall: {self.survivor.party.display or self.survivor.party.name}"
            self.call.story.note("recall to {}", target)
            found = await search.seek(Dialling(target, Path(), party, self.how.recall_seconds))
            if await self._join(found) is None:
                return
        self.call.hang_up(self.survivor)


class _Unaware:
    """
    Listens to a transferor whose transfer has failed, and who may not know it yet.

    A phone that hangs up as soon as its REFER is accepted does not mean to end
    the call: its BYE crosses the NOTIFY that tells of the failure.
    """

    def __init__(self, work: _Transferring, bridge: Bridge) -> None:
        """Let all else pass to the bridge."""
        self._work = work
        self._bridge = bridge
        self._until = work.call.calls.now() + TRANSFEROR_SECONDS

    def hear(self, leg: Leg, word: Word) -> None:
        """Take a BYE that was sent in good faith, or a silent loss, for the transferor's end only."""
        bridge, work = self._bridge, self._work
        if not isinstance(word, HungUp) or self._knows():
            bridge.hear(leg, word)
            return
        bridge.part(leg)
        recall = Deferred.fromCoroutine(work.recall())
        recall.addErrback(lambda failure: _broken(work.call, failure))

    def look(self, leg: Leg) -> None:
        """Leave the transferor to the bridge when it knows: nothing is at work on it any more."""
        call = self._work.call
        if call.over or call.listener(leg) is not self:
            return
        if self._knows():
            call.listen(leg, self._bridge)
        else:
            call.calls.later(TRANSFEROR_SECONDS, self.look, leg)

    def _knows(self) -> bool:
        """Has it heard of the failure, or had the time to see that nobody tells it?"""
        referral = self._work.referral
        if referral.wants_notify:
            return referral.ended
        return self._work.call.calls.now() >= self._until
