"""
Boss and secretary: calls for the boss ring the secretaries, who alone ring through.

    [extensions.100.boss_secretary]
    secretaries = ["101", "102"]
    through = ["105", "+4930123*"]   # callers who reach the boss at once
    ring_seconds = 20                # then the boss's own phone rings after all
    on = true

Secretaries call the boss, and transfer callers there, as if there were no such
rule.  C{*36} turns it on and C{*37} off, dialled by the boss; a secretary puts the
boss's number behind: C{*37100}.  Keys with these codes show which one holds, and
phones of secretaries for whom it rings, before the caller's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from b2bua import Changeable, Elsewhere, NotConfigured, Options, Seconds, Table, hookimpl
from b2bua.calls import Confirm, Dial, Diverted, Lamp, Member, Refuse

if TYPE_CHECKING:
    from b2bua.calls import Attempt, InvitationDraft, Party


class Boss(Table):
    """C{[extensions.NUMBER.boss_secretary]}: who answers for an extension."""

    secretaries: Annotated[tuple[Elsewhere, ...], Field(max_length=16)] = ()
    through: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    ring_seconds: Seconds = 20.0
    on: Changeable[bool] = True


class BossSecretary:
    """Lets secretaries answer for their boss."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The table of this feature."""
        return {"extensions.*.boss_secretary": Boss}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """On and off."""
        return {"secretary_on": "*36", "secretary_off": "*37"}

    @hookimpl
    def b2bua_before(self) -> tuple[str, ...]:
        """What the boss's own phone does counts when it is to ring."""
        return ("do_not_disturb", "find_me", "forward")

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Bosses are extensions, and so are secretaries."""
        if not options.names(Boss):
            raise NotConfigured("no [extensions.NUMBER.boss_secretary] table")
        self._options = options
        for [boss] in options.names(Boss):
            for name in options.of(Boss, boss).secretaries:
                if name not in options.extensions:
                    raise ValueError(
                        f"[extensions.{boss}.boss_secretary] secretaries: there is no extension {name}"
                    )

    @hookimpl
    def code_shown(self, name: str, argument: str, watcher: Party) -> Lamp | None:
        """The code is lit that holds, for the boss and for secretaries with the boss's number behind."""
        boss = argument or watcher.name
        rule = self._options.of(Boss, boss) if boss in self._options.extensions else Boss()
        if not rule.secretaries or watcher.name not in (boss, *rule.secretaries):
            return None
        return Lamp("busy" if rule.on == (name == "secretary_on") else "idle")

    def _filters(self, attempt: Attempt) -> Boss | None:
        """The rule that keeps a caller from the boss, if one does."""
        if attempt.extension is None or not attempt.forwards:
            return None
        rule = self._options.of(Boss, attempt.extension)
        number = attempt.caller.name if attempt.internal else attempt.caller_number
        trusted = attempt.behalf.internal and attempt.behalf.name in rule.secretaries
        if not rule.on or trusted or number in rule.secretaries:
            return None
        return None if any(fnmatchcase(number, one) for one in rule.through) else rule

    @hookimpl
    def route_call(self, attempt: Attempt) -> Dial | None:
        """Ring the secretaries in the place of the boss."""
        rule = self._filters(attempt)
        if rule is None or not rule.secretaries:
            return None
        members = tuple(Member(name, 0.0, rule.ring_seconds) for name in rule.secretaries)
        return Dial(members, forwards=False, why=Diverted.FOLLOW_ME)

    @hookimpl
    def target_failed(self, attempt: Attempt) -> Dial | None:
        """No secretary is there: ring the boss after all."""
        rule = self._filters(attempt)
        if rule is None or not rule.secretaries or attempt.extension is None:
            return None
        return Dial((Member(attempt.extension),))

    @hookimpl
    def invitation_leaving(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Show a secretary for whom it rings."""
        parent = attempt.parent
        if parent is None or parent.extension in (None, attempt.extension):
            return
        rule = self._filters(parent)
        if rule is not None and attempt.extension in rule.secretaries:
            draft.from_display = f"{parent.extension}: {draft.from_display}".removesuffix(": ")

    @hookimpl
    def code_dialled(self, attempt: Attempt, name: str, argument: str) -> Confirm | Refuse:
        """Turn it on or off, for oneself or one's boss."""
        own = attempt.caller.name
        boss = argument or own
        if boss not in self._options.extensions:
            return Refuse(404, "No such extension")
        rule = self._options.of(Boss, boss)
        if not rule.secretaries or own not in (boss, *rule.secretaries):
            return Refuse(403, "Not Allowed")
        on = name == "secretary_on"
        self._options.change(Boss, boss, on=on)
        return Confirm(f"Secretary: {'on' if on else 'off'}")
