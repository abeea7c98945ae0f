"""The process that takes the place of another one, which goes on with what it has begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.records.record import CallRecord
from b2bua.handover.belonging import Relay, Say, Word
from b2bua.handover.store import write_down
from b2bua.persistence import Handed

if TYPE_CHECKING:
    from b2bua.persistence import Persistence
    from b2bua.server import Server

PATIENCE = 5.0
"""Seconds in which nobody is turned away for what has waited between the two processes."""


class NewProcess:
    """What a server does that comes while another one leaves."""

    def __init__(self, server: Server, say: Say, will: Word) -> None:
        """
        Go on as the old process was, as far as its store does not say it.

        @param say: tells the old process; what it says comes to L{hear}.
        @param will: what it has said last.
        """
        assert server.persistence is not None
        self._server = server
        self._kept: Persistence = server.persistence
        self.keeps: set[str] = set(will["keeps"])
        """The calls that the old process still has."""
        server.core.calls.elsewhere = self.keeps
        self.others = len(self.keeps)
        """How many of them it has yet to hand over, or to write."""
        self.handed = Handed(self.keeps, will["numbers"])
        self._relay = Relay(server, say, will["branches"])
        server.authenticator.nonces.resume(will["nonces"])

    def begin(self) -> None:
        """Serve, and leave to the old process what belongs to it."""
        self._relay.begin()
        self._server.runner.overload.be_patient(PATIENCE)

    def hear(self, word: Word) -> None:
        """The old process says something."""
        match word["say"]:
            case "back":
                self._relay.came_back(word)
            case "left":
                self._relay.left(word)
            case "call":
                self.keeps.discard(word["id"])
                self._kept.adopt(word["id"], word["text"], CallRecord.from_plain(word["record"]))
            case "batch":
                write_down(self._kept.journal, word)
            case "has":
                self.others = word["calls"]
            case "gone":
                self.others = 0
                self.keeps.clear()
                self._relay.end()

    def alone(self) -> set[str]:
        """There is no old process any more; which calls has it taken along?"""
        self._relay.end()
        self.others = 0
        taken = set(self.keeps)
        self.keeps.clear()
        return taken
