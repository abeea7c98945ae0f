"""Which leg a request belongs to (RFC 3261 section 12.2.2), and which one a Replaces names."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from b2bua.dialogs.dialog import Dialog, DialogKey
    from b2bua.wire.message import Request, Response

REMEMBERED = 1024
"""How many dialogs that are over are remembered, for a 603 instead of a 481 (RFC 3891 section 3)."""

L = TypeVar("L")


class DialogIndex(Generic[L]):
    """
    All dialogs that live, early ones too, by Call-ID and both tags.

    From and To may change their URIs (RFC 4916), so that only tags count.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._legs: dict[DialogKey, L] = {}
        self._aliases: dict[DialogKey, DialogKey] = {}
        """Other names of a dialog, for whom its own are not to be seen; by its own."""
        self._ended = array("q", bytes(8 * REMEMBERED))
        """The hashes of the keys of those that have ended: of the dialogs themselves nothing is left."""
        self._oldest = 0

    def __len__(self) -> int:
        """How many there are."""
        return len(self._legs)

    def has(self, call_id: str, to_tag: str, from_tag: str) -> bool:
        """Is there one for requests with these?"""
        return (call_id, to_tag, from_tag) in self._legs

    def add(self, dialog: Dialog, leg: L) -> None:
        """Let C{leg} have the requests of C{dialog}."""
        self._legs[dialog.key] = leg

    def remove(self, dialog: Dialog) -> None:
        """Forget a dialog that is over, but for the fact that there was one."""
        key = dialog.key
        if key in self._legs:
            del self._legs[key]
            if self._aliases and key in self._aliases:
                self._legs.pop(self._aliases.pop(key), None)
            oldest = self._oldest
            self._ended[oldest] = hash(key)
            self._oldest = (oldest or REMEMBERED) - 1

    def alias(self, dialog: Dialog, name: DialogKey) -> None:
        """Let a dialog be found by another name too, as long as it lives; the last one counts."""
        key = dialog.key
        if key in self._legs:
            self._legs.pop(self._aliases.get(key, name), None)
            self._aliases[key] = name
            self._legs[name] = self._legs[key]

    def alias_of(self, dialog: Dialog) -> DialogKey | None:
        """The other name of a dialog, if it has one."""
        return self._aliases.get(dialog.key)

    def is_alias(self, call_id: str, to_tag: str, from_tag: str) -> bool:
        """Is this a name that we have made up for somebody?"""
        return (call_id, to_tag, from_tag) in self._aliases.values()

    def find(self, request: Request) -> L | None:
        """
        Find the leg of a request within a dialog.

        A missing tag, from a peer of RFC 2543, is the empty one (section
        12.2.1.1).
        """
        return self._legs.get((request.call_id, request.to_tag, request.from_tag))

    def find_asked(self, response: Response) -> L | None:
        """Find the leg of a response to a request of ours within a dialog."""
        return self._legs.get((response.call_id, response.from_tag, response.to_tag))

    def find_replaced(self, call_id: str, to_tag: str, from_tag: str) -> L | None:
        """
        Find the leg that Replaces, Join or Target-Dialog names.

        The rule is that C{to_tag} is our local tag (RFC 3891 section 3).  A
        name read from dialog-info may come the other way round, so both are
        tried; where both match different legs, none does.  The tag "0" stands
        for a missing one (RFC 3891 section 3).
        """
        found = [leg for key in _ways(call_id, to_tag, from_tag) if (leg := self._legs.get(key)) is not None]
        if not found or any(leg is not found[0] for leg in found):
            return None
        return found[0]

    def has_ended(self, call_id: str, to_tag: str, from_tag: str) -> bool:
        """Was there such a dialog until lately?"""
        return any(hash(key) in self._ended for key in _ways(call_id, to_tag, from_tag))


def _ways(call_id: str, to_tag: str, from_tag: str) -> set[DialogKey]:
    """Every key that may be meant."""
    locals_ = {to_tag, ""} if to_tag == "0" else {to_tag}
    remotes = {from_tag, ""} if from_tag == "0" else {from_tag}
    straight = {(call_id, ours, theirs) for ours in locals_ for theirs in remotes}
    return straight | {(call_id, theirs, ours) for ours in locals_ for theirs in remotes}
