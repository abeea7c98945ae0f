"""The INVITE client transaction: RFC 3261 section 17.1.1 as changed by RFC 6026, figure 5."""

from __future__ import annotations

from b2bua.errors import UsageError
from b2bua.transactions import states
from b2bua.transactions.derived import ack_for
from b2bua.transactions.effects import CANCELLED, LATE, Effects, TimerValues
from b2bua.wire.message import Request, Response, write


class InviteClient(Effects):
    """
    Sends an INVITE until it is heard, and the ACK of its refusal.

    By figure 5 it is destroyed when it times out or its connection is lost,
    and what comes then is dropped.  The phone would ring for nobody, and who
    answers it would talk to nobody.  So for 64*T1 more it is L{states.GIVEN_UP}:
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
        self.state: str = states.CALLING
        self.pending: Request | None = request
        self._timers = timers
        self._reliable = reliable
        self._interval = timers.t1
        self._again = data
        self._cancelled = False
        self.last = b""
        """The ACK that a retransmitted refusal draws."""

    def start(self) -> None:
        """INVITE from TU: INVITE sent."""
        timers = self._timers
        if self._reliable:
            self.start_ends("B", 64 * timers.t1)
        else:
            self.start_both("A", timers.t1, "B", 64 * timers.t1)
        self.transport.send(self._again, self.way)

    def take_up(self, *, heard: bool) -> None:
        """
        Stand where another process has got to: the INVITE is out, and is not sent again.

        @param heard: has there been a provisional response?
        """
        if heard:
            self.state = states.PROCEEDING
        else:
            self.start_ends("B", 64 * self._timers.t1)

    def receive(self, response: Response) -> None:
        """Follow the arrow of a response."""
        code = response.code
        match self.state:
            case states.PROCEEDING if code < 200:
                self.deliver(response)

            case states.PROCEEDING | states.CALLING | states.GIVEN_UP if 200 <= code < 300:
                self.state = states.ACCEPTED
                self.pending, self._again = None, b""
                self.linger("M", 64 * self._timers.t1)
                self.deliver(response)

            case states.CALLING if code < 200:
                self.state = states.PROCEEDING
                self._again = b""
                if self._cancelled:
                    self.stop_repeats()
                    self.send_cancel()
                    self._be_patient()
                else:
                    self.stop()
                self.deliver(response)

            case states.CALLING | states.PROCEEDING:
                self._refused(response)
                self.deliver(response)

            case states.GIVEN_UP if code < 200:
                cancelled, self._cancelled = self._cancelled, True
                if not cancelled:
                    self.send_cancel()

            case states.GIVEN_UP:
                self._refused(response)

    def fire(self, timer: str) -> None:
        """Follow the arrow of a timer."""
        match self.state, timer:
            case states.CALLING, "A":
                self._interval *= 2
                self.start_repeats("A", self._interval)
                self.transport.send(self._again, self.way)

            case (states.CALLING, "B") | (states.PROCEEDING, "CANCEL"):
                self._give_up(408)

            case states.GIVEN_UP, "LATE":
                self._end()
                self.over()

    def fail(self) -> None:
        """
        Follow the arrow of a transport error.

        In Proceeding a response has come since, so it is for something older.
        """
        if self.state is states.CALLING:
            self._end()
            self.over()
            self.tell_failure(503)

    def lose(self) -> None:
        """
        Take the loss of the connection.

        A peer that rings may come back by another one, on which its answer
        arrives (section 18.2.2); so only an INVITE that nobody has taken yet
        fails.  How long to ring is the user's business.
        """
        if self.state is states.CALLING:
            self._give_up(503)

    def moved(self) -> None:
        """The peer is elsewhere now: it has to be told there what it may have missed."""
        match self.state:
            case states.CALLING if self._again:  # else another process has sent it
                self.transport.send(self._again, self.way)

            case states.PROCEEDING if self._cancelled:
                self.send_cancel()

    def cancel(self) -> None:
        """
        Let the INVITE be cancelled, once a provisional response has come.

        RFC 3261 section 9.1: not before, and if there is no final response
        within 64*T1 seconds, the transaction is given up.
        """
        match self.state:
            case states.CALLING:
                self._cancelled = True

            case states.PROCEEDING if not self._cancelled:
                self._cancelled = True
                self.send_cancel()
                self._be_patient()

    def _be_patient(self) -> None:
        """Wait no longer than this for the 487."""
        self.start_ends(CANCELLED, 64 * self._timers.t1)

    def _give_up(self, code: int) -> None:
        """Tell the TU, and stay for what is late."""
        # A CANCEL that was asked for before anything came has not been sent.
        self._cancelled = self.state is states.PROCEEDING
        self.state = states.GIVEN_UP
        self._again = b""
        self.stop_repeats()
        self.start_ends(LATE, 64 * self._timers.t1)
        self.tell_failure(code)

    def _refused(self, response: Response) -> None:
        """300-699: ACK sent."""
        if self.pending is None:
            raise UsageError("A request is kept until its final response")
        ack = write(ack_for(self.pending, response))
        self.pending = None
        if self._reliable:
            self._end()
            self.transport.send(ack, self.way)
            self.over()
            return
        self.state = states.COMPLETED
        self.last = ack
        self.linger("D", max(self._timers.d, 64 * self._timers.t1))
        self.transport.send(ack, self.way)

    def _end(self) -> None:
        """Go to Terminated; what failed is still known, so that it can be told."""
        self.state = states.TERMINATED
        self._again = b""
