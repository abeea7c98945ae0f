"""
Reading of messages from bytes.

L{parse} has a short way for messages as nearly every peer writes them, which
does all its looking at characters in C, and leaves the rest (folding, odd
spacing, whatever is wrong) to L{b2bua.wire.careful}.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, final

from b2bua.errors import PeerError
from b2bua.once import Remembered
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
from b2bua.wire.grammar import split_list
from b2bua.wire.layouts import fields_of_lines, learn, take_apart
from b2bua.wire.lookup import are_known, index
from b2bua.wire.message import MANDATORY, Blank, Request, Response
from b2bua.wire.names import NameAddr
from b2bua.wire.registry import SINGLE, canonical
from b2bua.wire.via import known_senders
from b2bua.wire.views import Field

__all__ = ["LIMITS", "Malformed", "MessageLimits", "ReadRequest", "ReadResponse", "parse"]

# What is known of every message that L{parse} reads on its short way has a slot, where
# Python finds it without asking whether a view of that name is to be computed.
_READ = ("body", "branch", "call_id", "cseq", "distinct", "first", "from_tag", "to_tag")


@final
class ReadRequest(Blank, Request):
    """A request that was read on the short way."""

    __slots__ = (*_READ, "method", "uri", "via")


@final
class ReadResponse(Blank, Response):
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
# dialogs begin with the same few numbers.  Of a peer that makes them up, Remembered
# keeps no long ones: they fill some megabytes.
_start_lines = Remembered(read_start_line, most=4096)
_places = Remembered(CSeq.parse)
_looks = Remembered(_look, most=256)
_AGAIN: _Readers = (_start_lines.__getitem__, _places.__getitem__, _looks.__getitem__)
_ONCE: _Readers = (read_start_line, CSeq.parse, _look)


def parse(data: bytes, limits: MessageLimits = LIMITS) -> Request | Response:
    """
    Parse a message: a datagram, or what a framer cut out of a stream.

    @raise Malformed: with the status to answer and what could be salvaged.
    """
    size, head, sender = len(data), "", None
    try:
        if size <= limits.message and 0 < (end := data.find(b"\r\n\r\n")) <= limits.short:
            try:
                head = data[: end + 2].decode()
            except UnicodeDecodeError:
                head = ""
        apart = take_apart(head)
        if apart is not None:
            first, parts, rest = apart
            line, top, written_sender, tail, branch, from_, from_tag, to, to_tag, call_id, place, _ = parts
            sender = known_senders[written_sender]
        message: Request | Response
        if sender is None or rest.count >= limits.fields:
            message = _read(data, head, limits)
        else:
            first["Via"], first["From"], first["To"] = top, from_, to
            first["Call-ID"], first["CSeq"] = call_id, place
            method, text, code = _start_lines[line]
            cseq, body = _places[place], data[end + 4 :]
            if not code and cseq.method != method:
                raise _another_method(place)
            if end + 4 + rest.length != size and "Content-Length" in first:
                body = _cut(body, first["Content-Length"])
            # The same lines twice: where only one class comes by, Python knows the slots.
            if code:  # nobody asks for more of its Via than the branch
                message = ReadResponse()
                message.code, message.reason = code, text
                message.first, message.distinct, message.body = first, True, body
                message.branch, message.call_id, message.cseq = branch, call_id, cseq
                message.from_tag, message.to_tag = from_tag or "", to_tag or ""
            else:
                message = ReadRequest()
                via = Via()
                via.transport, via.host, via.port, via.head = sender
                via.tail, via.branch = tail, branch
                message.method, message.uri, message.via = method, text, via
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
        missing = ", ".join(sorted(set(MANDATORY) - first.keys()))
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
