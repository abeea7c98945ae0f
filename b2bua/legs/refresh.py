"""What is done when the timer of a session fires: refresh it, or give the peer up (RFC 4028 section 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.dialogs.usages import Effect, effect_of
from b2bua.legs import bye, change, our_requests, session_expires
from b2bua.legs.state import ANSWERED
from b2bua.legs.words import Changed

if TYPE_CHECKING:
    from b2bua.legs.state import LegData
    from b2bua.wire.message import Response

LATER = 2.0
"""How soon a refresh is tried again while another exchange is open."""


def due(leg: LegData) -> None:
    """Refresh, or give up if the other side should have."""
    if leg.state is not ANSWERED:
        return
    if leg.agreed is None or not leg.agreed.interval:
        probe(leg)
    elif not leg.agreed.refreshing or leg.context.layer.now() >= leg.expires_at:
        bye.lose(leg, "timeout")
    elif leg.stable:
        change.change(leg, Changed(), refresh=True)
    elif not change.refresh_within(leg):
        # Whatever is open refreshes the session too when it gets its 2xx.
        session_expires.run(leg, LATER)


def probe(leg: LegData) -> None:
    """
    Ask a peer without session timers for a sign of life.

    Any answer is one but those that say that the dialog is gone (RFC 5057
    section 5.1): a 481, or the 404 of a phone that was switched off and on.
    Without it the call would stand for ever when both phones lose power, as
    they have session timers off by default.
    """
    if leg.state is not ANSWERED or leg.dialog is None:
        return

    def heard(response: Response) -> None:
        """Go on, or give the peer up."""
        if leg.state is not ANSWERED or response.provisional:
            return
        code = response.code
        if response.local or code == 481 or effect_of("OPTIONS", code) is Effect.DIALOG:
            bye.lose(leg, "timeout" if code == 408 else "lost")
        elif leg.timer is None:
            session_expires.run(leg, leg.party.policy.session_expires / 2)

    our_requests.request(leg, leg.dialog, "OPTIONS", heard)
