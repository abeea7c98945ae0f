"""What monitoring asks for: C{/metrics}, and C{/health}, which needs no token."""

from __future__ import annotations

from pydantic_core import to_json
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from b2bua.admin.administration import Administration
from b2bua.admin.metrics import TYPE
from b2bua.admin.refused import Refused
from b2bua.admin.route import Role
from b2bua.admin.web import Identify, send, send_error


class Figures(Resource):
    """C{GET /metrics}."""

    isLeaf = True

    def __init__(self, administration: Administration, identify: Identify) -> None:
        """Tell those who may know."""
        super().__init__()
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
            send(request, 200, self._administration.metrics.text(), TYPE)
        return NOT_DONE_YET


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
