"""What a tree of attempts is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2bua.legs.words import Fields

if TYPE_CHECKING:
    from b2bua.legs.leg import Leg


@dataclass(slots=True)
class Errand:
    """Who is to be connected, and what the invitations say; shared by a tree of attempts."""

    who: Leg
    """The leg that is to be connected: the caller, or whom a transfer leaves over."""
    offer: bytes | None
    """The session that the targets are invited to; None asks them for an offer."""
    fields: Fields = ()
    """Header fields that pass from the side of C{who}."""
    max_forwards: int = 70
    display: str = ""
    """Shown instead of the name of C{who}, as for a recall."""
