"""Tests of L{b2bua.net.without_tls}."""

from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

PROGRAM = """
import sys
from b2bua.net.without_tls import without_tls

with without_tls():
    from twisted.internet import reactor, tcp
    from twisted.protocols import amp
print("OpenSSL" in sys.modules, hasattr(tcp.Client, "startTLS"))
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.ssl import optionsForClientTLS
wrapClientTLS(optionsForClientTLS("example.com"), None)
print("OpenSSL" in sys.modules)
with without_tls():
    from twisted.internet import ssl
print(ssl.supported)
"""


class WithoutTlsTests(SynchronousTestCase):
    """In a process of its own, since what is loaded stays."""

    def test_later(self) -> None:
        """A reactor is loaded without it; whoever wants it later has it, and it stays."""
        run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
        self.assertEqual(run.stdout.splitlines(), ["False False", "True", "True"], run.stderr)
