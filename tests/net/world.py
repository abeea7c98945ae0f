"""A runner on a clock that stands still, with a wire that remembers what leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from b2bua.net.locate import NumericLocator
from b2bua.net.runner import Runner
from b2bua.transactions.flow import Flow
from b2bua.transactions.ports import IServerTransaction, ITransactionUser
from b2bua.wire.message import Request, Response, write
from b2bua.wire.parser import Malformed, parse
from tests.transactions.messages import request

HERE = ("192.0.2.10", 5060)
ALICE = ("192.0.2.1", 5060)
BOB = ("192.0.2.2", 5060)
TO_BOB = Flow("UDP", HERE, BOB)
TO_BOB_TCP = Flow("TCP", HERE, BOB, 7)
T = 64 * 0.5
"""64*T1, in seconds."""


def name_of(data: bytes) -> str | int:
    """Say what a message is in a word."""
    if data[0] <= 1:
        return "STUN"
    try:
        message = parse(data)
    except Malformed:
        return int(data.split()[1])
    return message.method if isinstance(message, Request) else message.code


class MemoryWire:
    """Keeps what is sent, with the time."""

    def __init__(self, clock: Clock, transport: str = "UDP", local: tuple[str, int] = HERE) -> None:
        """Begin with an empty log."""
        self.transport = transport
        self.local = local
        self.log: list[tuple[float, str | int]] = []
        self.sent: list[tuple[bytes, Flow]] = []
        self._clock = clock

    def send(self, data: bytes, flow: Flow) -> None:
        """Keep it."""
        what = name_of(data) if len(data) > 4 else data.decode()
        self.log.append((round(self._clock.seconds(), 6), what))
        self.sent.append((data, flow))

    def last(self) -> Any:
        """Parse the last message."""
        return parse(self.sent[-1][0])


@implementer(ITransactionUser)
class Recorder:
    """A transaction user that keeps what it is told."""

    def __init__(self) -> None:
        """Begin having heard nothing, and answering nothing."""
        self.requests: list[Request] = []
        self.servers: list[Any] = []
        self.acks: list[Request] = []
        self.cancels: list[IServerTransaction] = []
        self.lost: list[Flow] = []
        self.strays: list[Response] = []
        self.answer: Callable[[Request, Any], None] = lambda request, server: None
        self.cancelled: Callable[[Request, Any], None] = lambda request, server: None

    def request_received(self, request: Request, server: IServerTransaction) -> None:
        """Keep it, and let the test answer."""
        self.requests.append(request)
        self.servers.append(server)
        self.answer(request, server)

    def ack_received(self, request: Request, flow: Flow) -> None:
        """Keep it."""
        self.acks.append(request)

    def stray_success_received(self, response: Response, flow: Flow) -> None:
        """Keep it."""
        self.strays.append(response)

    def may_cancel(self, request: Request, server: IServerTransaction, flow: Flow) -> bool:
        """Only from where the INVITE came from."""
        return False

    def cancel_received(self, request: Request, server: IServerTransaction) -> None:
        """Keep it."""
        self.cancels.append(server)
        self.cancelled(request, server)

    def transport_lost(self, flow: Flow) -> None:
        """Keep it."""
        self.lost.append(flow)


class World:
    """Clock, user, runner and wire."""

    def __init__(self, transport: str = "UDP", **options: Any) -> None:
        """Set all up at time zero; the options are the runner's."""
        self.clock = Clock()
        self.user = Recorder()
        options.setdefault("locator", NumericLocator({"two.example.com": ["192.0.2.2", "192.0.2.3"]}))
        self.runner = Runner(self.clock, self.user, **options)
        self.wire = MemoryWire(self.clock, transport)
        self.runner.attach(self.wire)
        self.flow = Flow(transport, HERE, ALICE, 0 if transport == "UDP" else 1)
        self.heard: list[tuple[float, int]] = []
        self.responses: list[Response] = []

    def hear(self, response: Response) -> None:
        """Keep a response."""
        self.heard.append((round(self.clock.seconds(), 6), response.code))
        self.responses.append(response)

    def until(self, time: float) -> None:
        """Let the time come, stopping wherever something is due."""
        clock = self.clock
        while due := [call.getTime() for call in clock.getDelayedCalls() if call.getTime() <= time]:
            clock.rightNow = max(clock.rightNow, min(due))
            clock.advance(0)
        clock.rightNow = float(time)

    def receive(self, message: Request | Response | bytes, flow: Flow | None = None) -> None:
        """Have a message come from the wire."""
        data = message if isinstance(message, bytes) else write(message)
        self.runner.received(data, flow or self.flow)


def writer(method: str = "INVITE", **more: Any) -> Any:
    """Write requests with the Via that is handed in."""
    return lambda flow, via: request(method, via=via, **more)


class Case(SynchronousTestCase):
    """What tests of transactions at work have in common."""

    transport = "UDP"

    def setUp(self) -> None:
        """The clock stands at zero."""
        self.world = World(self.transport)
        self.runner, self.wire, self.user = self.world.runner, self.world.wire, self.world.user

    def quiet(self) -> None:
        """No timer and no transaction is left; that of the reactor has nothing to do when it fires."""
        self.assertLessEqual(len(self.world.clock.getDelayedCalls()), 1)
        self.assertEqual(len(self.runner.transport.wheel), 0)
        self.assertEqual(self.runner.live, 0)
