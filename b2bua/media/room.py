"""
Several parties who hear each other: each hears the sum of the others, and what is played to all.

The parties are told of the clock one by one, every 20 ms: first all listen, then
the room adds up, then all speak.
"""

from __future__ import annotations

from itertools import accumulate

from b2bua.media.endpoint import SILENCE, Endpoint
from b2bua.media.g711 import mixed
from b2bua.media.sounds import Sound


class Room:
    """Who is in it."""

    def __init__(self) -> None:
        """Begin empty."""
        self.members: list[Endpoint] = []
        self._playing: Sound | None = None
        self._at = 0

    def join(self, member: Endpoint, *, muted: bool) -> None:
        """Hear the others, and be heard unless C{muted}; who is in it already may change that."""
        member.muted = muted
        if member not in self.members:
            self.members.append(member)
            member.others = SILENCE

    def leave(self, member: Endpoint) -> None:
        """Hear nobody any more."""
        if member in self.members:
            self.members.remove(member)
        member.others = None

    def play(self, sound: Sound) -> None:
        """Play something to all, in place of what is played to all."""
        self._playing, self._at = sound, 0

    def mix(self) -> None:
        """
        Let everybody hear 20 ms of the others.

        Sums from the left and from the right make it three additions a member,
        however many there are.
        """
        announced = SILENCE
        if self._playing is not None and self._at < self._playing.frames:
            announced = self._playing.samples(self._at)
            self._at += 1
        said = [SILENCE if one.muted or one.heard is None else one.heard for one in self.members]
        before = list(accumulate(said, mixed, initial=announced))
        after = list(accumulate(reversed(said), mixed, initial=SILENCE))[::-1]
        for at, member in enumerate(self.members):
            member.others = mixed(before[at], after[at + 1])
