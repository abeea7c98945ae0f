"""What outlives the process of the media of a call that pass through a relay."""

from __future__ import annotations

from typing import Any, NamedTuple


class Kept(NamedTuple):
    """What outlives the process."""

    state: dict[str, Any]
    """From L{IRelay.state}."""
    pairs: tuple[tuple[int, int], ...]
    """Who hears each other by the relay, as numbers of legs."""
    wanted: tuple[str, ...]
    recording: str
    """The path of what is being recorded; empty for nothing."""

    @classmethod
    def read(cls, plain: dict[str, Any], legs: int) -> Kept:
        """
        Read what L{CallRelay.write} wrote.

        @raise ValueError: it names a leg that is not there.
        """
        pairs = tuple((int(one), int(other)) for one, other in plain["pairs"])
        if not all(0 <= n < legs for pair in pairs for n in pair):
            raise ValueError("no such leg")
        return cls(
            dict(plain["state"]), pairs, tuple(map(str, plain["wanted"])), str(plain.get("recording", ""))
        )
