"""
The notifier: takes SUBSCRIBEs, and knows who watches what (RFC 6665 section 4.2).

It knows nothing of lamps or mailboxes: what there is to watch, who may watch it
and how it is told is said by event packages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from b2bua.capabilities import EVENTS, OPTION_TAGS
from b2bua.dialogs.connections import Connections
from b2bua.dialogs.dialog import Dialog
from b2bua.errors import PeerError
from b2bua.legs.header_policy import seen
from b2bua.subscriptions.packages import PackageFailed, Packages, Refused, ServedPackage, Watcher
from b2bua.subscriptions.subscription import PackageSubscription, require
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from random import Random

    from b2bua.calls.verdicts import Refuse
    from b2bua.dialogs.channel import Channel
    from b2bua.dialogs.device import IDevices
    from b2bua.dialogs.dialog import DialogKey
    from b2bua.legs.party import Party
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IServerTransaction, ITransactionLayer
    from b2bua.wire.message import Field

Answer = TypeVar("Answer")

HOUR = 3600
"""A time as long as this is never too short (RFC 6665 section 4.2.1.1)."""
JITTER = 0.1
"""By so much of it a time that we chose is shortened at most, lest all phones refresh at once."""
SPREAD = 2.0
"""Seconds over which all watchers are told something, a thousand of them or all that there are."""
ELDERS = 2
"""So many subscriptions of before are asked about when a phone subscribes anew."""
FULL = 60
"""Seconds after which one may try again when there are too many subscriptions."""


@dataclass(frozen=True, slots=True)
class SubscriptionLimits:
    """What subscriptions may cost."""

    min_expires: int = 60
    max_expires: int = 3600
    per_extension: int = 500
    total: int = 100_000
    body: int = 16_384


class Notifier:
    """All subscriptions that we serve."""

    def __init__(
        self,
        layer: ITransactionLayer,
        run: Callable[..., None],
        random: Random,
    ) -> None:
        """
        Serve nothing yet; L{configure} says what.

        @param run: takes a step when the present one is done, so that a package
            never sees a call half way from one state to the next.
        """
        self.layer = layer
        self.now = layer.now
        self.run = run
        self.limits = SubscriptionLimits()
        self.packages: Packages = {}
        self.connections: Connections[Channel] = Connections()
        """By which of them watchers are reached."""
        self.devices: IDevices | None = None
        """Knows where phones are that have left their connection or port."""
        self.refused: Counter[int] = Counter()
        """How many SUBSCRIBEs were turned down, by status."""
        self.kept: Callable[[PackageSubscription, bool], None] | None = None
        """Told of each subscription that is to be written down, and whether it is over."""
        self.renewed: Callable[[], None] = _nothing
        """Told when the packages are others than before."""
        self._random = random
        self._by_dialog: dict[DialogKey, PackageSubscription] = {}
        self._by_resource: dict[tuple[str, str], dict[PackageSubscription, None]] = {}
        self._by_party: dict[tuple[str, str], dict[PackageSubscription, None]] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._by_dialog)

    def __iter__(self) -> Iterator[PackageSubscription]:
        """All of them."""
        return iter(tuple(self._by_dialog.values()))

    # What is served

    def configure(self, packages: Packages, limits: SubscriptionLimits) -> None:
        """
        Serve these packages from now on.

        Subscriptions go on with the package of the same name, and are told
        what that one says; where there is none any more they end.
        """
        for served in self.packages.values():
            served.package.hear = served.package.stop = None
        self.packages = dict(packages)
        self.limits = limits
        for name, served in self.packages.items():
            served.package.hear = partial(self.run, self._changed, name)
            served.package.stop = partial(self.run, self._finish, name)
        renewed: list[PackageSubscription] = []
        for subscription in self:
            found = self.packages.get(subscription.package)
            if found is None:
                subscription.end("noresource")
            elif found is not subscription.served:
                subscription.served = found
                renewed.append(subscription)
        for package, resource in self._by_resource:
            if package in self.packages:
                self.packages[package].watched(resource, True)
        for subscription in renewed:
            if subscription.active:
                subscription.know()
        self.renewed()
        self.tell_all(renewed)

    def tell_all(self, subscriptions: Sequence[PackageSubscription]) -> None:
        """Tell many, one after the other, when whoever says so is done."""
        apart = SPREAD / max(len(subscriptions), 1000)
        for place, subscription in enumerate(subscriptions):
            self.layer.start(place * apart, subscription.tell)

    @property
    def allow_events(self) -> Field:
        """The packages that we serve (section 4.4.4); C{refer} comes with calls."""
        return ("Allow-Events", ", ".join(sorted({*EVENTS, *self.packages})))

    def _changed(self, package: str, resource: str | None) -> None:
        """Tell the watchers of a resource."""
        if resource is not None:
            for subscription in tuple(self._by_resource.get((package, resource), ())):
                subscription.tell()
            return
        self.tell_all([one for one in self if one.package == package])

    def _finish(self, package: str, resource: str, id: str, reason: str) -> None:
        """End a subscription, as its package wants it."""
        for subscription in tuple(self._by_resource.get((package, resource), ())):
            if subscription.dialog.local_tag == id and subscription.active:
                subscription.end(reason)

    # Who watches

    def find(self, request: Request) -> PackageSubscription | None:
        """The subscription that a request within a dialog belongs to."""
        return self._by_dialog.get((request.call_id, request.to_tag, request.from_tag))

    def serves(self, request: Request) -> bool:
        """Is the package of a SUBSCRIBE one of ours?  Without Event it is of none (section 4.2.3)."""
        event = request.event
        return event is not None and event.package in self.packages

    def is_open(self, request: Request) -> bool:
        """Is the package of a SUBSCRIBE for phones without a password?"""
        event = request.event
        served = None if event is None else self.packages.get(event.package)
        return served is not None and served.package.open

    def subscribe(self, request: Request, server: IServerTransaction, party: Party, resource: str) -> None:
        """
        Take a SUBSCRIBE outside of dialogs from somebody who is known.

        All of it is read and judged before the 200, and the 200 leaves before
        the first NOTIFY.

        @raise PeerError: if a field is malformed that is needed.
        """
        tag = self._random.randbytes(9).hex()
        try:
            event = request.event
            served = self.packages.get(event.package) if event is not None else None
            if event is None or served is None:
                raise Refused(489, self.allow_events)
            if not resource:
                raise Refused(404)
            dialog = Dialog.of_request(request, tag)
            if not dialog.target:
                raise PeerError("A SUBSCRIBE needs a Contact", section="RFC 6665 4.1.2.1")
            dialog.next_hop  # noqa: B018  # a route or target that cannot be read is refused now
            watcher = Watcher(
                party,
                request.uri,
                event,
                request.get("User-Agent") or "",
                self._accepted(request, served),
                request.supported,
                id=tag,
                contact=dialog.target,
                fields=seen(request, served.package.fields, party) if served.package.fields else {},
            )
            seconds = self._judged(request, served, resource, watcher)
            self._make_room(party)
            self._command(request, served, resource, watcher)
        except Refused as refused:
            self._refuse(request, server, refused, tag)
            return
        subscription = PackageSubscription(self, dialog, served, resource, watcher, seconds)
        self.add(subscription, server.flow)
        subscription.respond(server, 200, subscription.granted(seconds))
        if seconds:
            subscription.watch()
            self._look_for_elder(subscription)
            subscription.tell(at_once=True)
        else:
            subscription.end("timeout")  # a fetch: one NOTIFY is all (section 4.4.3)

    def refresh(
        self, subscription: PackageSubscription, request: Request, server: IServerTransaction
    ) -> None:
        """
        Take a SUBSCRIBE within a subscription, which is in order.

        @raise PeerError: if a field is malformed that is needed; nothing has changed then.
        """
        event, served = request.event, subscription.served
        try:
            if event is None or str(event) != subscription.event:
                raise Refused(489, ("Allow-Events", subscription.package))
            for contact in request.contacts:
                _ = contact.uri
            watcher = subscription.watcher()
            seconds = self._judged(request, served, subscription.resource, watcher)
            self._command(request, served, subscription.resource, watcher)
        except Refused as refused:
            self.refused[refused.code] += 1
            subscription.channel.respond(
                subscription.dialog, server, refused.code, refused.fields, refused.reason
            )
            if refused.code in (403, 404, 603):
                subscription.end("rejected")
            return
        subscription.refreshed_by(server, seconds)

    def _accepted(self, request: Request, served: ServedPackage) -> str:
        """The type of body that both know (RFC 6665 section 3.1.3)."""
        bodies, wanted = served.package.bodies, request.accept
        if wanted is None or not bodies:
            return bodies[0] if bodies else ""
        for body in bodies:
            if body.lower() in wanted or f"{body.partition('/')[0]}/*" in wanted or "*/*" in wanted:
                return body
        raise Refused(406, ("Accept", ", ".join(bodies)))

    def _judged(self, request: Request, served: ServedPackage, resource: str, watcher: Watcher) -> int:
        """The seconds that a SUBSCRIBE is granted, if it is welcome."""
        package = served.package
        unknown = request.require - OPTION_TAGS - package.option_tags
        if unknown:
            raise Refused(420, ("Unsupported", ", ".join(sorted(unknown))))
        if request.body:
            if request.content_type not in package.commands:
                raise Refused(415, ("Accept", ", ".join(package.commands)))
            if len(request.body) > self.limits.body:
                raise Refused(413)
        seconds = self._granted(request, served)
        lacking = asked(served.needs, resource) - watcher.supports
        if lacking:
            raise Refused(421, require(lacking))
        unsubscribes = not seconds and request.to_tag and not request.body
        if not unsubscribes and (refusal := asked(served.refuses, resource, watcher)) is not None:
            turn_down(refusal)
        return seconds

    def _granted(self, request: Request, served: ServedPackage) -> int:
        """How long it lasts: never longer than was asked for, and not too short (section 4.2.1.1)."""
        wanted, package = request.expires, served.package
        if package.open:
            return 0
        most = self.limits.max_expires if package.max_expires is None else package.max_expires
        least = package.min_expires if package.min_expires is not None else self.limits.min_expires
        if wanted is not None and wanted <= most:
            if 0 < wanted < min(least, HOUR):
                raise Refused(423, ("Min-Expires", str(least)))
            return wanted
        chosen = min(package.default_expires, most) if wanted is None else most
        return chosen - int(self._random.random() * JITTER * chosen)

    def _command(self, request: Request, served: ServedPackage, resource: str, watcher: Watcher) -> None:
        """Carry out what a body wants."""
        if request.body and (refusal := asked(served.commanded, resource, watcher, request.body)) is not None:
            turn_down(refusal)

    def _make_room(self, party: Party) -> None:
        """See that there are not too many."""
        own = self._by_party.get(party.key, ())
        if len(own) >= self.limits.per_extension:
            raise Refused(403, reason="Too Many Subscriptions")
        if len(self) >= self.limits.total:
            raise Refused(500, ("Retry-After", str(FULL)), reason="Too Many Subscriptions")

    def _look_for_elder(self, subscription: PackageSubscription) -> None:
        """
        See whether the phone still knows what it watched before.

        A phone that has rebooted subscribes anew, and answers a NOTIFY of before
        with 481; so what it forgot does not stay until it expires.  Asked are the
        oldest two, lest many SUBSCRIBEs of one phone cost many times as many NOTIFYs.
        """
        of_resource = self._by_resource[subscription.package, subscription.resource]
        dialog = subscription.dialog
        begun = dialog.call_id, dialog.remote_tag, subscription.party
        for other in tuple(of_resource):
            its = other.dialog.call_id, other.dialog.remote_tag, other.party
            if its == begun and other is not subscription:
                self.forget(other)  # the same SUBSCRIBE again: its 2xx was lost, with the process perhaps
        same = dialog.target, subscription.event, subscription.party
        elders = (
            other
            for other in of_resource
            if other is not subscription and (other.dialog.target, other.event, other.party) == same
        )
        for other in tuple(islice(elders, ELDERS)):
            other.tell()

    def _refuse(self, request: Request, server: IServerTransaction, refused: Refused, tag: str) -> None:
        """Turn a SUBSCRIBE down."""
        self.refused[refused.code] += 1
        server.respond(request.response(refused.code, refused.reason, to_tag=tag, fields=refused.fields))

    # The table

    def add(self, subscription: PackageSubscription, flow: Flow | None) -> None:
        """Take a subscription in, of a watcher who is there."""
        self._by_dialog[subscription.dialog.key] = subscription
        key = subscription.package, subscription.resource
        of_resource = self._by_resource.setdefault(key, {})
        of_resource[subscription] = None
        if len(of_resource) == 1:
            subscription.served.watched(subscription.resource, True)
        subscription.know()
        self._by_party.setdefault(subscription.party.key, {})[subscription] = None
        self.meet(subscription, flow)

    def meet(self, subscription: PackageSubscription, flow: Flow | None) -> None:
        """Reach a watcher by this way, and where its phone goes from there."""
        channel, party = subscription.channel, subscription.party
        if flow is not None and channel.flow is not None:
            channel.go_on_by(flow)
        else:
            channel.take_flow(flow)
        if party.internal:
            channel.meet(party.aor, subscription.dialog.target, flow)

    def forget(self, subscription: PackageSubscription) -> None:
        """It is over, and nothing more is told."""
        if subscription.over:
            return
        subscription.unknow()
        subscription.stop()
        del self._by_dialog[subscription.dialog.key]
        key = subscription.package, subscription.resource
        _take_out(self._by_resource, key, subscription)
        if key not in self._by_resource:
            subscription.served.watched(subscription.resource, False)
        _take_out(self._by_party, subscription.party.key, subscription)
        if self.kept is not None and subscription.reserved:
            self.kept(subscription, True)

    def keep(self, subscription: PackageSubscription) -> None:
        """Have a subscription written down; one that has ended is none that another process goes on with."""
        if self.kept is not None:
            self.kept(subscription, not subscription.active)

    def stop(self) -> None:
        """Let go of all, without a word: the watchers will find us again, or others."""
        for subscription in self:
            subscription.stop()
        for table in (self._by_dialog, self._by_resource, self._by_party):
            table.clear()

    # Where the watchers are

    def flow_lost(self, flow: Flow) -> None:
        """A connection is closed: its watchers are told when they are back."""
        for channel in self.connections.lose(flow):
            channel.tell_lost(flow)

    # What channels ask

    def credentials(
        self, usage: PackageSubscription, response: Response, request: Request, flow: Flow | None
    ) -> None:
        """A phone that asks us for a password gets none."""


def _take_out(
    table: dict[Any, dict[PackageSubscription, None]], key: object, one: PackageSubscription
) -> None:
    """Remove a subscription from an index."""
    found = table.get(key)
    if found is not None:
        found.pop(one, None)
        if not found:
            del table[key]


def asked(question: Callable[..., Answer], *values: object) -> Answer:
    """Ask a package; one that is broken serves nobody, for now."""
    try:
        return question(*values)
    except PackageFailed:
        raise Refused(500) from None


def turn_down(refusal: Refuse) -> NoReturn:
    """Say no, as a package wants it."""
    raise Refused(refusal.code, reason=refusal.reason)


def _nothing() -> None:
    """Where nobody wants to know."""
