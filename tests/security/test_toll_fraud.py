"""
Who may reach what, by which way: a test for each cell of the table.

Toll fraud is a call to where it costs money, by somebody who may not make it,
or at the expense of somebody else.  Whose permission counts is the caller's,
and for what was sent on that of whoever sent it on: a phone that may not dial
out cannot forward, redirect or transfer a call out either, and a carrier that
calls in cannot use us to call out through another one.  Said of other servers:
Patter#205, issabelPBX PR#13 (transfers became free calls), pocket-dial#133 (any
phone could transfer anybody's call), kazoo PR#1570.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing import Manners, Trunk, World
from b2bua.testing.phone import Phone
from b2bua.testing.session import Session
from b2bua.wire.message import Request, Response
from b2bua_plugins._sounds import sound

CARRIER, EXIT, ABROAD, VISITED = "198.51.100.7", "198.51.100.8", "203.0.113.9", "203.0.113.10"
NUMBER = "+15550123"
TARGETS = {"extension": "carol", "number": NUMBER, "foreign": f"sip:victim@{ABROAD}"}
"""One of us; a number out in the world, which costs money; a URI of another domain."""


class Row(NamedTuple):
    """Somebody, and what of the three targets is reached by that way."""

    way: str
    who: str
    extension: bool
    number: bool
    foreign: bool


# free: an extension that may dial all; kept: one that may dial extensions only;
# carrier: a trunk with the permissions that trunks have by default; stranger: whoever has no password;
# visited: somebody of another domain whom an extension has called.
TABLE = (
    #   way          who         extension number foreign
    Row("calls", "free", True, True, True),
    Row("calls", "kept", True, False, False),
    Row("calls", "carrier", True, False, False),
    Row("calls", "stranger", False, False, False),
    Row("forwards", "free", True, True, True),
    Row("forwards", "kept", True, False, False),
    Row("forwards", "stranger", False, False, False),
    Row("redirects", "free", True, True, True),
    Row("redirects", "kept", True, False, False),
    Row("redirects", "carrier", True, False, False),
    Row("redirects", "visited", False, False, False),
    Row("transfers", "free", True, True, True),
    Row("transfers", "kept", True, False, False),
    Row("transfers", "carrier", True, False, False),
    Row("transfers", "visited", False, False, False),
    Row("refers from outside", "free", True, True, True),
    Row("refers from outside", "kept", True, False, False),
    Row("refers from outside", "carrier", True, False, False),
    Row("refers from outside", "visited", False, False, False),
    Row("refers a call of others", "free", False, False, False),
    Row("refers a call of others", "kept", False, False, False),
    Row("refers a call of others", "carrier", False, False, False),
    Row("refers a call of others", "stranger", False, False, False),
    Row("clicks to dial", "free", True, True, True),
    Row("clicks to dial", "kept", True, False, False),
    Row("dials again", "free", True, True, True),
    Row("dials again", "kept", True, False, False),
    Row("dials again", "carrier", False, False, False),
    # At the phone of the other one, who may dial less, or more.
    Row("logs in elsewhere", "free", True, True, True),
    Row("logs in elsewhere", "kept", True, False, False),
    Row("logs in elsewhere", "carrier", False, False, False),
    Row("logs in elsewhere", "stranger", False, False, False),
    Row("dials short numbers", "free", True, True, True),
    Row("dials short numbers", "kept", True, False, False),
    Row("dials short numbers", "carrier", False, False, False),
    # Who parks pays for where the call goes when nobody takes it.
    Row("parks", "free", True, True, True),
    Row("parks", "kept", True, False, False),
    Row("parks", "carrier", False, False, False),
    Row("parks", "visited", False, False, False),
    # Where a queue sends callers on stands in the configuration: the operator pays.
    Row("calls a full queue", "free", True, True, True),
    Row("calls a full queue", "kept", True, True, True),
    Row("calls a full queue", "carrier", True, True, True),
    Row("calls a full queue", "stranger", False, False, False),
    Row("rings at night", "free", True, True, True),
    Row("rings at night", "kept", True, True, True),
    Row("rings at night", "carrier", True, True, True),
    Row("rings at night", "stranger", False, False, False),
    Row("closed office", "kept", True, True, True),
    Row("closed office", "carrier", True, True, True),
    Row("closed office", "stranger", False, False, False),
    # So does where a key leads that a caller presses.
    Row("presses a key of a menu", "free", True, True, True),
    Row("presses a key of a menu", "kept", True, True, True),
    Row("presses a key of a menu", "carrier", True, True, True),
    Row("presses a key of a menu", "stranger", False, False, False),
    Row("presses a key in a queue", "free", True, True, True),
    Row("presses a key in a queue", "kept", True, True, True),
    Row("presses a key in a queue", "carrier", True, True, True),
    Row("presses a key in a queue", "stranger", False, False, False),
    # Where a boss's calls go when no secretary is there is for the boss to pay.
    Row("has a secretary", "free", True, True, True),
    Row("has a secretary", "kept", True, False, False),
    # Only extensions are called back, and by extensions.
    Row("calls back who is busy", "free", True, False, False),
    Row("calls back who is busy", "kept", True, False, False),
    Row("calls back who is busy", "carrier", False, False, False),
    # A PIN opens a class, and not what the extension may dial at all.
    Row("dials a secret", "free", True, True, True),
    Row("dials a secret", "kept", True, False, False),
    Row("dials a secret", "carrier", False, False, False),
    Row("hides its number", "free", True, True, True),
    Row("hides its number", "kept", True, False, False),
    Row("hides its number", "carrier", False, False, False),
    Row("forwards to an emergency", "kept", False, False, False),
    Row("refers no call", "free", False, False, False),
    Row("refers no call", "kept", False, False, False),
    Row("refers no call", "carrier", False, False, False),
    Row("refers no call", "stranger", False, False, False),
)
# Through a forward, a redirect or a transfer the permission of the caller neither helps nor hurts.
CALLERS = ("free", "kept", "carrier")


class TollFraudTests(SynchronousTestCase):
    """The cells; each has a world of its own."""

    def setUp(self) -> None:
        """Two extensions, two carriers, somebody abroad, a stranger, and the phones that would ring."""
        self.world = World(
            features="installed",
            settings={
                "extensions": {"kept": {"may_dial": ["extensions"]}, "free": {}, "partner": {}},
                "trunks": {
                    name: {"uri": f"sip:{host}", "accept_from": [host], "options_seconds": 0}
                    for name, host in (("carrier", CARRIER), ("exit", EXIT))
                },
                "routes": [{"match": r"\+\d+", "trunk": "exit", "callers": ["extensions", "trunks"]}],
            },
        )
        manners = Manners(answers_after=1.0)
        self.free, self.kept, self.partner, self.carol = self.world.phones(
            "free", "kept", "partner", "carol", manners=manners
        )
        self.carrier = self.world.trunk("carrier", manners.but(), host=CARRIER)
        self.exit = self.world.trunk("exit", manners.but(), host=EXIT)
        self.foreign = Trunk(self.world, "foreign", host=ABROAD, manners=manners.but())
        self.stranger = Phone(self.world, "stranger", password="guessed", manners=manners.but())
        self.visited = Trunk(self.world, "visited", host=VISITED, manners=manners.but())
        self.world.agents += [self.foreign, self.stranger, self.visited]
        self.targets = {"extension": self.carol, "number": self.exit, "foreign": self.foreign}
        self.world.run(1)

    def phone(self, name: str) -> Any:
        """Somebody of the table."""
        return getattr(self, name)

    def reached(self, what: str, phone: Any, before: int = 0) -> bool:
        """Did it ring there, and nowhere else?"""
        self.world.run(8)
        rang = {name for name, target in self.targets.items() if len(target.sessions) > before}
        if not rang <= {what}:
            raise self.world.failure(f"{rang} rang, and {what} was called")
        return bool(rang)

    def connected(self, who: str) -> Session:
        """Let somebody of the table talk to an extension; the call as the first one has it."""
        phone, other = self.phone(who), self.partner
        if who == "visited":
            self.free.dial(f"sip:someone@{VISITED}")
            other = self.free
        else:
            phone.dial(f"sip:partner@{self.world.domain}")
        self.world.run(4)
        if not phone.talks_to(other):
            raise self.world.failure("they do not talk")
        session: Session = phone.session
        return session

    def ended(self) -> None:
        """Whatever came of it, it is over after everybody has hung up."""
        for _ in range(2):
            for agent in self.world.agents:
                for session in list(getattr(agent, "live", ())):
                    session.hang_up()
            self.world.run(4)
        self.world.quiet()

    # ---- the ways -------------------------------------------------------

    def calls(self, who: str, what: str) -> bool:
        """It dials the target itself."""
        phone, target = self.phone(who), TARGETS[what]
        phone.dial(target if ":" in target else f"sip:{target}@{self.world.domain}")
        return self.reached(what, phone)

    def forwards(self, who: str, what: str) -> bool:
        """It has its calls forwarded by us; a call for it comes from somebody else."""
        assert self.world.served is not None
        if who == "stranger":  # who has no forwards, and calls somebody who has
            self.world.served.document["extensions"]["free"]["forward"] = {"always": TARGETS[what]}
            self.world.served.configure()
            self.stranger.dial(f"sip:free@{self.world.domain}")
            return self.reached(what, self.stranger)
        self.world.served.document["extensions"][who]["forward"] = {"always": TARGETS[what]}
        self.world.served.configure()
        return self._by_each_caller(who, what)

    def redirects(self, who: str, what: str) -> bool:
        """It answers a call for it with 302."""
        phone = self.phone(who)
        target = TARGETS[what]
        phone.manners.redirects = target if ":" in target else f"sip:{target}@{self.world.domain}"
        if who == "visited":
            self.free.dial(f"sip:someone@{VISITED}")
            return self.reached(what, phone)
        if who != "carrier":
            return self._by_each_caller(who, what)
        self.exit, self.carrier = self.carrier, self.exit
        assert self.world.served is not None
        self.world.served.document["routes"].insert(
            0, {"match": "9", "trunk": "carrier", "callers": ["extensions"]}
        )
        self.world.served.configure()
        self.targets["number"] = self.carrier
        self.partner.dial("9")
        return self.reached(what, phone)

    def _by_each_caller(self, who: str, what: str) -> bool:
        """Call it: the outcome must be the same whoever calls."""
        outcomes = set()
        for name in CALLERS:
            if name == who:
                continue
            before = len(self.targets[what].sessions)
            caller = self.phone(name)
            caller.dial(f"sip:{who}@{self.world.domain}")
            outcomes.add(self.reached(what, caller, before))
            for agent in (caller, self.targets[what]):
                for session in list(agent.live):
                    session.hang_up()
            self.world.run(4)
            for target in self.targets.values():
                target.sessions.clear()
        self.assertEqual(len(outcomes), 1, f"it depends on the caller: {outcomes}")
        return outcomes.pop()

    def transfers(self, who: str, what: str) -> bool:
        """It talks to somebody, and hands the other one on."""
        phone = self.phone(who)
        session = self.connected(who)
        target = TARGETS[what]
        session.transfer(target if ":" in target else f"sip:{target}@{self.world.domain}")
        return self.reached(what, phone)

    def refers_from_outside(self, who: str, what: str) -> bool:
        """It does so by a REFER outside of the dialog, that names it."""
        phone = self.phone(who)
        session = self.connected(who)
        self.refer(phone, TARGETS[what], session)
        return self.reached(what, phone)

    def refers_a_call_of_others(self, who: str, what: str) -> bool:
        """It names a dialog that is not its own, of which it knows all identifiers."""
        other = "kept" if who == "free" else "free"
        caller, session = self.phone(other), self.connected(other)
        self.refer(self.phone(who), TARGETS[what], session)
        reached = self.reached(what, caller)
        self.assertTrue(caller.talks_to(self.partner), "their call was disturbed")
        return reached

    def refers_no_call(self, who: str, what: str) -> bool:
        """It just tells us to call."""
        self.refer(self.phone(who), TARGETS[what], None)
        return self.reached(what, self.phone(who))

    def configure(self, tables: dict[str, Any]) -> None:
        """Change the configuration, and have it read."""
        assert self.world.served is not None
        self.world.served.document.update(tables)
        self.world.served.configure()

    def clicks_to_dial(self, who: str, what: str) -> bool:
        """It clicks on the target: its own phone rings, then the target."""
        self.configure({"call_back": {}})
        self.world.command("dial", extension=who, number=TARGETS[what])
        return self.reached(what, self.phone(who))

    def dials_again(self, who: str, what: str) -> bool:
        """It dials the target, which may be refused, and then the code that dials it again."""
        self.configure({"last_call": {}})
        before = int(self.calls(who, what))
        self.phone(who).hang_up()
        self.world.run(3)
        self.phone(who).dial(f"sip:*70@{self.world.domain}")
        return self.reached(what, self.phone(who), before)

    def logs_in_elsewhere(self, who: str, what: str) -> bool:
        """It logs in at the phone of another one, with its PIN, and dials there."""
        assert self.world.served is not None
        for name in ("free", "kept"):
            self.world.served.document["extensions"][name]["hot_desk"] = {"pin": "4711"}
        self.configure({"hot_desk": {}})
        phone = self.phone({"free": "kept", "kept": "free"}.get(who, who))
        phone.dial(f"sip:*461{who if who in ('free', 'kept') else 'free'}*4711@{self.world.domain}")
        self.world.run(6)
        target = TARGETS[what]
        if who in ("free", "kept"):
            phone.dial(target if ":" in target else f"sip:{target}@{self.world.domain}")
        return self.reached(what, phone)

    def dials_short_numbers(self, who: str, what: str) -> bool:
        """It dials the short number that stands for the target."""
        self.configure({"speed_dial": {"numbers": {"801": TARGETS[what]}}})
        self.phone(who).dial(f"sip:801@{self.world.domain}")
        return self.reached(what, self.phone(who))

    def parks(self, who: str, what: str) -> bool:
        """It parks somebody, and does not take the call when it is rung again."""
        self.configure(
            {"park": {"orbits": "701", "seconds": 2, "ring_seconds": 2, "otherwise": TARGETS[what]}}
        )
        session = self.connected(who)
        self.phone(who).manners.refuses = 486
        session.transfer(f"sip:701@{self.world.domain}")
        return self.reached(what, self.phone(who))

    def calls_a_full_queue(self, who: str, what: str) -> bool:
        """It calls a queue in which nobody is logged in."""
        queue = {"members": ["partner"], "logged_in": False, "otherwise": TARGETS[what]}
        self.configure({"queues": {"610": queue}})
        self.phone(who).dial(f"sip:610@{self.world.domain}")
        return self.reached(what, self.phone(who))

    def rings_at_night(self, who: str, what: str) -> bool:
        """It calls a number that rings all over the house."""
        self.configure({"night_ring": {"690": {"members": [TARGETS[what]]}}})
        self.phone(who).dial(f"sip:690@{self.world.domain}")
        return self.reached(what, self.phone(who))

    def closed_office(self, who: str, what: str) -> bool:
        """It calls an office that is closed."""
        office = {"numbers": ["partner"], "zone": "UTC", "open": [], "otherwise": TARGETS[what]}
        self.configure({"office_hours": {"shop": office}})
        self.phone(who).dial(f"sip:partner@{self.world.domain}")
        return self.reached(what, self.phone(who))

    def _menu(self, **table: Any) -> None:
        """A number with a menu."""
        self.configure({"auto_attendant": {"500": {"prompt": sound("en", "tone"), **table}}})

    def _presses(self, who: str, number: str, keys: str) -> None:
        """Call a number, and press keys if it answers."""
        phone = self.phone(who)
        session = phone.dial(f"sip:{number}@{self.world.domain}")
        self.world.run(3)
        if session.state != "over":
            for key in keys:
                self.world.voice(phone).press(key)
                self.world.run(0.5)

    def presses_a_key_of_a_menu(self, who: str, what: str) -> bool:
        """It presses a key for which the menu has the target."""
        self._menu(keys={"1": TARGETS[what]})
        self._presses(who, "500", "1")
        return self.reached(what, self.phone(who))

    def presses_a_key_in_a_queue(self, who: str, what: str) -> bool:
        """It waits in a queue of which no agent is free, and presses a key for which that has the target."""
        self.partner.manners.answers_after = None
        self.configure({"queues": {"610": {"members": ["partner"], "keys": {"1": TARGETS[what]}}}})
        self._presses(who, "610", "1")
        return self.reached(what, self.phone(who))

    def has_a_secretary(self, who: str, what: str) -> bool:
        """Its secretary is busy and so is it, and it forwards; a call for it comes from somebody else."""
        assert self.world.served is not None
        self.partner.manners.refuses = self.phone(who).manners.refuses = 486
        boss = self.world.served.document["extensions"][who]
        boss["boss_secretary"] = {"secretaries": ["partner"]}
        boss["forward"] = {"busy": TARGETS[what]}
        self.world.served.configure()
        reached = self._by_each_caller(who, what)
        self.assertTrue(self.partner.sessions, "the secretary was not rung")
        return reached

    def calls_back_who_is_busy(self, who: str, what: str) -> bool:
        """It finds the target busy, which may be refused at once, and dials the code that calls back."""
        self.configure({"call_back": {}})
        target = self.targets[what]
        target.manners.refuses = 486
        self.calls(who, what)
        target.manners.refuses = None
        before = len(target.sessions)
        self.phone(who).dial(f"sip:*66@{self.world.domain}")
        self.world.run(8)
        return self.reached(what, self.phone(who), before)

    def dials_a_secret(self, who: str, what: str) -> bool:
        """It dials the PIN of its extension before the target."""
        assert self.world.served is not None
        for name in ("free", "kept"):
            self.world.served.document["extensions"][name]["class_of_service"] = {"pin": "4711"}
        self.configure({"class_of_service": {"numbers": {"all": ".*"}}})
        return self._by_code(who, what, "*474711*")

    def hides_its_number(self, who: str, what: str) -> bool:
        """It dials the target without a number."""
        self.configure({"caller_id": {}})
        return self._by_code(who, what, "*67")

    def _by_code(self, who: str, what: str, code: str) -> bool:
        """Dial a code and the target behind it."""
        self.phone(who).dial(f"sip:{quote(code + TARGETS[what], safe='*+')}@{self.world.domain}")
        return self.reached(what, self.phone(who))

    def forwards_to_an_emergency(self, who: str, what: str) -> bool:
        """It forwards to an emergency number, and the target is where that goes."""
        if what == "number":
            self.configure({"emergency": {"numbers": ["112"], "trunks": ["exit"]}})
        assert self.world.served is not None
        self.world.served.document["extensions"][who]["forward"] = {"always": "112"}
        self.world.served.configure()
        self.partner.dial(f"sip:{who}@{self.world.domain}")
        return self.reached(what, self.partner)

    def refer(self, phone: Any, target: str, dialog: Session | None) -> None:
        """Send a REFER outside of any dialog, with credentials if they are asked for."""
        to = target if ":" in target else f"sip:{target}@{self.world.domain}"
        fields = [
            ("Max-Forwards", "70"),
            ("From", f"<{phone.aor}>;tag={phone.token()}"),
            ("To", f"<sip:{self.world.domain}>"),
            ("Call-ID", phone.token()),
            ("Contact", f"<{phone.contact}>"),
            ("Refer-To", f"<{to}>"),
            ("Refer-Sub", "false"),
        ]
        if dialog is not None:
            value = f"{dialog.call_id};local-tag={dialog.remote_tag};remote-tag={dialog.local_tag}"
            fields += [("Target-Dialog", value), ("Require", "tdialog")]

        def send(request: Request, seq: int) -> None:
            numbered = request.with_fields(
                remove=("Via", "CSeq"), prepend=[("Via", phone.via()), ("CSeq", f"{seq} REFER")]
            )

            def heard(response: Response | None) -> None:
                if response is not None and response.code == 401:
                    again = phone.with_credentials(numbered, response)
                    if again is not None:
                        send(again, seq + 1)

            phone.ask(numbered, heard)

        send(Request("REFER", f"sip:{self.world.domain}", fields), 1)


class ConferenceTests(SynchronousTestCase):
    """Callers from outside who would talk to each other at our expense."""

    def setUp(self) -> None:
        """A room, personal ones, and two carriers."""
        hosts = {"carrier": CARRIER, "exit": EXIT}
        trunks = {name: {"uri": f"sip:{host}", "accept_from": [host]} for name, host in hosts.items()}
        rooms = {"800": {}, "801": {"personal": True}}
        self.world = World(features="installed", settings={"conferences": rooms, "trunks": trunks})
        [self.free] = self.world.phones("free", manners=Manners())
        self.carrier, self.exit = (
            self.world.trunk(name, Manners(), host=host) for name, host in hosts.items()
        )

    def test_personal(self) -> None:
        """A personal room is no place to dial from outside, though somebody is in theirs."""
        self.free.dial(f"sip:801@{self.world.domain}")
        self.world.run(3)
        for number in ("801", "801/free", "801%2Ffree"):
            session = self.carrier.dial(f"sip:{number}@{self.world.domain}")
            self.world.run(3)
            self.assertEqual((session.state, session.code), ("over", 404), number)
        self.assertEqual(self.world.meets(self.free), set())

    def test_left_alone(self) -> None:
        """When the last extension has left a room all from outside are hung up."""
        for phone in (self.carrier, self.exit, self.free):
            phone.dial(f"sip:800@{self.world.domain}")
            self.world.run(6)
        self.assertEqual(self.world.meets(self.free), {"carrier", "exit"})
        self.free.hang_up()
        self.world.run(6)
        self.assertEqual((self.carrier.live, self.exit.live), ([], []))
        self.world.quiet()


class StrangerRedirectsTests(SynchronousTestCase):
    """A 302 of another domain, which the caller's phone would follow in its own name."""

    def setUp(self) -> None:
        """Somebody of another domain whom Alice calls."""
        self.world = World(features="installed")
        [self.alice] = self.world.phones("alice")
        self.visited = Trunk(self.world, "visited", host=VISITED, manners=Manners())
        self.world.agents.append(self.visited)

    def heard(self, contact: str) -> list[int]:
        """What Alice hears when she calls and is sent to C{contact}."""
        self.visited.manners.redirects = contact
        self.alice.dial(f"sip:someone@{VISITED}")
        self.world.run(3)
        codes = [code for session in self.alice.sessions for code in session.codes if code >= 300]
        self.alice.sessions.clear()
        return codes

    def test_other_domain(self) -> None:
        """It is passed on when it leads to another domain, or to where it comes from."""
        for contact in ("sip:someone@elsewhere.example", f"sip:another@{VISITED}"):
            self.assertIn(302, self.heard(contact), contact)

    def test_to_us(self) -> None:
        """It is not when it leads to us, by whatever name; nor to an address, which may be ours."""
        ours = (self.world.domain, self.world.server_address[0] if self.world.server_address else "", ABROAD)
        for host in ours:
            self.assertEqual(self.heard(f"sip:{NUMBER}@{host}"), [480], host)
        self.assertEqual(self.heard(f"tel:{NUMBER}"), [480])


def _cell(row: Row, what: str, allowed: bool) -> Callable[[TollFraudTests], None]:
    """Make the test of one cell."""

    def test(self: TollFraudTests) -> None:
        way = getattr(self, row.way.replace(" ", "_"))
        if way(row.who, what) is not allowed:
            verb = "was not reached" if allowed else "was reached"
            raise self.world.failure(f"{row.who} {row.way}: {what} {verb}")
        self.ended()

    test.__doc__ = f"{row.who} {row.way}: {what} is {'reached' if allowed else 'out of reach'}."
    return test


for _row in TABLE:
    for _what in TARGETS:
        _name = f"test_{_row.way}_{_row.who}_{_what}".replace(" ", "_")
        setattr(TollFraudTests, _name, _cell(_row, _what, getattr(_row, _what)))
