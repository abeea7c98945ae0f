"""What plugins have for phones and programs: C{/files/NAME}, a phone book say; C{/files/recordings/NAME}."""

from __future__ import annotations

from pathlib import Path

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from b2bua.admin.features import Choices
from b2bua.admin.refused import Refused
from b2bua.admin.route import Role
from b2bua.admin.web import Identify, send, send_error


class Files(Resource):
    """C{GET /files/NAME}, for whoever is known; what is in a directory is for administrators."""

    def __init__(self, choices: Choices, identify: Identify) -> None:
        """Give what the plugins of the time have."""
        super().__init__()
        self._choices = choices
        self._identify = identify

    def getChild(self, path: bytes, request: Request) -> Resource:
        """Answer for all that is below."""
        return self

    def render_GET(self, request: Request) -> int:
        """Give one; who has not said who they are is asked (RFC 7617 section 2)."""
        try:
            person = self._identify(request)
            steps = [step.decode("utf-8", "replace") for step in (request.prepath or ())[1:]]
            if len(steps) > 1 and person.role < Role.ADMINISTRATOR:
                raise Refused("only an administrator may have it", 403)
            kind, content = self._choices.file("/".join(steps))
        except Refused as error:
            if error.status == 401:
                request.setHeader("WWW-Authenticate", 'Basic realm="b2bua", charset="UTF-8"')
            send(request, *send_error(error))
        else:
            if isinstance(content, Path):
                return self._large(request, kind, content)
            send(request, 200, content, kind)
        return NOT_DONE_YET

    def _large(self, request: Request, kind: str, path: Path) -> int:
        """Send a file bit by bit, or the part of it that is wanted (RFC 9110 section 14)."""
        from twisted.web.static import File

        file = File(str(path))
        file.type, file.encoding = kind, None
        request.setHeader("Cache-Control", "no-store")
        request.setHeader("X-Content-Type-Options", "nosniff")
        rendered: int = file.render_GET(request)
        return rendered
