"""
The account of a phone: who it is, how it proves that, and what it is like.

All that a phone does, in a call or outside of one, is done in its name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from b2bua.testing.agent import Agent, Message
from b2bua.testing.exchange import Asked, Path
from b2bua.testing.manners import Manners
from b2bua.testing.media import Media
from b2bua.wire.digest import answer_challenge, choose
from b2bua.wire.message import Field, Request, Response

if TYPE_CHECKING:
    from b2bua.testing.surroundings import Surroundings


class Call(Protocol):
    """A call of the phone, as far as its account is asked about it."""

    def plan(self, seconds: float | None, deed: str, *arguments: object) -> None:
        """Do something later."""

    def refresh_fields(self) -> list[Field]:
        """Say what a request of ours tells of the session timer."""


class Got(NamedTuple):
    """Something that arrived, for a script to look at."""

    at: float
    message: Message
    session: object
    """The call or the subscription to which it belongs, if to any."""
    asked: Asked | None


class Account(Agent):
    """A SIP element that calls and is called in the name of one extension."""

    def __init__(
        self,
        world: Surroundings,
        name: str,
        *,
        manners: Manners | None = None,
        transport: str = "UDP",
        password: str = "",
        domain: str = "",
        display: str = "",
        host: str = "",
        port: int = 5060,
        kinds: tuple[str, ...] = ("audio",),
        instance: str = "",
    ) -> None:
        """Set it up."""
        super().__init__(world, name, host=host, port=port, transport=transport)
        self.manners = manners or Manners()
        self.acknowledges_refusals = self.manners.acknowledges_refusals
        self.password = password
        self.domain = domain or world.domain
        self.display = display or name.capitalize()
        self.instance = instance
        self.kinds = kinds
        """The m-lines of its offers."""
        self.describes: type[Media] = Media
        """How its sessions describe their media: for a browser it is L{b2bua.testing.secured.Secured}."""
        self.user_agent = f"Yealink SIP-T46U 108.86.0.{self.mark}"
        self.anonymous = False
        """Does its From name nobody (RFC 3323 section 4.1)?"""
        self.refuse_code = 486
        self.more_supported: tuple[str, ...] = ()
        """Option tags that it claims besides what its manners say."""
        self.inbox: deque[Got] = deque(maxlen=500)
        """What has arrived."""
        self._nonces: dict[str, int] = {}

    # Who it is

    @property
    def aor(self) -> str:
        """The address of record."""
        return f"sip:{self.name}@{self.domain}"

    @property
    def name_addr(self) -> str:
        """What stands in From."""
        if self.anonymous:
            return '"Anonymous" <sip:anonymous@anonymous.invalid>'
        return f'"{self.display}" <{self.aor}>'

    @property
    def supported(self) -> list[str]:
        """The option tags of Supported."""
        options = ["replaces", *self.more_supported]
        if self.manners.hundred_rel != "none":
            options.append("100rel")
        if self.manners.session_expires:
            options.append("timer")
        return options

    def uri_of(self, to: str) -> str:
        """Make a URI of what a person dials."""
        return to if to.startswith(("sip:", "sips:", "tel:")) else f"sip:{to}@{self.domain}"

    def now(self) -> float:
        """Look at the clock of the world."""
        return self.world.clock.seconds()

    # What Dialog and Session need

    def invite_fields(self, session: Call) -> list[Field]:
        """Say what the INVITE of a session has."""
        fields: list[Field] = [("Allow-Events", "talk, hold, conference, refer, check-sync")]
        if self.manners.hundred_rel == "required":
            fields.append(("Require", "100rel"))
        return fields + session.refresh_fields()

    def with_credentials(self, request: Request, response: Response) -> Request | None:
        """Answer a challenge, or give up when it was answered already (RFC 3261 section 22)."""
        name = "Authorization" if response.code == 401 else "Proxy-Authorization"
        challenge = choose(response.challenges)
        if not self.password or challenge is None:
            return None
        if request.get(name) is not None and not challenge.stale:
            return None
        count = self._nonces[challenge.nonce] = self._nonces.get(challenge.nonce, 0) + 1
        value = answer_challenge(
            challenge,
            user=self.name,
            password=self.password,
            method=request.method,
            uri=request.uri,
            body=request.body,
            cnonce=self.token(),
            nc=count,
        )
        return request.with_fields(remove=(name,), add=[(name, value)])

    def transmit(self, message: Message, path: Path) -> None:
        """
        Put a message on the wire, more than once if that is its manner.

        On a connection a second one would be a new one (RFC 3261 section 17.2.2, Timer J).
        """
        for _ in range(1 if path.stream is not None else 1 + self.manners.repeats):
            super().transmit(message, path)

    def transmit_ack(self, ack: Request) -> None:
        """Send an ACK for a 2xx, for the first time or again."""
        self.transmit(ack, self.path_to(ack))

    # What arrives

    def got(self, message: Message, session: Any, asked: Asked | None = None) -> None:
        """Put it where a script finds it."""
        self.inbox.append(Got(self.now(), message, session, asked))

    # What those who inherit say

    def new_session(self, incoming: bool) -> Any:
        """Make room for a call."""
        raise NotImplementedError

    def dial(self, to: str, *, fields: Iterable[Field] = ()) -> Any:
        """Call somebody."""
        raise NotImplementedError

    # News of sessions

    def talk_began(self, session: Call) -> None:
        """Plan when to hang up, if that is our manner."""
        session.plan(self.manners.hangs_up_after, "hang_up")

    def session_over(self, session: Call) -> None:
        """A session is over; the world may want to know."""

    def missed_ack(self, session: Call) -> None:
        """Nobody acknowledged our 2xx."""
        self.world.trouble(self.name, "got no ACK for its 2xx", "RFC 3261 13.2.2.4")

    def session_expired(self, we_refresh: bool) -> None:
        """Nobody refreshed in time, though somebody else should have."""
        if not we_refresh:
            self.world.trouble(self.name, "saw its session expire without a refresh", "RFC 4028 10")
