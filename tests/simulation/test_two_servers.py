"""Random forwards on two servers, each of which is a trunk of the other: every call has an end."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.manners import Manners
from b2bua.testing.world import World
from b2bua_plugins.forward import CallForward
from b2bua_plugins.redirects import Redirects
from tests.simulation.depth import seeds

OURS, THEIRS = "192.0.2.1", "192.0.2.2"
HERE, THERE = ("alice", "bob", "carol", "dave"), ("xia", "yan", "zoe")
KINDS = ("always", "always", "busy", "no_answer", "unreachable")
LEGS_MAX = 30
"""No call opens more legs than that on one server."""


def forwards(random: Random, names: tuple[str, ...]) -> dict[str, Any]:
    """Who forwards, when, and to whom on either server."""
    table: dict[str, Any] = {}
    for name in names:
        others = [other for other in (*HERE, *THERE) if other != name]
        kinds = random.sample(KINDS, random.randint(0, 2))
        table[name] = {"forward": {"no_answer_after": 2, **{kind: random.choice(others) for kind in kinds}}}
    return table


def trunk(there: str, match: str) -> dict[str, Any]:
    """The tables of a server whose other one is at an address."""
    return {
        "trunks": {"other": {"uri": f"sip:{there}", "accept_from": [there]}},
        "routes": [{"match": match, "trunk": "other"}],
    }


class TwoServersTests(SynchronousTestCase):
    """Alice to Dave have phones here; who is there has none."""

    def play(self, seed: int) -> None:
        """Let everybody here call everybody, one after the other."""
        random = Random(seed)
        features = [CallForward, Redirects]
        here = {"extensions": forwards(random, HERE), **trunk(THEIRS, "[xyz].*")}
        world = World(seed, settings=here, features=features)
        there = {"extensions": forwards(random, THERE), **trunk(OURS, "[a-d].*")}
        other = world.other_server("other.example.com", THEIRS, there, features)
        phones = world.phones(*HERE)
        for phone in phones:
            phone.manners = random.choice([Manners(answers_after=0.5), Manners(refuses=486), Manners()])
        for phone in phones:
            for target in (*HERE, *THERE):
                if target == phone.name:
                    continue
                session = phone.dial(target)
                world.run(40)
                for one in phones:
                    for live in list(one.live):
                        live.hang_up()
                world.run(5)
                self.assertTrue([code for code in session.codes if code >= 200], f"{phone.name} {target}")
        other.server.trunks.stop()
        world.quiet()
        world.run(64)  # 128*T1: by then the other server has forgotten its transactions too
        self.assertEqual(other.complaints(), [])
        assert world.served is not None
        for record in (*world.served.records, *other.records):
            self.assertLessEqual(len(record.legs), LEGS_MAX, (seed, record.dialled))

    def test_some(self) -> None:
        """Each call is answered or refused, on both sides nothing is left, and work is bounded."""
        for seed in seeds(5):
            with self.subTest(seed=seed):
                self.play(seed)
