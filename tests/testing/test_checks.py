"""The witness has eyes: each rule is broken once on purpose."""

from __future__ import annotations

from collections.abc import Callable

from b2bua.testing.agent import Message, Path
from b2bua.testing.case import LadderTestCase
from b2bua.testing.checks import Witness
from b2bua.testing.manners import Manners, by_hand
from b2bua.testing.phone import Phone
from b2bua.testing.world import World
from b2bua.wire.message import Request, Response


class Honest(LadderTestCase):
    """Phones that stand where the server would stand, and do nothing wrong."""

    def make_world(self) -> World:
        """Let every phone be taken for the server once."""
        return World(server=False)

    def watched(self, **manners: object) -> tuple[Phone, Phone]:
        """Set up two phones of which one is watched."""
        alice, bob = self.world.phones("alice", "bob", manners=Manners(answers_after=0.3).but(**manners))
        Witness(self.world, {self.world.agents[self.world.seed].host})
        return alice, bob

    def test_nothing_to_complain(self) -> None:
        """Calls with hold, transfer, timers, PRACK and glare break no rule."""
        for watched in (0, 1):
            for manners in (
                {},
                {"hundred_rel": "required", "early_media": True},
                {"session_expires": 90},
                {"refuses": 486},
                {"redirects": "alice"},
            ):
                with self.subTest(watched=watched, **manners):
                    self.world = World(watched, server=False)
                    alice, bob = self.watched(**manners)
                    alice.manners.follows = False
                    call = alice.dial("bob", offer="session_expires" not in manners)
                    self.world.run(1)
                    if call.state == "up":
                        alice.hold()
                        bob.hold()
                        self.world.run(100)
                        alice.hang_up()
                    self.world.run(50)
                    self.assertEqual(self.world.violations, [])
                    self.quiet()


class Lying(LadderTestCase):
    """A phone that is taken for the server, and whose messages are spoilt as they leave."""

    def make_world(self) -> World:
        """No server but the liar."""
        return World(server=False)

    def setUp(self) -> None:
        """Watch the liar."""
        super().setUp()
        self.liar, self.other = self.phones("liar", "other", manners=by_hand(acknowledges=True))
        self.third = self.world.phone("third", Manners())
        self.witness = Witness(self.world, {self.liar.host})
        self.spoil: Callable[[Message], Message] = lambda message: message
        transmit = self.liar.transmit

        def spoilt(message: Message, path: Path) -> None:
            transmit(self.spoil(message), path)

        self.liar.transmit = spoilt  # type: ignore[method-assign]  # only here, to lie

    def complaints(self) -> str:
        """Join what the witness said."""
        return "\n".join(map(str, self.world.violations))

    def replaced(self, title: str | int, name: str, value: str) -> Callable[[Message], Message]:
        """Make a change to one kind of message; an empty value takes the field away."""

        def change(message: Message) -> Message:
            kind = message.method if isinstance(message, Request) else message.code
            if kind != title:
                return message
            return message.with_fields(remove=(name,), add=[(name, value)] if value else [])

        return change

    def call_out(self) -> None:
        """Let the liar call, and the call be answered."""
        self.liar.sends("INVITE", to="other")
        self.world.run(0.1)
        self.other.gets("INVITE")
        self.other.answers(180)
        self.other.answers(200)
        self.world.run(0.1)

    def call_in(self) -> None:
        """Let the liar be called, and answer."""
        self.other.sends("INVITE", to="liar")
        self.liar.gets("INVITE")
        self.liar.answers(180)
        self.liar.answers(200)
        self.world.run(0.1)

    def test_requests(self) -> None:
        """What is wrong with a request by itself is found."""
        leaked = f"<sip:x@{self.third.host}>"
        for name, value, text in (
            ("Max-Forwards", "", "without Max-Forwards"),
            ("Contact", "", "with 0 Contact"),
            ("Contact", "<sip:liar@198.51.100.9>", "a Contact that is not the server's"),
            ("From", "<sip:liar@pbx.example.com>", "without a tag in From"),
            ("CSeq", "7 OPTIONS", "CSeq names another method"),
            ("Via", "SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKa, SIP/2.0/UDP 10.0.0.3", "with 2 Via"),
            ("Via", "SIP/2.0/UDP 10.0.0.2:5060;branch=1", "without the magic cookie"),
            ("Subject", self.third.token(), "leaks another party's identifier"),
            ("Diversion", leaked, "leaks another party's identifier"),
        ):
            with self.anew(name=name, value=value):
                self.spoil = self.replaced("INVITE", name, value)
                self.liar.sends("INVITE", to="other")
                self.world.run(0.05)
                self.assertIn(text, self.complaints())

    def test_grammar(self) -> None:
        """What is not by the grammar of its field is found, wherever it stands (section 25.1)."""
        for name, value in (
            ("Route", "sip:edge.example.com;lr"),
            ("Contact", "<sip:#79#@10.0.0.2>"),
            ("Supported", "timer replaces"),
            ("P-Asserted-Identity", "Liar <sip:a b@pbx.example.com>"),
            ("Session-Expires", "soon"),
            ("Date", "today"),
        ):
            with self.anew(name=name):
                self.spoil = self.replaced("INVITE", name, value)
                self.liar.sends("INVITE", to="other")
                self.world.run(0.05)
                self.assertIn(f"malformed: {name}", self.complaints())

    def test_request_uri(self) -> None:
        """So is a Request-URI."""
        self.spoil = lambda message: (
            Request(message.method, "sip:a#b@pbx.example.com", message.fields, message.body)
            if isinstance(message, Request)
            else message
        )
        self.liar.sends("INVITE", to="other")
        self.world.run(0.05)
        self.assertIn("malformed Request-URI", self.complaints())

    def test_what_a_peer_has_written(self) -> None:
        """A value that a peer has written so is the peer's, even with the tag that is added to it."""
        self.other.sends("INVITE", to="liar", fields=[("Subject", "x"), ("Timestamp", "now")])
        self.liar.gets("INVITE")
        self.spoil = lambda message: message.with_fields(add=[("Timestamp", "now")])
        self.liar.answers(486)
        self.world.run(0.05)
        self.assertNotIn("malformed", self.complaints())

    def test_privacy(self) -> None:
        """A header field that there can be once only, and is there twice, is found (RFC 3323 section 4.2)."""
        self.liar.sends("INVITE", to="other", fields=[("Privacy", "id"), ("Privacy", "user")])
        self.world.run(0.05)
        self.assertIn("more than one Privacy", self.complaints())

    def test_responses(self) -> None:
        """What is wrong with a response by itself is found."""
        for name, value, text in (
            ("Contact", "", "with 0 Contact"),
            ("To", "<sip:liar@pbx.example.com>", "without a tag in To"),
            ("From", "<sip:somebody@else.example>;tag=1", "changes From"),
            ("CSeq", "99 INVITE", "changes From or CSeq"),
        ):
            with self.anew(name=name, value=value):
                self.spoil = self.replaced(200, name, value)
                self.call_in()
                self.assertIn(text, self.complaints())

    def test_sequence(self) -> None:
        """A CSeq that does not grow is found (section 12.2.1.1)."""
        self.call_out()
        self.liar.session.local_cseq -= 1
        self.liar.sends("INFO")
        self.world.run(0.1)
        self.assertIn("INFO with CSeq", self.complaints())

    def test_sequence_of_a_fork(self) -> None:
        """Each dialog counts for itself, that of another To tag as well (section 12.1.1)."""
        self.call_in()
        self.liar.session.local_cseq = 7
        self.liar.sends("INFO")
        self.world.run(0.1)
        self.liar.session.local_tag += "x"
        self.liar.session.local_cseq = 0
        self.liar.sends("INFO")
        self.world.run(0.1)
        self.assertNotIn("INFO with CSeq", self.complaints())

    def test_early_cancel(self) -> None:
        """A CANCEL before a provisional response is found (section 9.1)."""
        self.liar.sends("INVITE", to="other")
        self.liar.session.asking.cancel()  # type: ignore[union-attr]  # it waits for an answer
        self.world.run(0.1)
        self.assertIn("CANCEL before a provisional response", self.complaints())

    def test_bye_before_ack(self) -> None:
        """A BYE of the callee before the ACK is found (section 15)."""
        self.other.manners.acknowledges = False
        self.call_in()
        self.liar.sends("BYE")
        self.world.run(0.1)
        self.assertIn("BYE before the ACK", self.complaints())

    def test_after_the_end(self) -> None:
        """A request in a dialog that is over is found."""
        self.call_out()
        self.liar.sends("BYE")
        self.liar.sends("INFO", session=self.liar.sessions[0])
        self.world.run(0.1)
        self.assertIn("INFO in a dialog that is over", self.complaints())

    def test_after_the_end_elsewhere(self) -> None:
        """What was on its way from another server when the BYE came is none, a word later it is."""
        self.witness.inside = 0.003
        self.call_out()
        self.other.sends("BYE")
        self.world.run(0.012)
        self.liar.sends("INFO", session=self.liar.sessions[0])
        self.assertEqual(self.complaints(), "")
        self.world.run(0.005)
        self.liar.sends("INFO", session=self.liar.sessions[0])
        self.world.run(0.1)
        self.assertIn("INFO in a dialog that is over", self.complaints())

    def test_two_reinvites(self) -> None:
        """A re-INVITE while another one is open is found (section 14.1)."""
        self.call_out()
        self.liar.sends("INVITE")
        self.liar.sends("INVITE")
        self.world.run(0.1)
        self.assertIn("re-INVITE while its own is open", self.complaints())

    def test_crossing_reinvites(self) -> None:
        """So is one while that of the peer is open, unless the process that knew of it has died."""
        for crashed in (False, True):
            with self.anew(crashed=crashed):
                self.call_out()
                self.other.sends("INVITE")
                self.world.run(0.1)
                if crashed:
                    self.witness.crashed()
                self.liar.session.asked = None
                self.liar.sends("INVITE")
                self.world.run(0.1)
                found = "re-INVITE while the peer's is open" in self.complaints()
                self.assertEqual(found, not crashed, self.complaints())

    def test_never_acknowledged(self) -> None:
        """A 2xx that the server does not acknowledge is found."""
        self.liar.manners.acknowledges = False
        self.call_out()
        self.witness.conclude()
        self.assertIn("was never acknowledged", self.complaints())
        self.assertIn("has no end", self.complaints())

    def test_acknowledged_after_crash(self) -> None:
        """A 2xx that came by a server which has died since may be known to another one: it has the call."""
        self.liar.manners.acknowledges = False
        self.liar.sends("INVITE", to="other")
        self.other.gets("INVITE")
        self.other.answers(200)
        self.world.run(0.1)
        self.witness.crashed()
        self.liar.sends("ACK")
        self.world.run(0.1)
        self.assertEqual(self.complaints(), "")

    def test_offer_after_crash(self) -> None:
        """The ACK owes the answer to an offer in a 2xx that comes again after a crash (section 13.2.2.4)."""
        for body, complaint in (("", "ACK without the answer to the offer of the 2xx"), ("sdp", "")):
            with self.anew(body=body):
                self.liar.manners.acknowledges = False
                self.liar.sends("INVITE", to="other", offer=False)
                self.other.gets("INVITE")
                self.other.answers(200)
                self.world.run(0.1)
                self.witness.crashed()
                self.world.run(1)
                if not body:
                    self.liar.session.owed_answer = None
                self.liar.sends("ACK")
                self.world.run(0.1)
                self.assertIn(complaint, self.complaints())
                self.assertEqual(bool(self.complaints()), bool(complaint))

    def test_answer_after_crashes(self) -> None:
        """Of two servers both may die while an offer waits; who has its call answers it all the same."""
        self.liar.manners.acknowledges = False
        self.liar.sends("INVITE", to="other", offer=False)
        self.other.gets("INVITE")
        self.other.answers(200)
        self.world.run(0.1)  # before it comes again
        self.witness.crashed()
        self.witness.crashed()
        self.liar.sends("ACK")
        self.world.run(0.1)
        self.assertEqual(self.complaints(), "")

    def test_never_answered(self) -> None:
        """A request that the server does not answer is found."""
        self.call_in()
        self.other.sends("INFO")
        self.world.run(0.1)
        self.witness.conclude()
        self.assertIn("INFO was never answered", self.complaints())

    def test_descriptions(self) -> None:
        """What is wrong with an answer is found (RFC 3264 sections 6 and 8)."""
        for old, new, text in (
            (b"m=audio", b"m=video", "answers audio with video"),
            (b"a=sendrecv", b"a=sendrecv\r\nm=audio 9 RTP/AVP 0", "answers 1 m-lines with 2"),
            (b"RTP/AVP 9 0 8 101", b"RTP/AVP 77", "has no format of the offer"),
            (b"v=0", b"v=1", "SDP that is malformed"),
        ):
            with self.anew(text=text):

                def spoil(message: Message, old: bytes = old, new: bytes = new) -> Message:
                    if isinstance(message, Response) and message.body:
                        return message.with_body(message.body.replace(old, new), "application/sdp")
                    return message

                self.spoil = spoil
                self.call_in()
                self.assertIn(text, self.complaints())

    def test_versions(self) -> None:
        """A version that grows without a change, or stays with one, is found (RFC 3264 section 8)."""
        for by, text in ((2, "has version 2 after 0"), (0, "has version 0 of another body")):
            with self.anew(by=by):
                self.call_out()
                self.liar.session.media._version += by - 1
                self.liar.sends("INVITE", wish="sendonly")
                self.world.run(0.1)
                self.assertIn(text, self.complaints())

    def test_lines(self) -> None:
        """An offer has no fewer m-lines than the one before, unless that was refused (section 8; 14.1)."""
        for code, complaint in ((200, "has fewer m-lines than before"), (488, "")):
            with self.anew(code=code):
                self.call_out()
                for kinds in (("audio", "video"), ("audio",)):
                    self.liar.session.media.kinds = list(kinds)
                    self.liar.sends("INVITE")
                    self.world.run(0.1)
                    self.other.session.answer_change(self.other.session.asked, code)
                    self.world.run(0.1)
                self.assertIn(complaint, self.complaints())
                self.assertEqual(bool(self.complaints()), bool(complaint))

    def test_direction(self) -> None:
        """An answer that sends to who only sends is found (RFC 3264 section 6.1)."""

        def spoil(message: Message) -> Message:
            if isinstance(message, Response) and message.body:
                return message.with_body(
                    message.body.replace(b"a=recvonly", b"a=sendrecv"), "application/sdp"
                )
            return message

        self.call_in()
        self.liar.gets("ACK")
        self.spoil = spoil
        self.other.sends("INVITE", wish="sendonly")
        self.liar.gets("INVITE")
        self.liar.answers(200)
        self.world.run(0.1)
        self.assertIn("answers sendonly with sendrecv", self.complaints())

    def test_early_answer_repeated(self) -> None:
        """A 200 that differs from the SDP of the 183 is found (RFC 6337 section 2.4)."""

        def spoil(message: Message) -> Message:
            if isinstance(message, Response) and message.success and message.body:
                return message.with_body(
                    message.body.replace(b"a=sendrecv", b"a=sendonly"), "application/sdp"
                )
            return message

        self.spoil = spoil
        self.other.sends("INVITE", to="liar")
        self.liar.gets("INVITE")
        self.liar.answers(183, session=True)
        self.liar.answers(200)
        self.world.run(0.1)
        self.assertIn("differs from the answer of the 18x", self.complaints())
