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
    found = reader.administration.phones.failing()
    for kind, title, head in (
        ("source", "Sources that fail to log in", "Source"),
        ("user", "Users for whom it is tried", "User name"),
    ):
        lines = [(row.name, str(row.times)) for row in found if row.kind == kind]
        yield section(
            say(title), table([say(head), say("Attempts")], lines, say("Nobody lately.")), count=len(lines)
        )
