"""Intercom: phones that answer by themselves, and who may have them do so."""

from __future__ import annotations

from typing import Any

from b2bua.testing import LadderTestCase, Manners, World
from b2bua.wire.message import Request

ASKING = (
    ("Alert-Info", "<http://127.0.0.1>;info=alert-autoanswer"),
    ("Call-Info", "<sip:x>;answer-after=0"),
    ("Answer-Mode", "Auto"),
    ("Priv-Answer-Mode", "Auto"),
)
HARMLESS = ("Alert-Info", "<http://127.0.0.1/bell>;info=ring3")


class IntercomTests(LadderTestCase):
    """C{*80} and an extension."""

    def make_world(self) -> World:
        """Dave may not; Carol is called so by nobody but Alice."""
        extensions = {
            "dave": {"intercom": {"may_call": False}},
            "carol": {"intercom": {"called_by": ["alice"]}},
        }
        trunks = {"carrier": {"uri": "sip:198.51.100.7", "accept_from": ["198.51.100.7"], "trusted": True}}
        return World(features="installed", settings={"extensions": extensions, "trunks": trunks})

    def called(self, caller: Any, to: str, phone: Any, fields: Any = ()) -> Request:
        """Call, see what arrives, and give up."""
        caller.sends("INVITE", to=to, fields=fields)
        invite = phone.gets("INVITE")
        phone.answers(180)
        caller.gets(180)
        caller.sends("CANCEL")
        phone.gets("CANCEL")
        caller.gets(487)
        assert isinstance(invite, Request)
        return invite

    def test_words(self) -> None:
        """The INVITE asks in the words of all makes, and Bob's phone answers."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="*80bob")
        invite = bob.gets("INVITE")
        self.assertIn("info=alert-autoanswer", invite.get("Alert-Info"))
        self.assertEqual(invite.get("Call-Info"), "<sip:alice@pbx.example.com>;answer-after=0")
        self.assertEqual(invite.get("Answer-Mode"), "Auto")
        bob.answers(200)
        alice.gets(200)
        alice.sends("ACK")
        bob.gets("ACK")
        self.disconnect(alice, bob)
        self.quiet()

    def test_not_allowed(self) -> None:
        """Who may not is refused, and so is who may not call this one."""
        bob, dave, carol = self.phones("bob", "dave", "carol")
        for caller, to in ((dave, "*80bob"), (bob, "*80carol")):
            caller.sends("INVITE", to=to)
            self.assertEqual(caller.gets(403).reason, "No intercom")
        carol.gets_nothing()
        self.quiet()

    def test_stripped(self) -> None:
        """Fields of a caller who may not, a trunk's as well, do not make a phone answer; other bells ring."""
        bob, dave, alice = self.phones("bob", "dave", "alice")
        carrier = self.world.trunk("carrier", host="198.51.100.7", number="+4930123456")
        del carrier
        invite = self.called(dave, "bob", bob, (*ASKING, HARMLESS))
        self.assertEqual(invite.all("Alert-Info"), [HARMLESS[1]])
        for name in ("Call-Info", "Answer-Mode", "Priv-Answer-Mode"):
            self.assertIsNone(invite.get(name))
        passed = self.called(alice, "bob", bob, ASKING)
        self.assertEqual(passed.get("Answer-Mode"), "Auto")
        self.quiet()

    def test_nobody(self) -> None:
        """The code alone, and one that names no extension, are refused."""
        [alice] = self.phones("alice")
        for to, code in (("*80", 484), ("*80nobody", 404)):
            alice.sends("INVITE", to=to)
            alice.gets(code)
        self.quiet()

    def test_transferred(self) -> None:
        """Intercom × blind transfer: whom the call is transferred to is not made to answer."""
        alice, bob, carol = self.phones("alice", "bob", "carol")
        alice.sends("INVITE", to="*80bob")
        bob.gets("INVITE")
        bob.answers(200)
        alice.gets(200)
        alice.sends("ACK")
        bob.gets("ACK")
        bob.sends("REFER", to="carol")
        bob.gets(202)
        self.assertIsNone(carol.gets("INVITE").get("Answer-Mode"))


WORDS, HALL = "<http://pbx.example.com>;info=Sales", "<http://pbx.example.com>;info=Hall;delay=0"
CARRIER = "198.51.100.7"


class OwnWordsTests(LadderTestCase):
    """The operator has phones answer by words of their own, and those are nobody else's."""

    def make_world(self) -> World:
        """Dave may not; a carrier that is trusted may not either; a page has other words."""
        settings = {
            "extensions": {"dave": {"intercom": {"may_call": False}}},
            "intercom": {"alert_info": WORDS},
            "pages": {"650": {"members": ["bob"], "alert_info": HALL}},
            "trunks": {"carrier": {"uri": f"sip:{CARRIER}", "accept_from": [CARRIER], "trusted": True}},
        }
        return World(features="installed", settings=settings)

    def arrives(self, caller: Any, alert: str) -> str | None:
        """What of an Alert-Info reaches Bob's phone."""
        session = caller.dial("sip:bob@pbx.example.com", fields=[("Alert-Info", alert)])
        self.world.run(1)
        got = [item.message for item in self.bob.inbox if isinstance(item.message, Request)]
        invite = [one for one in got if one.method == "INVITE"][-1]
        session.hang_up()
        self.world.run(2)
        return invite.get("Alert-Info")

    def test_not_theirs(self) -> None:
        """Whoever may not have phones answer does not by those words, however they are written."""
        dave, self.bob = self.world.phones("dave", "bob", manners=Manners(answers_after=None))
        carrier = self.world.trunk("carrier", Manners(), host=CARRIER)
        for caller in (dave, carrier):
            for alert in (WORDS, '<sip:x>;delay=0;INFO = "sales"', HALL, f"<sip:x>;info=ring3, {HALL}"):
                self.assertIsNone(self.arrives(caller, alert), alert)
            for alert in (HARMLESS[1], "<sip:x>;info=Sales2"):
                self.assertEqual(self.arrives(caller, alert), alert)
        self.quiet()

    def test_may(self) -> None:
        """The code says the words, and so may the phone of whoever may dial it."""
        alice, self.bob = self.world.phones("alice", "bob", manners=Manners(answers_after=None))
        self.assertEqual(self.arrives(alice, WORDS), WORDS)
        alice.dial("*80bob")
        self.world.run(1)
        invite = self.bob.inbox[-1].message
        self.assertEqual((invite.get("Alert-Info"), invite.get("Answer-Mode")), (WORDS, "Auto"))
        alice.hang_up()
        self.world.run(2)
        self.quiet()
