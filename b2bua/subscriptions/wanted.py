"""
One thing that we watch at another server, and its dialogs (RFC 6665 section 4.1).

A SUBSCRIBE may be forked: each NOTIFY with another tag is a subscription of its
own (section 4.1.4).  All of them are taken, and each is told apart to who wants
to know.  When the last one is over it is asked for anew, as soon as the reason
lets us (section 4.1.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from twisted.logger import Logger

from b2bua.dialogs.channel import Channel, ISurroundings
from b2bua.dialogs.dialog import Dialog
from b2bua.dialogs.dialog_request import DialogRequest
from b2bua.errors import PeerError
from b2bua.subscriptions.packages import PackageFailed, Refused
from b2bua.subscriptions.usage import (
    MOST,
    TOO_BRIEF_MAX,
    ServerChannel,
    Told,
    Usage,
    asked_to_wait,
    longer_after,
)

if TYPE_CHECKING:
    from random import Random

    from b2bua.calls.ports import Destination
    from b2bua.calls.verdicts import Refuse
    from b2bua.clock import ITimer
    from b2bua.legs.party import Party
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.fields import SubscriptionState
    from b2bua.wire.message import Field, Request, Response

EXPIRES = 3600
"""Seconds that are asked for."""
BASE = 30.0
"""Seconds until the next attempt after the first failure, about; it doubles with each, up to C{MOST}."""
LIVED = 30.0
"""What ended sooner than that, and may be asked for again at once, is asked for at once only one time."""
FORKS_MAX = 8
"""So many dialogs of one SUBSCRIBE are taken."""
NOT_THERE = frozenset((405, 489, 501))
"""Who answers so does not serve it, and is not asked again."""
FOR_GOOD = frozenset(("rejected", "noresource", "invariant"))
"""Reasons after which one does not subscribe anew (section 4.1.3)."""
AT_ONCE = frozenset(("deactivated", "timeout"))
"""Reasons after which one may do so immediately."""


class Place(NamedTuple):
    """Where something is to be had at a trunk."""

    destination: Destination
    own: str
    """The URI by which it knows us: what From says."""


class Trunks(Protocol):
    """What a subscriber asks of the directory."""

    def at_trunk(self, trunk: str, user: str) -> Place | None:
        """Where a user is at a trunk now; None if the trunk is not there."""

    def credentials(
        self, trunk: str, response: Response, request: Request, flow: Flow | None
    ) -> Iterable[Field] | None:
        """Credentials for a trunk that asks for them by a flow."""


class Hearer(Protocol):
    """Who wants to know."""

    @property
    def hear(self) -> Callable[[Told], Refuse | None]:
        """Takes what was told; or says with what status the NOTIFY is refused, since it cannot be read."""


class ISubscriber(ISurroundings, Protocol):
    """What all that is wanted shares."""

    random: Random
    user_agent: str

    @property
    def run(self) -> Callable[..., None]:
        """Takes a step when the present one is done."""

    @property
    def trunks(self) -> Trunks:
        """Where the other servers are."""

    def know(self, call_id: str, wanted: Wanted | None) -> None:
        """Note to whom the NOTIFYs of a Call-ID belong, or that they are nobody's any more."""

    def forget(self, wanted: Wanted) -> None:
        """Nobody wants it any more."""


class Wanted:
    """Something that we watch at a trunk, as long as somebody wants to know it."""

    log = Logger()

    def __init__(
        self, subscriber: ISubscriber, trunk: str, user: str, event: str, accept: tuple[str, ...]
    ) -> None:
        """Ask for nothing before L{start}."""
        self.subscriber = subscriber
        self.trunk = trunk
        self.user = user
        self.event = event
        self.accept = accept
        self.hearers: dict[Hearer, None] = {}
        self.why = "not answered yet"
        self.expires = EXPIRES
        self.usages: dict[str, Usage] = {}
        """Its dialogs, by the tag of the other server."""
        self.dialog: Dialog | None = None
        """What the first SUBSCRIBE says; its To has no tag yet."""
        self.channel: ServerChannel | None = None
        """The way that it went."""
        self.place: Place | None = None
        self._open = False
        """May a NOTIFY still begin another dialog?"""
        self._since = 0.0
        self._failures = 0
        self._hasty = False
        """Was it asked for at once after it had ended early?"""
        self._brief = 0
        self._gone = False
        self._timer: ITimer | None = None
        self._lingering: ITimer | None = None

    @property
    def party(self) -> Party:
        """The trunk."""
        assert self.place is not None
        return self.place.destination.party

    @property
    def flow(self) -> Flow | None:
        """The way that the first SUBSCRIBE went: from there its NOTIFYs come."""
        return None if self.channel is None else self.channel.way

    # Asking for it

    def start(self) -> None:
        """Subscribe, with a Call-ID and a tag that nobody knows yet (section 4.1.2.1)."""
        if self._gone:
            return
        self._forget_dialog()
        subscriber = self.subscriber
        place = self.place = subscriber.trunks.at_trunk(self.trunk, self.user)
        if place is None:
            self.failed("there is no way to the trunk")
            return
        there, random = place.destination, subscriber.random
        self.dialog = Dialog(
            call_id=f"{random.getrandbits(96):024x}",
            local_tag=f"{random.getrandbits(64):016x}",
            remote_tag="",
            local=f"<{place.own}>",
            remote_value=f"<{there.to_uri}>",
            local_seq=random.getrandbits(16),
            remote_seq=-1,
            target=there.request_uri,
            routes=tuple(f"<{uri}>" for uri in there.route),
            owner=True,
        )
        subscriber.know(self.dialog.call_id, self)
        self._open = True
        self._since = subscriber.layer.now()
        self._wait(self.timer_n, self._unconfirmed)
        self.channel = ServerChannel(self.subscriber, self, self.dialog.secure)
        self.send(self.channel, self.dialog, self.expires, partial(self._heard, self.dialog))

    def send(self, channel: Channel, dialog: Dialog, seconds: int, hear: Callable[[Response], None]) -> None:
        """
        Send a SUBSCRIBE.

        @param hear: told the final answer, when the present step is done.
        """
        fields: tuple[Field, ...] = (
            ("Event", self.event),
            ("Expires", str(seconds)),
            ("Accept", ", ".join(self.accept)),
        )
        if self.subscriber.user_agent:
            fields += (("User-Agent", self.subscriber.user_agent),)

        def heard(response: Response) -> None:
            if response.final:
                self.subscriber.run(hear, response)

        DialogRequest(channel, dialog, "SUBSCRIBE", heard, fields)

    @property
    def surroundings(self) -> ISurroundings:
        """What all of them share."""
        return self.subscriber

    def fraction(self) -> float:
        """Some number from 0 to 1, so that not all is asked for at once."""
        return self.subscriber.random.random()

    def run(self, step: Callable[..., None], *values: object) -> None:
        """Take a step when the present one is done."""
        self.subscriber.run(step, *values)

    @property
    def timer_n(self) -> float:
        """So long the NOTIFY may take that confirms a SUBSCRIBE (section 4.1.2.4)."""
        return 64 * self.subscriber.layer.timers_of(self.flow).t1

    def _heard(self, asked: Dialog, response: Response) -> None:
        """Take the answer to the first SUBSCRIBE."""
        if asked is not self.dialog:
            return  # of an attempt that is over
        if response.success:
            self._brief = 0
            usage = self.usages.get(response.to_tag)
            if usage is None and response.to_tag and self._open:
                dialog = Dialog.restore({**asked.snapshot(), "remote_tag": response.to_tag})
                dialog.confirm(response)
                usage = self._begin(dialog)
            if usage is not None:
                usage.granted(response, self.expires)
        elif not self.usages:  # who has sent a NOTIFY has taken it, whatever became of the answer
            longer = longer_after(response, self.expires)
            if longer and self._brief < TOO_BRIEF_MAX:
                self._brief += 1
                self.expires = longer
                self.start()
            else:
                self._turned_down(response)

    def _unconfirmed(self) -> None:
        """Who has not sent a NOTIFY by now has not taken it."""
        self._timer = None
        self._open = False
        for usage in tuple(self.usages.values()):
            if not usage.confirmed:
                self.end(usage, "no NOTIFY came")
        if not self.usages and self._timer is None:
            self.failed("no NOTIFY came")

    def _begin(self, dialog: Dialog) -> Usage:
        """One more dialog."""
        usage = self.usages[dialog.remote_tag] = Usage(self, dialog, self.flow)
        return usage

    def moved(self, flow: Flow) -> None:
        """The other server stays where it is."""

    def flow_lost(self, flow: Flow) -> None:
        """A connection is closed: the first SUBSCRIBE has its answer by then, or none."""

    # Asking for it again

    def refused(self, usage: Usage, response: Response) -> None:
        """A refresh was: the other server knows nothing of it any more, or does not serve it."""
        if response.code != 481 and len(self.usages) == 1:
            self.drop(usage)
            self.tell(Told(usage.dialog.remote_tag, over=True))
            self._turned_down(response)
        else:
            self.end(usage, f"{response.code} {response.reason}".strip())

    def drop(self, usage: Usage) -> None:
        """A dialog is no more; nothing has to be done about it."""
        del self.usages[usage.dialog.remote_tag]
        usage.stop()

    def _turned_down(self, response: Response) -> None:
        """A SUBSCRIBE was turned down: try later, but not where nobody serves it."""
        code = response.code
        why = "no answer" if response.local and code == 408 else f"{code} {response.reason}".strip()
        self.failed(why, asked_to_wait(response), for_good=code in NOT_THERE)

    def failed(self, why: str, put_off: float = 0.0, *, for_good: bool = False) -> None:
        """Try again later, later each time (RFC 5626 section 4.5), or never."""
        self._forget_dialog()
        first = not self._failures
        self._failures += 1
        self.why = why
        pause = min(MOST, BASE * 2 ** min(self._failures - 1, 10)) * (0.5 + 0.5 * self.fraction())
        if for_good:
            self.log.warn(
                "trunk {trunk} does not tell of {event} of {user}: {why}; it is not asked again before "
                "b2bua reload",
                trunk=self.trunk, event=self.event, user=self.user, why=why,
            )  # fmt: skip
            return
        if first:
            self.log.warn(
                "trunk {trunk} does not tell of {event} of {user}: {why}; it is asked again",
                trunk=self.trunk, event=self.event, user=self.user, why=why,
            )  # fmt: skip
        self._wait(max(pause, min(put_off, MOST)), self.start)

    def end(self, usage: Usage, why: str, said: SubscriptionState | None = None) -> None:
        """
        A dialog is over.

        @param said: what the NOTIFY said that ended it.
        """
        if self.usages.pop(usage.dialog.remote_tag, None) is None:
            return
        usage.stop()
        self.tell(Told(usage.dialog.remote_tag, over=True))
        if self._gone:
            if not self.usages:
                self._forget_dialog()
        elif not self.usages:
            self._again(why, said)

    def _again(self, why: str, said: SubscriptionState | None) -> None:
        """The last dialog is over: subscribe anew as its reason lets us (section 4.1.3)."""
        reason = "" if said is None else said.reason
        if reason in FOR_GOOD:
            self.failed(why, for_good=True)
            return
        lived = self.subscriber.layer.now() - self._since >= LIVED
        if lived:
            self._failures, self._hasty = 0, False
        if (reason in AT_ONCE or said is None) and not self._hasty:
            self._hasty = True
            self.why = why
            self._forget_dialog()
            self._wait(0.0, self.start)
            return
        self.failed(why, 0.0 if said is None else float(said.retry_after or 0))

    def confirmed(self) -> None:
        """A NOTIFY has come that says how it is."""
        if self._failures and self.why:
            self.log.info(
                "trunk {trunk} tells of {event} of {user} again",
                trunk=self.trunk, event=self.event, user=self.user,
            )  # fmt: skip
        self.why = ""
        self._failures = 0

    def refresh(self) -> None:
        """Have all dialogs tell everything; without one, try at once to get one."""
        for usage in self.usages.values():
            usage.refresh()
        if self.dialog is None and not self._gone:
            self._wait(0.0, self.start)

    # What comes

    def owner(self, request: Request) -> Usage | Wanted | None:
        """Whose a request is: a dialog's, or ours if it may begin one (section 4.4.1)."""
        if self.dialog is None or request.to_tag != self.dialog.local_tag:
            return None
        usage = self.usages.get(request.from_tag)
        if usage is not None:
            return usage
        return self if request.method == "NOTIFY" and self._open and request.from_tag else None

    def request_received(self, request: Request, server: IServerTransaction) -> None:
        """Take a NOTIFY that begins a dialog; it may come before the 2xx (section 4.1.2.4)."""
        try:
            said = self.judged(request)
            if said.state != "terminated" and (len(self.usages) >= FORKS_MAX or self._gone):
                raise Refused(481)
            assert self.dialog is not None
            dialog = Dialog.of_request(request, self.dialog.local_tag, self.dialog.local_seq)
            if not dialog.target:
                raise PeerError("A NOTIFY needs a Contact", section="RFC 6665 8.2")
            dialog.next_hop  # noqa: B018  # a route or target that cannot be read is refused now
            dialog.local = self.dialog.local  # its To has our tag already
            dialog.remote_seq = -1  # taken note of where the dialog takes it
        except Refused as refused:
            self.refuse(request, server, refused)
            return
        except PeerError as error:
            self.refuse(request, server, Refused(error.code, reason=error.why))
            return
        self._begin(dialog).request_received(request, server)

    def judged(self, request: Request) -> SubscriptionState:
        """
        See that a NOTIFY is in order, before anything of it is taken (section 4.1.3).

        @raise PeerError: if a field is malformed that is needed.
        """
        event = request.event
        if event is None or str(event) != self.event:
            raise Refused(489, ("Allow-Events", self.event.partition(";")[0]))
        said = request.subscription_state
        if said is None:
            raise PeerError("A NOTIFY needs Subscription-State", section="RFC 6665 4.1.3")
        if request.body and request.content_type not in self.accept:
            raise Refused(415, ("Accept", ", ".join(self.accept)))
        return said

    def refuse(self, request: Request, server: IServerTransaction, refused: Refused) -> None:
        """Turn a request down; the tag that it names is ours."""
        server.respond(request.response(refused.code, refused.reason, fields=refused.fields))

    def tell(self, told: Told) -> Refused | None:
        """Tell who wants to know; or say why the NOTIFY is refused."""
        refusal: Refuse | None = None
        for subscribed in tuple(self.hearers):
            try:
                refusal = subscribed.hear(told) or refusal
            except PackageFailed:
                continue  # it has been noted; the other server can do nothing about it
        return None if refusal is None else Refused(refusal.code, reason=refusal.reason)

    # Its end

    def linger(self, seconds: float | None) -> None:
        """Nobody wants it any more: end it in a while; or somebody does again."""
        if self._lingering is not None:
            self._lingering.stop()
        layer = self.subscriber.layer
        self._lingering = None if seconds is None else layer.start(seconds, self._leave)

    def _leave(self) -> None:
        """Unsubscribe; what a NOTIFY says from now on is of no use to anybody (section 4.1.2.3)."""
        self._lingering = None
        self._gone = True
        self.subscriber.forget(self)
        self._stop()
        if not self.usages:
            self._forget_dialog()
        for usage in tuple(self.usages.values()):
            usage.leave()

    def stop(self) -> None:
        """Do nothing any more, and say nothing."""
        self._gone = True
        self._stop()
        self.linger(None)
        for usage in self.usages.values():
            usage.stop()
        self.usages.clear()

    def _forget_dialog(self) -> None:
        """Take no NOTIFY of the last SUBSCRIBE any more: 481."""
        self._stop()
        self._open = False
        if self.dialog is not None:
            self.subscriber.know(self.dialog.call_id, None)
            self.dialog = None

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        """Do something after a while, in place of anything else that was to be done."""
        self._stop()
        self._timer = self.subscriber.layer.start(seconds, partial(self.subscriber.run, then))

    def _stop(self) -> None:
        """Wait for nothing."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
