"""How messages lie in the bytes of a connection."""

from __future__ import annotations

from typing import Protocol

from b2bua.wire.parser import Malformed, MessageLimits
from b2bua.wire.stream import Framer, KeepAlive


class Framing(Protocol):
    """How messages lie in the bytes of a connection."""

    ready: bool
    """Can messages be sent yet?"""

    @property
    def pending(self) -> int:
        """How many bytes wait for the rest of their message."""

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take bytes and give the messages and keep-alives that are complete.

        @raise Malformed: when nothing after that can be understood.
        """

    def frame(self, message: bytes) -> bytes:
        """Make the bytes that carry a message."""

    def replies(self) -> bytes:
        """What the framing itself has to say, if anything; it is taken once."""

    def idle(self) -> int:
        """How much has come that is no part of a message, pings say; it is told once."""


class Closed(Malformed):
    """The peer has said in good order that it will say no more; C{units} is what came before."""

    units: list[bytes]


class PlainFraming:
    """Messages one after the other, as Content-Length says (RFC 3261 section 18.3)."""

    ready = True

    def __init__(self, limits: MessageLimits, *, opened: bool) -> None:
        """Begin with an empty buffer."""
        self._framer = Framer(limits, opened=opened)

    @property
    def pending(self) -> int:
        """
        How many bytes wait for the rest of their message.

        Line ends wait too, for what they turn out to be, but belong to none:
        some phones send a single one as keep-alive.
        """
        pending = self._framer.pending
        return pending if pending > 3 else 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes and give what is complete."""
        return [unit.value if isinstance(unit, KeepAlive) else unit for unit in self._framer.feed(data)]

    def frame(self, message: bytes) -> bytes:
        """A message is its own frame."""
        return message

    def replies(self) -> bytes:
        """It has nothing to say."""
        return b""

    def idle(self) -> int:
        """Its keep-alives are units like others."""
        return 0
