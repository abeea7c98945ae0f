"""
Who is it: digest authentication of requests to us (RFC 8760, RFC 3261 section 22).

As a user agent server we answer 401.  An answer tells a user that does not
exist from a wrong password neither by its content nor by the time it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from secrets import token_bytes, token_hex
from typing import TYPE_CHECKING, TypeAlias

from twisted.logger import Logger

from b2bua.authentication.accounts import ALGORITHMS, Account, Accounts
from b2bua.authentication.complaints import Complaints
from b2bua.authentication.nonces import Age, Nonces
from b2bua.authentication.throttle import Throttle, ThrottleLimits
from b2bua.errors import PeerError
from b2bua.once import Once
from b2bua.transactions.flow import source_of
from b2bua.wire.digest import Challenge, Credentials, hashed
from b2bua.wire.grammar import quote
from b2bua.wire.names import NameAddr
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from b2bua.authentication.domain import Domain
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Request

SECTION = "RFC 3261 22"


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Who was proved to have sent a request."""

    user: str
    aor: str
    name: str = ""

    @property
    def asserted(self) -> str:
        """The value of P-Asserted-Identity that we vouch for (RFC 3325 section 5)."""
        user, _, host = self.aor.rpartition("@")
        return str(NameAddr.make(self.name, Uri.make(user, host)))


@dataclass(frozen=True, slots=True)
class Challenged:
    """She has to prove it: answer 401 with these fields, best first."""

    fields: tuple[tuple[str, str], ...]
    counted: bool = False
    """Has she failed to do so?  Then the request is not to count again when it comes again."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """No: answer with C{code}."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ignored:
    """The source has guessed too often: do not answer at all."""


Outcome: TypeAlias = Authenticated | Challenged | Refusal | Ignored


class Authenticator:
    """Says who sent a request, or what to answer instead."""

    log = Logger()

    def __init__(
        self,
        accounts: Accounts,
        domain: Domain,
        now: Callable[[], float],
        limits: ThrottleLimits | None = None,
        *,
        algorithms: Iterable[str] = ALGORITHMS,
        nonce_seconds: float = 300.0,
        secret: bytes = b"",
        token: Callable[[], str] = lambda: token_hex(5),
        known: Callable[[str], None] = lambda host: None,
    ) -> None:
        """
        Authenticate the users of C{domain}, whose name is the realm.

        @param algorithms: what is offered, as far as all accounts can do it.
        @param secret: signs the nonces; by default a new one.
        @param token: makes our tags.
        @param known: told each host from which somebody has proved who she is.
        """
        self.accounts = accounts
        self.algorithms = tuple(algorithms)
        self.throttle = Throttle(now, limits)
        self._complaints = Complaints()
        self._domain = domain
        self._realm = domain.name
        self.nonces = Nonces(secret or token_bytes(32), now, nonce_seconds)
        self._token = token
        self._told = Once()
        self._known = known
        # HA1 of nobody: it has to be computed with as if it were someone's.
        self._nobody = {name: hashed(name, token_bytes(16)) for name in ALGORITHMS}

    def check(self, request: Request, flow: Flow) -> Outcome:
        """
        Who sent it?

        Not for ACK and CANCEL, which cannot be sent again with credentials
        (RFC 3261 section 22.1).

        @raise PeerError: if what proves it is malformed.
        """
        host = flow.remote[0]
        given = self._credentials(request)
        claimed = given.username.partition("@")[0] if given else self._claimed(request)
        if self.throttle.ignores(host, claimed):
            return Ignored()
        if given is None or given.algorithm.upper() not in self._offered():
            self._note_unanswered(request, host)
            return self._challenge(host)
        account, age = self._prove(given, request, host)
        if account is None:
            # Without a nonce of ours it says nothing about who sent it: addresses can be forged.
            return self._failed(given, flow) if age is Age.FRESH else self._challenge(host)
        if age is not Age.FRESH or not self.nonces.use(given.nonce, given.count if given.qop else None):
            return self._challenge(host, stale=True)
        self.throttle.succeeded(host, account.user)
        self._complaints.passed(host, account.user)
        self._known(host)
        if not self._addressed(given, request, flow):
            # RFC 7616 section 3.4.6 wants a 400 when the two are not the same.
            raise PeerError("The digest is for another URI", section="RFC 8760 2.6", where=given.uri)
        if request.method != "REGISTER" and not self._may_claim(account, request, flow):
            self._tell_claim(account, request, host)
            return Refusal(403, "Not Your Address")
        return Authenticated(account.user, account.aor, account.name)

    def _tell_claim(self, account: Account, request: Request, host: str) -> None:
        """Say once that somebody calls in the name of another, and what to do about it."""
        if self._told.first(account.user, host):
            self.log.warn(
                "extension {user} is refused at {host}, where From says {claimed}: a phone says its own "
                "address there, or anonymous.invalid; a server whose callers have numbers of their own is a "
                "trunk, in [trunks.NAME] with accept_from",
                user=account.user, host=host, claimed=_printable(request.from_.uri_text),
            )  # fmt: skip

    def admit(self, request: Request, server: IServerTransaction) -> Authenticated | None:
        """Say who sent it; or answer the request, and say None."""
        try:
            outcome = self.check(request, server.flow)
        except PeerError as error:
            outcome = Refusal(error.code)
        match outcome:
            case Authenticated():
                return outcome
            case Challenged(fields, counted=False):
                # Anybody may ask, from an address that may not be hers.
                server.dismiss(401, fields=fields)
            case Challenged(fields):
                server.respond(request.response(401, to_tag=self._token(), fields=fields))
            case Refusal(code, reason):
                server.respond(request.response(code, reason, to_tag=self._token()))
            case Ignored():
                server.forget()
        return None

    def _credentials(self, request: Request) -> Credentials | None:
        """The credentials for our realm (section 22.3), if there are any."""
        for given in Credentials.parse_all(request.all("Authorization")):
            if given.realm == self._realm:
                return given
        return None

    def _claimed(self, request: Request) -> str:
        """The user that a request without credentials says it is from."""
        try:
            return request.from_.uri.user_unescaped
        except PeerError:
            return ""

    def _offered(self) -> tuple[str, ...]:
        """The algorithms that we offer, best first."""
        able = self.accounts.algorithms
        return tuple(name for name in self.algorithms if name in able)

    def _prove(self, given: Credentials, request: Request, host: str) -> tuple[Account | None, Age]:
        """
        Find the account whose password was known, and the age of the nonce.

        The same work is done whether there is such a user or not.
        """
        age = self.nonces.age(given.nonce, source_of(host))
        user, _, realm = given.username.partition("@")
        account = self.accounts.find(user) if realm in ("", self._realm) else None
        algorithm = given.algorithm.upper()
        secret = self._nobody[algorithm] if account is None else account.hashes[algorithm]
        right = given.check(secret, request.method, request.body)
        if self.throttle.holds_back(host, user):
            right = False
        return (account if right else None), age

    def _failed(self, given: Credentials, flow: Flow) -> Outcome:
        """Count a wrong answer, and ask again (RFC 3665 section 2.5)."""
        user = given.username.partition("@")[0][:64]
        host = flow.remote[0]
        known = self.accounts.find(user) is not None
        why = "wrong password" if known else "no such user"
        if known:
            self._complaints.wrong(host, user, self.throttle.limits.window)
        # One line in a fixed form, for fail2ban; see docs/security.md.  The
        # user is quoted and without line breaks, since anybody can send any.
        self.log.warn(
            "authentication failed: source={source} transport={transport} user={user} why={why}",
            source=host, transport=flow.transport, user=_printable(user), why=quote(why),
        )  # fmt: skip
        if self.throttle.failed(host, user):
            self.log.warn(
                "authentication ignored: source={source} seconds={seconds:.0f}",
                source=host, seconds=self.throttle.limits.ignored,
            )  # fmt: skip
            return Ignored()
        return self._challenge(host, counted=True)

    def _note_unanswered(self, request: Request, host: str) -> None:
        """Note a phone of ours that is challenged; the first time is as it should be."""
        user = self._claimed(request)
        if self.accounts.find(user) is not None:
            self._complaints.unanswered(host, user, self._offered())

    def _challenge(self, host: str, *, stale: bool = False, counted: bool = False) -> Challenged:
        """One challenge for each algorithm, best first (RFC 8760 section 2.3)."""
        nonce = self.nonces.make(source_of(host))
        qop = ("auth", "auth-int")
        return Challenged(
            tuple(
                ("WWW-Authenticate", str(Challenge(self._realm, nonce, name, qop, stale=stale)))
                for name in self._offered()
            ),
            counted,
        )

    def _addressed(self, given: Credentials, request: Request, flow: Flow) -> bool:
        """
        Is the digest for this Request-URI?

        They may differ in which of our names they use and in parameters, since
        proxies rewrite the one and not the other (RFC 8760 section 2.6).
        """
        if given.uri == request.uri:
            return True
        theirs, ours = Uri.parse(given.uri), request.request_uri
        same_user = theirs.user_unescaped == ours.user_unescaped
        covered = self._domain.covers(theirs, flow) and self._domain.covers(ours, flow)
        return theirs.is_sip and same_user and (covered or theirs.host.lower() == ours.host.lower())

    def _may_claim(self, account: Account, request: Request, flow: Flow) -> bool:
        """Is From the user's own address, or nobody's (RFC 3323 section 4.1.1.3)?"""
        uri = request.from_.uri
        if uri.anonymous:
            return True
        return self._domain.aor(uri, flow) == account.aor


def _printable(text: str) -> str:
    """Quote C{text} so that it stays within its line and its quotes."""
    plain = "".join(char if " " <= char <= "~" else "?" for char in text)
    return quote(plain)
