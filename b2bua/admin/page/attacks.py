"""Who tries passwords, and is ignored for it."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from b2bua.admin.page.frame import Part, Reader, button, duration, live, section, table


def attacks(reader: Reader) -> Iterable[Part]:
    """The view."""
    yield live("/attacks/list", "ignored", *ignored(reader))


def ignored(reader: Reader) -> Iterable[Part]:
    """The sources that are ignored."""
    say = reader.say
    rows = [
        (row.source, duration(row.seconds),
         button(say("Pardon"), "DELETE", f"/api/ignored/{quote(row.source, safe='')}",
                label=f"{say('Pardon')}: {row.source}"))
        for row in reader.administration.service.status().ignored
    ]  # fmt: skip
    shown = table([say("Source"), say("Ignored for"), ""], rows, say("Nobody is ignored."))
    yield section(say("Ignored"), shown, count=len(rows))
