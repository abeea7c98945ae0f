"""
The back-to-back user agent: who gets what the transaction layer has received.

A request within a dialog goes to its leg.  Any other one is for the registrar,
begins a call, takes over a leg (Replaces), or is answered here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from b2bua.calls.call import Call
from b2bua.calls.calls import Calls
from b2bua.calls.diversion import path_from
from b2bua.calls.identity import ANONYMOUS, Identities
from b2bua.calls.messages import MessageRelay
from b2bua.calls.operations.replacing import Replacing
from b2bua.calls.outside import OutsideRequest, Respond
from b2bua.capabilities import ABILITIES, ALLOW_OUTSIDE, ANY_BODY, BODIES, ONLY_INSIDE, extensions_of
from b2bua.errors import PeerError
from b2bua.legs.header_policy import seen
from b2bua.legs.leg import Leg
from b2bua.legs.party import Identity, Party
from b2bua.subscriptions.notifier import Notifier
from b2bua.transactions.ports import ITransactionUser
from b2bua.wire.refusals import check, fields_with, refuse
from b2bua.wire.uri import Uri, escape_user

if TYPE_CHECKING:
    from b2bua.authentication.authenticator import Authenticator
    from b2bua.authentication.domain import Domain
    from b2bua.calls.ports import Decisions
    from b2bua.dialogs.dialog import Dialog
    from b2bua.directory import Directory
    from b2bua.legs.context import LegContext
    from b2bua.registrar.registrar import Registrar
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Request, Response
    from b2bua.wire.names import NameAddr

PARTIES = ("", "calling")
"""What a Remote-Party-ID of an INVITE may be about."""


class Owner(Protocol):
    """Who has the requests of a dialog: a leg, or a subscription."""

    @property
    def flow(self) -> Flow | None:
        """The way to the peer."""

    @property
    def party(self) -> Party:
        """The peer."""

    @property
    def dialog(self) -> Dialog | None:
        """The dialog, if there is one already."""

    def request_received(self, request: Request, server: IServerTransaction) -> None:
        """Take a request of the peer."""


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
        self.directory = directory
        self.domain = domain
        self.registrar = registrar
        self.authenticator = authenticator
        self.calls = Calls(context, directory, Identities(domain.name), features)
        self.notifier = Notifier(context.layer, self.calls.run, context.random)
        self.calls_max = calls_max
        self.draining = False
        self.calls.may_begin = self._may_begin
        self._identify = identify
        self._key = context.token().encode()
        self._methods: dict[str, Callable[[Request, IServerTransaction], None]] = {
            "INVITE": self._invite,
            "REGISTER": self.registrar.register,
            "OPTIONS": self._options,
            "NOTIFY": self._notify,
            "REFER": self._refer,
            "SUBSCRIBE": self._subscribe,
            "MESSAGE": self._message,
        }

    # ---- from the transaction layer -------------------------------------

    def request_received(self, request: Request, server: IServerTransaction) -> None:
        """Give a request to whom it concerns."""
        self.calls.run(self._received, request, server)

    def _received(self, request: Request, server: IServerTransaction) -> None:
        """Give a request to whom it concerns, and answer what cannot be given to anybody."""
        try:
            if request.method != "INVITE" and request.get("Replaces") is not None:
                server.dismiss(400)  # RFC 3891 section 3
                return
            if request.to.tag:
                owner = self._owner(request)
                if owner is None:
                    server.dismiss(481)
                elif self._is_at(owner, request, server.flow):
                    owner.request_received(request, server)
                else:
                    self._from_elsewhere(owner, request, server)
                return
            if request.method in self.calls.features.methods and request.request_uri.user:
                self._outside(request, server)
                return
            serve = self._methods.get(request.method)
            if serve is not None:
                _check(request)
                serve(request, server)
            elif request.method in ONLY_INSIDE:
                server.dismiss(481)
            else:
                server.dismiss(405, fields=(ALLOW_OUTSIDE,))
        except PeerError as error:
            server.dismiss(error.code, fields=fields_with(error))
        except Exception:  # noqa: BLE001  # a bug of ours costs one request: it is logged and answered
            self.log.failure("{method} broke the server", Failure(), method=request.method)
            self._answer(request, server, 500)

    def _owner(self, request: Request) -> Owner | None:
        """Who has the requests of a dialog."""
        return self.context.dialogs.find(request) or self.notifier.find(request)

    def ack_received(self, request: Request, flow: Flow) -> None:
        """
        Give the ACK of a 2xx to its leg; another one is nobody's.

        It cannot be challenged (RFC 3261 section 22.1).  Mostly it does no more than end
        our repetitions, and a phone that has moved may do that.  But who answers
        our offer has to be the party: a stranger's ACK is dropped then, and
        the right one still comes.
        """
        leg = self.context.dialogs.find(request)
        if leg is not None and (not leg.wants_answer or self._is_at(leg, request, flow)):
            self.calls.run(leg.ack_received, request, flow)

    def may_cancel(self, request: Request, server: IServerTransaction, flow: Flow) -> bool:
        """Is there, from where the CANCEL came, the party that the INVITE is from?"""
        leg: Leg | None = server.user
        return leg is not None and self._is_at(leg, request, flow)

    def cancel_received(self, request: Request, server: IServerTransaction) -> None:
        """Give a CANCEL to the leg of its INVITE."""
        leg: Leg | None = server.user
        if leg is not None:
            self.calls.run(leg.cancel_received, request, server)

    def transport_lost(self, flow: Flow) -> None:
        """A connection is closed: its bindings are gone, and its legs must find another way."""
        self.registrar.flow_lost(flow)
        self.notifier.flow_lost(flow)
        for leg in self.context.lose(flow):
            self.calls.run(leg.flow_lost, flow)

    # ---- requests outside of dialogs ------------------------------------

    def _answer(
        self, request: Request, server: IServerTransaction, code: int, *fields: tuple[str, str]
    ) -> None:
        """Answer for ourselves."""
        server.respond(request.response(code, to_tag=self.context.token(), fields=fields))

    def _options(self, request: Request, server: IServerTransaction) -> None:
        """Say what we can do (RFC 3261 section 11.2)."""
        server.dismiss(200, fields=ABILITIES)

    def stateless(self, request: Request, flow: Flow) -> Response | None:
        """
        Answer OPTIONS from outside of dialogs without keeping anything (section 8.2.7).

        Anybody may ask, and asking must not be a way to fill our memory; so
        the tag is worked out of the request.
        """
        if request.method != "OPTIONS" or request.to.tag:
            return None
        if "OPTIONS" in self.calls.features.methods and request.request_uri.user:
            return None  # a feature may know more, and has to know who asks
        same = f"{request.call_id} {request.via.branch}".encode("utf-8", "surrogateescape")
        tag = blake2b(same, key=self._key, digest_size=8).hexdigest()
        try:
            _check(request)
        except PeerError as error:
            return refuse(request, error, to_tag=tag)
        return request.response(200, to_tag=tag, fields=ABILITIES)

    def _notify(self, request: Request, server: IServerTransaction) -> None:
        """
        Take keep-alives of phones; other NOTIFYs belong to no subscription.

        Yealink phones can be set to send NOTIFY as their keep-alive; it has no
        Event that anybody could have subscribed to, or C{keep-alive}.
        """
        event = request.event
        alive = event is None or event.package.lower() == "keep-alive"
        server.dismiss(200 if alive else 481)

    def _subscribe(self, request: Request, server: IServerTransaction) -> None:
        """Let somebody who is known watch something (RFC 6665 section 4.2.1)."""
        if not self.notifier.serves(request):
            self.notifier.refused[489] += 1
            server.dismiss(489, fields=(self.notifier.allow_events,))
            return
        known = self._party(request, server)
        if known is not None:
            resource = self._watched(request, server.flow)
            self.notifier.subscribe(request, server, known[0], resource)

    def _watched(self, request: Request, flow: Flow) -> str:
        """
        What somebody wants to watch, as a user of ours; empty if it is elsewhere.

        Some phones (a Yealink VP59) send all to our address and name the user
        in To only.
        """
        for uri in (request.request_uri, request.to.uri):
            if uri.scheme not in ("sip", "sips") or not self.domain.covers(uri, flow):
                return ""
            if uri.user_unescaped:
                return uri.user_unescaped
        return ""

    def _outside(self, request: Request, server: IServerTransaction) -> None:
        """Let the features answer a request that belongs to no call."""
        check(request, extensions_of(request.method), None)
        known = self._party(request, server)
        if known is None:
            return
        party, identity = known
        target, features = self._dialled(request, server.flow, party), self.calls.features
        asked = OutsideRequest(
            request.method,
            target,
            self.directory.user(target),
            self.directory.extension(target),
            party,
            identity,
            request.content_type or "",
            request.body,
            seen(request, features.fields, party),
        )
        self.calls.when(features.ask_request_received(asked), partial(self._responded, request, server))

    def _responded(self, request: Request, server: IServerTransaction, answer: Respond | None) -> None:
        """Send what a feature answers; without an answer nobody takes a MESSAGE (RFC 3428 section 7)."""
        if answer is None and request.method == "OPTIONS":
            self._answer(request, server, 200, *ABILITIES)
        elif answer is None:
            self._answer(request, server, 404)
        else:
            kind = (("Content-Type", answer.content_type),) if answer.content_type else ()
            response = request.response(
                answer.code,
                answer.reason,
                to_tag=self.context.token(),
                fields=(*answer.fields, *kind),
                body=answer.body,
            )
            server.respond(response)

    # ---- who asks -------------------------------------------------------

    def _party(self, request: Request, server: IServerTransaction) -> tuple[Party, Identity] | None:
        """Who sends it, proved; or None when it has been answered."""
        trunk = self._identify(request, server.flow)
        if trunk is not None:
            party = self.directory.trunk_party(trunk)
            return party, self._trunk_identity(request, party)
        proved = self.authenticator.admit(request, server)
        if proved is None:
            return None
        party = self.directory.party(proved.user)
        wants_privacy = _is_anonymous(request) or not request.privacy.isdisjoint(("id", "user"))
        return party, Identity(party.display, f"sip:{party.aor}", private=wants_privacy)

    def _from_elsewhere(self, owner: Owner, request: Request, server: IServerTransaction) -> None:
        """
        Take a request within a dialog from another host than its party's, if it is the party.

        A phone that has moved is asked for its password, a trunk is known by its
        addresses, and others by the names that they have given; who has merely
        overheard the tags can end no call.
        """
        if owner.party.kind == "extension":
            proved = self.authenticator.admit(request, server)
            if proved is None:
                return
            if proved.user == owner.party.name:
                owner.request_received(request, server)
                return
        elif owner.dialog is not None:
            hosts = (owner.dialog.next_hop, Uri.parse(owner.dialog.target))
            locate = self.context.layer.locate
            named = [maybeDeferred(locate, uri) for uri in hosts if not uri.is_numeric_host]
            if named:
                looking: Deferred[Any] = DeferredList(named, consumeErrors=True)
                self.calls.when(looking, partial(self._located, owner, request, server))
                return
        self._answer(request, server, 403)

    def _located(
        self, owner: Owner, request: Request, server: IServerTransaction, found: list[tuple[bool, Any]]
    ) -> None:
        """The hosts that a peer has named are looked up: does the request come from one of them?"""
        hosts = {flow.remote[0] for known, flows in found if known for flow in flows}
        if self._owner(request) is not owner:
            server.dismiss(481)  # it has ended meanwhile
        elif server.flow.remote[0] in hosts:
            owner.request_received(request, server)
        else:
            self._answer(request, server, 403)

    def _is_at(self, owner: Owner, request: Request, flow: Flow) -> bool:
        """Does a message come from where the peer of a dialog is known to be?"""
        known, host, party = owner.flow, flow.remote[0], owner.party
        if known is None or known.remote[0] == host:
            return True
        if party.kind == "extension":
            bound = self.registrar.bindings.all(party.aor)
            return any(b.flow is not None and b.flow.remote[0] == host for b in bound)
        if party.kind == "trunk" and self._identify(request, flow) == party.name:
            return True
        # A carrier, or another domain, may have more hosts than it calls from.
        dialog = owner.dialog
        return dialog is not None and any(
            uri.host.strip("[]") == host for uri in (dialog.next_hop, Uri.parse(dialog.target))
        )

    def _trunk_identity(self, request: Request, party: Party) -> Identity:
        """Who calls through a trunk: asserted by one we trust, else what From says (RFC 3325 section 5)."""
        name, private = request.from_, False
        if party.policy.trusted:
            private = "id" in request.privacy or _is_anonymous(request)
            told = _told(request)
            if told is not None:
                name = told
                private = private or (told.param("privacy") or "off").lower() != "off"
        user, params = name.uri.telephone
        if not user or _is_nobody(name.uri):
            return ANONYMOUS
        return Identity(name.display, f"sip:{escape_user(user)}@{self.domain.name}", private, params)

    # ---- calls ----------------------------------------------------------

    def _may_begin(self) -> bool:
        """May there be one more call?"""
        return not self.draining and len(self.calls.going) < self.calls_max

    def _invite(self, request: Request, server: IServerTransaction) -> None:
        """Begin a call, or let somebody take the place of a leg."""
        if request.max_forwards == 0:
            server.dismiss(483)
            return
        if not self._may_begin():
            # No Retry-After: it would turn all of a proxy's calls away (RFC 7339 section 5.10.2).
            server.dismiss(503)
            return
        known = self._party(request, server)
        if known is None:
            return
        party, identity = known
        if request.get("Replaces") is not None:
            self._replace(request, server, party, identity)
            return
        leg = self._new_leg(request, server, party, identity)
        # An extension is a phone: it has sent nothing on, unless we are told that it is more than a phone.
        path = path_from(request, believed=party.policy.trusted or not party.internal)
        call = Call(self.calls, leg, self._dialled(request, server.flow, party), path)
        if names := call.features.fields:
            call.fields = seen(request, names, party)
        call.story.note("{} calls {}", party, call.dialled)
        leg.begin()

    def _message(self, request: Request, server: IServerTransaction) -> None:
        """Pass a message on (RFC 3428)."""
        if request.max_forwards == 0:
            server.dismiss(483)
            return
        if request.require:
            server.dismiss(420, fields=(("Unsupported", ", ".join(sorted(request.require))),))
            return
        known = self._party(request, server)
        if known is not None:
            party, identity = known
            MessageRelay(self.calls, request, server, party, identity).start(
                self._dialled(request, server.flow, party)
            )

    def _new_leg(self, request: Request, server: IServerTransaction, party: Party, identity: Identity) -> Leg:
        """A leg for an INVITE that is welcome."""
        leg = Leg.received(self.context, request, server, party, self.calls.hear)
        leg.identity = identity
        return leg

    def _dialled(self, request: Request, flow: Flow, party: Party) -> str:
        """What the caller wants, as a target."""
        if party.kind == "trunk":
            return self.directory.dialled(party.name, request)
        uri = request.request_uri
        if uri.scheme in ("sip", "sips") and self.domain.covers(uri, flow):
            return uri.user_unescaped or ""
        return request.uri

    def _replace(
        self, request: Request, server: IServerTransaction, party: Party, identity: Identity
    ) -> None:
        """Settle what RFC 3891 section 3 says before anybody is asked."""
        named = request.all("Replaces")
        if len(named) != 1 or "," in named[0] or request.get("Join") is not None:
            self._answer(request, server, 400)
            return
        replaces = request.replaces
        assert replaces is not None
        dialogs = self.context.dialogs
        leg = dialogs.find_replaced(replaces.call_id, replaces.to_tag, replaces.from_tag)
        if leg is None or (leg.call is None and not leg.ended):
            ended = dialogs.has_ended(replaces.call_id, replaces.to_tag, replaces.from_tag)
            self._answer(request, server, 603 if ended else 481)
        elif leg.ended:
            self._answer(request, server, 603)
        elif leg.answered and replaces.early_only:
            self._answer(request, server, 486)
        elif not leg.answered and leg.incoming:
            self._answer(request, server, 481)  # an early dialog that we did not begin
        else:
            fresh = self._new_leg(request, server, party, identity)
            granted = dialogs.is_alias(replaces.call_id, replaces.to_tag, replaces.from_tag)
            Replacing(leg.call, fresh, leg, granted=granted)
            fresh.begin()

    def _refer(self, request: Request, server: IServerTransaction) -> None:
        """A REFER outside of the dialog it is about, which Target-Dialog names (RFC 5589 section 6.1)."""
        known = self._party(request, server)
        if known is None:
            return
        target = request.target_dialog
        leg = None
        if target is not None:
            leg = self.context.dialogs.find_replaced(target.call_id, target.local_tag, target.remote_tag)
        if leg is None or leg.call is None or leg.ended:
            self._answer(request, server, 481 if target is not None else 603)
        elif leg.party.key != known[0].key:
            self._answer(request, server, 403)  # RFC 4538 section 4: only a party of that dialog
        else:
            leg.referred_from_outside(request, server)

    # ---- the end --------------------------------------------------------

    def hang_up_all(self) -> None:
        """End every call, with a reason."""
        for call in list(self.calls.going.values()):
            reason = (("Reason", 'SIP;cause=503;text="Server shutting down"'),)
            self.calls.run(call.end, reason, "bye", "shutdown")

    def remains(self) -> dict[str, Any]:
        """How much there is of everything that ought to be gone when all calls are over."""
        return {"calls": len(self.calls.going), "dialogs": len(self.context.dialogs)}


def _is_anonymous(request: Request) -> bool:
    """Does From name nobody?  That asks for privacy as well as a Privacy does (RFC 3323 section 4.1)."""
    return _is_nobody(request.from_.uri)


def _is_nobody(uri: Uri) -> bool:
    """Is it the URI of somebody who wants not to be named (RFC 3323 section 4.1.1.3)?"""
    return uri.host.lower() == "anonymous.invalid"


def _told(request: Request) -> NameAddr | None:
    """Who calls, by P-Asserted-Identity, or by the Remote-Party-ID that came before it."""
    for find in (lambda: request.asserted, lambda: request.remote_party):
        try:
            for one in find():
                if one.uri and (one.param("party") or "").lower() in PARTIES:
                    return one
        except PeerError:
            continue  # what cannot be read says nothing (RFC 3261 section 8.2.2)
    return None


def _check(request: Request) -> None:
    """Refuse a request outside of dialogs for what it wants of us and we cannot (RFC 3261 section 8.2)."""
    method = request.method
    check(request, extensions_of(method), None if method in ANY_BODY else BODIES)
