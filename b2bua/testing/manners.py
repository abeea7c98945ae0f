"""What a simulated phone does by itself, good manners and bad."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(slots=True)
class Manners:
    """
    How a phone behaves when nobody tells it what to do.

    Times are in seconds; None means that it does not do it by itself.
    """

    rings_after: float | None = 0.05
    answers_after: float | None = 2.0
    """Counted from the INVITE."""
    refuses: int | None = None
    """Refuse each call with this status instead of answering it."""
    redirects: str | None = None
    """Answer each call with a 302 to this number or URI."""
    rings_first: bool = False
    """Ring before it refuses or redirects (forward on busy does it)."""
    refuses_after: float = 0.1
    hangs_up_after: float | None = None
    """Counted from the beginning of the talk."""
    lines: int = 4
    """Calls that it takes at once; one more is answered with 486."""
    trying: bool = True
    """Send 100 at once."""
    acknowledges: bool = True
    """Send the ACK for a 2xx."""
    replies: bool = True
    """Answer requests within a dialog."""
    early_media: bool = False
    """Ring with 183 and SDP."""
    follows: bool = True
    """As a caller, follow a 302 by a new call, as Yealinks do."""
    retries_glare: bool = True
    """Offer again after a 491."""
    change_code: int = 200
    """What it answers to a re-INVITE or UPDATE; 0 is silence."""
    change_after: float | None = 0.0
    """How long it lets a re-INVITE ring before it answers; None: for ever."""

    short_answers: bool = False
    """Leave out of an answer the streams at its end that it does not know, instead of refusing them."""

    hundred_rel: str = "none"
    """RFC 3262: none, supported or required."""
    session_expires: int = 0
    """RFC 4028: ask for this many seconds; 0 does not use timers."""
    min_se: int = 90
    refresher: str = "uac"
    """Who is to refresh, if it may say so: uac is who calls, uas who is called."""
    refreshes_by: str = "UPDATE"
    """UPDATE or INVITE."""
    refreshes: bool = True
    """Keep the promise to refresh."""

    leaves_after_refer: str = "final"
    """When the transferor hangs up: at once (after the 2xx), final (NOTIFY), never."""
    accepts_refer: bool = True
    notify_code: int = 200
    """What it answers to a NOTIFY about its transfer."""

    acknowledges_refusals: bool = True
    honours_cancel: bool = True
    """Give up with 487 when a CANCEL comes; a rude phone answers 200 nevertheless."""
    repeats: int = 0
    """Send each datagram so many times more, as if every answer were late."""
    answers_twice: bool = False
    """Say the contrary after its final answer: 486 when it has answered, 200 when it has refused."""
    by_hand: bool = False
    """A test says each step; messages that it did not expect are errors."""

    @property
    def steady(self) -> bool:
        """Does a call go on with it until somebody ends it?"""
        honest = self.acknowledges and self.refreshes and self.replies and not self.answers_twice
        willing = self.change_code == 200 and self.change_after == 0.0 and not self.short_answers
        return honest and willing and self.hangs_up_after is None

    def but(self, **changes: Any) -> Manners:
        """Copy it with changes."""
        return replace(self, **changes)


def by_hand(**changes: Any) -> Manners:
    """
    Make the manners of a phone whose every step a test writes down.

    What is left to it is what no person decides: retransmissions, the ACK of a
    refusal, the answer to a challenge, and the 200 and 487 upon a CANCEL.
    """
    manners = Manners(
        rings_after=None,
        answers_after=None,
        acknowledges=False,
        replies=False,
        follows=False,
        retries_glare=False,
        leaves_after_refer="never",
        by_hand=True,
    )
    return manners.but(**changes)
