"""
A request of ours within a dialog, from its first sending to its final answer.

Whatever the dialog is for, a request takes the next CSeq number (RFC 3261
section 12.2.1.1), goes on where the peer goes, and answers a challenge (section
22.2).  In a call one that is lost with its connection waits until the phone has
registered by another, for as long as a request over UDP would have been
repeated (64*T1, section 17.1.2.2).  When it has its answer nothing of it stays
in a circle, which the collector would have to find.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from b2bua.errors import PeerError

if TYPE_CHECKING:
    from b2bua.clock import ITimer
    from b2bua.dialogs.channel import Channel
    from b2bua.dialogs.dialog import Dialog
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IClientTransaction
    from b2bua.wire.message import Field, Request, Response

OFFERLESS = "offerless"
"""
A parameter of our Via, by which an INVITE without an offer is known from its 2xx alone.

A response has the Via of its request (RFC 3261 section 8.2.6.2), also when the process
that has sent it is gone and remembers nothing.
"""
AFTER_THE_END = frozenset(("BYE", "NOTIFY", "PRACK", "SUBSCRIBE"))
"""
What still has its place when the session is over.

The news of a transfer goes on (RFC 5057 section 5.1), and a provisional response goes
on being repeated until its PRACK.
"""
ANSWERS_MAX = 2
"""Challenges to one request that are answered: the first, and one more for a stale nonce."""


class DialogRequest:
    """One request; it is among C{channel.requests} until its final answer was heard."""

    __slots__ = (
        "_answered",
        "_body",
        "_channel",
        "_client",
        "_dialog",
        "_fields",
        "_hear",
        "_lost_at",
        "_mends",
        "_method",
        "_proof",
        "_refresh",
        "_sent",
        "_timer",
        "_way",
        "seq",
    )

    seq: int
    """The CSeq number that it was last sent with."""
    _sent: Request
    """The request as it was last sent."""
    _way: Flow | None
    """The way that it took."""

    def __init__(
        self,
        channel: Channel,
        dialog: Dialog,
        method: str,
        hear: Callable[[Response], None],
        fields: tuple[Field, ...] = (),
        body: bytes = b"",
        refresh: bool = True,
        mends: bool = True,
    ) -> None:
        """
        Send it.

        @param hear: told every response, but for a challenge that is answered.
        @param refresh: is it a target refresh, which says where we are?
        @param mends: are a challenge and a lost connection dealt with here?
            Else whoever sends it hears of them.
        """
        self._channel = channel
        self._dialog = dialog
        self._method = method
        self._hear = hear
        self._fields = fields
        self._body = body
        self._refresh = refresh
        self._mends = mends
        self._answered = 0
        self._proof: tuple[Field, ...] = ()
        self._client: IClientTransaction | None = None
        self._way = None
        self._timer: ITimer | None = None
        self._lost_at: float | None = None
        if channel.requests is None:
            channel.requests = [self]
        else:
            channel.requests.append(self)
        self._send()

    def _send(self) -> None:
        """Send it, for the first time or again."""
        channel, dialog = self._channel, self._dialog
        dialog.local_seq += 1
        self.seq = dialog.local_seq
        way, otherwise = channel.ways(dialog)
        self._client = channel.surroundings.layer.request(self._write, way, self._heard, otherwise)

    def _write(self, flow: Flow, via: str) -> Request:
        """Write it for the hop that it takes."""
        channel = self._channel
        if self._method == "INVITE" and not self._body:
            via = f"{via};{OFFERLESS}"
        fields = self._fields + self._proof if self._proof else self._fields
        if self._refresh:
            fields = (channel.contact(flow), *fields)
        self._sent = self._dialog.request(self._method, via, self.seq, fields, self._body)
        return self._sent

    def _heard(self, response: Response) -> None:
        """Take a response, unless it only asks who we are, or the phone was elsewhere."""
        if response.code < 200:
            self._hear(response)
            return
        if self._client is not None:
            self._way = self._client.flow
        if response.local:
            self._notice_lost_connection(response)
        if self._mends and response.code >= 300 and (self._answers(response) or self._waits(response)):
            return
        self._end()
        self._hear(response)

    def _end(self) -> None:
        """It has its answer."""
        self._client = None
        channel, outstanding = self._channel, self._channel.requests
        if outstanding is not None and self in outstanding:
            outstanding.remove(self)
            if not outstanding:
                channel.requests = None
                if channel.closed:
                    channel.usage = None

    def cancel(self) -> None:
        """Send a CANCEL, of what is an INVITE; the final answer is still heard (RFC 3261 section 9.1)."""
        if self._client is not None:
            self._client.cancel()

    # Who we are

    def _answers(self, response: Response) -> bool:
        """
        Send it again with credentials, if they are asked for and there are some.

        The first challenge is answered; the next only if it wants a fresher
        nonce (RFC 7616 section 3.3).
        """
        if response.code not in (401, 407) or not self._may_answer(response):
            return False
        channel = self._channel
        credentials = channel.surroundings.credentials(channel.usage, response, self._sent, self._way)
        if credentials is None:
            return False
        self._answered += 1
        self._proof = tuple(credentials)
        self._send()
        return True

    def _may_answer(self, response: Response) -> bool:
        """Is it the first challenge, or one that says that only the nonce was too old?"""
        if not self._answered:
            return True
        try:
            return self._answered < ANSWERS_MAX and any(one.stale for one in response.challenges)
        except PeerError:
            return False

    # Where the peer is

    def _notice_lost_connection(self, response: Response) -> None:
        """A connection that takes nothing is lost, also one that could not be opened."""
        channel, way = self._channel, self._way
        if response.code == 503 and way is not None and way == channel.flow and way.connection:
            channel.take_flow(None)

    def _waits(self, response: Response) -> bool:
        """Is it to be sent again: it went where the phone is no more, or was lost with the connection?"""
        channel = self._channel
        if not response.local or response.code not in (408, 503) or not channel.patient or channel.closed:
            return False
        layer = channel.surroundings.layer
        now, timers = layer.now(), layer.timers_of(channel.flow)
        if self._lost_at is None:
            self._lost_at = now
        if now - self._lost_at >= 64 * timers.t1:
            return False
        if channel.device is not None and self.astray:
            self._send()
            return True
        if response.code == 503 and channel.flow is None:
            # The phone may be back in a moment; if it does not say so, its Contact is all we know.
            self._timer = layer.start(timers.t2, self._again)
            return True
        return False

    def _again(self) -> None:
        """Send what has waited."""
        self._timer = None
        self._send()

    def follow(self, flow: Flow) -> None:
        """The peer is there now."""
        if self._timer is not None:
            self._timer.stop()
            self._again()
        elif self._client is not None:
            self._client.move(flow)

    def rest(self) -> None:
        """
        The session is over: do not send it again, if it has no place after that (RFC 3261 section 15).

        What waits to be sent again has failed; what is on its way ends by itself.
        """
        if self._method in AFTER_THE_END:
            return
        self._mends = False
        if self._timer is not None:
            self.give_up()
            self._hear(self._sent.response(503).made_up())

    def give_up(self) -> None:
        """Wait no more; what is under way ends by itself."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
            self._end()

    @property
    def astray(self) -> bool:
        """Is the phone elsewhere by now than where it went?"""
        return self._channel.flow is not None and self._channel.flow != self._way

    @property
    def waiting(self) -> bool:
        """Does it wait for the phone to come back?"""
        return self._timer is not None
