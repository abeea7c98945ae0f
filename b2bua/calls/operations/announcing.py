"""
A caller is told in words what else is shown to it: why its call is refused, what a feature code has done.

Why a call is refused is said before the answer, in a 183 with a session (RFC
3261 section 21.1.5), so that nobody pays for it; then the refusal follows.  A
caller without an offer, or one whom no voice can talk to, is refused at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.operations.confirming import CONFIRMATION_SECONDS, confirm, show
from b2bua.calls.operations.conversation import Conversation
from b2bua.calls.operations.waiting import shown
from b2bua.calls.verdicts import Announcement, Talk
from b2bua.legs.words import Fields, HungUp, Progress, Word
from b2bua.wire.fields import Reason

if TYPE_CHECKING:
    from b2bua.calls.operations.protocol import OperatedCall
    from b2bua.legs.leg import Leg
    from b2bua.media.ports import IVoice

LONGEST = 150.0
"""Seconds of an announcement before the answer: proxies give up after three minutes (section 16.6)."""


def refuse_in_words(call: OperatedCall, leg: Leg, offer: bytes | None, code: int, reason: str) -> None:
    """Turn a caller away, and say why if a feature has words for it."""
    features = call.features
    said = features.ask_announcement(call, leg, code, reason) if features.announces else None
    if said is None or offer is None or leg.ended:
        call.refuse(leg, code, reason)
    else:
        _Refusal(call, leg, said, code, reason).begin(offer)


def confirm_in_words(call: OperatedCall, leg: Leg, offer: bytes | None, text: str) -> None:
    """Show what a feature code has done, and say it if a feature has words for it."""
    features = call.features
    said = features.ask_announcement(call, leg, 200, text) if features.announces else None
    if said is not None:
        _Confirmation(call, leg, said, offer, text).begin(offer)
    elif leg.answered:
        show(call, leg, text)
    else:
        confirm(call, leg, offer, text)


class _Refusal(Conversation):
    """Says why a call is refused, then refuses it."""

    def __init__(self, call: OperatedCall, leg: Leg, said: Announcement, code: int, reason: str) -> None:
        """Prepare."""
        super().__init__(call, leg, Talk(lambda talk: talk.play(*said.files)))
        self._answers = said.answer
        self._code, self._reason = code, reason

    def _opened(self, voice: IVoice, agreed: bool) -> None:
        """There is a voice: let the caller hear it, without an answer if that will do."""
        if self._answers or self._over:
            super()._opened(voice, agreed)
            return
        self._voice = voice
        self._timer = self._call.calls.later(LONGEST, self._done)
        self._leg.say(Progress(183, "Session Progress", voice.session))
        self._start()

    def _stop_timer(self) -> None:
        """What is played is limited by the timer, which nothing else stops."""

    def _done(self) -> None:
        """All is said."""
        if not self._over:
            self._stop()
            self._refuse()

    def _fail(self, why: str) -> None:
        """There is no voice: it is refused all the same."""
        self._call.story.note("no announcement: {}", why)
        self._done()

    def _refuse(self) -> None:
        """Refuse it, or hang up if it was answered to be talked to."""
        if self._leg.answered:
            self._call.hang_up(self._leg, "bye", (("Reason", str(Reason("SIP", self._code, self._reason))),))
        else:
            self._call.refuse(self._leg, self._code, self._reason)

    def _stop(self) -> None:
        """Let the voice go, and the limit."""
        super()._stop()
        super()._stop_timer()

    def hear(self, leg: Leg, word: Word) -> None:
        """A caller who gives up has heard enough."""
        if isinstance(word, HungUp) and word.why == "cancel":
            self._call.record.refused(487, "Request Terminated")
        super().hear(leg, word)


class _Confirmation(Conversation):
    """Shows and says what a feature code has done, then hangs up."""

    def __init__(
        self, call: OperatedCall, leg: Leg, said: Announcement, offer: bytes | None, text: str
    ) -> None:
        """Prepare."""
        super().__init__(call, leg, Talk(lambda talk: _played(talk, said.files)))
        self._offer, self._text = offer, text

    def _answer_fields(self) -> Fields:
        """Show the text as well."""
        return shown(self._call, self._text)

    def _fail(self, why: str) -> None:
        """There is no voice: it is shown."""
        self._call.story.note("no announcement: {}", why)
        if self._over:
            return
        self._stop()
        if self._leg.answered:
            show(self._call, self._leg, self._text)
        else:
            confirm(self._call, self._leg, self._offer, self._text)


async def _played(talk: Conversation, files: tuple[str, ...]) -> None:
    """Play, and leave the phone the time to be read."""
    began = talk.now()
    await talk.play(*files)
    left = CONFIRMATION_SECONDS - (talk.now() - began)
    if left > 0:
        await talk.key(left, "")
