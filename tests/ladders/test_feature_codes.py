"""Feature codes: an INVITE to the code is confirmed, shown, and hung up."""

from __future__ import annotations

from b2bua import hookimpl
from b2bua.calls import Attempt, Redirect
from b2bua.testing.case import LadderTestCase
from b2bua.testing.manners import Manners
from b2bua.testing.phone import Phone
from b2bua.testing.world import World
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.do_not_disturb import DoNotDisturb
from b2bua_plugins.find_me import FindMe
from b2bua_plugins.forward import CallForward
from b2bua_plugins.redirects import Redirects
from b2bua_plugins.transfer_policy import TransferPolicy


class CodeTests(LadderTestCase):
    """Each code of the forwarding family, from the phone that dials it."""

    def make_world(self) -> World:
        """A world with the features that have codes."""
        settings = {"extensions": {"carol": {"forward": {"busy": "frank", "busy_internal": "erin"}}}}
        return World(settings=settings, features=[DoNotDisturb, CallForward, FindMe])

    def dials(self, phone: Phone, code: str) -> str:
        """Dial a code; what the phone shows."""
        phone.sends("INVITE", to=code)
        answer = phone.gets(200)
        phone.sends("ACK")
        phone.gets("BYE", within=4)
        phone.answers(200)
        self.assertEqual(self.world.talking(), set())
        return answer.asserted[0].display

    def setUp(self) -> None:
        """Four phones."""
        super().setUp()
        self.alice, self.bob, self.carol, self.dave = self.phones("alice", "bob", "carol", "dave")

    def test_forward_in_one_dial(self) -> None:
        """The code and the number are one dial (fusionpbx PR#3035); it holds at once (fusionpbx#1221)."""
        self.assertEqual(self.dials(self.bob, "*72dave"), "Forward all calls to dave")
        self.alice.sends("INVITE", to="bob")
        self.alice.gets(181)
        self.dave.gets("INVITE")
        self.dave.answers(486)
        self.alice.gets(486)
        self.assertEqual(self.dials(self.bob, "*73"), "Forward all calls: off")
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.bob.answers(486)
        self.alice.gets(486)
        self.quiet()

    def test_off_ends_what_the_file_says(self) -> None:
        """Off is off, also for what stands in the configuration, for inside and outside callers."""
        self.assertEqual(self.dials(self.carol, "*91"), "Forward when busy: off")
        self.alice.sends("INVITE", to="carol")
        self.carol.gets("INVITE")
        self.carol.answers(486)
        self.alice.gets(486)
        self.quiet()

    def test_no_number(self) -> None:
        """A code that wants a number and has none is not complete (section 21.4.22)."""
        self.alice.sends("INVITE", to="*72")
        self.alice.gets(484)
        self.quiet()

    def test_to_oneself(self) -> None:
        """Nobody forwards to himself: the phone shows why, and nothing has changed."""
        self.dials(self.alice, "*72carol")
        for code in ("*72alice", "*72*alice#", "*90alice", "*92alice", "*94alice"):
            self.alice.sends("INVITE", to=code)
            refusal = self.alice.gets(603)
            self.assertEqual(getattr(refusal, "reason", ""), "Cannot forward to yourself")
        features = self.world.served.server.core.calls.features  # type: ignore[union-attr]
        self.assertEqual(
            [(one.path, one.value) for one in features.settings("alice") if one.changed],
            [("extensions.alice.forward.always", "carol")],
        )
        self.quiet()

    def test_do_not_disturb(self) -> None:
        """
        On, and the caller hears 480; off, and the phone rings.

        Forwards are as they were (fusionpbx PR#6076: do-not-disturb overwrote them).
        """
        self.dials(self.bob, "*72dave")
        self.assertEqual(self.dials(self.bob, "*78"), "Do not disturb: on")
        self.alice.sends("INVITE", to="bob")
        refusal = self.alice.gets(480)
        self.assertEqual(getattr(refusal, "reason", ""), "Do not disturb")
        self.assertEqual(self.dials(self.bob, "*79"), "Do not disturb: off")
        self.alice.sends("INVITE", to="bob")
        self.alice.gets(181)
        self.dave.gets("INVITE")
        self.dave.answers(486)
        self.alice.gets(486)
        self.quiet()

    def test_answer_chosen(self) -> None:
        """The status and the text of do-not-disturb, and the codes, are the configuration's."""
        settings = {
            "extensions": {"bob": {"do_not_disturb": True}},
            "do_not_disturb": {"status": 486, "reason": "In a meeting"},
            "codes": {"do_not_disturb_off": "#79#"},
        }
        self.world = World(settings=settings, features=[DoNotDisturb])
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        self.assertEqual(getattr(alice.gets(486), "reason", ""), "In a meeting")
        self.dials(bob, "#79#")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(486)
        alice.gets(486)
        self.quiet()

    def test_find_me_without_places(self) -> None:
        """Who has no places to be looked for cannot turn it on."""
        self.alice.sends("INVITE", to="*21")
        self.alice.gets(603)
        self.quiet()

    def test_find_me(self) -> None:
        """Off and on again, for who has places to be looked for."""
        bob = {"find_me": {"places": ["bob", "carol"], "ring_seconds": 5}}
        self.world = World(settings={"extensions": {"bob": bob}}, features=[FindMe])
        alice, bob_phone, carol = self.phones("alice", "bob", "carol")
        for code, said, found in (("*22", "Find me: off", False), ("*21", "Find me: on", True)):
            self.assertEqual(self.dials(bob_phone, code), said)
            alice.sends("INVITE", to="bob")
            bob_phone.gets("INVITE")
            bob_phone.answers(486)
            if found:
                alice.gets(181)
                carol.gets("INVITE")
                carol.answers(486)
            alice.gets(486)
        self.quiet()

    def test_not_a_number(self) -> None:
        """What cannot be dialled is no target."""
        self.alice.sends("INVITE", to="*72%3Cx%3E")
        self.alice.gets(484)
        self.quiet()

    def test_no_session(self) -> None:
        """A code that is dialled without an offer gets one, of no media (RFC 3261 section 13.2.1)."""
        self.alice.sends("INVITE", to="*79", offer=False)
        answer = self.alice.gets(200)
        self.assertIn(b"a=inactive", answer.body)
        self.alice.sends("ACK")
        self.alice.gets("BYE", within=4)
        self.alice.answers(200)
        self.quiet()

    def test_transferred(self) -> None:
        """A transfer to a code changes nothing: neither of whom it leaves over, nor of who transfers."""
        self.world = World(features=[CallForward, BlindTransfer])
        alice, bob, _ = self.world.phones("alice", "bob", "carol", manners=Manners(answers_after=1))
        bob.dial("alice")
        self.world.run(3)
        bob.session.transfer("*72carol")
        self.world.run(5)
        features = self.world.served.server.core.calls.features  # type: ignore[union-attr]
        for name in ("alice", "bob"):
            self.assertEqual([one for one in features.settings(name) if one.changed], [])
        self.assertTrue(alice.talks_to(bob))
        alice.hang_up()
        self.world.run(5)
        self.quiet()

    def test_hangs_up_first(self) -> None:
        """The phone may hang up before we do."""
        self.alice.sends("INVITE", to="*79")
        self.alice.gets(200)
        self.alice.sends("ACK")
        self.alice.sends("BYE")
        self.alice.gets(200)
        self.world.run(5)
        self.quiet()


class HandedOnTests(LadderTestCase):
    """
    Whoever is called does not make the caller's phone dial a code.

    It would set the caller's forwards to a number that costs him, say.
    """

    def make_world(self) -> World:
        """A world in which what Bob's phone says is handed on."""
        settings = {"extensions": {"bob": {"redirects": "pass", "transfer": "pass"}}}
        return World(settings=settings, features=[CallForward, Redirects, TransferPolicy])

    def redirects(self, *contacts: str) -> None:
        """Bob's phone redirects Alice's call."""
        self.alice, self.bob = self.phones("alice", "bob")
        self.alice.sends("INVITE", to="bob")
        self.bob.gets("INVITE")
        self.bob.answers(302, fields=[("Contact", contact) for contact in contacts])

    def unchanged(self) -> None:
        """Nobody's settings are others than before."""
        features = self.world.served.server.core.calls.features  # type: ignore[union-attr]
        for name in ("alice", "bob"):
            self.assertEqual([one for one in features.settings(name) if one.changed], [])

    def test_code_only(self) -> None:
        """A 302 to nothing but a code, however it is written, is a refusal: 480."""
        for contact in (
            "<sip:*72666@pbx.example.com>",
            "<sip:%2A72%2a666@192.0.2.1:5060>",
            '"Carol" <sips:*73@elsewhere.example;transport=tcp>;q=1.0',
            "<tel:*72-666;phone-context=example.com>",
        ):
            with self.anew(contact):
                self.redirects(contact)
                self.assertEqual(getattr(self.alice.gets(480), "reason", ""), "Redirection refused")
                self.unchanged()
                self.quiet()

    def test_other_contacts(self) -> None:
        """Other contacts beside it are passed on."""
        self.redirects("<sip:*72666@pbx.example.com>;q=0.9", "<sip:carol@pbx.example.com>;q=0.5")
        moved = self.alice.gets(302)
        self.assertEqual([str(contact) for contact in moved.contacts], ["<sip:carol@pbx.example.com>;q=0.5"])
        self.quiet()

    def test_of_a_feature(self) -> None:
        """Nor does a redirection that is a feature's own idea lead to a code."""

        class Sends:
            """Redirects all calls."""

            @hookimpl
            def route_call(self, attempt: Attempt) -> Redirect:
                """To a code, and to what is no contact."""
                return Redirect(("<sip:*72666@pbx.example.com>", "nonsense"))

        self.world = World(features=[CallForward, Sends])
        alice, _ = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        alice.gets(480)
        self.unchanged()
        self.quiet()

    def test_followed(self) -> None:
        """A 302 to a code that is followed finds nobody: 404."""
        self.world = World(features=[CallForward, Redirects])
        self.redirects("<sip:*72666@pbx.example.com>")
        self.alice.gets(181)
        self.alice.gets(404)
        self.unchanged()
        self.quiet()

    def test_transferred(self) -> None:
        """A REFER to a code is not handed on: 603, and the call goes on."""
        alice, bob = self.world.phones("alice", "bob", manners=Manners(answers_after=1))
        alice.dial("bob")
        self.world.run(3)
        bob.session.transfer("*72666")
        self.world.run(5)
        self.assertEqual(bob.session.refer_code, 603)
        self.assertTrue(alice.talks_to(bob))
        self.assertEqual(len(alice.sessions), 1)
        self.unchanged()
        alice.hang_up()
        self.world.run(5)
        self.quiet()
