"""What the call says to a leg: each word of the other side, and what the peer is told for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from b2bua.legs import changing, parting, telling
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
    Word,
)

if TYPE_CHECKING:
    from b2bua.legs.leg import Leg
    from b2bua.legs.words import Fields


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
    """Accept what the peer has open; the latest first."""
    session = word.session
    if leg.withdrawn:
        leg.withdrawn = False
        if leg.stable and session is not None and leg.remote_session is not None:
            # The other side took an offer that is no more; it is told what holds.
            leg.hear(leg, Changed(leg.remote_session))
    elif leg.updated is not None:
        leg.updated.accept(session, word.fields)
    elif leg.invited is not None:
        leg.invited.accept(session, word.fields)


def _refused(leg: Leg, word: Refused) -> None:
    """Refuse what the peer has open."""
    _refuse(leg, word.code, word.reason, word.fields)


def _moved(leg: Leg, word: Moved) -> None:
    """Redirect the peer."""
    contacts = tuple([("Contact", target) for target in word.targets])
    _refuse(leg, word.code, word.reason, contacts + word.fields)


def _refuse(leg: Leg, code: int, reason: str, fields: Fields) -> None:
    """Refuse what the peer has open; the latest first."""
    if leg.withdrawn:
        leg.withdrawn = False
    elif leg.updated is not None:
        leg.updated.refuse(code, reason, fields)
    elif leg.invited is not None:
        leg.invited.refuse(code, reason, fields)


def _confirmed(leg: Leg, word: Confirmed) -> None:
    """Give the answer to an offer that came in a response."""
    if leg.changing is not None:
        leg.changing.confirm(word.session)
    elif leg.inviting is not None:
        leg.inviting.confirm(word.session)


def _changed(leg: Leg, word: Changed) -> None:
    """Offer a new session, or ask for one."""
    leg.withdrawn = False
    changing.change(leg, word)


_SAYINGS: dict[type[Word], Callable[[Leg, Any], None]] = {
    Ringing: _ringing,
    Progress: _progress,
    Answered: _answered,
    Confirmed: _confirmed,
    Changed: _changed,
    Refused: _refused,
    Moved: _moved,
    Told: telling.tell,
    Replied: telling.reply,
    HungUp: parting.hang_up,
}
