"""What the world may cost us."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.net.admission import Admission, ConnectionCount, Halves
from b2bua.net.limits import NetLimits
from b2bua.testing import World as SimulatedWorld
from b2bua.transactions.effects import TimerValues
from b2bua.transactions.flow import Flow
from b2bua.wire.message import Request, Response, write
from tests.net.world import ALICE, BOB, HERE, MemoryWire, World
from tests.transactions.messages import request


def numbered(number: int, method: str = "OPTIONS", to: str = "<sip:bob@example.com>") -> Request:
    """One of many requests."""
    return request(method, via=f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{number}", cseq=number, to=to)


class AdmissionTests(SynchronousTestCase):
    """L{Admission}."""

    def setUp(self) -> None:
        """Ten a second, five at once, three sources."""
        self.admission = Admission(10, 5, 3)

    def count(self, host: str, now: float, tries: int = 20) -> int:
        """How many of many messages are let in."""
        return sum(self.admission.admit(host, now) for _ in range(tries))

    def test_burst(self) -> None:
        """A burst is let in, then no more than the rate."""
        self.assertEqual(self.count("a", 0), 5)
        self.assertEqual(self.count("a", 0.2), 2)
        self.assertEqual(self.count("a", 100), 5)
        self.assertEqual(self.admission.refused, 20 * 3 - 12)

    def test_several_at_once(self) -> None:
        """What comes together counts for as much as it is."""
        self.assertTrue(self.admission.admit("a", 0, 4))
        self.assertFalse(self.admission.admit("a", 0, 2))
        self.assertEqual(self.count("a", 0), 1)
        self.assertFalse(self.admission.admit("b", 0, 6))

    def test_each_its_own(self) -> None:
        """One source does not cost another its share."""
        self.count("a", 0)
        self.assertEqual(self.count("b", 0), 5)

    def test_network(self) -> None:
        """All addresses of an IPv6 /64 are one source; those of the next one another."""
        self.assertEqual(self.count("2001:db8::1", 0) + self.count("2001:db8::ffff:2", 0), 5)
        self.assertEqual(self.count("2001:db8:0:1::1", 0), 5)

    def test_known(self) -> None:
        """Whom we know is not counted."""
        self.admission.know("a")
        self.assertEqual(self.count("a", 0), 20)

    def test_crowd(self) -> None:
        """More sources than there are accounts share one, until accounts are empty again."""
        for host in "abc":
            self.count(host, 0)
        self.assertEqual(self.count("d", 0) + self.count("e", 0), 5)
        self.assertEqual(self.count("f", 10), 5)
        self.assertEqual(self.count("g", 10), 5)

    def test_bounded(self) -> None:
        """However many sources there are, memory is bounded."""
        for number in range(1000):
            self.admission.admit(f"host-{number}", number * 0.001)
            self.admission.know(f"known-{number}")
        self.assertLess(len(self.admission._accounts), 5)
        self.assertLess(len(self.admission.known), 5)


class Slow:
    """A connection that keeps us waiting for the rest of a message."""

    closed = 0

    def lose(self, *, at_once: bool = False) -> None:
        """It is closed."""
        self.closed += 1


class HalvesTests(SynchronousTestCase):
    """L{Halves}: what all connections together may have sent of messages that are not whole."""

    def test_oldest_goes(self) -> None:
        """Who has kept us waiting longest is closed, and nobody else."""
        halves, slow = Halves(100), [Slow() for _ in range(4)]
        for one in slow[:3]:
            halves.keep(one, 30)
        halves.keep(slow[0], 35)  # the order is that of the beginning
        halves.keep(slow[3], 30)
        self.assertEqual([one.closed for one in slow], [1, 0, 0, 0])
        self.assertEqual(halves.bytes, 90)

    def test_rest_has_come(self) -> None:
        """A message that is whole counts no more."""
        halves, slow = Halves(100), [Slow() for _ in range(9)]
        for one in slow:
            halves.keep(one, 90)
            halves.keep(one, 0)
        self.assertEqual((halves.bytes, [one.closed for one in slow]), (0, [0] * 9))

    def test_one_alone(self) -> None:
        """A single one that is too much is closed, too, and its end changes nothing more."""
        halves, slow = Halves(100), Slow()
        halves.keep(slow, 101)
        halves.keep(slow, 0)
        self.assertEqual((halves.bytes, slow.closed), (0, 1))


class ConnectionCountTests(SynchronousTestCase):
    """L{ConnectionCount}."""

    def test_bounds(self) -> None:
        """Connections are bounded per address and in all; ours count in all only."""
        places = ConnectionCount(4, 2)
        self.assertEqual([places.take("a") for _ in range(3)], [True, True, False])
        self.assertEqual([places.take("a", ours=True) for _ in range(3)], [True, True, False])
        self.assertEqual((places.take("b"), places.taken, places.refused), (False, 4, 3))
        places.give_back("a", ours=True)
        places.give_back("a")
        self.assertTrue(places.take("b") and places.take("a"))
        for host in "aab":
            places.give_back(host, ours=False)
        places.give_back("a", ours=True)
        self.assertEqual((places.taken, places._hosts), (0, {}))

    def test_network(self) -> None:
        """An IPv6 /64 is one address."""
        places = ConnectionCount(10, 1)
        self.assertEqual([places.take(f"2001:db8::{at}") for at in (1, 2)], [True, False])
        self.assertTrue(places.take("2001:db8:0:1::1"))
        places.give_back("2001:db8::2")
        self.assertTrue(places.take("2001:db8::3"))


class ConfiguredTests(SynchronousTestCase):
    """Limits come from the configuration."""

    def test_limits(self) -> None:
        """Each key of the table is the limit of its name."""
        said = {
            "transactions": 11,
            "rate": 12.0,
            "burst": 13,
            "connections": 14,
            "connections_per_host": 15,
            "idle": 16.0,
            "hello": 17.0,
            "unfinished": 18.0,
            "buffered": 19_000,
            "dead": 20.0,
        }
        served = SimulatedWorld(settings={"limits": said}).served
        assert served is not None
        limits = served.server.runner.transport.limits
        self.assertEqual({name: getattr(limits, name) for name in said}, said)


class FloodTests(SynchronousTestCase):
    """A runner under load."""

    def setUp(self) -> None:
        """Nothing has happened."""
        self.world = self.limited(transactions=10)

    def limited(self, **limits: Any) -> World:
        """Make a world with limits."""
        return World(limits=NetLimits(**limits))

    def flood(self, world: World, numbers: range, **more: Any) -> None:
        """Send many requests."""
        for number in numbers:
            world.receive(numbered(number, **more))

    def test_full(self) -> None:
        """A full table means 503 without Retry-After, for new requests (RFC 7339 section 5.10.2)."""
        self.flood(self.world, range(15))
        self.assertEqual((len(self.world.user.requests), self.world.runner.live), (10, 10))
        self.assertEqual([what for _, what in self.world.wire.log], [503] * 5)
        self.assertIsNone(self.world.wire.last().get("Retry-After"))
        self.assertEqual(self.world.runner.transport.counts.turned_away, 5)

    def test_full_again(self) -> None:
        """What has a transaction is served, and so are in-dialog requests within reason."""
        self.flood(self.world, range(10))
        self.world.receive(numbered(3))
        self.assertEqual(self.world.runner.transport.counts.absorbed, 1)
        self.flood(self.world, range(20, 30), to="<sip:bob@example.com>;tag=b")
        self.assertEqual(len(self.world.user.requests), 13)
        self.assertEqual([what for _, what in self.world.wire.log], [503] * 7)

    def test_full_cancel(self) -> None:
        """A CANCEL makes room, so it is served when nothing new is (section 9.2)."""
        self.flood(self.world, range(10), method="INVITE")
        self.world.receive(numbered(3, method="CANCEL"))
        self.assertEqual(self.world.user.cancels, [self.world.user.servers[3]])
        self.assertEqual([what for _, what in self.world.wire.log], [200])
        # Even that has a bound.
        self.flood(self.world, range(4, 9), method="CANCEL")
        self.assertEqual([what for _, what in self.world.wire.log[1:]], [200, 200, 503, 503, 503])

    def test_stray_cancel(self) -> None:
        """A CANCEL for nothing gets 481, the same each time, and leaves nothing (sections 8.2.7, 9.2)."""
        for _ in range(2):
            self.world.receive(numbered(1, method="CANCEL"))
        first, second = self.world.wire.sent
        self.assertEqual(first, second)
        self.assertEqual((self.world.wire.last().code, self.world.runner.live), (481, 0))

    def test_room_again(self) -> None:
        """When transactions end there is room again."""
        self.world.user.answer = lambda message, server: server.respond(message.response(200, to_tag="x"))
        self.flood(self.world, range(10))
        self.world.until(33)
        self.flood(self.world, range(10, 20))
        self.assertEqual(len(self.world.user.requests), 20)

    def test_strangers(self) -> None:
        """An unknown host that sends too much is not even parsed; others are served."""
        world = self.limited(rate=1, burst=3)
        for number in range(10):
            world.receive(b"rubbish, but a lot of it %d" % number)
        self.assertEqual(
            (world.runner.transport.traffic.came.total, world.runner.transport.counts.malformed), (3, 3)
        )
        world.receive(numbered(1), Flow("UDP", HERE, BOB))
        self.assertEqual(len(world.user.requests), 1)

    def test_acquaintances(self) -> None:
        """A host that we ask something is known."""
        world = self.limited(rate=1, burst=3)
        flow = Flow("UDP", HERE, ALICE)
        world.runner.request(lambda flow, via: request("OPTIONS", via=via), flow, world.hear)
        self.flood(world, range(10))
        self.assertEqual(len(world.user.requests), 10)

    def test_stateless(self) -> None:
        """What can be answered without a transaction costs none (RFC 3261 section 8.2.7)."""

        def answer(message: Request, flow: Flow) -> Response | None:
            return message.response(200, to_tag="same") if message.method == "OPTIONS" else None

        self.world.runner.servers.stateless["OPTIONS"] = answer
        self.flood(self.world, range(3))
        self.world.receive(numbered(0))
        self.assertEqual([what for _, what in self.world.wire.log], [200] * 4)
        self.assertEqual(self.world.runner.live, 0)
        self.world.receive(numbered(9, method="MESSAGE"))
        self.assertEqual(len(self.world.user.requests), 1)

    def test_dismissed(self) -> None:
        """What the user dismisses is answered anew each time, with the same To tag (section 8.2.7)."""
        self.world.user.answer = lambda message, server: server.dismiss(401, fields=(("X", "y"),))
        for _ in range(3):
            self.world.receive(numbered(1, method="INVITE"))
            self.world.receive(numbered(1, method="ACK"))
        self.assertEqual(self.world.runner.live, 0)
        self.world.until(40)
        self.assertEqual(self.world.wire.log, [(0, 401)] * 3)
        self.assertEqual(len({data for data, _ in self.world.wire.sent}), 1)
        self.assertEqual(self.world.wire.last().get("X"), "y")
        tag = self.world.wire.last().to.tag
        self.world.receive(numbered(2, method="INVITE"))
        self.assertNotEqual(self.world.wire.last().to.tag, tag)

    def test_dismissed_late(self) -> None:
        """Whoever has heard a 1xx does not ask again, so the answer waits for its ACK; there is but one."""
        self.world.receive(numbered(1, method="INVITE"))
        self.world.until(0.2)
        (server,) = self.world.user.servers
        server.dismiss(404)
        server.dismiss(404)
        self.world.until(0.7)
        self.assertEqual(self.world.wire.log, [(0.2, 100), (0.2, 404), (0.7, 404)])

    def test_malformed(self) -> None:
        """A malformed request is answered without a transaction, a response dropped."""
        message = write(numbered(1))
        self.world.receive(message.replace(b"CSeq: 1", b"CSeq: one"))
        self.world.receive(message.replace(b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia"))
        self.world.receive(message.replace(b"OPTIONS sip:bob@192.0.2.2 SIP/2.0", b"SIP/2.0 9999 What"))
        self.world.receive(b"\2" * 100)
        self.assertEqual([what for _, what in self.world.wire.log], [400, 505])
        self.assertEqual((self.world.runner.live, self.world.runner.transport.counts.malformed), (0, 4))


class ContactTests(SynchronousTestCase):
    """What we are called."""

    def test_own(self) -> None:
        """By default by our own address."""
        world = World()
        self.assertEqual(world.runner.contact_host(world.flow), "192.0.2.10:5060")
        six = Flow("UDP", ("2001:db8::1", 5060), ("2001:db8::2", 5060))
        self.assertEqual(world.runner.contact_host(six), "[2001:db8::1]:5060")

    def test_advertised(self) -> None:
        """Or as the administrator says, with the port of the socket if he says none."""
        for said, expected in (
            ("pbx.example.com", "pbx.example.com:5060"),
            ("203.0.113.1:5080", "203.0.113.1:5080"),
            ("[2001:db8::9]", "[2001:db8::9]:5060"),
        ):
            world = World()
            world.runner.detach(world.wire)
            world.runner.attach(world.wire, said)
            self.assertEqual(world.runner.contact_host(world.flow), expected)
            via, branch = world.runner.transport.new_via(world.flow)
            self.assertEqual(via, f"SIP/2.0/UDP {expected};rport;branch={branch}")

    def test_several(self) -> None:
        """A request leaves by a socket of the transport and of the family that leads there."""
        world = World()
        six = MemoryWire(world.clock, "UDP", ("2001:db8::1", 5060))
        other = MemoryWire(world.clock, "UDP", ("192.0.2.11", 5070))
        for wire in (six, other):
            world.runner.attach(wire)
        world.runner.request(
            lambda flow, via: request("OPTIONS", via=via), Flow("UDP", other.local, BOB), world.hear
        )
        self.assertEqual((len(world.wire.sent), len(other.sent)), (0, 1))
        world.runner.detach(other)
        world.runner.request(
            lambda flow, via: request("OPTIONS", via=via), Flow("UDP", other.local, BOB), world.hear
        )
        # What was under way learns it when it would be sent again.
        world.until(0.5)
        self.assertEqual(world.heard, [(0, 503), (0.5, 503)])


class TimersTests(SynchronousTestCase):
    """Timers of one's own."""

    def test_of_a_peer(self) -> None:
        """Peers may have another T1; others keep the usual one."""
        world = World()
        world.runner.transport.set_timers(BOB[0], TimerValues(t1=0.1, t2=0.4))
        for remote in (BOB, ALICE):
            flow = Flow("UDP", HERE, remote)
            world.runner.request(lambda flow, via: request("OPTIONS", via=via), flow, world.hear)
        world.until(1)
        at = [
            (time, flow.remote) for (time, _), (_, flow) in zip(world.wire.log, world.wire.sent, strict=True)
        ]
        self.assertEqual([time for time, remote in at if remote == BOB], [0, 0.1, 0.3, 0.7])
        self.assertEqual([time for time, remote in at if remote == ALICE], [0, 0.5])
        world.runner.transport.set_timers(BOB[0])
        self.assertEqual(world.runner.timers_of(Flow("UDP", HERE, BOB)), TimerValues())

    def test_of_a_transport(self) -> None:
        """So may transports."""
        world = World()
        world.runner.transport.set_timers("TCP", TimerValues(t1=1.0))
        self.assertEqual(world.runner.timers_of(Flow("TCP", HERE, BOB, 1)).t1, 1.0)
        self.assertEqual(world.runner.timers_of(Flow("UDP", HERE, BOB)).t1, 0.5)

    def test_configured(self) -> None:
        """The configuration says them; a peer counts for more than a transport, and other values stay."""
        peers = {"192.0.2.2": {"t1": 2.0}, "TCP": {"t1": 1.0, "t2": 8.0}}
        served = SimulatedWorld(settings={"timers": {"t4": 3.0, "peers": peers}}).served
        assert served is not None
        timers_of = served.server.runner.timers_of
        self.assertEqual(timers_of(Flow("UDP", HERE, ALICE)), TimerValues(0.5, 4.0, 3.0))
        self.assertEqual(timers_of(Flow("TCP", HERE, ALICE, 1)), TimerValues(1.0, 8.0, 3.0))
        self.assertEqual(timers_of(Flow("TCP", HERE, BOB, 1)), TimerValues(2.0, 4.0, 3.0))

    def test_tap(self) -> None:
        """A tap hears every message, as bytes, with its time and direction."""
        world = World()
        heard: list[Any] = []
        world.runner.transport.traffic.tap = lambda *what: heard.append(what)
        world.user.answer = lambda message, server: server.respond(message.response(200, to_tag="x"))
        world.until(1)
        world.receive(numbered(1))
        self.assertEqual([(at, out) for at, _, out, _ in heard], [(1, False), (1, True)])
        self.assertEqual((heard[0][3][:7], heard[1][3][:7]), (b"OPTIONS", b"SIP/2.0"))
