"""Who is in the room of a conference, and whether they are heard."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from b2bua.calls import Gone

if TYPE_CHECKING:
    from b2bua.calls import Conversation, Origination, Party


class Wishes(Protocol):
    """How a room is to be, as its table says."""

    name: str
    pin: str
    personal: bool
    most: int

    @property
    def language(self) -> str:
        """Of its sounds."""


class Member:
    """Somebody in a room."""

    def __init__(self, talk: Conversation, *, moderates: bool) -> None:
        """Come in, and be heard."""
        self.talk = talk
        self.moderates = moderates
        self.muted = False
        """Have they muted themselves?"""
        self.silenced = False
        """Has a moderator?"""
        self.shown_out = False

    @property
    def name(self) -> str:
        """
        What tells them from the others: extension or number.

        Who wants to stay unknown does (RFC 4579 section 6); of a caller who tells
        nothing it is the trunk.
        """
        leg, party = self.talk.leg, self.talk.party
        if party.internal or leg.identity is None:
            return party.name
        if self.hidden:
            return self.anonymous
        return leg.identity.uri.partition(":")[2].partition("@")[0]

    @property
    def hidden(self) -> bool:
        """Do they tell nobody who they are, or not us either (RFC 3323 section 4.1.1.3)?"""
        identity = self.talk.leg.identity
        return identity is not None and (identity.private or identity.uri.endswith("@anonymous.invalid"))

    @property
    def anonymous(self) -> str:
        """The same, where they are not to be known."""
        return f"anonymous-{self.talk.leg.id}"

    def goes_by(self, name: str) -> bool:
        """Is it this one who is shown so?"""
        return name in (self.name, self.anonymous)

    @property
    def heard(self) -> bool:
        """Do the others hear them?"""
        return not (self.muted or self.silenced)

    def enter(self) -> None:
        """Hear the others, and be heard where that is wanted."""
        self.talk.enter(muted=not self.heard)

    def silence(self, silenced: bool) -> None:
        """Let nobody hear them, or all again, as far as they want it."""
        self.silenced = silenced
        with suppress(Gone):  # who leaves just now
            self.enter()

    def show_out(self) -> None:
        """Have them leave."""
        self.shown_out = True
        self.talk.wake()


class Room:
    """Who meets under a number, or in the own room of an extension."""

    def __init__(self, name: str, number: str, wishes: Wishes) -> None:
        """Begin empty."""
        self.name, self.number = name, number
        """The user part of its URI, and what is dialled for it."""
        self.wishes = wishes
        self.members: list[Member] = []
        self.ringing: dict[Origination, None] = {}
        """Who is being brought, and has not answered yet, in the order in which that was asked for."""
        self.locked = False

    @property
    def full(self) -> bool:
        """Is there no place left?"""
        return len(self.members) + len(self.ringing) >= self.wishes.most

    def of(self, party: Party) -> list[Member]:
        """The phones of somebody that are in the room."""
        return [member for member in self.members if member.talk.party.key == party.key]

    def shows_itself_to(self, party: Party) -> bool:
        """May somebody see who is in it?  Anybody may who could walk in; else those who are there."""
        return not (self.wishes.pin or self.wishes.personal) or bool(self.of(party))

    def empty_of_us(self) -> bool:
        """Are there only callers from outside?"""
        return not any(member.talk.party.internal for member in self.members)

    def empty(self) -> None:
        """Have all leave."""
        for member in list(self.members):
            member.show_out()

    def silence(self, moderator: Member) -> None:
        """Let only a moderator be heard, or all again."""
        others = [member for member in self.members if member is not moderator]
        silenced = not all(member.silenced for member in others)
        for member in others:
            member.silence(silenced)


class Rooms(dict[str, Room]):
    """
    Rooms that are not empty, by the user part of their URI.

    They outlive a reload: who came before it and who comes after it are in the
    same room, for its lock, its places, and those who watch it.
    """

    show: Callable[[Room], None]
    """Shows how a room is now; that of the generation of features of now."""

    def close(self, name: str) -> None:
        """Forget a room that is empty, and whoever rings for it; it is open when the next one comes."""
        room = self.get(name)
        if room is not None and not room.members:
            del self[name]
            for ringing in list(room.ringing):
                ringing.cancel()
