"""
The transport layer: what leaves, on which wire, and what peers may cost (RFC 3261 section 18).

It knows nothing of transactions; they stand on it, as the wires hang below it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from twisted.internet.interfaces import IReactorTime

from b2bua.net.admission import Admission, ConnectionCount, Halves
from b2bua.net.limits import NetLimits
from b2bua.net.tokens import Unguessable, tokens
from b2bua.net.traffic import Traffic
from b2bua.net.wheel import Wheel
from b2bua.net.wires import Wire, Wires
from b2bua.transactions.effects import TimerValues
from b2bua.transactions.flow import Flow
from b2bua.transactions.matching import COOKIE

GATHERED = 16
"""So much is sent at once at most."""


@dataclass(slots=True)
class Counts:
    """What came of messages."""

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


class TransportLayer:
    """What transactions send by, and time themselves by."""

    def __init__(
        self,
        clock: IReactorTime,
        *,
        timers: TimerValues | None = None,
        limits: NetLimits | None = None,
        token: Callable[[], str] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """
        Stand ready; wires are attached afterwards.

        @param clock: the reactor, or a clock that stands still.
        @param timers: for all peers that L{set_timers} says nothing of.
        @param token: makes what must be unique and not be guessed: branches
            and tags.
        @param wall: the time of day.
        """
        self.wheel = Wheel(clock)
        self.now: Callable[[], float] = clock.seconds
        self.start = self.wheel.set
        self.wall = wall
        self.token = token or tokens(Unguessable())
        self.limits = limits = limits or NetLimits()
        self.counts = Counts()
        self.traffic = Traffic()
        """All that comes and goes."""
        self.wires = Wires(clock.seconds, limits.dead)
        self._known, self._vias = self.wires.by_address, self.wires.vias
        self.lost: Callable[[Flow, bytes], None] = lambda flow, data: None
        """Told what could not be sent, since there is no wire for it."""
        self.silent: Callable[[], bool] | None = None
        """Has another process what was ours, so that nothing may be said here any more?"""
        self.admission = Admission(limits.rate, limits.burst, limits.sources)
        # Of these there are few however well we know who sends them.
        self._keep_alives = Admission(limits.rate, limits.burst, limits.sources)
        self.connections = ConnectionCount(limits.connections, limits.connections_per_host)
        self.halves = Halves(limits.halves)
        self.timers = timers or TimerValues()
        """Those of all peers that L{set_timers} says nothing of."""
        self.own_timers: dict[str, TimerValues] = {}
        """Those of others, by their address or transport."""
        self._gathered: list[tuple[Wire, bytes, Flow]] | None = None

    def set_timers(self, who: str, timers: TimerValues | None = None) -> None:
        """
        Use other timers with some peers; without any, the usual ones again.

        @param who: the address of the peers, or a transport; the address counts
            for more.
        """
        if timers is None:
            self.own_timers.pop(who, None)
        else:
            self.own_timers[who] = timers

    def timers_of(self, flow: Flow | None) -> TimerValues:
        """Give the timers that hold for the peer of C{flow}."""
        own = self.own_timers
        if own and flow is not None:
            return own.get(flow.remote[0]) or own.get(flow.transport) or self.timers
        return self.timers

    # Who may cost us work.

    def admits(self, flow: Flow) -> bool:
        """May this source cost us another message?"""
        return self.admission.admit(flow.remote[0], self.now())

    def admits_keep_alives(self, flow: Flow, count: int = 1) -> bool:
        """May this source, known or not, have sent so many more of them?"""
        return self._keep_alives.admit(flow.remote[0], self.now(), count)

    # What leaves.

    def send(self, data: bytes, flow: Flow) -> None:
        """Send bytes on the wire of a flow."""
        if self.silent is not None and self.silent():
            return
        try:
            wire = self._known[flow[:2]]
        except KeyError:
            found = self.wires.wire_of(flow)
            if found is None:
                self.start(0.0, partial(self._is_lost, flow, data))
                return
            wire = found
        traffic = self.traffic
        block = traffic.block
        block += (self.wheel.now or self.now(), flow, True, data)
        if len(block) >= traffic.room:
            traffic.full()
        gathered = self._gathered
        if gathered is None:
            wire.send(data, flow)
            return
        gathered.append((wire, data, flow))
        if len(gathered) == GATHERED:
            self._release([])

    def _is_lost(self, flow: Flow, data: bytes) -> None:
        """There was no wire for it."""
        self.lost(flow, data)

    def together(self, work: Callable[[], None]) -> None:
        """
        Do some work, and send what comes of it together.

        The kernel wakes a receiver for each message that comes while it sleeps,
        which costs as much as sending some others that find it awake.
        """
        if self._gathered is not None:
            work()
            return
        self._gathered = []
        try:
            work()
        finally:
            self._release(None)

    def _release(self, others: list[tuple[Wire, bytes, Flow]] | None) -> None:
        """Send what is gathered, and gather what others there are, if that goes on."""
        gathered, self._gathered = self._gathered, others
        for wire, data, flow in gathered or ():
            wire.send(data, flow)

    def new_via(self, flow: Flow) -> tuple[str, str]:
        """Make the value of a Via for C{flow} with a branch of its own; give both."""
        token = self.token
        branch = COOKIE + token()
        try:
            via = self._vias[flow[:2]]
        except KeyError:
            via = self.wires.via_of(flow)
        return via + branch, branch
