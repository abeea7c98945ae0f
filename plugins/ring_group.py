"""
Ring groups: one number for several people.

A group has a number of its own, which is no extension's::

    [ring_groups.600]
    name = "Sales"
    members = ["101", "102", { target = "103", after = 10 }]
    mode = "parallel"          # or "sequential"
    ring_seconds = 20          # for each member
    forwards = true            # do the members' own forwards count?
    confirm = "en"             # or "de", or a WAV file, asks who answers to press 1; also of one member
    otherwise = "100"          # where the call goes when nobody answers

A member that refuses, is busy, or forwards does not stop the group.  Members
stand in the configuration, so whoever may dial the group reaches them all,
those outside included.  Phones show the group's name before the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints

from b2bua import Elsewhere, NotConfigured, Options, Seconds, Table, hookimpl
from b2bua.calls import Dial, Diverted, Forward
from b2bua_plugins._members import Confirmation, Wants, members

if TYPE_CHECKING:
    from b2bua.calls import Attempt, InvitationDraft, Outcome

WHY = {
    "busy": Diverted.BUSY,
    "no_answer": Diverted.NO_ANSWER,
    "unreachable": Diverted.UNREACHABLE,
}


class Group(Table):
    """C{[ring_groups.NUMBER]}: who rings, how, and what then."""

    name: Annotated[str, StringConstraints(max_length=64)] = ""
    members: Annotated[Wants, Field(min_length=1, max_length=64)]
    mode: Literal["parallel", "sequential"] = "parallel"
    ring_seconds: Seconds = 20.0
    forwards: bool = True
    confirm: Confirmation = ""
    otherwise: Elsewhere = ""

    def dial(self) -> Dial:
        """The group as a verdict."""
        return Dial(
            members(self.members, self.ring_seconds, self.confirm),
            self.mode,
            forwards=self.forwards,
            granted=True,
        )


class RingGroup:
    """Rings the members of a group that is dialled."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {"ring_groups.*": Group}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the groups."""
        self._groups = {names[0]: options.of(Group, *names) for names in options.names(Group)}
        if not self._groups:
            raise NotConfigured("no [ring_groups.NUMBER] table")
        self._dials = {number: group.dial() for number, group in self._groups.items()}

    @hookimpl
    def b2bua_numbers(self) -> Mapping[str, str]:
        """Groups."""
        return {number: f"ring_groups.{number}" for number in self._groups}

    def _group(self, attempt: Attempt) -> str | None:
        """The number of the group that was dialled, if one was."""
        user = attempt.user
        return user if user in self._groups and attempt.local and attempt.extension is None else None

    @hookimpl
    def route_call(self, attempt: Attempt) -> Dial | None:
        """Ring all members."""
        number = self._group(attempt)
        return self._dials[number] if number is not None else None

    @hookimpl
    def target_failed(self, attempt: Attempt, outcome: Outcome) -> Forward | None:
        """Nobody in the group has answered: go on elsewhere."""
        number = self._group(attempt)
        otherwise = self._groups[number].otherwise if number is not None else ""
        if not otherwise:
            return None
        return Forward(otherwise, WHY.get(outcome.kind, Diverted.UNKNOWN), granted=True)

    @hookimpl
    def invitation_leaving(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Show the members for which group it rings."""
        parent = attempt.parent
        while parent is not None:
            number = self._group(parent)
            if number is not None and (name := self._groups[number].name):
                draft.from_display = f"{name}: {draft.from_display}" if draft.from_display else name
                return
            parent = parent.parent
