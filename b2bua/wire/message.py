"""
Requests and responses, and how they are written to bytes.

They are read by L{b2bua.wire.parser}.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Self, cast, final

from b2bua.errors import PeerError, UsageError
from b2bua.wire.fields import Via
from b2bua.wire.grammar import has_bare_nul, split_list, without_controls
from b2bua.wire.names import NameAddr
from b2bua.wire.registry import KNOWN, REASONS, canonical
from b2bua.wire.uri import Uri, known_uris
from b2bua.wire.views import Field, Message, view

__all__ = [
    "MANDATORY",
    "REASONS",
    "Field",
    "Message",
    "Request",
    "Response",
    "write",
    "write_plain",
    "written",
]

MANDATORY = ("Via", "From", "To", "Call-ID", "CSeq")
"""The fields that every message must have (section 8.1.1), and that a response has from its request."""

_COPIED = frozenset(MANDATORY)
# Requests whose responses make a dialog (section 12.1.1, RFC 6665 section 4.4.1).
_DIALOG_MAKERS = frozenset(("INVITE", "SUBSCRIBE", "REFER", "NOTIFY"))


class Blank:
    """What is made without anything, and filled at once."""

    __slots__ = ()
    if TYPE_CHECKING:

        def __init__(self) -> None:
            """Begin with nothing."""
    else:
        __init__ = object.__init__  # which calls no function of Python


class Request(Message):
    """A request (section 7.1)."""

    data = b""
    """As it goes out, where it was written at once (see L{written})."""

    listed = False
    """Are its fields in C{fields} as well, not only in C{first}?"""

    def __init__(self, method: str, uri: str, fields: Iterable[Field] = (), body: bytes = b"") -> None:
        """Take the Request-Line's parts, the header fields and the body."""
        self.method = method
        self.uri = uri
        self.fields, self.listed = tuple(fields), True
        self.body = body

    def __repr__(self) -> str:
        """For people who debug."""
        return f"<Request {self.method} {self.uri} {self.get('Call-ID')} {self.get('CSeq')}>"

    def start_line(self) -> str:
        """The Request-Line."""
        return f"{self.method} {self.uri} SIP/2.0"

    @view
    def request_uri(self) -> Uri:
        """The Request-URI, parsed."""
        return known_uris[self.uri]

    @view
    def fields(self) -> tuple[Field, ...]:
        """Its header fields; of what was written at once they are taken when somebody asks."""
        self.listed = True
        return _fields_of(self.data) if self.data else tuple(self.first.items())

    def with_uri(self, uri: Uri | str) -> Request:
        """Copy it with another Request-URI."""
        return Request(self.method, str(uri), self.fields, self.body)

    def came_by(self, via: Via) -> None:
        """
        Put another topmost Via in the place of the one that was read.

        It is what a transport adds to a request before anybody else sees it
        (section 18.2.1): the only thing that is ever changed in a message.
        """
        first, text = self.first, via.head + via.tail
        if "," in first["Via"]:
            text = ", ".join((text, *split_list(first["Via"])[1:]))
        if self.listed:
            fields = [*self.fields]
            at = [canonical(name) for name, _ in fields].index("Via")
            fields[at] = (fields[at][0], text)
            self.fields = tuple(fields)
        first["Via"], self.via = text, via

    def _copy(self, fields: tuple[Field, ...], body: bytes) -> Self:
        """Make the like with other fields and body."""
        return cast("Self", Request(self.method, self.uri, fields, body))

    def response(
        self,
        code: int,
        reason: str = "",
        to_tag: str = "",
        fields: Iterable[Field] = (),
        body: bytes = b"",
        head: str = "",
        lines: int = 0,
    ) -> Response:
        """
        Answer it (section 8.2.6), written at once, since mostly nobody looks at the fields of an answer.

        Via, From, To, Call-ID and CSeq are copied; so is Record-Route where
        the response may make a dialog, and Timestamp into a 100.

        @param to_tag: the tag of To, if it has none yet; a 100 goes without.
        @param head: what stands before C{fields}, as for L{written}.
        @param lines: how many fields that are.
        """
        more = ""
        if code == 100:
            to_tag, more = "", "Timestamp"
        elif code < 300 and self.method in _DIALOG_MAKERS:
            more = "Record-Route"
        if reason:
            reason = without_controls(reason)
        elif code in REASONS:
            reason = REASONS[code]
        reason = reason or _class_reason(code)
        first = self.first
        if (
            self.distinct
            and "Via" in first
            and "From" in first
            and "To" in first
            and "Call-ID" in first
            and "CSeq" in first
        ):
            to = first["To"]
            if to_tag and (to[-1:] == ">" or not _is_tagged(to)):
                to = f"{to};tag={to_tag}"
            else:
                to_tag = ""
            copied = (
                f"Via: {first['Via']}\nFrom: {first['From']}\nTo: {to}\n"
                f"Call-ID: {first['Call-ID']}\nCSeq: {first['CSeq']}\n"
            )
            lines += 5
            if more in first:
                copied += f"{more}: {first[more]}\n"
                lines += 1
        else:
            answered = self.only(_COPIED | {more})
            if to_tag:
                _tag(answered, to_tag)
                to_tag = ""
            copied = "".join([f"{name}: {value}\n" for name, value in answered])
            lines += len(answered)
        for name, value in fields:
            head += f"{name}: {value}\n"
            lines += 1
        response = WrittenResponse()
        response.code, response.reason = code, reason
        if to_tag:
            response.to_tag = to_tag
        _write_at_once(response, f"SIP/2.0 {code} {reason}\n{copied}{head}", lines, body)
        return response


def _tag(copied: list[Field], tag: str) -> None:
    """Put a tag on the To of a response, if it has none."""
    for at, (name, value) in enumerate(copied):
        if name == "To" or (name not in KNOWN and canonical(name) == "To"):
            if value[-1:] == ">" or not _is_tagged(value):
                copied[at] = (name, f"{value};tag={tag}")
            return


def _is_tagged(value: str) -> bool:
    """Has an address a tag, however it is spelled?"""
    try:
        return NameAddr.parse(value).tag != ""
    except PeerError:
        # A malformed request that is being refused: its To goes back as it is.
        return ";tag=" in value


def _class_reason(code: int) -> str:
    """A phrase for a code that is not registered: that of its class."""
    return REASONS.get(code // 100 * 100, "")


class Response(Message):
    """A response (section 7.2)."""

    data = b""
    """As it goes out, where it was written at once (see L{Request.response})."""

    local = False
    """True if we made it up: a timeout (408) or a transport error (503)."""

    def __init__(
        self,
        code: int,
        reason: str,
        fields: Iterable[Field] = (),
        body: bytes = b"",
        *,
        local: bool = False,
    ) -> None:
        """Take the Status-Line's parts, the header fields and the body."""
        if local:
            self.local = True
        self.code = code
        self.reason = reason
        self.fields = tuple(fields)
        self.body = body

    def __repr__(self) -> str:
        """For people who debug."""
        return f"<Response {self.code} {self.reason} {self.get('Call-ID')} {self.get('CSeq')}>"

    @view
    def fields(self) -> tuple[Field, ...]:
        """Its header fields; of what was written at once they are taken when somebody asks."""
        return _fields_of(self.data) if self.data else tuple(self.first.items())

    def start_line(self) -> str:
        """The Status-Line."""
        return f"SIP/2.0 {self.code} {self.reason}"

    def _copy(self, fields: tuple[Field, ...], body: bytes) -> Self:
        """Make the like with other fields and body."""
        return cast("Self", Response(self.code, self.reason, fields, body, local=self.local))

    def made_up(self) -> Response:
        """The like, as one of which no peer knows."""
        return Response(self.code, self.reason, self.fields, self.body, local=True)

    @property
    def provisional(self) -> bool:
        """Is it a 1xx?"""
        return self.code < 200

    @property
    def success(self) -> bool:
        """Is it a 2xx?"""
        return 200 <= self.code < 300

    @property
    def final(self) -> bool:
        """Is it anything but a 1xx?"""
        return self.code >= 200


@final
class WrittenRequest(Blank, Request):
    """A request of ours that was written at once."""

    __slots__ = ("body", "data", "method", "uri")


@final
class WrittenResponse(Blank, Response):
    """A response of ours that was written at once."""

    __slots__ = ("body", "code", "data", "reason")


def write(message: Request | Response) -> bytes:
    """
    Write a message; Content-Length is made right, or put at the end.

    @raise UsageError: if anything in it would begin a line of its own
        (header injection).
    """
    if message.data:
        return message.data
    fields, body = message.fields, message.body
    length = str(len(body)) if body else "0"
    names, _ = zip(*fields, strict=True) if fields else ((), ())
    breaks, at = _known_layout(names) if len(names) <= 256 else _layout(names)
    if at < 0:
        fields = (*fields, ("Content-Length", length))
    elif fields[at][1] != length:
        fields = (*fields[:at], (names[at], length), *fields[at + 1 :])
    lines = "\r\n".join(map(": ".join, fields))
    if isinstance(message, Request):
        text = f"{message.method} {message.uri} SIP/2.0\r\n{lines}\r\n\r\n"
    else:
        text = f"SIP/2.0 {message.code} {message.reason}\r\n{lines}\r\n\r\n"
    if text.count("\n") != breaks or text.count("\r") != breaks or "\0" in text:
        _refuse_injection(message, text, breaks)
    return text.encode("utf-8", "surrogateescape") + body


def written(method: str, uri: str, head: str, lines: int, body: bytes = b"") -> Request:
    """
    Make a request of ours that is written at once, since mostly nobody looks at its fields.

    @param head: its header fields, each with a LF at its end, but for Content-Length.
    @param lines: how many that are.
    @raise UsageError: as for L{write}.
    """
    request = WrittenRequest()
    request.method, request.uri = method, uri
    _write_at_once(request, f"{method} {uri} SIP/2.0\n{head}", lines, body)
    return request


def _write_at_once(message: WrittenRequest | WrittenResponse, head: str, lines: int, body: bytes) -> None:
    """
    Write a message.

    @param head: its start-line and its header fields, each with a LF at its end, but for Content-Length.
    @param lines: how many fields that are.
    """
    text = f"{head}Content-Length: {len(body)}\n\n"
    bare = text.encode("utf-8", "surrogateescape")
    data = bare.replace(b"\n", b"\r\n")
    message.body, message.data = body, data + body
    # Each line has grown by one; to count line breaks would take longer than all the rest.
    if len(data) != len(bare) + lines + 3 or "\r" in text or "\0" in text:
        _refuse_injection(message, data.decode("utf-8", "surrogateescape"), lines + 3)


def _fields_of(data: bytes) -> tuple[Field, ...]:
    """Take apart the header fields of what was written at once, but for Content-Length."""
    head = data.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape")
    lines = [line.partition(": ") for line in head.split("\r\n")[1:-1]]
    return tuple([(name, value) for name, _, value in lines])


def write_plain(request: Request, code: int) -> bytes:
    """
    Write an answer in which there is nothing that did not come with the request.

    @param code: a 100, with Timestamp if that came (section 8.2.6.1), or the answer to a request
        that makes no dialog, and has a To tag.
    """
    if not request.distinct:
        return write(request.response(code))
    first = request.first
    more = f"Timestamp: {first['Timestamp']}\r\n" if code == 100 and "Timestamp" in first else ""
    text = (
        f"SIP/2.0 {code} {REASONS[code]}\r\nVia: {first['Via']}\r\n"
        f"From: {first['From']}\r\nTo: {first['To']}\r\nCall-ID: {first['Call-ID']}\r\n"
        f"CSeq: {first['CSeq']}\r\n{more}Content-Length: 0\r\n\r\n"
    )
    return text.encode("utf-8", "surrogateescape")


def _layout(names: tuple[str, ...]) -> tuple[int, int]:
    """Give the lines of a message with these fields, and which of them is Content-Length; -1 for none."""
    for at, name in enumerate(names):
        if len(name) in (1, 14) and canonical(name) == "Content-Length":
            return len(names) + 2, at
    return len(names) + 3, -1


# We write the same few kinds of messages again and again.
_known_layout = lru_cache(maxsize=256)(_layout)


def _refuse_injection(message: Message, text: str, breaks: int) -> None:
    """Refuse line breaks inside a line, and NUL except as a quoted-pair."""
    if text.count("\n") == breaks == text.count("\r") and not any(map(has_bare_nul, text.split("\r\n"))):
        return
    for name, value in ((message.start_line(), ""), *message.fields):
        if "\r" in name + value or "\n" in name + value or has_bare_nul(value):
            raise UsageError(f"A line break or NUL in {name[:40]!r}: {value[:40]!r}")
    raise UsageError("A line break or NUL in a message")
