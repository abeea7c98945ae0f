"""Sockets that were open before the process was."""

from __future__ import annotations

import os
import socket

from twisted.trial.unittest import SynchronousTestCase

from b2bua.net import inherited
from b2bua.net.inherited import Inherited, claim, handed_down

HOST = "127.0.0.1"


class InheritedTests(SynchronousTestCase):
    """What was handed down, and what is taken of it."""

    def bound(self, kind: socket.SocketKind) -> tuple[socket.socket, int]:
        """A socket that is bound, and its port."""
        one = socket.socket(socket.AF_INET, kind)
        self.addCleanup(one.close)
        one.bind((HOST, 0))
        return one, int(one.getsockname()[1])

    def test_by_address(self) -> None:
        """A socket is taken by the address to which it is bound, once, and for its kind only."""
        udp, port = self.bound(socket.SOCK_DGRAM)
        found = Inherited([udp])
        self.assertIsNone(found.take(HOST, port, datagrams=False))
        self.assertIsNone(found.take("127.0.0.2", port, datagrams=True))
        self.assertIs(found.take(HOST, port, datagrams=True), udp)
        self.assertIsNone(found.take(HOST, port, datagrams=True))

    def test_unwanted(self) -> None:
        """What the configuration does not name any more is closed, so that its port is free."""
        tcp, port = self.bound(socket.SOCK_STREAM)
        Inherited([tcp]).close()
        again = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.addCleanup(again.close)
        again.bind((HOST, port))

    def test_systemd(self) -> None:
        """They are numbered from 3 on (sd_listen_fds(3)); no child of ours gets them, nor the variables."""
        udp, port = self.bound(socket.SOCK_DGRAM)
        number = os.dup(udp.fileno())
        self.patch(inherited, "FIRST", number)
        os.set_inheritable(number, True)
        environ = {"LISTEN_FDS": "1", "LISTEN_PID": "77", "LISTEN_FDNAMES": "x", "PATH": "/"}
        self.assertTrue(claim(environ, 77))
        [found] = handed_down(environ)
        self.addCleanup(found.close)
        self.assertEqual(found.getsockname(), (HOST, port))
        self.assertFalse(os.get_inheritable(number))
        self.assertEqual(environ, {"PATH": "/"})

    def test_not_ours(self) -> None:
        """What was meant for another process, and what is no number, is nothing."""
        for environ in ({"LISTEN_FDS": "1", "LISTEN_PID": "78"}, {"LISTEN_PID": "77"}, {}):
            self.assertFalse(claim(environ, 77))
            self.assertEqual(handed_down(environ), [])
        environ = {"LISTEN_FDS": "many", "LISTEN_PID": "77"}
        self.assertTrue(claim(environ, 77))
        self.assertEqual(handed_down(environ), [])
