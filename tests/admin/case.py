"""A server in the simulated world that can be asked by HTTP, without a socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from b2bua.admin.administration import Administration, Means, Orders
from b2bua.admin.listening import local_site
from b2bua.admin.person import LOCAL
from b2bua.admin.values import Reloaded, Restarted
from b2bua.calls.call import Call
from b2bua.cluster.moving import CannotMove
from b2bua.extensions import AddedExtensions
from b2bua.store.journal import Journal
from b2bua.store.memory import MemoryStore
from b2bua.testing import World


class Answer(NamedTuple):
    """What came back."""

    status: int
    all_fields: list[tuple[str, str]]
    body: bytes

    @property
    def fields(self) -> dict[str, str]:
        """The header fields, in small letters; of those that come twice the last one."""
        return {name: text.lower() for name, text in self.all_fields}

    @property
    def cookies(self) -> list[str]:
        """The cookies that are set."""
        return [text for name, text in self.all_fields if name == "set-cookie"]

    @property
    def value(self) -> Any:
        """The body, as JSON."""
        return json.loads(self.body)


class Connection:
    """A client of a site, in memory."""

    def __init__(self, site: Any, host: str = "127.0.0.1") -> None:
        """Connect."""
        self.transport = StringTransport(peerAddress=IPv4Address("TCP", host, 50000))
        self.channel = site.buildProtocol(self.transport.getPeer())
        self.channel.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.channel.dataReceived(data)

    def close(self) -> None:
        """Close it."""
        self.channel.connectionLost(Failure(ConnectionDone()))

    def read(self) -> Answer:
        """Read an answer that is there as a whole."""
        head, _, body = self.transport.value().partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        pairs = (line.partition(": ") for line in lines[1:])
        return Answer(int(lines[0].split()[1]), [(name.lower(), text) for name, _, text in pairs], body)


def request(
    method: str, path: str, body: bytes | None = None, fields: Mapping[str, str] | None = None
) -> bytes:
    """The bytes of a request."""
    head = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    if body is not None:
        head += [f"Content-Length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in (fields or {}).items()]
    return "\r\n".join([*head, "", ""]).encode() + (body or b"")


async def at_once(work: Callable[..., Any], *values: Any) -> Any:
    """Do in no thread what takes its time."""
    return work(*values)


class AdministrationCase(SynchronousTestCase):
    """Two phones, and whoever may ask by the local socket."""

    settings: Mapping[str, Any] = {"trunks": {"carrier": {"uri": "sip:198.51.100.7", "options_seconds": 0.0}}}

    def setUp(self) -> None:
        """Two phones."""
        self.world = World(settings=self.settings, features="installed")
        assert self.world.served is not None
        self.server = self.world.served.server
        self.store = MemoryStore()
        self.journal = Journal(self.store, self.server.runner)
        self.server.core.calls.began = lambda call: self.journal.record(call.record)
        self.extensions = AddedExtensions(self.journal)
        self.posted: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.moved: list[str] = []
        self.datagrams: list[tuple[bytes, tuple[str, int]]] = []
        self.reloaded = Reloaded(said=[], problems=[])
        self.restarted = Restarted(pid=7, silent_ms=20, handed_over=1, left=1, problem="")
        served = self.world.served
        self.administration = Administration(
            self.server,
            self.journal,
            self.extensions,
            Orders(lambda: served.features, self.configure, self.reload, self.restart, self.move),
            Means(
                at_once, self.post, lambda data, address: self.datagrams.append((data, address)), self.play
            ),
            "1.0",
        )
        self.server.over = self.over
        self.site: IProtocolFactory = local_site(self.administration, LOCAL, self.world.clock)
        self.alice, self.bob = self.world.phones("alice", "bob")

    async def post(self, url: str, fields: Mapping[str, str], body: bytes) -> int:
        """Take what is sent to programs elsewhere."""
        self.posted.append((url, dict(fields), body))
        return self.answers.pop(0) if self.answers else 200

    async def play(self, caller: str, dialled: str, via: str) -> str:
        """Say what a call would do."""
        return f"{caller} would reach {dialled}{via}"

    def over(self, call: Any) -> None:
        """A call is over."""
        self.journal.record(call.record)
        self.administration.over(call)

    def configure(self) -> None:
        """Take the extensions as they are now."""
        assert self.world.served is not None
        settings, features = self.world.served._configured()
        self.server.configure(self.extensions.merged(settings), features)

    async def reload(self) -> Reloaded:
        """Read the configuration again."""
        return self.reloaded

    async def move(self, call: Call, node: str) -> None:
        """Have another node go on with a call."""
        if node != "b":
            raise CannotMove(f"no node {node} runs on this database; others that do: b")
        self.moved.append(call.id)

    async def restart(self) -> Restarted:
        """Have another process take over."""
        return self.restarted

    def send(self, data: bytes) -> Answer:
        """Send bytes on a connection of their own, and read the answer."""
        connection = Connection(self.site)
        connection.send(data)
        self.world.run(0.0)
        answer = connection.read()
        connection.close()
        return answer

    def request(self, method: str, path: str, /, **values: Any) -> Answer:
        """Ask as the command does; what is in braces is one of the values."""
        for name in list(values):
            if f"{{{name}}}" in path:
                path = path.replace(f"{{{name}}}", quote(str(values.pop(name)), safe=""))
        if method in ("GET", "DELETE"):
            more = f"?{urlencode(values)}" if values else ""
            return self.send(request(method, f"/api{path}{more}"))
        body = json.dumps(values).encode()
        return self.send(request(method, f"/api{path}", body, {"Content-Type": "application/json"}))

    def ask(self, method: str, path: str, /, **values: Any) -> Any:
        """Ask what can be answered."""
        answer = self.request(method, path, **values)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.value

    def assertRefused(self, status: int, why: str, method: str, path: str, /, **values: Any) -> None:
        """It cannot be answered."""
        answer = self.request(method, path, **values)
        self.assertEqual((answer.status, list(answer.value)), (status, ["error"]), answer.body)
        self.assertIn(why, answer.value["error"])

    def talk(self) -> None:
        """Alice talks to Bob."""
        self.alice.dial("bob")
        self.world.run(5)
