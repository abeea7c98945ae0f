"""What waits to be served, in fair shares: parties take turns, each with what it sent first."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import NamedTuple

from b2bua.transactions.flow import Flow


class Waiting(NamedTuple):
    """A message that waits for its turn."""

    since: float
    key: Hashable | None
    """None if it cannot be turned away."""
    data: bytes
    flow: Flow


class Shares:
    """
    Queues, one for each party.

    Who sends a hundred times as much as others waits a hundred times as long,
    and they do not wait for it.
    """

    def __init__(self) -> None:
        """Have nothing that waits."""
        self._queues: dict[str, deque[Waiting]] = {}
        self.count = 0
        """How many messages wait."""

    @property
    def parties(self) -> int:
        """How many have something that waits."""
        return len(self._queues)

    def of(self, party: str) -> int:
        """How many of a party wait."""
        return len(self._queues.get(party, ()))

    def since(self, party: str) -> float | None:
        """Since when the first of a party waits, if one does."""
        queue = self._queues.get(party)
        return queue[0].since if queue else None

    def put(self, party: str, waiting: Waiting) -> None:
        """Let a message of a party wait."""
        queues = self._queues
        if party in queues:
            queues[party].append(waiting)
        else:
            queues[party] = deque((waiting,))
        self.count += 1

    def take(self) -> Waiting:
        """Take the next one; its party is the last now to have a turn."""
        queues = self._queues
        party = next(iter(queues))
        waiting = queues[party].popleft()
        if len(queues) > 1 or not queues[party]:
            queue = queues.pop(party)
            if queue:
                queues[party] = queue
        self.count -= 1
        return waiting

    def clear(self) -> None:
        """Forget all of them."""
        self._queues.clear()
        self.count = 0
