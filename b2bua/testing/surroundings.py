"""
What everybody in a simulated world shares: the clock, chance, the network, and who is there.

It is the ground on which phones and servers stand; L{b2bua.testing.world} makes them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container, Sequence
from random import Random
from typing import TYPE_CHECKING, NamedTuple, Protocol

from b2bua.testing import ladder
from b2bua.testing.clock import StandingClock
from b2bua.testing.network import Address, Network
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.media.ports import IRelays, IVoices

DAWN = 20_006 * 86400.0
"""A midnight from Wednesday to Thursday, as that of 1970 was."""


UNDER_WAY = 1.0
"""So many seconds after its end a message of a process may still come, behind those of the next one."""


class Present(Protocol):
    """Who is there, as others see them."""

    name: str
    mark: str
    host: str
    hosts: set[str]
    port: int
    gone: bool


class Violation(NamedTuple):
    """A rule that somebody broke."""

    at: float
    who: str
    what: str
    section: str

    def __str__(self) -> str:
        """One line for a report."""
        return f"{self.at:.3f} {self.who}: {self.what} ({self.section})"


class IHeardThrough(Protocol):
    """Knows the ports of relays."""

    def die(self, calls: Container[str]) -> None:
        """The server of some calls has died."""

    def heard_at(self, place: Address | None) -> Address | None:
        """Where is heard what is sent to a place."""


class Surroundings:
    """A clock that stands still, and a network without anybody on it."""

    agents: Sequence[Present]
    voices: IVoices
    """What a server plays and hears."""
    relays: IHeardThrough
    """Where is heard what a server passes on."""
    passes_on: IRelays | None
    """By what a server passes media on, if by anything."""

    def __init__(self, seed: int, domain: str) -> None:
        """
        Begin at midnight.

        @param seed: where all that is random comes from.
        """
        self.seed = seed
        self.random = Random(seed)
        self.clock = StandingClock()
        self.dawn = DAWN
        """The time of day when the clock began, until somebody sets it."""
        self.network = Network(self.clock, self.random)
        self.domain = domain
        self.violations: list[Violation] = []
        """Rules that were broken."""
        self.troubles: list[Violation] = []
        """What phones missed; on a network that loses packets it may happen."""
        self.server_address: Address | None = None
        self.died = -UNDER_WAY
        """When a process of the server crashed last."""
        self._marks = 0
        self._media_port = 10_000
        self._parsed: OrderedDict[bytes, Request | Response] = OrderedDict()

    def wall(self) -> float:
        """The time of day, in seconds since 1970; by the clock it cannot be mistaken for a time of ours."""
        return self.dawn + self.clock.seconds()

    # What agents need

    def new_mark(self) -> tuple[str, int]:
        """Give an agent what all its identifiers will begin with, and its number."""
        self._marks += 1
        return f"zq{self._marks:03d}", self._marks

    def new_media_port(self) -> int:
        """Give a session a port that no other has; after some thousands they come again."""
        self._media_port = self._media_port + 10 if self._media_port < 65_000 else 10_010
        return self._media_port

    def mark_of(self, host: str) -> str:
        """Find what all identifiers of the agent at an address begin with."""
        return next((agent.mark for agent in self.agents if agent.host == host), "")

    def hosts_of(self, host: str) -> set[str]:
        """Find every address that the agent at an address has had: a dialog may name an older one."""
        return next((agent.hosts for agent in self.agents if agent.host == host), {host})

    def may_be_unanswered(self, host: str) -> bool:
        """Is whoever was there gone, so that nothing can be expected to be finished with it?"""
        return any(agent.gone for agent in self.agents if agent.host == host)

    def spoken_to(self) -> set[Address]:
        """Where the voices go of those who are there."""
        raise NotImplementedError

    def locate(self, agent: Present, request: Request) -> Address:
        """Say where the URI of a request points, for agents without a server."""
        routes = request.routes
        uri = routes[0].uri if routes else request.request_uri
        for other in self.agents:
            if uri.host == self.domain and uri.user == other.name:
                return other.host, other.port
        return uri.host, uri.port or 5060

    def parsed(self, data: bytes, parse: Callable[[bytes], Request | Response]) -> Request | Response:
        """Parse what several parties look at only once."""
        message = self._parsed.get(data)
        if message is None:
            message = self._parsed[data] = parse(data)
            if len(self._parsed) > 64:
                self._parsed.popitem(last=False)
        return message

    def violation(self, who: str, what: str, section: str) -> None:
        """Note that somebody broke a rule."""
        self.violations.append(Violation(self.clock.seconds(), who, what, section))

    def trouble(self, who: str, what: str, section: str) -> None:
        """Note what may happen on a bad network, and is a broken rule on a good one."""
        where = self.troubles if not self.network.faithful else self.violations
        where.append(Violation(self.clock.seconds(), who, what, section))

    # What is said of it

    def ladder(self) -> str:
        """Draw all that went over the network."""
        return ladder.draw(self.network.log, self.network.names)

    def failure(self, complaint: str) -> AssertionError:
        """Make the exception that says what is wrong, with seed and ladder."""
        return AssertionError(f"{complaint}\nseed {self.seed}\n\n{self.ladder()}")
