"""What goes on between those who were connected by a transfer: refreshes, reliable answers, hold."""

from __future__ import annotations

from b2bua.testing import World
from b2bua.testing.manners import Manners
from b2bua.testing.phone import Phone
from tests.ladders.transfers import FEATURES, TransferTestCase

PLAIN = Manners(answers_after=1.0)


class AfterTransferTests(TransferTestCase):
    """Bob has transferred Alice to Carol; their phones differ in what they can."""

    def transferred(self, alice: Manners, carol: Manners, *, attended: bool, held: bool = True) -> None:
        """Set up the phones and let Bob connect the two."""
        self.setUp()
        self.alice.manners, self.carol.manners = alice, carol
        self.call(self.alice, self.bob)
        first = self.bob.session
        if held:
            first.hold()
            self.world.run(1)
        if attended:
            second, _ = self.call(self.bob, self.carol)
            first.transfer(replaces=second)
        else:
            first.transfer("carol")
        self.world.run(6)
        self.only_talking(self.alice, self.carol)

    def ends(self, phone: Phone) -> None:
        """Hang up; nothing is left."""
        phone.hang_up()
        self.quiet()

    def test_session_timers(self) -> None:
        """Each leg keeps its own session timer, whoever refreshes it and by what (RFC 4028 section 7)."""
        timed = PLAIN.but(session_expires=90)
        kinds = (PLAIN, timed, timed.but(refresher="uas"), timed.but(refreshes_by="INVITE"))
        for attended in (False, True):
            for alice in kinds:
                for carol in kinds:
                    with self.subTest(attended=attended, alice=alice, carol=carol):
                        self.transferred(alice.but(), carol.but(), attended=attended)
                        self.world.run(500)
                        self.only_talking(self.alice, self.carol)
                        self.ends(self.carol)

    def test_vanished_after_transfer(self) -> None:
        """A party that vanishes after the transfer is found out by the timer of its leg."""
        for attended in (False, True):
            with self.subTest(attended=attended):
                timed = PLAIN.but(session_expires=90)
                self.transferred(timed.but(), timed.but(), attended=attended)
                self.alice.vanish()
                self.world.run(2000)
                self.assertEqual(self.carol.live, [])
                self.quiet()

    def test_reliable(self) -> None:
        """Reliable ringing and early media of either phone are acknowledged all the same (RFC 3262)."""
        for attended in (False, True):
            for alice in ("none", "supported"):
                for carol in ("none", "supported", "required"):
                    for early in (False, True):
                        with self.subTest(attended=attended, alice=alice, carol=carol, early=early):
                            self.transferred(
                                PLAIN.but(hundred_rel=alice),
                                PLAIN.but(hundred_rel=carol, early_media=early),
                                attended=attended,
                            )
                            self.ends(self.alice)

    def test_hold(self) -> None:
        """Whoever was held is not any more; each may hold and resume the other, in each style of phones."""
        for attended in (False, True):
            for held in (False, True):
                for style in ("sendonly", "inactive", "zeros"):
                    with self.subTest(attended=attended, held=held, style=style):
                        self.transferred(PLAIN.but(), PLAIN.but(), attended=attended, held=held)
                        for holder in (self.alice, self.carol):
                            holder.hold(style)
                            self.world.run(1)
                            self.insist(not self.alice.talks_to(self.carol), "nobody is held")
                            holder.resume()
                            self.world.run(1)
                            self.only_talking(self.alice, self.carol)
                        self.ends(self.alice)


class RecordTests(TransferTestCase):
    """Nobody could say who had talked to whom, until when; each record has all legs that took part."""

    def recorded(self) -> list[tuple[str, int, str, list[tuple[str, bool, str]]]]:
        """Alice hangs up; what is written of each call: dialled, status, who ended it, the legs."""
        self.alice.hang_up()
        self.quiet()
        return sorted(
            (
                record.dialled,
                record.status,
                record.hung_up_by.removeprefix("extension "),
                [(x.party.removeprefix("extension "), x.answered is not None, x.why) for x in record.legs],
            )
            for record in self.world.served.records
        )

    def test_attended(self) -> None:
        """Carol's leg moves from one call to the other."""
        self.call(self.alice, self.bob)
        first = self.bob.session
        second, _ = self.call(self.bob, self.carol)
        first.transfer(replaces=second)
        self.world.run(4)
        legs = [("alice", True, "bye"), ("bob", True, "bye"), ("carol", True, "we: bye")]
        other = [("bob", True, "we: replaced"), ("carol", True, "moved")]
        self.assertEqual(self.recorded(), [("bob", 200, "alice", legs), ("carol", 200, "", other)])

    def test_semi_attended(self) -> None:
        """So does her leg that rings; Bob's own call to her was never answered."""
        self.carol.manners.answers_after = 4.0
        self.call(self.alice, self.bob)
        first = self.bob.session
        second = self.bob.dial("carol")
        self.world.run(1)
        first.transfer(replaces=second)
        self.world.run(6)
        legs = [("alice", True, "bye"), ("bob", True, "bye"), ("carol", True, "we: bye")]
        other = [("bob", False, "487"), ("carol", False, "moved")]
        self.assertEqual(self.recorded(), [("bob", 200, "alice", legs), ("carol", 487, "", other)])

    def test_recall(self) -> None:
        """Bob left, Carol was busy, and Bob took the call back."""
        self.carol.manners.refuses = 486
        self.call(self.alice, self.bob)
        self.bob.manners.leaves_after_refer = "at once"
        self.bob.session.transfer("carol")
        self.world.run(6)
        legs = [
            ("alice", True, "bye"),
            ("bob", True, "bye"),
            ("carol", False, "486"),
            ("bob", True, "we: bye"),
        ]
        self.assertEqual(self.recorded(), [("bob", 200, "alice", legs)])

    def test_replaced(self) -> None:
        """Carol took Bob's place."""
        _, bobs = self.call(self.alice, self.bob)
        named = f"{bobs.call_id};to-tag={bobs.remote_tag};from-tag={bobs.local_tag}"
        self.carol.dial("bob", fields=(("Replaces", named), ("Require", "replaces")))
        self.world.run(3)
        legs = [("alice", True, "bye"), ("bob", True, "we: replaced"), ("carol", True, "we: bye")]
        self.assertEqual(self.recorded(), [("bob", 200, "alice", legs)])


class AtOnceTests(TransferTestCase):
    """C{at_once}: the phone is told of success before the target has answered (acceptance list, item 4)."""

    def make_world(self) -> World:
        """Let nobody wait for the end."""
        return World(
            features=FEATURES,
            settings={name: {"at_once": True} for name in ("blind_transfer", "attended_transfer")},
        )

    def test_told(self) -> None:
        """Bob hears 200 and hangs up, or is hung up; Carol rings on, and answers."""
        for semi in (False, True):
            for leaves in ("final", "never"):
                with self.anew(semi=semi, leaves=leaves):
                    self.carol.manners.answers_after = 6.0
                    self.bob.manners.leaves_after_refer = leaves
                    self.call(self.alice, self.bob)
                    first = self.bob.session
                    second = self.bob.dial("carol") if semi else None
                    self.world.run(1)
                    first.transfer("" if semi else "carol", replaces=second)
                    self.world.run(3)
                    self.assertEqual(
                        (first.told, first.state, self.carol.session.state), ([100, 200], "over", "called")
                    )
                    self.world.run(6)
                    self.only_talking(self.alice, self.carol)
                    self.assertEqual(self.bob.live, [])
                    self.alice.hang_up()
                    self.quiet()

    def test_failure(self) -> None:
        """Carol is busy: Bob, who believes that he is done, is rung again, whether he has left or not."""
        for leaves in ("final", "never"):
            with self.anew(leaves=leaves):
                self.carol.manners.refuses = 486
                self.bob.manners.leaves_after_refer = leaves
                self.call(self.alice, self.bob)
                self.bob.session.transfer("carol")
                self.world.run(5)
                self.only_talking(self.alice, self.bob)
                self.insist(self.bob.session.incoming, "Bob was not called back")
                self.alice.hang_up()
                self.quiet()


class OnePhoneTests(TransferTestCase):
    """What is set for one phone counts for that phone only (acceptance list, item 4)."""

    def make_world(self) -> World:
        """Let Bob's phone get 200 for a REFER, and hear of the end only."""
        own = {"accepted": 200, "progress": False}
        tables = {"blind_transfer": own, "attended_transfer": own}
        return World(features=FEATURES, settings={"extensions": {"bob": tables}})

    def told(self, transferor: Phone, other: Phone, attended: bool) -> tuple[int, list[int]]:
        """Transfer, to a phone that rings for two seconds; the answer and the NOTIFYs."""
        self.carol.manners.answers_after = 2.0
        self.call(transferor, other)
        first = transferor.session
        if attended:
            second = transferor.dial("carol")
            self.world.run(1)
            first.transfer(replaces=second)
        else:
            first.transfer("carol")
        self.world.run(6)
        self.only_talking(other, self.carol)
        other.hang_up()
        self.world.run(1)
        return first.refer_code, first.told

    def test_blind(self) -> None:
        """C{[extensions.bob.blind_transfer]}."""
        self.assertEqual(self.told(self.bob, self.alice, False), (200, [100, 200]))
        self.assertEqual(self.told(self.alice, self.bob, False), (202, [100, 180, 200]))
        self.quiet()

    def test_attended(self) -> None:
        """C{[extensions.bob.attended_transfer]}."""
        self.assertEqual(self.told(self.bob, self.alice, True), (200, [100, 200]))
        self.assertEqual(self.told(self.alice, self.bob, True)[0], 202)
        self.quiet()
