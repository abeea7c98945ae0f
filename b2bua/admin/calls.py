"""The calls that go on, the records of those that are over, and why one did what it did."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from b2bua.admin.ended import Told
from b2bua.admin.refused import Mistaken, Refused, Unknown
from b2bua.admin.traces import Traces
from b2bua.admin.values import CallRow, HourRow, HungUp, Moved, Started, WhatIf
from b2bua.calls.operations.origination import Origination, Wish
from b2bua.calls.records.record import STATES
from b2bua.calls.records.record import state as state_of
from b2bua.explain.traced import TracedCall
from b2bua.legs.party import Identity
from b2bua.store.ports import Search, StoreError

if TYPE_CHECKING:
    from b2bua.admin.playing import Play
    from b2bua.calls.call import Call
    from b2bua.calls.records.record import CallRecord
    from b2bua.calls.records.story import Story
    from b2bua.server import Server
    from b2bua.store.journal import Journal

NUMBER_LONGEST = 256
"""Characters of a number that is dialled."""
SEVERAL = "several calls begin with {}; say more of it"
Limit = Annotated[int, Field(ge=1, le=10_000, description="so many at most")]


class Calls:
    """Answers questions about calls, and ends them."""

    def __init__(
        self,
        server: Server,
        journal: Journal,
        play: Play,
        move: Callable[[Call, str], Awaitable[None]],
        look: Callable[[], None],
        version: str = "",
    ) -> None:
        """
        Look at these from now on.

        @param play: says what a call would do.
        @param move: has another node go on with a call.
        @param look: sees to it that what is over is remembered.
        """
        self._look = look
        self._play, self._move = play, move
        self._server = server
        self._journal = journal
        self._version = version
        self._over: deque[Told] = deque()
        self.traces = Traces(server, journal, version)
        self._answered = self._refused = 0

    def over(self, calls: Sequence[Told]) -> None:
        """Remember calls that are over, in place of the oldest."""
        self.traces.over(calls)
        over = self._over
        over.extend(calls)
        for _ in range(len(over) - self._server.settings.calls.trace):
            over.popleft()
        answered = sum([record.answered is not None for record, _, _ in calls])
        self._answered += answered
        self._refused += len(calls) - answered

    @property
    def answered(self) -> int:
        """How many were answered of those that are over."""
        self._look()
        return self._answered

    @property
    def refused(self) -> int:
        """How many were not."""
        self._look()
        return self._refused

    def __len__(self) -> int:
        """How many go on."""
        return len(self._server.core.calls.going)

    # ---- questions ------------------------------------------------------

    def going(self, party: str | None = None, limit: Limit = 100) -> list[CallRow]:
        """The calls that go on, all or those of an extension, a trunk or a number."""
        found = [
            call
            for call in self._server.core.calls.going.values()
            if party is None or call.record.concerns(party)
        ]
        return [self._row(call.record, _now(call), restored=call.restored) for call in found[:limit]]

    async def past(
        self,
        party: str | None = None,
        since: float | None = None,
        before: float | None = None,
        state: str | None = None,
        limit: Limit = 100,
    ) -> list[CallRow]:
        """
        The records of calls that are over, and of those that go on, the latest first.

        Those that began at C{since} or later, and before C{before}: the time of
        the last one that was shown leads to the next ones.  C{state} is how
        they ended, in the words that they have: C{busy}, or C{busy,no answer}.
        """
        return [self._row(record) for record in await self._found(party, since, before, state, limit)]

    async def hours(
        self,
        party: str | None = None,
        since: float | None = None,
        before: float | None = None,
        state: str | None = None,
        limit: Limit = 2000,
    ) -> list[HourRow]:
        """
        How many calls began in each hour of the day, here, and how many of them were answered.

        They are looked for as records are; C{limit} of the latest are counted.
        """
        hours = [HourRow(hour=hour, answered=0, others=0) for hour in range(24)]
        for record in await self._found(party, since, before, state, limit):
            hour = datetime.fromtimestamp(record.started).hour
            row = hours[hour]
            good = record.answered is not None
            hours[hour] = HourRow(hour=hour, answered=row.answered + good, others=row.others + (not good))
        return hours

    async def _found(
        self, party: str | None, since: float | None, before: float | None, state: str | None, limit: int
    ) -> Sequence[CallRecord]:
        """
        Look records up.

        @raise Refused: if that makes no sense, or the store fails.
        """
        states = [word.strip() for word in (state or "").split(",")] if state is not None else []
        if unknown := [word for word in states if word not in STATES]:
            raise Mistaken(f"state: no call is {unknown[0]!r}; there are {', '.join(STATES)}")
        try:
            await self._journal.flush()
            return await self._journal.store.find_records(Search(party, since, before, states, limit))
        except StoreError as error:
            raise Refused(f"the store fails: {error}", 503) from None

    def _row(self, record: CallRecord, state: str = "", *, restored: bool = False) -> CallRow:
        """One row."""
        end = record.ended if record.ended is not None else self._server.runner.wall()
        talked = 0.0 if record.answered is None else max(0.0, end - record.answered)
        return CallRow.of(record, state or state_of(record), talked, restored=restored)

    async def trace(self, call: str) -> TracedCall:
        """
        Why a call did what it did: its messages, and the reasons.

        It is named by its id, the beginning of that if it is clear, a Call-ID,
        or a number, which stands for its last call.
        """
        record, story = self._find(call)
        traced = None
        if record is not None and story is not None:
            runner = self._server.runner
            past = runner.wall() - runner.now()
            others = [told.record for told in self._known()]
            traced = TracedCall.of(record, story, self._server.trace, self._version, past, others)
            if record.ended is None or (traced.messages and not traced.missing):
                return traced
        kept = await self._kept(call if record is None else record.id)
        if kept is not None and (traced is None or len(kept.messages) > len(traced.messages)):
            return kept
        if traced is None:
            raise Unknown(f"there is no call {call} that goes on, and none of which a trace is kept")
        return traced

    async def _kept(self, call: str) -> TracedCall | None:
        """What the store knows of how a call went."""
        try:
            found = await self.traces.find(call)
            if [one.record.id for one in found] != [call]:
                # A number counts for more than the beginning of an id, which may have begun with digits.
                last = await self._journal.store.find_records(Search(party=call, limit=1))
                found = await self.traces.find(last[0].id) if last else found
        except StoreError as error:
            raise Refused(f"the store fails: {error}", 503) from None
        if len(found) > 1:
            raise Refused(SEVERAL.format(call))
        return found[0] if found else None

    def _known(self) -> list[Told]:
        """The calls that go on or ended lately."""
        self._look()
        going = [Told.of(call) for call in self._server.core.calls.going.values()]
        return [*going, *self._over]

    async def whatif(self, extension: str, caller: str, via: str = "") -> WhatIf:
        """
        Say what a call to an extension would do now, and why: it is played, and nobody is rung.

        C{caller} is an extension, or a number outside, which comes through the trunk C{via}.
        """
        for name, text in (("caller", caller), ("via", via)):
            if not text.isprintable() or len(text) > NUMBER_LONGEST:
                raise Mistaken(f"{name}: {text[:40]!r} is no number and no name")
        if self._server.core.calls.directory.extension(extension) != extension:
            raise Unknown(f"there is no extension {extension}")
        return WhatIf(extension=extension, caller=caller, text=await self._play(caller, extension, via))

    def _find(self, start: str) -> tuple[CallRecord | None, Story | None]:
        """A call by its id, the beginning of it if that is clear, a Call-ID, or a number: its last call."""
        known = self._known()
        found = {
            told.record.id: told
            for told in known
            if told.record.id.startswith(start) or any(leg.call_id == start for leg in told.record.legs)
        }
        of_number = [told for told in known if start in _parties(told.record)]
        if of_number and start not in found:
            last = max(of_number, key=lambda told: told.record.started)
            return last.record, last.story
        if len(found) > 1 and start not in found:
            raise Refused(SEVERAL.format(start))
        told = found.get(start) or next(iter(found.values()), None)
        return (told.record, told.story) if told is not None else (None, None)

    # ---- orders ---------------------------------------------------------

    def start(self, extension: str, number: str) -> Started:
        """
        Ring the phones of an extension, then a number, and let the two talk (RFC 3725).

        The number is dialled by the permission of the extension, as if its phone had done it.
        """
        table = self._server.core.calls
        directory, identities = table.directory, table.identities
        if directory.extension(extension) != extension:
            raise Unknown(f"there is no extension {extension}")
        if not number or not number.isprintable() or len(number) > NUMBER_LONGEST:
            raise Mistaken(f"number: {number[:40]!r} cannot be dialled")
        there = directory.extension(number)
        if there is not None:
            shown = identities.of_party(directory.party(there))
        else:
            shown = Identity(directory.user(number), directory.uri(number))
        begun = Origination(table, Wish(extension, number, directory.party(extension), shown))
        if not begun.id:
            raise Refused("there are as many calls as there may be, or the service ends", 503)
        return Started(id=begun.id, extension=extension, number=number)

    def hangup(self, call: str) -> HungUp:
        """End a call."""
        found = self._going(call)
        found.story.note("ended by an operator")
        self._server.core.calls.run(found.end, (), "bye", "operator")
        return HungUp(id=found.id)

    async def move(self, call: str, node: str) -> Moved:
        """
        Have another service on the same database go on with a call of two who talk.

        The phones notice nothing of it.  It is named by its C{server.node}; both have C{server.cluster} set.
        """
        from b2bua.cluster.moving import CannotMove

        found = self._going(call)
        try:
            await self._move(found, node)
        except CannotMove as error:
            raise Refused(str(error)) from None
        return Moved(id=found.id, node=node)

    def _going(self, call: str) -> Call:
        """A call that goes on, as L{_find} finds it."""
        record, _ = self._find(call)
        found = self._server.core.calls.going.get(record.id) if record is not None else None
        if found is None:
            raise Unknown(f"there is no call {call} that goes on here")
        return found


def _parties(record: CallRecord) -> set[str]:
    """Everybody who took part in a call, by number or name, and what was dialled."""
    return {record.dialled, *(leg.party.partition(" ")[2] for leg in record.legs)}


def _now(call: Call) -> str:
    """How a call is of which its record knows only that it was answered; empty if that is all."""
    if call.holders:
        return "on hold"
    return "waiting" if call.waiting and call.bridge is None else ""
