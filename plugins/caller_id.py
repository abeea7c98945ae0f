"""
Caller id: who calls, as others see it.

    [caller_id]
    phone_book = "names.csv"     # lines of number and name: +4930123456,Anna Schmidt; or cards, names.vcf
    country = "DE"               # how numbers without + are meant, there and when they call
    shown = "e164"               # how callers from outside are shown: e164 is +4930123456, national 030123456

    [extensions.102.caller_id]
    name = "Sales"               # shown outside in place of its name
    number = "+4930123450"       # and in place of its number, unless the trunk has a rule of its own
    hidden = false               # does it call without a number?

    [trunks.vienna.caller_id]
    country = "AT"               # how numbers without + are meant of whom calls by this trunk
    shown = "as_received"        # the default; emergency calls and extensions are never written otherwise

Callers from outside whom the phone book knows are shown by the name that it has
for them, however their number is written.  C{*67} before a number hides who
calls this time, C{*65} and C{*85} hide it always and never more: nobody whom we do
not trust is told, by no later request of the call either (RFC 3323); a carrier that is
told asserted identities gets the number with C{Privacy: id}.  Emergency calls are
never hidden.  Numbers are compared as their country writes them by way of a
library, with C{pip install b2bua[numbers]}, and without C{country} as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import StringConstraints

from b2bua import Changeable, File, NotConfigured, Options, Table, hookimpl
from b2bua.calls import Confirm, Dial, Lamp, Member, Refuse, hide_identity
from b2bua.wire.uri import Uri
from b2bua_plugins._phone_book import Country, e164, national, read

if TYPE_CHECKING:
    from b2bua.calls import Attempt, InvitationDraft, Party

Shown = Literal["as_received", "e164", "national"]
Name = Annotated[str, StringConstraints(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]


class ForAll(Table):
    """C{[caller_id]}: the names of others."""

    phone_book: File | None = None
    country: Country = ""
    shown: Shown = "as_received"


class OfTrunk(Table):
    """C{[trunks.NAME.caller_id]}: how those are shown who call by a trunk."""

    country: Country | None = None
    shown: Shown | None = None


class OfExtension(Table):
    """C{[extensions.NUMBER.caller_id]}: how an extension is shown."""

    name: Name = ""
    number: Annotated[str, StringConstraints(pattern=r"^(\+?[0-9]{1,15})?$")] = ""
    hidden: Changeable[bool] = False


class CallerId:
    """Shows and hides who calls."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {"caller_id": ForAll, "trunks.*.caller_id": OfTrunk, "extensions.*.caller_id": OfExtension}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """Hide it once, always, never."""
        return {"hide_once": "*67", "hide_always": "*65", "hide_never": "*85"}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Read the phone book."""
        if not (options.names(ForAll) or options.names(OfTrunk) or options.names(OfExtension)):
            raise NotConfigured("no [caller_id] table")
        self._options = options
        table = options.of(ForAll)
        plain = e164(table.country, "[caller_id] country")
        book = read(Path(table.phone_book), "[caller_id] phone_book") if table.phone_book is not None else ()
        self._names = {plain(number): entry.name for entry in book for number in entry.numbers}
        self._ways = {trunk: self._way(options.of(OfTrunk, trunk), trunk) for trunk in options.trunks}
        self._usual = self._way(OfTrunk(), "")

    def _way(self, own: OfTrunk, trunk: str) -> tuple[Callable[[str], str], Callable[[str], str]]:
        """How numbers of those who call by a trunk are looked up, and how they are shown."""
        table = self._options.of(ForAll)
        country = table.country if own.country is None else own.country
        shown, where = own.shown or table.shown, f"trunks.{trunk}.caller_id" if trunk else "caller_id"
        if shown != "as_received" and not country:
            raise ValueError(f"[{where}] shown: say which country is meant, by country")
        plain = e164(country, f"[{where}] country")
        if shown == "as_received":
            return plain, str
        return plain, plain if shown == "e164" else national(country, f"[{where}] country")

    @hookimpl
    def code_shown(self, name: str, argument: str, watcher: Party) -> Lamp | None:
        """The code is lit that holds."""
        if argument or name not in ("hide_always", "hide_never"):
            return None
        on = self._options.of(OfExtension, watcher.name).hidden
        return Lamp("busy" if on == (name == "hide_always") else "idle")

    @hookimpl
    def code_dialled(self, attempt: Attempt, name: str, argument: str) -> Dial | Confirm | Refuse:
        """Dial without a number, or set whether that is always so."""
        if name == "hide_once":
            if not argument:
                return Refuse(484, "Dial the number as well")
            self._hide(attempt)
            return Dial((Member(argument),))
        hidden = name == "hide_always"
        self._options.change(OfExtension, attempt.caller.name, hidden=hidden)
        return Confirm(f"Your number: {'hidden' if hidden else 'shown'}")

    @hookimpl
    def route_call(self, attempt: Attempt) -> None:
        """Hide who never wants to be seen; where the call goes is for others to say."""
        if (
            attempt.internal
            and attempt.parent is None
            and self._options.of(OfExtension, attempt.caller.name).hidden
        ):
            self._hide(attempt)

    def _hide(self, attempt: Attempt) -> None:
        """Hide who calls, for all of the call."""
        if attempt.leg is not None:
            hide_identity(attempt.call, attempt.leg)

    @hookimpl
    def invitation_leaving(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Show who calls as it is wanted."""
        if attempt.internal and attempt.extension is None:
            self._show_outside(attempt, draft)
        elif not attempt.internal and attempt.caller_number:
            self._show_others(attempt, draft)

    def _show_others(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Show who calls from outside by the name that is known, and the number as it is wanted."""
        number, uri = attempt.caller_number, Uri.parse(draft.from_uri)
        if uri.user_unescaped != number:
            return  # it is hidden
        plain, shown = self._ways.get(attempt.caller.name, self._usual)
        if name := self._names.get(plain(number)):
            draft.from_display = name
        if (other := shown(number)) != number:
            known, draft.from_uri = draft.from_uri, str(replace(uri, user=other))
            draft.fields = [
                (name, value.replace(known, draft.from_uri) if name == "P-Asserted-Identity" else value)
                for name, value in draft.fields
            ]

    def _show_outside(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Put the name and the number in place that an extension has for those outside."""
        own = self._options.of(OfExtension, attempt.caller.name)
        known = (
            f"sip:{attempt.caller.name}@"  # where that is not what stands there, it is hidden, or the trunk's
        )
        if known in draft.from_uri and own.name:
            draft.from_display = own.name
        if own.number:
            draft.from_uri = draft.from_uri.replace(known, f"sip:{own.number}@")
            draft.fields = [
                (name, value.replace(known, f"sip:{own.number}@") if name == "P-Asserted-Identity" else value)
                for name, value in draft.fields
            ]
