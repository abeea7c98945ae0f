"""
Forwards in a circle: here, over two servers, through a trunk and back.

Item 7 of the acceptance list: a defined end, bounded work, nothing left.
"""

from __future__ import annotations

from itertools import pairwise

from b2bua import hookimpl
from b2bua.calls import InvitationDraft
from b2bua.testing.phone import Phone
from b2bua.testing.served import Served
from b2bua.wire.message import Response
from b2bua_plugins.forward import CallForward
from tests.ladders.forwards import CARRIER, ForwardCase


class CircleTests(ForwardCase):
    """
    Forwards in a circle have a defined end (fusionpbx#2746; acceptance list, item 7).

    The reporter of that thread had users who did it by accident twice a month.
    """

    def test_two(self) -> None:
        """Bob and Carol forward to each other: 482, and no phone rings (jambonz/sbc-outbound PR#173)."""
        self.start({"bob": {"always": "carol"}, "carol": {"always": "bob"}})
        alice, bob, carol = self.phones("alice", "bob", "carol")
        self.refused(alice, "bob", 482)
        self.assertEqual(bob.unread() + carol.unread(), [])

    def test_three(self) -> None:
        """So do three, whichever of them is called."""
        self.start({"bob": {"always": "carol"}, "carol": {"always": "dave"}, "dave": {"always": "bob"}})
        alice, *_ = self.phones("alice", "bob", "carol", "dave")
        for first in ("bob", "carol", "dave"):
            self.refused(alice, first, 482)

    def test_oneself(self) -> None:
        """
        Bob's phone redirects to his own number, however it writes that: 482.

        His forwards cannot, since settings that say so are refused.
        """
        for target in ("sip:bob@pbx.example.com", "sip:%62ob@PBX.example.com:5060;transport=tcp", "tel:bob"):
            with self.subTest(target):
                self.start({})
                alice, bob = self.phones("alice", "bob")
                alice.sends("INVITE", to="bob")
                bob.gets("INVITE")
                bob.answers(302, fields=[("Contact", f"<{target}>")])
                alice.gets(482)
                self.quiet()

    def test_busy_circle(self) -> None:
        """Bob and Carol are busy and forward to each other: the caller hears that it is busy."""
        self.start({"bob": {"busy": "carol"}, "carol": {"busy": "bob"}})
        alice, bob, carol = self.phones("alice", "bob", "carol")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(486)
        self.gets_forwarded(alice, carol)
        carol.answers(486)
        alice.gets(486)
        self.quiet()

    def test_redirected_circle(self) -> None:
        """Two phones redirect to each other: 482, not a 302 that would go on for ever."""
        self.start({})
        alice, bob, carol = self.phones("alice", "bob", "carol")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(302, fields=[("Contact", "<sip:carol@pbx.example.com>")])
        self.gets_forwarded(alice, carol)
        carol.answers(302, fields=[("Contact", "<sip:bob@pbx.example.com>")])
        alice.gets(482)
        self.quiet()

    def test_back_to_caller(self) -> None:
        """Bob forwards to Alice, who calls him: his phone rings, as a boss's does for his secretary."""
        self.start({"bob": {"always": "alice"}})
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        self.talks(alice, bob)

    def test_back_to_caller_by_302(self) -> None:
        """Bob's phone redirects to the caller: 482, Alice is not called by herself."""
        self.start({})
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(302, fields=[("Contact", "<sip:alice@pbx.example.com>")])
        alice.gets(482)
        self.quiet()

    def test_long_chain(self) -> None:
        """A chain of forwards that is no circle ends after 16 targets."""
        chain = [f"e{n}" for n in range(20)]
        self.start({one: {"always": other} for one, other in pairwise(chain)})
        self.world.phones(*chain[15:])
        [alice] = self.phones("alice")
        self.refused(alice, "e0", 482)

    def test_through_a_trunk(self) -> None:
        """Bob forwards to a number outside that forwards back to him: his second diversion is refused."""
        self.start({"bob": {"always": "+4930123456"}}, **CARRIER)
        alice, _ = self.phones("alice", "bob")
        carrier = self.carrier()
        alice.sends("INVITE", to="bob")
        invite = self.gets_forwarded(alice, carrier)
        carrier.sends("INVITE", to="bob", fields=[("Diversion", invite.all("Diversion")[0])])
        carrier.gets(482)
        carrier.answers(404)
        alice.gets(404)
        self.quiet()

    def test_max_forwards(self) -> None:
        """
        Max-Forwards goes on counting through forwards (OpenSIPS#2471).

        Where the other server hides all diversions it still comes to its end.
        """
        self.start({"bob": {"always": "carol"}})
        alice, _, carol = self.phones("alice", "bob", "carol")
        alice.sends("INVITE", to="bob", max_forwards=5)
        invite = self.gets_forwarded(alice, carol)
        self.assertEqual(invite.max_forwards, 4)
        self.talks(alice, carol)


class Forgetful:
    """Tells nobody by which way a call came."""

    @hookimpl
    def invitation_leaving(self, draft: InvitationDraft) -> None:
        """Leave out what was written of it."""
        draft.remove("Diversion")
        draft.remove("History-Info")


class TwoServersTests(ForwardCase):
    """
    Forwards on two servers, each of which is a trunk of the other (acceptance list, item 7).

    Alice to Erin are extensions here, Xia to Zoe there.
    """

    def start_both(self, here: dict[str, str], there: dict[str, str], *more: object) -> tuple[Phone, Served]:
        """
        Two servers, and Alice with her phone.

        @param here: who forwards all calls here, and to whom; C{there} likewise.
        @param more: features of the other server.
        """
        ours, theirs = "192.0.2.1", "192.0.2.2"
        self.start(
            {name: {"always": to} for name, to in here.items()},
            trunks={"there": {"uri": f"sip:{theirs}", "accept_from": [theirs]}},
            routes=[{"match": "[xyz].*", "trunk": "there"}],
        )
        settings = {
            "extensions": {name: {"forward": {"always": to}} for name, to in there.items()},
            "trunks": {"here": {"uri": f"sip:{ours}", "accept_from": [ours]}},
            "routes": [{"match": "[a-e].*", "trunk": "here"}],
        }
        other = self.world.other_server("other.example.com", theirs, settings, [CallForward, *more])
        [alice] = self.phones("alice")
        return alice, other

    def legs(self) -> int:
        """How many legs there have been here."""
        assert self.world.served is not None
        return sum(len(record.legs) for record in self.world.served.records)

    def test_told(self) -> None:
        """A->B->A: the call comes back with Diversion, and Bob does not send it on twice: 482."""
        alice, other = self.start_both({"bob": "zoe"}, {"zoe": "bob"})
        self.refused(alice, "bob", 482)
        self.assertEqual(other.complaints(), [])
        self.assertEqual(self.legs(), 3)

    def test_longer(self) -> None:
        """A->B->C->A, wherever it changes the server, and a circle that the first one is not part of: 482."""
        for here, there in (
            ({"bob": "zoe", "carol": "bob"}, {"zoe": "carol"}),
            ({"bob": "zoe"}, {"zoe": "yan", "yan": "bob"}),
            ({"bob": "carol", "carol": "zoe"}, {"zoe": "bob"}),
            ({"bob": "zoe", "carol": "yan"}, {"zoe": "carol", "yan": "bob"}),
            ({"bob": "zoe", "carol": "zoe"}, {"zoe": "carol"}),
            ({"bob": "carol", "carol": "zoe"}, {"zoe": "yan", "yan": "carol"}),
        ):
            with self.subTest(f"{here} {there}"):
                alice, other = self.start_both(here, there)
                self.refused(alice, "bob", 482)
                self.assertEqual(other.complaints(), [])
                self.assertLessEqual(self.legs(), 6)

    def test_to_the_caller(self) -> None:
        """A circle through who calls: her own forwards are not asked twice, and her phone may ring."""
        alice, other = self.start_both({"bob": "zoe", "alice": "bob"}, {"zoe": "alice"})
        self.refused(alice, "bob", 482)
        self.assertEqual(other.complaints(), [])
        alice, other = self.start_both({"bob": "zoe"}, {"zoe": "alice"})
        alice.sends("INVITE", to="bob")
        alice.gets(181)
        alice.gets(181)
        alice.gets("INVITE")
        alice.answers(486)
        alice.gets(486)
        self.quiet()
        self.assertEqual(other.complaints(), [])

    def test_not_told(self) -> None:
        """Where the other server hides it, Max-Forwards ends it: no call is for ever (OpenSIPS#2471)."""
        for here, there in (
            ({"bob": "zoe"}, {"zoe": "bob"}),
            ({"bob": "zoe", "carol": "bob"}, {"zoe": "yan", "yan": "carol"}),
        ):
            with self.subTest(f"{here} {there}"):
                alice, other = self.start_both(here, there, Forgetful)
                alice.sends("INVITE", to="bob")
                self.world.run(60)
                statuses = [got.message.code for got in alice.inbox if isinstance(got.message, Response)]
                self.assertEqual(statuses[-1], 483)
                alice.inbox.clear()
                self.quiet()
                self.assertEqual(other.complaints(), [])
                self.assertLess(self.legs(), 80)

    def test_nothing_told(self) -> None:
        """
        A carrier that hides it and counts Max-Forwards anew: C{calls_max} of the trunk ends it.

        Nobody can tell such a call from a new one.
        """
        self.start(
            {"bob": {"always": "+4930123456"}},
            trunks={"carrier": {**CARRIER["trunks"]["carrier"], "calls_max": 5}},
            routes=CARRIER["routes"],
        )
        alice, _ = self.phones("alice", "bob")
        carrier = self.carrier()
        alice.sends("INVITE", to="bob")
        for _ in range(3):
            carrier.gets("INVITE")
            carrier.sends("INVITE", to="bob")
            carrier.gets(181)
        carrier.gets(480)
        for _ in range(2):
            carrier.answers(480)
            carrier.gets(480)
        carrier.answers(480)
        alice.gets(181)
        alice.gets(480)
        self.quiet()
