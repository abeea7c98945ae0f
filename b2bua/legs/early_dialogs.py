"""The early dialogs of an INVITE of ours, one for each phone behind a proxy (RFC 3261 section 12.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.dialogs.reliable import InOrder
from b2bua.legs import our_requests
from b2bua.legs.context import SDP

if TYPE_CHECKING:
    from collections.abc import Callable

    from b2bua.dialogs.dialog import Dialog
    from b2bua.legs.state import LegData
    from b2bua.legs.words import Fields
    from b2bua.wire.message import Response


class EarlyDialog:
    """One early dialog."""

    __slots__ = ("answer", "dialog", "order", "rack")

    def __init__(self, dialog: Dialog) -> None:
        """Start without a reliable response."""
        self.dialog = dialog
        self.order: InOrder | None = None
        self.answer: bytes | None = None
        """The answer or offer that came reliably."""
        self.rack = ""
        """The RAck of a PRACK that waits for our answer to an offer in a 1xx."""


class EarlyDialogs:
    """
    All early dialogs of one INVITE, and the reliable responses in them.

    The first one stands for the leg until a 2xx says which one counts.
    """

    __slots__ = ("_early_media", "_forks", "_offered", "leg", "used")

    def __init__(self, leg: LegData, offered: bool) -> None:
        """
        Start with none.

        @param offered: did the INVITE bring an offer?
        """
        self.leg = leg
        self._offered = offered
        self._forks: dict[str, EarlyDialog] = {}
        self._early_media = ""
        self.used = 0
        """
        The last CSeq number in an early dialog that is forgotten, as that of a PRACK.

        A 2xx that comes all the same makes the same dialog again, and its
        numbers go up from there (RFC 3261 section 12.2.1.1).
        """

    def find(self, dialog_of: Callable[[Response, int], Dialog], response: Response, seq: int) -> EarlyDialog:
        """
        Find the early dialog of a response, or have it made.

        @param seq: the CSeq number of the INVITE.
        """
        tag = response.to.tag
        if tag not in self._forks:
            leg = self.leg
            dialog = dialog_of(response, seq)
            self._forks[tag] = EarlyDialog(dialog)
            leg.context.dialogs.add(dialog, leg)
            if leg.dialog is None:
                leg.dialog = dialog
            else:
                leg.early = [*(leg.early or ()), dialog]
        return self._forks[tag]

    def take_reliable(self, fork: EarlyDialog, response: Response, session: bytes | None) -> bool:
        """
        Take a reliable response: PRACK, unless it comes twice or too early.

        The PRACK goes at once, but where it has to bring our answer to an
        offer (RFC 3262 sections 4 and 5).

        @return: is the response to be heeded?
        """
        order = fork.order = fork.order or InOrder()
        if not order.takes(response.rseq or 0):
            return False
        fork.dialog.refresh(response)
        rack = f"{response.rseq} {response.cseq.number} INVITE"
        if session is not None and fork.answer is None:
            fork.answer = session
            if not self._offered:
                fork.rack = rack
                return True
        self.prack(fork, rack, b"")
        return True

    def prack(self, fork: EarlyDialog, rack: str, body: bytes) -> None:
        """Send a PRACK; a failure of it shows soon enough in the INVITE."""
        fields: Fields = (("RAck", rack),)
        if body:
            fields += (SDP,)
        our_requests.request(self.leg, fork.dialog, "PRACK", our_requests.ignored, fields, body)

    def one_source(self, tag: str, session: bytes) -> bytes | None:
        """Let early media of one fork through only, the first one."""
        if not self._early_media:
            self._early_media = tag
        return session if self._early_media == tag else None

    def confirm(self, session: bytes) -> None:
        """Give the answer to offers in reliable responses."""
        for fork in self._forks.values():
            if fork.rack and fork.answer is not None:
                rack, fork.rack = fork.rack, ""
                self.leg.remote_session = fork.answer
                self.prack(fork, rack, self.leg.signed(session, fork.answer))

    def exchange_done(self, dialog: Dialog) -> bool:
        """Was the offer answered reliably in this early dialog, so that an UPDATE may follow?"""
        fork = self._forks.get(dialog.remote_tag)
        return fork is not None and fork.answer is not None and not fork.rack

    def end(self, tag: str) -> bool:
        """
        End one early dialog (RFC 6228 section 4).

        @return: was there one?
        """
        fork = self._forks.pop(tag, None)
        if fork is None:
            return False
        leg = self.leg
        if self._early_media == tag:
            self._early_media = ""
        leg.context.dialogs.remove(fork.dialog)
        self.used = max(self.used, fork.dialog.local_seq)
        left = [other.dialog for other in self._forks.values()]
        if leg.dialog is fork.dialog:
            leg.dialog = left[0] if left else None
        leg.early = [other for other in left if other is not leg.dialog] or None
        return True

    def take(self, tag: str) -> EarlyDialog | None:
        """Take out the one with that tag, if there is one: a 2xx has come for it."""
        return self._forks.pop(tag, None)

    def clear(self) -> None:
        """Forget all early dialogs, but not the one that the leg has by now."""
        leg = self.leg
        if self._forks:
            for fork in self._forks.values():
                leg.context.dialogs.remove(fork.dialog)
                self.used = max(self.used, fork.dialog.local_seq)
        self._forks = {}  # a fresh one: what has had entries keeps the room for them
        self._early_media = ""
        leg.early = None
