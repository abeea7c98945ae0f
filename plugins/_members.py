"""
A list of targets as it stands in a table: members of a group, places to look for somebody.

Each is a number, or a table where more is to be said of it::

    ["101", { target = "+491701234567", after = 10, ring_seconds = 25, confirm = "en" }]

With C{confirm}, who answers is asked to press 1, and gets the call only then: the
mailbox of a mobile phone presses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from b2bua import File, Seconds, Table, Target
from b2bua.calls import Member
from b2bua_plugins._sounds import sound

Confirmation = Annotated[Literal["", "en", "de"] | File, Field(union_mode="left_to_right")]
"""In which language whoever answers is asked to press 1, or the WAV file that asks; empty asks nobody."""


class Wanted(Table):
    """One of them."""

    target: Annotated[Target, Field(min_length=1)]
    after: Annotated[float, Field(ge=0, le=3600)] = 0.0
    ring_seconds: Seconds | None = None
    confirm: Confirmation | None = None


def _read(value: object) -> object:
    """Read one of which no more is said than its number."""
    return {"target": value} if isinstance(value, str) else value


Wants = tuple[Annotated[Wanted, BeforeValidator(_read)], ...]
"""The type of such a list."""


def members(wanted: Iterable[Wanted], ring_seconds: float, confirm: Confirmation = "") -> tuple[Member, ...]:
    """
    The list as a verdict names it.

    @param ring_seconds: how long those ring who have no time of their own.
    @param confirm: how those are asked of whom nothing else is said.
    """
    return tuple(
        [
            Member(
                one.target,
                one.after,
                one.ring_seconds or ring_seconds,
                _asking(confirm if one.confirm is None else one.confirm),
            )
            for one in wanted
        ]
    )


def _asking(confirm: Confirmation) -> tuple[str, ...]:
    """The files that ask."""
    if not confirm:
        return ()
    return (sound(confirm, "press_1") if confirm in ("en", "de") else str(confirm),)
