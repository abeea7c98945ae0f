"""The values a configuration is made of that TOML has no type for."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from b2bua.errors import PeerError
from b2bua.wire.uri import Uri

Value = TypeVar("Value")

Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Frozen = Annotated[Mapping[str, Value], AfterValidator(lambda table: MappingProxyType(dict(table)))]
"""A table that nobody can change."""

# The transports of a URI, RFC 3261 section 19.1.1 and RFC 7118 section 5.2;
# "sips" asks for TLS below, RFC 3261 section 26.2.2.
_PLAIN = {"udp": "UDP", "tcp": "TCP", "tls": "TLS", "ws": "WS", "wss": "WSS"}
_SECURE = {"tcp": "TLS", "tls": "TLS", "ws": "WSS", "wss": "WSS"}
TRANSPORTS = ("UDP", "TCP", "TLS", "WS", "WSS")
_PORTS = {"UDP": 5060, "TCP": 5060, "TLS": 5061, "WS": 80, "WSS": 443}
_LISTEN = re.compile(
    r"(?P<scheme>sips?):(?P<host>\[[0-9A-Fa-f:.]+\]|[0-9.]+)(?::(?P<port>\d{1,5}))?"
    r"(?:;transport=(?P<transport>\w+))?",
    re.IGNORECASE,
)
_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
# RFC 3261 section 25.1: what may stand unescaped in the user part of a URI.
_USER = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,;?/]{1,128}")


class Listen(NamedTuple):
    """A socket to open."""

    transport: str
    """UDP, TCP, TLS, WS or WSS."""
    host: str
    """An IP address; 0.0.0.0 and :: mean all of their family."""
    port: int
    """0 lets the system choose one."""

    @property
    def secure(self) -> bool:
        """Does it need a certificate?"""
        return self.transport in ("TLS", "WSS")

    def __str__(self) -> str:
        """As it is written in a configuration."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.transport == "TLS":
            return f"sips:{host}:{self.port}"
        return f"sip:{host}:{self.port};transport={self.transport.lower()}"


def listen(text: object) -> Listen:
    """Read C{sip:0.0.0.0:5060;transport=udp} and the like."""
    if not isinstance(text, str) or (found := _LISTEN.fullmatch(text)) is None:
        raise ValueError('is not like "sip:0.0.0.0:5060;transport=udp", with an IP address')
    known = _SECURE if found["scheme"].lower() == "sips" else _PLAIN
    named = (found["transport"] or next(iter(known))).lower()
    transport = known.get(named)
    if transport is None:
        raise ValueError(f"has the transport {named}, which is not one of {', '.join(known)}")
    host = str(ip_address(found["host"].strip("[]")))
    return Listen(transport, host, port(found["port"], _PORTS[transport]))


def port(text: str | None, default: int = 0) -> int:
    """A port number, or C{default} for none."""
    number = default if text is None else int(text)
    if number > 65535:
        raise ValueError(f"has the port {number}, which is more than 65535")
    return number


class Source(NamedTuple):
    """Where a peer that gives no password may come from."""

    network: IPv4Network | IPv6Network
    port: int | None = None

    def matches(self, address: IPv4Address | IPv6Address, port: int) -> bool:
        """Is this address, and this port if one was asked for, the one meant?"""
        return address in self.network and self.port in (None, port)

    def meets(self, other: Source) -> bool:
        """Can one peer match both?"""
        if self.network.version != other.network.version:
            return False
        ports = {self.port, other.port} - {None}
        return len(ports) < 2 and self.network.overlaps(other.network)

    def __str__(self) -> str:
        """As it is written in a configuration."""
        alone = self.network.num_addresses == 1
        host = str(self.network.network_address) if alone else str(self.network)
        if self.port is None:
            return host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


def source(text: object) -> Source:
    """Read C{198.51.100.0/24}, C{203.0.113.7:5080} or C{[2001:db8::1]:5080}."""
    if not isinstance(text, str):
        raise ValueError("is not an address or network")
    host, number = text, None
    if found := re.fullmatch(r"\[([^\]]*)\](?::(\d{1,5}))?|([^:]*):(\d{1,5})", text):
        host, number = found[1] or found[3], found[2] or found[4]
    try:
        network = ip_network(host)
    except ValueError as error:
        raise ValueError(f"is no address or network: {error}") from None
    return Source(network, port(number) if number else None)


def host(text: str) -> str:
    """A domain name or an IP address, in lower case."""
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        if _HOST.fullmatch(text) is None:
            raise ValueError("is neither a domain name nor an IP address") from None
    return text.lower().rstrip(".")


def host_port(text: str) -> str:
    """A domain name or IP address with or without a port."""
    name, colon, number = text.rpartition(":")
    if colon and number.isdigit() and (":" not in name or name.endswith("]")):
        port(number)
        host(name)
        return text.lower()
    plain = host(text)
    return f"[{plain}]" if ":" in plain else plain


def address_port(text: str) -> str:
    """An IP address and a port: C{127.0.0.1:2223} or C{[2001:db8::1]:2223}."""
    found = re.fullmatch(r"(?:\[([^\]]*)\]|([^:\[\]]*)):(\d{1,5})", text)
    try:
        address = ip_address(found[1] or found[2]) if found else None
        number = port(found[3]) if found else 0
    except ValueError:
        address, number = None, 0
    if address is None or not number:
        raise ValueError('is not like "127.0.0.1:2223", with an IP address and a port')
    return f"[{address}]:{number}" if address.version == 6 else f"{address}:{number}"


def sip_uri(text: str) -> str:
    """A SIP or SIPS URI that names a host."""
    try:
        uri = Uri.parse(text)
    except PeerError as error:
        raise ValueError(f"is no SIP URI: {error.why}") from None
    if not uri.is_sip:
        raise ValueError("is not a sip: or sips: URI")
    host(uri.host)
    return text


def target(text: str) -> str:
    """What a call can be sent to: a number as one dials it, a name, or a URI; empty is nowhere."""
    if len(text) > 256 or not text.isprintable() or any(c in ' <>"' for c in text):
        raise ValueError("must be a number without blanks, or a URI without angle brackets")
    if ":" in text:
        try:
            scheme = Uri.parse(text).scheme
        except PeerError:
            scheme = ""
        if scheme not in ("sip", "sips", "tel"):
            raise ValueError("must be a number, or a URI that begins with sip:, sips: or tel:")
    return text


def local_number(text: str, hosts: Container[str]) -> str | None:
    """
    The number with us that a target names; None for what is elsewhere.

    @param hosts: our names.
    """
    if ":" not in text:
        return text
    uri = Uri.parse(text)
    ours = uri.scheme == "tel" or uri.host.lower().strip("[]") in hosts
    return uri.telephone[0] if ours else None


def user(text: str) -> str:
    """What can be the user part of an address without escapes."""
    if _USER.fullmatch(text) is None:
        raise ValueError("cannot be the user part of a SIP address")
    return text


def pattern(text: Any) -> re.Pattern[str]:
    """A regular expression."""
    if not isinstance(text, str):
        raise ValueError("must be text in quotes")
    try:
        return re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None


Host = Annotated[str, AfterValidator(host)]
HostPort = Annotated[str, AfterValidator(host_port)]
AddressPort = Annotated[str, AfterValidator(address_port)]
User = Annotated[str, AfterValidator(user)]
Target = Annotated[str, AfterValidator(target)]
"""What a call can be sent to; empty is nowhere."""
Seconds = Annotated[float, Field(gt=0, le=3600)]
"""A time to ring or to wait, as a person enters it: up to an hour."""
Pattern = Annotated[re.Pattern[str], BeforeValidator(pattern)]


def group(text: object) -> str:
    """Read the address of a multicast group: C{224.0.1.75}."""
    try:
        address = IPv4Address(text) if isinstance(text, str) else None
    except ValueError:
        address = None
    if address is None or not address.is_multicast:
        raise ValueError('is no multicast address such as "224.0.1.75"')
    return str(address)


Group = Annotated[str, BeforeValidator(group)]
ListenURI = Annotated[Listen, BeforeValidator(listen)]
SipURI = Annotated[str, AfterValidator(sip_uri)]
PeerSource = Annotated[Source, BeforeValidator(source)]
