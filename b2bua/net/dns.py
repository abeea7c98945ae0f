"""
DNS for RFC 3263, on twisted.names.

What was found is remembered as long as it says itself, and so is, for a
shorter time, that there is nothing; a question that is under way is not asked
twice.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection
from random import Random
from typing import Any, NamedTuple, TypeAlias

from twisted.internet.defer import Deferred, ensureDeferred, gatherResults, succeed
from twisted.logger import Logger
from twisted.names import dns
from twisted.names.error import DNSNameError, DNSQueryTimeoutError, DomainError
from twisted.python.failure import Failure

from b2bua.net.address import is_numeric
from b2bua.net.hosts import HostsFile
from b2bua.net.locate import (
    UDP_ONLY,
    Hop,
    Supported,
    default_transport,
    domain_of,
    port_of,
    target_of,
    transport_of,
)
from b2bua.wire.uri import Uri

Records: TypeAlias = tuple[Any, ...]
"""The payloads of the records that answer a question."""
Answer: TypeAlias = Records | None
"""None where nobody answers, so that it is not known whether there are any."""
Key: TypeAlias = tuple[str, int]

# Seconds to wait for an answer, for each time that a server is asked.
PATIENCE = (1, 2, 4)
MAX_ENTRIES = 20_000
# Nothing is believed for longer than this, nor a failure for less.
LONGEST = 86_400.0
# RFC 2308: how long there is nothing, unless the zone says less.
NOTHING = 300.0
# A server that fails or is silent is not asked with each call.
FAILED = 5.0
# However many records a zone has, so many servers are tried.
MAX_HOPS = 20

# RFC 3263 section 4.1, RFC 7118 section 5.5
SERVICES = {
    b"SIP+D2U": "UDP",
    b"SIP+D2T": "TCP",
    b"SIPS+D2T": "TLS",
    b"SIP+D2W": "WS",
    b"SIPS+D2W": "WSS",
}
PREFIXES = {"UDP": "_sip._udp.", "TCP": "_sip._tcp.", "TLS": "_sips._tcp."}


class _Entry(NamedTuple):
    until: float
    records: Answer


class DnsCache:
    """Asks a resolver, and remembers the answers by their TTL."""

    log = Logger()

    def __init__(self, resolver: Any, now: Callable[[], float]) -> None:
        """
        Know nothing.

        @param resolver: L{twisted.internet.interfaces.IResolver}.
        """
        self._resolver = resolver
        self._now = now
        self._entries: dict[Key, _Entry] = {}
        self._asked: dict[Key, list[Deferred[Answer]]] = {}
        self.questions = self.unanswered = 0
        """How many servers of names were asked, and how many did not answer."""

    def look(self, name: str, kind: int) -> Deferred[Answer]:
        """Find the records of a kind; None if nobody answers."""
        key = (name.lower(), kind)
        entry = self._entries.get(key)
        if entry is not None and entry.until > self._now():
            return succeed(entry.records)
        waiting: Deferred[Answer] = Deferred()
        if key in self._asked:
            self._asked[key].append(waiting)
            return waiting
        self._asked[key] = [waiting]
        self.questions += 1
        question = self._resolver.query(dns.Query(name, kind, dns.IN), PATIENCE)
        question.addCallbacks(self._found, self._failed, callbackArgs=(key,), errbackArgs=(key,))
        question.addCallback(self._tell, key)
        return waiting

    def _tell(self, records: Answer, key: Key) -> None:
        """Tell everybody who has asked."""
        for waiting in self._asked.pop(key):
            waiting.callback(records)

    def _found(self, found: tuple[list[Any], list[Any], list[Any]], key: Key) -> Records:
        """Remember an answer, and what else came with it."""
        answers, authority, additional = found
        # An alias is followed by the server that knows it; the records bear the last name.
        mine = [one for one in answers if one.type == key[1]]
        if not mine:
            self._remember(key, (), min([NOTHING, *[_minimum(one) for one in authority]]))
            return ()
        records = tuple(one.payload for one in mine)
        self._remember(key, records, min(one.ttl for one in answers))
        extra: dict[Key, list[Any]] = {}
        for one in additional:
            if one.type in (dns.A, dns.AAAA):
                extra.setdefault((str(one.name).lower(), one.type), []).append(one)
        if key[1] == dns.SRV:
            targets = {str(record.target).lower() for record in records}
            for other, group in extra.items():
                if other[0] in targets and other not in self._entries:
                    payloads = tuple(one.payload for one in group)
                    self._remember(other, payloads, min(one.ttl for one in group))
        return records

    def _failed(self, failure: Failure, key: Key) -> Answer:
        """Remember for a while that there is nothing, or nobody who answers."""
        if failure.check(DNSNameError):
            self._remember(key, (), NOTHING)
            return ()
        if not failure.check(DomainError, DNSQueryTimeoutError):
            self.log.warn("DNS: {name}: {why}", name=key[0], why=failure.getErrorMessage())
        self.unanswered += 1
        self._remember(key, None, FAILED)
        return None

    def _remember(self, key: Key, records: Answer, seconds: float) -> None:
        now = self._now()
        if len(self._entries) >= MAX_ENTRIES:
            self._entries = {key: entry for key, entry in self._entries.items() if entry.until > now}
            if len(self._entries) >= MAX_ENTRIES:
                self._entries.clear()
        self._entries[key] = _Entry(now + min(seconds, LONGEST), records)


def _minimum(record: Any) -> float:
    """How long a zone says that there is nothing (RFC 2308 section 5)."""
    if record.type != dns.SOA:
        return NOTHING
    return float(min(record.ttl, record.payload.minimum))


class DnsLocator:
    """Finds the servers of a URI as RFC 3263 says."""

    log = Logger()

    def __init__(
        self,
        resolver: Any,
        now: Callable[[], float],
        random: Random,
        hosts: HostsFile | None = None,
        *,
        ipv6_first: bool = False,
    ) -> None:
        """
        Know nothing yet.

        @param resolver: L{twisted.internet.interfaces.IResolver}, say
            L{twisted.names.client.Resolver}.
        @param random: draws among servers of the same priority.
        @param hosts: by default C{/etc/hosts}.
        @param ipv6_first: for hosts with addresses of both kinds.  Over UDP it
            takes 32 seconds to learn that a way is broken, and those of IPv6
            are so more often.
        """
        self.cache = DnsCache(resolver, now)
        self._random = random
        self._hosts = hosts or HostsFile(now)
        self._kinds = (dns.AAAA, dns.A) if ipv6_first else (dns.A, dns.AAAA)

    def locate(self, uri: Uri, supported: Supported = UDP_ONLY) -> list[Hop] | Deferred[list[Hop]]:
        """Give the servers, best first; at once, if nobody has to be asked."""
        target = target_of(uri)
        if is_numeric(target):
            transport = transport_of(uri) or default_transport(supported)
            return [Hop(transport, target, port_of(uri, transport), domain_of(uri))]
        if target == "invalid" or target.endswith(".invalid"):
            return []  # RFC 6761 section 6.4: there never is such a name, and nobody is asked
        found = ensureDeferred(self._locate(uri, target, supported))
        if found.called:
            hops: list[list[Hop]] = []
            found.addCallback(hops.append)
            return hops[0] if hops else found
        return found

    async def _locate(self, uri: Uri, target: str, supported: Supported) -> list[Hop]:
        """Find the transport, then servers, then addresses."""
        domain = domain_of(uri)
        transport = transport_of(uri)
        # Who gives a name an address here wants no question asked.
        if uri.port is None and not self._hosts.get(target):
            services = await self._services(target, transport, uri.secure, supported)
            if services is None:
                self.log.warn("DNS: nobody says which servers {name} has; it is not called", name=target)
                return []
            for chosen, records in services:
                hops = []
                for host, port in self._in_order(records):
                    hops += [
                        Hop(chosen, ip, port, domain) for ip in await self._addresses(host, chosen, supported)
                    ]
                    if len(hops) >= MAX_HOPS:
                        break
                if hops:
                    return hops[:MAX_HOPS]
            if services:
                return []  # RFC 2782: there are such servers, but none can be reached
        transport = transport or default_transport(supported)
        port = port_of(uri, transport)
        addresses = await self._addresses(target, transport, supported)
        return [Hop(transport, ip, port, domain) for ip in addresses[:MAX_HOPS]]

    async def _services(
        self, target: str, transport: str | None, secure: bool, supported: Supported
    ) -> list[tuple[str, Records]] | None:
        """
        Give the SRV records for each transport that may be used, best first (section 4.1).

        Without an answer about them nobody knows whether the host itself is a
        server, and at which port: then it is None.  About NAPTR many home
        routers are silent for ever, so that counts as there being none.
        """
        names = {name for name, _ in supported}
        if transport is not None:
            wanted = [(transport, PREFIXES[transport] + target)] if transport in PREFIXES else []
        else:
            wanted = [
                (chosen, replacement)
                for chosen, replacement in _services_of(await self.cache.look(target, dns.NAPTR) or ())
                if chosen in names and (not secure or chosen in ("TLS", "WSS"))
            ]
            if not wanted:
                own = ("TLS",) if secure else ("UDP", "TCP")
                wanted = [(one, PREFIXES[one] + target) for one in own if one in names]
        records = await gatherResults([self.cache.look(name, dns.SRV) for _, name in wanted])
        found = [(chosen, group) for (chosen, _), group in zip(wanted, records, strict=True) if group]
        return None if not found and None in records else found

    def _in_order(self, records: Records) -> list[tuple[str, int]]:
        """
        Order servers by priority, and draw by weight among equals (RFC 2782).

        A lone "." says that the service is not there.
        """
        ordered: list[tuple[str, int]] = []
        left = sorted(records, key=lambda record: (record.priority, record.weight != 0))
        while left:
            group = [record for record in left if record.priority == left[0].priority]
            # From zero up, so that a weight of zero has a small chance.
            draw = self._random.randint(0, sum(record.weight for record in group))
            for chosen in group:
                draw -= chosen.weight
                if draw <= 0:
                    break
            left.remove(chosen)
            name = str(chosen.target).rstrip(".").lower()
            if name:
                ordered.append((name, chosen.port))
        return ordered

    async def _addresses(self, host: str, transport: str, supported: Supported) -> list[str]:
        """Find the addresses of a host that we have a wire for."""
        if is_numeric(host):  # not allowed in SRV, but seen
            return [host]
        known = self._hosts.get(host)
        if known:
            return [one for one in known if (transport, ":" in one) in supported]
        kinds = [kind for kind in self._kinds if (transport, kind == dns.AAAA) in supported]
        found = await gatherResults([self.cache.look(host, kind) for kind in kinds])
        return [_address(record) for records in found for record in records or ()]


def _services_of(records: Collection[Any]) -> list[tuple[str, str]]:
    """
    Read NAPTR records: transport and the name to ask for SRV records, in order.

    Only the flag "s" is for SIP, with a replacement and no expression.
    """
    usable = [
        record
        for record in records
        if record.flags.string.lower() == b"s" and record.service.string.upper() in SERVICES
    ]
    usable.sort(key=lambda record: (record.order, record.preference))
    return [(SERVICES[one.service.string.upper()], str(one.replacement)) for one in usable]


def _address(record: Any) -> str:
    """The address of an A or AAAA record as text."""
    family = socket.AF_INET6 if record.TYPE == dns.AAAA else socket.AF_INET
    return socket.inet_ntop(family, record.address)
