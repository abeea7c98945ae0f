"""
Calls that are over, told of in a moment to those who remember and count them.

One by one that costs several times as much, since the code for it is not in the
caches of the processor then.  Whoever asks what is remembered or counted looks first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from twisted.logger import Logger

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.calls.records.record import CallRecord
    from b2bua.calls.records.story import Story
    from b2bua.clock import IClock

MOMENT = 0.05
"""Seconds that a call waits for others."""


class Told(NamedTuple):
    """A call, with what it can tell also when it is over."""

    record: CallRecord
    story: Story
    ring_delay: float | None
    """Seconds after which its caller heard that somebody is rung."""

    @classmethod
    def of(cls, call: Call) -> Told:
        """That of a call."""
        return cls(call.record, call.story, call.ring_delay)


class Ended:
    """Those that nobody was told of yet."""

    log = Logger()

    def __init__(self, clock: IClock) -> None:
        """Wait for the first."""
        self._clock = clock
        self._calls: list[Told] = []
        self._awaited = False
        self.tell: Sequence[Callable[[Sequence[Told]], None]] = ()
        """Each is told of some of them, in the order in which they ended."""

    def over(self, call: Call) -> None:
        """A call is over."""
        self._calls.append(Told.of(call))
        if not self._awaited:
            self._awaited = True
            self._clock.start(MOMENT, self._moment)

    def _moment(self) -> None:
        """A moment has passed."""
        self._awaited = False
        self.look()

    def look(self) -> None:
        """
        Tell of those that are over by now.

        A bug of one who is told is neither the others' end nor that of who looks.
        """
        if not self._calls:
            return
        calls, self._calls = self._calls, []
        for tell in self.tell:
            try:
                tell(calls)
            except Exception:  # noqa: BLE001 - the others are told all the same
                self.log.failure("calls that are over are not all counted or shown because of a bug")
