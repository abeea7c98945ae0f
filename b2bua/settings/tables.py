"""
The tables of the configuration file, as frozen typed values.

The description of a key says what it is; it is shown with every mistake and in
C{docs/configuration.md}.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from b2bua.settings.outward import Hep, Webhook
from b2bua.settings.peers import Extension, Route, Trunk
from b2bua.settings.rtpengine import Rtpengine
from b2bua.settings.table import Beside, Count, Long, Seconds, Short, Table, directory, none
from b2bua.settings.values import (
    TRANSPORTS,
    Flag,
    Frozen,
    Group,
    Host,
    HostPort,
    ListenURI,
    Number,
    SipURI,
    Whole,
    port,
)

CONTROL = "b2bua.sock"
SOCKET_NAME = 107
"""Bytes that the name of a local socket may have (unix(7))."""


def _control(path: str, info: ValidationInfo) -> str:
    """The control socket, as an absolute path if we know where we are."""
    return control_path(path, directory(info))


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
        # The directory is no part of what was written as a URL.
        start = str(directory(info)).replace("%", "%25").replace("?", "%3F")
        return f"{scheme}:///{Path(start) / rest[1:]}"
    return url


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
    multicast: tuple[Group, ...] = Field(
        default=(),
        description='the list of multicast groups that the UDP socket on 0.0.0.0 joins: ["224.0.1.75"] for '
        "phones that ask everybody where their configuration is",
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
    node: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = Field(
        default=None,
        description="which of the services that share a database this is; each has registrations and open "
        'calls of its own. By default the name of the host, "local" with SQLite',
    )
    cluster: Beside | None = Field(
        default=None,
        description="the path of the local socket by which other services of this host that share the "
        "database reach this one, so that calls can be moved between them; by default there are none",
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
    connections: Count = Field(default=20_000, description="how many connections may be open")
    connections_per_host: Count = Field(
        default=500, description="how many of them one address may have; many phones may be behind one"
    )
    hello: Seconds = Field(
        default=20.0, description="seconds for a new connection to bring its first message"
    )
    unfinished: Seconds = Field(default=20.0, description="seconds that the rest of a message may take")
    halves: Count = Field(
        default=33_554_432,
        description="bytes of messages that have come in part, over all connections; beyond, who has kept us "
        "waiting longest is closed",
    )
    idle: Seconds = Field(default=660.0, description="seconds after which a silent connection is closed")
    buffered: Count = Field(
        default=262_144, description="bytes that may wait for a peer that does not read them"
    )
    connecting: Seconds = Field(default=5.0, description="seconds for a connection of ours to be established")
    lag: Seconds = Field(
        default=0.2, description="seconds that new requests may wait under overload; then they get 503"
    )
    dead: Seconds = Field(
        default=60.0, description="seconds for which a server that did not answer is asked last"
    )


def _peers(table: Mapping[str, OwnTimers]) -> Mapping[str, OwnTimers]:
    for name in table:
        if name not in TRANSPORTS:
            try:
                ip_address(name)
            except ValueError:
                raise ValueError(f"has {name!r}, which is no address and no transport") from None
    return table


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
        default_factory=none,
        description="tables of t1, t2 and t4 for peers that want others, by address or transport: "
        'peers."192.0.2.7".t1 = 2.0',
    )


Failure = Literal["busy", "no_answer", "refused", "unreachable"]


class Calls(Table):
    """C{[calls]}: what holds for every call."""

    ring_seconds: Seconds = Field(default=180.0, description="seconds that a call may ring (Timer C)")
    next_contact_after: tuple[Failure, ...] = Field(
        default=("no_answer", "refused", "unreachable"),
        description="after which failures of an extension's contacts those of the next lower q are rung, "
        'a list of "busy", "no_answer", "refused" and "unreachable"',
    )
    session_expires: Annotated[Whole, Field(ge=90)] = Field(
        default=600,
        description="seconds that a call lasts unrefreshed (RFC 4028); after half of them we ask",
    )
    session_minimum: Annotated[Whole, Field(ge=90)] = Field(
        default=90, description="the shortest such time we accept, in seconds; at least 90"
    )
    survive: bool = Field(
        default=True, description="are calls kept in the database, so that they outlive the process"
    )
    records_days: Annotated[Whole, Field(ge=0)] = Field(
        default=365, description="how many days the records of calls are kept; 0 keeps them for ever"
    )
    trace: Annotated[Whole, Field(ge=0)] = Field(
        default=200, description="how many ended calls keep their trace in memory"
    )
    trace_bytes: Annotated[Whole, Field(ge=0)] = Field(
        default=2 * 1024 * 1024, description="how many bytes of messages are kept for traces, of all calls"
    )
    traces_days: Annotated[Whole, Field(ge=0)] = Field(
        default=7,
        description="how many days the traces of ended calls are kept in the database; 0 keeps none",
    )
    traces_bytes: Annotated[Whole, Field(ge=0)] = Field(
        default=100 * 1024 * 1024,
        description="how many bytes they may have there; then the oldest are removed",
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
        default="replace",
        description='what a phone beyond that does: "replace" the oldest contact, or be refused ("refuse")',
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
        rising = ("min_expires", "default_expires", "max_expires")
        for lower, upper in pairwise(rising):
            if getattr(self, lower) > getattr(self, upper):
                least, most = getattr(self, lower), getattr(self, upper)
                raise ValueError(f"has {lower} = {least}, which is more than {upper} = {most}")
        return self


class Subscriptions(Table):
    """C{[subscriptions]}: what phones may watch, and what that may cost."""

    min_expires: Count = Field(
        default=60, description="the shortest subscription in seconds; shorter gets 423"
    )
    max_expires: Count = Field(default=3600, description="the longest subscription in seconds; longer is cut")
    per_extension: Count = Field(
        default=500, description="how many subscriptions the phones of an extension may have"
    )
    total: Count = Field(default=100_000, description="how many subscriptions there may be in all")
    body: Count = Field(default=16_384, description="the largest body of a SUBSCRIBE in bytes")

    @model_validator(mode="after")
    def _in_order(self) -> Subscriptions:
        if not self.min_expires <= self.max_expires:
            raise ValueError("min_expires must not be more than max_expires")
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


class Plugins(Table):
    """C{[plugins]}: which features there are and who is asked first."""

    order: tuple[str, ...] = Field(
        default=(),
        description="the names of the plugins that are asked first, in this order; "
        "the others follow as shipped",
    )
    off: tuple[str, ...] = Field(default=(), description="the names of plugins that are not to be loaded")
    budget: Seconds = Field(default=5.0, description="seconds that a plugin may take for an answer")


def _web_place(text: str) -> str:
    """An address and a port, or nothing."""
    if not text:
        return text
    name, _, number = text.rpartition(":")
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        raise ValueError('is not like "127.0.0.1:5080": an address of this host, and a port') from None
    if not number.isdigit() or not 0 < port(number) <= 65535:
        raise ValueError('is not like "127.0.0.1:5080": an address of this host, and a port')
    return text


class Web(Table):
    """C{[web]}: the page and the API for people and programs elsewhere."""

    listen: Annotated[str, AfterValidator(_web_place)] = Field(
        default="127.0.0.1:5080",
        description='the address and port of the page and the API, such as "192.0.2.7:5080"; one that others '
        'reach needs the certificate of [tls]. "" turns it off',
    )

    @property
    def place(self) -> tuple[str, int] | None:
        """The address and the port; None when it is off."""
        host, _, number = self.listen.rpartition(":")
        return (host.strip("[]"), int(number)) if host else None

    @property
    def is_local(self) -> bool:
        """Does only this host reach it?"""
        return self.place is None or ip_address(self.place[0]).is_loopback


class Log(Table):
    """C{[log]}: what is written, and how."""

    format: Literal["text", "json"] = Field(
        default="text", description='"text" for people and the journal, or "json", one object a line'
    )
    level: Literal["debug", "info", "warn", "error"] = Field(
        default="info", description='the least that is worth a line: "debug", "info", "warn" or "error"'
    )


class Media(Table):
    """C{[media]}: what we play and hear ourselves; media between phones never come here."""

    workers: Annotated[Whole, Field(ge=0, le=64)] = Field(
        default=1, description="how many processes play and listen; 0 for no voice of ours"
    )
    first_port: Annotated[Whole, Field(ge=1024, le=65534)] = Field(
        default=16384, description="the first UDP port for media of ours"
    )
    last_port: Annotated[Whole, Field(ge=1024, le=65535)] = Field(default=32767, description="the last one")
    silent_seconds: Annotated[Whole, Field(ge=0, le=86400)] = Field(
        default=30,
        description="after so long without a packet of a party that should send some nobody is there, "
        "and the call ends; 0 for never",
    )
    rtpengine: Rtpengine | None = Field(default=None, description="the table [media.rtpengine]")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last_port - self.first_port < 3:
            raise ValueError("has no room between first_port and last_port; leave at least 4 ports")
        return self


class Settings(Table):
    """The whole configuration."""

    server: Server = Field(description="the table [server]")
    tls: Tls | None = Field(default=None, description="the table [tls]")
    limits: Limits = Field(default_factory=Limits)
    timers: Timers = Field(default_factory=Timers)
    calls: Calls = Field(default_factory=Calls)
    registrar: Registrar = Field(default_factory=Registrar)
    subscriptions: Subscriptions = Field(default_factory=Subscriptions)
    auth: Auth = Field(default_factory=Auth)
    log: Log = Field(default_factory=Log)
    web: Web = Field(default_factory=Web)
    webhooks: Frozen[Webhook] = Field(
        default_factory=none, description="the tables [webhooks.NAME], one for each program that is told"
    )
    hep: Hep | None = Field(default=None, description="the table [hep]")
    media: Media = Field(default_factory=Media)
    extensions: Frozen[Extension] = Field(
        default_factory=none, description="the tables [extensions.NUMBER], one for each user"
    )
    trunks: Frozen[Trunk] = Field(
        default_factory=none, description="the tables [trunks.NAME], one for each carrier"
    )
    routes: tuple[Route, ...] = Field(
        default=(), description="the tables [[routes]], in the order they are tried"
    )
    plugins: Plugins = Field(default_factory=Plugins)
