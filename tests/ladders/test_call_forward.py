"""
Call forwarding: always, busy, no answer (RFC 5359 sections 2.7 to 2.9).

Each of the three is played three times: decided by the server; by the phone's
302, which the server follows; and by the phone's 302 passed to the caller, as
the flows 8, 9 and 10 of the Yealink guide draw it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from b2bua.testing.case import LadderTestCase
from b2bua.testing.manners import Manners
from b2bua.testing.phone import Phone
from b2bua.testing.world import World
from b2bua.wire.message import Message
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.forward import CallForward
from b2bua_plugins.redirects import Redirects


class ForwardCase(LadderTestCase):
    """Alice calls Bob, and Carol answers."""

    settings: ClassVar[dict[str, Any]] = {}

    def make_world(self) -> World:
        """A world with the forwarding features."""
        return World(settings=self.settings, features=[CallForward, Redirects])

    def setUp(self) -> None:
        """Three phones are registered."""
        super().setUp()
        self.alice, self.bob, self.carol = self.phones("alice", "bob", "carol")

    def bob_redirects(self, to: str = "carol") -> None:
        """Bob's phone forwards by itself."""
        self.bob.answers(302, fields=[("Contact", f"<sip:{to}@pbx.example.com>")])

    def carol_answers(self, caller: Phone) -> None:
        """Carol rings and answers."""
        self.carol.answers(180)
        caller.gets(180)
        self.carol.answers(200)
        caller.gets(200)
        caller.sends("ACK")
        self.carol.gets("ACK")
        self.assertTalking(("alice", "carol"))

    def talk_is_over(self) -> None:
        """They hang up, and nothing is left."""
        self.disconnect(self.alice, self.carol)
        self.quiet()

    def called_on_behalf_of(self, reason: str) -> Message:
        """Carol is invited by a call that Bob has sent on."""
        invite = self.carol.gets("INVITE")
        self.assertEqual(invite.all("Diversion"), [f"<sip:bob@pbx.example.com>;reason={reason};counter=1"])
        return invite


class OwnDecisionTests(ForwardCase):
    """
    The server forwards, as the table C{[extensions.bob.forward]} says.

    monster-ui-voip PR#523: always, busy and no answer are told apart.
    """

    settings: ClassVar[dict[str, Any]] = {
        "extensions": {"bob": {"forward": {"busy": "carol", "no_answer": "carol", "no_answer_after": 12}}}
    }

    def always(self) -> None:
        """Bob forwards all calls."""
        assert self.world.served is not None
        self.world.served.document["extensions"]["bob"]["forward"] = {"always": "carol"}
        self.world.served.configure()

    def test_always(self) -> None:
        """Bob's phone does not ring at all (section 2.7)."""
        self.always()
        self.alice.sends("INVITE", to="bob")
        self.alice.gets(181)
        invite = self.called_on_behalf_of("unconditional")
        self.assertEqual(
            invite.all("History-Info"),
            [
                "<sip:bob@pbx.example.com>;index=1",
                "<sip:carol@pbx.example.com;cause=302>;index=1.1;mp=1",
            ],
        )
        self.assertEqual(invite.max_forwards, 69)
        self.carol_answers(self.alice)
        self.talk_is_over()
        self.assertEqual(self.bob.unread(), [])

    def test_busy(self) -> None:
        """Bob's phone is busy, so Carol's rings (section 2.8)."""
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.bob.answers(486)
        self.alice.gets(181)
        self.called_on_behalf_of("user-busy")
        self.carol_answers(self.alice)
        self.talk_is_over()

    def test_no_answer(self) -> None:
        """Bob does not answer for 12 seconds; his phone stops ringing and Carol's begins (section 2.9)."""
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        began = self.world.clock.seconds()
        self.bob.answers(180)
        self.alice.gets(180)
        self.bob.gets("CANCEL", within=13)
        self.assertAlmostEqual(self.world.clock.seconds() - began, 12, delta=0.2)
        self.alice.gets(181)
        self.called_on_behalf_of("no-answer")
        self.carol_answers(self.alice)
        self.talk_is_over()

    def test_answered_in_time(self) -> None:
        """Bob answers before the 12 seconds are over, and nothing else happens."""
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.bob.answers(180)
        self.alice.gets(180)
        self.world.run(11)
        self.bob.answers(200)
        self.alice.gets(200)
        self.alice.sends("ACK")
        self.bob.gets("ACK")
        self.world.run(30)
        self.assertTalking(("alice", "bob"))
        self.disconnect(self.alice, self.bob)
        self.quiet()

    def test_caller_gives_up(self) -> None:
        """The caller hangs up while the second target rings: that one is cancelled, nobody else is tried."""
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.bob.answers(486)
        self.alice.gets(181)
        self.called_on_behalf_of("user-busy")
        self.carol.answers(180)
        self.alice.gets(180)
        self.alice.sends("CANCEL")
        self.carol.gets("CANCEL")
        self.alice.gets(487)
        self.quiet()


class FollowedTests(ForwardCase):
    """Bob's phone redirects and the server follows: the caller hears one call."""

    settings: ClassVar[dict[str, Any]] = {}

    def test_always(self) -> None:
        """
        302 at once (guide, flow 8; RFC 5359 section 2.7).

        asterisk#288, #1349: 181 and Diversion were lost by a race upon a 302.
        """
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.bob_redirects()
        self.alice.gets(181)
        self.called_on_behalf_of("deflection")
        self.carol_answers(self.alice)
        self.talk_is_over()

    def test_busy(self) -> None:
        """180, then 302 (guide, flow 9; RFC 5359 section 2.8): his early dialog is gone, the call not."""
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.bob.answers(180)
        self.alice.gets(180)
        self.bob_redirects()
        self.alice.gets(181)
        self.called_on_behalf_of("deflection")
        self.carol_answers(self.alice)
        self.talk_is_over()

    def test_no_answer(self) -> None:
        """302 after Bob's own ring time (guide, flow 10; RFC 5359 section 2.9)."""
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.bob.answers(180)
        self.alice.gets(180)
        self.world.run(12)
        self.bob_redirects()
        self.alice.gets(181)
        self.called_on_behalf_of("deflection")
        self.carol_answers(self.alice)
        self.talk_is_over()

    def test_several_contacts(self) -> None:
        """Of several contacts the one with the highest q is tried first, then the next (section 8.1.3.4)."""
        dave = self.phones("dave")[0]
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        contacts = "<sip:carol@pbx.example.com>;q=0.3, <sip:dave@pbx.example.com>;q=0.9"
        self.bob.answers(302, fields=[("Contact", contacts)])
        self.alice.gets(181)
        dave.gets("INVITE")
        dave.answers(486)
        self.alice.gets(181)
        self.called_on_behalf_of("deflection")
        self.carol_answers(self.alice)
        self.talk_is_over()

    def test_nowhere(self) -> None:
        """A 302 without a contact that a call could go to is a failure like another (section 21.3)."""
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.bob.answers(302, fields=[("Contact", "<mailto:bob@example.com>")])
        self.alice.gets(480)
        self.quiet()

    def test_header_in_contact(self) -> None:
        """What a Contact has as URI headers does not get into our request (section 19.1.5)."""
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        contact = "<sip:carol@pbx.example.com?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2&Subject=hi>"
        self.bob.answers(302, fields=[("Contact", contact)])
        self.alice.gets(181)
        invite = self.called_on_behalf_of("deflection")
        self.assertIsNone(invite.get("Replaces"))
        self.assertIsNone(invite.get("Subject"))
        self.carol_answers(self.alice)
        self.talk_is_over()


class AddressTests(ForwardCase):
    """Bob's phone was given the address of the server for its domain, and says that in what it sends."""

    def test_followed(self) -> None:
        """Its 302 leads to the extension all the same, and a circle by it is one."""
        for contact in ("<sip:carol@192.0.2.1>", "<sip:carol@192.0.2.1:5060;transport=tcp>"):
            self.alice.sends("INVITE", to="bob")
            self.bob.gets("INVITE")
            self.bob.answers(302, fields=[("Contact", contact)])
            self.alice.gets(181)
            self.called_on_behalf_of("deflection")
            self.carol_answers(self.alice)
            self.disconnect(self.alice, self.carol)
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.bob.answers(302, fields=[("Contact", "<sip:bob@192.0.2.1>")])
        self.alice.gets(482)
        self.quiet()

    def test_transferred(self) -> None:
        """Its REFER to such a number does as well."""
        self.world = World(features=[BlindTransfer])
        alice, bob, carol = self.world.phones("alice", "bob", "carol", manners=Manners(answers_after=1))
        alice.dial("bob")
        self.world.run(3)
        bob.session.transfer("sip:carol@192.0.2.1")
        self.world.run(3)
        self.assertTrue(alice.talks_to(carol))
        alice.hang_up()
        self.world.run(2)
        self.quiet()


class RaceTests(ForwardCase):
    """The phone's 302 and the server's own timer meet: one of them wins."""

    settings: ClassVar[dict[str, Any]] = {
        "extensions": {"bob": {"forward": {"no_answer": "dave", "no_answer_after": 12}}}
    }

    def setUp(self) -> None:
        """Dave is where the server would forward to."""
        super().setUp()
        self.dave = self.phones("dave")[0]
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.bob.answers(180)
        self.alice.gets(180)

    def test_phone_first(self) -> None:
        """The 302 comes just before the timer would fire: Carol rings and nobody else."""
        self.world.run(11.7)
        self.bob_redirects()
        self.alice.gets(181)
        self.called_on_behalf_of("deflection")
        self.carol_answers(self.alice)
        self.world.run(20)
        self.assertEqual(self.dave.unread(), [])
        self.talk_is_over()

    def test_timer_first(self) -> None:
        """The 302 crosses our CANCEL: it is acknowledged and changes nothing; Dave rings."""
        self.world.run_until(lambda: bool(self.dave.inbox), 13)
        self.bob_redirects()
        self.alice.gets(181)
        self.dave.gets("INVITE")
        self.dave.answers(180)
        self.alice.gets(180)
        self.dave.answers(200)
        self.alice.gets(200)
        self.alice.sends("ACK")
        self.dave.gets("ACK")
        self.world.run(5)
        self.assertEqual(self.carol.unread(), [])
        self.assertTalking(("alice", "dave"))
        self.disconnect(self.alice, self.dave)
        self.bob.inbox.clear()
        self.quiet()


class PassedTests(ForwardCase):
    """Bob's phone redirects and the caller calls again: the drawn flows, message for message."""

    settings: ClassVar[dict[str, Any]] = {"extensions": {"bob": {"redirects": "pass"}}}

    def calls_again(self) -> None:
        """The caller begins a new call, with a Call-ID of its own."""
        gone = self.alice.session.call_id
        self.alice.sends("INVITE", to="carol")
        self.assertNotEqual(self.alice.session.call_id, gone)
        invite = self.carol.gets("INVITE")
        self.assertEqual(invite.all("Diversion"), [])
        self.carol_answers(self.alice)
        self.talk_is_over()

    def redirected(self) -> None:
        """Bob's 302 reaches the caller with its target."""
        self.bob_redirects()
        moved = self.alice.gets(302)
        self.assertEqual([contact.uri.user for contact in moved.contacts], ["carol"])
        self.assertEqual(self.bob.unread(), [])

    def test_always(self) -> None:
        """
        Flow 8: F3 302, F5 302, then a new call F7 to F14.

        asterisk#1141: the Contact of the 302 was wrong.
        """
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.redirected()
        self.calls_again()

    def test_busy(self) -> None:
        """Flow 9: F3 180, F4 180, F5 302, F7 302, then a new call F9 to F16."""
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.bob.answers(180)
        self.alice.gets(180)
        self.redirected()
        self.calls_again()

    def test_no_answer(self) -> None:
        """Flow 10: the same, after Bob's ring time."""
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.bob.answers(180)
        self.alice.gets(180)
        self.world.run(12)
        self.redirected()
        self.calls_again()


class RefusedTests(ForwardCase):
    """Bob's phone redirects, and its policy does not let it."""

    settings: ClassVar[dict[str, Any]] = {"extensions": {"bob": {"redirects": "refuse"}}}

    def test_refused(self) -> None:
        """The caller hears 480, and nobody else rings."""
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.bob_redirects()
        self.alice.gets(480)
        self.carol.gets_nothing()
        self.quiet()
