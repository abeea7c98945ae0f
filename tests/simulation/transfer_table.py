"""
What the table of transfers is made of: kinds, parties, events, moments, and what has to hold.

A cell is a kind of transfer, a moment after the REFER, an event, and who causes
it.  The moments are taken from an undisturbed run of the same kind: one between
any two of its messages.  What cannot happen there (nothing rings that could be
refused) is no cell.

The events are BYE, CANCEL, re-INVITE (which holds, which moves the media, which
is given up), UPDATE (also in an early dialog), refresh (both ways), final
failure (refusal), timeout (gone, re-INVITEs unanswered or never decided), a
second REFER, NOTIFY refused, the transport lost, and another UDP port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from b2bua.calls.call import Call
from b2bua.legs.leg import Leg
from b2bua.store.ports import IStore
from b2bua.testing import World
from b2bua.testing.dialog import Fields
from b2bua.testing.manners import Manners
from b2bua.testing.phone import Phone
from b2bua.testing.session import Session
from tests.ladders.transfers import FEATURES

PARTIES = ("alice", "bob", "carol")
"""The survivor, the transferor and the target."""

TALKS = Manners(rings_after=0.05, answers_after=1.0, session_expires=1800, refresher="uac")
"""Whose sessions we refresh when they are called, and by L{dial} also when they call."""
WRITTEN = 4.0
"""Seconds after which a call is in the store."""
CALM = 200.0
"""Seconds after which whatever was begun is over, but for what only the next sign of life shows."""


class Kind(NamedTuple):
    """One kind of transfer."""

    name: str
    consults: str = ""
    """Does Bob talk to Carol before (up), or does she ring (rings)?"""
    target: str = "answers"
    """Carol answers, refuses, or is silent: it takes her a minute to come to her phone."""
    leaves: str = "final"
    """When Bob hangs up."""
    caller: bool = False
    """Is Bob the caller in his call with Alice?"""
    way: str = "REFER"
    """Or pass: Alice's phone does the work; to the target: Carol gets the REFER; Replaces: Carol's INVITE."""
    recalled: bool = True
    """Does Bob take Alice back?  If not, she goes on to Dave."""
    at_once: bool = False
    """Is Bob told of success before Carol has answered?"""
    early: bool = False
    """Does Carol's phone play something while it rings, so that a session is agreed on early?"""
    slow: tuple[str, ...] = ()
    """Who takes a while to agree to a change, so that others can do something meanwhile."""

    def __str__(self) -> str:
        """For the report."""
        return self.name

    @property
    def fails(self) -> bool:
        """Is Carol not to be had?"""
        return self.target != "answers"


KINDS = (
    Kind("blind"),
    Kind("blind, leaves at once", leaves="at once"),
    Kind("blind by the caller", caller=True),
    Kind("blind, busy", target="refuses"),
    Kind("blind, busy, leaves at once", target="refuses", leaves="at once"),
    Kind("blind, no answer", target="silent"),
    Kind("blind, no answer, leaves at once", target="silent", leaves="at once"),
    Kind("blind, busy, recall refused", target="refuses", leaves="at once", recalled=False),
    Kind("blind, told at once", at_once=True),
    Kind("blind, busy, told at once", target="refuses", at_once=True),
    Kind("blind, early media", early=True),
    Kind("blind, slow survivor", slow=("alice",)),
    Kind("blind, passed on", way="pass"),
    Kind("attended", "up"),
    Kind("attended, leaves at once", "up", leaves="at once"),
    Kind("attended, slow survivor", "up", slow=("alice",)),
    Kind("attended, slow target", "up", slow=("carol",)),
    Kind("attended, REFER to the target", "up", way="to the target"),
    Kind("attended, passed on", "up", way="pass"),
    Kind("semi-attended", "rings"),
    Kind("semi-attended, leaves at once", "rings", leaves="at once"),
    Kind("semi-attended, early media", "rings", early=True),
    Kind("semi-attended, refused", "rings", target="refuses"),
    Kind("semi-attended, refused, leaves at once", "rings", target="refuses", leaves="at once"),
    Kind("semi-attended, no answer", "rings", target="silent"),
    Kind("semi-attended, told at once", "rings", at_once=True),
    Kind("INVITE with Replaces", way="Replaces"),
)


class Scene:
    """One world, at the moment at which the REFER has just been sent."""

    def __init__(
        self,
        kind: Kind,
        stream: str = "",
        extra: bool = False,
        store: IStore | None = None,
        *,
        other: str = "",
    ) -> None:
        """
        Play up to the REFER.

        @param stream: whose phone uses TCP.
        @param extra: is there a fourth phone?
        @param store: what outlives the server; the calls are in it before the REFER.
        @param other: the address of one more server that shares the store.
        """
        self.kind = kind
        self.world = world = World(
            seed=1, features=FEATURES, settings=self.settings(kind), store=store, several=bool(other)
        )
        if other:
            world.node("b", other)
        names = (*PARTIES, "dave") if extra or not kind.recalled else PARTIES
        phones = [world.phone(n, TALKS.but(), transport="TCP" if n == stream else "UDP") for n in names]
        for phone in phones:
            phone.register()
        world.run_until(lambda: all(phone.registered for phone in phones))
        self.phones = {phone.name: phone for phone in phones}
        alice, bob, carol = phones[:3]
        if kind.early:
            bob.manners.hundred_rel = "supported"
            carol.manners.early_media, carol.manners.hundred_rel = True, "required"
        caller, callee = (bob, alice) if kind.caller else (alice, bob)
        dial(caller, callee.name)
        world.run(2)
        first = bob.session
        first.hold()
        world.run(0.5 if store is None else WRITTEN)
        if kind.target == "refuses":
            carol.manners.refuses, carol.manners.refuses_after = 486, 1.0
            carol.manners.rings_first = True
        elif kind.target == "silent":
            carol.manners.answers_after = 60.0
        second: Session | None = None
        if kind.consults:
            second = dial(bob, "carol")
            world.run(0.5 if kind.consults == "rings" else 2.0)
        bob.manners.leaves_after_refer = kind.leaves
        alice.manners.refresher = "uas" if kind.way == "pass" else "uac"
        if not kind.recalled:
            bob.manners.refuses = 486
        for name in kind.slow:
            self.phones[name].manners.change_after = 0.1
        self.began = world.clock.seconds()
        self.transfer(first, second)

    @staticmethod
    def settings(kind: Kind) -> dict[str, Any]:
        """Who does the work, how long it rings, and where a recall ends."""
        otherwise = "" if kind.recalled else "dave"
        how = {"ring_seconds": 5, "recall_seconds": 5, "otherwise": otherwise, "at_once": kind.at_once}
        bob = {"transfer": "pass"} if kind.way == "pass" else {}
        return {"blind_transfer": how, "attended_transfer": how, "extensions": {"bob": bob}}

    def transfer(self, first: Session, second: Session | None) -> None:
        """Send the REFER, or what takes its place."""
        if self.kind.way == "Replaces":
            value = f"{first.call_id};to-tag={first.remote_tag};from-tag={first.local_tag}"
            dial(self.phones["carol"], "bob", fields=(("Replaces", value), ("Require", "replaces")))
        elif self.kind.way == "to the target" and second is not None:
            second.transfer(replaces=first)
        else:
            first.transfer("" if second else "carol", replaces=second)

    def legs(self, phone: Phone) -> list[Leg]:
        """The legs that end at a phone."""
        return [leg for call in self.calls for leg in call.legs if leg.party.name == phone.name]

    @property
    def calls(self) -> list[Call]:
        """The calls that go on."""
        assert self.world.served is not None
        servers = [*self.world.nodes.values()] or [self.world.served]
        return [call for one in servers for call in one.server.core.calls.going.values()]

    # What has to hold when all is calm

    def pairs(self) -> set[frozenset[str]]:
        """Who is connected with whom."""
        return {
            frozenset((call.bridge.a.party.name, call.bridge.b.party.name))
            for call in self.calls
            if call.bridge is not None
        }

    def wrong(self) -> str:
        """
        Say who is alone, or in a call that the other side knows nothing of.

        Each leg is half of a bridge, and each bridge half a phone's session; so
        nobody talks to nobody, and nobody waits in silence.
        """
        for call in self.calls:
            bridge = call.bridge
            if bridge is None or {bridge.a, bridge.b} != set(call.legs):
                return f"{[str(leg.party) for leg in call.legs]} are in a call where nobody talks"
        legs = {leg.call_id: leg for call in self.calls for leg in call.legs}
        sessions = {s.call_id: s for phone in self.phones.values() for s in phone.live if not phone.gone}
        for call_id, session in sessions.items():
            if call_id not in legs:
                return f"{session.phone.name} is in a call that does not exist"
        for call_id, leg in legs.items():
            if call_id not in sessions:
                return f"{leg.party} is believed to be in a call that it has not"
        return self.silence({leg.call_id: self.other(leg).call_id for leg in legs.values()})

    def silence(self, other: dict[str, str]) -> str:
        """Say who hears nothing though nobody holds."""
        sessions = {s.call_id: s for phone in self.phones.values() for s in phone.live if not phone.gone}
        for call_id, session in sessions.items():
            peer = sessions[other[call_id]]
            if session.media.wish == peer.media.wish == "sendrecv" and not session.talks_to(peer):
                return f"{session.phone.name} and {peer.phone.name} do not hear each other"
        return ""

    @staticmethod
    def other(leg: Leg) -> Leg:
        """At the other side of the bridge."""
        bridge = leg.call.bridge
        assert bridge is not None
        return bridge.other(leg)


def dial(phone: Phone, number: str, fields: Fields = ()) -> Session:
    """Call somebody, and leave it to us to refresh."""
    phone.manners.refresher = "uas"
    session = phone.dial(number, fields=fields)
    phone.manners.refresher = "uac"
    return session


# What may happen.  Each says whether it could, there and then.


def bye(scene: Scene, phone: Phone) -> bool:
    """Hang up the call that has been going on longest."""
    session = next((s for s in phone.live if s.state == "up"), None)
    if session is not None:
        session.hang_up()
    return session is not None


def cancel(scene: Scene, phone: Phone) -> bool:
    """Give up what has not been answered."""
    calling = [session for session in phone.live if session.state == "calling"]
    for session in calling:
        session.hang_up()
    return bool(calling)


def leave(scene: Scene, phone: Phone) -> bool:
    """Hang up all calls at once, where there are several."""
    live = phone.live
    if len(live) > 1:
        for session in live:
            session.hang_up()
    return len(live) > 1


def hold(scene: Scene, phone: Phone) -> bool:
    """Send a re-INVITE."""
    session = steady(phone)
    if session is None:
        return False
    session.hold()
    return True


def move(scene: Scene, phone: Phone) -> bool:
    """Send a re-INVITE that moves the media to another port."""
    session = steady(phone)
    if session is None:
        return False
    session.move_media()
    return True


def withdraw(scene: Scene, phone: Phone) -> bool:
    """Send a re-INVITE and give it up."""
    session = steady(phone)
    if session is None:
        return False
    session.move_media()
    session.withdraw()
    return True


def update_early(scene: Scene, phone: Phone) -> bool:
    """Send an UPDATE with another port before the call is answered."""
    early = [s for s in phone.live if s.state in ("calling", "called") and s.agreed_early]
    session = next((s for s in early if not s.media.open_exchange()), None)
    if session is None:
        return False
    session.media.port = scene.world.new_media_port()
    session.update()
    return True


def update(scene: Scene, phone: Phone) -> bool:
    """Send an UPDATE without a session, as a phone refreshes."""
    session = steady(phone)
    if session is None:
        return False
    session.update(offer=False)
    return True


def update_session(scene: Scene, phone: Phone) -> bool:
    """Send an UPDATE with the session as it is."""
    session = steady(phone)
    if session is None:
        return False
    session.update()
    return True


def refer(scene: Scene, phone: Phone) -> bool:
    """Send a REFER, perhaps the second one."""
    session = next((s for s in phone.live if s.state == "up"), None)
    if session is None:
        return False
    session.transfer("dave")
    return True


def refuse(scene: Scene, phone: Phone) -> bool:
    """Refuse what rings."""
    ringing = [session for session in phone.live if session.state == "called"]
    for session in ringing:
        session.refuse(486)
    return bool(ringing)


def vanish(scene: Scene, phone: Phone) -> bool:
    """Be gone without a word: NOTIFYs, BYEs and re-INVITEs time out."""
    phone.vanish()
    return True


def refuse_notify(scene: Scene, phone: Phone) -> bool:
    """Refuse the NOTIFYs that are to come (RFC 5057 section 5.1: that ends the subscription only)."""
    phone.manners.notify_code = 481
    return phone.name == "bob"


def reconnect(scene: Scene, phone: Phone) -> bool:
    """Close the connection, and come back by another one at once."""
    phone.close_connections()
    phone.register()
    return True


def disconnect(scene: Scene, phone: Phone) -> bool:
    """Close the connection, and come back after ten seconds."""
    phone.close_connections()
    phone.later(10.0, phone.register)
    return True


def other_port(scene: Scene, phone: Phone) -> bool:
    """Be seen from another port, and register from there; nothing is being changed."""
    if any(session.state != "up" or session.busy for session in phone.live):
        return False
    phone.rebind(20_000)
    phone.register()
    return True


def refresh(scene: Scene, phone: Phone) -> bool:
    """We refresh the session of a leg (RFC 4028)."""
    return fire(
        scene,
        [leg for leg in scene.legs(phone) if leg.agreed is not None and leg.agreed.refreshing],
    )


def fire(scene: Scene, legs: list[Leg]) -> bool:
    """Let the timer of sessions fire."""
    assert scene.world.served is not None
    for leg in legs:
        if leg.timer is not None:
            leg.timer.stop()
        scene.world.served.server.core.calls.run(leg)
    return bool(legs)


def refresh_refused(scene: Scene, phone: Phone) -> bool:
    """We refresh, and the phone refuses that and every other change of the session."""
    phone.manners.change_code = 488
    return refresh(scene, phone)


def refresh_unanswered(scene: Scene, phone: Phone) -> bool:
    """We refresh, and the phone answers neither that nor any other change of the session."""
    phone.manners.change_code = 0
    return refresh(scene, phone)


def expire(scene: Scene, phone: Phone) -> bool:
    """The session is over since nobody has refreshed it (RFC 4028 section 10)."""
    legs = [leg for leg in scene.legs(phone) if leg.answered]
    for leg in legs:
        leg.expires_at = scene.world.clock.seconds()
    return fire(scene, legs)


def refuse_changes(scene: Scene, phone: Phone) -> bool:
    """Refuse every re-INVITE that is to come: the joining, and what would bring the old call back."""
    phone.manners.change_code = 488
    return True


def ignore_changes(scene: Scene, phone: Phone) -> bool:
    """Answer no re-INVITE that is to come: it times out."""
    phone.manners.change_code = 0
    return True


def think_forever(scene: Scene, phone: Phone) -> bool:
    """Let every re-INVITE that is to come ring for ever."""
    phone.manners.change_after = None
    return True


def steady(phone: Phone) -> Session | None:
    """A session of the phone that nothing stands in the way of being changed."""
    return next((s for s in phone.live if s.state == "up" and not s.busy), None)


EVENTS: dict[str, Callable[[Scene, Phone], bool]] = {
    "BYE": bye,
    "CANCEL": cancel,
    "BYE everywhere": leave,
    "re-INVITE": hold,
    "re-INVITE with another port": move,
    "re-INVITE given up": withdraw,
    "early UPDATE": update_early,
    "UPDATE": update,
    "UPDATE with a session": update_session,
    "second REFER": refer,
    "refusal": refuse,
    "gone": vanish,
    "NOTIFY refused": refuse_notify,
    "connection lost": reconnect,
    "connection lost for a while": disconnect,
    "another port": other_port,
    "refresh": refresh,
    "refresh refused": refresh_refused,
    "refresh unanswered": refresh_unanswered,
    "session expired": expire,
    "re-INVITEs refused": refuse_changes,
    "re-INVITEs unanswered": ignore_changes,
    "re-INVITEs never decided": think_forever,
}
POSSIBLE = 12457
"""In so many of the 20,100 cells the event can happen."""
HARMLESS = {
    "re-INVITE",
    "re-INVITE with another port",
    "re-INVITE given up",
    "early UPDATE",
    "UPDATE",
    "UPDATE with a session",
    "NOTIFY refused",
    "connection lost",
    "another port",
    "refresh",
}
"""After these the transfer ends as if nothing had happened."""


IN_TURNS = {"another port"}
"""What is the same for a party at one moment and at the next, since only its own leg is moved."""


class Cell(NamedTuple):
    """One entry of the table."""

    kind: Kind
    moment: float
    event: str
    party: str

    def __str__(self) -> str:
        """For the report."""
        return f"{self.kind}; {self.party}: {self.event} at {self.moment * 1000:.0f} ms"

    def begin(self) -> Scene:
        """The scene up to the event."""
        stream = self.party if self.event.startswith("connection") else ""
        scene = Scene(self.kind, stream, self.event == "second REFER")
        scene.world.run(self.moment)
        return scene

    def play(self) -> str | None:
        """Play it; what is wrong, or nothing, or None if the event cannot happen."""
        scene = self.begin()
        world, phone = scene.world, scene.phones[self.party]
        if not EVENTS[self.event](scene, phone):
            return None
        world.run(CALM)
        if phone.gone:
            world.run(2000)  # the next sign of life is due after a quarter of an hour
        wrong = scene.wrong() or self.unexpected(scene.pairs())
        if wrong:
            return f"{wrong}\n{world.ladder()}"
        for _ in range(2):
            for session in [session for one in scene.phones.values() for session in one.live]:
                session.hang_up()
            world.run(3)
        try:
            world.quiet()
        except AssertionError as failure:
            return str(failure)
        return ""

    def unexpected(self, pairs: set[frozenset[str]]) -> str:
        """Say what of the outcome ought to be otherwise."""
        kind, wanted = self.kind, undisturbed(self.kind).pairs
        leaves = self.party == "bob" and self.event in ("BYE", "CANCEL", "BYE everywhere", "gone")
        if kind.way == "pass" and (leaves or self.event in ("NOTIFY refused", "connection lost")):
            return ""  # what the transferor does to its calls, the other phone finds
        if kind.way == "Replaces" and leaves and self.event != "gone":
            return ""  # a BYE that comes first leaves nothing to take over
        if self.event == "connection lost":
            if self.party != "alice" and not kind.consults:
                return ""  # nobody can ring a phone that is not registered at that moment
            if self.party == "bob" and kind.fails:
                return ""  # nor recall it
        elif leaves and kind.fails and self.event == "gone":
            if not kind.recalled:
                return ""  # if it hung up before, Alice has gone on to Dave
            wanted = set()
        elif leaves and kind.fails and kind.recalled:
            return ""  # it is recalled, unless it knew that the transfer had failed
        elif not leaves and self.event not in HARMLESS:
            return ""
        return "" if pairs == wanted else f"{[sorted(pair) for pair in pairs]} talk"


class Undisturbed(NamedTuple):
    """What a transfer is like when nothing happens."""

    moments: tuple[float, ...]
    pairs: set[frozenset[str]]


@cache
def undisturbed(kind: Kind) -> Undisturbed:
    """Play it; a moment lies after each time at which something is sent."""
    scene = Scene(kind)
    scene.world.run(CALM)
    log = [packet.at for packet in scene.world.network.log]
    times = sorted({round(at - scene.began, 3) for at in log if at >= scene.began})
    return Undisturbed(tuple(at + 0.005 for at in times), scene.pairs())


def cells(kind: Kind) -> Iterator[Cell]:
    """Every moment of a kind, every event and every party; of some events one party a moment, in turns."""
    for number, moment in enumerate(undisturbed(kind).moments):
        for event in EVENTS:
            for party in (PARTIES[number % 3],) if event in IN_TURNS else PARTIES:
                yield Cell(kind, moment, event, party)
