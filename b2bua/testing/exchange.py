"""
A phone's own transactions: one request and its answers (RFC 3261 section 17).

They are written apart from C{b2bua.transactions} on purpose, so that a mistake
made there is not made here as well; and only as far as a phone needs them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.testing.clock import Timer
    from b2bua.testing.network import Address, Stream

T1, T2, T4 = 0.5, 4.0, 5.0


@dataclass(frozen=True, slots=True)
class Path:
    """The way a message goes or came."""

    remote: Address
    stream: Stream | None = None

    @property
    def reliable(self) -> bool:
        """Does the transport retransmit by itself?"""
        return self.stream is not None


class Speaker(Protocol):
    """Whose transactions they are."""

    t1: float
    acknowledges_refusals: bool
    asking: dict[tuple[str, str], Asking]
    asked: dict[tuple[str, str, str], Asked]

    def transmit(self, message: Request | Response, path: Path) -> None:
        """Put a message on the wire."""

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call back after C{seconds}."""

    def cancel_answered(self, response: Response | None) -> None:
        """Something, or nothing, came as the answer to a CANCEL of ours."""


class Asking:
    """A request of ours that waits for its answers (section 17.1)."""

    __slots__ = (
        "_agent",
        "_interval",
        "_repeat",
        "_soon",
        "_wait",
        "ack",
        "answers",
        "done",
        "final",
        "hear",
        "path",
        "request",
    )

    def __init__(
        self,
        agent: Speaker,
        request: Request,
        path: Path,
        hear: Callable[[Response | None], None],
    ) -> None:
        """
        Send C{request}.

        @param hear: called with each response, a 2xx sent again included, and
            with None when the answer never comes.
        """
        self._agent = agent
        self.request = request
        self.path = path
        self.hear = hear
        self.answers = 0
        self.final: Response | None = None
        self.ack: Request | None = None
        self.done = False
        self._soon = False
        """Is the final answer expected soon, whatever provisional one comes?"""
        self._interval = agent.t1
        self._repeat: Timer | None = None
        agent.asking[self.key] = self
        agent.transmit(request, path)
        if not path.reliable:
            self._repeat = agent.later(self._interval, self._again)
        self._wait: Timer | None = agent.later(64 * agent.t1, self._nothing)

    @property
    def key(self) -> tuple[str, str]:
        """What its responses are known by (section 17.1.3)."""
        return self.request.via.branch or "", self.request.method

    @property
    def invites(self) -> bool:
        """Is it an INVITE, whose answer may take a person's time?"""
        return self.request.method == "INVITE"

    def _again(self) -> None:
        """Timers A and E: no answer yet, so send it again."""
        self._agent.transmit(self.request, self.path)
        self._interval *= 2
        if not self.invites:
            self._interval = min(self._interval, T2)
        self._repeat = self._agent.later(self._interval, self._again)

    def fail(self) -> None:
        """The transport says that it cannot be delivered."""
        if not self.done:
            self._stop()
            self._nothing()

    def _nothing(self) -> None:
        """Timers B and F: the answer never came."""
        self._end()
        self.hear(None)

    def received(self, response: Response) -> None:
        """Take a response that matches."""
        self.answers += 1
        if self.final is not None:
            self._received_again(response)
            return
        if response.code < 200:
            if self.invites:
                if self.answers == 1:
                    self._stop()
                    if self._soon:
                        self.expect_soon()
            elif self._repeat is not None:
                self._interval = T2
            self.hear(response)
            return
        self.final = response
        self._stop()
        self._wait = self._agent.later(64 * self._agent.t1, self._end)  # timers D, K and M
        if self.invites and response.code >= 300:
            self._acknowledge(response)
        elif not self.invites and self.path.reliable:
            self._end()
        self.hear(response)

    def _received_again(self, response: Response) -> None:
        """After the final answer: acknowledge it again, and hear 2xx of other forks."""
        if not self.invites or response.code < 200:
            return
        if response.code >= 300:
            if self.ack is not None:
                self._agent.transmit(self.ack, self.path)
            return
        self.hear(response)

    def _acknowledge(self, response: Response) -> None:
        """Section 17.1.1.3: the ACK that belongs to this very transaction."""
        request = self.request
        fields = [("Via", str(request.all("Via")[0])), ("Max-Forwards", "70")]
        fields += [("Route", value) for value in request.all("Route")]
        fields += [(name, request.get(name) or "") for name in ("From", "Call-ID")]
        fields += [("To", response.get("To") or ""), ("CSeq", f"{request.cseq.number} ACK")]
        self.ack = Request("ACK", request.uri, fields)
        if self._agent.acknowledges_refusals:
            self._agent.transmit(self.ack, self.path)

    def expect_soon(self) -> None:
        """Wait for the final answer no longer than for that of any other request."""
        self._soon = True
        if self.final is None and not self.done:
            if self._wait is not None:
                self._wait.cancel()
            self._wait = self._agent.later(64 * self._agent.t1, self._nothing)

    def cancel(self, extra: list[tuple[str, str]] | None = None) -> Asking:
        """Section 9.1: the CANCEL that looks like its request."""
        request = self.request
        fields = [("Via", str(request.all("Via")[0])), ("Max-Forwards", "70")]
        fields += [("Route", value) for value in request.all("Route")]
        fields += [(name, request.get(name) or "") for name in ("From", "To", "Call-ID")]
        fields += [("CSeq", f"{request.cseq.number} CANCEL"), *(extra or [])]
        self.expect_soon()  # section 9.1: no answer within 64*T1 means it is cancelled
        cancel = Request("CANCEL", request.uri, fields)
        return Asking(self._agent, cancel, self.path, self._agent.cancel_answered)

    def _stop(self) -> None:
        for timer in (self._repeat, self._wait):
            if timer is not None:
                timer.cancel()
        self._repeat = self._wait = None

    def _end(self) -> None:
        self._stop()
        self.done = True
        self._agent.asking.pop(self.key, None)


class Asked:
    """A request of the peer that wants an answer (section 17.2)."""

    __slots__ = ("_agent", "_interval", "_repeat", "_wait", "acked", "last", "never_acked", "path", "request")

    def __init__(self, agent: Speaker, request: Request, path: Path) -> None:
        """Take C{request}, which was not seen before."""
        self._agent = agent
        self.request = request
        self.path = path
        self.last: Response | None = None
        self.acked = False
        self.never_acked: Callable[[], None] | None = None
        """Called when no ACK for the final answer came in 64*T1."""
        self._interval = 0.0
        self._repeat: Timer | None = None
        self._wait: Timer | None = None
        agent.asked[self.key] = self

    @property
    def key(self) -> tuple[str, str, str]:
        """What copies of the request, and its ACK and CANCEL, are known by (section 17.2.3)."""
        return key_of(self.request)

    @property
    def final(self) -> bool:
        """Has the last word been said?"""
        return self.last is not None and self.last.code >= 200

    def respond(self, response: Response) -> None:
        """Send an answer, and see to it that a final one arrives."""
        self.last = response
        self._agent.transmit(response, self.path)
        if response.code < 200:
            return
        self._stop()
        if self.request.method != "INVITE":
            self._wait = self._agent.later(0 if self.path.reliable else 64 * self._agent.t1, self.end)
            return
        self._interval = self._agent.t1
        if not self.path.reliable or response.code < 300:
            self._repeat = self._agent.later(self._interval, self._again)
        self._wait = self._agent.later(64 * self._agent.t1, self._lost)  # timers H and L

    def received_again(self) -> None:
        """The request came once more: so did the last answer get lost, perhaps."""
        if self.last is not None and not (self.final and self.request.method == "INVITE" and self.acked):
            self._agent.transmit(self.last, self.path)

    def acknowledged(self) -> None:
        """The ACK for the final answer has come."""
        self.acked = True
        if self._repeat is not None:
            self._repeat.cancel()
            self._repeat = None
        if self._wait is not None:
            self._wait.cancel()
        # Timers I and L: absorb what is still on its way.
        self._wait = self._agent.later(0 if self.path.reliable else 64 * self._agent.t1, self.end)

    def _again(self) -> None:
        """Timer G, and section 13.3.1.4 for a 2xx."""
        assert self.last is not None
        self._agent.transmit(self.last, self.path)
        self._interval = min(2 * self._interval, T2)
        self._repeat = self._agent.later(self._interval, self._again)

    def _lost(self) -> None:
        """No ACK came."""
        self.end()
        if self.never_acked is not None:
            self.never_acked()

    def _stop(self) -> None:
        for timer in (self._repeat, self._wait):
            if timer is not None:
                timer.cancel()
        self._repeat = self._wait = None

    def end(self) -> None:
        """Forget it."""
        self._stop()
        self._agent.asked.pop(self.key, None)


def key_of(request: Request) -> tuple[str, str, str]:
    """Section 17.2.3: branch, sent-by and method, where ACK and CANCEL count as INVITE."""
    via = request.via
    method = "INVITE" if request.method == "ACK" else request.method
    return via.branch, f"{via.host}:{via.port or 5060}", method
