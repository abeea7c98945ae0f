"""Words between two processes."""

from __future__ import annotations

import socket
import struct
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from b2bua.handover.belonging import Word
from b2bua.handover.channel import connect


def framed(text: bytes) -> bytes:
    """A word as it is on the wire."""
    return struct.pack("!I", len(text)) + text


class ChannelTests(TestCase):
    """One end is a channel, the other one a bare socket."""

    def setUp(self) -> None:
        """Connect them."""
        ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.channel = connect(reactor, ours)
        self.heard: list[Word] = []
        self.channel.hear_by(self.heard.append)
        self.addCleanup(self.theirs.close)
        self.addCleanup(self.channel.transport.abortConnection)  # type: ignore[attr-defined]

    def test_stands_still(self) -> None:
        """Nothing else happens until the word is there; what comes before it is heard too."""
        self.channel.say({"say": "go"})
        self.theirs.sendall(framed(b'{"say":"batch"}') + framed(b'{"say":"serving"}'))
        self.assertTrue(self.channel.stand_still("serving", 5.0))
        self.assertEqual(self.heard, [{"say": "batch"}])
        self.assertEqual(self.theirs.recv(100), framed(b'{"say":"go"}'))

    def test_reads_already(self) -> None:
        """What the new process passes on as soon as it serves is heard by who listens a moment later."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        channel = connect(reactor, ours)
        self.addCleanup(theirs.close)
        self.addCleanup(channel.transport.abortConnection)  # type: ignore[union-attr]  # it is connected
        theirs.sendall(framed(b'{"say":"serving"}') + framed(b'{"say":"message"}'))
        self.assertTrue(channel.stand_still("serving", 5.0))
        channel.hear_by(self.heard.append)
        self.assertEqual(self.heard, [{"say": "message"}])
        theirs.sendall(framed(b'{"say":"back"}') + framed(b'{"say":"serving"}'))
        self.assertTrue(channel.stand_still("serving", 5.0))
        self.assertEqual(self.heard, [{"say": "message"}, {"say": "back"}])

    def test_in_vain(self) -> None:
        """A process that is silent for too long, or that has ended, does not serve."""
        self.assertFalse(self.channel.stand_still("serving", 0.05))
        self.theirs.close()
        self.assertFalse(self.channel.stand_still("serving", 5.0))

    @inlineCallbacks
    def test_lost(self) -> Any:
        """Whoever waits for a word of a process that has ended hears so; what is said to it is lost."""
        lost: list[bool] = []
        self.channel.lost = lambda: lost.append(True)
        waiting = self.channel.wait_for("ready")
        self.theirs.close()
        yield self.assertFailure(waiting, ConnectionError)
        yield deferLater(reactor, 0)
        self.assertEqual(lost, [True])
        self.channel.say({"say": "go"})
        self.assertRaises(ConnectionError, self.channel.wait_for, "go")
