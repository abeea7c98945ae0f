"""
Worlds drawn at random: phones, what they do, what the network does, and when.

C{play(seed)} draws a world from a seed, lets it run, and says what was not as
it should be; the same seed gives the same world.  What has to hold is what
L{World.quiet} insists on, and what the phones think of each other while all is
calm: when nothing is open, two ends of a call agree on who hears whom::

    python -m b2bua.testing.chance --seeds 1000
    python -m b2bua.testing.chance --seed 4711      # once more, with its ladder
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import provider

from b2bua.testing.deeds import DEEDS, Deed
from b2bua.testing.manners import Manners
from b2bua.testing.world import World

if TYPE_CHECKING:
    from b2bua.testing.network import Address
    from b2bua.testing.phone import Phone
    from b2bua.testing.session import Session

NAMES = ("alice", "bob", "carol", "dave", "erin")
LENGTH = 60.0
"""Seconds in which things happen; then everybody hangs up."""


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one world."""

    seed: int
    complaint: str
    """Empty when all was well; else what was wrong, with seed and ladder."""
    calls: int
    answered: int


class Play:
    """One world and what happens in it."""

    def __init__(self, seed: int, features: object = None) -> None:
        """Draw the world."""
        self.random = random = Random(seed)
        self.world = world = self.make_world(seed, features)
        self.names = NAMES[: random.randint(2, len(NAMES))]
        self.phones = [
            phone
            for name in self.names
            for phone in world.phones(
                name, manners=self.manners(), transport=self.transport(), instance=self.instance()
            )
        ]
        for phone in self.phones:
            self._streams(phone)
        self._port = 20_000
        self.faults = random.random() < 0.5
        self.cut: set[str] = set()
        """Who was cut off, so that it may not know that a call is over."""
        if self.faults:
            self._weather()
        self.deeds: list[Deed] = list(DEEDS)

    def make_world(self, seed: int, features: object) -> World:
        """Make the world that is drawn."""
        return World(seed, self.settings(), features)  # type: ignore[arg-type]  # handed through

    def settings(self) -> dict[str, Any]:
        """Draw the tables of the configuration that are not the usual ones."""
        return {}

    def transport(self) -> str:
        """Draw the transport of a phone."""
        return "TCP" if self.random.random() < 0.2 else "UDP"

    def instance(self) -> str:
        """Draw whether a phone has a name of its own (RFC 5626 section 4.1)."""
        return f"urn:uuid:{self.random.getrandbits(32):08x}" if self.random.random() < 0.5 else ""

    def new_port(self) -> int:
        """Give a port that no phone has had."""
        self._port += 1
        return self._port

    def may_move(self, phone: Phone) -> bool:
        """
        May the phone get another place now?

        An INVITE of its own could not be answered any more by a connection, nor
        one that it has not answered: who has only begun to call is where it was.
        """
        return phone.transport == "UDP" or all(
            session.state == "up" and not session.busy for session in phone.live
        )

    def manners(self) -> Manners:
        """Draw what a phone is like."""
        random = self.random
        manners = Manners(
            rings_after=random.choice([None, 0.0, 0.05, 0.5]),
            answers_after=random.choice([None, 0.01, 0.3, 0.3, 1.0, 2.0, 10.0]),
            hangs_up_after=random.choice([None, None, None, 0.0, 5.0, 30.0]),
            trying=random.random() < 0.8,
            early_media=random.random() < 0.3,
            hundred_rel=random.choice(["none", "none", "supported", "required"]),
            session_expires=random.choice([0, 0, 90, 300]),
            refresher=random.choice(["", "uac", "uas"]),
            refreshes_by=random.choice(["UPDATE", "INVITE"]),
            lines=random.choice([1, 2, 4, 4]),
        )
        chance = random.random()
        if chance < 0.1:
            manners.refuses = random.choice([404, 480, 486, 486, 600, 603])
        elif chance < 0.15:
            manners.redirects = random.choice(NAMES)
            manners.rings_first = random.random() < 0.5
        elif chance < 0.2:
            manners.honours_cancel = False
        elif chance < 0.23:
            manners.acknowledges = False
        elif chance < 0.25:
            manners.refreshes = False
        elif chance < 0.28:
            manners.answers_twice = True
        elif chance < 0.31:
            manners.repeats = random.choice([1, 2])
        elif chance < 0.4:
            manners.change_after = random.choice([0.05, 0.05, 1.0, 10.0, None])
        return manners

    def _streams(self, phone: Phone) -> None:
        """Draw what kinds of media a phone offers and knows."""
        chance = self.random.random()
        if chance < 0.15:
            phone.kinds = ("audio", "video")
        elif chance < 0.3:
            phone.knows = ("audio",)
            phone.manners.short_answers = self.random.random() < 0.5

    def _weather(self) -> None:
        """Draw how bad the network is."""
        link, random = self.world.network.link, self.random
        link.delay = random.choice([0.001, 0.01, 0.1])
        link.jitter = random.choice([0.0, 0.02, 0.2])
        link.loss = random.choice([0.0, 0.02, 0.1])
        link.duplicate = random.choice([0.0, 0.05])
        link.reorder = random.choice([0.0, 0.1])
        self.world.network.icmp = random.random() < 0.7

    # Running it

    def run(self) -> None:
        """Let it happen, and then let it end."""
        random, clock = self.random, self.world.clock
        for _ in range(random.randint(3, 24)):
            self.world.run(random.choice([0.0, 0.003, 0.01, 0.05, 0.3, 1.0, 5.0]) * random.uniform(0.5, 1.5))
            if clock.seconds() > LENGTH:
                break
            random.choice(self.deeds)(self)
        self.world.run(40)
        self.world.network.heal()
        self.world.run(40)
        self.agree()
        self.still_served()
        for phone in self.phones:
            for session in list(phone.live):
                session.hang_up()
        self.world.run(1)
        # Phones that answer or are dialled meanwhile are hung up on as well.
        for _ in range(6):
            self.world.run(20)
            for phone in self.phones:
                phone.manners.answers_after = None
                for session in list(phone.live):
                    session.hang_up()
        # A call whose phones have both vanished is found out after half an hour.
        self.world.quiet(patience=4000)
        self.records()

    def agree(self) -> None:
        """While all is calm, whoever speaks is heard by who expects to hear it."""
        if any(session.busy for phone in self.phones for session in phone.live):
            return
        ears = {
            session.media.receives_at(): session
            for phone in self.phones
            if not phone.gone
            for session in phone.live
            if session.state == "up"
        }
        vanished = {phone.host for phone in self.phones if phone.gone}
        voices = {(voice.host, voice.port) for voice in self.world.voices.open_voices}
        for phone in self.phones:
            for session in phone.live:
                to = self.world.relays.heard_at(session.media.sends_to())
                if phone.gone or session.state != "up" or to is None or to[0] in vanished:
                    continue
                if to not in ears and to not in voices and not self.missed(session, to):
                    raise self.world.failure(f"{session} sends to {to}, where nobody listens")

        for voice in self.world.voices.open_voices:
            to = voice.sends_to()
            if to is not None and to not in ears and to[0] not in vanished | self.cut:
                raise self.world.failure(f"{voice.playing} is played to {to}, where nobody listens")

    def still_served(self) -> None:
        """Wherever the phone of one has got to, the other can change the call, and end it."""
        for phone in self.phones:
            if phone.registered and not phone.gone:
                phone.register()  # whatever it is that it has lost, it has noticed by now
        self.world.run(2)
        for mine, theirs in self.pairs():
            began = self.world.clock.seconds()
            if mine.media.wish == "sendrecv":
                mine.hold()
            else:
                mine.resume()
            self.world.run(40)
            if not (self.stands(mine) and self.stands(theirs)):
                raise self.world.failure(f"{mine} was to change a call that goes on, and it has ended")
            if not any(got.session is theirs and got.at >= began for got in theirs.phone.inbox):
                raise self.world.failure(f"{theirs} has not heard of the change of {mine}")
            mine.hang_up()
            self.world.run(2)
            if theirs.state != "over":
                raise self.world.failure(f"{theirs} has not heard that {mine} has hung up")

    def pairs(self) -> list[tuple[Session, Session]]:
        """
        Who talks to whom at this time, as far as both have manners that let a call go on.

        Who waits for the end of a transfer has nobody at the other side who could hear of a change.
        """
        steady = [
            session
            for phone in self.phones
            if not phone.gone and phone.registered and phone.manners.steady
            for session in phone.live
            if session.state == "up" and not session.busy and not session.expects_notify
            if self.stands(session)
        ]
        found: list[tuple[Session, Session]] = []
        while steady:
            mine = steady.pop(self.random.randrange(len(steady)))
            theirs = next((other for other in steady if mine.talks_to(other)), None)
            if theirs is not None:
                steady.remove(theirs)
                found.append((mine, theirs))
        return found

    def missed(self, session: Session, to: Address) -> bool:
        """
        Has somebody who was cut off missed the end of this call?

        Either the server could not tell C{session}, or the one who listened
        there could not tell the server.  A phone that answered twice believes
        its first answer, and a bad network may have brought the second one only.
        """
        if self.faults and session.phone.manners.answers_twice and not self.stands(session):
            return True
        if session.phone.host in self.cut and not self.stands(session):
            return True
        assert self.world.server_address is not None
        if self.faults and to[0] == self.world.server_address[0] and not self.stands(session):
            return True  # it talked to the server, whose BYE a bad network has lost
        return any(
            (phone.host in self.cut or (self.faults and phone.manners.answers_twice))
            and other.state == "over"
            and self.stands(other)
            for phone in self.phones
            for other in phone.sessions
            if other.media.ours is not None
            and any((stream.address, stream.port) == to for stream in other.media.ours.streams)
        )

    def stands(self, session: Session) -> bool:
        """Does the server know the dialog of a session?"""
        assert self.world.served is not None
        dialogs = self.world.served.server.context.dialogs
        return dialogs.find_replaced(session.call_id, session.remote_tag, session.local_tag) is not None

    def records(self) -> None:
        """Every call that was begun has exactly one record."""
        served = self.world.served
        assert served is not None
        begun = sum(1 for phone in self.phones for session in phone.sessions if reached(session))
        if not self.faults and not any(phone.gone for phone in self.phones) and len(served.records) < begun:
            raise self.world.failure(f"{len(served.records)} records for {begun} calls")

    # Choosing

    def phone(self) -> Phone | None:
        """Draw a phone that works."""
        there = [phone for phone in self.phones if not phone.gone]
        return self.random.choice(there) if there else None

    def session(self, *states: str) -> Session | None:
        """Draw a call of some phone."""
        found = [
            session
            for phone in self.phones
            if not phone.gone
            for session in phone.live
            if session.state in states
        ]
        return self.random.choice(found) if found else None


def reached(session: Session) -> bool:
    """Was it a call of ours that got as far as an answer from its target?"""
    return not session.incoming and bool(session.dialled) and 180 in session.codes


# Running many


def play(seed: int, features: object = None, kind: type[Play] = Play) -> Played:
    """
    Play the world of a seed.

    @param kind: what draws it; a subclass of L{Play} may know more deeds.
    """
    scene = kind(seed, features)
    complaint = ""
    broken: list[str] = []

    @provider(ILogObserver)
    def listen(event: LogEvent) -> None:
        if (failure := event.get("log_failure")) is not None:
            broken.append(failure.getTraceback())

    globalLogPublisher.addObserver(listen)
    try:
        scene.run()
    except AssertionError as error:
        complaint = str(error)
    finally:
        globalLogPublisher.removeObserver(listen)
    if broken:
        complaint = f"the server broke: {broken[0].splitlines()[-1]}\n{complaint}\n" + "\n".join(broken)
    served = scene.world.served
    assert served is not None
    answered = sum(record.answered is not None for record in served.records)
    return Played(seed, complaint, len(served.records), answered)


def simulate(
    seeds: Iterable[int], say: Callable[[str], None], features: object = None, kind: type[Play] = Play
) -> list[int]:
    """Play many worlds; say what went wrong, and give the seeds of those."""
    failed: list[int] = []
    worlds = calls = answered = 0
    began = time.perf_counter()
    for seed in seeds:
        outcome = play(seed, features, kind)
        worlds += 1
        calls += outcome.calls
        answered += outcome.answered
        if outcome.complaint:
            failed.append(seed)
            say(f"seed {seed}: {outcome.complaint.splitlines()[0]}")
    seconds = time.perf_counter() - began
    say(
        f"{worlds} worlds, {calls} calls, {answered} answered, {len(failed)} failures"
        f" in {seconds:.1f} s ({1000 * seconds / max(worlds, 1):.1f} ms each)"
    )
    return failed


def main(
    arguments: list[str] | None = None,
    kind: type[Play] = Play,
    prog: str = "python -m b2bua.testing.chance",
    others: Mapping[str, type[Play]] | None = None,
) -> int:
    """
    Play worlds from the command line; the exit status is 1 when one of them failed.

    @param kind: what is played.
    @param others: what is played instead, by the option that says so.
    """
    parser = argparse.ArgumentParser(prog=prog, description=(kind.__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="only this one, with its ladder")
    for name, other in (others or {}).items():
        help = (other.__doc__ or "").partition("\n")[0]
        parser.add_argument(f"--{name}", dest="kind", action="store_const", const=other, help=help)
    parser.set_defaults(kind=kind)
    wanted = parser.parse_args(arguments)
    if wanted.seed is not None:
        outcome = play(wanted.seed, kind=wanted.kind)
        sys.stdout.write((outcome.complaint or "all was well") + "\n")
        return bool(outcome.complaint)
    seeds = range(wanted.first, wanted.first + wanted.seeds)
    return bool(simulate(seeds, lambda text: print(text, flush=True), kind=wanted.kind))  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
