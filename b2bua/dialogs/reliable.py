"""
Reliable provisional responses (RFC 3262), both roles.

L{ReliableResponses} numbers, queues and repeats what a UAS sends, L{InOrder}
tells a UAC which ones to take.  Both are pure.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from b2bua.wire.fields import RAck
    from b2bua.wire.message import Response

MAX_FIRST = 2**31 - 1
"""The first RSeq is below this (RFC 3262 section 3)."""


class ReliableResponses:
    """
    The reliable provisional responses of one INVITE.

    One at a time is on its way; the next waits for its PRACK, which section 3
    demands for the first and recommends for the others.
    """

    __slots__ = ("_interval", "_started", "_t1", "_waiting", "current", "rseq")

    def __init__(self, first: int, t1: float) -> None:
        """
        Start with none.

        @param first: a random number from 1 to L{MAX_FIRST}: the first RSeq.
        """
        self.rseq = first - 1
        self.current: tuple[int, Response, bool] | None = None
        self._waiting: deque[tuple[Response, bool]] = deque()
        self._t1 = t1
        self._interval = t1
        self._started = 0.0

    def send(self, response: Response, session: bool, now: float) -> Response | None:
        """
        Give a response its number.

        @param session: does it carry a session description?
        @return: what to send now, or None while another is not acknowledged.
        """
        if self.current is not None:
            self._waiting.append((response, session))
            return None
        self.rseq += 1
        numbered = response.with_fields(add=(("Require", "100rel"), ("RSeq", str(self.rseq))))
        self.current = (self.rseq, numbered, session)
        self._interval = self._t1
        self._started = now
        return numbered

    @property
    def interval(self) -> float:
        """Seconds until the present response is to be repeated."""
        return self._interval

    def repeat(self, now: float) -> Response | None:
        """
        The time is up: what to send again, the interval being doubled.

        Unlike with a 2xx it is not capped at T2.  None when 64*T1 have passed
        without a PRACK: the INVITE is to be refused with a 5xx.
        """
        if self.current is None or now - self._started >= 64 * self._t1 - 0.001:
            return None
        self._interval = min(self._interval * 2, self._started + 64 * self._t1 - now)
        return self.current[1]

    def acknowledged(self, rack: RAck, cseq: int, now: float) -> tuple[bool, Response | None]:
        """
        Take a PRACK.

        @param cseq: the CSeq number of the INVITE.
        @return: whether it matches (else it gets a 481), and what to send now.
        """
        current = self.current
        if current is None or rack.method != "INVITE" or rack.cseq != cseq or rack.rseq != current[0]:
            return False, None
        self.current = None
        if not self._waiting:
            return True, None
        response, session = self._waiting.popleft()
        return True, self.send(response, session, now)

    @property
    def session_unacknowledged(self) -> bool:
        """Must a 2xx wait, since a response with SDP is not acknowledged (section 3)?"""
        if self.current is not None and self.current[2]:
            return True
        return any(session for _, session in self._waiting)

    def finish(self) -> None:
        """A final response is sent: nothing new may follow, a late PRACK still matches."""
        self._waiting.clear()


class InOrder:
    """Which reliable provisional responses of one early dialog a UAC takes (section 4)."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        """None has come yet."""
        self.last: int | None = None

    def takes(self, rseq: int) -> bool:
        """
        Is it the next one?

        Retransmissions and those that skip a number are dropped, with no PRACK.
        """
        if self.last is not None and rseq != self.last + 1:
            return False
        self.last = rseq
        return True
