"""
A list of targets as it stands in a table: members of a group, places to look for somebody.

Each is a number, or a table where more is to be said of it::

    ["101", { target = "103", after = 10, ring_seconds = 25 }]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BeforeValidator, Field

from b2bua import Seconds, Table, Target
from b2bua.calls import Member


class Wanted(Table):
    """One of them."""

    target: Annotated[Target, Field(min_length=1)]
    after: Annotated[float, Field(ge=0, le=3600)] = 0.0
    ring_seconds: Seconds | None = None


def _read(value: object) -> object:
    """Read one of which no more is said than its number."""
    return {"target": value} if isinstance(value, str) else value


Wants = tuple[Annotated[Wanted, BeforeValidator(_read)], ...]
"""The type of such a list."""


def members(wanted: Iterable[Wanted], ring_seconds: float) -> tuple[Member, ...]:
    """The list as a verdict names it; who has no time of its own rings for C{ring_seconds}."""
    return tuple([Member(one.target, one.after, one.ring_seconds or ring_seconds) for one in wanted])
