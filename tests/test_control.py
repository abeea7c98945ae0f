"""The local socket by which people ask the service."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, inlineCallbacks, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from b2bua.control import CONNECTIONS, LONGEST, Refused, listen

reactor: Any = _reactor
Steps = Generator[Deferred[Any], Any, None]


def refuse() -> None:
    """Refuse to answer."""
    raise Refused("not today")


def broken() -> None:
    """Have a bug."""
    raise KeyError("bug")


async def later(text: str) -> str:
    """Answer after a while."""
    await deferLater(reactor, 0, lambda: None)
    return text.upper()


class ControlTests(TestCase):
    """A real socket, asked as the command does."""

    timeout = 20

    def setUp(self) -> None:
        """Listen."""
        # The name of a socket may have 107 bytes only.
        self.path = str(Path(tempfile.mkdtemp(prefix="b2bua-"), "control.sock"))
        answers = {"add": lambda a, b=1: a + b, "refuse": refuse, "broken": broken, "later": later}
        self.port = listen(reactor, self.path, 0o640, answers)

    @inlineCallbacks
    def tearDown(self) -> Steps:
        """Stop; the file goes too."""
        yield maybeDeferred(self.port.stopListening)
        self.assertFalse(os.path.exists(self.path))
        os.rmdir(os.path.dirname(self.path))

    def ask(self, *lines: bytes) -> Deferred[list[Any]]:
        """Send lines and take as many answers."""

        def talk() -> list[Any]:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(10)
                connection.connect(self.path)
                with contextlib.suppress(BrokenPipeError):  # it has answered and gone already
                    connection.sendall(b"".join(lines))
                with connection.makefile("rb") as answers:
                    return [json.loads(answers.readline() or b"null") for _ in lines]

        return deferToThread(talk)

    @inlineCallbacks
    def test_answers(self) -> Steps:
        """A question is a line, and so is its answer."""
        told = yield self.ask(b'{"do": "add", "a": 1}\n', b'{"do": "add", "a": 1, "b": 5}\n')
        self.assertEqual(told, [{"value": 2}, {"value": 6}])

    @inlineCallbacks
    def test_answer_that_takes_time(self) -> Steps:
        """An answer may come later."""
        self.assertEqual((yield self.ask(b'{"do": "later", "text": "x"}\n')), [{"value": "X"}])

    @inlineCallbacks
    def test_what_cannot_be_answered(self) -> Steps:
        """Nonsense gets one line each, and the service goes on."""
        for line in (
            b"nonsense\n", b"[]\n", b"{}\n", b'{"do": 1}\n', b'{"do": "unknown"}\n', b"\xff\xfe\n", b"\n",
            b'{"do": "add"}\n', b'{"do": "add", "a": 1, "c": 2}\n', b'{"do": "refuse"}\n',
        ):  # fmt: skip
            ((told,)) = yield self.ask(line)
            self.assertEqual(list(told), ["error"], line)
        self.assertEqual((yield self.ask(b'{"do": "add", "a": 1}\n')), [{"value": 2}])

    @inlineCallbacks
    def test_bug(self) -> Steps:
        """A bug of ours is logged, and told without its inside."""
        told = yield self.ask(b'{"do": "broken"}\n')
        self.assertEqual(told, [{"error": "an error of ours; it is in the log"}])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    @inlineCallbacks
    def test_endless_question(self) -> Steps:
        """A question without end costs a bounded amount of memory."""
        told = yield self.ask(b"x" * (LONGEST + 10))
        self.assertIn("at most", told[0]["error"])

    @inlineCallbacks
    def test_many(self) -> Steps:
        """So many may ask at once and no more."""
        held = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(CONNECTIONS)]
        for connection in held:
            connection.connect(self.path)
        yield deferLater(reactor, 0.05, lambda: None)
        told = yield self.ask(b'{"do": "add", "a": 1}\n')
        self.assertEqual(told, [{"error": "too many ask at once"}])
        for connection in held:
            connection.close()
        yield deferLater(reactor, 0.05, lambda: None)
        self.assertEqual((yield self.ask(b'{"do": "add", "a": 1}\n')), [{"value": 2}])

    def test_permissions(self) -> None:
        """The file has the permissions of the configuration."""
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o640)

    @inlineCallbacks
    def test_left_behind(self) -> Steps:
        """A socket that a crash has left is taken over; one that somebody listens to is not."""
        path = f"{self.path}2"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as crashed:
            crashed.bind(path)
        port = listen(reactor, path, 0o600, {})
        self.assertRaises(CannotListenError, listen, reactor, path, 0o600, {})
        yield maybeDeferred(port.stopListening)
