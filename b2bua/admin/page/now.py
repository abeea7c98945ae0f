"""Calls as they are, phones, trunks, and what somebody has to look after."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from twisted.web.template import Tag, tags

from b2bua.admin.page.frame import (
    Part,
    Reader,
    badge,
    button,
    clock,
    duration,
    live,
    running,
    section,
    table,
    tiles,
)
from b2bua.admin.route import Role
from b2bua.admin.values import CallRow, RegistrationRow, TrunkRow

SHOWN = 50
"""So many rows of a table are shown; the number of all of them stands above."""


TONES = {
    "talking": "good",
    "answered": "good",
    "answered by the server": "good",
    "ringing": "warn",
    "on hold": "busy",
    "waiting": "busy",
    "busy": "warn",
    "no answer": "warn",
}
"""Colours of what a call is, or how it ended; another end than these is a bad one."""


async def now(reader: Reader) -> Iterable[Part]:
    """The view; it is read again when something happens."""
    return [live("/now/all", "call phone trunk ignored plugin", *await everything(reader))]


async def everything(reader: Reader) -> Iterable[Part]:
    """All of it; it is the same for all who may see it."""
    shown = [*alarms(reader), *going(reader), *phones(reader), *trunks(reader)]
    for name, rows in await reader.administration.choices.boards():
        if rows:
            heads = list(rows[0])
            cells = [[_plain(row.get(head)) for head in heads] for row in rows[:SHOWN]]
            named = [head.replace("_", " ").capitalize() for head in heads]
            shown.append(
                section(name.replace("_", " ").capitalize(), table(named, cells, ""), count=len(rows))
            )
    return shown


def _plain(value: object) -> str:
    """A value of a plugin's as text."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def alarms(reader: Reader) -> Iterable[Part]:
    """What somebody has to look after, in words; and the figures that are seen at once."""
    say, status = reader.say, reader.administration.service.status()
    if status.problems:
        yield tags.ul(*[tags.li(problem) for problem in status.problems], class_="alarms")
    else:
        yield tags.p(say("Everything is well."), class_="well")
    up = sum(is_up(trunk) for trunk in status.trunks)
    yield tiles(
        (say("Calls"), str(status.calls)),
        (say("Phones"), str(status.registrations)),
        (say("Trunks"), tags.span(str(up), tags.small(f" / {len(status.trunks)}"))),
        (
            say("Answered"),
            tags.span(str(status.answered), tags.small(f" / {status.answered + status.refused}")),
        ),
    )


def is_up(trunk: TrunkRow) -> bool:
    """Can calls go there?"""
    return trunk.alive and trunk.registered is not False


def trunks(reader: Reader) -> Iterable[Part]:
    """The trunks, and why one is down."""
    say = reader.say
    found = reader.administration.service.status().trunks
    rows = [
        (
            trunk.name,
            badge(say("up"), "good") if is_up(trunk) else badge(say("down"), "bad"),
            trunk.uri,
            trunk.why,
        )
        for trunk in found
    ]
    if rows:
        heads = [say(head) for head in ("Trunk", "State", "Address", "Reasons")]
        yield section(say("Trunks"), table(heads, rows, ""), count=len(rows))


def going(reader: Reader) -> Iterable[Part]:
    """The calls that go on."""
    say = reader.say
    found = reader.administration.calls.going(limit=SHOWN)
    rows = [
        (opened(reader, call), caller(call), call.dialled, parties(call), ended(reader, call),
         running(call.seconds), _hang_up(reader, call))
        for call in found
    ]  # fmt: skip
    heads = ("Began", "From", "Dialled", "With", "State", "Talked")
    shown = table([*map(say, heads), ""], rows, say("No call goes on."))
    yield section(say("Calls"), shown, count=len(reader.administration.calls))


def _hang_up(reader: Reader, call: CallRow) -> Tag:
    """The button that ends a call."""
    text = reader.say("Hang up")
    path = f"/api/calls/{quote(call.id, safe='')}"
    return button(text, "DELETE", path, label=f"{text}: {call.caller}", tone="end")


def ended(reader: Reader, call: CallRow) -> Tag:
    """How far a call is, or how it ended."""
    return badge(reader.say(call.state), TONES.get(call.state, "bad"))


def phones(reader: Reader) -> Iterable[Part]:
    """The phones that are registered."""
    found = reader.administration.phones.registrations()
    yield section(reader.say("Phones"), registrations(reader, found[:SHOWN]), count=len(found))


def registrations(reader: Reader, found: list[RegistrationRow]) -> Part:
    """Phones as a table."""
    say = reader.say
    rows = [
        (
            linked(reader, row.extension, f"/people/{quote(row.extension, safe='')}"),
            row.user_agent,
            f"{row.transport} {row.source}".strip(),
            _lamp(reader, row.extension),
            clock(row.since),
            duration(row.expires) if row.answers is not False else badge(say("does not answer"), "bad"),
        )
        for row in found
    ]
    heads = ("Extension", "Phone", "Address", "Lamp", "Registered since", "Expires")
    return table([*map(say, heads)], rows, say("No phone is registered."))


def _lamp(reader: Reader, extension: str) -> Tag:
    """What the lamp of an extension shows: does it talk, or ring?"""
    say = reader.say
    calls = reader.administration.calls.going(extension)
    if not calls:
        return badge(say("free"), "good")
    rings = all(call.answered is None for call in calls)
    return badge(say("ringing"), "warn") if rings else badge(say("talks"), "busy")


def opened(reader: Reader, call: CallRow) -> Part:
    """When it began, with the way to all of it."""
    return linked(reader, clock(call.started), f"/calls/{quote(call.id, safe='')}")


def linked(reader: Reader, text: Part, path: str) -> Part:
    """A text with the way to a page for operators; to a user it is a text."""
    return tags.a(text, href=path) if reader.person.role >= Role.OPERATOR else text


def caller(call: CallRow) -> str:
    """Who calls, and by which trunk."""
    kind, _, name = call.caller.partition(" ")
    who = " ".join(filter(None, (call.number or name, call.name)))
    return who if kind == "extension" else f"{who} ({call.caller})"


def parties(call: CallRow) -> str:
    """Who is, or was, at the other side."""
    legs = [leg for leg in call.legs[1:] if call.ended is not None or leg.ended is None]
    talked = [leg for leg in legs if leg.answered is not None] or legs
    names = [leg.party.removeprefix("extension ") + (f" {leg.name}" if leg.name else "") for leg in talked]
    return ", ".join(dict.fromkeys(names))
