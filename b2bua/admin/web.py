"""
The questions and commands as HTTP and JSON.

An answer is what the route says; what is refused is C{{"error": "..."}} with its
status.  What a client may cost is bounded: bytes of a request, connections, and
the time in which a request has to come.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from pydantic_core import to_json, to_jsonable_python
from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from b2bua.admin.audit import Audit
from b2bua.admin.openapi import Description
from b2bua.admin.person import Person
from b2bua.admin.refused import Mistaken, Refused, Unknown
from b2bua.admin.route import Role, Route, allowed, find
from b2bua.settings.pins import without_pins

LONGEST = 65_536
"""Bytes that the body of a request may have."""
SECONDS = 60
"""So long a connection may be silent."""

Identify: TypeAlias = Callable[[Request], Person]
"""Says who sends a request; raises L{Refused} if nobody knows them."""


class BoundedRequest(Request):
    """A request whose body has a largest size."""

    too_long = False

    def render(self, resrc: IResource) -> None:
        """Answer, without a word of what serves it."""
        self.responseHeaders.removeHeader(b"server")
        super().render(resrc)

    def gotLength(self, length: int | None) -> None:
        """The header has come: no room is made for a body that is announced as too long."""
        self.too_long = length is not None and length > LONGEST
        super().gotLength(0 if self.too_long else length)

    def handleContentChunk(self, data: bytes) -> None:
        """Keep a piece of the body, as long as it is not too long."""
        assert self.content is not None
        if self.content.tell() + len(data) > LONGEST:
            self.too_long = True
        if not self.too_long:
            super().handleContentChunk(data)


class Full(Protocol):
    """What is said to one connection too many."""

    def connectionMade(self) -> None:
        """Say it, and close."""
        assert self.transport is not None
        self.transport.write(
            b"HTTP/1.1 503 Too many ask at once\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        self.transport.loseConnection()


class QuietSite(Site):
    """A site that writes no line for each request: who logs in and what is changed is written elsewhere."""

    displayTracebacks = False
    noisy = False

    def log(self, request: Any) -> None:
        """Write nothing."""


class Connections(WrappingFactory):
    """A site with so many connections and no more."""

    noisy = False

    def __init__(self, resource: Resource, reactor: Any, most: int) -> None:
        """Serve a tree of resources."""
        site = QuietSite(resource, requestFactory=BoundedRequest, timeout=SECONDS, reactor=reactor)
        super().__init__(site)
        self._most = most

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Take a connection."""
        return super().buildProtocol(addr) if len(self.protocols) < self._most else Full()


class Api(Resource):
    """Everything below C{/api}."""

    log = Logger()

    def __init__(
        self, routes: Sequence[Route], identify: Identify, description: Description, audit: Audit
    ) -> None:
        """Serve the routes to those who are known."""
        super().__init__()
        self._audit = audit
        self._routes = routes
        self._identify = identify
        self._description = description

    def getChild(self, path: bytes, request: Request) -> Resource:
        """Answer for all that has no resource of its own below this one."""
        return self

    def render(self, request: Request) -> int:
        """Answer a request; it may take its time."""
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)
        answering = ensureDeferred(self._answer(request))
        answering.addErrback(self._broken, request)
        answering.addCallback(lambda answer: None if gone else send(request, *answer))
        answering.addErrback(lambda failure: self.log.failure("an answer could not be sent", failure))
        return NOT_DONE_YET

    async def _answer(self, request: Request) -> tuple[int, bytes]:
        """Find who answers, and give the status and what it says."""
        try:
            return 200, await self._asked(request)
        except Refused as error:
            if error.status == 405:
                request.setHeader("Allow", ", ".join(allowed(self._routes, _steps(request))))
            return send_error(error)

    async def _asked(self, request: Request) -> bytes:
        """
        Ask what is asked.

        @raise Refused: if there is no answer to it.
        """
        steps = _steps(request)
        who = self._identify(request)
        method = request.method.decode("ascii", "replace")
        if steps == ["openapi.json"] and method == "GET":
            return await self._description()
        found = find(self._routes, method, steps)
        if found is None:
            if allowed(self._routes, steps):
                raise Refused(f"{method} is nothing that can be done here", 405)
            raise Unknown("there is nothing here; /api/openapi.json says what there is")
        route, named = found
        if not route.own:
            who.check(route, named)
        values = route.read({**_given(request, route), **named})
        who.check(route, values)
        answer = route.answer(**values)
        if inspect.isawaitable(answer):
            answer = await answer
        if route.method != "GET":
            self._audit.note(who, route, values, answer)
        if who.role < Role.ADMINISTRATOR:
            answer = without_pins(to_jsonable_python(answer, fallback=str, bytes_mode="base64"))
        return to_json(answer, fallback=str, bytes_mode="base64")

    def _broken(self, failure: Failure, request: Request) -> tuple[int, bytes]:
        """A bug in an answer must not end the service; it is told without its inside."""
        self.log.failure("a question could not be answered", failure, path=request.path)
        return 500, to_json({"error": "an error of ours; it is in the log"})


def _steps(request: Request) -> list[str]:
    """The path below C{/api}, step by step."""
    return [step.decode("utf-8", "replace") for step in (request.prepath or ())[1:]]


def _given(request: Request, route: Route) -> dict[str, Any]:
    """
    The parameters that are not in the path.

    @raise Refused: if they cannot be read.
    """
    too_long(request)
    query = {
        name.decode("utf-8", "replace"): values[-1].decode("utf-8", "replace")
        for name, values in (request.args or {}).items()
    }
    if route.in_query:
        return query
    body = request.content.read() if request.content is not None else b""
    if query:
        raise Mistaken("what is said stands in the body, not behind a question mark")
    if not body:
        return {}
    kind = (request.getHeader("Content-Type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        # A page of somebody else's can send forms, but not this (CSRF).
        raise Refused("the body of a request is application/json", 415)
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise Mistaken("the body of a request is JSON") from None
    if not isinstance(values, dict):
        raise Mistaken("the body of a request is an object")
    return values


def too_long(request: Request) -> None:
    """
    See whether all of the body is there.

    @raise Refused: if it is not.
    """
    if isinstance(request, BoundedRequest) and request.too_long:
        raise Refused(f"the body of a request has {LONGEST} bytes at most", 413)


def send_error(error: Refused) -> tuple[int, bytes]:
    """The status of a refusal, and what is said."""
    return error.status, to_json({"error": str(error)})


def send(request: Request, status: int, body: bytes, kind: str = "application/json") -> None:
    """Send an answer, which nobody keeps."""
    request.setResponseCode(status)
    request.setHeader("Content-Type", kind)
    request.setHeader("Cache-Control", "no-store")
    request.setHeader("X-Content-Type-Options", "nosniff")
    request.setHeader("Content-Length", str(len(body)))
    request.write(body)
    request.finish()
