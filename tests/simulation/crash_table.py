"""
The tables of transfers, operations and lamps, with one more event: the server dies, and starts again.

It dies at every moment of every transfer and operation, and before everything
that may happen while a call is in one of its states; what the store has by then
is another thing each time.  Every pair that talked still does, or was told;
each call has one record; every lamp shows what the phones know themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from twisted.internet.defer import Deferred

from b2bua.calls.restoring.recovery import BACK
from b2bua.store.memory import MemoryStore
from b2bua.store.ports import Batch
from b2bua.testing import World
from b2bua.testing.phone import Phone
from b2bua.testing.session import Session
from tests.simulation import lamp_table, operation_table, transfer_table
from tests.simulation.crashes import badly_kept
from tests.simulation.lamp_table import STATES
from tests.simulation.operation_table import FOUR, OPERATIONS
from tests.simulation.transfer_table import KINDS, Kind, undisturbed

FOUND_OUT = 2000.0
"""Seconds after which a phone that nobody knows of any more has noticed: half an hour without a refresh."""
SLOW = 0.5
"""Seconds that a slow store takes for a batch."""
GIVES_UP = 30.0
"""Seconds after which a user gives up what rings for nobody."""
TOLD = 10.0
"""Seconds after the start at which all have been told who were known to ring."""
UNKNOWN = 1.5
"""Who has not rung for longer when the server dies may not be known: seconds."""
HANDED_OVER = "all, and the old process goes on with what it has begun"


class TornStore(MemoryStore):
    """A store whose last batch can be torn: as a database does, it has nothing of it then."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__()
        self.written = 0.0
        """When the last batch came."""
        self.now: Callable[[], float] = lambda: 0.0
        self._before = self._state()

    def _state(self) -> list[dict]:  # type: ignore[type-arg]  # each of its own
        kept = (self._bindings, self._settings, self._records, self._snapshots, self._subscriptions)
        return [dict(one) for one in kept]

    def write(self, batch: Batch) -> Deferred[None]:
        """Write a batch, and know how it was before."""
        self._before, self.written = self._state(), self.now()
        return super().write(batch)

    def tear(self) -> None:
        """The last batch was on its way when the process died, if it was sent only just now."""
        if self.now() - self.written > SLOW:
            return
        kept = (self._bindings, self._settings, self._records, self._snapshots, self._subscriptions)
        for now, before in zip(kept, self._before, strict=True):
            now.clear()
            now.update(before)


class Death(NamedTuple):
    """How a server dies, or is replaced."""

    store: str
    """What the store has: what it had anyway; all that was said; not the last batch; or it is handed over."""
    away: float
    """Seconds until it is there again."""

    def __str__(self) -> str:
        """For the report."""
        return f"the store has {self.store}, back after {self.away:g} s"

    def strike(self, world: World, store: TornStore, meanwhile: Callable[[], object] = lambda: None) -> None:
        """
        Kill the server, and start it again.

        @param meanwhile: what happens while it is not there.
        """
        served = world.served
        assert served is not None and served.server.persistence is not None
        if self.store == HANDED_OVER:
            served.hand_over()
            meanwhile()
            return
        if self.store == "everything":
            served.server.persistence.journal.flush()
        world.network.harmed = True  # phones miss what the server owed them
        served.crash()
        if self.store == "no last batch":
            store.tear()
        meanwhile()
        world.run(self.away)
        served.restart()


class Rings:
    """Who rings, so that those are known who ring for nobody after the server has died."""

    def __init__(self, phones: Iterable[Phone], now: float) -> None:
        """See who rings now, and for long enough to be known."""
        self._phones = list(phones)
        self._known = [one for one in self._open() if now - one.began > UNKNOWN]

    def _open(self) -> list[Session]:
        """What is not answered yet."""
        return [one for phone in self._phones for one in phone.live if one.state in ("calling", "called")]

    def end(self, world: World) -> str:
        """Give the users time to give up; who has rung before ought to have been told already."""
        world.run(TOLD)
        if left := [one for one in self._open() if one in self._known]:
            return f"{left[0]} was not told"
        world.run(GIVES_UP)
        for one in self._open():
            one.hang_up()
        return ""


PLANNED = Death(HANDED_OVER, 0.0)
DEATHS = (PLANNED, Death("everything", 0.0), Death("what it had", 2.0), Death("no last batch", 2.0))


class TransferCell(NamedTuple):
    """A moment of a transfer."""

    kind: Kind
    moment: float
    death: Death

    def __str__(self) -> str:
        """For the report."""
        return f"{self.kind} at {self.moment * 1000:.0f} ms; {self.death}"

    def play(self) -> str:
        """Play it; what is wrong, or nothing."""
        store = TornStore()
        scene = transfer_table.Scene(self.kind, store=store)
        world, first = scene.world, scene.phones["bob"].sessions[0]
        store.now = world.clock.seconds
        world.run(self.moment)
        rings = Rings(scene.phones.values(), store.now())
        self.death.strike(world, store)
        problem = "" if self.death is PLANNED else rings.end(world)
        world.run(FOUND_OUT)
        problem = problem or scene.wrong()
        if not problem and self.death is PLANNED and scene.pairs() != undisturbed(self.kind).pairs:
            problem = f"{[sorted(pair) for pair in scene.pairs()]} talk, as they would not have"
        if (
            not problem
            and self.death is not PLANNED
            and first.state == "up"
            and frozenset(("alice", "bob")) not in scene.pairs()
        ):
            problem = "Bob has not hung up, and does not talk to Alice"
        return problem_of(world, problem, store)


class OperationCell(NamedTuple):
    """A moment of an operation."""

    operation: str
    moment: float
    death: Death

    def __str__(self) -> str:
        """For the report."""
        return f"{self.operation} at {self.moment * 1000:.0f} ms; {self.death}"

    def play(self) -> str:
        """Play it; what is wrong, or nothing."""
        store = TornStore()
        at = operation_table.Scene(store)
        world = at.world
        store.now = world.clock.seconds
        Deferred.fromCoroutine(OPERATIONS[self.operation].begin(at)).addErrback(lambda _: None)
        world.run(self.moment)
        if self.death is not PLANNED:
            at.board.service = None
            at.board.states.clear()  # a new process knows of no call
        rings = Rings(at.phones.values(), store.now())
        self.death.strike(world, store)
        problem = "" if self.death is PLANNED else rings.end(world)
        for phone in at.phones.values():
            go_on(phone)
            world.run(1)
        world.run(BACK + 40)
        return problem_of(world, problem or self.wrong(at), store)

    def wrong(self, at: operation_table.Scene) -> str:
        """Say who is alone: in a session that the server does not know, or that nobody else hears."""
        served = at.world.served
        assert served is not None
        dialogs, going = served.server.context.dialogs, served.server.core.calls.going.values()
        waits = {leg.party.name for call in going for leg in (call.waiting or ())}
        for name, phone in at.phones.items():
            for session in phone.live:
                found = dialogs.find_replaced(session.call_id, session.remote_tag, session.local_tag)
                if found is None:
                    return f"{name} is in a call that does not exist"
                if (
                    session.state == "up"
                    and name not in waits
                    and not any(phone.talks_to(other) for other in at.phones.values())
                ):
                    return f"{name} talks to nobody"
        untouched = FOUR[2:] if OPERATIONS[self.operation].parties is not FOUR else ()
        if untouched and self.operation != "take by transfer" and not at.are_talking(*untouched):
            return f"{untouched} had nothing to do with it, and do not talk any more"
        return ""


class LampCell(NamedTuple):
    """A state of calls, and what happens while the server is not there, or as soon as it is."""

    state: str
    event: str
    party: str
    death: Death

    def __str__(self) -> str:
        """For the report."""
        return f"{self.state}; {self.party} {self.event}; {self.death}"

    def play(self) -> str:
        """Play it; what is wrong, or nothing."""
        store = TornStore()
        scene = lamp_table.Scene(store)
        STATES[self.state](scene)
        store.now = scene.world.clock.seconds
        scene.run(4)
        rings = Rings(scene.phones.values(), store.now())
        self.death.strike(scene.world, store, self.meanwhile(scene))
        if self.death.away == 0.0:
            scene.run(0.1)
            self.happen(scene)
        if self.death is PLANNED:
            scene.run(lamp_table.GONE if self.event == "vanishes" else BACK + 40)
            return scene.wrong() or "\n".join(map(str, scene.world.violations))
        for phone in scene.phones.values():
            self.say_something(phone)
        problem = rings.end(scene.world) if self.event != "vanishes" else ""
        # Phones that rang have been told by now, and parties that are gone are found out.
        scene.run(lamp_table.GONE if self.event == "vanishes" else BACK + 40)
        problem = problem or scene.wrong()
        violations = "\n".join(map(str, scene.world.violations))
        return f"{problem or violations}\n{scene.world.ladder()}" if problem or violations else ""

    def say_something(self, phone: Phone) -> None:
        """An INVITE that its phone has never answered is ended as soon as it says anything (section 9.1)."""
        if phone.gone:
            return
        for session in phone.live:
            if session.state == "called":
                session.ring()
        if self.event in ("moves", "unregisters"):
            phone.register() if self.event == "moves" else phone.unregister()

    def meanwhile(self, scene: lamp_table.Scene) -> Callable[[], object]:
        """What a phone does while it has no server."""
        return (lambda: self.happen(scene)) if self.death.away else lambda: None

    def happen(self, scene: lamp_table.Scene) -> None:
        """Do it, if it can be done; who calls stays where the answer goes."""
        phone = scene.phones[self.party]
        if self.event and not (self.event == "moves" and any(one.state == "calling" for one in phone.live)):
            lamp_table.EVENTS[self.event](scene, phone)


Cell: TypeAlias = TransferCell | OperationCell | LampCell


def problem_of(world: World, problem: str, store: MemoryStore) -> str:
    """End everything; what was wrong before, or is left, with its ladder."""
    if problem:
        return f"{problem}\n{world.ladder()}"
    for _ in range(2):
        for agent in world.agents:
            if isinstance(agent, Phone) and not agent.gone:
                for session in agent.live:
                    session.hang_up()
        world.run(3)
    try:
        world.quiet(patience=4000)
    except AssertionError as failure:
        return str(failure)
    world.run(1)
    kept = badly_kept(store)
    return f"{kept}\n{world.ladder()}" if kept else ""


def go_on(phone: Phone) -> None:
    """What people do who do not hear each other: hold, and take the other one back."""
    for session in phone.live:
        if session.state == "up" and not session.busy:
            session.hold()
            phone.later(0.5, session.resume)


BY_HAND = frozenset(("reload", "wants no calls", "hangs up unheard", "reboot"))
"""What needs the server to happen, or is about a network that loses packets."""


SIZE = 2486
"""How many cells there are; each can happen."""


def cells() -> Iterator[Cell]:
    """Every cell of the three tables."""
    for kind in KINDS:
        for moment in undisturbed(kind).moments:
            for death in DEATHS:
                yield TransferCell(kind, moment, death)
    for name, operation in OPERATIONS.items():
        for moment in operation.moments:
            if moment > 0:
                for death in DEATHS:
                    yield OperationCell(name, moment, death)
    for state in STATES:
        for death in DEATHS:
            yield LampCell(state, "", "alice", death)
        for event in lamp_table.EVENTS:
            if event not in BY_HAND:
                for party in ("alice", "bob", "carol"):
                    for death in DEATHS[event == "moves" : 3]:  # the old process does not hear of it
                        yield LampCell(state, event, party, death)
