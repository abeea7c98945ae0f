"""What the call says to a leg: each word of the other side, and what the peer is told for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from b2bua.legs import changing, parting, telling
from b2bua.legs.context import LegState
from b2bua.legs.words import (
    Answered,
    Changed,
    Confirmed,
    HungUp,
    Moved,
    Progress,
    Refused,
    Replied,
    Ringing,
    Told,
    Withdrawn,
    Word,
)

if TYPE_CHECKING:
    from b2bua.legs.leg import Leg


def say(leg: Leg, word: Word) -> None:
    """
    Tell the peer a word.

    By its type, since a C{match} looks at one type after the other.  Two words
    are not said: Offered opens a leg, and Referred is answered through its
    referral.
    """
    saying = _SAYINGS.get(type(word))
    if saying is not None:
        saying(leg, word)


def _ringing(leg: Leg, word: Ringing) -> None:
    """Send a 180."""
    if leg.invited is not None:
        leg.invited.progress(180, "", word.session, word.fields)


def _progress(leg: Leg, word: Progress) -> None:
    """Send another 1xx."""
    if leg.invited is not None:
        leg.invited.progress(word.code, word.reason, word.session, word.fields)


def _answered(leg: Leg, word: Answered) -> None:
    """Accept the change that the peer has open, or its first INVITE."""
    if word.early or leg.state is LegState.ANSWERED:
        if leg.withdrawn is not None:
            _undo(leg, leg.withdrawn, word)
        elif leg.updated is not None:
            leg.updated.accept(word.session, word.fields)
        elif leg.invited is not None and not word.early:
            leg.invited.accept(word.session, word.fields)
        elif leg.stable and _news(leg, word.session):
            # It was told what holds (see L{_undo}), and has moved on with its answer.
            changing.change(leg, Changed(word.session))
    elif leg.invited is not None:
        leg.withdrawn = None
        if leg.updated is not None:
            # Whom it was for has not answered it, and has lost the call to another.
            leg.updated.refuse(491, "", ())
        leg.invited.accept(word.session, word.fields)


def _news(leg: Leg, session: bytes | None) -> bool:
    """Does the other side describe itself otherwise than the peer knows it?"""
    before = leg.local_session
    return session is not None and before is not None and changing.moved(before, session)


def _undo(leg: Leg, withdrawn: Changed, word: Answered) -> None:
    """The other side has agreed to what the peer does not want any more; it is told what holds."""
    leg.withdrawn = None
    if word.session is None:
        return
    if withdrawn.session is None:
        leg.hear(leg, Confirmed())  # it has made an offer, which wants an answer
    if leg.stable and leg.remote_session is not None:
        leg.hear(leg, Changed(leg.remote_session))


def _refused(leg: Leg, word: Refused) -> None:
    """Refuse the change that the peer has open, or its first INVITE."""
    if not word.early and leg.state is LegState.CALLING:
        if leg.invited is not None:
            leg.invited.refuse(word.code, word.reason, word.fields)
    elif leg.withdrawn is not None:
        leg.withdrawn = None
    elif leg.updated is not None:
        leg.updated.refuse(word.code, word.reason, word.fields)
    elif leg.invited is not None and not word.early:
        leg.invited.refuse(word.code, word.reason, word.fields)


def _moved(leg: Leg, word: Moved) -> None:
    """Redirect the peer."""
    contacts = tuple([("Contact", target) for target in word.targets])
    if leg.invited is not None:
        leg.invited.refuse(word.code, word.reason, contacts + word.fields)


def _confirmed(leg: Leg, word: Confirmed) -> None:
    """Give the answer to an offer that came in a response."""
    if leg.changing is not None:
        leg.changing.confirm(word.session)
    elif leg.inviting is not None:
        leg.inviting.confirm(word.session)


def _changed(leg: Leg, word: Changed) -> None:
    """Offer a new session, or ask for one."""
    leg.withdrawn = None
    changing.change(leg, word)


def _withdrawn(leg: Leg, word: Withdrawn) -> None:
    """Give up a change that the other side has given up."""
    changing.withdraw(leg)


_SAYINGS: dict[type[Word], Callable[[Leg, Any], None]] = {
    Ringing: _ringing,
    Progress: _progress,
    Answered: _answered,
    Confirmed: _confirmed,
    Changed: _changed,
    Withdrawn: _withdrawn,
    Refused: _refused,
    Moved: _moved,
    Told: telling.tell,
    Replied: telling.reply,
    HungUp: parting.hang_up,
}
