"""
Reading a session description the way a phone does (RFC 4566).

This is written apart from C{b2bua.wire.sdp} on purpose: the judge does not
borrow the eyes of the judged.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
MIRROR = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


@dataclass(slots=True)
class Stream:
    """One m= line and what belongs to it."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    direction: str
    address: str

    @property
    def sends(self) -> bool:
        """Does its owner want to send?"""
        return self.port != 0 and self.direction in ("sendrecv", "sendonly")

    @property
    def receives(self) -> bool:
        """Can its owner receive?  Not at an address of zeros, the hold of RFC 2543."""
        return self.port != 0 and self.address != "0.0.0.0" and self.direction in ("sendrecv", "recvonly")


@dataclass(slots=True)
class Description:
    """A session description."""

    origin: tuple[str, str, int, str] = ("", "", 0, "")
    """User, session identifier, version, address."""
    time: str = ""
    streams: list[Stream] = field(default_factory=list)

    @property
    def source(self) -> tuple[str, str, str]:
        """What may never change within a session (RFC 3264 section 8): user, identifier, address."""
        return self.origin[0], self.origin[1], self.origin[3]

    @property
    def version(self) -> int:
        """The version of the o= line."""
        return self.origin[2]


def read(body: bytes) -> Description:
    """Read a description; a C{ValueError} says what is wrong with it."""
    found = Description()
    session_address, session_direction = "", "sendrecv"
    current: Stream | None = None
    lines = body.decode("utf-8").split("\r\n")
    if lines[0] != "v=0":
        raise ValueError("a description begins with v=0")
    for line in lines:
        letter, equals, value = line.partition("=")
        if not line:
            continue
        if equals != "=" or len(letter) != 1:
            raise ValueError(f"not a line of SDP: {line!r}")
        if letter == "o":
            user, identifier, version, _net, _type, address = value.split(" ")
            found.origin = (user, identifier, int(version), address)
        elif letter == "t":
            found.time = value
        elif letter == "c":
            address = value.split(" ")[2]
            if current is None:
                session_address = address
            else:
                current.address = address
        elif letter == "m":
            kind, port, protocol, *formats = value.split(" ")
            current = Stream(kind, int(port), protocol, tuple(formats), session_direction, session_address)
            found.streams.append(current)
        elif letter == "a" and value in DIRECTIONS:
            if current is None:
                session_direction = value
            else:
                current.direction = value
    if not found.origin[1] or not found.time:
        raise ValueError("o= and t= have to be there")
    return found


def without_origin(body: bytes) -> bytes:
    """Strip the o= line, to see whether anything else differs."""
    return b"\r\n".join(line for line in body.split(b"\r\n") if not line.startswith(b"o="))
