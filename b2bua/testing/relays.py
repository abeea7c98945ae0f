"""
An engine that passes media on, in the simulated world: whoever sends to one of its ports is heard elsewhere.

As with voices no media flow: what each party has described of itself, and was
shown of the other one, says who would hear whom.
"""

from __future__ import annotations

import re
import wave
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from b2bua.media.ports import (
    HearRelay,
    IRelay,
    IRelays,
    NoRelay,
    Received,
    RelayHappened,
    Statistics,
    Towards,
)
from b2bua.testing.network import Address

if TYPE_CHECKING:
    from b2bua.testing.surroundings import Surroundings

HOST = "10.9.9.9"
"""Where the engine is, for who does not say how it reaches us."""
FIRST_PORT = 40_000
SILENCE = 60.0
"""Seconds after which an engine that outlives the server forgets a call without media, as rtpengine does."""
STREAMS = 10
"""Ports for one party that hears another one: enough for five streams."""
_CONNECTION = re.compile(rb"(?m)^c=IN IP[46] (?!0\.0\.0\.0)[^\r\n]+")
_STREAM = re.compile(rb"(?m)^m=([a-z]+) ([1-9][0-9]*) ([^ ]+)")


@dataclass(slots=True)
class Recorded:
    """One recording, as it is being made or was made."""

    path: str
    first: str
    """The leg that is on its left."""
    seconds: float = 0.0
    silent: float = 0.0
    """How much of it is silence, since it was paused."""
    paused: bool = False
    ended: bool = False
    since: float = 0.0

    def count(self, now: float) -> None:
        """See how long it has lasted."""
        self.seconds += now - self.since
        self.silent += now - self.since if self.paused else 0.0
        self.since = now


@dataclass(slots=True)
class Passed:
    """What an engine knows of one call; it may outlive the process that asked for it."""

    ports: dict[tuple[str, str], int] = field(default_factory=dict)
    """The port to which the first leg's party sends what the other one is to hear."""
    ears: dict[tuple[str, str], Address | None] = field(default_factory=dict)
    """Where the party of the other leg hears what comes there."""
    offers: set[tuple[str, str]] = field(default_factory=set)
    """By whom, to whom."""
    hosts: dict[tuple[str, str], str] = field(default_factory=dict)
    legs: list[str] = field(default_factory=list)
    """In the order in which they came."""
    recorded: Recorded | None = None


@implementer(IRelay)
class SimulatedRelay:
    """The media of one call."""

    def __init__(self, relays: SimulatedRelays, call: str, hear: HearRelay, passed: Passed) -> None:
        """Pass on what C{passed} says."""
        self._relays, self.call, self.hear, self.passed = relays, call, hear, passed
        self.closed = False
        self.dead = False
        """Is the process gone that asks?"""

    def offer(self, by: str, to: str, session: bytes, towards: Towards, peer: str) -> Deferred[bytes]:
        """Take an offer."""
        self.passed.offers.add((by, to))
        return self._pass_on(by, to, session, towards, peer)

    def answer(self, by: str, to: str, session: bytes, towards: Towards, peer: str) -> Deferred[bytes]:
        """Take an answer."""
        if (to, by) not in self.passed.offers:
            self._relays.world.violation(
                "relay", f"{by} answers {to}, which has offered nothing", "RFC 3264 6"
            )
        return self._pass_on(by, to, session, towards, peer)

    def _pass_on(self, by: str, to: str, session: bytes, towards: Towards, peer: str) -> Deferred[bytes]:
        """Show C{to} ports of ours in the place of those of C{by}."""
        if self.closed or self._relays.broken:
            return fail(NoRelay("the engine is broken"))
        self._relays.asked.append((by, to, towards, peer))
        passed = self.passed
        passed.legs += [leg for leg in (by, to) if leg not in passed.legs]
        port = passed.ports.setdefault((to, by), 0) or self._relays.new_port()
        host = passed.hosts[to, by] = towards.host or HOST
        passed.ports[to, by] = port
        connection = _CONNECTION.search(session)
        stream = _STREAM.search(session)
        passed.ears[to, by] = (
            (connection[0].split()[-1].decode(), int(stream[2])) if connection and stream else None
        )
        family = "IP6" if ":" in host else "IP4"
        shown = _CONNECTION.sub(f"c=IN {family} {host}".encode(), session)
        ports = iter(range(port, port + STREAMS, 2))

        def streamed(found: re.Match[bytes]) -> bytes:
            proto = towards.profile.encode() or found[3]
            return b"m=%s %d %s" % (found[1], next(ports), proto)

        return self._late(_STREAM.sub(streamed, shown))

    def record(self, path: str) -> Deferred[None]:
        """Record; nothing is written but who would be heard."""
        if self._relays.full:
            return fail(NoRelay("the disk is full"))
        now = self._relays.world.clock.seconds()
        self._relays.end_recording(self.passed)  # one of a process that died before it was written down
        self.passed.recorded = Recorded(path, self.passed.legs[0] if self.passed.legs else "", since=now)
        self._relays.recordings[path] = self.passed.recorded
        return self._late(None)

    def pause(self, paused: bool) -> Deferred[None]:
        """Write silence, or what is said again."""
        recorded = self.passed.recorded
        if recorded is None:
            return fail(NoRelay("nothing is recorded"))
        recorded.count(self._relays.world.clock.seconds())
        recorded.paused = paused
        return self._late(None)

    def end_recording(self) -> Deferred[None]:
        """End it."""
        self._relays.end_recording(self.passed)
        return self._late(None)

    def drop(self, leg: str) -> None:
        """Forget a leg."""
        passed = self.passed
        for pair in [pair for pair in passed.ports if leg in pair]:
            del passed.ports[pair], passed.ears[pair], passed.hosts[pair]
        passed.offers = {pair for pair in passed.offers if leg not in pair}

    def state(self) -> dict[str, Any]:
        """The call says it all."""
        return {"call": self.call}

    def let_go(self) -> None:
        """Another server has it; the engine passes on."""
        self.closed = True
        if self in self._relays.open_relays:
            self._relays.open_relays.remove(self)

    def close(self) -> Deferred[Statistics | None]:
        """Be done."""
        self.end_recording()
        self.closed = True
        self._relays.passed.pop(self.call, None)
        if self in self._relays.open_relays:
            self._relays.open_relays.remove(self)
        return self._late({leg: Received(1000, 3, 0.012, 4.2) for leg in self.passed.legs})

    def _late(self, value: Any) -> Deferred[Any]:
        """A value that takes its time."""
        return self._relays.late(value, lambda: not self.dead)


@implementer(IRelays)
class SimulatedRelays:
    """An engine, and all relays of a world."""

    def __init__(self, world: Surroundings) -> None:
        """Begin without any."""
        self.world = world
        self.can = frozenset({"srtp", "dtls", "ice", "ipv6", "record"})
        """Tests take away what they want to do without."""
        self.open_relays: list[SimulatedRelay] = []
        self.passed: dict[str, Passed] = {}
        """What the engine knows, by calls."""
        self.asked: list[tuple[str, str, Towards, str]] = []
        """What was asked: by whom, to whom, what that one can do, and where the first one signals from."""
        self.recordings: dict[str, Recorded] = {}
        self.outlives = True
        """Does the engine outlive the server, as one does that is a service of its own?"""
        self.broken = self.full = False
        """Let nothing be passed on, and nothing be recorded."""
        self.delay = 0.0
        """Seconds until there is an answer to what is asked of a relay."""
        self._port = FIRST_PORT

    def open(self, call: str, hear: HearRelay) -> SimulatedRelay:
        """Prepare for a call."""
        relay = SimulatedRelay(self, call, hear, self.passed.setdefault(call, Passed()))
        # Of two processes the later one goes on with it.
        self.open_relays = [*(one for one in self.open_relays if one.call != call), relay]
        return relay

    def resume(self, call: str, state: dict[str, Any], hear: HearRelay) -> SimulatedRelay | None:
        """Go on with a relay."""
        return self.open(call, hear) if state == {"call": call} and call in self.passed else None

    def new_port(self) -> int:
        """Ports that no other party has; after some thousands they come again."""
        self._port = self._port + STREAMS if self._port < 60_000 else FIRST_PORT
        return self._port

    def late(self, value: Any, wanted: Callable[[], bool]) -> Deferred[Any]:
        """
        A value that takes its time.

        @param wanted: is there still somebody to have it?
        """
        if not self.delay:
            return succeed(value)
        waiting: Deferred[Any] = Deferred()
        self.world.clock.callLater(self.delay, lambda: waiting.callback(value) if wanted() else None)
        return waiting

    def end_recording(self, passed: Passed) -> None:
        """What is recorded of a call, if anything is, has come to its end."""
        recorded, passed.recorded = passed.recorded, None
        if recorded is not None:
            recorded.count(self.world.clock.seconds())
            recorded.ended = True
            self._write(recorded)

    def _write(self, recorded: Recorded) -> None:
        """A recording is over: a file of silence, if its path is a whole one with a place for it."""
        if Path(recorded.path).is_absolute() and Path(recorded.path).parent.is_dir():
            with wave.open(recorded.path, "wb") as file:
                file.setnchannels(2)
                file.setsampwidth(2)
                file.setframerate(8000)
                file.writeframes(bytes(4 * int(8000 * recorded.seconds)))

    # Who hears whom

    def heard_at(self, place: Address | None) -> Address | None:
        """Where is heard what is sent to a place: there, or behind the relay that it is a port of."""
        for passed in self.passed.values():
            for pair, port in passed.ports.items():
                if place == (passed.hosts[pair], port):
                    return passed.ears[pair]
        return place

    def of(self, place: Address | None) -> bool:
        """Is a place a port of a relay?"""
        return self.leg_at(place) != ""

    def leg_at(self, place: Address | None) -> str:
        """The leg whose party sends to a place; empty if it is no port of a relay."""
        for passed in self.passed.values():
            for pair, port in passed.ports.items():
                if place == (passed.hosts[pair], port):
                    return pair[0]
        return ""

    # What befalls the engine

    def lose(self) -> None:
        """Let the engine die: nothing is passed on any more, and calls hear so."""
        self.passed.clear()
        lost, self.open_relays = self.open_relays, []
        for relay in lost:
            relay.closed = True
            relay.hear(RelayHappened("gone", detail="the engine has died"))

    def die(self, calls: Container[str]) -> None:
        """The server of some calls has died; the engine lives on, or does not."""
        for call in [call for call in self.passed if call in calls]:
            if self.outlives:
                self.world.clock.callLater(SILENCE, self._look, call, self.passed[call])
            else:
                self.end_recording(self.passed.pop(call))  # the next process saves what there is
        for relay in [relay for relay in self.open_relays if relay.call in calls]:
            relay.dead = True  # it hears no answer any more
            self.open_relays.remove(relay)

    def _look(self, call: str, passed: Passed) -> None:
        """Forget a call for which no process asks any more, as soon as nobody speaks in it."""
        if self.passed.get(call) is not passed or any(relay.call == call for relay in self.open_relays):
            return
        ports = {(passed.hosts[pair], port) for pair, port in passed.ports.items()}
        if ports.isdisjoint(self.world.spoken_to()):
            self.end_recording(self.passed.pop(call))
        else:
            self.world.clock.callLater(SILENCE, self._look, call, passed)
