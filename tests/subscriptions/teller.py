"""Another server that tells of something, as a test wants it to (RFC 6665 section 4.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from b2bua import Service, hookimpl
from b2bua.calls import Refuse
from b2bua.subscriptions import Subscribed, Told
from b2bua.testing import World
from b2bua.testing.agent import Path
from b2bua.testing.exchange import Asked
from b2bua.testing.trunk import Trunk
from b2bua.wire.digest import ha1
from b2bua.wire.message import Request, Response

HOST = "198.51.100.7"
CARRIER: dict[str, Any] = {"uri": f"sip:{HOST}", "accept_from": [HOST], "options_seconds": 0}


class Teller(Trunk):
    """A carrier with something to watch."""

    def __init__(self, world: World, name: str = "carrier", host: str = HOST, **options: Any) -> None:
        """Take all SUBSCRIBEs, and tell nothing by itself."""
        super().__init__(world, name, host=host, **options)
        self.next_hop = None
        world.agents.append(self)
        self.taken: list[Request] = []
        """The SUBSCRIBEs, but for those that were asked for a password."""
        self.code = 200
        self.fields: tuple[tuple[str, str], ...] = ()
        """What a refusal says besides."""
        self.granted: int | None = None
        """The seconds that it grants; those that were asked for by default."""
        self.secret = ""
        """The password that it wants."""
        self.body = b"on"
        self.tells = True
        """Does a NOTIFY follow each 2xx?"""
        self.first = False
        """Does it leave before the 2xx?"""
        self.forks: tuple[str, ...] = ("t1",)
        """The tags of those who tell: each answers with a NOTIFY."""
        self.answers: list[tuple[str, int]] = []
        """What our NOTIFYs were answered with, by tag."""
        self.seq: dict[tuple[str, str], int] = {}
        self.generation = 0

    @property
    def latest(self) -> Request:
        """The last SUBSCRIBE."""
        return self.taken[-1]

    def request_received(self, request: Request, asked: Asked) -> None:
        """Take a SUBSCRIBE."""
        if request.method != "SUBSCRIBE":
            super().request_received(request, asked)
            return
        if self.secret and not any(
            given.check(ha1("MD5", given.username, self.name, self.secret), "SUBSCRIBE", b"")
            for given in request.credentials
        ):
            challenge = f'Digest realm="{self.name}", nonce="{self.token()}", qop="auth", algorithm=MD5'
            asked.respond(
                request.response(401, to_tag=self.token(), fields=[("WWW-Authenticate", challenge)])
            )
            return
        self.taken.append(request)
        expires = request.expires or 0
        granted = expires if self.granted is None or not expires else self.granted
        if self.code >= 300:
            asked.respond(request.response(self.code, to_tag=self.token(), fields=self.fields))
            return
        tags = (request.to.tag,) if request.to.tag else self.forks
        said = f"active;expires={granted}" if granted else "terminated;reason=timeout"

        def tell() -> None:
            if self.tells or not granted:
                for tag in tags:
                    self.notify(said, tag=tag, about=request)

        if self.first:
            tell()
        contact = ("Contact", f"<sip:{self.host}:5060>")
        answer = request.response(200, to_tag=tags[0], fields=[("Expires", str(granted)), contact])
        self.later(0.05 if self.first else 0.0, lambda: asked.respond(answer))
        if not self.first:
            self.later(0.02, tell)

    def notify(
        self,
        state: str = "active;expires=600",
        *,
        tag: str = "t1",
        body: bytes | None = None,
        type: str = "text/plain",
        event: str = "",
        seq: int | None = None,
        about: Request | None = None,
        fields: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Send a NOTIFY in the subscription of C{about}, of the last SUBSCRIBE by default."""
        about = about or self.latest
        key = about.call_id, tag
        number = self.seq.get(key, 0) + 1 if seq is None else seq
        self.seq[key] = max(number, self.seq.get(key, 0))
        content = self.body if body is None else body
        head = [
            ("Via", self.via()),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{self.host}>;tag={tag}"),
            ("To", about.get("From") or ""),
            ("Call-ID", about.call_id),
            ("CSeq", f"{number} NOTIFY"),
            ("Contact", f"<sip:{self.host}:5060>"),
            ("Event", event or about.get("Event") or ""),
            *([("Subscription-State", state)] if state else []),
            *([("Content-Type", type)] if content else []),
            *fields,
        ]
        target = about.contacts[0].uri_text
        request = Request("NOTIFY", target, head, content)

        def heard(response: Response | None) -> None:
            if response is None or response.final:
                self.answers.append((tag, 408 if response is None else response.code))

        self.ask(request, heard, Path(self.world.server_address))


class Curious:
    """A plugin that wants to know something of the carrier."""

    def __init__(self, user: str = "5512", event: str = "lamp") -> None:
        """Want it."""
        self.user, self.event = user, event
        self.told: list[Told] = []
        self.refusal: Refuse | None = None
        self.subscribed: Subscribed
        self.service: Service

    @hookimpl
    def service_started(self, service: Service) -> None:
        """Ask."""
        self.service = service
        self.subscribed = service.subscribe("carrier", self.user, self.event, ("text/plain",), self.hear)

    def hear(self, told: Told) -> Refuse | None:
        """Note what is told."""
        if self.refusal is None:
            self.told.append(told)
        return self.refusal
