"""
Fragments of SIP messages: message/sipfrag (RFC 3420).

A transferor hears in the body of a NOTIFY how the transfer goes (RFC 3515
section 2.4.5): a Status-Line, seldom more.
"""

from __future__ import annotations

from b2bua.errors import PeerError
from b2bua.wire.careful import LIMITS, REQUEST_LINE, STATUS_LINE, MessageLimits, read_lines
from b2bua.wire.grammar import printable, refuse_breaks
from b2bua.wire.message import Request, Response
from b2bua.wire.registry import REASONS
from b2bua.wire.views import Field, Message

TYPE = "message/sipfrag"
"""The content type; phones also expect C{;version=2.0} behind it."""


def parse_sipfrag(body: bytes, limits: MessageLimits = LIMITS) -> Message:
    """
    Parse a fragment: a start-line, header fields and a body, each of them optional.

    @return: a L{Request} or L{Response}, or a plain message without start-line.
    @raise PeerError: 400, if it is none.
    """
    if len(body) > limits.message:
        raise PeerError("Too large a body", section="RFC 3261 21.4.11", code=413)
    head, _, rest = body.lstrip(b"\r\n").partition(b"\r\n\r\n")
    text = head.decode("utf-8", "surrogateescape").rstrip("\r\n")
    line, _, others = text.partition("\r\n")
    if found := STATUS_LINE(line.rstrip(" ")):
        return Response(int(found[1]), printable(found[2] or ""), read_lines(others, limits), rest)
    if found := REQUEST_LINE(line):
        return Request(found[1], found[2], read_lines(others, limits), rest)
    return Message(read_lines(text, limits), rest)


def status_of(body: bytes) -> int:
    """
    Read the status from the fragment of a NOTIFY.

    @raise PeerError: 400, if it holds no Status-Line.
    """
    fragment = parse_sipfrag(body)
    if not isinstance(fragment, Response):
        raise PeerError("No Status-Line", section="RFC 3515 2.4.5", where=repr(body[:80]))
    return fragment.code


def write_status(code: int, reason: str = "", fields: tuple[Field, ...] = ()) -> bytes:
    """Write the fragment that tells how a transfer goes."""
    lines = [f"SIP/2.0 {code} {reason or REASONS.get(code, '')}"]
    lines += [f"{name}: {value}" for name, value in fields]
    return "".join([refuse_breaks(line) + "\r\n" for line in lines]).encode("utf-8", "surrogateescape")
