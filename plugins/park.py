"""
Park: a call waits at an orbit until somebody dials that orbit, from any phone.

    [park]
    orbits = "701-720"       # numbers of their own; lists and ranges, "701-720, 750"
    next_free = "700"        # parks at the first orbit that is free
    seconds = 90             # then who parked is rung again
    ring_seconds = 30        # that long,
    otherwise = "100"        # and then this one: a group, the operator
    key = "0"                # with this key who is parked has it ring at once; without it there is none
    prompt = "press-0.wav"   # says so, before the music

A call is parked by transferring it to a free orbit, as a phone's key for that
orbit does, or by dialling the orbit while the call is on hold.  To dial an
orbit where somebody waits, or at whose end somebody is rung again, takes the
call.  C{*68} parks the call on hold at one's own extension and C{*68102} at
that of 102; C{*88} and C{*88102} take it.

Nobody who is parked is ever hung up: with nobody there to be rung it goes back
to its orbit, and all begins anew.  What is rung is rung with the permission of
who has parked.  Only extensions park and take; a transfer to an orbit that is
taken is refused, and the call goes on as it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AfterValidator, StringConstraints

from b2bua import Elsewhere, File, Options, Seconds, Service, Table, hookimpl
from b2bua.calls import (
    Busy,
    Confirm,
    Dial,
    Diverted,
    Forward,
    Gone,
    Lamp,
    Member,
    NotJoined,
    Outcome,
    Phase,
    PickUp,
    Refuse,
    Wait,
    connect,
    dial,
    hang_up,
    unplayable,
)

if TYPE_CHECKING:
    from b2bua.calls import Attempt, CallState, InvitationDraft, Waiting

AT = "park|"
"""Before the number of an extension: the place where calls for it are parked."""
RECALL = "recall|"
"""Before a place and who parked there: what is dialled when the time is over."""
TAKEN = Refuse(486, "Taken")
ORBITS_MAX = 1000
Answer: TypeAlias = Wait | PickUp | Confirm | Refuse


def numbers(text: str) -> str:
    """Check a list of numbers and ranges."""
    if sum(1 for _ in spread(text)) > ORBITS_MAX:
        raise ValueError(f"names more than {ORBITS_MAX} numbers")
    return text


def spread(text: str) -> Iterator[str]:
    """All numbers of a list of numbers and ranges: C{701-703, 750}."""
    for piece in text.split(","):
        first, dash, last = (part.strip() for part in piece.partition("-"))
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and len(first) == len(last) and first <= last):
            raise ValueError(f'"{piece.strip():.40}" is no number or range; write "701-720"')
        if int(last) - int(first) >= ORBITS_MAX:
            raise ValueError(f"names more than {ORBITS_MAX} numbers")
        yield from (f"{number:0{len(first)}}" for number in range(int(first), int(last) + 1))


class Lot(Table):
    """C{[park]}: where calls are parked, and for how long."""

    orbits: Annotated[str, AfterValidator(numbers)]
    next_free: str = ""
    seconds: Seconds = 90.0
    ring_seconds: Seconds = 30.0
    otherwise: Elsewhere = ""
    key: Annotated[str, StringConstraints(pattern=r"^[0-9*#]?$")] = ""
    prompt: File | None = None


class Park:
    """Keeps calls at orbits."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The table of this feature."""
        return {"park": Lot}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """Park at an extension, and take from there."""
        return {"park": "*68", "unpark": "*88"}

    @hookimpl
    def b2bua_commands(self) -> Mapping[str, Callable[..., Any]]:
        """Who is parked."""
        return {"parked": self.parked}

    @hookimpl
    def b2bua_before(self) -> tuple[str, ...]:
        """An orbit is an orbit, whoever else has an opinion."""
        return ("do_not_disturb", "forward", "find_me", "ring_group")

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the orbits."""
        self._lot = lot = options.of(Lot)
        self._orbits = dict.fromkeys(spread(lot.orbits))
        if lot.prompt is not None and not lot.key:
            raise ValueError("[park] prompt says which key to press; set key as well")
        if lot.prompt is not None and (why := unplayable(lot.prompt)):
            raise ValueError(f"[park] prompt: {why}")
        if lot.next_free in self._orbits:
            raise ValueError(
                f"[park] next_free is the orbit {lot.next_free} as well; give it a number of its own"
            )

    @hookimpl
    def b2bua_numbers(self) -> Mapping[str, str]:
        """Orbits, and the one that stands for the next free one."""
        next_free = {self._lot.next_free: "park.next_free"} if self._lot.next_free else {}
        return dict.fromkeys(self._orbits, "park.orbits") | next_free

    @hookimpl
    def service_started(self, service: Service) -> None:
        """The service knows who waits where, and rows for whom somebody is rung: by place call and leg."""
        self._service = service
        service.after(0, self._tidy)
        self._parked_in: dict[str, frozenset[str]] = {}
        for state in service.calls():
            self._show(state)

    # ---- places ---------------------------------------------------------

    def _place(self, number: str) -> str | None:
        """The place that is dialled; empty if all orbits are taken, None if it is no place."""
        if number and number == self._lot.next_free:
            taken = {party.waits_at for call in self._service.calls() for party in call.parties}
            taken |= {*self._service.data}
            return next((one for one in self._orbits if one not in taken), "")
        extension = number.removeprefix(AT)
        known = number in self._orbits or (extension != number and self._service.is_extension(extension))
        return number if known else None

    def _who(self, place: str) -> PickUp | None:
        """Who has a place: it waits there, or somebody is rung for it."""
        for call, party in self._service.waiting(place):
            return PickUp(call.id, party.leg)
        row = self._service.data.get(place)
        return None if row is None else PickUp(row[0])

    @hookimpl
    def call_changed(self, state: CallState) -> None:
        """A place is free when who was rung for talks to somebody, or has left."""
        for place, (call, leg) in self._service.data.items():
            if call == state.id and not any(one.leg == leg and not one.talks_to for one in state.parties):
                self._free(place)
        self._show(state)

    def _free(self, place: str) -> None:
        """Nobody is rung for a place any more."""
        with self._service.data.change() as rows:
            rows.pop(place, None)

    def _tidy(self) -> None:
        """What went on is there again by now: free the places of calls that are not."""
        for place, (call, _) in self._service.data.items():
            if self._service.call(call) is None:
                self._free(place)

    # ---- lamps ----------------------------------------------------------

    def _show(self, state: CallState) -> None:
        """Have the lamps of places told at which somebody begins or ceases to wait in a call."""
        before = self._parked_in.pop(state.id, frozenset())
        now = frozenset(party.waits_at for party in state.parties if party.waits_at)
        if now:
            self._parked_in[state.id] = now
        for place in before ^ now:
            self._service.changed("dialog", place.removeprefix(AT))

    @hookimpl
    def lamp_shown(self, number: str) -> Lamp | None:
        """An orbit is free or taken; at an extension somebody is parked, or nobody."""
        orbit = number in self._orbits
        for call, party in self._service.waiting(number if orbit else AT + number):
            found = self._service.leg(call.id, party.leg)
            identity = found[1].identity if found is not None else None
            private = identity is not None and identity.private  # RFC 3325 section 7
            return Lamp("busy" if orbit else "parked", "" if private else party.display)
        return Lamp("idle") if orbit else None

    # ---- parking and taking ---------------------------------------------

    @hookimpl
    def route_call(self, attempt: Attempt) -> Answer | Dial | Awaitable[Answer] | None:
        """An orbit is dialled, somebody is transferred there, or has waited there long enough."""
        if attempt.user.startswith(RECALL):
            return self._recall(attempt)
        place = self._place(attempt.user)
        if place is None:
            return None
        if attempt.parent is not None and attempt.parent.user.startswith(f"{RECALL}{place}|"):
            return self._wait(place, attempt.parent.user)
        return self._go(attempt, place)

    @hookimpl
    async def code_dialled(self, attempt: Attempt, name: str, argument: str) -> PickUp | Confirm | Refuse:
        """Park at an extension, or take from there; an orbit will do too."""
        place = self._place(argument if argument in self._orbits else AT + (argument or attempt.caller.name))
        if place is None:
            return Refuse(404, "No such orbit")
        if name == "unpark":
            return self._who(place) or Refuse(404, "Nobody parked")
        return TAKEN if self._who(place) else await self._park(attempt, place)

    @hookimpl
    def code_referred(self, attempt: Attempt, name: str, argument: str) -> Wait | Refuse | None:
        """Park at an extension by a transfer to the code, as phones do."""
        place = self._place(argument if argument in self._orbits else AT + (argument or attempt.behalf.name))
        if name != "park":
            return None
        if place is None:
            return Refuse(404, "No such orbit")
        return TAKEN if self._who(place) else self._wait(place, f"{RECALL}{place}|{attempt.behalf.name}")

    def _go(self, attempt: Attempt, place: str) -> Answer | Awaitable[Answer]:
        """Park or take, as it is meant by who dials or transfers."""
        if not attempt.behalf.internal or attempt.parent is not None:
            return Refuse(403, "Orbits are for extensions, and not for forwards")
        if not place:
            return Refuse(486, "All orbits are taken")
        there = self._who(place)
        if attempt.leg is not None and attempt.leg.answered and attempt.caller.key != attempt.behalf.key:
            return TAKEN if there else self._wait(place, f"{RECALL}{place}|{attempt.behalf.name}")
        return there or self._park(attempt, place)

    def _wait(self, place: str, recall: str) -> Wait:
        """Keep a party at a place."""
        if place in self._service.data:
            self._free(place)
        script = self._entertain if self._lot.key else None
        return Wait(place, self._lot.seconds, recall, f"Parked at {place.removeprefix(AT)}", script)

    async def _entertain(self, talk: Waiting) -> None:
        """Play music to who is parked until they press the key; then who has parked is rung."""
        key = self._lot.key
        if self._lot.prompt is None or not await talk.play(str(self._lot.prompt), until=key):
            await talk.music(None, until=key)

    async def _park(self, attempt: Attempt, place: str) -> Confirm | Refuse:
        """Park whom the caller has on hold, if there is exactly one."""
        own = attempt.caller.name
        held = [
            (call, party)
            for call in self._service.calls(own)
            for party in call.parties
            if party.kind == "extension" and party.name == own and party.phase is Phase.HOLDING
        ]
        if len(held) != 1:
            return Refuse(404, "Nobody parked" if not held else "More than one call on hold")
        state, holder = held[0]
        ours, theirs = self._service.leg(state.id, holder.leg), self._service.leg(state.id, holder.talks_to)
        if ours is None or theirs is None:
            return Refuse(404, "Nobody parked")
        call, leg = theirs
        try:
            found = await dial(call, leg, place, behalf=attempt.behalf)
            if isinstance(found, Outcome):
                await connect(call, ours[1], leg)
                return Refuse(found.code, found.reason)
        except (Busy, Gone, NotJoined):
            return Refuse(480, "Cannot be parked now")
        hang_up(call, ours[1])
        return Confirm(f"Parked at {place.removeprefix(AT)}")

    # ---- nobody has come ------------------------------------------------

    def _recall(self, attempt: Attempt) -> Dial | Refuse:
        """Ring who has parked, then who is there for it."""
        place, _, by = attempt.user.removeprefix(RECALL).rpartition("|")
        if attempt.leg is None or not attempt.leg.answered or not attempt.behalf.internal:
            return Refuse(404)  # nobody who waits, so somebody has dialled it
        with self._service.data.change() as rows:
            rows[place] = [attempt.call.id, attempt.leg.id]
        wanted = [one for one in (by, self._lot.otherwise) if one]
        return Dial(tuple(Member(one, 0.0, self._lot.ring_seconds) for one in wanted), "sequential")

    @hookimpl
    def target_failed(self, attempt: Attempt) -> Forward | None:
        """Nobody is there: back to where it was parked."""
        if not attempt.user.startswith(RECALL) or attempt.leg is None or not attempt.leg.answered:
            return None
        return Forward(attempt.user.removeprefix(RECALL).rpartition("|")[0], Diverted.NO_ANSWER)

    @hookimpl
    def invitation_leaving(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Say where the call was parked, before who it is."""
        parent = attempt.parent
        while parent is not None and not parent.user.startswith(RECALL):
            parent = parent.parent
        if parent is not None:
            place = parent.user.removeprefix(RECALL).rpartition("|")[0].removeprefix(AT)
            draft.from_display = f"{place}: {draft.from_display}".removesuffix(": ")

    # ---- commands -------------------------------------------------------

    def parked(self) -> list[dict[str, Any]]:
        """Show who is parked, where, and since when."""
        return [
            {"orbit": party.waits_at.removeprefix(AT), "name": party.display, "number": party.number}
            for call in self._service.calls()
            for party in call.parties
            if self._place(party.waits_at) is not None and party.waits_at
        ]
