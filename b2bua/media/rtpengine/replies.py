"""What an engine says, read: sessions, streams and what was counted; nothing of it need be there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from b2bua.media.ports import NoRelay, Received, Statistics

if TYPE_CHECKING:
    from b2bua.media.rtpengine.exchanges import Reply


def session(reply: Reply) -> bytes:
    """The session in a reply."""
    session = reply.get("sdp")
    if not isinstance(session, str):
        raise NoRelay("rtpengine gives no session")
    return session.encode()


def streams(reply: Reply) -> list[tuple[str, dict[str, Any]]]:
    """Each leg with its stream of sound, as a reply to C{query} has them."""
    found = []
    for leg, tag in _table(reply.get("tags")).items():
        for media in _list(_table(tag).get("medias")):
            both = _list(_table(media).get("streams"))
            if _table(media).get("type") == "audio" and both:
                found.append((leg, _table(both[0])))
                break
    return found


def statistics(reply: Reply) -> Statistics:
    """What came from each leg; loss, jitter and MOS are known of parties whose peer sends RTCP."""
    sources = _table(reply.get("SSRC"))
    found: Statistics = {}
    for leg, stream in streams(reply):
        ssrc = stream.get("SSRC")
        for source in _list(stream.get("ingress SSRCs")):  # from 11.0 on
            ssrc = _table(source).get("SSRC", ssrc)
        source = _table(sources.get(str(ssrc)))
        average = _table(source.get("average MOS"))
        mos = _whole(average.get("MOS")) / 10 if "MOS" in average else None
        lost = _whole(source.get("cumulative loss"))
        found[leg] = Received(packets(stream), lost, _whole(average.get("jitter")) / 1000, mos)
    return found


def packets(stream: Mapping[str, Any]) -> int:
    """How many packets a stream has brought."""
    return _whole(_table(stream.get("stats")).get("packets"))


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
