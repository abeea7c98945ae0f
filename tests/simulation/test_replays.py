"""Random worlds, traced and played again: what was recorded is what happens."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.explain.replay import record
from b2bua.explain.traced import TracedCall
from b2bua.testing import deeds
from b2bua.testing.chance import Play
from b2bua.testing.replaying import Replay
from tests.simulation.depth import seeds

SEEDS = seeds(8)


class Recorded(Play):
    """
    A world of which every message is kept.

    What the messages of a call do not show is left out: nobody is unplugged (the
    network tells the server so), no phone registers from another port meanwhile,
    and all go by UDP, as replays do.
    """

    def __init__(self, seed: int) -> None:
        """Draw it."""
        super().__init__(seed, None)
        served = self.world.served
        assert served is not None
        self.calls: list[Any] = []
        served.server.core.calls.began = self.calls.append
        served.server.trace.bytes_max = 1 << 30
        unseen = (deeds.lose_power, deeds.cut_off, deeds.other_port)
        self.deeds = [deed for deed in self.deeds if deed not in unseen]

    def transport(self) -> str:
        """Draw the transport of a phone."""
        super().transport()
        return "UDP"


class ReplaysTests(SynchronousTestCase):
    """Whatever the seed draws."""

    def test_seeds(self) -> None:
        """Every call of every world does again what it did, losses and races included."""
        played = 0
        for seed in SEEDS:
            world = Recorded(seed)
            world.run()
            served = world.world.served
            assert served is not None
            for call in world.calls:
                traced = TracedCall.of(call.record, call.story, served.server.trace)
                if traced.messages:
                    faults = Replay(record(traced, served.document, redact=False), None).run()
                    self.assertEqual(faults, [], f"seed {seed}, call {call.id}")
                    played += 1
        self.assertGreater(played, len(SEEDS))
