"""
Intercom: the phone that is called answers by itself.

C{*80102} calls 102 so.  There is no one way to ask a phone for it, so the INVITE
says it in the words of each make: C{Alert-Info} for Yealink, Aastra and Poly, C{Call-Info}
for Snom, Grandstream and Gigaset, C{Answer-Mode} for who has read RFC 5373.  Callers who may not
do it have such fields taken out of their INVITEs, also those that say what C{alert_info} says, since
a phone that answers by itself is a microphone (RFC 5373 section 7)::

    [intercom]
    alert_info = "<http://pbx.example.com>;info=alert-autoanswer;delay=0"

    [extensions.102.intercom]
    may_call = true            # may this extension have others answer by themselves?
    called_by = ["100"]        # who may call it so; all who may by default
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from b2bua import Options, Table, hookimpl
from b2bua.calls import Dial, Member, Refuse
from b2bua_plugins._auto_answer import USUAL, AlertInfo, ask, drop

if TYPE_CHECKING:
    from b2bua.calls import Attempt, InvitationDraft, Party


class Words(Table):
    """C{[intercom]}: what Alert-Info says."""

    alert_info: AlertInfo = USUAL


class OfExtension(Table):
    """C{[extensions.NUMBER.intercom]}: who may."""

    may_call: bool = True
    called_by: tuple[str, ...] | None = None


class Intercom:
    """Calls phones so that they answer by themselves."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {"intercom": Words, "extensions.*.intercom": OfExtension}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """One."""
        return {"intercom": "*80"}

    @hookimpl
    def b2bua_before(self) -> tuple[str, ...]:
        """Pages take out their own words where nothing asks any more."""
        return ("paging",)

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the words."""
        self._options = options
        self._alert_info = options.of(Words).alert_info
        self._attempts: WeakKeyDictionary[Attempt, str] = WeakKeyDictionary()
        """The codes as they were dialled, as long as something comes of them, and in which call."""

    @hookimpl
    def code_dialled(self, attempt: Attempt, argument: str) -> Dial | Refuse:
        """Call one extension, and nobody else in its place."""
        if argument not in self._options.extensions:
            return Refuse(404 if argument else 484, "" if argument else "Dial the extension as well")
        if not self._may(attempt.caller, argument):
            return Refuse(403, "No intercom")
        self._attempts[attempt] = attempt.call.id
        return Dial((Member(argument),), forwards=False)

    @hookimpl
    def invitation_leaving(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Ask the phone, if it was us who decided so; else take out what asks it."""
        called, parent = attempt.extension or "", attempt.parent
        ours = parent is not None and self._attempts.get(parent) == attempt.call.id
        if ours:
            ask(draft, self._alert_info)
        elif draft.fields and not self._may(attempt.caller, called):
            drop(draft, (self._alert_info,))

    def _may(self, caller: Party, called: str) -> bool:
        """May somebody have the phone of an extension answer by itself?"""
        if not caller.internal or not self._options.of(OfExtension, caller.name).may_call:
            return False
        allowed = self._options.of(OfExtension, called).called_by if called else None
        return allowed is None or caller.name in allowed
