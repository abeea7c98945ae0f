"""The non-INVITE client transaction: RFC 3261 section 17.1.2, figure 6."""

from __future__ import annotations

from b2bua.transactions import states
from b2bua.transactions.effects import Effects, TimerValues
from b2bua.wire.message import Request, Response


class NonInviteClient(Effects):
    """Sends a request until it is answered."""

    __slots__ = ("_again", "_interval", "_reliable", "_timers", "pending", "state")

    def __init__(self, request: Request, data: bytes, timers: TimerValues, *, reliable: bool) -> None:
        """
        Stand ready.

        @param request: the request with our Via on top; it is kept until the
            final response.
        @param data: the same as bytes.
        """
        self.state: str = states.TRYING
        self.pending: Request | None = request
        self._timers = timers
        self._reliable = reliable
        self._interval = timers.t1
        self._again = data

    def start(self) -> None:
        """Request from TU: send request."""
        timers = self._timers
        if self._reliable:
            self.start_ends("F", 64 * timers.t1)
        else:
            self.start_both("E", timers.t1, "F", 64 * timers.t1)
        self.transport.send(self._again, self.way)

    def receive(self, response: Response) -> None:
        """Follow the arrow of a response."""
        match self.state:
            case states.TRYING | states.PROCEEDING if response.code >= 200:
                self.pending, self._again = None, b""
                if self._reliable:
                    self.state = states.TERMINATED
                    self.over()
                else:
                    self.state = states.COMPLETED
                    self.linger("K", self._timers.t4)
                self.deliver(response)

            case states.TRYING:
                self.state = states.PROCEEDING
                self.deliver(response)

            case states.PROCEEDING:
                self.deliver(response)

    def fire(self, timer: str) -> None:
        """Follow the arrow of a timer."""
        match self.state, timer:
            case states.TRYING, "E":
                self._interval = min(2 * self._interval, self._timers.t2)
                self.start_repeats("E", self._interval)
                self.transport.send(self._again, self.way)

            case states.PROCEEDING, "E":
                self.start_repeats("E", self._timers.t2)
                self.transport.send(self._again, self.way)

            case ((states.TRYING | states.PROCEEDING), "F"):
                self._fail(408)

    def fail(self) -> None:
        """Follow the arrow of a transport error."""
        match self.state:
            case states.TRYING | states.PROCEEDING:
                self._fail(503)

    def lose(self) -> None:
        """The connection is gone, by which alone an answer could come."""
        self.fail()

    def moved(self) -> None:
        """The peer is elsewhere now: the request goes there."""
        if self._again:
            self.transport.send(self._again, self.way)

    def cancel(self) -> None:
        """Nothing: a request other than INVITE is not cancelled (section 9.1)."""

    def _fail(self, code: int) -> None:
        """Go to Terminated; what failed is still known, so that it can be told."""
        self.state = states.TERMINATED
        self._again = b""
        self.over()
        self.tell_failure(code)
