"""The early dialogs of an INVITE of ours, one for each phone behind a proxy (RFC 3261 section 12.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.dialogs.reliable import InOrder
from b2bua.legs import our_requests
from b2bua.legs.context import SDP
from b2bua.legs.invite_request import InviteRequest

if TYPE_CHECKING:
    from b2bua.dialogs.dialog import Dialog
    from b2bua.legs.words import Fields
    from b2bua.wire.message import Response


class Reliable:
    """What came reliably in one early dialog."""

    __slots__ = ("answer", "dialog", "order", "rack")

    def __init__(self, dialog: Dialog) -> None:
        """Start without a response."""
        self.dialog = dialog
        self.order = InOrder()
        self.answer: bytes | None = None
        """The answer or offer."""
        self.rack = ""
        """The RAck of a PRACK that waits for our answer to an offer in a 1xx."""


class ForkingInvite(InviteRequest):
    """
    The request, and the early dialogs that come of it.

    They are C{dialog} and C{early} of the leg until a 2xx says which one counts.
    What few of them have is kept here.
    """

    __slots__ = ("_early_media", "_reliable", "_used")

    _early_media: str
    """The tag of the one whose early media are let through: the first that had some."""
    _reliable: dict[str, Reliable] | None
    """What came reliably in them, by their tags."""
    _used: int
    """
    The last CSeq number in an early dialog that is forgotten, as that of a PRACK.

    A 2xx that comes all the same makes the same dialog again, and its
    numbers go up from there (RFC 3261 section 12.2.1.1).
    """

    def _early(self, tag: str) -> Dialog | None:
        """Find the early dialog with a tag."""
        leg = self.leg
        dialog = leg.dialog
        if dialog is None or dialog.remote_tag == tag:
            return dialog
        return next((other for other in leg.early or () if other.remote_tag == tag), None)

    def _early_of(self, tag: str, response: Response) -> Dialog:
        """Find the early dialog of a response, or make it."""
        dialog = self._early(tag)
        if dialog is None:
            leg = self.leg
            dialog = self.dialog_of(response, self.seq)
            leg.context.dialogs.add(dialog, leg)
            if leg.dialog is None:
                leg.dialog = dialog
            else:
                leg.early = [*(leg.early or ()), dialog]
        return dialog

    def _take_reliable(self, dialog: Dialog, response: Response, session: bytes | None) -> bool:
        """
        Take a reliable response: PRACK, unless it comes twice or too early.

        The PRACK goes at once, but where it has to bring our answer to an
        offer (RFC 3262 sections 4 and 5).

        @return: is the response to be heeded?
        """
        if self._reliable is None:
            self._reliable = {}
        fork = self._reliable.setdefault(dialog.remote_tag, Reliable(dialog))
        if not fork.order.takes(response.rseq or 0):
            return False
        dialog.refresh(response)
        rack = f"{response.rseq} {response.cseq.number} INVITE"
        if session is not None and fork.answer is None:
            fork.answer = session
            if not self.offers:
                fork.rack = rack
                return True
        self._prack(fork, rack, b"")
        return True

    def _prack(self, fork: Reliable, rack: str, body: bytes) -> None:
        """Send a PRACK; a failure of it shows soon enough in the INVITE."""
        fields: Fields = (("RAck", rack),)
        if body:
            fields += (SDP,)
        our_requests.request(self.leg, fork.dialog, "PRACK", our_requests.ignored, fields, body)

    def _answer_early(self, session: bytes) -> None:
        """Give the answer to offers in reliable responses."""
        for fork in self._reliable.values() if self._reliable else ():
            if fork.rack and fork.answer is not None:
                rack, fork.rack = fork.rack, ""
                self.leg.remote_session = fork.answer
                self._prack(fork, rack, self.leg.signed(session, fork.answer))

    def early_exchange_done(self, dialog: Dialog) -> bool:
        """Was the offer answered reliably in this early dialog, so that an UPDATE may follow?"""
        fork = self._reliable.get(dialog.remote_tag) if self._reliable else None
        return fork is not None and fork.answer is not None and not fork.rack

    def _drop(self, dialog: Dialog) -> None:
        """Forget one early dialog; the next one stands for the leg."""
        leg = self.leg
        leg.context.dialogs.remove(dialog)
        left = [one for one in (leg.dialog, *(leg.early or ())) if one is not None and one is not dialog]
        leg.dialog = left[0] if left else None
        leg.early = left[1:] or None
        if self._reliable:
            self._reliable.pop(dialog.remote_tag, None)

    def end_early(self, tag: str) -> bool:
        """
        End one early dialog: a 199 says so (RFC 6228 section 4), or a BYE.

        @return: was there one?
        """
        dialog = self._early(tag)
        if dialog is None:
            return False
        if self._early_media == tag:
            self._early_media = ""
        self._used = max(self._used, dialog.local_seq)
        self._drop(dialog)
        return True

    def _keep(self, dialog: Dialog | None) -> None:
        """Forget all early dialogs but the one that the leg has by now."""
        leg = self.leg
        if leg.dialog is not dialog or (leg.seldom is not None and leg.early):
            for other in (leg.dialog, *(leg.early or ())):
                if other is not None and other is not dialog:
                    leg.context.dialogs.remove(other)
                    self._used = max(self._used, other.local_seq)
            leg.dialog, leg.early = dialog, None
        self._reliable = None
        self._early_media = ""
