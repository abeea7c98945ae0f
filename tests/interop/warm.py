"""
A program that has loaded the service, and becomes one as often as it is asked.

Two thirds of what a start costs is loading modules.  For each request it forks
twice: one process waits for the other, which runs the program C{twistd} with
the arguments, directory and environment that were asked for.  It stands alone, so that
the service has nothing of the checkout in its path.
"""

from __future__ import annotations

import json
import os
import runpy
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path

PID_BYTES = 4
LONGEST = 1 << 17
"""Bytes of a request, with the whole environment in it."""


def load() -> None:
    """Load what a service without TLS has when it is ready, but for the reactor: each has its own."""
    import twisted.internet.epollreactor
    import twisted.scripts.twistd  # noqa: F401
    from twisted.application.service import IServiceMaker
    from twisted.plugin import getPlugins

    import b2bua.tap
    from b2bua.features.plugin import installed
    from b2bua.net.without_tls import without_tls

    list(getPlugins(IServiceMaker))
    with without_tls():
        import b2bua.service.process  # noqa: F401
    for source in installed():
        source.load()
    if "twisted.internet.reactor" in sys.modules or threading.active_count() > 1:
        raise RuntimeError("what was loaded cannot be shared: there is a reactor, or a thread")


def become(command: list[str], directory: str, environment: dict[str, str], output: int) -> None:
    """Be a program that was just started, up to its first line."""
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = command
    sys.orig_argv[:] = [sys.executable, *command]
    sys.path[0] = str(Path(command[0]).parent)


def wait(pid: int, asker: socket.socket) -> None:
    """Tell the one who asked which process it is, and how it ended."""
    asker.sendall(pid.to_bytes(PID_BYTES, "big"))
    _, status = os.waitpid(pid, 0)
    asker.sendall(status.to_bytes(PID_BYTES, "big"))
    os._exit(0)


def reap() -> None:
    """Forget those who have waited for a program that is over."""
    with suppress(ChildProcessError):  # there is none
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def serve(asked: socket.socket) -> str:
    """Take requests until nobody can ask any more; in a process that becomes a program, give its path."""
    while True:
        request, descriptors, *_ = socket.recv_fds(asked, LONGEST, 2)
        reap()
        if not request:
            sys.exit()
        answers, output = descriptors
        asker = socket.socket(fileno=answers)
        if os.fork():
            asker.close()
            os.close(output)
            continue
        asked.close()
        if pid := os.fork():
            os.close(output)
            wait(pid, asker)
        asker.close()
        command, directory, environment = json.loads(request)
        become(command, directory, environment, output)
        return str(command[0])


if __name__ == "__main__":
    load()
    runpy.run_path(serve(socket.socket(fileno=int(sys.argv[1]))), run_name="__main__")
