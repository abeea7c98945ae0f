"""
A party that talks to us: it hears what a feature plays, and presses keys.

A feature answers with L{Talk} and a coroutine, which gets a L{Conversation} and
reads like what it does::

    async def script(talk: Conversation) -> None:
        await talk.play("closed.wav")

When the coroutine is done the call ends; when the party hangs up, whatever the
coroutine waits for fails with L{Gone}.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from b2bua.calls.media import silent_answer
from b2bua.calls.operations.leg_waiter import REPEATS_MAX, Gone
from b2bua.calls.operations.speech import VOICE, Speech
from b2bua.calls.routing.permission import SERVER
from b2bua.calls.stand_in import StandIn
from b2bua.calls.verdicts import Refuse, Talk
from b2bua.legs.words import (
    Answered,
    Changed,
    Confirmed,
    Fields,
    HungUp,
    Moved,
    Referred,
    Refused,
    Withdrawn,
    Word,
)
from b2bua.media.ports import IVoice, NoVoice, VoiceLost

if TYPE_CHECKING:
    from collections.abc import Callable

    from b2bua.calls.operations.protocol import OperatedCall
    from b2bua.calls.verdicts import Outcome
    from b2bua.legs.leg import Leg
    from b2bua.legs.words import Referral
    from b2bua.media.ports import Happened


class Conversation(StandIn, Speech):
    """Listens to a leg, and has a voice for it."""

    log = Logger()

    waits_for = ""

    def __init__(self, call: OperatedCall, leg: Leg, talk: Talk) -> None:
        """Prepare; L{begin} answers the party."""
        StandIn.__init__(self, call)
        Speech.__init__(self, call.calls, leg)
        self._call: OperatedCall = call
        self._talk = talk
        self._offered = False
        """Does an offer of ours wait for its answer?"""
        self._over = False
        self._began = False
        """Has the script begun?"""
        self._resumes = False
        """Does another voice go on, since the first one was lost in the middle, say?"""
        self._repeats = REPEATS_MAX
        self._muted: bool | None = None
        """Is the party not heard in the room? None while it is in none."""
        self._searching = False
        """Does it ring somewhere for the party?"""

    @property
    def conference(self) -> str:
        """The user of the URI of the conference whose focus we are for the party; empty if it is in none."""
        return "" if self._talk.focus is None else self._talk.room

    async def dial(
        self, target: str, *, hears: str = "", ring_seconds: float | None = None, granted: bool = False
    ) -> Outcome:
        """
        Ring a target for the party; when it answers the two talk, and the conversation is over (L{Gone}).

        @param hears: a WAV file that the party hears again and again meanwhile.
        @param granted: may it be dialled whoever calls, since the configuration names it?
        @return: how it failed; the conversation goes on.
        @raise Gone: the party talks to somebody, waits elsewhere, or has left.
        """
        await self._there()
        if hears:
            await self._begin(hears, True)
        self._searching = True
        try:
            return await self._call.ring_from(
                self, self._leg, target, SERVER if granted else self.party, ring_seconds
            )
        finally:
            self._searching = False

    def enter(self, *, muted: bool = False) -> None:
        """
        Hear the others who have entered the room that L{Talk} names, and be heard by them unless C{muted}.

        It goes on while the script plays and waits for keys, until L{leave}; to enter again changes C{muted}.

        @raise Gone: the party has left.
        """
        if self._voice is not None:
            self._voice.join(muted=muted)
        elif not self._next_comes:
            raise Gone(self._leg)
        self._muted = muted  # the next voice is joined when the party hears it

    def leave(self) -> None:
        """Hear the others no more."""
        self._muted = None
        if self._voice is not None:
            self._voice.leave()

    async def announce(self, path: str) -> None:
        """
        Play a WAV file to all in the room.

        @raise NoVoice: if it cannot be played.
        @raise Gone: the party has left.
        """
        await (await self._there()).announce(path)

    def wake(self) -> None:
        """Let the script go on that waits for keys, as if its time were over."""
        if self._waits is not None and self._for != "recorded":
            self._answer("")

    def over(self) -> None:
        """Somebody else talks to the party from now on."""
        self._leg.channel.show_focus("")
        self._stop()

    def taken(self) -> None:
        """An operation takes the party: nobody talks to it here any more, and the script hears so."""
        self._leg.channel.show_focus("")
        self._lost("")

    # ---- from its beginning to its end -----------------------------------------

    def begin(self, offer: bytes | None) -> None:
        """
        Talk to the party as soon as there is a voice for it.

        @param offer: that of a caller who is to be answered; None where the
            party has none, or talks already and is offered our session.
        """
        calls, leg = self._call.calls, self._leg
        self._call.listen(leg, self)
        if self._talk.focus is not None:
            leg.channel.show_focus(self._talk.room)
        voices, flow = calls.voices, leg.flow
        if voices is None or flow is None:
            self._fail("the table [media] is off")
            return
        opened = voices.open(flow.local[0], self._happened, offer, flow.remote[0], self._talk.room)
        opened.addCallbacks(
            lambda voice: calls.run_in(self._call, self._opened, voice, offer is not None),
            lambda failure: calls.run_in(self._call, self._no_voice, failure),
        )

    def _opened(self, voice: IVoice, agreed: bool) -> None:
        """There is a voice: answer the party, or ask it to talk to us."""
        if self._over or self._voice is not None:
            voice.close()
            return
        self._voice, self._offered = voice, not agreed
        if self._leg.answered:
            self._leg.say(Changed(voice.session, self._answer_fields()))
            return
        self._call.was_taken(None)
        self._leg.say(Answered(voice.session, self._answer_fields()))
        self._call.changed()
        if agreed:
            self._hears()

    def _answer_fields(self) -> Fields:
        """What the party is told besides: that a conference can be watched (RFC 4579 section 3.4)."""
        return () if self._talk.focus is None else (("Allow-Events", "conference, refer"),)

    def _start(self) -> None:
        """Media flow: let the script go."""
        self._call.story.note("the server talks to {}", self.party)
        self._began, self._offered = True, False
        done = Deferred.fromCoroutine(self._talk.script(self))
        done.addCallbacks(lambda _: self._call.calls.run_in(self._call, self._done), self._broke)

    def _no_voice(self, failure: Any) -> None:
        """The engine has no voice, or we have a fault."""
        if failure.check(NoVoice) is None:
            self.log.failure("a voice for {party} broke", failure, party=str(self.party))
        self._fail(failure.getErrorMessage())

    def _fail(self, why: str) -> None:
        """Turn the party away: there is no voice for it."""
        self._call.story.note("no voice: {}", why)
        if self._over:
            return
        self._stop()
        if self._leg.answered:
            self._call.hang_up(self._leg)
        else:
            self._call.record.refused(480, why)
            self._call.refuse(self._leg, 480, "No voice")

    def _broke(self, failure: Any) -> None:
        """The script has ended otherwise than by its end."""
        if failure.check(Gone) is None:
            self.log.failure("a conversation with {party} broke", failure, party=str(self.party))
            self._call.story.note("the conversation broke: {}", failure.getErrorMessage())
        self._call.calls.run_in(self._call, self._done)

    def now(self) -> float:
        """The clock that nobody sets."""
        return self._calls.now()

    def _done(self) -> None:
        """The script is done: hang up, unless somebody else has taken the party."""
        if not self._over:
            self._stop()
            if self._call.listener(self._leg) is self:
                self._call.hang_up(self._leg)

    def _stop(self) -> None:
        """Let the voice go, and a script that wants something of it hear so."""
        self._over = True
        self._silence()
        self._part()

    def _unheard(self, why: str) -> None:
        """Nobody is heard: there is nobody to talk to."""
        if self._over:  # what was being recorded when the party left is lost with the worker
            self._silence()
            self._part()
            return
        if why == "worker" and self._leg.answered:
            self._again()
            return
        self._end_for("the voice is gone" if why == "worker" else "no media")

    def _end_for(self, said: str) -> None:
        """End the conversation for a reason that the record has."""
        self._call.story.note("{}: {}", self._leg.party, said)
        self._call.record.ended_by_us(said)
        self._lost("lost")

    def _again(self) -> None:
        """The worker is gone: go on with another one, and with what follows."""
        calls, leg = self._call.calls, self._leg
        self._voice, self._resumes = None, self._began
        if calls.voices is None or leg.flow is None:
            self._end_for("the voice is gone")
            return
        opened = calls.voices.open(
            leg.flow.local[0], self._happened, None, leg.flow.remote[0], self._talk.room
        )
        opened.addCallbacks(
            lambda voice: calls.run_in(self._call, self._opened, voice, False),
            lambda _: calls.run_in(self._call, self._end_for, "the voice is gone"),
        )

    @property
    def _next_comes(self) -> bool:
        """Is another voice to go on, which the party does not hear yet?"""
        return self._resumes and not self._over

    def _hears(self) -> None:
        """The party hears a voice: the script begins, or goes on with it."""
        (self._go_on if self._resumes else self._start)()

    def _go_on(self) -> None:
        """
        The party hears the new voice: what it was to hear, or said, is over; it is in its room again.

        What is played again and again begins anew.
        """
        if self._voice is not None and self._muted is not None:
            self._voice.join(muted=self._muted)
        if self._voice is not None and self._repeated:
            self._voice.play(self._repeated, True).addErrback(self._not_repeated)
        self._offered = self._resumes = False
        if self._waits is not None and self._for.startswith(("played", "recorded", VOICE)):
            self._answer("failed: the voice was lost" if self._for == "recorded" else "")

    def _not_repeated(self, failure: Any) -> None:
        """It cannot be played any more: the party waits in silence, unless another worker plays it yet."""
        if failure.check(VoiceLost) is not None:
            return
        if failure.check(NoVoice) is None:
            self.log.failure("what {party} hears broke", failure, party=str(self.party))
        self._call.story.note("{} hears nothing: {}", self.party, failure.getErrorMessage())

    def go_over(self, leg: Leg, offer: bytes | None) -> None:
        """Go on with another phone of the party, which calls to take this one's place (RFC 4579 5.9)."""
        call, voices, flow = self._call, self._call.calls.voices, leg.flow
        if voices is None or flow is None:
            call.refuse(leg, 480, "No voice")
            return
        opened = voices.open(flow.local[0], self._happened, offer, flow.remote[0], self._talk.room)
        opened.addCallbacks(
            lambda voice: call.calls.run_in(call, self._went_over, leg, voice, offer is not None),
            lambda _: call.calls.run_in(call, call.refuse, leg, 480, "No voice"),
        )

    def _went_over(self, leg: Leg, voice: IVoice, agreed: bool) -> None:
        """There is a voice for the other phone: the script goes on with it, and the first one is hung up."""
        call, former = self._call, self._leg
        if self._over or leg.ended:
            voice.close()
            call.refuse(leg, 603)  # the party has left meanwhile (RFC 3891 section 3)
            return
        if self._voice is not None:
            self._voice.close()
        self._leg, self._voice = leg, voice
        self._offered, self._resumes = not agreed, self._began
        if call.caller is former:
            call.caller = leg
        call.listen(former, StandIn(call))
        call.listen(leg, self)
        leg.channel.show_focus(self._talk.room)
        leg.say(Answered(voice.session, self._answer_fields()))
        call.leg_was_answered(leg)
        call.hang_up(former, "replaced")
        call.changed()
        if agreed:
            self._hears()
        self.wake()  # it may show who is there

    # ---- what the party says --------------------------------------------------------

    def hear(self, leg: Leg, word: Word) -> None:
        """Take a word of the party."""
        voice = self._voice
        match word:
            case HungUp() | Moved():
                self._lost("")
            case Refused() if leg.ended:
                self._lost("")
            case Answered(session=bytes() as session) | Confirmed(session=bytes() as session) if (
                self._offered and voice is not None
            ):
                voice.accepted(session)
                self._hears()
            case Refused(code=491, local=True) if self._offered and voice is not None and self._repeats:
                self._repeats -= 1  # the party had a change of its own, which has been answered
                leg.say(Changed(voice.session))
            case Refused() if self._offered:
                self._fail("the party does not want to talk to us")
            case Changed(session=bytes() as offer, identity_only=False) if voice is not None:
                answered = voice.answer(offer)
                answered.addCallbacks(
                    lambda session: self._call.calls.run_in(self._call, self._say, Answered(session)),
                    lambda failure: self._no_voice_for(failure, offer),
                )
            case Withdrawn() if voice is not None and leg.remote_session is not None:
                # The voice goes back to where the party was (section 14.1).
                voice.answer(leg.remote_session).addErrback(lambda failure: failure.trap(NoVoice))
                super().hear(leg, word)
            case Referred(_, referral) if self._talk.focus is not None:
                asked = Deferred.fromCoroutine(self._asked(self._talk.focus, referral))
                asked.addErrback(self._could_not, referral)
            case _:
                super().hear(leg, word)

    async def _asked(self, focus: Callable[..., Any], referral: Referral) -> None:
        """Put to the feature what the party wants of the conference, and tell how it goes (RFC 3515)."""
        answer = focus(self, referral)
        if isinstance(answer, Refuse):
            referral.refuse(answer.code, answer.reason)
            return
        referral.accept()
        failed: Outcome | None = await answer
        code, reason = (200, "") if failed is None else (failed.code, failed.reason)
        self._call.calls.run(referral.notify, code, reason)

    def _could_not(self, failure: Any, referral: Referral) -> None:
        """A fault of the feature: the party hears so, by the answer or by the NOTIFY."""
        self.log.failure("what {party} asks of a conference broke", failure, party=str(self.party))
        referral.refuse(500)
        referral.notify(500)

    def _no_voice_for(self, failure: Any, offer: bytes) -> None:
        """A new session that no voice is for is answered in silence, as a hold is."""
        if failure.check(NoVoice) is None:
            self.log.failure("a new session of {party} broke", failure, party=str(self.party))
        silent = Answered(silent_answer(offer, self._leg.local_session))
        self._call.calls.run_in(self._call, self._say, silent)

    def _say(self, word: Word) -> None:
        """Answer the party, if it is still there; whoever talks to it by now waits for that, too."""
        if not self._leg.ended:
            self._leg.say(word)

    def _lost(self, why: str) -> None:
        """The party has left, or is not heard any more; what is being recorded is brought to its end."""
        if self._over:
            return
        self._over = True
        if why:
            self._call.hang_up(self._leg, why)
        if self._searching and self._call.search is not None:
            self._call.search.cancel()
        recording = self._waits is not None and self._for == "recorded" and not self._resumes
        if self._voice is not None and recording:
            self._voice.end_recording()
        else:  # a voice that takes the place of another one has nothing of what that has recorded
            self._silence()
            self._part()

    def _took(self, happened: Happened) -> None:
        """Take what the voice has heard; the end of a recording may come after the party has left."""
        if self._over and happened.what == "recorded":
            self._silence()
            self._answer(happened.detail)
        else:
            super()._took(happened)
