"""
The start after a crash: calls that were kept are taken up, and nothing is believed that is not so.

Every party of a restored call is asked for a sign of life (OPTIONS within its
dialog): it may have hung up while nobody was there to hear it.  A party that
has nobody to go on with gets a BYE.  Who waits is offered a voice again, since
that of the process before has died with it.  What rang is told to stop, and who waited
for an answer gets one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from b2bua.calls.operations import hold_music, rerouting
from b2bua.calls.restoring.snapshot import read_party, restore_call
from b2bua.errors import UsageError
from b2bua.legs import orphan, refresh
from b2bua.legs.words import HungUp
from b2bua.wire.fields import Reason

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.calls.calls import Calls
    from b2bua.calls.records.record import CallRecord
    from b2bua.legs.leg import Leg
    from b2bua.legs.words import Fields

FIRST = 5.0
"""Seconds after the start at which the first party is asked; what it has to say comes again by then (T2)."""
SOON = 0.2
"""Seconds after the start at which the first phone that rings is told to stop."""
RATE = 200
"""So many parties are asked in a second."""
BACK = 180.0
"""Seconds that a phone has to register by a new connection before it is asked by its Contact."""

ALONE: Fields = (("Reason", str(Reason("SIP", 500, "The call was cut by a restart"))),)


NO_NUMBERS: Mapping[str, Sequence[int]] = {}


class Unreadable(NamedTuple):
    """What was kept of a call that cannot be taken up."""

    call: str
    why: str
    text: str


class Recovered(NamedTuple):
    """What a start has found."""

    calls: list[tuple[Call, list[Leg]]]
    """Those that go on, with their parties."""
    over: list[str]
    """Those of which nothing goes on."""
    left: dict[str, float]
    """
    Those of which nothing goes on but parties that have to be told, and in how many seconds all are.

    What was kept of them stays so long: the next crash may come before.
    """
    unreadable: list[Unreadable]


def recover(
    calls: Calls,
    kept: Iterable[tuple[str, str]],
    records: Mapping[str, CallRecord],
    *,
    start: int,
    alive: float,
    numbers: Mapping[str, Sequence[int]] = NO_NUMBERS,
    foreign: bool = False,
) -> Recovered:
    """
    Take up what was kept; the answers to what is asked come later.

    @param kept: what was written, by the id of its call.
    @param records: those of calls that have not ended.
    @param start: which start of the service this is.
    @param alive: the last time at which the service is known to have run.
    @param numbers: of the calls whose parties are there for sure, since a process knew it until
        just now: the CSeq number that each has used last, where what was written has an older one.
    @param foreign: are they another node's?
    """
    found = Recovered([], [], {}, [])
    asked = rang = 0
    for id, text in kept:
        sure = id in numbers
        try:
            plain = _plain(text)
            if isinstance(plain, list):  # what rings, under the name of its call or beside it
                found.over.append(id)
                for invite in plain:
                    calls.later(SOON + rang / RATE, _end, calls, id, invite, start)
                    rang += 1
                continue
            call, legs, alone = restore_call(
                calls, plain, records.get(id), start=start, alive=alive, sure=sure, foreign=foreign
            )
        except UsageError as error:
            found.unreadable.append(Unreadable(id, str(error), text))
            continue
        if call is not None:
            found.calls.append((call, legs))
        for leg, number in zip(legs, numbers.get(id, ()), strict=False):
            leg.go_on_from(number)
        for leg in legs:
            asked += 1
            after = FIRST + asked / RATE
            if leg in alone:
                calls.later(after, _dismiss, leg)
            elif leg.flow is None and leg.channel.device is not None:
                calls.later(BACK + asked / RATE, refresh.probe, leg)
            elif not sure:
                calls.later(after, refresh.probe, leg)
        if call is None:
            found.left[id] = FIRST + asked / RATE
        if call is not None and (call.holders or call.waiting):
            for leg in legs:
                asked += 1
                calls.later((SOON if sure else FIRST) + asked / RATE, hold_music.resume, calls, leg)
        # Written since two who are told something talk on.
        if call is not None and call.bridge is not None and plain.get("told"):
            asked += 1
            wanted = rerouting.not_parted(call.bridge)
            calls.later(FIRST + asked / RATE, rerouting.show_again, call, wanted)
    return found


def _plain(text: str) -> Any:
    """
    Read JSON.

    @raise UsageError: it is none.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f"A call that is no JSON: {error}") from None


def _end(calls: Calls, id: str, plain: dict[str, Any], start: int) -> None:
    """End an INVITE that rings; what cannot be read ends by itself, when its user hangs up."""
    try:
        orphan.end(calls.context, plain, partial(read_party, calls.directory), calls.hear, start)
    except UsageError as error:
        calls.log.error("an INVITE of call {call} cannot be ended: {why}", call=id, why=str(error))


def _dismiss(leg: Leg) -> None:
    """Tell a party that nobody is there any more."""
    call: Call | None = leg.call
    if call is not None:
        call.hang_up(leg, "lost", ALONE)
    else:
        leg.say(HungUp("lost", ALONE))
