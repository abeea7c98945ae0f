"""Hold in all its forms: RFC 3264 section 8.4, RFC 5359 sections 2.1 and 2.2, and the hold of RFC 2543."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from b2bua.calls.bridge import Bridge
from b2bua.calls.operations.rerouting import reroute
from b2bua.testing import LadderTestCase, Manners
from b2bua.testing.phone import Phone

QUICK = Manners(answers_after=0.3)


class HoldTests(LadderTestCase):
    """Phones that answer by themselves hold and resume."""

    def setUp(self) -> None:
        """Alice and Bob talk."""
        super().setUp()
        self.alice, self.bob, self.carol = self.phones("alice", "bob", "carol", manners=QUICK)
        self.alice.dial("bob")
        self.world.run(1)
        self.assertTalking(("alice", "bob"))

    def heard(self) -> set[tuple[str, str]]:
        """Let a second pass, and say whose voice arrives where."""
        self.world.run(1)
        return self.world.talking()

    def test_hold_and_resume(self) -> None:
        """RFC 5359 2.1: sendonly, recvonly, and back."""
        for who, other in ((self.alice, self.bob), (self.bob, self.alice)):
            who.hold()
            self.assertEqual(self.heard(), {(who.name, other.name)})
            who.resume()
            self.heard()
            self.assertTalking(("alice", "bob"))
        self.bob.hang_up()
        self.quiet()

    def test_inactive(self) -> None:
        """Hold without music: inactive."""
        self.alice.hold("inactive")
        self.assertEqual(self.heard(), set())
        self.alice.resume()
        self.heard()
        self.assertTalking(("alice", "bob"))
        self.alice.hang_up()
        self.quiet()

    def test_zeros(self) -> None:
        """The hold of RFC 2543, c=0.0.0.0, is passed on as it is."""
        self.bob.hold("zeros")
        self.assertEqual(self.heard(), {("bob", "alice")})
        assert self.alice.session.media.theirs is not None
        self.assertEqual([s.address for s in self.alice.session.media.theirs.streams], ["0.0.0.0"])
        self.bob.resume()
        self.heard()
        self.assertTalking(("alice", "bob"))
        self.alice.hang_up()
        self.quiet()

    def test_both_hold(self) -> None:
        """Hold of a held call: each side resumes its own, in either order."""
        for first, second in ((self.alice, self.bob), (self.bob, self.alice)):
            self.alice.hold()
            self.heard()
            self.bob.hold()
            self.assertEqual(self.heard(), set())
            first.resume()
            self.assertEqual(self.heard(), {(second.name, first.name)})
            second.resume()
            self.heard()
            self.assertTalking(("alice", "bob"))
        self.alice.hang_up()
        self.quiet()

    def test_held_party_hangs_up(self) -> None:
        """Who is held may end the call, and so may who holds."""
        self.alice.hold()
        self.heard()
        self.bob.hang_up()
        self.heard()
        self.assertEqual(self.alice.live, [])
        self.quiet()

    def test_consultation(self) -> None:
        """RFC 5359 2.2: hold, call a third party, hang up with her, resume."""
        first = self.alice.session
        first.hold()
        self.heard()
        consult = self.alice.dial("carol")
        self.assertIn(("alice", "carol"), self.heard())
        consult.hang_up()
        self.heard()
        first.resume()
        self.heard()
        self.assertTalking(("alice", "bob"))
        self.bob.hang_up()
        self.quiet()

    def test_hold_by_update(self) -> None:
        """An UPDATE with an offer holds as well as a re-INVITE (RFC 3311)."""
        self.alice.session.update("sendonly")
        self.assertEqual(self.heard(), {("alice", "bob")})
        self.alice.session.update("sendrecv")
        self.heard()
        self.assertTalking(("alice", "bob"))
        self.bob.hang_up()
        self.quiet()

    def test_hold_refused(self) -> None:
        """
        A re-INVITE that the other side refuses leaves everything as it was (section 14.1).

        OpenSIPS#686: what the other side replied was ignored.
        """
        self.bob.manners = self.bob.manners.but(replies=False)
        self.alice.hold()
        self.world.run(0.1)
        asked = self.bob.session.asked
        assert asked is not None
        self.bob.session.answer_change(asked, 488)
        self.world.run(1)
        self.assertEqual(self.alice.session.changes, [488])
        self.assertTalking(("alice", "bob"))
        assert self.world.served is not None
        (call,) = self.world.served.server.core.calls.going.values()
        self.assertEqual(call.holders, frozenset())
        self.bob.manners = QUICK
        self.alice.resume()
        self.heard()
        self.assertEqual(self.alice.session.changes, [488, 200])
        self.assertTalking(("alice", "bob"))
        self.alice.hang_up()
        self.quiet()


class OfferlessTests(LadderTestCase):
    """A re-INVITE without an offer asks the other side for one (RFC 3261 section 14)."""

    def test_from_either_side(self) -> None:
        """The 200 brings the far side's offer, the ACK its answer."""
        alice, bob = self.phones("alice", "bob")
        self.connect(alice, bob)
        for who, other in ((alice, bob), (bob, alice)):
            who.sends("INVITE", offer=False)
            self.assertEqual(other.gets("INVITE").body, b"")
            other.answers(200)
            self.assertIn(b"m=audio", who.gets(200).body)
            who.sends("ACK")
            self.assertIn(b"m=audio", other.gets("ACK").body)
            self.assertTalking(("alice", "bob"))
        self.disconnect(alice, bob)
        self.quiet()

    def test_resume_without_offer(self) -> None:
        """Who asks for an offer holds and resumes by its answer, in the ACK (RFC 7088 section 2.2)."""
        alice, bob = self.phones("alice", "bob", manners=QUICK)
        alice.dial("bob")
        self.world.run(1)
        alice.hold()
        self.world.run(1)
        (call,) = self.world.served.server.core.calls.going.values()
        for wish in ("sendrecv", "sendonly", "sendrecv"):
            alice.session.media.wish = wish
            alice.session.reinvite(offer=False)
            self.world.run(1)
            self.assertEqual([leg.party.name for leg in call.holders], ["alice"] * (wish == "sendonly"))
        self.assertTalking(("alice", "bob"))
        bob.hang_up()
        self.quiet()


class MediaRefusedTests(LadderTestCase):
    """A change that the other side refuses: dialogs and sessions are as they were (RFC 3261 section 14.1)."""

    def setUp(self) -> None:
        """Alice and Bob talk."""
        super().setUp()
        self.alice, self.bob = self.phones("alice", "bob")
        self.connect(self.alice, self.bob)
        self.world.run(0.1)
        (call,) = self.world.served.server.core.calls.going.values()
        self.legs = call.legs

    def state(self) -> list[tuple[object, ...]]:
        """What holds on each leg: its session in both directions, its peer, and that nothing is open."""
        return [
            (leg.local_session, leg.remote_session, leg.dialog and (leg.dialog.key, leg.dialog.target))
            for leg in self.legs
            if leg.stable
        ]

    def refused(self, who: Phone, other: Phone, code: int, **asks: Any) -> None:
        """Let one ask for a change and the other refuse it; the reason is told (section 21.4.26)."""
        before = self.state()
        self.assertEqual(len(before), 2)
        method = asks.pop("method", "INVITE")
        who.sends(method, **asks)
        other.gets("INVITE")
        other.answers(code, fields=[("Warning", '304 phone "Media type not available"')])
        self.assertEqual(who.gets(code).get("Warning"), '304 phone "Media type not available"')
        self.world.run(1)
        who.session.media.wish = "sendrecv"  # its user gives up
        self.assertEqual(self.state(), before)
        self.assertTalking(("alice", "bob"))

    def test_on_either_leg(self) -> None:
        """488 and its like, to an offer, to an UPDATE, and to being asked for one, from either side."""
        for who, other in ((self.alice, self.bob), (self.bob, self.alice)):
            for code in (488, 606, 415):
                self.refused(who, other, code, wish="sendonly")
            self.refused(who, other, 488, wish="sendonly", method="UPDATE")
            self.refused(who, other, 488, offer=False)
        for who, other in ((self.alice, self.bob), (self.bob, self.alice)):
            who.sends("INVITE", wish="sendonly")
            self.assertIn(b"a=sendonly", other.gets("INVITE").body)
            other.answers(200)
            self.assertIn(b"a=recvonly", who.gets(200).body)
            who.sends("ACK")
            other.gets("ACK")
            who.sends("INVITE", wish="sendrecv")
            other.gets("INVITE")
            other.answers(200)
            who.gets(200)
            who.sends("ACK")
            other.gets("ACK")
            self.assertTalking(("alice", "bob"))
        self.disconnect(self.bob, self.alice)
        self.quiet()

    def hold_crossed(self) -> None:
        """Alice wants to hold, a change of Bob's crosses it, and she gives it up."""
        self.alice.sends("INVITE", wish="sendonly")
        self.bob.gets("INVITE")
        self.bob.answers(491)
        self.bob.sends("INVITE", offer=False)
        self.alice.gets(491)
        self.alice.session.media.wish = "sendrecv"
        self.alice.gets("INVITE")
        self.alice.answers(200)
        self.bob.gets(200)
        self.bob.sends("ACK")
        self.alice.gets("ACK")

    def test_hold_meets_glare_and_both_are_joined_anew(self) -> None:
        """So it is if the two were shown to each other anew meanwhile, as for a relay (section 14.1)."""
        (call,) = self.world.served.server.core.calls.going.values()
        self.hold_crossed()
        assert call.bridge is not None
        Deferred.fromCoroutine(reroute(call, call.bridge))
        for phone in (self.alice, self.bob):
            phone.gets("INVITE")
            phone.answers(200)
        for phone in (self.alice, self.bob):
            phone.gets("ACK")
        self.world.run(10)
        self.assertEqual(call.holders, frozenset())
        self.disconnect(self.bob, self.alice)
        self.quiet()

    def test_hold_meets_glare(self) -> None:
        """A hold that crosses a change of the other side, and does not come again, is none (section 14.1)."""
        (call,) = self.world.served.server.core.calls.going.values()
        for again in (True, False):
            self.hold_crossed()
            for wish in ("sendonly", "sendrecv") if again else ():
                self.alice.sends("INVITE", wish=wish)
                self.bob.gets("INVITE")
                self.bob.answers(200)
                self.alice.gets(200)
                self.alice.sends("ACK")
                self.bob.gets("ACK")
                self.world.run(10)
                self.assertEqual(len(call.holders), wish == "sendonly")
        self.world.run(10)
        self.assertEqual(call.holders, frozenset())
        self.disconnect(self.bob, self.alice)
        self.quiet()

    def test_hold_meets_glare_and_moves(self) -> None:
        """Whose hold met glare is looked at by the call in which they are by then, and by no other."""
        calls = self.world.served.server.core.calls
        (call,) = calls.going.values()
        self.hold_crossed()
        (leg,) = call.holders
        glared = leg.glared
        other = calls.new_call(leg, "elsewhere")
        self.world.run(10)
        self.assertEqual((leg.glared, glared > 0), (glared, True))
        for left in (call, other):
            left.end()
        for phone in (self.alice, self.bob):
            phone.gets("BYE")
            phone.answers(200, method="BYE")
        self.quiet()

    def test_hold_meets_that_of_the_other_side(self) -> None:
        """Who is held when their hold met glare may have to say inactive: that is no hold (RFC 3264 6.1)."""
        (call,) = self.world.served.server.core.calls.going.values()
        self.alice.sends("INVITE", wish="sendonly")
        self.bob.gets("INVITE")
        self.bob.answers(491)
        self.bob.sends("INVITE", wish="inactive")
        self.alice.gets(491)
        self.alice.session.media.wish = "sendrecv"
        self.alice.gets("INVITE")
        self.alice.answers(200)
        self.assertIn(b"a=inactive", self.bob.gets(200).body)
        self.bob.sends("ACK")
        self.alice.gets("ACK")
        self.world.run(10)
        looks, look = [], Bridge._see_hold
        self.patch(Bridge, "_see_hold", lambda bridge, leg: (looks.append(leg), look(bridge, leg)))
        self.world.run(60)
        self.assertEqual((len(call.holders), looks), (2, []))  # only a change can tell more
        self.bob.sends("INVITE", wish="sendrecv")
        self.alice.gets("INVITE")
        self.alice.answers(200)
        self.bob.gets(200)
        self.bob.sends("ACK")
        self.alice.gets("ACK")
        self.world.run(5)
        self.assertEqual(call.holders, frozenset())
        self.assertTalking(("alice", "bob"))
        self.disconnect(self.bob, self.alice)
        self.quiet()

    def test_refused_while_held(self) -> None:
        """A resume that is refused leaves the other side on hold (section 14.2), and can be tried again."""
        (call,) = self.world.served.server.core.calls.going.values()
        for who, other in ((self.alice, self.bob), (self.bob, self.alice)):
            for wish, code in (("sendonly", 200), ("sendrecv", 488), ("sendrecv", 200)):
                who.sends("INVITE", wish=wish)
                other.gets("INVITE")
                other.answers(code)
                who.gets(code)
                if code == 200:
                    who.sends("ACK")
                    other.gets("ACK")
                else:
                    self.assertEqual(self.world.talking(), {(who.name, other.name)})
                held = {leg.party.name for leg in call.holders}
                self.assertEqual(held, {who.name} if (wish, code) != ("sendrecv", 200) else set())
            self.assertTalking(("alice", "bob"))
        self.disconnect(self.alice, self.bob)
        self.quiet()
