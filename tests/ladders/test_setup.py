"""From INVITE to answer: who gives up when, forks, several contacts, several targets."""

from __future__ import annotations

from b2bua.testing import LadderTestCase, Manners
from b2bua.wire.message import Request

QUICK = Manners(answers_after=0.3)


class GivingUpTests(LadderTestCase):
    """The caller hangs up in every state."""

    def test_at_every_moment(self) -> None:
        """A CANCEL at any moment, before, during and after the answer, leaves nothing behind."""
        for step in range(60):
            with self.anew(step=step):
                alice, bob = self.phones("alice", "bob", manners=Manners(rings_after=0.02, answers_after=0.1))
                alice.dial("bob")
                self.world.run(step * 0.004)
                alice.hang_up()
                self.world.run(5)
                self.assertEqual((alice.live, bob.live), ([], []), self.world.ladder())
                self.quiet()
                self.assertLessEqual(len(self.world.served.records), 1)

    def test_callee_at_every_moment(self) -> None:
        """A callee who answers and hangs up at once, or refuses, at any distance from a CANCEL."""
        for step in range(40):
            with self.anew(step=step):
                alice, bob = self.phones("alice", "bob", manners=Manners(rings_after=0.02, answers_after=0.1))
                bob.manners.hangs_up_after = 0.005
                alice.dial("bob")
                self.world.run(0.1 + step * 0.003)
                alice.hang_up()
                self.world.run(5)
                self.quiet()

    def test_late_answer(self) -> None:
        """A phone that answers 200 in spite of the CANCEL gets ACK and BYE."""
        alice, bob = self.phones("alice", "bob", manners=Manners(answers_after=None))
        bob.manners.honours_cancel = False
        call = alice.dial("bob")
        self.world.run(1)
        alice.hang_up()
        self.world.run(1)
        self.assertEqual(call.code, 487)
        self.assertEqual(bob.sessions[0].why, "bye")
        self.quiet()

    def test_cancel_before_trying(self) -> None:
        """A callee who has said nothing yet gets its CANCEL when it does (section 9.1)."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        alice.sends("CANCEL")
        alice.gets(487)
        bob.gets_nothing(0.3)
        bob.answers(180)
        bob.gets("CANCEL")
        self.quiet()

    def test_reason(self) -> None:
        """The caller's Reason is carried in our CANCEL (RFC 3326)."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180)
        alice.gets(180)
        alice.sends("CANCEL", fields=[("Reason", 'SIP;cause=200;text="Call completed elsewhere"')])
        alice.gets(487)
        self.assertIn("completed elsewhere", bob.gets("CANCEL").get("Reason") or "")
        self.quiet()

    def test_rings_for_ever(self) -> None:
        """Nobody picks up: after the time to ring the caller hears 480 (or 408) and the callee a CANCEL."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180)
        alice.gets(180)
        self.assertEqual(alice.gets_final(within=200), 480)
        bob.gets("CANCEL")
        self.quiet()


class TargetTests(LadderTestCase):
    """Whom the server rings."""

    def test_unknown(self) -> None:
        """Nobody of that name: 404."""
        (alice,) = self.phones("alice")
        alice.sends("INVITE", to="nobody")
        alice.gets(404)
        self.quiet()

    def test_not_registered(self) -> None:
        """An extension without a phone: 480."""
        (alice,) = self.phones("alice")
        alice.sends("INVITE", to="heidi")
        alice.gets(480)
        self.quiet()

    def test_unregistered(self) -> None:
        """A phone that took its binding back is not rung."""
        alice, bob = self.phones("alice", "bob")
        bob.unregister()
        self.world.run(1)
        alice.sends("INVITE", to="bob")
        alice.gets(480)
        self.quiet()

    def test_unplugged(self) -> None:
        """A phone whose address is dead is found out at once by ICMP, and after 32 seconds without."""
        for icmp, within in ((True, 1), (False, 40)):
            with self.anew(icmp=icmp):
                alice, bob = self.phones("alice", "bob")
                self.world.network.icmp = icmp
                bob.vanish()
                alice.sends("INVITE", to="bob")
                alice.gets(480, within=within)
                self.quiet()

    def test_two_phones(self) -> None:
        """Both phones of an extension ring; who answers first has it, the other is told so."""
        alice, bob = self.phones("alice", "bob")
        (desk,) = self.phones("bob", host="10.0.5.5")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        desk.gets("INVITE")
        bob.answers(180)
        alice.gets(180)
        desk.answers(180)
        alice.gets(180)
        desk.answers(200)
        alice.gets(200)
        alice.sends("ACK")
        desk.gets("ACK")
        self.assertIn("completed elsewhere", bob.gets("CANCEL").get("Reason") or "")
        self.assertTrue(alice.talks_to(desk))
        self.disconnect(alice, desk)
        self.quiet()

    def test_two_phones_answer(self) -> None:
        """Both answer at the same moment: one of them gets ACK and BYE (section 13.2.2.4)."""
        alice, bob = self.phones("alice", "bob", manners=Manners(answers_after=0.5))
        (desk,) = self.phones("bob", host="10.0.5.5", manners=Manners(answers_after=0.5))
        alice.dial("bob")
        self.world.run(2)
        self.assertEqual(len(self.world.talking()), 2)
        self.assertEqual(len(bob.live) + len(desk.live), 1)
        alice.hang_up()
        self.quiet()

    def test_two_phones_refuse(self) -> None:
        """One is busy, the other does not want: the caller hears one answer, the better one (16.7)."""
        alice, bob = self.phones("alice", "bob")
        (desk,) = self.phones("bob", host="10.0.5.5")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        desk.gets("INVITE")
        bob.answers(480)
        alice.gets_nothing(0.5)
        desk.answers(486)
        alice.gets(486)
        self.quiet()

    def test_decline_is_final(self) -> None:
        """A 6xx of one phone ends the search (section 16.7)."""
        alice, bob = self.phones("alice", "bob")
        (desk,) = self.phones("bob", host="10.0.5.5")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        desk.gets("INVITE")
        desk.answers(180)
        alice.gets(180)
        bob.answers(603)
        desk.gets("CANCEL")
        alice.gets(603)
        self.quiet()

    def test_over_tcp(self) -> None:
        """A phone that registered over a connection is called by that connection (RFC 5626 5.3)."""
        (alice,) = self.phones("alice")
        (bob,) = self.phones("bob", transport="TCP")
        self.connect(alice, bob)
        self.assertTalking(("alice", "bob"))
        self.disconnect(bob, alice)
        self.quiet()
        self.assertEqual({p.transport for p in self.world.network.log if bob.host in p.destination}, {"TCP"})

    def test_max_forwards(self) -> None:
        """Max-Forwards 0 gets 483; any other number goes on one less (RFC 7332 section 5)."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob", max_forwards=0)
        alice.gets(483)
        alice.sends("INVITE", to="bob", max_forwards=7)
        invite = bob.gets("INVITE")
        assert isinstance(invite, Request)
        self.assertEqual(invite.max_forwards, 6)
        bob.answers(486)
        alice.gets(486)
        self.quiet()


class ForkTests(LadderTestCase):
    """A proxy behind us that forks."""

    def test_two_answers(self) -> None:
        """More than one 2xx: the first one has the call, the other gets ACK and BYE."""
        (alice,) = self.phones("alice", manners=QUICK)
        fork = self.world.forking("bob", Manners(answers_after=0.5))
        fork.register()
        self.world.run(1)
        alice.dial("bob")
        self.world.run(3)
        self.assertEqual(len(fork.live), 1)
        self.assertTrue(alice.talks_to(fork))
        alice.hang_up()
        self.quiet()

    def test_several_early_dialogs(self) -> None:
        """Several early dialogs with media of their own: the caller sees one answer, that of the winner."""
        (alice,) = self.phones("alice", manners=QUICK)
        fork = self.world.forking("bob", Manners(rings_after=None, answers_after=None))
        fork.register()
        self.world.run(1)
        alice.dial("bob")
        self.world.run(0.5)
        first, second = fork.legs
        first.ring(183, session=True)
        self.world.run(0.5)
        second.ring(183, session=True)
        self.world.run(0.5)
        second.answer()
        self.world.run(0.5)
        first.refuse(486)
        self.world.run(1)
        self.assertTrue(alice.talks_to(fork))
        alice.hang_up()
        self.quiet()

    def test_all_refuse(self) -> None:
        """All branches refuse: the caller hears it once."""
        (alice,) = self.phones("alice")
        fork = self.world.forking("bob", Manners(refuses=486))
        fork.register()
        self.world.run(1)
        alice.sends("INVITE", to="bob")
        alice.gets(486)
        self.quiet()

    def test_given_up(self) -> None:
        """The caller gives up while all branches ring."""
        (alice,) = self.phones("alice", manners=QUICK)
        fork = self.world.forking("bob", Manners(answers_after=None))
        fork.register()
        self.world.run(1)
        call = alice.dial("bob")
        self.world.run(1)
        alice.hang_up()
        self.world.run(1)
        self.assertEqual(call.code, 487)
        self.assertEqual(fork.live, [])
        self.quiet()
