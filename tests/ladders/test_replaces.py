"""INVITE with Replaces: who takes the place of whom, and every status of RFC 3891 section 3."""

from __future__ import annotations

from b2bua.testing import World
from b2bua.testing.phone import Phone
from b2bua.testing.session import Session
from b2bua.wire.message import Response
from b2bua_plugins.do_not_disturb import DoNotDisturb
from tests.ladders.transfers import FEATURES, TransferTestCase


class ReplacesTests(TransferTestCase):
    """INVITE with Replaces (RFC 3891)."""

    def replaces(self, session: Session, *, early: bool = False) -> tuple[tuple[str, str], ...]:
        """The header field that names our leg towards the phone of C{session}, as we see it."""
        value = f"{session.call_id};to-tag={session.remote_tag};from-tag={session.local_tag}"
        return (("Replaces", value + (";early-only" if early else "")), ("Require", "replaces"))

    def test_confirmed(self) -> None:
        """
        Carol takes Bob's place (section 3): 200 for her, BYE for him, a new session for Alice.

        siphon-sip#223: Replaces was matched, and then it became a second call.
        """
        _, bobs = self.call(self.alice, self.bob)
        self.carol.dial("bob", fields=self.replaces(bobs))
        self.world.run(3)
        self.only_talking(self.alice, self.carol)
        self.assertEqual(self.bob.live, [])
        self.alice.hang_up()
        self.quiet()

    def test_refused_after_a_change(self) -> None:
        """
        Bob's media move while Alice is asked about Carol, and she refuses: the two hear each other.

        The old dialog is left as it is (section 3), which is not what Bob was told meanwhile.
        """
        _, bobs = self.call(self.alice, self.bob)
        self.alice.manners.change_after, self.alice.manners.change_code = 1.0, 488
        self.carol.dial("bob", fields=self.replaces(bobs))
        self.world.run(0.5)
        self.bob.session.move_media()
        self.world.run(0.3)
        self.alice.manners.change_after, self.alice.manners.change_code = 0.0, 200
        self.world.run(3)
        self.only_talking(self.alice, self.bob)
        self.assertEqual(self.carol.live, [])
        self.alice.hang_up()
        self.quiet()

    def test_refused_after_a_hold(self) -> None:
        """Bob holds Alice while she is asked about Carol, and she refuses: it is known that he does."""
        _, bobs = self.call(self.alice, self.bob)
        self.alice.manners.change_after, self.alice.manners.change_code = 1.0, 488
        self.carol.dial("bob", fields=self.replaces(bobs))
        self.world.run(0.5)
        self.bob.hold()
        self.world.run(0.3)
        self.alice.manners.change_after, self.alice.manners.change_code = 0.0, 200
        self.world.run(3)
        (call,) = self.world.served.server.core.calls.going.values()
        self.assertEqual([leg.party.name for leg in call.holders], ["bob"])
        self.assertEqual(self.world.talking(), {("bob", "alice")})
        self.alice.hang_up()
        self.quiet()

    def test_refused_when_the_replaced_has_left(self) -> None:
        """Bob hangs up while Alice is asked about Carol, and Alice refuses: she is not left alone."""
        _, bobs = self.call(self.alice, self.bob)
        self.alice.manners.change_after, self.alice.manners.change_code = 1.0, 488
        self.carol.dial("bob", fields=self.replaces(bobs))
        self.world.run(0.5)
        self.bob.hang_up()
        self.world.run(3)
        self.assertEqual((self.alice.live, self.carol.live), ([], []))
        self.quiet()

    def test_pick_up(self) -> None:
        """Carol picks up a call that rings at Bob's: an early dialog that we began."""
        self.bob.manners.answers_after = None
        self.alice.dial("bob")
        self.world.run(1)
        self.carol.dial("bob", fields=self.replaces(self.bob.session, early=True))
        self.world.run(3)
        self.only_talking(self.alice, self.carol)
        self.assertEqual(self.bob.live, [])
        self.carol.hang_up()
        self.quiet()

    def test_pick_up_of_a_transfer(self) -> None:
        """Dave picks up what rings at Carol's since Bob has transferred Alice to her, in either way."""
        for semi in (False, True):
            with self.anew(semi=semi):
                (dave,) = self.world.phones("dave")
                self.carol.manners.answers_after = None
                self.call(self.alice, self.bob)
                first = self.bob.session
                if semi:
                    second = self.bob.dial("carol")
                    self.world.run(1)
                    first.transfer(replaces=second)
                else:
                    first.transfer("carol")
                self.world.run(2)
                dave.dial("carol", fields=self.replaces(self.carol.session, early=True))
                self.world.run(3)
                self.only_talking(self.alice, dave)
                self.assertEqual((self.carol.live, self.bob.live, first.told[-1]), ([], [], 200))
                dave.hang_up()
                self.quiet()

    def test_pick_up_of_a_transfer_refused(self) -> None:
        """Alice's phone cannot talk to Dave's: he is refused, and Bob has her back."""
        (dave,) = self.world.phones("dave")
        self.carol.manners.answers_after = None
        self.call(self.alice, self.bob)
        first = self.bob.session
        first.transfer("carol")
        self.world.run(2)
        self.alice.manners.change_code = 488
        dave.dial("carol", fields=self.replaces(self.carol.session))
        self.world.run(3)
        self.assertEqual((self.carol.live, dave.live, first.told[-1]), ([], [], 488))
        self.only_talking(self.alice, self.bob)
        self.bob.hang_up()
        self.quiet()

    def test_identity(self) -> None:
        """Each is told whom it talks to: not the number that was dialled, but who is there."""
        for answered in (False, True):
            with self.anew(answered=answered):
                self.bob.manners.answers_after = 1.0 if answered else None
                self.alice.dial("bob")
                self.world.run(3)
                self.carol.dial("bob", fields=self.replaces(self.bob.session))
                self.world.run(3)
                self.assertIn("alice@", self.shown(self.carol))
                self.assertIn("carol@", self.shown(self.alice))
                self.carol.hang_up()
                self.quiet()

    def shown(self, phone: Phone) -> str:
        """The identity that a phone was told last."""
        told = [got.message.get("P-Asserted-Identity") for got in phone.inbox]
        return next(name for name in reversed(told) if name is not None)

    def refused(self, fields: tuple[tuple[str, str], ...]) -> int:
        """Let Carol try; the status she gets."""
        self.carol.inbox.clear()
        self.carol.dial("bob", fields=fields)
        self.world.run(2)
        codes = [got.message.code for got in self.carol.inbox if isinstance(got.message, Response)]
        return codes[-1]

    def test_early_only_of_confirmed(self) -> None:
        """A dialog that is confirmed cannot be replaced by early-only: 486."""
        _, bobs = self.call(self.alice, self.bob)
        self.assertEqual(self.refused(self.replaces(bobs, early=True)), 486)
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.quiet()

    def test_early_that_we_did_not_begin(self) -> None:
        """The caller's early dialog is not ours to replace: 481, nothing changes."""
        self.bob.manners.answers_after = 5.0
        alices = self.alice.dial("bob")
        self.world.run(1)
        self.assertEqual(self.refused(self.replaces(alices)), 481)
        self.world.run(5)
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.quiet()

    def test_unknown(self) -> None:
        """No dialog of that name: 481."""
        self.assertEqual(self.refused((("Replaces", "nobody;to-tag=1;from-tag=2"),)), 481)
        self.quiet()

    def test_ended(self) -> None:
        """A dialog that has just ended: 603."""
        _, bobs = self.call(self.alice, self.bob)
        self.alice.hang_up()
        self.world.run(40)
        self.assertEqual(self.refused(self.replaces(bobs)), 603)
        self.quiet()

    def test_of_a_feature_code(self) -> None:
        """A call that a feature answers has nobody to take over from: 481, and the call is not touched."""
        self.world = World(features=(*FEATURES, DoNotDisturb))
        self.alice, self.carol = self.world.phones("alice", "carol")
        session = self.alice.dial("*78")
        self.world.run_until(lambda: session.state == "up")
        self.assertEqual(self.refused(self.replaces(session)), 481)
        self.world.run(5)
        self.assertEqual(self.alice.live, [])
        self.quiet()

    def test_in_another_request(self) -> None:
        """A request other than INVITE with Replaces: 400 (section 3), within a dialog and without."""
        _, bobs = self.call(self.alice, self.bob)
        named = self.replaces(bobs)[:1]
        codes: list[int] = []
        for fields in (named, ()):
            bobs.ask("INFO", fields, hear=lambda response: codes.append(response.code if response else 0))
            self.world.run(1)
        self.assertEqual(codes, [400, 200])
        bobs.transfer("carol", fields=named)
        self.world.run(1)
        self.assertEqual(bobs.refer_code, 400)
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.quiet()

    def test_two_fields(self) -> None:
        """More than one Replaces, or one beside a Join: 400."""
        _, bobs = self.call(self.alice, self.bob)
        one = self.replaces(bobs)[:1]
        self.assertEqual(self.refused((*one, *one)), 400)
        self.assertEqual(self.refused((*one, ("Join", "x;to-tag=1;from-tag=2"))), 400)
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.quiet()
