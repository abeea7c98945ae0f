"""A change of the session that may not be sent yet: something is open, or glare told us to wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from b2bua.legs.state import ANSWERED
from b2bua.legs.words import Refused

if TYPE_CHECKING:
    from b2bua.clock import ITimer
    from b2bua.legs.state import LegData
    from b2bua.legs.words import Changed


class QueuedChange:
    """
    The one change that waits; a newer one takes its place.

    It is C{leg.queued_change} until it is sent or given up.
    """

    __slots__ = ("_away", "_leg", "_send", "_timer", "attempts", "refresh", "word")

    def __init__(
        self,
        leg: LegData,
        word: Changed,
        send: Callable[[LegData, QueuedChange, str], None],
        *,
        refresh: bool = False,
        attempts: int = 0,
    ) -> None:
        """
        Take what is to be sent.

        @param send: sends it, by the method that it is given.
        @param refresh: is it our own, such as a session refresh, for which nobody waits?
        @param attempts: how often it was sent before.
        """
        self._away = False
        self._leg = leg
        self._send = send
        self._timer: ITimer | None = None
        self.word = word
        self.attempts = attempts
        self.refresh = refresh

    def wait(self, seconds: float, *, away: bool = False) -> None:
        """
        Go on after some seconds, unless the peer comes first.

        @param away: does it wait for the phone, which has lost its connection?
        """
        self._away = away
        self._timer = self._leg.context.layer.start(seconds, self._waited)

    def _waited(self) -> None:
        """The time is up."""
        self._timer = None
        self.go_on()

    def stop(self) -> None:
        """Stop its timer."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def phone_is_back(self) -> None:
        """Go on at once, if it has waited for that."""
        if self._away:
            self.stop()
            self.go_on()

    def go_on(self) -> None:
        """Send it, if nothing stands in its way any more."""
        leg = self._leg
        if leg.queued_change is not self or self._timer is not None or leg.state is not ANSWERED:
            return
        if leg.our_invite or leg.peer_invite or leg.our_change or leg.peer_update:
            return
        leg.queued_change = None
        # A refresh and a new identity say nothing about the session, so an UPDATE will do.
        small = (self.word.identity_only or self.refresh) and leg.allows("UPDATE")
        self._send(leg, self, "UPDATE" if small else "INVITE")


def yield_to_peer(leg: LegData) -> None:
    """
    Give up a change that waits, since the peer's own comes first.

    Whoever asked for it is told 491 and tries again by the same rules, so that
    no two exchanges are open between two legs.
    """
    queued = leg.queued_change
    if queued is None:
        return
    queued.stop()
    leg.queued_change = None
    if not queued.refresh:
        leg.hear(leg, Refused(491, "", (), local=True))
