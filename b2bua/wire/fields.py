"""The header fields that have more structure than a word or an address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from b2bua.errors import PeerError
from b2bua.wire.dialog_ids import DialogId, Join, Replaces, TargetDialog
from b2bua.wire.grammar import (
    LWS,
    PARAMS,
    QUOTED,
    TOKEN,
    Params,
    digits,
    find_param,
    is_token,
    parse_params,
    quote,
    refuse_breaks,
    unquote,
    value_and_params,
    write_params,
)
from b2bua.wire.via import Via

__all__ = [
    "CSeq",
    "DialogId",
    "Event",
    "Info",
    "Join",
    "RAck",
    "Reason",
    "Replaces",
    "RetryAfter",
    "SessionExpires",
    "SubscriptionState",
    "TargetDialog",
    "Via",
    "WarningText",
    "parse_date",
    "parse_delta",
    "write_date",
]

_CSEQ = re.compile(rf"{LWS}([0-9]++)[ \t]++({TOKEN}++){LWS}\Z")
_RACK = re.compile(rf"{LWS}([0-9]++)[ \t]++([0-9]++)[ \t]++({TOKEN}++){LWS}\Z")
_DELTA = re.compile(rf"{LWS}([0-9]++){LWS}((?:;.*+)?)\Z", re.DOTALL)
_RETRY = re.compile(rf"{LWS}([0-9]++){LWS}(?>(?:\([^()]*+\){LWS})?)((?:;.*+)?)\Z", re.DOTALL)
_WARNING = re.compile(rf'{LWS}([0-9]{{3}}) ++([^\s"]++) ++({QUOTED}){LWS}\Z', re.DOTALL)
# rfc1123-date = wkday "," SP 2DIGIT SP month SP 4DIGIT SP time SP "GMT"
_DATE = re.compile(r"[A-Za-z]{3}, ([0-9]{2}) ([A-Za-z]{3}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT\Z")
# The names are the RFC's, whatever the locale.
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_URI_INFO = re.compile(rf"{LWS}<([^<>]*+)>({PARAMS}){LWS}\Z", re.DOTALL)

MAX_CSEQ = 2**31 - 1
MAX_DELTA = 2**32 - 1


class CSeq(NamedTuple):
    """The place of a request within its dialog (section 20.16)."""

    number: int
    method: str

    @staticmethod
    def parse(text: str) -> CSeq:
        """Parse it; the number is below 2**31 (section 8.1.1.5)."""
        found = _CSEQ.match(text)
        if found is None:
            raise PeerError("Malformed CSeq", section="RFC 3261 20.16", where=text)
        number, method = found[1], found[2]
        if number[9:]:  # fewer are always below the bound
            return CSeq(digits(number, MAX_CSEQ, section="RFC 3261 8.1.1.5", what="CSeq"), method)
        return CSeq(int(number), method)

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


def parse_date(text: str) -> datetime:
    """
    Parse an RFC 1123 date.

    The weekday is not compared with the date, and any zone but GMT is refused
    (section 20.17).
    """
    found = _DATE.match(text)
    try:
        if found is None or (month := _MONTHS.find(found[2].title())) < 0 or month % 3:
            raise ValueError
        day, year, hour, minute, second = (int(found[at]) for at in (1, 3, 4, 5, 6))
        return datetime(year, month // 3 + 1, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise PeerError("Malformed Date", section="RFC 3261 20.17", where=text) from None


def write_date(when: datetime) -> str:
    """Write the value of Date; C{when} must know its zone."""
    when = when.astimezone(UTC)
    day, month = _DAYS[when.weekday()], _MONTHS[when.month * 3 - 3 :][:3]
    return f"{day}, {when:%d} {month} {when:%Y %H:%M:%S} GMT"
