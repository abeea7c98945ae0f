"""Calls as they are, phones, trunks, and what somebody has to look after."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from twisted.web.template import Tag, tags

from b2bua.admin.page.frame import Part, Reader, button, clock, duration, live, table
from b2bua.admin.values import CallRow, RegistrationRow

SHOWN = 200
"""So many rows of a table are shown."""


def now(reader: Reader) -> Iterable[Part]:
    """The view; its parts are read again when something happens."""
    yield live("/now/alarms", "trunk ignored plugin", *alarms(reader))
    yield live("/now/calls", "call", *going(reader))
    yield live("/now/phones", "phone", *phones(reader))


def part(reader: Reader) -> Iterable[Part]:
    """One of its parts."""
    parts = {"alarms": alarms, "calls": going, "phones": phones}
    return parts[reader.steps[0]](reader)


def alarms(reader: Reader) -> Iterable[Part]:
    """What somebody has to look after, in words; and the trunks."""
    say, status = reader.say, reader.administration.service.status()
    yield tags.h2(say("Alarms"))
    if status.problems:
        yield tags.ul(*[tags.li(problem) for problem in status.problems], class_="alarms", role="alert")
    else:
        yield tags.p(say("Everything is well."))
    if status.trunks:
        yield table(
            (say("Trunk"), say("State"), say("Address")),
            [
                (
                    trunk.name,
                    say("up" if trunk.alive and trunk.registered is not False else "down"),
                    trunk.uri,
                )
                for trunk in status.trunks
            ],
            "",
        )


def going(reader: Reader) -> Iterable[Part]:
    """The calls that go on."""
    say = reader.say
    found = reader.administration.calls.going(limit=SHOWN)
    count = len(reader.administration.calls)
    yield tags.h2(f"{say('Calls')} ({count})")
    rows = [
        (opened(call), caller(call), call.dialled, parties(call), say(call.state), duration(call.seconds),
         button(say("Hang up"), "DELETE", f"/api/calls/{call.id}", label=f"{say('Hang up')}: {call.caller}"))
        for call in found
    ]  # fmt: skip
    heads = ("Began", "From", "Dialled", "With", "State", "Talked")
    yield table([*map(say, heads), ""], rows, say("No call goes on."))


def phones(reader: Reader) -> Iterable[Part]:
    """The phones that are registered."""
    say = reader.say
    found = reader.administration.phones.registrations()
    yield tags.h2(f"{say('Phones')} ({len(found)})")
    yield registrations(reader, found[:SHOWN])


def registrations(reader: Reader, found: list[RegistrationRow]) -> Tag:
    """Phones as a table."""
    say = reader.say
    rows = [
        (
            tags.a(row.extension, href=f"/people/{quote(row.extension, safe='')}"),
            row.user_agent,
            f"{row.transport} {row.source}".strip(),
            duration(row.expires),
        )
        for row in found
    ]
    heads = ("Extension", "Phone", "Address", "Expires")
    return table([*map(say, heads)], rows, say("No phone is registered."))


def opened(call: CallRow) -> Tag:
    """When it began, with the way to all of it."""
    return tags.a(clock(call.started), href=f"/calls/{quote(call.id, safe='')}")


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
