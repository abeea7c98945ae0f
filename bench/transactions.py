"""
What the transaction layer costs beside a Twisted loop that moves the same datagrams.

A server runs in a process of its own, another process sends to it over the
loopback interface, a fixed number of calls or requests at a time, or so many a
second.  Each has a core to itself if there are two.  What is shown is the CPU
time of the server.  The floor is Twisted's own UDP port with nothing but the
forwarding of what comes::

    python -m bench.transactions
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import DatagramProtocol

from b2bua import collector
from b2bua.net.locate import NumericLocator
from b2bua.net.runner import Runner
from b2bua.net.udp import UdpWire
from b2bua.transactions.effects import TimerValues
from b2bua.transactions.flow import Flow
from b2bua.transactions.ports import IServerTransaction
from b2bua.wire.message import Request, Response

HOST = "127.0.0.1"
BRIEF = "127.0.0.2"
"""Whose transactions are forgotten after 64 ms."""
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)
MESSAGES_PER_CALL = 14
CORES = sorted(os.sched_getaffinity(0))


# The servers


class Floor(DatagramProtocol):
    """Forwards what comes from one side to the other, or back when there is one only."""

    def __init__(self, alice: int, bob: int) -> None:
        """Take the ports of the two sides."""
        self.alice, self.bob = (HOST, alice), (HOST, bob)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Forward it."""
        assert self.transport is not None
        self.transport.write(datagram, self.bob if addr == self.alice else self.alice)


class Answering:
    """A user agent server that answers OPTIONS, with a transaction each."""

    runner: Runner

    def request_received(self, request: Request, server: IServerTransaction) -> None:
        """Answer it."""
        server.respond(request.response(200, to_tag="there", fields=[("Allow", "INVITE, ACK, BYE, OPTIONS")]))

    def ack_received(self, request: Request, flow: Flow) -> None:
        """Nothing to do."""

    def may_cancel(self, request: Request, server: IServerTransaction, flow: Flow) -> bool:
        """Only from where the INVITE came from."""
        return False

    def cancel_received(self, request: Request, server: IServerTransaction) -> None:
        """Nothing to do."""

    def transport_lost(self, flow: Flow) -> None:
        """Nothing to do."""


class Relaying(Answering):
    """
    Relays a basic call with transactions on both sides, and no call logic.

    Each side sees one Via only, that of its neighbour: the layer serves user
    agents, who drop a response with a second one (RFC 3261 section 8.1.3.3).
    """

    def __init__(self, bob: Flow) -> None:
        """Take the way to the callee."""
        self.bob = bob

    def request_received(self, request: Request, server: IServerTransaction) -> None:
        """Forward it with our Via instead of the caller's; its responses the other way round."""
        if request.method == "INVITE":
            server.trying()
        vias = [item for item in request.fields if item[0] == "Via"]

        def back(response: Response) -> None:
            if response.code > 100:
                fields = (*vias, *response.fields[1:])
                server.respond(Response(response.code, response.reason, fields, response.body))

        self.runner.request(_forwarding(request), self.bob, back)

    def ack_received(self, request: Request, flow: Flow) -> None:
        """Forward the ACK of a 2xx."""
        self.runner.acknowledge(_forwarding(request), self.bob)


def _forwarding(request: Request) -> Callable[[Flow, str], Request]:
    """Give what writes a request anew, for whatever way it goes."""
    kept = [item for item in request.fields if item[0] != "Via"]
    return lambda flow, via: Request(request.method, request.uri, (("Via", via), *kept), request.body)


class Control(DatagramProtocol):
    """Tells the CPU time of this process, or ends it."""

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Answer whoever asks."""
        assert self.transport is not None
        if datagram == b"end":
            os._exit(0)
        self.transport.write(repr(time.process_time()).encode(), addr)


def serve(kind: str, alice: int, bob: int) -> None:
    """Run a server until it is told to end."""
    from twisted.internet import reactor as anything

    reactor: Any = anything
    control = reactor.listenUDP(0, Control(), interface=HOST)
    if kind == "floor":
        port = reactor.listenUDP(0, Floor(alice, bob), interface=HOST).getHost().port
    else:
        user = Answering() if kind == "answer" else Relaying(Flow("UDP", (HOST, 0), (HOST, bob)))
        user.runner = runner = Runner(reactor, user, locator=NumericLocator())  # type: ignore[arg-type]
        runner.transport.admission.know(HOST)
        wire = UdpWire(reactor, runner, HOST, 0)
        runner.attach(wire)
        wire.listen()
        port = wire.local[1]
        if isinstance(user, Relaying):
            user.bob = Flow("UDP", wire.local, (HOST, bob))
    collector.settle()
    print(port, control.getHost().port, flush=True)
    reactor.run()


# The load


def options(number: int, port: int) -> bytes:
    """Write an OPTIONS as phones do."""
    return (
        f"OPTIONS sip:{HOST} SIP/2.0\r\nVia: SIP/2.0/UDP {HOST}:{port};branch=z9hG4bK-o{number};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=f{number}\r\nTo: <sip:bob@example.com>\r\n"
        f"Call-ID: o{number}@{HOST}\r\nCSeq: 1 OPTIONS\r\nContact: <sip:alice@{HOST}:{port}>\r\n"
        "User-Agent: Yealink SIP-T46S 66.86.0.15\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def request(method: str, cseq: int, number: int, port: int) -> bytes:
    """Write a request of the caller."""
    to = "" if method == "INVITE" else f";tag=t{number}"
    body = SDP if method == "INVITE" else b""
    more = "Content-Type: application/sdp\r\n" if body else ""
    head = (
        f"{method} sip:bob@{HOST} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {HOST}:{port};branch=z9hG4bK-{method}{number};rport\r\n"
        f'Max-Forwards: 70\r\nFrom: "Alice" <sip:alice@example.com>;tag=f{number}\r\n'
        f"To: <sip:bob@example.com>{to}\r\nCall-ID: {number}@{HOST}\r\nCSeq: {cseq} {method}\r\n"
        f"Contact: <sip:alice@{HOST}:{port}>\r\nUser-Agent: Yealink SIP-T46S 66.86.0.15\r\n"
        "Allow: INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, SUBSCRIBE, REFER, UPDATE\r\n"
        f"Supported: replaces\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def answer(lines: list[bytes], status: bytes, number: bytes, port: int, body: bytes = b"") -> bytes:
    """Answer a request of which the lines are given."""
    kept = [line for line in lines if line[:4] in (b"Via:", b"From", b"Call", b"CSeq")]
    to = b"To: <sip:bob@example.com>" + (b"" if status[:3] == b"100" else b";tag=t" + number)
    kept += [to, b"Contact: <sip:bob@%s:%d>" % (HOST.encode(), port), b"User-Agent: Yealink SIP-T46S"]
    if body:
        kept.append(b"Content-Type: application/sdp")
    kept.append(b"Content-Length: %d" % len(body))
    return b"SIP/2.0 " + status + b"\r\n" + b"\r\n".join(kept) + b"\r\n\r\n" + body


class Load:
    """A caller and a callee that send as fast as the answers come."""

    def __init__(self, concurrent: int, rate: int = 0) -> None:
        """
        Open the sockets of both.

        @param concurrent: how many at a time.
        @param rate: instead, how many calls a second.
        """
        self.concurrent = concurrent
        self.rate = rate
        self.alice, self.bob = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for one in (self.alice, self.bob):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            one.bind((HOST, 0))
        self.a, self.b = self.alice.getsockname()[1], self.bob.getsockname()[1]
        self.number = os.getpid() * 1_000_000
        self.server = (HOST, 0)

    def calls(self, count: int) -> int:
        """Make calls at the rate, or a fixed number at a time; give how many were completed."""
        begun, done, started, patience = time.monotonic(), 0, 0, 0.0
        while done < count:
            if self.rate:
                due = begun + started / self.rate - time.monotonic() if started < count else 2.0
            else:
                due = 2.0 if started == count or started - done >= self.concurrent else 0.0
            if due <= 0:
                started += 1
                self.call()
                continue
            ready, _, _ = select.select([self.alice, self.bob], [], [], due)
            patience = 0.0 if ready else patience + due
            if patience >= 2.0:
                break
            for one in ready:
                data = one.recv(65536)
                if one is self.bob:
                    self.callee(data)
                else:
                    done += self.caller(data)
        return done

    def call(self) -> None:
        """Begin a call."""
        self.number += 1
        self.alice.sendto(request("INVITE", 1, self.number, self.a), self.server)

    def caller(self, data: bytes) -> bool:
        """Take a response; was it that to the BYE?"""
        if not data.startswith(b"SIP/2.0 200"):
            return False
        if b" BYE\r\n" in data:
            return True
        number = int(data.partition(b";tag=f")[2].partition(b"\r")[0])
        self.alice.sendto(request("ACK", 1, number, self.a), self.server)
        self.alice.sendto(request("BYE", 2, number, self.a), self.server)
        return False

    def callee(self, data: bytes) -> None:
        """Answer a request."""
        if data.startswith(b"ACK"):
            return
        lines = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
        number = data.partition(b";tag=f")[2].partition(b"\r")[0]
        send = self.bob.sendto
        if data.startswith(b"INVITE"):
            send(answer(lines, b"100 Trying", number, self.b), self.server)
            send(answer(lines, b"180 Ringing", number, self.b), self.server)
            send(answer(lines, b"200 OK", number, self.b, SDP), self.server)
        else:
            send(answer(lines, b"200 OK", number, self.b), self.server)

    def options(self, count: int) -> int:
        """Send requests; give how many were answered."""
        done = sent = 0
        while done < count:
            while sent < count and sent - done < self.concurrent:
                self.number += 1
                sent += 1
                self.alice.sendto(options(self.number, self.a), self.server)
            ready, _, _ = select.select([self.alice], [], [], 5)
            if not ready:
                break
            self.alice.recv(65536)
            done += 1
        return done


class Server:
    """A server in a process of its own."""

    def __init__(self, kind: str, load: Load, *, back: bool) -> None:
        """
        Start it.

        @param back: whether the floor sends back what comes, instead of on.
        """
        command = [
            sys.executable,
            "-m",
            "bench.transactions",
            "--serve",
            kind,
            str(load.a),
            str(load.a if back else load.b),
        ]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, CORES[:1]),
        )
        assert self.process.stdout is not None
        port, control = map(int, self.process.stdout.readline().split())
        load.server = (HOST, port)
        self.control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.control.connect((HOST, control))

    def cpu(self) -> float:
        """Its CPU time so far."""
        self.control.send(b"cpu")
        return float(self.control.recv(100))

    def end(self) -> None:
        """End it."""
        self.control.send(b"end")
        self.process.wait()


def cost(kind: str, concurrent: int, count: int, method: str, rate: int) -> float:
    """Microseconds of CPU for one call or request."""
    os.sched_setaffinity(0, CORES[-1:])
    load = Load(concurrent, rate)
    server = Server(kind, load, back=method == "options")
    try:
        work: Callable[[int], int] = load.calls if method == "calls" else load.options
        work(count // 5)
        before = server.cpu()
        done = work(count)
        spent = server.cpu() - before
    finally:
        server.end()
    if not done:
        raise SystemExit(f"{kind}: nothing has come back")
    if done < count:
        print(f"  {kind}: {count - done} of {count} lost")
    return spent / done * 1e6


def compare(name: str, kind: str, messages: int, count: int, runs: int, window: int, rate: int = 0) -> None:
    """Measure a server and the floor by turns."""
    method = "options" if messages == 2 else "calls"
    pairs = [
        (cost(kind, window, count, method, rate), cost("floor", window, count, method, rate))
        for _ in range(runs)
    ]
    ours, floor = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(
        f"{name:<34}{ours:8.1f} µs  {ours / messages:6.2f} µs a message   "
        f"floor {floor:7.1f} µs  {floor / messages:6.2f} µs a message   {ratio:.2f} x floor"
    )


class Hole:
    """A wire that takes everything."""

    transport = "UDP"
    local = (HOST, 5060)

    def send(self, data: bytes, flow: Flow) -> None:
        """Drop it."""


def growth(lives: list[int], runs: int) -> None:
    """Measure the cost of a transaction while others live, without sockets."""
    from twisted.internet.task import Clock

    first = 0.0
    for live in lives:
        clock = Clock()
        user = Answering()
        user.runner = runner = Runner(clock, user, locator=NumericLocator())  # type: ignore[arg-type]
        runner.transport.admission.know(HOST)
        runner.attach(Hole())
        flow = Flow("UDP", (HOST, 5060), (HOST, 5061))
        brief = Flow("UDP", (HOST, 5060), (BRIEF, 5061))
        runner.transport.admission.know(BRIEF)
        runner.transport.set_timers(BRIEF, TimerValues(t1=0.001))
        datagrams = [options(number, 5061) for number in range(live)]
        for at, data in enumerate(datagrams):
            if at % 40 == 0:
                clock.rightNow += 0.01 if at < 100_000 else 0.0
            runner.received(data, flow)
        del datagrams
        spent = []
        for run in range(runs):
            some = [options(10_000_000 + run * 10_000 + number, 5061) for number in range(2000)]
            started = time.process_time()
            for data in some:
                runner.received(data, brief)
            spent.append((time.process_time() - started) / 2000 * 1e6)
            # As many end as began, so that the number of live ones stands.
            clock.advance(0.1)
        middle = statistics.median(spent)
        first = first or middle
        print(f"{live:>9,} live transactions: {middle:6.2f} µs each, {middle / first:5.3f} of the first")


def size() -> None:
    """Measure the memory of a transaction that is over but for its timer."""
    import tracemalloc

    from twisted.internet.task import Clock

    user = Answering()
    user.runner = runner = Runner(Clock(), user, locator=NumericLocator())  # type: ignore[arg-type]
    runner.transport.admission.know(HOST)
    runner.attach(Hole())
    flow = Flow("UDP", (HOST, 5060), (HOST, 5061))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(5000):
        runner.received(options(number, 5061), flow)
    used = (tracemalloc.get_traced_memory()[0] - before) / 5000
    tracemalloc.stop()
    print(f"a Completed server transaction: {used:.0f} bytes, its last response among them")


def main() -> None:
    """Measure all."""
    options_ = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options_.add_argument("--serve", nargs=3, metavar=("KIND", "ALICE", "BOB"), help=argparse.SUPPRESS)
    options_.add_argument("--runs", type=int, default=5)
    options_.add_argument("--calls", type=int, default=3000)
    options_.add_argument("--window", type=int, default=20, help="calls or requests at a time")
    options_.add_argument("--rate", type=int, default=1000, help="calls a second of the paced run")
    chosen = options_.parse_args()
    if chosen.serve:
        kind, alice, bob = chosen.serve
        serve(kind, int(alice), int(bob))
        return
    window, runs, calls = chosen.window, chosen.runs, chosen.calls
    compare("UAS, OPTIONS, busy", "answer", 2, calls * 3, runs, window)
    compare("stateful relay, busy", "relay", MESSAGES_PER_CALL, calls, runs, window)
    name = f"stateful relay, {chosen.rate:,} calls/s"
    compare(name, "relay", MESSAGES_PER_CALL, calls, runs, window, chosen.rate)
    size()
    growth([100, 1000, 10_000, 100_000], chosen.runs)


if __name__ == "__main__":
    main()
