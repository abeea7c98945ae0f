"""
The subscriber: what we watch at other servers (RFC 6665 section 4.1).

Who wants to know something says where it is, and is told of each NOTIFY.  The
same thing is asked for once, however many want to know it.  Nothing of it is
written down: after a restart it is asked for anew, and what the other server
still believes of the process before ends with its next NOTIFY, by 481.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias

from b2bua.dialogs.connections import Connections
from b2bua.subscriptions.usage import Told, Usage
from b2bua.subscriptions.wanted import Trunks, Wanted
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from random import Random

    from b2bua.calls.verdicts import Refuse
    from b2bua.dialogs.channel import Channel
    from b2bua.dialogs.device import IDevices
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import ITransactionLayer
    from b2bua.wire.message import Field


LINGERS = 10.0
"""
Seconds for which something is still watched that nobody wants any more.

After a reload the same is mostly wanted again, and so is a lamp whose page is turned.
"""

Hear: TypeAlias = Callable[[Told], "Refuse | None"]
"""Takes what was told; or says with what status the NOTIFY is refused, since it cannot be read."""


class Subscribed:
    """That somebody wants to know something, until they C{stop}."""

    __slots__ = ("_subscriber", "_wanted", "hear")

    def __init__(self, subscriber: Subscriber, wanted: Wanted, hear: Hear) -> None:
        """Want it."""
        self._subscriber = subscriber
        self._wanted = wanted
        self.hear = hear

    def refresh(self) -> None:
        """Have all of it told once more, since a part of it has been missed."""
        self._wanted.refresh()

    def stop(self) -> None:
        """Want it no more; without effect if that was said already."""
        self._subscriber.release(self._wanted, self)

    @property
    def why(self) -> str:
        """Why nothing is known of it just now; empty if there is nothing wrong."""
        return self._wanted.why


class Subscriber:
    """All that we watch elsewhere."""

    def __init__(
        self,
        layer: ITransactionLayer,
        run: Callable[..., None],
        random: Random,
        trunks: Trunks,
        user_agent: str = "",
    ) -> None:
        """
        Watch nothing yet.

        @param run: takes a step when the present one is done.
        """
        self.layer = layer
        self.run = run
        self.random = random
        self.trunks = trunks
        self.user_agent = user_agent
        self.connections: Connections[Channel] = Connections()
        self.devices: IDevices | None = None  # servers do not move
        self._wanted: dict[tuple[str, str, str], Wanted] = {}
        self._by_call: dict[str, Wanted] = {}

    def __len__(self) -> int:
        """How much is watched."""
        return len(self._wanted)

    def subscribe(self, trunk: str, user: str, event: str, accept: tuple[str, ...], hear: Hear) -> Subscribed:
        """
        Watch something at a trunk, and go on with it whatever happens there.

        @param accept: the types of body that C{hear} can read.
        """
        key = trunk, user, event
        wanted = self._wanted.get(key)
        if wanted is None:
            wanted = self._wanted[key] = Wanted(self, trunk, user, event, accept)
            subscribed = Subscribed(self, wanted, hear)
            wanted.hearers[subscribed] = None
            self.layer.start(0.0, wanted.start)
        else:
            subscribed = Subscribed(self, wanted, hear)
            wanted.hearers[subscribed] = None
            wanted.linger(None)
            wanted.refresh()  # a NOTIFY with all of it follows (RFC 6665 section 4.2.1.2)
        return subscribed

    def release(self, wanted: Wanted, subscribed: Subscribed) -> None:
        """Somebody does not want to know any more."""
        if wanted.hearers.pop(subscribed, subscribed) is None and not wanted.hearers:
            wanted.linger(LINGERS)

    def forget(self, wanted: Wanted) -> None:
        """Nobody wants it any more."""
        self._wanted.pop((wanted.trunk, wanted.user, wanted.event), None)

    def know(self, call_id: str, wanted: Wanted | None) -> None:
        """Note to whom the NOTIFYs of a Call-ID belong, or that they are nobody's any more."""
        if wanted is None:
            self._by_call.pop(call_id, None)
        else:
            self._by_call[call_id] = wanted

    def find(self, request: Request) -> Usage | Wanted | None:
        """Whose a request is that has a tag of ours (section 4.4.1)."""
        wanted = self._by_call.get(request.call_id)
        return None if wanted is None else wanted.owner(request)

    def flow_lost(self, flow: Flow) -> None:
        """A connection is closed: what goes to other servers finds another way."""
        for channel in self.connections.lose(flow):
            channel.tell_lost(flow)

    # What channels ask

    def credentials(
        self, usage: Wanted | Usage, response: Response, request: Request, flow: Flow | None
    ) -> Iterable[Field] | None:
        """Those of the trunk."""
        wanted = usage.wanted if isinstance(usage, Usage) else usage
        return self.trunks.credentials(wanted.trunk, response, request, flow)

    def stop(self) -> None:
        """Let go of all, without a word."""
        for wanted in {*self._wanted.values(), *self._by_call.values()}:
            wanted.stop()
        self._wanted.clear()
        self._by_call.clear()
