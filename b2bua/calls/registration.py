"""Where a phone is, as features are told."""

from __future__ import annotations

from typing import NamedTuple


class Registration(NamedTuple):
    """One contact of an extension (RFC 3261 section 10)."""

    extension: str
    """The number of the extension."""
    aor: str
    """Its address of record, C{102@pbx.example.com}."""
    contact: str
    """The URI that was registered, as it was written."""
    source: str = ""
    """Where the REGISTER really came from, C{192.0.2.7:5060}; empty if we do not know any more."""
    transport: str = ""
    """By which transport, C{UDP}, say."""
    user_agent: str = ""
    """What the phone says it is."""
    instance: str = ""
    """C{+sip.instance} without its quotes and angle brackets (RFC 5626 section 4.1)."""
    path: tuple[str, ...] = ()
    """The URIs of the Path, the proxies before it (RFC 3327)."""
