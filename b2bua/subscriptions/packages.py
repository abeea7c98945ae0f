"""Event packages: what a feature brings along so that something can be watched (RFC 6665 section 5.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from b2bua.calls.verdicts import Refuse

if TYPE_CHECKING:
    from b2bua.legs.party import Party
    from b2bua.wire.fields import Event
    from b2bua.wire.message import Field


NOTHING: frozenset[str] = frozenset()


class Body(NamedTuple):
    """What a NOTIFY says of the state of a resource."""

    type: str = ""
    """The value of Content-Type; empty for a NOTIFY that says all in its header."""
    content: bytes = b""
    fields: tuple[Field, ...] = ()
    """More header fields: Call-Info, say."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who watches, and how it wants to be told."""

    party: Party
    uri: str
    """What it subscribed to, as it wrote it; without a user if that stood in To."""
    event: Event
    """The value of Event, with its parameters."""
    user_agent: str
    accepts: str
    """The type of body that was agreed on."""
    supports: frozenset[str]
    """The option tags of its Supported."""
    version: int = 0
    """The place of this NOTIFY among those of the subscription, from 0; it never goes back."""
    id: str = ""
    """What tells this subscription from all others."""
    contact: str = ""
    """The URI by which the phone says that it is reached."""
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """The header fields of its first SUBSCRIBE that the package wants to see, each with its values."""
    heard: int | None = None
    """
    The version of the document that it has taken last; None if it is to be told all.

    So a package may tell what has changed since, where that is shorter.  All is
    told upon a SUBSCRIBE, and to who may have missed something.
    """


class EventPackage:
    """
    Something that can be watched.

    A feature makes one, and says what it is by what it overrides.  Its methods
    are called one at a time, to their end: they may not wait.
    """

    name: str = ""
    """What stands in Event."""
    bodies: tuple[str, ...] = ()
    """The types of body that its NOTIFYs may have, the usual one first."""
    commands: tuple[str, ...] = ()
    """The types of body that a SUBSCRIBE may have; such a body is a command."""
    publications: tuple[str, ...] = ()
    """The types of body that phones may publish for it (RFC 3903); none takes no PUBLISH."""
    option_tags: frozenset[str] = frozenset()
    """The option tags that a SUBSCRIBE may require."""
    default_expires: int = 3600
    """Seconds of a subscription that asks for no time."""
    min_expires: int | None = None
    """The shortest that is granted, in seconds; None takes that of the configuration."""
    max_expires: int | None = None
    """The longest, likewise."""
    fields: frozenset[str] = frozenset()
    """The header fields of a SUBSCRIBE that it wants to see: C{Call-Info}, say."""
    gap: float = 0.0
    """Seconds from one NOTIFY of a subscription to the next; a refresh does not wait."""

    open: bool = False
    """
    Is it for phones that have no password yet?

    Such a SUBSCRIBE is taken from private addresses only, and answered once: nothing is kept of it.
    """
    hear: Callable[[str | None], None] | None = None
    """Who is told of changes; set by the server."""
    stop: Callable[[str, str, str], None] | None = None
    """Who ends a subscription; set by the server."""

    def changed(self, resource: str | None) -> None:
        """
        Say that the state of a resource may be another now; None: of all of them.

        Each watcher is told what is true by the time it can be told, so it is no
        harm to say so too often.
        """
        if self.hear is not None:
            self.hear(resource)

    def finish(self, resource: str, id: str, reason: str = "noresource") -> None:
        """
        End a subscription, with a last NOTIFY; without effect when there is none.

        @param id: which one, as L{Watcher.id} says.
        @param reason: one of those of RFC 6665 section 4.1.3.
        """
        if self.stop is not None:
            self.stop(resource, id, reason)

    def refuses(self, resource: str, watcher: Watcher) -> Refuse | None:
        """
        Turn a watcher away, or say None.

        Asked for each SUBSCRIBE, refreshes too.  By default our own extensions
        may watch everything.

        @param resource: the user that the SUBSCRIBE names, unescaped.
        """
        return None if watcher.party.internal else Refuse(403)

    def needs(self, resource: str) -> frozenset[str]:
        """
        Name the option tags without which a resource cannot be told: C{eventlist} for a list, say.

        Who does not support one is refused with 421, and all answers and NOTIFYs say so in Require.
        """
        return NOTHING

    def state(self, resource: str, watcher: Watcher) -> Body | None:
        """Say how the resource is now; None has a NOTIFY without a body."""
        raise NotImplementedError

    def watched(self, resource: str, anybody: bool) -> None:
        """
        Hear that somebody begins to watch a resource, or that nobody does any more.

        A package that has to do something to know of changes does it as long as
        somebody wants to be told of them.
        """

    def began(self, resource: str, watcher: Watcher) -> None:
        """
        Hear that a subscription begins, in the same step in which C{refuses} let it.

        So what is given to one watcher alone is given here.  After a reload or a
        restart those are told again that there are.
        """

    def ended(self, resource: str, watcher: Watcher) -> None:
        """Hear that a subscription is over: it has expired, or the watcher wants it no more."""

    def commanded(self, resource: str, watcher: Watcher, body: bytes) -> Refuse | None:
        """
        Carry out what the body of a SUBSCRIBE wants, or turn it down.

        Called before the SUBSCRIBE is answered; the type is one of C{commands}.
        """
        return None

    def takes(self, resource: str, publisher: Party, body: bytes) -> Refuse | None:
        """
        Turn down what somebody publishes (RFC 3903), or say None.

        Called before the PUBLISH is answered, so a body that cannot be read is
        refused here.  By default an extension may say anything of itself.

        @param body: of one of the types in C{publications}; empty where
            something that was published is refreshed or removed.
        """
        return None if publisher.internal and publisher.name == resource else Refuse(403)

    def published(self, resource: str, bodies: tuple[bytes, ...]) -> None:
        """Hear what is published of a resource by now: all of it, the oldest first."""


class Refused(Exception):
    """A SUBSCRIBE, a NOTIFY or a PUBLISH is turned down: with what status, and which fields."""

    def __init__(self, code: int, *fields: Field, reason: str = "") -> None:
        """Say why."""
        super().__init__(code)
        self.code = code
        self.reason = reason
        self.fields = fields


class PackageFailed(Exception):
    """A package has no answer, because of a fault of its own that has been logged."""


class ServedPackage(Protocol):
    """An event package whose faults are contained; what has an answer may raise L{PackageFailed}."""

    package: EventPackage

    def watched(self, resource: str, anybody: bool) -> None:
        """Hear that somebody begins to watch a resource, or that nobody does any more."""

    def began(self, resource: str, watcher: Watcher) -> None:
        """Hear that a subscription begins."""

    def ended(self, resource: str, watcher: Watcher) -> None:
        """Hear that one is over."""

    def refuses(self, resource: str, watcher: Watcher) -> Refuse | None:
        """Turn a watcher away, or say None."""

    def needs(self, resource: str) -> frozenset[str]:
        """The option tags without which the resource cannot be told."""

    def state(self, resource: str, watcher: Watcher) -> Body:
        """Say how the resource is now."""

    def commanded(self, resource: str, watcher: Watcher, body: bytes) -> Refuse | None:
        """Carry out what the body of a SUBSCRIBE wants, or turn it down."""

    def takes(self, resource: str, publisher: Party, body: bytes) -> Refuse | None:
        """Turn down what somebody publishes, or say None."""

    def published(self, resource: str, bodies: tuple[bytes, ...]) -> None:
        """Hear what is published of a resource by now."""


Packages: TypeAlias = Mapping[str, ServedPackage]
"""The packages that are served, by name."""
