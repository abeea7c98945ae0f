"""
Sessions on their way from one party of a call to another: by its relay, or past it.

Who passes a word of one party on to another does so here: a session in it goes
by the relay, if the L{way<b2bua.calls.relay.way>} of the two is such, and the
word waits meanwhile (L{b2bua.calls.relay.held_words}).  So legs show relayed
sessions to their peers, while bridge and operations know those of the parties.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from b2bua.calls.protocol import LiveCall
from b2bua.calls.relay import way
from b2bua.calls.relay.held_words import Held, HeldWords
from b2bua.calls.relay.parties import Parties, source
from b2bua.calls.relay.way import Way
from b2bua.legs.words import Answered, Changed, Confirmed, Progress, Refused, Ringing, Word
from b2bua.media.ports import NoRelay, RelayHappened

if TYPE_CHECKING:
    from b2bua.legs.leg import Leg
    from b2bua.media.ports import IRelay, IRelays
    from b2bua.transactions.flow import Flow
    from b2bua.wire.uri import Uri

RECORDING = "it is recorded"
"""Why media have to pass here that are recorded."""
RECORDABLE = ("PCMA", "PCMU")
"""What every engine can record, if it does not transcode."""
_WITH_SESSION = (Ringing, Progress, Answered, Changed, Confirmed)
UNRELAYED = Refused(503, "No Media Relay")
"""What is heard of whom an offer cannot be passed on to."""


class RelayedCall(LiveCall, Protocol):
    """A call whose media may pass through a relay."""

    def unrelayed(self, leg: Leg, word: Refused) -> None:
        """Say to whoever listens to a leg that its change is refused."""

    def relay_happened(self, happened: RelayHappened) -> None:
        """The relay has something to say that is about the call."""

    def media_counted(self) -> None:
        """The record says what media came."""


class RelayedSessions:
    """What the parties of a call say of themselves to each other, and the ways that their media take."""

    log = Logger()

    def __init__(self, call: RelayedCall, relays: IRelays, straight: Iterable[tuple[Leg, Leg]]) -> None:
        """
        Begin with those who have been shown to each other already.

        @param relays: the engine, as long as the call lasts.
        @param straight: who has invited whom without a relay.
        """
        self._call = call
        self._relays = relays
        self._relay: IRelay | None = None
        self._wanted: dict[str, None] = {}
        """Why all media have to pass here, in the order in which that was said."""
        self._ways: dict[frozenset[Leg], Way] = {frozenset(pair): way.DIRECT for pair in straight}
        """The ways of those who have been shown to each other."""
        self._parties = Parties(call.calls.context.layer.local_host)
        self._shown: dict[Leg, bytes] = {}
        """What each leg was to show its party, before the relay made it its own."""
        self._open: dict[tuple[Leg, Leg], bytes | None] = {}
        """Offers without an answer, by whom and to whom: what the first one has said of itself before."""
        self._early: dict[tuple[Leg, Leg], tuple[bytes, bytes]] = {}
        """Answers in 1xx, by whom and to whom: as they came, and as the relay has made them."""
        self._unable: set[frozenset[Leg]] = set()
        """Those whose answers the relay could not pass on: they hear each other without it, or not at all."""
        self._stale: set[Leg] = set()
        """Those who were shown a relay that is gone, and nothing since."""

    @property
    def can(self) -> frozenset[str]:
        """What the engine can do."""
        return self._relays.can

    def _opened(self) -> IRelay:
        """The relay, which is there from the first session on."""
        raise NotImplementedError

    def joins(self, one: Leg, other: Leg) -> bool:
        """Do the two hear each other through the relay?"""
        known = self._ways.get(frozenset((one, other)))
        return known is not None and known.relayed

    def has_shown(self, leg: Leg) -> None:
        """Somebody was shown what the party of a leg offers, who may not have been answered yet."""
        if leg.described is None and leg.peer_invite is not None and leg.peer_invite.offer is not None:
            self._parties.described[leg] = leg.peer_invite.offer

    def choose_again(self) -> dict[frozenset[Leg], Way]:
        """Choose the ways of all anew, with their next offers; gives those that they had, for L{go_back}."""
        before, self._ways = self._ways, {}
        return before

    def go_back(self, ways: dict[frozenset[Leg], Way]) -> None:
        """Let media go again as they did before."""
        self._ways = {pair: known for pair, known in ways.items() if not known.relayed or self._relay}

    # ---- sessions on their way ------------------------------------------

    def invite(self, by: Leg, to: Leg, target: Flow | Uri) -> None:
        """
        Start the first INVITE of C{to}, whose offer is that of the party of C{by}.

        @param target: where it goes.
        """
        assert to.our_invite is not None
        session = to.our_invite.invitation.session
        assert session is not None
        chosen = self._way(by, to, session, target)
        if chosen.relayed:
            self._pass_on(by, to, None, session, chosen, target)
        else:
            self._parties.described[by] = session
            to.our_invite.start()

    def pass_on(self, by: Leg, to: Leg, word: Word) -> None:
        """Say a word to a leg that is that of the party of another one."""
        session = word.session if isinstance(word, _WITH_SESSION) else None
        if isinstance(word, Refused):
            self._take_back(to, by)
        elif isinstance(word, _WITH_SESSION) and session is not None and not to.ended:
            early = self._early.get((by, to))
            if early is not None and early[0] == session and isinstance(word, Answered):
                # It has been answered so before, and its 2xx says the same (RFC 6337 section 3.1.1).
                del self._early[by, to]
                self._open.pop((to, by), None)
                word = replace(word, session=early[1])
            elif (chosen := self._way(by, to, session)).relayed:
                self._pass_on(by, to, word, session, chosen)
                return
            else:
                self._parties.described[by] = session
                self._stale.discard(to)
        to.say(word)

    def _way(self, by: Leg, to: Leg, session: bytes, target: Flow | Uri | None = None) -> Way:
        """The way of two parties, chosen with the first offer between them."""
        pair = frozenset((by, to))
        chosen = self._ways.get(pair)
        if chosen is None and pair in self._unable:
            chosen = self._ways[pair] = Way(False)
        if chosen is None:
            wanted = next(iter(self._wanted), "")
            chosen = way.choose(
                self._parties.side(by), self._parties.side(to, target), session, self.can, wanted
            )
            self._ways[pair] = chosen
            if chosen.reason:
                how = "through a relay" if chosen.relayed else "directly"
                self._call.story.note("media of {} and {} go {}: {}", by.party, to.party, how, chosen.reason)
        return chosen

    def _pass_on(
        self,
        by: Leg,
        to: Leg,
        word: Word | None,
        session: bytes,
        chosen: Way,
        target: Flow | Uri | None = None,
    ) -> None:
        """Ask the relay for the session that C{to} shows, and let the word wait."""
        offers = word is None or _offers(word, to)
        held = HeldWords.before(to)
        waiting = held.hold(word)
        asked = self._offer(by, to, session, target) if offers else self._answer(by, to, session, word)
        if isinstance(word, (Ringing, Progress)):
            asked.addCallback(partial(self._answered_early, (by, to), session))
        asked.addCallbacks(
            lambda relayed: self._run(self._passed_on, to, held, waiting, relayed),
            lambda failure: self._run(self._failed, failure, (by, to), held, waiting, offers, chosen.must),
        )

    def _run(self, step: Callable[..., None], *values: object) -> None:
        """Take a step of the call."""
        self._call.calls.run_in(self._call, step, *values)

    def _passed_on(self, to: Leg, held: HeldWords, waiting: Held, relayed: bytes) -> None:
        """The relay has answered: say what has waited for that."""
        self._stale.discard(to)
        held.go_on(waiting, relayed)

    def _answered_early(self, pair: tuple[Leg, Leg], session: bytes, relayed: bytes) -> bytes:
        """Keep what an early answer has become."""
        self._early[pair] = (session, relayed)
        return relayed

    def _offer(self, by: Leg, to: Leg, session: bytes, target: Flow | Uri | None = None) -> Deferred[bytes]:
        """Give the relay an offer."""
        self._open[by, to] = self._parties.session(by)
        self._parties.described[by] = self._shown[to] = session
        side = self._parties.side(to, target)
        towards = way.towards(side, session)
        if "transcode" in self.can:
            towards = towards._replace(codecs=way.codecs_for(side, session))
        elif RECORDING in self._wanted:
            towards = towards._replace(codecs=RECORDABLE)
        return self._opened().offer(by.id, to.id, session, towards, source(by))

    def _answer(self, by: Leg, to: Leg, session: bytes, word: Word | None) -> Deferred[bytes]:
        """Give the relay an answer; and the offer before it, where it has not got one (as for a pick-up)."""
        if (to, by) not in self._open:
            own = self._parties.session(to)
            if own is not None:
                self._offer(to, by, own).addErrback(lambda failure: failure.trap(NoRelay))
        self._parties.described[by] = self._shown[to] = session
        if isinstance(word, (Answered, Confirmed)):
            self._open.pop((to, by), None)
        towards = way.towards(self._parties.side(to), session)
        return self._opened().answer(by.id, to.id, session, towards, source(by))

    def _take_back(self, by: Leg, to: Leg) -> None:
        """An offer is refused: the relay goes on with what was before it."""
        before = self._open.pop((by, to), None)
        if before is None or self._relay is None:
            return
        theirs = self._parties.session(to)
        if theirs is not None and not to.ended:
            for asked in (self._offer(by, to, before), self._answer(to, by, theirs, Confirmed())):
                asked.addErrback(lambda failure: failure.trap(NoRelay))

    def settle(self, one: Leg, other: Leg) -> None:
        """The two have been joined: let the relay know what they have agreed on and nobody was told."""
        for by, to in ((one, other), (other, one)):
            if (by, to) in self._open and self.joins(by, to) and to.described is not None:
                answered = self._answer(to, by, to.described, Confirmed())
                answered.addErrback(lambda failure: failure.trap(NoRelay))

    def shown(self, leg: Leg) -> bytes | None:
        """What a leg has shown its party, as the other party has said it."""
        return self._shown.get(leg) or leg.local_session

    def _failed(
        self,
        failure: Failure,
        pair: tuple[Leg, Leg],
        held: HeldWords,
        waiting: Held,
        offers: bool,
        must: bool,
    ) -> None:
        """
        The relay cannot pass a session on: an offer goes as it is, unless that would be no use.

        An answer comes too late for that: its offer has named the relay.  So
        the two are shown to each other once more, without it.
        """
        by, to = pair
        if failure.check(NoRelay) is None:
            self.log.failure("the relay of {call} broke", failure, call=self._call.id)
        self._call.story.note(
            "no relay for media of {} to {}: {}", by.party, to.party, failure.getErrorMessage()
        )
        self._open.pop((by, to), None)
        if not (offers and must):
            self._ways[frozenset(pair)] = Way(False)
            self._stale.discard(to)
            held.go_on(waiting)
            if not offers:
                self._unable.add(frozenset(pair))
                gone = RelayHappened("gone", detail="it could not pass on an answer")
                self._stale.update(pair)
                self._call.calls.later(0, self._call.relay_happened, gone)
        elif held.give_up(waiting):
            self._ways.pop(frozenset(pair), None)
            if waiting.word is None and to.our_invite is not None:
                to.our_invite.give_up(UNRELAYED)
            elif not to.ended and to.call is self._call:
                self._call.unrelayed(to, UNRELAYED)

    # ---- who is there ---------------------------------------------------

    def drop(self, leg: Leg) -> None:
        """A leg has left the call."""
        self._parties.drop(leg)
        self._shown.pop(leg, None)
        self._stale.discard(leg)
        self._open = {pair: before for pair, before in self._open.items() if leg not in pair}
        self._early = {pair: early for pair, early in self._early.items() if leg not in pair}
        self._unable = {pair for pair in self._unable if leg not in pair}
        known = [pair for pair in self._ways if leg in pair]
        relayed = any(self._ways.pop(pair).relayed for pair in known)
        if relayed and self._relay is not None:
            self._relay.drop(leg.id)


def _offers(word: Word, to: Leg) -> bool:
    """Is the session of a word an offer for the party of C{to}, rather than an answer to its own?"""
    if isinstance(word, (Changed, Confirmed)):
        return isinstance(word, Changed)
    return to.peer_update is None and to.peer_invite is not None and to.peer_invite.offer is None
