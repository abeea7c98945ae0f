"""
What the call says to a leg: each word of the other side, and what the peer is told for it.

Two words are not said: L{Offered} opens a leg, and L{Referred} is answered
through its referral.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from b2bua.dialogs.offer_answer import moved
from b2bua.legs import bye, change, relayed_requests
from b2bua.legs.state import ANSWERED, CALLING
from b2bua.legs.words import (
    Answered,
    Changed,
    Confirmed,
    HungUp,
    Moved,
    Offered,
    Progress,
    Referred,
    Refused,
    Replied,
    Requested,
    Ringing,
    Withdrawn,
    Word,
)

if TYPE_CHECKING:
    from b2bua.legs.state import LegData


def _ringing(leg: LegData, word: Ringing) -> None:
    """Send a 180."""
    if leg.peer_invite is not None:
        leg.peer_invite.progress(180, "", word.session, word.fields)


def _progress(leg: LegData, word: Progress) -> None:
    """Send another 1xx."""
    if leg.peer_invite is not None:
        leg.peer_invite.progress(word.code, word.reason, word.session, word.fields)


def _answered(leg: LegData, word: Answered) -> None:
    """Accept the change that the peer has open, or its first INVITE."""
    if word.early or leg.state is ANSWERED:
        if leg.withdrawn is not None:
            _undo(leg, leg.withdrawn, word)
        elif leg.peer_update is not None:
            leg.peer_update.accept(word.session, word.fields)
        elif leg.unasked:
            leg.unasked = False
            if _news(leg, word.session):
                # It has moved on with its answer, and so may the peer with its own.
                change.change(leg, Changed(word.session), refresh=True)
        elif leg.peer_invite is not None and not word.early:
            leg.peer_invite.accept(word.session, word.fields)
    elif leg.peer_invite is not None:
        if leg.seldom is not None:
            leg.withdrawn, leg.unasked = None, False
            if leg.peer_update is not None:
                # Whom it was for has not answered it, and has lost the call to another.
                leg.peer_update.refuse(491, "", ())
        leg.peer_invite.accept(word.session, word.fields)


def _news(leg: LegData, session: bytes | None) -> bool:
    """Does the other side describe itself otherwise than the peer knows it?"""
    before = leg.local_session
    return session is not None and before is not None and moved(before, session)


def _undo(leg: LegData, withdrawn: Changed, word: Answered) -> None:
    """The other side has agreed to what the peer does not want any more; it is told what holds."""
    leg.withdrawn = None
    if word.session is None:
        return
    if withdrawn.session is None:
        leg.hear(leg, Confirmed())  # it has made an offer, which wants an answer
    if leg.answered and leg.remote_session is not None:
        leg.unasked = True
        leg.hear(leg, Changed(leg.remote_session))


def _refused(leg: LegData, word: Refused) -> None:
    """Refuse the change that the peer has open, or its first INVITE."""
    if not word.early and leg.state is CALLING:
        if leg.peer_invite is not None:
            leg.peer_invite.refuse(word.code, word.reason, word.fields)
    elif leg.withdrawn is not None or leg.unasked:
        leg.withdrawn, leg.unasked = None, False
    elif leg.peer_update is not None:
        leg.peer_update.refuse(word.code, word.reason, word.fields)
    elif leg.peer_invite is not None and not word.early:
        leg.peer_invite.refuse(word.code, word.reason, word.fields)


def _moved(leg: LegData, word: Moved) -> None:
    """Redirect the peer."""
    contacts = tuple([("Contact", target) for target in word.targets])
    if leg.peer_invite is not None:
        leg.peer_invite.refuse(word.code, word.reason, contacts + word.fields)


def _confirmed(leg: LegData, word: Confirmed) -> None:
    """Give the answer to an offer that came in a response."""
    if leg.seldom is not None and leg.our_change is not None:
        leg.our_change.confirm(word.session)
    elif leg.our_invite is not None:
        leg.our_invite.confirm(word.session)


def _changed(leg: LegData, word: Changed) -> None:
    """Offer a new session, or ask for one."""
    leg.withdrawn, leg.unasked = None, False
    change.change(leg, word)


def _withdrawn(leg: LegData, word: Withdrawn) -> None:
    """Give up a change that the other side has given up."""
    change.withdraw(leg)


def _nothing(leg: LegData, word: Word) -> None:
    """Say nothing."""


VERBS: dict[type[Word], Callable[[LegData, Any], None]] = {
    Ringing: _ringing,
    Progress: _progress,
    Answered: _answered,
    Confirmed: _confirmed,
    Changed: _changed,
    Withdrawn: _withdrawn,
    Refused: _refused,
    Moved: _moved,
    Requested: relayed_requests.send,
    Replied: relayed_requests.reply,
    HungUp: bye.hang_up,
    Offered: _nothing,
    Referred: _nothing,
}
