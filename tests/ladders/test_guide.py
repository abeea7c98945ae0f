"""The call flows of the phones' administrator's guide: 1 to 5 and 11, with what the drawings leave out."""

from __future__ import annotations

from b2bua.testing import LadderTestCase
from b2bua.testing.phone import Phone


class GuideTests(LadderTestCase):
    """A, B and C are the phones; PS is us."""

    def test_1_setup_and_disconnect(self) -> None:
        """1: the callee hangs up; and the caller, in the other direction."""
        a, b = self.phones("alice", "bob")
        self.connect(a, b)
        self.assertTalking(("alice", "bob"))
        self.disconnect(b, a)
        self.connect(b, a)
        self.disconnect(b, a)
        self.quiet()
        self.assertEqual(len(self.world.served.records), 2)

    def test_1_trying_is_ours(self) -> None:
        """1: the 100 is our own and comes at once, not the callee's."""
        a, b = self.phones("alice", "bob")
        a.sends("INVITE", to="bob")
        self.world.run(0.04)  # two round trips, the first one for the challenge
        self.assertEqual(a.session.codes, [100])
        b.gets("INVITE")
        b.answers(486)
        a.gets(486)
        self.quiet()

    def test_2_busy(self) -> None:
        """2: each code that a refusing phone can be set to send reaches the caller."""
        a, b = self.phones("alice", "bob")
        for code in (404, 480, 486, 603):
            with self.subTest(code=code):
                a.sends("INVITE", to="bob")
                b.gets("INVITE")
                b.answers(code)
                a.gets(code)
        self.quiet()

    def test_3_no_answer(self) -> None:
        """3: the caller gives up; the 487 that the drawing lacks is there."""
        a, b = self.phones("alice", "bob")
        a.sends("INVITE", to="bob")
        b.gets("INVITE")
        b.answers(180)
        a.gets(180)
        self.world.run(25)
        a.sends("CANCEL")
        a.gets(487)
        b.gets("CANCEL")
        self.quiet()

    def change(self, who: Phone, other: Phone, wish: str, answer: str) -> None:
        """Let one phone re-INVITE and look at what reaches the two."""
        session = next(
            s for s in who.live if any(s.hears(t) or t.hears(s) or s.media.ours for t in other.live)
        )
        who.sends("INVITE", wish=wish, session=session)
        offer = other.gets("INVITE")
        self.assertIn(f"a={wish}".encode(), offer.body)
        other.answers(200)
        self.assertIn(f"a={answer}".encode(), who.gets(200).body)
        who.sends("ACK", session=session)
        other.gets("ACK")

    def test_4_hold(self) -> None:
        """4: hold by either side, with the resume that the drawing lacks."""
        a, b = self.phones("alice", "bob")
        self.connect(a, b)
        for who, other in ((a, b), (b, a)):
            self.change(who, other, "sendonly", "recvonly")
            self.assertEqual(self.world.talking(), {(who.name, other.name)})
            self.change(who, other, "sendrecv", "sendrecv")
            self.assertTalking(("alice", "bob"))
        self.disconnect(a, b)
        self.quiet()

    def test_5_call_waiting(self) -> None:
        """5: a second call rings during the first, which is held before the second is answered."""
        for waiting, first in (("alice", "bob"), ("bob", "alice")):
            with self.anew(waiting=waiting):
                a, b, c = self.phones(waiting, first, "carol")
                self.connect(a, b)
                c.sends("INVITE", to=waiting)
                a.gets("INVITE")
                a.answers(180)
                c.gets(180)
                kept, second = a.sessions[0], a.sessions[1]
                a.sends("INVITE", wish="sendonly", session=kept)
                b.gets("INVITE")
                b.answers(200)
                a.gets(200)
                a.sends("ACK", session=kept)
                b.gets("ACK")
                a.answers(200)
                c.gets(200)
                c.sends("ACK")
                a.gets("ACK")
                self.assertTrue(a.talks_to(c))
                self.assertFalse(a.talks_to(b))
                a.sends("BYE", session=second)
                c.gets("BYE")
                c.answers(200)
                a.gets(200)
                a.sends("INVITE", wish="sendrecv", session=kept)
                b.gets("INVITE")
                b.answers(200)
                a.gets(200)
                a.sends("ACK", session=kept)
                b.gets("ACK")
                self.assertTalking(("alice", "bob"))
                self.disconnect(b, a)
                self.quiet()

    def test_11_conference(self) -> None:
        """11: A holds B, calls C, resumes B and mixes the two; both calls are live."""
        a, b, c = self.phones("alice", "bob", "carol")
        self.connect(a, b)
        first = a.session
        a.sends("INVITE", wish="sendonly", session=first)
        b.gets("INVITE")
        b.answers(200)
        a.gets(200)
        a.sends("ACK", session=first)
        b.gets("ACK")
        self.connect(a, c)
        a.sends("INVITE", wish="sendrecv", session=first)
        b.gets("INVITE")
        b.answers(200)
        a.gets(200)
        a.sends("ACK", session=first)
        b.gets("ACK")
        self.assertTalking(("alice", "bob"), ("alice", "carol"))
        self.disconnect(a, c)
        self.disconnect(b, a)
        self.quiet()
