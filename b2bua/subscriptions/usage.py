"""
One dialog of what we watch at another server (RFC 6665 section 4.1): refreshed in time, and told.

A SUBSCRIBE that was forked has several (section 4.1.4); each is a subscription of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from b2bua.capabilities import ALLOW_IN_SUBSCRIPTION
from b2bua.dialogs.channel import Channel, ISurroundings
from b2bua.dialogs.subscription import FATAL
from b2bua.errors import PeerError
from b2bua.subscriptions.packages import Refused

if TYPE_CHECKING:
    from b2bua.clock import ITimer
    from b2bua.dialogs.dialog import Dialog
    from b2bua.legs.party import Party
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.fields import SubscriptionState
    from b2bua.wire.message import Field, Request, Response

MOST = 1800.0
"""The longest that we are put off by Retry-After, in seconds."""
TOO_BRIEF_MAX = 3
"""So often a 423 has us ask for longer, in a row."""
OVER = FATAL - {408}
"""What ends a subscription when a refresh is answered so (section 4.1.2.2)."""


class Told(NamedTuple):
    """What another server says of what is watched there."""

    source: str
    """Which of several places says so, if the SUBSCRIBE was forked; each speaks for itself."""
    type: str = ""
    """The type of the body, in lower case; empty without one."""
    body: bytes = b""
    over: bool = False
    """Nothing more comes from there, and what it has said holds no longer."""


class ServerChannel(Channel):
    """The way to another server, which is also known by it."""

    __slots__ = ("way",)

    def __init__(self, surroundings: ISurroundings, usage: Any, secure: bool) -> None:
        """Go where the dialog says."""
        super().__init__(surroundings, usage)
        self.secure = secure
        self.way: Flow | None = None
        """How something went there last, or came from there."""

    def contact(self, flow: Flow) -> Field:
        """Where the other server reaches us; this is asked for whatever goes there."""
        self.way = flow
        return super().contact(flow)

    def stay(self) -> None:
        """Go on by the connection, if it is one."""
        if self.way is not None and self.way.connection:
            self.take_flow(self.way)


class IWanted(Protocol):
    """What a dialog asks of what it is for."""

    trunk: str
    expires: int
    """The seconds that are asked for."""

    @property
    def surroundings(self) -> ISurroundings:
        """What all of them share."""

    @property
    def party(self) -> Party:
        """The trunk."""

    @property
    def timer_n(self) -> float:
        """So long the NOTIFY may take that confirms a SUBSCRIBE."""

    @property
    def usages(self) -> Mapping[str, Usage]:
        """All its dialogs, by the tag of the other server."""

    def fraction(self) -> float:
        """Some number from 0 to 1."""

    def run(self, step: Callable[..., None], *values: object) -> None:
        """Take a step when the present one is done."""

    def send(self, channel: Channel, dialog: Dialog, seconds: int, hear: Callable[[Response], None]) -> None:
        """Send a SUBSCRIBE."""

    def judged(self, request: Request) -> SubscriptionState:
        """See that a NOTIFY is in order."""

    def refuse(self, request: Request, server: IServerTransaction, refused: Refused) -> None:
        """Turn a request down."""

    def tell(self, told: Told) -> Refused | None:
        """Tell who wants to know; or say why the NOTIFY is refused."""

    def confirmed(self) -> None:
        """A NOTIFY has come."""

    def end(self, usage: Usage, why: str, said: SubscriptionState | None = None) -> None:
        """A dialog is over."""

    def refused(self, usage: Usage, response: Response) -> None:
        """A refresh was refused for good."""

    def drop(self, usage: Usage) -> None:
        """A dialog has not even begun."""


class Usage:
    """One dialog of what we watch: refreshed in time, and told apart."""

    def __init__(self, wanted: IWanted, dialog: Dialog, flow: Flow | None) -> None:
        """Begin; it lasts as long as the 2xx or a NOTIFY say."""
        self.wanted = wanted
        self.dialog = dialog
        self.channel = ServerChannel(wanted.surroundings, self, dialog.secure)
        self.channel.way = flow
        self.channel.stay()
        self.confirmed = False
        self._layer = wanted.surroundings.layer
        self._ends = self._layer.now() + wanted.expires
        self._timer: ITimer | None = None
        """Until it is refreshed, or over."""
        self._confirming: ITimer | None = None
        """
        Timer N: until the NOTIFY has to be there that follows a refresh (section 4.1.2.2).

        It runs from the 2xx on: a refresh that nobody answers ends nothing before its time.
        """
        self._told = False
        """Has a NOTIFY come since the last SUBSCRIBE?"""
        self._refreshing = False
        self._brief = 0
        self._leaving = False
        self._plan()

    @property
    def party(self) -> Party:
        """The trunk."""
        return self.wanted.party

    @property
    def flow(self) -> Flow | None:
        """The way to the other server, by which it is known."""
        return self.channel.way

    def moved(self, flow: Flow) -> None:
        """The other server stays where it is."""

    def flow_lost(self, flow: Flow) -> None:
        """The connection is closed: the next SUBSCRIBE goes where the Contact says."""
        self.channel.lose(flow)

    def granted(self, response: Response, asked: int) -> None:
        """A 2xx: it lasts so long, never longer than was asked for (section 4.1.2.1)."""
        try:
            seconds = response.expires
        except PeerError:
            seconds = None
        self._lasts(asked if seconds is None else min(seconds, asked))

    def _lasts(self, seconds: float) -> None:
        """It ends then, unless it is refreshed."""
        self._ends = self._layer.now() + seconds
        if not self._refreshing:
            self._plan()

    def _plan(self) -> None:
        """Refresh well before the end: a tenth to a quarter of the time is left for another attempt."""
        left = max(0.0, self._ends - self._layer.now())
        self._wait(left * (0.75 + 0.15 * self.wanted.fraction()), self.refresh)

    def refresh(self) -> None:
        """Ask for more time, and to be told everything (section 4.1.2.2)."""
        if self._leaving or self._refreshing:
            return
        self._refreshing = True
        self._wait(max(0.0, self._ends - self._layer.now()), self._expired)
        self._told = False
        self._send(self.wanted.expires)

    def leave(self) -> None:
        """Unsubscribe (section 4.1.2.3)."""
        self._leaving = True
        self._wait(self.wanted.timer_n, self._expired)
        self._send(0)

    def _send(self, seconds: int) -> None:
        """Send a SUBSCRIBE."""
        self.wanted.send(self.channel, self.dialog, seconds, partial(self._heard, seconds))

    def _heard(self, asked: int, response: Response) -> None:
        """Take the answer to a refresh."""
        wanted, code = self.wanted, response.code
        if wanted.usages.get(self.dialog.remote_tag) is not self:
            return
        if self._leaving:
            if not response.success:
                wanted.end(self, "left")
            return
        self._refreshing = False
        if response.success:
            self._brief = 0
            self.channel.stay()
            self.dialog.refresh(response)
            self.granted(response, asked)
            if not self._told:
                self._confirm()
            return
        longer = longer_after(response, asked)
        if longer and self._brief < TOO_BRIEF_MAX:
            self._brief += 1
            wanted.expires = longer
            self.refresh()
        elif code in OVER and not response.local:
            wanted.refused(self, response)
        else:  # it goes on for its time; there may be enough of it for another attempt
            left = max(0.0, self._ends - self._layer.now())
            pause = max(left / 2, asked_to_wait(response))
            if pause < left - 1:
                self._wait(pause, self.refresh)
            else:
                self._wait(left, self._expired)

    def _expired(self) -> None:
        """Its time is over."""
        self._timer = None
        self.wanted.end(self, "it has expired")

    def _unconfirmed(self) -> None:
        """No NOTIFY has followed a refresh (section 4.1.2.2)."""
        self._confirming = None
        self.wanted.end(self, "no NOTIFY came")

    # What comes

    def request_received(self, request: Request, server: IServerTransaction) -> None:
        """Take a request within the dialog."""
        wanted = self.wanted
        try:
            if not self.dialog.accepts(request.cseq.number):
                raise Refused(500, ("Retry-After", "1"))  # out of order (RFC 3261 section 12.2.2)
            if request.method == "OPTIONS":
                self.channel.respond(self.dialog, server, 200, (ALLOW_IN_SUBSCRIPTION,))
            elif request.method != "NOTIFY":
                raise Refused(481 if request.method in ("SUBSCRIBE", "BYE") else 405, ALLOW_IN_SUBSCRIPTION)
            else:
                self._notified(request, server, wanted.judged(request))
        except Refused as refused:
            wanted.refuse(request, server, refused)
        except PeerError as error:
            wanted.refuse(request, server, Refused(error.code, reason=error.why))
        if not self.confirmed and wanted.usages.get(self.dialog.remote_tag) is self:
            wanted.drop(self)  # the NOTIFY that was to begin it was refused

    def _notified(self, request: Request, server: IServerTransaction, said: SubscriptionState) -> None:
        """Take a NOTIFY that is in order."""
        wanted, over = self.wanted, said.state == "terminated"
        if request.body or not over:
            told = Told(self.dialog.remote_tag, request.content_type if request.body else "", request.body)
            refused = None if self._leaving else wanted.tell(told)
            if refused is not None and not over:
                raise refused
        self.dialog.refresh(request)
        self.confirmed = self._told = True
        self._stop_confirming()
        self.channel.respond(self.dialog, server, 200)
        if over:
            wanted.end(self, f"terminated: {said.reason or 'no reason'}", said)
            return
        wanted.confirmed()
        if said.expires is not None and not self._leaving:
            left = self._ends - self._layer.now()
            if abs(said.expires - left) > 1:
                self._lasts(min(float(said.expires), float(wanted.expires)))

    # Time

    def _confirm(self) -> None:
        """Wait for the NOTIFY that follows."""
        self._stop_confirming()
        step = partial(self.wanted.run, self._unconfirmed)
        self._confirming = self._layer.start(self.wanted.timer_n, step)

    def _stop_confirming(self) -> None:
        """It has come, or need not come."""
        if self._confirming is not None:
            self._confirming.stop()
            self._confirming = None

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        """Do something after a while, in place of anything else that was to be done."""
        self._stop()
        self._timer = self._layer.start(seconds, partial(self.wanted.run, then))

    def _stop(self) -> None:
        """Wait for nothing."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def stop(self) -> None:
        """Do nothing any more."""
        self._stop()
        self._stop_confirming()
        self.channel.close()


def longer_after(response: Response, asked: int) -> int:
    """The seconds to ask for instead after a 423 (section 4.1.2.1); 0 if it is none that helps."""
    if response.code != 423 or not asked:
        return 0
    try:
        longer = response.min_expires or 0
    except PeerError:
        return 0
    return longer if longer > asked else 0


def asked_to_wait(response: Response) -> float:
    """The seconds that a refusal asks us to wait, as far as we go along with it."""
    try:
        seconds = response.retry_after
    except PeerError:
        seconds = None
    return min(float(seconds or 0), MOST)
