"""Words that wait before a leg: their order, and what goes before them."""

from __future__ import annotations

from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls.relay.held_words import HeldWords
from b2bua.legs.words import Answered, Changed, Confirmed, HungUp, Refused, Replied, Withdrawn, Word


class Heard:
    """A leg that writes down what it is told."""

    def __init__(self) -> None:
        """An answered one, before which nothing waits."""
        self.held: HeldWords | None = None
        self.told: list[Word] = []
        self.ended = False
        self.answered = True
        self.our_invite = None

    def say(self, word: Word) -> None:
        """Be told; what waits takes it first, as in a leg."""
        if self.held is None or not self.held.said(word):
            self.told.append(word)


class HeldWordsTests(SynchronousTestCase):
    """L{HeldWords}."""

    def setUp(self) -> None:
        """A leg with a change that waits for its session."""
        self.leg = Heard()
        self.held = HeldWords.before(cast("Any", self.leg))
        self.change = self.held.hold(Changed(b"theirs"))

    def test_order(self) -> None:
        """What comes later is said later, with the session that has come; then nothing waits any more."""
        self.leg.say(Replied(1, 200))
        second = self.held.hold(Confirmed(b"more"))
        self.held.go_on(second, b"relayed 2")
        self.assertEqual(self.leg.told, [])
        self.held.go_on(self.change, b"relayed 1")
        self.assertEqual(self.leg.told, [Changed(b"relayed 1"), Replied(1, 200), Confirmed(b"relayed 2")])
        self.assertIsNone(self.leg.held)

    def test_as_it_is(self) -> None:
        """Without a session that takes its place a word is said as it was."""
        self.held.go_on(self.change)
        self.assertEqual(self.leg.told, [Changed(b"theirs")])

    def test_given_up(self) -> None:
        """A word that cannot be said holds nothing up."""
        self.leg.say(Withdrawn())
        self.assertTrue(self.held.give_up(self.change))
        self.assertEqual(self.leg.told, [Withdrawn()])
        self.assertFalse(self.held.give_up(self.change))

    def test_end(self) -> None:
        """The end of the leg waits for nothing, and nothing follows it."""
        self.leg.say(HungUp())
        self.held.go_on(self.change, b"late")
        self.assertEqual((self.leg.told, self.leg.held), ([HungUp()], None))

    def test_refused(self) -> None:
        """A refusal is the end of a leg that was not answered; of an answered one it has its turn."""
        self.leg.say(Refused(488))
        self.assertEqual(self.leg.told, [])
        self.leg.answered = False
        self.leg.say(Refused(486))
        self.assertEqual(self.leg.told, [Refused(486)])

    def test_peer_first(self) -> None:
        """A change of the peer's goes before ours, which is heard to have been put off (RFC 3261 14.1)."""
        self.held.hold(Answered(b"an answer"))
        self.assertTrue(self.held.asking)
        heard = self.held.heard(Changed(b"its own"))
        self.assertEqual(heard, (Refused(491, "", (), local=True), Changed(b"its own")))
        self.assertFalse(self.held.asking)
        self.held.go_on(self.change, b"late")
        self.assertEqual(self.leg.told, [])

    def test_identity(self) -> None:
        """News of an identity, and all else, pass."""
        for word in (Changed(None, identity_only=True), Replied(2, 200), Answered(b"")):
            self.assertEqual(self.held.heard(word), (word,))

    def test_peer_leaves(self) -> None:
        """A peer that has left hears nothing more."""
        self.leg.ended = True
        self.assertEqual(self.held.heard(HungUp()), (HungUp(),))
        self.held.go_on(self.change, b"late")
        self.assertEqual((self.leg.told, self.leg.held), ([], None))
