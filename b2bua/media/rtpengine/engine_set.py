"""The engines that are configured, what is known of all of them, and which of them gets a call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from b2bua.clock import IClock
    from b2bua.media.rtpengine.capture import Work, Write
    from b2bua.media.rtpengine.engine import Engine
    from b2bua.media.rtpengine.wishes import Interfaces


class EngineSet:
    """All of them."""

    def __init__(
        self,
        clock: IClock,
        engines: Sequence[Engine],
        token: Callable[[], str],
        *,
        interfaces: Interfaces | None = None,
        silence: float = 30.0,
        recordings: str = "",
        write: Write | None = None,
        note: Callable[[Work], None] = lambda work: None,
    ) -> None:
        """
        Prepare.

        @param token: makes what tells one call from another for ever.
        @param silence: so many seconds without RTP are told of a party that should speak; 0 for never.
        @param recordings: the engines' C{recording-dir}, as we see it; empty if we do not.
        @param write: makes a recording of what an engine has written there.
        @param note: notes what is to be made, for a process after this one.
        """
        self.clock = clock
        self.engines = engines
        self.token = token
        self.interfaces: Interfaces = interfaces or {}
        self.silence = silence
        self.recordings = recordings
        self.write = write
        self.note = note

    @property
    def records(self) -> bool:
        """Can calls be recorded?"""
        return bool(self.recordings) and self.write is not None

    def start(self) -> None:
        """Begin to watch them."""
        for engine in self.engines:
            engine.start()

    def stop(self) -> None:
        """Watch them no more; calls keep their media."""
        for engine in self.engines:
            engine.stop()

    def choose(self, but: Collection[Engine] = ()) -> Engine | None:
        """Who gets the next call: of those that answer the one with the fewest; else one that may."""
        able = [engine for engine in self.engines if engine.alive is not False and engine not in but]
        return min(able, key=lambda engine: (not engine.alive, len(engine.calls)), default=None)

    def named(self, name: str) -> Engine | None:
        """The engine at an address."""
        return next((engine for engine in self.engines if engine.name == name), None)
