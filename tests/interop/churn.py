"""
Connections that come and go without end, and the memory of the service that they knock at.

Whoever can open connections needs no password for it.  A share of them leaves
half a message of 58 KB behind, another is nothing but a handshake of TLS::

    python -m tests.interop.churn                       # some minutes; "make churn"
    python -m tests.interop.churn --connections 6000

How much memory it takes at the end and how much at the beginning is printed;
more than 50 MiB apart is a failure.
"""

from __future__ import annotations

import argparse
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.interop.certificates import pair
from tests.interop.service import PATIENT, Service

CONNECTIONS = 60_000
FLAT = 50.0
"""MiB that the memory may have become more."""
HALF = b"OPTIONS sip:x SIP/2.0\r\nContent-Length: 60000\r\nSubject: x\r\n\r\n" + b"x" * 58_000
WARM = 300
"""Connections of each kind until it has what it needs itself."""
LIMITS = PATIENT + "rate = 1000000\nburst = 1000000\n"
"""Nobody is refused, since that is another test."""
PAGE = os.sysconf("SC_PAGESIZE")
MIB = 1024 * 1024


def memory(pid: int) -> float:
    """MiB that a process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / MIB


def half(port: int, host: str) -> None:
    """Leave half a message behind."""
    with socket.create_connection((host, port), timeout=10) as stream, suppress(OSError):
        stream.sendall(HALF)


def greeting(port: int, host: str) -> None:
    """Shake hands by TLS, and go."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((host, port), timeout=10) as stream, suppress(OSError):
        context.wrap_socket(stream).close()


def churn(service: Service, pid: int, connections: int) -> Iterator[float]:
    """Open and close so many connections, half of each kind; give the memory before and now and then."""
    for count in range(WARM + connections // 2):
        if count == WARM:
            yield memory(pid)
        half(service.port, service.host)
        greeting(service.tls_port, service.host)
        if count > WARM and not count % 1000:
            yield memory(pid)
    time.sleep(0.5)
    yield memory(pid)


def main() -> int:
    """Start a service, and knock at it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        pair(Path(directory))
        service = Service(directory, LIMITS, tls=True)
        twistd = str(Path(sys.executable).parent / "twistd")
        command = [twistd, "-n", "b2bua", "--config", str(service.config)]
        with subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    if "ready" in line:
                        break
                sizes = list(churn(service, process.pid, wanted.connections))
            finally:
                process.terminate()
    before, most, after = sizes[0], max(sizes), sizes[-1]
    sys.stdout.write(
        f"{wanted.connections} connections: {before:.1f} MiB, {most:.1f} at most, {after:.1f} at the end\n"
    )
    return int(after - before > FLAT)


if __name__ == "__main__":
    sys.exit(main())
