"""
RFC 3665 section 3: the session flows, with us in the place of the proxies.

Each is compared with its drawing rung by rung.  What differs in all of them: we
are one hop and challenge with 401 (RFC 3261 section 22.2), the callee's ACK
does not wait for the caller's unless that brings the answer, and we answer a
BYE ourselves.
"""

from __future__ import annotations

from b2bua.testing import World, by_hand
from b2bua.wire.message import Request
from b2bua_plugins.redirects import Redirects
from tests.ladders.drawing import DrawnTestCase

CALLED = """
    alice INVITE sdp server
    server 401 INVITE alice
    alice ACK server
    alice INVITE sdp server
    server 100 INVITE alice
    server INVITE sdp bob
"""
"""How all of them begin."""
RUNG = """
    bob 180 INVITE server
    server 180 INVITE alice
"""
ANSWERED = """
    bob 200 INVITE sdp server
    server ACK bob
    server 200 INVITE sdp alice
    alice ACK server
"""
REFUSED = """
    bob {0} INVITE server
    server ACK bob
    server {0} INVITE alice
    alice ACK server
"""
LEFT = """
    bob BYE server
    server 200 BYE bob
    server BYE alice
    alice 200 BYE server
"""
"""Bob hangs up."""


class SessionTests(DrawnTestCase):
    """The flows that need nothing but two phones."""

    def test_3_1(self) -> None:
        """3.1: INVITE, 180, 200, ACK, BYE, 200."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180)
        alice.gets(180)
        bob.answers(200)
        alice.gets(200)
        alice.sends("ACK")
        bob.gets("ACK")
        self.assertTalking(("alice", "bob"))
        bob.sends("BYE")
        alice.gets("BYE")
        alice.answers(200)
        bob.gets(200)
        self.quiet()
        self.assertDrawn(CALLED + RUNG + ANSWERED + LEFT)
        (record,) = self.world.served.records
        self.assertEqual((record.status, record.hung_up_by), (200, "extension bob"))

    def test_3_2(self) -> None:
        """3.2: the INVITE is challenged, and the second one, with credentials, goes on as in 3.1."""
        alice, bob = self.phones("alice", "bob")
        started = self.world.clock.seconds()
        alice.sends("INVITE", to="bob")
        invite = bob.gets("INVITE")
        assert isinstance(invite, Request)
        self.assertIsNone(invite.get("Proxy-Authorization"))
        self.assertIsNone(invite.get("Authorization"))
        self.assertEqual(invite.uri, bob.contact)
        first, second = [asking.request for asking in alice.session.requests], alice.session.asking
        self.assertEqual(len(first), 1)
        assert second is not None
        self.assertGreater(second.answers, 0)
        self.assertLess(self.world.clock.seconds() - started, 0.2)
        bob.answers(180)
        alice.gets(180)
        bob.answers(200)
        alice.gets(200)
        alice.sends("ACK")
        bob.gets("ACK")
        self.assertTalking(("alice", "bob"))
        self.disconnect(bob, alice)
        self.quiet()
        self.assertDrawn(CALLED + RUNG + ANSWERED + LEFT)

    def test_3_5(self) -> None:
        """3.5: each side sees nothing but us in Via and Contact, and the other's media address in SDP."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        invite = bob.gets("INVITE")
        self.assertEqual([via.host for via in invite.vias], ["192.0.2.1"])
        self.assertEqual(invite.contacts[0].uri.host, "192.0.2.1")
        self.assertIn(f"c=IN IP4 {alice.host}".encode(), invite.body)
        bob.answers(180)
        alice.gets(180)
        bob.answers(200)
        answer = alice.gets(200)
        self.assertEqual(answer.contacts[0].uri.host, "192.0.2.1")
        self.assertIn(f"c=IN IP4 {bob.host}".encode(), answer.body)
        alice.sends("ACK")
        bob.gets("ACK")
        self.disconnect(bob, alice)
        self.quiet()
        self.assertDrawn(CALLED + RUNG + ANSWERED + LEFT)

    def test_3_6(self) -> None:
        """3.6: a redirected caller calls the new target, without SDP as before; the ACK brings the answer."""
        self.world = World(features=[Redirects], settings={"extensions": {"bob": {"redirects": "pass"}}})
        alice, bob, carol = self.phones("alice", "bob", "carol")
        alice.sends("INVITE", to="bob", offer=False)
        bob.gets("INVITE")
        bob.session.redirect("carol")
        moved = alice.gets(302)
        self.assertEqual(moved.contacts[0].uri.user, "carol")
        alice.sends("INVITE", to="carol", offer=False)
        self.assertEqual(carol.gets("INVITE").body, b"")
        carol.answers(180)
        alice.gets(180)
        carol.answers(200)
        self.assertIn(b"m=audio", alice.gets(200).body)
        alice.sends("ACK")
        self.assertIn(b"m=audio", carol.gets("ACK").body)
        self.assertTalking(("alice", "carol"))
        self.disconnect(carol, alice)
        self.quiet()
        self.assertDrawn(
            """
            alice INVITE server
            server 401 INVITE alice
            alice ACK server
            alice INVITE server
            server 100 INVITE alice
            server INVITE bob
            bob 302 INVITE server
            server ACK bob
            server 302 INVITE alice
            alice ACK server
            alice INVITE server
            server 401 INVITE alice
            alice ACK server
            alice INVITE server
            server 100 INVITE alice
            server INVITE carol
            carol 180 INVITE server
            server 180 INVITE alice
            carol 200 INVITE sdp server
            server 200 INVITE sdp alice
            alice ACK sdp server
            server ACK sdp carol
            """
            + LEFT.replace("bob", "carol")
        )

    def test_3_7(self) -> None:
        """3.7: the callee moves to another address and says so in a re-INVITE; the call follows."""
        alice, bob = self.phones("alice", "bob")
        self.connect(alice, bob)
        bob.move("10.0.7.7")
        bob.sends("INVITE")
        changed = alice.gets("INVITE")
        self.assertIn(b"c=IN IP4 10.0.7.7", changed.body)
        alice.answers(200)
        bob.gets(200)
        bob.sends("ACK")
        alice.gets("ACK")
        self.assertTalking(("alice", "bob"))
        self.disconnect(alice, bob)
        self.quiet()
        self.assertDrawn(
            CALLED
            + RUNG
            + ANSWERED
            + """
            bob INVITE sdp server
            server 401 INVITE bob
            bob ACK server
            bob INVITE sdp server
            server 100 INVITE bob
            server INVITE sdp alice
            alice 200 INVITE sdp server
            server ACK alice
            server 200 INVITE sdp bob
            bob ACK server
            alice BYE server
            server 200 BYE alice
            server BYE bob
            bob 200 BYE server
            """
        )

    def test_3_8(self) -> None:
        """3.8: the caller gives up: CANCEL and 200 hop by hop, then 487 and ACK hop by hop."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180)
        alice.gets(180)
        alice.sends("CANCEL")
        alice.gets(200, method="CANCEL")
        alice.gets(487)
        bob.gets("CANCEL")
        self.quiet()
        self.assertDrawn(
            CALLED
            + RUNG
            + """
            alice CANCEL server
            server 200 CANCEL alice
            server 487 INVITE alice
            server CANCEL bob
            alice ACK server
            bob 200 CANCEL server
            bob 487 INVITE server
            server ACK bob
            """
        )
        (record,) = self.world.served.records
        self.assertEqual(record.status, 487)

    def test_3_9(self) -> None:
        """3.9: busy: the 486 is acknowledged at once, and passed on."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(486)
        alice.gets(486)
        self.quiet()
        self.assertDrawn(CALLED + REFUSED.format(486))

    def test_3_10(self) -> None:
        """3.10: seven INVITEs without an answer, then the caller hears 480 and no 408."""
        alice, bob = self.phones("alice", "bob")
        self.world.network.icmp = False
        bob.vanish()
        started = self.world.clock.seconds()
        alice.sends("INVITE", to="bob")
        alice.gets(480, within=40)
        self.assertLess(abs(self.world.clock.seconds() - started - 32), 0.2)
        invites = [
            packet
            for packet in self.world.network.log
            if packet.destination[0] == bob.host and packet.data.startswith(b"INVITE ")
        ]
        self.assertEqual(len(invites), 7)
        self.quiet()
        self.assertDrawn(CALLED + 6 * "server INVITE sdp bob\n" + "server 480 INVITE alice\nalice ACK server")

    def test_3_11(self) -> None:
        """3.11: 480 after 180 is a refusal like any other."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180)
        alice.gets(180)
        bob.answers(480)
        alice.gets(480)
        self.quiet()
        self.assertDrawn(CALLED + RUNG + REFUSED.format(480))


class CarrierTests(DrawnTestCase):
    """The flows with somebody else's proxy behind us."""

    def make_world(self) -> World:
        """Two carriers, of which the first is asked first."""
        trunks = {
            "one": {
                "uri": "sip:198.51.100.21",
                "username": "pbx",
                "password": "secret",
                "options_seconds": 0,
            },
            "two": {
                "uri": "sip:198.51.100.22",
                "username": "pbx",
                "password": "secret",
                "options_seconds": 0,
            },
        }
        routes = [{"match": r"\d{5,}", "trunks": ["one", "two"]}]
        return World(settings={"trunks": trunks, "routes": routes})

    def test_3_3(self) -> None:
        """3.3: the next proxy challenges us, and we answer with credentials of our own."""
        (alice,) = self.phones("alice")
        carrier = self.world.trunk(
            "one", by_hand(), host="198.51.100.21", asks_password="secret", account="pbx"
        )
        alice.sends("INVITE", to="5551234")
        invite = carrier.gets("INVITE")
        assert isinstance(invite, Request)
        self.assertEqual(invite.request_uri.user, "5551234")
        carrier.answers(180)
        alice.gets(180)
        carrier.answers(200)
        alice.gets(200)
        alice.sends("ACK")
        carrier.gets("ACK")
        self.disconnect(carrier, alice)
        self.quiet()
        self.assertDrawn(
            CALLED.replace("bob", "one")
            + """
            one 407 INVITE server
            server ACK one
            server INVITE sdp one
            """
            + (RUNG + ANSWERED + LEFT).replace("bob", "one")
        )

    def test_3_4(self) -> None:
        """3.4: the first proxy does not answer seven INVITEs; the second one challenges, and connects."""
        (alice,) = self.phones("alice")
        self.world.network.icmp = False
        second = self.world.trunk(
            "two", by_hand(), host="198.51.100.22", asks_password="secret", account="pbx"
        )
        alice.sends("INVITE", to="5551234")
        second.gets("INVITE", within=40)
        second.answers(180)
        alice.gets(180)
        second.answers(200)
        alice.gets(200)
        alice.sends("ACK")
        second.gets("ACK")
        self.disconnect(second, alice)
        self.quiet()
        self.assertDrawn(
            CALLED.replace("bob", "198.51.100.21")
            + 6 * "server INVITE sdp 198.51.100.21\n"
            + """
            server INVITE sdp two
            two 407 INVITE server
            server ACK two
            server INVITE sdp two
            """
            + (RUNG + ANSWERED + LEFT).replace("bob", "two")
        )
