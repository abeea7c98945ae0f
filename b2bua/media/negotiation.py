"""What we answer to the session of a party whom we talk to ourselves (RFC 3264), and what we offer."""

from __future__ import annotations

from typing import NamedTuple

from b2bua.errors import PeerError
from b2bua.media.g711 import CODECS, PCMA, PCMU, Codec
from b2bua.wire.sdp import Media, Sdp

EVENTS = "telephone-event"
AVP = "RTP/AVP"


class Agreed(NamedTuple):
    """What was agreed with a party: where its ear is, and what both understand."""

    codec: Codec
    payload_type: int
    events: int | None
    """The payload type of telephone events; None without them."""
    host: str
    port: int
    sends: bool
    """May we send?"""
    hears: bool
    """Does the party send?"""


class Reply(NamedTuple):
    """Our answer, and what it means."""

    session: bytes
    agreed: Agreed


def answer(offer: bytes, host: str, port: int) -> Reply | None:
    """
    Answer an offer with an endpoint of ours.

    The first audio stream that we understand is taken, all others are refused.

    @param host: our address, as the party reaches it.
    @return: None if nothing of it can be understood here.
    """
    try:
        offered = Sdp.parse(offer)
    except PeerError:
        return None
    streams: list[Media] = []
    agreed: Agreed | None = None
    for media in offered.media:
        found = _agree(media) if agreed is None else None
        if found is None:
            streams.append(media.rejected_copy())
            continue
        agreed = found
        streams.append(_stream(media, found, port))
    if agreed is None:
        return None
    session = _head(host) + b"".join(_text(media) for media in streams)
    return Reply(session, agreed)


def offer(host: str, port: int) -> bytes:
    """What we offer ourselves: both kinds of G.711, and keys."""
    lines = (
        f"m=audio {port} {AVP} {PCMA.payload_type} {PCMU.payload_type} 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=sendrecv",
    )
    return _head(host) + "".join(f"{line}\r\n" for line in lines).encode()


def accepted(session: bytes) -> Agreed | None:
    """What an answer to our offer means; None if it refuses it."""
    try:
        answered = Sdp.parse(session)
    except PeerError:
        return None
    return next((found for media in answered.media if (found := _agree(media)) is not None), None)


def _agree(media: Media) -> Agreed | None:
    """See whether a stream can be understood."""
    if media.kind != "audio" or media.rejected or media.proto != AVP or not media.connection:
        return None
    names = _names(media)
    chosen = next((f for f in media.formats if names.get(f) in CODECS), None)
    if chosen is None:
        return None
    events = next((int(f) for f in media.formats if names.get(f) == EVENTS), None)
    return Agreed(
        CODECS[names[chosen]],
        int(chosen),
        events,
        media.connection,
        media.port,
        sends=media.direction in ("sendrecv", "recvonly") and media.connection != "0.0.0.0",
        hears=media.direction in ("sendrecv", "sendonly"),
    )


def _names(media: Media) -> dict[str, str]:
    """What each format of a stream is called; of those of 8,000 samples a second, in one channel."""
    names = {str(codec.payload_type): codec.name for codec in CODECS.values()}
    for value in media.attributes("rtpmap"):
        number, _, what = value.partition(" ")
        name, _, rate = what.strip().partition("/")
        usable = number.isdigit() and int(number) < 128 and rate in ("8000", "8000/1")
        known = name.lower() if name.lower() == EVENTS else name.upper()
        names[number] = known if usable else ""
    return names


def _stream(media: Media, agreed: Agreed, port: int) -> Media:
    """Our stream for one that is understood."""
    formats = [str(agreed.payload_type)]
    lines = [f"a=rtpmap:{agreed.payload_type} {agreed.codec.name}/8000"]
    if agreed.events is not None:
        formats.append(str(agreed.events))
        lines += [f"a=rtpmap:{agreed.events} {EVENTS}/8000", f"a=fmtp:{agreed.events} 0-15"]
    direction = {
        (True, True): "sendrecv",
        (True, False): "sendonly",
        (False, True): "recvonly",
    }.get((agreed.sends, agreed.hears), "inactive")
    first = f"m=audio {port} {AVP} {' '.join(formats)}"
    return Media.of((first, *lines, "a=ptime:20", f"a={direction}"), None, None)


def _head(host: str) -> bytes:
    """The lines of the session level; the o= line is written by the leg."""
    family = "IP6" if ":" in host else "IP4"
    lines = ("v=0", f"o=- 0 0 IN {family} {host}", "s=-", f"c=IN {family} {host}", "t=0 0")
    return "".join(f"{line}\r\n" for line in lines).encode()


def _text(media: Media) -> bytes:
    """The lines of a stream."""
    return "".join(f"{line}\r\n" for line in media.lines).encode()
