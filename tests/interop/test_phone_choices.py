"""What a phone can be set to, played by SIPp: another T1, a session timer, user=phone, escapes."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import inlineCallbacks

from tests.interop.test_flows import MEDIA, A, B, FlowCase


class PhoneChoicesTests(FlowCase):
    """What a phone can be set to: another T1, a session timer, user=phone, # as %23."""

    more = '[codes]\ndo_not_disturb_on = "#78"\n'

    @inlineCallbacks
    def test_long_t1(self) -> Any:
        """Phones whose T1 is two seconds take their time; what we send again meanwhile is nothing new."""
        a, b = self.phone(A), self.phone(B)
        b.stay(b.script(t1=2000).invited().pause(1200).ring().accept(MEDIA[B]).bye_comes())
        yield self.registered(b)
        script = a.script(t1=2000).invite(B, MEDIA[A]).response(180).response(200)
        # Over TCP SIPp takes no second copy for what it is.
        script = script.pause(1200) if self.transport == "UDP" else script.response(200)
        a.start(script.ack().pause(100).bye())
        yield self.through(a, called=(b,))
        again = 1 if self.transport == "UDP" else 0
        self.assertGreater(len(b.received("INVITE", again=True)), again)
        # A 2xx is sent again over TCP as well (RFC 3261 section 13.3.1.4).
        self.assertGreater(len(a.received("200 INVITE", again=True)), 1)
        self.assertEqual((len(b.received("ACK")), len(b.received("BYE"))), (1, 1))

    @inlineCallbacks
    def test_session_timer(self) -> Any:
        """With the session timer on, the phone refreshes, and is told so (RFC 4028 section 9)."""
        a, b = self.phone(A), self.phone(B)
        b.stay(b.script().invited().ring().accept(MEDIA[B]).bye_comes())
        yield self.registered(b)
        timer = ("Supported: timer", "Session-Expires: 90;refresher=uac")
        script = a.script().invite(B, MEDIA[A], *timer).response(180).response(200).ack().pause(100)
        script.request("UPDATE", *timer).response(200)
        a.start(script.bye())
        yield self.through(a, called=(b,))
        for answer in (*a.received("200 INVITE"), *a.received("200 UPDATE")):
            self.assertEqual(answer.get("Session-Expires"), "90;refresher=uac")
            self.assertEqual(answer.get("Require"), "timer")
        self.assertEqual(b.received("UPDATE"), [])

    @inlineCallbacks
    def test_escapes(self) -> Any:
        """User parts are compared unescaped: 10%32 is 102 (RFC 3261 section 19.1.4)."""
        a, b = self.phone(A), self.phone(B)
        b.stay(b.script().invited().ring().accept(MEDIA[B]).bye_comes())
        yield self.registered(b)
        a.start(a.script().invite("10%32", MEDIA[A]).response(180).response(200).ack().pause(100).bye())
        yield self.through(a, called=(b,))

    @inlineCallbacks
    def test_number_sign(self) -> Any:
        """A # is dialled as %23: a code with it is that code; nobody has another number, and hears 404."""
        a, line = self.phone(A), self.phone(A)
        a.start(a.script().invite("%2378", MEDIA[A]).response(200).ack().bye_comes())
        yield self.through(a)
        (confirmed,) = a.received("200 INVITE")
        self.assertTrue(confirmed.to.tag)
        line.start(line.script().invite("%23102", MEDIA[A]).response(404).ack_refusal())
        yield self.through(line)

    @inlineCallbacks
    def test_user_is_phone(self) -> Any:
        """A number may be marked with user=phone (RFC 3261 section 19.1.1)."""
        a, b = self.phone(A), self.phone(B)
        b.stay(b.script().invited().ring().accept(MEDIA[B]).bye_comes())
        yield self.registered(b)
        script = a.script(parameters=";user=phone").invite(B, MEDIA[A])
        a.start(script.response(180).response(200).ack().pause(100).bye())
        yield self.through(a, called=(b,))
