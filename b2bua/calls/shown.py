"""What features have shown on phones: lamps of numbers that are no extensions, messages that wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from b2bua.calls.verdicts import is_line

STATES = ("idle", "ringing", "busy", "parked", "off")
COUNT_MAX = 2**32 - 1
"""RFC 3842 section 5.2: msgcount is 1*DIGIT; a phone counts in 32 bits at the most."""


@dataclass(frozen=True, slots=True)
class Lamp:
    """How a number is shown: an orbit, a group, a feature code."""

    state: Literal["idle", "ringing", "busy", "parked", "off"] = "busy"
    """C{busy} is what is on, or taken; of an extension C{parked} alone is shown, besides its calls."""
    text: str = ""
    """What stands beside it: who is parked there, to whom calls are forwarded."""

    def __post_init__(self) -> None:
        """Refuse what cannot be shown, where it is written."""
        if self.state not in STATES or not is_line(self.text):
            raise TypeError(f"Lamp: {self.state!r:.60} with {self.text!r:.60} cannot be shown")


@dataclass(frozen=True, slots=True)
class Messages:
    """How many messages wait in a mailbox (RFC 3842 section 5.2)."""

    new: int = 0
    old: int = 0
    urgent_new: int = 0
    """Of the new ones."""
    urgent_old: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no count, where it is written."""
        for count in (self.new, self.old, self.urgent_new, self.urgent_old):
            if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= COUNT_MAX:
                raise TypeError(f"Messages: {count!r:.60} is no number of messages")
        if self.urgent_new > self.new or self.urgent_old > self.old:
            raise TypeError("Messages: more that are urgent than there are")
