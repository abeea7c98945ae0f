"""
What is counted for a monitoring system: what happens to calls, when some of them are over.

No extension, number, address or Call-ID is a label: how many series there are does
not depend on who calls.  All else is read when somebody asks, by
L{b2bua.admin.exposition}, which is loaded for the first who does.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from b2bua.admin.ended import Told
    from b2bua.calls.call import Call
    from b2bua.calls.records.record import CallRecord

SETTING_UP = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
RINGING = (0.5, 1, 2, 5, 10, 15, 20, 30, 45, 60, 120, 180)
TALKING = (5, 15, 30, 60, 120, 300, 600, 1800, 3600)
JITTER = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
MOS = (2.0, 2.5, 3.0, 3.5, 3.8, 4.0, 4.2, 4.4)
OUTCOMES = ("answered", "busy", "no answer", "gave up", "unknown", "refused", "failed")
KINDS = ("extension", "trunk", "stranger", "server")


class Distribution:
    """How often something was how large."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """
        Count from now on.

        @param bounds: the largest of each step but the last, which takes the rest.
        """
        self.bounds = bounds
        self.steps = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, values: Iterable[float]) -> None:
        """It was so large, each time; less than nothing, by a clock that was set, is nothing."""
        bounds, steps = self.bounds, self.steps
        for value in values:
            if value > 0.0:
                steps[bisect_left(bounds, value)] += 1
                self.sum += value
            else:
                steps[0] += 1


class Metrics:
    """What is counted."""

    def __init__(self, wall: Callable[[], float]) -> None:
        """
        Begin to count.

        @param wall: the time of day.
        """
        self._wall = wall
        self.since = wall()
        self.ended: Counter[tuple[str, str]] = Counter()
        """Calls that are over, by who called and how they ended."""
        self.ended_since: dict[tuple[str, str], float] = {}
        """When the first of each was counted."""
        self.setting_up = Distribution(SETTING_UP)
        self.ringing = Distribution(RINGING)
        self.talking = Distribution(TALKING)
        self.packets = 0
        self.lost = 0
        self.jitter = Distribution(JITTER)
        self.mos = Distribution(MOS)

    def over(self, calls: Sequence[Told]) -> None:
        """Calls are over."""
        records = [record for record, _, _ in calls]
        self.setting_up.observe([delay for _, _, delay in calls if delay is not None])
        kinds = Counter([(record.caller.partition(" ")[0], outcome(record)) for record in records])
        for (caller, how), number in kinds.items():
            kind = caller if caller in KINDS else "stranger", how
            self.ended[kind] += number
            self.ended_since.setdefault(kind, self._wall())
        times = [(r.started, r.answered, r.ended) for r in records if r.answered is not None]
        self.ringing.observe([answered - started for started, answered, _ in times])
        self.talking.observe([ended - answered for _, answered, ended in times if ended is not None])

    def counted(self, call: Call) -> None:
        """It is known what media of a call that is over came."""
        legs = [leg for leg in call.record.legs if leg.packets]
        for leg in legs:
            self.packets += leg.packets or 0
            self.lost += max(0, leg.lost or 0)
        self.jitter.observe([leg.jitter or 0.0 for leg in legs])
        self.mos.observe([leg.mos for leg in legs if leg.mos is not None])


def outcome(record: CallRecord) -> str:
    """How a call ended, as one of a few words."""
    if record.answered is not None:
        return "answered"
    if record.status in (486, 600):
        return "busy"
    if record.status in (408, 480):
        return "no answer"
    if record.status == 487:
        return "gave up"
    if record.status in (404, 410, 484, 604):
        return "unknown"
    return "failed" if 500 <= record.status < 600 or not record.status else "refused"
