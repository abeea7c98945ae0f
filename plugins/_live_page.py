"""A page while it is being spoken: one party speaks, and members hear it as they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls import Gone
from b2bua_plugins._sounds import sound

if TYPE_CHECKING:
    from b2bua.calls import Conversation, Origination, Outcome

TONE = sound("en", "tone")
REST_SECONDS = 1.0
"""So long the speaker waits for the others once the first one hears."""


class LivePage:
    """Who speaks, and who hears."""

    def __init__(self, speaker: Conversation, seconds: float, ring_seconds: float) -> None:
        """Nobody hears yet."""
        self._speaker, self._seconds, self._ring_seconds = speaker, seconds, ring_seconds
        self._coming = 0
        """How many may hear it who do not yet."""
        self._speaking = False
        self._hearing: set[Conversation] = set()

    async def speak(self, ringing: list[Origination]) -> None:
        """
        Let the speaker be heard, from the tone on; the end of it is the end for all.

        @param ringing: the calls to the members, which have just begun.
        """
        talk, self._coming = self._speaker, len(ringing)
        for call in ringing:
            call.ended().addCallback(self._settled)
        until = talk.now() + self._ring_seconds + REST_SECONDS
        try:
            while self._coming and not self._hearing and talk.now() < until:
                await talk.repeat(sound("music", "ringing"), until - talk.now())
            if not self._hearing:
                await talk.play(sound("en", "nobody"))
                return
            if self._coming:
                await talk.key(REST_SECONDS, "")
            self._speaking = True
            await talk.play(TONE)
            talk.enter()
            await talk.key(self._seconds, "#")
        finally:
            for call in ringing:
                call.cancel()

    def _settled(self, outcome: Outcome | None) -> None:
        """A member does not come; who has answered says so by L{hear}."""
        if outcome is not None:
            self._less()

    def _less(self) -> None:
        """One less is waited for."""
        self._coming -= 1
        if not self._speaking:
            self._speaker.wake()

    async def hear(self, talk: Conversation) -> None:
        """Let a member hear a tone and what is said, and say nothing."""
        talk.enter(muted=True)
        self._hearing.add(talk)
        self._less()
        try:
            await talk.play(TONE)
            while True:
                await talk.key(None, "")
        except Gone:
            pass  # it hangs up, or the page is over
        finally:
            self._hearing.discard(talk)
