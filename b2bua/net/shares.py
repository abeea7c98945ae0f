"""What waits to be served, in fair shares: parties take turns, each with what it sent first."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator
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
        self._count = 0

    def __len__(self) -> int:
        """How many messages wait."""
        return self._count

    def __iter__(self) -> Iterator[Waiting]:
        """All of them."""
        return (waiting for queue in self._queues.values() for waiting in queue)

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
        self._queues.setdefault(party, deque()).append(waiting)
        self._count += 1

    def take(self) -> Waiting:
        """Take the next one; its party is the last now to have a turn."""
        party = next(iter(self._queues))
        queue = self._queues.pop(party)
        waiting = queue.popleft()
        if queue:
            self._queues[party] = queue
        self._count -= 1
        return waiting

    def clear(self) -> None:
        """Forget all of them."""
        self._queues.clear()
        self._count = 0
