"""What the operations see of a call: all that can go on in it, so that they can change who talks to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from b2bua.calls.operations.waiting import WaitedCall
from b2bua.calls.ports import Listener
from b2bua.calls.protocol import Shared
from b2bua.calls.routing.search import SearchingCall
from b2bua.calls.setup import CallInSetup

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred

    from b2bua.calls.path import Path
    from b2bua.calls.records.record import CallRecord
    from b2bua.calls.relay.call_relay import CallRelay
    from b2bua.calls.verdicts import Outcome
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party
    from b2bua.legs.words import Word


class Talking(Listener, Protocol):
    """A conversation of ours with a party."""

    def over(self) -> None:
        """Somebody else talks to the party from now on."""


class OperatedCall(SearchingCall, CallInSetup, WaitedCall, Protocol):
    """A call with everything that operations change in it."""

    caller: Leg | None
    max_forwards: int
    max_breadth: int
    started: bool
    talked: bool
    over: bool
    relay: CallRelay | None

    def relayed(self) -> CallRelay | None:
        """Those of its media that pass through a relay, to be changed; None where none can."""

    @property
    def calls(self) -> CallTable:
        """The table that it is in."""

    def is_busy(self, leg: Leg) -> bool:
        """Is something at work on the leg: a search, a transfer, an operation of a feature?"""
        raise NotImplementedError

    def listener(self, leg: Leg) -> Listener | None:
        """Who hears the words of a leg."""
        raise NotImplementedError

    async def ring_from(
        self, talk: Talking, leg: Leg, target: str, behalf: Party, ring_seconds: float | None
    ) -> Outcome:
        """Ring a target for a party that talks to us."""
        raise NotImplementedError

    def start(self) -> None:
        """The features hear of it, and so of its end."""


class CallTable(Shared, Protocol):
    """All calls, for the operations that begin one or look for another one."""

    @property
    def changed(self) -> Callable[[Any], None] | None:
        """Told of a call of which another thing has to be written down; None where nothing is."""

    @property
    def written(self) -> Callable[[], Deferred[None]]:
        """Waits until what is kept of calls by now has been written, or the store fails."""
        raise NotImplementedError

    def find(self, id: str) -> OperatedCall | None:
        """The call of that id that goes on."""
        raise NotImplementedError

    def may_begin(self) -> bool:
        """May there be one more call?"""
        raise NotImplementedError

    def new_call(
        self, caller: Leg | Party, dialled: str, path: Path | None = None, *, record: CallRecord | None = None
    ) -> OperatedCall:
        """Begin a call, or go on with one that was written down."""
        raise NotImplementedError

    def hear(self, leg: Leg, word: Word) -> None:
        """Take a word of a leg, after all that came before."""
