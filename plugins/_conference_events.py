"""Who is in a conference, for phones that show it (RFC 4575, C{Event: conference})."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from b2bua.calls import Refuse
from b2bua.subscriptions import Body, EventPackage
from b2bua.wire.conference_info import TYPE, Conference, Endpoint, document

if TYPE_CHECKING:
    from b2bua import Service
    from b2bua.calls import Party
    from b2bua.subscriptions import Watcher
    from b2bua_plugins._conference_room import Member, Room


class ConferencePackage(EventPackage):
    """
    Tells who takes part.

    Rooms that ask for a PIN, and personal ones, are shown to those who are in
    them; a phone that subscribes as soon as it is answered learns of the others
    when its user has typed the PIN.
    """

    name = "conference"
    bodies = (TYPE,)
    default_expires = 3600
    gap = 5.0
    """RFC 4575 recommends no more than one NOTIFY in five seconds."""

    def __init__(self, meant: Callable[[str, Party], Room | None], service: Callable[[], Service]) -> None:
        """
        Tell of rooms.

        @param meant: the room that somebody means by a number, empty or not; None if there is none.
        """
        self._meant, self._service = meant, service
        self._told: dict[str, tuple[int, Conference]] = {}
        """What each watcher was told last, with its version, by the id of the subscription."""

    def refuses(self, resource: str, watcher: Watcher) -> Refuse | None:
        """Extensions may watch what is a room for them."""
        if not watcher.party.internal:
            return Refuse(403)
        return Refuse(404) if self._meant(resource, watcher.party) is None else None

    def state(self, resource: str, watcher: Watcher) -> Body | None:
        """Write who is there, or what has changed since."""
        room = self._meant(resource, watcher.party)
        if room is None:  # who has watched somebody else's own room, and was in it
            return None
        shown = self._shown(room, watcher.party)
        version, before = self._told.get(watcher.id, (None, None))
        known = before if watcher.heard is not None and watcher.heard == version else None
        self._told[watcher.id] = watcher.version, shown
        return Body(TYPE, document(shown, watcher.version, known))

    def ended(self, resource: str, watcher: Watcher) -> None:
        """Forget what somebody was told."""
        self._told.pop(watcher.id, None)

    def _shown(self, room: Room, party: Party) -> Conference:
        """A room as somebody may see it."""
        members = room.members if room.shows_itself_to(party) else ()
        uri = self._service().address(room.name)
        return Conference(
            uri, room.wishes.name, room.wishes.most, room.locked, tuple(map(self._endpoint, members))
        )

    def _endpoint(self, member: Member) -> Endpoint:
        """How somebody is shown; who wants to stay unknown does (RFC 4579 section 6)."""
        leg, party = member.talk.leg, member.talk.party
        display, uri = party.display, self._service().address(party.name)
        if member.hidden:
            display, uri = "Anonymous", f"sip:{member.anonymous}@anonymous.invalid"
        elif leg.identity is not None and not party.internal:
            display, uri = leg.identity.display, leg.identity.uri
        return Endpoint(
            uri,
            f"{uri};leg={leg.id}",
            display,
            "dialed-in" if leg.incoming else "dialed-out",
            "moderator" if member.moderates else "",
            member.heard,
        )
