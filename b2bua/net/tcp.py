"""SIP over TCP (RFC 3261 section 18)."""

from __future__ import annotations

from b2bua.net.streams import StreamWire


class TcpWire(StreamWire):
    """The TCP connections of one listening socket."""

    transport = "TCP"
