"""
The ladders of which one message is broken: all that phones and carriers say to us.

A ladder does what people would, and goes on as far as it can when a message of
it was lost on the way; L{Scene.note} remembers what had come of it so far.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from b2bua.testing import World
from b2bua.testing.manners import Manners
from b2bua.testing.phone import Phone
from b2bua.testing.session import Session
from b2bua.wire.message import Request, Response
from tests.ladders.transfers import FEATURES

CARRIERS = {"carrier": "198.51.100.7", "second": "198.51.100.8"}
MANNERS = Manners(rings_after=0.05, answers_after=1.0)


class Scene:
    """One world with three phones, and two carriers for the ladders that want them."""

    def __init__(self, ladder: Ladder, change: Callable[[World], object] | None = None) -> None:
        """
        Set up the parties.

        @param change: what is done to the world before anything is said in it.
        """
        tables = {name: self.trunk(host) for name, host in CARRIERS.items()} if ladder.carriers else {}
        tables = {name: {**table, **ladder.trunk} for name, table in tables.items()}
        routes = [{"match": r"\+\d+", "trunks": list(tables)}] if tables else []
        self.world = world = World(seed=1, features=FEATURES, settings={"trunks": tables, "routes": routes})
        if change is not None:
            change(world)
        self.notes: list[object] = []
        password = "carried" if ladder.trunk.get("username") else ""
        self.carriers = [
            world.trunk(
                name,
                MANNERS.but(),
                host=CARRIERS[name],
                asks_password=password,
                account="pbx",
                number="+4930123",
            )
            for name in tables
        ]
        self.phones = [world.phone(name, MANNERS.but(**ladder.manners)) for name in ("alice", "bob", "carol")]
        self.alice, self.bob, self.carol = self.phones
        for phone in self.phones:
            phone.register()
        world.run(1)

    @staticmethod
    def trunk(host: str) -> dict[str, Any]:
        """The table of one trunk."""
        return {"uri": f"sip:{host}", "accept_from": [host], "options_seconds": 0.0, "trusted": True}

    def note(self) -> None:
        """Remember who talks to whom, and who is registered."""
        self.notes.append((sorted(self.world.talking()), [phone.registered for phone in self.phones]))

    def call(self, caller: Phone, number: str, seconds: float = 2.0) -> Session:
        """Call somebody, and see what comes of it."""
        session = caller.dial(number)
        self.world.run(seconds)
        self.note()
        return session

    def ask(self, phone: Phone, method: str, *fields: tuple[str, str], body: bytes = b"") -> None:
        """Send a request outside of all dialogs; a challenge is answered."""
        head = [
            ("Max-Forwards", "70"),
            ("From", f"<{phone.aor}>;tag={phone.token()}"),
            ("To", f"<sip:{self.world.domain}>"),
            ("Call-ID", phone.token()),
            ("Contact", f"<{phone.contact}>"),
            *fields,
        ]

        def send(request: Request, seq: int) -> None:
            numbered = request.with_fields(prepend=[("Via", phone.via()), ("CSeq", f"{seq} {method}")])

            def heard(response: Response | None) -> None:
                if response is not None and response.code == 401 and seq == 1:
                    again = phone.with_credentials(numbered, response)
                    if again is not None:
                        send(again.with_fields(remove=("Via", "CSeq")), 2)
                elif response is not None and response.final:
                    self.notes.append(response.code)

            phone.ask(numbered, heard)

        send(Request(method, f"sip:{self.world.domain}", head, body), 1)
        self.world.run(1)


@dataclass(frozen=True, eq=False)
class Ladder:
    """One kind of ladder."""

    name: str
    play: Callable[[Scene], None]
    manners: dict[str, Any] = field(default_factory=dict)
    """What is special about the phones."""
    carriers: bool = False
    trunk: dict[str, Any] = field(default_factory=dict)
    """What is special about the trunks."""


def up(phone: Phone) -> Session | None:
    """The call of a phone that is answered."""
    return next((session for session in phone.live if session.state == "up" and not session.busy), None)


def leave(scene: Scene, *phones: Phone) -> None:
    """Hang up what there is."""
    for phone in phones or (scene.alice,):
        for session in phone.live:
            session.hang_up()
    scene.world.run(2)
    scene.note()


def call(scene: Scene) -> None:
    """A call, which the callee ends (RFC 3665 section 3.2)."""
    scene.call(scene.alice, "bob")
    leave(scene, scene.bob)


def late_offer(scene: Scene) -> None:
    """A call whose INVITE has no offer."""
    scene.alice.dial("bob", offer=False)
    scene.world.run(2)
    scene.note()
    leave(scene, scene.alice)


def cancelled(scene: Scene) -> None:
    """A call that is given up while it rings (section 3.8)."""
    scene.call(scene.alice, "bob", 0.5)
    leave(scene)


def refused(scene: Scene) -> None:
    """A call that is refused (section 3.9)."""
    scene.bob.manners.refuses = 486
    scene.call(scene.alice, "bob")


def redirected(scene: Scene) -> None:
    """A call that the callee's phone forwards by itself."""
    scene.bob.manners.redirects = "carol"
    scene.call(scene.alice, "bob")
    leave(scene)


def hold(scene: Scene) -> None:
    """Hold by re-INVITE from either side, and an UPDATE (RFC 5359 section 2.1)."""
    scene.call(scene.alice, "bob")
    for phone in (scene.alice, scene.bob):
        if session := up(phone):
            session.hold()
            scene.world.run(1)
            scene.note()
        if session := up(phone):
            session.resume()
            scene.world.run(1)
            scene.note()
    if session := up(scene.bob):
        session.update()
        scene.world.run(1)
        scene.note()
    leave(scene)


def refreshed(scene: Scene) -> None:
    """A call whose session is refreshed (RFC 4028)."""
    scene.call(scene.alice, "bob")
    scene.world.run(100)
    scene.note()
    leave(scene)


def blind(scene: Scene) -> None:
    """A blind transfer (RFC 5589 section 6)."""
    scene.call(scene.alice, "bob")
    if session := up(scene.bob):
        session.transfer("carol")
    scene.world.run(5)
    scene.note()
    leave(scene, *scene.phones)


def attended(scene: Scene) -> None:
    """An attended transfer (section 7)."""
    scene.call(scene.alice, "bob")
    first = up(scene.bob)
    if first is not None:
        first.hold()
        scene.world.run(1)
        second = scene.call(scene.bob, "carol")
        if first.state == second.state == "up":
            first.transfer(replaces=second)
    scene.world.run(5)
    scene.note()
    leave(scene, *scene.phones)


def registration(scene: Scene) -> None:
    """Refresh, unregister, register again (RFC 3665 section 2)."""
    for seconds in (None, 0, None):
        scene.alice.register(seconds)
        scene.world.run(1)
        scene.note()
    scene.alice.register(contact="")
    scene.world.run(1)
    scene.note()


def outgoing(scene: Scene) -> None:
    """A call to a carrier that asks for a password and has us registered."""
    scene.call(scene.alice, "+15550123")
    leave(scene)
    scene.world.run(70)


def incoming(scene: Scene) -> None:
    """A call from a carrier."""
    scene.call(scene.carriers[0], "bob")
    if session := up(scene.carriers[0]):
        session.hold()
    scene.world.run(1)
    scene.note()
    leave(scene, scene.bob)


def overloaded(scene: Scene) -> None:
    """A carrier that is overloaded, and another one that takes the call (RFC 3261 section 21.5.4)."""
    scene.carriers[0].manners.refuses = 503
    scene.call(scene.alice, "+15550123", 4.0)
    leave(scene)
    scene.carriers[0].manners.refuses = None


def subscription(scene: Scene) -> None:
    """Requests outside of calls: SUBSCRIBE, NOTIFY, OPTIONS, MESSAGE, REFER; and a REFER to a dialog."""
    phone = scene.alice
    scene.ask(phone, "OPTIONS", ("Accept", "application/sdp"))
    scene.ask(
        phone, "SUBSCRIBE", ("Event", "presence"), ("Expires", "60"), ("Accept", "application/pidf+xml")
    )
    scene.ask(phone, "NOTIFY", ("Event", "keep-alive"), ("Subscription-State", "active"))
    scene.ask(phone, "REFER", ("Refer-To", "<sip:carol@pbx.example.com>"))
    session = scene.call(scene.bob, "carol")
    value = f"{session.call_id};local-tag={session.remote_tag};remote-tag={session.local_tag}"
    scene.ask(
        scene.bob,
        "REFER",
        ("Refer-To", f"<sip:alice@{scene.world.domain}>"),
        ("Refer-Sub", "false"),
        ("Target-Dialog", value),
        ("Require", "tdialog"),
    )
    scene.world.run(4)
    scene.note()
    leave(scene, *scene.phones)


RELIABLE = {"hundred_rel": "required", "early_media": True}
TIMED = {"session_expires": 90, "refresher": "uas"}
ACCOUNT = {"register": True, "username": "pbx", "password": "carried", "options_seconds": 30.0}

LADDERS = (
    Ladder("call", call),
    Ladder("call without an offer", late_offer),
    Ladder("cancelled", cancelled),
    Ladder("refused", refused),
    Ladder("redirected", redirected),
    Ladder("reliable", call, RELIABLE),
    Ladder("reliable without an offer", late_offer, RELIABLE),
    Ladder("hold", hold),
    Ladder("refreshed by re-INVITE", refreshed, {**TIMED, "refreshes_by": "INVITE"}),
    Ladder("refreshed by UPDATE", refreshed, TIMED),
    Ladder("blind transfer", blind),
    Ladder("attended transfer", attended),
    Ladder("registration", registration),
    Ladder("to a carrier", outgoing, carriers=True, trunk=ACCOUNT),
    Ladder("from a carrier", incoming, carriers=True),
    Ladder("overloaded carrier", overloaded, carriers=True),
    Ladder("subscription", subscription),
)
