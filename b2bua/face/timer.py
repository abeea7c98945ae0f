"""What a plugin wants to be called for, once or again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from b2bua.clock import ITimer


class Timer:
    """One of them, as the plugin has it in its hands."""

    __slots__ = ("_do", "_every", "_fire", "_over", "_running", "_start")

    def __init__(
        self,
        start: Callable[[float, Callable[[], None]], ITimer],
        fire: Callable[[Callable[[], None]], None],
        do: Callable[[], None],
        seconds: float,
        every: float | None,
    ) -> None:
        """Start at once."""
        self._start = start
        self._fire = fire
        self._do = do
        self._every = every
        self._over: Callable[[Timer], None] = _nobody
        self._running: ITimer | None = start(seconds, self._due)

    def stop(self) -> None:
        """Forget it; without effect when it is over."""
        if self._running is not None:
            self._running.stop()
            self._running = None
            self._over(self)

    @property
    def active(self) -> bool:
        """Will it fire?"""
        return self._running is not None

    def then(self, over: Callable[[Timer], None]) -> None:
        """Have C{over} told when it fires no more."""
        self._over = over

    def _due(self) -> None:
        """Call the plugin; a periodic one is set again first, so that it may stop itself."""
        if self._every is not None:
            self._running = self._start(self._every, self._due)
        else:
            self._running = None
            self._over(self)
        self._fire(self._do)


def _nobody(timer: Timer) -> None:
    """Where nobody wants to know."""
