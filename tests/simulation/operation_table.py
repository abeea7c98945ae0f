"""
A table of operations: every one, every moment of it, and everything that may happen in it.

Alice talks to Bob in one call, Carol to Dave in another; Erin is free.  A cell
is an operation of a feature, a moment, an event, and who causes it.  Whatever
happens, the operation has an end; if it succeeded the two talk that it is
about, if it failed those talk who talked before; and when all is over nothing
is left.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from b2bua.calls.call import Call
from b2bua.calls.operations.call_control import Busy, Gone, NotJoined, connect, dial, hang_up, hold, replace
from b2bua.calls.operations.conversation import Conversation
from b2bua.calls.operations.recording import NotRecorded, record
from b2bua.calls.operations.telling import tell_both
from b2bua.calls.operations.waiting import keep_waiting
from b2bua.calls.verdicts import Outcome, Wait
from b2bua.legs.leg import Leg
from b2bua.store.ports import IStore
from b2bua.testing import World
from b2bua.testing.manners import Manners
from b2bua.testing.phone import Phone
from b2bua.testing.voices import SECONDS
from b2bua_plugins.music_on_hold import MusicOnHold
from tests.ladders.transfers import FEATURES
from tests.simulation.parking import Switchboard

TWO = ("alice", "bob")
FOUR = (*TWO, "carol", "dave")
PARTIES = (*FOUR, "erin")

# The network takes 10 ms for each message, so these moments lie between any two
# of them.  At the first ones an exchange is open when the operation begins.
EARLY = (-0.025, -0.015, -0.005)
MOMENTS = (*EARLY, *(0.005 + 0.01 * step for step in range(8)))
ANSWER = tuple(0.285 + 0.01 * step for step in range(10))
"""When a target that was dialled answers."""


MANNERS = Manners(answers_after=0.3, session_expires=90, refresher="uas")


class Scene:
    """Two calls, and one more phone."""

    def __init__(
        self, store: IStore | None = None, voices: float | None = None, relays: float | None = None
    ) -> None:
        """
        Let them talk.

        @param store: what outlives the server; the calls are in it when this returns.
        @param voices: who waits hears music, from voices that take so many seconds; None is silence.
        @param relays: what Carol says and hears passes through a relay that takes so many seconds;
            with None nothing does.
        """
        self.board = Switchboard()
        features: list[object] = [self.board, *FEATURES]
        settings: dict[str, Any] = {}
        if voices is not None:
            features, settings = [*features, MusicOnHold], {"music_on_hold": {}}
        if relays is not None:
            settings["extensions"] = {"carol": {"media": "relay"}}
        self.world = World(
            seed=1, features=features, settings=settings, store=store, relays=relays is not None
        )
        self.world.voices.delay = voices or 0.0
        self.world.relays.delay = relays or 0.0
        phones = self.world.phones(*PARTIES, manners=MANNERS)
        self.phones = dict(zip(PARTIES, phones, strict=True))
        self.phones["alice"].dial("bob")
        self.phones["carol"].dial("dave")
        self.world.run(2 if store is None else 5)
        served = self.world.served
        assert served is not None
        self.first, self.second = served.server.core.calls.going.values()
        self.legs: dict[str, Leg] = {leg.party.name: leg for leg in (*self.first.legs, *self.second.legs)}

    def transfer(self, who: str, to: str) -> None:
        """Let a phone transfer its call, if it has one still."""
        for session in self.phones[who].live[:1]:
            if session.state == "up":
                session.transfer(to)

    def are_talking(self, one: str, other: str) -> bool:
        """Do these two hear each other?"""
        return self.phones[one].talks_to(self.phones[other])


def wait_and_resume(call: Call, one: Leg, other: Leg) -> Coroutine[Any, Any, None]:
    """Put one on hold, and connect the two again."""

    async def work() -> None:
        await hold(call, one)
        await connect(call, one, other)

    return work()


def leave(call: Call, leg: Leg) -> Coroutine[Any, Any, None]:
    """Hang up a leg of a bridge: its party hears a BYE, and the other one is hung up as well."""

    async def work() -> None:
        hang_up(call, leg)
        if call.bridge is not None:
            hang_up(call, call.bridge.other(leg))

    return work()


def dialled(call: Call, waiting: Leg, former: Leg, target: str) -> Coroutine[Any, Any, Leg | Outcome]:
    """Dial; with nobody there connect the two who talked before."""

    async def work() -> Leg | Outcome:
        found = await dial(call, waiting, target, behalf=former.party)
        if isinstance(found, Outcome):
            await connect(call, waiting, former)
        else:
            hang_up(call, former)
        return found

    return work()


async def begun(at: Scene) -> Outcome | None:
    """Ring Erin, then Alice."""
    assert at.board.service is not None
    return await at.board.service.originate("erin", "alice")


async def parked(at: Scene) -> None:
    """Bob transfers Alice to an orbit."""
    at.transfer("bob", "591")


async def taken(at: Scene) -> None:
    """Alice waits at an orbit, and Erin dials it."""
    await hold(at.first, at.legs["alice"])
    keep_waiting(at.first, at.legs["alice"], Wait("591"), at.legs["bob"].party)
    hang_up(at.first, at.legs["bob"])
    at.phones["erin"].dial("591")


async def taken_by_transfer(at: Scene) -> None:
    """Carol waits at an orbit, and Bob transfers Alice to it."""
    await hold(at.second, at.legs["carol"])
    keep_waiting(at.second, at.legs["carol"], Wait("591"), at.legs["dave"].party)
    hang_up(at.second, at.legs["dave"])
    at.transfer("bob", "591")


async def held(at: Scene) -> None:
    """Alice's user holds Bob."""
    at.phones["alice"].hold()


async def held_and_resumed(at: Scene) -> None:
    """Alice's user holds Bob, and takes him back at once."""
    at.phones["alice"].hold()
    at.world.clock.callLater(0.035, reinvite, at.phones["alice"])


async def recorded(at: Scene) -> Outcome | None:
    """Record Alice and Bob, who did not need a relay before."""
    try:
        await record(at.first, "recorded.wav", lambda why: None)
    except NotRecorded:
        return Outcome("refused", 480)
    return None


async def told(at: Scene) -> None:
    """Tell Alice and Bob something in the middle of it."""

    async def script(talk: Conversation) -> None:
        await talk.play("told.wav")

    await tell_both(at.first, script)


async def relay_lost(at: Scene) -> None:
    """The relay by which Carol and Dave hear each other is gone."""
    at.world.relays.lose()


class Operation(NamedTuple):
    """One operation, and who talks when it has succeeded."""

    begin: Callable[[Scene], Coroutine[Any, Any, Any]]
    joined: tuple[str, str] | None
    parties: tuple[str, ...]
    """Whose deeds can make a difference; Erin is not called before it has begun."""
    moments: tuple[float, ...] = MOMENTS


OPERATIONS = {
    "hold and resume": Operation(
        lambda at: wait_and_resume(at.first, at.legs["alice"], at.legs["bob"]), ("alice", "bob"), TWO
    ),
    "connect again": Operation(
        lambda at: connect(at.first, at.legs["alice"], at.legs["bob"]), ("alice", "bob"), TWO
    ),
    "connect across": Operation(
        lambda at: connect(at.first, at.legs["alice"], at.legs["carol"]), ("alice", "carol"), FOUR
    ),
    "dial": Operation(
        lambda at: dialled(at.first, at.legs["alice"], at.legs["bob"], "erin"),
        ("alice", "erin"),
        (*TWO, "erin"),
        (*EARLY, 0.005, 0.015, *ANSWER),
    ),
    "replace": Operation(
        lambda at: replace(at.first, at.legs["bob"], at.legs["carol"]), ("alice", "carol"), FOUR
    ),
    "begin": Operation(
        begun,
        ("alice", "erin"),
        (*TWO, "erin"),
        (*EARLY, 0.005, *ANSWER[::2], *(0.3 + moment for moment in ANSWER[::2])),
    ),
    "park": Operation(parked, None, TWO),
    "take": Operation(taken, ("alice", "erin"), ("alice", "erin")),
    "take by transfer": Operation(taken_by_transfer, ("alice", "carol"), ("alice", "bob", "carol")),
    "tell": Operation(told, ("alice", "bob"), TWO, (*MOMENTS[:8], *(SECONDS + one for one in MOMENTS[4:]))),
    "hang up": Operation(lambda at: leave(at.first, at.legs["bob"]), None, TWO, MOMENTS[:6]),
}


def bye(phone: Phone) -> None:
    """Hang up, refuse or cancel everything."""
    for session in phone.live:
        session.hang_up()


def reinvite(phone: Phone) -> None:
    """Send a re-INVITE with an offer that changes nothing for others."""
    for session in phone.live[:1]:
        if session.state == "up" and not session.busy:
            session.resume()


def hold_it(phone: Phone) -> None:
    """Put the other one on hold."""
    for session in phone.live[:1]:
        if session.state == "up" and not session.busy:
            session.hold()


def move(phone: Phone) -> None:
    """Send a re-INVITE that moves the media to another port."""
    for session in phone.live[:1]:
        if session.state == "up" and not session.busy:
            session.move_media()


def withdraw(phone: Phone) -> None:
    """Send a re-INVITE and give it up."""
    for session in phone.live[:1]:
        if session.state == "up" and not session.busy:
            session.move_media()
            session.withdraw()


def think_forever(phone: Phone) -> None:
    """Let each change ring for ever from now on."""
    phone.manners.change_after = None


def offerless(phone: Phone) -> None:
    """Send a re-INVITE that asks for an offer."""
    for session in phone.live[:1]:
        if session.state == "up" and not session.busy:
            session.reinvite(offer=False)


def refresh(phone: Phone) -> None:
    """Send an UPDATE without a session."""
    for session in phone.live[:1]:
        if session.state == "up":
            session.update(offer=False)


def refer(phone: Phone) -> None:
    """Ask for a transfer."""
    for session in phone.live[:1]:
        if session.state == "up":
            session.transfer("frank")


def refuse_changes(phone: Phone) -> None:
    """Refuse each change from now on."""
    phone.manners.change_code = 488


def vanish(phone: Phone) -> None:
    """Be gone without a word: what is sent to it times out."""
    phone.vanish()


def other_port(phone: Phone) -> None:
    """Be seen from another port, and register from there; nothing is being changed."""
    if all(session.state == "up" and not session.busy for session in phone.live):
        phone.rebind(20_000)
        phone.register()


def refreshed(phone: Phone) -> None:
    """Let the server refresh the session now, where it is the one to do so."""
    assert phone.world.served is not None
    dialogs = phone.world.served.server.context.dialogs
    for session in phone.live[:1]:
        leg = dialogs.find_replaced(session.call_id, session.remote_tag, session.local_tag)
        if leg is not None and leg.agreed is not None and leg.agreed.refreshing:
            leg()


EVENTS: dict[str, Callable[[Phone], None]] = {
    "BYE or CANCEL": bye,
    "re-INVITE": reinvite,
    "re-INVITE with another port": move,
    "re-INVITE given up": withdraw,
    "hold": hold_it,
    "re-INVITE without offer": offerless,
    "UPDATE": refresh,
    "refresh of ours": refreshed,
    "REFER": refer,
    "refuses changes": refuse_changes,
    "never decides": think_forever,
    "gone": vanish,
    "another port": other_port,
}
PEACEFUL = frozenset(
    {
        "re-INVITE",
        "re-INVITE with another port",
        "re-INVITE given up",
        "re-INVITE without offer",
        "UPDATE",
        "refresh of ours",
        "another port",
    }
)
"""After these everybody is there still, and wants to talk."""
IN_TURNS = {"another port"}
"""Of these one party a moment, in turns, since only its own leg is moved."""


WITH_MUSIC = {
    "hold by phone": Operation(held, None, TWO),
    "hold and resume by phone": Operation(held_and_resumed, None, TWO),
}
"""What is of interest only where who is held hears music."""


WITH_RELAYS = {
    "record": Operation(recorded, ("alice", "bob"), TWO, (*MOMENTS, 0.085, 0.095, 0.105)),
    "another relay": Operation(relay_lost, ("carol", "dave"), FOUR[2:], (*EARLY, *MOMENTS[3:], 0.085, 0.095)),
}
"""What is of interest only where there are relays."""


class Cell(NamedTuple):
    """One entry of the table."""

    operation: str
    moment: float
    event: str
    party: str
    voices: float | None = None
    """Who waits hears music, from voices that take so many seconds; None is silence."""
    relays: float | None = None
    """Some media pass through a relay that takes so many seconds; None is without any."""

    def __str__(self) -> str:
        """For the report."""
        name = f"{self.operation}; {self.party}: {self.event} at {self.moment * 1000:.0f} ms"
        if self.relays is not None:
            return f"{name}; a relay after {self.relays * 1000:.0f} ms"
        return name if self.voices is None else f"{name}; music after {self.voices * 1000:.0f} ms"

    def play(self) -> str:
        """Play it; what is wrong, or nothing."""
        at = Scene(voices=self.voices, relays=self.relays)
        operation = {**OPERATIONS, **WITH_MUSIC, **WITH_RELAYS}[self.operation]
        world, event = at.world, EVENTS[self.event]
        if self.moment < 0:
            event(at.phones[self.party])
            world.run(-self.moment)
        work = Deferred.fromCoroutine(operation.begin(at))
        ends: list[Any] = []
        work.addBoth(ends.append)
        if self.moment > 0:
            world.run(self.moment)
            event(at.phones[self.party])
        world.run(400 if self.event in ("gone", "never decides") else 110)
        problem = self.result(at, operation, ends) or self.left_over(at)
        return f"{problem}\n{world.ladder()}" if problem else ""

    def result(self, at: Scene, operation: Operation, ends: list[Any]) -> str:
        """Look how the operation has ended, and who talks."""
        if not ends:
            return "it has no end"
        end = ends[0]
        if isinstance(end, Failure) and end.check(Gone, NotJoined, Busy) is None:
            return f"it broke: {end.getTraceback()}"
        if not isinstance(end, (Failure, Outcome)):
            joined = operation.joined if self.event in PEACEFUL else None
            return "" if joined is None or at.are_talking(*joined) else "who was joined does not talk"
        if self.event in PEACEFUL:
            return f"it failed though everybody is there: {end}"
        if self.event in ("hold", "REFER"):
            return ""  # who talks is what they say themselves
        before = (TWO, FOUR[2:])
        alone = [pair for pair in before if self.party not in pair and not at.are_talking(*pair)]
        return f"it failed, and {alone[0]} do not talk any more" if alone else ""

    def left_over(self, at: Scene) -> str:
        """End everything; nothing may be left."""
        for _ in range(2):
            for agent in at.world.agents:
                if isinstance(agent, Phone) and not agent.gone:
                    bye(agent)
            at.world.run(3)
        try:
            at.world.quiet(patience=4000)
        except AssertionError as failure:
            return str(failure)
        return "a voice is left" if at.world.voices.open_voices else ""


SIZE = 4075
"""How many cells there are; each can happen."""


MUSIC_SIZE = 9250
"""How many there are with music."""


def music_cells() -> Iterator[Cell]:
    """The whole table with music: from voices that are there at once, or late."""
    for voices in (0.0, 0.012):
        for cell in cells({**OPERATIONS, **WITH_MUSIC}):
            yield cell._replace(voices=voices)


RELAY_SIZE = 9500
"""How many there are with relays."""


def relay_cells() -> Iterator[Cell]:
    """The whole table with relays: that answer at once, or take a moment."""
    for relays in (0.0, 0.012):
        for cell in cells({**OPERATIONS, **WITH_RELAYS}):
            yield cell._replace(relays=relays)


def cells(operations: Mapping[str, Operation] = OPERATIONS) -> Iterator[Cell]:
    """The whole table."""
    for name, operation in operations.items():
        for number, moment in enumerate(operation.moments):
            parties = operation.parties if moment > 0 or operation.parties in (FOUR, FOUR[2:]) else TWO
            for event in EVENTS:
                for party in (parties[number % len(parties)],) if event in IN_TURNS else parties:
                    yield Cell(name, moment, event, party)
