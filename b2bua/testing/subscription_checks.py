"""The rules for subscriptions as they are seen at the server's edge (RFC 6665 section 4.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.testing.seen import Sent

SECTION = "RFC 6665 4.2.2"
PRESSED = ("talk", "hold")
"""Keys of a phone that are pressed from afar, in the dialog of a call, without a subscription."""
TIMEOUT = 31.9
"""64*T1, and a hair's breadth less: so long a NOTIFY waits for its answer (Timer F)."""

WRITTEN = 1.0
"""Seconds by when the end of a subscription is in the store."""


class Notifications:
    """The NOTIFYs of the server to one peer under one Call-ID."""

    def __init__(self, complain: Callable[[str, str], None], reaches: Callable[[Sent], bool]) -> None:
        """
        Begin without a subscription.

        @param reaches: is there somebody at the place where a request went?
        """
        self._complain = complain
        self._reaches = reaches
        self._open: set[str] = set()
        """The peer's tags in dialogs that a SUBSCRIBE has opened."""
        self._last: dict[tuple[str, str, str], Sent] = {}
        """The last NOTIFY, by the dialog and the event."""
        self._over: set[tuple[str, str, str]] = set()

    def subscribed(self, request: Request, response: Response) -> None:
        """The answer to a SUBSCRIBE leaves."""
        if response.success:
            self._open.add(request.from_.tag)
            if response.get("Expires") is None:
                self._complain("2xx to SUBSCRIBE without Expires", "RFC 6665 4.2.1.1")
            elif request.expires is not None and (response.expires or 0) > request.expires:
                self._complain("a subscription is longer than was asked for", "RFC 6665 4.2.1.1")
        elif response.code == 489 and response.get("Allow-Events") is None:
            self._complain("489 without Allow-Events", "RFC 6665 8.3.2")

    def crashed(self, now: float) -> None:
        """The server is gone: that a subscription had ended just before may not have been written down."""
        self._over = {key for key in self._over if self._last[key].at < now - WRITTEN}

    def leaves(self, sent: Sent) -> None:
        """A NOTIFY leaves."""
        request = sent.request
        event, said = request.get("Event") or "", request.subscription_state
        if not event or said is None:
            self._complain("NOTIFY without Event or Subscription-State", SECTION)
            return
        tag = request.to.tag
        if not tag or event in PRESSED:
            return
        key = tag, request.from_.tag, event
        if not event.startswith("refer") and tag not in self._open:
            self._complain("NOTIFY before the 2xx to the SUBSCRIBE", "RFC 6665 4.2.1.2")
        before = self._last.get(key)
        again = bool(request.get("Authorization") or request.get("Proxy-Authorization"))
        waits = (
            before is not None
            and before.final is None
            and sent.at < min(before.given_up, before.at + TIMEOUT)
        )
        if before is not None and waits and not again and self._reaches(before):
            self._complain("NOTIFY while another one is on its way", SECTION)
        if key in self._over and not again and (before is None or self._reaches(before)):
            self._complain("NOTIFY after the last one", "RFC 6665 4.4.1")
        if said.state == "terminated":
            self._over.add(key)
        elif not said.expires:
            self._complain("NOTIFY without the time that is left", SECTION)
        self._last[key] = sent
