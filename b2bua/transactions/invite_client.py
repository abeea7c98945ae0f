"""The INVITE client transaction: RFC 3261 section 17.1.1 as changed by RFC 6026, figure 5."""

from __future__ import annotations

from typing import Final

from b2bua.errors import UsageError
from b2bua.transactions.derived import ack_for
from b2bua.transactions.effects import (
    CANCEL,
    CANCELLED,
    ENDED,
    LATE,
    OVER,
    STOP_BOTH,
    UNREACHABLE,
    Effects,
    Failed,
    Start,
    Stop,
    TimerValues,
)
from b2bua.wire.message import Request, Response, write

STOP_A = Stop("A")


class State:
    """The states of figure 5, and one more."""

    CALLING: Final = "Calling"
    PROCEEDING: Final = "Proceeding"
    COMPLETED: Final = "Completed"
    ACCEPTED: Final = "Accepted"
    GIVEN_UP: Final = "Given up"
    """The TU was told of a failure, but the INVITE may have arrived all the same."""
    TERMINATED: Final = "Terminated"


class InviteClient:
    """
    Sends an INVITE until it is heard, and the ACK of its refusal.

    By figure 5 it is destroyed when it times out or its connection is lost,
    and what comes then is dropped.  The phone would ring for nobody, and who
    answers it would talk to nobody.  So for 64*T1 more it is L{State.GIVEN_UP}:
    a 1xx gets a CANCEL, a refusal its ACK, and a 2xx goes to the TU, which
    owes it an ACK and a BYE (RFC 3261 section 13.2.2.4).
    """

    __slots__ = ("_again", "_cancelled", "_interval", "_reliable", "_timers", "last", "pending", "state")

    def __init__(self, request: Request, data: bytes, timers: TimerValues, *, reliable: bool) -> None:
        """
        Stand ready.

        @param request: the INVITE with our Via on top; it is kept until the
            final response.
        @param data: the same as bytes.
        """
        self.state: str = State.CALLING
        self.pending: Request | None = request
        self._timers = timers
        self._reliable = reliable
        self._interval = timers.t1
        self._again = data
        self._cancelled = False
        self.last = b""
        """The ACK that a retransmitted refusal draws."""

    def start(self) -> Effects:
        """INVITE from TU: INVITE sent."""
        timers = self._timers
        if self._reliable:
            return (timers.b, self._again)
        return (timers.a_b, self._again)

    def take_up(self, *, heard: bool) -> Effects:
        """
        Stand where another process has got to: the INVITE is out, and is not sent again.

        @param heard: has there been a provisional response?
        """
        if heard:
            self.state = State.PROCEEDING
            return ()
        return (self._timers.b,)

    def receive(self, response: Response) -> Effects:
        """Follow the arrow of a response."""
        code = response.code
        match self.state:
            case State.CALLING if code < 200:
                self.state = State.PROCEEDING
                self._again = b""
                if self._cancelled:
                    return (STOP_A, CANCEL, self._patience(), response)
                return (STOP_BOTH, response)

            case State.PROCEEDING if code < 200:
                return (response,)

            case State.CALLING | State.PROCEEDING if code < 300:
                self.state = State.ACCEPTED
                self.pending, self._again = None, b""
                return (self._timers.m, response)

            case State.CALLING | State.PROCEEDING:
                return self._refused(response)

            case State.GIVEN_UP if 200 <= code < 300:
                self.state = State.ACCEPTED
                self.pending = None
                return (self._timers.m, response)

            case State.GIVEN_UP if code < 200:
                cancelled, self._cancelled = self._cancelled, True
                return () if cancelled else (CANCEL,)

            case State.GIVEN_UP:
                return self._refused(response)[:-1]
        return ()

    def fire(self, timer: str) -> Effects:
        """Follow the arrow of a timer."""
        match self.state, timer:
            case State.CALLING, "A":
                self._interval *= 2
                return (Start("A", self._interval), self._again)

            case (State.CALLING, "B") | (State.PROCEEDING, "CANCEL"):
                return self._give_up(408)

            case State.GIVEN_UP, "LATE":
                self._end()
                return OVER
        return ()

    def fail(self) -> Effects:
        """
        Follow the arrow of a transport error.

        In Proceeding a response has come since, so it is for something older.
        """
        if self.state is State.CALLING:
            self._end()
            return UNREACHABLE
        return ()

    def lose(self) -> Effects:
        """
        Take the loss of the connection.

        A peer that rings may come back by another one, on which its answer
        arrives (section 18.2.2); so only an INVITE that nobody has taken yet
        fails.  How long to ring is the user's business.
        """
        return self._give_up(503) if self.state is State.CALLING else ()

    def moved(self) -> Effects:
        """The peer is elsewhere now: it has to be told there what it may have missed."""
        match self.state:
            case State.CALLING:
                return (self._again,)

            case State.PROCEEDING if self._cancelled:
                return (CANCEL,)
        return ()

    def cancel(self) -> Effects:
        """
        Let the INVITE be cancelled, once a provisional response has come.

        RFC 3261 section 9.1: not before, and if there is no final response
        within 64*T1 seconds, the transaction is given up.
        """
        match self.state:
            case State.CALLING:
                self._cancelled = True

            case State.PROCEEDING if not self._cancelled:
                self._cancelled = True
                return (CANCEL, self._patience())
        return ()

    def _patience(self) -> Start:
        """Wait no longer than this for the 487."""
        return Start(CANCELLED, 64 * self._timers.t1)

    def _give_up(self, code: int) -> Effects:
        """Tell the TU, and stay for what is late."""
        # A CANCEL that was asked for before anything came has not been sent.
        self._cancelled = self.state is State.PROCEEDING
        self.state = State.GIVEN_UP
        self._again = b""
        return (STOP_A, Start(LATE, 64 * self._timers.t1), Failed(code))

    def _refused(self, response: Response) -> Effects:
        """300-699: ACK sent, response to TU."""
        if self.pending is None:
            raise UsageError("A request is kept until its final response")
        ack = write(ack_for(self.pending, response))
        self.pending = None
        if self._reliable:
            self._end()
            return (ack, ENDED, response)
        self.state = State.COMPLETED
        self.last = ack
        return (self._timers.linger, ack, response)

    def _end(self) -> None:
        """Go to Terminated; what failed is still known, so that it can be told."""
        self.state = State.TERMINATED
        self._again = b""
