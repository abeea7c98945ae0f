"""Which view stands at which path, and who may read it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.resources import files
from typing import Any, NamedTuple

from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from twisted.web.template import Tag, flattenString

from b2bua.admin.administration import Administration
from b2bua.admin.entrance import LogIn
from b2bua.admin.page import attacks, call, now, past, people, settings
from b2bua.admin.page.frame import POLICY, Reader, frame, guard
from b2bua.admin.page.log_in import log_in
from b2bua.admin.page.words import language
from b2bua.admin.refused import Refused, Unknown
from b2bua.admin.route import Role

HTML, SVG, TEXT, CSV, PCAP, JSON = (
    "text/html; charset=utf-8",
    "image/svg+xml",
    "text/plain; charset=utf-8",
    "text/csv; charset=utf-8",
    "application/vnd.tcpdump.pcap",
    "application/json",
)
PICTURE = "default-src 'none'; style-src 'unsafe-inline'"
"""What a picture of ours may do: have colours.  It has no script, and is shown as an image."""
STAYS = 5.0
"""Seconds for which what is the same for all is made once, unless pages are told to look again."""
STATIC = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": SVG,
}


class Page(NamedTuple):
    """What stands at a path."""

    path: str
    """Steps; a star stands for any."""
    title: str
    """Empty where there is no frame around it."""
    role: Role
    view: Callable[[Reader], Any]
    kind: str = HTML
    shared: bool = False
    """Is it the same for all who may see it?"""


OPERATOR, ADMINISTRATOR = Role.OPERATOR, Role.ADMINISTRATOR
PAGES = (
    Page("now", "Now", OPERATOR, now.now),
    Page("now/all", "", OPERATOR, now.everything, shared=True),
    Page("past", "Past", OPERATOR, past.past),
    Page("past.csv", "", OPERATOR, past.as_csv, CSV),
    Page("Master.csv", "", OPERATOR, past.as_asterisk, CSV),
    Page("calls/*", "Calls", OPERATOR, call.call),
    Page("calls/*/ladder.svg", "", OPERATOR, call.as_svg, SVG),
    Page("calls/*/ladder.txt", "", OPERATOR, call.as_text, TEXT),
    Page("calls/*/call.pcap", "", OPERATOR, call.as_capture, PCAP),
    Page("calls/*/call.json", "", OPERATOR, call.as_saved, JSON),
    Page("people", "People", OPERATOR, people.people),
    Page("people/*", "People", OPERATOR, people.person),
    Page("people/*/phones", "", OPERATOR, people.person_part),
    Page("people/*/settings", "", OPERATOR, people.person_part),
    Page("people/*/calls", "", OPERATOR, people.person_part),
    Page("attacks", "Attacks", OPERATOR, attacks.attacks),
    Page("attacks/list", "", OPERATOR, attacks.ignored),
    Page("settings", "Settings", ADMINISTRATOR, settings.settings),
    Page("mine", "Mine", Role.USER, people.mine),
    Page("mine/phones", "", Role.USER, people.my_part),
    Page("mine/settings", "", Role.USER, people.my_part),
    Page("mine/calls", "", Role.USER, people.my_part),
)


class Site(Resource):
    """All pages."""

    log = Logger()

    def __init__(self, administration: Administration, clock: IReactorTime) -> None:
        """Show a service."""
        super().__init__()
        self._administration = administration
        self._clock = clock
        self._shared: dict[tuple[str, str], tuple[float, bytes]] = {}
        """Parts that are the same for all, by path and language, with when they are made anew."""
        self.putChild(b"static", Static())
        self.putChild(b"login", LogInPage(administration))
        self.putChild(b"logout", LogIn(administration.entrance, out=True))

    def forget(self) -> None:
        """Make anew what is the same for all: it is not as it was."""
        self._shared.clear()

    def getChild(self, path: bytes, request: Request) -> Resource:
        """Answer for all that has no resource of its own."""
        return self

    def render_GET(self, request: Request) -> int:
        """Show a page, which may take its time."""
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)
        shown = ensureDeferred(self._shown(request))
        shown.addErrback(self._broken)
        shown.addCallback(lambda answer: None if gone else _send(request, *answer))
        shown.addErrback(lambda failure: self.log.failure("a page could not be sent", failure))
        return NOT_DONE_YET

    async def _shown(self, request: Request) -> tuple[int, str, bytes]:
        """Find what stands there; give status, kind and content."""
        code, say = language(request.getHeader("Accept-Language") or "")
        session = self._administration.entrance.session(request)
        person = None if session is None else self._administration.accounts.person(session.name)
        if session is None or person is None:
            return _elsewhere(request, "/login")
        steps = tuple(step.decode("utf-8", "replace") for step in request.prepath or ())
        if steps in ((), ("",)):
            return _elsewhere(request, "/now" if person.role >= OPERATOR else "/mine")
        query = {
            name.decode("utf-8", "replace"): values[-1].decode("utf-8", "replace")
            for name, values in (request.args or {}).items()
        }
        reader = Reader(self._administration, person, session.secret, code, say, steps[1:], query)
        try:
            found = _find(steps)
            if person.role < found.role or (steps[0] == "mine" and not person.extension):
                raise Refused(say("This is not for you."), 403)
            known = self._shared.get((found.path, code)) if found.shared else None
            if known is not None and self._clock.seconds() < known[0]:
                return 200, found.kind, known[1]
            content = found.view(reader)
            if inspect.isawaitable(content):
                content = await content
            if isinstance(content, bytes):
                return 200, found.kind, content
            inside = list(content)
        except Refused as error:
            return error.status, HTML, await _html(frame(reader, code, say, "", str(error), []))
        if found.shared:
            html = await flattenString(None, inside)
            self._shared[found.path, code] = (self._clock.seconds() + STAYS, html)
            return 200, HTML, html
        if not found.title:
            return 200, HTML, await flattenString(None, inside)
        return 200, HTML, await _html(frame(reader, code, say, steps[0], found.title, inside))

    def _broken(self, failure: Failure) -> tuple[int, str, bytes]:
        """A bug of ours."""
        self.log.failure("a page could not be shown", failure)
        return 500, TEXT, b"An error of ours; it is in the log.\n"


class LogInPage(LogIn):
    """Where people log in."""

    def __init__(self, administration: Administration) -> None:
        """Let them in."""
        super().__init__(administration.entrance)

    def render_GET(self, request: Request) -> int:
        """Ask who it is."""
        html = _html(log_in(*language(request.getHeader("Accept-Language") or "")))
        shown = ensureDeferred(html)
        shown.addCallback(lambda content: _send(request, 200, HTML, content))
        shown.addErrback(lambda failure: self.log.failure("a page could not be sent", failure))
        return NOT_DONE_YET


class Static(Resource):
    """The style and the script, which are read once; no path leads to another file."""

    isLeaf = True

    def __init__(self) -> None:
        """Read them."""
        super().__init__()
        place = files("b2bua.admin.page") / "static"
        self._files = {name.encode(): (place / name).read_bytes() for name in STATIC}

    def render_GET(self, request: Request) -> int:
        """Give one."""
        name = b"/".join(request.postpath or ())
        if name not in self._files:
            _send(request, 404, TEXT, b"There is no such file.\n")
        else:
            _send(request, 200, STATIC[name.decode()], self._files[name])
        return NOT_DONE_YET


def _find(steps: tuple[str, ...]) -> Page:
    """
    What stands at a path.

    @raise Refused: if there is nothing.
    """
    for page in PAGES:
        own = page.path.split("/")
        if len(own) == len(steps) and all(a in ("*", b) for a, b in zip(own, steps, strict=True)):
            return page
    raise Unknown("There is no such page.")


async def _html(page: Tag) -> bytes:
    """A whole page as bytes."""
    return b"<!doctype html>\n" + await flattenString(None, page)


def _elsewhere(request: Request, place: str) -> tuple[int, str, bytes]:
    """Send a browser to another page of ours."""
    request.setHeader("Location", place)
    return 303, TEXT, b""


def _send(request: Request, status: int, kind: str, content: bytes) -> None:
    """Send it, with what a browser may do with it."""
    guard(request, PICTURE if kind == SVG else POLICY)
    request.setResponseCode(status)
    request.setHeader("Content-Type", kind)
    request.setHeader("Content-Length", str(len(content)))
    request.write(content)
    request.finish()
