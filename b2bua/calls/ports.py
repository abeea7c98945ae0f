"""What the calls ask of the server around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from b2bua.calls.decisions import Decisions as HookDecisions
from b2bua.calls.verdicts import Announcement, Outcome, Waits
from b2bua.legs.party import Party
from b2bua.legs.words import Word
from b2bua.transactions.flow import Flow
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from b2bua.calls.face import Attempt, Call
    from b2bua.calls.outside import Registration
    from b2bua.calls.shown import Lamp, Messages
    from b2bua.legs.leg import Leg
    from b2bua.wire.message import Request, Response


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

    def message_destinations(self, target: str, sender: Party) -> Sequence[Destination] | Outcome:
        """Where a message to the target goes, or why nowhere."""

    def credentials(
        self, trunk: str, response: Response, request: Request, flow: Flow | None
    ) -> list[tuple[str, str]] | None:
        """Credentials for a trunk that asks for them by a flow, if we have any."""

    def goes_on(self, party: Party, outcome: Outcome) -> bool:
        """Is the next tier of destinations tried after such a failure of the party?"""

    def is_registered(self, extension: str) -> bool:
        """Has an extension a contact that would be called?"""

    def known_party(self, kind: str, name: str, at: str = "") -> Party | None:
        """An extension, at the phones of another one perhaps, or a trunk, by its name, if it is there."""

    def lodge(self, phone: str, guest: str | None) -> None:
        """Let an extension log in at the phones of another one, or nobody any more."""

    def guest(self, phone: str) -> str | None:
        """The extension that has logged in at the phones of another one."""

    def registrations(self, extension: str) -> tuple[Registration, ...]:
        """Where the phones of an extension are, as features are told."""

    def phone(self, extension: str, contact: str) -> Destination | None:
        """One phone of an extension by its Contact, to send it something; None if it has gone."""

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


class Relaying(Protocol):
    """The media of a call that pass through a relay, for who passes words on: L{b2bua.calls.relay}."""

    def pass_on(self, by: Leg, to: Leg, word: Word) -> None:
        """Say a word to a leg that is that of the party of another one."""

    def settle(self, one: Leg, other: Leg) -> None:
        """The two have been joined."""

    def shown(self, leg: Leg) -> bytes | None:
        """What a leg has shown its party, as the other party has said it."""

    def choose_again(self) -> Any:
        """Choose the ways of all media anew; gives what L{go_back} takes."""

    def go_back(self, ways: Any) -> None:
        """Let media go again as they did before."""


class Decisions(HookDecisions, Protocol):
    """What calls ask and tell the features; C{b2bua.features} is the one that runs."""

    @property
    def edits_invitation(self) -> bool:
        """Does any feature edit what an INVITE will say?"""

    @property
    def plays_music(self) -> bool:
        """Has any feature music for those who wait?"""

    def ask_music(self, call: Call, leg: Leg, waits: Waits) -> str | None:
        """What does a party hear that is about to wait?"""

    @property
    def announces(self) -> bool:
        """Has any feature words for callers?"""

    def ask_announcement(self, call: Call, leg: Leg, code: int, text: str) -> Announcement | None:
        """What is said to a caller who is refused, or has dialled a feature code?"""

    @property
    def fields(self) -> frozenset[str]:
        """The header fields of INVITEs that features want to see."""

    @property
    def methods(self) -> frozenset[str]:
        """The methods outside of dialogs that features answer."""

    @property
    def heard(self) -> frozenset[str]:
        """The news that any feature hears, by their hooks: of what happens in every call no other is told."""

    @property
    def hears_changes(self) -> bool:
        """Does any feature want to know how each call is whenever that changes?"""

    def is_code(self, user: str) -> bool:
        """Would a phone of ours that dials this talk to a feature rather than to a person?"""

    def ask_lamp(self, number: str, watcher: Party) -> Lamp | None:
        """How is a number shown that is no extension?"""

    def ask_messages(self, account: str) -> Messages | None:
        """How many messages wait for somebody?"""

    def ask_unavailable(self, extension: str) -> str | None:
        """Why does an extension take no calls just now?"""
