"""The non-INVITE client transaction: RFC 3261 section 17.1.2, figure 6."""

from __future__ import annotations

from typing import Final

from b2bua.transactions.effects import (
    ENDED,
    TIMED_OUT,
    UNREACHABLE,
    Effects,
    Start,
    TimerValues,
)
from b2bua.wire.message import Request, Response


class State:
    """The states of figure 6."""

    TRYING: Final = "Trying"
    PROCEEDING: Final = "Proceeding"
    COMPLETED: Final = "Completed"
    TERMINATED: Final = "Terminated"


class NonInviteClient:
    """Sends a request until it is answered."""

    __slots__ = ("_again", "_interval", "_reliable", "_timers", "pending", "state")

    def __init__(self, request: Request, data: bytes, timers: TimerValues, *, reliable: bool) -> None:
        """
        Stand ready.

        @param request: the request with our Via on top; it is kept until the
            final response.
        @param data: the same as bytes.
        """
        self.state: str = State.TRYING
        self.pending: Request | None = request
        self._timers = timers
        self._reliable = reliable
        self._interval = timers.t1
        self._again = data

    def start(self) -> Effects:
        """Request from TU: send request."""
        timers = self._timers
        if self._reliable:
            return (timers.f, self._again)
        return (timers.e_f, self._again)

    def receive(self, response: Response) -> Effects:
        """Follow the arrow of a response."""
        match self.state:
            case State.TRYING | State.PROCEEDING if response.code >= 200:
                return self._answered(response)

            case State.TRYING:
                self.state = State.PROCEEDING
                return (response,)

            case State.PROCEEDING:
                return (response,)
        return ()

    def fire(self, timer: str) -> Effects:
        """Follow the arrow of a timer."""
        match self.state, timer:
            case State.TRYING, "E":
                self._interval = min(2 * self._interval, self._timers.t2)
                return (Start("E", self._interval), self._again)

            case State.PROCEEDING, "E":
                return (Start("E", self._timers.t2), self._again)

            case ((State.TRYING | State.PROCEEDING), "F"):
                self._end()
                return TIMED_OUT
        return ()

    def fail(self) -> Effects:
        """Follow the arrow of a transport error."""
        match self.state:
            case State.TRYING | State.PROCEEDING:
                self._end()
                return UNREACHABLE
        return ()

    def lose(self) -> Effects:
        """The connection is gone, by which alone an answer could come."""
        return self.fail()

    def moved(self) -> Effects:
        """The peer is elsewhere now: the request goes there."""
        return (self._again,) if self._again else ()

    def cancel(self) -> Effects:
        """Nothing: a request other than INVITE is not cancelled (section 9.1)."""
        return ()

    def _answered(self, response: Response) -> Effects:
        """200-699: response to TU."""
        self.pending, self._again = None, b""
        if self._reliable:
            self.state = State.TERMINATED
            return (ENDED, response)
        self.state = State.COMPLETED
        return (self._timers.k, response)

    def _end(self) -> None:
        """Go to Terminated; what failed is still known, so that it can be told."""
        self.state = State.TERMINATED
        self._again = b""
