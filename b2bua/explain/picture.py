"""
The picture of a call: who stands where, and what went from whom to whom, and why.

It is the same whether it is drawn with characters (L{b2bua.explain.text}) or as
SVG (L{b2bua.explain.svg}).  We stand between the caller, at the left, and
everybody else, at the right: one column for each party and the place it was
reached at, however many dialogs it had.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter

from b2bua.calls.records.trace import call_id_of
from b2bua.errors import PeerError
from b2bua.explain.traced import Message, TracedCall
from b2bua.wire.sdp import Media, Sdp

US = 1
"""Our place among the columns."""


@dataclass(frozen=True, slots=True)
class Column:
    """Somebody who takes part."""

    name: str
    """Who it is: C{102 Bob}, a trunk's name, or C{b2bua}."""
    place: str = ""
    """Where it was reached; empty for us."""


@dataclass(slots=True)
class Rung:
    """A message, and how often it was sent again."""

    at: float
    source: int
    """The column that it comes from."""
    target: int
    title: str
    dialog: int
    """Which dialog it belongs to, counted from 0."""
    message: Message
    media: str = ""
    """What its session description says, in a few words."""
    again: list[float] = field(default_factory=list)
    """When it was sent again."""

    @property
    def outgoing(self) -> bool:
        """Do we send it?"""
        return self.source == US

    @property
    def refusal(self) -> bool:
        """Does it say no?"""
        return self.title[:1] in ("4", "5", "6")


@dataclass(frozen=True, slots=True)
class Between:
    """What happened or was decided between two messages."""

    at: float
    text: str
    feature: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it, from top to bottom."""

    columns: tuple[Column, ...]
    rows: tuple[Rung | Between, ...]
    began: float

    @property
    def rungs(self) -> list[Rung]:
        """The messages."""
        return [row for row in self.rows if isinstance(row, Rung)]


# The order of what has the same time: what came, what was made of it, what was sent.
_CAME, _MEANWHILE, _WENT = range(3)


def picture(call: TracedCall, *, words: bool = False, silent: bool = False) -> Picture:
    """
    Draw up a call.

    @param words: with what each leg told the call.
    @param silent: with the features that were asked and had no opinion.
    """
    columns, of_dialog = _columns(call)
    rungs = _rungs(call.messages, columns, of_dialog)
    rows: list[tuple[float, int, Rung | Between]] = [
        (rung.at, _WENT if rung.outgoing else _CAME, rung) for rung in rungs
    ]
    reasons = call.reasons if silent else call.others
    rows += [(reason.at, _MEANWHILE, Between(reason.at, reason.text, reason.feature)) for reason in reasons]
    if words:
        rows += [(said.at, _MEANWHILE, Between(said.at, f". {said}")) for said in call.said]
    rows.sort(key=lambda row: row[:2])
    began = rows[0][0] if rows else call.began
    return Picture(tuple(columns), tuple([row for _, _, row in rows]), began)


def _columns(call: TracedCall) -> tuple[list[Column], dict[str, int]]:
    """Say who stands where, and in which column each dialog is."""
    parties = {leg.call_id: leg.party for leg in call.record.legs if leg.call_id}
    caller = call.record.legs[0].call_id if call.record.legs else ""
    found: dict[tuple[str, str], int] = {}
    of_dialog: dict[str, int] = {}
    columns: list[Column | None] = [None, Column("b2bua")]
    for message in sorted(call.messages, key=attrgetter("at")):
        dialog = call_id_of(message.raw)
        if dialog in of_dialog:
            continue
        place = f"{message.remote[0]}:{message.remote[1]}"
        key = parties.get(dialog, place), place
        if key not in found:
            column = Column(_name(key[0], place), place)
            if dialog == caller or (not caller and columns[0] is None):
                columns[0] = column
                found[key] = 0
            else:
                columns.append(column)
                found[key] = len(columns) - 1
        of_dialog[dialog] = found[key]
    if columns[0] is None:
        columns[0] = Column(call.record.caller.partition(" ")[2] or call.record.caller or "caller")
    return [column for column in columns if column is not None], of_dialog


def _name(party: str, place: str) -> str:
    """Call a party by its number or name."""
    return "" if party == place else party.partition(" ")[2] or party


def _rungs(messages: Iterable[Message], columns: list[Column], of_dialog: dict[str, int]) -> list[Rung]:
    """Make a rung of each message; one that is sent again unchanged is not drawn again."""
    rungs: list[Rung] = []
    sent: dict[tuple[bool, tuple[str, int], bytes], Rung] = {}
    numbers: dict[str, int] = {}
    for message in messages:
        dialog = call_id_of(message.raw)
        column = of_dialog.get(dialog, len(columns) - 1)
        key = message.outgoing, message.remote, message.raw
        if key in sent:
            sent[key].again.append(message.at)
            continue
        source, target = (US, column) if message.outgoing else (column, US)
        number = numbers.setdefault(dialog, len(numbers))
        rung = Rung(message.at, source, target, message.title, number, message, media(message.raw))
        rungs.append(rung)
        sent[key] = rung
    return rungs


def media(raw: bytes) -> str:
    """
    Say what a session description offers or accepts.

    >>> media(INVITE)
    'PCMA PCMU sendonly 192.0.2.8:4000'
    """
    body = raw.partition(b"\r\n\r\n")[2]
    if not body.startswith(b"v=0"):
        return ""
    try:
        sdp = Sdp.parse(body)
        return ", ".join(_stream(one) for one in sdp.media)
    except PeerError:
        return "a session description that cannot be read"


def _stream(stream: Media) -> str:
    """Say what one stream is."""
    if stream.rejected:
        return f"{stream.kind} off"
    names = {}
    for value in stream.attributes("rtpmap"):
        number, _, codec = value.partition(" ")
        names[number] = codec.partition("/")[0]
    codecs = [names.get(one, _STATIC.get(one, one)) for one in stream.formats]
    words = [] if stream.kind == "audio" else [stream.kind]
    words += [codec for codec in codecs if codec != "telephone-event"]
    if stream.direction != "sendrecv":
        words.append(stream.direction)
    return f"{' '.join(words)} {stream.connection}:{stream.port}"


# RFC 3551 section 6: formats that need no rtpmap.
_STATIC = {"0": "PCMU", "3": "GSM", "4": "G723", "8": "PCMA", "9": "G722", "18": "G729"}
