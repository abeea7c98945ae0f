"""What monitoring asks for: C{/metrics}, and C{/health}, which needs no token."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pydantic_core import to_json
from twisted.internet.defer import ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from b2bua.admin.administration import Administration
from b2bua.admin.refused import Refused
from b2bua.admin.route import Role
from b2bua.admin.web import Identify, send, send_error

if TYPE_CHECKING:
    from b2bua.admin.exposition import Exposition


class Figures(Resource):
    """C{GET /metrics}."""

    isLeaf = True
    log = Logger()

    def __init__(self, administration: Administration, identify: Identify) -> None:
        """Tell those who may know."""
        super().__init__()
        self._exposition: Exposition | None = None
        self._administration = administration
        self._identify = identify

    def render_GET(self, request: Request) -> int:
        """Tell all figures."""
        try:
            person = self._identify(request)
            if person.role < Role.OPERATOR:
                raise Refused(f"{person.name} may not do this", 403)
        except Refused as error:
            send(request, *send_error(error))
        else:
            gone: list[object] = []
            request.notifyFinish().addErrback(gone.append)
            told = ensureDeferred(self._text())
            told.addErrback(self._broken)
            told.addCallback(lambda answer: None if gone else send(request, *answer))
            told.addErrback(lambda failure: self.log.failure("figures could not be sent", failure))
        return NOT_DONE_YET

    async def _text(self) -> tuple[int, bytes, str]:
        """Give the status, the figures, and their type."""
        if self._exposition is None:
            # That takes a moment, in which calls go on.
            await self._administration.in_thread(import_module, "b2bua.admin.exposition")
        from b2bua.admin.exposition import TYPE, Exposition

        if self._exposition is None:
            self._exposition = Exposition(self._administration)
        return 200, self._exposition.text(), TYPE

    def _broken(self, failure: Failure) -> tuple[int, bytes]:
        """A bug must not keep who asks waiting; it is told without its inside."""
        self.log.failure("figures could not be read", failure)
        return 500, to_json({"error": "an error of ours; it is in the log"})


class Health(Resource):
    """
    C{GET /health}: 200 while calls are taken, 503 while the service drains.

    It says no more than that, since anybody may ask.
    """

    isLeaf = True

    def __init__(self, administration: Administration) -> None:
        """Look at a service."""
        super().__init__()
        self._administration = administration

    def render_GET(self, request: Request) -> int:
        """Say whether it lives, and whether it takes calls."""
        ready = not self._administration.service.status().draining
        send(request, 200 if ready else 503, to_json({"live": True, "ready": ready}))
        return NOT_DONE_YET
