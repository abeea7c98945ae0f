"""What we answer to the session of a party whom we talk to ourselves (RFC 3264), and what we offer."""

from __future__ import annotations

from typing import NamedTuple

from b2bua.errors import PeerError
from b2bua.media import codecs
from b2bua.media.codec import Codec
from b2bua.media.rtcp import place
from b2bua.wire.sdp import Media, Sdp

EVENTS = "telephone-event"
AVP = "RTP/AVP"
DYNAMIC = 96
"""The first payload type that means nothing by itself (RFC 3551 section 6)."""


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
    events_clock: int = 8000
    """How many a second the timestamps of telephone events count."""
    control: tuple[str, int] = ("", 0)
    """Where reports go (RTCP); nowhere without a port."""


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
        return _answer(Sdp.parse(offer), host, port)
    except PeerError:
        return None


def _answer(offered: Sdp, host: str, port: int) -> Reply | None:
    """Answer what can be read; what of it cannot, raises L{PeerError}."""
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
    """What we offer ourselves: all that we speak, G.711 first, and keys."""
    formats = " ".join(str(codec.payload_type) for codec in codecs.ALL)
    lines = [f"m=audio {port} {AVP} {formats} 101"]
    for codec in codecs.ALL:
        lines += _map(codec, codec.payload_type)
    lines += [f"a=rtpmap:101 {EVENTS}/8000", "a=fmtp:101 0-15", "a=ptime:20", "a=sendrecv"]
    return _head(host) + "".join(f"{line}\r\n" for line in lines).encode()


def accepted(session: bytes) -> Agreed | None:
    """What an answer to our offer means; None if it refuses it."""
    try:
        answered = Sdp.parse(session)
        return next((found for media in answered.media if (found := _agree(media)) is not None), None)
    except PeerError:
        return None


def _agree(media: Media) -> Agreed | None:
    """See whether a stream can be understood."""
    if media.kind != "audio" or media.rejected or media.proto != AVP or not media.connection:
        return None
    understood, events = _understood(media)
    chosen = next((f for f in media.formats if f in understood), None)
    if chosen is None:
        return None
    codec = understood[chosen]
    # Keys of the codec's own clock fit into its timestamps (RFC 4733 section 2.1).
    key = min(events, key=lambda number: events[number] != codec.clock, default=None)
    return Agreed(
        codec,
        int(chosen),
        key,
        media.connection,
        media.port,
        sends=media.direction in ("sendrecv", "recvonly") and media.connection != "0.0.0.0",
        hears=media.direction in ("sendrecv", "sendonly"),
        events_clock=8000 if key is None else events[key],
        control=place(media, media.connection),
    )


def _understood(media: Media) -> tuple[dict[str, Codec], dict[int, int]]:
    """Which codecs the formats of a stream are that we speak, and the clocks of its telephone events."""
    understood = {str(codec.payload_type): codec for codec in codecs.ALL if codec.payload_type < DYNAMIC}
    events: dict[int, int] = {}
    for value in media.attributes("rtpmap"):
        number, _, what = value.partition(" ")
        name, _, rest = what.strip().partition("/")
        if number not in media.formats or not (number.isascii() and number.isdigit() and int(number) < 128):
            continue
        understood.pop(number, None)
        if name.lower() == EVENTS:
            if rest in ("8000", "8000/1", "48000", "48000/1"):
                events[int(number)] = int(rest.partition("/")[0])
            continue
        codec = codecs.CODECS.get(name.upper())
        if codec is not None and rest.removesuffix("/1") == codec.rtpmap.partition("/")[2]:
            understood[number] = codec
    return understood, events


def _map(codec: Codec, number: int) -> list[str]:
    """The lines that say what a payload type is."""
    return [f"a=rtpmap:{number} {codec.rtpmap}", *([f"a=fmtp:{number} {codec.fmtp}"] if codec.fmtp else [])]


def _stream(media: Media, agreed: Agreed, port: int) -> Media:
    """Our stream for one that is understood."""
    formats = [str(agreed.payload_type)]
    lines = _map(agreed.codec, agreed.payload_type)
    if agreed.events is not None:
        formats.append(str(agreed.events))
        lines += [
            f"a=rtpmap:{agreed.events} {EVENTS}/{agreed.events_clock}",
            f"a=fmtp:{agreed.events} 0-15",
        ]
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
