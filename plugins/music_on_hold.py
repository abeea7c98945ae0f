"""
Music on hold: whoever waits hears music, ringing, or what the other phone sends.

    [music_on_hold]
    file = "music"              # the tune that comes along; or a WAV file, "ringing", "silence",
                                # or "phone": whatever the phone that holds sends by itself
    transfer = "ringing"        # while a transfer seeks its target
    numbers = { "600" = "sales.wav", "701" = "silence" }    # for calls to a group, in a queue, at an orbit

    [extensions.102.music_on_hold]
    file = "phone"              # for those whom 102 holds or transfers

    [trunks.carrier.music_on_hold]
    file = "silence"            # for those who wait at a trunk

Without the table [music_on_hold] there is no music.  The number where somebody
waits comes before the group that was called, that before the extension, that
before the trunk.  It needs a voice of the server (C{[media]}), and a party that
speaks G.711; others hear what they did before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field

from b2bua import File, NotConfigured, Options, Table, hookimpl
from b2bua.calls import unplayable
from b2bua.wire.uri import Uri
from b2bua_plugins._sounds import sound

if TYPE_CHECKING:
    from b2bua.calls import Call, Leg, Waits

Own: TypeAlias = Literal["music", "ringing", "silence", "phone"]
Sound: TypeAlias = Annotated[Own | File, Field(union_mode="left_to_right")]


class ForAll(Table):
    """C{[music_on_hold]}: what those hear for whom nothing else is said."""

    file: Sound = "music"
    transfer: Sound = "ringing"
    numbers: Mapping[str, Sound] = {}


class OfExtension(Table):
    """C{[extensions.NUMBER.music_on_hold]}: what those hear whom the extension lets wait."""

    file: Sound | None = None


class OfTrunk(Table):
    """C{[trunks.NAME.music_on_hold]}: what those hear who wait at the trunk."""

    file: Sound | None = None


class MusicOnHold:
    """Has something to hear for those who wait."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {
            "music_on_hold": ForAll,
            "extensions.*.music_on_hold": OfExtension,
            "trunks.*.music_on_hold": OfTrunk,
        }

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take what holds for all, and see that the files are there."""
        if not options.names(ForAll):
            raise NotConfigured("no [music_on_hold] table")
        self._options = options
        self._all = options.of(ForAll)
        sounds = [self._all.file, self._all.transfer, *self._all.numbers.values()]
        sounds += [options.of(OfExtension, *names).file or "phone" for names in options.names(OfExtension)]
        sounds += [options.of(OfTrunk, *names).file or "phone" for names in options.names(OfTrunk)]
        for wanted in sounds:
            path = _path(wanted)
            if path is not None and (why := unplayable(path)):
                raise ValueError(f'[music_on_hold] {why}, or write "music" or "silence"')

    @hookimpl
    def music_wanted(self, call: Call, leg: Leg, waits: Waits) -> str | None:
        """Say what a party hears that waits."""
        if waits.why == "transfer":
            return _path(self._all.transfer)
        return _path(self._chosen(call, leg, waits))

    def _chosen(self, call: Call, leg: Leg, waits: Waits) -> str:
        """What has been said of the place, the group, who holds, or the trunk."""
        numbers, options = self._all.numbers, self._options
        dialled = Uri.parse(call.dialled).user_unescaped if "@" in call.dialled else call.dialled
        for number in (waits.at, dialled):
            if number in numbers:
                return numbers[number]
        by = waits.by
        if by is not None and by.kind == "extension" and by.name in options.extensions:
            own = options.of(OfExtension, by.name).file
            if own is not None:
                return own
        if leg.party.kind == "trunk" and leg.party.name in options.trunks:
            own = options.of(OfTrunk, leg.party.name).file
            if own is not None:
                return own
        return self._all.file


def _path(wanted: str) -> str | None:
    """The file of a sound; None for what the phone sends."""
    if wanted == "phone":
        return None
    return sound("music", wanted) if wanted in ("music", "ringing", "silence") else wanted
