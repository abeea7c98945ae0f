"""The plugins in their order, reading the configuration again, and who has changed what."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from twisted.web.template import tags

from b2bua.admin.page.frame import Part, Reader, badge, button, clock, section, table
from b2bua.admin.values import FeatureRow, WebhookRow

LAST = 50
"""So many changes are shown."""


def settings(reader: Reader) -> Iterable[Part]:
    """The view."""
    say, administration = reader.say, reader.administration
    again = button(say("Read the configuration again"), "POST", "/api/reload", tone="first")
    again.attributes["data-done"] = say("The configuration was read.")
    yield tags.section(
        tags.p(again, say("The file as it is now takes the place of what was read."), class_="hint")
    )
    found = administration.choices.features()
    rows = [_plugin(reader, row) for row in found]
    heads = [
        say(head) for head in ("Name", "State", "Asked", "Had an answer", "Failed", "Time each", "Codes")
    ]
    yield section(say("Plugins"), table(heads, rows, ""), count=len(rows))
    hooks = [_webhook(reader, row) for row in administration.webhooks.webhooks()]
    if hooks:
        heads = [say(head) for head in ("Name", "Address", "State", "Waiting")]
        yield section(say("Webhooks"), table([*heads, ""], hooks, ""), count=len(hooks))
    changes = [
        (clock(row.at), row.who, f"{row.what} {json.dumps(row.said, ensure_ascii=False)}")
        for row in administration.audit.changes(LAST)
    ]
    shown = table([say(head) for head in ("When", "Who", "What")], changes, say("Nothing was changed."))
    yield section(say("Last changes"), shown)


def _plugin(reader: Reader, row: FeatureRow) -> Sequence[Part]:
    """A plugin, with what it was asked in calls that are over."""
    return (
        row.name,
        badge(row.out) if row.out else badge(reader.say("asked"), "good"),
        str(row.asked or ""),
        str(row.answered or ""),
        badge(str(row.failed), "bad") if row.failed else "",
        f"{1000 * row.seconds / row.asked:.2f} ms" if row.asked else "",
        ", ".join(f"{code} {name}" for name, code in row.codes.items()),
    )


def _webhook(reader: Reader, row: WebhookRow) -> Sequence[Part]:
    """A program that is told what happens, and what can be done about what it was not told."""
    say, path = reader.say, f"/api/webhooks/{quote(row.name, safe='')}/dead"
    state = badge(row.failing, "bad") if row.failing else badge(say("up"), "good")
    buttons = tags.span()
    if row.dead:
        buttons(
            button(f"{say('Send again')} ({row.dead})", "POST", f"{path}/again"),
            " ",
            button(say("Remove"), "DELETE", path, label=f"{say('Remove')}: {row.name}", tone="end"),
        )
    return row.name, row.url, state, str(row.waiting), buttons if row.dead else ""
