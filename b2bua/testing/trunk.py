"""A carrier: known by its address, with numbers of its own, and a challenge perhaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from b2bua.testing.exchange import Asked
from b2bua.testing.manners import Manners
from b2bua.testing.phone import Phone
from b2bua.wire.digest import ha1
from b2bua.wire.message import Request

if TYPE_CHECKING:
    from b2bua.testing.surroundings import Surroundings


class Trunk(Phone):
    """
    The far end of a trunk; otherwise it behaves like a phone.

    It takes calls to any number.  With C{asks_password} it challenges INVITE
    and REGISTER (407, 401), and takes nothing else but what that account knows.
    """

    def __init__(
        self,
        world: Surroundings,
        name: str,
        *,
        number: str = "+15550100",
        asks_password: str = "",
        account: str = "",
        manners: Manners | None = None,
        **options: Any,
    ) -> None:
        """Set it up; use C{World.trunk} instead."""
        options.setdefault("host", f"198.51.100.{len(world.agents) + 10}")
        super().__init__(world, name, manners=manners, **options)
        self.number = number
        """From whom its calls come."""
        self.asks_password = asks_password
        self.account = account or name
        self.bound: str | None = None
        """The Contact of who registered here."""

    @property
    def aor(self) -> str:
        """The number it calls from, at its own address."""
        return f"sip:{self.number}@{self.host}"

    def request_received(self, request: Request, asked: Asked) -> None:
        """Ask for the password first, where one is wanted."""
        wanted = self.asks_password and not request.to.tag and request.method in ("INVITE", "REGISTER")
        if wanted and not self._proved(request):
            code = 401 if request.method == "REGISTER" else 407
            name = "WWW-Authenticate" if code == 401 else "Proxy-Authenticate"
            challenge = f'Digest realm="{self.name}", nonce="{self.token()}", qop="auth", algorithm=MD5'
            asked.respond(request.response(code, to_tag=self.token(), fields=[(name, challenge)]))
            return
        if request.method == "REGISTER":
            self._register(request, asked)
            return
        super().request_received(request, asked)

    def _proved(self, request: Request) -> bool:
        secret = ha1("MD5", self.account, self.name, self.asks_password)
        return any(
            given.username == self.account and given.check(secret, request.method, request.body)
            for given in (*request.credentials, *request.proxy_credentials)
        )

    def _register(self, request: Request, asked: Asked) -> None:
        expires = request.expires if request.expires is not None else 3600
        contact = request.contacts[0].uri_text if request.contacts else ""
        self.bound = contact if expires else None
        fields = [("Contact", f"<{contact}>;expires={expires}")] if expires else []
        asked.respond(request.response(200, to_tag=self.token(), fields=fields))
