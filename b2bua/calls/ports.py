"""What the calls ask of the server around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from b2bua.calls.verdicts import FailureVerdict, Outcome, ReplaceVerdict, RouteVerdict, TransferVerdict
from b2bua.legs.party import Party
from b2bua.legs.words import LegEnd, Replied, Told, Word
from b2bua.transactions.flow import Flow
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from b2bua.calls.attempt import Attempt
    from b2bua.calls.call import Call
    from b2bua.calls.draft import InvitationDraft
    from b2bua.calls.outside import OutsideRequest, Respond
    from b2bua.calls.record import CallRecord
    from b2bua.calls.registration import Registration
    from b2bua.calls.view import CallState
    from b2bua.legs.leg import Leg
    from b2bua.legs.referral import Referral


class Destination(NamedTuple):
    """One place where an INVITE can go: a registered contact, a trunk or a URI."""

    party: Party
    request_uri: str
    target: Flow | Uri
    to_uri: str
    route: tuple[str, ...] = ()
    """The Path of the binding, which becomes the Route (RFC 3327 section 5.4)."""


Tiers = Sequence[Sequence[Destination]]
"""Destinations that are tried side by side, by preference: contacts of one q value, or one trunk."""


class Directory(Protocol):
    """Who is where: what a dialled target means."""

    def key(self, target: str) -> str:
        """The same text for every way to write C{target}; it tells targets apart on a path."""

    def user(self, target: str) -> str:
        """The user part of C{target}, unescaped."""

    def uri(self, target: str) -> str:
        """C{target} as a SIP URI that may be told to others."""

    def serves(self, target: str) -> bool:
        """Is C{target} for us to find, rather than a URI of another domain?"""

    def extension(self, target: str) -> str | None:
        """The name of the extension that C{target} is, if it is one of ours."""

    def goes_on(self, party: Party, outcome: Outcome) -> bool:
        """Is the next tier of destinations tried after such a failure of the party?"""

    def is_registered(self, extension: str) -> bool:
        """Has an extension a contact that would be called?"""

    def party(self, extension: str) -> Party:
        """An extension as a party, for its permissions."""

    def leg_began(self, party: Party) -> None:
        """The party has one more leg."""

    def leg_ended(self, party: Party) -> None:
        """The party has one leg less."""

    def ring_seconds(self, attempt: Attempt) -> float:
        """How long the target may ring when no feature says so."""

    def destinations(self, attempt: Attempt) -> Tiers | Outcome:
        """Where the target can be reached by whom it is dialled for, or why not."""


class Listener(Protocol):
    """Who hears the words of a leg at present."""

    def hear(self, leg: Leg, word: Word) -> None:
        """Take one word, wholly."""


class Decisions(Protocol):
    """What calls ask and tell the features; C{b2bua.features} is the one that runs."""

    @property
    def edits_invitation(self) -> bool:
        """Does any feature edit what an INVITE will say?"""

    @property
    def fields(self) -> frozenset[str]:
        """The header fields of INVITEs that features want to see."""

    @property
    def methods(self) -> frozenset[str]:
        """The methods outside of dialogs that features answer."""

    def ask_request_received(self, request: OutsideRequest) -> Respond | Deferred[Respond | None] | None:
        """Does a feature answer this request outside of dialogs?"""

    @property
    def hears_changes(self) -> bool:
        """Does any feature want to know how each call is whenever that changes?"""

    def is_code(self, user: str) -> bool:
        """Would a phone of ours that dials this talk to a feature rather than to a person?"""

    def ask_route(self, attempt: Attempt) -> RouteVerdict | Deferred[RouteVerdict | None] | None:
        """Where does this attempt go?"""

    def ask_ring_seconds(self, attempt: Attempt) -> float | Deferred[float | None] | None:
        """How long may it ring?"""

    def ask_failed(
        self, attempt: Attempt, outcome: Outcome
    ) -> FailureVerdict | Deferred[FailureVerdict | None] | None:
        """What now that it has failed?"""

    def ask_transfer(
        self, call: Call, leg: Leg, referral: Referral
    ) -> TransferVerdict | Deferred[TransferVerdict | None] | None:
        """May the party of C{leg} transfer, and how?"""

    def ask_replace(
        self, call: Call, leg: Leg, replaced: Leg
    ) -> ReplaceVerdict | Deferred[ReplaceVerdict | None] | None:
        """May C{leg} take the place of C{replaced}?"""

    def ask_unowned(self, leg: Leg, told: Told) -> Replied | Deferred[Replied | None] | None:
        """Does a feature answer this request within a dialog?"""

    def ask_unavailable(self, extension: str) -> str | None:
        """Why does an extension take no calls just now?"""

    def edit_invitation(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Let the features edit what an INVITE will say."""

    def tell_call_started(self, call: Call) -> None:
        """A call begins."""

    def tell_target_ringing(self, attempt: Attempt, leg: Leg) -> None:
        """A target rings."""

    def tell_call_answered(self, call: Call, leg: Leg) -> None:
        """The caller talks to C{leg}."""

    def tell_call_held(self, call: Call, leg: Leg) -> None:
        """The party of C{leg} has put the other one on hold."""

    def tell_call_resumed(self, call: Call, leg: Leg) -> None:
        """The party of C{leg} has taken the other one back from hold."""

    def tell_call_transferred(self, call: Call, leg: Leg, outcome: Outcome | None) -> None:
        """A transfer that C{leg} asked for is over; C{outcome} is None when it succeeded."""

    def tell_call_changed(self, state: CallState) -> None:
        """Who talks to whom is not as it was."""

    def tell_leg_ended(self, call: Call, leg: Leg, why: LegEnd, by_us: bool) -> None:
        """A leg of the call is over."""

    def tell_call_ended(self, call: Call, record: CallRecord) -> None:
        """The call is over and its record written."""

    def tell_contact_registered(self, binding: Registration) -> None:
        """A phone has registered."""

    def tell_contact_unregistered(self, binding: Registration) -> None:
        """A phone is not registered any more."""
