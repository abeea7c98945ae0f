"""kill -9 while phones that nobody here wrote talk through the service: after the next start they go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import gatherResults, inlineCallbacks
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.interop.kills import play
from tests.interop.processes import Program, reactor
from tests.interop.programs import need
from tests.interop.test_calls import UdpTests

KEPT = 4.0
"""Seconds after which a call is in the database."""


class CallsUpTests(TestCase):
    """Calls of SIPp; C{make kills} has five hundred of them."""

    timeout = 150

    @inlineCallbacks
    def test_gone_on_with(self) -> Any:
        """After kill -9 either side hangs up, holds, or transfers; nothing is left, and no record is open."""
        need("sipp")
        directory = Path(self.mktemp()).resolve()
        directory.mkdir()
        found = yield deferToThread(play, directory, 16, 1)
        self.assertEqual(
            (sum(found.failed.values()), found.open, found.records), (0, 0, 0), f"{found}\n{found.said}"
        )


class KillTests(UdpTests):
    """baresip over UDP, and a service that is killed."""

    timeout = 120

    @inlineCallbacks
    def crash(self) -> Any:
        """Kill the service, and start it again."""
        yield deferLater(reactor, KEPT)
        yield self.service.program.kill()
        self.service.program = Program("b2bua")
        yield self.service.start()

    @inlineCallbacks
    def talk(self) -> Any:
        """101 calls 102; the service dies and comes back three times while they talk."""
        yield super().talk()
        for _ in range(3):
            yield self.crash()
            (call,) = yield self.service.ask("/calls")
            self.assertTrue(call["restored"], call)

    @inlineCallbacks
    def test_refused(self) -> Any:
        """The service dies while it rings: the phone stops within 2 s of the start, the caller hears 500."""
        alice, bob = self.phones
        yield alice.dial("102")
        yield bob.tells("CALL_INCOMING")
        yield alice.tells("CALL_RINGING")
        closed = gatherResults([alice.tells("CALL_CLOSED"), bob.tells("CALL_CLOSED")])
        yield self.crash()
        told, _ = yield closed.addTimeout(2.0, reactor)
        self.assertIn("500", told["param"])
        record = yield self.record()
        self.assertEqual((record.answered, record.why), (None, "crash"))
