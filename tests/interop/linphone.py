"""
linphone as a phone, driven by the commands of its daemon.

It has no sound card here, and needs none.  What it tells has linphone's own
names, C{CallPausedByRemote} say.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.internet.task import deferLater

from tests.interop.processes import LIMIT, Ended, Program, free_port, reactor
from tests.interop.programs import need

CONFIG = """\
[sip]
sip_port={port}
sip_tcp_port={port}
sip_tls_port=0
guess_hostname=0
[sound]
playback_dev_id=
capture_dev_id=
"""
LOOK = 0.02


class Linphone:
    """One phone with one account."""

    def __init__(self, directory: str, user: str, password: str, server: str, transport: str = "udp") -> None:
        """Write its configuration; nothing runs yet."""
        self.user = user
        self.program = Program(f"linphone {user}")
        self._home = Path(directory).resolve() / f"linphone-{user}"
        # It makes its database there, but not the directory, and is dead without.
        (self._home / ".local" / "share" / "linphone").mkdir(parents=True)
        self._config = self._home / "linphonerc"
        self._config.write_text(CONFIG.format(port=free_port()))
        self._account = f"register sip:{user}@127.0.0.1 sip:{server};transport={transport} {password} {user}"
        self._transport = transport
        self._server = server
        self._seen = 0

    @classmethod
    def needed(cls) -> None:
        """See that it is there."""
        need("linphone-daemon")

    def start(self) -> Deferred[str]:
        """Start it; fires when it takes commands."""
        command = [need("linphone-daemon"), "--disable-stats-events", "--config", str(self._config)]
        self.program.start(command, str(self._home), {**os.environ, "HOME": str(self._home)})
        return self.command("version", "Version:")

    def stop(self) -> Deferred[Any]:
        """End it, whatever it does."""
        return self.program.kill() if self.program.transport is not None else succeed(None)

    def command(self, line: str, answer: str = "Status: Ok") -> Deferred[str]:
        """Give it a command, and wait for its answer."""
        seen = len(self.program.lines)
        assert self.program.transport is not None
        self.program.transport.write(f"{line}\n".encode())
        return self.program.says(answer, after=seen)

    @inlineCallbacks
    def tells(self, state: str) -> Any:
        """Wait until it tells a state; what comes before it is passed over."""
        waited = 0.0
        while not any(state in line for line in self.program.lines[self._seen :]):
            if waited > LIMIT:
                raise Ended(f"linphone did not tell {state}; {self.program.story()}")
            yield self.command("pop-event")
            yield deferLater(reactor, LOOK)
            waited += LOOK
        at = next(at for at, line in enumerate(self.program.lines) if at >= self._seen and state in line)
        self._seen = at + 1

    def register(self) -> Deferred[str]:
        """Have the account, and register it."""
        return self.command(self._account)

    def move(self) -> Deferred[str]:
        """Be at another port; it registers from there by itself."""
        return self.command(f"port sip {free_port()} {self._transport}")

    def dial(self, number: str) -> Deferred[str]:
        """Call a number at the server."""
        return self.command(f"call sip:{number}@{self._server};transport={self._transport}")

    def answer(self) -> Deferred[str]:
        """Accept the call that comes in."""
        return self.command("answer")

    def hang_up(self) -> Deferred[str]:
        """End the call."""
        return self.command("terminate")
