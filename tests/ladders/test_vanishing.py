"""Phones that vanish, and phones that are rude."""

from __future__ import annotations

from b2bua.legs.leg import Leg
from b2bua.testing import LadderTestCase, Manners
from b2bua.transactions.flow import Flow

QUICK = Manners(answers_after=0.3)


class VanishingTests(LadderTestCase):
    """Somebody is not there any more."""

    def setUp(self) -> None:
        """Alice and Bob talk."""
        super().setUp()
        self.alice, self.bob = self.phones("alice", "bob", manners=QUICK)
        self.world.network.icmp = False
        self.alice.dial("bob")
        self.world.run(1)

    def test_no_answer_to_bye(self) -> None:
        """The BYE is never answered: it is given up after 32 seconds, and nothing is left."""
        self.bob.vanish()
        self.alice.hang_up()
        self.quiet()

    def test_no_answer_to_reinvite(self) -> None:
        """A re-INVITE that is never answered ends the call (RFC 3261 section 14.1)."""
        self.bob.vanish()
        self.alice.hold()
        self.world.run(70)
        self.assertEqual(self.alice.live, [])
        self.quiet()

    def test_no_answer_to_update(self) -> None:
        """So does an UPDATE."""
        self.bob.vanish()
        self.alice.session.update("sendonly")
        self.world.run(70)
        self.assertEqual(self.alice.live, [])
        self.quiet()

    def test_icmp(self) -> None:
        """When the network says that nobody is there, a change fails at once and ends the call."""
        self.world.network.icmp = True
        self.bob.vanish()
        self.alice.hold()
        self.world.run(1)
        self.assertEqual(self.alice.live, [])
        self.quiet()

    def test_caller_vanishes_ringing(self) -> None:
        """The caller vanishes while it rings: the callee is not rung for ever."""
        self.alice.hang_up()
        self.world.run(1)
        self.bob.manners = Manners(answers_after=None)
        self.alice.dial("bob")
        self.world.run(1)
        self.alice.vanish()
        self.world.run(300)
        self.assertEqual(self.bob.live, [])
        self.quiet()

    def test_caller_vanishes_before_ack(self) -> None:
        """The caller vanishes before its ACK: after 32 seconds the callee gets a BYE."""
        self.alice.hang_up()
        self.world.run(1)
        self.alice.dial("bob")
        self.world.run(0.33)
        self.alice.vanish()
        self.world.run(60)
        self.assertEqual(self.bob.live, [])
        self.quiet()

    def test_connection_lost(self) -> None:
        """A phone on TCP loses its connection and comes back: the call can be ended by either side."""
        (carol,) = self.phones("carol", manners=QUICK, transport="TCP")
        self.alice.hang_up()
        self.world.run(1)
        for leaver in ("alice", "carol"):
            with self.subTest(leaver=leaver):
                carol.dial("alice")
                self.world.run(1)
                self.assertTrue(carol.talks_to(self.alice))
                carol.close_connections()
                carol.register()
                self.world.run(1)
                (self.alice if leaver == "alice" else carol).hang_up()
                self.world.run(5)
                self.assertEqual((self.alice.live, carol.live), ([], []))
        self.quiet()

    def test_connection_lost_by_one_of_many(self) -> None:
        """Only the legs of a connection hear that it is closed, however many others there are."""
        phones = self.phones("carol", "dave", "erin", manners=QUICK, transport="TCP")
        for phone in phones:
            phone.dial("alice")
            self.world.run(1)
        heard: list[str] = []
        flow_lost = Leg.flow_lost

        def noted(leg: Leg, flow: Flow) -> None:
            heard.append(leg.party.name)
            flow_lost(leg, flow)

        self.patch(Leg, "flow_lost", noted)
        for phone in phones[:2]:
            phone.close_connections()
            self.world.run(1)
        self.assertEqual(heard, ["carol", "dave"])
        for phone in phones:
            phone.register()
        self.world.run(1)
        self.assertEqual(len(self.alice.live), 4)
        for session in self.alice.live:
            session.hang_up()
        self.quiet()

    def test_connection_lost_while_changing(self) -> None:
        """A phone closes its connection under its own re-INVITE: the BYE takes the next one."""
        (carol,) = self.phones("carol", manners=QUICK, transport="TCP")
        self.alice.hang_up()
        self.world.run(1)
        carol.dial("alice")
        self.world.run(1)
        self.alice.manners = self.alice.manners.but(replies=False)
        carol.session.reinvite(offer=False)
        self.world.run(0.1)
        self.alice.manners = QUICK
        carol.close_connections()
        carol.register()
        self.world.run(1)
        self.assertEqual((self.alice.live, carol.live), ([], []))
        self.quiet()


class ConnectionTests(LadderTestCase):
    """Bob's phone, on TCP, loses its connection while it is called."""

    def setUp(self) -> None:
        """Alice waits, and Bob is on TCP."""
        super().setUp()
        (self.alice,) = self.phones("alice")
        (self.bob,) = self.phones("bob", transport="TCP")

    def ring(self) -> None:
        """Have Bob ring."""
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.bob.answers(180)
        self.alice.gets(180)

    def come_back(self) -> None:
        """Bob has another connection, and is registered by it."""
        self.bob.close_connections()
        self.bob.register()
        self.world.run(1)

    def test_answers_by_another(self) -> None:
        """Who rings goes on ringing, and answers by the new connection (RFC 3261 section 18.2.2)."""
        self.ring()
        self.come_back()
        self.alice.gets_nothing(3)
        self.bob.answers(200)
        self.alice.gets(200)
        self.alice.sends("ACK")
        self.bob.gets("ACK")
        self.assertTalking(("alice", "bob"))
        self.disconnect(self.alice, self.bob)
        self.quiet()

    def test_cancelled_by_another(self) -> None:
        """The CANCEL takes the new connection too: the phone does not ring on for nobody."""
        self.ring()
        self.come_back()
        self.alice.sends("CANCEL")
        self.alice.gets(487)
        self.bob.gets("CANCEL")
        self.assertEqual((self.alice.live, self.bob.live), ([], []))
        self.quiet()

    def test_stays_away(self) -> None:
        """Who was switched off while ringing is given up when it has not come back in a moment (T2)."""
        self.ring()
        self.bob.close_connections()
        self.bob.vanish()
        self.alice.gets_nothing(3)
        self.assertEqual(self.alice.gets_final(2), 480)
        self.quiet()

    def test_not_heard_of(self) -> None:
        """Who has not rung is out of reach at once; when it answers all the same it gets ACK and BYE."""
        self.bob.manners = self.bob.manners.but(trying=False)
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.come_back()
        self.alice.gets(480)
        self.bob.answers(200)
        self.bob.gets("ACK")
        self.bob.gets("BYE")
        self.bob.answers(200)
        self.quiet()

    def test_rings_too_late(self) -> None:
        """When it only begins to ring it is cancelled: nobody calls any more."""
        self.bob.manners = self.bob.manners.but(trying=False)
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.come_back()
        self.alice.gets(480)
        self.bob.answers(180)
        self.bob.gets("CANCEL")
        self.assertEqual(self.bob.live, [])
        self.quiet()

    def test_caller(self) -> None:
        """A caller whose connection closes before the answer is gone: the callee stops ringing."""
        self.bob.sends("INVITE", to="alice")
        self.alice.gets("INVITE")
        self.alice.answers(180)
        self.bob.gets(180)
        self.bob.close_connections()
        self.alice.gets("CANCEL")
        self.quiet()


class LateTests(LadderTestCase):
    """Bob is not heard of for more than 64*T1."""

    def setUp(self) -> None:
        """Alice calls Bob, who is slow."""
        super().setUp()
        self.alice, self.bob = self.phones("alice", "bob")
        self.bob.manners = self.bob.manners.but(trying=False)
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.alice.gets(480, within=40)

    def test_answers(self) -> None:
        """His 200 comes when Alice has heard 480: ACK and BYE (RFC 3261 section 13.2.2.4)."""
        self.bob.answers(200)
        self.bob.gets("ACK")
        self.bob.gets("BYE")
        self.bob.answers(200)
        self.quiet()

    def test_rings(self) -> None:
        """He begins to ring when Alice has heard 480: CANCEL."""
        self.bob.answers(180)
        self.bob.gets("CANCEL")
        self.quiet()

    def test_refuses(self) -> None:
        """His 486 comes when Alice has heard 480: ACK, and no more."""
        self.bob.answers(486)
        self.bob.gets_nothing(5)
        self.quiet()


class RudeTests(LadderTestCase):
    """Phones without manners."""

    def test_never_acknowledges(self) -> None:
        """A caller that never sends an ACK is hung up on after 32 seconds (section 13.3.1.4)."""
        alice, bob = self.phones("alice", "bob", manners=QUICK)
        alice.manners.acknowledges = False
        alice.dial("bob")
        self.world.run(40)
        self.assertEqual((alice.live, bob.live), ([], []))
        self.quiet()

    def test_never_acknowledges_refusals(self) -> None:
        """A caller that does not acknowledge a 486 leaves nothing behind either."""
        alice, bob = self.phones("alice", "bob", manners=QUICK)
        alice.acknowledges_refusals = False
        bob.manners.refuses = 486
        alice.dial("bob")
        self.quiet()

    def test_answers_twice(self) -> None:
        """A phone that sends its 200 again and again gets an ACK for each."""
        alice, bob = self.phones("alice", "bob", manners=QUICK)
        alice.dial("bob")
        self.world.run(1)
        response = bob.session.asked.last  # type: ignore[union-attr]  # it was answered
        for _ in range(3):
            bob.transmit(response, bob.session.asked.path)  # type: ignore[arg-type,union-attr]  # the same
            self.world.run(0.2)
        acks = [
            p for p in self.world.network.log if p.data.startswith(b"ACK ") and p.destination[0] == bob.host
        ]
        self.assertEqual(len(acks), 4)
        self.assertTalking(("alice", "bob"))
        bob.hang_up()
        self.quiet()

    def test_answers_after_refusing(self) -> None:
        """A phone that says 486 and then 200 has said 486."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        asked = bob.session.asked
        assert asked is not None
        bob.answers(486)
        alice.gets(486)
        late = asked.request.response(200, to_tag=bob.token(), fields=[("Contact", f"<{bob.contact}>")])
        bob.transmit(late, asked.path)
        alice.gets_nothing(2)
        self.quiet()

    def test_contradicts_itself(self) -> None:
        """What a phone says after its final answer means nothing, whoever called (section 17.1.1.2)."""
        rude = QUICK.but(answers_twice=True)
        for refuses in (None, 486):
            with self.anew(refuses=refuses):
                alice, bob = self.phones("alice", "bob", manners=rude.but(refuses=refuses))
                call = alice.dial("bob")
                self.world.run(2)
                self.assertEqual((call.code, alice.talks_to(bob)), (refuses or 200, refuses is None))
                alice.hang_up()
                self.quiet()

    def test_repeats_everything(self) -> None:
        """Phones that send each datagram three times talk, hold and hang up like others."""
        manners = QUICK.but(repeats=2, early_media=True, hundred_rel="supported")
        alice, bob = self.phones("alice", "bob", manners=manners)
        alice.dial("bob")
        self.world.run(1)
        bob.hold()
        self.world.run(1)
        self.assertEqual(self.world.talking(), {("bob", "alice")})
        bob.resume()
        self.world.run(1)
        self.assertTalking(("alice", "bob"))
        alice.hang_up()
        self.quiet()
        self.assertEqual(len(self.world.served.records), 1)

    def test_bye_in_early_dialog(self) -> None:
        """A caller may send BYE in an early dialog; that ends it like a CANCEL (section 15)."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180)
        alice.gets(180)
        alice.session.ask("BYE")
        alice.gets(200, method="BYE")
        alice.gets(487)
        bob.gets("CANCEL")
        self.quiet()

    def test_requests_after_the_end(self) -> None:
        """Whatever comes after the BYE gets 481 (section 12.2.2)."""
        alice, bob = self.phones("alice", "bob")
        self.connect(alice, bob)
        self.disconnect(alice, bob)
        self.world.run(40)
        for method in ("BYE", "INFO", "UPDATE", "INVITE", "NOTIFY"):
            with self.subTest(method=method):
                alice.sessions[0].ask(method)
                alice.gets(481, method=method)
        self.quiet()

    def test_strangers_in_dialog(self) -> None:
        """A third phone that knows the identifiers of a call cannot end it by guessing the rest."""
        alice, _bob = self.phones("alice", "bob", manners=QUICK)
        (mallory,) = self.phones("carol")
        alice.dial("bob")
        self.world.run(1)
        stolen = mallory.new_session(incoming=False)
        session = alice.session
        stolen.call_id, stolen.local, stolen.remote = session.call_id, session.local, session.remote
        stolen.local_tag, stolen.remote_tag, stolen.target = "guess", session.remote_tag, session.target
        stolen.ask("BYE")
        mallory.gets(481)
        mallory.sessions.clear()
        self.assertTalking(("alice", "bob"))
        alice.hang_up()
        self.quiet()
