"""
Whoever answers is talked to by us first, and may be asked whether they take the call.

A mobile phone's mailbox answers, too; it presses no key.  And who is to be
recorded hears so before they say anything.  The leg talks to us until that is
done, and the caller hears it ring meanwhile; then the leg is offered what the
caller has offered, and its answer is the answer to the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from b2bua.calls.operations.conversation import Conversation
from b2bua.calls.operations.leg_waiter import REPEATS_MAX
from b2bua.calls.stand_in import StandIn
from b2bua.calls.verdicts import Talk
from b2bua.legs.leg import Leg
from b2bua.legs.words import Answered, Changed, Confirmed, HungUp, Refused, Word

if TYPE_CHECKING:
    from collections.abc import Callable

    from b2bua.calls.draft import Script
    from b2bua.calls.operations.protocol import OperatedCall
    from b2bua.calls.protocol import ForWhom
    from b2bua.media.ports import IVoice

KEY = "1"
TIMES = 3
"""So often it is asked."""
KEY_SECONDS = 5.0
"""How long after each time a key is waited for."""


class Consent(Conversation):
    """Talks to the party of a leg that has answered."""

    def __init__(
        self,
        call: OperatedCall,
        leg: Leg,
        files: tuple[str, ...],
        first: Script | None,
        caller: ForWhom,
        then: Callable[[Answered | None], None],
    ) -> None:
        """
        Prepare; L{put} begins.

        @param files: what is played to ask whether they take the call; with none they get it unasked.
        @param first: what they are told before they get it.
        @param caller: for whom they were rung.
        @param then: told of the answer to the caller's offer, or None if the party does not take the call.
        """
        super().__init__(call, leg, Talk(self._script))
        self._then = then
        self._files, self._first = files, first
        self._caller = caller
        self._answer_before: Answered
        """What the party has answered to the caller's offer, before it was offered a voice."""
        self._taken = not files
        self._handing = 0
        """How often the caller's session may still be offered; 0 before and after that."""

    def put(self, word: Answered) -> None:
        """Begin, with what the party has answered: an offer of its own, where the caller has made none."""
        self._answer_before = word
        self.begin(word.session if self._caller.offer is None else None)

    def move(self, call: Any, caller: ForWhom) -> None:
        """Go on in another call, for whom it is now."""
        self._call, self._caller = call, caller
        call.listen(self._leg, self)

    def stop(self) -> None:
        """The call is somebody else's: nobody is told any more."""
        self._then = lambda word: None
        self._handing = 0
        if not self._over:
            self._stop()

    async def _script(self, talk: Conversation) -> None:
        """Ask, several times; then say what is to be said."""
        for _ in range(TIMES if self._files else 0):
            if await self.play(*self._files, until=KEY) or await self.key(KEY_SECONDS, KEY):
                self._taken = True
                break
        if self._taken and self._first is not None:
            await self._first(talk)

    def _opened(self, voice: IVoice, agreed: bool) -> None:
        """There is a voice: the leg, which has answered, is to hear it."""
        if self._over:
            voice.close()
            return
        self._voice, self._offered = voice, not agreed
        if agreed:
            self._leg.say(Confirmed(voice.session))
            self._start()
        else:
            self._leg.say(Changed(voice.session))

    def _fail(self, why: str) -> None:
        """It cannot be talked to: who is only to be told something gets the call all the same."""
        asked = "asked" if self._files else "told"
        self._call.story.note("{} cannot be {}: {}", self._leg.party, asked, why)
        if not self._over:
            self._stop()
            self._then(None if self._files else self._answer_before)

    def _end_for(self, said: str) -> None:
        """The voice is lost, or nothing comes of the party; who is not asked gets the call all the same."""
        if self._files or self._over:
            super()._end_for(said)
        else:
            self._done()

    def _done(self) -> None:
        """A key was pressed, or none in time; or all is said."""
        if self._over:
            return
        self._stop()
        if self._files:
            how = "takes" if self._taken else "does not take"
            self._call.story.note("{} {} the call", self._leg.party, how)
        if self._taken:
            self._handing = REPEATS_MAX
            self._offer()
        else:
            self._then(None)

    def _offer(self) -> None:
        """Offer what the caller has offered."""
        who, offer = self._caller.who, self._caller.offer
        if isinstance(who, Leg):
            self._call.pass_on(who, self._leg, Changed(offer))
        else:
            self._leg.say(Changed(offer))

    def hear(self, leg: Leg, word: Word) -> None:
        """Wait for the answer to the caller's session, when it comes to that."""
        if not self._handing:
            super().hear(leg, word)
            return
        match word:
            case Answered():
                self._handing = 0
                self._then(word)
            case Refused(code=491, local=True) if self._handing > 1:
                self._handing -= 1  # its own change came first, and has been answered
                self._offer()
            case Refused() | HungUp():
                self._handing = 0
                self._then(None)
            case _:
                StandIn.hear(self, leg, word)

    def _lost(self, why: str) -> None:
        """The party has left."""
        if not self._over:
            super()._lost(why)
            self._then(None)
