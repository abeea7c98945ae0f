"""
Who is logged in, as long as the process runs.

A session is known by 256 random bits in a cookie, of which only SHA-256 is
remembered; it ends when it was not used for some time, and at the latest after
a day's work.  What changes something carries a second secret as well, which
the page of somebody else cannot read (CSRF).
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

COOKIE = "b2bua"
"""The cookie that carries a session."""
SECURE_COOKIE = "__Host-b2bua"
"""Over TLS: no other host and no page without TLS can set it (RFC 6265bis section 4.1.3.2)."""
IDLE = 3600.0
"""Seconds after which a session that is not used ends."""
LONGEST = 12 * 3600.0
"""Seconds after which any session ends."""
LINK = 900.0
"""Seconds for which a link is good that logs somebody in once."""
MOST = 10_000
"""So many sessions there may be; the one that was not used for the longest time ends first."""


@dataclass(slots=True)
class Session:
    """Somebody who is logged in."""

    name: str
    """The account's."""
    began: float
    used: float
    secret: str
    """Goes with what changes something."""


class Sessions:
    """Everybody who is logged in."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Begin with nobody."""
        self._now = now
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._links: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._sessions)

    def begin(self, name: str) -> tuple[str, Session]:
        """Log somebody in; the key is new each time, so that nobody can hand them one that he knows."""
        key, now = secrets.token_urlsafe(32), self._now()
        session = Session(name, now, now, secrets.token_urlsafe(32))
        self._sessions[_digest(key)] = session
        if len(self._sessions) > MOST:
            self._sessions.popitem(last=False)
        return key, session

    def find(self, key: str) -> Session | None:
        """The session of a key; looking at it is using it."""
        told, now = _digest(key), self._now()
        session = self._sessions.get(told)
        if session is None:
            return None
        if now - session.used > IDLE or now - session.began > LONGEST:
            del self._sessions[told]
            return None
        session.used = now
        self._sessions.move_to_end(told)
        return session

    def end(self, key: str) -> None:
        """Log out."""
        self._sessions.pop(_digest(key), None)

    def end_all(self, name: str) -> None:
        """End every session of an account, and forget its links."""
        for told in [told for told, session in self._sessions.items() if session.name == name]:
            del self._sessions[told]
        for told in [told for told, (whose, _) in self._links.items() if whose == name]:
            del self._links[told]

    def link(self, name: str) -> str:
        """Make a key that logs somebody in once, soon."""
        key = secrets.token_urlsafe(32)
        self._links[_digest(key)] = (name, self._now() + LINK)
        if len(self._links) > MOST:
            self._links.popitem(last=False)
        return key

    def follow(self, key: str) -> str | None:
        """The account that a link logs in; the link is of no more use then."""
        name, until = self._links.pop(_digest(key), ("", 0.0))
        return name if name and self._now() <= until else None


def _digest(key: str) -> str:
    """What is remembered of a key."""
    return sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
