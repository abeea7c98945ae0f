"""
Calls, legs and attempts as features see them: narrow, to be read, and changed by operations only.

The types say what a plugin may rely on.  What else the objects behind them can
do is the server's own affair, and changes without notice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from b2bua.calls.path import Path
    from b2bua.calls.records.record import CallRecord
    from b2bua.calls.records.story import Story
    from b2bua.legs.header_policy import SeenFields
    from b2bua.legs.party import Identity, Party
    from b2bua.wire.dialog_ids import Replaces
    from b2bua.wire.names import NameAddr


class Leg(Protocol):
    """The server's end of one dialog."""

    @property
    def id(self) -> str:
        """What tells it from all others in this process."""

    @property
    def party(self) -> Party:
        """Who is at the other end."""

    @property
    def incoming(self) -> bool:
        """Has the party called us, or have we called it?"""

    @property
    def answered(self) -> bool:
        """Was it answered, and is not over?"""

    @property
    def ended(self) -> bool:
        """Is it over?"""

    @property
    def call(self) -> Any:
        """The L{Call} it belongs to; None when it has ended."""

    @property
    def identity(self) -> Identity | None:
        """Who the party was found to be when it called; None: its name says it all."""

    @property
    def call_id(self) -> str:
        """The Call-ID of its dialog, by which a capture is searched."""

    @property
    def dialog_id(self) -> tuple[str, str, str]:
        """Call-ID, our tag and the party's tag; the tags are empty while there is no dialog yet."""


class Call(Protocol):
    """Legs that belong together."""

    @property
    def id(self) -> str:
        """What it is called in records, and by L{Service.call}."""

    @property
    def dialled(self) -> str:
        """The target as the caller wrote it."""

    @property
    def caller(self) -> Leg | None:
        """The caller's leg; none yet while a call that a feature began rings its first phone."""

    @property
    def legs(self) -> Sequence[Leg]:
        """All legs that it has now."""

    @property
    def record(self) -> CallRecord:
        """What is kept of it, so far."""

    @property
    def path(self) -> Path:
        """By which way it came."""

    @property
    def fields(self) -> SeenFields:
        """The header fields of the caller's INVITE that features have asked for."""

    @property
    def story(self) -> Story:
        """What it tells of itself; the server writes it."""


class Attempt(Protocol):
    """
    One try to reach one dialled target.

    Where a forward or a group leads to is an attempt of its own, below the one
    that led there.
    """

    @property
    def call(self) -> Call:
        """The call that the target is dialled in."""

    @property
    def target(self) -> str:
        """What was dialled, as it was written: a user part or a URI."""

    @property
    def user(self) -> str:
        """The user part of the target, unescaped."""

    @property
    def extension(self) -> str | None:
        """The name of the target if it is one of our extensions."""

    @property
    def local(self) -> bool:
        """Is the target a number with us, rather than the URI of another domain?"""

    @property
    def path(self) -> Path:
        """By which way the call came here."""

    @property
    def caller(self) -> Party:
        """Who is to be connected: the caller, or whom a transfer leaves over."""

    @property
    def caller_number(self) -> str:
        """The number that calls: an extension's own, or what a trunk says of it; empty if it is hidden."""

    @property
    def internal(self) -> bool:
        """Does one of our own extensions call?"""

    @property
    def leg(self) -> Leg | None:
        """The leg that is to be connected; None while a feature rings the first party of a call."""

    @property
    def behalf(self) -> Party:
        """Whose permission to dial counts: the caller's, a forwarder's or a transferor's."""

    @property
    def fields(self) -> SeenFields:
        """The header fields of the caller's INVITE that features have asked for (C{b2bua_fields})."""

    @property
    def forwards(self) -> bool:
        """Are diversions of the target itself honoured?"""

    @property
    def rang(self) -> bool:
        """Has it rung, here or below?"""

    @property
    def parent(self) -> Attempt | None:
        """The attempt that led here by a forward or a group; None for what was dialled."""

    @property
    def trunks(self) -> tuple[str, ...]:
        """The trunks by which a feature wants it to be reached; empty: those of its route."""

    @property
    def decided(self) -> frozenset[str]:
        """The features that have said once what to do when it failed; they are not asked again."""

    def was_decided_by(self, feature: str) -> None:
        """A feature has said what to do when it failed."""


class Referral(Protocol):
    """One REFER: what somebody who transfers asks for (RFC 3515)."""

    @property
    def refer_to(self) -> NameAddr:
        """To whom."""

    @property
    def method(self) -> str:
        """INVITE; or BYE, of who talks to the focus of a conference: whom it names shall leave."""

    @property
    def referred_by(self) -> NameAddr | None:
        """Who says to do so (RFC 3892), if it is said."""

    @property
    def replaces(self) -> Replaces | None:
        """Whose dialog is to be taken over (RFC 3891); None for a blind transfer."""
