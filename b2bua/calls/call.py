"""
A call: the legs that belong together, and who listens to each of them.

A leg's words go to one listener at a time: to a fork (L{b2bua.calls.routing})
while it rings, to the L{Setup} while the caller waits, to the L{Bridge} while two
parties talk, to an operation (L{b2bua.calls.operations}) while it changes who
talks to whom.  The call itself only keeps the list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from b2bua.calls.bridge import Bridge
from b2bua.calls.left_to_operations import LeftToOperations
from b2bua.calls.operations.conversation import Conversation
from b2bua.calls.operations.leg_waiter import LegWaiter
from b2bua.calls.operations.protocol import CallTable
from b2bua.calls.operations.waiting import WaitingParty
from b2bua.calls.path import STRAIGHT, Path
from b2bua.calls.ports import Decisions, Destination, Listener
from b2bua.calls.records.record import CallRecord
from b2bua.calls.records.story import Story
from b2bua.calls.relay.call_relay import CallRelay
from b2bua.calls.relay.straight import straight
from b2bua.calls.routing.template import BREADTH_MAX, InviteTemplate
from b2bua.calls.setup import Setup
from b2bua.calls.stand_in import StandIn
from b2bua.legs.header_policy import NO_FIELDS, SeenFields
from b2bua.legs.leg import Invitation, Leg
from b2bua.legs.words import (
    HANGS_UP,
    LEG_ENDS,
    Fields,
    HungUp,
    LegEnd,
    Moved,
    Offered,
    Refused,
    Word,
)

if TYPE_CHECKING:
    from b2bua.calls.records.view import CallState
    from b2bua.calls.routing.search import Search
    from b2bua.legs.party import Party

RETOLD = frozenset({"Diversion", "History-Info", "P-Asserted-Identity", "Remote-Party-ID"})
"""What invitations say in words of our own: from the path and the identity of the call."""

LAST = frozenset({HungUp, Refused, Moved})
"""The words of which one is the last of a leg, though not each of them is."""

BROKEN: Fields = (("Reason", "SIP;cause=500"),)
"""What parties are told of a bug of ours (RFC 3261 section 21.5.1)."""

NOBODY: frozenset[Leg] = frozenset()


class LiveTable(CallTable, Protocol):
    """All calls, as each of them sees the table that it is in."""

    going: dict[str, Call]
    """The calls that go on, by their ids."""

    @property
    def tap(self) -> Callable[[float, str, Leg, Word], None] | None:
        """Told of each word that a call hears."""

    @property
    def began(self) -> Callable[[Call], None] | None:
        """Told of each call when it begins."""

    @property
    def recorded(self) -> Callable[[Call], None] | None:
        """Told of each call when its record says more."""

    @property
    def counted(self) -> Callable[[Call], None]:
        """Told of each call that is over when its record says what media came."""

    @property
    def leaving(self) -> Callable[[Call], None]:
        """Told of a call whose parties are about to be left to an operation."""

    @property
    def joined(self) -> Callable[[Call], None]:
        """Told of a call in which an operation has joined two."""

    @property
    def changed(self) -> Callable[[Call], None] | None:
        """Told of each call when who talks to whom, who holds, rings or waits has changed."""

    @property
    def onlookers(self) -> tuple[Callable[[CallState], None], ...]:
        """Told of the same as features that hear C{call_changed}, as long as somebody looks."""

    def tell_of(self, call: Call) -> None:
        """Who talks to whom has changed in a call."""

    def let_go(self, call: Call) -> None:
        """Forget a call that goes on elsewhere."""

    def over(self, call: Call) -> None:
        """Forget a call that is over."""


class Call(LeftToOperations):
    """
    Legs that belong together.

    It is over when it has no leg and nothing goes on that might open one.
    """

    __slots__ = (
        "_left",
        "_operations",
        "_past",
        "_straight",
        "bridge",
        "caller",
        "calls",
        "dialled",
        "features",
        "fields",
        "holders",
        "id",
        "joins",
        "legs",
        "max_breadth",
        "max_forwards",
        "over",
        "path",
        "rang",
        "record",
        "relay",
        "relays",
        "restored",
        "search",
        "setup",
        "since",
        "started",
        "story",
        "talked",
        "waiting",
    )

    def __init__(
        self,
        calls: LiveTable,
        caller: Leg | Party,
        dialled: str,
        path: Path | None = None,
        *,
        record: CallRecord | None = None,
    ) -> None:
        """
        Begin a call.

        @param caller: the leg that the first INVITE opened; or in whose name
            a feature begins it, when there is no leg yet.
        @param dialled: the target as the caller wrote it.
        @param record: what was recorded so far, of a call that is restored.
        """
        self.calls = calls
        layer = calls.layer
        wall = self.since = layer.wall()
        """Since when things are as they are: who talks to whom, who holds, who waits."""
        self.id = f"c{int(wall) & 0xFFFFFFF:07x}{calls.token()[8:]}" if record is None else record.id
        """Begins with its second, so that a database adds its record at one end; no number begins with c."""
        if isinstance(caller, Leg):
            leg, party, identity = caller, caller.party, caller.identity
        else:
            leg, party, identity = None, caller, None
        self.caller = leg
        """The caller's leg; None while nobody has answered a call that a feature has begun."""
        self.dialled = dialled
        self.features: Decisions = calls.features
        """The generation of features that this call began with."""
        if self.features.plays_music:
            calls.context.music = calls.entertained
        self.path = path or STRAIGHT
        self.fields: SeenFields = NO_FIELDS
        """The header fields of the caller's INVITE that features have asked for (C{b2bua_fields})."""
        self._past = wall - (layer.moment or layer.now())
        self.story = Story(calls.now, self.id)
        self.legs: list[Leg] = []
        self.bridge: Bridge | None = None
        """Who talks to whom; None while nobody does, or an operation is about to change it."""
        self.holders: frozenset[Leg] = NOBODY
        """The legs whose party has put the other one on hold."""
        self.waiting: dict[Leg, WaitingParty] | None = None
        """Who is kept waiting until somebody takes it."""
        self.setup: Setup | None = None
        """What goes on while the caller waits for an answer."""
        self.search: Search | None = None
        """What rings in the name of an operation, as for a transfer."""
        self.max_forwards = 70
        """What is left of the caller's Max-Forwards, for whatever this call leads to (RFC 7332 section 5)."""
        self.max_breadth = BREADTH_MAX
        """The caller's Max-Breadth, as far as we go along with it (RFC 7332 section 6)."""
        if record is None:
            known = identity or calls.identities.of_party(party)
            record = CallRecord.begin(self.id, wall, party, dialled, known)
        self.record = record
        self.rang: float | None = None
        """When the caller heard for the first time that somebody is rung."""
        self.started = self.talked = False
        self.joins = False
        """May it lead to a conference only (RFC 3911)?"""
        self.restored = False
        """Was it begun by a process that is gone?"""
        self.relays = calls.relays
        """Who can pass its media on; None where nobody can."""
        self.relay: CallRelay | None = None
        """Those of its media that pass through a relay; None as long as all are L{straight}."""
        self._straight: tuple[tuple[Leg, Leg], ...] | None = None
        """Who has invited whom, of those who plainly need no relay; None as long as nobody has."""
        self._operations = 0
        self._left = False
        """Has a leg gone, and is it yet to be seen what becomes of the call?"""
        self.over = False
        calls.going[self.id] = self
        if leg is not None:
            self.take(leg)
        if calls.began is not None:
            calls.began(self)

    @property
    def ring_delay(self) -> float | None:
        """Seconds until the caller heard for the first time that somebody is rung; None if they never did."""
        return None if self.rang is None else self.rang + self._past - self.record.started

    # ---- legs and their listeners ---------------------------------------

    def take(self, leg: Leg) -> None:
        """Make a leg one of ours; another call that had it has it no more."""
        former: Call | None = leg.call
        if former is not None and former is not self:
            former.yield_leg(leg)
            # What the leg leads to here is a consequence of its INVITE too (RFC 7332 section 5).
            self.max_forwards = min(self.max_forwards, former.max_forwards)
        leg.call = self
        self.legs.append(leg)
        calls = self.calls
        layer = calls.layer
        calls.directory.leg_began(leg.party)
        if calls.changed is not None:
            calls.changed(self)
        now = self.since = self._past + (layer.moment or layer.now())
        self.record.leg_began(leg, now)
        if self.record.answered is not None and calls.recorded is not None:
            calls.recorded(self)
        if calls.onlookers or calls.features.hears_changes:
            calls.tell_of(self)

    def yield_leg(self, leg: Leg) -> None:
        """Give a leg away to another call; whom it talked to waits alone."""
        bridge = self.bridge
        if bridge is not None and leg in (bridge.a, bridge.b):
            self.bridge = None
            self.listen(bridge.other(leg), StandIn(self))
        self.part_with(leg, "moved")
        self.settle()

    def open_leg(self, destination: Destination, invitation: Invitation, by: object = None) -> Leg:
        """
        Send an INVITE; who is to hear its answers says L{listen}.

        @param by: the leg whose party makes the offer, if it is one.
        """
        context, hear, party = self.calls.context, self.calls.hear, destination.party
        if self.relays is None or invitation.session is None or not isinstance(by, Leg):
            leg = Leg.dial(context, invitation, party, hear)
            self.take(leg)
            return leg
        leg = Leg.prepare(context, invitation, party, hear)
        self.take(leg)
        session, target = invitation.session, destination.target
        if self.relay is None and straight(by, leg, session, target):
            self._straight = (*(self._straight or ()), (by, leg))
            assert leg.our_invite is not None
            leg.our_invite.start()
        elif (relay := self.relayed()) is not None:
            relay.invite(by, leg, target)
        return leg

    def relayed(self) -> CallRelay | None:
        """Those of its media that pass through a relay, to be changed; None where none can."""
        if self.relay is None and self.relays is not None:
            self.relay = CallRelay(self, self.relays, self._straight or ())
            if self._straight is not None and self.caller is not None and self.caller.call is self:
                self.relay.has_shown(self.caller)
            self._straight = None
        return self.relay

    def pass_on(self, by: Leg, to: Leg, word: Word) -> None:
        """Say a word to a leg that is that of the party of another one."""
        pairs = self._straight
        if self.relays is None or (pairs and ((by, to) in pairs or (to, by) in pairs)):
            to.say(word)
        elif (relay := self.relayed()) is not None:
            relay.pass_on(by, to, word)

    def media_counted(self) -> None:
        """The record says what media came."""
        self.calls.counted(self)

    def listen(self, leg: Leg, listener: Listener) -> None:
        """From now on C{listener} hears the words of C{leg}, unless that has left."""
        if leg.call is self:
            leg.listener = listener
        if self.waiting is not None:
            self._waits_no_more(leg)

    def _waits_no_more(self, leg: Leg) -> None:
        """Somebody takes the leg, or it has left."""
        waiting = None if self.waiting is None else self.waiting.pop(leg, None)
        if waiting is not None:
            waiting.stop()
        self.waiting = self.waiting or None

    def listener(self, leg: Leg) -> Listener | None:
        """Who hears the words of a leg of ours."""
        return leg.listener if leg.call is self else None

    def part_with(self, leg: Leg, why: str, end: LegEnd | None = None, *, by_us: bool = False) -> None:
        """
        Nobody here hears the leg any more; what it still does it does alone, or for another call.

        @param why: how it ended, as the record has it.
        @param end: the same for features; None if it goes on in another call.
        """
        if leg in self.legs:
            self.legs.remove(leg)
            leg.listener = None
            if self.waiting is not None:
                self._waits_no_more(leg)
            if leg in self.holders:
                self.holders -= {leg}
            leg.call = None
            if self._straight:
                self._straight = tuple([pair for pair in self._straight if leg not in pair])
            if self.relay is not None:
                self.relay.drop(leg)
            calls = self.calls
            layer = calls.layer
            calls.directory.leg_ended(leg.party)
            now = self.since = self._past + (layer.moment or layer.now())
            self.record.leg_ended(leg, now, why)
            self._left = True
            if calls.onlookers or calls.features.hears_changes:
                calls.tell_of(self)
            if end is not None and self.started and "leg_ended" in self.features.heard:
                self.features.tell_leg_ended(self, leg, end, by_us)

    def hang_up(self, leg: Leg, why: str = "bye", fields: Fields = ()) -> None:
        """End a leg, in whatever state it is."""
        if leg in self.legs:
            listener = leg.listener
            self.part_with(leg, f"we: {why}", LEG_ENDS[why], by_us=True)
            self._last_word(leg, HungUp(why, fields) if fields else HANGS_UP[why])
            if type(listener) is not Bridge and isinstance(listener, (LegWaiter, Conversation)):
                # An operation must not wait for who is gone, no voice talk on.
                listener.hear(leg, HungUp(why))
            self.settle()

    def refuse(self, leg: Leg, code: int, reason: str = "", fields: Fields = ()) -> None:
        """Turn away a leg that has not been answered."""
        if leg in self.legs:
            self.part_with(leg, str(code), LegEnd.REFUSED, by_us=True)
            self._last_word(leg, Refused(code, reason, fields))
            self.settle()

    def redirect(self, leg: Leg, code: int, targets: tuple[str, ...], reason: str = "") -> None:
        """Send a leg that has not been answered elsewhere (3xx)."""
        if leg in self.legs:
            self.part_with(leg, str(code), LegEnd.REDIRECTED, by_us=True)
            self._last_word(leg, Moved(code, targets, reason))
            self.settle()

    def _last_word(self, leg: Leg, word: Word) -> None:
        """Say it to a leg that has left; if it breaks, end that otherwise, since nobody else would."""
        try:
            leg.say(word)
        except Exception:  # noqa: BLE001 - its party must not wait for ever
            self.calls.log.failure("{call} broke on the last word for {leg!r}", call=self.id, leg=leg)
            leg.say(HungUp("error", BROKEN))

    def unrelayed(self, leg: Leg, word: Refused) -> None:
        """Tell whoever listens to a leg that its change is refused, as its peer would: there is no relay."""
        if self.calls.tap is not None:
            layer = self.calls.layer
            self.calls.tap(layer.moment or layer.now(), self.id, leg, word)
        if leg.listener is not None:
            leg.listener.hear(leg, word)

    def hear_last(self, leg: Leg, listener: Listener | None, word: Word) -> None:
        """Hand on what may be the last word of a leg, which has left before anybody hears of it."""
        if type(word) is HungUp:
            self.record.hung_up(leg.party, word.why)
            self.part_with(leg, word.why, LEG_ENDS[word.why])
        elif (type(word) is Refused or type(word) is Moved) and leg.ended:
            if leg is self.caller and not self.started:
                # Its INVITE was refused for a fault of its own.
                self.record.refused(word.code, word.reason)
            self.part_with(leg, str(word.code), _end_of(word))
        if listener is not None:
            listener.hear(leg, word)
        if self._left:
            self.settle()

    def wall(self) -> float:
        """
        The time of day, for the record.

        Looked up once, when the call begins, and counted on by the clock: when
        somebody sets the time of day, the call has not lasted longer for it.
        """
        layer = self.calls.layer
        return self._past + (layer.moment or layer.now())

    def was_taken(self, leg: Leg | None) -> None:
        """The caller was answered by C{leg}, or by ourselves."""
        self.record.took_call(self.wall(), leg)
        if self.calls.recorded is not None:
            self.calls.recorded(self)

    def leg_was_answered(self, leg: Leg) -> None:
        """A leg that came in later was answered."""
        self.record.leg_answered(leg, self.wall())
        if self.calls.recorded is not None and self.record.answered is not None and self.legs:
            self.calls.recorded(self)

    # ---- the end --------------------------------------------------------

    def hold_open(self) -> None:
        """An operation begins: the call is not over even without a leg."""
        self._operations += 1

    def let_close(self) -> None:
        """An operation is done."""
        self._operations -= 1
        self.settle()

    def settle(self) -> None:
        """Be over when nothing is left; else the record says who has gone."""
        left, self._left = self._left, False
        if self.over:
            return
        if self.legs or self._operations:
            if left and self.record.answered is not None and self.calls.recorded is not None:
                self.calls.recorded(self)
            if left and (self.setup is not None or self.search is not None):
                self.changed()  # who is sought for whom is kept as well
            return
        self.over = True
        self.bridge = None
        if self.relay is not None:
            self.relay.close()
        if not left:
            self.since = self.wall()
        self.record.close(self.since, self.story.features)
        calls = self.calls
        if calls.onlookers or calls.features.hears_changes:
            calls.tell_of(self)
        calls.over(self)
        if self.started and "call_ended" in self.features.heard:
            self.features.tell_call_ended(self, self.record)

    def end(self, fields: Fields = (), why: str = "bye", by: str = "") -> None:
        """
        Hang up every leg, and ring no more.

        @param by: who of us wants it, if no party does: C{operator}, C{shutdown}, C{error} or C{no media}.
        """
        if by:
            self.record.ended_by_us(by)
        if self.search is not None:
            self.search.cancel(fields)
        for leg in list(self.legs):
            self.hang_up(leg, why, fields)

    def abandon(self) -> None:
        """A step of ours broke: end what can be ended."""
        self.story.note("abandoned after an error of ours")
        self._operations = 0
        self.end(BROKEN, "error", by="error")
        self.settle()

    # ---- what happens to it ---------------------------------------------

    def begin(self, offered: Offered) -> None:
        """The caller invites: look for whom it wants."""
        fields = offered.fields
        if fields:
            fields = tuple([f for f in fields if f[0] not in RETOLD])
        assert self.caller is not None
        self.max_forwards = offered.max_forwards - 1
        self.max_breadth = BREADTH_MAX if offered.max_breadth > BREADTH_MAX else offered.max_breadth
        template = InviteTemplate(self.caller, offered.session, fields, self.max_forwards, self.max_breadth)
        self.setup = Setup(self, template)
        self.start()
        self.setup.seek(self.dialled)

    def start(self) -> None:
        """The features hear of it, and so of its end; not of an INVITE that is refused for its own faults."""
        self.started = True
        if "call_started" in self.features.heard:
            self.features.tell_call_started(self)

    def talks_with(self, leg: Leg) -> None:
        """Somebody talks to C{leg}; the features hear of the first time."""
        if not self.talked:
            self.talked = True
            self.record.answered_by = self.record.answered_by or leg.party.title
            if "call_answered" in self.features.heard:
                self.features.tell_call_answered(self, leg)

    def let_go(self) -> None:
        """Another process goes on with it: know nothing of it any more, and say nothing to anybody."""
        self.bridge = None
        for waiting in (self.waiting or {}).values():
            waiting.stop()
        self.waiting = None
        legs, self.legs = self.legs, []
        for leg in legs:
            if leg.music is not None:
                leg.music.let_go()
            leg.call = leg.listener = None
            self.calls.directory.leg_ended(leg.party)
            leg.end()
            leg.check_gone()
        if self.relay is not None:
            self.relay.let_go()
        self.over = True
        self.calls.let_go(self)

    def leaving(self) -> None:
        """An operation is about to change who talks to whom."""
        self.calls.leaving(self)

    def joined(self) -> None:
        """An operation has joined two who did not talk."""
        self.calls.joined(self)

    def changed(self) -> None:
        """Who talks to whom has changed, who holds, rings or waits."""
        self.since = self.wall()
        calls = self.calls
        if calls.changed is not None:
            calls.changed(self)
        if calls.onlookers or calls.features.hears_changes:
            calls.tell_of(self)


def _end_of(word: Refused | Moved) -> LegEnd:
    """How a leg has ended that was never answered."""
    if isinstance(word, Refused) and word.local:
        return LegEnd.TIMEOUT if word.code == 408 else LegEnd.LOST
    return LegEnd.REFUSED if isinstance(word, Refused) else LegEnd.REDIRECTED
