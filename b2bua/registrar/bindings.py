"""
Where the users are: the bindings of addresses-of-record (RFC 3261 section 10).

Memory is the truth: a look-up reads a dictionary and waits for nothing.  Who
keeps a copy elsewhere listens to the news.  Times are seconds of the clock
that is handed in; it need not be the time of day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from b2bua.clock import IClock, ITimer
    from b2bua.transactions.flow import Flow

SWEEP = 5.0
"""Seconds between two looks for what has expired; a look-up never sees it anyway."""


class Binding(NamedTuple):
    """
    One contact of one address-of-record.

    A tuple, since there may be a hundred thousand of them and each refresh
    makes a new one.
    """

    aor: str
    """C{user@domain}, canonical (RFC 3261 section 10.3, step 5)."""
    contact: str
    """The URI that was registered, as it was written."""
    flow: Flow | None
    """The way to it: where the REGISTER really came from; None: by the URI."""
    expires_at: float
    call_id: str = ""
    cseq: int = 0
    q: int = 1000
    """The preference in thousandths."""
    path: tuple[str, ...] = ()
    """The URIs of the Path vector, to be used as a route set (RFC 3327 section 5.4)."""
    instance: str = ""
    """C{+sip.instance} without its quotes and angle brackets."""
    reg_id: int = 0
    """C{reg-id} when RFC 5626 applies, else 0."""
    params: str = ""
    """The other parameters of the Contact, as text that starts with a semicolon."""
    user_agent: str = ""
    extra: tuple[tuple[str, str], ...] = ()
    """What the phone says of itself: the MAC and Line header fields of a Yealink."""
    since: float = 0.0
    """When it was first bound."""

    @property
    def connection(self) -> int:
        """The serial number of the connection it lives with, or 0."""
        return self.flow.connection if self.flow is not None else 0

    def same_contact(self, other: Binding) -> bool:
        """
        Would one replace the other?

        With reg-id a binding is one of AOR, instance and reg-id (RFC 5626
        section 6); without it the URIs are compared (RFC 3261 section 10.3,
        step 7).
        """
        if self.reg_id and other.reg_id:
            return self.reg_id == other.reg_id and self.instance == other.instance
        return self.contact == other.contact or equivalent(self.contact, other.contact)


def equivalent(one: str, other: str) -> bool:
    """Are two URIs the same by the rules of RFC 3261 section 19.1.4?"""
    return Uri.parse(one).equivalent(Uri.parse(other))


class Change(NamedTuple):
    """News of a binding."""

    kind: str
    """registered, refreshed, unregistered, silent or heard."""
    binding: Binding
    why: str = ""
    """For unregistered: request, expired, closed, replaced, operator or undone."""


class _Entry:
    """What is known of one address-of-record."""

    __slots__ = ("bindings", "soonest", "targets")

    def __init__(self, bindings: tuple[Binding, ...], targets: tuple[Binding, ...]) -> None:
        self.bindings = bindings
        self.targets = targets
        self.soonest = min(binding.expires_at for binding in bindings)


class Bindings:
    """The bindings of all addresses-of-record, in memory."""

    def __init__(self, clock: IClock) -> None:
        """Start with none."""
        self._clock = clock
        self._now = clock.now
        self._entries: dict[str, _Entry] = {}
        self._count = 0
        self._due: dict[int, set[str]] = {}  # by tick of SWEEP: whose bindings may expire
        self._timer: ITimer | None = None
        self._connections: dict[int, set[str]] = {}
        self._silent: set[tuple[str, str]] = set()  # (aor, contact) that do not answer our OPTIONS
        self._listeners: list[Callable[[Change], None]] = []
        self.elsewhere: Callable[[str], tuple[Binding, ...]] | None = None
        """What other processes have for an address-of-record; see L{everywhere}."""

    def __len__(self) -> int:
        """How many bindings there are, those included that expire any moment."""
        return self._count

    def __iter__(self) -> Iterator[Binding]:
        """All bindings that have not expired."""
        now = self._now()
        for entry in list(self._entries.values()):
            for binding in entry.bindings:
                if binding.expires_at > now:
                    yield binding

    def listen(self, hear: Callable[[Change], None]) -> None:
        """Tell C{hear} of every change, after it was made."""
        self._listeners.append(hear)

    def contacts(self, aor: str) -> tuple[Binding, ...]:
        """
        Where a call to C{aor} goes: by q, then the newest first.

        Of several contacts of one instance only the newest is named, with
        reg-id or without (RFC 5626 section 7), and contacts that do not answer our OPTIONS are left out.
        """
        if self.elsewhere is not None:
            return tuple(self._targets(self.everywhere(aor)))
        if aor not in self._entries:
            return ()
        entry, now = self._entries[aor], self._clock.moment or self._clock.now()
        if entry.soonest > now:
            return entry.targets
        return tuple(self._targets(tuple(b for b in entry.bindings if b.expires_at > now)))

    def all(self, aor: str) -> tuple[Binding, ...]:
        """Every binding of C{aor} that has not expired, the silent ones included."""
        if aor not in self._entries:
            return ()
        entry, now = self._entries[aor], self._clock.moment or self._clock.now()
        if entry.soonest > now:
            return entry.bindings
        return tuple(binding for binding in entry.bindings if binding.expires_at > now)

    def everywhere(self, aor: str) -> tuple[Binding, ...]:
        """The same with those of other processes; of two for one contact the one that was refreshed last."""
        own = self.all(aor)
        if self.elsewhere is None or not (others := self.elsewhere(aor)):
            return own
        chosen: list[Binding] = []
        for one in sorted((*own, *others), key=lambda binding: -binding.expires_at):
            if not any(one.same_contact(other) for other in chosen):
                chosen.append(one)
        return tuple(sorted(chosen, key=lambda b: (-b.q, -b.since)))

    def silent(self, binding: Binding) -> bool:
        """Is it known not to answer?"""
        return (binding.aor, binding.contact) in self._silent

    def put(self, aor: str, after: tuple[Binding, ...], why: str = "request") -> tuple[Binding, ...]:
        """
        Replace all bindings of C{aor} at once, and give back those it had.

        @param why: what to say of those that are no longer there.
        """
        entry = self._entries.get(aor)
        before = entry.bindings if entry is not None else ()
        self._count += len(after) - len(before)
        if self._silent:  # a phone that registers is there again
            for binding in before:
                if not any(binding is other for other in after):
                    self._silent.discard((aor, binding.contact))
        if after:
            self._enter(aor, after)
        else:
            self._entries.pop(aor, None)
        for binding in before:
            if (connection := binding.connection) and all(b.connection != connection for b in after):
                self._unbind(connection, aor)
        self._tell(aor, before, after, why)
        return before

    def load(self, bindings: Iterable[Binding]) -> None:
        """Take over what a store had kept, without making it news."""
        stored: dict[str, list[Binding]] = {}
        now = self._now()
        for binding in bindings:
            if binding.expires_at > now:
                stored.setdefault(binding.aor, []).append(binding)
        for aor, found in stored.items():
            entry = self._entries.get(aor)
            self._count += len(found) - (len(entry.bindings) if entry is not None else 0)
            self._enter(aor, tuple(found))

    def flow_lost(self, flow: Flow) -> None:
        """A connection is closed, and the contacts that lived with it are gone."""
        for aor in sorted(self._connections.pop(flow.connection, ())) if flow.connection else ():
            kept = tuple(b for b in self._entries[aor].bindings if b.connection != flow.connection)
            self.put(aor, kept, "closed")

    def hush(self, binding: Binding, silent: bool) -> None:
        """Note that a contact stopped answering our OPTIONS, or answers again."""
        entry = self._entries.get(binding.aor)
        key = (binding.aor, binding.contact)
        if entry is None or (key in self._silent) == silent:
            return
        if all(binding.contact != other.contact for other in entry.bindings):
            return
        if silent:
            self._silent.add(key)
        else:
            self._silent.discard(key)
        entry.targets = self._targets(entry.bindings)
        self._news(Change("silent" if silent else "heard", binding))

    def close(self) -> None:
        """Stop the timer; the bindings stay."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _enter(self, aor: str, bindings: tuple[Binding, ...]) -> None:
        """Store what C{aor} has from now on."""
        if len(bindings) > 1:
            bindings = tuple(sorted(bindings, key=lambda b: (-b.q, -b.since)))
        for binding in bindings:
            if binding.flow is not None and binding.flow.connection:
                self._connections.setdefault(binding.flow.connection, set()).add(aor)
            self._due.setdefault(int(binding.expires_at // SWEEP) + 1, set()).add(aor)
        self._entries[aor] = _Entry(bindings, self._targets(bindings))
        if self._timer is None:
            self._timer = self._clock.start(SWEEP, self._sweep)

    def _targets(self, bindings: tuple[Binding, ...]) -> tuple[Binding, ...]:
        """Those to call; the very same tuple where all of them are."""
        if len(bindings) == 1 and not self._silent:
            return bindings
        taken: set[str] = set()
        chosen: list[Binding] = []
        for binding in bindings:
            if self._silent and (binding.aor, binding.contact) in self._silent:
                continue
            if binding.instance:
                if binding.instance in taken:
                    continue
                taken.add(binding.instance)
            chosen.append(binding)
        return bindings if len(chosen) == len(bindings) else tuple(chosen)

    def _unbind(self, connection: int, aor: str) -> None:
        """Forget that C{aor} has a contact on C{connection}."""
        if (aors := self._connections.get(connection)) is not None:
            aors.discard(aor)
            if not aors:
                del self._connections[connection]

    def _sweep(self) -> None:
        """Remove what has expired."""
        self._timer = None
        now = self._now()
        due = [tick for tick in self._due if tick * SWEEP <= now]
        for aor in sorted({aor for tick in due for aor in self._due.pop(tick)}):  # the same order each time
            entry = self._entries.get(aor)
            if entry is not None and entry.soonest <= now:
                self.put(aor, tuple(b for b in entry.bindings if b.expires_at > now), "expired")
        if self._entries and self._timer is None:
            self._timer = self._clock.start(SWEEP, self._sweep)
        elif not self._entries:
            self._due.clear()

    def _tell(self, aor: str, before: tuple[Binding, ...], after: tuple[Binding, ...], why: str) -> None:
        """Find out what is new and tell the listeners."""
        if not self._listeners:
            return
        kept = {(b.contact, b.reg_id) for b in after}
        known = {(b.contact, b.reg_id): b for b in before}
        for binding in before:
            if (binding.contact, binding.reg_id) not in kept:
                self._news(Change("unregistered", binding, why))
        for binding in after:
            old = known.get((binding.contact, binding.reg_id))
            if old is None:
                self._news(Change("registered", binding))
            elif old is not binding:
                self._news(Change("refreshed", binding))

    def _news(self, change: Change) -> None:
        """Tell everyone."""
        for hear in self._listeners:
            hear(change)
