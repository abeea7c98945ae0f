"""
A request of ours within a dialog, from its first sending to its final answer.

It goes where the phone is: one that is lost with its connection waits until
the phone has registered by another, for as long as a request over UDP would
have been repeated (64*T1, RFC 3261 section 17.1.2.2), and one that is under way
to where the phone no longer is goes on where it is now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from b2bua.capabilities import ALLOW, SUPPORTED
from b2bua.dialogs.dialog_request import DialogRequest
from b2bua.legs import sending
from b2bua.legs.header_policy import leaving

if TYPE_CHECKING:
    from b2bua.clock import ITimer
    from b2bua.dialogs.dialog import Dialog
    from b2bua.legs.state import LegData
    from b2bua.legs.words import Fields
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IClientTransaction
    from b2bua.wire.message import Field, Request, Response


class OurRequest(DialogRequest):
    """One request; it is among C{leg.our_requests} until its final answer was heard."""

    __slots__ = ("_leg", "_lost_at", "_mends", "_refresh", "_timer", "_way")

    def __init__(
        self,
        leg: LegData,
        dialog: Dialog,
        method: str,
        hear: Callable[[Response], None],
        fields: Fields = (),
        body: bytes = b"",
        *,
        refresh: bool = False,
        mends: bool = True,
    ) -> None:
        """
        Be among those of the leg; L{send} sends it.

        @param refresh: is it a target refresh, which says where we are?
        @param mends: are a challenge and a lost connection dealt with here?
            Else whoever sends it hears of them.
        """
        super().__init__(dialog, method, hear, fields, body)
        self._leg = leg
        self._refresh = refresh
        self._mends = mends
        self._way: Flow | None = None
        self._timer: ITimer | None = None
        self._lost_at: float | None = None
        if leg.our_requests is None:
            leg.our_requests = []
        leg.our_requests.append(self)

    def _leave(self) -> IClientTransaction:
        """Go by the way of the leg."""
        leg = self._leg
        way = sending.target(leg, self._dialog)
        return leg.context.layer.request(self._write, way, self._heard, sending.otherwise(leg, way))

    def _write(self, flow: Flow, via: str) -> Request:
        """Write it for the hop that it takes."""
        leg = self._leg
        head: Fields = (sending.contact(leg, flow), ALLOW, SUPPORTED) if self._refresh else (SUPPORTED,)
        fields = head + leaving((*self._fields, *self._proof), leg.party)
        request = self._dialog.request(self._method, via, self.seq, fields, self._body)
        self._sent = leg.context.edited(leg, request)
        return self._sent

    def _heard(self, response: Response) -> None:
        """Take a response, unless it only asks who we are, or the phone was elsewhere."""
        if response.provisional:
            self._hear(response)
            return
        if self._client is not None:
            self._way = self._client.flow
        self._notice_lost_connection(response)
        if not self._mends or not (self._answers_challenge(response) or self._waits(response)):
            self._end()
            self._hear(response)

    def _notice_lost_connection(self, response: Response) -> None:
        """A connection that takes nothing is lost, also one that could not be opened."""
        leg, way = self._leg, self._way
        if response.local and response.code == 503 and way is not None and way == leg.flow and way.connection:
            leg.take_flow(None)

    def _credentials(self, response: Response) -> list[Field] | None:
        """Those for the way that it went."""
        leg = self._leg
        if leg.context.challenged is None:
            return None
        return leg.context.challenged(leg, response, self._sent, self._way)

    def _waits(self, response: Response) -> bool:
        """Is it to be sent again: it went where the phone is no more, or was lost with the connection?"""
        leg = self._leg
        if not response.local or response.code not in (408, 503) or leg.gone:
            return False
        now = leg.context.layer.now()
        if self._lost_at is None:
            self._lost_at = now
        if now - self._lost_at >= 64 * leg.timers.t1:
            return False
        if leg.device is not None and self.astray:
            self.send()
            return True
        if response.code == 503 and leg.flow is None:
            # The phone may be back in a moment; if it does not say so, its Contact is all we know.
            self._timer = leg.context.layer.start(leg.timers.t2, self._again)
            return True
        return False

    def _again(self) -> None:
        """Send what has waited."""
        self._timer = None
        self.send()

    def follow(self, flow: Flow) -> None:
        """The phone is there now."""
        if self._timer is not None:
            self._timer.stop()
            self._again()
        else:
            super().follow(flow)

    def cancel(self) -> None:
        """Send a CANCEL, of what is an INVITE; the final answer is still heard (RFC 3261 section 9.1)."""
        if self._client is not None:
            self._client.cancel()

    def give_up(self) -> None:
        """Wait no more; what is under way ends by itself."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
            self._end()

    @property
    def astray(self) -> bool:
        """Is the phone elsewhere by now than where it went?"""
        return self._leg.flow is not None and self._leg.flow != self._way

    @property
    def waiting(self) -> bool:
        """Does it wait for the phone to come back?"""
        return self._timer is not None

    def _end(self) -> None:
        """It has its answer."""
        self._client = None
        outstanding = self._leg.our_requests
        if outstanding is not None and self in outstanding:
            outstanding.remove(self)
            if not outstanding:
                self._leg.our_requests = None


def request(
    leg: LegData,
    dialog: Dialog,
    method: str,
    hear: Callable[[Response], None],
    fields: Fields = (),
    body: bytes = b"",
    *,
    refresh: bool = False,
    mends: bool = True,
) -> OurRequest:
    """Send a request within a dialog (see L{OurRequest})."""
    request = OurRequest(leg, dialog, method, hear, fields, body, refresh=refresh, mends=mends)
    request.send()
    return request


def ignored(response: Response) -> None:
    """Hear a response that changes nothing."""
