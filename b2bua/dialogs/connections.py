"""Which dialogs live with which connection to a peer, so that they hear when it is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from b2bua.transactions.flow import Flow

LOST = 1000
"""So many closed connections are remembered."""

C = TypeVar("C")


class Connections(Generic[C]):
    """The connections by which peers of dialogs are reached."""

    __slots__ = ("channels", "lost")

    def __init__(self) -> None:
        """Know none."""
        self.channels: dict[Flow, dict[C, None]] = {}
        """Those that live with a connection."""
        self.lost: dict[Flow, None] = {}
        """What was closed lately, lest an answer that is late brings a dialog back to it."""

    def join(self, channel: C, flow: Flow) -> None:
        """Have a channel hear of the loss of its connection."""
        self.channels.setdefault(flow, {})[channel] = None

    def leave(self, channel: C, flow: Flow) -> None:
        """Have it hear of that no more."""
        living = self.channels.get(flow)
        if living is not None:
            living.pop(channel, None)
            if not living:
                del self.channels[flow]

    def lose(self, flow: Flow) -> list[C]:
        """Note that a connection is closed; give the channels that lived with it."""
        self.lost[flow] = None
        if len(self.lost) > LOST:
            del self.lost[next(iter(self.lost))]
        return list(self.channels.get(flow, ()))
