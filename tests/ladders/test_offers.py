"""Who offers when: delayed offers, more m-lines, early media (RFC 3264, 6337)."""

from __future__ import annotations

from b2bua.testing import LadderTestCase, Manners
from b2bua.testing.sdp import read

QUICK = Manners(answers_after=0.3)


class DelayedOfferTests(LadderTestCase):
    """An INVITE without SDP."""

    def test_answered(self) -> None:
        """The 200 brings the offer and the ACK the answer, through us as between two phones."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob", offer=False)
        self.assertEqual(bob.gets("INVITE").body, b"")
        bob.answers(180)
        self.assertEqual(alice.gets(180).body, b"")
        bob.answers(200)
        self.assertIn(b"m=audio", alice.gets(200).body)
        bob.gets_nothing(0.2)
        alice.sends("ACK")
        self.assertIn(b"m=audio", bob.gets("ACK").body)
        self.assertTalking(("alice", "bob"))
        self.disconnect(alice, bob)
        self.quiet()

    def test_bye_instead_of_answer(self) -> None:
        """The caller hangs up with its ACK: the other side gets an ACK with an answer, and a BYE."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob", offer=False)
        bob.gets("INVITE")
        bob.answers(200)
        alice.gets(200)
        alice.sends("ACK")
        alice.sends("BYE")
        alice.gets(200)
        bob.gets("ACK")
        bob.gets("BYE")
        bob.answers(200)
        self.quiet()

    def test_never_acknowledged(self) -> None:
        """The caller never sends the ACK: after 32 seconds both sides are ended."""
        alice, bob = self.phones("alice", "bob", manners=QUICK)
        alice.manners.acknowledges = False
        alice.dial("bob", offer=False)
        self.world.run(60)
        self.assertEqual((alice.live, bob.live), ([], []))
        # The ACK for the callee waits for the caller's answer, which never comes.
        self.world.violations = [one for one in self.world.violations if one.who != "bob"]
        self.quiet()


class StreamTests(LadderTestCase):
    """More than one m-line."""

    def test_video_accepted(self) -> None:
        """Video is passed through, both ways."""
        alice, bob = self.phones("alice", "bob", manners=QUICK, kinds=("audio", "video"))
        alice.dial("bob")
        self.world.run(1)
        assert alice.session.media.theirs is not None
        self.assertEqual([s.kind for s in alice.session.media.theirs.streams], ["audio", "video"])
        self.assertTrue(all(s.port for s in alice.session.media.theirs.streams))
        bob.hang_up()
        self.quiet()

    def test_video_added(self) -> None:
        """A re-INVITE adds video, and another one takes it away; the m-line stays (section 8)."""
        alice, bob = self.phones("alice", "bob", manners=QUICK)
        alice.dial("bob")
        self.world.run(1)
        alice.session.media.kinds = ["audio", "video"]
        alice.session.reinvite()
        self.world.run(1)
        offer = read(alice.session.media.last_sent or b"")
        self.assertEqual(len(offer.streams), 2)
        bob.hold()
        self.world.run(1)
        assert bob.session.media.ours is not None
        self.assertEqual([s.kind for s in bob.session.media.ours.streams], ["audio", "video"])
        bob.resume()
        self.world.run(1)
        self.assertTalking(("alice", "bob"))
        alice.hang_up()
        self.quiet()

    def test_unknown_stream(self) -> None:
        """A stream that the other side does not know is refused with port 0, and the call goes on."""
        alice, bob = self.phones("alice", "bob", manners=QUICK, kinds=("audio", "video"))
        bob.knows = ("audio",)
        alice.dial("bob")
        self.world.run(1)
        assert alice.session.media.theirs is not None
        self.assertEqual([bool(s.port) for s in alice.session.media.theirs.streams], [True, False])
        self.assertTalking(("alice", "bob"))
        alice.hang_up()
        self.quiet()

    def test_short_answer(self) -> None:
        """An answer with fewer m-lines than the offer is filled up with refused ones (section 6)."""
        alice, bob = self.phones("alice", "bob", manners=QUICK, kinds=("audio", "video"))
        bob.knows, bob.kinds, bob.manners.short_answers = ("audio",), ("audio",), True
        alice.dial("bob")
        self.world.run(1)
        assert alice.session.media.theirs is not None
        self.assertEqual([bool(s.port) for s in alice.session.media.theirs.streams], [True, False])
        # Nor may an offer have fewer than the dialog knows (section 8).
        bob.hold()
        self.world.run(1)
        self.assertEqual([s.kind for s in alice.session.media.theirs.streams], ["audio", "video"])
        self.assertEqual(bob.session.changes, [200])
        alice.hold()
        self.world.run(1)
        self.assertEqual(alice.session.changes, [200])
        alice.hang_up()
        self.quiet()

    def test_stream_refused_later(self) -> None:
        """A re-INVITE takes video away with port 0; its m-line stays in every later offer (section 8.2)."""
        alice, bob = self.phones("alice", "bob", manners=QUICK, kinds=("audio", "video"))
        alice.dial("bob")
        self.world.run(1)
        alice.knows = ("audio",)
        alice.session.reinvite()
        self.world.run(1)
        bob.hold()
        self.world.run(1)
        for phone in (alice, bob):
            assert phone.session.media.ours is not None
            self.assertEqual([s.kind for s in phone.session.media.ours.streams], ["audio", "video"])
        self.assertEqual(self.world.talking(), {("bob", "alice")})
        alice.hang_up()
        self.quiet()


class EarlyMediaTests(LadderTestCase):
    """SDP before the answer."""

    def test_session_progress(self) -> None:
        """A 183 with SDP reaches the caller with the same SDP that the 200 repeats (RFC 6337 2.4)."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(183, session=True)
        early = alice.gets(183)
        self.assertIn(("bob", "alice"), self.world.talking())
        bob.answers(200)
        answer = alice.gets(200)
        self.assertEqual(early.body, answer.body)
        alice.sends("ACK")
        bob.gets("ACK")
        self.disconnect(bob, alice)
        self.quiet()

    def test_ringing_after_early_media(self) -> None:
        """A 180 after a 183 is passed on, too: early media, then ringing."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(183, session=True)
        alice.gets(183)
        bob.answers(180)
        alice.gets(180)
        bob.answers(200)
        alice.gets(200)
        alice.sends("ACK")
        bob.gets("ACK")
        self.assertTalking(("alice", "bob"))
        self.disconnect(bob, alice)
        self.quiet()

    def test_refused_after_early_media(self) -> None:
        """Early media, and then no answer."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(183, session=True)
        alice.gets(183)
        bob.answers(480)
        alice.gets(480)
        self.quiet()
