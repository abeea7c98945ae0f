"""
The registrar: a UAS for REGISTER (RFC 3261 section 10.3, RFC 3665 section 2).

A REGISTER is worked out completely before anything changes, so that it takes
effect as a whole or not at all.  The bindings in memory are changed at once;
where contacts came or went the answer waits until a store has them too, and a
store that fails undoes the change (section 10.3, step 7).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from secrets import token_hex
from typing import TYPE_CHECKING, Protocol

from twisted.logger import Logger

from b2bua.authentication.authenticator import Authenticated
from b2bua.capabilities import SUPPORTED_REGISTRATION
from b2bua.errors import PeerError
from b2bua.registrar.bindings import Binding, Bindings
from b2bua.registrar.contacts import Bounds, RequestedBinding, render, requested
from b2bua.store.ports import StoreError

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure

    from b2bua import settings
    from b2bua.authentication.authenticator import Authenticator
    from b2bua.authentication.domain import Domain
    from b2bua.clock import IClock
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Request, Response

Field = tuple[str, str]


@dataclass(frozen=True, slots=True)
class RegistrarSettings:
    """What can be chosen."""

    bounds: Bounds = field(default_factory=Bounds)
    """How long a binding may live."""
    contacts: int = 10
    """The most contacts of one user."""
    replace_oldest: bool = True
    """One more contact drops the oldest; else the REGISTER is refused."""
    service_route: tuple[str, ...] = ()
    """URIs with C{;lr} that phones put before their requests (RFC 3608)."""
    supersede: bool = True
    """
    A rebooted phone replaces what it left behind.

    The same instance with another Call-ID is the same phone after a reboot
    (RFC 3261 section 10.2.4), perhaps with another port; by the letter of
    section 10.3 its old contact would ring in the void until it expires.
    """
    behind_nat: bool = True
    """Reach a phone where its REGISTER came from, not where its Contact says."""

    @staticmethod
    def of(table: settings.Registrar) -> RegistrarSettings:
        """The settings of the registrar."""
        return RegistrarSettings(
            Bounds(table.min_expires, table.max_expires, table.default_expires),
            table.contacts_max,
            table.contacts_policy == "replace",
            table.service_route,
            table.replace_rebooted,
            table.reach_at_source,
        )


class IKeeper(Protocol):
    """Who keeps the bindings beyond this process."""

    def keep(self, aor: str, *, wait: bool) -> Deferred[None] | None:
        """
        Store what C{aor} has now.

        @param wait: whether the result matters now; None says that it does not.
        """


class Registrar:
    """Answers REGISTER requests."""

    log = Logger()

    def __init__(
        self,
        bindings: Bindings,
        authenticator: Authenticator,
        domain: Domain,
        clock: IClock,
        settings: RegistrarSettings | None = None,
        keeper: IKeeper | None = None,
        *,
        token: Callable[[], str] = lambda: token_hex(5),
    ) -> None:
        """
        Serve the users of C{domain}.

        @param token: makes our tags.
        """
        self.bindings = bindings
        self.settings = settings or RegistrarSettings()
        self._authenticator = authenticator
        self._domain = domain
        self._clock = clock
        self.keeper = keeper
        """Keeps the bindings beyond this process; whoever opens a store puts it here."""
        self._token = token
        self._dated = (-1, "")

    def register(self, request: Request, server: IServerTransaction) -> None:
        """Answer a REGISTER, now or when it is stored."""
        try:
            self._register(request, server)
        except PeerError as error:
            server.respond(self._refusal(request, error))

    def flow_lost(self, flow: Flow) -> None:
        """A connection is closed, and the contacts that lived with it are gone."""
        self.bindings.flow_lost(flow)

    def _register(self, request: Request, server: IServerTransaction) -> None:
        """Go through the steps of section 10.3."""
        flow = server.flow
        if not self._domain.covers(request.request_uri, flow):  # step 1
            server.dismiss(404)
            return
        identity = self._authenticator.admit(request, server)  # step 3
        if identity is None:
            return
        aor = self._aor(request, server, identity)
        lines = request.all("Contact")
        if not lines:
            server.respond(self._accept(request, aor))  # step 8
            return
        if any(item.strip() == "*" for item in request.values("Contact")):  # step 6
            after = self._without_all(request, aor)
        else:  # step 7
            after = self._changed(request, server, aor)
        self._commit(request, server, aor, after)

    def _aor(self, request: Request, server: IServerTransaction, identity: Authenticated) -> str:
        """Steps 4 and 5: whose bindings, and may she?"""
        if self._domain.aor(request.to.uri, server.flow) != identity.aor:
            # The same whether there is such a user or not: nobody learns names here.
            raise PeerError("Not your address", section="RFC 3261 10.3", code=403)
        return identity.aor

    def _without_all(self, request: Request, aor: str) -> tuple[Binding, ...]:
        """Step 6: C{*} removes all bindings, and comes alone and with Expires 0."""
        if not request.star_contact or (request.get("Expires") or "").strip() != "0":
            raise PeerError("'*' is for removal, and alone", section="RFC 3261 10.3")
        for binding in self.bindings.all(aor):
            _check_order(request, binding)
        return ()

    def _changed(self, request: Request, server: IServerTransaction, aor: str) -> tuple[Binding, ...]:
        """Step 7: what the bindings are when this REGISTER has taken effect."""
        most = self.settings.contacts
        if len(request.contacts) > 2 * most:  # as many to remove as to add
            raise PeerError("Too many contacts", section="RFC 3261 10.3", code=403)
        now = self._clock.now()
        wanted = requested(request, server.flow, aor, now, self.settings.bounds, self.settings.behind_nat)
        if sum(not one.removal for one in wanted) > most:
            raise PeerError("Too many contacts", section="RFC 3261 10.3", code=403)
        after = list(self.bindings.all(aor))
        for one in wanted:
            self._apply(request, one, after)
        return self._limited(tuple(after))

    def _apply(self, request: Request, one: RequestedBinding, after: list[Binding]) -> None:
        """Add, replace or remove one binding in C{after}."""
        new = one.binding
        since = new.since
        for old in list(after):
            if old.same_contact(new):
                _check_order(request, old)
                after.remove(old)
                since = old.since
            elif self.settings.supersede and _rebooted(old, new):
                after.remove(old)
        if not one.removal:
            after.append(new if since == new.since else new._replace(since=since))

    def _limited(self, after: tuple[Binding, ...]) -> tuple[Binding, ...]:
        """Keep to the number of contacts by the policy."""
        surplus = len(after) - self.settings.contacts
        if surplus <= 0:
            return after
        if not self.settings.replace_oldest:
            raise PeerError("Too many contacts", section="RFC 3261 10.3", code=403)
        return tuple(sorted(after, key=lambda binding: binding.since)[surplus:])

    def _commit(
        self, request: Request, server: IServerTransaction, aor: str, after: tuple[Binding, ...]
    ) -> None:
        """Make the change visible, see it stored, and answer."""
        why = "request" if _removes(request) else "replaced"
        before = self.bindings.put(aor, after, why)
        if self.keeper is not None:
            moved = _ways(before) != _ways(after)
            stored = self.keeper.keep(aor, wait=moved)
            if stored is not None:
                stored.addCallback(lambda _: server.respond(self._accept(request, aor)))
                stored.addErrback(self._undo, request, server, aor, before, after)
                return
        server.respond(self._accept(request, aor))

    def _undo(
        self,
        failure: Failure,
        request: Request,
        server: IServerTransaction,
        aor: str,
        before: tuple[Binding, ...],
        after: tuple[Binding, ...],
    ) -> None:
        """
        Step 7: the request fails with a 500 when the store fails, which has logged why, or we do.

        Only what this request did is undone; another may have come after it.
        """
        if failure.check(StoreError) is None:
            self.log.failure("a REGISTER of {aor} could not be kept", failure, aor=aor)
        ours = [new for new in after if new not in before]
        now = [binding for binding in self.bindings.all(aor) if binding not in ours]
        for old in before:
            if old not in after and not any(old.same_contact(other) for other in now):
                now.append(old)
        self.bindings.put(aor, tuple(now), "undone")
        server.respond(request.response(500, to_tag=self._token(), fields=[("Retry-After", "10")]))

    def _accept(self, request: Request, aor: str) -> Response:
        """Step 8: a 200 that lists every binding."""
        now = self._clock.now()
        fields: list[Field] = [("Contact", render(binding, now)) for binding in self.bindings.all(aor)]
        fields.append(("Date", self._date()))
        fields += [("Path", value) for value in request.all("Path")]
        fields += [("Service-Route", f"<{uri}>") for uri in self.settings.service_route]
        fields.append(SUPPORTED_REGISTRATION)
        if "outbound" in request.supported and self._outbound(request, aor):
            fields.append(("Require", "outbound"))
        return request.response(200, to_tag=self._token(), fields=fields)

    def _outbound(self, request: Request, aor: str) -> bool:
        """Was a reg-id of this very request honoured (RFC 5626 section 6)?"""
        return any(b.reg_id and b.call_id == request.call_id for b in self.bindings.all(aor))

    def _refusal(self, request: Request, error: PeerError) -> Response:
        """Answer what is against a rule."""
        fields: list[Field] = []
        if error.code == 423:
            fields.append(("Min-Expires", str(self.settings.bounds.least)))
        elif error.code == 420:
            fields.append(("Unsupported", "path"))
        return request.response(error.code, to_tag=self._token(), fields=fields)

    def _date(self) -> str:
        """The value of Date, written once a second (section 20.17)."""
        now = int(self._clock.wall())
        if self._dated[0] != now:
            self._dated = (now, formatdate(now, usegmt=True))
        return self._dated[1]


def _check_order(request: Request, binding: Binding) -> None:
    """
    Refuse a REGISTER that was overtaken by a later one of the same phone.

    Section 10.3 step 7 lets it fail without naming a status; 500 is what
    section 12.2.2 names for a CSeq out of order.
    """
    if binding.call_id == request.call_id and request.cseq.number <= binding.cseq:
        raise PeerError("CSeq is not higher", section="RFC 3261 10.3", code=500)


def _removes(request: Request) -> bool:
    """Does it say itself that contacts are to go?"""
    return request.star_contact or (request.get("Expires") or "").strip() == "0"


def _rebooted(old: Binding, new: Binding) -> bool:
    """Is C{old} what the same phone left behind when it rebooted?"""
    return (
        bool(new.instance)
        and old.instance == new.instance
        and old.call_id != new.call_id
        and old.reg_id == new.reg_id
    )


def _ways(bindings: tuple[Binding, ...]) -> set[tuple[object, ...]]:
    """What of bindings must not be lost; their expiry alone may be, for a second."""
    return {(b.contact, b.reg_id, b.flow, b.path, b.instance) for b in bindings}
