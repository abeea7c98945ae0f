"""Programs that are forked off a process which has loaded the service already: L{tests.interop.warm}."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.process import ProcessReader
from twisted.python.failure import Failure

from tests.interop.processes import Program, reactor
from tests.interop.warm import PID_BYTES

OUTPUT, STATUS = 1, 3


@cache
def _warm() -> socket.socket:
    """Where this process of tests asks for programs: one process for all of them, which ends with us."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with theirs:
        command = [sys.executable, str(Path(__file__).with_name("warm.py")), str(theirs.fileno())]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env=environment
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


class WarmProcess:
    """A program that was forked off: what Twisted has for one that it started itself."""

    def __init__(
        self, program: Program, command: Sequence[str], directory: str, environment: Mapping[str, str]
    ) -> None:
        """Start it; it has no input."""
        ours, theirs = socket.socketpair()
        output, its_output = os.pipe()
        request = json.dumps([list(command), directory, dict(environment)]).encode()
        with theirs:
            socket.send_fds(_warm(), [request], [theirs.fileno(), its_output])
        os.close(its_output)
        self.pid = int.from_bytes(ours.recv(PID_BYTES, socket.MSG_WAITALL), "big")
        if not self.pid:
            raise RuntimeError("the process that has loaded the service is gone")
        self._program = program
        self._status = b""
        self._open = {OUTPUT, STATUS}
        program.makeConnection(self)  # type: ignore[arg-type]  # it is one as far as programs ask
        for name, descriptor in ((OUTPUT, output), (STATUS, ours.detach())):
            ProcessReader(reactor, self, name, descriptor)

    def childDataReceived(self, name: int, data: bytes) -> None:
        """It has said something, or ended."""
        if name == STATUS:
            self._status += data
        else:
            self._program.childDataReceived(name, data)

    def childConnectionLost(self, name: int, reason: Any) -> None:
        """It is over when it has ended, and all that it started have closed its output."""
        self._open.discard(name)
        if not self._open:
            status = int.from_bytes(self._status, "big")
            self._program.processEnded(Failure(_end(status)))

    def signalProcess(self, name: str | int) -> None:
        """Send it a signal."""
        if self._status:
            raise ProcessExitedAlready
        try:
            os.kill(self.pid, signal.Signals[f"SIG{name}"] if isinstance(name, str) else name)
        except ProcessLookupError:  # we are about to hear so
            raise ProcessExitedAlready from None


def _end(status: int) -> ProcessDone | ProcessTerminated:
    """How it ended, as Twisted says it."""
    if status == 0:
        return ProcessDone(0)
    if os.WIFSIGNALED(status):
        return ProcessTerminated(signal=os.WTERMSIG(status), status=status)
    return ProcessTerminated(exitCode=os.WEXITSTATUS(status), status=status)
