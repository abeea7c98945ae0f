"""Who has been told that they are recorded, and who is still to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from b2bua.calls import NotRecorded, tell_both

if TYPE_CHECKING:
    from b2bua import Service
    from b2bua.calls import Call, Conversation, Leg, Party

Whom: TypeAlias = Literal["none", "callers", "outside", "all"]
"""Nobody; who calls from outside; everybody outside, on either end of a call; everybody."""


class Told:
    """Tells each party once: before its call goes on, or in the middle of it."""

    def __init__(self, whom: Whom, sound: str) -> None:
        """
        Begin with nobody.

        @param sound: the file that is played to them.
        """
        self._whom, self._sound = whom, sound
        self._told: dict[str, None] = {}
        """The Call-IDs of those who know."""

    def start(self, service: Service) -> None:
        """Go on with what the generation of features before knows."""
        self._told = service.lasting.setdefault("told", self._told)

    def concerns(self, party: Party, *, calls: bool) -> bool:
        """
        Is somebody to be told when they are recorded?

        @param calls: have they called, or were they called?
        """
        if self._whom == "callers" and not calls:
            return False
        return self._whom == "all" or (self._whom != "none" and not party.internal)

    async def say(self, talk: Conversation) -> None:
        """Tell one who talks to us."""
        await talk.play(self._sound)
        self._told[talk.leg.call_id] = None

    def missing(self, call: Call) -> bool:
        """Is there somebody in a call who is still to be told?"""
        there = (leg for leg in call.legs if (leg.answered or leg.incoming) and not leg.ended)
        return any(self._lacks(leg, calls=leg is call.caller) for leg in there)

    def _lacks(self, leg: Leg, *, calls: bool) -> bool:
        """Is it one who is still to be told?"""
        return leg.call_id not in self._told and self.concerns(leg.party, calls=calls)

    async def tell(self, call: Call) -> None:
        """
        Tell the two who talk, if one of them is still to be told.

        @raise NotRecorded: it cannot be, so they are not to be recorded.
        @raise Busy: not now.
        @raise Gone: one of them has left.
        @raise NotJoined: one of them does not agree to go on.
        """
        if self.missing(call):
            await tell_both(call, self.say)
            if self.missing(call):
                raise NotRecorded("one of the two could not be told that they are recorded")

    def known(self, call: Call) -> list[str]:
        """The Call-IDs of those in a call who know, to be kept."""
        return [leg.call_id for leg in call.legs if leg.call_id in self._told]

    def take_up(self, known: list[str]) -> None:
        """These were told by a process before this one."""
        self._told.update(dict.fromkeys(known))

    def forget(self, leg: Leg) -> None:
        """It is over."""
        self._told.pop(leg.call_id, None)
