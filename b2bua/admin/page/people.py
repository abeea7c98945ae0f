"""Extensions, and one of them with all that concerns it: its phones, settings and last calls."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from twisted.web.template import Tag, tags

from b2bua.admin.page.frame import Part, Reader, button, table
from b2bua.admin.page.now import registrations
from b2bua.admin.page.past import records
from b2bua.admin.refused import Unknown
from b2bua.admin.values import SettingRow

LAST = 20
"""So many of its last calls are shown."""


def people(reader: Reader) -> Iterable[Part]:
    """All of them."""
    say = reader.say
    rows = [
        (
            tags.a(row.extension, href=f"/people/{quote(row.extension, safe='')}"),
            row.name,
            str(row.registrations),
        )
        for row in reader.administration.phones.extensions()
    ]
    yield table([say(head) for head in ("Extension", "Name", "Phones")], rows, "")


async def person(reader: Reader) -> Iterable[Part]:
    """One of them."""
    return await of_extension(reader, reader.steps[0])


async def mine(reader: Reader) -> Iterable[Part]:
    """What concerns who reads it."""
    return await of_extension(reader, reader.person.extension)


async def of_extension(reader: Reader, extension: str) -> list[Part]:
    """All that concerns an extension."""
    say, administration = reader.say, reader.administration
    found = {row.extension: row for row in administration.phones.extensions()}
    if extension not in found:
        raise Unknown(f"there is no extension {extension}")
    last = await administration.calls.past(extension, limit=LAST)
    may_change = reader.person.extension == extension or reader.person.role.word == "administrator"
    return [
        tags.p(tags.strong(extension), f" {found[extension].name}"),
        _dial(reader, extension),
        tags.h2(say("Phones")),
        registrations(reader, administration.phones.registrations(extension)),
        tags.h2(say("Settings")),
        *settings(reader, administration.choices.settings(extension), may_change),
        tags.h2(say("Last calls")),
        records(reader, last),
    ]


def _dial(reader: Reader, extension: str) -> Tag:
    """A number to be called from the phones of an extension."""
    say = reader.say
    field = tags.input(name="number", type="tel", required="required", autocomplete="off")
    mine = tags.input(name="extension", type="hidden", value=extension)
    form = tags.form(tags.label(say("Dialled"), field), mine, tags.button(say("Call")), class_="search")
    form.attributes.update({"data-method": "POST", "data-path": "/api/calls"})
    return form


def settings(reader: Reader, rows: list[SettingRow], may_change: bool) -> Iterable[Part]:
    """Forms for what can be changed, in the order of the plugins."""
    say = reader.say
    if not rows:
        yield tags.p(say("Nothing can be changed here."))
    for row in rows:
        path = f"/api/settings/{quote(row.path, safe='')}"
        name = row.path.partition(".")[2].partition(".")[2]
        form = tags.form(tags.label(tags.span(name), _field(row, may_change)), class_="setting")
        form.attributes.update({"data-method": "PUT", "data-path": path})
        if may_change:
            form(tags.button(say("Save"), **{"aria-label": f"{say('Save')}: {name}"}))
        if row.changed:
            form(tags.em(say("changed")))
            if may_change:
                label = f"{say('As in the file')}: {name}"
                form(button(say("As in the file"), "PUT", path, label=label))
        yield form


def _field(row: SettingRow, may_change: bool) -> Tag:
    """A field that fits the value."""
    value = row.value
    if isinstance(value, bool):
        field = tags.input(name="value", type="checkbox")
        if value:
            field.attributes["checked"] = "checked"
    elif isinstance(value, int | float):
        field = tags.input(name="value", type="number", step="any", value=str(value))
    elif isinstance(value, list | tuple):
        field = tags.input(name="value", value=", ".join(map(str, value)))
        field.attributes["data-kind"] = "list"
    else:
        field = tags.input(name="value", value="" if value is None else str(value))
    if not may_change:
        field.attributes["disabled"] = "disabled"
    return field
