"""
How the new process is started, and how it finds the old one.

It is a child of the old one and has its sockets from the beginning, as systemd
would hand them down (sd_listen_fds(3)); so nothing has to be sent after it, and
nobody else has them.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from b2bua.handover.channel import Channel, connect
from b2bua.net.inherited import CLAIMED, FIRST

PREDECESSOR = "B2BUA_PREDECESSOR"
"""Where the environment says by which descriptor the old process is reached."""
STAYING = ("--nodaemon", "--pidfile=")
"""What twistd is told so that it stays where it is, and writes nothing over what the old process has."""


class Successor(ProcessProtocol):
    """The new process."""

    def __init__(self, ended: Callable[[str], None]) -> None:
        """
        Be ready to be started.

        @param ended: told how it ended, for people.
        """
        self._ended = ended
        self.channel: Channel
        self.pid = 0

    def start(self, reactor: Any, descriptors: Sequence[int]) -> None:
        """Start it with these sockets."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        last = FIRST + len(descriptors)
        environment = {key: value for key, value in os.environ.items() if key != "WATCHDOG_PID"}
        environment |= {PREDECESSOR: str(last), CLAIMED: str(len(descriptors))}
        children = {0: 0, 1: 1, 2: 2, last: theirs.fileno()}
        children |= {FIRST + place: number for place, number in enumerate(descriptors)}
        command = command_line(sys.orig_argv)
        with theirs:
            self.pid = reactor.spawnProcess(self, sys.executable, command, environment, childFDs=children).pid
        self.channel = connect(reactor, ours)

    def processEnded(self, reason: Failure) -> None:
        """It is over."""
        value: Any = reason.value
        self._ended(f"signal {value.signal}" if value.signal else f"status {value.exitCode}")

    def kill(self) -> None:
        """End it, which has not come to serve."""
        transport: Any = self.transport
        if transport is not None and transport.pid is not None:
            transport.signalProcess("KILL")


def command_line(ours: Sequence[str]) -> list[str]:
    """
    The command of the new process: ours, but that it stays where it is.

    >>> command_line(["python", "/usr/bin/twistd", "--pidfile=x", "b2bua", "-c", "b2bua.toml"])
    ['python', '/usr/bin/twistd', '--pidfile=x', '--nodaemon', '--pidfile=', 'b2bua', '-c', 'b2bua.toml']
    """
    place = next((n for n, word in enumerate(ours) if n > 1 and word == "b2bua"), len(ours))
    before = [word for word in ours[:place] if word not in STAYING]
    return [*before, *STAYING, *ours[place:]]


def predecessor(reactor: Any, environ: MutableMapping[str, str]) -> Channel | None:
    """The old process, if we are to take the place of one."""
    number = environ.pop(PREDECESSOR, "")
    if not number.isdigit():
        return None
    os.set_inheritable(int(number), False)
    return connect(reactor, socket.socket(fileno=int(number)))
