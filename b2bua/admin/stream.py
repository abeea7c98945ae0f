"""
The stream of events for browsers and programs: Server-Sent Events (HTML section 9.2).

A reader names the kinds and the extension that they want.  Who comes back says
which event was the last they saw (C{Last-Event-ID}), and gets what has happened
since, or C{resync}: look at the whole state again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import get_args

from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from b2bua.admin.events import Events
from b2bua.admin.person import Person
from b2bua.admin.refused import Mistaken, Refused
from b2bua.admin.route import Role
from b2bua.admin.values import Event
from b2bua.admin.web import Identify, send, send_error
from b2bua.settings import EventKind as Kind

QUEUE = 200
"""So many events wait for a reader who does not read; then they have to look at the whole state again."""
BEAT = 15.0
"""Seconds between two signs of life, which keep proxies from closing the connection."""
READERS = 500
"""So many may read at once."""


@implementer(IPushProducer)
class Listener:
    """One who reads."""

    def __init__(self, request: Request, kinds: frozenset[str], extension: str, person: Person) -> None:
        """Tell nothing yet."""
        self.person = person
        self._request = request
        self._kinds = kinds
        self._extension = extension
        self._queue: deque[bytes] = deque()
        self._paused = False
        self._lost = False
        self.gone = False

    def hear(self, event: Event) -> None:
        """Tell it, or keep it until they read again."""
        if event.kind not in self._kinds:
            return
        if self._extension and self._extension not in event.extensions:
            return
        self.write(b"id: %d\nevent: %b\ndata: %b\n\n" % (event.id, event.kind.encode(), event.json_line))

    def resync(self, last: int) -> None:
        """Say that they have to look at the whole state again."""
        self.write(b"id: %d\nevent: resync\ndata: {}\n\n" % last)

    def write(self, data: bytes) -> None:
        """Send something, now or when they read again."""
        if self.gone:
            return
        if not self._paused:
            self._request.write(data)
        elif len(self._queue) < QUEUE:
            self._queue.append(data)
        else:
            self._queue.clear()
            self._lost = True

    def close(self) -> None:
        """End it."""
        if not self.gone:
            self.gone = True
            self._request.unregisterProducer()
            self._request.finish()

    def beat(self) -> None:
        """Give a sign of life."""
        if not self._paused and not self.gone:
            self._request.write(b": \n\n")

    # ---- IPushProducer --------------------------------------------------

    def pauseProducing(self) -> None:
        """They do not read."""
        self._paused = True

    def resumeProducing(self) -> None:
        """They read again."""
        self._paused = False
        if self._lost:
            self._lost = False
            self._queue.clear()
            self._request.write(b"event: resync\ndata: {}\n\n")
        while self._queue and not self._paused:
            self._request.write(self._queue.popleft())

    def stopProducing(self) -> None:
        """They have gone."""
        self.gone = True


class Stream(Resource):
    """C{GET /api/events}."""

    isLeaf = True

    def __init__(self, events: Events, identify: Identify, clock: IReactorTime) -> None:
        """Tell whoever may hear."""
        super().__init__()
        self._events = events
        self._identify = identify
        self._listeners: dict[Listener, Callable[[], bool]] = {}
        self._beating = LoopingCall(self._beat)
        self._beating.clock = clock

    def render_GET(self, request: Request) -> int:
        """Begin to tell."""
        try:
            listener = self._listener(request)
            last = _last(request)
        except Refused as error:
            send(request, *send_error(error))
            return NOT_DONE_YET
        request.setHeader("Content-Type", "text/event-stream")
        request.setHeader("Cache-Control", "no-store")
        request.setHeader("X-Accel-Buffering", "no")
        request.registerProducer(listener, True)
        request.write(b"retry: 3000\n\n")
        missed = [] if last is None else self._events.since(last)
        if last is None:
            listener.write(b"id: %d\nevent: hello\ndata: {}\n\n" % self._events.last)
        elif missed is None:
            listener.resync(self._events.last)
        for event in missed or ():
            listener.hear(event)
        self._begin(request, listener)
        return NOT_DONE_YET

    def _listener(self, request: Request) -> Listener:
        """Read what they want, and see whether they may have it."""
        person = self._identify(request)
        if len(self._listeners) >= READERS:
            raise Refused("too many read at once", 503)
        args = request.args or {}
        kinds = [one.decode("utf-8", "replace") for one in args.get(b"kind", ())] or list(get_args(Kind))
        for kind in kinds:
            if kind not in get_args(Kind):
                raise Mistaken(f"kind: one of {', '.join(get_args(Kind))}")
        extension = args.get(b"extension", [b""])[-1].decode("utf-8", "replace")
        if person.role < Role.OPERATOR and (not person.extension or extension != person.extension):
            raise Refused(f"{person.name} may not hear this; name your own extension", 403)
        return Listener(request, frozenset(kinds), extension, person)

    def _begin(self, request: Request, listener: Listener) -> None:
        """Tell them until they go."""

        def still() -> bool:
            try:
                return self._identify(request) == listener.person
            except Refused:
                return False

        self._listeners[listener] = still
        self._events.begin(listener)
        request.notifyFinish().addBoth(lambda _: self._end(listener))
        if not self._beating.running:
            self._beating.start(BEAT, now=False)

    def _end(self, listener: Listener) -> None:
        """They have gone."""
        listener.gone = True
        self._listeners.pop(listener, None)
        self._events.end(listener)
        if not self._listeners and self._beating.running:
            self._beating.stop()

    def _beat(self) -> None:
        """Give signs of life, and end the streams of those who have logged out since."""
        for listener, still in list(self._listeners.items()):
            if still():
                listener.beat()
            else:
                listener.close()


def _last(request: Request) -> int | None:
    """The event that was seen last."""
    text = request.getHeader("Last-Event-ID") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
