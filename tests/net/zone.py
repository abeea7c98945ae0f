"""A zone of DNS that counts what it is asked."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.names import common, dns
from twisted.names.error import DNSNameError

TTL = 60


class Zone(common.ResolverBase):
    """Answers questions about names that it was told of."""

    def __init__(self) -> None:
        """Begin with no names."""
        super().__init__()
        self.records: dict[tuple[str, int], list[Any]] = {}
        self.additional: list[Any] = []
        self.asked: list[tuple[str, str]] = []
        self.ttl = TTL
        self.held: list[Deferred[Any]] | None = None
        """While this is a list, answers wait in it."""

    def add(self, name: str, *payloads: Any) -> None:
        """Add records of one kind."""
        self.records.setdefault((name, payloads[0].TYPE), []).extend(payloads)

    def host(self, name: str, *addresses: str) -> None:
        """Add addresses."""
        for address in addresses:
            kind = dns.Record_AAAA if ":" in address else dns.Record_A
            self.add(name, kind(address, self.ttl))

    def srv(self, name: str, *servers: tuple[int, int, int, str]) -> None:
        """Add servers: priority, weight, port, target."""
        self.add(name, *[dns.Record_SRV(*server, ttl=self.ttl) for server in servers])

    def naptr(self, name: str, *services: tuple[int, int, str, str]) -> None:
        """Add services: order, preference, service, replacement."""
        for order, preference, service, replacement in services:
            self.add(
                name,
                dns.Record_NAPTR(
                    order, preference, b"s", service.encode(), b"", replacement.encode(), ttl=self.ttl
                ),
            )

    def _lookup(self, name: bytes, cls: int, type: int, timeout: Any) -> Deferred[Any]:
        text = name.decode().lower()
        self.asked.append((text, dns.QUERY_TYPES.get(type, str(type))))
        payloads = self.records.get((text, type), [])
        if payloads:
            found = [dns.RRHeader(name, type, cls, self.ttl, payload, auth=True) for payload in payloads]
            answer: Deferred[Any] = succeed((found, [], self.additional))
        elif any(known == text for known, _ in self.records):
            answer = succeed(([], [], []))
        else:
            answer = fail(DNSNameError(name))
        if self.held is None:
            return answer
        waiting: Deferred[Any] = Deferred()
        self.held.append(waiting)
        return waiting.addCallback(lambda _: answer)
