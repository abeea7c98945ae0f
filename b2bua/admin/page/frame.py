"""What stands around every view: head, navigation, and what a browser may do with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from twisted.web.server import Request
from twisted.web.template import Tag, tags

from b2bua.admin.administration import Administration
from b2bua.admin.page.words import Say
from b2bua.admin.person import Person
from b2bua.admin.route import Role

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; \
connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
"""Nothing from elsewhere, and nothing that stands in the page itself (Content Security Policy)."""

Part: TypeAlias = Tag | str
"""A piece of a page."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a page, and what was asked for."""

    administration: Administration
    person: Person
    csrf: str
    language: str
    say: Say
    steps: tuple[str, ...]
    """The path below the view."""
    query: dict[str, str]


View: TypeAlias = Callable[[Reader], Iterable[Part]]

VIEWS = (
    ("now", "Now", Role.OPERATOR),
    ("past", "Past", Role.OPERATOR),
    ("people", "People", Role.OPERATOR),
    ("attacks", "Attacks", Role.OPERATOR),
    ("settings", "Settings", Role.ADMINISTRATOR),
)
"""What stands in the navigation, and for whom."""


def guard(request: Request, policy: str = POLICY) -> None:
    """Say what a browser may do with an answer."""
    request.setHeader("Content-Security-Policy", policy)
    request.setHeader("X-Content-Type-Options", "nosniff")
    request.setHeader("X-Frame-Options", "DENY")
    request.setHeader("Referrer-Policy", "no-referrer")
    request.setHeader("Cross-Origin-Opener-Policy", "same-origin")
    request.setHeader("Cache-Control", "no-store")


def frame(
    reader: Reader | None, language: str, say: Say, here: str, title: str, content: Iterable[Part]
) -> Tag:
    """A whole page."""
    head = tags.head(
        tags.meta(charset="utf-8"),
        tags.meta(name="viewport", content="width=device-width, initial-scale=1"),
        tags.meta(name="csrf", content=reader.csrf if reader is not None else ""),
        tags.title(f"{say(title)} · b2bua"),
        tags.link(rel="icon", type="image/svg+xml", href="/static/icon.svg"),
        tags.link(rel="stylesheet", href="/static/page.css"),
        tags.script(type="module", src="/static/page.js"),
    )
    body = tags.body(
        tags.a(say("Skip to the content"), href="#content", class_="skip"),
        *([tags.header(*_navigation(reader, here))] if reader is not None else []),
        Tag("main")(*([tags.h1(say(title))] if reader is not None else []), *content, id="content"),
        tags.output(id="said", role="status"),
        tags.noscript(say("This page needs JavaScript to change anything.")),
        **({} if reader is not None else {"class": "door"}),
    )
    return tags.html(head, body, lang=language)


def brand() -> Tag:
    """The name, with its mark."""
    return tags.span(tags.img(src="/static/icon.svg", alt=""), "b2bua", class_="brand")


def _navigation(reader: Reader, here: str) -> list[Part]:
    """Where one can go."""
    say, person = reader.say, reader.person
    entries = [(path, title) for path, title, role in VIEWS if person.role >= role]
    if person.extension:
        entries.append(("mine", "Mine"))
    links = [
        tags.a(say(title), href=f"/{path}", **({"aria-current": "page"} if path == here else {}))
        for path, title in entries
    ]
    out = button(say("Log out"), "POST", "/logout", then="/login")
    return [brand(), tags.nav(*links, **{"aria-label": "b2bua"}), tags.span(person.name, class_="who"), out]


def section(title: Part, *content: Part, count: int | None = None) -> Tag:
    """A part of a page with a heading; C{count} says how many there are of it."""
    heading = tags.h2(title)
    if count is not None:
        heading(" ", tags.span(str(count), class_="count"))
    return tags.section(heading, *content)


def table(heads: Sequence[str], rows: Sequence[Sequence[Part]], none: str) -> Part:
    """A table; what there is to say when it has no rows.  A column without a name has buttons."""
    if not rows:
        return tags.p(none, class_="none") if none else ""
    return tags.div(
        tags.table(
            tags.thead(tags.tr(*[tags.th(head, scope="col") if head else tags.td() for head in heads])),
            tags.tbody(*[tags.tr(*map(_cell, heads, row)) for row in rows]),
        ),
        class_="wide",
        tabindex="0",
    )


def _cell(head: str, content: Part) -> Tag:
    """One cell, which on a telephone stands beside its head."""
    cell = tags.td(content) if content else tags.td()
    cell.attributes.update({"data-label": head} if head else {"class": "acts"})
    return cell


def badge(text: str, tone: str = "") -> Tag:
    """A word with a colour: C{good}, C{bad}, C{warn}, C{busy} or none."""
    return tags.span(text, class_=f"badge {tone}".strip())


def facts(*pairs: tuple[str, Part]) -> Tag:
    """What there is to say of one thing; without what is empty."""
    return tags.dl(
        *[tags.div(tags.dt(name), tags.dd(value)) for name, value in pairs if value], class_="facts"
    )


def files_of(reader: Reader, calls: Collection[str]) -> dict[str, list[str]]:
    """The paths of the files that plugins have of calls, for who may have them."""
    if reader.person.role < Role.ADMINISTRATOR:
        return {}
    return reader.administration.choices.files_of(calls)


def tiles(*pairs: tuple[str, Part]) -> Tag:
    """Figures that are seen at once."""
    return tags.dl(*[tags.div(tags.dt(name), tags.dd(value)) for name, value in pairs], class_="tiles")


def button(text: str, method: str, path: str, then: str = "", label: str = "", tone: str = "") -> Tag:
    """
    A button that asks the API for something.

    @param tone: C{first} for the main one of a page, C{end} where it ends something.
    """
    made = tags.button(text, type="button")
    if tone:
        made.attributes["class"] = tone
    made.attributes.update({"data-method": method, "data-path": path})
    if then:
        made.attributes["data-then"] = then
    if label:
        made.attributes["aria-label"] = label
    return made


def live(path: str, kinds: str, *content: Part, extension: str = "") -> Tag:
    """A part that is read again when something of these kinds happens, to one extension or to any."""
    made = Tag("live-part", children=list(content))
    made.attributes.update({"data-path": path, "data-kinds": kinds, "data-extension": extension})
    return made


def clock(seconds: float | None) -> Part:
    """A time of day, with the date if it is not today's."""
    if seconds is None:
        return ""
    at = datetime.fromtimestamp(seconds).astimezone()
    today = at.date() == datetime.now().astimezone().date()
    text = at.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S")
    return tags.time(text, datetime=at.isoformat(timespec="seconds"))


def running(seconds: float) -> Tag:
    """How long something has lasted that goes on: it is counted on."""
    return Tag("time-since", children=[duration(seconds)], attributes={"data-seconds": str(round(seconds))})


def duration(seconds: float) -> str:
    """How long."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
