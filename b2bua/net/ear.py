"""One party in a media worker: its sockets, and its endpoint between them and the clock."""

from __future__ import annotations

import time
from typing import Protocol

from b2bua.media.endpoint import Endpoint
from b2bua.media.growing import Growing
from b2bua.media.latch import Address
from b2bua.media.ports import Happened
from b2bua.net.media_sockets import MediaSocket


class Telling(Protocol):
    """Who is told of what happens to parties."""

    def tell(self, ear: Ear, happened: list[Happened]) -> None:
        """Tell the service."""


class Ear:
    """One party, and its socket."""

    def __init__(self, worker: Telling, number: int) -> None:
        """Belong to a worker."""
        self.worker, self.number = worker, number
        self.endpoint: Endpoint | None = None
        self.socket: MediaSocket | None = None
        self.control: MediaSocket | None = None
        """The one for RTCP."""
        self.host, self.port = "", 0
        """How the party reaches us."""
        self.peer = ""
        """From where it signals."""
        self.file: Growing | None = None
        """What there is of it on the disk."""
        self.room = ""
        """Whom it hears, and is heard by; empty for nobody."""

    def take(self, data: bytes, source: Address) -> None:
        """Take a packet."""
        if self.endpoint is not None:
            self.worker.tell(self, self.endpoint.receive(data, source))

    def take_report(self, data: bytes, source: Address) -> None:
        """Take a packet of RTCP."""
        if self.endpoint is not None:
            self.endpoint.hear_report(data, source)

    def report(self, *, bye: bool = False) -> None:
        """Report what was sent and heard, if it is time for it."""
        if self.endpoint is not None and self.control is not None:
            report = self.endpoint.report(time.time(), bye=bye)
            if report is not None:
                self.control.send(*report)

    def listen(self) -> None:
        """Hear what the party says for 20 ms."""
        if self.endpoint is not None:
            happened = self.endpoint.listen()
            if self.file is not None and self.endpoint.recording is not None:
                happened += self._keep(self.file, self.endpoint.recording.pcm)
            self.worker.tell(self, happened)

    def speak(self) -> None:
        """Let the party hear the next 20 ms."""
        if self.endpoint is not None:
            packet, happened = self.endpoint.speak()
            if packet is not None and self.socket is not None:
                target = self.endpoint.target
                if target is not None:
                    self.socket.send(packet, target)
            self.worker.tell(self, happened)
            self.report()

    def _keep(self, file: Growing, pcm: bytearray) -> list[Happened]:
        """Have on the disk what is recorded; with no place for more the recording ends."""
        try:
            file.add(pcm[file.taken :])
        except OSError:
            return [Happened("recorded", "full")]
        return []
