"""
Mutated messages for the running service, over UDP, TCP and TLS.

The service is started as anybody would start it; messages and whole calls that
are a little or very much wrong go to it, and between them it must answer an
OPTIONS at once, keep its memory, and log no traceback::

    python -m tests.interop.fuzz --seconds 600
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from bench.messages import SDP, Callee, Caller
from bench.register import register
from tests.interop.certificates import Authority
from tests.interop.honest import Watcher
from tests.interop.processes import free_port
from tests.interop.service import PATIENT
from tests.wire.fuzz import MUTATIONS, mutate

HOST, WATCHER = "127.0.0.1", "127.0.0.9"
PASSWORD = "bob-knows"
ROUND = 60
"""Messages between two looks at the service."""
PATIENCE = 30.0
"""Seconds within which it must answer."""
GROWTH = 96 << 20
"""Bytes by which it may grow: its tables are filled with what strangers began, until timers end it."""
START = 60.0
METHODS = ("INVITE", "UPDATE", "INFO", "REFER", "NOTIFY", "BYE", "PRACK", "SUBSCRIBE", "MESSAGE", "OPTIONS")


class Service:
    """The service, with sockets of all kinds, for which we are a trunk as well."""

    def __init__(self, directory: Path) -> None:
        """Start it."""
        self.udp, self.tls = free_port(), free_port()
        self.callee = free_port()
        certificate, key = Authority(directory).files("pbx", HOST)
        config = directory / "b2bua.toml"
        config.write_text(
            f'[server]\ndomain = "{HOST}"\nlisten = ["sip:{HOST}:{self.udp};transport=udp", '
            f'"sip:{HOST}:{self.udp};transport=tcp", "sips:{HOST}:{self.tls}"]\n'
            f'[tls]\ncertificate = "{Path(certificate).resolve()}"\nkey = "{Path(key).resolve()}"\n'
            f'{PATIENT}rate = 1e6\nburst = 1000000\n[auth]\nalgorithms = ["MD5"]\n'
            f'[extensions.bob]\npassword = "{PASSWORD}"\n[extensions.101]\npassword = "unknown"\n'
            f'[trunks.us]\nuri = "sip:{HOST}:9"\naccept_from = ["{HOST}"]\noptions_seconds = 0\n'
        )
        self.log = directory / "service.log"
        twistd = Path(sys.executable).parent / "twistd"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(twistd), "-n", "b2bua", "--config", str(config)],
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + START
        while b"ready" not in self.log.read_bytes():
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"the service did not start\n{self.log.read_text(errors='replace')}")
            time.sleep(0.05)
        self.began = self.rss()

    def rss(self) -> int:
        """Bytes of memory that it has."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")

    def end(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def look(self) -> None:
        """
        See that it is well.

        @raise AssertionError: if it is not.
        """
        assert self.process.poll() is None, "it has ended"
        text = self.log.read_text(errors="replace")
        assert "Traceback" not in text, text[-4000:]
        grown = self.rss() - self.began
        assert grown < GROWTH, f"it has grown by {grown >> 20} MiB"
        watcher = Watcher(self.udp, WATCHER, PATIENCE)
        try:
            watcher.ask()
        finally:
            watcher.close()


class Peer:
    """Somebody who sends what is wrong."""

    def __init__(self, service: Service, chance: random.Random) -> None:
        """Open the sockets, and register the callee of the calls."""
        self.service = service
        self.chance = chance
        self.sent = self.calls = 0
        register(HOST, service.udp, service.callee, "bob", PASSWORD)
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind((HOST, 0))
        self.callee = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.callee.bind((HOST, service.callee))
        for one in (self.datagrams, self.callee):
            one.settimeout(0.5)
        self.number = 0

    def close(self) -> None:
        """Close the sockets."""
        self.datagrams.close()
        self.callee.close()

    def by_udp(self) -> None:
        """Mutated datagrams."""
        for _ in range(ROUND):
            self.datagrams.sendto(mutate(self.chance)[:60000], (HOST, self.service.udp))
            self.sent += 1
        self._drain()

    def by_stream(self, *, tls: bool) -> None:
        """Mutated messages one after the other, until we are hung up on; then again."""
        left = ROUND
        while left > 0:
            with suppress(OSError), self._connected(tls) as stream:
                while left > 0:
                    data = mutate(self.chance)
                    at = self.chance.randrange(len(data) + 1)
                    left -= 1
                    self.sent += 1
                    stream.sendall(data[:at])
                    stream.sendall(data[at:])
                    if self.chance.random() < 0.2:
                        break

    def _connected(self, tls: bool) -> socket.socket:
        port = self.service.tls if tls else self.service.udp
        plain = socket.create_connection((HOST, port), PATIENCE)
        if not tls:
            return plain
        if self.chance.random() < 0.1:
            plain.sendall(self.chance.randbytes(40))  # no handshake at all
            return plain
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(plain)

    def by_call(self) -> None:
        """A real call, in which mutated requests and responses go both ways."""
        self.number += 1
        here, server = self.datagrams.getsockname()[1], (HOST, self.service.udp)
        caller = Caller(HOST, here, f"{HOST}:{self.service.udp}", "bob", HOST)
        answering = Callee(HOST, self.service.callee, "bob")
        self.datagrams.sendto(caller.invite(self.number * 100_000 + self.chance.randrange(1000)), server)
        with suppress(TimeoutError):
            invite = self.callee.recv(65536)
            while not invite.startswith(b"INVITE"):
                invite = self.callee.recv(65536)
            for response in answering.ring(invite):
                for data in (self._mutated(response), response):
                    self.callee.sendto(data, server)
                    self.sent += 1
            answer = self.datagrams.recv(65536)
            while b"SIP/2.0 200" not in answer[:12]:
                answer = self.datagrams.recv(65536)
            number = int(answer.partition(b"Call-ID: 0_")[2].partition(b"@")[0])
            self.datagrams.sendto(caller.later("ACK", number, answer), server)
            self.calls += 1
            for cseq in range(ROUND // 2):
                request = caller.later("BYE", number, answer)
                method = self.chance.choice(METHODS).encode()
                request = request.replace(b"BYE sip:", method + b" sip:", 1)
                request = request.replace(b"CSeq: 2 BYE", b"CSeq: %d %s" % (cseq + 2, method))
                request = request.replace(b"branch=z9hG4bK", b"branch=z9hG4bK%d" % cseq)
                if self.chance.random() < 0.5:
                    length = b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(SDP)
                    request = request.replace(b"Content-Length: 0\r\n\r\n", length + SDP)
                self.datagrams.sendto(self._mutated(request), server)
                self.sent += 1
            self.datagrams.sendto(
                caller.later("BYE", number, answer).replace(b"CSeq: 2", b"CSeq: 999"), server
            )
        self._drain()

    def _mutated(self, data: bytes) -> bytes:
        """A message with one thing wrong, mostly."""
        changed = bytearray(data)
        if self.chance.random() < 0.8:
            self.chance.choice(MUTATIONS)(changed, self.chance)
        return bytes(changed[:60000])

    def _drain(self) -> None:
        """Read away what has come."""
        for one in (self.datagrams, self.callee):
            one.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    one.recv(65536)
            one.settimeout(0.5)


def main() -> None:
    """Go on for some time, or for some rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=1_000_000, help="of UDP, TCP, TLS and a call each")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="b2bua-fuzz-") as directory:
        service = Service(Path(directory))
        peer = None
        rounds = 0
        try:
            peer = Peer(service, random.Random(chosen.seed))
            end = time.monotonic() + chosen.seconds
            while rounds < chosen.rounds and time.monotonic() < end:
                for step in (
                    peer.by_udp,
                    lambda peer=peer: peer.by_stream(tls=False),
                    lambda peer=peer: peer.by_stream(tls=True),
                    peer.by_call,
                ):
                    step()
                    service.look()
                rounds += 1
        except AssertionError as error:
            raise SystemExit(f"seed {chosen.seed}, round {rounds}: {error}") from None
        finally:
            if peer is not None:
                peer.close()
            service.end()
        told = f"{peer.sent} messages and {peer.calls} calls in {rounds} rounds, seed {chosen.seed}"
        sys.stdout.write(f"{told}: the service is well\n")


if __name__ == "__main__":
    main()
