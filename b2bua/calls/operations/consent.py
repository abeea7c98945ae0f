"""
Whoever answers is asked whether they take the call, and gets it only then.

A mobile phone's mailbox answers, too; it presses no key.  The leg talks to us
until its party does, and the caller hears it ring meanwhile; then the leg is
offered what the caller has offered, and its answer is the answer to the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.operations.conversation import Conversation
from b2bua.calls.operations.leg_waiter import REPEATS_MAX
from b2bua.calls.stand_in import StandIn
from b2bua.calls.verdicts import Talk
from b2bua.legs.leg import Leg
from b2bua.legs.words import Answered, Changed, Confirmed, HungUp, Refused, Word

if TYPE_CHECKING:
    from collections.abc import Callable

    from b2bua.calls.operations.protocol import OperatedCall
    from b2bua.media.ports import IVoice

KEY = "1"
TIMES = 3
"""So often it is asked."""
KEY_SECONDS = 5.0
"""How long after each time a key is waited for."""


class Consent(Conversation):
    """Asks the party of a leg that has answered."""

    def __init__(
        self,
        call: OperatedCall,
        leg: Leg,
        files: tuple[str, ...],
        offer: bytes | None,
        who: object,
        then: Callable[[Answered | None], None],
    ) -> None:
        """
        Prepare; L{put} begins.

        @param files: what is played.
        @param offer: the caller's; None if it has made none.
        @param who: the caller's leg, if there is one.
        @param then: told of the answer to C{offer}, or None if the party does not take the call.
        """
        super().__init__(call, leg, Talk(lambda talk: self._script(files)))
        self._then = then
        self._caller = offer
        self._who = who
        self._taken = False
        self._handing = 0
        """How often the caller's session may still be offered; 0 before and after that."""

    def put(self, word: Answered) -> Consent:
        """Begin, with what the party has answered: an offer of its own, where the caller has made none."""
        self.begin(word.session if self._caller is None else None)
        return self

    def stop(self) -> None:
        """The call is somebody else's: nobody is told any more."""
        self._then = lambda word: None
        self._handing = 0
        if not self._over:
            self._stop()
            self._part()

    async def _script(self, files: tuple[str, ...]) -> None:
        """Ask, several times."""
        for _ in range(TIMES):
            if await self.play(*files, until=KEY) or await self.key(KEY_SECONDS, KEY):
                self._taken = True
                return

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
        """It cannot be asked, so it does not get the call: who knows who has answered."""
        self._call.story.note("{} cannot be asked: {}", self._leg.party, why)
        if not self._over:
            self._stop()
            self._then(None)

    def _done(self) -> None:
        """A key was pressed, or none in time."""
        if self._over:
            return
        self._stop()
        self._call.story.note("{} {} the call", self._leg.party, "takes" if self._taken else "does not take")
        if self._taken:
            self._handing = REPEATS_MAX
            self._offer()
        else:
            self._then(None)

    def _offer(self) -> None:
        """Offer what the caller has offered."""
        if isinstance(self._who, Leg):
            self._call.pass_on(self._who, self._leg, Changed(self._caller))
        else:
            self._leg.say(Changed(self._caller))

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
