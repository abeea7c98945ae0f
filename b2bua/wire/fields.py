"""The header fields that have more structure than a word or an address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from b2bua.errors import PeerError
from b2bua.wire.grammar import (
    LWS,
    PARAMS,
    TOKEN,
    Params,
    digits,
    find_param,
    is_token,
    parse_params,
    quote,
    refuse_breaks,
    unquote,
    write_params,
)

# via-parm = sent-protocol LWS sent-by *( SEMI via-params ), section 25.1; SLASH
# and COLON may have white space around them.
_VIA = re.compile(
    rf"{LWS}[Ss][Ii][Pp]{LWS}/{LWS}2\.0{LWS}/{LWS}({TOKEN}++)[ \t]++"
    rf"(\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9._\-]++)(?:{LWS}:{LWS}([0-9]{{1,5}}+))?+({PARAMS}){LWS}\Z",
    re.DOTALL,
)
# The way nearly all are written: no white space but where it must be.
_SIMPLE_VIA = re.compile(
    rf"SIP/2\.0/({TOKEN}++) ([A-Za-z0-9._\-]++|\[[0-9A-Fa-f:.]++\])"
    r'(?::([0-9]{1,5}+))?+((?:;[^\x00-\x20",\x7f]++)?+)\Z'
).match
_CSEQ = re.compile(rf"{LWS}([0-9]++)[ \t]++({TOKEN}++){LWS}\Z")
_RACK = re.compile(rf"{LWS}([0-9]++)[ \t]++([0-9]++)[ \t]++({TOKEN}++){LWS}\Z")
_HEAD = re.compile(rf"{LWS}([^;,\"\s]++){LWS}(;.*+)?\Z", re.DOTALL)
_DELTA = re.compile(rf"{LWS}([0-9]++){LWS}((?:;.*+)?+)\Z", re.DOTALL)
_RETRY = re.compile(rf"{LWS}([0-9]++){LWS}(?:\([^()]*+\){LWS})?+((?:;.*+)?+)\Z", re.DOTALL)
_WARNING = re.compile(rf'{LWS}([0-9]{{3}}) ++([^\s"]++) ++("(?:[^"\\]|\\.)*+"){LWS}\Z', re.DOTALL)
_URI_INFO = re.compile(rf"{LWS}<([^<>]*+)>({PARAMS}){LWS}\Z", re.DOTALL)

METHODS = frozenset(
    (
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "OPTIONS",
        "REGISTER",
        "PRACK",
        "UPDATE",
        "INFO",
        "REFER",
        "NOTIFY",
        "SUBSCRIBE",
        "MESSAGE",
        "PUBLISH",
    )
)
"""The methods that have an RFC."""

# What a NamedTuple does, without its detour through keywords.
_tuple = tuple.__new__
_new = object.__new__

MAX_CSEQ = 2**31 - 1
MAX_DELTA = 2**32 - 1


class Via:
    """
    One hop of the way back (sections 18.1.1, 20.42).

    The parameters are parsed when they are first asked for.
    """

    __slots__ = ("_params", "_tail", "host", "port", "transport")

    transport: str
    host: str
    port: int | None
    _tail: str
    _params: Params

    def __init__(self, transport: str, host: str, port: int | None = None, params: Params = ()) -> None:
        """Take the parts."""
        self.transport = transport
        self.host = host
        self.port = port
        self._params = params
        self._tail = refuse_breaks(write_params(params))

    @staticmethod
    def parse(text: str) -> Via:
        """
        Parse one via-parm.

        @raise PeerError: 400, if it is none.
        """
        found = _SIMPLE_VIA(text)
        if found is None:
            return _parse_via(text)
        transport, host, port, tail = found.groups()
        self = _new(Via)
        self.transport = transport.upper()
        self.host = host
        self.port = None if port is None else _port(port)
        self._tail = tail
        return self

    @property
    def params(self) -> Params:
        """The parameters, in order."""
        try:
            return self._params
        except AttributeError:
            # No quotes nor white space here: L{_parse_via} has looked after those.
            pairs = [item.partition("=") for item in self._tail.split(";")]
            self._params = params = tuple([(n, v if equals else None) for n, equals, v in pairs if n])
            return params

    def param(self, name: str) -> str | None:
        """Find a parameter: its value, "" without a value, None if absent."""
        return find_param(self.params, name)

    @property
    def branch(self) -> str:
        """The branch, or the empty string (a client of RFC 2543)."""
        tail = self._tail
        at = tail.find(";branch=") + 8
        if at > 7 and '"' not in tail:
            end = tail.find(";", at)
            return tail[at:] if end < 0 else tail[at:end]
        return find_param(self.params, "branch") or ""

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
        return Via(self.transport, self.host, self.port, (*kept, *new.items()))

    def __str__(self) -> str:
        """The value of the header field."""
        return f"SIP/2.0/{self.transport} {self.sent_by}{self._tail}"

    def __repr__(self) -> str:
        """For people who debug."""
        return f"Via({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        """Compare what would be written."""
        return str(self) == str(other) if isinstance(other, Via) else NotImplemented

    def __hash__(self) -> int:
        """Hash what would be written."""
        return hash(str(self))


def _parse_via(text: str) -> Via:
    """Parse a Via with white space or quotes in it, or say what is wrong."""
    found = _VIA.match(text)
    if found is None:
        raise PeerError("Malformed Via", section="RFC 3261 20.42", where=text)
    transport, host, port, tail = found.groups()
    return Via(transport.upper(), host, None if port is None else _port(port), parse_params(tail))


def _port(text: str) -> int:
    """Parse a port."""
    number = int(text)
    if number > 65535:
        raise PeerError("Port out of range", section="RFC 3261 20.42", where=text)
    return number


class CSeq(NamedTuple):
    """The place of a request within its dialog (section 20.16)."""

    number: int
    method: str

    @staticmethod
    def parse(text: str) -> CSeq:
        """Parse it; the number is below 2**31 (section 8.1.1.5)."""
        number, _, method = text.partition(" ")
        if method in METHODS and len(number) < 10 and number.isascii() and number.isdigit():
            return _tuple(CSeq, (int(number), method))
        found = _CSEQ.match(text)
        if found is None:
            raise PeerError("Malformed CSeq", section="RFC 3261 20.16", where=text)
        number, method = found.groups()
        return CSeq(digits(number, MAX_CSEQ, section="RFC 3261 8.1.1.5", what="CSeq"), method)

    def __str__(self) -> str:
        """The value of the header field."""
        return f"{self.number} {self.method}"


class RAck(NamedTuple):
    """Which provisional response a PRACK acknowledges (RFC 3262 section 7.2)."""

    rseq: int
    cseq: int
    method: str

    @staticmethod
    def parse(text: str) -> RAck:
        """Parse it."""
        section = "RFC 3262 7.2"
        found = _RACK.match(text)
        if found is None:
            raise PeerError("Malformed RAck", section=section, where=text)
        rseq = digits(found[1], MAX_DELTA, section=section, what="RSeq")
        return RAck(rseq, digits(found[2], MAX_CSEQ, section=section, what="CSeq"), found[3])

    def __str__(self) -> str:
        """The value of the header field."""
        return f"{self.rseq} {self.cseq} {self.method}"


@dataclass(frozen=True, slots=True)
class DialogId:
    """A dialog named from outside: Call-ID and two tags."""

    call_id: str
    to_tag: str
    from_tag: str

    def __str__(self) -> str:
        """The value as Replaces and Join write it."""
        text = f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}"
        return refuse_breaks(text)


@dataclass(frozen=True, slots=True)
class Replaces(DialogId):
    """
    The dialog that an INVITE takes the place of (RFC 3891 section 6.1).

    Tags are as the recipient sees them: C{to_tag} is its local tag.
    """

    early_only: bool = False

    @staticmethod
    def parse(text: str) -> Replaces:
        """Parse it; both tags must be there, once each."""
        section = "RFC 3891 6.1"
        call_id, params = _dialog(text, "to-tag", "from-tag", section)
        early = find_param(params, "early-only") is not None
        return Replaces(call_id, _tag(params, "to-tag"), _tag(params, "from-tag"), early)

    def __str__(self) -> str:
        """The value of the header field."""
        return DialogId.__str__(self) + (";early-only" if self.early_only else "")


@dataclass(frozen=True, slots=True)
class Join(DialogId):
    """The dialog that an INVITE wants to join (RFC 3911 section 7.1)."""

    @staticmethod
    def parse(text: str) -> Join:
        """Parse it; both tags must be there, once each."""
        call_id, params = _dialog(text, "to-tag", "from-tag", "RFC 3911 7.1")
        return Join(call_id, _tag(params, "to-tag"), _tag(params, "from-tag"))


@dataclass(frozen=True, slots=True)
class TargetDialog:
    """
    A dialog that the sender proves to know (RFC 4538 section 7).

    Tags are as the recipient sees them.
    """

    call_id: str
    local_tag: str
    remote_tag: str

    @staticmethod
    def parse(text: str) -> TargetDialog:
        """Parse it; both tags must be there, once each."""
        call_id, params = _dialog(text, "local-tag", "remote-tag", "RFC 4538 7")
        return TargetDialog(call_id, _tag(params, "local-tag"), _tag(params, "remote-tag"))

    def __str__(self) -> str:
        """The value of the header field."""
        return refuse_breaks(f"{self.call_id};local-tag={self.local_tag};remote-tag={self.remote_tag}")


def _dialog(text: str, one: str, other: str, section: str) -> tuple[str, Params]:
    """Parse a Call-ID with two tags."""
    call_id, params = value_and_params(text, section)
    names = [name.lower() for name, _ in params]
    if names.count(one) != 1 or names.count(other) != 1:
        raise PeerError(f"It takes one {one} and one {other}", section=section, where=text)
    return call_id, params


def _tag(params: Params, name: str) -> str:
    """The value of a tag that is known to be there."""
    return find_param(params, name) or ""


def value_and_params(text: str, section: str) -> tuple[str, Params]:
    """Parse C{word;name=value}: the shape of most small header fields."""
    found = _HEAD.match(text)
    if found is None:
        raise PeerError("Malformed header field", section=section, where=text)
    return found[1], parse_params(found[2] or "")


@dataclass(frozen=True, slots=True)
class SessionExpires:
    """How long a session lasts without refresh, and who refreshes (RFC 4028 section 4)."""

    seconds: int
    refresher: str = ""
    """uac, uas, or empty if left open."""

    @staticmethod
    def parse(text: str) -> SessionExpires:
        """Parse it."""
        seconds, params = parse_delta(text, "RFC 4028 4")
        refresher = (find_param(params, "refresher") or "").lower()
        if refresher not in ("", "uac", "uas"):
            raise PeerError("Unknown refresher", section="RFC 4028 4", where=text)
        return SessionExpires(seconds, refresher)

    def __str__(self) -> str:
        """The value of the header field."""
        return f"{self.seconds};refresher={self.refresher}" if self.refresher else str(self.seconds)


def parse_delta(text: str, section: str) -> tuple[int, Params]:
    """Parse delta-seconds with parameters."""
    found = _DELTA.match(text)
    if found is None:
        raise PeerError("Malformed number of seconds", section=section, where=text)
    number = digits(found[1], MAX_DELTA, section=section, what="The number of seconds")
    return number, parse_params(found[2])


@dataclass(frozen=True, slots=True)
class Event:
    """An event package (RFC 6665 section 8.2.1)."""

    package: str
    id: str = ""
    params: Params = ()

    @staticmethod
    def parse(text: str) -> Event:
        """Parse it."""
        package, params = value_and_params(text, "RFC 6665 8.2.1")
        if not is_token(package):
            raise PeerError("Malformed event package", section="RFC 6665 8.2.1", where=text)
        return Event(package, find_param(params, "id") or "", params)

    def param(self, name: str) -> str | None:
        """Find a parameter: its value, "" without a value, None if absent."""
        return find_param(self.params, name)

    def __str__(self) -> str:
        """The value of the header field."""
        own: Params = (("id", self.id),) if self.id else ()
        rest = tuple(item for item in self.params if item[0].lower() != "id")
        return refuse_breaks(self.package + write_params(own + rest))


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """What a notifier says about a subscription (RFC 6665 section 8.2.3)."""

    state: str
    expires: int | None = None
    reason: str = ""
    retry_after: int | None = None

    @staticmethod
    def parse(text: str) -> SubscriptionState:
        """Parse it; states and reasons are compared in lower case."""
        section = "RFC 6665 8.2.3"
        state, params = value_and_params(text, section)
        numbers = [
            None if (value := find_param(params, name)) is None else _seconds(value, section)
            for name in ("expires", "retry-after")
        ]
        reason = (find_param(params, "reason") or "").lower()
        return SubscriptionState(state.lower(), numbers[0], reason, numbers[1])

    def __str__(self) -> str:
        """The value of the header field."""
        text = self.state
        if self.expires is not None:
            text += f";expires={self.expires}"
        if self.reason:
            text += f";reason={self.reason}"
        if self.retry_after is not None:
            text += f";retry-after={self.retry_after}"
        return refuse_breaks(text)


def _seconds(text: str, section: str) -> int:
    """Parse delta-seconds in a parameter."""
    return digits(text, MAX_DELTA, section=section, what="The number of seconds")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a request was sent or a response given (RFC 3326 section 2)."""

    protocol: str
    cause: int | None = None
    text: str = ""
    params: Params = ()
    """Whatever else there is."""

    @staticmethod
    def parse(text: str) -> Reason:
        """Parse one value."""
        protocol, params = value_and_params(text, "RFC 3326 2")
        cause = find_param(params, "cause")
        number = None if cause is None else digits(cause, 9999, section="RFC 3326 2", what="Cause")
        rest = tuple(item for item in params if item[0].lower() not in ("cause", "text"))
        return Reason(protocol, number, find_param(params, "text") or "", rest)

    def __str__(self) -> str:
        """The value of the header field."""
        text = self.protocol
        if self.cause is not None:
            text += f";cause={self.cause}"
        if self.text:
            text += f";text={quote(self.text)}"
        return refuse_breaks(text + write_params(self.params))


@dataclass(frozen=True, slots=True)
class WarningText:
    """A warning about a session description and the like (section 20.43)."""

    code: int
    agent: str
    text: str

    @staticmethod
    def parse(text: str) -> WarningText:
        """Parse one value."""
        found = _WARNING.match(text)
        if found is None:
            raise PeerError("Malformed Warning", section="RFC 3261 20.43", where=text)
        return WarningText(int(found[1]), found[2], unquote(found[3]))

    def __str__(self) -> str:
        """The value of the header field."""
        return f"{self.code} {refuse_breaks(self.agent)} {quote(self.text)}"


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """When to try again (section 20.33)."""

    seconds: int
    params: Params = ()

    @staticmethod
    def parse(text: str) -> RetryAfter:
        """Parse it; a comment is skipped."""
        found = _RETRY.match(text)
        if found is None:
            raise PeerError("Malformed Retry-After", section="RFC 3261 20.33", where=text)
        return RetryAfter(_seconds(found[1], "RFC 3261 20.33"), parse_params(found[2]))


@dataclass(frozen=True, slots=True)
class Info:
    """A URI of any kind in angle brackets: Alert-Info, Call-Info, Error-Info."""

    uri: str
    params: Params = ()

    @staticmethod
    def parse(text: str) -> Info:
        """Parse one value."""
        found = _URI_INFO.match(text)
        if found is None:
            raise PeerError("Malformed header field", section="RFC 3261 20.4", where=text)
        return Info(found[1].strip(), parse_params(found[2]))

    def param(self, name: str) -> str | None:
        """Find a parameter: its value, "" without a value, None if absent."""
        return find_param(self.params, name)
