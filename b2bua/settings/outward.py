"""Whom the service tells by itself what happens: programs that take webhooks."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from b2bua.settings.table import Table

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
