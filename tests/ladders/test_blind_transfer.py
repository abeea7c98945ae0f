"""Blind transfer: RFC 5589 section 6, RFC 5359 section 2.4, and what goes wrong."""

from __future__ import annotations

from b2bua.testing import World
from b2bua.testing.phone import Phone
from tests.ladders.transfers import FEATURES, TransferTestCase


class BlindTransferTests(TransferTestCase):
    """
    One of two parties hands the other one on to Carol.

    diago#29 and opensips-ai-voice-connector#10: REFER was left to whoever builds
    upon the library; sippy/go-b2bua#6: it was answered 481, or passed on.
    """

    def transfer(self, transferor: Phone, leaves: str = "final") -> None:
        """Alice has called Bob; one of them transfers the other to Carol."""
        self.call(self.alice, self.bob)
        transferor.manners.leaves_after_refer = leaves
        transferor.session.hold()
        self.world.run(1)
        transferor.session.transfer("carol")

    def test_by_the_callee(self) -> None:
        """
        Bob transfers Alice to Carol, and waits for the end (RFC 5589 section 6.1).

        pocket-dial PR#211: the wrong party was moved, and the sipfrag said 200.
        """
        self.transfer(self.bob)
        session = self.bob.session
        self.world.run(5)
        self.only_talking(self.alice, self.carol)
        self.assertEqual(session.refer_code, 202)
        self.assertEqual((session.told[0], session.told[-1], session.told_end), (100, 200, True))
        self.alice.hang_up()
        self.quiet()

    def test_by_the_caller(self) -> None:
        """Alice, who called, transfers Bob to Carol."""
        self.transfer(self.alice)
        self.world.run(5)
        self.only_talking(self.bob, self.carol)
        self.carol.hang_up()
        self.quiet()

    def test_transferor_leaves_at_once(self) -> None:
        """Bob hangs up right after the 202, as the guide draws it; NOTIFYs live on (RFC 5057 section 4)."""
        self.transfer(self.bob, leaves="at once")
        session = self.bob.session
        self.world.run(5)
        self.only_talking(self.alice, self.carol)
        self.assertEqual(session.told[-1], 200)
        self.alice.hang_up()
        self.quiet()

    def test_transferor_never_leaves(self) -> None:
        """
        A transferor that does not hang up after the final NOTIFY is hung up by us.

        SIP.js#1069: who is to send the BYE?  asterisk#1877: nobody did.
        """
        self.transfer(self.bob, leaves="never")
        self.world.run(8)
        self.only_talking(self.alice, self.carol)
        self.assertEqual(self.bob.live, [])
        self.alice.hang_up()
        self.quiet()

    def test_target_busy(self) -> None:
        """
        The target is busy: the transferor hears 486 and has its call back (section 6.3.1).

        OpenSIPS#196: it was dropped before the target answered; freeswitch
        PR#3059: a transfer that failed ended the call.  Acceptance list, item 5.
        """
        self.carol.manners.refuses = 486
        self.transfer(self.bob)
        session = self.bob.session
        self.world.run(5)
        self.assertEqual(session.told[-1], 486)
        session.resume()
        self.world.run(2)
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.quiet()

    def test_target_busy_and_transferor_gone(self) -> None:
        """The target is busy and Bob has left: his phone is rung again (acceptance list, item 5)."""
        self.carol.manners.refuses = 486
        self.transfer(self.bob, leaves="at once")
        self.world.run(6)
        self.only_talking(self.alice, self.bob)
        self.insist(self.bob.session.incoming, "Bob was not called back")
        self.alice.hang_up()
        self.quiet()

    def test_recall_refused(self) -> None:
        """When nobody is left to talk to the survivor hears the end."""
        self.carol.manners.refuses = 486
        self.transfer(self.bob, leaves="at once")
        self.bob.manners.refuses = 486
        self.world.run(6)
        self.assertEqual(self.alice.live, [])
        self.quiet()

    def test_unknown_target(self) -> None:
        """A target that does not exist is reported as 404; the call goes on."""
        self.call(self.alice, self.bob)
        self.bob.session.transfer("nobody")
        session = self.bob.session
        self.world.run(3)
        self.assertEqual(session.told[-1], 404)
        self.only_talking(self.alice, self.bob)
        # Bob knows of it, so that nothing is at work on him: others may begin something with the two.
        [call] = self.world.served.server.core.calls.going.values()
        self.world.run(3)
        self.assertEqual([leg for leg in call.legs if call.is_busy(leg)], [])
        self.bob.hang_up()
        self.quiet()

    def test_survivor_hangs_up(self) -> None:
        """OpenSIPS#3195: the survivor hangs up while the target rings, which stops, and Bob is told."""
        self.carol.manners.answers_after = None
        self.transfer(self.bob)
        session = self.bob.session
        self.world.run(2)
        self.alice.hang_up()
        self.world.run(3)
        self.assertEqual(session.told[-1], 487)
        self.assertEqual(self.carol.live + self.bob.live, [])
        self.quiet()

    def test_before_the_answer_to_a_late_offer(self) -> None:
        """A REFER that comes before the caller's ACK with its answer waits for that (RFC 3261 13.2.1)."""
        self.alice.dial("bob", offer=False)
        self.world.run_until(lambda: bool(self.bob.live) and self.bob.session.state == "up")
        self.bob.session.transfer("carol")
        self.world.run(5)
        self.only_talking(self.alice, self.carol)
        self.alice.hang_up()
        self.quiet()

    def test_while_it_rings(self) -> None:
        """Who has not answered yet has nobody to transfer: 603 at once, and the call is not touched."""
        for early_media in (False, True):
            with self.anew(early_media=early_media):
                self.bob.manners = self.bob.manners.but(early_media=early_media, answers_after=5.0)
                calling = self.alice.dial("bob")
                self.world.run(1)
                for session in (calling, self.bob.session):
                    session.transfer("carol")
                    self.world.run(1)
                    self.assertEqual(session.refer_code, 603)
                self.world.run(5)
                self.only_talking(self.alice, self.bob)
                self.bob.hang_up()
                self.quiet()

    def test_survivor_holds_as_it_is_joined(self) -> None:
        """OpenSIPS#3137: Alice's hold crosses the joining re-INVITE and comes first; she is joined yet."""
        self.call(self.bob, self.alice)
        self.bob.session.hold()
        self.world.run(1)
        self.bob.session.transfer("carol")
        self.world.run_until(lambda: self.carol.session.state == "up" if self.carol.live else False)
        self.alice.session.hold()
        self.world.run(8)
        self.assertEqual(self.bob.live, [])
        self.alice.session.resume()
        self.world.run(2)
        self.only_talking(self.alice, self.carol)
        self.carol.hang_up()
        self.quiet()

    def test_leaves_before_it_knows(self) -> None:
        """Bob's BYE follows the 202 and crosses the NOTIFY of a failure: Alice is recalled, not cut off."""
        self.call(self.alice, self.bob)
        self.bob.manners.leaves_after_refer = "at once"
        self.bob.session.transfer("nobody")
        self.world.run(5)
        self.only_talking(self.alice, self.bob)
        self.insist(self.bob.session.incoming, "Bob was not called back")
        self.bob.hang_up()
        self.quiet()

    def test_second_transfer(self) -> None:
        """After a transfer the new party can transfer again."""
        (dave,) = self.world.phones("dave", manners=self.alice.manners)
        self.transfer(self.bob)
        self.world.run(6)
        self.carol.session.transfer("dave")
        self.world.run(6)
        self.only_talking(self.alice, dave)
        dave.hang_up()
        self.quiet()

    def test_hold_after_transfer(self) -> None:
        """Hold and resume work between the two who were connected."""
        self.transfer(self.bob)
        self.world.run(6)
        for holder, other in ((self.alice, self.carol), (self.carol, self.alice)):
            holder.hold()
            self.world.run(2)
            self.insist(self.world.talking() == {(holder.name, other.name)}, "the other one speaks")
            holder.resume()
            self.world.run(2)
            self.only_talking(self.alice, self.carol)
        self.alice.hang_up()
        self.quiet()


class RecallTests(TransferTestCase):
    """Where the survivor goes when the target fails and the transferor has left."""

    def make_world(self) -> World:
        """Let calls that nobody takes back go to the desk."""
        how = {"otherwise": "desk", "recall_seconds": 10}
        return World(features=FEATURES, settings={"blind_transfer": how})

    def test_otherwise(self) -> None:
        """Target and transferor refuse: the configured destination rings, under the name of a recall."""
        (desk,) = self.world.phones("desk", manners=self.alice.manners)
        self.call(self.alice, self.bob)
        self.bob.manners.leaves_after_refer = "at once"
        self.bob.manners.refuses = self.carol.manners.refuses = 486
        self.bob.session.transfer("carol")
        self.world.run(6)
        self.only_talking(self.alice, desk)
        for phone in (self.bob, desk):
            self.assertIn('"Recall: Alice"', phone.session.remote)
        desk.hang_up()
        self.quiet()

    def test_nobody_takes_the_recall(self) -> None:
        """Bob is not at his phone either: after ten seconds it goes on (acceptance list, item 5)."""
        (desk,) = self.world.phones("desk", manners=self.alice.manners)
        self.call(self.alice, self.bob)
        self.bob.manners.leaves_after_refer = "at once"
        self.carol.manners.refuses = 486
        self.bob.session.transfer("carol")
        self.bob.manners.answers_after = None
        self.world.run(9)
        self.assertEqual((len(self.bob.live), desk.live), (1, []))
        self.world.run(4)
        self.assertEqual(self.bob.live, [])
        self.only_talking(self.alice, desk)
        desk.hang_up()
        self.quiet()

    def test_transferor_lost(self) -> None:
        """Bob's phone has lost the call when it is to hear of the failure: Alice is recalled, not hung up."""
        self.carol.manners.refuses, self.carol.manners.refuses_after = 486, 2.0
        self.call(self.alice, self.bob)
        first = self.bob.session
        first.transfer("carol")
        self.world.run(1)
        self.bob.manners.notify_code = 410  # RFC 5057 section 5.1: it ends all that is in the dialog
        self.world.run(5)
        self.assertEqual((first.state, self.bob.session.incoming), ("over", True))
        self.only_talking(self.alice, self.bob)
        self.bob.hang_up()
        self.quiet()

    def test_to_the_survivor_itself(self) -> None:
        """A transfer to who is transferred is a circle: 482, and the two talk on."""
        self.call(self.alice, self.bob)
        session = self.bob.session
        session.transfer("alice")
        self.world.run(3)
        self.assertEqual(session.told[-1], 482)
        self.only_talking(self.alice, self.bob)
        self.bob.hang_up()
        self.quiet()


class NoFeatureTests(TransferTestCase):
    """Without a transfer feature."""

    def make_world(self) -> World:
        """Make a world without features."""
        return World()

    def test_declined(self) -> None:
        """A REFER gets 603, never a blind relay; the call goes on."""
        self.call(self.alice, self.bob)
        session = self.bob.session
        session.transfer("carol")
        self.world.run(2)
        self.assertEqual(session.refer_code, 603)
        self.only_talking(self.alice, self.bob)
        self.bob.hang_up()
        self.quiet()
