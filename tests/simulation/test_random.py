"""Random worlds: some of them here, as many as you like with C{make simulate SEEDS=20000}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.chance import play, simulate
from tests.simulation.depth import seeds

SEEDS = seeds(50)


class RandomTests(SynchronousTestCase):
    """Whatever the seed draws, nothing is left, nothing is lost and no rule is broken."""

    def test_seeds(self) -> None:
        """Many worlds."""
        said: list[str] = []
        failed = simulate(SEEDS, said.append)
        self.assertEqual(failed, [], "\n".join(said))
        self.assertEqual(len(said), 1)

    def test_same_again(self) -> None:
        """A seed can be played again: it gives the same calls."""
        self.assertEqual(play(17), play(17))


class OnceFailedTests(SynchronousTestCase):
    """
    Seeds that found something, kept by what they found.

    What a seed draws changes with the generator; these are here so that what
    they draw now goes on to work.
    """

    def check(self, seed: int) -> None:
        """Play one of them."""
        self.assertEqual(play(seed).complaint, "")

    def test_bye_of_both(self) -> None:
        """The callee's BYE comes while ours waits for the ACK: one is enough."""
        for seed in (337, 507, 667, 791):
            self.check(seed)

    def test_connection_lost_while_calling(self) -> None:
        """The caller's connection closes before the answer: the callee is not rung on."""
        for seed in (139, 276, 502, 846):
            self.check(seed)

    def test_connection_lost_while_changing(self) -> None:
        """A connection closes under a re-INVITE: the BYE finds another way."""
        for seed in (1418, 2809, 5321):
            self.check(seed)

    def test_everybody_gone(self) -> None:
        """Both phones lose power: the call is found out and ended."""
        for seed in (1461, 3022, 3856):
            self.check(seed)

    def test_cut_off(self) -> None:
        """A phone is cut off for so long that it misses the end of its call."""
        for seed in (254, 3580, 4177, 20166):
            self.check(seed)

    def test_repeated_early_answers(self) -> None:
        """A reliable 183 is repeated when another provisional response lies between."""
        for seed in (1611, 14165):
            self.check(seed)

    def test_answer_lost_with_the_call(self) -> None:
        """The answer to a re-INVITE is lost, and then the call is over."""
        for seed in (2118, 7014439):
            self.check(seed)

    def test_answered_twice(self) -> None:
        """Of a phone's 200 and 486 the network brings the wrong one first."""
        for seed in (7000445, 7000778):
            self.check(seed)
