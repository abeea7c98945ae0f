"""
What a script says and hears: it plays, waits for keys, records.

A party that talks to us has it (L{b2bua.calls.operations.conversation}), and one
that waits (L{b2bua.calls.operations.waiting_speech}).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from b2bua.calls import face
from b2bua.calls.operations.leg_waiter import Gone
from b2bua.media.ports import NoVoice, VoiceLost

if TYPE_CHECKING:
    from b2bua.calls.protocol import Shared
    from b2bua.clock import ITimer
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party
    from b2bua.media.ports import Happened, IVoice

KEYS = "0123456789*#"
VOICE = "voice"
"""What a script waits for that wants to say something while the next voice is on its way."""


class Speech:
    """A voice of ours for one party, as a script uses it."""

    def __init__(self, calls: Shared, leg: Leg) -> None:
        """Prepare; there is no voice before C{voice} is set."""
        self._calls = calls
        self._leg = leg
        self._voice: IVoice | None = None
        self._waits: Deferred[str] | None = None
        """What the script waits for: the end of what is played, a key, a recording."""
        self._for = ""
        self._keys = ""
        """Keys that were pressed before anybody asked."""
        self._repeated = ""
        """What is played again and again."""
        self._timer: ITimer | None = None

    @property
    def leg(self) -> face.Leg:
        """The leg of who hears it."""
        return self._leg

    @property
    def party(self) -> Party:
        """Who hears it."""
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
            await self._begin(path)
            key = await self._wait("played" + until)
            if key:
                self._hush()
                return key
        return self._take(until) if until else ""

    async def repeat(self, path: str, seconds: float | None = None, *, until: str = "") -> str:
        """
        Play a WAV file again and again.

        @param seconds: for so long; None for ever.
        @param until: the keys that end it.
        @return: the key that did; empty if the time is over.
        @raise NoVoice: if the file cannot be played.
        @raise Gone: if the party has left.
        """
        await self._begin(path, True)
        key = self._take(until) or await self._wait(until, seconds)
        self._hush()
        return key

    async def key(self, seconds: float | None, among: str = KEYS) -> str:
        """
        Wait for a key.

        @param seconds: for so long; None for ever.
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

    async def ask(self, *paths: str, most: int, seconds: float, end: str = "#") -> str:
        """Play, and wait for several keys, as L{keys} does; the first one ends what is played."""
        first = await self.play(*paths, until=KEYS) or await self.key(seconds)
        if not first or first in end or most == 1:
            return first.strip(end)
        return first + await self.keys(most - 1, seconds, end)

    async def record(self, path: str, seconds: float, *, silence: float = 0.0, keys: str = "#") -> str:
        """
        Record to a WAV file, which is there when this is done; also what was said before the party left.

        @param seconds: how long at the most.
        @param silence: seconds of silence that end it; 0 for none.
        @return: what ended it: C{key}, C{silence}, C{full}, C{failed: ...}.
        """
        voice = await self._there()
        self._keys = ""
        voice.record(path, seconds, silence, keys)
        return await self._wait("recorded")

    # ---- waiting ------------------------------------------------------------------

    @property
    def _next_comes(self) -> bool:
        """Is the voice lost, or for another phone, and the party does not hear the next one yet?"""
        return False

    async def _there(self) -> IVoice:
        """The voice, as soon as the party hears one."""
        while self._next_comes:
            await self._wait(VOICE)
        if self._voice is None:
            raise Gone(self._leg)
        return self._voice

    def _hush(self) -> None:
        """Play no more."""
        self._repeated = ""
        if self._voice is not None:
            self._voice.stop()
        elif not self._next_comes:
            raise Gone(self._leg)

    async def _begin(self, path: str, again: bool = False) -> None:
        """Have a file played; what a dying worker has not begun is over with what it has (L{_unheard})."""
        voice = await self._there()
        self._repeated = path if again else ""
        try:
            await voice.play(path, again)
        except VoiceLost:
            pass
        except NoVoice:
            self._repeated = ""  # the script goes on otherwise, with another worker as well
            raise

    def _wait(self, what: str, seconds: float | None = None) -> Deferred[str]:
        """
        Wait for a key, or for C{played} or C{recorded}.

        @param what: the keys that count, behind C{played} or C{recorded} if that counts.
        @raise Gone: the party has left.
        """
        if self._voice is None and not self._next_comes:
            raise Gone(self._leg)
        self._for, self._waits = what, Deferred()
        if seconds is not None:
            self._timer = self._calls.later(seconds, self._answer, "")
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
        self._stop_timer()
        waits, self._waits = self._waits, None
        if waits is not None:
            waits.callback(value)

    def _stop_timer(self) -> None:
        """Wait for no time any more."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _happened(self, happened: Happened) -> None:
        """The voice has heard something."""
        self._calls.run(self._took, happened)

    def _took(self, happened: Happened) -> None:
        """Take what the voice has heard."""
        wanted = self._for if self._waits is not None else ""
        match happened.what:
            case "nobody":
                self._unheard(happened.detail)
            case "digit" if wanted.startswith("recorded") or happened.detail not in wanted:
                self._keys += happened.detail
            case "digit":
                self._answer(happened.detail)
            case "played" if wanted.startswith("played"):
                self._answer("")
            case "recorded" if wanted.startswith("recorded"):
                self._answer(happened.detail)

    def _unheard(self, why: str) -> None:
        """Nothing is heard from the party any more, or the voice itself is gone (C{worker})."""
        raise NotImplementedError

    # ---- the end ------------------------------------------------------------------

    def _silence(self) -> None:
        """Let the voice go."""
        self._stop_timer()
        if self._voice is not None:
            self._voice.close()
            self._voice = None

    def _part(self) -> None:
        """Let the script hear that the party has left."""
        waits, self._waits = self._waits, None
        if waits is not None:
            waits.errback(Gone(self._leg))
