"""What stands around every view: head, navigation, and what a browser may do with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from twisted.web.server import Request
from twisted.web.template import Tag, tags

from b2bua.admin.administration import Administration
from b2bua.admin.page.words import Say
from b2bua.admin.person import Person
from b2bua.admin.route import Role

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
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
        tags.link(rel="stylesheet", href="/static/page.css"),
        tags.script(type="module", src="/static/page.js"),
    )
    body = tags.body(
        tags.a(say("Skip to the content"), href="#content", class_="skip"),
        tags.header(*(_navigation(reader, here) if reader is not None else [tags.strong("b2bua")])),
        Tag("main")(tags.h1(say(title)), *content, id="content"),
        tags.output(id="said", role="status"),
        tags.noscript(say("This page needs JavaScript to change anything.")),
    )
    return tags.html(head, body, lang=language)


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
    return [tags.nav(*links, **{"aria-label": "b2bua"}), tags.span(person.name, class_="who"), out]


def table(heads: Sequence[str], rows: Sequence[Sequence[Part]], none: str) -> Tag:
    """A table; what there is to say when it has no rows."""
    if not rows:
        return tags.p(none)
    return tags.div(
        tags.table(
            tags.thead(tags.tr(*[tags.th(head, scope="col") for head in heads])),
            tags.tbody(*[tags.tr(*[tags.td(cell) for cell in row]) for row in rows]),
        ),
        class_="wide",
        tabindex="0",
    )


def button(text: str, method: str, path: str, then: str = "", label: str = "") -> Tag:
    """A button that asks the API for something."""
    made = tags.button(text, type="button")
    made.attributes.update({"data-method": method, "data-path": path})
    if then:
        made.attributes["data-then"] = then
    if label:
        made.attributes["aria-label"] = label
    return made


def live(path: str, kinds: str, *content: Part) -> Tag:
    """A part that is read again when something of these kinds happens."""
    made = Tag("live-part", children=list(content))
    made.attributes.update({"data-path": path, "data-kinds": kinds})
    return made


def clock(seconds: float | None) -> Part:
    """A time of day, with the date."""
    if seconds is None:
        return ""
    at = datetime.fromtimestamp(seconds).astimezone()
    return tags.time(at.strftime("%Y-%m-%d %H:%M:%S"), datetime=at.isoformat(timespec="seconds"))


def duration(seconds: float) -> str:
    """How long."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
