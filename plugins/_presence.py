"""Presence as a lamp (RFC 3856): for phones that subscribe to C{Event: presence} instead of dialogs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from b2bua.calls import Refuse
from b2bua.subscriptions import Body, EventPackage, Watcher
from b2bua.wire import pidf
from b2bua.wire.dialog_info import Dialog

NOTES = {"unregistered": "Not registered", "do-not-disturb": "Do not disturb"}


class PresencePackage(EventPackage):
    """C{Event: presence}: the same lamps in the words of presence."""

    name = "presence"
    bodies = (pidf.TYPE,)

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
            return Body(pidf.TYPE, pidf.document(entity, open=True))
        note = "On the phone" if "confirmed" in states else "Ringing"
        return Body(pidf.TYPE, pidf.document(entity, open=True, activity="on-the-phone", note=note))
