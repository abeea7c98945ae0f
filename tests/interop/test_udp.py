"""UDP on the loopback interface."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from b2bua.net import overload
from b2bua.net.locate import NumericLocator
from b2bua.net.pktinfo import KNOWS
from b2bua.net.runner import Runner
from b2bua.net.transport import GATHERED
from b2bua.net.udp import ROUND, UdpWire
from b2bua.transactions.flow import Flow
from b2bua.wire.message import Response, write
from b2bua.wire.parser import parse
from b2bua.wire.uri import Uri
from tests.interop.processes import LIMIT
from tests.net.world import Recorder
from tests.transactions.messages import request


class Peer:
    """A runner with one UDP socket."""

    def __init__(self, host: str) -> None:
        """Listen on any port of C{host}."""
        self.user = Recorder()
        self.runner = Runner(reactor, self.user, locator=NumericLocator())
        self.wire = UdpWire(reactor, self.runner, host, 0)
        self.runner.attach(self.wire)
        self.wire.listen()

    def close(self) -> None:
        """Stop all that is left of the test."""
        self.wire.close()
        self.runner.close()


class UdpTests(TestCase):
    """Two runners talk."""

    host, wildcard, name = "127.0.0.1", "0.0.0.0", "127.0.0.1"

    def peer(self, host: str) -> Peer:
        """Make a peer that ends with the test."""
        peer = Peer(host)
        self.addCleanup(peer.close)
        return peer

    def ask(self, alice: Peer, port: int, method: str = "OPTIONS", **more: Any) -> Deferred[Response]:
        """Send a request to a port of this host."""
        heard: Deferred[Response] = Deferred()
        alice.runner.request(
            lambda flow, via: request(method, via=via, **more),
            Uri.parse(f"sip:{self.name}:{port}"),
            heard.callback,
        )
        return heard

    async def test_multicast(self) -> None:
        """What is sent to a group that was joined comes in, and the answer is from an address of ours."""
        bob = self.peer("0.0.0.0")
        bob.wire.join("224.0.1.75")
        bob.user.answer = lambda message, server: server.respond(message.response(200, to_tag="x"))
        phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(phone.close)
        phone.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
        phone.bind(("0.0.0.0", 0))
        phone.settimeout(LIMIT)
        port = phone.getsockname()[1]
        asked = request("OPTIONS", via=f"SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKgroup;rport")
        phone.sendto(write(asked), ("224.0.1.75", bob.wire.local[1]))
        data, source = await deferToThread(phone.recvfrom, 65535)
        answer = parse(data)
        self.assertIsInstance(answer, Response)
        self.assertFalse(ip_address(source[0]).is_multicast)

    async def test_answer(self) -> None:
        """A request finds the other side and its answer comes back."""
        alice, bob = self.peer(self.host), self.peer(self.host)
        bob.user.answer = lambda message, server: server.respond(message.response(200, to_tag="x"))
        answer = await self.ask(alice, bob.wire.local[1])
        self.assertEqual((answer.code, answer.local), (200, False))
        self.assertEqual(answer.via.port, alice.wire.local[1])
        self.assertEqual(answer.via.rport, str(alice.wire.local[1]))

    async def test_wildcard(self) -> None:
        """A socket on all addresses says the one by which the peer reaches us."""
        alice, bob = self.peer(self.wildcard), self.peer(self.wildcard)
        flows: list[Flow] = []

        def answer(message: Any, server: Any) -> None:
            flows.append(server.flow)
            server.respond(message.response(200, to_tag="x"))

        bob.user.answer = answer
        found = await self.ask(alice, bob.wire.local[1])
        self.assertEqual(flows[0].local, (self.host, bob.wire.local[1]))
        self.assertEqual(found.via.host.strip("[]"), self.host)

    async def test_gone_address(self) -> None:
        """What was to leave from an address that we have no longer leaves by another one."""
        alice, bob = self.peer(self.wildcard), self.peer(self.host)
        bob.user.answer = lambda message, server: server.respond(message.response(200, to_tag="x"))
        gone = "2001:db8::99" if ":" in self.host else "198.51.100.99"
        heard: Deferred[Response] = Deferred()
        flow = Flow("UDP", (gone, alice.wire.local[1]), (self.host, bob.wire.local[1]))
        alice.runner.request(lambda flow, via: request("OPTIONS", via=via), flow, heard.callback)
        self.assertEqual((await heard).code, 200)

    async def test_icmp(self) -> None:
        """Nobody listens there: ICMP says so, and the user hears a 503 at once (section 18.4)."""
        alice = self.peer(self.wildcard)
        with socket.socket(
            socket.AF_INET6 if ":" in self.host else socket.AF_INET, socket.SOCK_DGRAM
        ) as taken:
            taken.bind((self.host, 0))
            port = taken.getsockname()[1]
        # ICMP quotes the beginning of a message only.
        for more in ((), (("Subject", "x" * 900),)):
            answer = await self.ask(alice, port, more=more)
            self.assertEqual((answer.code, answer.local), (503, True))
        # The socket goes on listening.
        bob = self.peer(self.host)
        bob.user.answer = lambda message, server: server.respond(message.response(200, to_tag="x"))
        self.assertEqual((await self.ask(alice, bob.wire.local[1])).code, 200)

    async def test_junk(self) -> None:
        """Junk of four bytes is ignored, other junk counted, and the next request served."""
        alice, bob = self.peer(self.host), self.peer(self.host)
        for junk in (b"", b"\0\0\0\0", b"\r\n\r\n", b"nonsense at length"):
            alice.wire.send(junk, Flow("UDP", alice.wire.local, bob.wire.local))
        bob.user.answer = lambda message, server: server.respond(message.response(200, to_tag="x"))
        self.assertEqual((await self.ask(alice, bob.wire.local[1])).code, 200)
        self.assertEqual(
            (bob.runner.transport.counts.keep_alives, bob.runner.transport.counts.malformed), (3, 1)
        )

    async def test_burst(self) -> None:
        """Far more than one turn can do is read at once and sorted: what goes on is served first."""
        self.patch(overload, "FEW", ROUND)
        bob = self.peer(self.host)
        done: Deferred[None] = Deferred()
        total = 3 * ROUND
        order: list[str] = []

        def answer(message: Any, server: Any) -> None:
            order.append(message.method)
            server.respond(message.response(200, to_tag="x"))
            if len(order) == total:
                done.callback(None)

        bob.user.answer = answer
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as phone:
            for number in range(total):
                method, to = (("BYE", "<sip:b@x>;tag=1"), ("MESSAGE", "<sip:b@x>"))[number < total - ROUND]
                via = f"SIP/2.0/UDP phone.invalid;rport;branch=z9hG4bK{number}"
                message = request(method, via=via, to=to, cseq=number)
                phone.sendto(write(message), (self.host, bob.wire.local[1]))
            await done
        # One round is served as it is read; of the rest the BYEs are the first, but for one in eight.
        self.assertEqual(order[:ROUND], ["MESSAGE"] * ROUND)
        last = max(at for at, method in enumerate(order) if method == "BYE")
        self.assertLessEqual(last, ROUND + ROUND * 8 // 7 + 1)

    async def test_gathered(self) -> None:
        """What comes together is answered together: all of it, in its order, and nothing waits for more."""
        bob = self.peer(self.host)
        total = 2 * GATHERED + 1
        done: Deferred[None] = Deferred()
        seen: list[int] = []

        def answer(message: Any, server: Any) -> None:
            server.respond(message.response(200, to_tag="x"))
            seen.append(message.cseq.number)
            if len(seen) == total:
                reactor.callLater(0, done.callback, None)

        bob.user.answer = answer
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as phone:
            phone.setblocking(False)
            for number in range(total):
                via = f"SIP/2.0/UDP phone.invalid;rport;branch=z9hG4bK{number}"
                message = request("OPTIONS", via=via, cseq=number)
                phone.sendto(write(message), (self.host, bob.wire.local[1]))
            await done
            answers = [parse(phone.recv(65536)) for _ in range(total)]
            self.assertRaises(BlockingIOError, phone.recv, 65536)
        self.assertEqual([answer.cseq.number for answer in answers], list(range(total)))

    def test_large(self) -> None:
        """What no datagram can hold is a transport error, not a traceback."""
        alice = self.peer(self.host)
        flow = Flow("UDP", alice.wire.local, (self.host, 9))
        alice.wire.send(write(request(more=(("X", "x" * 70000),))), flow)


class AddressesTests(TestCase):
    """A host with many addresses: Linux has all of 127.0.0.0/8."""

    async def test_answer(self) -> None:
        """An answer leaves from the address that the request came to (RFC 3581 section 4)."""
        bob = Peer("0.0.0.0")
        self.addCleanup(bob.close)
        bob.user.answer = lambda message, server: server.respond(message.response(200, to_tag="x"))
        for address in ("127.0.0.1", "127.0.0.5", "127.0.0.6"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
                # The routes would choose 127.0.0.1 to answer from.
                phone.bind(("127.0.0.1", 0))
                phone.settimeout(LIMIT)
                via = f"SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK{address}"
                phone.sendto(
                    write(request("OPTIONS", via=via, cseq=int(address[-1]))), (address, bob.wire.local[1])
                )
                data, source = await deferToThread(phone.recvfrom, 65536)
            self.assertEqual(source, (address, bob.wire.local[1]))
            self.assertTrue(data.startswith(b"SIP/2.0 200"), data)
            self.assertEqual(bob.user.servers[-1].flow.local, source)

    if not KNOWS:
        test_answer.skip = "the kernel does not tell"  # type: ignore[attr-defined]


class Udp6Tests(UdpTests):
    """The same over IPv6."""

    host, wildcard, name = "::1", "::", "[::1]"
