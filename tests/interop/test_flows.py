"""
The call flows of the Yealink administrator's guide, sections 1 to 11, played by SIPp.

The service is started by C{twistd}; three phones that nobody of us has written
play A, B and C.  Each scenario insists on the order of messages; what they
hold is checked afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import gatherResults, inlineCallbacks
from twisted.trial.unittest import TestCase

from b2bua.wire.sdp import Sdp
from b2bua.wire.uri import escape_header
from tests.interop.content import Server, faults
from tests.interop.processes import TIMEOUT
from tests.interop.programs import need
from tests.interop.service import PASSWORDS, Service
from tests.interop.yealink import HOST, Phone, Script, brief

A, B, C = "101", "102", "103"
MEDIA = {A: 11780, B: 11790, C: 11800}
LEAVES = 1500
"""Milliseconds within which B has left, and been told, on a busy machine too."""


class FlowCase(TestCase):
    """A service, and the phones A, B and C."""

    timeout = TIMEOUT
    transport = "UDP"
    more = ""
    """More of the configuration."""

    @inlineCallbacks
    def setUp(self) -> Any:  # type: ignore[override]  # trial waits for it
        """Start the service."""
        need("sipp")
        self.directory = Path(self.mktemp())
        passwords = {user: PASSWORDS[user] for user in (A, C, B)}
        self.service = Service(str(self.directory), self.more, extensions=passwords)
        self.addCleanup(self.service.kill)
        self.phones: list[Phone] = []
        yield self.service.start()

    def phone(self, user: str) -> Phone:
        """Make one of the phones, or one more line of it."""
        phone = Phone(self.directory, self.service.port, user, PASSWORDS[user], self.transport)
        self.phones.append(phone)
        self.addCleanup(phone.end)
        return phone

    def registered(self, *phones: Phone) -> Any:
        """Wait until phones have registered."""
        return gatherResults([phone.reaches("registered") for phone in phones], consumeErrors=True)

    def through(self, *phones: Phone, called: tuple[Phone, ...] = ()) -> Any:
        """Wait until all have come to the end of their scenarios, then look for what may never be."""
        waiting = [phone.reaches("done") for phone in phones] + [phone.reaches("called") for phone in called]
        return gatherResults(waiting, consumeErrors=True).addCallback(self._looked_at)

    def _looked_at(self, _: object) -> None:
        """Look at every message that came to a phone: for what must be in it, and what may not."""
        server = Server(HOST, self.service.port, self.transport)
        for phone in self.phones:
            self.assertEqual(faults(phone.received(), server), [])
        self._nothing_leaked()

    def _nothing_leaked(self) -> None:
        """Nothing of one phone's own reaches another one: Call-ID, tag, User-Agent, port, o= line."""
        for phone in self.phones:
            own = {passed.message.call_id for passed in phone.messages if passed.way == "sent"}
            for other in self.phones:
                if other.user == phone.user:
                    continue
                for message in other.received():
                    text = "\n".join(f"{name}: {value}" for name, value in message.fields)
                    for secret in (
                        *(own - {m.call_id for m in other.received()}),
                        "Yealink",
                        f":{phone.port}",
                    ):
                        self.assertNotIn(secret, text)
                    self.assertNotIn(b"o=- 20000 ", message.body)

    def when(self, phone: Phone, way: str, what: str) -> str:
        """When a phone last sent or received something."""
        return [m.at for m in phone.messages if m.way == way and brief(m.message) == what][-1]

    def media(self, message: Any) -> tuple[int, str]:
        """Port and direction of a session."""
        stream = Sdp.parse(message.body).media[0]
        return stream.port, stream.direction


class GuideTests(FlowCase):
    """Over UDP."""

    @inlineCallbacks
    def test_1_setup_and_disconnect(self) -> Any:
        """Section 1: A calls B, B answers, B hangs up."""
        a, b = self.phone(A), self.phone(B)
        b.stay(b.script().invited().ring().pause(100).accept(MEDIA[B]).pause(200).bye().note("ended"))
        yield self.registered(b)
        a.start(a.script().invite(B, MEDIA[A]).response(180).response(200).ack().bye_comes())
        yield self.through(a, called=(b,))
        (invite,) = b.received("INVITE")
        self.assertEqual(invite.from_.display, "Phone 101")
        self.assertEqual(invite.from_.uri_text, f"sip:101@{HOST}")
        self.assertEqual(invite.max_forwards, 69)
        self.assertEqual(self.media(invite), (MEDIA[A], "sendrecv"))
        (answer,) = a.received("200 INVITE")
        self.assertEqual(self.media(answer), (MEDIA[B], "sendrecv"))
        # F4: the 100 is ours, since it goes one hop only (RFC 3261 section 8.2.6.1).
        (trying,) = a.received("100 INVITE")
        self.assertFalse(trying.to.tag)
        (bye,) = a.received("BYE")
        self.assertEqual((bye.from_.tag, bye.to.tag), (answer.to.tag, answer.from_.tag))

    @inlineCallbacks
    def test_2_busy(self) -> Any:
        """Section 2: B is busy; it gets its ACK at once, although A's takes its time (F7, F8)."""
        a, b = self.phone(A), self.phone(B)
        b.stay(b.script().invited().answer(100, "Trying").refuse(486, "Busy Here"))
        yield self.registered(b)
        a.start(a.script().invite(B, MEDIA[A]).response(486).told("Acknowledge").ack_refusal())
        yield b.reaches("called")
        yield a.tell("Acknowledge", "now")
        yield self.through(a, called=(b,))
        self.assertLess(self.when(b, "received", "ACK"), self.when(a, "sent", "ACK"))
        (refused,) = a.received("486 INVITE")
        self.assertEqual(refused.reason, "Busy Here")

    @inlineCallbacks
    def test_3_no_answer(self) -> Any:
        """Section 3: A gives up; the INVITE is answered with 487, which the drawing leaves out."""
        a, b = self.phone(A), self.phone(B)
        b.stay(b.script().invited().ring().cancelled())
        yield self.registered(b)
        a.start(a.script().invite(B, MEDIA[A]).response(180).pause(300).cancel())
        yield self.through(a, called=(b,))
        (invite,), (cancel,) = b.received("INVITE"), b.received("CANCEL")
        self.assertEqual((cancel.uri, cancel.via.branch), (invite.uri, invite.via.branch))
        self.assertEqual(len(a.received("487 INVITE")), 1)

    @inlineCallbacks
    def test_4_hold(self) -> Any:
        """Section 4: A holds B, and takes it back."""
        a, b = self.phone(A), self.phone(B)
        script = b.script().invited().ring().accept(MEDIA[B])
        b.stay(script.held(MEDIA[B]).held(MEDIA[B], "sendrecv", 20002).bye_comes())
        yield self.registered(b)
        script = a.script().invite(B, MEDIA[A]).response(180).response(200).ack().pause(200)
        a.start(script.hold(MEDIA[A]).pause(200).hold(MEDIA[A], "sendrecv", 20002).bye())
        yield self.through(a, called=(b,))
        offers = [self.media(message) for message in b.received("INVITE")]
        self.assertEqual(offers, [(MEDIA[A], way) for way in ("sendrecv", "sendonly", "sendrecv")])
        answers = [self.media(message) for message in a.received("200 INVITE")]
        self.assertEqual(answers, [(MEDIA[B], way) for way in ("sendrecv", "recvonly", "sendrecv")])
        # One dialog: its Call-ID and tags stay, and CSeq goes up by one.
        first, *later = b.received("INVITE")
        for number, message in enumerate(later, first.cseq.number + 1):
            self.assertEqual(message.cseq.number, number)
            self.assertEqual((message.call_id, message.from_.tag), (first.call_id, first.from_.tag))
            self.assertEqual(message.to.tag, b.received("ACK")[0].to.tag)

    @inlineCallbacks
    def test_4_old_hold(self) -> Any:
        """Section 4: a phone that holds as RFC 2543 had it, with c=0.0.0.0 (section B.5)."""
        a, b = self.phone(A), self.phone(B)
        script = b.script().invited().ring().accept(MEDIA[B])
        b.stay(script.held(MEDIA[B]).held(MEDIA[B], "sendrecv", 20002).bye_comes())
        yield self.registered(b)
        script = a.script().invite(B, MEDIA[A]).response(180).response(200).ack().pause(200)
        script.hold(MEDIA[A], "sendrecv", address="0.0.0.0").pause(200)
        a.start(script.hold(MEDIA[A], "sendrecv", 20002).bye())
        yield self.through(a, called=(b,))
        offers = [Sdp.parse(message.body).media[0] for message in b.received("INVITE")]
        self.assertEqual([offer.held for offer in offers], [False, True, False])

    @inlineCallbacks
    def test_5_call_waiting(self) -> Any:
        """Section 5: C calls A, who talks to B: A holds B while the new call is pending, then answers."""
        line, a, b, c = self.phone(A), self.phone(A), self.phone(B), self.phone(C)
        a.stay(a.script().invited().ring().note("rings").pause(3000).accept(MEDIA[A]).bye_comes())
        b.stay(b.script().invited().ring().accept(MEDIA[B]).held(MEDIA[B]).bye_comes())
        yield self.registered(a, b)
        script = line.script().invite(B, MEDIA[A]).response(180).response(200).ack().note("up").told("Hold")
        line.start(script.hold(MEDIA[A]).pause(200).bye())
        yield line.reaches("up")
        c.start(c.script().invite(A, MEDIA[C]).response(180).response(200).ack().pause(200).bye())
        yield a.reaches("rings")
        yield line.tell("Hold", "now")
        yield self.through(line, c, called=(a, b))
        self.assertEqual(self.media(b.received("INVITE")[-1]), (MEDIA[A], "sendonly"))
        self.assertEqual(self.media(c.received("200 INVITE")[0]), (MEDIA[A], "sendrecv"))
        (answered,) = [m.at for m in c.messages if m.way == "received" and m.message.body]
        held = [m.at for m in b.messages if m.way == "received" and m.message.body][-1]
        self.assertLess(self.when(a, "received", "INVITE"), held)
        self.assertLess(held, answered)

    @inlineCallbacks
    def test_6_blind_transfer(self) -> Any:
        """Section 6: B transfers A to C and leaves at once; NOTIFYs follow its BYE."""
        a, b, c = self.phone(A), self.phone(B), self.phone(C)
        target = f"Refer-To: <sip:{C}@[remote_ip]:[remote_port]>"
        script = b.script().invited().ring().accept(MEDIA[B]).pause(200)
        script.request("REFER", target, f"Referred-By: <sip:{B}@[remote_ip]>").response(202)
        b.stay(script.get("NOTIFY").ok().bye().get("NOTIFY").ok().get("NOTIFY").ok())
        script = c.script().invited().answer(100, "Trying").pause(LEAVES).ring()
        c.stay(script.pause(LEAVES).accept(MEDIA[C]).bye_comes())
        yield self.registered(b, c)
        script = a.script().invite(B, MEDIA[A]).response(180).response(200).ack()
        a.start(script.held(MEDIA[A], "sendrecv").pause(300).bye())
        yield self.through(a, called=(b, c))
        told = [message.body.split(b"\r\n")[0] for message in b.received("NOTIFY")]
        self.assertEqual(told, [b"SIP/2.0 100 Trying", b"SIP/2.0 180 Ringing", b"SIP/2.0 200 OK"])
        self.assertEqual(self.media(a.received("INVITE")[-1]), (MEDIA[C], "sendrecv"))
        self.assertEqual(self.media(c.received("INVITE")[0])[0], MEDIA[A])
        self.assertEqual(c.received("INVITE")[0].from_.uri_text, f"sip:{A}@{HOST}")

    @inlineCallbacks
    def test_6_leaves_at_once(self) -> Any:
        """Section 6, edition of today: B's BYE follows the 202, before it answers any NOTIFY (F10, F13)."""
        a, b, c = self.phone(A), self.phone(B), self.phone(C)
        target = f"Refer-To: <sip:{C}@[remote_ip]:[remote_port]>"
        script = b.script().invited().ring().accept(MEDIA[B]).pause(200)
        script.request("REFER", target, f"Referred-By: <sip:{B}@[remote_ip]>").response(202)
        script.put_aside("NOTIFY").bye().answer_aside()
        b.stay(script.get("NOTIFY").ok().get("NOTIFY").ok())
        script = c.script().invited().answer(100, "Trying").pause(LEAVES).ring()
        c.stay(script.pause(LEAVES).accept(MEDIA[C]).bye_comes())
        yield self.registered(b, c)
        script = a.script().invite(B, MEDIA[A]).response(180).response(200).ack()
        a.start(script.held(MEDIA[A], "sendrecv").pause(300).bye())
        yield self.through(a, called=(b, c))
        told = [message.body.split(b"\r\n")[0] for message in b.received("NOTIFY")]
        self.assertEqual(told, [b"SIP/2.0 100 Trying", b"SIP/2.0 180 Ringing", b"SIP/2.0 200 OK"])
        self.assertEqual(self.media(a.received("INVITE")[-1]), (MEDIA[C], "sendrecv"))
        self.assertEqual(self.media(c.received("INVITE")[0])[0], MEDIA[A])

    @inlineCallbacks
    def test_7_attended_transfer(self) -> Any:
        """Section 7: A calls B, holds it, calls C, and transfers B to C; A names our dialog in Replaces."""
        a, line, b, c = self.phone(A), self.phone(A), self.phone(B), self.phone(C)
        script = b.script().invited().ring().accept(MEDIA[B]).held(MEDIA[B])
        b.stay(script.held(MEDIA[B], "sendrecv", 20002).pause(200).bye())
        # C is asked for an offer, which is B's to answer.
        c.stay(c.script().invited().ring().accept(MEDIA[C]).held(MEDIA[C], "sendrecv").bye_comes())
        yield self.registered(b, c)
        script = a.script().invite(B, MEDIA[A]).response(180).response(200).ack().pause(200)
        script.hold(MEDIA[A]).note("held").told("Replaces")
        target = f"Refer-To: <sip:{C}@[remote_ip]:[remote_port]?Replaces=[$told]>"
        script.request("REFER", target, f"Referred-By: <sip:{A}@[remote_ip]>").response(202)
        a.start(script.get("NOTIFY").ok().get("NOTIFY").ok().bye())
        yield a.reaches("held")
        line.start(
            line.script().invite(C, MEDIA[A] + 2).response(180).response(200).ack().note("up").bye_comes()
        )
        yield line.reaches("up")
        answer = line.received("200 INVITE")[0]
        call_id = escape_header(answer.call_id)
        yield a.tell("Replaces", f"{call_id}%3Bto-tag%3D{answer.to.tag}%3Bfrom-tag%3D{answer.from_.tag}")
        yield self.through(a, line, called=(b, c))
        self.assertEqual(self.media(b.received("INVITE")[-1])[0], MEDIA[C])
        self.assertEqual(self.media(c.received("ACK")[-1]), (MEDIA[B], "sendrecv"))

    @inlineCallbacks
    def test_8_forward_always(self) -> Any:
        """Section 8: B sends calls to C with 302; by default we follow, so A hears one call."""
        yield self.forwards(lambda script: script)
        self.assertEqual(self.a.received("302 INVITE"), [])

    @inlineCallbacks
    def test_9_forward_busy(self) -> Any:
        """Section 9: B rings for a moment although it is busy, then sends the call to C."""
        yield self.forwards(lambda script: script.answer(100, "Trying").answer(180, "Ringing").pause(100))

    @inlineCallbacks
    def test_10_forward_no_answer(self) -> Any:
        """Section 10: B rings until its own timer ends, then sends the call to C."""
        yield self.forwards(lambda script: script.answer(100, "Trying").answer(180, "Ringing").pause(600))

    @inlineCallbacks
    def forwards(self, before: Callable[[Script], Script]) -> Any:
        """A calls B, which answers with 302 after something else; C answers."""
        a, b, c = self.a, _, _ = self.phone(A), self.phone(B), self.phone(C)
        contact = f"Contact: <sip:{C}@{HOST}:{self.service.port}>"
        b.stay(before(b.script().invited()).refuse(302, "Move Temporarily", contact))
        c.stay(c.script().invited().ring().accept(MEDIA[C]).bye_comes())
        yield self.registered(b, c)
        script = a.script().invite(B, MEDIA[A])
        for code in (180, 181, 180):
            script.response(code, optional=True)
        a.start(script.response(200).ack().pause(200).bye())
        yield self.through(a, called=(b, c))
        self.assertEqual(self.media(a.received("200 INVITE")[0]), (MEDIA[C], "sendrecv"))
        (invite,) = c.received("INVITE")
        self.assertEqual(invite.diversions[0].uri_text, f"sip:{B}@{HOST}")
        self.assertEqual(invite.from_.uri_text, f"sip:{A}@{HOST}")

    @inlineCallbacks
    def test_11_conference(self) -> Any:
        """Section 11: A calls B, holds it, calls C, takes B back, and mixes the two itself."""
        a, line, b, c = self.phone(A), self.phone(A), self.phone(B), self.phone(C)
        script = b.script().invited().ring().accept(MEDIA[B]).held(MEDIA[B])
        b.stay(script.held(MEDIA[B], "sendrecv", 20002).bye_comes())
        c.stay(c.script().invited().ring().accept(MEDIA[C]).bye_comes())
        yield self.registered(b, c)
        script = a.script().invite(B, MEDIA[A]).response(180).response(200).ack().pause(200)
        script.hold(MEDIA[A]).note("held").pause(800).hold(MEDIA[A], "sendrecv", 20002)
        a.start(script.note("mixed").pause(300).bye())
        yield a.reaches("held")
        line.start(line.script().invite(C, MEDIA[A] + 2).response(180).response(200).ack().pause(1500).bye())
        yield self.through(a, line, called=(b, c))
        self.assertEqual(self.media(b.received("INVITE")[-1]), (MEDIA[A], "sendrecv"))
        self.assertEqual(self.media(c.received("INVITE")[-1]), (MEDIA[A] + 2, "sendrecv"))


class AsDrawnTests(FlowCase):
    """What the guide draws where our default is another: redirects and REFER passed on."""

    # These keys belong to the extension that is written last, B.
    more = 'redirects = "pass"\ntransfer = "pass"\n'

    def test_8_passed_on(self) -> Any:
        """Section 8: A gets the 302, and calls C by itself."""
        return self.passed_on(lambda script: script, ring=False)

    def test_9_passed_on(self) -> Any:
        """Section 9: A hears B ring, gets the 302, and calls C by itself."""
        return self.passed_on(lambda script: script.ring().pause(100), ring=True)

    def test_10_passed_on(self) -> Any:
        """Section 10: the same, after B has rung for its time."""
        return self.passed_on(lambda script: script.ring().pause(600), ring=True)

    @inlineCallbacks
    def passed_on(self, before: Callable[[Script], Script], *, ring: bool) -> Any:
        """B answers with 302 after something else, and A calls C in a call of its own."""
        a, line, b, c = self.phone(A), self.phone(A), self.phone(B), self.phone(C)
        contact = f"Contact: <sip:{C}@{HOST}:{self.service.port}>"
        b.stay(before(b.script().invited()).refuse(302, "Move Temporarily", contact))
        c.stay(c.script().invited().ring().accept(MEDIA[C]).bye_comes())
        yield self.registered(b, c)
        script = a.script().invite(B, MEDIA[A])
        if ring:
            script.response(180)
        a.start(script.response(302).told("Acknowledge").ack_refusal())
        yield b.reaches("called")
        yield a.tell("Acknowledge", "now")
        yield self.through(a, called=(b,))
        self.assertEqual(a.received("302 INVITE")[0].contacts[0].uri.user, C)
        self.assertLess(self.when(b, "received", "ACK"), self.when(a, "sent", "ACK"))
        line.start(line.script().invite(C, MEDIA[A]).response(180).response(200).ack().pause(100).bye())
        yield self.through(line, called=(c,))
        (invite,) = c.received("INVITE")
        self.assertEqual(invite.from_.uri_text, f"sip:{A}@{HOST}")
        self.assertEqual(self.media(line.received("200 INVITE")[0]), (MEDIA[C], "sendrecv"))

    @inlineCallbacks
    def test_6_passed_on(self) -> Any:
        """Section 6: the REFER goes to A, which takes it, is left by B, and calls C by itself."""
        a, line, b, c = self.phone(A), self.phone(A), self.phone(B), self.phone(C)
        target = f"Refer-To: <sip:{C}@[remote_ip]:[remote_port]>"
        script = b.script().invited().ring().accept(MEDIA[B]).pause(200)
        script.request("REFER", target, f"Referred-By: <sip:{B}@[remote_ip]>").response(202)
        b.stay(script.get("NOTIFY").ok().bye())
        c.stay(c.script().invited().ring().accept(MEDIA[C]).bye_comes())
        yield self.registered(b, c)
        script = a.script().invite(B, MEDIA[A]).response(180).response(200).ack().get("REFER").established()
        script.answer(202, "Accepted")
        frag = "SIP/2.0 100 Trying\r\n"
        state = ("Event: refer", "Subscription-State: active;expires=60", "Content-Type: message/sipfrag")
        a.start(script.request("NOTIFY", *state, fragment=frag).response(200).bye_comes())
        yield self.through(a, called=(b,))
        (refer,) = a.received("REFER")
        self.assertEqual(refer.refer_to.uri.user, C)
        line.start(line.script().invite(C, MEDIA[A]).response(180).response(200).ack().pause(100).bye())
        yield self.through(line, called=(c,))

    @inlineCallbacks
    def test_7_passed_on(self) -> Any:
        """Section 7: B calls A and C; A gets the REFER, and replaces the call that C has with B."""
        b, line, a, taker, c = (self.phone(user) for user in (B, B, A, A, C))
        script = a.script().invited().ring().accept(MEDIA[A]).held(MEDIA[A]).get("REFER")
        script.answer(202, "Accepted").note("referred").bye_comes()
        frag = "SIP/2.0 200 OK\r\n"
        state = ("Event: refer", "Subscription-State: terminated;reason=noresource")
        script.pause(1500).request("NOTIFY", *state, "Content-Type: message/sipfrag", fragment=frag)
        a.stay(script.response(200))
        # C has its call replaced: asked for an offer or offered A's, it talks to A afterwards.
        c.stay(c.script().invited().ring().accept(MEDIA[C]).held(MEDIA[C], "sendrecv").bye_comes())
        yield self.registered(a, c)
        script = b.script().invite(A, MEDIA[B]).response(180).response(200).ack().pause(200)
        script.hold(MEDIA[B]).note("held").told("Replaces")
        target = f"Refer-To: <sip:{C}@[remote_ip]:[remote_port]?Replaces=[$told]>"
        script.request("REFER", target, f"Referred-By: <sip:{B}@[remote_ip]>").response(202)
        b.start(script.get("NOTIFY").ok().bye().get("NOTIFY").ok())
        yield b.reaches("held")
        line.start(
            line.script().invite(C, MEDIA[B] + 2).response(180).response(200).ack().note("up").bye_comes()
        )
        yield line.reaches("up")
        answer = line.received("200 INVITE")[0]
        call_id = escape_header(answer.call_id)
        yield b.tell("Replaces", f"{call_id}%3Bto-tag%3D{answer.to.tag}%3Bfrom-tag%3D{answer.from_.tag}")
        yield a.reaches("referred")
        (refer,) = a.received("REFER")
        self.assertEqual(refer.refer_to.uri.user, C)
        replaces = refer.refer_to.uri.header("Replaces")
        taker.start(
            taker.script()
            .invite(C, MEDIA[A] + 2, f"Replaces: {replaces}")
            .response(200)
            .ack()
            .note("taken")
            .pause(500)
            .bye()
        )
        yield self.through(b, line, taker, called=(a, c))
        told = [message.body.split(b"\r\n")[0] for message in b.received("NOTIFY")]
        self.assertEqual(told, [b"SIP/2.0 100 Trying", b"SIP/2.0 200 OK"])
        self.assertEqual(self.media(taker.received("200 INVITE")[0])[0], MEDIA[C])
