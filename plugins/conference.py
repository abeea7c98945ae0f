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

We are the focus of these conferences (RFC 4579): phones that know of such things
are told so, show who is there (C{Event: conference}), and may ask by REFER to ring
somebody else or to take over a call of theirs; moderators may have somebody leave.
Whoever is brought by somebody in the room needs no PIN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StringConstraints

from b2bua import NotConfigured, Options, Service, Table, hookimpl
from b2bua.calls import Gone, Lamp, NoVoice, Talk
from b2bua_plugins._conference_commands import Commands
from b2bua_plugins._conference_events import ConferencePackage
from b2bua_plugins._conference_focus import Asked, asked
from b2bua_plugins._conference_room import Member, Room, Rooms
from b2bua_plugins._pins import PIN, Guesses, about
from b2bua_plugins._sounds import sound

if TYPE_CHECKING:
    from b2bua.calls import Attempt, Conversation, InvitationDraft, Party, Referral
    from b2bua.subscriptions import EventPackage

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

    def __init__(self) -> None:
        """Begin with nobody anywhere."""
        self._rooms = Rooms()
        self._commands = Commands(lambda: self._rooms, self._lock)

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
        self._package = ConferencePackage(self._meant, lambda: self._service)

    @hookimpl
    def b2bua_numbers(self) -> Mapping[str, str]:
        """Rooms."""
        return {number: f"conferences.{number}" for number in self._conferences}

    @hookimpl
    def b2bua_event_packages(self) -> tuple[EventPackage, ...]:
        """Who is in a room."""
        return (self._package,)

    @hookimpl
    def b2bua_commands(self) -> Mapping[str, Callable[..., Any]]:
        """What an administrator can do."""
        return self._commands.all()

    @hookimpl
    def service_started(self, service: Service) -> None:
        """Lamps are told by the service; who is in a room from before a reload stays there."""
        self._service = service
        self._guesses.start(service)
        self._rooms = service.lasting.setdefault("rooms", self._rooms)
        self._rooms.show = self._show
        for room in self._rooms.values():
            room.wishes = self._conferences.get(room.number, room.wishes)

    @hookimpl
    def route_call(self, attempt: Attempt) -> Talk | None:
        """Somebody dials a room, or is transferred to it."""
        if attempt.extension is not None or not attempt.local:
            return None
        meant = self._meant(attempt.user, attempt.behalf)
        if meant is None:
            return None
        brings = meant.of(attempt.behalf) if attempt.behalf.key != attempt.caller.key else []

        def refer(talk: Conversation, referral: Referral) -> Asked:
            return asked(self._service, self._rooms.get(meant.name), talk, referral)

        return Talk(lambda talk: self._receive(talk, meant, brings[:1]), room=meant.name, focus=refer)

    @hookimpl
    def invitation_leaving(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Invite to the conference whom somebody in it has asked to ring."""
        if attempt.leg is None and attempt.call.dialled in self._rooms:
            draft.focus = attempt.call.dialled

    def _meant(self, user: str, who: Party) -> Room | None:
        """
        The room that somebody means by a number or the user part of a URI, which may be empty.

        A personal number is one's own room; its URI is good for those who are in it.
        """
        number, owner = user, ""
        if user not in self._conferences:
            number, _, owner = user.partition("_")
        conference = self._conferences.get(number)
        if conference is None or (owner and not conference.personal):
            return None
        if not conference.personal:
            return self._rooms.get(number) or Room(number, number, conference)
        if not who.internal:
            return None
        name = f"{number}_{owner or who.name}"  # what no keypad can dial
        room = self._rooms.get(name) or Room(name, number, conference)
        return room if owner in ("", who.name) or room.of(who) else None

    async def _receive(self, talk: Conversation, meant: Room, hosts: list[Member]) -> None:
        """
        Ask for the PIN, let somebody in, and see them out.

        @param hosts: who is in the room and brings them, if anybody does.
        """
        name, conference = meant.name, self._conferences[meant.number]
        given: str | None = ""
        if not hosts and (conference.pin or conference.moderator_pin):
            given = await self._pin(talk, name, conference)
            if given is None:
                return
        chairs = given == conference.moderator_pin != ""
        moderates = chairs or (not conference.moderator_pin and talk.party.internal)
        room = self._rooms.setdefault(name, Room(name, meant.number, conference))
        try:
            if room.locked and not (chairs or any(host.moderates for host in hosts)):
                await self._say(talk, conference, "conference_locked")
            elif room.full:
                await self._say(talk, conference, "conference_full")
            else:
                await self._take_part(room, conference, Member(talk, moderates=moderates))
        finally:  # most people just hang up
            self._rooms.close(name)

    async def _pin(self, talk: Conversation, name: str, conference: Conference) -> str | None:
        """Ask for a PIN; None for who does not know it."""
        by = str(talk.party), about(name, talk.party)
        pins = [pin for pin in (conference.pin, conference.moderator_pin) if pin]
        for _ in range(TRIES):
            given = await talk.ask(sound(conference.language, "pin"), most=16, seconds=KEY_SECONDS)
            if not given and not conference.pin:
                return ""  # a room without a PIN for everybody: only moderators have one
            # A PIN of the other kind is no guess.
            known = [pin for pin in pins if pin == given] or pins[:1]
            if self._guesses.opens(given, known[0], *by):
                return given
            await self._say(talk, conference, "wrong")
        return None

    async def _take_part(self, room: Room, conference: Conference, member: Member) -> None:
        """Let somebody talk to the others until they leave, and tell these."""
        try:
            await self._stay(room, conference, member)
        except Exception:  # most people just hang up
            await self._left(room)
            raise
        # Not in a "finally": what nobody goes on with any more, since the process ends, cannot wait there.
        await self._left(room)

    async def _left(self, room: Room) -> None:
        """Tell those who are still there that somebody has left."""
        if room.members and not room.empty_of_us():
            await self._tell(room, "tone")

    async def _stay(self, room: Room, conference: Conference, member: Member) -> None:
        """Let somebody talk to the others until they leave."""
        talk = member.talk
        alone = not room.members
        room.members.append(member)  # at once: a phone brings its other calls as soon as it is answered
        try:
            member.enter()
            self._rooms.show(room)
            if alone:
                await self._say(talk, conference, "conference_alone")
            await talk.announce(sound(conference.language, "tone"))
            while not member.shown_out:
                key = await talk.key(None, MUTE + LOCK + SILENCE)
                if not key:
                    self._rooms.show(room)  # they may have another phone now (RFC 4579 section 5.9)
                elif key == MUTE:
                    member.muted = not member.muted
                    member.enter()
                    self._rooms.show(room)
                    await self._say(talk, conference, "unheard" if member.muted else "heard")
                elif key == LOCK and member.moderates:
                    await self._lock(room, not room.locked)
                elif key == SILENCE and member.moderates:
                    room.silence(member)
                    self._rooms.show(room)
        finally:
            room.members.remove(member)
            self._rooms.show(room)
            if room.members and room.empty_of_us():
                room.empty()

    async def _lock(self, room: Room, locked: bool) -> None:
        """Let nobody in any more, or everybody again."""
        room.locked = locked
        self._rooms.show(room)
        await self._tell(room, "conference_locked" if locked else "conference_open")

    async def _tell(self, room: Room, name: str) -> None:
        """Play a sound to all in a room."""
        with suppress(Gone, NoVoice):  # who leaves just now, and a worker that has died, tell nobody
            for member in room.members[:1]:  # the last one may have left
                await member.talk.announce(sound(room.wishes.language, name))

    async def _say(self, talk: Conversation, conference: Conference, name: str) -> None:
        """Play a sound to one of them."""
        await talk.play(sound(conference.language, name))

    # ---- what others see ----------------------------------------------------

    def _show(self, room: Room) -> None:
        """Lamps of the room show how it is, and phones who is in it."""
        self._service.changed("dialog", room.number)
        for resource in {room.name, room.number}:
            self._package.changed(resource)

    @hookimpl
    def lamp_shown(self, number: str) -> Lamp | None:
        """A room is busy while somebody is in it."""
        if number not in self._conferences:
            return None
        present = sum(len(room.members) for room in self._rooms.values() if room.number == number)
        return Lamp("busy", f"{present} in it") if present else Lamp("idle")
