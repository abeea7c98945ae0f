"""The transaction layer of the real server on wires in memory."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from b2bua.net.locate import NumericLocator
from b2bua.net.runner import Runner
from b2bua.testing.phone import Phone
from b2bua.testing.wires import DatagramWire, StreamWire
from b2bua.testing.world import World
from b2bua.transactions.flow import Flow
from b2bua.transactions.ports import IServerTransaction, ITransactionUser
from b2bua.wire.message import Request, Response
from b2bua.wire.uri import Uri

SERVER = ("192.0.2.1", 5060)


@implementer(ITransactionUser)
class Agreeable:
    """Says 200 to everything and remembers what it heard."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self.flows: list[Flow] = []
        self.lost: list[Flow] = []

    def request_received(self, request: Request, server: IServerTransaction) -> None:
        """Say 200."""
        self.flows.append(server.flow)
        server.respond(request.response(200, to_tag="t"))

    def ack_received(self, request: Request, flow: Flow) -> None:
        """Do nothing."""

    def stray_success_received(self, response: Response, flow: Flow) -> None:
        """Do nothing."""

    def may_cancel(self, request: Request, server: IServerTransaction, flow: Flow) -> bool:
        """Only from where the INVITE came from."""
        return False

    def cancel_received(self, request: Request, server: IServerTransaction) -> None:
        """Do nothing."""

    def transport_lost(self, flow: Flow) -> None:
        """Remember it."""
        self.lost.append(flow)


class WireTests(SynchronousTestCase):
    """A runner, a user, and phones around them."""

    def setUp(self) -> None:
        """Attach both wires."""
        self.world = World(server=False)
        self.world.server_address = SERVER
        self.user = Agreeable()
        self.runner = Runner(self.world.clock, self.user, locator=NumericLocator())
        self.streams = StreamWire(self.world.network, SERVER, self.runner)
        self.datagrams = DatagramWire(self.world.network, SERVER, self.runner)
        self.runner.attach(self.datagrams)
        self.runner.attach(self.streams)

    def options(self, target: Flow | Uri) -> list[int]:
        """Let the server send OPTIONS, and collect the answers."""
        codes: list[int] = []
        self.runner.request(self.write, target, lambda response: codes.append(response.code))
        return codes

    def write(self, flow: Flow, via: str) -> Request:
        """OPTIONS to Alice."""
        fields = [
            ("Via", via),
            ("Max-Forwards", "70"),
            ("From", "<sip:server@192.0.2.1>;tag=1"),
            ("To", "<sip:alice@192.0.2.1>"),
            ("Call-ID", "1"),
            ("CSeq", "1 OPTIONS"),
        ]
        return Request("OPTIONS", "sip:alice@192.0.2.1", fields)

    def test_phone_asks(self) -> None:
        """A request reaches the user by either transport, and its answer the phone."""
        for transport in ("UDP", "TCP"):
            with self.subTest(transport=transport):
                phone = self.world.phone(f"alice-{transport.lower()}", transport=transport)
                phone.register()
                self.world.run(1)
                self.assertEqual(phone.register_code, 200)
                self.assertEqual(self.user.flows[-1].transport, transport)

    def test_server_asks(self) -> None:
        """A request goes down the phone's own connection, or to its UDP port."""
        for transport in ("UDP", "TCP"):
            with self.subTest(transport=transport):
                phone = self.world.phone(f"alice-{transport.lower()}", transport=transport)
                phone.register()
                self.world.run(1)
                codes = self.options(self.user.flows[-1])
                self.world.run(1)
                self.assertEqual(codes, [200])

    def test_server_connects(self) -> None:
        """To a peer that is not connected yet a connection is opened."""
        phone = self.world.phone("alice", transport="TCP")
        codes = self.options(Uri.parse(f"sip:{phone.host};transport=tcp"))
        self.world.run(1)
        self.assertEqual(codes, [200])
        self.assertEqual(len(self.streams), 1)

    def test_gone_another_way(self) -> None:
        """What waits for its connection while the peer is found elsewhere does not come by that later."""
        phone = self.world.phone("alice", transport="TCP")
        phone.register()
        self.world.run(1)
        other = self.world.phone("bob", transport="TCP")
        codes: list[int] = []
        client = self.runner.request(
            self.write,
            Uri.parse(f"sip:{other.host};transport=tcp"),
            lambda response: codes.append(response.code),
        )
        client.move(self.user.flows[-1])
        self.world.run(1)
        self.assertEqual(codes, [200])
        asked = [one.destination for one in self.world.network.log if one.data.startswith(b"OPTIONS")]
        self.assertEqual([host for host, _ in asked], [phone.host])

    def test_sent_too_late(self) -> None:
        """Nothing leaves a process that is gone, by neither transport."""
        phone = self.world.phone("alice", transport="TCP")
        phone.register()
        self.world.run(1)
        flow = self.user.flows[-1]
        self.datagrams.close()
        self.streams.close()
        sent = len(self.world.network.log)
        self.datagrams.send(b"late", Flow("UDP", SERVER, (phone.host, 5060)))
        self.streams.send(b"late", flow)
        self.world.run(1)
        self.assertEqual((len(self.world.network.log), len(self.streams)), (sent, 0))

    def test_connected_too_late(self) -> None:
        """A connection that comes about when its process is gone carries nothing, and is closed."""
        for host in ("10.9.9.9", self.world.phone("alice", transport="TCP").host):
            with self.subTest(host=host):
                codes = self.options(Uri.parse(f"sip:{host};transport=tcp"))
                self.streams.close()
                self.runner.close()
                self.world.run(1)
                self.assertEqual((codes, len(self.streams)), ([], 0))
        self.assertFalse([one for one in self.world.network.log if one.data.startswith(b"OPTIONS")])

    def test_nobody_there(self) -> None:
        """A refused connection and an ICMP error are heard at once as 503."""
        for transport in ("udp", "tcp"):
            with self.subTest(transport=transport):
                codes = self.options(Uri.parse(f"sip:10.9.9.9;transport={transport}"))
                self.world.run(1)
                self.assertEqual(codes, [503])

    def test_connection_lost(self) -> None:
        """The user hears of a connection that the phone has closed."""
        phone = self.world.phone("alice", transport="TCP")
        phone.register()
        self.world.run(1)
        phone.close_connections()
        self.world.run(1)
        self.assertEqual(self.user.lost, self.user.flows)
        self.assertEqual(len(self.streams), 0)

    def test_message_in_pieces(self) -> None:
        """A message that arrives byte by byte is one message."""
        phone = self.world.phone("alice", transport="TCP")
        assert isinstance(phone, Phone)
        got: list[Response] = []

        def opened(stream: object) -> None:
            text = (
                b"OPTIONS sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.2;branch=z9hG4bKx\r\n"
                b"From: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: 2\r\nCSeq: 1 OPTIONS\r\n"
                b"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            )
            for at in range(len(text)):
                stream.write(text[at : at + 1])  # type: ignore[attr-defined]  # a Stream

        self.world.network.connect(phone.host, SERVER, opened, lambda: got.clear())
        self.world.run(1)
        self.assertEqual(len(self.user.flows), 1)
