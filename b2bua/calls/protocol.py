"""
What the parts of a call ask of it, and of what all calls share.

Routing, the bridge and the operations stand below the call and know no more
of it than this.  What one of them needs besides, it says in its own file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from b2bua.calls import face

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.logger import Logger

    from b2bua.calls.draft import Script
    from b2bua.calls.identity import Identities
    from b2bua.calls.ports import Decisions, Destination, Directory, Listener, Relaying
    from b2bua.clock import ITimer
    from b2bua.dialogs.index import DialogIndex
    from b2bua.legs.context import Invitation, LegContext
    from b2bua.legs.leg import Leg
    from b2bua.legs.words import Answered, Fields, Requested, Word
    from b2bua.media.ports import IRelays, IVoices
    from b2bua.transactions.ports import ITransactionLayer

T = TypeVar("T")


class Shared(Protocol):
    """What all calls of a server share."""

    @property
    def context(self) -> LegContext[Leg]:
        """What all legs share."""

    @property
    def directory(self) -> Directory:
        """Who is where."""

    @property
    def identities(self) -> Identities:
        """How parties are presented to each other."""

    @property
    def features(self) -> Decisions:
        """The features of now; a call keeps those that it began with."""

    @property
    def dialogs(self) -> DialogIndex[Leg]:
        """All dialogs of legs."""

    @property
    def voices(self) -> IVoices | None:
        """Who can play and listen; None where nobody can."""

    @property
    def relays(self) -> IRelays | None:
        """Who can pass media on; None where nobody can."""

    @property
    def entertained(self) -> Callable[[Leg, Word], bool]:
        """Looks at a word on its way to a leg: is its party about to wait, and is there something to hear?"""

    @property
    def layer(self) -> ITransactionLayer:
        """The transaction layer, which has the clock."""

    @property
    def now(self) -> Callable[[], float]:
        """The clock that nobody sets."""

    @property
    def token(self) -> Callable[[], str]:
        """Gives what nobody can guess: tags, Call-IDs, ids."""

    @property
    def log(self) -> Logger:
        """Where faults of ours are written."""

    def run(self, step: Callable[..., None], *values: Any) -> None:
        """Take a step now, or when the present one is done."""

    def run_in(self, call: Any, step: Callable[..., None], *values: Any) -> None:
        """Take a step of a call, which ends the call if it breaks."""

    def tell_of(self, call: Any) -> None:
        """Who talks to whom has changed in a call, or who rings: features hear so when the step is done."""

    def later(self, seconds: float, step: Callable[..., None], *values: Any) -> ITimer:
        """Take a step after C{seconds}."""
        raise NotImplementedError

    def when(self, answer: T | Deferred[T], then: Callable[[T], None], broken: Callable[[], None]) -> None:
        """
        Go on with an answer: at once when it is there already, else when it has come.

        @param broken: called if that fails later: answers whoever asked all the same.
        """


class ForWhom(Protocol):
    """For whom a target is sought, as far as it matters to who answers."""

    @property
    def who(self) -> object:
        """The leg that is to be connected, if there is one yet."""

    @property
    def offer(self) -> bytes | None:
        """Its session; None if it has made no offer."""


class Asking(Protocol):
    """We talk to whoever has answered, before they get the call."""

    def put(self, word: Answered) -> None:
        """Begin, with what the party has answered."""

    def move(self, call: Any, caller: ForWhom) -> None:
        """Go on in another call, for whom it is now."""

    def stop(self) -> None:
        """The call is somebody else's: nobody is told any more."""


class LiveCall(face.Call, Protocol):
    """A call as its parts see it: legs come, are listened to, and go."""

    joins: bool
    """May it lead to a conference only (RFC 3911)?"""

    @property
    def calls(self) -> Shared:
        """What it shares with all others."""

    @property
    def features(self) -> Decisions:
        """The generation of features that it began with."""

    @property
    def legs(self) -> Sequence[Leg]:
        """All legs that it has now."""

    @property
    def max_forwards(self) -> int:
        """What is left of the caller's Max-Forwards."""

    @property
    def max_breadth(self) -> int:
        """The caller's Max-Breadth, as far as we go along with it."""

    def wall(self) -> float:
        """The time of day."""
        raise NotImplementedError

    # ---- legs -----------------------------------------------------------

    @property
    def relay(self) -> Relaying | None:
        """Those of its media that pass through a relay; None where none can."""

    def open_leg(self, destination: Destination, invitation: Invitation, by: object = None) -> Leg:
        """
        Send an INVITE.

        @param by: the leg whose party makes the offer, if it is one.
        """
        raise NotImplementedError

    def pass_on(self, by: Leg, to: Leg, word: Word) -> None:
        """Say a word to a leg that is that of the party of another one."""
        raise NotImplementedError

    def talk_first(
        self,
        leg: Leg,
        confirm: tuple[str, ...],
        first: Script | None,
        caller: ForWhom,
        then: Callable[[Answered | None], None],
    ) -> Asking:
        """Talk to whoever has answered, and ask whether they take the call, before they get it."""
        raise NotImplementedError

    def take(self, leg: Leg) -> None:
        """Make a leg one of its own."""

    def listen(self, leg: Leg, listener: Listener) -> None:
        """From now on C{listener} hears the words of C{leg}."""

    def hang_up(self, leg: Leg, why: str = "bye", fields: Fields = ()) -> None:
        """End a leg, in whatever state it is."""

    def refuse(self, leg: Leg, code: int, reason: str = "", fields: Fields = ()) -> None:
        """Turn away a leg that has not been answered."""

    def unowned(self, leg: Leg, request: Requested) -> None:
        """Find an answer to a request of a leg that nobody owns."""

    # ---- how far it is --------------------------------------------------

    def was_taken(self, leg: Leg | None) -> None:
        """The caller was answered by C{leg}, or by ourselves."""

    def leg_was_answered(self, leg: Leg) -> None:
        """A leg that came in later was answered."""

    def talks_with(self, leg: Leg) -> None:
        """Somebody talks to C{leg}."""

    def changed(self) -> None:
        """Who talks to whom has changed, who holds, rings or waits."""

    # ---- the end --------------------------------------------------------

    def hold_open(self) -> None:
        """An operation begins: the call is not over even without a leg."""

    def let_close(self) -> None:
        """An operation is done."""

    def end(self, fields: Fields = (), why: str = "bye", by: str = "") -> None:
        """Hang up every leg, and ring no more."""

    def abandon(self) -> None:
        """A step of ours broke: end what can be ended."""
