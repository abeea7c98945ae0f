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
from b2bua.calls.operations.leg_waiter import Gone
from b2bua.calls.stand_in import StandIn
from b2bua.calls.verdicts import Talk
from b2bua.legs.words import Answered, Changed, Confirmed, HungUp, Moved, Refused, Word
from b2bua.media.endpoint import Happened
from b2bua.media.ports import IVoice, NoVoice

if TYPE_CHECKING:
    from b2bua.calls.operations.protocol import OperatedCall
    from b2bua.clock import ITimer
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party


class Conversation(StandIn):
    """Listens to a leg, and has a voice for it."""

    log = Logger()

    def __init__(self, call: OperatedCall, leg: Leg, talk: Talk) -> None:
        """Prepare; L{begin} answers the party."""
        super().__init__(call)
        self._call: OperatedCall = call
        self._leg = leg
        self._talk = talk
        self._voice: IVoice | None = None
        self._waits: Deferred[str] | None = None
        """What the script waits for: the end of what is played, a key, a recording."""
        self._for = ""
        self._keys = ""
        """Keys that were pressed before anybody asked."""
        self._timer: ITimer | None = None
        self._offered = False
        """Does an offer of ours wait for its answer?"""
        self._over = False

    # ---- what a script can do ----------------------------------------------

    @property
    def party(self) -> Party:
        """Who talks to us."""
        return self._leg.party

    async def play(self, *paths: str, until: str = "") -> str:
        """
        Play WAV files, one after the other.

        @param until: the keys that end it early.
        @return: the key that did; empty if all was played.
        @raise NoVoice: if a file cannot be played.
        @raise Gone: if the party has left.
        """
        for path in paths:
            if self._keys and self._keys[0] in until:
                break
            await self._of(lambda voice, path=path: voice.play(path))
            key = await self._wait("played" + until)
            if key:
                return key
        return self._take(until) if until else ""

    async def key(self, seconds: float, among: str = "0123456789*#") -> str:
        """
        Wait for a key.

        @return: the key; empty if none came in time.
        """
        return self._take(among) or await self._wait(among, seconds)

    async def keys(self, most: int, seconds: float, end: str = "#") -> str:
        """
        Wait for several keys, each for so long at the most.

        @param end: the key that ends them, which is not given.
        """
        found = ""
        while len(found) < most:
            key = await self.key(seconds)
            if not key or key in end:
                break
            found += key
        return found

    async def record(self, path: str, seconds: float, *, silence: float = 0.0, keys: str = "#") -> str:
        """
        Record to a WAV file, which is there when this is done.

        @param seconds: how long at the most.
        @param silence: seconds of silence that end it; 0 for none.
        @return: what ended it: C{key}, C{silence}, C{full}, C{failed: ...}.
        """
        voice = self._need()
        self._keys = ""
        voice.record(path, seconds, silence, keys)
        return await self._wait("recorded")

    # ---- from its beginning to its end -----------------------------------------

    def begin(self, offer: bytes | None) -> None:
        """
        Talk to the party as soon as there is a voice for it.

        @param offer: that of a caller who is to be answered; None where the
            party has none, or talks already and is offered our session.
        """
        calls, leg = self._call.calls, self._leg
        self._call.listen(leg, self)
        voices, flow = calls.voices, leg.flow
        if voices is None or flow is None:
            self._fail("the table [media] is off")
            return
        opened = voices.open(flow.local[0], self._happened, offer)
        opened.addCallbacks(
            lambda voice: calls.run(self._opened, voice, offer is not None),
            lambda failure: calls.run(self._fail, failure.getErrorMessage()),
        )

    def _opened(self, voice: IVoice, agreed: bool) -> None:
        """There is a voice: answer the party, or ask it to talk to us."""
        if self._over:
            voice.close()
            return
        self._voice, self._offered = voice, not agreed
        if self._leg.answered:
            self._leg.say(Changed(voice.session))
            return
        self._call.was_taken(None)
        self._leg.say(Answered(voice.session))
        if agreed:
            self._start()

    def _start(self) -> None:
        """Media flow: let the script go."""
        self._offered = False
        done = Deferred.fromCoroutine(self._talk.script(self))
        done.addCallbacks(lambda _: self._call.calls.run(self._done), self._broke)

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
        self._call.calls.run(self._done)

    def _done(self) -> None:
        """The script is done: hang up."""
        if not self._over:
            self._stop()
            self._call.hang_up(self._leg)

    def _stop(self) -> None:
        """Let the voice go."""
        self._over = True
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._voice is not None:
            self._voice.close()
            self._voice = None

    # ---- waiting ------------------------------------------------------------------

    def _need(self) -> IVoice:
        """The voice, while the party is there."""
        if self._voice is None:
            raise Gone(self._leg)
        return self._voice

    async def _of(self, ask: Any) -> Any:
        """Ask the voice something."""
        return await ask(self._need())

    def _wait(self, what: str, seconds: float | None = None) -> Deferred[str]:
        """
        Wait for a key, or for C{played} or C{recorded}.

        @param what: the keys that count, behind C{played} or C{recorded} if that counts.
        """
        self._need()
        self._for, self._waits = what, Deferred()
        if seconds is not None:
            self._timer = self._call.calls.later(seconds, self._answer, "")
        return self._waits

    def _take(self, among: str) -> str:
        """A key that was pressed before; those that nobody wants are forgotten."""
        while self._keys:
            key, self._keys = self._keys[0], self._keys[1:]
            if key in among:
                return key
        return ""

    def _answer(self, value: str) -> None:
        """Let the script go on."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        waits, self._waits = self._waits, None
        if waits is not None:
            waits.callback(value)

    def _happened(self, happened: Happened) -> None:
        """The voice has heard something."""
        self._call.calls.run(self._took, happened)

    def _took(self, happened: Happened) -> None:
        """Take what the voice has heard."""
        wanted = self._for if self._waits is not None else ""
        match happened.what:
            case "nobody":
                self._lost("lost")
            case "digit" if wanted.startswith("recorded") or happened.detail not in wanted:
                self._keys += happened.detail
            case "digit":
                self._answer(happened.detail)
            case "played" if wanted.startswith("played"):
                self._answer("")
            case "recorded" if wanted.startswith("recorded"):
                self._answer(happened.detail)

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
                self._start()
            case Refused() if self._offered:
                self._fail("the party does not want to talk to us")
            case Changed(session=bytes() as offer, identity_only=False) if voice is not None:
                answered = voice.answer(offer)
                answered.addCallbacks(
                    lambda session: self._call.calls.run(self._say, Answered(session)),
                    lambda failure: self._no_voice_for(failure, offer),
                )
            case _:
                super().hear(leg, word)

    def _no_voice_for(self, failure: Any, offer: bytes) -> None:
        """A new session that no voice is for is answered in silence, as a hold is."""
        failure.trap(NoVoice)
        self._call.calls.run(self._say, Answered(silent_answer(offer, self._leg.local_session)))

    def _say(self, word: Word) -> None:
        """Tell the party, if it is still there."""
        if not self._over:
            self._leg.say(word)

    def _lost(self, why: str) -> None:
        """The party has left, or is not heard any more."""
        if self._over:
            return
        self._stop()
        if why:
            self._call.hang_up(self._leg, why)
        waits, self._waits = self._waits, None
        if waits is not None:
            waits.errback(Gone(self._leg))
