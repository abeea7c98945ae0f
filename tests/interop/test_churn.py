"""Memory of a service while connections come and go: C{tests.interop.churn}, for a moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import inlineCallbacks
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.interop.certificates import pair
from tests.interop.churn import FLAT, LIMITS, churn
from tests.interop.processes import TIMEOUT
from tests.interop.service import Service


class ChurnTests(TestCase):
    """Whoever can open connections needs no password for it."""

    timeout = TIMEOUT

    @inlineCallbacks
    def test_flat(self) -> Any:
        """A thousand halves of messages and a thousand handshakes of TLS cost no memory that stays."""
        directory = self.mktemp()
        service = Service(directory, LIMITS, tls=True)
        pair(Path(directory))
        self.addCleanup(service.kill)
        yield service.start()
        process: Any = service.program.transport
        before, *_, after = yield deferToThread(lambda: list(churn(service, process.pid, 2000)))
        self.assertLess(after - before, FLAT)
