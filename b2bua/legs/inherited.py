"""
2xx to INVITEs that a process has sent which is gone.

The peer repeats its 2xx until the ACK comes, and ends the call without it (RFC 3261
sections 13.3.1.4 and 14.2).  The transaction died with its process, so such a 2xx is
known by its dialog, and by a CSeq number that only that process can have used.

It gets its ACK; nothing else of it is believed, since nobody knows what was
offered.  What holds is offered anew, and so both sides agree again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.dialogs.dialog_request import OFFERLESS
from b2bua.dialogs.offer_answer import can_answer, rejection
from b2bua.legs.ack import Ack
from b2bua.legs.change import change
from b2bua.legs.header_policy import session_within
from b2bua.legs.state import ANSWERED
from b2bua.legs.words import Changed

if TYPE_CHECKING:
    from b2bua.legs.state import LegData
    from b2bua.wire.message import Response


class Inherited:
    """What a restored leg knows of INVITEs that another process has sent in its dialog."""

    __slots__ = ("_ack", "_last", "_leg", "_seq")

    def __init__(self, leg: LegData, last: int) -> None:
        """
        Have heard of none.

        @param last: the highest CSeq number that the other process can have used.
        """
        self._leg = leg
        self._last = last
        self._seq = -1
        """The number of the newest such INVITE; there is only one at a time (section 14.1)."""
        self._ack: Ack | None = None

    def is_of(self, response: Response) -> bool:
        """May it be the 2xx to such an INVITE?"""
        return self._seq <= response.cseq.number <= self._last

    def success(self, response: Response) -> None:
        """Acknowledge such a 2xx, and offer what holds."""
        leg, dialog, seq = self._leg, self._leg.dialog, response.cseq.number
        if dialog is None:
            return
        if seq == self._seq and self._ack is not None:
            self._ack.repeat()
            return
        self._seq, self._ack = seq, Ack(leg.channel, dialog, seq)
        self._ack.send(self._owed(response))
        if leg.state is ANSWERED and leg.queued_change is None and leg.local_session is not None:
            change(leg, Changed(leg.local_session), refresh=True)

    def _owed(self, response: Response) -> bytes | None:
        """The answer that the ACK owes if the INVITE had no offer, but its 2xx (section 13.2.2.4)."""
        leg = self._leg
        offer = session_within(response)
        if offer is None or response.via.param(OFFERLESS) is None:
            return None
        ours = leg.local_session
        return leg.signed(ours if ours is not None and can_answer(ours, offer) else rejection(offer), offer)
