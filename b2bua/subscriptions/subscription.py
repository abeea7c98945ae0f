"""One subscription to an event package, as we serve it (RFC 6665 section 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Protocol

from b2bua.capabilities import ALLOW_IN_SUBSCRIPTION
from b2bua.dialogs.channel import Channel, ISurroundings
from b2bua.dialogs.dialog_request import DialogRequest
from b2bua.dialogs.notify_queue import NotifyQueue
from b2bua.dialogs.subscription import FATAL, Subscription
from b2bua.errors import PeerError
from b2bua.subscriptions.packages import NOTHING, PackageFailed, Watcher
from b2bua.wire.fields import Event
from b2bua.wire.grammar import one_text

if TYPE_CHECKING:
    from b2bua.clock import ITimer
    from b2bua.dialogs.dialog import Dialog
    from b2bua.legs.party import Party
    from b2bua.subscriptions.packages import ServedPackage
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IServerTransaction, ITransactionLayer
    from b2bua.wire.message import Field, Request, Response

BLOCK = 100
"""So many CSeq numbers are reserved at a time in the store."""
LONGEST = 60.0
"""The longest pause between two attempts to tell a phone that does not answer, in seconds."""
NO_FIELDS: Mapping[str, tuple[str, ...]] = {}
GONE = FATAL - {408}
"""
Answers to a NOTIFY that end the subscription (RFC 6665 section 4.2.2).

That nobody answers does not: one lost NOTIFY would darken a lamp until the next
refresh (OpenSIPS#380).  It is tried again until the subscription expires.
"""


class INotifier(ISurroundings, Protocol):
    """What a subscription needs of the notifier that serves it."""

    layer: ITransactionLayer

    def now(self) -> float:
        """The clock."""

    def run(self, step: Callable[..., None], *values: object) -> None:
        """Take a step when the present one is done."""

    def refresh(
        self, subscription: PackageSubscription, request: Request, server: IServerTransaction
    ) -> None:
        """Take a SUBSCRIBE within a subscription, which is in order."""

    def meet(self, subscription: PackageSubscription, flow: Flow | None) -> None:
        """Reach a watcher by this way, and where its phone goes from there."""

    def keep(self, subscription: PackageSubscription) -> None:
        """Have a subscription written down."""

    def forget(self, subscription: PackageSubscription) -> None:
        """It is over, and nothing more is told."""


class PackageSubscription(Subscription):
    """
    Somebody watches something.

    The version of its documents counts with the CSeq numbers of its NOTIFYs, so
    that both are reserved at once and neither ever goes back.
    """

    __slots__ = (
        "_accepts",
        "_end_told",
        "_failures",
        "_heard_last",
        "_notifier",
        "_queue",
        "_supports",
        "_timer",
        "_user_agent",
        "_whole",
        "channel",
        "dialog",
        "fields",
        "first_seq",
        "known",
        "over",
        "party",
        "reserved",
        "resource",
        "served",
        "uri",
    )

    def __init__(
        self,
        notifier: INotifier,
        dialog: Dialog,
        served: ServedPackage,
        resource: str,
        watcher: Watcher,
        seconds: float,
    ) -> None:
        """Start active; nothing is told before L{tell}."""
        super().__init__(one_text(str(watcher.event)), 0, notifier.now() + seconds)
        self._notifier = notifier
        self.dialog = dialog
        self.channel = channel = Channel(notifier, self)
        channel.sticky, channel.secure = True, dialog.secure
        self.served = served
        self.resource = resource
        self.party: Party = watcher.party
        self.uri = watcher.uri
        self._user_agent = one_text(watcher.user_agent)
        self._accepts = watcher.accepts
        self._supports = _shared(watcher.supports)
        self.fields = watcher.fields or NO_FIELDS
        self.known = False
        """Does the package know of it?"""
        self.first_seq = dialog.local_seq + 1
        self.reserved = 0
        """CSeq numbers up to this one may have been used, as far as the store knows."""
        self.over = False
        self._failures = 0
        self._heard_last: int | None = None
        """The version of the document that has arrived last, if nothing has been lost since."""
        self._whole = True
        """Is the next NOTIFY to tell all?"""
        self._end_told = False
        """Has the NOTIFY been sent that is the last one?"""
        self._timer: ITimer | None = None
        self._queue = NotifyQueue(notifier.layer, self._send, served.package.gap)

    # What a dialog of ours has

    @property
    def flow(self) -> Flow | None:
        """The way to the watcher."""
        return self.channel.flow

    @property
    def package(self) -> str:
        """The name of the event package."""
        return self.served.package.name

    def watcher(self, version: int = 0) -> Watcher:
        """Who watches, as the package sees it."""
        event = Event.parse(self.event)
        return Watcher(
            self.party,
            self.uri,
            event,
            self._user_agent,
            self._accepts,
            self._supports,
            version,
            self.dialog.local_tag,
            self.dialog.target,
            self.fields,
            None if self._whole else self._heard_last,
        )

    def respond(
        self, server: IServerTransaction, code: int, fields: tuple[Field, ...] = (), reason: str = ""
    ) -> None:
        """Answer a request within the dialog."""
        self.channel.respond(self.dialog, server, code, fields, reason)

    # What the watcher wants

    def request_received(self, request: Request, server: IServerTransaction) -> None:
        """Take a request within the dialog."""
        server.user = self
        try:
            self._received(request, server)
        except PeerError as error:
            self.respond(server, error.code, reason=error.why)

    def _received(self, request: Request, server: IServerTransaction) -> None:
        """Take a request, if it is in order and for a subscription that there is."""
        if self.over or not self.active:
            # The NOTIFY that ended it is on its way (RFC 6665 section 4.4.1).
            self.respond(server, 481)
        elif not self.dialog.accepts(request.cseq.number):
            self.respond(server, 500, (("Retry-After", "1"),))
        elif request.method == "OPTIONS":
            self.respond(server, 200, (ALLOW_IN_SUBSCRIPTION,))
        elif request.method != "SUBSCRIBE":
            self.channel.respond(
                self.dialog,
                server,
                481 if request.method in ("NOTIFY", "BYE") else 405,
                (ALLOW_IN_SUBSCRIPTION,),
            )
        else:
            self._notifier.refresh(self, request, server)

    def refreshed_by(self, server: IServerTransaction, seconds: int) -> None:
        """Take a SUBSCRIBE that is good: 200, and a NOTIFY at once (section 4.2.1.2)."""
        before = self.dialog.target
        self.dialog.refresh(server.request)
        if self.dialog.target != before or self.flow != server.flow:
            self._notifier.meet(self, server.flow)
        self.refreshed(seconds, self._notifier.now())
        if not self.active:
            self.unknow()
        self.respond(server, 200, self.granted(seconds))
        self._failures, self._whole = 0, True
        self.watch()
        self.keep()
        self.tell(at_once=True)

    def granted(self, seconds: int) -> tuple[Field, ...]:
        """What a 2xx to a SUBSCRIBE says (RFC 6665 section 4.2.1.1, RFC 4662 section 4.1)."""
        try:
            needs = self.served.needs(self.resource)
        except PackageFailed:
            needs = NOTHING  # the NOTIFY waits until it can tell
        return (("Expires", str(seconds)), *((require(needs),) if needs else ()))

    def watch(self) -> None:
        """Wait for the end of its time."""
        self._stop()
        if self.active:
            self._timer = self._notifier.layer.start(
                max(0.0, self.ends - self._notifier.now()), self._expired
            )

    def _expired(self) -> None:
        """Nobody has refreshed it: say so once (section 4.2.1.4)."""
        self._timer = None
        self.end("timeout")

    # What it is told

    def tell(self, *, at_once: bool = False) -> None:
        """Send a NOTIFY as soon as one may be sent."""
        if not self.over:
            self._queue.tell(at_once=at_once)

    def end(self, reason: str) -> None:
        """End it, with a last NOTIFY."""
        self.terminate(reason)
        self.unknow()
        self._stop()
        self.tell(at_once=True)

    def moved(self, flow: Flow) -> None:
        """The phone is there now: tell it what it may have missed."""
        self._failures = 0
        if not self.over and not self._queue.idle:
            self._notifier.run(partial(self.tell, at_once=True))

    def flow_lost(self, flow: Flow) -> None:
        """The connection to the phone is closed: it is told when it is back."""
        self.channel.lose(flow)

    def _send(self) -> bool:
        """Send a NOTIFY that says what is so now (section 4.2.2)."""
        if self.over:
            return False
        notifier, seq = self._notifier, self.dialog.local_seq + 1
        try:
            body = self.served.state(self.resource, self.watcher(seq - self.first_seq))
            needs = self.served.needs(self.resource)
        except PackageFailed:
            if self.active:
                notifier.layer.start(self._pause(), self._queue.go_on)
                return False
            body, needs = None, NOTHING  # the end is told even so
        if seq + BLOCK // 2 > self.reserved:
            self.reserve()
        fields: tuple[Field, ...] = (
            ("Event", self.event),
            ("Subscription-State", self.state(notifier.now())),
        )
        if needs:
            fields += (require(needs),)
        content = b""
        if body is not None:
            fields += body.fields
            if body.type:
                content = body.content
                fields += (("Content-Type", body.type),)
        if not self.active:
            self._end_told = True
            self.keep()  # nothing is told after it (RFC 6665 section 4.4.1), whether it is answered or not
        self._whole, self._heard_last = False, None  # until it has been answered
        DialogRequest(self.channel, self.dialog, "NOTIFY", self._heard, fields, content)
        return True

    def _heard(self, response: Response) -> None:
        """Take the answer to a NOTIFY, when what goes on now is done."""
        if response.final:
            self._notifier.run(self._answered, response)

    def _answered(self, response: Response) -> None:
        """The NOTIFY has arrived, or it has not."""
        if self.over:
            return
        code = response.code
        if code in GONE or self._end_told:
            self._notifier.forget(self)
        elif response.success:
            self._failures = 0
            self._heard_last = self.dialog.local_seq - self.first_seq
            self._queue.answered()
        else:
            self._queue.failed(max(self._pause(), _asked_to_wait(response)))

    def _pause(self) -> float:
        """Seconds until the next attempt: more each time."""
        self._failures += 1
        return min(2.0**self._failures, LONGEST)

    def reserve(self) -> None:
        """Have the next CSeq numbers for this process, so that no later one takes them again."""
        self.reserved = self.dialog.local_seq + 1 + BLOCK
        self.keep()

    # Its end

    def keep(self) -> None:
        """Have it written down, if it is to last."""
        if not self.over:
            self._notifier.keep(self)

    def know(self) -> None:
        """Tell the package that it is there."""
        self.known = True
        self.served.began(self.resource, self.watcher())

    def unknow(self) -> None:
        """Tell the package that it is over, once."""
        if self.known:
            self.known = False
            self.served.ended(self.resource, self.watcher())

    def stop(self) -> None:
        """Do nothing any more."""
        self.over = True
        self._stop()
        self._queue.stop()
        self.channel.close()

    def _stop(self) -> None:
        """Stop the timer of its end."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None


def require(needs: frozenset[str]) -> Field:
    """What has to be understood (RFC 3261 section 20.32)."""
    return ("Require", ", ".join(sorted(needs)))


@lru_cache(maxsize=256)
def _shared(options: frozenset[str]) -> frozenset[str]:
    """Give watchers of like phones the same option tags."""
    return options


def _asked_to_wait(response: Response) -> float:
    """The seconds that a refusal asks us to wait, as far as we go along with it."""
    try:
        seconds = response.retry_after
    except PeerError:
        seconds = None
    return float(min(seconds or 0, 3600))
