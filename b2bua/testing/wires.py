"""The wires of the real server in a simulated network: what sockets are to the service."""

from __future__ import annotations

from collections.abc import Container, Hashable
from typing import TYPE_CHECKING

from b2bua.testing.network import Address, Network, Stream
from b2bua.transactions.flow import Flow, before_first
from b2bua.transactions.matching import sent_key
from b2bua.wire.stream import Broken, Framer

if TYPE_CHECKING:
    from b2bua.net.runner import Runner


class DatagramWire:
    """UDP."""

    transport = "UDP"

    def __init__(self, network: Network, local: Address, runner: Runner) -> None:
        """Listen."""
        self.local = local
        self._runner = runner
        self._endpoint = network.listen(local, self._receive)
        self._endpoint.refused = self._refused
        self._closed = False

    def send(self, data: bytes, flow: Flow) -> None:
        """Send a datagram, unless the process is gone: nobody hears what is cleared away of it later."""
        if not self._closed:
            self._endpoint.send(data, flow.remote)

    def pause(self) -> None:
        """Leave what comes to another wire at this address; what is sent goes from here as before."""
        self._endpoint.close()

    def close(self) -> None:
        """Listen no more, and send no more."""
        self._closed = True
        self._endpoint.close()

    def _receive(self, data: bytes, source: Address) -> None:
        self._runner.received(data, Flow("UDP", self.local, source))

    def _refused(self, to: Address, data: bytes) -> None:
        self._runner.unreachable(Flow("UDP", self.local, to), data)


class StreamWire:
    """TCP, or what a test calls TLS: there is nobody here who could listen in."""

    def __init__(self, network: Network, local: Address, runner: Runner, transport: str = "TCP") -> None:
        """Accept connections."""
        self.transport = transport
        self.local = local
        self._network = network
        self._runner = runner
        self._streams: dict[int, Stream] = {}
        self._numbers: dict[Address, int] = {}
        """The latest connection with each peer."""
        self._waiting: dict[int, list[bytes]] = {}
        self._last = before_first(network.clock.seconds())
        network.serve(local, self._accept, transport)

    def __len__(self) -> int:
        """How many connections there are, those to be opened included."""
        return len(self._streams) + len(self._waiting)

    def flow_to(self, remote: Address, name: str) -> Flow:
        """Give the flow of a connection that is open, or of one to be opened when it is used."""
        number = self._numbers.get(remote)
        if number is None:
            number = self._numbers[remote] = self._new_number()
        return Flow(self.transport, self.local, remote, number)

    def send(self, data: bytes, flow: Flow) -> None:
        """Send on a connection; one that is not there yet is opened."""
        number = flow.connection
        stream = self._streams.get(number)
        if stream is not None:
            stream.write(data)
        elif number in self._waiting:
            self._waiting[number].append(data)
        elif self._numbers.get(flow.remote) == number:
            self._waiting[number] = [data]
            self._network.connect(
                self.local[0],
                flow.remote,
                lambda stream: self._opened(stream, flow),
                lambda: self._not_opened(flow),
                self.transport,
            )
        else:
            self._network.clock.callLater(0, self._runner.unreachable, flow)

    def withdraw(self, flow: Flow, key: Hashable) -> None:
        """Do not send a request that waits for its connection still."""
        waiting = self._waiting.get(flow.connection)
        if waiting is not None:
            waiting[:] = [data for data in waiting if sent_key(data) != key]

    def pause(self) -> None:
        """Accept no more."""
        self._network.close_server(self.local, self.transport)

    def part(self, keep: Container[Flow]) -> None:
        """Close the connections that are not to be kept."""
        for number, stream in list(self._streams.items()):
            flow = Flow(self.transport, self.local, stream.remote, number)
            if flow not in keep:
                stream.close()
                self._gone(flow)

    def close(self) -> None:
        """Accept no more, and close all connections."""
        self._network.close_server(self.local, self.transport)
        for stream in list(self._streams.values()):
            stream.close()
        self._streams.clear()
        self._waiting.clear()
        self._numbers.clear()

    def _new_number(self) -> int:
        self._last += 1
        return self._last

    def _accept(self, stream: Stream) -> None:
        number = self._numbers[stream.remote] = self._new_number()
        self._attend(stream, Flow(self.transport, self.local, stream.remote, number))

    def _opened(self, stream: Stream, flow: Flow) -> None:
        waiting = self._waiting.pop(flow.connection, None)
        if waiting is None:  # we have closed it meanwhile
            stream.close()
            return
        self._attend(stream, flow)
        for data in waiting:
            stream.write(data)

    def _not_opened(self, flow: Flow) -> None:
        if self._waiting.pop(flow.connection, None) is None:
            return
        self._numbers.pop(flow.remote, None)
        self._runner.unreachable(flow)

    def _attend(self, stream: Stream, flow: Flow) -> None:
        self._streams[flow.connection] = stream
        framer = Framer()

        def feed(data: bytes) -> None:
            broken: Broken | None = None
            try:
                pieces = framer.feed(data)
            except Broken as error:
                broken, pieces = error, error.units
            for piece in pieces:
                self._runner.received(piece if isinstance(piece, bytes) else piece.value, flow)
            if broken is not None:
                self._runner.servers.broken(broken, flow)
                stream.close()
                self._gone(flow)

        stream.receive = feed
        stream.lost = lambda: self._gone(flow)

    def _gone(self, flow: Flow) -> None:
        self._streams.pop(flow.connection, None)
        if self._numbers.get(flow.remote) == flow.connection:
            del self._numbers[flow.remote]
        self._runner.closed(flow)
