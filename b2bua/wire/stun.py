"""
STUN on the SIP port: the keep-alives of phones (RFC 5626 sections 4.4.2 and 8, RFC 5389).

A phone asks now and then from where its datagrams come, and so keeps the way
through its router open; another answer than before tells it to register anew.
Only that question is answered here, a Binding request without credentials.
"""

from __future__ import annotations

import struct
from ipaddress import ip_address

COOKIE = 0x2112A442
"""RFC 5389 section 6; without it a message is one of RFC 3489, which need not be answered."""

_HEAD = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")
_REQUEST, _SUCCESS, _ERROR = 0x0001, 0x0101, 0x0111
_XOR_MAPPED_ADDRESS, _ERROR_CODE, _UNKNOWN_ATTRIBUTES = 0x0020, 0x0009, 0x000A
_OPTIONAL = 0x8000
"""Attributes from here on may be ignored by who does not know them (section 15)."""
_CREDENTIALS = frozenset((0x0006, 0x0008))
"""USERNAME and MESSAGE-INTEGRITY, which nobody is asked for and which prove nothing here."""


def answer(data: bytes, source: tuple[str, int]) -> bytes | None:
    """
    Answer a Binding request with where it came from; None for whatever is none.

    What is malformed is dropped (RFC 5389 section 7.3), and a request that
    wants something of us that we do not know gets a 420 (section 7.3.1).
    """
    if len(data) < _HEAD.size:
        return None
    kind, length, cookie, transaction = _HEAD.unpack_from(data)
    if kind != _REQUEST or cookie != COOKIE or length % 4 or length != len(data) - _HEAD.size:
        return None
    unknown = _unknown(data)
    if unknown is None:
        return None
    if unknown:
        names = b"".join(struct.pack("!H", name) for name in unknown)
        reason = b"Unknown Attribute"
        error = _attribute(_ERROR_CODE, bytes((0, 0, 4, 20)) + reason)
        return _message(_ERROR, transaction, error + _attribute(_UNKNOWN_ATTRIBUTES, names))
    return _message(_SUCCESS, transaction, _attribute(_XOR_MAPPED_ADDRESS, _mapped(source, transaction)))


def _unknown(data: bytes) -> list[int] | None:
    """The attributes that must be known and are not; None if they cannot be read."""
    unknown: list[int] = []
    place = _HEAD.size
    while place < len(data):
        name, length = _ATTRIBUTE.unpack_from(data, place)
        place += _ATTRIBUTE.size + length + -length % 4
        if place > len(data):
            return None
        if name < _OPTIONAL and name not in _CREDENTIALS:
            unknown.append(name)
    return unknown


def _mapped(source: tuple[str, int], transaction: bytes) -> bytes:
    """The value of XOR-MAPPED-ADDRESS (section 15.2)."""
    host, port = source
    address = ip_address(host.partition("%")[0])
    mask = COOKIE.to_bytes(4, "big") + transaction
    hidden = bytes(one ^ other for one, other in zip(address.packed, mask, strict=False))
    return struct.pack("!BBH", 0, 1 if address.version == 4 else 2, port ^ (COOKIE >> 16)) + hidden


def _attribute(name: int, value: bytes) -> bytes:
    """One attribute, filled up to whole words."""
    return _ATTRIBUTE.pack(name, len(value)) + value + bytes(-len(value) % 4)


def _message(kind: int, transaction: bytes, attributes: bytes) -> bytes:
    """A whole message."""
    return _HEAD.pack(kind, len(attributes), COOKIE, transaction) + attributes
