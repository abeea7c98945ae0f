"""Who may cost us work: a bound on what unknown sources send, and on connections."""

from __future__ import annotations

from typing import Protocol

from b2bua.transactions.flow import source_of


class Admission:
    """
    Counts messages per source and refuses what comes too fast.

    The cost is one look into a dictionary.  Each unknown source has an account
    in the manner of a leaky bucket, held as the one time at which it will be
    empty again.
    """

    def __init__(self, rate: float, burst: int, sources: int) -> None:
        """
        Begin without knowing anybody.

        @param rate: messages per second and source.
        @param burst: how many may come at once.
        @param sources: how many sources get accounts of their own.
        """
        self.known: set[str] = set()
        self.refused = 0
        self._spacing = 1 / rate
        # Half a message less, since the sum of many spacings is not exact.
        self._depth = (burst - 0.5) / rate
        self._sources = sources
        self._accounts: dict[str, float] = {}
        self._settled = -self._depth

    def admit(self, host: str, now: float, count: int = 1) -> bool:
        """Count a message from C{host}, or several; may it be looked at?"""
        if host in self.known:
            return True
        host = source_of(host)
        accounts = self._accounts
        full = accounts.get(host)
        if full is None:
            if len(accounts) >= self._sources:
                accounts = self._settle(now)
                if len(accounts) >= self._sources:
                    host = ""  # so many strangers share one account
            full = accounts.get(host, now)
        if full < now:
            full = now
        if full - now + (count - 1) * self._spacing >= self._depth:
            self.refused += 1
            return False
        accounts[host] = full + count * self._spacing
        return True

    def know(self, host: str) -> None:
        """Count C{host} no more: we ask it something, or it has shown who it is."""
        if host not in self.known and len(self.known) < self._sources:
            self.known.add(host)

    def _settle(self, now: float) -> dict[str, float]:
        """Drop the accounts that are empty, not more often than one takes to empty."""
        if now - self._settled >= self._depth:
            self._settled = now
            self._accounts = {host: full for host, full in self._accounts.items() if full > now}
        return self._accounts


class ConnectionCount:
    """Counts connections, per address and in all, whichever socket they came by."""

    def __init__(self, most: int, most_per_host: int) -> None:
        """Begin without connections."""
        self.taken = 0
        self.refused = 0
        self._most = most
        self._most_per_host = most_per_host
        self._hosts: dict[str, int] = {}

    def take(self, host: str, *, ours: bool = False) -> bool:
        """
        Take a place for a connection with C{host}; is there one?

        @param ours: whether we open it; then it is not held against the host.
        """
        host = "" if ours else source_of(host)
        if self.taken >= self._most or (host and self._hosts.get(host, 0) >= self._most_per_host):
            self.refused += 1
            return False
        self.taken += 1
        self._hosts[host] = self._hosts.get(host, 0) + 1
        return True

    def give_back(self, host: str, *, ours: bool = False) -> None:
        """The connection is gone, or did not come about."""
        host = "" if ours else source_of(host)
        self.taken -= 1
        left = self._hosts[host] = self._hosts[host] - 1
        if not left:
            del self._hosts[host]


class Half(Protocol):
    """A connection over which a part of a message has come."""

    def lose(self, *, at_once: bool = False) -> None:
        """Close it."""


class Halves:
    """
    Counts the bytes of messages that have come in part, over all connections.

    Each connection alone is bounded by what one message may have; all of them
    together would be gigabytes.  A peer that means it sends the rest within a
    round trip, so who began first is the first to go.
    """

    def __init__(self, most: int) -> None:
        """Begin with none."""
        self.bytes = 0
        self._most = most
        self._of: dict[Half, int] = {}

    def keep(self, who: Half, size: int) -> None:
        """Take notice that C{who} has so many bytes of a message now; 0 if it has none."""
        self.bytes += size - self._of.get(who, 0)
        if size:
            self._of[who] = size
        else:
            self._of.pop(who, None)
        while self.bytes > self._most:
            first = next(iter(self._of))
            self.bytes -= self._of.pop(first)
            first.lose(at_once=True)
