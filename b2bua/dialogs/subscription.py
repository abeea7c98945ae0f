"""
A subscription that we serve within a dialog (RFC 6665), pure.

The first package is C{refer}, whose subscriptions come from a REFER (RFC 3515).
A subscription is a usage of its own: it outlives the call in its dialog (RFC
5057 section 4).
"""

from __future__ import annotations

from b2bua.wire.fields import SubscriptionState

FATAL = frozenset((404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604))
"""Answers to a NOTIFY that end the subscription (RFC 6665 section 4.2.2); 408 is the timeout."""


class Subscription:
    """One subscription, as its notifier sees it."""

    __slots__ = ("ends", "event", "reason")

    def __init__(self, event: str, seconds: int, now: float) -> None:
        """
        Start active.

        @param event: what Event says, with the id.
        """
        self.event = event
        self.ends = now + seconds
        self.reason = ""
        """Why it is terminated; empty while it is active."""

    @property
    def active(self) -> bool:
        """Does the subscriber still want to hear?"""
        return not self.reason

    def terminate(self, reason: str) -> None:
        """End it; a second reason changes nothing."""
        self.reason = self.reason or reason

    def refreshed(self, seconds: int, now: float) -> None:
        """Take a SUBSCRIBE: more time, or none (RFC 6665 sections 4.1.2.2 and 4.1.2.3)."""
        if seconds == 0:
            self.terminate("timeout")
        else:
            self.ends = now + seconds

    def state(self, now: float) -> str:
        """Give the value of Subscription-State; expires is mandatory while active (section 4.2.2)."""
        if self.reason:
            return str(SubscriptionState("terminated", reason=self.reason))
        return str(SubscriptionState("active", max(1, round(self.ends - now))))
