"""One call: its ladder, its reasons, and every message."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from twisted.web.template import tags

from b2bua.admin.page.frame import Part, Reader, clock, table
from b2bua.calls.records.record import state
from b2bua.explain.svg import svg
from b2bua.explain.text import ladder


def call(reader: Reader) -> Iterable[Part]:
    """The view."""
    say = reader.say
    traced = reader.administration.calls.trace(reader.steps[0])
    record = traced.record
    name = quote(record.id, safe="")
    yield tags.p(f"{record.caller} → {record.dialled}: {say(state(record))}")
    yield tags.p(
        tags.a(say("As text"), href=f"/calls/{name}/ladder.txt"),
        tags.a(say("As a picture"), href=f"/calls/{name}/ladder.svg"),
        class_="links",
    )
    yield tags.h2(say("Ladder"))
    picture = tags.img(src=f"/calls/{name}/ladder.svg", alt=f"{record.caller} → {record.dialled}")
    yield tags.div(picture, class_="wide picture", tabindex="0")
    yield tags.h2(say("Legs"))
    rows = [(leg.party, leg.name, clock(leg.started), clock(leg.answered), clock(leg.ended), leg.why)
            for leg in record.legs]  # fmt: skip
    yield table([say(head) for head in ("Party", "Name", "Began", "answered", "Until", "Reasons")], rows, "")
    yield tags.h2(say("Reasons"))
    yield tags.ol(*[tags.li(reason.text) for reason in traced.others])
    yield tags.h2(say("Messages"))
    start = traced.messages[0].at if traced.messages else 0.0
    for message in traced.messages:
        way = "→" if message.outgoing else "←"
        head = f"{message.at - start:.3f} {way} {message.transport} {message.remote[0]}:{message.remote[1]}: "
        yield tags.details(tags.summary(head + message.title), tags.pre(message.text))


def as_svg(reader: Reader) -> bytes:
    """Its ladder as a picture."""
    return svg(reader.administration.calls.trace(reader.steps[0])).encode()


def as_text(reader: Reader) -> bytes:
    """Its ladder as text."""
    return ladder(reader.administration.calls.trace(reader.steps[0])).encode()
