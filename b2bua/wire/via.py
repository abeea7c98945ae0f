"""Via: the way that a request took, and that its responses take back."""

from __future__ import annotations

import re
from typing import TypeAlias

from b2bua.errors import PeerError
from b2bua.once import Remembered
from b2bua.wire.grammar import (
    LWS,
    PARAMS,
    TOKEN,
    Params,
    find_param,
    parse_params,
    refuse_breaks,
    write_params,
)

# via-parm = sent-protocol LWS sent-by *( SEMI via-params ), section 25.1; SLASH
# and COLON may have white space around them.
_VIA = re.compile(
    rf"{LWS}[Ss][Ii][Pp]{LWS}/{LWS}2\.0{LWS}/{LWS}({TOKEN}++)[ \t]++"
    rf"(\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9._\-]++)(?>(?:{LWS}:{LWS}([0-9]{{1,5}}+))?)({PARAMS}){LWS}\Z",
    re.DOTALL,
)
# The way nearly all are written: no white space but where it must be.
_SIMPLE_SENDER = re.compile(
    rf"SIP/2\.0/({TOKEN}++) ([A-Za-z0-9._\-]++|\[[0-9A-Fa-f:.]++\])(?>(?::([0-9]{{1,5}}+))?)\Z"
).match
# Parameters without quotes and white space; the first that is called branch.
_SIMPLE = re.compile(
    r'([^;]{1,128}+)(?![^;])((?>(?:;(?!branch=)[^;\x00-\x20",\x7f]*+)*)'
    r'(?>(?:;branch=([^;\x00-\x20",\x7f]*+))?)[^\x00-\x20",\x7f]*+)\Z'
).match
Sender: TypeAlias = tuple[str, str, int | None, str]
"""What stands before the parameters: transport, host, port, and all that as it is written."""


class Via:
    """
    One hop of the way back (sections 18.1.1, 20.42).

    The parameters are parsed when they are first asked for.
    """

    __slots__ = ("_params", "branch", "head", "host", "port", "tail", "transport")

    transport: str
    host: str
    port: int | None
    branch: str
    """Empty from a client of RFC 2543."""
    head: str
    """Transport, host and port as they are written."""
    tail: str
    """The parameters as they are written, with the semicolon before them."""
    _params: Params

    @staticmethod
    def make(transport: str, host: str, port: int | None = None, params: Params = ()) -> Via:
        """Build one of its parts."""
        self = Via()
        self.transport = transport
        self.host = host
        self.port = port
        self.head = _write_sender(transport, host, port)
        self._params = params
        self.tail = refuse_breaks(write_params(params))
        self.branch = find_param(params, "branch") or ""
        return self

    @staticmethod
    def parse(text: str) -> Via:
        """
        Parse one via-parm.

        @raise PeerError: 400, if it is none.
        """
        found = _SIMPLE(text)
        sender = None if found is None else known_senders[found[1]]
        if found is None or sender is None:
            return _parse_via(text)
        self = Via()
        self.transport, self.host, self.port, self.head = sender
        self.tail, branch = found[2], found[3]
        self.branch = branch if branch is not None else find_param(self.params, "branch") or ""
        return self

    @property
    def params(self) -> Params:
        """The parameters, in order."""
        try:
            return self._params
        except AttributeError:
            # No quotes nor white space here: L{_parse_via} has looked after those.
            pairs = [item.partition("=") for item in self.tail.split(";")]
            self._params = params = tuple([(n, v if equals else None) for n, equals, v in pairs if n])
            return params

    def param(self, name: str) -> str | None:
        """Find a parameter: its value, "" without a value, None if absent."""
        return find_param(self.params, name)

    @property
    def rport(self) -> str | None:
        """The rport: "" if asked for, the number if filled in, None without (RFC 3581)."""
        return find_param(self.params, "rport")

    @property
    def received(self) -> str | None:
        """The source address that the next hop saw."""
        return find_param(self.params, "received")

    @property
    def maddr(self) -> str | None:
        """Where responses shall go instead."""
        return find_param(self.params, "maddr")

    @property
    def ttl(self) -> str | None:
        """The scope of multicast."""
        return find_param(self.params, "ttl")

    @property
    def sent_by(self) -> str:
        """C{host:port} as it was written."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    def with_params(self, *params: tuple[str, str | None], **named: str | None) -> Via:
        """Copy it with parameters set in their place, or appended."""
        new = dict((*params, *named.items()))
        kept = tuple((n, new.pop(n.lower())) if n.lower() in new else (n, v) for n, v in self.params)
        return Via.make(self.transport, self.host, self.port, (*kept, *new.items()))

    def seen_from(self, host: str, port: int) -> Via:
        """
        Note where its request came from; gives itself if there is nothing to note.

        RFC 3261 section 18.2.1: C{received} if the sent-by is not the source
        address; RFC 3581 section 4: both if the client asks for C{rport}.
        """
        before, asking, after = self.tail.partition(";rport")
        lower = (before + after).lower()
        if asking or "rport" in lower:
            # Mostly asked for once, in lower case, and nothing is filled in or quoted.
            once = asking and after[:1] in ("", ";") and "rport" not in lower
            if once and "received" not in lower and '"' not in lower:
                copy = Via()
                copy.transport, copy.host, copy.port = self.transport, self.host, self.port
                copy.head, copy.branch = self.head, self.branch
                copy.tail = f"{before};rport={port}{after};received={host}"
                return copy
            if self.rport is not None:
                return self.with_params(("received", host), ("rport", str(port)))
        sent_by = self.host[1:-1] if self.host[:1] == "[" else self.host
        if sent_by.lower() == host and ("received" not in lower or self.received is None):
            return self
        return self.with_params(("received", host))

    def __str__(self) -> str:
        """The value of the header field."""
        return self.head + self.tail

    def __repr__(self) -> str:
        """For people who debug."""
        return f"Via({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        """Compare what would be written."""
        return str(self) == str(other) if isinstance(other, Via) else NotImplemented

    def __hash__(self) -> int:
        """Hash what would be written."""
        return hash(str(self))


def _write_sender(transport: str, host: str, port: int | None) -> str:
    """Write what stands before the parameters."""
    return f"SIP/2.0/{transport} {host}" + ("" if port is None else f":{port}")


def _read_sender(text: str) -> Sender | None:
    """Parse what stands before the parameters; None if it is not as simple as most."""
    found = _SIMPLE_SENDER(text)
    if found is None:
        return None
    transport, host, digits = found.groups()
    port = None if digits is None else int(digits)
    if port is not None and port > 65535:
        return None
    return transport.upper(), host, port, _write_sender(transport.upper(), host, port)


# A phone sends each request from the same place, and we ours.
known_senders = Remembered(_read_sender, most=2048)


def _parse_via(text: str) -> Via:
    """Parse a Via with white space or quotes in it, or say what is wrong."""
    found = _VIA.match(text)
    if found is None:
        raise PeerError("Malformed Via", section="RFC 3261 20.42", where=text)
    transport, host, port, tail = found.groups()
    number = None if port is None else int(port)
    if number is not None and number > 65535:
        raise PeerError("Port out of range", section="RFC 3261 20.42", where=text)
    if "\r" in tail or "\n" in tail:
        # In quotes; who looks at a message before it was read may see them.
        raise PeerError("A lone CR or LF", section="RFC 3261 25.1", where=text)
    return Via.make(transport.upper(), host, number, parse_params(tail))
