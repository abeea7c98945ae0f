"""What the service and a media worker say to each other of relays (AMP)."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from twisted.protocols import amp

from b2bua.media.ports import NoRelay

RELAY = (b"relay", amp.Integer())
STATE = (b"state", amp.String())
"""As JSON."""
ERRORS: dict[type[Exception], bytes] = {NoRelay: b"NO_RELAY"}


class RelaySession(amp.Command):
    """Take an offer or an answer."""

    arguments: ClassVar = [
        RELAY,
        (b"answers", amp.Boolean()),
        (b"by", amp.Unicode()),
        (b"to", amp.Unicode()),
        (b"session", amp.String()),
        (b"towards", amp.String()),
        (b"peer", amp.Unicode()),
    ]
    response: ClassVar = [(b"session", amp.String()), STATE]
    errors: ClassVar = ERRORS


class RelayRecord(amp.Command):
    """Record a call; with C{frames} of a recording that has begun before."""

    arguments: ClassVar = [
        RELAY,
        (b"path", amp.Unicode()),
        (b"began", amp.Float()),
        (b"paused", amp.Boolean()),
    ]
    response: ClassVar = [(b"began", amp.Float())]
    errors: ClassVar = ERRORS


class RelayPause(amp.Command):
    """Write silence, or what is said."""

    arguments: ClassVar = [RELAY, (b"paused", amp.Boolean())]
    response: ClassVar = []
    errors: ClassVar = ERRORS


class RelayEndRecording(amp.Command):
    """End the recording; answered when its file is whole."""

    arguments: ClassVar = [RELAY]
    response: ClassVar = []
    errors: ClassVar = ERRORS


class RelayDrop(amp.Command):
    """Forget a leg."""

    arguments: ClassVar = [RELAY, (b"leg", amp.Unicode())]
    response: ClassVar = [STATE]


class RelayResume(amp.Command):
    """Go on with a relay at the ports that it had."""

    arguments: ClassVar = [RELAY, STATE]
    response: ClassVar = []
    errors: ClassVar = ERRORS


class RelayClose(amp.Command):
    """Be done with a call; says what was received of each leg."""

    arguments: ClassVar = [RELAY]
    response: ClassVar = [(b"statistics", amp.String())]


class RelayHear(amp.Command):
    """Something has happened; this one the worker says."""

    arguments: ClassVar = [
        RELAY,
        (b"what", amp.Unicode()),
        (b"leg", amp.Unicode()),
        (b"detail", amp.Unicode()),
    ]
    response: ClassVar = []


def packed(value: Any) -> bytes:
    """As it goes through AMP."""
    return json.dumps(value, separators=(",", ":")).encode()
