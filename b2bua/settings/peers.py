"""The tables of those we talk to: extensions, trunks, and the routes to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from b2bua.settings.table import Count, Seconds, Table, none
from b2bua.settings.values import Flag, Frozen, Host, Number, Pattern, PeerSource, SipURI, User, Whole
from b2bua.wire.grammar import is_token
from b2bua.wire.registry import NEVER, canonical

# How many hexadecimal digits each has.
_DIGITS = {"MD5": 32, "SHA-256": 64, "SHA-512-256": 64}


def _digests(table: Mapping[str, str]) -> Mapping[str, str]:
    if not table:
        raise ValueError("has no digest")
    for algorithm, digest in table.items():
        if algorithm not in _DIGITS:
            raise ValueError(f"has the algorithm {algorithm}, which is not one of {', '.join(_DIGITS)}")
        if re.fullmatch(f"[0-9A-Fa-f]{{{_DIGITS[algorithm]}}}", digest) is None:
            raise ValueError(f"has no {_DIGITS[algorithm]} hexadecimal digits for {algorithm}")
    return MappingProxyType({algorithm: digest.lower() for algorithm, digest in table.items()})


Ha1 = Annotated[Mapping[str, str], AfterValidator(_digests)]
Secret = Annotated[str, Field(min_length=1)]
Place = Literal["extensions", "trunks"]


def _field(name: str) -> str:
    """The name of a header field that may pass from leg to leg, as it is compared."""
    if not is_token(name):
        raise ValueError(f"has {name!r}, which is no name of a header field")
    known = canonical(name)
    if known in NEVER:
        raise ValueError(f"has {known}, which belongs to one dialog, one hop or one account and cannot pass")
    return known


HeaderName = Annotated[str, AfterValidator(_field)]
Interval = Annotated[Whole, Field(ge=90)]
Reliable = Literal["never", "supported", "required"]
Codec = Literal["PCMA", "PCMU", "G722", "opus", "GSM"]
"""What rtpengine can make out of each other as Debian builds it."""


class Peer(Table):
    """What extensions and trunks have in common: the policy for a peer."""

    trusted: Flag = Field(
        default=False,
        description="true to believe what it says about the identity of callers; "
        "of an extension also what it says about who has sent a call on",
    )
    calls_max: Count | None = Field(default=None, description="how many calls it may have at once")
    pass_fields: tuple[HeaderName, ...] = Field(
        default=(),
        description="the list of header fields that pass from it to the other side besides those that always "
        'do, such as ["X-Ticket"]',
    )
    reliable: Reliable = Field(
        default="supported",
        description='whether 1xx are acknowledged (RFC 3262): "never", "supported", where SDP in them goes '
        'reliably to who knows that, or "required", all of them, and of it as well',
    )
    media: Literal["auto", "direct", "relay"] = Field(
        default="auto",
        description='how its media go: "auto", through a relay of ours where it is behind a NAT or would not '
        'understand the other side; "direct", through one only in the latter case or to be recorded; '
        '"relay", always through one',
    )
    media_encryption: Literal["any", "none", "sdes", "dtls"] = Field(
        default="any",
        description='how its media are encrypted when it is called: "any", as the caller offers, with DTLS '
        'only for browsers; "none", "sdes" (keys in SDP) or "dtls"; what differs from the caller\'s needs a '
        "relay",
    )
    codecs: tuple[Codec, ...] = Field(
        default=(),
        description='the list of codecs that it understands, such as ["PCMA", "PCMU"] or ["opus"]: what is '
        "offered to it in other ones only goes through rtpengine, which makes one out of the other; without "
        "it whatever is offered",
    )
    session_expires: Interval | None = Field(
        default=None, description="seconds after which its calls are refreshed; by default those of [calls]"
    )
    min_se: Interval | None = Field(
        default=None,
        description="the shortest such time accepted of it; by default session_minimum of [calls]",
    )

    @model_validator(mode="after")
    def _interval(self) -> Self:
        if self.session_expires is not None and (self.min_se or 0) > self.session_expires:
            raise ValueError("has a min_se that is longer than its session_expires")
        return self


class Extension(Peer):
    """C{[extensions.NUMBER]}: a user, and the phones that register as that user."""

    name: Annotated[str, Field(max_length=200)] = Field(default="", description="the name that others see")
    password: Secret | None = Field(default=None, repr=False, description="the password of its phones")
    ha1: Ha1 | None = Field(
        default=None,
        repr=False,
        description='in place of the password, its digests: { MD5 = "...", SHA-256 = "..." }, '
        "each of USER:DOMAIN:PASSWORD",
    )
    ring_seconds: Seconds | None = Field(
        default=None, description="seconds that it rings before nobody answers"
    )
    may_dial: tuple[Place, ...] = Field(
        default=("extensions", "trunks"), description='what it may reach, a list of "extensions" and "trunks"'
    )

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if (self.password is None) == (self.ha1 is None):
            raise ValueError("needs either password or ha1")
        return self


class Rule(Table):
    """One of a list of rules for numbers; the first that matches the whole number is used."""

    match: Pattern = Field(description="a regular expression for the whole number")
    replace: str = Field(description=r"what it becomes; \1 stands for the first group of match")

    @model_validator(mode="after")
    def _groups(self) -> Self:
        try:
            re.compile(f"(?:{self.match.pattern})|").sub(self.replace, "")
        except (re.error, IndexError) as error:
            raise ValueError(f"has a replace that does not fit its match: {error}") from None
        return self


class Trunk(Peer):
    """C{[trunks.NAME]}: a carrier or another server."""

    uri: SipURI = Field(description='where calls to it go, such as "sip:sip.carrier.example"')
    backups: tuple[SipURI, ...] = Field(
        default=(),
        description="the list of its other servers, tried in this order for registrations, and for calls "
        "without one",
    )
    accept_from: tuple[PeerSource, ...] = Field(
        default=(),
        description="the list of addresses and networks, with or without a port, that call in without "
        'a password, such as ["198.51.100.0/24", "203.0.113.7:5080"]',
    )
    username: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="the name by which it knows us"
    )
    password: Secret | None = Field(
        default=None, repr=False, description="the password that goes with username"
    )
    auth_username: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="the name that goes with the password, where it is not username"
    )
    realm: str | None = Field(
        default=None, description="the only realm that gets the password; by default the first that asks"
    )
    proxy: SipURI | None = Field(
        default=None,
        description="the outbound proxy through which it is reached, such as "
        '"sip:proxy.carrier.example;transport=tcp"',
    )
    registers: Flag = Field(default=False, alias="register", description="true to register with it")
    expires: Count = Field(default=3600, description="seconds to register for")
    options_seconds: Annotated[Number, Field(ge=0)] = Field(
        default=60.0, description="seconds between two OPTIONS that ask whether it is alive; 0 for none"
    )
    numbers_in: tuple[Rule, ...] = Field(default=(), description="rules for the numbers it calls")
    numbers_out: tuple[Rule, ...] = Field(default=(), description="rules for the numbers we call through it")
    identity: Literal["from", "asserted", "remote-party"] = Field(
        default="from",
        description='how it is told who calls: "from" alone, or "asserted" (P-Asserted-Identity) or '
        '"remote-party" (Remote-Party-ID) as well',
    )
    from_domain: Host | None = Field(
        default=None,
        description="the domain behind the numbers of callers that it is told; by default ours, "
        "and that of uri for caller and callers",
    )
    caller: User | None = Field(default=None, description="the number it is told instead of the extension's")
    callers: Frozen[User] = Field(
        default_factory=none,
        description="the same for one extension each: a table of numbers by extension, such as "
        '{ 101 = "+15550101" }',
    )
    messages: Flag = Field(default=False, description="true to send it messages as well (MESSAGE, RFC 3428)")
    may_dial: tuple[Place, ...] = Field(
        default=("extensions",), description='what its calls may reach, a list of "extensions" and "trunks"'
    )

    @model_validator(mode="after")
    def _account(self) -> Self:
        if self.password is not None and self.username is None and self.auth_username is None:
            raise ValueError("has a password but no username")
        if self.registers and self.username is None:
            raise ValueError("is to be registered with but has no username")
        return self


class Route(Table):
    """One of C{[[routes]]}: which numbers go to which trunk; the first that matches is used."""

    match: Pattern = Field(description="a regular expression for the whole dialled user part")
    trunk: str | None = Field(default=None, description="the name of a trunk")
    trunks: tuple[str, ...] = Field(
        default=(), description="the names of trunks, the next being for when one is down"
    )
    callers: tuple[Place, ...] = Field(
        default=("extensions",),
        description='whose calls it is for, a list of "extensions" and "trunks"; '
        "those of others to such a number are refused, whatever routes come after it",
    )
    strip: Annotated[Whole, Field(ge=0, le=64)] = Field(
        default=0, description="how many characters to take off the front of the number"
    )
    prepend: str = Field(default="", description="what to put in front of the number after that")

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if bool(self.trunk) == bool(self.trunks):
            raise ValueError("needs either trunk or trunks")
        return self

    @property
    def ways(self) -> tuple[str, ...]:
        """The trunks to try, in this order."""
        return (self.trunk,) if self.trunk else self.trunks
