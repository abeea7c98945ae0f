"""
Bodies of several parts (RFC 2046 section 5.1, RFC 5621).

A body is SDP alone, or SDP among other things; L{session_of} finds it either
way, and L{unsupported_parts} says what must not be passed over.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from b2bua.errors import PeerError
from b2bua.wire.careful import LIMITS, MessageLimits, read_lines
from b2bua.wire.grammar import find_param, is_token, parse_params, refuse_breaks
from b2bua.wire.views import Field, Message

SECTION = "RFC 5621 3"
MAX_PARTS = 32
MAX_DEPTH = 4

# bchars of RFC 2046 section 5.1.1
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]\Z")


class Part(Message):
    """One part: header fields of its own, and a body."""

    @property
    def disposition(self) -> str:
        """
        What it is for.

        Without Content-Disposition SDP is the session and anything else is to
        be rendered (RFC 3261 section 20.11).
        """
        if self.content_disposition:
            return self.content_disposition
        return "session" if self.content_type == "application/sdp" else "render"

    @property
    def optional(self) -> bool:
        """May it be ignored if it is not understood: handling=optional (RFC 5621 5)?"""
        value = self.get("Content-Disposition") or ""
        _, semicolon, params = value.partition(";")
        handling = find_param(parse_params(semicolon + params), "handling") if semicolon else None
        return handling is not None and handling.lower() == "optional"


@dataclass(frozen=True, slots=True)
class Content:
    """A body taken apart: its kind (mixed, alternative, related) and its parts in order."""

    kind: str
    parts: tuple[Part, ...]


def parse_multipart(content_type: str, body: bytes, limits: MessageLimits = LIMITS) -> Content:
    """
    Take a multipart body apart.

    @param content_type: the value of Content-Type, with its boundary.
    @raise PeerError: 400, if it is malformed.
    """
    media, semicolon, params = content_type.partition(";")
    kind, slash, subtype = media.strip().lower().partition("/")
    if kind != "multipart" or not slash:
        raise PeerError("Not multipart", section=SECTION, where=content_type)
    boundary = find_param(parse_params(semicolon + params), "boundary")
    if boundary is None or not _BOUNDARY.match(boundary):
        raise PeerError("No boundary", section="RFC 2046 5.1.1", where=content_type)
    return Content(subtype, tuple(_split(body, boundary.encode(), limits)))


def _split(body: bytes, boundary: bytes, limits: MessageLimits) -> list[Part]:
    """Cut the body at its boundaries; what is before and after them is dropped."""
    delimiter = re.compile(rb"(?:\A|\r\n)--" + re.escape(boundary) + rb"(?>(--)?)[ \t]*+(?:\r\n|\Z)")
    parts: list[Part] = []
    start: int | None = None
    at = 0
    while (found := delimiter.search(body, at)) is not None:
        if start is not None:
            parts.append(_read_part(body[start : found.start()], limits))
        if len(parts) > MAX_PARTS:
            raise PeerError("Too many parts", section=SECTION, code=413)
        if found[1]:
            return parts
        start = found.end()
        # The line break before a boundary belongs to it, also if the part is empty.
        at = max(start - 2, found.start() + 1)
    raise PeerError("The last boundary is missing", section="RFC 2046 5.1.1")


def _read_part(data: bytes, limits: MessageLimits) -> Part:
    """Take a part apart into header fields and body."""
    if data.startswith(b"\r\n"):
        return Part((), data[2:])
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank and not head.endswith(b"\r\n"):
        head += b"\r\n"
    text = head.decode("utf-8", "surrogateescape").rstrip("\r\n")
    return Part(read_lines(text, limits), body)


def write_multipart(
    parts: Sequence[tuple[Sequence[Field], bytes]], boundary: str, kind: str = "mixed"
) -> tuple[str, bytes]:
    """
    Put parts together.

    @param boundary: a token that is in none of the parts.
    @return: the value of Content-Type, and the body.
    """
    mark = boundary.encode()
    if not is_token(boundary) or any(b"--" + mark in body for _, body in parts):
        raise ValueError(f"No good boundary: {boundary!r}")
    pieces = []
    for fields, body in parts:
        head = "".join([refuse_breaks(f"{name}: {value}") + "\r\n" for name, value in fields])
        pieces += [b"--", mark, b"\r\n", head.encode("utf-8", "surrogateescape"), b"\r\n", body, b"\r\n"]
    pieces += [b"--", mark, b"--\r\n"]
    return f"multipart/{kind};boundary={boundary}", b"".join(pieces)


def leaves(message: Message, limits: MessageLimits = LIMITS) -> list[Part]:
    """
    List the bodies of a message, with multiparts taken apart.

    @raise PeerError: 400, if a multipart is malformed.
    """
    return _leaves(message.get("Content-Type") or "", Part(message.fields, message.body), limits, 0)


def _leaves(content_type: str, whole: Part, limits: MessageLimits, depth: int) -> list[Part]:
    """List the bodies of a part."""
    if not whole.body:
        return []
    if not content_type.lower().startswith("multipart/"):
        return [whole]
    if depth == MAX_DEPTH:
        raise PeerError("Too many parts within parts", section=SECTION)
    found: list[Part] = []
    for part in parse_multipart(content_type, whole.body, limits).parts:
        found += _leaves(part.get("Content-Type") or "text/plain", part, limits, depth + 1)
    return found


def session_of(message: Message, limits: MessageLimits = LIMITS) -> bytes | None:
    """Find the SDP of a message, alone or among other parts; None if there is none."""
    if not message.body:
        return None
    kind = message.content_type
    if kind == "application/sdp":
        return message.body
    if not kind.startswith("multipart/"):
        return None
    return next(
        (
            part.body
            for part in leaves(message, limits)
            if part.content_type == "application/sdp" and part.disposition == "session"
        ),
        None,
    )


def unsupported_parts(
    message: Message, understood: Collection[str], limits: MessageLimits = LIMITS
) -> list[str]:
    """
    List the types of the parts that are neither understood, as the whole may be, nor may be ignored.

    Where there are any, the answer is 415 with Accept (RFC 5621 section 5).
    """
    if message.content_type in understood:
        return []
    return [
        part.content_type or "text/plain"
        for part in leaves(message, limits)
        if part.content_type not in understood and not part.optional
    ]
