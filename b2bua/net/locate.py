"""Where a request goes: the servers of a URI (RFC 3263)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from b2bua.net.address import is_numeric
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


class Hop(NamedTuple):
    """A server that may be asked."""

    transport: str
    host: str
    """An IP address."""
    port: int
    name: str = ""
    """The domain that its certificate must be for (RFC 5922 section 7.1)."""


Supported: TypeAlias = Collection[tuple[str, bool]]
"""Transports that there are wires for, each with whether that is one of IPv6."""
UDP_ONLY: Supported = frozenset((("UDP", False),))


class Locator(Protocol):
    """Finds the servers of a URI, best first."""

    def locate(self, uri: Uri, supported: Supported = UDP_ONLY) -> list[Hop] | Deferred[list[Hop]]:
        """Give them at once if possible; an empty list if there are none."""


def default_transport(supported: Supported) -> str:
    """Give the transport where nothing says which: UDP, unless we have none (section 4.1)."""
    names = {name for name, _ in supported}
    return next((name for name in ("UDP", "TCP", "TLS") if name in names), "UDP")


def transport_of(uri: Uri) -> str | None:
    """
    Read the transport that a URI asks for; None if it leaves it open.

    RFC 3263 section 4.1; sips is TLS, or secure WebSocket (RFC 7118 section
    5.4).
    """
    wish = (uri.param("transport") or "").upper()
    if wish in ("WS", "WSS"):
        return "WSS" if uri.secure or wish == "WSS" else "WS"
    if uri.secure or wish == "TLS":
        return "TLS"
    return wish if wish in ("UDP", "TCP") else None


def port_of(uri: Uri, transport: str) -> int:
    """Give the port: that of the URI, or the transport's (RFC 3263 section 4.2)."""
    if uri.port is not None:
        return uri.port
    return {"TLS": 5061, "WS": 80, "WSS": 443}.get(transport, 5060)


def target_of(uri: Uri) -> str:
    """Give the host that is looked for: maddr if there is one (RFC 3263 section 4)."""
    return _bare(uri.server[1])


def domain_of(uri: Uri) -> str:
    """Give the domain whose server has to prove that it is (RFC 5922 section 7.3)."""
    return _bare(uri.host)


def _bare(host: str) -> str:
    """A host without brackets and in lower case."""
    return host[1:-1].lower() if host.startswith("[") else host.lower().rstrip(".")


class NumericLocator:
    """Finds numeric hosts, and names that it was told of; it asks nobody."""

    def __init__(self, names: Mapping[str, Sequence[str]] | None = None) -> None:
        """
        Know some names.

        @param names: addresses by host name in lower case.
        """
        self._names = names or {}

    def locate(self, uri: Uri, supported: Supported = UDP_ONLY) -> list[Hop]:
        """Give the hops at once."""
        transport = transport_of(uri) or default_transport(supported)
        host, port = target_of(uri), port_of(uri, transport)
        hosts = [host] if is_numeric(host) else self._names.get(host, ())
        return [Hop(transport, address, port, domain_of(uri)) for address in hosts]
