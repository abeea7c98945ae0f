r"""
Shared lines: several phones have the same line, and see on its keys what the others do with it.

The line is an extension at which several phones are registered.  It has some
appearances, one for each call.  Phones of Poly, Cisco and Yealink (shared line,
BroadSoft's SCA) seize a free one before they dial (C{Event: line-seize}), are told of
all of them (C{Event: call-info}), and take a call that another phone of the line
has on hold, unless that holds it privately::

    [shared_lines.200]
    appearances = 3

An appearance has one owner.  Of two phones that want it, one gets 480.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from b2bua import NotConfigured, Options, Service, Table, hookimpl
from b2bua.calls import Busy, Gone, NotJoined, Outcome, Phase, PickUp, Refuse, Wait, connect, dial, hang_up
from b2bua.errors import PeerError
from b2bua.subscriptions import Body, EventPackage, Watcher
from b2bua.wire.names import NameAddr
from b2bua_plugins._appearances import INDEX_MAX, Line, Owner, index_of, parties_of, says_private, shown

if TYPE_CHECKING:
    from b2bua.calls import Attempt, Call, CallState, InvitationDraft, Leg

MOVING = "shared line|"
"""Before line and appearance: where a call waits while another phone of the line takes it."""
PATIENCE = 30.0
"""Seconds after which the line rings again, when the phone that wanted the call has not taken it."""
TAKEN = Refuse(480, "Line in use")
CALL_INFO = frozenset({"Call-Info"})


class SharedLine(Table):
    """C{[shared_lines.NUMBER]}: how many calls the line can have."""

    appearances: Annotated[int, Field(ge=1, le=INDEX_MAX)] = 2


class LinePackage(EventPackage):
    """What phones of a line may watch, and nobody else."""

    fields = CALL_INFO

    def __init__(self, lines: SharedLines) -> None:
        """Tell of these."""
        self._lines = lines

    def refuses(self, resource: str, watcher: Watcher) -> Refuse | None:
        """A line is watched by its own phones."""
        if resource not in self._lines.lines:
            return Refuse(404)
        own = watcher.party.internal and watcher.party.name == resource
        return None if own else Refuse(403)


class CallInfo(LinePackage):
    """C{Event: call-info}: how all appearances are."""

    name = "call-info"

    def state(self, resource: str, watcher: Watcher) -> Body:
        """Say it in header fields."""
        return Body(fields=tuple(("Call-Info", value) for value in self._lines.described(resource)))


class LineSeize(LinePackage):
    """C{Event: line-seize}: a phone wants to dial, and has an appearance for itself."""

    name = "line-seize"
    default_expires = max_expires = 15
    min_expires = 1

    def refuses(self, resource: str, watcher: Watcher) -> Refuse | None:
        """Only one phone may have it: who comes second gets 480 (OpenSIPS#4193)."""
        refusal = super().refuses(resource, watcher)
        if refusal is not None:
            return refusal
        index = index_of(watcher.fields.get("Call-Info", ()))
        if index is None or index > self._lines.lines[resource].count:
            return Refuse(400, "No such appearance")
        owner = self._lines.lines[resource].owners.get(index)
        return None if owner is None or _is_of(owner, watcher) else TAKEN

    def began(self, resource: str, watcher: Watcher) -> None:
        """It is the phone's."""
        index = index_of(watcher.fields.get("Call-Info", ()))
        line = self._lines.lines[resource]
        if line.take(index, Owner(watcher.id, watcher.contact)):
            self._lines.tell(resource)
        elif index in line.owners and _is_of(line.owners[index], watcher):
            line.owners[index].subscription = watcher.id

    def ended(self, resource: str, watcher: Watcher) -> None:
        """The phone wants it no more, or has not dialled in time."""
        line = self._lines.lines.get(resource)
        for index, owner in list(line.owners.items()) if line is not None else ():
            if owner.subscription == watcher.id and not owner.call:
                self._lines.release(resource, index)

    def state(self, resource: str, watcher: Watcher) -> Body:
        """The 200 has said all."""
        return Body()


class SharedLines:
    """Gives appearances away, and tells of them."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """One table for each line."""
        return {"shared_lines.*": SharedLine}

    @hookimpl
    def b2bua_fields(self) -> tuple[str, ...]:
        """Which appearance a phone dials with, and which phone it is."""
        return ("Call-Info", "Contact")

    @hookimpl
    def b2bua_before(self) -> tuple[str, ...]:
        """A call that is taken from hold goes nowhere else, whatever was dialled."""
        return ("do_not_disturb", "forward", "find_me", "ring_group")

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the lines."""
        tables = {number: options.of(SharedLine, number) for [number] in options.names(SharedLine)}
        if not tables:
            raise NotConfigured("no [shared_lines.NUMBER] table")
        for number in sorted(tables.keys() - options.extensions):
            raise ValueError(f"[shared_lines.{number}] is no extension; write [extensions.{number}] as well")
        self.lines = {number: Line(table.appearances) for number, table in tables.items()}
        self._call_info, self._seize = CallInfo(self), LineSeize(self)
        self._service: Service

    @hookimpl
    def b2bua_event_packages(self) -> Iterable[EventPackage]:
        """How appearances are, and having one for oneself."""
        return (self._call_info, self._seize)

    @hookimpl
    def service_started(self, service: Service) -> None:
        """After a reload, or a restart, there may be calls already; those of before are looked up."""
        self._service = service
        service.after(0, self._take_up)

    def _take_up(self) -> None:
        """What was kept of calls that go on is true still."""
        kept, going = self._service.data, {state.id: state for state in self._service.calls()}
        with kept.change() as rows:
            for key in kept:
                call, _, number = key.partition("|")
                line, state = self.lines.get(number), going.get(call)
                index, private = kept[key]
                if line is None or state is None or not any(parties_of(number, state)):
                    del rows[key]
                elif line.take(index, Owner(call=call, private=private, legs=_legs(number, state))):
                    self.tell(number)

    # ---- who has what ---------------------------------------------------

    def tell(self, number: str) -> None:
        """The appearances of a line may be shown otherwise."""
        self._call_info.changed(number)

    def release(self, number: str, index: int) -> None:
        """An appearance is free."""
        owner = self.lines[number].owners.pop(index)
        self._keep(number, index, owner, over=True)
        self.tell(number)

    def _keep(self, number: str, index: int, owner: Owner, *, over: bool = False) -> None:
        """Remember the appearance of a call beyond the process."""
        key = f"{owner.call}|{number}"
        if owner.call and (not over or key in self._service.data):
            with self._service.data.change() as rows:
                if over:
                    del rows[key]
                else:
                    rows[key] = [index, owner.private]

    def _give(self, number: str, index: int | None, call: str, *legs: str) -> bool:
        """A call has an appearance, if that is free."""
        owner = Owner(call=call, legs=set(legs))
        if index is None or not self.lines[number].take(index, owner):
            return False
        self._keep(number, index, owner)
        self.tell(number)
        return True

    # ---- calls ----------------------------------------------------------

    @hookimpl
    def route_call(self, attempt: Attempt) -> Refuse | Wait | PickUp | Awaitable[PickUp | Refuse] | None:
        """A phone of a line dials, takes a call from hold, or the line is called."""
        if attempt.user.startswith(MOVING):
            number = attempt.user.removeprefix(MOVING).partition("|")[0]
            held = attempt.leg is not None and attempt.leg.answered
            own = attempt.behalf.internal and attempt.behalf.name == number
            return Wait(attempt.user, PATIENCE, number) if held and own else Refuse(404)
        number, leg = attempt.caller.name, attempt.leg
        own = attempt.caller.internal and number in self.lines
        if own and attempt.parent is None and leg is not None and leg.incoming and not leg.answered:
            verdict = self._dials(attempt, number)
            if verdict is not None:
                return verdict
        if attempt.extension in self.lines and not self._rings(attempt.extension, attempt.call.id):
            return Refuse(486, "All lines are in use")
        return None

    def _rings(self, number: str, call: str) -> bool:
        """Is there an appearance for a call to a line?"""
        line = self.lines[number]
        return line.of_call(call) is not None or line.free() is not None

    @hookimpl
    def call_started(self, call: Call) -> None:
        """A phone of a line dials: it has what it has seized, or names, or the first that is free."""
        leg = call.caller
        if leg is None or not leg.party.internal or leg.party.name not in self.lines:
            return
        number, contact = leg.party.name, _contact(call.fields.get("Contact", ()))
        line, wanted = self.lines[number], index_of(call.fields.get("Call-Info", ()))
        seized = line.seized_by(contact)
        if wanted is None:
            wanted = seized if seized is not None else line.free()
        if wanted is not None and wanted == seized:
            subscription = line.owners.pop(wanted).subscription
            self._seize.finish(number, subscription)  # the INVITE is what it was seized for
        self._give(number, wanted, call.id, leg.id)

    def _dials(self, attempt: Attempt, number: str) -> Refuse | Awaitable[PickUp | Refuse] | None:
        """A phone that has no appearance for its call may have named one that another has."""
        line = self.lines[number]
        if line.of_call(attempt.call.id) is not None:
            return None
        wanted = index_of(attempt.fields.get("Call-Info", ()))
        owner = None if wanted is None else line.owners.get(wanted)
        if wanted is None:
            return Refuse(486, "All lines are in use")
        if owner is None:
            return Refuse(400, "No such appearance")
        return self._takes(attempt, number, wanted, owner) if owner.call else TAKEN

    def _takes(
        self, attempt: Attempt, number: str, index: int, owner: Owner
    ) -> Refuse | Awaitable[PickUp | Refuse]:
        """A phone wants a call of another one: it gets one that is on hold."""
        state = shown(owner, number, self._service.call(owner.call))
        if state == "held-private":
            return Refuse(403, "Held privately")
        return TAKEN if state != "held" or owner.moving else self._move(attempt, number, index, owner)

    async def _move(self, attempt: Attempt, number: str, index: int, owner: Owner) -> PickUp | Refuse:
        """Have who is on hold wait for the other phone, and let the one go that holds."""
        state = self._service.call(owner.call)
        holder = next((one for one in parties_of(number, state) if one.phase is Phase.HOLDING), None)
        if holder is None:
            return TAKEN
        ours = self._service.leg(owner.call, holder.leg)
        theirs = self._service.leg(owner.call, holder.talks_to)
        if ours is None or theirs is None:
            return TAKEN
        (call, leg), place = theirs, f"{MOVING}{number}|{index}"
        owner.moving = True
        try:
            found = await dial(call, leg, place, behalf=attempt.behalf)
            if isinstance(found, Outcome):
                owner.moving = False
                await connect(call, ours[1], leg)
                return Refuse(480, found.reason)
        except (Busy, Gone, NotJoined):
            owner.moving = False
            return TAKEN
        hang_up(call, ours[1])
        return PickUp(call.id, leg.id)

    @hookimpl
    def invitation_leaving(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Say which appearance a call to a line has; other phones have no use for the caller's."""
        draft.fields = [one for one in draft.fields if not _is_appearance(one)]
        number = attempt.extension
        if number is None or number not in self.lines:
            return
        line, call = self.lines[number], attempt.call.id
        if line.of_call(call) is None:
            self._give(number, line.free(), call)
        index = line.of_call(call)
        if index is not None:
            draft.add("Call-Info", f"<sip:{self._domain(number)}>;appearance-index={index}")

    @hookimpl
    def target_failed(self, attempt: Attempt) -> None:
        """A line that could not be rung needs no appearance."""
        number = attempt.extension
        if number in self.lines:
            self._look(number, self._service.call(attempt.call.id), attempt.call.id)

    @hookimpl
    def call_held(self, call: Call, leg: Leg, fields: Iterable[tuple[str, str]]) -> None:
        """Is it held for all phones of the line, or for the own one?"""
        line = self.lines.get(leg.party.name) if leg.party.internal else None
        index = None if line is None else line.of_call(call.id)
        if line is not None and index is not None:
            owner = line.owners[index]
            owner.private = says_private(fields)
            self._keep(leg.party.name, index, owner)

    @hookimpl
    def call_changed(self, state: CallState) -> None:
        """Show it, and free what is over."""
        for number in self.lines:
            self._look(number, state, state.id)

    def _look(self, number: str, state: CallState | None, call: str) -> None:
        """See how a call of a line is now."""
        line = self.lines[number]
        index = line.of_call(call)
        if index is None:
            return
        owner, there = line.owners[index], list(parties_of(number, state))
        if any(party.phase is Phase.TALKING for party in there):
            owner.moving = False
        over = state is None or state.phase is Phase.ENDED
        if over or (not there and owner.legs and not owner.moving):
            self._follow(number, index, owner)
            return
        owner.legs |= _legs(number, state)
        self.tell(number)

    def _follow(self, number: str, index: int, owner: Owner) -> None:
        """The phone has left the call: for another one that it has taken, or the appearance is free."""
        line = self.lines[number]
        for state in self._service.calls(number):
            if line.of_call(state.id) is None and owner.legs & _legs(number, state):
                self._keep(number, index, owner, over=True)
                owner.call, owner.private = state.id, False
                self._keep(number, index, owner)
                self.tell(number)
                return
        self.release(number, index)

    # ---- what is shown --------------------------------------------------

    def described(self, number: str) -> Iterable[str]:
        """How the appearances of a line are, those that are idle as one."""
        where = f"<sip:{self._domain(number)}>"
        for index, owner in sorted(self.lines[number].owners.items()):
            call = self._service.call(owner.call) if owner.call else None
            text = f"{where};appearance-index={index};appearance-state={shown(owner, number, call)}"
            other = self._other(number, call)
            yield f'{text};appearance-uri="{other}"' if other else text
        yield f"{where};appearance-index=*;appearance-state=idle"

    def _other(self, number: str, call: CallState | None) -> str:
        """Whom the line talks to, as a quoted string says it; empty if they want to stay unknown."""
        own = next(parties_of(number, call), None)
        if call is None or own is None:
            return ""
        others = [one for one in call.parties if one.leg != own.leg and one.name != number]
        other = next((one for one in others if one.leg == own.talks_to), others[0] if others else None)
        found = None if other is None else self._service.leg(call.id, other.leg)
        identity = None if found is None else found[1].identity
        if other is None or not other.number or (identity is not None and identity.private):
            return ""
        written = str(NameAddr.make(other.display, self._service.address(other.number)))
        return written.replace("\\", "\\\\").replace('"', '\\"')

    def _domain(self, number: str) -> str:
        """Our domain."""
        return self._service.address(number).rpartition("@")[2]


def _is_of(owner: Owner, watcher: Watcher) -> bool:
    """Has the phone of a SUBSCRIBE an appearance already, so that it asks again for what is its own?"""
    return not owner.call and owner.contact == watcher.contact


def _contact(values: Iterable[str]) -> str:
    """The URI of a Contact; empty if there is none that can be read."""
    try:
        return next((NameAddr.parse(value).uri_text for value in values), "")
    except PeerError:
        return ""


def _legs(number: str, state: CallState | None) -> set[str]:
    """The phones of a line in a call, by the ids of their legs."""
    return {party.leg for party in parties_of(number, state)}


def _is_appearance(field: tuple[str, str]) -> bool:
    """Is it a Call-Info about an appearance?"""
    return field[0].lower() == "call-info" and "appearance-index" in field[1].lower()
