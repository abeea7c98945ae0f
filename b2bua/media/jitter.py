"""Packets that come when they like, given out in their order and at their time."""

from __future__ import annotations

from b2bua.media.rtp import Packet, later

DEPTH = 3
"""Packets that are waited for before the first is given out: 60 ms."""
MOST = 50
"""Packets that are kept: a second."""


class JitterBuffer:
    """
    A fixed delay, in which packets that overtake each other find their order.

    What comes too late, or twice, is dropped; where one is missing when its
    turn comes there is nothing.  After a jump of more than a second the buffer
    begins anew, as after a transfer at the far end.
    """

    def __init__(self, depth: int = DEPTH, most: int = MOST) -> None:
        """
        Begin empty.

        @param depth: packets that are waited for before the first is given out.
        @param most: packets that are kept.
        """
        self._depth, self._most = depth, most
        self._packets: dict[int, bytes] = {}
        self._next: int | None = None
        self._filling = True
        self.late = 0
        """Packets that came after their turn."""
        self.lost = 0
        """Turns for which nothing had come."""

    def __len__(self) -> int:
        """How many packets wait for their turn."""
        return len(self._packets)

    def put(self, packet: Packet) -> None:
        """Take a packet."""
        seq = packet.seq
        if self._next is None or (seq - self._next + self._most) & 0xFFFF > 2 * self._most:
            self._packets.clear()
            self._next, self._filling = seq, True
        elif later(self._next, seq):
            if not self._filling:
                self.late += 1
                return
            self._next = seq
        self._packets[seq] = packet.payload
        if len(self._packets) > self._most:
            self._packets.clear()
            self._next, self._filling = None, True

    def take(self) -> bytes | None:
        """
        Give out the frame whose turn it is, once in the time that one lasts.

        @return: None where there is none: nothing has come yet, or one is lost.
        """
        if self._next is None or (self._filling and len(self._packets) < self._depth):
            return None
        self._filling = False
        found = self._packets.pop(self._next, None)
        if found is None:
            if not self._packets:
                self._next, self._filling = None, True  # a pause: silence is not sent
                return None
            self.lost += 1
        self._next = (self._next + 1) & 0xFFFF
        return found
