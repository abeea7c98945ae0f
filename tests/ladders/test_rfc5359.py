"""
RFC 5359 sections 2.1, 2.2 and 2.12: hold, consultation and find-me, rung by rung.

What differs from the drawings is what differs in those of RFC 3665; see
L{tests.ladders.test_rfc3665}.
"""

from __future__ import annotations

from b2bua.testing import World
from b2bua.testing.phone import Phone
from b2bua.testing.session import Session
from b2bua_plugins.find_me import FindMe
from tests.ladders.drawing import DrawnTestCase

CONNECTED = """
    {0} INVITE sdp server
    server 401 INVITE {0}
    {0} ACK server
    {0} INVITE sdp server
    server 100 INVITE {0}
    server INVITE sdp {1}
    {1} 180 INVITE server
    server 180 INVITE {0}
    {1} 200 INVITE sdp server
    server ACK {1}
    server 200 INVITE sdp {0}
    {0} ACK server
"""
CHANGED = """
    {0} INVITE {2} server
    server 100 INVITE {0}
    server INVITE {2} {1}
    {1} 200 INVITE {3} server
    server ACK {1}
    server 200 INVITE {3} {0}
    {0} ACK server
"""
LEFT = """
    {0} BYE server
    server 200 BYE {0}
    server BYE {1}
    {1} 200 BYE server
"""


class HoldTests(DrawnTestCase):
    """Bob puts Alice on hold."""

    def setUp(self) -> None:
        """Alice calls Bob (F1 to F9)."""
        super().setUp()
        self.alice, self.bob = self.phones("alice", "bob")
        self.connect(self.alice, self.bob)

    def change(self, wish: str, session: Session) -> None:
        """Let Bob hold, or resume."""
        self.bob.sends("INVITE", wish=wish, session=session)
        self.alice.gets("INVITE")
        self.alice.answers(200)
        self.bob.gets(200)
        self.bob.sends("ACK", session=session)
        self.alice.gets("ACK")

    def test_2_1(self) -> None:
        """2.1: Bob holds (F10) and resumes (F16), Alice hangs up (F22)."""
        self.change("sendonly", self.bob.session)
        self.assertEqual(self.world.talking(), {("bob", "alice")})
        self.change("sendrecv", self.bob.session)
        self.assertTalking(("alice", "bob"))
        self.disconnect(self.alice, self.bob)
        self.quiet()
        self.assertDrawn(
            CONNECTED.format("alice", "bob")
            + CHANGED.format("bob", "alice", "sendonly", "recvonly")
            + CHANGED.format("bob", "alice", "sdp", "sdp")
            + LEFT.format("alice", "bob")
        )

    def test_2_2(self) -> None:
        """2.2: Bob holds (F10), calls Carol (F16), hangs up with her (F25), resumes (F29); Alice leaves."""
        (carol,) = self.phones("carol")
        first = self.bob.session
        self.change("sendonly", first)
        self.connect(self.bob, carol)
        self.assertTrue(self.bob.talks_to(carol))
        self.disconnect(self.bob, carol)
        self.change("sendrecv", first)
        self.assertTalking(("alice", "bob"))
        self.alice.sends("BYE")
        self.bob.gets("BYE")
        self.bob.answers(200)
        self.alice.gets(200)
        self.quiet()
        self.assertDrawn(
            CONNECTED.format("alice", "bob")
            + CHANGED.format("bob", "alice", "sendonly", "recvonly")
            + CONNECTED.format("bob", "carol")
            + LEFT.format("bob", "carol")
            + CHANGED.format("bob", "alice", "sdp", "sdp")
            + LEFT.format("alice", "bob")
        )


class FindMeTests(DrawnTestCase):
    """Bob is looked for in four places, one after the other."""

    def make_world(self) -> World:
        """Bob is at his own phone, at Carol's, at Dave's or at Erin's."""
        find = {"places": ["bob", "carol", "dave", "erin"], "ring_seconds": 10}
        return World(features=[FindMe], settings={"extensions": {"bob": {"find_me": find}}})

    def refuses(self, phone: Phone, code: int) -> None:
        """Bob is not there."""
        phone.gets("INVITE")
        phone.answers(code)

    def test_2_12(self) -> None:
        """2.12: no answer (F6), not logged in (F11), busy (F14), and found (F19)."""
        alice, bob, carol, dave, erin = self.phones("alice", "bob", "carol", "dave", "erin")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180)
        alice.gets(180)
        bob.gets("CANCEL", within=11)
        for phone, code in ((carol, 480), (dave, 486)):
            alice.gets(181)
            self.refuses(phone, code)
        alice.gets(181)
        erin.gets("INVITE")
        erin.answers(180)
        alice.gets(180)
        erin.answers(200)
        alice.gets(200)
        alice.sends("ACK")
        erin.gets("ACK")
        self.assertTalking(("alice", "erin"))
        self.disconnect(erin, alice)
        self.quiet()
        self.assertDrawn(
            """
            alice INVITE sdp server
            server 401 INVITE alice
            alice ACK server
            alice INVITE sdp server
            server 100 INVITE alice
            server INVITE sdp bob
            bob 180 INVITE server
            server 180 INVITE alice
            server CANCEL bob
            server 181 INVITE alice
            server INVITE sdp carol
            bob 200 CANCEL server
            bob 487 INVITE server
            carol 480 INVITE server
            server ACK bob
            server ACK carol
            server 181 INVITE alice
            server INVITE sdp dave
            dave 486 INVITE server
            server ACK dave
            server 181 INVITE alice
            server INVITE sdp erin
            erin 180 INVITE server
            server 180 INVITE alice
            erin 200 INVITE sdp server
            server ACK erin
            server 200 INVITE sdp alice
            alice ACK server
            """
            + LEFT.format("erin", "alice")
        )
