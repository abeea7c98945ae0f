"""The socket between the service and a media worker."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.protocols import amp
from twisted.test.iosim import connectedServerAndClient
from twisted.trial.unittest import SynchronousTestCase

from b2bua.net.worker_line import WorkerLine, trouble


class Known(Exception):
    """A command may fail so."""


class Do(amp.Command):
    """Do something."""

    arguments: ClassVar = [(b"what", amp.Unicode())]
    response: ClassVar = []
    errors: ClassVar = {Known: b"KNOWN"}


class End(WorkerLine):
    """Does what it is asked for, in several ways."""

    @Do.responder
    def do(self, what: str) -> dict[str, Any]:
        """Do it."""
        if what == "known":
            raise Known("no")
        if what == "breaks":
            raise ZeroDivisionError
        return {}


class WorkerLineTests(SynchronousTestCase):
    """L{WorkerLine}."""

    def setUp(self) -> None:
        """Connect the two ends."""
        self.asks, _, self.pump = connectedServerAndClient(End, End)

    def ask(self, what: str) -> tuple[list[Any], list[str]]:
        """Ask for something: what comes, and what is wrong."""
        came: list[Any] = []
        wrong: list[str] = []
        self.asks.ask(Do, what=what).addCallbacks(came.append, lambda failure: wrong.append(trouble(failure)))
        self.pump.flush()
        return came, wrong

    def test_breaks(self) -> None:
        """When a command breaks the log has it, who has asked is told, and the next one is done."""
        told = "the media worker has failed at it, its log says why"
        self.assertEqual(self.ask("breaks"), ([], [told]))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.ask("works"), ([{}], []))

    def test_fails(self) -> None:
        """What a command may fail with is no trouble."""
        self.assertEqual(self.ask("known"), ([], [""]))

    def test_too_long(self) -> None:
        """What is longer than AMP can say is not said."""
        self.assertEqual(self.ask("x" * 70_000), ([], ["the description is too long"]))
        self.assertEqual(self.ask("works"), ([{}], []))

    def test_gone(self) -> None:
        """When the other end is gone, that is the answer."""
        self.asks.transport.loseConnection()
        self.pump.flush()
        self.assertEqual(self.ask("works"), ([], ["the media worker is gone"]))
