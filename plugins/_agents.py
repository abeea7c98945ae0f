"""What is kept of agents over restarts: how they are, what they have done, whose turn it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from b2bua import Service


class AgentBook:
    """The rows about agents and queues, by their numbers."""

    def __init__(self, service: Service, now: Callable[[], datetime]) -> None:
        """Open it."""
        self._data = service.data
        self._now = now

    def _write(self, key: str, row: Any) -> None:
        """Keep a row."""
        with self._data.change() as rows:
            rows[key] = row

    # ---- agents ---------------------------------------------------------

    def of(self, queue: str, agent: str) -> Mapping[str, Any]:
        """An agent in a queue: C{state}, if it was ever set, C{calls} taken, and when the C{last} one was."""
        return {"calls": 0, "last": 0.0, **self._data.get(f"agent {queue} {agent}", {})}

    def sets(self, queue: str, agent: str, state: str) -> None:
        """An agent comes, goes or has a pause."""
        self._write(f"agent {queue} {agent}", {**self.of(queue, agent), "state": state})

    def rests(self, agent: str, seconds: float) -> None:
        """An agent is left alone for a while."""
        self._write(f"rest {agent}", self._now().timestamp() + seconds)

    def rest_of(self, agent: str) -> float:
        """Seconds that an agent is still left alone."""
        return max(0.0, float(self._data.get(f"rest {agent}", 0.0)) - self._now().timestamp())

    def rings(self, queue: str, agent: str) -> None:
        """An agent is rung: the next turn is somebody else's."""
        self._write(f"turn {queue}", agent)

    def turn(self, queue: str) -> str:
        """Whom a queue has rung last; empty at the beginning."""
        return str(self._data.get(f"turn {queue}", ""))

    # ---- calls that they have taken -------------------------------------

    def takes(self, queue: str, agent: str, call: str) -> None:
        """An agent talks to a caller."""
        own = self.of(queue, agent)
        row = {**own, "calls": own["calls"] + 1, "last": self._now().timestamp()}
        with self._data.change() as rows:
            rows[f"agent {queue} {agent}"] = row
            rows[f"call {call}"] = [queue, agent]
        self.count(queue, "answered")

    def taken(self) -> dict[str, tuple[str, str]]:
        """The calls that agents have taken and that go on, each with its queue and agent."""
        return {
            key.removeprefix("call "): (row[0], row[1])
            for key, row in self._data.items()
            if key.startswith("call ")
        }

    def leaves(self, call: str) -> None:
        """It is not an agent's any more."""
        with self._data.change() as rows:
            rows.pop(f"call {call}", None)

    # ---- figures --------------------------------------------------------

    def count(self, queue: str, what: str) -> None:
        """One more."""
        row = self.figures(queue)
        self._write(f"figures {queue}", {**row, what: row[what] + 1})

    def queues(self) -> set[str]:
        """Every queue that has had a caller, those too that the configuration has no more."""
        return {key.removeprefix("figures ") for key in self._data if key.startswith("figures ")}

    def figures(self, queue: str) -> dict[str, int]:
        """What has become of all callers so far."""
        return {"callers": 0, "answered": 0, "sent on": 0, **self._data.get(f"figures {queue}", {})}
