"""
A network of one's own: datagrams and connections that lose, delay and double.

Hosts are IP addresses as text; nothing has to be declared before it is used.
Everything drawn at random comes from the C{Random} that is handed in, so the
same seed gives the same weather.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import NamedTuple, TypeAlias

from b2bua.testing.clock import StandingClock

Address: TypeAlias = tuple[str, int]

FIRST_PORT = 40_000
"""Connections are opened from ports above it."""
ICMP_QUOTE = 520
"""Bytes of a datagram that an ICMP error brings back."""


@dataclass(slots=True)
class Link:
    """How the way between two hosts behaves; probabilities lie between 0 and 1."""

    delay: float = 0.01
    """Seconds that every packet takes."""
    jitter: float = 0.0
    """At most so many seconds more, so that datagrams may overtake each other."""
    loss: float = 0.0
    """Chance that a datagram is lost; a connection is only slowed down by it."""
    duplicate: float = 0.0
    """Chance that a datagram arrives twice."""
    reorder: float = 0.0
    """Chance that a datagram is held back for a while."""
    cut: bool = False
    """Nothing passes: datagrams are lost and connections stand still."""

    @property
    def faithful(self) -> bool:
        """Does all arrive, once, and in order?"""
        return not (self.jitter or self.loss or self.duplicate or self.reorder or self.cut)


class Packet(NamedTuple):
    """What was given to the network at one time; the ladder is drawn from these."""

    at: float
    source: Address
    destination: Address
    data: bytes
    transport: str = "UDP"
    lost: bool = False


class Endpoint:
    """A socket for datagrams."""

    __slots__ = ("_network", "address", "receive", "refused")

    def __init__(self, network: Network, address: Address, receive: Receive) -> None:
        """Use L{Network.listen} instead."""
        self._network = network
        self.address = address
        self.receive = receive
        self.refused: Callable[[Address, bytes], None] | None = None
        """Called when nobody listens where something was sent to, with its beginning (ICMP)."""

    def send(self, data: bytes, to: Address) -> None:
        """Send one datagram."""
        self._network.datagram(self, data, to)

    def close(self) -> None:
        """Listen no more."""
        self._network.endpoints.pop(self.address, None)

    def move(self, port: int) -> None:
        """Be seen from another port, as by a router that has forgotten the way."""
        network = self._network
        del network.endpoints[self.address]
        network.forgotten.add(self.address)
        network.harmed = True
        self.address = (self.address[0], port)
        network.endpoints[self.address] = self


Receive: TypeAlias = Callable[[bytes, Address], None]


class Stream:
    """One end of a connection: bytes arrive all and in order, or it is closed."""

    __slots__ = (
        "_due",
        "_held",
        "_network",
        "closed",
        "is_open",
        "local",
        "lost",
        "other",
        "receive",
        "remote",
        "transport",
    )

    other: Stream

    def __init__(self, network: Network, local: Address, remote: Address, transport: str) -> None:
        """Use L{Network.connect} instead."""
        self._network = network
        self.local = local
        self.remote = remote
        self.transport = transport
        self.receive: Callable[[bytes], None] | None = None
        self.lost: Callable[[], None] | None = None
        """Called once when the other end has closed it."""
        self.is_open = True
        self.closed = False
        self._due = 0.0
        self._held: list[bytes | None] = []

    def write(self, data: bytes) -> None:
        """Send bytes to the other end; nothing happens when it is closed."""
        if self.is_open:
            self._network.note(self.local, self.remote, data, self.transport, lost=False)
            self._carry(data)

    def close(self) -> None:
        """Close it; the other end notices when all that was written has arrived."""
        if self.is_open:
            self.is_open = False
            self._network.harmed = True
            for hear in self._network.on_close:
                hear(self.local, self.remote)
            self._carry(None)

    def _carry(self, data: bytes | None) -> None:
        network = self._network
        link = network.between(self.local[0], self.remote[0])
        if link.cut:
            network.harmed = True
            self._held.append(data)
            return
        # What is lost on the way is sent again by TCP, so it costs only time.
        late = 0.2 if link.loss and network.random.random() < link.loss else 0.0
        due = network.clock.seconds() + link.delay + late
        if link.jitter:
            due += network.random.random() * link.jitter
        self._due = max(self._due, due)
        network.clock.callLater(self._due - network.clock.seconds(), self._arrive, data)

    def _arrive(self, data: bytes | None) -> None:
        other = self.other
        if data is None:
            self._network.streams.discard(self)
        if not other.is_open:
            return
        if data is not None:
            if other.receive is not None:
                self._network.told(self.local, other.local, data, self.transport)
                other.receive(data)
            return
        other.is_open = False
        self._network.streams.discard(other)
        if other.lost is not None:
            other.lost()

    def forget(self) -> None:
        """Be closed without a word to the other end, as when a router forgets the connection."""
        self.is_open = False
        self._network.harmed = True

    def go_on(self) -> None:
        """Send what was held back while the link was cut."""
        held, self._held = self._held, []
        for data in held:
            self._carry(data)


class Network:
    """All the hosts, and what lies between them."""

    def __init__(self, clock: StandingClock, random: Random) -> None:
        """Lay a network in which all is well until C{link} or a link of two hosts is changed."""
        self.clock = clock
        self.random = random
        self.link = Link()
        """Between any two hosts that have no link of their own."""
        self.links: dict[frozenset[str], Link] = {}
        self.endpoints: dict[Address, Endpoint] = {}
        self.forgotten: set[Address] = set()
        """Ports that a router has given back: what is sent there vanishes, and nobody hears of it."""
        self.servers: dict[tuple[str, Address], Callable[[Stream], None]] = {}
        self.streams: set[Stream] = set()
        self.names: dict[str, str] = {}
        """What a host is called in a ladder."""
        self.log: deque[Packet] = deque(maxlen=20_000)
        self.on_send: list[Callable[[Packet], None]] = []
        """Called with each packet as it leaves."""
        self.on_arrive: list[Callable[[Packet], None]] = []
        """Called with each packet just before it is handed over."""
        self.on_close: list[Callable[[Address, Address], None]] = []
        """Called with both ends when one of them, the first, closes a connection."""
        self.icmp = True
        """Does the sender of a datagram learn that nobody listens there?"""
        self._ports: dict[str, int] = {}
        self.harmed = False
        """Was anything lost, doubled, reordered or cut off so far?"""
        self.under_way = 0
        """Datagrams on their way."""

    def between(self, one: str, other: str) -> Link:
        """Look up the link of two hosts."""
        if not self.links:
            return self.link
        return self.links.get(frozenset((one, other)), self.link)

    def own_link(self, one: str, other: str) -> Link:
        """Give two hosts a link of their own, to be changed as one likes."""
        pair = frozenset((one, other))
        if pair not in self.links:
            link = self.link
            self.links[pair] = Link(
                link.delay, link.jitter, link.loss, link.duplicate, link.reorder, link.cut
            )
        return self.links[pair]

    @property
    def faithful(self) -> bool:
        """Has no link done harm, and does none?"""
        return not self.harmed and self.link.faithful and all(link.faithful for link in self.links.values())

    def part(self, ones: Iterable[str], others: Iterable[str]) -> None:
        """Cut every way between the hosts of two groups."""
        others = list(others)
        for one in ones:
            for other in others:
                self.own_link(one, other).cut = True

    def mend(self, one: str, other: str) -> None:
        """Undo a cut between two hosts; their connections go on."""
        self.own_link(one, other).cut = False
        for stream in sorted(self.streams, key=lambda s: (s.local, s.remote)):
            if {stream.local[0], stream.remote[0]} == {one, other}:
                stream.go_on()

    def heal(self) -> None:
        """Make every link whole: nothing is cut or lost, doubled or reordered any more."""
        for link in (self.link, *self.links.values()):
            link.cut = False
            link.loss = link.duplicate = link.reorder = link.jitter = 0.0
        for stream in sorted(self.streams, key=lambda s: (s.local, s.remote)):
            stream.go_on()

    def note(self, source: Address, destination: Address, data: bytes, transport: str, lost: bool) -> None:
        """Write down what leaves."""
        packet = Packet(self.clock.rightNow, source, destination, data, transport, lost)
        self.log.append(packet)
        for hear in self.on_send:
            hear(packet)

    def told(self, source: Address, destination: Address, data: bytes, transport: str) -> None:
        """Tell who listens in that something arrives."""
        if self.on_arrive:
            packet = Packet(self.clock.rightNow, source, destination, data, transport)
            for hear in self.on_arrive:
                hear(packet)

    # Datagrams

    def listen(self, address: Address, receive: Receive) -> Endpoint:
        """Open a socket for datagrams; C{receive} is called with the bytes and the source."""
        if address in self.endpoints:
            raise OSError(98, f"Address already in use: {address}")
        endpoint = self.endpoints[address] = Endpoint(self, address, receive)
        return endpoint

    def datagram(self, source: Endpoint, data: bytes, to: Address) -> None:
        """Carry one datagram, or lose it."""
        link, random = self.between(source.address[0], to[0]), self.random
        lost = link.cut or bool(link.loss and random.random() < link.loss)
        self.note(source.address, to, data, "UDP", lost)
        if not link.faithful:
            self.harmed = True
        if lost:
            return
        copies = 2 if link.duplicate and random.random() < link.duplicate else 1
        for _ in range(copies):
            delay = link.delay
            if link.jitter:
                delay += random.random() * link.jitter
            if link.reorder and random.random() < link.reorder:
                delay += random.random() * 4 * (link.delay + link.jitter)
            self.under_way += 1
            self.clock.callLater(delay, self._deliver, source, data, to)

    def _deliver(self, source: Endpoint, data: bytes, to: Address) -> None:
        self.under_way -= 1
        endpoint = self.endpoints.get(to)
        if endpoint is not None:
            self.told(source.address, to, data, "UDP")
            endpoint.receive(data, source.address)
        elif self.icmp and to not in self.forgotten and source.refused is not None:
            source.refused(to, data[:ICMP_QUOTE])

    # Connections

    def serve(self, address: Address, accept: Callable[[Stream], None], transport: str = "TCP") -> None:
        """Accept connections; C{accept} gets our end of each."""
        self.servers[transport, address] = accept

    def close_server(self, address: Address, transport: str = "TCP") -> None:
        """Accept no more."""
        self.servers.pop((transport, address), None)

    def connect(
        self,
        host: str,
        to: Address,
        opened: Callable[[Stream], None],
        failed: Callable[[], None],
        transport: str = "TCP",
        port: int = 0,
    ) -> None:
        """
        Connect from C{host}; one of the two callbacks is called, later.

        @param port: the port to connect from; 0 takes the next one.
        """
        link = self.between(host, to[0])
        if link.cut:
            self.clock.callLater(30.0, failed)  # nobody says no, so it takes its time
            return
        if not port:
            port = self._ports[host] = self._ports.get(host, FIRST_PORT) + 1
        self.clock.callLater(2 * link.delay, self._open, (host, port), to, opened, failed, transport)

    def _open(
        self,
        local: Address,
        to: Address,
        opened: Callable[[Stream], None],
        failed: Callable[[], None],
        transport: str,
    ) -> None:
        accept = self.servers.get((transport, to))
        if accept is None:
            failed()
            return
        near, far = Stream(self, local, to, transport), Stream(self, to, local, transport)
        near.other, far.other = far, near
        self.streams.update((near, far))
        accept(far)
        opened(near)
