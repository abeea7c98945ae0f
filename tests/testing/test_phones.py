"""Phones that talk to each other with no server between: the kit tests itself."""

from __future__ import annotations

from b2bua.testing.case import LadderTestCase
from b2bua.testing.manners import Manners, by_hand
from b2bua.testing.world import World


class Alone(LadderTestCase):
    """Phones without a server."""

    def make_world(self) -> World:
        """Leave the server out."""
        return World(server=False)


class Calls(Alone):
    """The plain call, scripted."""

    def test_answered(self) -> None:
        """INVITE, 180, 200, ACK, BYE, 200: and they hear each other in between."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180)
        alice.gets(180)
        bob.answers(200)
        alice.gets(200)
        alice.sends("ACK")
        bob.gets("ACK")
        self.assertTrue(alice.talks_to(bob))
        self.assertTalking(("alice", "bob"))
        bob.sends("BYE")
        alice.gets("BYE")
        alice.answers(200)
        bob.gets(200)
        self.assertFalse(alice.talks_to(bob))
        self.quiet()

    def test_refused(self) -> None:
        """A 486 is acknowledged by the transaction, without anybody's doing."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(486)
        alice.gets(486)
        self.quiet()
        self.assertEqual(alice.session.why, "refused")

    def test_hung_up_while_a_change_rings(self) -> None:
        """A re-INVITE that nobody cancels gets its final response all the same (RFC 3261 section 15.1.2)."""
        alice, bob = self.world.phones("alice", "bob", manners=Manners(answers_after=0.1))
        alice.dial("bob")
        self.world.run(1)
        bob.manners.change_after = None
        alice.hold()
        self.world.run(1)
        asked = bob.session.asked
        bob.hang_up()
        self.world.run(31)
        assert asked is not None
        self.assertFalse(asked.final)
        self.world.run(2)
        self.assertTrue(asked.final)
        self.quiet()

    def test_cancelled(self) -> None:
        """CANCEL is answered with 200 and the INVITE with 487 (RFC 3261 section 9)."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180)
        alice.gets(180)
        alice.sends("CANCEL")
        bob.gets("CANCEL")
        alice.gets(487)
        self.quiet()

    def test_cancel_waits(self) -> None:
        """A CANCEL is not sent before a provisional response has come (section 9.1)."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        alice.sends("CANCEL")
        bob.gets_nothing(0.3)
        bob.answers(180)
        alice.gets(180)
        bob.gets("CANCEL")
        alice.gets(487)
        self.quiet()

    def test_cancel_crosses_answer(self) -> None:
        """A 200 that crosses the CANCEL is acknowledged, and the call ended by BYE."""
        alice, bob = self.world.phones("alice", "bob", manners=Manners(answers_after=None))
        alice.dial("bob")
        self.world.run(0.2)
        alice.hang_up()
        bob.answer()
        self.world.run(1)
        self.assertEqual([s.state for s in (alice.sessions[0], bob.sessions[0])], ["over", "over"])
        self.assertEqual(alice.sessions[0].code, 200)
        self.quiet()

    def test_hold(self) -> None:
        """Who holds is not heard and does not hear; resuming mends it (RFC 3264 section 8.4)."""
        for style in ("sendonly", "inactive", "zeros"):
            with self.subTest(style=style):
                self.world = self.make_world()
                alice, bob = self.world.phones("alice", "bob", manners=Manners(answers_after=0.2))
                alice.dial("bob")
                self.world.run(1)
                self.assertTalking(("alice", "bob"))
                alice.hold(style)
                self.world.run(1)
                self.assertFalse(alice.hears(bob))
                self.assertEqual(bob.hears(alice), style != "inactive")
                bob.hold(style)
                self.world.run(1)
                self.assertEqual(self.world.talking(), set())
                alice.resume()
                self.world.run(1)
                self.assertFalse(bob.hears(alice))
                bob.resume()
                self.world.run(1)
                self.assertTalking(("alice", "bob"))
                bob.hang_up()
                self.quiet()

    def test_forwarded(self) -> None:
        """A 302 after ringing makes the caller call the new target, with a new Call-ID."""
        alice, bob, _ = self.world.phones("alice", "bob", "carol", manners=Manners(answers_after=0.2))
        bob.manners = Manners(redirects="carol", rings_first=True, refuses_after=1)
        first = alice.dial("bob")
        self.world.run(3)
        self.assertEqual(first.codes, [100, 180, 302])
        self.assertTalking(("alice", "carol"))
        self.assertNotEqual(first.call_id, alice.session.call_id)
        alice.hang_up()
        self.quiet()

    def test_delayed_offer(self) -> None:
        """Without SDP in the INVITE the 200 brings the offer and the ACK the answer (RFC 3665 3.6)."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob", offer=False)
        invite = bob.gets("INVITE")
        self.assertEqual(invite.body, b"")
        bob.answers(200)
        self.assertIn(b"m=audio", alice.gets(200).body)
        alice.sends("ACK")
        self.assertIn(b"m=audio", bob.gets("ACK").body)
        self.assertTalking(("alice", "bob"))
        self.disconnect(alice, bob)
        self.quiet()

    def test_reliable_provisional(self) -> None:
        """A reliable 183 is acknowledged by PRACK before the 200 leaves (RFC 3262 section 3)."""
        manners = by_hand(hundred_rel="required")
        alice, bob = self.phones("alice", "bob", manners=manners)
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(183, session=True)
        answer = alice.gets(183)
        self.assertEqual(answer.require, {"100rel"})
        bob.answers(200)
        alice.gets_nothing(0.4)
        alice.sends("PRACK")
        alice.gets(200, method="PRACK")
        alice.gets(200, method="INVITE")
        alice.sends("ACK")
        bob.gets("ACK")
        self.assertTalking(("alice", "bob"))
        self.disconnect(bob, alice)
        self.quiet()

    def test_glare(self) -> None:
        """Two re-INVITEs that cross are both refused with 491 and tried again (section 14.1)."""
        alice, bob = self.world.phones("alice", "bob", manners=Manners(answers_after=0.2))
        alice.dial("bob")
        self.world.run(1)
        alice.hold()
        bob.hold()
        self.world.run(0.5)
        self.assertEqual((alice.session.changes[:1], bob.session.changes[:1]), ([491], [491]))
        self.world.run(5)
        self.assertEqual((alice.session.changes, bob.session.changes), ([491, 200], [491, 200]))
        self.assertEqual(self.world.talking(), set())
        alice.hang_up()
        self.quiet()

    def test_session_timer(self) -> None:
        """The refresher refreshes at half time, whoever it is and however (RFC 4028 section 10)."""
        for refresher in ("uac", "uas"):
            for method in ("UPDATE", "INVITE"):
                with self.subTest(refresher=refresher, method=method):
                    self.world = self.make_world()
                    manners = Manners(
                        answers_after=0.2, session_expires=90, refresher=refresher, refreshes_by=method
                    )
                    alice, bob = self.world.phones("alice", "bob", manners=manners)
                    alice.dial("bob")
                    self.world.run(200)
                    self.assertTalking(("alice", "bob"))
                    self.assertEqual((alice.session.refreshes, bob.session.refreshes), (4, 4))
                    bob.hang_up()
                    self.quiet()

    def test_refresher_dies(self) -> None:
        """Without a refresh the other side ends the session before it expires."""
        manners = Manners(answers_after=0.2, session_expires=90)
        alice, bob = self.world.phones("alice", "bob", manners=manners)
        alice.dial("bob")
        self.world.run(1)
        alice.vanish()
        self.world.run(65)
        self.assertEqual(bob.session.state, "over")
        self.world.violations.clear()
        self.quiet()


class Transfers(Alone):
    """Transfers as the guide draws them, where the transferee calls."""

    def setUp(self) -> None:
        """Alice and Bob talk."""
        super().setUp()
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=0.5)
        )
        self.alice.dial("bob")
        self.world.run(1)

    def test_blind(self) -> None:
        """The transferor is told 100 and 200 and then leaves (RFC 5589 section 6.2)."""
        self.bob.session.transfer("carol")
        self.world.run(3)
        self.assertTalking(("alice", "carol"))
        self.assertEqual(self.bob.sessions[0].told, [100, 100, 180, 200])
        self.alice.hang_up()
        self.quiet()

    def test_leaves_at_once(self) -> None:
        """The transferor leaves after the 202, and the NOTIFYs come after its BYE (RFC 5359 2.4)."""
        self.bob.manners.leaves_after_refer = "at once"
        self.bob.session.transfer("carol")
        self.world.run(3)
        self.assertTalking(("alice", "carol"))
        self.assertEqual(self.bob.sessions[0].told[-1], 200)
        self.alice.hang_up()
        self.quiet()

    def test_attended(self) -> None:
        """The target finds the dialog that Replaces names and ends it (RFC 5589 section 7.3)."""
        first = self.bob.session
        first.hold()
        self.world.run(1)
        second = self.bob.dial("carol")
        self.world.run(1)
        self.assertTrue(self.bob.talks_to(self.carol))
        first.transfer(replaces=second)
        self.world.run(3)
        self.assertTalking(("alice", "carol"))
        self.assertEqual(self.bob.live, [])
        self.carol.hang_up()
        self.quiet()

    def test_fails(self) -> None:
        """The target is busy: the transferor hears so and keeps the call (section 6.3.1)."""
        self.carol.manners.refuses = 486
        self.bob.session.transfer("carol")
        self.world.run(3)
        self.assertEqual(self.bob.session.told[-1], 486)
        self.assertTalking(("alice", "bob"))
        self.bob.hang_up()
        self.quiet()


class Failures(Alone):
    """What a ladder says when it does not go as written."""

    def test_says_what_came(self) -> None:
        """The message names what was waited for, what came, the seed and the ladder."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180)
        error = self.assertRaises(AssertionError, alice.gets, 200)
        for text in (
            "alice waited for 200 and got 180 to INVITE",
            "seed 0",
            "|-INVITE sdp---",
            "|<-180 INVITE",
        ):
            self.assertIn(text, str(error))

    def test_unread(self) -> None:
        """A message that the ladder does not mention makes C{quiet} fail."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(486)
        error = self.assertRaises(AssertionError, self.quiet)
        self.assertIn("alice got what nobody asked for: 486 to INVITE", str(error))

    def test_left_over(self) -> None:
        """A call that is not over makes C{quiet} fail."""
        alice, bob = self.phones("alice", "bob")
        self.connect(alice, bob)
        error = self.assertRaises(AssertionError, self.quiet)
        self.assertIn("alice still has {'sessions': 1}", str(error))


class Weather(Alone):
    """Calls on a network that harms."""

    def test_loss(self) -> None:
        """With a tenth of all datagrams lost, doubled or late, calls still come up and end."""
        for seed in range(40):
            self.world = world = World(seed, server=False)
            link = world.network.link
            link.loss = link.duplicate = link.reorder = 0.1
            link.jitter = 0.05
            alice, bob = world.phones("alice", "bob", manners=Manners(answers_after=0.5, hangs_up_after=20))
            bob.manners.hangs_up_after = None
            call = alice.dial("bob")
            world.run(20)
            self.assertTrue(alice.talks_to(bob), world.ladder())
            alice.hold()
            world.run(60)
            self.assertEqual(call.why, "bye", world.ladder())
            self.quiet()

    def test_same_seed(self) -> None:
        """The same seed gives the same world, to the last byte."""

        def logged() -> list[bytes]:
            world = World(5, server=False)
            world.network.link.loss = 0.2
            alice, _bob = world.phones("alice", "bob")
            alice.dial("bob")
            world.run(20)
            return [packet.data for packet in world.network.log]

        self.assertEqual(logged(), logged())

    def test_connections(self) -> None:
        """Phones call each other over TCP just as well."""
        alice, bob = self.phones("alice", "bob", transport="TCP")
        self.connect(alice, bob)
        self.assertTalking(("alice", "bob"))
        self.disconnect(bob, alice)
        self.quiet()
        self.assertEqual({packet.transport for packet in self.world.network.log}, {"TCP"})

    def test_silence_costs_nothing(self) -> None:
        """Half an hour of ringing makes only as many steps as something happens."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180)
        alice.gets(180)
        steps = 0
        limit = self.world.clock.seconds() + 1800
        while self.world.clock.step(limit):
            steps += 1
        self.assertLess(steps, 10)
        bob.answers(486)
        alice.gets(486)
        self.quiet()
