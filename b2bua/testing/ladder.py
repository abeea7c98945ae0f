"""
What went over the simulated network, drawn as a ladder.

Thus::

    0.000  alice          server         bob
    0.000    |--INVITE----->|              |
    0.010    |              |--INVITE----->|
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from b2bua.testing.network import Packet

WIDTH = 22
_START = re.compile(rb"^(?:SIP/2\.0 (\d{3}) ([^\r\n]*)|([A-Z]+) \S+ SIP/2\.0)\r?\n")
_CSEQ = re.compile(rb"\n(?:CSeq)[ \t]*:[ \t]*(\d+)[ \t]+([A-Z]+)", re.IGNORECASE)
_DIRECTION = re.compile(rb"\na=(sendonly|recvonly|inactive)\r?\n")


def summary(data: bytes) -> str:
    """Say in a few words what a packet is."""
    start = _START.match(data)
    if start is None:
        return "keep-alive" if not data.strip() else f"{len(data)} bytes"
    cseq = _CSEQ.search(data)
    method = cseq[2].decode() if cseq else ""
    text = start[3].decode() if start[3] else f"{start[1].decode()} {method}"
    _, _, body = data.partition(b"\r\n\r\n")
    if body.startswith(b"v=0"):
        direction = _DIRECTION.search(body)
        text += f" {direction[1].decode()}" if direction else " sdp"
    elif body.startswith(b"SIP/2.0 "):
        text += f" {body[8:11].decode()}"
    return text


def draw(packets: Iterable[Packet], names: Mapping[str, str], columns: Iterable[str] = ()) -> str:
    """
    Draw packets as a ladder.

    @param names: what hosts are called.
    @param columns: names in the order they shall stand in, left to right; the
        others follow as they turn up.
    """
    packets = list(packets)
    order: list[str] = list(columns)
    for packet in packets:
        for host, _port in (packet.source, packet.destination):
            name = names.get(host, host)
            if name not in order:
                order.append(name)
    seen = {names.get(end[0], end[0]) for packet in packets for end in (packet.source, packet.destination)}
    order = [name for name in order if name in seen]
    places = {name: place for place, name in enumerate(order)}
    lines = [" " * 10 + "".join(f"{name:<{WIDTH}}" for name in order).rstrip()]
    for packet in packets:
        source = places[names.get(packet.source[0], packet.source[0])]
        destination = places[names.get(packet.destination[0], packet.destination[0])]
        lines.append(f"{packet.at:9.3f} " + _rung(packet, source, destination, len(order)))
    return "\n".join(lines)


def _rung(packet: Packet, source: int, destination: int, columns: int) -> str:
    """Draw one line."""
    label = summary(packet.data)
    if packet.lost:
        label += " (lost)"
    if source == destination:
        return _posts(columns, {}) + f" {label} to itself"
    left, right = sorted((source, destination))
    width = (right - left) * WIDTH - 1
    label = label[: width - 4]
    tip = "x" if packet.lost else ">" if source < destination else "<"
    if source < destination:
        arrow = f"-{label}".ljust(width - 1, "-") + tip
    else:
        arrow = tip + f"-{label}".ljust(width - 1, "-")
    return _posts(columns, {left: arrow})


def _posts(columns: int, arrows: Mapping[int, str]) -> str:
    """Draw the posts, with arrows between some of them."""
    text, skip = "", 0
    for place in range(columns):
        if skip > 0:
            skip -= 1
            if skip > 0:
                continue
        text += "|"
        arrow = arrows.get(place)
        if arrow is not None:
            text += arrow
            skip = (len(arrow) + 1) // WIDTH
        elif place < columns - 1:
            text += " " * (WIDTH - 1)
    return text.rstrip()
