"""A phone that is a library of Python: a program of its own, driven by lines of JSON."""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.trial.unittest import FailTest, SkipTest

from tests.interop.processes import LIMIT, Program, free_port, reactor
from tests.interop.teller import Teller

ROOT = Path(__file__).resolve().parent.parent.parent


class Talkative(Program):
    """The program; its events are among its lines."""

    phone: Driven

    def outReceived(self, data: bytes) -> None:
        """Keep what it says, and take what it tells."""
        before = len(self.lines)
        super().outReceived(data)
        for line in self.lines[before:]:
            if line.startswith("EVENT "):
                self.phone.take(json.loads(line[6:]))


class Driven(Teller):
    """One phone with one account."""

    name: ClassVar[str]
    """What people call it."""
    library: ClassVar[str]
    """What it imports."""
    program_module: ClassVar[str]
    """The module that is the program."""
    holds_by_itself = False
    """Does it hold its call when it answers another one?"""
    leaves_failed = False
    """Does it hang up when a transfer that it has asked for fails?"""

    def __init__(
        self,
        directory: str,
        user: str,
        password: str,
        server: str,
        transport: str = "udp",
        authority: Path | None = None,
    ) -> None:
        """
        Prepare; nothing runs yet.

        @param directory: one that exists, for what the library keeps.
        @param authority: the file with the certificate authority.
        """
        program = Talkative(f"{self.name} {user}")
        super().__init__(program, user, server)
        program.phone = self
        self._arguments = [user, password, server, transport, str(authority or "")]
        self._directory = Path(directory).resolve()

    @classmethod
    def needed(cls) -> None:
        """
        See that the library is there.

        @raise SkipTest: if it is not, and this is not CI.
        """
        if find_spec(cls.library) is None:
            line = f"{cls.library} is missing: it has no wheel for this machine and this Python"
            raise (FailTest if os.environ.get("CI") == "true" else SkipTest)(line)

    @inlineCallbacks
    def start(self) -> Any:
        """Start it; fires when it listens to us."""
        rtp = free_port(2)
        command = [sys.executable, "-m", self.program_module, *self._arguments, str(rtp)]
        environment = {"PYTHONPATH": str(ROOT), "TMPDIR": str(self._directory)}
        self.program.start(command, str(ROOT), environment)
        return (yield self.tells("READY"))

    def stop(self) -> Deferred[Any]:
        """End it, whatever it does."""
        return self.program.kill() if self.program.transport is not None else succeed(None)

    def take(self, event: dict[str, Any]) -> None:
        """It tells something, or answers."""
        if event["type"] == "ANSWER":
            self.answered({**event, "ok": "error" not in event, "data": event.get("error", "")})
        else:
            self.heard(event)

    def command(self, name: str, *arguments: Any) -> Deferred[str]:
        """Give it any command."""
        token, deferred = self.asked()
        assert self.program.transport is not None
        line = json.dumps({"do": name, "with": arguments, "token": token})
        self.program.transport.write(line.encode() + b"\n")
        return deferred.addTimeout(LIMIT, reactor)

    @inlineCallbacks
    def register(self) -> Any:
        """Register with digest, and wait until it is."""
        yield self.command("register")
        return (yield self.tells("REGISTER_OK"))

    def dial(self, number: str) -> Deferred[str]:
        """Call a number at the server."""
        return self.command("dial", number)

    def answer(self) -> Deferred[str]:
        """Accept the latest call."""
        return self.command("answer")

    def hang_up(self) -> Deferred[str]:
        """End or refuse the latest call."""
        return self.command("hang_up")

    def hold(self, number: int = -1) -> Deferred[str]:
        """Put a call on hold: the latest one, or that of a number."""
        return self.command("hold", number)

    def resume(self) -> Deferred[str]:
        """Take the latest call off hold."""
        return self.command("resume")

    def sound(self, frequency: int, path: str) -> Deferred[str]:
        """Say a tone, and write what is heard to a WAV file."""
        return self.command("sound", str(frequency), path)

    def press(self, keys: str) -> Deferred[str]:
        """Press keys in the latest call."""
        return self.command("press", keys)

    def transfer(self, number: str) -> Deferred[str]:
        """Transfer the latest call blind."""
        return self.command("transfer", number)

    def attend(self) -> Deferred[str]:
        """Transfer the first call to the party of the latest one."""
        return self.command("attend")
