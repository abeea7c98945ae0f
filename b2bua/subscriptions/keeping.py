"""Subscriptions that outlive the process: what is written of them, and how they go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from b2bua.dialogs.dialog import Dialog
from b2bua.errors import PeerError
from b2bua.legs.header_policy import SeenFields
from b2bua.subscriptions.packages import Watcher
from b2bua.subscriptions.subscription import PackageSubscription
from b2bua.transactions.flow import Flow
from b2bua.wire.fields import Event

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from b2bua.clock import IClock
    from b2bua.legs.party import Party
    from b2bua.subscriptions.notifier import Notifier

VERSION = 1
"""Of what is written; what another version has written is left alone until it would have expired."""

WRITTEN = 1.0
"""Seconds after which the first watcher is told, by when the store has what was written at the start."""

Json = Any


class SubscriptionKeeper:
    """
    Keeps the subscriptions of a notifier.

    Written is a dialog with CSeq numbers that have not been used yet, so that
    what is told after a crash is never lower than before (freeswitch PR#3056).
    """

    def __init__(
        self,
        notifier: Notifier,
        clock: IClock,
        write: Callable[[str, Json], None],
        flush: Callable[[], Deferred[None]],
    ) -> None:
        """
        Keep every subscription from now on.

        @param write: stores plain values by a name; None removes them.
        @param flush: fires when all that was written is in the store.
        """
        self._flush = flush
        self._notifier = notifier
        self._clock = clock
        self._write = write
        notifier.kept = self._kept

    def _kept(self, subscription: PackageSubscription, over: bool) -> None:
        """Write a subscription, or remove it."""
        self._write(subscription.dialog.local_tag, None if over else self._plain(subscription))

    def _plain(self, subscription: PackageSubscription) -> dict[str, Json]:
        """A subscription as plain values."""
        watcher, flow = subscription.watcher(), subscription.flow
        return {
            "version": VERSION,
            "package": subscription.package,
            "resource": subscription.resource,
            "kind": subscription.party.kind,
            "party": subscription.party.name,
            "uri": watcher.uri,
            "event": subscription.event,
            "user_agent": watcher.user_agent,
            "accepts": watcher.accepts,
            "supports": sorted(watcher.supports),
            "fields": {name: list(values) for name, values in watcher.fields.items()},
            "ends": subscription.ends + self._clock.wall() - self._clock.now(),
            "first_seq": subscription.first_seq,
            "dialog": {**subscription.dialog.snapshot(), "local_seq": subscription.reserved},
            "flow": None if flow is None or flow.connection else [flow.transport, *flow.local, *flow.remote],
        }

    def restore(
        self,
        rows: Iterable[tuple[str, Json]],
        party_of: Callable[[str, str], Party | None],
        usable: Callable[[Flow], bool] = lambda flow: True,
    ) -> int:
        """
        Go on with what was kept, and tell every watcher how it is now.

        The numbers of what they are told are written first: the process may die
        again at once.

        @param party_of: the extension or the trunk of a name, if it is there still.
        @param usable: whether we still have the socket of a flow.
        @return: how many subscriptions that were.
        """
        restored = []
        for id, plain in rows:
            subscription = self._restored(plain, party_of, usable)
            if subscription is None:
                self._write(id, None)
            else:
                restored.append(subscription)
        for subscription in restored:
            subscription.watch()
            subscription.reserve()
        # A store that fails, or is slow, keeps nobody from seeing how things are.
        self._flush().addErrback(lambda failure: None)
        self._notifier.layer.start(WRITTEN, lambda: self._notifier.tell_all(restored))
        return len(restored)

    def _restored(
        self,
        plain: dict[str, Json],
        party_of: Callable[[str, str], Party | None],
        usable: Callable[[Flow], bool],
    ) -> PackageSubscription | None:
        """One that can go on; None for what has expired, or what nobody serves or may watch any more."""
        notifier, clock = self._notifier, self._clock
        if plain.get("version") != VERSION:
            return None
        seconds = plain["ends"] - clock.wall()
        served = notifier.packages.get(plain["package"])
        party = party_of(plain.get("kind", "extension"), plain["party"])
        if seconds <= 0 or served is None or party is None:
            return None
        try:
            event = Event.parse(plain["event"])
        except PeerError:
            return None
        dialog = Dialog.restore(plain["dialog"])
        watcher = Watcher(
            party,
            plain["uri"],
            event,
            plain["user_agent"],
            plain["accepts"],
            frozenset(plain["supports"]),
            fields=SeenFields({name: tuple(values) for name, values in plain.get("fields", {}).items()}),
        )
        subscription = PackageSubscription(notifier, dialog, served, plain["resource"], watcher, seconds)
        subscription.first_seq = plain["first_seq"]
        notifier.add(subscription, _flow(plain["flow"], usable))
        channel = subscription.channel
        if channel.device is not None and channel.device.flow is not None:
            channel.take_flow(channel.device.flow)  # the phone has registered from there since
        return subscription


def _flow(plain: list[Any] | None, usable: Callable[[Flow], bool]) -> Flow | None:
    """The way to a phone, if its socket of ours is there still; connections end with the process."""
    if plain is None:
        return None
    transport, host, port, remote_host, remote_port = plain
    flow = Flow(transport, (host, port), (remote_host, remote_port))
    return flow if usable(flow) else None
