"""Stand-ins for a call, where the host is tested by itself."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from zope.interface import implementer

from b2bua.calls.records.story import Story
from b2bua.clock import IClock, ITimer


@implementer(ITimer)
class Pending:
    """A timer of the standing clock."""

    def __init__(self, call: Any) -> None:
        """Wrap a delayed call."""
        self.call = call

    def stop(self) -> None:
        """Forget it, if it has not fired."""
        if self.call.active():
            self.call.cancel()


@implementer(IClock)
class Timers:
    """The clock of a server that goes only when it is told to."""

    def __init__(self) -> None:
        """Begin at 0."""
        self.clock = Clock()

    def now(self) -> float:
        """Seconds of the clock."""
        return self.clock.seconds()

    def start(self, seconds: float, call: Callable[[], None]) -> Pending:
        """Call back after C{seconds}."""
        return Pending(self.clock.callLater(seconds, call))

    def wall(self) -> float:
        """The time of day."""
        return 1_700_000_000.0 + self.clock.seconds()


def attempt(user: str = "102", *, internal: bool = True, parent: object = None) -> Any:
    """An attempt, as far as the host looks at one."""
    call = SimpleNamespace(story=Story(lambda: 0.0), id="call")
    caller = SimpleNamespace(name="101", internal=internal)
    return SimpleNamespace(
        caller=caller,
        behalf=caller,
        call=call,
        user=user,
        internal=internal,
        parent=parent,
        local=":" not in user,
        decided=set(),
    )
