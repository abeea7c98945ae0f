"""
Tells pages that they have to look again: at most once a second, and seldom when much happens.

Programs read every event (L{b2bua.admin.stream}); a page needs to know only
that its calls, or its phones, are not as they were.  So nothing is made of what
happens: how things are is compared once a second, and calls pay nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from b2bua.admin.refused import Refused
from b2bua.admin.route import Role
from b2bua.admin.web import Identify, send, send_error
from b2bua.trunks.trunks import Trunks

if TYPE_CHECKING:
    from b2bua.admin.administration import Administration
    from b2bua.admin.person import Person

LOOK = 1.0
"""Seconds between two looks."""
BUSY, SELDOM = 20, 5
"""Where more calls go on than that, pages are told every so many looks."""
BEAT = 15
"""Looks after which a page that was told nothing gets a sign of life."""
READERS = 500
"""So many pages may be open at once."""


@dataclass(eq=False, slots=True)
class Page:
    """A page that is open."""

    request: Request
    person: Person
    extension: str
    seen: dict[str, Hashable] = field(default_factory=dict)
    silent: int = 0
    full: bool = False
    """Has it not read what it was told?"""

    def pauseProducing(self) -> None:
        """It does not read."""
        self.full = True

    def resumeProducing(self) -> None:
        """It reads again."""
        self.full = False

    def stopProducing(self) -> None:
        """It has gone."""
        self.full = True


class Pulse(Resource):
    """C{GET /pulse}."""

    isLeaf = True

    def __init__(
        self,
        administration: Administration,
        identify: Identify,
        clock: IReactorTime,
        before: Callable[[], object],
    ) -> None:
        """
        Tell nobody yet.

        @param before: called before pages are told.
        """
        super().__init__()
        self._before = before
        self._administration = administration
        self._identify = identify
        self._pages: list[Page] = []
        self._turn = 0
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def render_GET(self, request: Request) -> int:
        """Begin to tell."""
        try:
            person = self._identify(request)
            extension = (request.args or {}).get(b"extension", [b""])[-1].decode("utf-8", "replace")
            if person.role < Role.OPERATOR and (not person.extension or extension != person.extension):
                raise Refused(f"{person.name} may not hear this; name your own extension", 403)
            if len(self._pages) >= READERS:
                raise Refused("too many pages are open at once", 503)
        except Refused as error:
            send(request, *send_error(error))
            return NOT_DONE_YET
        request.setHeader("Content-Type", "text/event-stream")
        request.setHeader("Cache-Control", "no-store")
        page = Page(request, person, extension)
        page.seen = self._state(extension)
        request.registerProducer(page, True)
        request.write(b"retry: 3000\n\nevent: hello\ndata:\n\n")
        self._pages.append(page)
        request.notifyFinish().addBoth(lambda _: self._end(page))
        if not self._looking.running:
            self._looking.start(LOOK, now=False)
        return NOT_DONE_YET

    def _end(self, page: Page) -> None:
        """It has gone."""
        self._pages.remove(page)
        if not self._pages and self._looking.running:
            self._looking.stop()

    def _look(self) -> None:
        """Tell each page what is not as it was when it was told last."""
        self._turn += 1
        busy = len(self._administration.calls) > BUSY
        if busy and self._turn % SELDOM:
            return
        self._before()
        states: dict[str, dict[str, Hashable]] = {}
        for page in list(self._pages):
            state = states.get(page.extension)
            if state is None:
                state = states[page.extension] = self._state(page.extension)
            if not page.full:
                self._tell(page, state, SELDOM if busy else 1)

    def _tell(self, page: Page, state: dict[str, Hashable], looks: int) -> None:
        """Tell one page, or end it: its session may be over."""
        changed = [kind for kind, value in state.items() if page.seen.get(kind) != value]
        page.seen = state
        page.silent += looks
        if changed:
            page.request.write(b"event: changed\ndata: %b\n\n" % " ".join(changed).encode())
            page.silent = 0
        elif page.silent >= BEAT:
            page.silent = 0
            try:
                still = self._identify(page.request) == page.person
            except Refused:
                still = False
            if still:
                page.request.write(b": \n\n")
            else:
                page.request.unregisterProducer()
                page.request.finish()

    def _state(self, extension: str) -> dict[str, Hashable]:
        """How things are, of one extension or all, as far as pages show it; what is equal looks alike."""
        administration = self._administration
        server, features = administration.server, administration.choices.generation
        going = server.core.calls.going.values()
        trunks = server.trunks.status() if isinstance(server.trunks, Trunks) else []
        return {
            "call": tuple(
                (call.id, call.since) for call in going if not extension or call.record.concerns(extension)
            ),
            "phone": administration.phones.changes,
            "setting": (id(features), features.preferences.version),
            "trunk": tuple((trunk.alive, trunk.registered, trunk.why) for trunk in trunks),
            "ignored": frozenset(server.authenticator.throttle.ignored()),
            "plugin": tuple(plugin.out for plugin in features.plugins),
        }
