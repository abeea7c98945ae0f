"""What a server with the default configuration has no use for, it does not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.command.init import EXTENSIONS, written

PROGRAM = """
import sys
import b2bua.tap
from b2bua.configuration import configuration
from b2bua.store.opening import migrate, prepare


options = b2bua.tap.Options()
options.configuration = configuration(sys.argv[1])
b2bua.tap.makeService(options)
migrate(prepare(options.configuration.settings.server.database))
print(*sys.modules)
"""
LATER = {
    "with TLS, for passwords, webhooks and mail": ("OpenSSL", "cryptography", "twisted.internet.ssl"),
    "when the tables of a database are of an older version": ("alembic", "mako", "sqlalchemy"),
    "with other nodes": ("b2bua.cluster.cluster", "b2bua.cluster.links", "b2bua.cluster.moving"),
    "when somebody mistypes a name": ("difflib",),
    "with PostgreSQL": ("psycopg", "b2bua.store.postgresql"),
    "for phones in browsers": ("b2bua.net.websocket", "wsproto", "h11"),
    "when something is posted": ("twisted.web.client", "twisted.internet.endpoints"),
    "when monitoring asks for figures": ("prometheus_client", "b2bua.admin.exposition"),
    "when a recording is fetched": ("twisted.web.static",),
    "when a mailbox sends its messages": ("twisted.mail",),
    "with a calendar, a phone book, cards": ("icalendar", "phonenumbers", "vobject"),
    "when a trace is written as packets": ("dpkt",),
    "in a worker of its own": ("b2bua.net.media_worker", "b2bua.net.relay_worker", "av"),
    "by the command": ("b2bua.command",),
    "in tests": ("b2bua.testing", "hypothesis"),
}
"""Modules, by when they are wanted."""


class AtRestTests(SynchronousTestCase):
    """The modules of a process that has read C{b2bua init}'s configuration and made its service."""

    def test_nothing_is_loaded_that_waits_for_its_use(self) -> None:
        """Each stands in an import inside of the function that wants it (docs/architecture.md, At rest)."""
        path = Path(self.mktemp())
        path.mkdir()
        file = path / "b2bua.toml"
        file.write_text(written(file.name, "pbx.example.com", 5060, dict.fromkeys(EXTENSIONS, "a-secret")))
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(file)], capture_output=True, text=True, check=False
        )
        self.assertEqual(run.returncode, 0, run.stderr)
        loaded = set(run.stdout.split())
        self.assertIn("b2bua_plugins.forward", loaded)
        found = {when: [name for name in names if name in loaded] for when, names in LATER.items()}
        self.assertEqual({when: names for when, names in found.items() if names}, {})
