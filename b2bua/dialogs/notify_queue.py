"""
The NOTIFYs of one subscription: one at a time, each from the state of its moment.

What changes while a NOTIFY is on its way is told by the next one, once, however
often it has changed: so nothing is overtaken, and a burst costs one message (RFC
6665 section 4.2.2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from b2bua.clock import IClock, ITimer


class NotifyQueue:
    """Says when the next NOTIFY leaves."""

    __slots__ = ("_at_once", "_clock", "_dirty", "_earliest", "_gap", "_on_its_way", "_send", "_timer")

    def __init__(self, clock: IClock, send: Callable[[], bool], gap: float = 0.0) -> None:
        """
        Have nothing to tell.

        @param send: writes a NOTIFY from the state of now and sends it; it
            says no when it may not be sent yet, and then C{go_on} is called
            when it may.
        @param gap: seconds from one NOTIFY to the next, but for those that
            are to leave at once.
        """
        self._clock = clock
        self._send = send
        self._gap = gap
        self._dirty = False
        self._at_once = False
        self._on_its_way = False
        self._earliest = 0.0
        self._timer: ITimer | None = None

    @property
    def idle(self) -> bool:
        """Has all been told, and heard?"""
        return not self._dirty and not self._on_its_way

    def tell(self, *, at_once: bool = False) -> None:
        """
        Something is to be told.

        @param at_once: without waiting for the gap, or for the next attempt
            after a failure.
        """
        self._dirty = True
        self._at_once = self._at_once or at_once
        self.go_on()

    def go_on(self) -> None:
        """Send what is to be told, if it may be sent now."""
        if self._on_its_way or not self._dirty:
            return
        wait = self._earliest - self._clock.now()
        if wait > 0 and not self._at_once:
            if self._timer is None:
                self._timer = self._clock.start(wait, self._waited)
            return
        if self._send():
            self._on_its_way = True
            self._dirty = self._at_once = False
            self.stop()
            self._earliest = self._clock.now() + self._gap

    def answered(self) -> None:
        """The NOTIFY on its way has been answered: the next one may leave."""
        self._on_its_way = False
        self.go_on()

    def failed(self, seconds: float) -> None:
        """The NOTIFY on its way was not heard: what is true by then is told after C{seconds}."""
        self._on_its_way = False
        self._dirty = True
        self._earliest = self._clock.now() + seconds
        self.go_on()

    def stop(self) -> None:
        """Wait for nothing any more."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _waited(self) -> None:
        """Go on after a gap, though the clock may say that a hair's breadth of it is left."""
        self._timer = None
        self._earliest = 0.0
        self.go_on()
