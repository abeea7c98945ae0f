"""
What a dialled target means: an extension's contacts, a trunk, or a foreign URI.

Whether it may be dialled is decided here too, by the permission of whoever it
is dialled for: the caller, a forwarder, or a transferor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol

from twisted.logger import Logger

from b2bua.calls.outcomes import OCCUPIED, UNREACHABLE
from b2bua.calls.outside import Registration
from b2bua.calls.ports import Destination, Tiers
from b2bua.calls.verdicts import Outcome
from b2bua.errors import PeerError
from b2bua.legs.party import Party, Policy
from b2bua.once import Once
from b2bua.subscriptions.wanted import Place
from b2bua.wire.uri import Uri, telephone, telephone_user

if TYPE_CHECKING:
    from b2bua.authentication.domain import Domain
    from b2bua.calls.face import Attempt
    from b2bua.registrar.bindings import Binding, Bindings
    from b2bua.settings import Peer, Route, Settings, Trunk
    from b2bua.transactions.flow import Flow
    from b2bua.wire.message import Request, Response

FORBIDDEN = Outcome("forbidden", 403, "Not Allowed", local=True)
NOT_FOUND = Outcome("not_found", 404)
NO_MESSAGES = Outcome("refused", 405, local=True)
"""The trunk takes calls only."""


REMEMBERED = 4096
"""Of so many extensions it is remembered where a call for them goes."""


class Trunks(Protocol):
    """What is asked of the trunks."""

    def start(self) -> None:
        """Register with those that want it, and ask whether they are there."""

    def stop(self) -> None:
        """Leave all of them."""

    def configure(self, tables: Mapping[str, Trunk]) -> None:
        """Take a new configuration."""

    def identify(self, request: Request, flow: Flow) -> str | None:
        """The trunk that a request comes from, if it comes from one."""

    def alive(self, name: str) -> bool:
        """Does the trunk answer, as far as we know?"""

    def servers(self, name: str) -> Sequence[Uri]:
        """Where calls to the trunk go now, best first."""

    def proxy(self, name: str) -> Uri | None:
        """The outbound proxy by which they go there."""

    def dialled(self, name: str, request: Request) -> str:
        """The number that a call from the trunk is for, in our form."""

    def number_out(self, name: str, number: str) -> str:
        """The form in which the trunk wants a number."""

    def answer(
        self, name: str, response: Response, request: Request, flow: Flow | None
    ) -> list[tuple[str, str]] | None:
        """Credentials for a trunk that asks for them by a flow, if we have any."""


class Directory:
    """Finds targets in the configuration and among the bindings."""

    log = Logger()

    def __init__(self, settings: Settings, domain: Domain, bindings: Bindings, trunks: Trunks) -> None:
        """Look things up in these."""
        self._domain = domain
        self._bindings = bindings
        self._trunks = trunks
        self._legs = defaultdict[str, int](int)
        """How many legs each party has, by its title."""
        self._guests: dict[str, str] = {}
        """Who has logged in at the phones of an extension, by that extension."""
        self._told = Once()
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """Take a new configuration; parties of calls that go on keep their policy."""
        self._settings = settings
        self._extensions = {
            name: Party(
                "extension",
                name,
                self._domain.address(name),
                extension.name,
                Policy(**self._common(extension)),
            )
            for name, extension in settings.extensions.items()
        }
        both = self._extensions.keys()
        self._guests = {at: who for at, who in self._guests.items() if at in both and who in both}
        self._trunk_parties = {
            name: Party("trunk", name, "", name, self._trunk_policy(trunk))
            for name, trunk in settings.trunks.items()
        }
        self._phones: dict[str, tuple[Binding, Tiers]] = {}
        """Where those extensions are that were called of late and have one phone."""
        # What every call asks for is taken out of the tables once, since to read them is slow.
        self._ring_seconds = settings.calls.ring_seconds
        self._rings = {name: e.ring_seconds for name, e in settings.extensions.items() if e.ring_seconds}
        """How long those extensions ring that do not ring as long as all others."""
        self._most = {name: e.calls_max for name, e in settings.extensions.items() if e.calls_max is not None}
        """How many calls those extensions may have that have a limit."""
        self._reach = {
            party.title: settings.extensions[name].may_dial for name, party in self._extensions.items()
        }
        """The places that each extension and trunk may dial, by its title."""
        for name, party in self._trunk_parties.items():
            self._reach[party.title] = settings.trunks[name].may_dial

    def _common(self, peer: Peer) -> dict[str, Any]:
        """What the policies of all kinds of peers say."""
        calls = self._settings.calls
        expires = peer.session_expires or max(calls.session_expires, peer.min_se or 0)
        return {
            "trusted": peer.trusted,
            "session_expires": expires,
            "min_se": min(peer.min_se or calls.session_minimum, expires),
            "reliable": peer.reliable,
            "media": peer.media,
            "media_encryption": peer.media_encryption,
            "codecs": peer.codecs,
            "pass_fields": frozenset(peer.pass_fields),
        }

    def _trunk_policy(self, trunk: Trunk) -> Policy:
        """The policy for a trunk."""
        return Policy(
            **self._common(trunk),
            tells=trunk.identity,
            caller=trunk.caller or "",
            callers=dict(trunk.callers),
            domain=trunk.from_domain or "",
        )

    # ---- what a request is for ------------------------------------------

    def target_of(self, request: Request, flow: Flow, party: Party) -> str:
        """What somebody dials, or writes to: a user of ours, or a URI."""
        if party.kind == "trunk":
            return self._trunks.dialled(party.name, request)
        uri = request.request_uri
        if uri.scheme in ("sip", "sips") and self._domain.covers(uri, flow):
            return uri.user_unescaped or ""
        return request.uri

    def watched(self, request: Request, flow: Flow) -> str:
        """
        What somebody wants to watch, as a user of ours; empty if it is elsewhere.

        Some phones (a Yealink VP59) send all to our address and name the user
        in To only.
        """
        for uri in (request.request_uri, request.to.uri):
            if uri.scheme not in ("sip", "sips") or not self._domain.covers(uri, flow):
                return ""
            if uri.user_unescaped:
                return uri.user_unescaped
        return ""

    # ---- parties --------------------------------------------------------

    def party(self, extension: str) -> Party:
        """An extension as a party."""
        return self._extensions[extension]

    def known_party(self, kind: str, name: str, at: str = "") -> Party | None:
        """An extension, at the phones of another one perhaps, or a trunk, by its name, if it is there."""
        if kind == "trunk":
            return self._trunk_parties.get(name)
        party = self._extensions.get(name) if kind == "extension" else None
        return party if party is None or at not in self._extensions else self._as_guest(party, at)

    def trunk_party(self, name: str) -> Party:
        """A trunk as a party."""
        return self._trunk_parties[name]

    # ---- guests at phones -----------------------------------------------

    def lodge(self, phone: str, guest: str | None) -> None:
        """
        Let an extension log in at the phones of another one, or nobody any more.

        From then on calls from there are the guest's, and calls for the guest
        ring there too.  Who logs in at a second place leaves the first.
        """
        self._guests = {at: who for at, who in self._guests.items() if at != phone and who != guest}
        if guest is not None:
            self._guests[phone] = guest

    def guest(self, phone: str) -> str | None:
        """The extension that has logged in at the phones of another one."""
        return self._guests.get(phone)

    def caller(self, phone: str) -> Party:
        """Who calls from the phones of an extension: itself, or who has logged in there."""
        party = self._extensions[phone]
        return (
            party
            if phone not in self._guests
            else self._as_guest(self._extensions[self._guests[phone]], phone)
        )

    def _as_guest(self, party: Party, phone: str) -> Party:
        """An extension at the phones of another one, whose policy is about the phones."""
        return replace(party, at=phone, policy=self._extensions[phone].policy)

    def _lodgings(self, extension: str) -> list[tuple[Party, Binding]]:
        """The phones of others at which an extension has logged in."""
        return [
            (self._as_guest(self._extensions[extension], phone), binding)
            for phone, guest in self._guests.items()
            if guest == extension
            for binding in self._bindings.contacts(self._extensions[phone].aor)
        ]

    # ---- how many calls they have ---------------------------------------

    def leg_began(self, party: Party) -> None:
        """The party has one more leg."""
        self._legs[party.title] += 1

    def leg_ended(self, party: Party) -> None:
        """The party has one leg less."""
        left = self._legs[party.title] - 1
        if left:
            self._legs[party.title] = left
        else:
            del self._legs[party.title]

    def _is_full(self, party: Party, most: int | None) -> bool:
        """Has the party as many calls as it may have?"""
        return most is not None and self._legs.get(party.title, 0) >= most

    # ---- what a target is -----------------------------------------------

    def _local_user(self, target: str) -> str | None:
        """
        The user that a target names with us, unescaped; None for what is elsewhere.

        Of a telephone number the bare number, without the separators and
        parameters that RFC 3966 section 3 lets people write.
        """
        user = target if ":" not in target else self._written(target)
        return user if user is None or user in self._extensions else telephone(user)[0]

    def _written(self, target: str) -> str | None:
        """The same as it is written."""
        if ":" not in target:
            return target
        try:
            uri = Uri.parse(target)
        except PeerError:
            return target
        if uri.scheme == "tel":
            return uri.opaque + uri.telephone[1]
        return uri.user_unescaped if self._domain.covers(uri) else None

    def serves(self, target: str) -> bool:
        """Is C{target} for us to find, rather than a URI of another domain?"""
        return self._local_user(target) is not None

    def key(self, target: str) -> str:
        """The same text for every way to write C{target}."""
        user = self._local_user(target)
        if user is not None:
            return user
        uri = Uri.parse(target)
        return f"{uri.user_unescaped}@{uri.host.lower()}:{uri.port or ''}"

    def user(self, target: str) -> str:
        """The user part of C{target}, unescaped."""
        user = self._local_user(target)
        return Uri.parse(target).user_unescaped or "" if user is None else user

    def uri(self, target: str) -> str:
        """C{target} as a SIP URI that may be told to others."""
        user = self._local_user(target)
        return target if user is None else str(Uri.make(user, self._domain.name))

    def extension(self, target: str) -> str | None:
        """The name of the extension that C{target} is, if it is one of ours."""
        if target in self._extensions:
            return target
        user = self._local_user(target)
        return user if user in self._extensions else None

    def is_registered(self, extension: str) -> bool:
        """Has an extension a contact that would be called?"""
        return bool(self._bindings.contacts(self._domain.address(extension)) or self._lodgings(extension))

    def registrations(self, extension: str) -> tuple[Registration, ...]:
        """Where the phones of an extension are, as features are told."""
        own = self._bindings.contacts(self._domain.address(extension))
        return tuple(map(registration, (*own, *(binding for _, binding in self._lodgings(extension)))))

    def phone(self, extension: str, contact: str) -> Destination | None:
        """One phone of an extension by its Contact, to send it something; None if it has gone."""
        party = self._extensions.get(extension)
        if party is None:
            return None
        found = (one for one in self._bindings.contacts(party.aor) if one.contact == contact)
        return next((_bound(party, binding, f"sip:{party.aor}") for binding in found), None)

    def ring_seconds(self, attempt: Attempt) -> float:
        """How long the target may ring when no feature says so."""
        return self._rings.get(attempt.extension or "", self._ring_seconds)

    def goes_on(self, party: Party, outcome: Outcome) -> bool:
        """
        Is the next tier tried after such a failure?

        Of an extension that is what the configuration says, but a 6xx ends it
        (RFC 3261 section 16.7).  The next trunk is for when one is down; what
        a trunk says of a number holds.
        """
        if not party.internal:
            return outcome.kind == "unreachable" or 500 <= outcome.code < 600
        if outcome.code >= 600 or outcome.kind in ("moved", "loop"):
            return False
        kind = outcome.kind if outcome.kind in ("busy", "no_answer", "unreachable") else "refused"
        return kind in self._settings.calls.next_contact_after

    # ---- where it is ----------------------------------------------------

    def destinations(self, attempt: Attempt) -> Tiers | Outcome:
        """Where the target can be reached by whom it is dialled for, or why not."""
        # The settings may be others than when the attempt began: a feature may have thought for a while.
        if attempt.extension in self._extensions:
            return self._contacts(attempt.extension, attempt.behalf)
        target = attempt.target
        user = self._local_user(target)
        if user is None:
            return self._foreign(target, attempt.behalf)
        if user in self._extensions:
            return self._contacts(user, attempt.behalf)
        if attempt.trunks:
            return self._chosen(attempt.trunks, user, attempt.behalf)
        route = next((r for r in self._settings.routes if r.match.fullmatch(user)), None)
        if route is None:
            self._explain(attempt, user)
            return NOT_FOUND
        found = self._routed(route, user, telephone(self._written(target) or "")[1], attempt.behalf)
        if found is FORBIDDEN:
            who = attempt.behalf
            attempt.call.story.note(
                "{} may not dial {}: see may_dial of {}s.{} and callers of the route {}",
                who, user, who.kind, who.name, route.match.pattern,
            )  # fmt: skip
        return found

    def _explain(self, attempt: Attempt, user: str) -> None:
        """Say where a number that leads nowhere could be given a meaning."""
        who = attempt.behalf
        if who.kind != "trunk":
            attempt.call.story.note("{} is no extension, and no route matches it", user)
            return
        text = "{number} is no extension: what trunk {trunk} calls is made one by trunks.{trunk}.numbers_in"
        attempt.call.story.note(
            text.replace("{number}", "{}").replace("{trunk}", "{}"), user, who.name, who.name
        )
        if self._told.first(who.name, user):
            self.log.warn("a call ended with 404: " + text, number=user, trunk=who.name)

    def message_destinations(self, target: str, sender: Party) -> Sequence[Destination] | Outcome:
        """Where a message to the target goes: all phones of an extension, or a trunk that wants messages."""
        user = self._local_user(target)
        if user is None:
            return FORBIDDEN
        if user in self._extensions:
            found = self._contacts(user, sender)
            return found if isinstance(found, Outcome) else [one for tier in found for one in tier]
        route = next((r for r in self._settings.routes if r.match.fullmatch(user)), None)
        if route is None:
            return NOT_FOUND
        tiers = self._routed(route, user, telephone(self._written(target) or "")[1], sender)
        if isinstance(tiers, Outcome):
            return tiers
        wanting = [tier for tier in tiers if self._settings.trunks[tier[0].party.name].messages]
        return wanting[0] if wanting else NO_MESSAGES

    def credentials(
        self, trunk: str, response: Response, request: Request, flow: Flow | None
    ) -> list[tuple[str, str]] | None:
        """Credentials for a trunk that asks for them by a flow, if we have any."""
        return self._trunks.answer(trunk, response, request, flow)

    def at_trunk(self, trunk: str, user: str) -> Place | None:
        """Where a user of a trunk is, to be watched, and by which URI it knows us; None without the trunk."""
        table = self._settings.trunks.get(trunk)
        if table is None:
            return None
        server = self._trunks.servers(trunk)[0]
        host = self._trunk_parties[trunk].policy.domain or server.host
        return Place(self._through(trunk, server, user, ""), str(Uri.make(table.username or user, host)))

    def _may_dial(self, party: Party, place: str) -> bool:
        """Does the configuration let the party reach such a place?"""
        if party.title in self._reach:
            return place in self._reach[party.title]
        return party.kind == "server"

    def _contacts(self, name: str, behalf: Party) -> Tiers | Outcome:
        """The contacts of an extension, those of one q value side by side."""
        if not self._may_dial(behalf, "extensions"):
            return FORBIDDEN
        party = self._extensions[name]
        if name in self._most and self._is_full(party, self._most[name]):
            return OCCUPIED
        bindings = self._bindings.contacts(party.aor)
        to_uri = f"sip:{party.aor}"
        if self._guests and (lodgings := self._lodgings(name)):
            phones = [*lodgings, *((party, binding) for binding in bindings)]
            return [[_bound(who, binding, to_uri) for who, binding in phones]]
        if not bindings:
            return UNREACHABLE
        if len(bindings) == 1:
            return self._at_one(party, bindings[0])
        return [
            [_bound(party, binding, to_uri) for binding in tier]
            for _, tier in groupby(bindings, key=lambda binding: binding.q)
        ]

    def _at_one(self, party: Party, binding: Binding) -> Tiers:
        """The only phone of an extension, which mostly is where it was when somebody called before."""
        known = self._phones.get(party.name)
        if known is None or known[0] is not binding:
            if len(self._phones) >= REMEMBERED:
                self._phones.clear()
            known = self._phones[party.name] = binding, [[_bound(party, binding, f"sip:{party.aor}")]]
        return known[1]

    def _routed(self, route: Route, user: str, params: str, behalf: Party) -> Tiers | Outcome:
        """
        The trunks of a route that are up, the first one first.

        @param params: what was written behind the number, which is the carrier's business.
        """
        place = "trunks" if behalf.kind == "trunk" else "extensions"
        if not self._may_dial(behalf, "trunks") or (behalf.kind != "server" and place not in route.callers):
            return FORBIDDEN
        number = route.prepend + user[route.strip :]
        ways = [name for name in route.ways if self._trunks.alive(name)]
        ways = [
            name
            for name in ways
            if not self._is_full(self._trunk_parties[name], self._settings.trunks[name].calls_max)
        ]
        if not ways:
            return UNREACHABLE
        return [
            [self._through(name, server, number, params)]
            for name in ways
            for server in self._trunks.servers(name)
        ]

    def _chosen(self, trunks: Sequence[str], user: str, behalf: Party) -> Tiers | Outcome:
        """The trunks that a feature has named for a number that has to go out, whatever we think of them."""
        if not self._may_dial(behalf, "trunks"):
            return FORBIDDEN
        ways = [name for name in trunks if name in self._trunk_parties]
        return [
            [self._through(name, server, user, "")] for name in ways for server in self._trunks.servers(name)
        ] or UNREACHABLE

    def _through(self, name: str, server: Uri, number: str, params: str) -> Destination:
        """A number as seen from one server of a trunk."""
        there = server.text_for(telephone_user(self._trunks.number_out(name, number), params))
        proxy = self._trunks.proxy(name)
        route = () if proxy is None else (str(proxy),)
        return Destination(self._trunk_parties[name], there, proxy or server, there, route)

    def _foreign(self, target: str, behalf: Party) -> Tiers | Outcome:
        """A URI of another domain: dialling it is like dialling out."""
        if not self._may_dial(behalf, "trunks") or behalf.kind == "trunk":
            return FORBIDDEN
        uri = Uri.parse(target)
        if uri.scheme not in ("sip", "sips"):
            return Outcome("refused", 416)
        party = Party("stranger", uri.host)
        return [[Destination(party, target, uri, target)]]


def registration(binding: Binding) -> Registration:
    """A binding, as features see it."""
    flow = binding.flow
    return Registration(
        binding.aor.rpartition("@")[0],
        binding.aor,
        binding.contact,
        "" if flow is None else f"{flow.remote[0]}:{flow.remote[1]}",
        "" if flow is None else flow.transport,
        binding.user_agent,
        binding.instance,
        binding.path,
    )


def _bound(party: Party, binding: Binding, to_uri: str) -> Destination:
    """The place where a registered phone is: at the end of its flow, or where its Path or Contact says."""
    path, contact = binding.path, binding.contact
    return Destination(party, contact, binding.flow or Uri.parse(path[0] if path else contact), to_uri, path)
