"""
Where forwards end: permissions, far places, and what is told on the way.

What users of other servers complain about, each complaint by its number.
"""

from __future__ import annotations

from typing import Any

from b2bua.testing.phone import Phone
from tests.ladders.forwards import CARRIER, ForwardCase


class PermissionTests(ForwardCase):
    """Who forwards pays: the permission of the forwarder counts (fusionpbx#2252, PR#1098, PR#2409)."""

    def test_forwarder_may(self) -> None:
        """Alice may not call out herself, but Bob may, and forwards to outside."""
        self.start(
            {"bob": {"always": "+4930123456"}},
            extensions={"alice": {"may_dial": ["extensions"]}},
            **CARRIER,
        )
        alice, _ = self.phones("alice", "bob")
        carrier = self.carrier()
        alice.sends("INVITE", to="bob")
        invite = self.gets_forwarded(alice, carrier)
        self.assertEqual(invite.request_uri.user, "+4930123456")
        self.talks(alice, carrier)

    def test_redirection_with_diversion(self) -> None:
        """
        Why Bob's phone has sent the call on is told on, and by whom it was before, if it is believed.

        RFC 5806 section 4; what a phone that is not trusted says of others is not.
        """
        for trusted in (True, False):
            with self.subTest(trusted=trusted):
                self.start({}, extensions={"bob": {"trusted": trusted}}, **CARRIER)
                alice, bob = self.phones("alice", "bob")
                carrier = self.carrier()
                alice.sends("INVITE", to="bob")
                bob.gets("INVITE")
                said = (
                    "<sip:bob@pbx.example.com>;reason=no-answer",
                    "<sip:frank@pbx.example.com>;reason=user-busy",
                )
                bob.answers(
                    302,
                    fields=[
                        ("Contact", "<sip:+4930123456@pbx.example.com>"),
                        *[("Diversion", one) for one in said],
                    ],
                )
                invite = self.gets_forwarded(alice, carrier)
                self.assertEqual(
                    invite.all("Diversion"), [f"{one};counter=1" for one in said[: 2 if trusted else 1]]
                )
                self.talks(alice, carrier)

    def test_forwarder_may_not(self) -> None:
        """Bob may not call out, so a forward of his does not either, whoever calls."""
        self.start(
            {"bob": {"always": "+4930123456"}},
            extensions={"bob": {"may_dial": ["extensions"]}},
            **CARRIER,
        )
        alice, _ = self.phones("alice", "bob")
        self.refused(alice, "bob", 603)

    def test_redirect_may_not(self) -> None:
        """Nor does a 302 of his phone."""
        self.start({}, extensions={"bob": {"may_dial": ["extensions"]}}, **CARRIER)
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(302, fields=[("Contact", "<sip:+4930123456@pbx.example.com>")])
        alice.gets(181)
        alice.gets(603)
        self.quiet()


class FarTests(ForwardCase):
    """Forwards that leave the house, and redirections that come from outside."""

    def test_uri(self) -> None:
        """A forward to a URI of another domain goes there."""
        self.start({"bob": {"always": "sip:zoe@198.51.100.7"}})
        alice, _ = self.phones("alice", "bob")
        zoe = self.carrier()
        alice.sends("INVITE", to="bob")
        invite = self.gets_forwarded(alice, zoe)
        self.assertEqual(invite.request_uri.user, "zoe")
        self.talks(alice, zoe)

    def test_tel(self) -> None:
        """A forward to a tel URI goes to its number, however people write that (RFC 3966 section 3)."""
        self.start({"bob": {"always": "tel:+49-30-12.34(56)"}}, **CARRIER)
        alice, _ = self.phones("alice", "bob")
        carrier = self.carrier()
        alice.sends("INVITE", to="bob")
        invite = self.gets_forwarded(alice, carrier)
        self.assertEqual(invite.request_uri.user, "+4930123456")
        self.talks(alice, carrier)

    def trunk_redirects(self, policy: str) -> tuple[Phone, Phone]:
        """Alice calls out, and the carrier redirects to another number of its own."""
        more = {"redirects": policy, "may_dial": ["extensions", "trunks"]}
        routes = [{**route, "callers": ["extensions", "trunks"]} for route in CARRIER["routes"]]
        tables = {"routes": routes, "trunks": {"carrier": {**CARRIER["trunks"]["carrier"], **more}}}
        self.start({}, **tables)
        [alice] = self.phones("alice")
        carrier = self.carrier()
        alice.sends("INVITE", to="+49301")
        carrier.gets("INVITE")
        carrier.answers(302, fields=[("Contact", "<sip:+49302@pbx.example.com>")])
        return alice, carrier

    def test_trunk_followed(self) -> None:
        """The policy of a trunk is its own: follow, with the trunk's permission."""
        alice, carrier = self.trunk_redirects("follow")
        invite = self.gets_forwarded(alice, carrier)
        self.assertEqual(invite.request_uri.user, "+49302")
        self.talks(alice, carrier)

    def test_trunk_passed(self) -> None:
        """Or pass to the caller."""
        alice, _ = self.trunk_redirects("pass")
        moved = alice.gets(302)
        self.assertEqual(moved.contacts[0].uri.user, "+49302")
        self.quiet()

    def test_trunk_refused(self) -> None:
        """Or refuse."""
        alice, _ = self.trunk_redirects("refuse")
        alice.gets(480)
        self.quiet()


class ChainTests(ForwardCase):
    """What is told of a call that was sent on twice (acceptance list, item 9)."""

    def test_both_fields(self) -> None:
        """
        Diversion and History-Info list the whole chain (voipmonitor/sniffer#81).

        The caller's identity is kept (irontec/ivozprovider#426).
        """
        self.start({"bob": {"always": "carol"}, "carol": {"busy": "dave"}})
        alice, _, carol, dave = self.phones("alice", "bob", "carol", "dave")
        alice.sends("INVITE", to="bob")
        self.gets_forwarded(alice, carol)
        carol.answers(486)
        invite = self.gets_forwarded(alice, dave)
        self.assertEqual(
            invite.all("Diversion"),
            [
                "<sip:carol@pbx.example.com>;reason=user-busy;counter=1",
                "<sip:bob@pbx.example.com>;reason=unconditional;counter=1",
            ],
        )
        self.assertEqual(
            [(entry.uri.user, entry.uri.param("cause")) for entry in invite.history],
            [("bob", None), ("carol", "302"), ("dave", "486")],
        )
        self.assertEqual(invite.from_.uri.user, "alice")
        self.talks(alice, dave)

    def test_from_outside(self) -> None:
        """Diversions that a call has behind it when it comes are told on, and come first."""
        self.start({"bob": {"always": "carol"}}, **CARRIER)
        _, carol = self.phones("bob", "carol")
        carrier = self.carrier()
        carrier.sends("INVITE", to="bob", fields=[("Diversion", "<sip:+1555@example.net>;reason=no-answer")])
        invite = carol.gets("INVITE")
        self.assertEqual(
            [(entry.uri.user, entry.param("reason")) for entry in invite.diversions],
            [("bob", "unconditional"), ("+1555", "no-answer")],
        )

    def test_from_a_phone(self) -> None:
        """
        A phone cannot say that others have sent its call on.

        It would name to a carrier whom it likes as the one who pays, and keep
        Bob's forwards from being followed; an extension that is a server of its
        own is C{trusted}, and believed.
        """
        bob = [
            ("Diversion", "<sip:bob@pbx.example.com>;reason=no-answer"),
            ("History-Info", "<sip:erin@pbx.example.com>;index=1, <sip:bob@b>;index=1.1;mp=1;cause=302"),
        ]
        for trusted, diverting in ((False, ["bob"]), (True, ["dave", "bob"])):
            with self.subTest(trusted=trusted):
                self.start({"bob": {"always": "carol"}}, extensions={"alice": {"trusted": trusted}})
                alice, _, carol = self.phones("alice", "bob", "carol")
                said = bob if not trusted else [("Diversion", "<sip:dave@pbx.example.com>")]
                alice.sends("INVITE", to="bob", fields=said)
                invite = self.gets_forwarded(alice, carol)
                self.assertEqual([one.uri.user for one in reversed(invite.diversions)], diverting)
                self.talks(alice, carol)

    def test_private(self) -> None:
        """Who wants no history to be told (RFC 7044 section 10.1.2) has none told to strangers."""
        self.start({"bob": {"always": "+4930123456"}}, **CARRIER)
        alice, _ = self.phones("alice", "bob")
        carrier = self.carrier()
        alice.sends("INVITE", to="bob", fields=[("Privacy", "history")])
        invite = self.gets_forwarded(alice, carrier)
        self.assertEqual([str(one.uri) for one in invite.diversions], ["sip:anonymous@anonymous.invalid"])
        self.assertNotIn("bob", str(invite.all("History-Info")))
        self.talks(alice, carrier)

    def test_callers_told_apart(self) -> None:
        """Callers from outside go elsewhere than those from inside."""
        self.start({"bob": {"always_internal": "carol", "always_external": "dave"}}, **CARRIER)
        alice, _, carol, dave = self.phones("alice", "bob", "carol", "dave")
        carrier = self.carrier()
        alice.sends("INVITE", to="bob")
        self.gets_forwarded(alice, carol)
        carrier.sends("INVITE", to="bob")
        dave.gets("INVITE")

    def test_alert_info(self) -> None:
        """The forward's own ring is asked for."""
        self.start({"bob": {"always": "carol", "alert_info": "<urn:alert:service:forward>"}})
        alice, _, carol = self.phones("alice", "bob", "carol")
        alice.sends("INVITE", to="bob")
        invite = self.gets_forwarded(alice, carol)
        self.assertEqual(invite.get("Alert-Info"), "<urn:alert:service:forward>")
        self.talks(alice, carol)


class MeaningTests(ForwardCase):
    """Which answers of a phone call for which forward."""

    def forwarded_after(self, code: int, *, rings: bool = False, **forward: Any) -> str:
        """To whom a call goes after Bob's phone has answered so; empty for nobody."""
        targets = {"busy": "carol", "no_answer": "dave", "unreachable": "erin"}
        self.start({"bob": targets}, forward=forward)
        alice, bob, *others = self.phones("alice", "bob", "carol", "dave", "erin")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        if rings:
            bob.answers(180)
        bob.answers(code)
        self.world.run(0.5)
        return next((phone.name for phone in others if phone.inbox), "")

    def test_default(self) -> None:
        """486 and 600 are busy; 480 after ringing is no answer, and without it unreachable."""
        for code, to in ((486, "carol"), (600, "carol"), (480, "erin"), (603, ""), (404, ""), (408, "dave")):
            with self.subTest(code):
                self.assertEqual(self.forwarded_after(code), to)
        self.assertEqual(self.forwarded_after(480, rings=True), "dave")

    def test_configured(self) -> None:
        """Where phones say 480 for do-not-disturb or 603 for declined, these can mean busy."""
        statuses = [486, 600, 480, 603]
        for code in statuses:
            with self.subTest(code):
                self.assertEqual(self.forwarded_after(code, busy_statuses=statuses), "carol")

    def test_not_registered(self) -> None:
        """No phone is registered (fusionpbx#1293)."""
        self.start({"bob": {"busy": "dave", "unreachable": "carol"}})
        alice, carol = self.phones("alice", "carol")
        alice.sends("INVITE", to="bob")
        invite = self.gets_forwarded(alice, carol)
        self.assertEqual(invite.diversions[0].param("reason"), "unavailable")
        self.talks(alice, carol)

    def test_limit(self) -> None:
        """Bob has as many calls as he may have: he is busy, and his phone is not even asked."""
        self.start({"bob": {"busy": "carol"}}, extensions={"bob": {"calls_max": 1}})
        alice, bob, carol, dave = self.phones("alice", "bob", "carol", "dave")
        self.connect(alice, bob)
        dave.sends("INVITE", to="bob")
        self.gets_forwarded(dave, carol)
        self.talks_meanwhile(dave, carol)
        self.disconnect(alice, bob)
        self.quiet()

    def talks_meanwhile(self, caller: Phone, phone: Phone) -> None:
        """Another call, while there is one."""
        phone.answers(200)
        caller.gets(200)
        caller.sends("ACK")
        phone.gets("ACK")
        self.disconnect(caller, phone)
