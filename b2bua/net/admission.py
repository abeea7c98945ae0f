"""Who may cost us work: a bound on what unknown sources send, and on connections."""

from __future__ import annotations

import socket


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

    def admit(self, host: str, now: float) -> bool:
        """Count a message from C{host}; may it be looked at?"""
        if host in self.known:
            return True
        host = _source(host)
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
        if full - now >= self._depth:
            self.refused += 1
            return False
        accounts[host] = full + self._spacing
        return True

    def know(self, host: str) -> None:
        """Count C{host} no more: we ask it something, or it has shown who it is."""
        if len(self.known) < self._sources:
            self.known.add(host)

    def _settle(self, now: float) -> dict[str, float]:
        """Drop the accounts that are empty, not more often than one takes to empty."""
        if now - self._settled >= self._depth:
            self._settled = now
            self._accounts = {host: full for host, full in self._accounts.items() if full > now}
        return self._accounts


class Places:
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
        host = "" if ours else _source(host)
        if self.taken >= self._most or (host and self._hosts.get(host, 0) >= self._most_per_host):
            self.refused += 1
            return False
        self.taken += 1
        self._hosts[host] = self._hosts.get(host, 0) + 1
        return True

    def give_back(self, host: str, *, ours: bool = False) -> None:
        """The connection is gone, or did not come about."""
        host = "" if ours else _source(host)
        self.taken -= 1
        left = self._hosts[host] = self._hosts[host] - 1
        if not left:
            del self._hosts[host]


def _source(host: str) -> str:
    """What counts as one source: an IPv4 address, or an IPv6 network."""
    return _network(host) if ":" in host else host


def _network(host: str) -> str:
    """Give the /64 of an IPv6 address: whoever has one address of it has them all."""
    try:
        return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])[:8].hex()
    except OSError:
        return host
