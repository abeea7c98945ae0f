"""
A call as plain values, so that it can outlive its process.

Written are the parties that were answered, who of them talk to each other, and
who waits where.  What is under way is not: a call is written when it is
settled, and one that is cut in the middle of a transfer comes back as it was
before.  Who talks to a voice of ours is written with nobody to go on with, and
is hung up on; but two who are told something in the middle of their call talk
on, and are shown to each other anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from b2bua.calls.bridge import Bridge
from b2bua.calls.call import Call
from b2bua.calls.media import Alignment
from b2bua.calls.operations.conversation import Conversation
from b2bua.calls.operations.telling import Telling
from b2bua.calls.operations.waiting import WaitingParty
from b2bua.calls.path import Diversion, Path
from b2bua.calls.relay.kept import Kept
from b2bua.calls.verdicts import Diverted, Wait
from b2bua.errors import UsageError
from b2bua.legs.header_policy import NO_FIELDS, SeenFields
from b2bua.legs.leg import Leg
from b2bua.legs.party import Identity, Kind, Party
from b2bua.legs.snapshot import reading, write_party
from b2bua.legs.snapshot import write as write_leg

if TYPE_CHECKING:
    from b2bua.calls.calls import Calls
    from b2bua.calls.ports import Directory
    from b2bua.calls.records.record import CallRecord

PERSON = 8
"""Who has more calls at once is no person, who could join any two of them."""
USUAL = {"pair": [0, 1], "told": False, "holding": [False, False], "alignment": None, "waiting": []}
"""The arrangement of most calls: two who talk."""
VERSION = 1
"""Changes with what is written, from the first release on; what another version wrote is refused."""


def is_settled(call: Call) -> bool:
    """Does each party talk to another one or wait to be taken, with no exchange open?"""
    bridge, waiting = call.bridge, call.waiting or ()
    talking = () if bridge is None else (bridge.a, bridge.b)
    return is_kept(call) and all(leg in talking or leg in waiting for leg in call.legs)


def is_kept(call: Call) -> bool:
    """
    Is each party, with no exchange open, one that the next process goes on with or can tell?

    Who talks to a voice of ours cannot be gone on with, since that dies with its
    process; but the next one can hang up.  So it does on who is left beside two
    that were joined, as a transferor whose phone waits for our BYE.
    """
    waiting, parted = call.waiting or (), call.bridge is None
    for leg in call.legs:
        if not leg.stable:
            return False
        if parted and leg not in waiting and not isinstance(call.listener(leg), Conversation):
            return False
    return bool(call.legs)


def is_movable(call: Call) -> bool:
    """May another process go on with it: is it settled, and waits nobody for an answer of any kind?"""
    return is_settled(call) and not any(
        leg.lingering
        or leg.channel.requests
        or leg.peer_requests
        or leg.refers
        or leg.relayed_refer
        or leg.our_bye
        for leg in call.legs
    )


def movable(calls: Iterable[Call]) -> list[Call]:
    """
    Those of the calls that another process may go on with.

    Who has a second call may be about to join the two, so what a person talks
    in stays where that one rings.
    """
    ready, parties = [], Counter[str]()
    busy: set[str] = set()
    for call in calls:
        moves = is_movable(call)
        names = {leg.party.name for leg in call.legs if leg.party.internal}
        parties.update(names)
        if moves:
            ready.append((call, names))
        else:
            busy |= names
    busy = {name for name in busy if parties[name] <= PERSON}
    return [call for call, names in ready if not names & busy]


def who_is_told(call: Call, legs: Iterable[Leg]) -> list[Leg]:
    """Of two who talk, and are told something just now, those who are among these legs."""
    return [leg for leg in legs if isinstance(call.listener(leg), Telling)] if call.bridge is None else []


def arrange(call: Call, legs: tuple[Leg, ...]) -> dict[str, Any]:
    """
    Write down who of these parties talks to whom, holds or waits.

    @return: plain values; what most calls have is one object.
    """
    bridge, waiting, pair, alignment = call.bridge, call.waiting, None, None
    told = who_is_told(call, legs)
    if len(told) == 2:
        pair = [legs.index(leg) for leg in told]
    if bridge is not None:
        if bridge.a in legs and bridge.b in legs:
            pair = [legs.index(bridge.a), legs.index(bridge.b)]
        if bridge.alignment is not None:
            alignment = [[*one] for one in bridge.alignment.pairs]
    arranged = {
        "pair": pair,
        "told": len(told) == 2,
        "holding": [leg in call.holders for leg in legs],
        "alignment": alignment,
        "waiting": [_write_waiting(call, n, waiting[leg]) for n, leg in enumerate(legs) if leg in waiting]
        if waiting
        else [],
    }
    return USUAL if arranged == USUAL else arranged


def left_to_another(call: Call, legs: tuple[Leg, ...], arranged: dict[str, Any]) -> dict[str, Any]:
    """
    What is left of an arrangement while somebody is sought, or an operation is at work.

    The next process goes on with it.  Two who talked may have been shown silence, a voice
    or somebody else meanwhile, so these have to be shown to each other again.  Who holds
    is known at any time.

    @param legs: those that are written.
    """
    pair, bridge, holding = arranged["pair"], call.bridge, [leg in call.holders for leg in legs]
    parted = pair is not None and (bridge is None or {legs[n] for n in pair} != {bridge.a, bridge.b})
    return {**arranged, "told": parted or arranged["told"], "holding": holding}


def write_call(
    call: Call, start: int = 0, legs: tuple[Leg, ...] | None = None, arranged: dict[str, Any] | None = None
) -> dict[str, Any]:
    """
    Write down a call.

    @param start: which start of the service this process is.
    @param legs: the parties that are written; by default all of them.
    @param arranged: what L{arrange} says of them, or has said; by default as they are now.
    @return: plain values, fit for JSON.
    @raise UsageError: one of them is not answered.
    """
    legs = tuple(call.legs) if legs is None else legs
    path, fields = call.path, call.fields
    return {
        "version": VERSION,
        "start": start,
        "dialled": call.dialled,
        "caller": legs.index(call.caller) if call.caller in legs else 0,
        "legs": [write_leg(leg) for leg in legs],
        "identities": [None if leg.identity is None else _write_identity(leg.identity) for leg in legs],
        **(arrange(call, legs) if arranged is None else arranged),
        "visited": [*path.visited],
        "private": path.private,
        "max_forwards": call.max_forwards,
        "max_breadth": call.max_breadth,
        "diversions": [[d.by, d.why.value, d.counter, d.display, d.private] for d in path.diversions],
        "fields": {} if fields is NO_FIELDS else {name: [*fields[name]] for name in fields},
        "since": call.since,
        "talked": call.talked,
        "relay": None if call.relay is None else call.relay.write(legs),
    }


def restore_call(
    calls: Calls,
    plain: dict[str, Any],
    record: CallRecord | None,
    *,
    start: int = 1,
    alive: float = 0.0,
    sure: bool = False,
    foreign: bool = False,
) -> tuple[Call | None, list[Leg], list[Leg]]:
    """
    Bring a call back that L{write_call} wrote down.

    @param record: what is recorded of it so far; None if it is over, and a
        party of it was on its way to another call.
    @param start: which start of the service this process is.
    @param alive: the last time at which the service is known to have run.
    @param sure: are its numbers those that were used last?
    @param foreign: is it another node's, which numbers its legs apart from ours?
    @return: the call, unless nobody talks or waits in it; all of its legs; and
        those that have nobody to go on with.
    @raise UsageError: another version wrote it, or it is not whole; then
        nothing of it is there.
    """
    with reading("A call", plain, VERSION):
        caller, dialled = int(plain["caller"]), str(plain["dialled"])
        identities = [None if one is None else Identity(*one) for one in plain["identities"]]
        diversions = tuple(Diversion(by, Diverted(why), *more) for by, why, *more in plain["diversions"])
        path = Path(tuple(plain["visited"]), diversions, plain["private"])
        alignment = (
            None if plain["alignment"] is None else Alignment(tuple((a, b) for a, b in plain["alignment"]))
        )
        max_forwards, max_breadth = int(plain["max_forwards"]), int(plain["max_breadth"])
        fields = SeenFields({name: tuple(values) for name, values in plain["fields"].items()})
        since, talked, pair = float(plain["since"]), bool(plain["talked"]), plain["pair"]
        relay = plain.get("relay")  # written since there are relays
        relayed = None if relay is None else Kept.read(relay, len(plain["legs"]))
        places = [_read_waiting(calls.directory, one) for one in plain["waiting"]]
        lives = 0 if sure else max(1, start - int(plain["start"]))
        kept = list(zip(plain["legs"], plain["holding"], identities, strict=True))
        busy = {*(pair or ()), *(n for n, *_ in places)}
        if not kept or not all(0 <= n < len(kept) for n in (caller, *busy)):
            raise ValueError("no such leg")
        legs = _restore_legs(calls, [leg for leg, *_ in kept], lives)
    for leg, (_, _, identity) in zip(legs, kept, strict=True):
        leg.identity = identity
    if foreign:
        _number_anew(calls, legs, record)
    if record is None or not busy:
        return None, legs, legs
    record.resume([leg.id for leg in legs], alive)
    for entry in record.legs:
        calls.context.serial = max(calls.context.serial, int(entry.id, 16))
    call = Call(calls, legs[caller], dialled, path, record=record)
    call.restored = call.started = True
    call.talked = talked
    call.fields = fields if fields else NO_FIELDS
    for leg in legs:
        if leg.call is None:
            call.take(leg)
    call.max_forwards, call.max_breadth = max_forwards, max_breadth
    call.holders = frozenset(leg for leg, (_, holds, _) in zip(legs, kept, strict=True) if holds)
    if relayed is not None and (relay := call.relayed()) is not None:
        relay.resume(relayed, legs)
    if pair is not None:
        Bridge(call, legs[pair[0]], legs[pair[1]], alignment).begin()
    for n, wait, behalf, began, ends in places:
        _wait(call, legs[n], wait, behalf, began, ends)
    call.since = since
    call.story.note("restored")
    return call, legs, [leg for n, leg in enumerate(legs) if n not in busy]


def _wait(call: Call, leg: Leg, wait: Wait, behalf: Party, began: float, ends: float | None) -> None:
    """Let a party wait on, no longer than it would have."""
    waiting = WaitingParty(call, leg, wait, behalf)
    waiting.since = began
    layer = call.calls.context.layer
    waiting.ends = None if ends is None else layer.now() + ends - layer.wall()
    waiting.begin()


def _restore_legs(calls: Calls, kept: list[dict[str, Any]], lives: int) -> list[Leg]:
    """Bring all legs back, or none."""
    legs: list[Leg] = []
    try:
        for plain in kept:
            dialog = plain["dialog"]
            if calls.dialogs.has(dialog["call_id"], dialog["local_tag"], dialog["remote_tag"]):
                raise UsageError(f"A leg that is in another call as well: {plain['id']}")
            party = read_party(calls.directory, plain["party"])
            legs.append(Leg.restore(calls.context, plain, party, calls.hear, lives))
    except Exception:
        for leg in legs:
            leg.end()
            leg.check_gone()
        raise
    return legs


def _number_anew(calls: Calls, legs: list[Leg], record: CallRecord | None) -> None:
    """Give the legs ids of ours: two calls may be joined whose legs have the same."""
    context, known = calls.context, {leg.id: leg for leg in legs}
    for entry in () if record is None else record.legs:
        context.serial += 1
        leg = known.get(entry.id)
        entry.id = f"{context.serial:x}"
        if leg is not None:
            leg.id = entry.id


def read_party(directory: Directory, plain: list[Any]) -> Party:
    """Who it is, with what the configuration of now lets it do."""
    kind, name, aor, display, *at = plain  # before there were guests at phones nothing stood there
    known = directory.known_party(kind, name, *at)
    return known or Party(cast(Kind, kind), name, aor, display, at=str(*at))


def _write_identity(identity: Identity) -> list[Any]:
    """Write down how a party is presented to others."""
    return [identity.display, identity.uri, identity.private, identity.params]


def _write_waiting(call: Call, leg: int, waiting: WaitingParty) -> list[Any]:
    """Write down where a party waits, and until what time of day."""
    layer, wait = call.calls.context.layer, waiting.wait
    ends = None if waiting.ends is None else layer.wall() + waiting.ends - layer.now()
    said = [wait.at, wait.seconds, wait.otherwise, wait.text]
    return [leg, said, write_party(waiting.behalf), waiting.since, ends]


def _read_waiting(directory: Directory, plain: list[Any]) -> tuple[int, Wait, Party, float, float | None]:
    """Read what L{_write_waiting} wrote."""
    leg, said, behalf, since, ends = plain
    until = None if ends is None else float(ends)
    return int(leg), Wait(*said), read_party(directory, behalf), float(since), until
