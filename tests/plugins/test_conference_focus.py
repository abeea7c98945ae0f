"""The focus of a conference (RFC 4579): how it shows itself, and what it does upon a REFER."""

from __future__ import annotations

from b2bua.testing import Manners
from b2bua.testing.phone import Phone
from b2bua.testing.session import Session
from b2bua.wire.message import Response
from b2bua_plugins import conference
from tests.plugins.test_conference import ConferenceCase

LEAVES = ";method=BYE"


class FocusCase(ConferenceCase):
    """Phones stay in the room after a REFER."""

    def setUp(self) -> None:
        """Who asks the focus for something has not transferred anybody."""
        super().setUp()
        for phone in (self.alice, self.bob, self.carol, self.dave):
            phone.manners.leaves_after_refer = "never"

    def contact(self, phone: Phone) -> str:
        """The Contact that a phone was told last for its call."""
        contacts = [
            got.message.get("Contact")
            for got in phone.inbox
            if (isinstance(got.message, Response) and got.message.cseq.method == "INVITE")
            or (not isinstance(got.message, Response) and got.message.method == "INVITE")
        ]
        return [one for one in contacts if one][-1] or ""

    def refer(self, session: Session, to: str = "", *, replaces: Session | None = None) -> list[int]:
        """Ask the focus by REFER; its answer, and what the NOTIFYs tell."""
        session.transfer(to, replaces=replaces)
        self.world.run(6)
        return [session.refer_code, *session.told]

    def here(self, room: str = "800") -> list[str]:
        """Who is in a room."""
        return [row["who"] for row in self.command("conferences") if row["room"] == room]


class ShownTests(FocusCase):
    """It says that it is one."""

    def test_dial_in(self) -> None:
        """The Contact of the 200 is the conference URI with isfocus (section 5.1); it may be watched."""
        self.enter(self.alice)
        self.assertIn("<sip:800@", self.contact(self.alice))
        self.assertTrue(self.contact(self.alice).endswith(">;isfocus"))
        [answer] = [got.message for got in self.alice.inbox if getattr(got.message, "code", 0) == 200][-1:]
        self.assertIn("conference", answer.allow_events)
        self.over()

    def test_factory(self) -> None:
        """Who dials a personal number is told the URI of its own conference (section 5.4)."""
        self.enter(self.alice, room="801")
        self.assertIn("<sip:801_alice@", self.contact(self.alice))
        self.assertTrue(self.contact(self.alice).endswith(">;isfocus"))
        self.over()

    def test_transferred(self) -> None:
        """Whoever is transferred into a room is told by the Contact of the re-INVITE."""
        self.bob.dial("alice")
        self.world.run(3)
        self.alice.session.transfer("800")
        self.world.run(6)
        self.assertTrue(self.contact(self.bob).endswith(">;isfocus"))
        self.over()

    def test_others(self) -> None:
        """A call without a conference says nothing of one."""
        self.alice.dial("bob")
        self.world.run(3)
        self.assertNotIn("isfocus", self.contact(self.alice) + self.contact(self.bob))
        self.over()

    def test_by_its_uri(self) -> None:
        """The URI of a personal conference is for those who are in it: nobody else walks in (section 6)."""
        self.enter(self.alice, room="801")
        self.enter(self.bob, room="801_alice")
        self.assertEqual((self.bob.live, self.here("801_alice")), ([], ["alice"]))
        self.over()


class RingingTests(FocusCase):
    """REFER asks the focus to ring somebody (section 5.5)."""

    def test_at_once(self) -> None:
        """A phone asks as soon as it is answered, though it hears yet that nobody else is there."""
        self.alice.dial("800")
        self.world.run(0.2)
        self.assertEqual(self.world.hears(self.alice), "conference_alone")
        self.assertEqual(self.refer(self.alice.session, "dave"), [202, 100, 200])
        self.over()

    def test_rings(self) -> None:
        """Dave is rung, shown the conference, and is in it when he answers; who asked is told and stays."""
        self.enter(self.alice, self.bob)
        self.assertEqual(self.refer(self.alice.session, "dave"), [202, 100, 200])
        self.world.run(5)
        self.hear(alice="bob dave", dave="alice bob")
        invite = next(
            got.message for got in self.dave.inbox if getattr(got.message, "method", "") == "INVITE"
        )
        self.assertIn("sip:800@", invite.get("From") or "")
        self.assertRegex(invite.get("Contact") or "", "^<sip:800@.*>;isfocus$")  # section 5.2
        self.assertTrue(self.contact(self.dave).endswith(">;isfocus"))
        self.over()

    def test_twice(self) -> None:
        """Two ask for Dave while he rings, one of them twice: he rings once, and each is told how it went."""
        self.enter(self.alice, self.bob)
        asked = [self.alice.session, self.bob.session]
        for session in asked:
            session.transfer("dave")
        self.world.run(0.1)
        self.assertEqual(len(self.dave.live), 1)
        again = self.refer(self.alice.session, "dave")
        self.assertEqual(again[0], 202)
        self.assertEqual(self.bob.session.told, [100, 200])
        self.assertEqual(len(self.dave.sessions), 1)
        self.hear(alice="bob dave", dave="alice bob")
        self.over()

    def test_outside_of_the_dialog(self) -> None:
        """The REFER may go to the conference URI instead (figure 5)."""
        self.enter(self.alice, self.bob)
        to = self.alice.uri_of("dave")
        fields = (("Contact", f"<{self.alice.contact}>"), ("Refer-To", f"<{to}>"), ("Refer-Sub", "false"))
        asked = self.alice.outside("REFER", "800", fields=fields)
        self.world.run(6)
        self.assertEqual(asked.code, 202)
        self.hear(dave="alice bob")
        self.over()

    def test_by_nobody_there(self) -> None:
        """Who is not in the conference asks for nothing."""
        self.enter(self.alice)
        to = self.carol.uri_of("dave")
        fields = (("Contact", f"<{self.carol.contact}>"), ("Refer-To", f"<{to}>"), ("Refer-Sub", "false"))
        asked = self.carol.outside("REFER", "800", fields=fields)
        self.world.run(6)
        self.assertEqual((asked.code, self.here()), (603, ["alice"]))
        self.over()

    def test_busy(self) -> None:
        """Who does not come is told of by NOTIFY."""
        self.dave.manners.refuses = 486
        self.enter(self.alice)
        self.assertEqual(self.refer(self.alice.session, "dave"), [202, 100, 486])
        self.over()

    def test_no_pin(self) -> None:
        """Whoever is brought by somebody in the room is asked for no PIN."""
        self.enter(self.alice, room="802", keys="4711#")
        self.assertEqual(self.refer(self.alice.session, "dave"), [202, 100, 200])
        self.hear(alice="dave")
        self.over()

    def test_before_the_pin(self) -> None:
        """Who has not typed the PIN yet brings nobody."""
        self.alice.dial("802")
        self.world.run(1)
        self.assertEqual(self.refer(self.alice.session, "dave"), [403])
        self.over()

    def test_from_outside(self) -> None:
        """Callers from outside ring nobody at our cost (toll fraud)."""
        self.enter(self.alice, self.carrier)
        self.assertEqual(self.refer(self.carrier.session, "+49301234"), [403])
        self.over()

    def test_locked(self) -> None:
        """Into a locked room only a moderator brings somebody."""
        self.enter(self.alice, room="802", keys="4711#")
        self.enter(self.bob, room="802", keys="4712#")
        self.press(self.bob, "2")
        self.assertEqual(self.refer(self.alice.session, "dave"), [403])
        self.assertEqual(self.refer(self.bob.session, "dave"), [202, 100, 200])
        self.hear(dave="alice bob")
        self.over()

    def test_full(self) -> None:
        """Into a room that is full nobody is brought; whoever rings has a place already."""
        self.dave.manners.answers_after = 20
        self.enter(self.alice, self.bob)
        self.assertEqual(self.refer(self.alice.session, "dave"), [202, 100])
        self.assertEqual(self.refer(self.bob.session, "carol"), [486])
        self.over()

    def test_malformed(self) -> None:
        """Without a Refer-To, with one that is none, or one that cannot be rung (RFC 3515 section 2.4.2)."""
        self.enter(self.alice)
        for values, code in (
            ((), 400),
            (("<sip:>",), 400),
            (("<sip:dave@pbx.example.com", "<sip:bob@pbx.example.com>"), 400),
            (("<sip:dave@pbx.example.com?Replaces=nonsense>",), 400),
            (("<http://example.com>",), 416),
        ):
            with self.subTest(values):
                self.alice.session.ask("REFER", [("Refer-To", one) for one in values], hear=self.heard)
                self.world.run(2)
                self.assertEqual(self.code, code)
        self.assertEqual(self.refer(self.alice.session, self.alice.uri_of("dave") + ";method=REFER"), [501])
        self.assertEqual(self.here(), ["alice"])
        self.over()

    def heard(self, response: Response | None) -> None:
        """Keep the answer."""
        self.code = 408 if response is None else response.code

    def test_nobody(self) -> None:
        """A number that there is not: 404 by NOTIFY."""
        self.enter(self.alice)
        self.assertEqual(self.refer(self.alice.session, "nobody"), [202, 100, 404])
        self.over()

    def test_room_in_room(self) -> None:
        """A conference cannot be brought into a conference."""
        self.enter(self.alice)
        self.assertEqual(self.refer(self.alice.session, "801"), [202, 100, 404])
        self.over()

    def test_all_leave_meanwhile(self) -> None:
        """Nobody is there any more: whoever still rings is given up."""
        self.dave.manners.answers_after = None
        self.enter(self.alice)
        self.refer(self.alice.session, "dave")
        self.assertEqual(len(self.dave.live), 1)
        self.alice.hang_up()
        self.world.run(3)
        self.assertEqual(self.dave.live, [])
        self.over()

    def test_given_up_in_turn(self) -> None:
        """Several are given up in the order in which they were asked for."""
        names = ("erin", "dave", "heidi", "bob", "frank", "carol", "grace")
        self.enter(self.alice, room="801")
        made = self.world.phones("erin", "heidi", "frank", "grace")
        phones = {phone.name: phone for phone in (self.bob, self.carol, self.dave, *made)}
        for name in names:
            phones[name].manners = Manners(rings_after=0.0, answers_after=None)
            self.refer(self.alice.session, name)
        self.alice.hang_up()
        self.world.run(3)
        given_up = [
            packet.destination[0] for packet in self.world.network.log if packet.data.startswith(b"CANCEL")
        ]
        self.assertEqual(given_up, [phones[name].host for name in names])
        self.over()


class TakingOverTests(FocusCase):
    """REFER with Replaces brings a call into the conference (section 5.10)."""

    def confer(self) -> tuple[Session, Session]:
        """Alice holds Bob, and is in her own room; her sessions, that of the room last."""
        self.alice.dial("bob")
        self.world.run(2)
        self.alice.session.hold()
        self.world.run(1)
        held = self.alice.session
        self.enter(self.alice, room="801")
        return held, self.alice.session

    def test_taken(self) -> None:
        """Attended transfer × conference: a REFER to the room brings a call there, and ends the other one."""
        held, room = self.confer()
        self.assertEqual(self.refer(room, replaces=held), [202, 100, 200])
        self.hear(alice="bob", bob="alice")
        self.assertEqual(self.alice.live, [room])
        self.over()

    def test_three(self) -> None:
        """The network conference of a phone: the call, the room, and both calls into it."""
        self.alice.dial("+4930123")
        self.world.run(2)
        self.alice.session.hold()
        self.world.run(1)
        outside = self.alice.session
        held, room = self.confer()
        for session in (held, outside):
            self.assertEqual(self.refer(room, replaces=session), [202, 100, 200])
        self.hear(alice="bob carrier", bob="alice carrier")
        self.assertEqual(self.alice.live, [room])
        self.over()

    def test_by_transfer(self) -> None:
        """Blind transfer × conference: calls are transferred to the URI of the Contact, too (section 5.6)."""
        held, room = self.confer()
        self.alice.manners.leaves_after_refer = "final"
        self.assertEqual(self.refer(held, "801_alice"), [202, 100, 200])
        self.hear(alice="bob", bob="alice")
        self.assertEqual(self.alice.live, [room])
        self.over()

    def consult(self, room: str, keys: str = "") -> tuple[Session, Session]:
        """Bob calls Alice, who holds him and dials a room; her sessions, that of the room last."""
        self.bob.dial("alice")
        self.world.run(3)
        held = self.alice.session
        held.hold()
        self.world.run(1)
        self.enter(self.alice, room=room, keys=keys)
        self.alice.manners.leaves_after_refer = "final"
        return held, self.alice.session

    def test_consulted(self) -> None:
        """Attended transfer × conference: whoever has dialled the room has the other one take their place."""
        held, room = self.consult("800")
        self.enter(self.carol)
        self.assertEqual(self.refer(held, replaces=room), [202, 100, 200])
        self.hear(bob="carol", carol="bob")
        self.assertEqual(self.alice.live, [])
        self.over()

    def test_consulted_pin(self) -> None:
        """Who has typed the PIN brings the other one in without."""
        held, room = self.consult("802", "4711#")
        self.assertEqual(self.refer(held, replaces=room), [202, 100, 200])
        self.assertEqual((self.here("802"), self.alice.live), (["bob"], []))
        self.over()

    def test_consulted_before_the_pin(self) -> None:
        """Who has not is no way in."""
        held, room = self.consult("802")
        self.assertEqual(self.refer(held, replaces=room), [202, 100, 200])
        self.assertEqual((self.here("802"), len(self.bob.live)), ([], 1))
        self.over()

    def test_consulted_personal(self) -> None:
        """A personal room is the transferor's own, not that of whom they bring."""
        held, room = self.consult("801")
        self.assertEqual(self.refer(held, replaces=room), [202, 100, 200])
        self.assertEqual((self.here("801_alice"), self.alice.live), (["bob"], []))
        self.over()

    def test_consulted_races(self) -> None:
        """Each of them hangs up at each moment: nobody is left alone."""
        for who in ("alice", "bob"):
            for moment in range(0, 100, 5):
                held, room = self.consult("800")
                held.transfer(replaces=room)
                self.world.run(moment / 1000)
                for session in list(getattr(self, who).live):
                    session.hang_up()
                self.world.run(8)
                self.assertEqual(self.alice.live, [], (who, moment))
                self.assertEqual(len(self.here()), len(self.bob.live), (who, moment))
                for session in list(self.bob.live):
                    session.hang_up()
                self.world.run(8)
        self.over()

    def test_of_others(self) -> None:
        """A call of somebody else is not to be had: 403, and it goes on."""
        self.bob.dial("carol")
        self.world.run(2)
        self.enter(self.alice)
        self.assertEqual(self.refer(self.alice.session, replaces=self.bob.session), [403])
        self.assertTrue(self.bob.talks_to(self.carol))
        self.over()

    def test_unknown(self) -> None:
        """A call that has ended: 481."""
        held, room = self.confer()
        held.hang_up()
        self.world.run(2)
        self.assertEqual(self.refer(room, replaces=held), [481])
        self.over()

    def test_itself(self) -> None:
        """The call of the conference itself has nobody at the other side: 481."""
        _, room = self.confer()
        self.assertEqual(self.refer(room, replaces=room), [481])
        self.over()

    def test_leaves_meanwhile(self) -> None:
        """Bob hangs up in the same moment: there is one end that is told, and nobody is left alone."""
        held, room = self.confer()
        room.transfer(replaces=held)
        self.bob.hang_up()
        self.world.run(6)
        self.assertTrue(room.told_end)
        self.assertEqual((self.bob.live, self.alice.live), ([], [room]))
        self.over()

    def test_no_voice(self) -> None:
        """There is no voice for Bob: he is hung up, as whoever dials the room would be refused."""
        held, room = self.confer()
        self.world.voices.broken = True
        self.refer(room, replaces=held)
        self.assertEqual((self.bob.live, self.alice.live), ([], [room]))
        self.over()


class LeavingTests(FocusCase):
    """REFER with method=BYE has somebody leave (section 5.11)."""

    def test_moderator(self) -> None:
        """A moderator may; who has to leave is hung up."""
        self.enter(self.alice, self.bob, self.carrier)
        to = self.alice.uri_of("bob") + LEAVES
        self.assertEqual(self.refer(self.alice.session, to), [202, 100, 200])
        self.assertEqual((self.bob.live, self.here()), ([], ["alice", self.carrier.number]))
        self.over()

    def test_one_of_a_trunk(self) -> None:
        """Of several callers through one trunk the one leaves who is named, as the others see them."""
        self.enter(self.alice, self.carrier)
        self.carrier.anonymous = True
        self.carrier.dial("800")
        self.world.run(5)
        alice, number, hidden = self.here()
        self.assertEqual((alice, number, hidden.split("-")[0]), ("alice", self.carrier.number, "anonymous"))
        for name, left in ((self.carrier.name, 2), (hidden, 1), (number, 0)):
            self.refer(self.alice.session, self.alice.uri_of(name) + LEAVES)
            self.assertEqual(len(self.carrier.live), left)
        self.over()

    def test_guest(self) -> None:
        """Somebody else may not."""
        self.enter(self.alice, room="802", keys="4711#")
        self.enter(self.bob, room="802", keys="4712#")
        self.assertEqual(self.refer(self.alice.session, self.alice.uri_of("bob") + LEAVES), [403])
        self.over()

    def test_nobody(self) -> None:
        """Who is not there cannot leave."""
        self.enter(self.alice)
        self.assertEqual(self.refer(self.alice.session, self.alice.uri_of("bob") + LEAVES), [404])
        self.over()

    def test_without_a_conference(self) -> None:
        """In a call of two a REFER cannot name BYE (RFC 3515 section 2.1)."""
        self.alice.dial("bob")
        self.world.run(2)
        self.assertEqual(self.refer(self.alice.session, self.alice.uri_of("bob") + LEAVES), [501])
        self.over()


class BrokenTests(FocusCase):
    """A fault of the feature."""

    def test_raises(self) -> None:
        """The party hears 500, and is in the room as before."""
        self.enter(self.alice)
        self.patch(conference, "asked", _broken)
        self.assertEqual(self.refer(self.alice.session, "dave"), [500])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.here(), ["alice"])
        self.over()


def _broken(*values: object) -> None:
    """Break."""
    raise ZeroDivisionError
