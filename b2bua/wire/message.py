"""
Requests and responses, read from bytes and written to bytes.

L{parse} has a short way for messages as nearly every peer writes them, which
does all its looking at characters in C, and leaves the rest (folding, odd
spacing, whatever is wrong) to L{b2bua.wire.careful}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Self, TypeAlias, cast, final

from b2bua.errors import PeerError, UsageError
from b2bua.wire.careful import (
    LIMITS,
    MessageLimits,
    count_values,
    read_carefully,
    read_start_line,
    salvaged_fields,
    too_many,
)
from b2bua.wire.fields import CSeq, Via
from b2bua.wire.grammar import split_list, without_controls
from b2bua.wire.layouts import fields_of_lines, learn, take_apart
from b2bua.wire.lookup import are_known, index
from b2bua.wire.names import NameAddr
from b2bua.wire.registry import KNOWN, REASONS, SINGLE, canonical
from b2bua.wire.uri import Uri
from b2bua.wire.via import known_sender
from b2bua.wire.views import Field, Message, view

__all__ = [
    "LIMITS",
    "REASONS",
    "Field",
    "Malformed",
    "Message",
    "MessageLimits",
    "Request",
    "Response",
    "parse",
    "write",
    "write_plain",
    "write_trying",
    "written",
]

_MANDATORY = ("Via", "From", "To", "Call-ID", "CSeq")

_COPIED = frozenset(_MANDATORY)
# Requests whose responses make a dialog (section 12.1.1, RFC 6665 section 4.4.1).
_DIALOG_MAKERS = frozenset(("INVITE", "SUBSCRIBE", "REFER", "NOTIFY"))
# To make a message without its fields.
_new = object.__new__
_BARE_NUL = re.compile(r"(?<!\\)\0")


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
        return Uri.parse(self.uri)

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
        if self.distinct and first.keys() >= _COPIED:
            to = first["To"]
            if to_tag and (to[-1:] == ">" or not _is_tagged(to)):
                to = f"{to};tag={to_tag}"
            copied = (
                f"Via: {first['Via']}\r\nFrom: {first['From']}\r\nTo: {to}\r\n"
                f"Call-ID: {first['Call-ID']}\r\nCSeq: {first['CSeq']}\r\n"
            )
            lines += 5
            if more in first:
                copied += f"{more}: {first[more]}\r\n"
                lines += 1
        else:
            answered = self.only(_COPIED | {more})
            if to_tag:
                _tag(answered, to_tag)
            copied = "".join([f"{name}: {value}\r\n" for name, value in answered])
            lines += len(answered)
        head = copied + head
        for name, value in fields:
            head += f"{name}: {value}\r\n"
            lines += 1
        response = _new(Response)
        response.code, response.reason = code, reason
        _write_at_once(response, f"SIP/2.0 {code} {reason}", head, lines, body)
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


# What is known of every message that L{parse} reads on its short way has a slot, where
# Python finds it without asking whether a view of that name is to be computed.
_READ = ("body", "branch", "call_id", "cseq", "distinct", "first", "from_tag", "to_tag")


@final
class ReadRequest(Request):
    """A request that was read on the short way."""

    __slots__ = (*_READ, "method", "uri", "via")


@final
class ReadResponse(Response):
    """A response that was read on the short way."""

    __slots__ = (*_READ, "code", "reason")


class Malformed(PeerError):
    """
    Bytes that are no SIP message.

    C{salvage} is what could be saved of a request, enough to answer it with
    C{code}; None if it cannot be answered at all, as responses and ACK cannot.
    """

    salvage: Request | None = None

    def __init__(
        self, why: str, *, section: str, where: str = "", code: int = 400, data: bytes = b""
    ) -> None:
        """
        Say what is wrong, and save what can be saved.

        @param data: the message as it came.
        """
        super().__init__(why, section=section, where=where, code=code)
        saved = salvaged_fields(data)
        if saved is not None:
            self.salvage = Request(*saved)


def _look(names: tuple[str, ...]) -> tuple[bool, bool]:
    """Are names of fields spelled as the RFCs do, and is none there twice?"""
    once = frozenset(names)
    return are_known(once), len(once) == len(names)


_Readers: TypeAlias = tuple[
    Callable[[str], tuple[str, str, int]],
    Callable[[str], CSeq],
    Callable[[tuple[str, ...]], tuple[bool, bool]],
]
"""What reads the start-line, CSeq, and the names of the fields."""

# A peer asks the same few things again and again with the same fields, and nearly all
# dialogs begin with the same few numbers.  Names are many texts each: a peer that makes
# them up fills 4 MB.
_start_line_again = lru_cache(maxsize=1024)(read_start_line)
_cseq_again = lru_cache(maxsize=1024)(CSeq.parse)
_look_again = lru_cache(maxsize=256)(_look)
_AGAIN: _Readers = (_start_line_again, _cseq_again, _look_again)
_ONCE: _Readers = (read_start_line, CSeq.parse, _look)


def parse(data: bytes, limits: MessageLimits = LIMITS) -> Request | Response:
    """
    Parse a message: a datagram, or what a framer cut out of a stream.

    @raise Malformed: with the status to answer and what could be salvaged.
    """
    head = ""
    try:
        if len(data) <= limits.message and 0 < (end := data.find(b"\r\n\r\n")) <= limits.short:
            try:
                head = data[: end + 2].decode()
            except UnicodeDecodeError:
                head = ""
        apart = take_apart(head)
        sender = None
        if apart is not None:
            first, parts, length = apart
            line, via, written_sender, tail, branch, from_, from_tag, to, to_tag, call_id, place = parts
            sender = known_sender(written_sender)
        message: Request | Response
        if sender is None or len(first) >= limits.fields:
            message = _read(data, head, limits)
        else:
            first["Via"], first["From"], first["To"] = via, from_, to
            first["Call-ID"], first["CSeq"] = call_id, place
            method, text, code = _start_line_again(line)
            cseq, body = _cseq_again(place), data[end + 4 :]
            if not code and cseq.method != method:
                raise _another_method(place)
            if length != len(body) and "Content-Length" in first:
                body = _cut(body, first["Content-Length"])
            # The same lines twice: where only one class comes by, Python knows the slots.
            if code:  # nobody asks for more of its Via than the branch
                message = _new(ReadResponse)
                message.code, message.reason = code, text
                message.first, message.distinct, message.body = first, True, body
                message.branch, message.call_id, message.cseq = branch, call_id, cseq
                message.from_tag, message.to_tag = from_tag or "", to_tag or ""
            else:
                message = _new(ReadRequest)
                message.method, message.uri, message.via = method, text, Via.of(sender, tail, branch)
                message.first, message.distinct, message.body = first, True, body
                message.branch, message.call_id, message.cseq = branch, call_id, cseq
                message.from_tag, message.to_tag = from_tag or "", to_tag or ""
        if limits is not LIMITS:
            message.limits = limits
    except PeerError as error:
        raise Malformed(
            error.why, section=error.section, where=error.where, code=error.code, data=data
        ) from error
    return message


def _read(data: bytes, head: str, limits: MessageLimits) -> Request | Response:
    """
    Read a message of a layout that is not known.

    @param head: its start-line and fields, each with its CRLF; empty if it is to be read with care.
    """
    line, fields = _read_quickly(head, limits)
    if fields:
        body, readers = data.partition(b"\r\n\r\n")[2], _AGAIN
    else:
        (line, fields, body), readers = read_carefully(data, limits), _ONCE
    read_start, read_cseq, look = readers
    names, _ = zip(*fields, strict=True) if fields else ((), ())
    well_spelled, distinct = look(names)
    if not well_spelled:
        first = index(fields)
        distinct = len(first) == len(fields)
    elif distinct:
        first = dict(fields)
        if line and readers is _AGAIN:
            learn(head, fields)
    else:
        first = dict(fields[::-1])
    method, text, code = read_start(line)
    message = Response(code, text, fields, body) if code else Request(method, text, fields, body)
    message.first, message.distinct = first, distinct
    if not distinct:
        _check_repeated(fields, limits, len(first))
    # What every message must have (section 8.1.1).
    try:
        via, call_id, place = first["Via"], first["Call-ID"], first["CSeq"]
        message.via = Via.parse(via if "," not in via else _topmost(via, limits))
        message.from_, message.to = NameAddr.parse(first["From"]), NameAddr.parse(first["To"])
    except KeyError:
        missing = ", ".join(sorted(set(_MANDATORY) - first.keys()))
        raise PeerError(f"No {missing}", section="RFC 3261 8.1.1") from None
    if not call_id or " " in call_id or "\t" in call_id:
        raise PeerError("Malformed Call-ID", section="RFC 3261 20.8", where=call_id)
    message.call_id, message.cseq = call_id, read_cseq(place)
    if not code and message.cseq.method != method:
        raise _another_method(place)
    if "Content-Length" in first:
        message.body = _cut(body, first["Content-Length"])
    return message


def _another_method(place: str) -> PeerError:
    """Refuse a request whose CSeq is not its own."""
    return PeerError("CSeq names another method", section="RFC 3261 8.1.1.5", where=place)


def _read_quickly(head: str, limits: MessageLimits) -> tuple[str, Sequence[Field]]:
    """Read the start-line and the fields, all of them on lines of their own; no fields if any is not."""
    line, _, rest = head.partition("\r\n")
    fields: Sequence[Field] = fields_of_lines(rest)
    breaks = head.count("\r")
    if len(fields) < breaks - 1 or "\0" in head or breaks > limits.fields:
        return line, ()
    return line, fields


def _topmost(vias: str, limits: MessageLimits) -> str:
    """Take the first of several values of Via that stand on one line."""
    if vias.count(",") >= limits.vias:
        raise too_many("Via")
    return ([*split_list(vias), ""])[0]


def _check_repeated(fields: Sequence[Field], limits: MessageLimits, distinct: int) -> None:
    """
    Refuse fields that are there twice but may be only once, and too long lists.

    @param distinct: how many names there are.
    """
    fields = [(canonical(name), value) for name, value in fields]
    vias = [value for name, value in fields if name == "Via"]
    # A comma in quotes counts as well.
    if 1 + ",".join(vias).count(",") > limits.vias:
        raise too_many("Via")
    if len(vias) - 1 == len(fields) - distinct:
        return  # nothing else is repeated
    seen: set[str] = set()
    repeated: set[str] = set()
    for name, _ in fields:
        (repeated if name in seen else seen).add(name)
    if twice := repeated & SINGLE:
        raise PeerError(f"More than one {min(twice)}", section="RFC 3261 7.3.1")
    for name in ("Route", "Record-Route"):
        if name in repeated and count_values(fields, name) > limits.routes:
            raise too_many(name)


def _cut(body: bytes, length: str) -> bytes:
    """
    Cut the body to its Content-Length.

    What is left over in a datagram is dropped, what is missing is an error
    (section 18.3).
    """
    if not (length.isascii() and length.isdigit()) or len(length) > 10:
        raise PeerError("Malformed Content-Length", section="RFC 3261 20.14", where=length)
    wanted = int(length)
    if wanted > len(body):
        raise PeerError("The body is shorter than announced", section="RFC 3261 18.3", where=length)
    return body[:wanted]


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

    @param head: its header fields, each with the end of its line, but for Content-Length.
    @param lines: how many that are.
    @raise UsageError: as for L{write}.
    """
    request = _new(Request)
    request.method, request.uri = method, uri
    _write_at_once(request, f"{method} {uri} SIP/2.0", head, lines, body)
    return request


def _write_at_once(message: Request | Response, start: str, head: str, lines: int, body: bytes) -> None:
    """
    Write a message from its start-line and its header fields.

    @param lines: how many fields that are, without Content-Length.
    """
    text = f"{start}\r\n{head}Content-Length: {len(body)}\r\n\r\n"
    message.body, message.data = body, text.encode("utf-8", "surrogateescape") + body
    breaks = lines + 3
    if text.count("\n") != breaks or text.count("\r") != breaks or "\0" in text:
        _refuse_injection(message, text, breaks)


def _fields_of(data: bytes) -> tuple[Field, ...]:
    """Take apart the header fields of what was written at once, but for Content-Length."""
    head = data.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape")
    lines = [line.partition(": ") for line in head.split("\r\n")[1:-1]]
    return tuple([(name, value) for name, _, value in lines])


def write_trying(request: Request) -> bytes:
    """Write the 100 to a request (section 8.2.6.1)."""
    told = f"Timestamp: {request.first['Timestamp']}\r\n" if "Timestamp" in request.first else ""
    return write_plain(request, 100, told)


def write_plain(request: Request, code: int, more: str = "") -> bytes:
    """
    Write an answer in which there is nothing that did not come with the request.

    @param code: a 100, or the answer to a request that makes no dialog, and has a To tag.
    @param more: a line that came with the request as well.
    """
    if not request.distinct:
        return write(request.response(code))
    first = request.first
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
    if text.count("\n") == breaks == text.count("\r") and not _BARE_NUL.search(text):
        return
    for name, value in ((message.start_line(), ""), *message.fields):
        if "\r" in name + value or "\n" in name + value or _BARE_NUL.search(value):
            raise UsageError(f"A line break or NUL in {name[:40]!r}: {value[:40]!r}")
    raise UsageError("A line break or NUL in a message")
