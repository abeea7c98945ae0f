"""Waiting for the words of legs, for operations that are written as coroutines."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from b2bua.calls.media import silent_answer
from b2bua.calls.stand_in import StandIn
from b2bua.legs.words import (
    Answered,
    Changed,
    Confirmed,
    Fields,
    HungUp,
    Referred,
    Refused,
    Requested,
    Withdrawn,
    Word,
)

if TYPE_CHECKING:
    from b2bua.calls.bridge import Bridge, BridgedCall
    from b2bua.legs.leg import Leg


REPEATS_MAX = 8
"""So often a party may change its session while we wait to change it."""


class Gone(Exception):
    """A party has left while an operation was waiting for somebody."""

    def __init__(self, leg: Leg) -> None:
        """Say who."""
        super().__init__(str(leg.party))
        self.leg = leg


class Busy(Exception):
    """Another operation is at work on a leg, such as a transfer, or it is not answered yet."""

    def __init__(self, leg: Leg) -> None:
        """Say on which."""
        super().__init__(str(leg.party))
        self.leg = leg


class LegWaiter:
    """
    Listens to some legs on behalf of an operation.

    What the operation does not wait for is dealt with as for a lone leg: a hold
    is granted, a keep-alive answered, a further REFER refused.  That a party
    has left is never missed, even when nobody waits at that moment.
    """

    waits_for = "transfer"
    """Why the parties wait, as L{Waits} has it."""

    def __init__(self, call: BridgedCall, *legs: Leg) -> None:
        """Begin to listen."""
        self.call = call
        self._gone: list[Leg] = []
        self._answers: deque[tuple[Leg, Answered | Refused | Confirmed]] = deque()
        self._waiting: Deferred[None] | None = None
        self._asked: dict[Leg, tuple[Changed, Leg | None]] = {}
        """Who owes us an answer, to what, and whose session that is."""
        self._stale: set[Leg] = set()
        """Who owes an answer to somebody who spoke before us, and has left."""
        self._stand_in = StandIn(call)
        self._kept: dict[Leg, list[Changed]] = {}
        """What parties want changed who have agreed already, for when they are joined."""
        self.disturbed = False
        """Has a party changed its session meanwhile?  Then it has been silenced."""
        self.changed: dict[Leg, None] = {}
        """Who has."""
        self.left: Callable[[Leg], None] = lambda leg: None
        """Told at once when a party leaves."""
        for leg in legs:
            self.attend(leg)

    def attend(self, leg: Leg) -> None:
        """Listen to one more leg."""
        self.call.listen(leg, self)
        if leg.ended:
            self._gone.append(leg)
        elif leg.asked:
            self._stale.add(leg)

    def hear(self, leg: Leg, word: Word) -> None:
        """Take a word of one of the legs."""
        match word:
            case HungUp():
                self._gone.append(leg)
                self.left(leg)
            case Answered() | Refused() if leg in self._stale and not leg.ended:
                self._stale.remove(leg)
                if isinstance(word, Answered) and word.session is not None:
                    leg.say(Confirmed(silent_answer(word.session, leg.local_session)))
                return
            case Answered() | Refused() | Confirmed():
                self._answers.append((leg, word))
                if leg.ended:
                    self._gone.append(leg)
            case Referred(_, referral):
                referral.refuse(491)
            case Changed() if leg in self._kept:
                self._kept[leg].append(word)
            case Withdrawn():
                if leg in self._kept:
                    self._kept[leg].clear()
                self._stand_in.hear(leg, word)
            case Changed() | Requested():
                if isinstance(word, Changed):
                    self.disturbed = True
                    self.changed[leg] = None
                self._stand_in.hear(leg, word)
            case _:
                return
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(None)

    def keep(self, leg: Leg) -> None:
        """
        Let a party that has agreed already wait with what it wants changed now.

        An answer in nobody's stead would undo what it has agreed to; whom it is
        joined with can give a true one (see L{joined}).
        """
        self._kept.setdefault(leg, [])

    def changing(self, leg: Leg) -> bool:
        """Does a party that has agreed want something else by now?"""
        return any(not word.identity_only for word in self._kept.get(leg, ()))

    def joined(self, bridge: Bridge) -> None:
        """Go on with what was kept, now that there is somebody to answer it."""
        kept, self._kept = self._kept, {}
        for leg, words in kept.items():
            for word in words:
                bridge.hear(leg, word)

    def change(self, leg: Leg, session: bytes | None, fields: Fields = (), *, by: Leg | None = None) -> None:
        """
        Offer a session to a leg; None asks it for an offer.

        @param by: the leg whose party the session is of.
        """
        for kept in self._kept.pop(leg, ()):
            self.hear(leg, kept)  # what waits for us must not have to wait for it
        self._asked[leg] = (Changed(session, fields), by)
        self._ask(leg)

    def _ask(self, leg: Leg) -> None:
        """Say what a leg owes an answer to."""
        word, by = self._asked[leg]
        if by is None:
            leg.say(word)
        else:
            self.call.pass_on(by, leg, word)

    async def close(self) -> None:
        """
        Wait for the answers that are still owed, when nobody wants them any more.

        An offer among them gets the answer that it has to have (RFC 3261
        section 13.2.1), in nobody's stead; so does what was kept.
        """
        kept, self._kept = self._kept, {}
        for leg, words in kept.items():
            for change in words:
                self.hear(leg, change)
        for leg in self._asked:
            leg.say(Withdrawn())  # a phone that asks its user may take a minute
        for leg, (asked, _) in list(self._asked.items()):
            try:
                word = await self.answer(leg, repeats=0)
            except Gone:
                self._asked.pop(leg, None)
                continue
            if asked.session is None and isinstance(word, Answered) and word.session is not None:
                leg.say(Confirmed(silent_answer(word.session, leg.local_session)))

    async def answer(self, leg: Leg, *others: Leg, repeats: int = REPEATS_MAX) -> Answered | Refused:
        """
        Wait for the answer to what was last said to C{leg}.

        @param others: who must not leave meanwhile either.
        @param repeats: how often it is said again when a change of the party's
            own came first, as when its user holds.
        @raise Gone: one of them has left.
        """
        while True:
            word = await self._next(leg, others)
            if isinstance(word, Confirmed):
                continue  # the ACK of an exchange before this one
            if not _yielded(word) or leg not in self._asked or not repeats:
                break
            repeats -= 1
            self._ask(leg)  # the peer's own change came first, and has been granted
        self._asked.pop(leg, None)
        if isinstance(word, Refused) and word.local and word.code in (408, 503):
            # Nobody is there any more: a timeout, or the network says so.
            self._gone.append(leg)
            self.call.record.hung_up(leg.party, "lost")
            self.call.hang_up(leg, "lost")
            raise Gone(leg)
        return word

    async def confirmation(self, leg: Leg, *others: Leg) -> Confirmed:
        """Wait for the ACK of C{leg}, as L{answer} does for an answer."""
        while not isinstance(word := await self._next(leg, others), Confirmed):
            pass
        return word

    async def _next(self, leg: Leg, others: tuple[Leg, ...]) -> Answered | Refused | Confirmed:
        """The next word of C{leg} that closes something."""
        while True:
            for party in (leg, *others):
                if party in self._gone:
                    raise Gone(party)
            while self._answers:
                who, word = self._answers.popleft()
                if who is leg:
                    return word
            self._waiting = Deferred()
            await self._waiting


def _yielded(word: Answered | Refused) -> bool:
    """Was a change of ours given up since the peer had one of its own?"""
    return isinstance(word, Refused) and word.local and word.code == 491
