"""
Registering with a carrier: a pure machine (RFC 3261 section 10.2).

Refreshes in time, fails over to the next server when one does not answer, and
waits longer after each round of failures (RFC 5626 section 4.5).  The machine
returns effects; L{b2bua.trunks.registrant} performs them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, TypeAlias

from b2bua.errors import PeerError

if TYPE_CHECKING:
    from b2bua.wire.message import Response

BASE = 30.0
"""Seconds to wait after the first round in which all servers failed (RFC 5626 section 4.5)."""
MOST = 1800.0
"""The longest such time."""


@dataclass(frozen=True, slots=True)
class Register:
    """Send a REGISTER."""

    server: int
    """Which server of the list."""
    expires: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Call L{OutboundRegistration.due} after so many seconds, in place of any other time."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Became:
    """It is registered now, or it is not."""

    registered: bool
    why: str = ""


Effect: TypeAlias = Register | Wait | Became


class OutboundRegistration:
    """One registration of ours, at one of several servers."""

    def __init__(
        self, servers: int, expires: int, random: Callable[[], float], now: Callable[[], float]
    ) -> None:
        """
        Be not registered.

        @param servers: how many servers there are to try, the first one first.
        @param expires: the seconds that are asked for.
        @param random: a number from 0 to 1, so that not all come back at once.
        """
        self._now = now
        self._until = -inf
        """So long the binding lives, whatever becomes of its refreshes."""
        self._told = False
        """Was it told last that we are registered?"""
        self._home = 0
        """The server that has the binding."""
        self._next = 0
        """The server that is asked now."""
        self.why = ""
        """What went wrong last, for people."""
        self._servers = servers
        self._wanted = expires
        self._expires = expires
        self._random = random
        self._rounds = 0
        self._tried = 0
        self._stopping = False
        self._brief = 0
        """How often 423 has made us ask for longer, since the last success."""

    @property
    def registered(self) -> bool:
        """Is there a binding?  A refresh that fails takes none away: it lives for its time (10.2.4)."""
        return self._until > self._now()

    @property
    def server(self) -> int:
        """The server that has our binding, or that we ask for one."""
        return self._home if self.registered else self._next

    def start(self) -> list[Effect]:
        """Begin."""
        self._stopping = False
        return self._register()

    def due(self) -> list[Effect]:
        """The time of the last L{Wait} is over: refresh, or try again."""
        return [] if self._stopping else [*self._over(), *self._register()]

    def stop(self) -> list[Effect]:
        """Say good-bye, if it is registered (section 10.2.2)."""
        self._stopping = True
        if not self.registered:
            return []
        home = self._home
        self._until = -inf
        self._told = False
        return [Register(home, 0), Became(False, "stopped")]

    def answered(self, response: Response, contact: str, *, refused: bool = False) -> list[Effect]:
        """
        Hear the final answer to a L{Register}.

        @param contact: the URI that we registered.
        @param refused: a 401 or 407 that cannot be answered.
        """
        if self._stopping:
            return []
        code = response.code
        if 200 <= code < 300:
            return self._accepted(response, contact)
        if (
            code == 423
            and not refused
            and (longer := response.min_expires or 0) > self._expires
            and self._brief < 3
        ):
            self._brief += 1
            self._expires = longer
            return [Register(self._next, longer)]
        reason = "no answer" if response.local and code == 408 else response.reason
        return self._failed(f"{code} {reason}".strip(), response.retry_after)

    def _register(self) -> list[Effect]:
        """Ask for it."""
        self._tried = 0
        return [Register(self._next, self._expires)]

    def _over(self) -> list[Effect]:
        """Say once that there is no binding any more."""
        if not self._told or self.registered:
            return []
        self._told = False
        return [Became(False, self.why)]

    def _accepted(self, response: Response, contact: str) -> list[Effect]:
        """Be registered, and refresh well before the end."""
        granted = granted_seconds(response, contact, self._expires)
        if granted <= 0:
            self._until = -inf
            return self._failed("our contact is not in the 200", None)
        effects: list[Effect] = [] if self._told else [Became(True)]
        self._told = True
        self._until = self._now() + granted
        self._home = self._next
        self.why = ""
        self._rounds = self._brief = 0
        # Between 75 and 90 % of the time, so that there is time for another
        # server and many registrations do not come at once.
        effects.append(Wait(granted * (0.75 + 0.15 * self._random())))
        return effects

    def _failed(self, why: str, retry_after: int | None) -> list[Effect]:
        """Try the next server at once; when all have failed, wait."""
        self.why = why
        self._tried += 1
        self._expires = self._wanted
        effects = self._over()
        self._next = (self._next + 1) % self._servers
        if self._tried < self._servers:
            return [*effects, Register(self._next, self._expires)]
        self._rounds += 1
        # RFC 5626 section 4.5: from 50 to 100 % of base * 2^failures.
        upper = min(MOST, BASE * 2 ** min(self._rounds - 1, 10))
        seconds = upper * (0.5 + 0.5 * self._random())
        return [*effects, Wait(max(seconds, min(retry_after or 0, MOST)))]


def granted_seconds(response: Response, contact: str, asked: int) -> int:
    """
    How long the registrar binds us (section 10.2.4).

    What it says of our own contact counts, then Expires, then what we asked.
    """
    try:
        ours = [item for item in response.contacts if item.uri_text == contact]
        if not ours:
            # Some rewrite the host of a contact; the only one must be ours.
            ours = list(response.contacts) if len(response.contacts) == 1 else []
        if ours and (text := ours[0].param("expires")) is not None:
            return int(text) if text.isascii() and text.isdigit() and len(text) < 11 else asked
        if response.expires is not None:
            return response.expires
    except PeerError:
        return asked  # it is a 2xx all the same
    return asked
