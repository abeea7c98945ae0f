"""
linphone as a phone with ears, driven by the lines of its console.

Its daemon (L{tests.interop.linphone}) can take no sound from files, which the
console can.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed

from b2bua.media.sounds import save
from tests.interop.hearing import tone
from tests.interop.linphone import CONFIG
from tests.interop.processes import Program, free_port
from tests.interop.programs import need

CODECS = (
    ("PCMA", 8000),
    ("PCMU", 8000),
    ("opus", 48000),
    ("speex", 8000),
    ("speex", 16000),
    ("speex", 32000),
    ("G722", 8000),
    ("GSM", 8000),
)
"""It uses G.711 only: what it writes has no head before the end, and so no rate."""
SAYS = {
    "CALL_INCOMING": "new incoming call",
    "CALL_ESTABLISHED": "connected",
}
"""How it says what others tell."""


class Linphonec:
    """One phone with one account."""

    name = "linphone"

    def __init__(self, directory: str, user: str, password: str, server: str) -> None:
        """Write its configuration; nothing runs yet."""
        self.user = user
        self.program = Program(f"linphonec {user}")
        self._home = Path(directory).resolve() / f"linphonec-{user}"
        (self._home / ".local" / "share" / "linphone").mkdir(parents=True)
        self._config = self._home / "linphonerc"
        text = CONFIG.format(port=free_port())
        text += f"[rtp]\naudio_rtp_port={free_port(2)}\n"
        for number, (codec, rate) in enumerate(CODECS):
            text += (
                f"[audio_codec_{number}]\nmime={codec}\nrate={rate}\nenabled={int(codec.startswith('PCM'))}\n"
            )
        self._config.write_text(text)
        self._server = server
        self._account = f"register sip:{user}@127.0.0.1 sip:{server} {password}"
        self._seen = 0

    @classmethod
    def needed(cls) -> None:
        """See that it is there."""
        need("linphonec")

    def start(self) -> Deferred[str]:
        """Start it; fires when it takes commands."""
        command = [need("stdbuf"), "-oL", need("linphonec"), "-c", str(self._config)]
        self.program.start(command, str(self._home), {**os.environ, "HOME": str(self._home)})
        return self.program.says("Warning")

    def register(self) -> Deferred[None]:
        """Register with digest; it does not say when it is."""
        return self._type(self._account)

    def stop(self) -> Deferred[Any]:
        """End it, whatever it does."""
        return self.program.kill() if self.program.transport is not None else succeed(None)

    def _type(self, line: str) -> Deferred[None]:
        assert self.program.transport is not None
        self._seen = len(self.program.lines)
        self.program.transport.write(f"{line}\n".encode())
        return succeed(None)

    def tells(self, event: str) -> Deferred[str]:
        """Wait until it says something; what it said before the last command does not count."""
        return self.program.says(SAYS[event], after=self._seen)

    def sound(self, frequency: int, path: str) -> Deferred[None]:
        """Say a tone in all calls, and write what is heard to a WAV file."""
        said = self._home / "said.wav"
        save(said, tone(30.0, frequency))
        self._type("soundcard use files")
        self._type(f"play {said}")
        return self._type(f"record {path}")

    def dial(self, number: str) -> Deferred[None]:
        """Call a number at the server."""
        return self._type(f"call sip:{number}@{self._server}")

    def answer(self) -> Deferred[None]:
        """Accept the call that comes in."""
        return self._type("answer")

    def hang_up(self) -> Deferred[None]:
        """End the call."""
        return self._type("terminate")

    def hold(self) -> Deferred[None]:
        """Put the call on hold."""
        return self._type("pause")

    def resume(self) -> Deferred[None]:
        """Take it off hold."""
        return self._type("resume")

    def transfer(self, number: str) -> Deferred[None]:
        """Transfer the call blind."""
        return self._type(f"transfer sip:{number}@{self._server}")

    def press(self, keys: str) -> Deferred[None]:
        """Press keys."""
        return self._type(keys)
