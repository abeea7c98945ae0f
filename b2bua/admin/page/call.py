"""One call: its ladder, its reasons, and every message."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, unquote

from twisted.web.template import Tag, tags

from b2bua.admin.page.frame import Part, Reader, badge, clock, facts, files_of, section, table
from b2bua.admin.page.now import TONES
from b2bua.admin.refused import Refused
from b2bua.calls.records.record import state
from b2bua.explain import pcap
from b2bua.explain.svg import svg
from b2bua.explain.text import ladder
from b2bua.explain.traced import Message, TracedCall
from b2bua.settings import SettingsError

FILES = (
    ("As text", "ladder.txt"),
    ("As a picture", "ladder.svg"),
    ("As a capture", "call.pcap"),
    ("All of it", "call.json"),
)
"""What one call can be taken away as."""


async def call(reader: Reader) -> Iterable[Part]:
    """The view."""
    return list(_shown(reader, await reader.administration.calls.trace(reader.steps[0])))


def _shown(reader: Reader, traced: TracedCall) -> Iterable[Part]:
    """All that is known of it."""
    say = reader.say
    record = traced.record
    name = quote(record.id, safe="")
    how = state(record)
    yield tags.section(
        tags.p(
            tags.strong(record.caller),
            "→",
            tags.strong(record.dialled),
            badge(say(how), TONES.get(how, "bad")),
            class_="path",
        ),
        facts(
            (say("Began"), clock(record.started)),
            (say("Answered"), clock(record.answered)),
            (say("Until"), clock(record.ended)),
            (say("With"), record.answered_by),
            (say("Hung up by"), record.hung_up_by),
            (say("Plugins"), ", ".join(record.features)),
        ),
    )  # fmt: skip
    picture = tags.img(src=f"/calls/{name}/ladder.svg", alt=f"{record.caller} → {record.dialled}")
    if files := files_of(reader, [record.id]).get(record.id):
        yield section(say("Files"), *map(_file, files), count=len(files))
    lost = [tags.p(f"{say('The beginning of this is not kept any more:')} {', '.join(traced.missing)}")]
    yield section(
        say("Ladder"),
        *(lost if traced.missing else []),
        tags.div(picture, class_="wide picture", tabindex="0"),
        tags.p(
            tags.button(say("Copy as text"), type="button", **{"data-copy": f"/calls/{name}/ladder.txt"}),
            *[tags.a(say(text), href=f"/calls/{name}/{file}", class_="button") for text, file in FILES],
            class_="actions",
        ),
    )
    rows = [(leg.party, leg.name, clock(leg.started), clock(leg.answered), clock(leg.ended), leg.why)
            for leg in record.legs]  # fmt: skip
    heads = ("Party", "Name", "Began", "Answered", "Until", "Reasons")
    yield section(say("Legs"), table([say(head) for head in heads], rows, ""), count=len(rows))
    start = traced.began
    reasons = [
        tags.li(tags.time(f"{max(0.0, one.at - start):.3f}"), tags.span(one.text)) for one in traced.others
    ]
    yield section(say("Reasons"), tags.ol(*reasons, class_="reasons"))
    yield section(
        say("Messages"),
        *[_message(message, start) for message in traced.messages],
        count=len(traced.messages),
    )


def _file(path: str) -> Tag:
    """A file of it; what is sound can be heard here."""
    name = unquote(path.rpartition("/")[2])
    link = tags.a(name, href=path, download=name)
    if not path.endswith(".wav"):
        return tags.p(link)
    player = Tag("audio", attributes={"controls": "", "preload": "none", "src": path, "aria-label": name})
    return tags.p(player, link, class_="sound")


def _message(message: Message, start: float) -> Tag:
    """One of its messages, to unfold."""
    way = "→" if message.outgoing else "←"
    head = f"{way} {message.transport} {message.remote[0]}:{message.remote[1]} "
    return tags.details(
        tags.summary(tags.b(f"{message.at - start:.3f}"), head, tags.strong(message.title)),
        tags.pre(message.text, tabindex="0"),
    )


async def as_svg(reader: Reader) -> bytes:
    """Its ladder as a picture."""
    return svg(await reader.administration.calls.trace(reader.steps[0])).encode()


async def as_text(reader: Reader) -> bytes:
    """Its ladder as text."""
    return ladder(await reader.administration.calls.trace(reader.steps[0])).encode()


async def as_capture(reader: Reader) -> bytes:
    """Its messages as a capture of packets, for Wireshark and sngrep."""
    try:
        return pcap.packed(await reader.administration.calls.trace(reader.steps[0]))
    except SettingsError as error:
        raise Refused(error.problems[0].text, 409) from None


async def as_saved(reader: Reader) -> bytes:
    """All that is known of it, for C{b2bua trace --open} and C{b2bua replay}."""
    traced = await reader.administration.calls.trace(reader.steps[0])
    return traced.saved().encode()
