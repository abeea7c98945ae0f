"""What an engine is to make of a session, in the words of its protocol."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from b2bua.errors import PeerError
from b2bua.media.latch import is_inside
from b2bua.wire.sdp import Sdp

if TYPE_CHECKING:
    from b2bua.media.ports import Towards

Interfaces: TypeAlias = Mapping[IPv4Network | IPv6Network, str]
"""By which of its interfaces an engine reaches a network."""

ALWAYS: dict[str, Any] = {
    # The address in a session is the engine's, also in o=.
    "replace": ["origin", "session connection"],
    # A party keeps the port that it was told, whatever the other one does: who
    # is transferred has to be told nothing new.  A latched party stays latched.
    "flags": ["port latching", "strict source"],
    # For three seconds the best of the addresses that were seen is taken: the one in the
    # session before its host with another port (NAT), and that before any other.
    "endpoint-learning": "heuristic",
    "supports": ["load limit"],
}
WEB = "UDP/TLS/RTP/SAVPF"
SDES = (
    "no-AEAD_AES_256_GCM",
    "no-AEAD_AES_128_GCM",
    "no-AES_256_CM_HMAC_SHA1_80",
    "no-AES_256_CM_HMAC_SHA1_32",
    "no-AES_192_CM_HMAC_SHA1_80",
    "no-AES_192_CM_HMAC_SHA1_32",
    "no-F8_128_HMAC_SHA1_80",
    "no-F8_128_HMAC_SHA1_32",
    "no-NULL_HMAC_SHA1_80",
    "no-NULL_HMAC_SHA1_32",
)
"""
Suites that are not offered beside the two that everybody has (RFC 4568 section 6.2).

All of them would make an INVITE too long for a datagram.
"""


class Side(NamedTuple):
    """What is known of a party by the session that it has sent last."""

    profile: str = "RTP/AVP"
    ice: bool = False
    sends: bool = True
    hears: bool = True
    formats: Mapping[int, str] = {}
    """Payload types, as C{name/rate}."""

    @property
    def web(self) -> bool:
        """Does it want DTLS?"""
        return self.profile.startswith("UDP/TLS")


STATIC = {0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000"}
"""What needs no rtpmap (RFC 3551 section 6)."""


def side(session: bytes) -> Side | None:
    """Read what matters of a session; None if it cannot be read, or has no stream of sound."""
    try:
        description = Sdp.parse(session)
    except PeerError:
        return None
    for media in description.media:
        if media.kind != "audio" or media.rejected:
            continue
        formats = {number: name for number, name in STATIC.items() if str(number) in media.formats}
        for value in media.attributes("rtpmap"):
            number, _, name = value.partition(" ")
            if number.isascii() and number.isdigit() and len(number) < 4:
                formats[int(number)] = name.strip()
        direction = media.direction
        ice = bool(media.attributes("ice-ufrag")) or bool(description.session.attributes("ice-ufrag"))
        return Side(
            media.proto,
            ice,
            direction in ("sendrecv", "sendonly"),
            direction in ("sendrecv", "recvonly"),
            formats,
        )
    return None


def offered(session: bytes, towards: Towards, peer: str, interfaces: Interfaces) -> dict[str, Any]:
    """What becomes of an offer."""
    by = side(session) or Side("")
    wishes = _of(session, peer)
    wishes["address family"] = "IP6" if ":" in towards.host else "IP4"
    if interfaces:
        wishes["direction"] = [interface(interfaces, peer), interface(interfaces, towards.host)]
    profile = towards.profile or (by.profile if by.profile in ("RTP/AVP", "RTP/SAVP", WEB) else "")
    if profile:
        wishes["transport protocol"] = profile
    wishes["ICE"] = "force" if towards.ice or profile == WEB else "remove"
    wishes["rtcp-mux"] = ["require" if profile == WEB else "demux"]
    if profile == WEB:
        wishes["SDES"] = ["off"]
        wishes["flags"] = [*wishes["flags"], "generate mid"]
    elif profile == "RTP/SAVP":
        wishes["DTLS"] = "off"
        wishes["SDES"] = list(SDES)
    if towards.codecs:
        events = ["telephone-event"] if _has(by, "telephone-event") else []
        wishes["codec"] = {"mask": ["all"], "transcode": [*map(_spelled, towards.codecs), *events]}
    return wishes


def answered(session: bytes, offer: Side, peer: str) -> dict[str, Any]:
    """What becomes of an answer: it is as the offer was (RFC 3264 section 6)."""
    return {**_of(session, peer), "ICE": "force" if offer.ice else "remove"}


def interface(interfaces: Interfaces, host: str) -> str:
    """The name of the engine's interface for a host: that of the smallest network that has it."""
    try:
        address = ip_address(host)
    except ValueError:
        return next(iter(interfaces.values()))
    fitting = [network for network in interfaces if address in network]
    if not fitting:
        return next(iter(interfaces.values()))
    return interfaces[max(fitting, key=lambda network: network.prefixlen)]


def _of(session: bytes, peer: str) -> dict[str, Any]:
    """What goes with every session."""
    wishes = dict(ALWAYS, sdp=session.decode("utf-8", "replace"))
    if _behind_nat(session, peer):
        # The address in the session is of a network that we do not see.
        family = "IP6" if ":" in peer else "IP4"
        wishes["received from"] = [family, peer]
        wishes["flags"] = [*wishes["flags"], "SIP source address"]
    return wishes


def _behind_nat(session: bytes, peer: str) -> bool:
    """Does a party name an address of a private network or of the engine's machine, and is not there?"""
    try:
        description = Sdp.parse(session)
        hosts = {media.connection for media in description.media if not media.rejected}
        seen = ip_address(peer)
        named = {ip_address(host) for host in hosts if host}
    except (PeerError, ValueError):
        return False
    if any(is_inside(str(host), peer) for host in named):
        return True
    return seen.is_global and any(
        host.version == seen.version and not host.is_unspecified and not host.is_global for host in named
    )


def _has(side: Side, name: str) -> bool:
    return any(known.lower().startswith(f"{name}/") for known in side.formats.values())


def _spelled(codec: str) -> str:
    """The engine knows Opus by small letters, the others by great ones."""
    return codec.lower() if codec.lower() == "opus" else codec.upper()
