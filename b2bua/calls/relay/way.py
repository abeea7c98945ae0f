"""
Which way the media of two parties go: from one to the other, or through a relay; and why.

Values and pure functions; what is not known of a party speaks for neither.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal, NamedTuple

from b2bua.errors import PeerError
from b2bua.media.ports import Towards
from b2bua.wire.sdp import Sdp

if TYPE_CHECKING:
    from b2bua.legs.party import Policy

Secrecy = Literal["none", "sdes", "dtls"]
"""How media are kept secret: not at all, by keys in the session (RFC 4568), or by DTLS (RFC 5764)."""

_SPOKEN: dict[Secrecy, str] = {"none": "plain RTP", "sdes": "SRTP with SDES", "dtls": "SRTP with DTLS"}
_PROFILES: dict[Secrecy, Literal["RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVPF"]] = {
    "none": "RTP/AVP",
    "sdes": "RTP/SAVP",
    "dtls": "UDP/TLS/RTP/SAVPF",
}
_ABLE = {"none": frozenset[str](), "sdes": frozenset({"srtp"}), "dtls": frozenset({"dtls"})}
"""What a relay has to be able to do for each."""


_STATIC = {"0": "PCMU", "3": "GSM", "8": "PCMA", "9": "G722"}
"""Payload types that need no rtpmap (RFC 3551 section 6)."""
MADE = {name.lower(): name for name in ("PCMA", "PCMU", "G722", "opus", "GSM")}
"""The codecs that a relay makes out of each other, if it transcodes."""


_UNUSUAL = (b"SAVP", b"UDP/TLS", b"TCP/", b" udptl ", b" IP6 ", b"0.0.0.0", b"\nm=audio 0 ")
"""What is in a session of which more has to be known than that it is plain RTP over IPv4."""

LONGEST_ADDRESS = 64
"""Characters of an IPv6 address at most, with the name of an interface."""


class Side(NamedTuple):
    """What is known of a party and its phone."""

    name: str
    policy: Policy
    at: str = ""
    """Our address as it reaches us; empty while that is not known."""
    source: str = ""
    """The host that its requests come from, or that ours go to; empty while that is not known."""
    contact: str = ""
    """The host of its Contact; empty where others stand between it and us."""
    extension: bool = False
    """Is it a phone of ours?"""
    browser: bool = False
    """Does it come over WebSocket (RFC 7118)?"""
    session: bytes | None = None
    """What it has said of its media."""


class Way(NamedTuple):
    """The way of the media of two parties."""

    relayed: bool
    reason: str = ""
    """Why, for people; empty where nothing speaks for a relay."""
    must: bool = False
    """Would they not hear each other without the relay, or are they not to?"""


DIRECT = Way(False)


class Said(NamedTuple):
    """How the first stream of a session goes."""

    secrecy: Secrecy
    version: int
    """4 or 6; 0 for a name, or what stands for none."""
    rtp: bool = True
    """Else it is a fax (ITU-T T.38: udptl)."""


PLAIN = Said("none", 4)


def choose(by: Side, to: Side, session: bytes, can: frozenset[str], wanted: str = "") -> Way:
    """
    Choose the way of an offer.

    @param by: who offers.
    @param to: who is to get it.
    @param can: what the relay can do (L{IRelays.can}).
    @param wanted: why the media of the call have to pass here, if they have to.
    """
    offered = _said(session)
    if offered is None:
        return DIRECT
    said, version, _ = offered
    taken = _taken(to, offered)
    versions = {version, _version(to.source)} - {0}
    reason, must = _difference(by, to, said, taken, versions)
    for side in (by, to):
        if not reason and side.policy.media == "relay":
            reason, must = f'media = "relay" of {side.name}', True
    reason = reason or wanted or _behind_nat(by) or _behind_nat(to)
    # Who cannot be understood is no reason to do without what else is needed.
    made = bool(codecs_for(to, session)) and ("transcode" in can or not reason)
    if made:
        reason, must = reason or f"{to.name} understands none of the codecs that {by.name} speaks", True
    if not reason:
        return DIRECT
    # SRTP with SDES passes as it is where both have the keys, and nobody else is to listen.
    secret = frozenset() if said == taken == "sdes" and reason != wanted else _ABLE[said] | _ABLE[taken]
    needed = secret | ({"ipv6"} if 6 in versions else set()) | ({"transcode"} if made else set())
    missing = needed - can
    if missing:
        return Way(False, f"{reason}; but no relay knows {', '.join(sorted(missing))}")
    return Way(True, reason, must)


def is_plain(session: bytes) -> bool:
    """Is a session L{PLAIN}, which is seen without reading it?"""
    for unusual in _UNUSUAL:  # one after the other, which is twice as fast as a pattern of all
        if unusual in session:
            return False
    return b"\nm=audio " in session


def towards(side: Side, session: bytes) -> Towards:
    """What the party is to get that C{session} is on its way to."""
    offered = _said(session) or PLAIN
    said, taken = offered.secrecy, _taken(side, offered)
    ice = side.browser if side.session is None else b"a=ice-ufrag:" in side.session
    return Towards(side.at, "" if taken == said else _PROFILES[taken], ice)


def codecs_for(to: Side, session: bytes) -> tuple[str, ...]:
    """What a party understands that an offer has nothing for; empty if it has, or if that is not known."""
    known = tuple(_codecs(to.session).values()) if to.session is not None else to.policy.codecs
    if not known:
        return ()
    offered = _codecs(session)
    return () if not offered or any(name.lower() in offered for name in known) else known


def _codecs(session: bytes) -> dict[str, str]:
    """Codecs of the first stream of audio that is wanted, as far as they can be made; lower case first."""
    try:
        media = Sdp.parse(session).media
    except PeerError:
        return {}
    stream = next((m for m in media if m.kind == "audio" and m.port and "RTP/" in m.proto), None)
    if stream is None:
        return {}
    mapped = {number: value.partition("/")[0] for number, value in stream.codecs.items()}
    names = [mapped.get(number, _STATIC.get(number, "")).lower() for number in stream.formats]
    return {name: MADE[name] for name in names if name in MADE}


def secrecy(proto: str) -> Secrecy:
    """How a transport of m= lines keeps media secret."""
    if proto.startswith("UDP/TLS/"):
        return "dtls"
    return "sdes" if "/SAVP" in proto else "none"


def _taken(side: Side, offered: Said) -> Secrecy:
    """What the party takes: what it has said itself, else what its settings say, else what comes."""
    said = offered.secrecy
    if not offered.rtp:
        return said  # nobody encrypts a fax
    own = None if side.session is None else _said(side.session)
    if own is not None and own.rtp:
        return own.secrecy
    if side.policy.media_encryption != "any":
        return side.policy.media_encryption
    if side.browser:
        return "dtls"
    return "none" if said == "dtls" else said  # hardly any desk phone knows DTLS


def _difference(by: Side, to: Side, said: Secrecy, taken: Secrecy, versions: set[int]) -> tuple[str, bool]:
    """Why the two do not understand each other, if they do not."""
    if said != taken:
        return f"{by.name} speaks {_SPOKEN[said]}, {to.name} {_SPOKEN[taken]}", True
    if len(versions) > 1:
        return f"one of {by.name} and {to.name} is at IPv4, the other at IPv6", True
    return "", False


def _behind_nat(side: Side) -> str:
    """Is a phone of ours behind a NAT: does it call itself otherwise than its packets show (RFC 3581)?"""
    if side.contact == side.source or side.policy.media == "direct" or not side.extension:
        return ""
    if not _version(side.contact):
        return ""
    if not side.source or ip_address(side.contact) == ip_address(side.source):
        return ""
    return (
        f"{side.name} is behind a NAT: its Contact is at {side.contact}, its packets come from {side.source}"
    )


def _version(host: str) -> int:
    """4 or 6 for an address; 0 for a name, or what stands for none."""
    # What is longer would fill the memory, were it remembered: a c= line may be as long as a body.
    return _known_version(host) if len(host) <= LONGEST_ADDRESS else 0


@lru_cache(maxsize=4096)
def _known_version(host: str) -> int:
    """The same, of something short."""
    try:
        address = ip_address(host)
    except ValueError:
        return 0
    return 0 if address.is_unspecified else address.version


def _said(session: bytes) -> Said | None:
    """How the first stream goes that is wanted, sound before all else; None without RTP and fax."""
    if is_plain(session):
        return PLAIN  # most are such, and need not be read
    try:
        media = Sdp.parse(session).media
    except PeerError:
        return None
    streams = sorted((m for m in media if m.port), key=lambda m: m.kind != "audio")
    for stream in streams:
        if "RTP/" in stream.proto:
            return Said(secrecy(stream.proto), _version(stream.connection))
    for stream in streams:
        if stream.proto.lower() == "udptl":
            return Said("none", _version(stream.connection), rtp=False)
    return None
