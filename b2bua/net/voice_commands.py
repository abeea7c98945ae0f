"""What the service and a voice worker say to each other (AMP)."""

from __future__ import annotations

from typing import ClassVar

from twisted.protocols import amp

from b2bua.media.ports import NoVoice

VOICE = (b"voice", amp.Integer())
ERRORS: dict[type[Exception], bytes] = {NoVoice: b"NO_VOICE"}


class Open(amp.Command):
    """Begin to talk to a party."""

    arguments: ClassVar = [
        VOICE,
        (b"host", amp.Unicode()),
        (b"offer", amp.String(optional=True)),
        (b"peer", amp.Unicode()),
    ]
    response: ClassVar = [(b"session", amp.String())]
    errors: ClassVar = ERRORS


class Answer(amp.Command):
    """Go on with a new offer."""

    arguments: ClassVar = [VOICE, (b"offer", amp.String())]
    response: ClassVar = [(b"session", amp.String())]
    errors: ClassVar = ERRORS


class Accepted(amp.Command):
    """Take the answer to our offer."""

    arguments: ClassVar = [VOICE, (b"session", amp.String())]
    response: ClassVar = []


class Play(amp.Command):
    """Play a file."""

    arguments: ClassVar = [VOICE, (b"path", amp.Unicode()), (b"repeat", amp.Boolean())]
    response: ClassVar = [(b"seconds", amp.Float())]
    errors: ClassVar = ERRORS


class Stop(amp.Command):
    """Play no more."""

    arguments: ClassVar = [VOICE]
    response: ClassVar = []


class Record(amp.Command):
    """Record to a file."""

    arguments: ClassVar = [
        VOICE,
        (b"path", amp.Unicode()),
        (b"seconds", amp.Float()),
        (b"silence", amp.Float()),
        (b"keys", amp.Unicode()),
    ]
    response: ClassVar = []


class Join(amp.Command):
    """Hear the others of a room, and be heard by them unless muted."""

    arguments: ClassVar = [VOICE, (b"room", amp.Unicode()), (b"muted", amp.Boolean())]
    response: ClassVar = []


class Leave(amp.Command):
    """Hear the others no more."""

    arguments: ClassVar = [VOICE]
    response: ClassVar = []


class Announce(amp.Command):
    """Play a file to everybody in the room of a party."""

    arguments: ClassVar = [VOICE, (b"path", amp.Unicode())]
    response: ClassVar = []
    errors: ClassVar = ERRORS


class EndRecording(amp.Command):
    """End the recording; L{Hear} says when its file is there."""

    arguments: ClassVar = [VOICE]
    response: ClassVar = []


class Close(amp.Command):
    """Be done with a party."""

    arguments: ClassVar = [VOICE]
    response: ClassVar = []


class Hear(amp.Command):
    """Something has happened; this one the worker says."""

    arguments: ClassVar = [VOICE, (b"what", amp.Unicode()), (b"detail", amp.Unicode())]
    response: ClassVar = []
