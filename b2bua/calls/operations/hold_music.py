"""
What a party hears that waits: held by the other one, parked, in a queue, or transferred to who still rings.

Whoever lets a party wait says so with a session in which nothing is sent to it
(L{Changed} or L{Answered}, C{inactive} or C{sendonly}).  That word is caught here
on its way to the leg, and if a feature has music for the party
(C{music_wanted}), or the place where it waits a script of its own, the peer is
shown a voice of ours in its stead; what it answers is translated back.  So
bridge, transfers and all other operations know nothing of music, and it ends
with the first word that lets the party talk to somebody.

A voice may take a moment; what is said to the leg meanwhile waits behind it, so
that the order of words is kept.  A change of the peer's that comes then goes
first, as in L{b2bua.legs.change_queue}.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from twisted.python.failure import Failure

from b2bua.calls.media import Alignment, is_hold, silent_answer, silent_offer
from b2bua.calls.operations.waiting_speech import WaitingSpeech, Wanted, wanted_by
from b2bua.legs.from_call import VERBS
from b2bua.legs.words import Answered, Changed, Confirmed, HungUp, Moved, Refused, Word
from b2bua.media.negotiation import accepted
from b2bua.media.ports import NoVoice

if TYPE_CHECKING:
    from collections.abc import Callable

    from b2bua.calls.operations.protocol import CallTable, OperatedCall
    from b2bua.legs.leg import Leg

AGAIN_SECONDS = 2.0
"""When a voice that was lost is offered once more to a peer that had a change of its own."""


def said(calls: CallTable, leg: Leg, word: Word) -> bool:
    """
    Look at a word on its way to a leg.

    @return: is it taken, so that the leg is not to have it (yet)?
    """
    if leg.music is not None:
        return leg.music.said(word)
    if type(word) is not Changed and type(word) is not Answered and type(word) is not Confirmed:
        return False
    if word.session is None or not is_hold(word.session) or leg.ended or leg.call is None:
        return False
    if isinstance(word, Changed) and not leg.answered:
        return False
    if isinstance(word, Confirmed) and not leg.call.holders - {leg}:
        return False  # it is silenced for a moment, while it is joined with somebody
    if isinstance(word, Answered) and (word.early or not _may_answer(leg)):
        return False
    wanted = wanted_by(leg)
    if wanted is None:
        return False
    if not _understands(leg, word):
        leg.call.story.note("no music for {}: it speaks no G.711 over RTP", leg.party)
        return False
    leg.music = HoldMusic(calls, leg, wanted, offering=isinstance(word, Confirmed))
    return leg.music.said(word)


def resume(calls: CallTable, leg: Leg) -> None:
    """
    Let a party that waits hear something again; the voice that it heard has died with its process.

    A phone whose connection was lost hears it when it is back.
    """
    if leg.call is None or not leg.answered or leg.music is not None:
        return
    if not leg.stable:
        calls.later(AGAIN_SECONDS, resume, calls, leg)  # what is open knows nothing of music
        return
    wanted = wanted_by(leg)
    if wanted is not None and (leg.remote_session is None or accepted(leg.remote_session) is not None):
        leg.music = music = HoldMusic(calls, leg, wanted)
        music.resume()


def entertain(call: OperatedCall, leg: Leg, change: Callable[[Leg, bytes], None]) -> bool:
    """
    Let a party hear something while an operation keeps it, if there is anything to hear.

    @param change: says a session to it, in the name of the operation.
    @return: was a change said?
    """
    if leg.music is not None:
        leg.music.review()
        return False
    silent = silent_offer(leg.local_session)
    if call.calls.context.music is None or silent is None or wanted_by(leg) is None:
        return False
    change(leg, silent)
    return True


def _may_answer(leg: Leg) -> bool:
    """Does an answer of ours still count, or has the peer got one (RFC 3262 section 5)?"""
    if leg.peer_update is not None:
        return True
    invite = leg.peer_invite
    return invite is not None and (invite.offer is None or invite.offering)


def _understands(leg: Leg, word: Changed | Answered | Confirmed) -> bool:
    """Will the peer understand our voice?  It has said before what it can do."""
    session = _offer_of(leg) if isinstance(word, Answered) else leg.remote_session
    return session is None or accepted(session) is not None


def _offer_of(leg: Leg) -> bytes | None:
    """The offer of the peer that waits for an answer."""
    if leg.peer_update is not None:
        return leg.peer_update.offer
    return None if leg.peer_invite is None else leg.peer_invite.offer


class HoldMusic(WaitingSpeech):
    """What is said to a leg while its party waits, and hears our voice: C{leg.music}."""

    def __init__(self, calls: CallTable, leg: Leg, wanted: Wanted, *, offering: bool = False) -> None:
        """
        Prepare; the word that brings it comes next.

        @param offering: has the peer made an offer, in a 2xx, that this word answers?
        """
        super().__init__(calls, leg, wanted)
        self.described = leg.remote_session
        """What the peer has said of itself to somebody who is not our voice."""
        self._shows: Word | None = None
        """The word for which a voice is on its way."""
        self._waiting: deque[Word] | None = None
        """What is said to the leg after it."""
        self._asked: deque[bytes | str] = deque(["earlier"] if leg.asked and not offering else [])
        """
        The changes that the peer has to answer: those in whose stead it was shown our voice, or C{other}.

        C{earlier} was said before there was music, C{offer} asks for one, and
        nobody but us waits for the answer to C{ours}.
        """
        self._confirming: bytes | None = None
        """What our offer in a 2xx stands for, until the ACK brings the answer."""
        self._offering = offering
        """Does the peer's offer, in a 2xx, wait for what we say in the ACK?"""

    @property
    def asked(self) -> bool:
        """Is there a change of the call, for which L{Answered} or L{Refused} will be heard?"""
        return any(one != "ours" for one in self._asked) or self._will_ask

    @property
    def _will_ask(self) -> bool:
        """Does a change of the call wait for a voice?"""
        return any(isinstance(word, Changed) for word in (self._shows, *(self._waiting or ())))

    @property
    def _comes(self) -> bool:
        """Is there anything yet that may bring the peer our voice?"""
        return bool(self._asked) or self._waiting is not None

    @property
    def _will_answer(self) -> bool:
        """Does the answer to a change of the peer wait for a voice?  A CANCEL wants no other."""
        return any(isinstance(word, Answered) for word in (self._shows, *(self._waiting or ())))

    # ---- what the call says ----------------------------------------------------

    def said(self, word: Word) -> bool:
        """Take a word for the peer; False leaves it to the leg."""
        if isinstance(word, (HungUp, Moved)) or (isinstance(word, Refused) and not self._leg.answered):
            self._end()
            return False
        if self._waiting is not None:
            if not (isinstance(word, Refused) and self._will_answer):
                self._waiting.append(word)
            return True
        return self._say(word)

    def _say(self, word: Word) -> bool:
        """Show our voice in the stead of silence; pass on all else."""
        match word:
            case Changed(session=bytes() as silent) if is_hold(silent) and self._review():
                self._show(word, None)
            case Changed():
                self._asked.append("offer" if word.session is None and not word.identity_only else "other")
                return False
            case Answered(session=bytes() as silent, early=False) if is_hold(silent) and self._review():
                if not _may_answer(self._leg):
                    return self._answered_unasked()
                self._show(word, _offer_of(self._leg))
            case Confirmed(session=silent) if self._offering:
                self._offering = False
                if silent is None or not is_hold(silent) or not self._review():
                    self._end()
                    return False
                self._show(word, self._leg.remote_session)
            case Answered(session=bytes()):
                self._end()
                return False
            case Refused() if not self._speaks and not self._asked:
                self._end()  # there was a voice for nothing
                return False
            case _:
                return False
        return True

    def _answered_unasked(self) -> bool:
        """
        Take the answer to what the leg has told in its peer's stead, which has given up a change.

        It would be shown to the peer as a new offer (L{b2bua.legs.from_call}).  Who hears
        our voice goes on to; who does not yet is offered it, in the stead of that or after it.
        """
        if not self._leg.unasked:
            return False
        if self._speaks:
            self._tell(Answered())  # there is nothing new for it
            return True
        self._offer_again()
        return False

    def _show(self, word: Changed | Answered | Confirmed, offer: bytes | None) -> None:
        """Have a voice for the peer, then say the word with it."""
        self._shows, self._waiting = word, deque()
        asking = self._open(offer)
        asking.addCallbacks(
            lambda session: self._calls.run_in(self._leg.call, self._shown, word, session),
            lambda failure: self._calls.run_in(self._leg.call, self._failed, word, failure),
        )

    def _shown(self, word: Changed | Answered | Confirmed, session: bytes) -> None:
        """The voice is there: let the peer know, and hear it."""
        if self._over:
            return
        leg, shows, self._shows = self._leg, self._shows, None
        if shows is not word:
            pass  # the peer had a change of its own
        elif isinstance(word, Changed):
            session, _ = Alignment().translate(session, to_b=True, previous=leg.local_session)
            self._asked.append(word.session or b"")
            self._tell(Changed(session, word.fields))
        elif isinstance(word, Answered) and leg.withdrawn is not None:
            if self._voice is not None and leg.remote_session is not None:
                # The peer has given up its change: the voice goes back to where it was (section 14.1).
                self._voice.answer(leg.remote_session).addErrback(lambda failure: failure.trap(NoVoice))
            self._tell(Answered(session, word.fields))
        else:
            offer = _offer_of(leg) if isinstance(word, Answered) else leg.remote_session
            if isinstance(word, Confirmed):
                self._tell(Confirmed(session))
            else:
                self._tell(Answered(session, word.fields))
            if offer is None:
                self._confirming = word.session
            else:
                self.described = offer
                self._start()
        self._go_on()

    def _failed(self, word: Word, failure: Failure) -> None:
        """There is no voice: the peer is told what was said."""
        if failure.check(NoVoice) is None:
            self.log.failure("music for {party} broke", failure, party=str(self.party))
        self._note("no music: {}", failure.getErrorMessage())
        if not self._over:
            words = [*([word] if self._shows is word else []), *(self._waiting or ())]
            self._end()
            for one in words:
                self._tell(one)

    def _go_on(self) -> None:
        """Say what has waited."""
        words, self._waiting = self._waiting or deque(), None
        while words:
            word = words.popleft()
            if not self._over and self._say(word):
                if self._waiting is not None:
                    self._waiting.extend(words)
                    return
            else:
                self._tell(word)

    def _tell(self, word: Word) -> None:
        """Tell the leg."""
        leg, answered = self._leg, self._leg.answered
        if not leg.ended:
            VERBS[type(word)](leg, word)
        if leg.answered and not answered and leg.call is not None:
            leg.call.changed()  # an operation may have taken it from where it waited before

    # ---- what the peer says ------------------------------------------------------

    def heard(self, word: Word) -> tuple[Word, ...]:
        """Take a word of the peer, and give what the call is to hear."""
        if isinstance(word, HungUp) or self._leg.ended:
            self._end()
            return (word,)
        match word:
            case Changed(identity_only=False) if self._will_ask:
                # The peer's change comes first, as before one that waits in the leg; each has its answer.
                waiting = self._waiting or deque()
                put_off = sum(isinstance(one, Changed) for one in (self._shows, *waiting))
                self._waiting = deque(one for one in waiting if not isinstance(one, Changed))
                self._shows = None if isinstance(self._shows, Changed) else self._shows
                return (*[Refused(491, "", (), local=True)] * put_off, word)
            case Answered() | Refused() if self._asked:
                return self._answered(word, self._asked.popleft())
            case Confirmed(session=bytes() as session) if self._confirming is not None:
                silent, self._confirming = self._confirming, None
                self._accepted(session)
                return (Confirmed(silent_answer(silent, self.described)),)
            case _:
                return (word,)

    def _answered(self, word: Answered | Refused, to: bytes | str) -> tuple[Word, ...]:
        """The peer has answered a change, C{to} a session, or another one."""
        match word, to:
            case Answered(session=bytes() as session, fields=fields), bytes():
                self._accepted(session)
                return (Answered(silent_answer(to, self.described), fields),)
            case Answered(session=session), "ours":
                self._accepted(session or b"")
                return ()
            case Refused(), "ours":
                if word.local and word.code == 491:
                    self._calls.later(AGAIN_SECONDS, self._offer_again)
                return ()
            case Answered(session=bytes() as session), "offer":
                self.described, self._offering = session, True
            case Answered(session=bytes()), "other":
                self._end()
            case Refused(code=415 | 488 | 606, local=False), bytes():
                self._asked.append("other")  # it does not want our voice, but perhaps silence
                self._tell(Changed(to))
                return ()
            case Refused(), _ if to != "earlier" and not self._speaks and not self._comes:
                self._end()
            case _:
                pass
        return (word,)

    # ---- what an operation, or another process, has to say ---------------------------

    def review(self) -> None:
        """An operation keeps the party from now on."""
        self._review()

    def resume(self) -> None:
        """The process before had a voice for the peer: offer it ours."""
        self._fresh = False
        self._offer_again()

    def let_go(self) -> None:
        """Another process has the party, and a voice for it."""
        self._end()

    def _unheard(self, why: str) -> None:
        """The worker is gone: go on with another one.  A party that waits need not say anything."""
        if why == "worker" and not self._over:
            self._voice = None
            self._end_script()
            self._offer_again()

    def _offer_again(self) -> None:
        """Offer a new voice to the peer."""
        if self._over or self._leg.ended or self._speaks:
            return
        if self._waiting is not None or self._asked or self._leg.flow is None:
            self._calls.later(AGAIN_SECONDS, self._offer_again)
            return
        self._waiting = deque()
        self._open(None).addCallbacks(
            lambda session: self._calls.run_in(self._leg.call, self._offered_again, session),
            lambda failure: self._calls.run_in(self._leg.call, self._not_again, failure),
        )

    def _offered_again(self, session: bytes) -> None:
        """There is another voice."""
        if not self._over:
            session, _ = Alignment().translate(session, to_b=True, previous=self._leg.local_session)
            self._asked.append("ours")
            self._tell(Changed(session))
            self._go_on()

    def _not_again(self, failure: Failure) -> None:
        """There is no other voice: it waits in silence."""
        self._note("no music: {}", failure.getErrorMessage())
        self._go_on()

    # ---- the end -------------------------------------------------------------------

    def _end(self) -> None:
        """It talks to somebody, or has left: what has waited is not said any more."""
        if not self._over:
            self._waiting = None if self._waiting is None else deque()
            super()._end()
