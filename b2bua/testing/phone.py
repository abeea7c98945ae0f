"""A simulated phone: an honest user agent, with or without manners of its own."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from b2bua.testing.agent import Agent, Message, Path
from b2bua.testing.dialog import Dialog, Field, Fields
from b2bua.testing.exchange import Asked
from b2bua.testing.manners import Manners
from b2bua.testing.media import Media
from b2bua.testing.outside import Outside
from b2bua.testing.registering import Registering
from b2bua.testing.script import Scripted
from b2bua.testing.session import Session
from b2bua.testing.watching import Watching
from b2bua.wire.digest import answer_challenge, choose
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.testing.life import Life
    from b2bua.testing.refreshing import Refreshing
    from b2bua.testing.world import World


class Got(NamedTuple):
    """Something that arrived, for a script to look at."""

    at: float
    message: Message
    session: Dialog | None
    asked: Asked | None


class Phone(Registering, Outside, Scripted, Agent):
    """
    A phone with one account.

    It can be driven in three ways: by deeds (C{dial}, C{answer}, C{hold}...),
    message by message from a test's script (C{sends}, C{gets}, C{answers}), and
    not at all, when its L{Manners} say what it does.
    """

    def __init__(
        self,
        world: World,
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
        """Unpack it and plug it in; use C{World.phone} instead."""
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
        self.sessions: list[Session] = []
        self.subscriptions: list[Watching] = []
        self.inbox: deque[Got] = deque(maxlen=500)
        self.unanswered: list[Got] = []
        self.expects_missing_ack = False
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

    # Deeds

    @property
    def session(self) -> Session:
        """The call that was begun last and is not over; else the last one."""
        for session in reversed(self.sessions):
            if session.state != "over":
                return session
        if not self.sessions:
            raise AssertionError(f"{self.name} has no call")
        return self.sessions[-1]

    @property
    def live(self) -> list[Session]:
        """The calls that are not over."""
        return [session for session in self.sessions if session.state != "over"]

    def new_session(self, incoming: bool) -> Session:
        """Make room for a call."""
        session = Session(self, incoming)
        self.sessions.append(session)
        return session

    def dial(self, to: str, *, offer: bool = True, fields: Fields = (), max_forwards: int = 70) -> Session:
        """Call somebody."""
        session = self.new_session(incoming=False)
        session.dial(to, offer=offer, fields=fields, max_forwards=max_forwards)
        return session

    def watch(self, to: str, event: str = "dialog", **options: Any) -> Watching:
        """Subscribe to something; the options are those of L{Watching}."""
        subscription = Watching(self, to, event, **options)
        self.subscriptions.append(subscription)
        subscription.subscribe()
        return subscription

    def forget_subscriptions(self) -> None:
        """Know nothing of them any more, as after a reboot."""
        for subscription in self.subscriptions:
            subscription.stop()
        self.subscriptions.clear()

    def stop_watching(self) -> None:
        """End all subscriptions, so that time can run out."""
        for subscription in self.subscriptions:
            subscription.unsubscribe()

    def ring(self) -> None:
        """Ring, for the call that came last."""
        self.session.ring()

    def answer(self) -> None:
        """Pick up."""
        self.session.answer()

    def refuse(self, code: int | None = None) -> None:
        """Refuse the call that came last."""
        self.session.refuse(code or self.refuse_code)

    def hang_up(self) -> None:
        """End the call, whatever its state."""
        self.session.hang_up()

    def hold(self, style: str = "sendonly") -> None:
        """Put the peer on hold."""
        self.session.hold(style)

    def resume(self) -> None:
        """Take the peer off hold."""
        self.session.resume()

    def talks_to(self, other: Phone) -> bool:
        """Do the two hear each other in one of their calls?"""
        return any(mine.talks_to(theirs) for mine in self.live for theirs in other.live)

    def hears(self, other: Phone) -> bool:
        """Does the other's voice arrive here?"""
        return any(mine.hears(theirs) for mine in self.live for theirs in other.live)

    # What Dialog and Session need

    def invite_fields(self, session: Life) -> list[Field]:
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

    def got(self, message: Message, session: Dialog | None, asked: Asked | None = None) -> None:
        """Put it where a script finds it, and tell who waits for news."""
        self.inbox.append(Got(self.now(), message, session, asked))
        if isinstance(message, Response) and message.cseq.method == "INVITE" and isinstance(session, Session):
            session.report(message.code)

    def request_received(self, request: Request, asked: Asked) -> None:
        """Find the session, or begin one."""
        for session in reversed(self.sessions):
            if session.belongs(request):
                session.request_received(asked)
                return
        for subscription in self.subscriptions:
            if subscription.belongs(request):
                subscription.notify_received(asked)
                return
        if request.to.tag:
            asked.respond(request.response(481))
        elif request.method == "INVITE":
            self._called(request, asked)
        elif request.method == "OPTIONS":
            asked.respond(request.response(200, to_tag=self.token()))  # somebody asks whether we are there
        else:
            self.got(request, None, asked)
            if self.manners.replies:
                asked.respond(request.response(200, to_tag=self.token()))

    def _called(self, request: Request, asked: Asked) -> None:
        replaced = [session for session in self.sessions if session.matches_replaces(request)]
        session = self.new_session(incoming=True)
        session.called(asked)
        self.got(request, session, asked)
        if request.replaces is not None:
            if not replaced:
                session.refuse(481)
            elif self.manners.replies:
                session.take_place_of(replaced[0], asked)
        elif self.manners.by_hand:
            return
        elif len(self.live) > self.manners.lines:
            session.refuse(486)
        else:
            session.follow_manners()

    def ack_received(self, request: Request, asked: Asked | None) -> None:
        """An ACK: for a refusal it is enough to have it, for a 2xx the session wants it."""
        if asked is not None:
            return
        for session in reversed(self.sessions):
            if session.belongs(request):
                session.ack_received(request)
                return

    def cancel_answered(self, response: Response | None) -> None:
        """The 200 to a CANCEL, for a script that wants to see it."""
        if response is not None:
            self.got(response, None)

    def cancel_received(self, request: Request, invite: Asked) -> None:
        """The caller gave up."""
        for session in reversed(self.sessions):
            if session.asked is invite:
                self.got(request, session)
                session.cancel_received(request)
                return

    def connection_lost(self, address: tuple[str, int]) -> None:
        """Register anew, since the registration lived by the connection."""
        self.registration_lost()

    # News of sessions

    def talk_began(self, session: Life) -> None:
        """Plan when to hang up, if that is our manner."""
        session.plan(self.manners.hangs_up_after, "hang_up")

    def session_over(self, session: Life) -> None:
        """A session is over; the world may want to know."""

    def missed_ack(self, session: Life) -> None:
        """Nobody acknowledged our 2xx."""
        self.world.trouble(self.name, "got no ACK for its 2xx", "RFC 3261 13.2.2.4")

    def session_expired(self, session: Refreshing) -> None:
        """Nobody refreshed in time, though somebody else should have."""
        if not session.we_refresh:
            self.world.trouble(self.name, "saw its session expire without a refresh", "RFC 4028 10")

    def remains(self) -> dict[str, int]:
        """Count what is left, calls included."""
        left = super().remains()
        if self.live:
            left["sessions"] = len(self.live)
        if watched := sum(subscription.live for subscription in self.subscriptions):
            left["subscriptions"] = watched
        return left
