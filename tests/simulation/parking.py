"""
Random worlds in which people park, wait in a queue, pick up, and features begin calls.

    python -m tests.simulation.parking --seeds 1000
    python -m tests.simulation.parking --seed 4711
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from twisted.internet.defer import Deferred

from b2bua import Service, hookimpl
from b2bua.calls import Attempt, CallState, Confirm, Outcome, PickUp, Refuse, Wait
from b2bua.features.plugin import GROUP
from b2bua.server import Server
from b2bua.testing.chance import Play, main
from b2bua.testing.served import Served
from b2bua.testing.session import Session
from tests.simulation.transfers import Transfers, attended, blind, pick_up

ORBITS = ("591", "592", "593")
OFFICE: dict[str, Any] = {
    "call_back": {"minutes": 1, "ring_seconds": 5, "wake_up_again": 1},
    "emergency": {"numbers": ["112"]},
    "class_of_service": {"classes": ["short"], "numbers": {"short": "801", "orbit": "802"}},
    "announcements": {},
    "last_call": {},
    "music_on_hold": {"numbers": {"592": "silence"}},
    "queues": {
        "610": {
            "members": ["alice", "bob"],
            "ring_seconds": 4,
            "rest_seconds": 2,
            "seconds": 15,
            "otherwise": "erin",
        },
        "611": {
            "members": ["carol", "dave", "alice"],
            "strategy": "least_recent",
            "length": 1,
            "wrap_up_seconds": 3,
        },
    },
    "office_hours": {
        "shop": {"numbers": ["bob"], "zone": "UTC", "open": [], "otherwise": "610", "mode": "open"}
    },
    "night_ring": {"690": {"members": ["carol", "erin"], "ring_seconds": 6, "otherwise": "dave"}},
    "pages": {
        "650": {"members": ["alice", "bob", "dave"], "seconds": 2, "ring_seconds": 3},
        "651": {"members": ["bob", "carol"], "seconds": 2, "ring_seconds": 3, "recorded": True},
    },
    "speed_dial": {"numbers": {"801": "carol", "802": "701"}},
}
CODES = (
    "*66",
    "*86",
    "*69",
    "*70",
    "*281",
    "*282",
    "*451",
    "*452",
    "*453",
    "*550001",
    "*56",
    "*67bob",
    "*36",
    "*37",
    "*461alice*4711",
    "*461bob*4711",
    "*462",
    "*39",
    "650",
    "651",
    "690",
    "801",
    "802",
    "112",
)
PARK = {
    "orbits": "701-702",
    "next_free": "700",
    "seconds": 10,
    "ring_seconds": 4,
    "otherwise": "erin",
    "key": "0",
}
PLACES = (
    *ORBITS,
    "700",
    "701",
    "702",
    "*68",
    "*88",
    "*68dave",
    "*88dave",
    "610",
    "611",
    "690",
    "801",
    "*281",
)


class Switchboard:
    """Orbits, a code to pick up with, and calls that begin by themselves."""

    def __init__(self) -> None:
        """Know of no call."""
        self.service: Service | None = None
        self.states: dict[str, CallState] = {}

    @hookimpl
    def service_started(self, service: Service) -> None:
        """Keep it."""
        self.service = service

    def so(self) -> dict[str, Any]:
        """How the calls of this server are, by their ids."""
        assert self.service is not None
        # The last one may be leaving.
        return {state.id: _plain(state) for state in self.service.calls() if state.parties}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """Two codes."""
        return {"pick": "*81", "show": "*82"}

    @hookimpl
    def call_changed(self, state: CallState) -> None:
        """Know how each call is."""
        if state.parties:
            self.states[state.id] = state
        else:
            self.states.pop(state.id, None)

    @hookimpl
    def route_call(self, attempt: Attempt) -> Wait | PickUp | Refuse | None:
        """One waits at an orbit; the next one takes it."""
        if attempt.user not in ORBITS or self.service is None:
            return None
        for state, party in self.service.waiting(attempt.user):
            return PickUp(state.id, party.leg)
        return Wait(attempt.user, 20.0, attempt.behalf.name if attempt.behalf.internal else "", "Parked")

    @hookimpl
    def code_dialled(self, name: str) -> Confirm | PickUp:
        """Show a text, or take what rings or waits."""
        if name == "show" or self.service is None:
            return Confirm("Shown")
        wanted = [state.id for state in self.service.calls() if state.phase.value in ("ringing", "waiting")]
        return PickUp(wanted[0] if wanted else "none")

    @hookimpl
    def code_referred(self, name: str) -> Confirm | PickUp:
        """Do the same with whom somebody transfers."""
        return self.code_dialled(name)


class Parking(Transfers):
    """A world with a switchboard."""

    unheard = False
    """Was there no voice at some time?"""

    def __init__(self, seed: int, features: object = None) -> None:
        """Draw it, with every feature that is installed, and the switchboard first."""
        super().__init__(seed, [Switchboard, *_installed()])
        self.world.voices.delay = (0.0, 0.004, 0.03, 0.3)[seed % 4]
        self.deeds += [orbit, orbit, park, park, park, code, begin, begin, blind, attended, pick_up]
        self.begun: list[Deferred[Outcome | None]] = []

    @property
    def boards(self) -> list[Switchboard]:
        """The switchboards, of which each process of a server has its own."""
        return [_board_of(served) for served in self.world.servers()]

    def settings(self) -> dict[str, Any]:
        """Draw what the plugin has to keep calls at."""
        drawn: dict[str, Any] = super().settings() | {"park": PARK} | OFFICE
        drawn["extensions"]["carol"]["boss_secretary"] = {"secretaries": ["dave"], "ring_seconds": 3}
        for name in ("alice", "bob"):
            drawn["extensions"][name]["hot_desk"] = {"pin": "4711"}
        drawn["extensions"]["alice"]["caller_id"] = {"hidden": self.random.random() < 0.5}
        return drawn

    def agree(self) -> None:
        """Insist too that the news of changes say what is so."""
        super().agree()
        self.told()
        if not self.unheard:
            hear_music(self)

    def told(self) -> None:
        """Insist that each server was told of its calls, and of those of others nothing that is not so."""
        own = [board.so() for board in self.boards]
        anywhere = {id: state for so in own for id, state in so.items()}
        for board, so in zip(self.boards, own, strict=True):
            said = {state.id: _plain(state) for state in board.states.values()}
            if not so.items() <= said.items() <= anywhere.items():
                raise self.world.failure(f"told were {said}, but so is {so}, and elsewhere {anywhere}")

    def records(self) -> None:
        """Insist too that nothing is left of what the servers did besides the calls."""
        super().records()
        self.nothing_left()

    def nothing_left(self) -> None:
        """Insist that every call that a feature began has its result, and that no voice is left."""
        if self.world.voices.open_voices:
            raise self.world.failure("a voice is left")
        if not all(over.called for over in self.begun):
            raise self.world.failure("a call that a feature began has no result")


def hear_music(scene: Play) -> None:
    """Insist that whoever is held, or waits at an orbit, hears what there is to hear, if all is calm."""
    sessions = [session for phone in scene.phones if not phone.gone for session in phone.live]
    if any(session.busy for session in sessions):
        return
    for served in scene.world.servers():
        _hear_music_of(scene, served.server, sessions)


def _hear_music_of(scene: Play, server: Server, sessions: list[Session]) -> None:
    """Insist on it in the calls of one server."""
    for call in server.core.calls.going.values():
        bridge = call.bridge
        waiting = list(call.waiting or ())
        if bridge is not None:
            waiting += [bridge.other(leg) for leg in call.holders]
        for leg in waiting:
            for session in sessions if leg.flow is not None else ():
                key = (session.call_id, session.remote_tag, session.local_tag)
                if server.context.dialogs.find_replaced(*key) is not leg or session.state != "up":
                    continue
                if session.media.wish != "sendrecv":
                    continue  # its user holds, and does not want to hear
                place = session.media.receives_at()
                voice = None if place is None else scene.world.voices.to(place)
                if voice is None or not voice.playing:
                    raise scene.world.failure(f"{session} waits, and hears nothing")


@cache
def _installed() -> list[object]:
    """The features that are installed, as classes, so that each process has its own objects."""
    return [point.load() for point in sorted(entry_points(group=GROUP))]


def _board_of(served: Served) -> Switchboard:
    """The switchboard of a server, in the process that it is now."""
    return next(one.thing for one in served.features.plugins if isinstance(one.thing, Switchboard))


def _plain(state: CallState) -> Any:
    """What counts of a state."""
    return [(party.leg, party.phase, party.talks_to) for party in state.parties]


def orbit(scene: Play) -> None:
    """Dial an orbit: wait there, or take who does."""
    phone = scene.phone()
    if phone is not None and len(phone.live) < 4:
        phone.dial(scene.random.choice(PLACES), offer=scene.random.random() < 0.85)


def park(scene: Play) -> None:
    """Transfer somebody to an orbit, or to a code."""
    session = scene.session("up")
    if session is not None:
        session.transfer(scene.random.choice([*PLACES, "*81", "*82"]))


def code(scene: Play) -> None:
    """Pick up, or dial a code of an office."""
    phone = scene.phone()
    if phone is not None and len(phone.live) < 4:
        phone.dial(scene.random.choice(["*81", scene.random.choice(CODES)]))


def begin(scene: Play) -> None:
    """Have a feature ring two."""
    assert isinstance(scene, Parking)
    boards = scene.boards
    service = (boards[0] if len(boards) == 1 else scene.random.choice(boards)).service
    assert service is not None
    first = scene.random.choice(scene.names)
    call = service.originate(first, scene.random.choice([*scene.names, *ORBITS, "nobody"]), ring_seconds=15)
    scene.begun.append(call.ended())
    if scene.random.random() < 0.15:
        scene.world.clock.callLater(scene.random.uniform(0, 5), call.cancel)


if __name__ == "__main__":
    sys.exit(main(kind=Parking, prog="python -m tests.simulation.parking"))
