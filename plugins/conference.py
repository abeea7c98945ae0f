"""
Conference: who dials the number of a room talks to all who are in it.

    [conferences.800]
    name = "Monday meeting"
    pin = "4711"                 # asked of everybody; without one the number is enough
    moderator_pin = "4712"       # who types this one may lock the room and silence the others
    most = 10
    language = "en"              # or "de"

    [conferences.801]
    personal = true              # a room for each extension: dial it, and transfer others to it

Keys in the room: C{1} is "nobody hears me" and back; for moderators C{2} locks the
room and opens it, C{3} silences all others and lets them speak.  A room without
C{moderator_pin} is moderated by the extensions in it.  A tone says that
somebody comes or goes.

A C{personal} room is what the conference key of a phone needs: the phone calls
the number, and transfers its other calls to the same number; all that an
extension transfers there are in its own room.  When the last extension has left
a room, callers from outside are hung up: nobody talks over our trunks alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StringConstraints

from b2bua import NotConfigured, Options, Service, Table, hookimpl
from b2bua.calls import Gone, Lamp, NoVoice, Talk
from b2bua_plugins._conference_room import Member, Room
from b2bua_plugins._pins import PIN, Guesses
from b2bua_plugins._sounds import sound

if TYPE_CHECKING:
    from b2bua.calls import Attempt, Conversation

TRIES = 3
"""So often a PIN may be wrong in one call."""
KEY_SECONDS = 6.0
MUTE, LOCK, SILENCE = "1", "2", "3"
Pin = Annotated[str, StringConstraints(pattern=PIN)]


class Conference(Table):
    """C{[conferences.NUMBER]}: a room."""

    name: Annotated[str, StringConstraints(max_length=64)] = ""
    pin: Pin = ""
    moderator_pin: Pin = ""
    personal: bool = False
    most: Annotated[int, Field(ge=2, le=50)] = 10
    language: Literal["en", "de"] = "en"


class Conferences:
    """Answers the numbers of rooms."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """One table for each room."""
        return {"conferences.*": Conference}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the rooms."""
        self._conferences = {number: options.of(Conference, number) for [number] in options.names(Conference)}
        if not self._conferences:
            raise NotConfigured("no [conferences.NUMBER] table")
        for number, one in self._conferences.items():
            if one.personal and (one.pin or one.moderator_pin):
                raise ValueError(
                    f"[conferences.{number}] a personal room has no PIN; take one of the two away"
                )
            if one.pin and one.pin == one.moderator_pin:
                raise ValueError(
                    f"[conferences.{number}] pin and moderator_pin are the same; choose another one"
                )
        self._guesses = Guesses(options.now)
        self._rooms: dict[str, Room] = {}
        """Rooms that are not empty, by number, or number and extension."""

    @hookimpl
    def b2bua_numbers(self) -> Mapping[str, str]:
        """Rooms."""
        return {number: f"conferences.{number}" for number in self._conferences}

    @hookimpl
    def b2bua_commands(self) -> Mapping[str, Callable[..., Any]]:
        """What an administrator can do."""
        return {"conferences": self.conferences, "conference-kick": self.kick, "conference-lock": self.lock}

    @hookimpl
    def service_started(self, service: Service) -> None:
        """Lamps are told by the service."""
        self._service = service

    @hookimpl
    def route_call(self, attempt: Attempt) -> Talk | None:
        """Somebody dials a room, or is transferred to it."""
        conference = self._conferences.get(attempt.user) if attempt.local else None
        if conference is None or attempt.extension is not None:
            return None
        name = attempt.user
        if conference.personal:
            if not attempt.behalf.internal:
                return None
            name = f"{attempt.user}/{attempt.behalf.name}"
        return Talk(lambda talk: self._receive(talk, name, conference), room=name)

    async def _receive(self, talk: Conversation, name: str, conference: Conference) -> None:
        """Ask for the PIN, let somebody in, and see them out."""
        given: str | None = ""
        if conference.pin or conference.moderator_pin:
            given = await self._pin(talk, name, conference)
            if given is None:
                return
        chairs = given == conference.moderator_pin != ""
        moderates = chairs or (not conference.moderator_pin and talk.party.internal)
        room = self._rooms.setdefault(name, Room())
        if room.locked and not chairs:
            await self._say(talk, conference, "conference_locked")
        elif len(room.members) >= conference.most:
            await self._say(talk, conference, "conference_full")
        else:
            await self._take_part(room, name, conference, Member(talk, moderates=moderates))
        self._close(name)

    async def _pin(self, talk: Conversation, name: str, conference: Conference) -> str | None:
        """Ask for a PIN; None for who does not know it."""
        who = str(talk.party)
        pins = [pin for pin in (conference.pin, conference.moderator_pin) if pin]
        for _ in range(TRIES):
            given = await talk.ask(sound(conference.language, "pin"), most=16, seconds=KEY_SECONDS)
            if not given and not conference.pin:
                return ""  # a room without a PIN for everybody: only moderators have one
            # A PIN of the other kind is no guess.
            known = [pin for pin in pins if pin == given] or pins[:1]
            if self._guesses.opens(given, known[0], who, name):
                return given
            await self._say(talk, conference, "wrong")
        return None

    async def _take_part(self, room: Room, name: str, conference: Conference, member: Member) -> None:
        """Let somebody talk to the others until they leave."""
        talk = member.talk
        if not room.members:
            await self._say(talk, conference, "conference_alone")
        room.members.append(member)
        try:
            member.enter()
            self._changed(name)
            await talk.announce(sound(conference.language, "tone"))
            while not member.shown_out:
                key = await talk.key(None, MUTE + LOCK + SILENCE)
                if key == MUTE:
                    member.muted = not member.muted
                    member.enter()
                    await self._say(talk, conference, "unheard" if member.muted else "heard")
                elif key == LOCK and member.moderates:
                    await self._lock(room, conference, not room.locked)
                elif key == SILENCE and member.moderates:
                    room.silence(member)
        finally:
            room.members.remove(member)
            self._changed(name)
            if room.members and room.empty_of_us():
                room.empty()
            elif room.members:
                await self._tell(room, conference, "tone")

    async def _lock(self, room: Room, conference: Conference, locked: bool) -> None:
        """Let nobody in any more, or everybody again."""
        room.locked = locked
        await self._tell(room, conference, "conference_locked" if locked else "conference_open")

    async def _tell(self, room: Room, conference: Conference, name: str) -> None:
        """Play a sound to all in a room."""
        with suppress(Gone, NoVoice):  # who leaves just now, and a worker that has died, tell nobody
            await room.members[0].talk.announce(sound(conference.language, name))

    async def _say(self, talk: Conversation, conference: Conference, name: str) -> None:
        """Play a sound to one of them."""
        await talk.play(sound(conference.language, name))

    def _close(self, name: str) -> None:
        """Forget a room that is empty; it is open again when the next one comes."""
        room = self._rooms.get(name)
        if room is not None and not room.members:
            del self._rooms[name]

    # ---- what others see and do -------------------------------------------

    def _changed(self, name: str) -> None:
        """Lamps of the room show how it is."""
        self._service.changed("dialog", name.partition("/")[0])

    @hookimpl
    def lamp_shown(self, number: str) -> Lamp | None:
        """A room is busy while somebody is in it."""
        if number not in self._conferences:
            return None
        present = sum(
            len(room.members) for name, room in self._rooms.items() if name.partition("/")[0] == number
        )
        return Lamp("busy", f"{present} in it") if present else Lamp("idle")

    def conferences(self) -> list[dict[str, object]]:
        """Who is in which room."""
        return [
            {
                "room": name,
                "who": member.talk.party.name,
                "moderates": member.moderates,
                "heard": not (member.muted or member.silenced),
                "locked": room.locked,
            }
            for name, room in self._rooms.items()
            for member in room.members
        ]

    def kick(self, room: str, who: str) -> str:
        """Ask somebody to leave a room; who: as C{conferences} shows it."""
        found = [one for one in self._found(room).members if one.talk.party.name == who]
        if not found:
            raise ValueError(f"{who} is not in {room}; see conferences")
        for member in found:
            member.show_out()
        return f"{who} has left {room}"

    async def lock(self, room: str, state: Literal["on", "off"] = "on") -> str:
        """Let nobody into a room any more, or everybody again."""
        await self._lock(self._found(room), self._conferences[room.partition("/")[0]], state == "on")
        return f"{room} is {'locked' if state == 'on' else 'open'}"

    def _found(self, name: str) -> Room:
        """A room that is not empty."""
        if name not in self._rooms:
            raise ValueError(f"nobody is in {name}; see conferences")
        return self._rooms[name]
