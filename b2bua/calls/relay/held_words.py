"""
Words of the call that wait before a leg, since a relay has yet to say what becomes of a session.

They are said in the order in which they came.  The end of the leg waits for
nothing; and a change of the peer's goes before one of ours that waits, as in
L{b2bua.legs.change_queue}.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from b2bua.legs.words import Answered, Changed, Confirmed, HungUp, Moved, Progress, Refused, Ringing, Word

if TYPE_CHECKING:
    from b2bua.legs.leg import Leg


@dataclass(eq=False, slots=True)
class Held:
    """One word; None stands for the first INVITE."""

    word: Word | None
    ready: bool = False


class HeldWords:
    """What waits before one leg: C{leg.held}, as long as something does."""

    def __init__(self, leg: Leg) -> None:
        """Begin with nothing."""
        self._leg = leg
        self._words: deque[Held] = deque()

    @classmethod
    def before(cls, leg: Leg) -> HeldWords:
        """Those of a leg, where there may be none yet."""
        return leg.held if isinstance(leg.held, HeldWords) else cls(leg)

    def hold(self, word: Word | None) -> Held:
        """Let a word wait, and what comes behind it."""
        held = Held(word)
        self._words.append(held)
        self._leg.held = self
        return held

    def go_on(self, held: Held, session: bytes | None = None) -> None:
        """What a word has waited for is there: C{session}, or nothing that changes it."""
        if held not in self._words:
            return  # the leg is over, or its peer had a change of its own
        word, invited = held.word, self._leg.our_invite
        if session is not None:
            if isinstance(word, (Ringing, Progress, Answered, Changed, Confirmed)):
                held.word = replace(word, session=session)
            elif invited is not None:
                invited.invitation = invited.invitation._replace(session=session)
        held.ready = True
        self._flush()

    def give_up(self, held: Held) -> bool:
        """
        A word cannot be said.

        @return: did it wait still?
        """
        if held not in self._words:
            return False
        self._words.remove(held)
        self._flush()
        return True

    def _flush(self) -> None:
        """Say what need not wait any more."""
        leg = self._leg
        while self._words and self._words[0].ready and not leg.ended:
            word = self._words.popleft().word
            leg.held = None  # else it would take the word for a new one
            if word is not None:
                leg.say(word)
            elif leg.our_invite is not None:
                leg.our_invite.start()
        if leg.ended:
            self._words.clear()
        leg.held = self if self._words else None

    # ---- for the leg ----------------------------------------------------

    @property
    def asking(self) -> bool:
        """Is there a change of the call among them, for which an answer will be heard?"""
        return any(isinstance(held.word, Changed) for held in self._words)

    @property
    def confirming(self) -> bool:
        """Is there the answer to an offer among them that came in a response?"""
        return any(isinstance(held.word, Confirmed) for held in self._words)

    def said(self, word: Word) -> bool:
        """Take a word of the call behind those that wait; the last one of a leg goes before them."""
        if isinstance(word, (HungUp, Moved)) or (
            isinstance(word, Refused) and not word.early and not self._leg.answered
        ):
            self._words.clear()
            self._leg.held = None
            return False
        self._words.append(Held(word, ready=True))
        return True

    def heard(self, word: Word) -> tuple[Word, ...]:
        """Take a word of the peer: its change comes before those that wait, each of which has its answer."""
        if self._leg.ended:
            self._words.clear()
            self._leg.held = None
        elif isinstance(word, Changed) and not word.identity_only and self.asking:
            before = len(self._words)
            self._words = deque(held for held in self._words if not isinstance(held.word, Changed))
            put_off = before - len(self._words)
            self._flush()
            return (*[Refused(491, "", (), local=True)] * put_off, word)
        return (word,)
