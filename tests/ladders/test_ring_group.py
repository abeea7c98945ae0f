"""Ring groups and find-me (RFC 5359 section 2.12): one number, several phones."""

from __future__ import annotations

from typing import Any

from b2bua.testing.case import LadderTestCase
from b2bua.testing.manners import by_hand
from b2bua.testing.phone import Phone
from b2bua.testing.world import World
from b2bua.wire.message import Request
from b2bua_plugins.do_not_disturb import DoNotDisturb
from b2bua_plugins.find_me import FindMe
from b2bua_plugins.forward import CallForward
from b2bua_plugins.redirects import Redirects
from b2bua_plugins.ring_group import RingGroup

FEATURES = [DoNotDisturb, CallForward, FindMe, RingGroup, Redirects]


class SeveralCase(LadderTestCase):
    """A world in which one number leads to several phones."""

    def start(self, **settings: Any) -> None:
        """Begin the world."""
        self.world = World(settings=settings, features=FEATURES)

    def group(self, *members: Any, extensions: dict[str, Any] | None = None, **more: Any) -> None:
        """Begin a world with the group 600."""
        self.start(ring_groups={"600": {"members": members, **more}}, extensions=extensions or {})

    def invited(self, *phones: Phone) -> None:
        """They are invited, and ring."""
        for phone in phones:
            phone.gets("INVITE")
            phone.answers(180)

    def answered_by(self, caller: Phone, phone: Phone) -> None:
        """One phone answers, and they talk."""
        phone.answers(200)
        caller.gets(200)
        caller.sends("ACK")
        phone.gets("ACK")
        self.assertTalking((caller.name, phone.name))

    def over(self, caller: Phone, phone: Phone) -> None:
        """They hang up, and nothing is left."""
        self.disconnect(caller, phone)
        self.quiet()

    def told_elsewhere(self, phone: Phone) -> None:
        """A phone stops ringing, and need not show a missed call."""
        cancel = phone.gets("CANCEL")
        self.assertIsInstance(cancel, Request)
        self.assertEqual(cancel.all("Reason"), ['SIP;cause=200;text="Call completed elsewhere"'])


class ParallelTests(SeveralCase):
    """All members ring at once."""

    def test_first_wins(self) -> None:
        """
        Who answers first has the call.

        The others are told that it was answered elsewhere, so they show no
        missed call (irontec/ivozprovider#393; acceptance list, item 8).
        """
        self.group("bob", "carol", "dave", name="Sales")
        alice, bob, carol, dave = self.phones("alice", "bob", "carol", "dave")
        alice.sends("INVITE", to="600")
        invite = bob.gets("INVITE")
        self.assertEqual(invite.from_.display, "Sales: Alice")
        bob.answers(180)
        self.invited(carol, dave)
        alice.gets(180)
        carol.answers(200)
        self.told_elsewhere(bob)
        self.told_elsewhere(dave)
        alice.gets(180)
        alice.gets(180)
        alice.gets(200)
        alice.sends("ACK")
        carol.gets("ACK")
        self.assertTalking(("alice", "carol"))
        self.over(alice, carol)

    def test_late_200(self) -> None:
        """Two answer at the same time: the second is acknowledged and hung up (section 9.1)."""
        self.group("bob", "carol")
        alice, bob, carol = self.phones("alice", "bob", "carol")
        alice.sends("INVITE", to="600")
        bob.gets("INVITE")
        carol.gets("INVITE")
        bob.answers(200)
        carol.answers(200)
        alice.gets(200)
        alice.sends("ACK")
        bob.gets("ACK")
        carol.gets("ACK")
        carol.gets("BYE")
        carol.answers(200)
        self.assertTalking(("alice", "bob"))
        self.over(alice, bob)

    def test_refusing_member(self) -> None:
        """A member that refuses or declines for everybody (6xx) does not stop the group."""
        self.group("bob", "carol", "dave")
        alice, bob, carol, dave = self.phones("alice", "bob", "carol", "dave")
        alice.sends("INVITE", to="600")
        for phone in (bob, carol, dave):
            phone.gets("INVITE")
        bob.answers(603)
        carol.answers(486)
        dave.answers(180)
        alice.gets(180)
        self.answered_by(alice, dave)
        self.over(alice, dave)

    def test_forwarding_member(self) -> None:
        """
        A member's forwards count (fusionpbx#2002), and do not stop the group.

        Found in the review of kazoo PR#3508 as well: a forwarded member must
        not end the search.
        """
        self.group("bob", "carol", extensions={"bob": {"forward": {"busy": "dave"}}})
        alice, bob, carol, dave = self.phones("alice", "bob", "carol", "dave")
        alice.sends("INVITE", to="600")
        bob.gets("INVITE")
        carol.gets("INVITE")
        bob.answers(486)
        alice.gets(181)
        invite = dave.gets("INVITE")
        self.assertEqual(invite.diversions[0].uri.user, "bob")
        carol.answers(486)
        dave.answers(180)
        alice.gets(180)
        self.answered_by(alice, dave)
        self.over(alice, dave)

    def test_ring_of_a_forward(self) -> None:
        """The ring that a member's forward asks for is for whom it leads to, not for other members."""
        alert = "<urn:alert:service:forward>"
        bob = {"forward": {"always": "dave", "alert_info": alert}}
        self.group("bob", "carol", extensions={"bob": bob})
        alice, _, carol, dave = self.phones("alice", "bob", "carol", "dave")
        alice.sends("INVITE", to="600", fields=[("Alert-Info", "<urn:alert:source:internal>")])
        self.assertEqual(dave.gets("INVITE").all("Alert-Info"), [alert])
        self.assertEqual(carol.gets("INVITE").all("Alert-Info"), ["<urn:alert:source:internal>"])
        alice.gets(181)
        for phone in (dave, carol):
            phone.answers(180)
            alice.gets(180)
        alice.sends("CANCEL")
        for phone in (dave, carol):
            phone.gets("CANCEL")
        alice.gets(487)
        self.quiet()

    def test_absent_member(self) -> None:
        """fusionpbx#1181, #2164: a member that is not registered forwards all the same, and stops nobody."""
        self.group("bob", "carol", extensions={"bob": {"forward": {"unreachable": "dave"}}})
        alice, carol, dave = self.phones("alice", "carol", "dave")
        alice.sends("INVITE", to="600")
        alice.gets(181)
        self.invited(carol, dave)
        alice.gets(180)
        alice.gets(180)
        self.answered_by(alice, carol)
        self.told_elsewhere(dave)
        self.over(alice, carol)

    def test_answered_against_the_cancel(self) -> None:
        """A 200 that crosses our CANCEL is acknowledged and hung up (section 9.1)."""
        self.group("bob", "carol")
        alice, bob, carol = self.phones("alice", "bob", "carol", manners=by_hand(honours_cancel=False))
        alice.sends("INVITE", to="600")
        self.invited(bob, carol)
        alice.gets(180)
        alice.gets(180)
        bob.answers(200)
        carol.gets("CANCEL")
        carol.answers(200)
        alice.gets(200)
        alice.sends("ACK")
        bob.gets("ACK")
        carol.gets("ACK")
        carol.gets("BYE")
        carol.answers(200)
        self.assertTalking(("alice", "bob"))
        self.over(alice, bob)

    def test_forwards_ignored(self) -> None:
        """With C{forwards = false} neither a forward nor a 302 of a member counts."""
        self.group(
            "bob", "carol", "dave", forwards=False, extensions={"bob": {"forward": {"always": "erin"}}}
        )
        alice, bob, carol, dave, erin = self.phones("alice", "bob", "carol", "dave", "erin")
        alice.sends("INVITE", to="600")
        self.invited(bob, dave)
        carol.gets("INVITE")
        alice.gets(180)
        alice.gets(180)
        carol.answers(302, fields=[("Contact", "<sip:erin@pbx.example.com>")])
        self.answered_by(alice, bob)
        dave.gets("CANCEL")
        self.assertEqual(erin.unread(), [])
        self.over(alice, bob)

    def test_delay(self) -> None:
        """A member with a delay rings later; when the call is answered before, it never rings."""
        self.group("bob", {"target": "carol", "after": 10})
        alice, bob, carol = self.phones("alice", "bob", "carol")
        alice.sends("INVITE", to="600")
        self.invited(bob)
        alice.gets(180)
        self.world.run(9)
        self.assertEqual(carol.unread(), [])
        carol.gets("INVITE", within=1.5)
        carol.answers(180)
        alice.gets(180)
        self.answered_by(alice, bob)
        self.told_elsewhere(carol)
        self.over(alice, bob)
        alice.sends("INVITE", to="600")
        self.invited(bob)
        alice.gets(180)
        self.answered_by(alice, bob)
        self.world.run(15)
        self.assertEqual(carol.unread(), [])
        self.over(alice, bob)

    def test_nobody(self) -> None:
        """All are busy: the caller hears busy."""
        self.group("bob", "carol")
        alice, bob, carol = self.phones("alice", "bob", "carol")
        alice.sends("INVITE", to="600")
        for phone in (bob, carol):
            phone.gets("INVITE")
            phone.answers(486)
        alice.gets(486)
        self.quiet()

    def test_otherwise(self) -> None:
        """Nobody answers for 20 seconds: the call goes where the group says."""
        self.group("bob", "carol", otherwise="dave")
        alice, bob, carol, dave = self.phones("alice", "bob", "carol", "dave")
        alice.sends("INVITE", to="600")
        self.invited(bob, carol)
        alice.gets(180)
        alice.gets(180)
        bob.gets("CANCEL", within=21)
        carol.gets("CANCEL")
        alice.gets(181)
        invite = dave.gets("INVITE")
        self.assertEqual(invite.diversions[0].param("reason"), "no-answer")
        dave.answers(180)
        alice.gets(180)
        self.answered_by(alice, dave)
        self.over(alice, dave)

    def test_circle(self) -> None:
        """A calls a group whose member forwards back to A, or to the group (acceptance list, item 7)."""
        for target in ("alice", "600"):
            with self.subTest(target):
                self.group("bob", "carol", extensions={"bob": {"forward": {"always": target}}})
                alice, bob, carol = self.phones("alice", "bob", "carol")
                alice.sends("INVITE", to="600")
                carol.gets("INVITE")
                carol.answers(486)
                if target == "alice":  # who calls is not called back; the phone rings instead
                    bob.gets("INVITE")
                    bob.answers(486)
                alice.gets(486)
                self.quiet()

    def test_member_outside(self) -> None:
        """A member outside is called though the caller may not call out: the configuration names it."""
        self.start(
            ring_groups={"600": {"members": ["+4930123456"]}},
            extensions={"alice": {"may_dial": ["extensions"]}},
            trunks={"carrier": {"uri": "sip:198.51.100.7", "accept_from": ["198.51.100.7"]}},
            routes=[{"match": r"\+\d+", "trunk": "carrier"}],
        )
        [alice] = self.phones("alice")
        carrier = self.world.trunk("carrier", by_hand(), host="198.51.100.7")
        alice.sends("INVITE", to="600")
        carrier.gets("INVITE")
        carrier.answers(180)
        alice.gets(180)
        self.answered_by(alice, carrier)
        self.over(alice, carrier)


class SequentialTests(SeveralCase):
    """One member after the other."""

    def test_sequence(self) -> None:
        """The second rings when the first has not answered for its time, the third when that refuses."""
        members = [{"target": "bob", "ring_seconds": 5}, "carol", "dave"]
        self.group(*members, mode="sequential")
        alice, bob, carol, dave = self.phones("alice", "bob", "carol", "dave")
        alice.sends("INVITE", to="600")
        self.invited(bob)
        alice.gets(180)
        self.assertEqual(carol.unread(), [])
        bob.gets("CANCEL", within=6)
        carol.gets("INVITE")
        carol.answers(603)
        self.invited(dave)
        alice.gets(180)
        self.answered_by(alice, dave)
        self.over(alice, dave)

    def test_caller_gives_up(self) -> None:
        """The caller hangs up while the second rings: the third is never tried."""
        self.group("bob", "carol", "dave", mode="sequential")
        alice, bob, carol, dave = self.phones("alice", "bob", "carol", "dave")
        alice.sends("INVITE", to="600")
        bob.gets("INVITE")
        bob.answers(486)
        self.invited(carol)
        alice.gets(180)
        alice.sends("CANCEL")
        carol.gets("CANCEL")
        alice.gets(487)
        self.world.run(60)
        self.assertEqual(dave.unread(), [])
        self.quiet()


class FindMeTests(SeveralCase):
    """RFC 5359 section 2.12."""

    def find(self, *places: Any, forward: dict[str, Any] | None = None, **more: Any) -> None:
        """Begin a world in which Bob is looked for."""
        bob: dict[str, Any] = {"find_me": {"places": places, **more}, "forward": forward or {}}
        self.start(extensions={"bob": bob})

    def test_sequential(self) -> None:
        """Bob's own phone, then Carol's, then Dave's, who answers (section 2.12)."""
        self.find("bob", "carol", "dave", ring_seconds=10)
        alice, bob, carol, dave = self.phones("alice", "bob", "carol", "dave")
        alice.sends("INVITE", to="bob")
        invite = bob.gets("INVITE")
        self.assertEqual(invite.diversions, ())
        bob.answers(180)
        alice.gets(180)
        bob.gets("CANCEL", within=11)
        alice.gets(181)
        invite = carol.gets("INVITE")
        self.assertEqual([(d.uri.user, d.param("reason")) for d in invite.diversions], [("bob", "follow-me")])
        carol.answers(486)
        alice.gets(181)
        self.invited(dave)
        alice.gets(180)
        self.answered_by(alice, dave)
        self.over(alice, dave)

    def test_parallel(self) -> None:
        """All places ring at once; the first that answers has the call."""
        self.find("bob", "carol", mode="parallel")
        alice, bob, carol = self.phones("alice", "bob", "carol")
        alice.sends("INVITE", to="bob")
        self.invited(bob)
        alice.gets(181)
        self.invited(carol)
        alice.gets(180)
        alice.gets(180)
        self.answered_by(alice, carol)
        self.told_elsewhere(bob)
        self.over(alice, carol)

    def test_then_forward(self) -> None:
        """When he is nowhere, his forward for no answer holds."""
        self.find("bob", "carol", ring_seconds=5, forward={"no_answer": "erin"})
        alice, bob, carol, erin = self.phones("alice", "bob", "carol", "erin")
        alice.sends("INVITE", to="bob")
        self.invited(bob)
        alice.gets(180)
        bob.gets("CANCEL", within=6)
        alice.gets(181)
        self.invited(carol)
        alice.gets(180)
        carol.gets("CANCEL", within=6)
        alice.gets(181)
        self.invited(erin)
        alice.gets(180)
        self.answered_by(alice, erin)
        self.over(alice, erin)

    def test_each_other(self) -> None:
        """Two who look for each other: each place rings once, and then it is over."""
        search = {"ring_seconds": 5}
        self.start(
            extensions={
                "bob": {"find_me": {"places": ["bob", "carol"], **search}},
                "carol": {"find_me": {"places": ["carol", "bob"], **search}},
            }
        )
        alice, bob, carol = self.phones("alice", "bob", "carol")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(486)
        alice.gets(181)
        carol.gets("INVITE")
        carol.answers(486)
        alice.gets(486)
        self.quiet()
