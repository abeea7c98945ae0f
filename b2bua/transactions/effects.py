"""
What the machines want to have done, and the values of their timers.

A machine has at most two timers at a time: one that I{repeats} something (A, E,
G, and the delay of a 100) and one that I{ends} a state (all others).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from b2bua.transactions.flow import Flow
    from b2bua.wire.message import Response

TRYING = "100"
"""The letter of the timer that RFC 3261 section 17.2.1 and RFC 4320 leave without one."""
CANCELLED = "CANCEL"
"""Likewise the time after which a cancelled INVITE is given up (RFC 3261 section 9.1)."""
LATE = "LATE"
"""And how long an INVITE that was given up is remembered, since its answer may be late."""


@dataclass(frozen=True)
class TimerValues:
    """What the timers are computed from (RFC 3261 section 17.1.1.1 and table 4)."""

    t1: float = 0.5
    """The estimate of the round-trip time."""
    t2: float = 4.0
    """The longest interval between retransmissions."""
    t4: float = 5.0
    """How long a message stays in the network."""
    d: float = 32.0
    """The least of timer D, since the peer may have another T1 (RFC 6026 section 8.4)."""
    trying: float = 0.2
    """After what time of silence an INVITE is answered with 100 (section 17.2.1)."""

    @cached_property
    def to_t2(self) -> float:
        """How long it takes a timer E until it is reset to T2 (RFC 4320 section 4.1)."""
        elapsed = interval = self.t1
        while (interval := 2 * interval) < self.t2:
            elapsed += interval
        return elapsed


class Sends(Protocol):
    """Sends messages."""

    def send(self, data: bytes, flow: Flow) -> None:
        """Send one."""


class Effects:
    """
    What a machine wants to have done; whoever runs it says how.

    It is done at once, so a machine stands where it has got to before it wants
    anything, and what the transaction user is told comes last, since the user
    acts at once.
    """

    __slots__ = ()

    transport: Sends
    """By what its messages are sent."""
    way: Flow
    """Where they go."""

    def deliver(self, response: Response) -> None:
        """Tell the transaction user of a response."""
        raise NotImplementedError

    def tell_failure(self, code: int) -> None:
        """Tell the transaction user of a timeout (408) or a transport error (503)."""
        raise NotImplementedError

    def send_cancel(self) -> None:
        """Send the CANCEL that was asked for (RFC 3261 section 9.1)."""
        raise NotImplementedError

    def start_repeats(self, letter: str, seconds: float) -> None:
        """Let a timer fire after which something is done again, instead of the one that may run."""
        raise NotImplementedError

    def start_ends(self, letter: str, seconds: float) -> None:
        """Likewise one that ends a state."""
        raise NotImplementedError

    def start_both(self, repeats: str, after: float, ends: str, at_last: float) -> None:
        """Let both timers run, of which the one that repeats something fires first."""
        raise NotImplementedError

    def stop_repeats(self) -> None:
        """Nothing is repeated any more."""
        raise NotImplementedError

    def stop(self) -> None:
        """Neither timer is of any more use."""
        raise NotImplementedError

    def linger(self, letter: str, seconds: float) -> None:
        """
        Meet what comes again without the machine, which has done its work, until the timer fires.

        No other timer runs any more.  What is left is small, and that of many
        calls is forgotten together.

        @param letter: says how: I and K absorb it, J and D answer it with C{last}
            of the machine, and L and M let the ACK or the 2xx go up to the
            transaction user (RFC 6026).
        """
        raise NotImplementedError

    def over(self) -> None:
        """Forget the transaction, and stop both timers."""
        raise NotImplementedError
