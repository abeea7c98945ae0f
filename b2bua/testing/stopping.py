"""A process that can be stopped (SIGSTOP): nothing happens in it, and what comes for it waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

if TYPE_CHECKING:
    from b2bua.net.runner import Runner
    from b2bua.testing.clock import StandingClock
    from b2bua.transactions.flow import Flow


@implementer(IReactorTime)
class StoppingClock:
    """The clock of one process in a world: its timers fire when it goes on."""

    def __init__(self, clock: StandingClock) -> None:
        """Go on."""
        self._clock = clock
        self._waiting: list[Callable[[], object]] | None = None
        self.seconds: Callable[[], float] = clock.seconds

    def callLater(self, delay: float, callable: Callable[..., object], *args: Any, **kw: Any) -> IDelayedCall:
        """Call back after C{delay} seconds."""
        return cast("IDelayedCall", Later(self, self._clock, delay, lambda: callable(*args, **kw)))

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """Those of all processes."""
        return self._clock.getDelayedCalls()

    def run(self, step: Callable[[], object]) -> None:
        """Do something in the process, now or when it goes on."""
        if self._waiting is None:
            step()
        else:
            self._waiting.append(step)

    def stop(self) -> None:
        """Let nothing happen in the process any more."""
        self._waiting = []

    def go_on(self) -> None:
        """Let all that happen which has waited, in its order."""
        waiting, self._waiting = self._waiting or [], None
        for step in waiting:
            step()


class Later:
    """A call that can be cancelled until it is made, also when it is due and the process is stopped."""

    def __init__(
        self, process: StoppingClock, clock: StandingClock, delay: float, call: Callable[[], object]
    ) -> None:
        """Wait for it."""
        self._process = process
        self._call: Callable[[], object] | None = call
        self._due = clock.callLater(delay, process.run, self._make)

    def _make(self) -> None:
        """It is due, and the process is there."""
        call, self._call = self._call, None
        if call is not None:
            call()

    def active(self) -> bool:
        """Is it still to be made?"""
        return self._call is not None

    def cancel(self) -> None:
        """Make it never."""
        self._call = None
        if self._due.active():
            self._due.cancel()


class StoppingRunner:
    """What the wires of a process tell: it hears that when it goes on."""

    def __init__(self, runner: Runner, clock: StoppingClock) -> None:
        """Tell the runner."""
        self.servers = runner.servers
        self._runner = runner
        self._clock = clock

    def received(self, data: bytes, flow: Flow) -> None:
        """A message has come."""
        self._clock.run(lambda: self._runner.received(data, flow))

    def closed(self, flow: Flow) -> None:
        """A connection is closed."""
        self._clock.run(lambda: self._runner.closed(flow))

    def unreachable(self, flow: Flow, data: bytes = b"") -> None:
        """A peer cannot be reached."""
        self._clock.run(lambda: self._runner.unreachable(flow, data))
