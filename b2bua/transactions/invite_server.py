"""The INVITE server transaction: RFC 3261 section 17.2.1 as changed by RFC 6026, figure 7."""

from __future__ import annotations

from b2bua.transactions import states
from b2bua.transactions.effects import TRYING, Effects, TimerValues
from b2bua.wire.message import Request, Response, write, write_plain


class InviteServer(Effects):
    """Absorbs retransmitted INVITEs, and repeats a refusal until it is acknowledged."""

    __slots__ = ("_interval", "_reliable", "_timers", "last", "pending", "state", "tag")

    def __init__(self, request: Request, timers: TimerValues, *, reliable: bool) -> None:
        """
        Stand ready.

        @param request: the INVITE; it is kept until the final response.
        """
        self.state: str = states.PROCEEDING
        self.pending: Request | None = request
        self._timers = timers
        self._reliable = reliable
        self._interval = timers.t1
        self.last = b""
        """The response that a retransmitted request draws, if any."""
        self.tag = request.to_tag
        """That of To, of the final response at last; the answer to a late CANCEL repeats it (section 9.2)."""

    def wait(self) -> None:
        """INV was passed to TU: send 100 if TU won't in 200 ms; mostly it has answered when this is asked."""
        if self.state is states.PROCEEDING and not self.last:
            self.start_repeats(TRYING, self._timers.trying)

    def trying(self) -> None:
        """TU or timer: send 100, if nothing has been sent yet."""
        if self.pending is not None and not self.last:
            self.last = write_plain(self.pending, 100)
            self.transport.send(self.last, self.way)

    def answer(self, response: Response) -> None:
        """Follow the arrow of a response from TU."""
        code = response.code
        match self.state:
            case states.PROCEEDING if code < 200:
                first, self.last = not self.last, response.data or write(response)
                if first:
                    self.stop_repeats()
                self.transport.send(self.last, self.way)

            case states.PROCEEDING if code < 300:
                data, tag = response.data or write(response), self.tag or response.to_tag
                self.state = states.ACCEPTED
                # A retransmitted INVITE draws nothing from now on: the 2xx is the user's.
                self.pending, self.last, self.tag = None, b"", tag
                self.linger("L", 64 * self._timers.t1)
                self.transport.send(data, self.way)

            case states.PROCEEDING:
                data, tag = write(response), self.tag or response.to_tag
                self.state = states.COMPLETED
                self.pending, self.last, self.tag = None, data, tag
                if self._reliable:
                    self.stop_repeats()
                    self.start_ends("H", 64 * self._timers.t1)
                else:
                    self.start_both("G", self._timers.t1, "H", 64 * self._timers.t1)
                self.transport.send(data, self.way)

            case states.ACCEPTED if 200 <= code < 300:
                self.transport.send(write(response), self.way)

    def receive(self, request: Request) -> None:
        """Follow the arrow of a retransmitted INVITE, or of the ACK."""
        match self.state:
            case states.PROCEEDING | states.COMPLETED if request.method == "INVITE":
                if self.last:
                    self.transport.send(self.last, self.way)

            case states.COMPLETED if self._reliable:
                self._end()
                self.over()

            case states.COMPLETED:
                self.state = states.CONFIRMED
                self.last = b""
                self.linger("I", self._timers.t4)

    def fire(self, timer: str) -> None:
        """Follow the arrow of a timer."""
        match self.state, timer:
            case states.PROCEEDING, "100":
                self.trying()

            case states.COMPLETED, "G":
                self._interval = min(2 * self._interval, self._timers.t2)
                self.start_repeats("G", self._interval)
                self.transport.send(self.last, self.way)

            case states.COMPLETED, "H":
                self._end()
                self.over()
                self.tell_failure(408)

    def _end(self) -> None:
        """Go to Terminated."""
        self.state = states.TERMINATED
        self.pending, self.last = None, b""
