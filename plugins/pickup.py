"""
Pick-up: take a call that rings at somebody else's phone.

By code, C{**102} takes the call that rings at 102, at a ring group or a queue of
that number, or wherever a call to 102 was forwarded; C{*89} takes whatever rings
longest in one's own groups.  By a lamp, the phone sends an INVITE with Replaces
that names the dialog which the lamp showed (RFC 3891); who may do so is decided
here as well.  Without groups every extension may pick up every other one::

    [pickup_groups.sales]
    members = ["101", "102", "600"]   # whose calls; a ring group or queue too
    by = ["101", "102", "100"]        # who may take them; the members by default
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from b2bua import Options, Service, Table, hookimpl
from b2bua.calls import CallState, PartyState, Phase, PickUp, Refuse, Replace

if TYPE_CHECKING:
    from b2bua.calls import Attempt, Call, Leg

NOBODY = Refuse(404, "Nobody to pick up")
NOT_ALLOWED = Refuse(403, "Not in your pick-up group")


class Group(Table):
    """C{[pickup_groups.NAME]}: whose calls, and who may take them."""

    members: Annotated[tuple[str, ...], Field(min_length=1)]
    by: tuple[str, ...] = ()


class Pickup:
    """Lets extensions take each other's calls."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {"pickup_groups.*": Group}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """Somebody's call, or any of the own groups."""
        return {"pickup": "**", "pickup_group": "*89"}

    @hookimpl
    def b2bua_before(self) -> tuple[str, ...]:
        """Groups are more than the general permission."""
        return ("replaces",)

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the groups."""
        self._groups = [options.of(Group, *names) for names in options.names(Group)]

    @hookimpl
    def service_started(self, service: Service) -> None:
        """The service knows what rings."""
        self._service = service

    @hookimpl
    def code_dialled(self, attempt: Attempt, name: str, argument: str) -> PickUp | Refuse:
        """Take the call that has been ringing longest."""
        picker = attempt.caller.name
        if name == "pickup" and argument:
            return self._pick_up(picker, argument)
        if not self._groups:
            return Refuse(484, "Dial the number to pick up as well")
        found = (one for number in self._numbers(picker) for one in self._ringing(number))
        first = min(found, key=lambda one: one[0].started, default=None)
        return NOBODY if first is None else PickUp(first[0].id, first[1].leg)

    def _pick_up(self, picker: str, number: str) -> PickUp | Refuse:
        """Take a call to a number, if one may."""
        if not self._may(picker, number):
            return NOT_ALLOWED
        first = min(self._ringing(number), key=lambda one: one[0].started, default=None)
        return NOBODY if first is None else PickUp(first[0].id, first[1].leg)

    @hookimpl
    def replace_requested(self, call: Call, leg: Leg, replaced: Leg) -> Replace | Refuse | None:
        """A lamp's key was pressed while it rang; what is answered is not ours to decide."""
        if replaced.answered or not self._groups or not leg.party.internal:
            return None
        numbers = (replaced.party.name, call.dialled)
        return Replace() if any(self._may(leg.party.name, number) for number in numbers) else NOT_ALLOWED

    def _may(self, picker: str, number: str) -> bool:
        """May somebody take the calls of a number?"""
        return not self._groups or picker == number or number in self._numbers(picker)

    def _numbers(self, picker: str) -> set[str]:
        """Whose calls somebody may take."""
        return {
            number
            for group in self._groups
            if picker in (group.by or group.members)
            for number in group.members
        }

    def _ringing(self, number: str) -> Iterator[tuple[CallState, PartyState]]:
        """Who rings for a number, in a group or forwarded from there as well, or waits there."""
        yield from self._service.waiting(number)
        for call in self._service.calls():
            for party in call.parties:
                if party.phase is Phase.RINGING and number in (party.name, call.dialled):
                    yield call, party
