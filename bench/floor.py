"""
The floor: Twisted moves the datagrams of a call, and knows nothing of SIP.

What comes from the callee's port goes to the last caller, all else to the
callee.  It is what no server in Python and Twisted can be cheaper than.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.protocol import DatagramProtocol


class Floor(DatagramProtocol):
    """Passes on what comes."""

    def __init__(self, callee: tuple[str, int]) -> None:
        """Take the address of the callee."""
        self._callee = callee
        self._caller = callee

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Pass it on."""
        assert self.transport is not None
        if addr == self._callee:
            self.transport.write(datagram, self._caller)
        else:
            self._caller = addr
            self.transport.write(datagram, self._callee)


def main() -> None:
    """Listen until the end: C{python -m bench.floor HOST PORT CALLEE_PORT}."""
    from twisted.internet import reactor as anything

    reactor: Any = anything
    host, port, callee = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    reactor.listenUDP(port, Floor((host, callee)), interface=host, maxPacketSize=65536)
    print("ready", flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
