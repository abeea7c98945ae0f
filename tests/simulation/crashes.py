"""
Random worlds in which the server crashes and starts again (see L{b2bua.testing.chance}).

Whoever talks to somebody still does when it is back, or is told: no phone is
left in a call of which nobody knows, none rings for nobody, and each call has
one record.

    python -m tests.simulation.crashes --seeds 1000
    python -m tests.simulation.crashes --seeds 1000 --take-over
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

from b2bua.calls.restoring.recovery import BACK
from b2bua.store.memory import MemoryStore
from b2bua.store.ports import Search
from b2bua.testing.chance import Play, main
from b2bua.testing.deeds import dial, withdraw
from b2bua.testing.world import World
from b2bua_plugins.attended_transfer import AttendedTransfer
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.replaces import Replaces

if TYPE_CHECKING:
    from b2bua.calls.records.record import CallRecord
    from b2bua.store.ports import IStore, Snapshot
    from b2bua.testing.manners import Manners
    from b2bua.testing.phone import Phone
    from b2bua.testing.session import Session

FEATURES = (AttendedTransfer, BlindTransfer, Replaces)
UNWRITTEN = 3.5
"""A call that was answered so lately before a crash may be lost: seconds."""
JOINED = 0.5
"""The same of who has taken the place of another."""


class CrashPlay(Play):
    """A world whose server crashes."""

    def __init__(self, seed: int, features: object = None) -> None:
        """Draw the world."""
        self.store = MemoryStore()
        super().__init__(seed, features or FEATURES)
        self.deeds += [crash] * 2
        self.crashes: list[float] = []

    def make_world(self, seed: int, features: object) -> World:
        """A world whose server has a store."""
        return World(seed, self.settings(), features, store=self.store)  # type: ignore[arg-type]  # handed through

    def crash(self) -> None:
        """Kill the server, with a batch on its way or not; start it again after a while."""
        served = self.world.served
        assert served is not None and served.server.persistence is not None
        if self.random.random() < 0.3:
            served.server.persistence.journal.flush()
        self.world.run(self.random.choice([0.0, 0.3, 3.0, 4.0, 6.0]))
        self.die()

    def die(self) -> None:
        """Kill the server now, and start it again after a while."""
        served = self.world.served
        assert served is not None
        self.crashes.append(self.world.clock.seconds())
        self.world.network.harmed = True  # phones miss what the server owed them
        served.crash()
        self.world.run(self.random.choice([0.0, 0.05, 2.0, 2.0, 10.0]))
        served.restart()

    def agree(self) -> None:
        """Look when the last phone was asked that did not come back by itself."""
        if self.crashes:
            self.world.run(BACK + 40)
        super().agree()

    def missed(self, session: Session, to: tuple[str, int]) -> bool:
        """
        Was a call so young that a crash took it along?

        It is written when nothing is open in it, so never with one who does not acknowledge.
        """
        parties = [phone for phone in self.phones if phone is session.phone or phone.host == to[0]]
        if self.crashes and not all(phone.manners.acknowledges for phone in parties):
            return True
        young = any(
            abs(at - other.since) < self.unwritten(other) or other.since == 0.0
            for at in self.crashes
            for phone in self.phones
            for other in phone.sessions
            if other is session or (other.media.ours is not None and other.talks_to(session))
        )
        return young or super().missed(session, to)

    def unwritten(self, session: Session) -> float:
        """How many seconds after its answer a crash may take a session along."""
        return UNWRITTEN

    def records(self) -> None:
        """Each call has one record, which has an end."""
        self.world.run(1)
        if problem := badly_kept(self.store):
            raise self.world.failure(problem)


class TakeOverPlay(CrashPlay):
    """
    A world whose server crashes, often just when somebody has taken the place of another.

    All phones have the same streams, and none gives up a change: what was agreed on in the last half
    second before a crash is not known after it, nor that there is one more m-line, or a hold to go back to.
    """

    def __init__(self, seed: int, features: object = None) -> None:
        """Draw the world."""
        super().__init__(seed, features)
        self.taken: list[Session] = []
        self.deeds = [deed for deed in self.deeds if deed is not withdraw] + [take_over, crash, crash]

    def _streams(self, phone: Phone) -> None:
        """Each phone has sound."""

    def manners(self) -> Manners:
        """Draw what a phone is like: mostly there is a call that somebody can take a part in."""
        manners = super().manners()
        if self.random.random() < 0.7:
            return manners.but(answers_after=self.random.choice([0.01, 0.3]), hangs_up_after=None)
        return manners

    def crash(self) -> None:
        """Mostly let somebody take the place of another, and the server die soon after that."""
        if self.session("up") is None:
            dial(self)
            self.world.run(4)
        if self.random.random() < 0.8 and take_over(self):
            self.world.run(self.random.choice([0.05, 0.6, 0.8, 1.0]) * self.random.uniform(0.8, 1.6))
            self.die()
        else:
            super().crash()

    def missed(self, session: Session, to: tuple[str, int]) -> bool:
        """Our BYE is not sent again by the next process, if a bad network has lost it just before a crash."""
        return (self.faults and not self.stands(session)) or super().missed(session, to)

    def unwritten(self, session: Session) -> float:
        """A join is written when the ACK has come, which a good network brings at once."""
        return JOINED if session in self.taken and not self.faults else super().unwritten(session)


def badly_kept(store: IStore) -> str:
    """When all calls are over: say which has not one record with an end, and what is kept for nothing."""
    found: list[CallRecord] = []
    store.find_records(Search(limit=100_000)).addCallback(found.extend)
    if twice := [id for id, count in Counter(record.id for record in found).items() if count > 1]:
        return f"the calls {twice} have more than one record"
    if left := [record.id for record in found if record.open]:
        return f"the record of call {left[0]} has no end"
    kept: list[Snapshot] = []
    store.load_snapshots().addCallback(kept.extend)
    return f"call {kept[0].call} is kept, and over" if kept else ""


def crash(play: Play) -> None:
    """Let the server die, and start again."""
    assert isinstance(play, CrashPlay)
    play.crash()


def take_over(play: Play) -> bool:
    """Let a phone take the place of somebody in a call (RFC 3891); is there one to be taken?"""
    assert isinstance(play, TakeOverPlay)
    session, phone = play.session("up"), play.phone()
    if session is None or phone is None or phone is session.phone or len(phone.live) >= 4:
        return False
    replaces = f"{session.call_id};to-tag={session.remote_tag};from-tag={session.local_tag}"
    play.taken.append(
        phone.dial(
            session.phone.name,
            fields=(("Replaces", replaces), ("Require", "replaces")),
            offer=play.random.random() < 0.85,
        )
    )
    return True


if __name__ == "__main__":
    sys.exit(
        main(kind=CrashPlay, prog="python -m tests.simulation.crashes", others={"take-over": TakeOverPlay})
    )
