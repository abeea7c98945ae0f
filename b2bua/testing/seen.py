"""What the witness has seen: requests of the server and of its peers, with what came of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from b2bua.testing.network import Address
from b2bua.wire.message import Request, Response


@dataclass(slots=True)
class Sent:
    """A request of the server, as it left, and what came back."""

    request: Request
    peer: str
    data: bytes
    at: float
    destination: Address
    provisional: bool = False
    final: Response | None = None
    finished: float = -inf
    """When that came."""
    given_up: float = inf
    """When the server stopped waiting: there was no response, or no way for one."""
    stray: bool = False
    """Was its first 2xx so late that nobody remembers the INVITE?"""
    orphaned: bool = False
    """Has its process died, so that the next one may not know that it was answered?"""


@dataclass(slots=True)
class Came:
    """A request of a peer, as it arrived, and what the server answered."""

    request: Request
    at: float
    source: Address
    answers: list[Response] = field(default_factory=list)
    excused: bool = False
    """Has its sender closed the connection on which it came?"""
    orphaned: bool = False
    """Has its process died, so that the next one may not know how it was answered?"""
    answered: float = inf
    """When the final answer was given; so long, and PATIENCE more, it is remembered (Timers H, I, J)."""

    @property
    def final(self) -> Response | None:
        """The final answer, if it was given."""
        return self.answers[-1] if self.answers and self.answers[-1].code >= 200 else None
