"""A change of the session that the call asks for, or the session timer: begun, and given up again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.legs.change_queue import QueuedChange, yield_to_peer
from b2bua.legs.our_change import OurChange, send
from b2bua.legs.state import CALLING, ENDED
from b2bua.legs.words import Changed, Refused

if TYPE_CHECKING:
    from b2bua.legs.state import LegData


def change(leg: LegData, word: Changed, *, refresh: bool = False) -> None:
    """Send a change now, or as soon as nothing else is open."""
    if leg.state is ENDED:
        return
    if leg.queued_change is not None:
        yield_to_peer(leg)
    if leg.state is CALLING:
        if _early(leg):
            OurChange(leg, word, "UPDATE", refresh).start()
        else:
            # Nothing may be offered here, and the peer of the other leg can
            # try again when this one has answered (RFC 3311 section 5.1).
            leg.hear(leg, Refused(491, "", (), local=True, early=True))
        return
    leg.queued_change = QueuedChange(leg, word, send, refresh=refresh)
    leg.queued_change.go_on()


def _early(leg: LegData) -> bool:
    """May an UPDATE with an offer be sent before the 2xx (RFC 3311 section 5.1)?"""
    if leg.dialog is None or not leg.allows("UPDATE") or leg.our_change or leg.peer_update:
        return False
    if leg.peer_invite is not None:
        return leg.peer_invite.early_exchange_done()
    return leg.our_invite is not None and leg.our_invite.early_exchange_done(leg.dialog)


def refresh_within(leg: LegData) -> bool:
    """
    Refresh the session although the peer's INVITE is open; only an UPDATE can (RFC 3311 section 5.1).

    @return: False if that cannot be done now.
    """
    open_here = leg.our_change or leg.peer_update or leg.our_invite or leg.queued_change
    if open_here or leg.peer_invite is None or leg.peer_invite.answered or not leg.allows("UPDATE"):
        return False
    OurChange(leg, Changed(), "UPDATE", refresh=True).start()
    return True


def withdraw(leg: LegData) -> None:
    """Give up a change that nobody wants any more (RFC 3261 section 9.1)."""
    queued = leg.queued_change
    if queued is not None and not queued.refresh:
        queued.stop()
        leg.queued_change = None
        leg.hear(leg, Refused(487))
    elif leg.our_change is not None and not leg.our_change.refresh:
        leg.our_change.cancel(487)
