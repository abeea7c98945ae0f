"""
Phones that cannot log in, told once in words that help.

A phone that asks and never answers the challenge, or tries the same wrong
password again and again, fills the log with lines of which none says what to
do.  So after a few attempts one line says it; it is said again only when the
phone has logged in meanwhile.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from twisted.logger import Logger

UNANSWERED = 5
"""After so many requests that do not answer the challenge it is no accident."""
WRONG = 3
"""After so many wrong passwords it is no slip of a finger."""
CAPACITY = 1000
"""The most phones that are remembered; the oldest go first."""


class Complaints:
    """Counts what phones fail at; its memory is bounded whatever comes."""

    log = Logger()

    def __init__(self) -> None:
        """Know of no trouble."""
        self._counts: OrderedDict[tuple[str, str, str], int] = OrderedDict()

    def unanswered(self, host: str, user: str, offered: Sequence[str]) -> None:
        """A phone that was challenged before asks again without an answer to it."""
        if self._count("unanswered", host, user) == UNANSWERED:
            self.log.warn(
                "extension {user} at {host} asks again and again and never sends its password; perhaps its "
                "phone has none typed in, or does not know {offered}: "
                'auth.algorithms = ["MD5"] is what every phone knows',
                user=user, host=host, offered=" and ".join(offered),
            )  # fmt: skip

    def wrong(self, host: str, user: str, window: float) -> None:
        """A phone of an extension that there is has a wrong password."""
        if self._count("wrong", host, user) == WRONG:
            self.log.warn(
                "extension {user} at {host} has tried a wrong password {count} times; compare the one in the "
                "phone with extensions.{user}.password (auth.failures of them in {window:g} s, and the "
                "address is ignored)",
                user=user, host=host, count=WRONG, window=window,
            )  # fmt: skip

    def passed(self, host: str, user: str) -> None:
        """It has logged in: what comes from now on is another trouble."""
        if self._counts:
            for kind in ("unanswered", "wrong"):
                self._counts.pop((kind, host, user), None)

    def _count(self, kind: str, host: str, user: str) -> int:
        """One more; how many there are."""
        key = (kind, host, user)
        count = self._counts[key] = self._counts.pop(key, 0) + 1
        if len(self._counts) > CAPACITY:
            self._counts.popitem(last=False)
        return count
