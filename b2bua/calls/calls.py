"""All calls of a server, and the inbox through which everything reaches them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from b2bua.calls.call import LAST, Call
from b2bua.calls.operations import hold_music
from b2bua.calls.state import state_of
from b2bua.legs.words import Offered, Word

if TYPE_CHECKING:
    from b2bua.calls.identity import Identities
    from b2bua.calls.path import Path
    from b2bua.calls.ports import Decisions, Directory
    from b2bua.calls.records.record import CallRecord
    from b2bua.calls.records.view import CallState
    from b2bua.clock import ITimer
    from b2bua.legs.leg import Leg, LegContext
    from b2bua.legs.party import Party
    from b2bua.media.ports import IRelays, IVoices

T = TypeVar("T")


class Calls:
    """
    The calls that go on.

    Words of legs, timers and answers of features are taken one at a time, each
    to its end: what happens meanwhile waits in the inbox.  So no step of a call
    ever sees another one half done.
    """

    __slots__ = (
        "_busy",
        "_calls_max",
        "_changes",
        "_ends_with",
        "_hand_on",
        "_inbox",
        "_told",
        "began",
        "changed",
        "context",
        "counted",
        "dialogs",
        "directory",
        "draining",
        "elsewhere",
        "ended",
        "entertained",
        "features",
        "going",
        "hear",
        "identities",
        "joined",
        "lasting",
        "layer",
        "leaving",
        "log",
        "now",
        "onlookers",
        "recorded",
        "relays",
        "tap",
        "token",
        "voices",
        "written",
    )

    def __init__(
        self,
        context: LegContext[Leg],
        directory: Directory,
        identities: Identities,
        features: Decisions,
        *,
        calls_max: int = 100_000,
    ) -> None:
        """
        Begin without a call.

        @param calls_max: how many there may be.
        """
        self.log = Logger(f"{__name__}.Calls")
        self.context = context
        self.layer = context.layer
        self.directory = directory
        self.identities = identities
        self.features = features
        self.dialogs = context.dialogs
        self.now = context.layer.now
        self.token = context.token
        self.going: dict[str, Call] = {}
        self.elsewhere: Container[str] = ()
        """Those that a process before this one still has, until it hands them over."""
        self.draining = False
        """Do those that go on come to their end, and no new one begins?"""
        self.lasting: dict[str, dict[str, Any]] = {}
        """What features hand to their next generation, by the name of the plugin."""
        self._calls_max = calls_max
        self.voices: IVoices | None = None
        """Who can play and listen; None where nobody can."""
        self.relays: IRelays | None = None
        """Who can pass media on; None where nobody can."""
        self.began: Callable[[Call], None] | None = None
        """Told of each call when it begins."""
        self.recorded: Callable[[Call], None] | None = None
        """Told of each call when its record says more: it is answered, somebody comes or goes."""
        self.leaving: Callable[[Call], None] = lambda call: None
        """Told of a call whose parties are about to be left to an operation."""
        self.joined: Callable[[Call], None] = lambda call: None
        """Told of a call in which an operation has joined two."""
        self.written: Callable[[], Deferred[None]] = lambda: succeed(None)
        """Waits until what is kept of calls by now has been written, or the store fails."""
        self.changed: Callable[[Call], None] | None = None
        """Told of each call when who talks to whom, who holds, rings or waits has changed."""
        self.onlookers: tuple[Callable[[CallState], None], ...] = ()
        """Told of the same as features that hear C{call_changed}, as long as somebody looks."""
        self.tap: Callable[[float, str, Leg, Word], None] | None = None
        """Told of each word that a call hears: when, in which call, from which leg."""
        self.ended: Callable[[Call], None] = lambda call: None
        """Told of each call when it is over, once."""
        self.counted: Callable[[Call], None] = lambda call: None
        """Told of each call that is over when its record says what media came."""
        self.hear: Callable[[Leg, Word], None] = self._hear
        """Takes a word of a leg, after all that came before."""
        self._hand_on: Callable[[Leg, Word], None] = self._heard
        self.entertained: Callable[[Leg, Word], bool] = partial(hold_music.said, self)
        """Looks at a word on its way to a leg: is its party about to wait, and is there something to hear?"""
        self._inbox: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._busy = False
        self._changes: dict[Call, None] = {}
        self._ends_with: dict[str, list[Callable[[], None]]] = {}
        self._told: dict[str, CallState] = {}
        """How each call was when the features heard of it last, if they want to."""

    # ---- the inbox ------------------------------------------------------

    def _hear(self, leg: Leg, word: Word) -> None:
        """Take a word of a leg now, or when the present step is done."""
        if self._busy:
            self._inbox.append((self._hand_on, (leg, word)))
            return
        self._busy = True
        try:
            self._heard(leg, word)
        finally:
            self._busy = False
            if self._inbox or self._changes:
                self.run(_nothing)

    def _heard(self, leg: Leg, word: Word) -> None:
        """Hand a word to whoever listens to the leg by now."""
        call: Call | None = leg.call
        if call is None:
            return
        tap = self.tap
        try:
            plain = leg.seldom is None or (leg.music is None and leg.held is None)
            for one in (word,) if plain else _as_told(leg, word):
                if tap is not None:
                    layer = self.layer
                    tap(layer.moment or layer.now(), call.id, leg, one)
                listener = leg.listener if leg.call is call else None
                if type(one) in LAST:
                    call.hear_last(leg, listener, one)
                elif listener is not None:
                    listener.hear(leg, one)
                elif type(one) is Offered:
                    call.begin(one)
        except Exception:  # noqa: BLE001  # a bug of ours costs this call, and no other one
            self.log.failure("{call} broke on {word!r}", Failure(), call=call.id, word=word)
            call.abandon()

    def run(self, step: Callable[..., None], *values: Any) -> None:
        """Take a step now, or when the present one is done; then all that follows from it."""
        inbox = self._inbox
        if self._busy:
            inbox.append((step, values))
            return
        self._busy = True
        try:
            step(*values)
            while inbox or self._changes:
                if inbox:
                    step, values = inbox.popleft()
                    step(*values)
                else:
                    self._tell_changes()
        finally:
            self._busy = False
            if inbox:
                self.later(0, _nothing)  # a step broke, and what is behind it belongs to others

    def run_in(self, call: Call | None, step: Callable[..., None], *values: Any) -> None:
        """
        Take a step of a call as L{run} does, for what an engine or a library has called back.

        A bug of ours in it costs this call, and no other one: whoever waits in it for an answer gets one.

        @param call: None for a leg that has left its call meanwhile.
        """
        self.run(self._in_call, call, step, values)

    def _in_call(self, call: Call | None, step: Callable[..., None], values: tuple[Any, ...]) -> None:
        try:
            step(*values)
        except Exception:  # noqa: BLE001  # it is logged, and ends the call
            self.log.failure("{call} broke", Failure(), call="a leg of no call" if call is None else call.id)
            if call is not None:
                call.abandon()

    def later(self, seconds: float, step: Callable[..., None], *values: Any) -> ITimer:
        """Take a step after C{seconds}."""
        return self.context.layer.start(seconds, lambda: self.run(step, *values))

    def when(self, answer: T | Deferred[T], then: Callable[[T], None], broken: Callable[[], None]) -> None:
        """
        Go on with an answer: at once when it is there already, else when it has come.

        What fails at once fails for whoever has asked; what fails later has nobody else to tell.

        @param broken: called if it fails later, after that is logged: answers whoever asked all the same.
        """
        if answer is not None and isinstance(answer, Deferred):
            answer.addCallbacks(
                lambda value: self.run(self._go_on, then, value, broken),
                lambda failure: self.run(self._broke, failure, broken),
            )
        else:
            then(answer)

    def _go_on(self, then: Callable[[T], None], value: T, broken: Callable[[], None]) -> None:
        """The answer has come."""
        try:
            then(value)
        except Exception:  # noqa: BLE001  # a bug of ours: it is logged, and the request answered
            self._broke(Failure(), broken)

    def _broke(self, failure: Failure, broken: Callable[[], None]) -> None:
        """It does not go on."""
        self.log.failure("what was decided later could not be carried out", failure)
        broken()

    # ---- what has changed -----------------------------------------------

    def look(self, tell: Callable[[CallState], None]) -> None:
        """Tell somebody from now on how each call is when it has changed."""
        if tell not in self.onlookers:
            self.onlookers = (*self.onlookers, tell)

    def look_away(self, tell: Callable[[CallState], None]) -> None:
        """Tell them no more."""
        self.onlookers = tuple([one for one in self.onlookers if one != tell])

    def tell_of(self, call: Call) -> None:
        """A call has changed: whoever wants to know hears so when the present step is done."""
        if self.onlookers or self.features.hears_changes:
            self._changes[call] = None
            if not self._busy:
                self.run(_nothing)

    def _tell_changes(self) -> None:
        """Tell the features of now how each call is that is not as it was told last."""
        changes, self._changes = self._changes, {}
        for call in changes:
            state, before = state_of(call), self._told.get(call.id)
            if before is not None and replace(state, since=0.0) == before:
                continue
            if call.over:
                self._told.pop(call.id, None)
            else:
                self._told[call.id] = replace(state, since=0.0)
            for tell in self.onlookers:
                tell(state)
            self.features.tell_call_changed(state)

    # ---- the table ------------------------------------------------------

    def may_begin(self) -> bool:
        """May there be one more call?"""
        return not self.draining and len(self.going) < self._calls_max

    def new_call(
        self, caller: Leg | Party, dialled: str, path: Path | None = None, *, record: CallRecord | None = None
    ) -> Call:
        """Begin a call, or go on with one that was written down, of which there is a C{record} already."""
        return Call(self, caller, dialled, path, record=record)

    def find(self, id: str) -> Call | None:
        """The call of that id, if it goes on."""
        return self.going.get(id)

    def over(self, call: Call) -> None:
        """Forget a call that is over."""
        if self._told and not (self.onlookers or self.features.hears_changes):
            self._told.pop(call.id, None)
        if call.id in self.going:
            del self.going[call.id]
            if self._ends_with:
                for end in self._ends_with.pop(call.id, ()):
                    end()
            self.ended(call)

    def let_go(self, call: Call) -> None:
        """Forget a call that goes on elsewhere: it is not over, so nobody hears that it is."""
        self._told.pop(call.id, None)
        if self.going.pop(call.id, None) is not None:
            for end in self._ends_with.pop(call.id, ()):
                end()

    def end_with(self, call: str, end: Callable[[], None]) -> None:
        """Have something ended with a call; at once if it is over."""
        if call in self.going:
            self._ends_with.setdefault(call, []).append(end)
        else:
            end()


def _as_told(leg: Leg, word: Word) -> Iterator[Word]:
    """A word as the call is to hear it, behind a voice of ours and before what waits for a relay."""
    for one in (word,) if leg.music is None else leg.music.heard(word):
        yield from (one,) if leg.held is None else leg.held.heard(one)


def _nothing() -> None:
    """Take no step: only what it brings with it is wanted."""
