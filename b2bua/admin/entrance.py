"""
The door from the network: who a request is from, logging in and out.

People have a session by a cookie that no script reads and no other site sends;
what changes something carries the secret of the session as well, and comes from
a page of ours.  Programs have a token.  Who guesses is slowed down and ignored
together with those who guess passwords of phones.
"""

from __future__ import annotations

import json
from base64 import b64decode
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from twisted.internet.defer import ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from b2bua.admin.person import Person
from b2bua.admin.refused import Mistaken, Refused
from b2bua.admin.sessions import COOKIE, SECURE_COOKIE, Session, Sessions
from b2bua.admin.web import send, send_error, too_long

if TYPE_CHECKING:
    from b2bua.admin.accounts import Accounts
    from b2bua.authentication.throttle import Throttle

SAFE = (b"GET", b"HEAD")
"""Methods that change nothing (RFC 9110 section 9.2.1)."""
LONGEST_NAME, LONGEST_PASSWORD = 64, 1000


class Entrance:
    """Lets people and programs in."""

    log = Logger()

    def __init__(self, accounts: Accounts, sessions: Sessions, throttle: Throttle) -> None:
        """Know who may come in."""
        self._accounts = accounts
        self._sessions = sessions
        self._throttle = throttle

    def identify(self, request: Request) -> Person:
        """
        Say who sends a request.

        @raise Refused: if nobody knows them, or it is not sure that they mean it.
        """
        given = request.getHeader("Authorization") or ""
        if given:
            return self._program(request, given)
        session = self.session(request)
        person = None if session is None else self._accounts.person(session.name)
        if session is None or person is None:
            raise Refused("log in first", 401)
        if request.method not in SAFE:
            _from_our_page(request)
            if (request.getHeader("X-CSRF-Token") or "") != session.secret:
                raise Refused("this is not from a page of ours; load it again", 403)
        return person

    def _program(self, request: Request, given: str) -> Person:
        """Who has a token."""
        host = source(request)
        if self._throttle.ignores(host):
            raise Refused("too many attempts; wait", 429)
        person = self._accounts.program(_token(given, request.method in SAFE))
        if person is None:
            self._failed(host, "token")
            raise Refused("nobody has this token", 401)
        return person

    def session(self, request: Request) -> Session | None:
        """The session of a request."""
        key = request.getCookie((SECURE_COOKIE if request.isSecure() else COOKIE).encode())
        return None if key is None else self._sessions.find(key.decode("ascii", "replace"))

    async def log_in(self, request: Request, name: str, password: str) -> Session:
        """
        Log somebody in with a password.

        @raise Refused: if it is not theirs, or there were too many attempts.
        """
        host, user = source(request), f"account {name}"
        if self._throttle.ignores(host, user) or self._throttle.holds_back(host, user):
            raise Refused("too many attempts; wait", 429)
        person = await self._accounts.log_in(name, password)
        if person is None:
            self._failed(host, user)
            raise Refused("no account has this name and this password", 401)
        self._throttle.succeeded(host, user)
        return self._begin(request, person.name)

    def follow(self, request: Request, key: str) -> Session:
        """
        Log somebody in with a link that is good for once.

        @raise Refused: if it is not, or is no more.
        """
        host = source(request)
        if self._throttle.ignores(host):
            raise Refused("too many attempts; wait", 429)
        name = self._sessions.follow(key)
        if name is None or self._accounts.person(name) is None:
            self._failed(host, "link")
            raise Refused("this link is of no more use; b2bua web-user link NAME makes another", 401)
        return self._begin(request, name)

    def log_out(self, request: Request) -> None:
        """End the session of a request."""
        for name in (COOKIE, SECURE_COOKIE):
            if (key := request.getCookie(name.encode())) is not None:
                self._sessions.end(key.decode("ascii", "replace"))
        self._set_cookie(request, "", 0)

    def _begin(self, request: Request, name: str) -> Session:
        """Begin a session, whatever cookie there was."""
        key, session = self._sessions.begin(name)
        self._set_cookie(request, key, None)
        self.log.info("{name} has logged in from {source}", name=name, source=source(request))
        return session

    def _set_cookie(self, request: Request, key: str, age: int | None) -> None:
        """Set our cookie, or take it away."""
        secure = request.isSecure()
        text = f"{SECURE_COOKIE if secure else COOKIE}={key}; Path=/; HttpOnly; SameSite=Strict"
        text += "; Secure" if secure else ""
        text += "" if age is None else f"; Max-Age={age}"
        request.cookies.append(text.encode())

    def _failed(self, host: str, user: str) -> None:
        """Count a failure, and write the line that fail2ban reads."""
        ignored = self._throttle.failed(host, user)
        self.log.warn(
            "authentication failed: source={source} transport=HTTP user={user} why=password",
            source=host,
            user=json.dumps(user),
        )
        if ignored:
            self.log.warn(
                "authentication ignored: source={source} seconds={seconds:.0f}",
                source=host,
                seconds=self._throttle.limits.ignored,
            )


def _token(given: str, safe: bool) -> str:
    """
    The token in an Authorization: that of Bearer, or the password of Basic, which is all that phones know.

    Browsers send what they know of Basic by themselves, whoever's page it is, so
    it changes nothing.
    """
    kind, _, rest = given.partition(" ")
    if kind.lower() == "basic" and safe:
        try:
            return b64decode(rest.strip(), validate=True).decode().partition(":")[2]  # RFC 7617 section 2
        except ValueError:
            return ""
    return rest.strip() if kind.lower() == "bearer" else ""


class LogIn(Resource):
    """C{POST /login} with C{{"name": ..., "password": ...}} or C{{"link": ...}}, and C{POST /logout}."""

    isLeaf = True
    log = Logger()

    def __init__(self, entrance: Entrance, out: bool = False) -> None:
        """Let in, or out."""
        super().__init__()
        self._entrance = entrance
        self._out = out

    def render_POST(self, request: Request) -> int:
        """Log in, or out."""
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)
        done = ensureDeferred(self._done(request))
        done.addErrback(self._broken)
        done.addCallback(lambda answer: None if gone else send(request, *answer))
        done.addErrback(lambda failure: self.log.failure("an answer could not be sent", failure))
        return NOT_DONE_YET

    async def _done(self, request: Request) -> tuple[int, bytes]:
        """Do it, and give the status and what is said."""
        try:
            _from_our_page(request)
            if self._out:
                self._entrance.log_out(request)
                return 200, b"{}"
            session = await self._begun(request)
        except Refused as error:
            return send_error(error)
        return 200, json.dumps({"name": session.name, "csrf": session.secret}).encode()

    async def _begun(self, request: Request) -> Session:
        """Read what was sent, and log in with it."""
        said = _object(request)
        link, name, password = said.get("link"), said.get("name"), said.get("password")
        if isinstance(link, str):
            return self._entrance.follow(request, link)
        if not isinstance(name, str) or not isinstance(password, str):
            raise Mistaken("a name and a password are needed")
        if len(name) > LONGEST_NAME or len(password) > LONGEST_PASSWORD:
            raise Refused("no account has this name and this password", 401)
        return await self._entrance.log_in(request, name, password)

    def _broken(self, failure: Failure) -> tuple[int, bytes]:
        """A bug of ours."""
        self.log.failure("nobody could be logged in", failure)
        return send_error(Refused("an error of ours; it is in the log", 500))


def source(request: Request) -> str:
    """The address that a request comes from."""
    return str(getattr(request.getClientAddress(), "host", ""))


def _from_our_page(request: Request) -> None:
    """
    See that the browser, if it is one, does this for a page of ours.

    @raise Refused: if it says that it does not.
    """
    origin, site = request.getHeader("Origin"), request.getHeader("Sec-Fetch-Site")
    if site is not None and site not in ("same-origin", "none"):
        raise Refused("this is not from a page of ours", 403)
    if origin is not None and urlsplit(origin).netloc != (request.getHeader("Host") or ""):
        raise Refused("this is not from a page of ours", 403)
    kind = (request.getHeader("Content-Type") or "").partition(";")[0].strip().lower()
    if kind != "application/json" and request.method != b"DELETE":
        raise Refused("the body of a request is application/json", 415)


def _object(request: Request) -> dict[str, Any]:
    """The JSON object in a body."""
    too_long(request)
    try:
        said = json.loads(request.content.read() if request.content is not None else b"")
    except (ValueError, RecursionError):
        raise Mistaken("the body of a request is JSON") from None
    if not isinstance(said, dict):
        raise Mistaken("the body of a request is an object")
    return said
