"""Which socket leads where, without sockets."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from b2bua.net.locate import Hop
from b2bua.net.wires import Wires
from tests.net.world import MemoryWire

INSIDE, OUTSIDE = ("10.0.0.1", 5060), ("203.0.113.1", 5060)


class WiresTests(SynchronousTestCase):
    """L{Wires} on a host with two networks."""

    def setUp(self) -> None:
        """What begins with 10 is inside, all else outside, and 192.0.2.66 nowhere."""
        self.asked: list[str] = []
        self.clock = Clock()
        self.wires = Wires(self.clock.seconds, 60.0, self.source)

    def source(self, host: str) -> str | None:
        """The routes."""
        self.asked.append(host)
        if host == "192.0.2.66":
            return None
        return INSIDE[0] if host.startswith("10.") else OUTSIDE[0]

    def attach(self, *places: tuple[str, int]) -> None:
        """Listen."""
        for place in places:
            self.wires.attach(MemoryWire(self.clock, "UDP", place), "")

    def local(self, host: str) -> tuple[str, int] | None:
        """The socket by which a host is reached."""
        flow = self.wires.flow_to(Hop("UDP", host, 5060))
        return flow.local if flow is not None else None

    def test_networks(self) -> None:
        """Of a socket in each network, the one that is in the host's is used."""
        for places in ((INSIDE, OUTSIDE), (OUTSIDE, INSIDE)):
            self.setUp()
            self.attach(*places)
            self.assertEqual((self.local("10.0.0.7"), self.local("198.51.100.7")), (INSIDE, OUTSIDE))

    def test_one(self) -> None:
        """A single socket is used as it is; the routes are not asked."""
        self.attach(INSIDE)
        self.assertEqual((self.local("198.51.100.7"), self.asked), (INSIDE, []))

    def test_wildcard(self) -> None:
        """A socket on all addresses leads everywhere, by the address that the routes choose."""
        self.attach(("0.0.0.0", 5070), OUTSIDE)
        self.assertEqual(self.local("10.0.0.7"), (INSIDE[0], 5070))
        self.assertEqual(self.local("198.51.100.7"), (OUTSIDE[0], 5070))
        self.assertEqual(self.local("192.0.2.66"), OUTSIDE)

    def test_remembered(self) -> None:
        """Routes are asked once a minute for each host."""
        self.attach(INSIDE, OUTSIDE)
        for _ in range(3):
            self.local("10.0.0.7")
        self.clock.advance(61)
        self.local("10.0.0.7")
        self.assertEqual(self.asked, ["10.0.0.7"] * 2)
