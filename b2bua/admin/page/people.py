"""Extensions, and one of them with all that concerns it: its phones, settings and last calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import groupby
from typing import Any
from urllib.parse import quote

from twisted.web.template import Tag, tags

from b2bua.admin.page.frame import Part, Reader, badge, button, facts, live, section, table
from b2bua.admin.page.now import registrations
from b2bua.admin.page.past import records
from b2bua.admin.refused import Refused, Unknown
from b2bua.admin.route import Role
from b2bua.admin.values import ExtensionRow, SettingRow
from b2bua.settings.pins import HIDDEN, is_pin

LAST, LOOKED_AT = 20, 100
"""So many of its last calls are shown, and so many looked at for those that were missed."""


def people(reader: Reader) -> Iterable[Part]:
    """All of them."""
    say = reader.say
    rows = [
        (
            tags.a(row.extension, href=f"/people/{quote(row.extension, safe='')}"),
            row.name,
            badge(str(row.registrations), "good") if row.registrations else badge(say("not registered")),
        )
        for row in reader.administration.phones.extensions()
    ]
    yield tags.section(
        table([say(head) for head in ("Extension", "Name", "Phones")], rows, say("There is no extension."))
    )


async def person(reader: Reader) -> Iterable[Part]:
    """One of them."""
    return await of_extension(reader, reader.steps[0], f"/people/{quote(reader.steps[0], safe='')}")


async def person_part(reader: Reader) -> Iterable[Part]:
    """A part of that, to be read again."""
    return await PARTS[reader.steps[1]](reader, _known(reader, reader.steps[0]))


async def mine(reader: Reader) -> Iterable[Part]:
    """What concerns who reads it."""
    return await of_extension(reader, reader.person.extension, "/mine")


async def my_part(reader: Reader) -> Iterable[Part]:
    """A part of that, to be read again."""
    return await PARTS[reader.steps[0]](reader, _known(reader, reader.person.extension))


def _known(reader: Reader, extension: str) -> ExtensionRow:
    """
    The row of an extension.

    @raise Unknown: if there is none.
    """
    found = next(
        (row for row in reader.administration.phones.extensions() if row.extension == extension), None
    )
    if found is None:
        raise Unknown(f"there is no extension {extension}")
    return found


async def of_extension(reader: Reader, extension: str, place: str) -> list[Part]:
    """All that concerns an extension; its parts are read again when something happens to it."""
    row = _known(reader, extension)
    parts = [
        live(f"{place}/{name}", kinds, *await PARTS[name](reader, row), extension=extension)
        for name, kinds in (("phones", "phone call"), ("settings", "setting"), ("calls", "call"))
    ]
    say = reader.say
    return [
        parts[0],
        section(say("Call somebody"), _dial(reader, extension)),
        *parts[1:],
        section(say("Why did it not ring?"), *await _why(reader, extension)),
        section(say("For a phone"), _for_phone(reader, extension)),
    ]


async def _phones(reader: Reader, row: ExtensionRow) -> list[Part]:
    """Who it is, and its phones."""
    say, there = reader.say, reader.administration.phones.registrations(row.extension)
    state = badge(say("registered"), "good") if there else badge(say("not registered"), "bad")
    return [
        tags.p(tags.strong(row.extension), row.name, state, class_="path"),
        section(say("Phones"), registrations(reader, there), count=len(there)),
    ]


async def _settings(reader: Reader, row: ExtensionRow) -> list[Part]:
    """What can be changed."""
    person = reader.person
    may_change = person.extension == row.extension or person.role >= Role.ADMINISTRATOR
    found = reader.administration.choices.settings(row.extension)
    return [section(reader.say("Settings"), *settings(reader, found, may_change))]


async def _calls(reader: Reader, row: ExtensionRow) -> list[Part]:
    """Its last calls."""
    say = reader.say
    last = await reader.administration.calls.past(row.extension, limit=LOOKED_AT)
    own = f"extension {row.extension}"
    missed = [
        call for call in last if call.answered is None and call.ended is not None and call.caller != own
    ]
    shown: list[Part] = [section(say("Last calls"), records(reader, last[:LAST]))]
    if missed:
        shown.insert(0, section(say("Missed calls"), records(reader, missed[:LAST])))
    return shown


PARTS: Mapping[str, Callable[[Reader, ExtensionRow], Awaitable[list[Part]]]] = {
    "phones": _phones,
    "settings": _settings,
    "calls": _calls,
}


async def _why(reader: Reader, extension: str) -> list[Part]:
    """A form that asks what a call to it would do, and the answer."""
    say, query = reader.say, reader.query
    trunks = ["", *[trunk.name for trunk in reader.administration.service.status().trunks]]
    options = [
        tags.option(name, value=name, **({"selected": "selected"} if name == query.get("via", "") else {}))
        for name in trunks
    ]
    form = tags.form(
        tags.label(
            say("Caller"), tags.input(name="caller", value=query.get("caller", ""), required="required")
        ),
        tags.label(say("Through"), tags.select(*options, name="via")),
        tags.button(say("Play this call")),
        class_="search",
        method="get",
        action=f"/{'/'.join(['people', quote(extension, safe='')] if reader.steps else ['mine'])}",
    )
    parts: list[Part] = [form]
    if caller := query.get("caller", ""):
        try:
            found = await reader.administration.calls.whatif(extension, caller, query.get("via", ""))
            parts.append(tags.pre(found.text, tabindex="0"))
        except Refused as error:
            parts.append(tags.p(str(error), class_="alarms"))
    return parts


def _for_phone(reader: Reader, extension: str) -> Tag:
    """What is typed into a phone, so that it registers as this extension."""
    say, places = reader.say, reader.administration.phones.places()
    return facts(
        (say("Server"), places.domain),
        (say("User name"), extension),
        (say("Password"), say("as in the configuration, or as it was shown once")),
        (say("Transport"), ", ".join(f"{place.transport} {place.port}" for place in places.listen)),
        (say("Address"), f"sip:{extension}@{places.domain}"),
    )


def _dial(reader: Reader, extension: str) -> Tag:
    """A number to be called from the phones of an extension."""
    say = reader.say
    field = tags.input(name="number", type="tel", required="required", autocomplete="off")
    mine = tags.input(name="extension", type="hidden", value=extension)
    form = tags.form(
        tags.label(say("Number"), field), mine, tags.button(say("Call"), class_="first"), class_="search"
    )
    form.attributes.update(
        {
            "data-method": "POST",
            "data-path": "/api/calls",
            "data-done": say("The phones of the extension ring."),
        }
    )
    return form


def settings(reader: Reader, rows: list[SettingRow], may_change: bool) -> Iterable[Part]:
    """Forms for what can be changed, plugin by plugin in their order."""
    say = reader.say
    if not rows:
        yield tags.p(say("Nothing can be changed here."), class_="none")
    groups = [
        tags.fieldset(
            tags.legend(name.replace("_", " ").capitalize()),
            *[_setting(reader, row, name, may_change) for row in group],
        )
        for name, group in groupby(rows, key=lambda row: row.feature)
    ]
    yield tags.div(*groups, class_="groups")


def _setting(reader: Reader, row: SettingRow, feature: str, may_change: bool) -> Tag:
    """A form for one setting; its name is the key, without the plugin's."""
    say = reader.say
    path = f"/api/settings/{quote(row.path, safe='')}"
    key = row.path.partition(".")[2].partition(".")[2]
    name = key.removeprefix(f"{feature}.").replace("_", " ")
    text = row.form.get("description", "")
    words = tags.span(name, *([tags.small(text)] if text else []))
    form = tags.form(tags.label(words, _field(row, may_change)), class_="setting")
    form.attributes.update({"data-method": "PUT", "data-path": path, "data-key": key})
    if row.changed:
        words(tags.small(say("changed"), class_="marked"))
    if row.changed and may_change:
        form(button(say("As in the file"), "PUT", path, label=f"{say('As in the file')}: {key}"))
    if may_change:
        form(tags.button(say("Save"), class_="save", **{"aria-label": f"{say('Save')}: {key}"}))
    return form


def _field(row: SettingRow, may_change: bool) -> Tag:
    """A field that fits what the value may be."""
    value, form = row.value, _form(row.form)
    if choices := form.get("enum"):
        field = tags.select(
            *[
                tags.option(str(one), value=str(one), **({"selected": "selected"} if one == value else {}))
                for one in choices
            ],
            name="value",
        )
    elif form.get("type") == "boolean":
        field = tags.input(name="value", type="checkbox", **({"checked": "checked"} if value else {}))
    elif form.get("type") in ("integer", "number"):
        field = tags.input(name="value", type="number", step="any", value="" if value is None else str(value))
    elif form.get("type") == "array":
        field = tags.input(name="value", value=", ".join(map(str, value)))
        field.attributes["data-kind"] = "list"
    elif is_pin(row.path):
        # It is not shown, so a form that is sent with nothing in it must not remove it.
        shown = {"placeholder": HIDDEN} if value else {}
        # No password field: browsers would offer to keep it as that of whoever is logged in.
        field = tags.input(
            name="value", inputmode="numeric", required="required", autocomplete="off", **shown
        )
        field.attributes["class"] = "pin"
    else:
        field = tags.input(name="value", value="" if value is None else str(value), autocomplete="off")
    if not may_change:
        field.attributes["disabled"] = "disabled"
    return field


def _form(form: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a value may be that is there."""
    return next((one for one in form.get("anyOf", ()) if one.get("type") != "null"), form)
