"""What an administrator sees and does of conferences."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from b2bua_plugins._conference_room import Member, Room, Rooms


class Commands:
    """The commands of the feature."""

    def __init__(
        self,
        rooms: Callable[[], Rooms],
        lock: Callable[[Room, bool], Awaitable[None]],
    ) -> None:
        """
        Look into rooms.

        @param rooms: gives those that are not empty.
        @param lock: locks a room, or opens it.
        """
        self._rooms, self._lock = rooms, lock

    def all(self) -> Mapping[str, Callable[..., Any]]:
        """Each by its name."""
        return {
            "conferences": self.conferences,
            "conference-kick": self.kick,
            "conference-mute": self.mute,
            "conference-lock": self.lock,
        }

    def conferences(self) -> list[dict[str, object]]:
        """Who is in which room."""
        return [
            {
                "room": name,
                "who": member.name,
                "moderates": member.moderates,
                "heard": member.heard,
                "locked": room.locked,
            }
            for name, room in self._rooms().items()
            for member in room.members
        ]

    def kick(self, room: str, who: str) -> str:
        """Ask somebody to leave a room; who: as C{conferences} shows it."""
        for member in self._named(room, who):
            member.show_out()
        return f"{who} has left {room}"

    def mute(self, room: str, who: str, state: Literal["on", "off"] = "on") -> str:
        """Let nobody hear somebody any more, or all again; they may not change it themselves."""
        for member in self._named(room, who):
            member.silence(state == "on")
        self._rooms().show(self._found(room))
        return f"{who} is {'not heard' if state == 'on' else 'heard'} in {room}"

    async def lock(self, room: str, state: Literal["on", "off"] = "on") -> str:
        """Let nobody into a room any more, or everybody again."""
        await self._lock(self._found(room), state == "on")
        return f"{room} is {'locked' if state == 'on' else 'open'}"

    def _named(self, room: str, who: str) -> list[Member]:
        """The phones of somebody in a room."""
        found = [one for one in self._found(room).members if one.goes_by(who)]
        if not found:
            raise ValueError(f"{who} is not in {room}; see conferences")
        return found

    def _found(self, name: str) -> Room:
        """A room that is not empty."""
        found = self._rooms().get(name)
        if found is None:
            raise ValueError(f"nobody is in {name}; see conferences")
        return found
