"""
The tables of the configuration file, as frozen typed values.

The description of a key says what it is; it is shown with every mistake and in
C{docs/configuration.md}.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from b2bua.settings.values import (
    TRANSPORTS,
    Flag,
    Frozen,
    Host,
    HostPort,
    ListenURI,
    Number,
    Pattern,
    PeerSource,
    SipURI,
    User,
    Whole,
)


class Table(BaseModel):
    """A table of the configuration: its keys are the fields, and no other key is allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _beside(path: str, info: ValidationInfo) -> str:
    """A relative path starts at the directory of the configuration file."""
    directory: Path = (info.context or {}).get("directory", Path())
    return str(directory / path)


CONTROL = "b2bua.sock"
SOCKET_NAME = 107
"""Bytes that the name of a local socket may have (unix(7))."""


def _control(path: str, info: ValidationInfo) -> str:
    """The control socket, as an absolute path if we know where we are."""
    return control_path(path, (info.context or {}).get("directory", Path()))


def control_path(path: str, directory: Path) -> str:
    """The control socket; beside the file there is not always room for its name."""
    full = str(directory / path)
    if path != CONTROL or len(os.fsencode(full)) <= SOCKET_NAME:
        return full
    return f"/tmp/b2bua-{sha256(os.fsencode(full)).hexdigest()[:24]}.sock"


def _database(url: str, info: ValidationInfo) -> str:
    """The URL of a database; that of an SQLite file may be relative as well."""
    scheme, found, rest = url.partition("://")
    if not found or not scheme:
        raise ValueError("is not the URL of a database")
    if scheme.split("+")[0] not in ("sqlite", "postgresql"):
        raise ValueError(f"has the scheme {scheme}, which is neither sqlite nor postgresql")
    if scheme.startswith("sqlite") and rest.startswith("/") and rest[1:] not in ("", ":memory:"):
        return f"{scheme}:///{_beside(rest[1:], info)}"
    return url


Beside = Annotated[str, AfterValidator(_beside)]
Seconds = Annotated[Number, Field(gt=0, le=10_000_000)]
Count = Annotated[Whole, Field(ge=1)]
Port = Annotated[Whole, Field(ge=1, le=65535)]


class Server(Table):
    """C{[server]}: who we are and where we are reached."""

    domain: Host = Field(
        description='the domain of our addresses and the realm of passwords, such as "pbx.example.com"'
    )
    aliases: tuple[Host, ...] = Field(
        default=(), description="the other names and addresses we answer to, a list"
    )
    listen: tuple[ListenURI, ...] = Field(
        default=("sip:0.0.0.0:5060;transport=udp", "sip:0.0.0.0:5060;transport=tcp"),
        min_length=1,
        validate_default=True,
        description="the list of sockets to open, such as "
        '["sip:0.0.0.0:5060;transport=udp", "sips:[::]:5061"]',
    )
    advertise: HostPort | None = Field(
        default=None,
        description='the host, with or without a port, that Via and Contact say, such as "pbx.example.com"; '
        "by default the address that the peer reached",
    )
    database: Annotated[str, AfterValidator(_database)] = Field(
        default="sqlite:///b2bua.db",
        validate_default=True,
        description='where state is kept: "sqlite:///FILE" or "postgresql+psycopg://USER@HOST/NAME"',
    )
    control: Annotated[str, AfterValidator(_control)] = Field(
        default=CONTROL,
        validate_default=True,
        description="the path of the local socket by which the b2bua command reaches the running service",
    )
    control_mode: Whole = Field(
        default=0o660, ge=0, le=0o777, description="the permissions of that socket, such as 0o660"
    )
    drain: Annotated[Number, Field(ge=0, le=86400)] = Field(
        default=30.0, description="how many seconds calls may go on after SIGTERM before they are ended"
    )
    user_agent: str = Field(
        default="b2bua", max_length=200, description="what the Server and User-Agent fields say"
    )


class Tls(Table):
    """C{[tls]}: the certificate of TLS and secure WebSocket."""

    certificate: Beside = Field(description="the path of a PEM file with our certificate and its chain")
    key: Beside = Field(description="the path of a PEM file with the private key of the certificate")
    authorities: Beside | None = Field(
        default=None,
        description="the path of a PEM file with the authorities we trust; by default the system's",
    )
    verify_servers: Flag = Field(
        default=True, description="true to call a server only if its certificate names it (RFC 5922)"
    )


class Limits(Table):
    """C{[limits]}: what anybody out there may cost us."""

    message: Count = Field(default=65_536, description="the largest message in bytes")
    head: Count = Field(default=32_768, description="the largest start line and header in bytes")
    fields: Count = Field(default=256, description="how many header fields a message may have")
    datagram: Count = Field(
        default=1300, description="bytes of a request that go by UDP; larger ones go by TCP first"
    )
    transactions: Count = Field(
        default=200_000, description="how many transactions may be open; new calls beyond get 503"
    )
    calls: Count = Field(default=100_000, description="how many calls may be up; new ones beyond get 503")
    rate: Annotated[Number, Field(gt=0)] = Field(
        default=100.0, description="messages a second that an address unknown to us may send"
    )
    burst: Count = Field(default=1000, description="how many such messages may come at once")
    connections: Count = Field(
        default=20_000, description="how many connections may be open on one socket of ours"
    )
    connections_per_host: Count = Field(
        default=500, description="how many of them one address may have; many phones may be behind one"
    )
    hello: Seconds = Field(
        default=20.0, description="seconds for a new connection to bring its first message"
    )
    unfinished: Seconds = Field(default=20.0, description="seconds that the rest of a message may take")
    idle: Seconds = Field(default=660.0, description="seconds after which a silent connection is closed")
    buffered: Count = Field(
        default=262_144, description="bytes that may wait for a peer that does not read them"
    )
    connecting: Seconds = Field(default=5.0, description="seconds for a connection of ours to be established")
    dead: Seconds = Field(
        default=60.0, description="seconds for which a server that did not answer is asked last"
    )


def _none() -> Mapping[str, Any]:
    return MappingProxyType({})


def _peers(table: Mapping[str, OwnTimers]) -> Mapping[str, OwnTimers]:
    for name in table:
        if name not in TRANSPORTS:
            try:
                ip_address(name)
            except ValueError:
                raise ValueError(f"has {name!r}, which is no address and no transport") from None
    return table


Short = Annotated[Number, Field(ge=0.01, le=10)]
Long = Annotated[Number, Field(ge=0.01, le=60)]


class OwnTimers(Table):
    """C{[timers.peers."ADDRESS"]}: what holds for one peer, or one transport, instead."""

    t1: Short | None = Field(default=None, description="the estimate of a round trip in seconds")
    t2: Long | None = Field(
        default=None, description="the longest pause in seconds before a request is sent again"
    )
    t4: Long | None = Field(
        default=None, description="the time in seconds that a message may stay in the network"
    )


class Timers(Table):
    """C{[timers]}: RFC 3261 section 17, table 4, in seconds."""

    t1: Short = Field(default=0.5, description="the estimate of a round trip in seconds")
    t2: Long = Field(
        default=4.0,
        description="the longest pause in seconds before a request other than INVITE is sent again",
    )
    t4: Long = Field(default=5.0, description="the time in seconds that a message may stay in the network")
    peers: Annotated[Frozen[OwnTimers], AfterValidator(_peers)] = Field(
        default_factory=_none,
        description="tables of t1, t2 and t4 for peers that want others, by address or transport: "
        'peers."192.0.2.7".t1 = 2.0',
    )


class Calls(Table):
    """C{[calls]}: what holds for every call."""

    ring_seconds: Seconds = Field(default=180.0, description="seconds that a call may ring (Timer C)")
    session_expires: Annotated[Whole, Field(ge=90)] = Field(
        default=1800, description="seconds after which a call is refreshed (RFC 4028)"
    )
    session_minimum: Annotated[Whole, Field(ge=90)] = Field(
        default=90, description="the shortest such time we accept, in seconds; at least 90"
    )
    records_days: Annotated[Whole, Field(ge=0)] = Field(
        default=365, description="how many days the records of calls are kept; 0 keeps them for ever"
    )
    trace: Annotated[Whole, Field(ge=0)] = Field(
        default=200, description="how many ended calls keep their trace in memory"
    )


class Registrar(Table):
    """C{[registrar]}: how phones are bound to their extensions."""

    min_expires: Count = Field(
        default=60, description="the shortest registration in seconds; shorter gets 423"
    )
    max_expires: Count = Field(default=7200, description="the longest registration in seconds; longer is cut")
    default_expires: Count = Field(
        default=3600, description="seconds of a registration that asks for no time"
    )
    contacts_max: Count = Field(default=10, description="how many contacts an extension may have")
    contacts_policy: Literal["replace", "refuse"] = Field(
        default="replace", description='what becomes of one too many: "replace" the oldest or "refuse" it'
    )
    replace_rebooted: Flag = Field(
        default=True,
        description="true to drop what a phone had registered before it rebooted; false lets it expire",
    )
    reach_at_source: Flag = Field(
        default=True,
        description="true to reach a phone where its registration came from, false where its Contact says",
    )
    service_route: tuple[SipURI, ...] = Field(
        default=(),
        description="the list of proxies that phones send their requests through (RFC 3608), such as "
        '["sip:edge.example.com;lr"]',
    )
    options_seconds: Annotated[Number, Field(ge=0)] = Field(
        default=25.0, description="seconds between two OPTIONS to a phone behind NAT; 0 for none"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Registrar:
        if not self.min_expires <= self.default_expires <= self.max_expires:
            raise ValueError("min_expires, default_expires and max_expires must not fall")
        return self


Algorithm = Literal["SHA-512-256", "SHA-256", "MD5"]


class Auth(Table):
    """C{[auth]}: how passwords are asked for."""

    algorithms: tuple[Algorithm, ...] = Field(
        default=("SHA-256", "SHA-512-256", "MD5"),
        min_length=1,
        description='the algorithms that are offered, best first, of "SHA-512-256", "SHA-256" and "MD5"',
    )
    nonce_seconds: Seconds = Field(default=300.0, description="seconds for which a nonce is good")
    failures: Count = Field(
        default=20, description="failed attempts within failures_seconds that are put up with"
    )
    failures_seconds: Seconds = Field(
        default=60.0, description="seconds after which a failed attempt is forgotten"
    )
    ignore_seconds: Seconds = Field(
        default=600.0, description="seconds for which an address is ignored after too many failures"
    )


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


class Peer(Table):
    """What extensions and trunks have in common: the policy for a peer."""

    trusted: Flag = Field(
        default=False, description="true to believe what it says about the identity of callers"
    )
    calls_max: Count | None = Field(default=None, description="how many calls it may have at once")


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
        description="the list of its other servers, tried in this order when it does not register us",
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
    realm: str | None = Field(
        default=None, description="the only realm that gets the password; by default any"
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
    caller: User | None = Field(default=None, description="the number it is told instead of the extension's")
    may_dial: tuple[Place, ...] = Field(
        default=("extensions",), description='what its calls may reach, a list of "extensions" and "trunks"'
    )

    @model_validator(mode="after")
    def _account(self) -> Self:
        if self.password is not None and self.username is None:
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
        default=("extensions",), description='whose calls it is for, a list of "extensions" and "trunks"'
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


class Plugins(Table):
    """C{[plugins]}: which features there are and who is asked first."""

    order: tuple[str, ...] = Field(
        default=(),
        description="the names of the plugins that are asked first, in this order; "
        "the others follow as shipped",
    )
    off: tuple[str, ...] = Field(default=(), description="the names of plugins that are not to be loaded")
    budget: Seconds = Field(default=5.0, description="seconds that a plugin may take for an answer")


class Log(Table):
    """C{[log]}: what is written, and how."""

    format: Literal["text", "json"] = Field(
        default="text", description='"text" for people and the journal, or "json", one object a line'
    )
    level: Literal["debug", "info", "warn", "error"] = Field(
        default="info", description='the least that is worth a line: "debug", "info", "warn" or "error"'
    )


class Settings(Table):
    """The whole configuration."""

    server: Server = Field(description="the table [server]")
    tls: Tls | None = Field(default=None, description="the table [tls]")
    limits: Limits = Field(default_factory=Limits)
    timers: Timers = Field(default_factory=Timers)
    calls: Calls = Field(default_factory=Calls)
    registrar: Registrar = Field(default_factory=Registrar)
    auth: Auth = Field(default_factory=Auth)
    log: Log = Field(default_factory=Log)
    extensions: Frozen[Extension] = Field(
        default_factory=_none, description="the tables [extensions.NUMBER], one for each user"
    )
    trunks: Frozen[Trunk] = Field(
        default_factory=_none, description="the tables [trunks.NAME], one for each carrier"
    )
    routes: tuple[Route, ...] = Field(
        default=(), description="the tables [[routes]], in the order they are tried"
    )
    plugins: Plugins = Field(default_factory=Plugins)
