"""A server put together: what of the configuration reaches which part."""

from __future__ import annotations

from typing import Any

from b2bua.settings import read
from b2bua.store.memory import MemoryStore
from b2bua.testing import LadderTestCase, World
from b2bua.transactions.flow import Flow

SETTINGS: dict[str, Any] = {
    "timers": {"t1": 0.5, "peers": {"198.51.100.7": {"t1": 2.0}}},
    "limits": {"calls": 1, "connections": 7},
    "calls": {"trace_bytes": 1000},
}


class ServerTests(LadderTestCase):
    """L{b2bua.server.Server} of a simulated world."""

    def make_world(self) -> World:
        """Make it."""
        return World(settings=SETTINGS)

    def setUp(self) -> None:
        """Stand in front of it."""
        super().setUp()
        self.server = self.world.served.server

    def test_timers(self) -> None:
        """A peer with timers of its own has those, and of what it does not say the usual ones."""
        runner = self.server.runner
        far = Flow("UDP", ("192.0.2.10", 5060), ("198.51.100.7", 5060))
        self.assertEqual(runner.timers_of(None).t1, 0.5)
        self.assertEqual(
            (runner.timers_of(far).t1, runner.timers_of(far).t2), (2.0, runner.timers_of(None).t2)
        )

    def test_limits(self) -> None:
        """The keys of [limits] bound the parts of their names."""
        self.assertEqual(self.server.runner.transport.limits.connections, 7)
        self.assertTrue(self.server.core.calls.may_begin())
        alice, _ = self.phones("alice", "bob")
        first = alice.dial("bob")
        self.world.run(1)
        self.assertFalse(self.server.core.calls.may_begin())
        first.hang_up()
        self.world.run(1)
        self.assertTrue(self.server.core.calls.may_begin())

    def test_draining(self) -> None:
        """While it stops no call begins."""
        self.server.core.calls.draining = True
        self.assertFalse(self.server.core.calls.may_begin())

    def test_configure(self) -> None:
        """A new configuration reaches accounts, directory and registrar at once."""
        document = {
            "server": {"domain": self.world.domain, "listen": ["sip:192.0.2.10:5060"]},
            "extensions": {"901": {"password": "x"}},
            "registrar": {"contacts_max": 3},
        }
        self.server.configure(read(document), self.world.served.features)
        self.assertIsNone(self.server.accounts.find("alice"))
        self.assertIsNotNone(self.server.accounts.find("901"))
        self.assertIsNotNone(self.server.directory.known_party("extension", "901"))
        self.assertEqual(self.server.registrar.settings.contacts, 3)

    def test_persistence(self) -> None:
        """Without a store nothing is written down, and with one all that outlives a process is."""
        self.assertIsNone(self.server.persistence)
        kept = World(store=MemoryStore()).served.server
        assert kept.persistence is not None
        self.assertIsNotNone(kept.registrar.keeper)
