"""What calls have cost today, by whom and by trunk; kept over restarts, those that go on included."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from b2bua import Service


class Going(NamedTuple):
    """A call that costs something and goes on."""

    payer: str
    trunk: str
    since: float
    """Seconds since 1970."""

    @property
    def owners(self) -> tuple[str, str]:
        """Whose minutes it takes."""
        return f"extension {self.payer}", f"trunk {self.trunk}"


class MinuteBook:
    """The rows about minutes: of calls that go on by the id of their leg, of others by whose they were."""

    def __init__(self, service: Service, now: Callable[[], datetime]) -> None:
        """Open it."""
        self._data = service.data
        self._now = now

    def going(self) -> dict[str, Going]:
        """The calls that go on."""
        return {
            key.removeprefix("leg "): Going(row["payer"], row["trunk"], row["since"])
            for key, row in self._data.items()
            if key.startswith("leg ")
        }

    def knows(self, leg: str) -> bool:
        """Is it counted already?"""
        return f"leg {leg}" in self._data

    def begins(self, leg: str, payer: str, trunk: str) -> None:
        """A call has been answered."""
        with self._data.change() as rows:
            rows[f"leg {leg}"] = {"payer": payer, "trunk": trunk, "since": self._now().timestamp()}

    def ends(self, leg: str) -> bool:
        """A call is over: its time is used up; was it one that costs something?"""
        going = self.going().get(leg)
        if going is None:
            return False
        spent, today = self.elapsed(going), self._now().date().isoformat()
        with self._data.change() as rows:
            del rows[f"leg {leg}"]
            for who in going.owners:
                rows[who] = {"day": today, "seconds": self._finished(who) + spent}
        return True

    def keep_only(self, legs: Collection[str]) -> None:
        """Calls that have ended while nobody looked cost nothing."""
        with self._data.change() as rows:
            for leg in self.going().keys() - set(legs):
                del rows[f"leg {leg}"]

    def elapsed(self, going: Going) -> float:
        """Seconds since the answer."""
        return max(0.0, self._now().timestamp() - going.since)

    def used(self, who: str) -> tuple[float, int]:
        """Seconds that are used up today, by calls that go on as well; and how many of those there are."""
        running = [self.elapsed(one) for one in self.going().values() if who in one.owners]
        return self._finished(who) + sum(running), len(running)

    def _finished(self, who: str) -> float:
        """Seconds of the calls of today that are over."""
        row = self._data.get(who, {})
        return float(row["seconds"]) if row.get("day") == self._now().date().isoformat() else 0.0
