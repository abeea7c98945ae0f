"""
Messages in a stream of bytes: TCP and TLS (RFC 3261 section 18.3, RFC 5626).

Over a WebSocket each frame holds one whole message (RFC 7118 section 5), so
there L{whole_frame} does.
"""

from __future__ import annotations

import enum
import re
from typing import Final, Literal, NoReturn, TypeAlias

from b2bua.wire.careful import LIMITS, MessageLimits
from b2bua.wire.parser import Malformed


class KeepAlive(enum.Enum):
    """What a connection carries between messages (RFC 5626 section 3.5.1)."""

    PING = b"\r\n\r\n"
    """A client asks whether we are there; L{PONG} is the answer."""
    PONG = b"\r\n"
    """The answer to our ping."""


PING: Final = KeepAlive.PING
PONG: Final = KeepAlive.PONG
Unit: TypeAlias = bytes | Literal[KeepAlive.PING, KeepAlive.PONG]

# Content-Length in any spelling, folded or not; a message has but one.
_LENGTH = re.compile(
    rb"\r\n(?:content-length|l)[ \t]*+:(?>(?:[ \t]|\r\n[ \t])*)([^\r\n]*+)(?=\r\n)", re.IGNORECASE
)
_NUMBER = re.compile(rb"([0-9]{1,10}+)[ \t]*+\Z")

_FLOOD: Final = PING.value * 256
"""So much at once is no keep-alive, however long the peer was cut off."""


class Framer:
    """
    Cuts a stream into messages and keep-alives, wherever it was split.

    It keeps no more than one message that is not complete, and looks at each
    byte a bounded number of times.
    """

    def __init__(self, limits: MessageLimits = LIMITS, *, opened: bool = False) -> None:
        """
        Begin with an empty buffer.

        @param opened: whether the connection was opened by us.  Who opened it
            sends the pings and hears the pongs (RFC 5626 section 4.4.1).
        """
        self._limits = limits
        self._opened = opened
        self._buffer = bytearray()
        self._searched = 0
        self._wanted = 0

    @property
    def pending(self) -> int:
        """How many bytes wait for the rest of their message."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Unit]:
        """
        Take bytes as they came and give what is complete.

        @raise Malformed: when the end of a message cannot be known; nothing
            after that makes sense, so the connection is to be closed.  What
            was complete before is in its C{units}.
        """
        self._buffer += data
        units: list[Unit] = []
        try:
            while (unit := self._next()) is not None:
                units.append(unit)
        except Malformed as error:
            raise Broken(error, units) from error
        return units

    def _next(self) -> Unit | None:
        """Cut off the next unit, if it is complete."""
        buffer = self._buffer
        if not self._wanted:
            if buffer.startswith(b"\r\n"):
                return self._keep_alive()
            if buffer == b"\r" or not buffer:
                return None
            if not self._find_end():
                return None
        if len(buffer) < self._wanted:
            return None
        message = bytes(buffer[: self._wanted])
        self._drop(self._wanted)
        return message

    def _keep_alive(self) -> Unit | None:
        """
        Tell ping from pong.

        Where the peer may ping, the first CRLF says nothing before it is known
        what follows: another one, or the message that it merely precedes
        (section 7.5).
        """
        if self._buffer.startswith(_FLOOD):
            self._refuse("So many line ends are no keep-alive", "RFC 5626 3.5.1", 400)
        if self._opened:
            self._drop(2)
            return PONG
        if self._buffer.startswith(PING.value):
            self._drop(4)
            return PING
        if PING.value.startswith(self._buffer):
            return None
        self._drop(2)
        return PONG

    def _find_end(self) -> bool:
        """Look for the blank line and for Content-Length; is the head complete?"""
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n", self._searched)
        if end < 0:
            self._searched = max(0, len(buffer) - 3)
            if len(buffer) > self._limits.head:
                first = buffer.find(b"\r\n", 0, self._limits.field)
                if first < 0:
                    self._refuse("Request-URI too long", "RFC 3261 21.4.12", 414)
                self._refuse("Too long a head", "RFC 3261 21.5.7", 513)
            return False
        if end > self._limits.head:
            self._refuse("Too long a head", "RFC 3261 21.5.7", 513)
        length = self._length(bytes(buffer[: end + 2]))
        if end + 4 + length > self._limits.message:
            self._refuse("Too large a body", "RFC 3261 21.4.11", 413)
        self._wanted = end + 4 + length
        return True

    def _length(self, head: bytes) -> int:
        """Read Content-Length, which must be there on a stream (section 18.3)."""
        values = _LENGTH.findall(head)
        if len(values) != 1:
            self._refuse(
                "More than one Content-Length" if values else "No Content-Length",
                "RFC 3261 18.3",
                400,
            )
        found = _NUMBER.match(values[0])
        if found is None:
            self._refuse("Malformed Content-Length", "RFC 3261 20.14", 400)
        return int(found[1])

    def _refuse(self, why: str, section: str, code: int) -> NoReturn:
        """Give up the stream."""
        raise Malformed(why, section=section, code=code, data=bytes(self._buffer))

    def _drop(self, count: int) -> None:
        """Forget what was cut off."""
        del self._buffer[:count]
        self._searched = 0
        self._wanted = 0


class Broken(Malformed):
    """A stream that cannot be read on; C{units} is what came before."""

    def __init__(self, error: Malformed, units: list[Unit]) -> None:
        """Take over what the error says."""
        super().__init__(error.why, section=error.section, where=error.where, code=error.code)
        self.salvage = error.salvage
        self.units = units


def whole_frame(data: bytes, limits: MessageLimits = LIMITS) -> Unit | None:
    """
    Read a WebSocket frame, text or binary: one message (RFC 7118 section 5).

    @return: the message; a keep-alive where the peer sends CRLFs though it
        should use the protocol's own pings; None for an empty frame.
    """
    if not data.strip(b"\r\n"):
        return {b"": None, b"\r\n": PONG}.get(data, PING)
    if len(data) > limits.message:
        raise Malformed("Too large a message", section="RFC 3261 21.5.7", code=513, data=data)
    return data
