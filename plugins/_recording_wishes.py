"""Which calls are to be recorded, who may do so, and who is told: the tables of the recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints

from b2bua import Changeable, Directory, Named, NotConfigured, Options, Table
from b2bua.calls import unplayable
from b2bua_plugins._recorded_told import Told, Whom
from b2bua_plugins._sounds import of_language

if TYPE_CHECKING:
    from b2bua.calls import Attempt, Party

Keys = Annotated[str, StringConstraints(pattern=r"^([0-9*#]{2,4})?$")]


class ForAll(Table):
    """C{[recording]}."""

    directory: Directory
    days: Annotated[float, Field(gt=0, le=36_500)] | None = None
    numbers: tuple[Named, ...] = ()
    announce: Whom = "none"
    language: str = "en"
    tone: bool = False
    record_key: Keys = "*1"
    pause_key: Keys = "*2"


class OfExtension(Table):
    """C{[extensions.NUMBER.recording]}."""

    on: Changeable[bool] = False
    may: bool = False


class OfTrunk(Table):
    """C{[trunks.NAME.recording]}."""

    on: bool = False


class Wishes:
    """What the tables want."""

    def __init__(self, options: Options) -> None:
        """
        Read them.

        @raise NotConfigured: without the table for all.
        @raise ValueError: with what is wrong.
        """
        if not options.names(ForAll):
            raise NotConfigured("no [recording] table")
        self._options = options
        self.all = options.of(ForAll)
        if self.all.record_key and self.all.record_key == self.all.pause_key:
            raise ValueError("[recording] record_key and pause_key are the same; choose another one")

    def told(self) -> Told:
        """
        Who is told, and what.

        @raise ValueError: there is no such sound.
        """
        name = "tone.wav" if self.all.tone else "recorded.wav"
        sound = of_language("recording", self.all.language) / name
        if self.all.announce != "none" and (why := unplayable(sound)):
            raise ValueError(f"[recording] language: {why}")
        return Told(self.all.announce, str(sound))

    def of(self, extension: str | None) -> OfExtension | None:
        """What an extension wants, if it is one."""
        known = extension is not None and extension in self._options.extensions
        return self._options.of(OfExtension, str(extension)) if known else None

    def is_set(self, party: Party) -> bool:
        """Are all calls of a party recorded?"""
        if party.internal:
            own = self.of(party.name)
            return own is not None and own.on
        known = party.kind == "trunk" and party.name in self._options.trunks
        return known and self._options.of(OfTrunk, party.name).on

    def are_for(self, attempt: Attempt) -> bool:
        """Are all calls recorded that go where this one goes?"""
        own = self.of(attempt.extension)
        return attempt.user in self.all.numbers or (own is not None and own.on)

    def may(self, party: Party) -> bool:
        """May somebody record, and pause what is recorded?"""
        own = self.of(party.name) if party.internal else None
        return own is not None and own.may
