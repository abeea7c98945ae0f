"""Where URIs lead is not worked out for each request."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from b2bua.net import wires
from b2bua.net.locate import Hop, NumericLocator, Supported
from b2bua.net.wires import Wires
from b2bua.transactions.flow import Flow
from b2bua.wire.uri import Uri
from tests.net.world import HERE, MemoryWire, World

THERE = ("192.0.2.2", 5060)


class _Asked(NumericLocator):
    """Keeps what it is asked."""

    def __init__(self) -> None:
        super().__init__({"two.example.com": ["192.0.2.2"], "far.example.com": ["192.0.2.3"]})
        self.uris: list[str] = []

    def locate(self, uri: Uri, supported: Supported = frozenset()) -> list[Hop]:
        self.uris.append(str(uri))
        return super().locate(uri, supported)


class LocatingTests(SynchronousTestCase):
    """L{Runner.locate} with one socket."""

    def setUp(self) -> None:
        """Nothing has been asked."""
        self.locator = _Asked()
        self.world = World(locator=self.locator)

    def locate(self, uri: str) -> list[Flow]:
        """Where it leads."""
        found = self.world.runner.locate(Uri.parse(uri))
        assert isinstance(found, list)
        return found

    def test_address(self) -> None:
        """An address leads to the same place each time, whoever is behind it, and that is one object."""
        first = self.locate("sip:bob@192.0.2.2")
        self.assertEqual(first, [Flow("UDP", HERE, THERE)])
        self.assertIs(self.locate("sip:carol@192.0.2.2")[0], first[0])
        self.assertEqual(self.locator.uris, ["sip:bob@192.0.2.2"])

    def test_list(self) -> None:
        """Who takes flows out of the list takes them out of their own."""
        self.locate("sip:192.0.2.2")
        self.locate("sip:192.0.2.2").pop()
        self.assertEqual(len(self.locate("sip:192.0.2.2")), 1)

    def test_other(self) -> None:
        """Another scheme, port or parameter is another place (RFC 3263 section 4)."""
        tls = MemoryWire(self.world.clock, "TLS")
        self.world.runner.attach(tls)
        for _ in range(2):
            self.assertEqual(self.locate("sip:192.0.2.2")[0].remote, THERE)
            self.assertEqual(self.locate("sip:192.0.2.2:5070")[0].remote, ("192.0.2.2", 5070))
            self.assertEqual(self.locate("sip:192.0.2.2;maddr=192.0.2.9")[0].remote, ("192.0.2.9", 5060))
            self.assertEqual(self.locate("sips:192.0.2.2")[0].transport, "TLS")
            self.assertEqual(self.locate("sip:192.0.2.2;transport=tcp"), [])

    def test_bounded(self) -> None:
        """What else a peer writes into a URI makes no other place, and there are only so many."""
        places = self.world.runner.transport.wires.places
        for number in range(3):
            self.locate(f"sip:192.0.2.2;lr;ftag={number}")
            self.locate(f"sip:192.0.2.2;transport=x{number}")
        self.assertEqual((len(places), self.locator.uris[0]), (1, "sip:192.0.2.2;lr;ftag=0"))
        self.assertEqual([uri for uri in self.locator.uris if "ftag" in uri], ["sip:192.0.2.2;lr;ftag=0"])
        self.patch(wires, "MOST_WIRES", 5)
        for number in range(20):
            self.locate(f"sip:192.0.2.2:{5061 + number}")
            self.assertLessEqual(len(places), 5)

    def test_name(self) -> None:
        """A name is asked for each time, in C{maddr} too: its servers may have moved."""
        for uri in ("sip:two.example.com", "sip:192.0.2.2;maddr=far.example.com"):
            self.locate(uri)
            self.locate(uri)
            self.assertEqual(self.locator.uris[-2:], [uri] * 2)

    def test_connection(self) -> None:
        """So is the way over a connection, which may be closed by then."""
        self.world.runner.attach(MemoryWire(self.world.clock, "TCP"))
        self.locate("sip:192.0.2.2;transport=tcp")
        self.locate("sip:192.0.2.2;transport=tcp")
        self.assertEqual(len(self.locator.uris), 2)

    def test_new_wire(self) -> None:
        """With another socket all is worked out anew, for it may be the one that leads there."""
        self.locate("sip:192.0.2.2")
        self.world.runner.detach(self.world.wire)
        self.assertEqual(self.locate("sip:192.0.2.2"), [])


class RouteTests(SynchronousTestCase):
    """The same with a socket on all addresses of a host whose routes change."""

    def setUp(self) -> None:
        """The route leads out by one address."""
        self.address = "192.0.2.10"
        self.world = World(locator=_Asked())
        self.world.runner.detach(self.world.wire)
        self.ask_routes(lambda host: self.address)
        self.world.runner.attach(MemoryWire(self.world.clock, "UDP", ("0.0.0.0", 5060)))

    def ask_routes(self, source: Callable[[str], str | None]) -> None:
        """Have other routes than those of this machine."""
        known: Wires = self.world.runner.transport.wires
        self.patch(known, "_ask_routes", source)

    def local(self) -> str:
        """The address of ours by which the server is reached."""
        found = self.world.runner.locate(Uri.parse("sip:192.0.2.2"))
        assert isinstance(found, list)
        return found[0].local[0]

    def test_routes(self) -> None:
        """A route counts as known for a minute from when it was asked, and no longer."""
        self.assertEqual(self.local(), "192.0.2.10")
        self.address = "192.0.2.11"
        self.world.clock.advance(59)
        self.assertEqual(self.local(), "192.0.2.10")
        self.world.clock.advance(2)
        self.assertEqual(self.local(), "192.0.2.11")
        self.world.clock.advance(1)
        self.assertEqual(self.local(), "192.0.2.11")
