"""
The table of lamps: every state that a call can be in, and everything that may happen then.

Erin watches Alice, Bob and Carol.  A scene brings the calls of the three into a
state, then something happens, and when all is calm each lamp has to show what
the phones themselves know: their own calls, by no way that the server has a
part in.  Within that time no version and no CSeq number may go back, which the
watching phone sees to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from b2bua.store.memory import MemoryStore
from b2bua.store.ports import IStore
from b2bua.testing import Manners, World
from b2bua.testing.manners import by_hand
from b2bua.testing.phone import Phone
from b2bua.testing.served import HOST
from b2bua.testing.watching import Watching
from tests.ladders.lamps import dialogs, shown

CALM = 3.0
"""Seconds after which everything has had its effect, where nobody is gone."""
GONE = 4000.0
"""Seconds after which the registration of a phone that is gone has expired."""


class Scene:
    """Three phones, and one that watches them."""

    def __init__(self, store: IStore | None = None) -> None:
        """All are there, and nothing happens."""
        self.world = World(features="installed", store=store or MemoryStore())
        self.alice, self.bob, self.carol = self.world.phones("alice", "bob", "carol", manners=calm())
        self.phones = {phone.name: phone for phone in (self.alice, self.bob, self.carol)}
        [self.erin] = self.world.phones("erin", manners=calm())
        self.lamps = {name: self.erin.watch(name) for name in self.phones}
        self.world.run(1)

    def run(self, seconds: float = 0.5) -> None:
        """Let time pass."""
        self.world.run(seconds)

    def call(self, caller: Phone, callee: Phone, *, answer: bool = True) -> None:
        """Have somebody call."""
        caller.dial(callee.name)
        self.run()
        callee.ring()
        self.run()
        if answer:
            callee.answer()
            self.run()

    def wrong(self) -> str:
        """Which lamp does not show what is true; empty if all do."""
        for name, lamp in self.lamps.items():
            if not lamp.live:
                return f"Erin does not watch {name} any more: {lamp.reason}"
            seen, true = told(lamp), self.truth(name)
            if seen != true:
                return f"the lamp of {name} shows {seen}, and {true} is so"
        return ""

    def truth(self, name: str) -> list[str]:
        """The calls of a phone as it knows them itself, or why it has none."""
        phone = self.phones[name]
        if phone.live and not phone.gone:
            return sorted("up" if session.state == "up" else "open" for session in phone.live)
        if name in self.quiet:
            return ["do-not-disturb"]
        return ["idle"] if phone.registered and not phone.gone else ["unregistered"]

    @property
    def quiet(self) -> set[str]:
        """Who wants no calls, by the configuration of the server: phones do not know."""
        served = self.world.served
        assert served is not None
        return {name for name in self.phones if served.features.ask_unavailable(name)}


def calm() -> Manners:
    """A phone that does what it is told and nothing more."""
    return by_hand(acknowledges=True, replies=True, by_hand=False)


def told(lamp: Watching) -> list[str]:
    """What a lamp shows: its calls, or why there are none."""
    found = dialogs(lamp.body)
    calls = [one for one in found if one["id"] not in ("idle", "do-not-disturb", "unregistered")]
    return sorted("up" if one["state"] == "confirmed" else "open" for one in calls) or [shown(lamp.body)]


# ---- states -----------------------------------------------------------------


def calling(scene: Scene) -> None:
    """Alice calls Bob, whose phone does not ring yet."""
    scene.alice.dial("bob")
    scene.run()


def ringing(scene: Scene) -> None:
    """Bob's phone rings."""
    scene.call(scene.alice, scene.bob, answer=False)


def talking(scene: Scene) -> None:
    """Alice talks to Bob."""
    scene.call(scene.alice, scene.bob)


def held(scene: Scene) -> None:
    """Bob holds."""
    talking(scene)
    scene.bob.hold()
    scene.run()


def both_held(scene: Scene) -> None:
    """Both hold."""
    held(scene)
    scene.alice.hold()
    scene.run()


def second(scene: Scene) -> None:
    """Carol calls Bob, who talks to Alice."""
    talking(scene)
    scene.call(scene.carol, scene.bob, answer=False)


def consulting(scene: Scene) -> None:
    """Bob holds Alice and talks to Carol."""
    held(scene)
    scene.call(scene.bob, scene.carol)


def transferring(scene: Scene) -> None:
    """Bob has transferred Alice, and Carol's phone rings."""
    talking(scene)
    scene.bob.session.transfer("carol")
    scene.run()
    if scene.carol.live:
        scene.carol.ring()
    scene.run()


def forwarded(scene: Scene) -> None:
    """Alice calls Bob, who forwards to Carol."""
    served = scene.world.served
    assert served is not None
    served.features.change("extensions.bob.forward.always", "carol")
    scene.call(scene.alice, scene.carol, answer=False)


def idle(scene: Scene) -> None:
    """Nobody calls."""


STATES: dict[str, Callable[[Scene], None]] = {
    "idle": idle,
    "calling": calling,
    "ringing": ringing,
    "talking": talking,
    "held": held,
    "both hold": both_held,
    "second call": second,
    "consulting": consulting,
    "transferring": transferring,
    "forwarded": forwarded,
}


# ---- events -----------------------------------------------------------------


def hang_up(scene: Scene, phone: Phone) -> bool:
    """Hang up, refuse or give up the call that came last."""
    if phone.live:
        phone.hang_up()
    return bool(phone.live)


def answer(scene: Scene, phone: Phone) -> bool:
    """Pick up."""
    rings = [one for one in phone.live if one.incoming and one.state == "called"]
    for session in rings:
        session.answer()
    return bool(rings)


def hold(scene: Scene, phone: Phone) -> bool:
    """Hold the call that came last."""
    up = [one for one in phone.live if one.state == "up"]
    if up:
        up[-1].hold()
    return bool(up)


def resume(scene: Scene, phone: Phone) -> bool:
    """Take the first call back."""
    up = [one for one in phone.live if one.state == "up"]
    if up:
        up[0].resume()
    return bool(up)


def transfer(scene: Scene, phone: Phone) -> bool:
    """Transfer the other one to who is left."""
    up = [one for one in phone.live if one.state == "up"]
    if up:
        up[0].transfer(next(name for name in scene.phones if name != phone.name))
    return bool(up)


def join(scene: Scene, phone: Phone) -> bool:
    """Bring two parties together."""
    if len(phone.live) < 2 or any(one.state != "up" for one in phone.live):
        return False
    phone.live[0].transfer(replaces=phone.live[1])
    return True


def vanish(scene: Scene, phone: Phone) -> bool:
    """Be without power."""
    phone.vanish()
    return True


def move(scene: Scene, phone: Phone) -> bool:
    """Register from another port."""
    phone.move(port=5099)
    return True


def unregister(scene: Scene, phone: Phone) -> bool:
    """Be registered no more."""
    phone.unregister()
    return True


def do_not_disturb(scene: Scene, phone: Phone) -> bool:
    """Want no calls."""
    served = scene.world.served
    assert served is not None
    served.features.change(f"extensions.{phone.name}.do_not_disturb", True)
    return True


def called(scene: Scene, phone: Phone) -> bool:
    """Be called by Erin."""
    scene.erin.dial(phone.name)
    return True


def reload(scene: Scene, phone: Phone) -> bool:
    """The configuration is read again."""
    scene.world.reload()
    return True


def lost(scene: Scene, phone: Phone) -> bool:
    """What goes to Erin is lost for five seconds, while somebody hangs up."""
    link = scene.world.network.own_link(HOST, scene.erin.host)
    link.loss = 1.0
    for one in list(phone.live):
        one.hang_up()
    scene.world.clock.callLater(5, setattr, link, "loss", 0.0)
    return True


def anew(scene: Scene, phone: Phone) -> bool:
    """Erin's phone has rebooted, and watches anew."""
    scene.erin.forget_subscriptions()
    scene.lamps = {name: scene.erin.watch(name) for name in scene.phones}
    return True


EVENTS: dict[str, Callable[[Scene, Phone], bool]] = {
    "hangs up": hang_up,
    "answers": answer,
    "holds": hold,
    "resumes": resume,
    "transfers": transfer,
    "joins": join,
    "vanishes": vanish,
    "moves": move,
    "unregisters": unregister,
    "wants no calls": do_not_disturb,
    "is called": called,
    "hangs up unheard": lost,
    "reload": reload,
    "reboot": anew,
}


class Cell(NamedTuple):
    """One entry of the table."""

    state: str
    event: str
    party: str

    def __str__(self) -> str:
        """For the report."""
        return f"{self.state}; {self.party} {self.event}"

    def play(self) -> str | None:
        """Play it; what is wrong, or nothing, or None if the event cannot happen."""
        scene = Scene()
        STATES[self.state](scene)
        if problem := scene.wrong():
            return f"before: {problem}\n{scene.world.ladder()}"
        if not EVENTS[self.event](scene, scene.phones[self.party]):
            return None
        scene.run(GONE if self.event == "vanishes" else CALM)
        if self.event == "hangs up unheard":
            scene.run(70)
        problem = scene.wrong()
        violations = "\n".join(map(str, scene.world.violations))
        return f"{problem or violations}\n{scene.world.ladder()}" if problem or violations else ""


POSSIBLE = 291
"""In so many of the 420 cells the event can happen."""


def cells() -> Iterator[Cell]:
    """All states, all events, all parties."""
    for state in STATES:
        for event in EVENTS:
            for party in ("alice", "bob", "carol"):
                yield Cell(state, event, party)
