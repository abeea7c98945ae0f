"""
The non-INVITE server transaction: RFC 3261 section 17.2.2, figure 8, with RFC 4320.

RFC 4320 lets it send no provisional response but a 100, and that one only late;
and never a 408, so what the user has not answered in time is not answered.
"""

from __future__ import annotations

from b2bua.transactions import states
from b2bua.transactions.effects import TRYING, Effects, TimerValues
from b2bua.wire.message import Request, Response, write, write_plain


class NonInviteServer(Effects):
    """Absorbs retransmitted requests and repeats the answer."""

    __slots__ = ("_reliable", "_timers", "last", "pending", "state")

    def __init__(self, request: Request, timers: TimerValues, *, reliable: bool) -> None:
        """
        Stand ready.

        @param request: the request; it is kept until the final response.
        """
        self.state: str = states.TRYING
        self.pending: Request | None = request
        self._timers = timers
        self._reliable = reliable
        self.last = b""
        """The response that a retransmitted request draws, if any."""

    def wait(self) -> None:
        """The request was passed to TU: let a 100 be sent late (RFC 4320), if TU has not answered yet."""
        if self.state is states.TRYING:
            self.start_repeats(TRYING, self._timers.to_t2)

    def trying(self) -> None:
        """A 100 is only sent late, by the timer (RFC 4320 section 4.1)."""

    def answer(self, response: Response) -> None:
        """
        Follow the arrow of a response from TU.

        RFC 4320 section 4.2 forbids the 408; of provisional responses section
        4.1 leaves the 100, which the timer sends.
        """
        match self.state:
            case states.TRYING | states.PROCEEDING if response.code >= 200 and response.code != 408:
                self._answered(write(response))

    def answer_plainly(self) -> None:
        """Follow the arrow of a 200 from TU that says nothing more."""
        if self.pending is not None:
            self._answered(write_plain(self.pending, 200))

    def _answered(self, data: bytes) -> None:
        """200-699 from TU: send response."""
        if self._reliable:
            self._end()
            self.transport.send(data, self.way)
            self.over()
            return
        self.state = states.COMPLETED
        self.pending, self.last = None, data
        self.linger("J", 64 * self._timers.t1)
        self.transport.send(data, self.way)

    def receive(self, request: Request) -> None:
        """Follow the arrow of a retransmitted request."""
        match self.state:
            case states.PROCEEDING:
                self.transport.send(self.last, self.way)

    def fire(self, timer: str) -> None:
        """Follow the arrow of a timer."""
        match self.state, timer:
            case states.TRYING, "100" if self.pending is not None:
                self.state = states.PROCEEDING
                self.last = write_plain(self.pending, 100)
                self.start_ends("J", self._rest())
                self.transport.send(self.last, self.way)

            case states.PROCEEDING, "J":
                # The client has given up by now, so nobody waits for an answer.
                self._end()
                self.over()
                self.tell_failure(408)

    def _rest(self) -> float:
        """What is left of the client's timer F when the 100 is sent."""
        return max(64 * self._timers.t1 - self._timers.to_t2, self._timers.t1)

    def _end(self) -> None:
        """Go to Terminated."""
        self.state = states.TERMINATED
        self.pending, self.last = None, b""
