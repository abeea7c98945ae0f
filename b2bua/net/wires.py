"""Which wire leads where, what we are called there, and which servers lately were dead."""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable
from math import inf
from typing import Protocol, TypeAlias, runtime_checkable

from b2bua.net.address import WILDCARDS, covers, host_port, is_ipv4, is_ipv6, source_for
from b2bua.net.locate import Hop, Supported
from b2bua.transactions.flow import Flow
from b2bua.wire.message import Response

Remote: TypeAlias = tuple[str, tuple[str, int]]
Place: TypeAlias = tuple[str, str, int | None, str]
"""What of a URI says where it leads: see L{b2bua.wire.uri.Uri.server}."""
MOST_DEAD = 1000
LONGEST_DEAD = 3600.0
"""So many seconds a server is asked last, whatever its Retry-After says."""
# What some wires can reach besides what they are named after.
EVERYWHERE = "198.51.100.1"
"""Stands for a host that is not known: an address that nobody has, by the route to everywhere (RFC 5737)."""
MOST_WIRES = 10_000
ROUTES_HOLD = 60.0


class Wire(Protocol):
    """Where messages leave: a socket, or a set of connections."""

    transport: str
    local: tuple[str, int]

    def send(self, data: bytes, flow: Flow) -> None:
        """
        Send it; an error is told to the runner, but not before this returns.

        A connection that is not there yet is opened.
        """


@runtime_checkable
class ConnectingWire(Protocol):
    """A wire of connections."""

    def flow_to(self, remote: tuple[str, int], name: str) -> Flow | None:
        """
        Give the flow of a connection that is open, or of one to be opened when it is used.

        @param name: the domain that the peer has to prove (RFC 5922).
        """

    def part(self, keep: Container[Flow]) -> None:
        """Close the connections that are not to be kept."""

    def withdraw(self, flow: Flow, key: Hashable) -> None:
        """
        Do not send a request that waits for its connection still.

        @param key: see L{b2bua.transactions.matching.sent_key}.
        """


class Wires:
    """The wires of a server, and what is known of those at their other ends."""

    def __init__(
        self,
        now: Callable[[], float],
        dead: float,
        source: Callable[[str], str | None] = source_for,
    ) -> None:
        """
        Begin without wires.

        @param dead: seconds that a server that did not answer is asked last.
        @param source: finds the address of ours from which a host is reached.
        """
        self._now = now
        self._ask_routes = source
        self._dead_time = dead
        self._attached: list[Wire] = []
        self._lent: list[Wire] = []
        self._advertised: dict[Wire, str] = {}
        self._connecting: dict[Wire, ConnectingWire] = {}
        self.by_address: dict[Remote, Wire] = {}
        """The wire of each local address that is known to have one; see L{wire_of}."""
        self.supported: Supported = frozenset()
        self._sources: dict[str, str | None] = {}
        self._learnt = 0.0
        self._hosts: dict[Remote, str] = {}
        self.vias: dict[Remote, str] = {}
        """The value of our Via for each local address; see L{via_of}."""
        self.places: dict[Place, tuple[Flow, float]] = {}
        """Where the URIs of addresses lead by UDP, and until when that holds; see L{remember}."""
        self.dead: dict[Remote, float] = {}
        """Which servers did not answer lately, and until when they are asked last."""

    def attach(self, wire: Wire, advertise: str) -> None:
        """Use a wire; C{advertise} is C{host} or C{host:port}, or empty."""
        self._attached.append(wire)
        self._advertised[wire] = advertise
        if isinstance(wire, ConnectingWire):
            self._connecting[wire] = wire
        self._forget()

    def lend(self, wire: Wire, advertise: str) -> None:
        """Use a wire of another process, for what belongs to flows of it; it leads nowhere else."""
        self._lent.append(wire)
        self._advertised[wire] = advertise
        self._forget()

    def take_back(self, wire: Wire) -> None:
        """Use it no more."""
        self._lent.remove(wire)
        del self._advertised[wire]
        self._forget()

    @property
    def own(self) -> list[tuple[Wire, str]]:
        """Those that are attached, with what each one advertises."""
        return [(wire, self._advertised[wire]) for wire in self._attached]

    def is_own(self, flow: Flow) -> bool:
        """Is the wire of a flow one of ours?"""
        return self.wire_of(flow) in self._attached

    def part(self, keep: Container[Flow]) -> None:
        """Close all connections but these."""
        for wire in self._connecting.values():
            wire.part(keep)

    def withdraw(self, flow: Flow, key: Hashable) -> None:
        """Do not send a request that waits for its connection still; it goes another way."""
        wire = self.wire_of(flow)
        if wire in self._connecting:
            self._connecting[wire].withdraw(flow, key)

    def detach(self, wire: Wire) -> None:
        """Use it no more."""
        self._attached.remove(wire)
        del self._advertised[wire]
        self._connecting.pop(wire, None)
        self._forget()

    def _forget(self) -> None:
        """Begin anew to learn which wire leads where."""
        self.by_address.clear()
        wires = (*self._lent, *self._attached)
        self.by_address.update({(one.transport, one.local): one for one in wires})
        self._hosts.clear()
        self.vias.clear()
        self.places.clear()
        self.supported = frozenset((one.transport, is_ipv6(one.local[0])) for one in self._attached)

    def wire_of(self, flow: Flow) -> Wire | None:
        """Find the wire that a flow uses; it may be bound to all addresses."""
        wire = self.by_address.get(flow[:2])
        if wire is not None:
            return wire
        host, port = flow.local
        for one in (*self._attached, *self._lent):
            if (one.transport, one.local[1]) == (flow.transport, port) and covers(one.local[0], host):
                if len(self.by_address) >= MOST_WIRES:
                    self._forget()
                self.by_address[flow[:2]] = one
                return one
        return None

    def contact_host(self, flow: Flow) -> str:
        """C{host:port} by which the peer of C{flow} reaches us."""
        way = flow[:2]
        if way not in self._hosts:
            if len(self._hosts) >= MOST_WIRES:
                self._hosts.clear()
            self._hosts[way] = self._contact_host(flow)
        return self._hosts[way]

    def local_host(self, host: str) -> str:
        """Our address as a host reaches it, a name by the route to everywhere; empty if no wire fits."""
        known = is_ipv6(host) or is_ipv4(host)
        found = [one.local[0] for one in self._attached if is_ipv6(one.local[0]) == is_ipv6(host)]
        if len({*found}) == 1 and found[0] not in WILDCARDS:
            return found[0]
        source = self._source(host if known else EVERYWHERE) or ""
        return source if source in found or not WILDCARDS.isdisjoint(found) else next(iter(found), "")

    def via_of(self, flow: Flow) -> str:
        """
        Give the value of our Via for C{flow}, up to the branch.

        With C{rport}, so that the answer comes to the port that we send from
        (RFC 3581 section 3); on a connection it comes back anyway.  Over TLS
        we say that the peer may use the connection for its requests too (RFC
        5923 section 8.1).
        """
        way = flow[:2]
        if way not in self.vias:
            ask = {"UDP": ";rport", "TLS": ";alias"}.get(flow.transport, "")
            if len(self.vias) >= MOST_WIRES:
                self.vias.clear()
            self.vias[way] = f"SIP/2.0/{flow.transport} {self.contact_host(flow)}{ask};branch="
        return self.vias[way]

    def _contact_host(self, flow: Flow) -> str:
        """Work out what L{contact_host} remembers."""
        wire = self.wire_of(flow)
        advertised = self._advertised.get(wire, "") if wire is not None else ""
        if not advertised:
            return host_port(*flow.local)
        bracket = advertised.rfind("]")
        return advertised if ":" in advertised[bracket + 1 :] else f"{advertised}:{flow.local[1]}"

    def flow_to(self, hop: Hop) -> Flow | None:
        """Give the flow to a server; None without a wire that leads there."""
        remote = (hop.host, hop.port)
        for wire in self._leading(hop):
            local = wire.local
            if wire in self._connecting:
                flow = self._connecting[wire].flow_to(remote, hop.name)
                if flow is not None:
                    return flow
            elif local[0] not in WILDCARDS:
                return Flow(wire.transport, local, remote)
            elif (source := self._source(hop.host)) is not None:
                return Flow(wire.transport, (source, local[1]), remote)
        return None

    def _leading(self, hop: Hop) -> list[Wire]:
        """
        Give the wires that may lead to a server, those by the right network first.

        Of several sockets that have an address each, the one whose address the
        kernel's routes choose: no other network sends answers back to it.
        """
        six = is_ipv6(hop.host)
        found = [
            one for one in self._attached if one.transport == hop.transport and is_ipv6(one.local[0]) == six
        ]
        if len(found) > 1:
            right = (*WILDCARDS, self._source(hop.host))
            found.sort(key=lambda one: one.local[0] not in right)
        return found

    def _source(self, host: str) -> str | None:
        """Ask the kernel's routes, not more often than once a minute for each host."""
        now = self._now()
        if len(self._sources) >= MOST_WIRES or now - self._learnt > ROUTES_HOLD:
            self._sources.clear()
            self._learnt = now
        if host not in self._sources:
            self._sources[host] = self._ask_routes(host)
        return self._sources[host]

    def by_tcp(self, flow: Flow) -> Flow | None:
        """
        Give the flow for a request too large for the UDP one (RFC 3261 section 18.1.1).

        None without TCP, or when the peer did not take it lately.
        """
        if self.is_dead("TCP", flow.remote):
            return None
        return self.flow_to(Hop("TCP", *flow.remote))

    def flows(self, hops: list[Hop]) -> list[Flow]:
        """Give the flows to servers, those that lately were dead last."""
        flows = [flow for hop in hops if (flow := self.flow_to(hop)) is not None]
        if self.dead and len(flows) > 1:
            flows.sort(key=lambda flow: self.is_dead(flow.transport, flow.remote))
        return flows

    def remember(self, place: Place, flow: Flow) -> None:
        """
        Note the flow to the only server of a URI whose host is an address.

        It is the same for each request, as long as we have the same wires, and
        the route to it counts as known.  A connection may be closed by then.
        Of a transport that does not exist peers can write as much as they like.
        """
        if flow.transport != "UDP" or place[3].upper() not in ("", "UDP"):
            return
        if len(self.places) >= MOST_WIRES:
            self.places.clear()
        by_route = flow.remote[0] in self._sources
        self.places[place] = flow, self._learnt + ROUTES_HOLD if by_route else inf

    def is_dead(self, transport: str, remote: tuple[str, int]) -> bool:
        """Did a server not answer lately?"""
        return bool(self.dead) and self.dead.get((transport, remote), 0.0) > self._now()

    def answered(self, flow: Flow, response: Response) -> None:
        """Note that a server is alive, or says itself that it is not (503)."""
        if response.code == 503:
            after = response.retry_after
            self.bury(flow, None if after is None else min(after, LONGEST_DEAD))
        elif self.dead:
            self.dead.pop((flow.transport, flow.remote), None)

    def bury(self, flow: Flow, seconds: float | None = None) -> None:
        """Ask a server last for some time."""
        now = self._now()
        if len(self.dead) >= MOST_DEAD:
            self.dead = {key: until for key, until in self.dead.items() if until > now}
        if len(self.dead) < MOST_DEAD:
            until = now + (self._dead_time if seconds is None else seconds)
            self.dead[flow.transport, flow.remote] = until
