"""Performs what L{b2bua.trunks.registration} wants: sends the REGISTERs of one trunk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from twisted.logger import Logger

from b2bua.trunks.registration import Became, Effect, OutboundRegistration, Register, Wait
from b2bua.wire.message import Request
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from b2bua.authentication.digest_client import DigestClient
    from b2bua.clock import ITimer
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IClientTransaction, ITransactionLayer
    from b2bua.wire.message import Response

ATTEMPTS = 4
"""So often one REGISTER is sent again with credentials: some realms, and a stale nonce."""


@dataclass(frozen=True, slots=True)
class CarrierAccount:
    """As whom we register with a carrier."""

    trunk: str
    user: str
    servers: tuple[Uri, ...]
    expires: int
    user_agent: str = ""
    proxy: Uri | None = None
    """By which they are reached."""


class Registrant:
    """Our registration with a carrier, as it goes on."""

    log = Logger()

    def __init__(
        self,
        layer: ITransactionLayer,
        account: CarrierAccount,
        client: DigestClient | None,
        random: Random,
        hear: Callable[[bool], None] = lambda registered: None,
    ) -> None:
        """
        Be ready to start.

        @param hear: told when we are registered, and when we are no longer.
        """
        self.machine = OutboundRegistration(len(account.servers), account.expires, random.random, layer.now)
        self.flow: Flow | None = None
        """The way of the last REGISTER that was welcome: where the carrier is, and sends calls from."""
        self._asked: Flow | None = None
        self._layer = layer
        self._account = account
        self._client = client
        self._hear = hear
        self._call_id = f"{random.getrandbits(96):024x}"
        self._tag = f"{random.getrandbits(64):016x}"
        self._cseq = random.getrandbits(16)
        self._contact = ""
        self._timer: ITimer | None = None
        self._transaction: IClientTransaction | None = None

    @property
    def server(self) -> Uri:
        """The server that is used now."""
        return self._account.servers[self.machine.server]

    def start(self) -> None:
        """Register, and stay registered."""
        self._perform(self.machine.start())

    def stop(self) -> None:
        """Say good-bye, without waiting for an answer."""
        self._clear()
        self._perform(self.machine.stop())

    def let_go(self) -> None:
        """Leave it as it is: another process registers from now on."""
        self._clear()

    def _clear(self) -> None:
        """Wait for nothing any more."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._transaction is not None:
            self._transaction.forget()
            self._transaction = None

    def _perform(self, effects: list[Effect]) -> None:
        """Do what the machine says."""
        for effect in effects:
            match effect:
                case Register(server, expires):
                    self._send(self._account.servers[server], expires, [], 1)
                case Wait(seconds):
                    if not self.machine.registered:
                        self.log.warn(
                            "trunk {trunk} is not registered: {why}; the next attempt is in {seconds:.0f} s",
                            trunk=self._account.trunk, why=self.machine.why, seconds=seconds,
                        )  # fmt: skip
                    elif self.machine.why:
                        self.log.warn(
                            "trunk {trunk} could not be registered with again: {why}; the next attempt is in "
                            "{seconds:.0f} s, and the registration goes on until it expires",
                            trunk=self._account.trunk, why=self.machine.why, seconds=seconds,
                        )  # fmt: skip
                    self._timer = self._layer.start(seconds, self._due)
                case Became(registered):
                    if registered:
                        self.log.info("trunk {trunk} is registered", trunk=self._account.trunk)
                    self._hear(registered)

    def _due(self) -> None:
        """The time of the machine has come."""
        self._timer = None
        self._perform(self.machine.due())

    def _send(self, server: Uri, expires: int, credentials: list[tuple[str, str]], attempt: int) -> None:
        """Send one REGISTER."""
        self._cseq += 1
        sent: list[Request] = []

        def write(flow: Flow, via: str) -> Request:
            request = self._write(server, flow, via, expires)
            given = credentials
            if attempt == 1 and self._client is not None:
                given = self._client.unasked(request)
            if given:
                request = request.with_fields(add=given)
            self._asked = flow
            sent[:] = [request]
            return request

        def hear(response: Response) -> None:
            if response.code < 200:
                return
            self._transaction = None
            self._heard(server, expires, response, sent[0] if sent else None, attempt)

        transaction = self._layer.request(write, self._account.proxy or server, hear)
        if self.machine.registered or expires:
            self._transaction = transaction

    def _write(self, server: Uri, flow: Flow, via: str, expires: int) -> Request:
        """Write a REGISTER for one hop (section 10.2)."""
        mine = self._account
        aor = str(Uri.make(mine.user, server.host, server.port, server.scheme))
        transport = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
        self._contact = f"{Uri.make(mine.user, '')}{self._layer.contact_host(flow)}{transport}"
        fields = [
            ("Via", via),
            *([("Route", f"<{mine.proxy}>")] if mine.proxy is not None else []),
            ("Max-Forwards", "70"),
            ("From", f"<{aor}>;tag={self._tag}"),
            ("To", f"<{aor}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} REGISTER"),
            ("Contact", f"<{self._contact}>"),
            ("Expires", str(expires)),
            ("Supported", "path"),
        ]
        if mine.user_agent:
            fields.append(("User-Agent", mine.user_agent))
        return Request("REGISTER", str(_registrar_of(server)), fields)

    def _heard(
        self, server: Uri, expires: int, response: Response, sent: Request | None, attempt: int
    ) -> None:
        """Answer a challenge, or tell the machine."""
        challenged = response.code in (401, 407)
        if challenged and sent is not None and self._client is not None and attempt < ATTEMPTS:
            fields = self._client.answer(response, sent)
            if fields is not None:
                self._send(server, expires, fields, attempt + 1)
                return
        if response.success:
            self.flow = self._asked
        self._perform(self.machine.answered(response, self._contact, refused=challenged))


def _registrar_of(server: Uri) -> Uri:
    """The Request-URI: the domain, without a user part (section 10.2)."""
    return Uri(server.scheme, None, server.host, server.port, server.params)
