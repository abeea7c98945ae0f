"""
What the machines want to have done, and the values of their timers.

An effect is bytes, to be sent; a response, which the transaction user is told;
or one of the classes below.  What the user is told comes last, since the user
acts at once.

A machine has at most two timers at a time: one that I{repeats} something (A, E,
G, and the delay of a 100) and one that I{ends} a state (all others).  Starting
one takes the place of the one of its kind that runs; L{Ended} and L{Lingers}
stop both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

from b2bua.wire.message import Response

TRYING = "100"
"""The letter of the timer that RFC 3261 section 17.2.1 and RFC 4320 leave without one."""
CANCELLED = "CANCEL"
"""Likewise the time after which a cancelled INVITE is given up (RFC 3261 section 9.1)."""
LATE = "LATE"
"""And how long an INVITE that was given up is remembered, since its answer may be late."""

REPEATS = frozenset(("A", "E", "G", TRYING))


@dataclass(frozen=True)
class TimerValues:
    """
    What the timers are computed from (RFC 3261 section 17.1.1.1 and table 4).

    The timers that start alike in every transaction are made once.
    """

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
    def a_b(self) -> StartBoth:
        """The first interval of an INVITE, doubled from then on, and how long it waits for any response."""
        return StartBoth("A", self.t1, "B", 64 * self.t1)

    @cached_property
    def b(self) -> Start:
        """How long an INVITE waits over a transport that is reliable."""
        return Start("B", 64 * self.t1)

    @cached_property
    def e_f(self) -> StartBoth:
        """The first interval of another request, doubled up to T2, and how long it waits for its answer."""
        return StartBoth("E", self.t1, "F", 64 * self.t1)

    @cached_property
    def f(self) -> Start:
        """How long another request waits over a transport that is reliable."""
        return Start("F", 64 * self.t1)

    @cached_property
    def g_h(self) -> StartBoth:
        """The first interval of a refusal, doubled up to T2, and how long that waits for its ACK."""
        return StartBoth("G", self.t1, "H", 64 * self.t1)

    @cached_property
    def h(self) -> Start:
        """How long such a refusal waits over a transport that is reliable."""
        return Start("H", 64 * self.t1)

    @cached_property
    def i(self) -> Lingers:
        """How long more of these ACKs may come."""
        return Lingers("I", self.t4)

    @cached_property
    def j(self) -> Lingers:
        """How long other requests may come again."""
        return Lingers("J", 64 * self.t1)

    @cached_property
    def k(self) -> Lingers:
        """How long their responses may come again."""
        return Lingers("K", self.t4)

    @cached_property
    def l(self) -> Lingers:  # noqa: E743 - the letter that RFC 6026 gives it
        """How long an INVITE may come again after its 2xx."""
        return Lingers("L", 64 * self.t1)

    @cached_property
    def m(self) -> Lingers:
        """How long more 2xx may come."""
        return Lingers("M", 64 * self.t1)

    @cached_property
    def linger(self) -> Lingers:
        """Timer D: how long a refusal may come again."""
        return Lingers("D", max(self.d, 64 * self.t1))

    @cached_property
    def invite_trying(self) -> Start:
        """The delay of the 100 to an INVITE."""
        return Start(TRYING, self.trying)

    @cached_property
    def other_trying(self) -> Start:
        """The delay of the 100 to another request."""
        return Start(TRYING, self.to_t2)

    @cached_property
    def to_t2(self) -> float:
        """How long it takes a timer E until it is reset to T2 (RFC 4320 section 4.1)."""
        elapsed = interval = self.t1
        while (interval := 2 * interval) < self.t2:
            elapsed += interval
        return elapsed


class Start(NamedTuple):
    """Let C{timer} fire after so many seconds."""

    timer: str
    seconds: float


class StartBoth(NamedTuple):
    """Let both timers run, of which the one that repeats something fires first."""

    repeats: str
    after: float
    ends: str
    at_last: float


class Stop(NamedTuple):
    """The timer is of no more use."""

    timer: str


class StopBoth(NamedTuple):
    """Neither timer is."""


class Lingers(NamedTuple):
    """
    The machine has done its work; what comes again is met without it, until the timer fires.

    The letter says how: I and K absorb it, J and D answer it with C{last} of the
    machine, and L and M let the ACK or the 2xx go up to the transaction user (RFC
    6026).  What is left is small, and that of many calls is forgotten together.
    """

    timer: str
    seconds: float


class Cancel(NamedTuple):
    """Send the CANCEL that was asked for (RFC 3261 section 9.1)."""


class Failed(NamedTuple):
    """Tell the transaction user of a timeout (408) or a transport error (503)."""

    code: int


class Ended(NamedTuple):
    """The transaction is over and can be forgotten."""


Effect: TypeAlias = bytes | Response | Start | StartBoth | Stop | StopBoth | Lingers | Cancel | Failed | Ended
Effects: TypeAlias = tuple[Effect, ...]

ENDED = Ended()
STOP_BOTH = StopBoth()
CANCEL = Cancel()
OVER: Effects = (ENDED,)
TIMED_OUT: Effects = (ENDED, Failed(408))
UNREACHABLE: Effects = (ENDED, Failed(503))
