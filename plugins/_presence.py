"""
Presence as a lamp (RFC 3856): for phones that subscribe to C{Event: presence} instead of dialogs.

Who has no call, and can be called, is shown as they say of themselves by PUBLISH
(RFC 3903): away, in a meeting.  It changes nothing about calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from b2bua.calls import Party, Refuse
from b2bua.errors import PeerError
from b2bua.subscriptions import Body, EventPackage, Watcher
from b2bua.wire import pidf
from b2bua.wire.dialog_info import Dialog

NOTES = {"unregistered": "Not registered", "do-not-disturb": "Do not disturb"}


class PresencePackage(EventPackage):
    """C{Event: presence}: the same lamps in the words of presence."""

    name = "presence"
    bodies = (pidf.TYPE,)
    publications = (pidf.TYPE,)

    def __init__(
        self,
        refuses: Callable[[str, Watcher], Refuse | None],
        shown: Callable[[str, Watcher], tuple[str, Sequence[Dialog]]],
        watched: Callable[[str, bool], None],
    ) -> None:
        """
        Tell what the lamps tell.

        @param refuses: who may watch what.
        @param shown: the address of a number and its dialogs, as a lamp shows them.
        @param watched: told whether somebody watches.
        """
        self._refuses = refuses
        self._shown = shown
        self._watched = watched
        self._said: dict[str, pidf.Presence] = {}
        """What people say of themselves, by PUBLISH from their phones."""

    def refuses(self, resource: str, watcher: Watcher) -> Refuse | None:
        """Who may see the lamp may see this."""
        return self._refuses(resource, watcher)

    def watched(self, resource: str, anybody: bool) -> None:
        """Somebody begins to watch, or nobody does any more."""
        self._watched(resource, anybody)

    def state(self, resource: str, watcher: Watcher) -> Body:
        """Say whether it can be called, and what it is busy with."""
        entity, dialogs = self._shown(resource, watcher)
        kinds = {dialog.id for dialog in dialogs} & NOTES.keys()
        if kinds or not dialogs:
            note = NOTES[kinds.pop()] if kinds else ""
            activity = "busy" if note == NOTES["do-not-disturb"] else ""
            return Body(pidf.TYPE, pidf.document(entity, open=False, activity=activity, note=note))
        states = {dialog.state for dialog in dialogs} - {"terminated"}
        if not states:
            said = self._said.get(resource, pidf.Presence(True))
            content = pidf.document(entity, open=said.open, activity=said.activity, note=said.note)
            return Body(pidf.TYPE, content)
        note = "On the phone" if "confirmed" in states else "Ringing"
        return Body(pidf.TYPE, pidf.document(entity, open=True, activity="on-the-phone", note=note))

    def takes(self, resource: str, publisher: Party, body: bytes) -> Refuse | None:
        """One says how one is oneself, in words that can be read."""
        if body:
            try:
                pidf.parse(body)
            except PeerError as error:
                return Refuse(error.code, error.why)
        return super().takes(resource, publisher, body)

    def published(self, resource: str, bodies: tuple[bytes, ...]) -> None:
        """What was said last counts."""
        if bodies:
            self._said[resource] = pidf.parse(bodies[-1])
        else:
            self._said.pop(resource, None)
        self.changed(resource)
