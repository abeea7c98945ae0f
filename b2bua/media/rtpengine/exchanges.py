"""
The control protocol of rtpengine, "ng": a request and its reply, each in one datagram of UDP.

Before the JSON stands a cookie.  By it a reply finds its request, and the
engine gives the reply of late once more when a request comes again: to repeat
is safe, whatever is asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from twisted.internet.defer import Deferred, fail

if TYPE_CHECKING:
    from b2bua.clock import IClock, ITimer

Reply: TypeAlias = dict[str, Any]

REPEATS = (0.2, 0.4, 0.8)
"""Seconds to the first repeats; then one follows the other at the last distance."""
PATIENCE = 3.0
"""Seconds that a reply may take."""
MOST = 2000
"""Requests that may wait at once; more than that nobody answers in time."""


class NoReply(Exception):
    """The engine says nothing; the text is for people."""


class Refused(Exception):
    """The engine says no; the text is what it says."""


class _Asked:
    """A request that waits for its reply."""

    __slots__ = ("asked", "datagram", "hasty", "reply", "sent", "timer", "until")

    def __init__(self, datagram: bytes, asked: float, until: float, *, hasty: bool) -> None:
        self.datagram = datagram
        self.asked, self.until = asked, until
        self.hasty = hasty
        self.sent = 0
        self.reply: Deferred[Reply] = Deferred()
        self.timer: ITimer | None = None


class Exchanges:
    """What is asked of one engine."""

    def __init__(self, clock: IClock, send: Callable[[bytes], None], prefix: str) -> None:
        """
        Have asked nothing.

        @param send: puts a datagram on its way; whether it arrives nobody knows.
        @param prefix: what our cookies begin with: those of another process, or of one before us,
            would have its replies given to us.
        """
        self._clock = clock
        self._send = send
        self._prefix = prefix
        self._last = 0
        self._asked: dict[bytes, _Asked] = {}
        self.repeated = self.unanswered = 0
        """How often a request was sent again, and how many had no reply."""
        self.took = 0.0
        """Seconds from the last request to its reply."""

    def ask(
        self,
        command: str,
        values: Mapping[str, Any] | None = None,
        *,
        patience: float = PATIENCE,
        hasty: bool = False,
    ) -> Deferred[Reply]:
        """
        Ask something.

        @param patience: seconds that a reply may take.
        @param hasty: do not wait for it once the engine's host says that nobody is there.
        @return: the reply; fails with L{NoReply}, or L{Refused} with the engine's words.
        """
        if len(self._asked) >= MOST:
            return fail(NoReply("too much is asked at once"))
        self._last += 1
        cookie = f"{self._prefix}{self._last}".encode()
        now = self._clock.now()
        text = json.dumps({"command": command, **(values or {})}, ensure_ascii=True)
        asked = _Asked(cookie + b" " + text.encode(), now, now + patience, hasty=hasty)
        self._asked[cookie] = asked
        self._try(cookie, asked)
        return asked.reply

    def _try(self, cookie: bytes, asked: _Asked) -> None:
        """Send it once more, or give it up."""
        left = asked.until - self._clock.now()
        if left <= 0:
            self._give_up(cookie, "it does not answer")
            return
        if asked.sent:
            self.repeated += 1
        wait = REPEATS[min(asked.sent, len(REPEATS) - 1)]
        asked.sent += 1
        asked.timer = self._clock.start(min(wait, left), lambda: self._try(cookie, asked))
        self._send(asked.datagram)

    def heard(self, datagram: bytes) -> None:
        """Take what came; what is no reply to a request of ours is nothing."""
        cookie, _, text = datagram.partition(b" ")
        if cookie not in self._asked:
            return
        try:
            reply = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(reply, dict):
            return
        asked = self._asked.pop(cookie)
        self._stop(asked)
        self.took = self._clock.now() - asked.asked
        result = reply.get("result")
        if result in ("ok", "pong"):
            asked.reply.callback(reply)
        else:
            why = reply.get("error-reason") or reply.get("message") or result
            asked.reply.errback(Refused(str(why)[:200]))

    def nobody(self) -> None:
        """The engine's host says that nobody listens there: who is in haste waits no longer."""
        for cookie, asked in list(self._asked.items()):
            if asked.hasty:
                self._give_up(cookie, "nobody listens there")

    def stop(self, why: str) -> None:
        """Wait for nothing any more."""
        for cookie in list(self._asked):
            self._give_up(cookie, why)

    def _give_up(self, cookie: bytes, why: str) -> None:
        """Wait for one no longer."""
        asked = self._asked.pop(cookie, None)
        if asked is not None:
            self._stop(asked)
            self.unanswered += 1
            asked.reply.errback(NoReply(why))

    @staticmethod
    def _stop(asked: _Asked) -> None:
        if asked.timer is not None:
            asked.timer.stop()
            asked.timer = None
