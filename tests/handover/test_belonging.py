"""Two processes at one address: what comes goes to the one that it belongs to."""

from __future__ import annotations

from b2bua.calls.records.record import CallRecord
from b2bua.calls.restoring.recovery import Unreadable
from b2bua.handover.belonging import Relay, Word
from b2bua.handover.new import NewProcess
from b2bua.handover.old import OldProcess
from b2bua.store.memory import MemoryStore
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.transactions.flow import Flow
from b2bua.wire.message import Request, write
from b2bua_plugins.blind_transfer import BlindTransfer


class HandOverTests(LadderTestCase):
    """The server is replaced by another process while it serves."""

    def make_world(self) -> World:
        """A server with a store."""
        self.store = MemoryStore()
        return World(store=self.store, features=[BlindTransfer])

    def setUp(self) -> None:
        """Nothing was said."""
        super().setUp()
        self.said: list[Word] = []

    def hand_over(self) -> int:
        """Replace it; how many calls the new process has at once."""
        served = self.world.served
        assert served is not None
        return served.hand_over().restored

    def going(self) -> int:
        """How many calls the new process has."""
        served = self.world.served
        assert served is not None
        return len(served.server.core.calls.going)

    def test_established(self) -> None:
        """A call that is established is the new process's: BYE, re-INVITE and INFO go on in it."""
        alice, bob = self.world.phones("alice", "bob", manners=Manners(answers_after=0.2))
        alice.dial("bob")
        self.world.run(1)
        self.assertEqual(self.hand_over(), 1)
        alice.hold()
        self.world.run(1)
        self.assertFalse(bob.hears(alice) and alice.hears(bob))
        alice.resume()
        self.world.run(1)
        self.assertTrue(alice.talks_to(bob))
        bob.hang_up()
        self.world.run(1)
        self.assertEqual((alice.live, bob.live), ([], []))
        self.quiet()

    def test_ringing(self) -> None:
        """What rings is finished by the old process, and handed over when it is answered and settled."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180)
        alice.gets(180)
        self.assertEqual(self.hand_over(), 0)
        self.assertEqual(self.going(), 0)
        bob.answers(200)
        alice.gets(200)
        alice.sends("ACK")
        bob.gets("ACK")
        self.world.run(0.5)
        self.assertEqual(self.going(), 1)
        self.disconnect(alice, bob)
        self.quiet()

    def test_refused(self) -> None:
        """The final response goes to the old process, and so does the ACK for it."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180)
        alice.gets(180)
        self.hand_over()
        bob.answers(486)
        alice.gets(486)
        alice.sends("ACK")
        self.quiet()

    def test_cancelled(self) -> None:
        """A CANCEL finds its INVITE, whose branch it has (RFC 3261 section 9.1)."""
        alice, bob = self.world.phones("alice", "bob", manners=Manners(answers_after=None))
        alice.dial("bob")
        self.world.run(1)
        self.hand_over()
        alice.hang_up()
        self.world.run(1)
        self.assertEqual((alice.live, bob.live), ([], []))
        self.quiet()

    def test_new_calls(self) -> None:
        """A call that begins afterwards is the new process's, while the old one still rings somebody."""
        alice, bob, carol, dave = self.world.phones(
            "alice", "bob", "carol", "dave", manners=Manners(answers_after=5.0)
        )
        alice.dial("bob")
        self.world.run(1)
        self.hand_over()
        carol.dial("dave")
        self.world.run(10)
        self.assertTrue(alice.talks_to(bob) and carol.talks_to(dave))
        self.assertEqual(self.going(), 2)
        for phone in (alice, dave):
            phone.hang_up()
        self.quiet()

    def test_twenty(self) -> None:
        """Twenty times in one call; its numbers go on by one, as if nothing had been."""
        alice, bob = self.world.phones("alice", "bob", manners=Manners(answers_after=0.2))
        alice.dial("bob")
        self.world.run(1)
        for _ in range(20):
            self.assertEqual(self.hand_over(), 1)
            alice.hold()
            self.world.run(1)
            alice.resume()
            self.world.run(1)
        self.assertTrue(alice.talks_to(bob))
        alice.hang_up()
        self.quiet()

    def test_tcp(self) -> None:
        """A connection without a call that rings is closed; the phone comes back by a new one."""
        alice, bob = self.world.phones("alice", "bob", transport="TCP", manners=Manners(answers_after=0.2))
        alice.dial("bob")
        self.world.run(1)
        self.assertEqual(self.hand_over(), 1)
        self.world.run(1)
        for phone in (alice, bob):
            phone.register()
        self.world.run(1)
        bob.hang_up()
        self.world.run(2)
        self.assertEqual((alice.live, bob.live), ([], []))
        self.quiet()

    def test_nobody_knows(self) -> None:
        """What is about a dialog that neither of them knows comes back, and is answered as ever."""
        _, bob, carol = self.world.phones("alice", "bob", "carol", manners=Manners(answers_after=None))
        carol.dial("alice")  # the old process has to stay for a while
        self.world.run(1)
        self.hand_over()
        about = [("Refer-To", "<sip:carol@pbx.example.com>"), ("Target-Dialog", "x;local-tag=a;remote-tag=b")]
        sent = bob.outside("REFER", "alice", fields=about)
        self.world.run(1)
        self.assertEqual(sent.code, 481)
        carol.hang_up()
        self.quiet()

    def test_comes_again(self) -> None:
        """
        A request that the old process has answered gets that answer once more, and no other.

        Its call is the new one's by then; it came again since the answer was late (RFC 3261 section 17.2.2).
        """
        alice, bob = self.world.phones("alice", "bob", manners=Manners(answers_after=0.2))
        alice.dial("bob")
        self.world.run(1)
        served = self.world.served
        assert served is not None
        seen: list[tuple[bool, bytes, Flow]] = []
        traffic = served.server.runner.transport.traffic
        traffic.tap = lambda now, flow, out, data: seen.append((out, data, flow))
        alice.session.ask("INFO")
        self.world.run(1)
        asked = next((data, flow) for out, data, flow in seen if not out and data.startswith(b"INFO "))
        answered = next(data for out, data, _ in seen if out and data.startswith(b"SIP/2.0 200"))
        self.assertEqual(self.hand_over(), 1)
        seen.clear()
        served.server.runner.received(*asked)
        self.world.run(0.5)
        self.assertEqual([data for out, data, _ in seen if out], [answered])
        told = [got.message.method for got in bob.inbox if isinstance(got.message, Request)]
        self.assertEqual(told.count("INFO"), 1)
        alice.hang_up()
        self.quiet()

    def test_gone(self) -> None:
        """What comes when the old process has said that it has nothing any more is the new one's."""
        served = self.world.served
        assert served is not None
        nonces = served.server.authenticator.nonces.written()
        will: Word = {"keeps": ["one"], "numbers": {}, "branches": [], "nonces": nonces}
        new = NewProcess(served.server, self.said.append, will)
        new.begin()
        self.assertIsNotNone(served.server.runner.elsewhere)
        new.hear({"say": "gone"})
        self.assertIsNone(served.server.runner.elsewhere)
        self.assertEqual((new.others, new.keeps), (0, set()))
        self.quiet()

    def test_unreadable(self) -> None:
        """What the old process gives and the new one cannot read is set aside, and its record closed."""
        served = self.world.served
        assert served is not None and served.server.persistence is not None
        aside: list[Unreadable] = []
        served.server.persistence.set_aside = aside.extend
        nonces = served.server.authenticator.nonces.written()
        will: Word = {"keeps": ["one"], "numbers": {}, "branches": [], "nonces": nonces}
        new = NewProcess(served.server, self.said.append, will)
        record = CallRecord("one", "alice", "bob", started=self.world.wall())
        new.hear({"say": "call", "id": "one", "text": '{"version":7}', "record": record.to_plain()})
        self.assertEqual([(one.call, one.text) for one in aside], [("one", '{"version":7}')])
        self.world.run(1)
        self.assertEqual([r.why for r in self.successResultOf(self.store.find_records())], ["crash"])
        self.quiet()

    def test_new_one_dies(self) -> None:
        """When the new process dies the old one says nothing more: the next one goes on with all calls."""
        alice, _ = self.world.phones("alice", "bob", manners=Manners(answers_after=0.2))
        carol, dave = self.world.phones("carol", "dave", manners=Manners(answers_after=None))
        alice.dial("bob")
        carol.dial("dave")
        self.world.run(5)
        served = self.world.served
        assert served is not None
        OldProcess(served.server, self.said.append).let_go()
        said = len(self.world.network.log)
        self.world.run(10)
        self.assertEqual(len(self.world.network.log), said)
        served.crash()
        self.assertEqual(served.restart().restored, 1)
        self.world.run(3)
        self.assertEqual((carol.live, dave.live), ([], []))
        alice.hang_up()
        self.quiet()

    def test_gone_late(self) -> None:
        """An old process that ends when its successor is about to leave itself takes nothing from that."""
        served = self.world.served
        assert served is not None
        nonces = served.server.authenticator.nonces.written()
        new = NewProcess(
            served.server, self.said.append, {"keeps": [], "numbers": {}, "branches": [], "nonces": nonces}
        )
        new.begin()
        next_one = Relay(served.server, self.said.append)
        next_one.stay()
        leaves = served.server.runner.elsewhere
        new.hear({"say": "gone"})
        new.alone()
        self.assertEqual(served.server.runner.elsewhere, leaves)
        next_one.end()
        self.quiet()

    def test_left(self) -> None:
        """What comes in a call that was handed over, by a connection that stays, goes to the new process."""
        alice, _ = self.world.phones("alice", "bob", manners=Manners(answers_after=0.2))
        carol, _ = self.world.phones("carol", "dave", manners=Manners(answers_after=5.0))
        alice.dial("bob")
        carol.dial("dave")
        self.world.run(1)
        served = self.world.served
        assert served is not None
        relay = Relay(served.server, self.said.append)
        relay.stay()
        [call] = [c for c in served.server.core.calls.going.values() if c.talked]
        told = Request(
            "BYE",
            "sip:bob@192.0.2.1",
            [
                ("Via", "SIP/2.0/TCP 10.0.0.9;branch=z9hG4bKleft"),
                ("Max-Forwards", "70"),
                ("From", "<sip:alice@pbx.example.com>;tag=nobody"),
                ("To", "<sip:bob@pbx.example.com>;tag=either"),
                ("Call-ID", "unknown"),
                ("CSeq", "1 BYE"),
            ],
        )
        served.server.runner.received(write(told), Flow("TCP", ("192.0.2.1", 5060), ("10.0.0.9", 5060), 3))
        [word] = self.said
        self.assertEqual((word["say"], word["flow"][3]), ("left", 3))
        self.assertFalse(call.over)
        relay.end()
        for phone in (alice, carol):
            phone.hang_up()
        self.quiet()


class LimitsTests(LadderTestCase):
    """Messages may be longer than by default."""

    def make_world(self) -> World:
        """A server that takes more header fields than others do."""
        return World(store=MemoryStore(), settings={"limits": {"fields": 600}})

    def test_many_fields(self) -> None:
        """What the new process may read the old one may, too, when it gets it."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180)
        alice.gets(180)
        served = self.world.served
        assert served is not None
        served.hand_over()
        bob.answers(180, fields=[("X-Number", str(number)) for number in range(400)])
        alice.gets(180)
        bob.answers(486)
        alice.gets(486)
        alice.sends("ACK")
        self.quiet()
