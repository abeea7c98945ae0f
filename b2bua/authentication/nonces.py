"""
Nonces that need no memory until they have served (RFC 7616 section 3.3).

A nonce tells its own age and proves that it is ours and was given to the host
that it comes from, so that a flood of requests without credentials costs
nothing to remember, and who forges an address has none that is good.  Only of
nonces that came back with the right answer is the nonce count kept, against
replay.
"""

from __future__ import annotations

import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from enum import Enum
from itertools import count
from typing import Any

_STAMP = struct.Struct(">QI")
_PROOF = 12
_LENGTH = _STAMP.size + _PROOF
_WINDOW = 64
"""How far requests may overtake each other on UDP."""


class Age(Enum):
    """What a nonce tells of itself."""

    FRESH = "fresh"
    STALE = "stale"
    FOREIGN = "foreign"
    """Not ours, given to another host, or of ours before the last start."""


class Nonces:
    """Makes nonces and judges those that come back."""

    def __init__(self, secret: bytes, now: Callable[[], float], lifetime: float = 300.0) -> None:
        """
        Sign with C{secret}, which nobody else may know.

        @param lifetime: seconds for which a nonce is good.
        """
        self._secret = secret
        self._now = now
        self._lifetime = lifetime
        self._serial = count()
        # What was used, in two generations: by the time the older one is
        # dropped all nonces in it are too old.
        self._used: dict[str, tuple[int, int]] = {}
        self._before: dict[str, tuple[int, int]] = {}
        self._turned = now()

    def written(self) -> dict[str, Any]:
        """What the next process needs so that nonces of ours are as good to it: plain values, and secret."""
        return {"secret": self._secret.hex(), "used": {**self._before, **self._used}}

    def resume(self, plain: dict[str, Any]) -> None:
        """Go on as the process before, which has L{written} this."""
        self._secret = bytes.fromhex(plain["secret"])
        self._used = {nonce: (int(a), int(b)) for nonce, (a, b) in plain["used"].items()}

    def make(self, host: str) -> str:
        """Make a nonce for C{host}; no two are the same."""
        stamp = _STAMP.pack(int(self._now() * 1000), next(self._serial) & 0xFFFFFFFF)
        return urlsafe_b64encode(stamp + self._proof(stamp, host)).decode()

    def age(self, nonce: str, host: str) -> Age:
        """How old is it, and is it one that we have given to C{host}?"""
        if len(nonce) != _LENGTH * 4 // 3 or not nonce.isascii():
            return Age.FOREIGN
        try:
            raw = urlsafe_b64decode(nonce)
        except ValueError:
            return Age.FOREIGN
        stamp = raw[: _STAMP.size]
        if len(raw) != _LENGTH or not hmac.compare_digest(raw[_STAMP.size :], self._proof(stamp, host)):
            return Age.FOREIGN
        made = _STAMP.unpack(stamp)[0] / 1000
        return Age.FRESH if self._now() - made <= self._lifetime else Age.STALE

    def use(self, nonce: str, nc: int | None) -> bool:
        """
        Note that a fresh nonce was used with the count C{nc}.

        @param nc: None from a client that does not count (RFC 2069): for it a
            nonce is good once.
        @return: whether that count is new (RFC 7616 section 3.4).
        """
        self._turn()
        highest, seen = self._used.get(nonce) or self._before.get(nonce) or (0, 0)
        number = highest + 1 if nc is None and not highest else nc
        if number is None or number <= 0 or number <= highest - _WINDOW:
            return False
        if number > highest:
            seen = (seen << min(number - highest, _WINDOW) | 1) & (1 << _WINDOW) - 1
            highest = number
        else:
            bit = 1 << highest - number
            if seen & bit:
                return False
            seen |= bit
        self._used[nonce] = (highest, seen)
        return True

    def _turn(self) -> None:
        """Begin a new generation when the old one has lived as long as a nonce."""
        now = self._now()
        if now - self._turned > self._lifetime:
            twice = now - self._turned > 2 * self._lifetime
            self._before = {} if twice else self._used
            self._used = {}
            self._turned = now

    def _proof(self, stamp: bytes, host: str) -> bytes:
        """What only we can append to C{stamp}, and only for one host."""
        return hmac.digest(self._secret, stamp + host.encode(), "sha256")[:_PROOF]
