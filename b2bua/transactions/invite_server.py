"""The INVITE server transaction: RFC 3261 section 17.2.1 as changed by RFC 6026, figure 7."""

from __future__ import annotations

from typing import Final

from b2bua.transactions.effects import (
    OVER,
    TIMED_OUT,
    TRYING,
    Effects,
    Start,
    Stop,
    TimerValues,
)
from b2bua.wire.message import Request, Response, write, write_trying
from b2bua.wire.registry import KNOWN, canonical

STOP_TRYING = Stop(TRYING)


class State:
    """The states of figure 7."""

    PROCEEDING: Final = "Proceeding"
    COMPLETED: Final = "Completed"
    CONFIRMED: Final = "Confirmed"
    ACCEPTED: Final = "Accepted"
    TERMINATED: Final = "Terminated"


class InviteServer:
    """Absorbs retransmitted INVITEs, and repeats a refusal until it is acknowledged."""

    __slots__ = ("_interval", "_reliable", "_timers", "last", "pending", "state", "to")

    def __init__(self, request: Request, timers: TimerValues, *, reliable: bool) -> None:
        """
        Stand ready.

        @param request: the INVITE; it is kept until the final response.
        """
        self.state: str = State.PROCEEDING
        self.pending: Request | None = request
        self._timers = timers
        self._reliable = reliable
        self._interval = timers.t1
        self.last = b""
        """The response that a retransmitted request draws, if any."""
        self.to = ""
        """The To of the final response, which the answer to a late CANCEL repeats (section 9.2)."""

    def wait(self) -> Effects:
        """INV was passed to TU: send 100 if TU won't in 200 ms; mostly it has answered when this is asked."""
        if self.state is State.PROCEEDING and not self.last:
            return (self._timers.invite_trying,)
        return ()

    def answer_trying(self) -> Effects:
        """TU or timer: send 100, if nothing has been sent yet."""
        if self.pending is None or self.last:
            return ()
        self.last = write_trying(self.pending)
        return (self.last,)

    def answer(self, response: Response) -> Effects:
        """Follow the arrow of a response from TU."""
        code = response.code
        match self.state:
            case State.PROCEEDING if code < 200:
                first, self.last = not self.last, response.data or write(response)
                return (STOP_TRYING, self.last) if first else (self.last,)

            case State.PROCEEDING if code < 300:
                self.state = State.ACCEPTED
                # A retransmitted INVITE draws nothing from now on: the 2xx is the user's.
                self.pending, self.last, self.to = None, b"", _to(response)
                return (self._timers.l, response.data or write(response))

            case State.PROCEEDING:
                self.state = State.COMPLETED
                self.pending, self.last, self.to = None, write(response), _to(response)
                if self._reliable:
                    return (STOP_TRYING, self._timers.h, self.last)
                return (self._timers.g_h, self.last)

            case State.ACCEPTED if 200 <= code < 300:
                return (write(response),)
        return ()

    def receive(self, request: Request) -> Effects:
        """Follow the arrow of a retransmitted INVITE, or of the ACK."""
        match self.state:
            case State.PROCEEDING | State.COMPLETED if request.method == "INVITE":
                return (self.last,) if self.last else ()

            case State.COMPLETED if self._reliable:
                self._end()
                return OVER

            case State.COMPLETED:
                self.state = State.CONFIRMED
                self.last = b""
                return (self._timers.i,)
        return ()

    def fire(self, timer: str) -> Effects:
        """Follow the arrow of a timer."""
        match self.state, timer:
            case State.PROCEEDING, "100":
                return self.answer_trying()

            case State.COMPLETED, "G":
                self._interval = min(2 * self._interval, self._timers.t2)
                return (Start("G", self._interval), self.last)

            case State.COMPLETED, "H":
                self._end()
                return TIMED_OUT
        return ()

    def _end(self) -> None:
        """Go to Terminated."""
        self.state = State.TERMINATED
        self.pending, self.last = None, b""


def _to(response: Response) -> str:
    """The To of a response, as it is written."""
    if response.data:
        return (
            response.data.partition(b"\r\nTo: ")[2].partition(b"\r\n")[0].decode("utf-8", "surrogateescape")
        )
    for name, value in response.fields:
        if name == "To" or (name not in KNOWN and canonical(name) == "To"):
            return value
    return ""
