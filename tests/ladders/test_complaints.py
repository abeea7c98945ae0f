"""
What users of other servers run into, and what happens here: one test for each complaint.

The name is that of the thread.  Forwarding has its own in C{test_forward_ends},
C{test_forward_circles}, C{test_ring_group} and C{test_feature_codes}, transfers in
C{test_transfer_complaints}, plugins that break or are reloaded in
C{tests/features}.
"""

from __future__ import annotations

from b2bua import hookimpl
from b2bua.calls import Attempt, Call, Forward, InvitationDraft, Leg, Outcome, Referral, Refuse
from b2bua.testing.case import LadderTestCase
from b2bua.testing.manners import Manners
from b2bua.testing.sdp import read
from b2bua.testing.world import World
from b2bua.wire.message import Message
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.do_not_disturb import DoNotDisturb
from b2bua_plugins.forward import CallForward
from b2bua_plugins.replaces import Replaces


class SessionTests(LadderTestCase):
    """Glare, hold and re-INVITEs."""

    def make_world(self) -> World:
        """A world with something that makes a call of one leg: a feature code."""
        return World(features=[DoNotDisturb])

    def test_one_leg(self) -> None:
        """siphon-sip#345: a call that has one leg only can be held; it does not hear 491 for ever."""
        [alice] = self.phones("alice")
        alice.sends("INVITE", to="*79")
        alice.gets(200)
        alice.sends("ACK")
        for wish in ("sendonly", "sendrecv"):
            alice.sends("INVITE", wish=wish)
            alice.gets(200)
            alice.sends("ACK")
        alice.gets("BYE", within=4)
        alice.answers(200)
        self.quiet()

    def test_refresh(self) -> None:
        """
        siphon-sip#398, #415: a refresh carries the session of the right leg.

        Whoever refreshes, and whether the other side uses session timers or not,
        both still hear each other, and an unchanged session is an unchanged session.
        """
        for who in ("alice", "bob"):
            with self.anew(who):
                alice, bob = self.world.phones("alice", "bob", manners=Manners(answers_after=0.2))
                phone = {"alice": alice, "bob": bob}[who]
                phone.manners.session_expires = 90
                phone.manners.refreshes_by = "INVITE"
                alice.dial("bob")
                self.world.run(1000)
                self.assertTalking(("alice", "bob"))
                self.assertTrue(alice.talks_to(bob))
                alice.hang_up()
                self.quiet()

    def test_bye_meets_reinvite(self) -> None:
        """drachtio-server PR#402: a BYE that crosses a re-INVITE ends the call, and nothing else."""
        for one, other in (("alice", "bob"), ("bob", "alice")):
            with self.anew(one):
                names = ("alice", "bob")
                manners = Manners(answers_after=0.2)
                phones = dict(zip(names, self.world.phones(*names, manners=manners), strict=True))
                phones["alice"].dial("bob")
                self.world.run(2)
                phones[one].hold()
                phones[other].hang_up()
                self.world.run(5)
                self.assertEqual([phone.live for phone in phones.values()], [[], []])
                self.quiet()

    def test_183_then_200(self) -> None:
        """drachtio-srf#121: 183 and 200 in quick succession, and the 200 still has its session."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(183, session=True)
        bob.answers(200)
        alice.gets(183)
        answer = alice.gets(200)
        self.assertTrue(answer.body)
        alice.sends("ACK")
        bob.gets("ACK")
        self.disconnect(alice, bob)
        self.quiet()

    def test_cancel_finds_its_call(self) -> None:
        """drachtio-srf#47: of two calls that ring, a CANCEL ends its own."""
        alice, bob, carol = self.phones("alice", "bob", "carol")
        first = alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180)
        alice.gets(180)
        alice.sends("INVITE", to="carol")
        carol.gets("INVITE")
        carol.answers(180)
        alice.gets(180)
        alice.sends("CANCEL", session=first)
        bob.gets("CANCEL")
        alice.gets(487)
        carol.answers(200)
        alice.gets(200)
        alice.sends("ACK")
        carol.gets("ACK")
        self.disconnect(alice, carol)
        self.quiet()

    def test_back_off(self) -> None:
        """
        pjsip#3886, siphon-ai#454: glare does not repeat itself.

        Both phones re-INVITE at every distance that the network allows; both
        are done after some seconds, with both on hold (RFC 3261 section 14.1).
        """
        for step in range(8):
            with self.anew(step):
                alice, bob = self.world.phones("alice", "bob", manners=Manners(answers_after=0.2))
                alice.dial("bob")
                self.world.run(2)
                alice.hold()
                self.world.run(step * 0.005)
                bob.hold()
                self.world.run(10)
                self.assertEqual(self.world.talking(), set())
                self.assertFalse(alice.session.busy or bob.session.busy)
                alice.hang_up()
                self.quiet()

    def test_inactive_stays_inactive(self) -> None:
        """freeswitch#323: a hold that says inactive arrives as inactive, not as recvonly."""
        alice, bob = self.phones("alice", "bob")
        self.connect(alice, bob)
        alice.sends("INVITE", wish="inactive")
        offer = bob.gets("INVITE")
        self.assertEqual([line.direction for line in read(offer.body).streams], ["inactive"])
        bob.answers(200)
        answer = alice.gets(200)
        self.assertEqual([line.direction for line in read(answer.body).streams], ["inactive"])
        alice.sends("ACK")
        bob.gets("ACK")
        self.disconnect(alice, bob)
        self.quiet()


class Everywhere:
    """A feature that wants to see everything of a call."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.seen: list[str] = []

    @hookimpl
    def route_call(self, attempt: Attempt) -> Forward | None:
        """See where calls go."""
        self.seen.append("route")
        return None

    @hookimpl
    def invitation_leaving(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Leave a mark."""
        draft.add("Subject", " ".join([*(v for n, v in draft.fields if n == "Subject"), "everywhere"]))

    @hookimpl
    def call_held(self, call: Call, leg: Leg) -> None:
        """See a re-INVITE."""
        self.seen.append("held")

    @hookimpl
    def transfer_requested(self, call: Call, leg: Leg, referral: Referral) -> None:
        """See a REFER, and leave it to others."""
        self.seen.append("refer")

    @hookimpl
    def target_failed(self, attempt: Attempt, outcome: Outcome) -> Refuse | None:
        """See how a target failed."""
        self.seen.append(outcome.kind)
        return None

    @hookimpl
    def leg_ended(self, call: Call, leg: Leg) -> None:
        """See the end."""
        self.seen.append("ended")


class PluginTests(LadderTestCase):
    """Python, and writing plugins."""

    def make_world(self) -> World:
        """A world with several features on one call."""
        self.everywhere = Everywhere()
        settings = {"extensions": {"bob": {"forward": {"busy": "carol"}}}}
        features = [self.everywhere, CallForward, BlindTransfer, Replaces]
        return World(settings=settings, features=features)

    def test_in_dialog(self) -> None:
        """
        drachtio-srf#30, #64: features see what happens within a dialog too.

        sip.js#84: several of them on one call, each at every event, and none
        has to know of the others.
        """
        alice, bob, carol, dave = self.world.phones(
            "alice", "bob", "carol", "dave", manners=Manners(answers_after=0.2)
        )
        bob.manners.refuses = 486
        alice.dial("bob")
        self.world.run(2)
        self.assertTrue(alice.talks_to(carol))
        alice.hold()
        self.world.run(1)
        carol.session.transfer("dave")
        self.world.run(3)
        self.assertEqual(carol.live, [])
        dave.hang_up()
        self.world.run(1)
        self.assertEqual(
            [what for what in self.everywhere.seen if what != "ended"],
            ["route", "busy", "route", "held", "refer", "route"],
        )
        self.assertEqual(bob.sessions[0].invite.get("Subject"), "everywhere")  # type: ignore[union-attr]
        self.quiet()

    def test_own_identifiers(self) -> None:
        """sippy/b2bua#51: each leg has a Call-ID, tags, CSeq and Contact of its own."""
        alice, bob = self.phones("alice", "bob")
        session = alice.sends("INVITE", to="bob")
        invite = bob.gets("INVITE")
        self.assertNotEqual(invite.call_id, session.call_id)
        assert session.invite is not None
        for name in ("Call-ID", "From", "Via", "Contact"):
            self.assertNotIn(alice.host, invite.get(name) or "", name)
        self.assertNotEqual(invite.from_.tag, session.invite.from_.tag)
        bob.answers(486)
        alice.gets(181)
        self.world.run(0.1)
        alice.sends("CANCEL")
        alice.gets(480)
        self.quiet()

    def advertised(self, message: Message) -> dict[str, set[str]]:
        """What a message says we can do."""
        return {
            name: {word.strip() for value in message.all(name) for word in value.split(",")}
            for name in ("Allow", "Supported")
        }

    def test_advertised(self) -> None:
        """
        Item 15 of the acceptance list: what every leg hears that we can do.

        siphon-sip#281: without C{Supported: replaces} a phone silently makes a
        basic transfer of an attended one.
        """
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        invite = bob.gets("INVITE")
        bob.answers(180)
        alice.gets(180)
        bob.answers(200)
        answer = alice.gets(200)
        alice.sends("ACK")
        bob.gets("ACK")
        for message in (invite, answer):
            can = self.advertised(message)
            self.assertLessEqual(
                {"INVITE", "ACK", "CANCEL", "BYE", "REFER", "NOTIFY", "UPDATE", "INFO"}, can["Allow"]
            )
            self.assertLessEqual({"replaces", "norefersub", "timer"}, can["Supported"])
        self.assertIn("100rel", self.advertised(invite)["Supported"])
        self.disconnect(alice, bob)
        self.quiet()
