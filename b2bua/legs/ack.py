"""The ACK for a 2xx, which is sent again whenever the 2xx comes again (RFC 3261 section 13.2.2.4)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from b2bua.legs import bye
from b2bua.legs.context import SDP

if TYPE_CHECKING:
    from b2bua.clock import ITimer
    from b2bua.dialogs.dialog import Dialog
    from b2bua.legs.state import LegChannel, LegData
    from b2bua.transactions.flow import Flow
    from b2bua.wire.message import Field, Request

PATIENCE = 60
"""In T1: how long the answer to an offer in a 2xx may take."""


class Ack:
    """The ACK of one dialog for one INVITE."""

    __slots__ = ("_body", "_seq", "_timer", "channel", "credentials", "dialog", "sent")

    def __init__(
        self, channel: LegChannel, dialog: Dialog, seq: int, credentials: tuple[Field, ...] = ()
    ) -> None:
        """
        Take what it is for.

        @param channel: the way to the peer; the leg may be gone when it is sent again.
        @param seq: the CSeq number of the INVITE.
        @param credentials: those of the INVITE, which the ACK repeats.
        """
        self.channel = channel
        self.dialog = dialog
        self.sent = False
        self._timer: ITimer | None = None
        self._seq = seq
        self.credentials = credentials
        self._body = b""

    def owe(self, leg: LegData) -> None:
        """
        Wait for the other side to answer the offer in the 2xx, but not for too long.

        The peer ends the call after 64*T1 without ACK; before that it gets
        one, with all streams refused, and a BYE.
        """
        self._timer = leg.context.layer.start(PATIENCE * leg.timers.t1, partial(self._late, leg))

    def _late(self, leg: LegData) -> None:
        """Nobody answers the offer."""
        self._timer = None
        if not self.sent:
            bye.lose(leg, "timeout")

    def send(self, body: bytes | None = None) -> None:
        """Send it, or send it again; without a body it is the one of before."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if body is not None:
            self._body = body
        self.sent = True
        channel = self.channel
        way, otherwise = channel.ways(self.dialog)
        channel.surroundings.layer.acknowledge(self._write, way, otherwise)

    def repeat(self) -> None:
        """The 2xx came again: so does the ACK, unless it is not due yet."""
        if self.sent:
            self.channel.seek()
            self.send()

    def _write(self, flow: Flow, via: str) -> Request:
        """Write it for the hop that it takes."""
        fields = (*self.credentials, SDP) if self._body else self.credentials
        return self.dialog.request("ACK", via, self._seq, fields, self._body)
