"""
Night ring: a call rings where it is heard all over the house, and anybody takes it by a code.

    [night_ring.690]
    members = ["130", "131"]     # a bell, the phones in the halls
    answered_by = ["100", "101"] # who may take it by code; by default every extension
    ring_seconds = 120
    otherwise = "102"            # where it goes when nobody has come

Calls come here from [office_hours], or by a transfer to the number.  C{*39} takes the one
that has rung longest, from any phone; C{*39690} the one at that number.  Keys for 690
and for the codes ring while a call does.  Members that refuse or are busy do not stop it, and
their forwards do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from b2bua import Elsewhere, NotConfigured, Options, Seconds, Service, Table, Target, hookimpl
from b2bua.calls import Dial, Diverted, Forward, Lamp, Member, Phase, PickUp, Refuse

if TYPE_CHECKING:
    from b2bua.calls import Attempt, CallState, Leg


class Night(Table):
    """C{[night_ring.NUMBER]}: what rings, and who may take it."""

    members: Annotated[tuple[Annotated[Target, Field(min_length=1)], ...], Field(min_length=1, max_length=64)]
    answered_by: tuple[str, ...] | None = None
    ring_seconds: Seconds = 120.0
    otherwise: Elsewhere = ""


class NightRing:
    """Rings all over the house."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """One table for each number."""
        return {"night_ring.*": Night}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """Take a call."""
        return {"night_answer": "*39"}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the numbers, which are nobody's."""
        self._options = options
        self._nights = {number: options.of(Night, number) for [number] in options.names(Night)}
        if not self._nights:
            raise NotConfigured("no [night_ring.NUMBER] table")
        for number, night in self._nights.items():
            for name in night.answered_by or ():
                if name not in options.extensions:
                    raise ValueError(f"[night_ring.{number}] answered_by: there is no extension {name}")

    @hookimpl
    def b2bua_numbers(self) -> Mapping[str, str]:
        """What rings all over the house."""
        return {number: f"night_ring.{number}" for number in self._nights}

    @hookimpl
    def service_started(self, service: Service) -> None:
        """The rows are the numbers at which calls ring, by the call: C{[number, since when]}."""
        self._service = service
        service.after(0, self._tidy)

    def _tidy(self) -> None:
        """After a reload calls ring on; those that are over, or whose number is nobody's, do not."""
        for call in [*self._service.data]:
            state = self._service.call(call)
            if state is None or not _rings(state) or call not in self._ringing():
                self._over(call)

    def _ringing(self) -> dict[str, str]:
        """The number at which a call rings, by the call; what has rung longest is the first one."""
        rows = sorted(self._service.data.items(), key=lambda item: item[1][1])
        return {call: number for call, (number, _) in rows if number in self._nights}

    def _number(self, attempt: Attempt) -> str | None:
        """The number of ours that an attempt is for."""
        return attempt.user if attempt.local and attempt.user in self._nights else None

    @hookimpl
    def route_call(self, attempt: Attempt) -> Dial | None:
        """Ring everywhere."""
        number = self._number(attempt)
        if number is None:
            return None
        night = self._nights[number]
        members = tuple(Member(one, 0.0, night.ring_seconds) for one in night.members)
        return Dial(members, forwards=False, granted=True)

    @hookimpl
    def target_ringing(self, attempt: Attempt, leg: Leg) -> None:
        """From now on the call can be taken."""
        parent = attempt.parent
        number = None if parent is None else self._number(parent)
        if number is not None and attempt.call.id not in self._service.data:
            with self._service.data.change() as rows:
                rows[attempt.call.id] = [number, self._options.now().timestamp()]
            self._tell()

    @hookimpl
    def call_changed(self, state: CallState) -> None:
        """It rings no more when somebody has it, or it is over."""
        if not _rings(state):
            self._over(state.id)

    def _over(self, call: str) -> None:
        """A call does not ring here any more."""
        if call in self._service.data:
            with self._service.data.change() as rows:
                del rows[call]
            self._tell()

    def _tell(self) -> None:
        """Have lamps told."""
        self._service.changed("dialog", None)  # the number, and the keys with the code

    @hookimpl
    def target_failed(self, attempt: Attempt) -> Forward | None:
        """Nobody has come."""
        number = self._number(attempt)
        if number is None:
            return None
        self._over(attempt.call.id)
        otherwise = self._nights[number].otherwise
        return Forward(otherwise, Diverted.NO_ANSWER, granted=True) if otherwise else None

    @hookimpl
    def code_dialled(self, attempt: Attempt, argument: str) -> PickUp | Refuse:
        """Somebody takes the call that has rung longest, of those that they may take."""
        own = attempt.caller.name
        mine = {
            number
            for number, night in self._nights.items()
            if argument in ("", number) and (night.answered_by is None or own in night.answered_by)
        }
        if not mine:
            return Refuse(403, "Not Allowed")
        found = next((call for call, number in self._ringing().items() if number in mine), None)
        return Refuse(404, "Nothing rings") if found is None else PickUp(found)

    @hookimpl
    def lamp_shown(self, number: str) -> Lamp | None:
        """It rings, or it does not."""
        if number not in self._nights:
            return None
        return Lamp("ringing" if number in self._ringing().values() else "idle")

    @hookimpl
    def code_shown(self, name: str, argument: str) -> Lamp:
        """The key that takes a call rings while there is one."""
        ringing = {*self._ringing().values()}
        return Lamp("ringing" if ringing and {argument} - {""} <= ringing else "idle")


def _rings(state: CallState) -> bool:
    """Does a call ring anywhere?"""
    return any(party.phase is Phase.RINGING for party in state.parties)
