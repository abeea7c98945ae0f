"""
The back-to-back user agent: who gets what the transaction layer has received.

A request within a dialog goes to its leg or subscription.  Any other one goes
to who takes such requests; what nobody takes is refused here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from b2bua.calls.calls import Calls
from b2bua.calls.identity import Identities
from b2bua.capabilities import ALLOW_OUTSIDE, ONLY_INSIDE
from b2bua.core.invites import Invites
from b2bua.core.outside import OutsideRequests, check_outside
from b2bua.core.senders import Owner, Senders
from b2bua.errors import PeerError
from b2bua.subscriptions.notifier import Notifier
from b2bua.subscriptions.publications import Publications
from b2bua.subscriptions.subscriber import Subscriber
from b2bua.transactions.ports import ITransactionUser
from b2bua.wire.refusals import fields_with

if TYPE_CHECKING:
    from b2bua.authentication.authenticator import Authenticator
    from b2bua.authentication.domain import Domain
    from b2bua.calls.ports import Decisions
    from b2bua.directory import Directory
    from b2bua.legs.context import LegContext
    from b2bua.legs.leg import Leg
    from b2bua.registrar.registrar import Registrar
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Request, Response


@implementer(ITransactionUser)
class B2BUA:
    """The transaction user of a whole server."""

    log = Logger()

    def __init__(
        self,
        context: LegContext[Leg],
        directory: Directory,
        domain: Domain,
        registrar: Registrar,
        authenticator: Authenticator,
        identify: Callable[[Request, Flow], str | None],
        features: Decisions,
        *,
        calls_max: int = 100_000,
    ) -> None:
        """
        Put the parts together.

        @param identify: the name of the trunk that a request comes from, if it
            comes from one.
        @param calls_max: how many calls there may be; more get 503.
        """
        self.context = context
        self.registrar = registrar
        self.calls = Calls(context, directory, Identities(domain.name), features, calls_max=calls_max)
        self.notifier = Notifier(context.layer, self.calls.run, context.random)
        self.subscriber = Subscriber(
            context.layer, self.calls.run, context.random, directory, context.user_agent
        )
        self.senders = Senders(self.calls, directory, domain, registrar.bindings, authenticator, identify)
        self.publications = Publications(self.notifier, context.random)
        self.outside = OutsideRequests(self.calls, directory, self.senders, self.notifier, self.publications)
        self.request_received = partial(self.calls.run, self._received)
        """Takes a request from the transaction layer, after all that came before."""
        self._methods: dict[str, Callable[[Request, IServerTransaction], None]] = {
            "INVITE": Invites(self.calls, directory, self.senders).receive,
            "REGISTER": registrar.register,
            "OPTIONS": self.outside.options,
            "NOTIFY": self.outside.notify,
            "REFER": self.outside.refer,
            "SUBSCRIBE": self.outside.subscribe,
            "MESSAGE": self.outside.message,
            "PUBLISH": self.outside.publish,
        }

    # ---- from the transaction layer -------------------------------------

    def _received(self, request: Request, server: IServerTransaction) -> None:
        """Give a request to whom it concerns, and answer what cannot be given to anybody."""
        method = request.method
        try:
            first = request.first
            if method != "INVITE" and ("Replaces" in first or "Join" in first):
                server.dismiss(400)  # RFC 3891 section 3, RFC 3911 section 4
                return
            if request.to_tag:
                owner = self.context.dialogs.find(request) or self.owner(request)
                if owner is None:
                    server.dismiss(481)
                elif self.senders.is_at(owner, request, server.flow):
                    owner.request_received(request, server)
                else:
                    self.senders.from_elsewhere(owner, request, server, partial(self.owner, request))
                return
            if method in self.calls.features.methods and self.outside.is_for_features(request):
                self.outside.ask(request, server)
                return
            if method in self._methods:
                check_outside(request)
                self._methods[method](request, server)
            elif method in ONLY_INSIDE:
                server.dismiss(481)
            else:
                server.dismiss(405, fields=(ALLOW_OUTSIDE,))
        except PeerError as error:
            server.dismiss(error.code, fields=fields_with(error))
        except Exception:  # noqa: BLE001  # a bug of ours costs one request: it is logged and answered
            text = "{method} could not be answered because of a bug, and gets 500"
            self.log.failure(text, Failure(), method=method)
            server.respond(request.response(500, to_tag=self.context.token()))

    def owner(self, request: Request) -> Owner | None:
        """Who has the requests of a dialog."""
        return (
            self.context.dialogs.find(request) or self.notifier.find(request) or self.subscriber.find(request)
        )

    def ack_received(self, request: Request, flow: Flow) -> None:
        """
        Give the ACK of a 2xx to its leg; another one is nobody's.

        It cannot be challenged (RFC 3261 section 22.1).  Mostly it does no more than end
        our repetitions, and a phone that has moved may do that.  But who answers
        our offer has to be the party: a stranger's ACK is dropped then, and
        the right one still comes.
        """
        leg = self.context.dialogs.find(request)
        if leg is not None and (not leg.wants_answer or self.senders.is_at(leg, request, flow)):
            self.calls.run(leg.ack_received, request, flow)

    def inheriting(self, response: Response) -> Leg | None:
        """Whose INVITE of a process that is gone has this response accepted, if it is one that does?"""
        if not response.success or response.cseq.method != "INVITE":
            return None
        leg = self.context.dialogs.find_asked(response)
        return leg if leg is not None and leg.inherits(response) else None

    def stray_success_received(self, response: Response, flow: Flow) -> None:
        """Give the 2xx to an INVITE of a process that is gone to its leg; another one is nobody's."""
        leg = self.inheriting(response)
        if leg is not None and self.senders.is_at(leg, response, flow):
            self.calls.run(leg.inherited_success, response)

    def may_cancel(self, request: Request, server: IServerTransaction, flow: Flow) -> bool:
        """Is there, from where the CANCEL came, the party that the INVITE is from?"""
        leg: Leg | None = server.user
        return leg is not None and self.senders.is_at(leg, request, flow)

    def cancel_received(self, request: Request, server: IServerTransaction) -> None:
        """Give a CANCEL to the leg of its INVITE."""
        leg: Leg | None = server.user
        if leg is not None:
            self.calls.run(leg.cancel_received, request, server)

    def transport_lost(self, flow: Flow) -> None:
        """A connection is closed: its bindings are gone, and its legs must find another way."""
        self.registrar.flow_lost(flow)
        self.notifier.flow_lost(flow)
        self.subscriber.flow_lost(flow)
        for channel in self.context.connections.lose(flow):
            self.calls.run(channel.tell_lost, flow)

    # ---- the end --------------------------------------------------------

    def hang_up_all(self) -> None:
        """End every call, with a reason."""
        for call in list(self.calls.going.values()):
            reason = (("Reason", 'SIP;cause=503;text="Server shutting down"'),)
            self.calls.run(call.end, reason, "bye", "shutdown")

    def remains(self) -> dict[str, Any]:
        """How much there is of everything that ought to be gone when all calls are over."""
        return {"calls": len(self.calls.going), "dialogs": len(self.context.dialogs)}
