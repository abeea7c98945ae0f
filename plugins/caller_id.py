"""
Caller id: who calls, as others see it.

    [caller_id]
    phone_book = "names.csv"     # lines of number and name: +4930123456,Anna Schmidt
    country = "DE"               # how numbers without + are meant, there and when they call

    [extensions.102.caller_id]
    name = "Sales"               # shown outside in place of its name
    number = "+4930123450"       # and in place of its number, unless the trunk has a rule of its own
    hidden = false               # does it call without a number?

Callers from outside whom the phone book knows are shown by the name that it has
for them, however their number is written.  C{*67} before a number hides who
calls this time, C{*65} and C{*85} hide it always and never more: nobody whom we do
not trust is told, by no later request of the call either (RFC 3323); a carrier that is
told asserted identities gets the number with C{Privacy: id}.  Emergency calls are
never hidden.  Numbers are compared as their country writes them by way of a
library, with C{pip install b2bua[numbers]}, and without C{country} as they are.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import StringConstraints

from b2bua import Changeable, File, NotConfigured, Options, Table, hookimpl
from b2bua.calls import Confirm, Dial, Lamp, Member, Refuse, hide_identity

if TYPE_CHECKING:
    from b2bua.calls import Attempt, InvitationDraft, Party

NAMES_MAX = 100_000
BYTES_MAX = 10_000_000
Name = Annotated[str, StringConstraints(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]


class ForAll(Table):
    """C{[caller_id]}: the names of others."""

    phone_book: File | None = None
    country: Annotated[str, StringConstraints(pattern=r"^([A-Z]{2})?$")] = ""


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
        return {"caller_id": ForAll, "extensions.*.caller_id": OfExtension}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """Hide it once, always, never."""
        return {"hide_once": "*67", "hide_always": "*65", "hide_never": "*85"}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Read the phone book."""
        if not options.names(ForAll) and not options.names(OfExtension):
            raise NotConfigured("no [caller_id] table")
        self._options = options
        table = options.of(ForAll)
        self._plain = plainly(table.country)
        self._names = {} if table.phone_book is None else read_names(Path(table.phone_book), self._plain)

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
            name = self._names.get(self._plain(attempt.caller_number))
            if name:
                draft.from_display = name

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


def plainly(country: str) -> Callable[[str], str]:
    """How to make all ways to write a number the same one."""
    if not country:
        return lambda number: number
    try:
        import phonenumbers
    except ImportError:
        raise ValueError(
            "[caller_id] country: what knows numbers is missing; install b2bua[numbers]"
        ) from None
    if country not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"[caller_id] country: {country} is no country whose numbers are known")

    def plain(number: str) -> str:
        try:
            parsed = phonenumbers.parse(number, country)
        except phonenumbers.NumberParseException:
            return number
        return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)

    return plain


def read_names(path: Path, plain: Callable[[str], str]) -> dict[str, str]:
    """The names in a phone book, by number."""
    where = f"[caller_id] phone_book: {path}"
    try:
        if path.stat().st_size > BYTES_MAX:
            raise ValueError(f"{where} is longer than {BYTES_MAX} bytes")
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except OSError as error:
        raise ValueError(f"{where} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{where} cannot be read: it is no CSV in UTF-8: {error}") from None
    names = {}
    for line, row in enumerate(rows, 1):
        if row and not row[0].startswith("#"):
            if len(row) != 2 or not row[1].strip().isprintable():
                raise ValueError(f"{where}: line {line} is not like +4930123456,Anna Schmidt")
            names[plain(row[0].strip())] = row[1].strip()[:64]
    if len(names) > NAMES_MAX:
        raise ValueError(f"{where} has more than {NAMES_MAX} names")
    return names
