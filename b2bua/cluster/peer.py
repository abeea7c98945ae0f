"""Another node, as long as it can be spoken with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from b2bua.handover.belonging import Say, Word
    from b2bua.server import Server


VERSION = 2
"""Changes with the words that nodes say to each other."""


def hello(server: Server, node: str, number: int) -> Word:
    """What a node says first: who it is, and by which sockets its phones are reached."""
    wires = [
        [wire.transport, list(wire.local), advertise] for wire, advertise in server.runner.transport.wires.own
    ]
    return {"say": "hello", "version": VERSION, "node": node, "number": number, "wires": wires}


class Peer:
    """Another node that has said who it is."""

    def __init__(self, word: Word, say: Say) -> None:
        """
        Know what it has said of itself.

        @param word: its L{hello}.
        @param say: tells it something.
        """
        self.node: str = word["node"]
        self.number: int = word["number"]
        self.say = say
        self.places: list[tuple[str, tuple[str, int], str]] = [
            (transport, (host, port), advertise) for transport, (host, port), advertise in word["wires"]
        ]
