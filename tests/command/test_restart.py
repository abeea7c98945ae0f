"""C{b2bua restart}: what it says of what came of it."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.command import _asking, restart


class RestartTests(SynchronousTestCase):
    """What people read, and the exit status."""

    def run_command(self, **answer: Any) -> tuple[int, str]:
        """Run it with a service that answers this."""
        said: list[str] = []
        value = {"pid": 7, "silent_ms": 42, "handed_over": 1, "left": 0, "problem": "", **answer}
        self.patch(_asking, "ask", lambda options, method, path: value)
        self.patch(_asking, "show", lambda options, value, people: said.append(people(value)))
        self.patch(_asking, "complain", said.append)
        return restart.run(Namespace(json=False)), said[0]

    def test_served(self) -> None:
        """Who serves now, what it has, and how long nobody was answered."""
        said = "process 7 serves, with 1 call\n42 ms without answers"
        self.assertEqual(self.run_command(), (0, said))

    def test_left(self) -> None:
        """Some calls are not settled yet."""
        status, said = self.run_command(left=2)
        self.assertIn("with 1 call; 2 calls follow when they are settled", said)
        self.assertEqual(status, 0)
        self.assertIn("; 1 call follows when it is settled", self.run_command(left=1)[1])

    def test_did_not_start(self) -> None:
        """Nothing has changed."""
        said = "the new process did not start; the old process goes on"
        self.assertEqual(self.run_command(pid=None, problem="the new process did not start"), (1, said))
