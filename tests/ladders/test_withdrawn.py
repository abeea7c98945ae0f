"""A change of the session that is given up, or never decided (RFC 3261 sections 9 and 14)."""

from __future__ import annotations

from b2bua.testing import LadderTestCase, Manners


class WithdrawnTests(LadderTestCase):
    """A re-INVITE ends, whatever its asker and the other side do."""

    def setUp(self) -> None:
        """Alice talks to Bob, who is asked before his phone agrees to a change."""
        super().setUp()
        self.alice, self.bob = self.phones("alice", "bob", manners=Manners(answers_after=0.5))
        self.alice.dial("bob")
        self.world.run(2)
        self.bob.manners.change_after = None

    def end(self) -> None:
        """They still talk, hang up, and nothing is left."""
        self.assertTrue(self.alice.talks_to(self.bob))
        self.alice.session.hang_up()
        self.world.run(1)
        self.quiet()

    def test_cancelled(self) -> None:
        """The CANCEL of a re-INVITE gets 200, goes on to the other side, and the re-INVITE gets 487 (9.2)."""
        self.alice.session.hold()
        self.world.run(1)
        self.alice.session.media.wish = "sendrecv"
        self.alice.session.withdraw()
        self.world.run(1)
        self.assertEqual(self.alice.session.changes, [487])
        to_bob = [packet.data for packet in self.world.network.log if packet.destination[0] == self.bob.host]
        self.assertTrue(any(data.startswith(b"CANCEL") for data in to_bob))
        self.end()

    def test_cancelled_by_callee(self) -> None:
        """So it is from the other side."""
        self.bob.manners.change_after, self.alice.manners.change_after = 0.0, None
        self.bob.session.move_media()
        self.world.run(1)
        self.bob.session.withdraw()
        self.world.run(1)
        self.assertEqual(self.bob.session.changes, [487])
        self.end()

    def test_crossing(self) -> None:
        """The other side's 200 crosses the CANCEL: it is told what holds, and both know each other."""
        self.bob.manners.change_after = 0.5
        self.bob.manners.honours_cancel = False
        port = self.alice.session.media.port
        self.alice.session.move_media()
        self.world.run(0.3)
        self.alice.session.media.port = port
        self.alice.session.withdraw()
        self.world.run(3)
        self.assertEqual(self.alice.session.changes, [487])
        self.end()

    def test_all_move_on(self) -> None:
        """Each may move on with its answer to what it is told in the other's stead: all is told, to both."""
        self.bob.manners.change_after = 0.5
        self.bob.manners.honours_cancel = False
        self.alice.session.move_media()
        self.world.run(0.3)
        self.alice.session.withdraw()
        self.bob.session.media.port = self.world.new_media_port()  # which its answer shows
        self.world.run(0.3)
        self.bob.session.media.port = self.world.new_media_port()
        self.world.run(3)
        self.assertEqual(self.alice.session.changes, [487])
        self.end()

    def test_next_change(self) -> None:
        """
        What comes next of who gave up waits until the other side has said what it makes of that.

        The answer to what it is told is no answer to the next offer (RFC 3264
        section 6.1); until then it is 491, as after an offer of our own.
        """
        self.bob.manners.change_after = 0.5
        self.bob.manners.honours_cancel = False
        port = self.alice.session.media.port
        self.alice.session.move_media()
        self.world.run(0.3)
        self.alice.session.media.port = port
        self.alice.session.withdraw()
        self.world.run(0.3)  # the 200 of Bob has come, and he is being told what holds
        self.alice.session.hold()
        self.world.run(10)
        self.assertEqual(self.alice.session.changes, [487, 491, 200])
        self.assertFalse(self.alice.hears(self.bob))
        self.alice.session.resume()
        self.world.run(3)
        self.end()

    def test_never_decided(self) -> None:
        """A re-INVITE that rings for a minute is cancelled; its asker hears 504, and the call goes on."""
        self.alice.session.move_media()
        self.world.run(59)
        self.assertEqual(self.alice.session.changes, [])
        self.world.run(2)
        self.assertEqual(self.alice.session.changes, [504])
        self.end()

    def test_never_answered(self) -> None:
        """A phone that does not answer the CANCEL's INVITE either: it counts as cancelled (section 9.1)."""
        self.bob.cancel_received = lambda request, invite: None  # type: ignore[method-assign]  # a deaf phone
        self.alice.session.move_media()
        self.world.run(95)
        self.assertEqual(self.alice.session.changes, [504])
        self.end()

    def test_hung_up(self) -> None:
        """The end of the call ends a re-INVITE that rings."""
        for who in (self.alice, self.bob):
            with self.anew(who=who.name):
                self.alice.session.move_media()
                self.world.run(1)
                (self.alice if who.name == "alice" else self.bob).session.hang_up()
                self.world.run(1)
                self.quiet()
