"""
Calls and legs as features see them: narrow, to be read, and changed by operations only.

The types say what a plugin may rely on.  What else the objects behind them can
do is the server's own affair, and changes without notice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from b2bua.calls import operations
from b2bua.calls.verdicts import Outcome
from b2bua.legs.words import Fields

if TYPE_CHECKING:
    from b2bua.calls.call import Call as LiveCall
    from b2bua.calls.path import Path
    from b2bua.calls.record import CallRecord
    from b2bua.legs.header_policy import SeenFields
    from b2bua.legs.leg import Leg as LiveLeg
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


class Referral(Protocol):
    """One REFER: what somebody who transfers asks for (RFC 3515)."""

    @property
    def refer_to(self) -> NameAddr:
        """To whom."""

    @property
    def referred_by(self) -> NameAddr | None:
        """Who says to do so (RFC 3892), if it is said."""

    @property
    def replaces(self) -> Replaces | None:
        """Whose dialog is to be taken over (RFC 3891); None for a blind transfer."""


async def hold(call: Call, leg: Leg) -> None:
    """Let the party of a leg wait alone, as L{operations.hold} does."""
    await operations.hold(_call(call), _leg(leg))


async def connect(call: Call, one: Leg, other: Leg) -> None:
    """Let two established legs talk, as L{operations.connect} does."""
    await operations.connect(_call(call), _leg(one), _leg(other))


async def dial(
    call: Call, waiting: Leg, target: str, *, behalf: Party, ring_seconds: float | None = None
) -> Leg | Outcome:
    """Ring a target for an established leg and let the two talk, as L{operations.dial} does."""
    return await operations.dial(_call(call), _leg(waiting), target, behalf=behalf, ring_seconds=ring_seconds)


async def replace(call: Call, old: Leg, new: Leg) -> None:
    """Let one leg take the place of another, as L{operations.replace} does."""
    await operations.replace(_call(call), _leg(old), _leg(new))


def hang_up(call: Call, leg: Leg, fields: Fields = ()) -> None:
    """End a leg, in whatever state it is."""
    operations.hang_up(_call(call), _leg(leg), fields)


def _call(call: Call) -> LiveCall:
    """The call behind its face."""
    return cast("LiveCall", call)


def _leg(leg: Leg) -> LiveLeg:
    """The leg behind its face."""
    return cast("LiveLeg", leg)
