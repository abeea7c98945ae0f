"""
The relay of one call: why it has one, what becomes of it, and what outlives the process.

Which sessions pass through it, and how, is L{b2bua.calls.relay.sessions}.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from b2bua.calls.relay.kept import Kept
from b2bua.calls.relay.sessions import RelayedCall, RelayedSessions
from b2bua.calls.relay.way import Way
from b2bua.media.ports import RelayHappened

if TYPE_CHECKING:
    from b2bua.legs.leg import Leg
    from b2bua.media.ports import IRelay, IRelays, Statistics


class IRecording(Protocol):
    """A recording that is being made."""

    path: str

    def has_ended(self, why: str) -> None:
        """It is over, with the call or by itself."""


class CallRelay(RelayedSessions):
    """Which of the parties of a call hear each other through a relay: C{call.relay}."""

    def __init__(self, call: RelayedCall, relays: IRelays, straight: Sequence[tuple[Leg, Leg]] = ()) -> None:
        """
        Begin with none.

        @param relays: the engine, as long as the call lasts.
        @param straight: who has invited whom without a relay.
        """
        super().__init__(call, relays, straight)
        self._number = 0
        """How many relays there have been: of those before, nothing more is heard."""
        self.recording: IRecording | None = None
        """The recording that is being made."""
        self.resumed = ""
        """Where a process before this one recorded to, if the engine goes on with that."""

    # ---- what the call wants --------------------------------------------

    @property
    def relay(self) -> IRelay | None:
        """The relay, once something passes through it."""
        return self._relay

    @property
    def lost(self) -> bool:
        """Does somebody send to a relay that is gone?"""
        return bool(self._stale)

    def want(self, why: str) -> None:
        """From the next offer on, have all media pass here."""
        self._wanted[why] = None

    def wants(self, why: str) -> bool:
        """Is that a reason to have all media pass here?"""
        return why in self._wanted

    def want_no_more(self, why: str) -> None:
        """Let media of those who are shown to each other from now on go as they would without that reason."""
        self._wanted.pop(why, None)

    # ---- the relay ------------------------------------------------------

    def _opened(self) -> IRelay:
        """The relay, which is there from the first session on."""
        if self._relay is None:
            self._relay = self._relays.open(self._call.id, self._hear())
        return self._relay

    def _hear(self) -> Callable[[RelayHappened], None]:
        """Hear of the next relay, and of none before it."""
        self._number += 1
        return partial(self._call.calls.run, self._happened, self._number)

    def _happened(self, number: int, happened: RelayHappened) -> None:
        """The relay has something to say."""
        if number != self._number or self._relay is None:
            return
        if happened.what == "gone":
            self._relay = None
            self._open.clear()
            self._early.clear()
            self._stale.update(*(pair for pair, known in self._ways.items() if known.relayed))
            self._ways = {pair: known for pair, known in self._ways.items() if not known.relayed}
            self._call.story.note("the relay is gone: {}", happened.detail or "it does not answer")
        if self.recording is not None and happened.what in ("gone", "recorded"):
            self._call.story.note("recorded no more: {}", happened.detail)
            self.recording.has_ended(happened.detail or "the relay is gone")
        self._call.relay_happened(happened)

    def let_go(self) -> None:
        """Another process goes on with the call."""
        relay, self._relay = self._relay, None
        self._ways.clear()
        if relay is not None:
            relay.let_go()

    def close(self) -> None:
        """The call is over."""
        relay, self._relay = self._relay, None
        self._ways.clear()
        if relay is not None:
            relay.close().addCallback(partial(self._call.calls.run, self._counted))
        elif self.recording is not None:
            self.recording.has_ended("")

    def _counted(self, statistics: Statistics | None) -> None:
        """All is closed: tell what has come from each party."""
        if self.recording is not None:
            self.recording.has_ended("")
        for leg, came in (statistics or {}).items():
            quality = "" if came.mos is None else f", MOS {came.mos:.1f}"
            self._call.story.note(
                "leg {}: {} packets came, {} were lost, jitter {:.0f} ms{}",
                leg, came.packets, came.lost, came.jitter * 1000, quality,
            )  # fmt: skip
            self._call.record.media_came(leg, came)
        if statistics:
            self._call.media_counted()

    # ---- beyond the process ---------------------------------------------

    def write(self, legs: Sequence[Leg]) -> dict[str, Any] | None:
        """Write down what another process needs to go on; None if nothing passes here."""
        if self._relay is None:
            return None
        relayed = [pair for pair, known in self._ways.items() if known.relayed and pair <= {*legs}]
        pairs = [sorted(map(legs.index, pair)) for pair in relayed]
        path = "" if self.recording is None else self.recording.path
        return {
            "state": self._relay.state(),
            "pairs": pairs,
            "wanted": list(self._wanted),
            "recording": path,
        }

    def resume(self, kept: Kept, legs: Sequence[Leg]) -> None:
        """Go on with what was kept; if the engine knows nothing of it, the relay is gone."""
        self._wanted = dict.fromkeys(kept.wanted)
        self._relay = self._relays.resume(self._call.id, kept.state, self._hear())
        if self._relay is not None:
            self.resumed = kept.recording
            self._ways = {frozenset((legs[a], legs[b])): Way(True) for a, b in kept.pairs}
        elif kept.pairs:
            gone = RelayHappened("gone", detail="it has not outlived the process before")
            self._call.story.note("the relay is gone: {}", gone.detail)
            self._stale.update(legs[n] for pair in kept.pairs for n in pair)
            self._call.calls.later(0, self._call.relay_happened, gone)
