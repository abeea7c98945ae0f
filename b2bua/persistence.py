"""What of a server outlives its process: bindings, subscriptions, records, and calls that go on."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from b2bua.calls.restoring.keeping import RINGING, CallKeeper
from b2bua.calls.restoring.recovery import NO_NUMBERS, Unreadable, recover
from b2bua.calls.restoring.snapshot import is_movable, movable
from b2bua.registrar.keeping import Keeper
from b2bua.store.alive import Alive, count_start, last_sign
from b2bua.store.journal import Journal
from b2bua.store.ports import Snapshot
from b2bua.subscriptions.keeping import SubscriptionKeeper

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from b2bua.calls.call import Call
    from b2bua.calls.records.record import CallRecord
    from b2bua.clock import IClock
    from b2bua.core.b2bua import B2BUA
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party
    from b2bua.store.ports import BindingRow, Inherited, IStore, Setting, SubscriptionRow
    from b2bua.transactions.flow import Flow


class Recovery(NamedTuple):
    """What a start has found of the calls of the process before."""

    restored: int
    cut: int
    """Those that could not be taken up: their records are closed."""
    unreadable: list[Unreadable]


class Handed(NamedTuple):
    """What a process knew of its calls when it handed them over."""

    keeps: Container[str]
    """The calls that it still has."""
    numbers: Mapping[str, Sequence[int]]
    """
    Those that it has let go; for each of their parties the CSeq number that was used last.

    None where what is written has it.
    """


class Persistence:
    """Writes down what a server has and does, and takes it up again."""

    def __init__(
        self,
        store: IStore,
        clock: IClock,
        core: B2BUA,
        find_party: Callable[[str, str], Party | None],
        *,
        survive: bool,
    ) -> None:
        """
        Write everything down from now on.

        @param store: it is open before any request comes.
        @param find_party: an extension or a trunk by its name, if it is still there.
        @param survive: whether calls are to outlive the process too.
        """
        calls, registrar = core.calls, core.registrar
        self.journal = Journal(store, clock)
        self._calls = calls
        self._find_party = find_party
        self._bindings = registrar.keeper = Keeper(registrar.bindings, self.journal, clock)
        self._subscriptions = SubscriptionKeeper(
            core.notifier, clock, self.journal.subscription, self.journal.flush
        )
        self.set_aside: Callable[[Sequence[Unreadable]], None] = lambda unreadable: None
        """Keeps for people what was kept of calls and cannot be read."""
        self._calls_kept: CallKeeper | None = None
        if survive:
            self._calls_kept = CallKeeper(clock, self.journal.snapshot)
            calls.changed, calls.leaving = self._calls_kept.touch, self._calls_kept.leave
            calls.joined = self._calls_kept.join
            calls.written = self.journal.written
            core.context.agreed = self._agreed
        calls.began, calls.recorded = self._began, self._recorded
        self._alive = Alive(self.journal, clock, lambda: bool(calls.going))

    @property
    def survives(self) -> bool:
        """Are calls to outlive the process?"""
        return self._calls_kept is not None

    @property
    def start(self) -> int:
        """Which start of the service this process is; 0 where nothing counts them."""
        return 0 if self._calls_kept is None else self._calls_kept.start

    # ---- at the start ---------------------------------------------------

    def restore(
        self,
        bindings: Iterable[BindingRow],
        subscriptions: Iterable[SubscriptionRow],
        usable: Callable[[Flow], bool] = lambda flow: True,
    ) -> tuple[int, int]:
        """
        Go on with what was kept.

        @param usable: whether we still have the socket of a flow.
        @return: how many bindings and how many subscriptions that were.
        """
        bound = self._bindings.restore(bindings, usable)
        return bound, self._subscriptions.restore(subscriptions, self._find_party, usable)

    def count_start(self, kept: Iterable[Setting]) -> Deferred[None]:
        """Note that the service has started once more; fires when that is stored."""
        start = count_start(self.journal, kept)
        if self._calls_kept is not None:
            self._calls_kept.start = start
        return self.journal.flush()

    def recover(
        self,
        kept: Sequence[Setting],
        snapshots: Iterable[Snapshot],
        records: Iterable[CallRecord],
        *,
        handed: Handed | None = None,
    ) -> Recovery:
        """
        Take up the calls of the process before, and close the records of those that it took along.

        @param kept: all settings, among which the signs of life are.
        @param records: those that were never ended.
        @param handed: what a process before has said that did not die.
        """
        journal, calls = self.journal, self._calls
        alive = last_sign(kept, journal.store.node) if handed is None else calls.context.layer.wall()
        elsewhere, numbers = handed or Handed((), {})
        left = {record.id: record for record in records if record.id not in elsewhere}
        snapshots = [one for one in snapshots if one.call.removesuffix(RINGING) not in elsewhere]
        return self._take_up(snapshots, left, self.start, alive, numbers)

    def _take_up(
        self,
        snapshots: Sequence[Snapshot],
        left: dict[str, CallRecord],
        start: int,
        alive: float,
        numbers: Mapping[str, Sequence[int]] = NO_NUMBERS,
        *,
        foreign: bool = False,
    ) -> Recovery:
        """
        Take up calls, and close the records of those that cannot be.

        @param start: which start this is, as whoever wrote the snapshots counts them.
        @param foreign: has another node written them, which counts starts and legs apart from ours?
        """
        journal, calls, found = self.journal, self._calls, Recovery(0, 0, [])
        if self._calls_kept is not None:
            texts = [(s.call, s.text) for s in snapshots if s.text is not None]
            recovered = recover(
                calls, texts, left, start=start, alive=alive, numbers=numbers, foreign=foreign
            )
            for call, legs in recovered.calls:
                del left[call.id]
                if foreign:
                    self._receive(call, legs)
                else:
                    self._calls_kept.adopt(call, legs)
            for id in recovered.over:
                journal.snapshot(id, None)
            for id, seconds in recovered.left.items():
                calls.later(seconds, journal.snapshot, id, None)
            if recovered.unreadable:
                self.set_aside(recovered.unreadable)
            found = Recovery(len(recovered.calls), 0, recovered.unreadable)
        else:
            for snapshot in snapshots:
                journal.snapshot(snapshot.call, None)
        for record in left.values():
            record.cut(alive)
            journal.record(record)
        return found._replace(cut=len(left))

    # ---- between two processes -------------------------------------------

    def finish_call(self, call: Call) -> None:
        """Have a call written as it is, for another process to go on with it."""
        assert self._calls_kept is not None
        self._calls_kept.finish(call)

    def finish(self) -> list[Call]:
        """Have all calls written that another process can go on with as they are, and say which."""
        assert self._calls_kept is not None
        found = movable(self._calls.going.values())
        for call in found:
            self._calls_kept.finish(call)
        return found

    @property
    def is_calm(self) -> bool:
        """Could another process go on with all calls?"""
        going = self._calls.going
        return len(movable(going.values())) == len(going)

    @property
    def calls(self) -> Iterable[str]:
        """The calls of which something is kept, some for the sake of parties on their way to others."""
        assert self._calls_kept is not None
        return self._calls_kept.ids()

    def is_finished(self, call: Call) -> bool:
        """Is what is written of a call, since L{finish}, how it is?"""
        assert self._calls_kept is not None
        return is_movable(call) and self._calls_kept.is_finished(call)

    def give(self, call: Call) -> tuple[str, dict[str, Any]]:
        """Let a call go that is movable: what another process goes on with, and the record so far."""
        assert self._calls_kept is not None
        text, record = self._calls_kept.give(call), call.record.to_plain()
        self._forget(call)
        return text, record

    def let_go(self, call: Call) -> None:
        """Know nothing of a call any more: it is written, and another process goes on with it."""
        assert self._calls_kept is not None
        self._calls_kept.forget(call)
        self._forget(call)

    def _forget(self, call: Call) -> None:
        """Write no more of it."""
        self.journal.forget_call(call.id)
        self.journal.forget_call(call.id + RINGING)
        call.let_go()

    def adopt(self, id: str, text: str, record: CallRecord) -> bool:
        """
        Go on with a call that another process has let go.

        @return: whether we could; if not, its record is closed.
        """
        now = self._calls.context.layer.wall()
        found = self.recover((), [Snapshot(id, text)], [record], handed=Handed((), {id: ()}))
        self.journal.snapshot(id, text if found.restored else None)
        self.journal.snapshot(id + RINGING, None)
        if found.restored:
            self.journal.record(record)
        elif record.open:
            record.cut(now)
        return bool(found.restored)

    def receive(self, id: str, text: str, record: CallRecord) -> bool:
        """
        Go on with a call that another node has let go; in the store it is ours already.

        @return: whether we could; if not, nothing has changed, and that node can have it back.
        """
        assert self._calls_kept is not None
        now = self._calls.context.layer.wall()
        numbers: Mapping[str, Sequence[int]] = {id: ()}
        found = recover(
            self._calls,
            [(id, text)],
            {id: record},
            start=self.start,
            alive=now,
            numbers=numbers,
            foreign=True,
        )
        for call, legs in found.calls:
            self._receive(call, legs)
        return bool(found.calls)

    def _receive(self, call: Call, legs: Sequence[Leg]) -> None:
        """Keep a call from now on that another node has had."""
        assert self._calls_kept is not None
        self._calls_kept.adopt(call, legs)
        self._calls_kept.write(call)
        self.journal.record(call.record)

    def inherit(self, found: Inherited, alive: float) -> Recovery:
        """
        Go on with the calls of a node that is taken for dead; in the store they are ours already.

        @param alive: the last time of day at which it is known to have run.
        """
        left = {record.id: record for record in found.records}
        return self._take_up(found.snapshots, left, found.starts + 1, alive, foreign=True)

    # ---- while calls go on ----------------------------------------------

    def _agreed(self, leg: Leg) -> None:
        """A session was refreshed or has changed."""
        if self._calls_kept is not None and leg.call is not None:
            self._calls_kept.touch(leg.call)

    def _began(self, call: Call) -> None:
        """Keep what is recorded of a new call; its legs are told of apart."""
        self.journal.record(call.record)
        self._alive.call_goes_on()

    def _recorded(self, call: Call) -> None:
        """Keep what is recorded of a call so far, so that one cut by a crash has a true record."""
        self.journal.record(call.record)
        if self._calls_kept is not None:
            self._calls_kept.touch(call)

    def counted(self, call: Call) -> None:
        """Keep what the record of a call that is over says of its media."""
        self.journal.record(call.record)

    def ended(self, call: Call) -> None:
        """Keep the record of a call that is over, and nothing else of it."""
        self.journal.record(call.record)
        if self._calls_kept is not None:
            self._calls_kept.over(call)
