"""Two services on one database, on sockets: calls are moved, and one of the two is stopped."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.defer import inlineCallbacks
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from b2bua.settings import SettingsError
from tests.interop.kept import until
from tests.interop.kills import UAC, UAS
from tests.interop.load import CALLEE, HOST, Killable, callee, caller, ended
from tests.interop.moves import play, services
from tests.interop.processes import LIMIT, TIMEOUT, free_port
from tests.interop.programs import need
from tests.store.postgresql import database

UNTIL_TOLD = UAC.replace("<pause/>", "<recvCmd/>")
"""A caller who hangs up when it is told to."""
TAKEN = 40.0
"""Seconds within which a process that was stopped has lost its calls."""


class MovesTests(TestCase):
    """C{make moves} does it for a minute."""

    timeout = TIMEOUT

    def directory(self) -> Path:
        """Where everything is; the names of local sockets must be short, so not where the tests are."""
        path = tempfile.mkdtemp(prefix="b2bua-")
        self.addCleanup(shutil.rmtree, path)
        return Path(path)

    @inlineCallbacks
    def test_under_calls(self) -> Any:
        """No call fails that is moved to and fro, held, transferred to the other node, and ended."""
        need("sipp")
        found = yield deferToThread(play, self.directory(), 3, 6.0, 0.15)
        self.assertTrue(found.is_good, f"{found}\n{found.said}")
        self.assertGreater(found.moved, 5, str(found))

    @inlineCallbacks
    def test_postgresql(self) -> Any:
        """So it is where the two share a PostgreSQL."""
        need("sipp")
        url = database()
        found = yield deferToThread(play, self.directory(), 2, 5.0, 0.15, 0, url)
        self.assertTrue(found.is_good, f"{found}\n{found.said}")
        self.assertGreater(found.moved, 3, str(found))

    @inlineCallbacks
    def test_stopped(self) -> Any:
        """A process that was stopped has lost its call, and ends without a word; the other one has it."""
        need("sipp")

        def work() -> None:
            directory = self.directory()
            two = services(directory)
            a, b = two["a"], two["b"]
            uas, _ = callee(directory, a.port, UAS)
            uac = caller(directory, a.port, UAC, CALLEE, "-m", "1", "-d", "120000")
            with ended(uac, uas, *two.values()):
                a.kept(1)
                (call,) = a.ask("/calls")
                os.kill(a.pid, signal.SIGSTOP)
                self.assertTrue(until(lambda: self.calls(b) == [call["id"]], TAKEN), self.calls(b))
                os.kill(a.pid, signal.SIGCONT)
                self.assertEqual(a.wait(), 1)
                self.assertIn("has taken the calls of this one", a.log.read_text())
                self.assertEqual(self.calls(b), [call["id"]])
                b.ask(f"/calls/{call['id']}", "DELETE")
                self.assertTrue(until(lambda: uas.count("SuccessfulCall(C)") == 1), uas.said())
                (record,) = b.ask("/calls/past")
                self.assertEqual((record["id"], record["why"]), (call["id"], "operator"))

        yield deferToThread(work)

    @inlineCallbacks
    def test_restart(self) -> Any:
        """Both services are restarted while they have the call; it goes on, is moved to and fro, and ends."""
        need("sipp")

        def work() -> None:
            directory = self.directory()
            two = services(directory)
            a, b = two["a"], two["b"]
            uas, _ = callee(directory, a.port, UAS)
            twin = free_port()
            options = ("-m", "1", "-cid_str", "moved", "-3pcc", f"{HOST}:{twin}")
            uac = caller(directory, a.port, UNTIL_TOLD, CALLEE, *options)
            with ended(uac, uas, *two.values()):
                a.kept(1)
                (call,) = a.ask("/calls")
                self.move(call["id"], a, b, "b")
                self.assertEqual(b.restart()["problem"], "")
                self.move(call["id"], b, a, "a")
                self.assertEqual(a.restart()["problem"], "")
                self.move(call["id"], a, b, "b")
                self.assertEqual(a.restart()["problem"], "")
                self.assertEqual(self.calls(b), [call["id"]])
                with socket.create_connection((HOST, twin), LIMIT) as told:
                    told.sendall(b"Call-ID: moved\r\n\r\n\x1b")
                    uac.process.wait(LIMIT)
                self.assertEqual((uac.count("SuccessfulCall(C)"), uac.said()), (1, ""))
                self.assertTrue(until(lambda: self.calls(b) == []), self.calls(b))
                (record,) = b.ask("/calls/past")
                self.assertEqual((record["id"], record["why"]), (call["id"], "bye"))

        yield deferToThread(work)

    def move(self, call: str, here: Killable, there: Killable, node: str) -> None:
        """Move a call, as soon as the two have found each other."""

        def done() -> bool:
            try:
                here.ask(f"/calls/{call}/move", "POST", node=node)
            except SettingsError as error:
                self.assertRegex(str(error), "does not answer|runs on this database")
                return False
            return True

        self.assertTrue(until(done), here.log.read_text()[-3000:])
        self.assertEqual((self.calls(here), self.calls(there)), ([], [call]))

    def calls(self, service: Killable) -> list[str]:
        """The calls that a service has."""
        return [row["id"] for row in service.ask("/calls")]
