"""What went through a runner."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """What went through."""

    received: int = 0
    sent: int = 0
    keep_alives: int = 0
    absorbed: int = 0
    """Requests that came again."""
    malformed: int = 0
    stray: int = 0
    """Responses to nothing of ours."""
    merged: int = 0
    turned_away: int = 0
    """Requests that got 503 because the table was full, or we were behind."""
    overflown: int = 0
    """Messages that were lost because too many waited."""
