"""A call goes where its phone goes: another connection, another port, another Contact."""

from __future__ import annotations

from b2bua.testing import LadderTestCase, Manners, Phone
from b2bua.wire.message import Request

QUICK = Manners(answers_after=0.3)
UUID = "urn:uuid:9b1d3c64-5a0e-4c13-9f6e-0a1b2c3d4e5f"


class FollowingTests(LadderTestCase):
    """Alice talks to Bob, and Bob's phone gets another place in the network."""

    def talking(self, transport: str = "UDP", instance: str = "", *, calls: bool = False) -> None:
        """Have them talk; who has called makes no difference."""
        self.world = self.make_world()
        self.world.network.icmp = False
        (self.alice,) = self.phones("alice", manners=QUICK)
        (self.bob,) = self.phones("bob", manners=QUICK, transport=transport)
        if instance:
            self.bob.instance = instance
            self.bob.register()
            self.world.run(0.5)
        caller, callee = (self.bob, "alice") if calls else (self.alice, "bob")
        caller.dial(callee)
        self.world.run(1)
        self.assertTalking(("alice", "bob"))

    def goes_on(self) -> None:
        """Alice can hold and resume, and she can hang up; Bob hears all of it."""
        self.alice.hold()
        self.world.run(1)
        self.assertEqual(self.world.talking(), {("alice", "bob")})
        self.alice.resume()
        self.world.run(1)
        self.assertTalking(("alice", "bob"))
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual((self.alice.live, self.bob.live), ([], []))
        self.quiet()

    def test_other_udp_port(self) -> None:
        """A router gives the phone another UDP port: the REGISTER that comes from there shows the way."""
        for calls in (False, True):
            with self.subTest(calls=calls):
                self.talking(calls=calls)
                self.bob.rebind(41234)
                self.bob.register()
                self.world.run(1)
                self.goes_on()

    def test_linphone(self) -> None:
        """Linphone changes its port and says so in its Contact; its instance is the same."""
        for calls in (False, True):
            with self.subTest(calls=calls):
                self.talking(instance=UUID, calls=calls)
                self.bob.move(port=41234)
                self.bob.register()
                self.world.run(1)
                self.goes_on()

    def test_other_network(self) -> None:
        """A phone that goes from one network to another is the same by its instance."""
        self.talking(instance=UUID)
        self.bob.move("10.9.9.9", 41234)
        self.bob.register()
        self.world.run(1)
        self.goes_on()

    def test_connection_closed(self) -> None:
        """A phone on TCP loses its connection and registers by another."""
        for instance in ("", UUID):
            for calls in (False, True):
                with self.subTest(instance=instance, calls=calls):
                    self.talking("TCP", instance, calls=calls)
                    self.bob.close_connections()
                    self.bob.register()
                    self.world.run(1)
                    self.goes_on()

    def test_connection_forgotten(self) -> None:
        """Nobody has told us that the connection is gone: the REGISTER by another one does."""
        for instance in ("", UUID):
            with self.subTest(instance=instance):
                self.talking("TCP", instance)
                self.bob.lose_connections()
                self.bob.register()
                self.world.run(1)
                self.goes_on()

    def test_baresip(self) -> None:
        """Baresip registers another Contact than it names in dialogs, and a new one by each connection."""
        self.world.network.icmp = False
        (self.alice,) = self.phones("alice", manners=QUICK)
        (self.bob,) = self.phones("bob", manners=QUICK, transport="TCP")
        for contact in (f"<sip:bob-0x55d0c@{self.bob.host}:40001;transport=tcp>", None):
            self.bob.register(contact=contact, expires=3600 if contact else 0)
            self.world.run(0.5)
        self.bob.refreshes_registration = False
        self.alice.dial("bob")
        self.world.run(1)
        self.assertTalking(("alice", "bob"))
        self.bob.close_connections()
        self.world.run(0.1)
        self.bob.register(contact=f"<sip:bob-0x66e1d@{self.bob.host}:40002;transport=tcp>")
        self.world.run(1)
        self.goes_on()

    def test_bye_waits(self) -> None:
        """Alice hangs up while Bob is away: he hears it as soon as he is back, within 64*T1."""
        for transport, instance in (("TCP", ""), ("TCP", UUID), ("UDP", UUID), ("UDP", "")):
            with self.subTest(transport=transport, instance=instance):
                self.talking(transport, instance)
                self.away(self.bob)
                self.alice.hang_up()
                self.world.run(20)
                self.assertEqual((self.alice.live, len(self.bob.live)), ([], 1))
                self.back(self.bob)
                self.world.run(0.5)
                self.assertEqual(self.bob.live, [])
                self.quiet()

    def test_hold_waits(self) -> None:
        """So does a re-INVITE."""
        for transport in ("TCP", "UDP"):
            with self.subTest(transport=transport):
                self.talking(transport, UUID)
                self.away(self.bob)
                self.alice.hold()
                self.world.run(20)
                self.back(self.bob)
                self.world.run(0.5)
                self.assertEqual(self.world.talking(), {("alice", "bob")})
                self.alice.hang_up()
                self.quiet()

    def test_comes_back_with_a_change(self) -> None:
        """
        A change that the phone comes back with is answered before ours goes on.

        No re-INVITE leaves while one of the peer is open (RFC 3261 section 14.1).
        """
        self.talking("TCP", UUID)
        self.bob.close_connections()
        self.world.run(0.012)
        self.bob.session.move_media()
        self.world.run(0.005)
        self.alice.hold()  # it is to open a connection, when Bob's arrives
        self.world.run(10)
        self.assertEqual(self.bob.session.changes[0], 491)
        self.assertEqual(self.world.talking(), {("alice", "bob")})
        self.alice.hang_up()
        self.quiet()

    def test_info_waits(self) -> None:
        """And whatever else is sent within the dialog."""
        self.talking("TCP", UUID)
        self.away(self.bob)
        self.alice.session.ask("INFO")
        self.world.run(5)
        self.back(self.bob)
        self.world.run(0.5)
        self.assertIn(
            "INFO", [got.message.method for got in self.bob.inbox if hasattr(got.message, "method")]
        )
        self.bob.hang_up()
        self.quiet()

    def test_over_meanwhile(self) -> None:
        """What has waited for a phone is not sent any more once there was a BYE (RFC 3261 section 15)."""
        self.talking("TCP", UUID)
        self.away(self.bob)
        self.alice.session.ask("INFO")
        self.world.run(2)
        self.alice.hang_up()
        self.world.run(2)
        self.back(self.bob)
        self.world.run(1)
        asked = [got.message.method for got in self.bob.inbox if isinstance(got.message, Request)]
        self.assertNotIn("INFO", asked)
        self.assertIn("BYE", asked)
        self.quiet()

    def test_answers_elsewhere(self) -> None:
        """Who answers a call that was given up, and has another port, gets ACK and BYE where it registers."""
        self.world.network.icmp = False
        (self.alice,) = self.phones("alice", manners=QUICK)
        (self.bob,) = self.phones("bob", manners=QUICK.but(trying=False, rings_after=None))
        self.bob.refreshes_registration = False
        self.alice.dial("bob")
        self.world.run(0.1)
        self.alice.hang_up()
        self.bob.move(port=41234)
        self.world.run(0.4)
        self.assertEqual(len(self.bob.live), 1)
        self.bob.register()
        self.world.run(2)
        self.assertEqual(self.bob.live, [])
        self.quiet()

    def test_never_back(self) -> None:
        """Who does not come back is waited for no longer than that, and nothing is left."""
        for transport in ("TCP", "UDP"):
            with self.subTest(transport=transport):
                self.talking(transport, UUID)
                self.away(self.bob)
                self.bob.vanish()
                self.alice.hang_up()
                self.quiet(70)

    def test_caller_moves(self) -> None:
        """Who calls and gets another UDP port hears the answer there; so does who has asked for a change."""
        self.world.network.icmp = False
        self.alice, self.bob = self.phones("alice", "bob", manners=Manners(answers_after=2.0))
        self.alice.dial("bob")
        self.world.run(1)
        self.alice.rebind(41234)
        self.alice.register()
        self.world.run(2)
        self.assertTalking(("alice", "bob"))
        self.bob.manners.change_after = 2.0
        self.alice.session.move_media()
        self.world.run(1)
        self.alice.rebind(41235)
        self.alice.register()
        self.world.run(2)
        self.assertEqual(self.alice.session.changes, [200])
        self.bob.manners.change_after = 0.0
        self.goes_on()

    def test_rings_by_another(self) -> None:
        """An INVITE that was lost with the connection takes the next one, and the phone rings."""
        self.world.network.icmp = False
        (self.alice,) = self.phones("alice", manners=QUICK)
        (self.bob,) = self.phones("bob", transport="TCP", manners=Manners(answers_after=2.0))
        self.bob.instance = UUID
        self.bob.register()
        self.world.run(1)
        self.bob.lose_connections()
        self.alice.dial("bob")
        self.world.run(1)
        self.bob.register()
        self.world.run(1)
        self.assertEqual(self.alice.session.code, 180)
        self.world.run(2)
        self.assertTalking(("alice", "bob"))
        self.alice.hang_up()
        self.quiet()

    def away(self, phone: Phone) -> None:
        """The phone has no way to us, nor we to it, and is to register once it has one."""
        phone.refreshes_registration = False
        if phone.transport == "UDP":
            phone.rebind(41000)
        else:
            phone.move(port=7060)
            self.world.network.close_server((phone.host, 7060))

    def back(self, phone: Phone) -> None:
        """It has one again."""
        if phone.transport == "UDP":
            phone.rebind(41234)
        phone.register()

    def quiet(self, patience: float = 400.0) -> None:
        """Nothing is left."""
        self.world.quiet(patience)
