"""
Sessions that go through a relay: what a party says of its streams, and what the other is told instead.

The other gets our address and ports, and everything else as it was; what would
lead media past the relay is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from b2bua.errors import PeerError
from b2bua.media.ports import NoRelay, Towards
from b2bua.media.rtcp import place
from b2bua.wire.sdp import Media, Sdp, Section

LONGEST = 32_768
PAST = (
    "candidate", "end-of-candidates", "remote-candidates", "ice-ufrag", "ice-pwd", "ice-options", "ice-lite",
    "ice-pacing", "ice-mismatch", "altc",
)  # fmt: skip
"""Attributes that name other ways to a party (RFC 8839, RFC 6947)."""
STATIC = {0: ("PCMU", 8000), 3: ("GSM", 8000), 8: ("PCMA", 8000), 9: ("G722", 8000), 13: ("CN", 8000),
          18: ("G729", 8000), 26: ("JPEG", 90000), 31: ("H261", 90000), 34: ("H263", 90000)}  # fmt: skip
"""Formats that need no rtpmap (RFC 3551 section 6)."""
BESIDES = ("TELEPHONE-EVENT", "CN")
"""What stands beside a codec, and is none."""


class Stream(NamedTuple):
    """One stream of a party that goes through the relay."""

    kind: str
    rtp: bool
    """Is it RTP, with RTCP beside it?  Else it is of other packets, such as fax (udptl)."""
    secure: str
    """How it is encrypted: empty, C{sdes} or C{dtls}."""
    host: str
    port: int
    control_host: str
    control_port: int
    """Where RTCP goes: to the next port, unless a=rtcp says otherwise (RFC 3605)."""
    sends: bool
    hears: bool
    formats: dict[int, tuple[str, int]]
    """Names, in capitals, and clock rates of payload types."""

    @staticmethod
    def of(values: list[Any]) -> Stream:
        """Read it again, from plain values."""
        named = {int(number): (str(name), int(rate)) for number, (name, rate) in values[-1].items()}
        return Stream._make([*values[:-1], named])


def read(session: bytes) -> Sdp:
    """
    Read a description.

    @raise NoRelay: if it is none.
    """
    if len(session) > LONGEST:
        raise NoRelay(f"a description of {len(session):,} bytes is too long to be passed on")
    try:
        return Sdp.parse(session)
    except PeerError as error:
        raise NoRelay(f"the description cannot be read: {error}") from None


def streams(sdp: Sdp, towards: Towards) -> dict[int, Stream]:
    """
    See which streams go through the relay, by their places.

    Those that were refused do not, nor those by TCP, which phones open from one to the other.

    @raise NoRelay: if one cannot, or not as C{towards} wants it.
    """
    found = {}
    for index, media in enumerate(sdp.media):
        proto = media.proto.upper()
        if media.rejected or not (proto.startswith(("RTP/", "UDP/TLS/RTP/")) or proto == "UDPTL"):
            continue
        found[index] = _stream(sdp, media, proto)
        if towards.profile and found[index].rtp and _secure(towards.profile) != found[index].secure:
            wanted = f"media by {media.proto} are wanted as {towards.profile}"
            raise NoRelay(f"{wanted}; rtpengine can do that, this relay cannot")
    if towards.ice and any(stream.secure == "dtls" for stream in found.values()):
        raise NoRelay("media for a browser need ICE; rtpengine can do that, this relay cannot")
    return found


def _secure(proto: str) -> str:
    """How a transport encrypts."""
    if proto.startswith("UDP/TLS/"):
        return "dtls"
    return "sdes" if proto.startswith("RTP/SAVP") else ""


def _stream(sdp: Sdp, media: Media, proto: str) -> Stream:
    """See what a party says of a stream."""
    if "/" in media.lines[0].split()[1]:
        raise NoRelay(f"a stream over several ports ({media.lines[0]}) cannot be passed on")
    try:
        host = media.connection
    except PeerError as error:
        raise NoRelay(f"the description cannot be read: {error}") from None
    if not host:
        raise NoRelay("a stream has no address (c=)")
    secure = _secure(proto)
    if secure and not any(part.attributes(key) for part in (media, sdp.session) for key in KEYS[secure]):
        raise NoRelay(f"media by {media.proto} are encrypted, and there is no key")
    control_host, control_port = place(media, host)
    return Stream(
        media.kind,
        proto != "UDPTL",
        secure,
        host,
        media.port,
        control_host,
        control_port,
        sends=media.direction in ("sendrecv", "sendonly"),
        hears=media.direction in ("sendrecv", "recvonly") and host not in ("0.0.0.0", "::"),
        formats=_formats(media),
    )


KEYS = {"sdes": ("crypto", "key-mgmt", "fingerprint"), "dtls": ("fingerprint",)}
"""The attributes that have them (RFC 4568, RFC 4567, RFC 5763)."""


def _formats(media: Media) -> dict[int, tuple[str, int]]:
    """What the payload types of a stream mean."""
    named: dict[int, tuple[str, int]] = dict(STATIC)
    for value in media.attributes("rtpmap"):
        number, _, what = value.partition(" ")
        parts = what.strip().split("/")
        if number.isascii() and number.isdigit() and len(number) < 4 and len(parts) > 1:
            rate = parts[1]
            if rate.isascii() and rate.isdigit() and 0 < len(rate) < 7 and int(rate):
                named[int(number)] = parts[0].upper(), int(rate)
    numbers = (int(f) for f in media.formats if f.isascii() and f.isdigit() and len(f) < 4)
    return {number: named[number] for number in numbers if number in named}


def rewritten(sdp: Sdp, host: str, ports: Mapping[int, int]) -> bytes:
    """
    Say that streams are at ours.

    @param ports: for their places.
    """
    if not ports:
        return bytes(sdp)
    session: Section = _without(sdp.session).without_attribute("group")  # bundled streams would have one port
    if session.get("c") is not None:
        session = session.with_connection(_for(session, host))
    media = [
        _moved(one, host, ports[index], session.get("c") is None) if index in ports else _left(one)
        for index, one in enumerate(sdp.media)
    ]
    return bytes(sdp.with_session(session).with_media(media))


def _left(media: Media) -> Media:
    """A stream that stays direct keeps its party's address."""
    if media.rejected or media.get("c") is not None or not media.session_connection:
        return media
    return media.with_connection(media.session_connection)


def _moved(media: Media, host: str, port: int, alone: bool) -> Media:
    """Copy a stream with our address and port."""
    moved: Media = _without(media.with_port(port))
    if alone or media.get("c") is not None:
        moved = moved.with_connection(_for(media, host))
    if media.attributes("rtcp"):
        moved = moved.with_attribute("rtcp", str(port + 1))
    return moved


def _for(section: Section, host: str) -> str:
    """Our address in place of a party's; the 0.0.0.0 of a hold of old (RFC 3264 section 8.4) stays one."""
    if section.own_connection in ("0.0.0.0", "::"):
        return "::" if ":" in host else "0.0.0.0"
    return host


def _without(section: Any) -> Any:
    """Copy lines without other ways to the party."""
    for name in PAST:
        if section.attributes(name):
            section = section.without_attribute(name)
    return section


def restricted(sdp: Sdp, codecs: tuple[str, ...]) -> Sdp:
    """
    Leave only these codecs in an offer, with keys and comfort noise; a stream without them stays as it is.

    @param codecs: names of rtpmap, whatever the case.
    """
    wanted = {name.upper() for name in codecs}
    if not wanted:
        return sdp
    return sdp.with_media([_with_codecs(one, wanted) for one in sdp.media])


def _with_codecs(media: Media, wanted: set[str]) -> Media:
    if media.kind != "audio" or media.rejected:
        return media
    names = {str(number): name for number, (name, _) in _formats(media).items()}
    kept = [f for f in media.formats if names.get(f) in wanted or names.get(f) in BESIDES]
    if not any(names[f] in wanted for f in kept):
        return media
    return media.with_formats(kept)
