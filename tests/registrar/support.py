"""What the tests here stand on: a clock, an open transaction, and a phone's REGISTER."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import md5
from itertools import count
from typing import Any

from twisted.internet.task import Clock
from zope.interface import implementer

from b2bua.authentication.accounts import Account, Accounts
from b2bua.authentication.authenticator import Authenticator
from b2bua.authentication.domain import Domain
from b2bua.authentication.throttle import ThrottleLimits
from b2bua.registrar.bindings import Bindings
from b2bua.registrar.registrar import IKeeper, Registrar, RegistrarSettings
from b2bua.transactions.effects import TimerValues
from b2bua.transactions.flow import Flow
from b2bua.transactions.ports import IClientTransaction, IServerTransaction, ITransactionLayer
from b2bua.wire.digest import Challenge, answer
from b2bua.wire.message import Request, Response
from b2bua.wire.uri import Uri
from tests.timers import FakeClock

DOMAIN = "pbx.example.com"
PHONE = Flow("UDP", ("192.0.2.1", 5060), ("192.0.2.101", 5062))
SECRETS = {"101": "one-oh-one", "102": "one-oh-two"}


@implementer(IServerTransaction)
class FakeServer:
    """An open server transaction that remembers its answers."""

    def __init__(self, request: Request, flow: Flow = PHONE) -> None:
        """Open it."""
        self.request = request
        self.flow = flow
        self.user: Any = None
        self.responses: list[Response] = []
        self.forgotten = False

    def respond(self, response: Response) -> None:
        """Remember it."""
        self.responses.append(response)

    def move(self, flow: Flow) -> None:
        """Answer by another way."""
        self.flow = flow

    def dismiss(self, code: int, reason: str = "", fields: Iterable[tuple[str, str]] = ()) -> None:
        """Remember the answer, and that nothing is kept."""
        self.responses.append(self.request.response(code, reason, to_tag="ours", fields=fields))
        self.forgotten = True

    def forget(self) -> None:
        """Note that there will be no answer."""
        self.forgotten = True

    @property
    def response(self) -> Response:
        """The only answer."""
        (response,) = self.responses
        return response


class House:
    """A registrar with two users, and phones that register."""

    def __init__(
        self,
        settings: RegistrarSettings | None = None,
        keeper: IKeeper | None = None,
        limits: ThrottleLimits | None = None,
    ) -> None:
        """Open it, with nobody registered."""
        self.clock = Clock()
        self.clock.advance(1000)
        self.layer = FakeClock(self.clock)
        self.domain = Domain(DOMAIN, ["pbx"])
        self.accounts = Accounts(
            [Account.make(user, DOMAIN, password=secret) for user, secret in SECRETS.items()]
        )
        self.authenticator = Authenticator(
            self.accounts, self.domain, self.layer.now, limits, secret=b"known", token=lambda: "ours"
        )
        self.bindings = Bindings(self.layer)
        self.registrar = Registrar(
            self.bindings,
            self.authenticator,
            self.domain,
            self.layer,
            settings,
            keeper,
            token=lambda: "ours",
        )
        self._cseq = count(1)
        self._challenges: dict[tuple[str, str], Challenge] = {}
        self._counts: dict[str, int] = {}

    def request(
        self,
        *contacts: str,
        user: str = "101",
        expires: str | None = None,
        call_id: str = "phone-1",
        cseq: int | None = None,
        uri: str = f"sip:{DOMAIN}",
        fields: Sequence[tuple[str, str]] = (),
        to: str | None = None,
        via: str = "SIP/2.0/UDP 192.0.2.101:5062;branch=z9hG4bK1;rport",
    ) -> Request:
        """Write a REGISTER without credentials."""
        number = next(self._cseq) if cseq is None else cseq
        lines = [
            ("Via", via),
            ("From", f"<sip:{user}@{DOMAIN}>;tag=theirs"),
            ("To", to or f"<sip:{user}@{DOMAIN}>"),
            ("Call-ID", call_id),
            ("CSeq", f"{number} REGISTER"),
            *[("Contact", contact) for contact in contacts],
            *([("Expires", expires)] if expires is not None else []),
            *fields,
        ]
        return Request("REGISTER", uri, lines)

    def signed(
        self,
        request: Request,
        user: str = "101",
        secret: str | None = None,
        algorithm: str = "SHA-256",
        flow: Flow = PHONE,
    ) -> Request:
        """Add credentials, with a nonce that is asked for when there is none yet from there."""
        host = flow.remote[0]
        challenge = self._challenges.get((host, algorithm)) or self.challenge(request, algorithm, flow)
        nc = self._counts[challenge.nonce] = self._counts.get(challenge.nonce, 0) + 1
        given = answer(
            challenge,
            user,
            request.method,
            request.uri,
            password=SECRETS.get(user, "") if secret is None else secret,
            body=request.body,
            cnonce=md5(str(nc).encode()).hexdigest(),
            count=nc,
        )
        return request.with_fields(add=[("Authorization", str(given))])

    def challenge(self, request: Request, algorithm: str = "SHA-256", flow: Flow = PHONE) -> Challenge:
        """Send it without credentials, and take the challenge from the 401."""
        response = self.send(request.with_fields(remove=["Authorization"]), flow)
        assert response.code == 401, response
        found = {c.algorithm: c for c in Challenge.parse_all(response.all("WWW-Authenticate"))}
        self._challenges.update({(flow.remote[0], name): one for name, one in found.items()})
        return found[algorithm]

    def forget_nonces(self) -> None:
        """Ask for a challenge next time."""
        self._challenges.clear()

    def serve(self, request: Request, flow: Flow = PHONE) -> FakeServer:
        """Let the registrar have it."""
        server = FakeServer(request, flow)
        self.registrar.register(request, server)
        return server

    def send(self, request: Request, flow: Flow = PHONE) -> Response:
        """Let the registrar have it, and hear the answer."""
        return self.serve(request, flow).response

    def register(self, *contacts: str, flow: Flow = PHONE, user: str = "101", **said: Any) -> Response:
        """Register with the right password."""
        return self.send(self.signed(self.request(*contacts, user=user, **said), user, flow=flow), flow)

    def bound(self, user: str = "101") -> list[str]:
        """The contacts of a user."""
        return [binding.contact for binding in self.bindings.all(f"{user}@{DOMAIN}")]


@implementer(IClientTransaction)
class FakeTransaction:
    """A request of ours that waits for the answer which a test gives."""

    def __init__(self, request: Request, flow: Flow, hear: Callable[[Response], None]) -> None:
        """Have been sent."""
        self.request = request
        self.flow: Flow | None = flow
        self.forgotten = False
        self._hear = hear

    def cancel(self, fields: Sequence[tuple[str, str]] = ()) -> None:
        """Only INVITEs are cancelled."""
        raise AssertionError("not an INVITE")

    def hand_on(self, hear: Callable[[Response], None]) -> None:
        """Only INVITEs are."""
        raise AssertionError("not an INVITE")

    def forget(self) -> None:
        """Hear no more."""
        self.forgotten = True

    def answer(self, code: int, *fields: tuple[str, str], local: bool = False) -> None:
        """Answer it."""
        response = self.request.response(code, to_tag="far", fields=fields)
        if local:
            response = response.made_up()
        if not self.forgotten:
            self._hear(response)


@implementer(ITransactionLayer)
class FakeLayer(FakeClock):
    """A transaction layer whose requests end in a list."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Nothing was sent."""
        super().__init__(clock)
        self.sent: list[FakeTransaction] = []

    def timers_of(self, flow: Flow | None) -> TimerValues:
        """The usual ones."""
        return TimerValues()

    def locate(self, uri: Uri) -> list[Flow]:
        """Everything is at one place."""
        return [Flow("UDP", ("192.0.2.1", 5060), (uri.host, uri.port or 5060))]

    def request(
        self,
        write: Callable[[Flow, str], Request],
        target: Flow | Uri,
        hear: Callable[[Response], None],
    ) -> FakeTransaction:
        """Send a request."""
        flow = target if isinstance(target, Flow) else self.locate(target)[0]
        request = write(flow, f"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{len(self.sent)}")
        self.sent.append(FakeTransaction(request, flow, hear))
        return self.sent[-1]

    def acknowledge(self, write: Callable[[Flow, str], Request], target: Flow | Uri) -> None:
        """Nobody here sends ACKs."""
        raise AssertionError("no ACK is sent here")

    def contact_host(self, flow: Flow) -> str:
        """Our own address."""
        return f"{flow.local[0]}:{flow.local[1]}"

    def local_host(self, host: str) -> str:
        """An address of ours."""
        return "192.0.2.1"

    def take(self) -> FakeTransaction:
        """The only request since the last time."""
        (transaction,) = self.sent
        self.sent.clear()
        return transaction
