"""Whom the service tells by itself what happens: programs that take webhooks, and Homer."""

from __future__ import annotations

import binascii
from base64 import b64decode
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from b2bua.settings.table import Table
from b2bua.settings.values import Whole

EventKind = Literal["call", "phone", "setting", "trunk", "ignored", "plugin"]
"""What kinds of events there are."""
SHORTEST = 16
"""Bytes that a secret has at least."""


def _address(text: str) -> str:
    """Where requests go."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError('is not like "https://crm.example.com/calls"')
    if parts.username or parts.password:
        raise ValueError("has a password in it, which logs would show; requests are signed with the secret")
    return text


def key_of(secret: str) -> bytes:
    """
    The bytes of a secret.

    @raise ValueError: if there are none, or not enough.
    """
    try:
        key = b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < SHORTEST:
        raise ValueError('is no secret of 16 bytes or more in base64; "openssl rand -base64 32" makes one')
    return key


def _secret(text: str) -> str:
    """A secret that is long enough."""
    key_of(text)
    return text


class Webhook(Table):
    """C{[webhooks.NAME]}: a program that is told what happens, by signed requests of ours."""

    url: Annotated[str, AfterValidator(_address)] = Field(
        description='where events are sent by POST, such as "https://crm.example.com/calls"'
    )
    secret: Annotated[str, AfterValidator(_secret)] = Field(
        description='what signs them (HMAC-SHA256), in base64: "openssl rand -base64 32" makes one'
    )
    kinds: tuple[EventKind, ...] = Field(
        default=(),
        description='the list of what it is told of, such as ["call", "phone"]; by default all of "call", '
        '"phone", "setting", "trunk", "ignored" and "plugin"',
    )
    extensions: tuple[str, ...] = Field(
        default=(), description="the list of extensions whose events it is told; by default all events"
    )


def _homer(text: str) -> str:
    """An address and a port."""
    name, _, number = text.rpartition(":")
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        raise ValueError('is not like "203.0.113.5:9060": an address of a host, and a port') from None
    if not (number.isascii() and number.isdigit()) or not 0 < int(number[:6]) <= 65535:
        raise ValueError('is not like "203.0.113.5:9060": an address of a host, and a port')
    return text


class Hep(Table):
    """C{[hep]}: Homer, which gets a copy of every message (HEPv3 over UDP), without digests."""

    send_to: Annotated[str, AfterValidator(_homer)] = Field(
        description='the address and port of Homer, such as "203.0.113.5:9060"'
    )
    capture_id: Annotated[Whole, Field(ge=0, le=0xFFFFFFFF)] = Field(
        default=2001, description="the number by which Homer knows this server"
    )
    node: Annotated[str, Field(max_length=100)] = Field(default="", description="the name by which it does")
    key: Annotated[str, Field(max_length=100)] = Field(
        default="", description="the password that Homer asks for"
    )

    @property
    def address(self) -> tuple[str, int]:
        """Where it is."""
        host, _, number = self.send_to.rpartition(":")
        return host.strip("[]"), int(number)
