"""The plugins in their order, reading the configuration again, and who has changed what."""

from __future__ import annotations

import json
from collections.abc import Iterable

from twisted.web.template import tags

from b2bua.admin.page.frame import Part, Reader, button, clock, table

LAST = 50
"""So many changes are shown."""


def settings(reader: Reader) -> Iterable[Part]:
    """The view."""
    say, administration = reader.say, reader.administration
    yield tags.p(button(say("Read the configuration again"), "POST", "/api/reload"))
    yield tags.h2(say("Plugins"))
    rows = [
        (row.name, row.version, ", ".join(f"{code} {name}" for name, code in row.codes.items()), row.out)
        for row in administration.choices.features()
    ]
    yield table([say(head) for head in ("Name", "Version", "Codes", "Not asked")], rows, "")
    yield tags.h2(say("Last changes"))
    changes = [
        (clock(row.at), row.who, f"{row.what} {json.dumps(row.said, ensure_ascii=False)}")
        for row in administration.audit.changes(LAST)
    ]
    yield table([say(head) for head in ("When", "Who", "What")], changes, "")
