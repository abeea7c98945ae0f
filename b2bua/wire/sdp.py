"""
Session descriptions (RFC 8866) as values that keep every line as it was.

A back-to-back user agent changes few lines of what phones describe: the o=
line, a direction, a port.  So a description is its lines, and everything else
is a view of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

from b2bua.errors import PeerError
from b2bua.wire.grammar import refuse_breaks

SECTION = "RFC 8866 5"
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
TYPE = "application/sdp"
MAX_LINES = 2048
MAX_MEDIA = 64

_LINE = re.compile(rb"([a-zA-Z])=([^\r\n\0]*+)\Z")
_SPLIT = re.compile(rb"\r\n|\n|\r")
_ORIGIN = re.compile(rb"(?:\A|(?<=\n))o=[^\r\n]*+")


@dataclass(frozen=True, slots=True)
class Origin:
    """The o= line (section 5.2): who made the description, and which version it is."""

    user: str
    session_id: str
    version: int
    nettype: str = "IN"
    addrtype: str = "IP4"
    address: str = "0.0.0.0"

    @staticmethod
    def parse(text: str) -> Origin:
        """Parse what is behind C{o=}."""
        parts = text.split()
        if len(parts) != 6 or not (parts[2].isascii() and parts[2].isdigit()) or len(parts[2]) > 20:
            raise PeerError("Malformed o= line", section="RFC 8866 5.2", where=text)
        return Origin(parts[0], parts[1], int(parts[2]), parts[3], parts[4], parts[5])

    def next_version(self) -> Origin:
        """Raise the version by one, as a change of the description wants it."""
        return replace(self, version=self.version + 1)

    def __str__(self) -> str:
        """What goes behind C{o=}."""
        return refuse_breaks(
            f"{self.user} {self.session_id} {self.version} {self.nettype} {self.addrtype} {self.address}"
        )

    @property
    def line(self) -> bytes:
        """The whole line, without its end."""
        return b"o=" + str(self).encode()


@dataclass(frozen=True, slots=True)
class Section:
    """Lines that belong together, without their ends."""

    lines: tuple[str, ...]

    def get(self, kind: str) -> str | None:
        """Find the first line of a kind, such as C{"c"}; what is behind the equals sign."""
        prefix = kind + "="
        return next((line[2:] for line in self.lines if line.startswith(prefix)), None)

    def attributes(self, name: str) -> list[str]:
        """Find the values of an attribute (a=); "" where it has none."""
        flag, prefix = f"a={name}", f"a={name}:"
        return [line[len(prefix) :] for line in self.lines if line == flag or line.startswith(prefix)]

    def with_attribute(self, name: str, value: str | None = None) -> Self:
        """Copy it with an attribute set; it takes the place of all of that name."""
        flag, prefix = f"a={name}", f"a={name}:"
        line = refuse_breaks(flag if value is None else prefix + value)
        return self._with_line(line, lambda old: old == flag or old.startswith(prefix))

    def without_attribute(self, name: str) -> Self:
        """Copy it without an attribute."""
        flag, prefix = f"a={name}", f"a={name}:"
        kept = [line for line in self.lines if line != flag and not line.startswith(prefix)]
        return replace(self, lines=tuple(kept))

    def _with_line(self, new: str, matches: Callable[[str], bool]) -> Self:
        """Copy it with the first matching line replaced and others dropped, or appended."""
        lines: list[str] = []
        placed = False
        for line in self.lines:
            if not matches(line):
                lines.append(line)
            elif not placed:
                lines.append(new)
                placed = True
        if not placed:
            lines.append(new)
        return replace(self, lines=tuple(lines))

    @property
    def own_direction(self) -> str | None:
        """The direction that these lines state; None if they are silent."""
        for line in self.lines:
            if line[:2] == "a=" and line[2:] in DIRECTIONS:
                return line[2:]
        return None

    @property
    def own_connection(self) -> str | None:
        """The address of these lines' first c=; None if there is none."""
        value = self.get("c")
        return None if value is None else _address(value)

    def with_direction(self, direction: str) -> Self:
        """Copy it with another direction."""
        if direction not in DIRECTIONS:
            raise ValueError(direction)
        return self._with_line(f"a={direction}", lambda line: line[:2] == "a=" and line[2:] in DIRECTIONS)

    def with_connection(self, address: str) -> Self:
        """Copy it with another address in c=, which goes where the RFC wants it."""
        family = "IP6" if ":" in address else "IP4"
        new = refuse_breaks(f"c=IN {family} {address}")
        if self.get("c") is not None:
            return self._with_line(new, lambda line: line.startswith("c="))
        # Section 5: c= stands after m=, i=, u=, e=, p= and s=, before all else.
        at = 0
        for number, line in enumerate(self.lines):
            if line[:1] in "vosiuepm":
                at = number + 1
        return replace(self, lines=(*self.lines[:at], new, *self.lines[at:]))


@dataclass(frozen=True, slots=True)
class Media(Section):
    """A media description: its m= line and what follows (section 5.14)."""

    kind: str = ""
    port: int = 0
    proto: str = ""
    formats: tuple[str, ...] = ()
    session_direction: str | None = None
    """The direction of the session level, which holds unless there is an own one."""
    session_connection: str | None = None
    """The address of the session level, which holds unless there is an own one."""

    @staticmethod
    def of(lines: tuple[str, ...], direction: str | None, connection: str | None) -> Media:
        """
        Parse the lines of a media description.

        @param direction: that of the session level.
        @param connection: that of the session level.
        """
        parts = lines[0][2:].split()
        port, slash, count = parts[1].partition("/") if len(parts) > 3 else ("", "", "")
        if not _is_number(port) or int(port) > 65535 or (slash and not _is_number(count)):
            raise PeerError("Malformed m= line", section="RFC 8866 5.14", where=lines[0])
        return Media(
            lines,
            parts[0],
            int(port),
            parts[2],
            tuple(parts[3:]),
            direction,
            connection,
        )

    @property
    def direction(self) -> str:
        """The direction, own or inherited; sendrecv if none is stated (section 6.7)."""
        return self.own_direction or self.session_direction or "sendrecv"

    @property
    def connection(self) -> str:
        """The address, own or inherited; empty if there is none."""
        return self.own_connection or self.session_connection or ""

    @property
    def rejected(self) -> bool:
        """Is the stream refused or ended: port 0 (RFC 3264 section 6)?"""
        return self.port == 0

    @property
    def held(self) -> bool:
        """
        Does the peer want no media from us?

        Either notation: sendonly or inactive (RFC 3264 section 8.4), or the
        address 0.0.0.0 (RFC 2543).
        """
        return self.direction in ("sendonly", "inactive") or self.connection in ("0.0.0.0", "::")

    @property
    def codecs(self) -> dict[str, str]:
        """Encoding names by payload type, from rtpmap."""
        pairs = [value.partition(" ") for value in self.attributes("rtpmap")]
        return {number: name.strip() for number, _, name in pairs}

    def with_port(self, port: int) -> Media:
        """Copy it with another port."""
        count = self.lines[0].split()[1].partition("/")[2]
        text = f"{port}/{count}" if count else str(port)
        head = " ".join([f"m={self.kind}", text, self.proto, *self.formats])
        return replace(self, lines=(head, *self.lines[1:]), port=port)

    def with_formats(self, formats: Iterable[str]) -> Media:
        """Copy it with other formats; attributes of formats that are gone are dropped."""
        chosen = tuple(formats)
        port = self.lines[0].split()[1]
        head = " ".join([f"m={self.kind}", port, self.proto, *chosen])
        gone = set(self.formats) - set(chosen)
        kept = [line for line in self.lines[1:] if _format_of(line) not in gone]
        return replace(self, lines=(refuse_breaks(head), *kept), formats=chosen)

    def rejected_copy(self) -> Media:
        """The answer to a stream that is not wanted: the m= line alone, with port 0."""
        head = " ".join([f"m={self.kind}", "0", self.proto, *self.formats])
        return replace(self, lines=(head,), port=0)


def _address(connection: str) -> str:
    """Find the address in what is behind C{c=}."""
    parts = connection.split()
    if len(parts) != 3:
        raise PeerError("Malformed c= line", section="RFC 8866 5.7", where=connection)
    return parts[2].partition("/")[0]


def _is_number(text: str) -> bool:
    """Is it a short number in ASCII?"""
    return text.isascii() and text.isdigit() and len(text) < 10


def _format_of(line: str) -> str:
    """The payload type that an attribute is about, or the empty string."""
    name, colon, value = line.partition(":")
    if colon and name in ("a=rtpmap", "a=fmtp", "a=rtcp-fb"):
        return value.partition(" ")[0]
    return ""


@dataclass(frozen=True, slots=True)
class Sdp:
    """A session description; L{bytes} of it gives back what was parsed, line by line."""

    session: Section
    media: tuple[Media, ...] = ()
    raw: bytes | None = None
    """As received, while nothing was changed."""

    @staticmethod
    def parse(body: bytes) -> Sdp:
        """
        Parse a description.

        Lines may end in a bare LF or CR too, which section 5 asks to accept.

        @raise PeerError: 400, if it is none.
        """
        lines = _SPLIT.split(body)
        while lines and not lines[-1]:
            lines.pop()
        if not lines or lines[0] != b"v=0":
            raise PeerError("It does not begin with v=0", section="RFC 8866 5.1")
        if len(lines) > MAX_LINES:
            raise PeerError("Too many lines of SDP", section=SECTION, code=413)
        texts = []
        for line in lines:
            if _LINE.match(line) is None:
                raise PeerError("Not a line of SDP", section=SECTION, where=repr(line[:80]))
            text = line.decode("utf-8", "surrogateescape")
            if line[:2] == b"c=":
                _address(text[2:])
            texts.append(text)
        starts = [at for at, line in enumerate(texts) if line.startswith("m=")]
        if len(starts) > MAX_MEDIA:
            raise PeerError("Too many media descriptions", section=SECTION, code=413)
        session = Section(tuple(texts[: starts[0]] if starts else texts))
        if session.get("o") is None:
            raise PeerError("No o= line", section="RFC 8866 5.2")
        direction, connection = session.own_direction, session.own_connection
        media = [
            Media.of(tuple(texts[start:end]), direction, connection)
            for start, end in pairwise([*starts, len(texts)])
        ]
        return Sdp(session, tuple(media), body)

    def __bytes__(self) -> bytes:
        """Write it."""
        if self.raw is not None:
            return self.raw
        lines = [*self.session.lines]
        for media in self.media:
            lines += media.lines
        return ("\r\n".join(lines) + "\r\n").encode("utf-8", "surrogateescape")

    @property
    def origin(self) -> Origin:
        """The o= line."""
        return Origin.parse(self.session.get("o") or "")

    @property
    def name(self) -> str:
        """The s= line."""
        return self.session.get("s") or ""

    @property
    def direction(self) -> str:
        """The direction of the first stream that is not refused, or of the session."""
        live = next((item for item in self.media if not item.rejected), None)
        return (live.direction if live else self.session.own_direction) or "sendrecv"

    @property
    def held(self) -> bool:
        """Is every stream held that is not refused?"""
        live = [item for item in self.media if not item.rejected]
        return bool(live) and all(item.held for item in live)

    @property
    def connection(self) -> str:
        """The address of the session level; empty if there is none."""
        return self.session.own_connection or ""

    def with_origin(self, origin: Origin) -> Sdp:
        """Copy it with another o= line."""
        line = f"o={origin}"
        session = self.session._with_line(line, lambda old: old.startswith("o="))
        return replace(self, session=session, raw=None)

    def with_media(self, media: Iterable[Media]) -> Sdp:
        """Copy it with other media descriptions."""
        return replace(self, media=tuple(media), raw=None)

    def with_session(self, session: Section) -> Sdp:
        """Copy it with other lines of the session level."""
        direction, connection = session.own_direction, session.own_connection
        media = [
            replace(item, session_direction=direction, session_connection=connection) for item in self.media
        ]
        return replace(self, session=session, media=tuple(media), raw=None)

    def with_direction(self, direction: str) -> Sdp:
        """Copy it with a direction for every stream that is not refused."""
        return self.with_media(
            [item if item.rejected else item.with_direction(direction) for item in self.media]
        )


def replace_origin(body: bytes, line: bytes) -> bytes:
    """
    Swap the o= line without parsing the rest.

    @param line: the new line, C{o=} included, without its end.
    """
    found = _ORIGIN.search(body)
    if found is None:
        return body
    at, end = found.span()
    return body[:at] + line + body[end:]


def without_origin(body: bytes) -> bytes:
    """What is to be compared when only the o= line may differ."""
    return _ORIGIN.sub(b"", body, count=1)


def origin_of(body: bytes) -> Origin | None:
    """Read the o= line without parsing the rest; None if there is none."""
    found = _ORIGIN.search(body)
    if found is None:
        return None
    return Origin.parse(found[0][2:].decode("utf-8", "surrogateescape"))
