"""The API on real sockets."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.trial.unittest import TestCase

from b2bua.admin.listening import listen_locally
from tests.interop.processes import reactor


class LocalSocketTests(TestCase):
    """The local socket."""

    def setUp(self) -> None:
        """A directory with a short name, as those of sockets have to be."""
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = f"{directory.name}/b2bua.sock"

    def listen(self, mode: int = 0o640) -> None:
        """Open it until the test is over."""
        port = listen_locally(reactor, self.path, mode, Factory())
        self.addCleanup(lambda: maybeDeferred(port.stopListening))

    def test_permissions(self) -> None:
        """The file has the permissions of the configuration."""
        self.listen(0o640)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o640)

    def test_left_behind(self) -> None:
        """A socket that a crash has left is taken over; one that somebody listens to is not."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as crashed:
            crashed.bind(self.path)
        self.listen()
        self.assertRaises(CannotListenError, self.listen)

    def test_no_socket(self) -> None:
        """A file of somebody's is left alone."""
        Path(self.path).write_text("mine")
        self.assertRaises(CannotListenError, self.listen)
        self.assertEqual(Path(self.path).read_text(), "mine")
