"""
Who sends a request: a trunk by its address, an extension by its password (RFC 3261 section 22).

Within a dialog the peer is known by where it is; from elsewhere it has to
prove who it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred

from b2bua.calls.identity import ANONYMOUS
from b2bua.errors import PeerError
from b2bua.legs.party import Identity, Party
from b2bua.once import Remembered
from b2bua.wire.message import Request
from b2bua.wire.names import read_display
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from b2bua.authentication.authenticator import Authenticator
    from b2bua.authentication.domain import Domain
    from b2bua.calls.calls import Calls
    from b2bua.dialogs.dialog import Dialog
    from b2bua.directory import Directory
    from b2bua.registrar.bindings import Bindings
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.names import NameAddr
    from b2bua.wire.views import Message

CALLING = ("", "calling")
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


Sender: TypeAlias = tuple[Party, Identity]
"""Who has sent a request, proved, and who that is to others."""


class Senders:
    """Says who sends requests, and asks those who have to prove it."""

    def __init__(
        self,
        calls: Calls,
        directory: Directory,
        domain: Domain,
        bindings: Bindings,
        authenticator: Authenticator,
        identify: Callable[[Request, Flow], str | None],
    ) -> None:
        """
        Know them by these.

        @param identify: the name of the trunk that a request comes from, if it
            comes from one.
        """
        self._calls = calls
        self._directory = directory
        self._domain = domain
        self._bindings = bindings
        self._authenticator = authenticator
        self._identify = identify

    def admit(self, request: Request, server: IServerTransaction) -> Sender | None:
        """Say who sends a request outside of dialogs; or answer it, and say None."""
        trunk = self._identify(request, server.flow)
        if trunk is not None:
            party = self._directory.trunk_party(trunk)
            return party, self._presented_by(request, party)
        proved = self._authenticator.admit(request, server)
        if proved is None:
            return None
        party = self._directory.caller(proved.user)
        wants_privacy = _is_anonymous(request) or not request.privacy.isdisjoint(("id", "user"))
        return party, Identity(party.display, f"sip:{party.aor}", private=wants_privacy)

    def is_at(self, owner: Owner, message: Message, flow: Flow) -> bool:
        """Does a message come from where the peer of a dialog is known to be?"""
        known, host, party = owner.flow, flow.remote[0], owner.party
        if known is None or known.remote[0] == host:
            return True
        if party.kind == "extension":
            bound = self._bindings.everywhere(party.registered_as)
            return any(b.flow is not None and b.flow.remote[0] == host for b in bound)
        request = message if isinstance(message, Request) else None
        if party.kind == "trunk" and request is not None and self._identify(request, flow) == party.name:
            return True
        # A carrier, or another domain, may have more hosts than it calls from.
        dialog = owner.dialog
        return dialog is not None and any(
            uri.host.strip("[]") == host for uri in (dialog.next_hop, Uri.parse(dialog.target))
        )

    def from_elsewhere(
        self, owner: Owner, request: Request, server: IServerTransaction, find: Callable[[], Owner | None]
    ) -> None:
        """
        Take a request within a dialog from another host than its peer's, if it is the peer.

        A phone that has moved is asked for its password, a trunk is known by its
        addresses, and others by the names that they have given; who has merely
        overheard the tags can end no call.

        @param find: whose dialog it is by then, after a name has been looked up.
        """
        if owner.party.kind == "extension":
            proved = self._authenticator.admit(request, server)
            if proved is None:
                return
            if proved.aor == owner.party.registered_as:
                owner.request_received(request, server)
                return
        elif owner.dialog is not None:
            hosts = (owner.dialog.next_hop, Uri.parse(owner.dialog.target))
            locate = self._calls.context.layer.locate
            named = [maybeDeferred(locate, uri) for uri in hosts if not uri.is_numeric_host]
            if named:
                looking: Deferred[Any] = DeferredList(named, consumeErrors=True)
                self._calls.when(
                    looking,
                    partial(self._located, owner, request, server, find),
                    lambda: server.respond(request.response(500, to_tag=self._calls.context.token())),
                )
                return
        self._forbid(request, server)

    def _located(
        self,
        owner: Owner,
        request: Request,
        server: IServerTransaction,
        find: Callable[[], Owner | None],
        found: list[tuple[bool, Any]],
    ) -> None:
        """The hosts that a peer has named are looked up: does the request come from one of them?"""
        hosts = {flow.remote[0] for known, flows in found if known for flow in flows}
        if find() is not owner:
            server.dismiss(481)  # it has ended meanwhile
        elif server.flow.remote[0] in hosts:
            owner.request_received(request, server)
        else:
            self._forbid(request, server)

    def _forbid(self, request: Request, server: IServerTransaction) -> None:
        """Refuse who is not the peer."""
        server.respond(request.response(403, to_tag=self._calls.context.token()))

    def _presented_by(self, request: Request, party: Party) -> Identity:
        """Who calls through a trunk: asserted by one we trust, else what From says (RFC 3325 section 5)."""
        name, private = request.from_, False
        if party.policy.trusted:
            private = "id" in request.privacy or _is_anonymous(request)
            told = _asserted(request)
            if told is not None:
                name = told
                private = private or (told.param("privacy") or "off").lower() != "off"
        presented = _presented[name.display_text, name.uri_text, self._domain.name]
        return presented._replace(private=True) if private and presented is not ANONYMOUS else presented


def _presents(key: tuple[str, ...]) -> Identity:
    """Work out who a display name and a URI are to others, both as they are written, in a domain of ours."""
    display, text, domain = key
    uri = Uri.parse(text)
    number = uri.number
    if not number or uri.anonymous:
        return ANONYMOUS
    return Identity(read_display(display), f"sip:{number}@{domain}", params=uri.telephone[1])


_presented = Remembered(_presents)


def _is_anonymous(request: Request) -> bool:
    """Does From name nobody?  That asks for privacy as well as a Privacy does (RFC 3323 section 4.1)."""
    return request.from_.uri.anonymous


def _asserted(request: Request) -> NameAddr | None:
    """Who calls, by P-Asserted-Identity, or by the Remote-Party-ID that came before it."""
    for find in (lambda: request.asserted, lambda: request.remote_party):
        try:
            for one in find():
                if one.uri and (one.param("party") or "").lower() in CALLING:
                    return one
        except PeerError:
            continue  # what cannot be read says nothing (RFC 3261 section 8.2.2)
    return None
