"""Messages for the tests of this directory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from b2bua.transactions.effects import Effects, TimerValues
from b2bua.transactions.flow import Flow
from b2bua.transactions.invite_client import InviteClient
from b2bua.transactions.invite_server import InviteServer
from b2bua.transactions.non_invite_client import NonInviteClient
from b2bua.transactions.non_invite_server import NonInviteServer
from b2bua.wire.message import Request, Response, write
from b2bua.wire.parser import parse


class Start(NamedTuple):
    """A timer was started."""

    letter: str
    seconds: float


class StartBoth(NamedTuple):
    """Both timers were."""

    repeats: str
    after: float
    ends: str
    at_last: float


class Lingers(NamedTuple):
    """What comes again is to be met without the machine."""

    letter: str
    seconds: float


class Failed(NamedTuple):
    """The transaction user was told of a failure."""

    code: int


class Plain(NamedTuple):
    """An effect that says nothing more."""

    name: str


STOP_REPEATS, STOP, CANCEL, ENDED = map(Plain, ("stop repeats", "stop", "cancel", "ended"))
Wanted: TypeAlias = bytes | Response | Start | StartBoth | Lingers | Failed | Plain
REPEATS = ("A", "E", "G", "100")


class Noting(Effects):
    """Does nothing of what a machine wants, and notes it."""

    wanted: list[Wanted]
    way = Flow("UDP", ("192.0.2.1", 5060), ("192.0.2.8", 5060))

    @property
    def transport(self) -> Noting:
        """It notes what is sent, too."""
        return self

    def send(self, data: bytes, flow: Flow) -> None:
        """Note it."""
        assert flow is self.way
        self.wanted.append(data)

    def deliver(self, response: Response) -> None:
        """Note it."""
        self.wanted.append(response)

    def tell_failure(self, code: int) -> None:
        """Note it."""
        self.wanted.append(Failed(code))

    def send_cancel(self) -> None:
        """Note it."""
        self.wanted.append(CANCEL)

    def start_repeats(self, letter: str, seconds: float) -> None:
        """Note it."""
        assert letter in REPEATS
        self.wanted.append(Start(letter, seconds))

    def start_ends(self, letter: str, seconds: float) -> None:
        """Note it."""
        assert letter not in REPEATS
        self.wanted.append(Start(letter, seconds))

    def start_both(self, repeats: str, after: float, ends: str, at_last: float) -> None:
        """Note it."""
        self.wanted.append(StartBoth(repeats, after, ends, at_last))

    def stop_repeats(self) -> None:
        """Note it."""
        self.wanted.append(STOP_REPEATS)

    def stop(self) -> None:
        """Note it."""
        self.wanted.append(STOP)

    def linger(self, letter: str, seconds: float) -> None:
        """Note it."""
        self.wanted.append(Lingers(letter, seconds))

    def over(self) -> None:
        """Note it."""
        self.wanted.append(ENDED)


class NotedInviteClient(Noting, InviteClient):
    """An INVITE of ours."""


class NotedNonInviteClient(Noting, NonInviteClient):
    """Another request of ours."""


class NotedInviteServer(Noting, InviteServer):
    """An INVITE of a peer."""


class NotedNonInviteServer(Noting, NonInviteServer):
    """Another request of a peer."""


class Played:
    """A machine whose methods give what they want done."""

    def __init__(self, machine: InviteClient | NonInviteClient | InviteServer | NonInviteServer) -> None:
        """Take a machine that notes it."""
        self.machine: Any = machine

    def __getattr__(self, name: str) -> Any:
        """Give an attribute of the machine, or a method that gives its effects."""
        found = getattr(self.machine, name)
        return self._noted(found) if callable(found) else found

    def _noted(self, method: Callable[..., None]) -> Callable[..., tuple[Wanted, ...]]:
        """Make a method give what it wants done."""

        def call(*args: Any, **named: Any) -> tuple[Wanted, ...]:
            self.machine.wanted = []
            method(*args, **named)
            return tuple(self.machine.wanted)

        return call


def played(request: Request, *, server: bool, reliable: bool, timers: TimerValues | None = None) -> Played:
    """Make the machine for a request that has not started."""
    timers, invite = timers or TimerValues(), request.method == "INVITE"
    if server:
        answering = NotedInviteServer if invite else NotedNonInviteServer
        return Played(answering(request, timers, reliable=reliable))
    asking = NotedInviteClient if invite else NotedNonInviteClient
    return Played(asking(request, write(request), timers, reliable=reliable))


def request(
    method: str = "INVITE",
    *,
    uri: str = "sip:bob@192.0.2.2",
    via: str = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa",
    to: str = "<sip:bob@example.com>",
    cseq: int = 1,
    more: tuple[tuple[str, str], ...] = (),
) -> Request:
    """Make a request as Alice sends it."""
    return Request(
        method,
        uri,
        [
            ("Via", via),
            ("Max-Forwards", "70"),
            ("From", "Alice <sip:alice@example.com>;tag=a1"),
            ("To", to),
            ("Call-ID", "call-1"),
            ("CSeq", f"{cseq} {method}"),
            *more,
        ],
    )


def response(to: Request, code: int, tag: str = "b1") -> Response:
    """Answer it."""
    return to.response(code, to_tag=tag)


def brief(effects: tuple[Wanted, ...]) -> list[object]:
    """Shorten effects so that they can be compared and read."""
    short: list[object] = []
    for effect in effects:
        if isinstance(effect, bytes):
            message = parse(effect)
            short.append(message.method if isinstance(message, Request) else message.code)
        else:
            short.append(effect)
    return short
