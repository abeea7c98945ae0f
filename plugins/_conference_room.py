"""Who is in the room of a conference, and whether they are heard."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from b2bua.calls import Gone

if TYPE_CHECKING:
    from b2bua.calls import Conversation


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

    def enter(self) -> None:
        """Hear the others, and be heard where that is wanted."""
        self.talk.enter(muted=self.muted or self.silenced)

    def show_out(self) -> None:
        """Have them leave."""
        self.shown_out = True
        self.talk.wake()


class Room:
    """Who meets under a number, or in the own room of an extension."""

    def __init__(self) -> None:
        """Begin empty."""
        self.members: list[Member] = []
        self.locked = False

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
            member.silenced = silenced
            with suppress(Gone):  # who leaves just now
                member.enter()
