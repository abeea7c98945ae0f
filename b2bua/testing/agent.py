"""
What every simulated SIP element has: an address, a wire, transactions and a memory.

L{Agent} sends and receives; what it makes of that is the business of those who
inherit: phones, trunks, forking proxies, and peers that a test scripts itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from b2bua.errors import PeerError
from b2bua.testing.clock import Timer
from b2bua.testing.exchange import Asked, Asking, Path, key_of
from b2bua.testing.network import Address, Stream
from b2bua.wire.message import Request, Response, write
from b2bua.wire.parser import parse
from b2bua.wire.stream import Framer

if TYPE_CHECKING:
    from b2bua.testing.surroundings import Surroundings

Message: TypeAlias = Request | Response
Hear: TypeAlias = Callable[[Response | None], None]


class Agent:
    """A SIP element with one address."""

    t1 = 0.5
    acknowledges_refusals = True
    knows: tuple[str, ...] = ("audio", "video")
    """The kinds of media streams that it accepts."""

    def __init__(
        self,
        world: Surroundings,
        name: str,
        *,
        host: str = "",
        port: int = 5060,
        transport: str = "UDP",
    ) -> None:
        """Plug it in; use the methods of the world to make one."""
        self.world = world
        self.name = name
        self.mark, number = world.new_mark()
        self.host = host or f"10.0.{number // 250}.{number % 250 + 1}"
        self.hosts = {self.host}
        """Every address that it has had."""
        self.port = port
        self.transport = transport
        self.next_hop: Address | None = world.server_address
        """Where all requests go; None sends them where their URI points."""
        self.asking: dict[tuple[str, str], Asking] = {}
        self.asked: dict[tuple[str, str, str], Asked] = {}
        self.timers: set[Timer] = set()
        self.gone = False
        self._streams: dict[Address, Stream] = {}
        self._opening: dict[Address, list[tuple[Message, Path]]] = {}
        network = world.network
        network.names[self.host] = name
        self.endpoint = network.listen((self.host, port), self._datagram)
        self.endpoint.refused = self._refused
        network.serve((self.host, port), self._accept)

    def __repr__(self) -> str:
        """For failed assertions."""
        return f"<{type(self).__name__} {self.name}>"

    # What those who inherit may want to say

    def request_received(self, request: Request, asked: Asked) -> None:
        """A request came that was not seen before and is no ACK."""

    def ack_received(self, request: Request, asked: Asked | None) -> None:
        """An ACK came; C{asked} is what it belongs to if that was refused."""

    def cancel_received(self, request: Request, invite: Asked) -> None:
        """A CANCEL came for an INVITE that is still open; it has been answered."""

    def cancel_answered(self, response: Response | None) -> None:
        """Something, or nothing, came as the answer to a CANCEL of ours."""

    def stray_response(self, response: Response) -> None:
        """A response came that belongs to nothing."""

    def connection_lost(self, address: Address) -> None:
        """The connection to C{address} was closed by the other side."""

    # Names of its own

    def token(self) -> str:
        """
        Make an identifier that nobody else has, for a tag, a branch, a Call-ID.

        It carries the mark of its maker, so the world sees at once when it
        turns up at a third party (L{b2bua.testing.checks}).
        """
        return f"{self.mark}{self.world.random.getrandbits(40):010x}"

    def via(self) -> str:
        """Begin a transaction: the Via of a new request."""
        return f"SIP/2.0/{self.transport} {self.host}:{self.port};branch=z9hG4bK{self.token()};rport"

    @property
    def contact(self) -> str:
        """The URI at which it can be reached."""
        parameter = "" if self.transport == "UDP" else f";transport={self.transport.lower()}"
        return f"sip:{self.name}@{self.host}:{self.port}{parameter}"

    # Time

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call back after C{seconds}, unless we have vanished by then."""
        return Timer(self.world.clock, self.timers, seconds, call)

    # Sending

    def ask(self, request: Request, hear: Hear, path: Path | None = None) -> Asking:
        """Send a request and hear its answers."""
        return Asking(self, request, path or self.path_to(request), hear)

    def path_to(self, request: Request) -> Path:
        """Find the way for a request: the next hop, or where the URI points."""
        address = self.next_hop or self.world.locate(self, request)
        if self.transport == "UDP":
            return Path(address)
        stream = self._streams.get(address)
        if stream is None or not stream.is_open:
            return Path(address, self._connect(address))
        return Path(address, stream)

    def transmit(self, message: Message, path: Path) -> None:
        """Put a message on the wire."""
        if self.gone:
            return
        if path.stream is None:
            self.endpoint.send(write(message), path.remote)
            return
        waiting = self._opening.get(path.remote)
        if waiting is not None and path.stream.remote == path.remote and path.stream.other is path.stream:
            waiting.append((message, path))
            return
        stream = path.stream if path.stream.is_open else self._streams.get(path.remote)
        if stream is not None:
            stream.write(write(message))

    def _connect(self, address: Address) -> Stream:
        """
        Open a connection; what is sent before it is open waits.

        @return: a stand-in, known by being its own other end.
        """
        stand_in = Stream(self.world.network, (self.host, 0), address, self.transport)
        stand_in.other = stand_in
        stand_in.is_open = False
        if address not in self._opening:
            self._opening[address] = []
            self.world.network.connect(
                self.host,
                address,
                lambda stream: self._opened(stream, address),
                lambda: self._not_opened(address),
                self.transport,
            )
        return stand_in

    def _opened(self, stream: Stream, address: Address) -> None:
        waiting = self._opening.pop(address)
        if self.gone:
            stream.close()
            return
        self._streams[address] = stream
        self._attend(stream)
        for message, _path in waiting:
            stream.write(write(message))

    def _not_opened(self, address: Address) -> None:
        for message, _path in self._opening.pop(address):
            if isinstance(message, Request):
                asking = self.asking.get((message.via.branch or "", message.method))
                if asking is not None:
                    asking.fail()

    def close_connections(self) -> None:
        """Close all our connections, as a phone does that reboots its network."""
        for address, stream in list(self._streams.items()):
            stream.close()
            self._fail(address)
        self._streams.clear()

    def _fail(self, address: Address) -> None:
        """Whoever waits for an answer from there learns that none will come (section 8.1.3.1)."""
        for asking in list(self.asking.values()):
            if asking.path.remote == address and asking.final is None:
                asking.fail()

    # Receiving

    def _accept(self, stream: Stream) -> None:
        self._streams[stream.remote] = stream
        self._attend(stream)

    def _attend(self, stream: Stream) -> None:
        framer = Framer()

        def feed(data: bytes) -> None:
            for piece in framer.feed(data):
                if isinstance(piece, bytes) and not self.gone:
                    self.received(piece, Path(stream.remote, stream))

        def lost() -> None:
            if self._streams.get(stream.remote) is stream:
                del self._streams[stream.remote]
            if not self.gone:
                self._fail(stream.remote)
                self.connection_lost(stream.remote)

        stream.receive, stream.lost = feed, lost

    def _datagram(self, data: bytes, source: Address) -> None:
        if len(data) > 4 and not self.gone:
            self.received(data, Path(source))

    def _refused(self, to: Address, data: bytes) -> None:
        """ICMP says that nobody is there: who waits for an answer learns it at once."""
        self._fail(to)

    def received(self, data: bytes, path: Path) -> None:
        """Take what came from the wire."""
        try:
            message = self.world.parsed(data, parse)
        except PeerError as error:
            self.world.violation(self.name, f"sent us what cannot be read: {error}", "RFC 3261 7")
            return
        if isinstance(message, Response):
            asking = self.asking.get((message.via.branch or "", message.cseq.method))
            if asking is None:
                self.stray_response(message)
            else:
                asking.received(message)
            return
        self._received_request(message, path)

    def _received_request(self, request: Request, path: Path) -> None:
        asked = self.asked.get(key_of(request))
        if request.method == "ACK":
            if asked is not None and asked.last is not None and asked.last.code >= 300:
                if not asked.acked:
                    asked.acknowledged()
                    self.ack_received(request, asked)
            else:
                self.ack_received(request, None)
        elif asked is not None:
            asked.received_again()
        elif request.method == "CANCEL":
            self._received_cancel(request, path)
        else:
            self.request_received(request, Asked(self, request, path))

    def _received_cancel(self, request: Request, path: Path) -> None:
        """Section 9.2: the CANCEL gets its own answer, whatever becomes of the INVITE."""
        asked = Asked(self, request, path)
        branch, sent_by, _ = key_of(request)
        invite = self.asked.get((branch, sent_by, "INVITE"))
        if invite is None:
            asked.respond(request.response(481, to_tag=self.token()))
            return
        to_tag = invite.last.to.tag if invite.last is not None else None
        asked.respond(request.response(200, to_tag=to_tag or self.token()))
        if not invite.final:
            self.cancel_received(request, invite)

    # The end

    def rebind(self, port: int) -> None:
        """
        Be seen from another UDP port, as behind a router that has forgotten the way.

        It knows nothing of that: its Contact and its Via stay.
        """
        self.endpoint.move(port)

    def lose_connections(self) -> None:
        """Have all connections gone without a word to the other end, as when a router forgets them."""
        for stream in self._streams.values():
            stream.forget()
        for address in list(self._streams):
            del self._streams[address]
            self._fail(address)

    def move(self, host: str = "", port: int = 0) -> None:
        """Take another address or port, as after a change of network; nobody is told."""
        network = self.world.network
        self.endpoint.close()
        network.close_server((self.host, self.port))
        self.close_connections()
        self.port = port or self.port
        host = host or self.host
        self.host = host
        self.hosts.add(host)
        network.names[host] = self.name
        self.endpoint = network.listen((host, self.port), self._datagram)
        self.endpoint.refused = self._refused
        network.serve((host, self.port), self._accept)

    def vanish(self) -> None:
        """Lose all power: nothing is sent, heard or remembered any more."""
        self.gone = True
        for timer in list(self.timers):
            timer.cancel()
        self.asking.clear()
        self.asked.clear()
        for stream in self._streams.values():
            stream.is_open = False  # without a word to the other end
            self.world.network.streams.discard(stream)
        self._streams.clear()
        self.endpoint.close()
        self.world.network.close_server((self.host, self.port))

    def remains(self) -> dict[str, int]:
        """Count what is left of transactions and timers."""
        left = {"asking": len(self.asking), "asked": len(self.asked), "timers": len(self.timers)}
        return {what: number for what, number in left.items() if number}
