"""A simulated phone: an honest user agent, with or without manners of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from b2bua.testing.account import Got
from b2bua.testing.agent import Message
from b2bua.testing.dialog import Dialog, Fields
from b2bua.testing.exchange import Asked
from b2bua.testing.outside import Outside
from b2bua.testing.registering import Registering
from b2bua.testing.script import Scripted
from b2bua.testing.session import Session
from b2bua.testing.watching import Watching
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.testing.surroundings import Surroundings


class Phone(Registering, Outside, Scripted):
    """
    A phone with one account.

    It can be driven in three ways: by deeds (C{dial}, C{answer}, C{hold}...),
    message by message from a test's script (C{sends}, C{gets}, C{answers}), and
    not at all, when its L{Manners} say what it does.
    """

    def __init__(self, world: Surroundings, name: str, **options: Any) -> None:
        """Unpack it and plug it in, with the options of its L{Account}; use C{World.phone} instead."""
        super().__init__(world, name, **options)
        self.sessions: list[Session] = []
        self.subscriptions: list[Watching] = []
        self.unanswered: list[Got] = []
        self.expects_missing_ack = False

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

    # What arrives

    def got(self, message: Message, session: Dialog | None, asked: Asked | None = None) -> None:
        """Put it where a script finds it, and tell who waits for news."""
        super().got(message, session, asked)
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

    def remains(self) -> dict[str, int]:
        """Count what is left, calls included."""
        left = super().remains()
        if self.live:
            left["sessions"] = len(self.live)
        if watched := sum(subscription.live for subscription in self.subscriptions):
            left["subscriptions"] = watched
        return left
