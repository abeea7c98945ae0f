"""
Last call: dial who has called last, or the number that was dialled last.

    [last_call]            # the table alone turns it on

C{*69} dials who has called last, missed or not; C{*70} dials once more what was
dialled last.  Both are calls like any other of who dials the code: with their
own permission, through all features.  They are remembered over restarts.  Who
has hidden the number cannot be called back, and codes are not dialled again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from b2bua import NotConfigured, Options, Service, Table, hookimpl
from b2bua.calls import Dial, Member, Refuse

if TYPE_CHECKING:
    from b2bua.calls import Attempt, Call


class On(Table):
    """C{[last_call]}: nothing to be set."""


class LastCall:
    """Dials again."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The table of this feature."""
        return {"last_call": On}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """Back, and again."""
        return {"last_caller": "*69", "redial": "*70"}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """It costs each call a row, so it is there for who wants it."""
        if not options.names(On):
            raise NotConfigured("no [last_call] table")

    @hookimpl
    def service_started(self, service: Service) -> None:
        """Rows remember a number for each extension and code."""
        self._service = service

    def _remember(self, what: str, extension: str, number: str) -> None:
        """Keep a number that can be dialled again."""
        if number and number.isprintable() and number[0] not in "*#":
            with self._service.data.change() as rows:
                rows[f"{what} {extension}"] = number[:128]

    @hookimpl
    def call_started(self, call: Call) -> None:
        """Remember what an extension dials."""
        if call.caller is not None and call.caller.party.internal:
            self._remember("redial", call.caller.party.name, call.dialled)

    @hookimpl
    def target_ringing(self, attempt: Attempt) -> None:
        """Remember who calls an extension."""
        if attempt.extension is not None and attempt.extension != attempt.caller.name:
            identity = None if attempt.leg is None else attempt.leg.identity
            if identity is not None and identity.private:
                return
            number = attempt.caller.name if attempt.internal else attempt.caller_number
            self._remember("last_caller", attempt.extension, number)

    @hookimpl
    def code_dialled(self, attempt: Attempt, name: str) -> Dial | Refuse:
        """Dial it in the name of who dials the code."""
        number = self._service.data.get(f"{name} {attempt.caller.name}")
        return Refuse(404, "No number to dial") if number is None else Dial((Member(number),))
