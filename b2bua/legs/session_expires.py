"""How long the session of a leg lasts: what is asked for and agreed on in Session-Expires (RFC 4028)."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from b2bua.dialogs.session_timer import TooBrief
from b2bua.legs import bye
from b2bua.legs.state import ENDED

if TYPE_CHECKING:
    from b2bua.dialogs.session_timer import SessionTimer
    from b2bua.legs.state import LegData
    from b2bua.legs.words import Fields
    from b2bua.wire.message import Request, Response

LAST_CHANCE = 5.0
"""With less time left than this until the peer gives up, a refresh that failed is not repeated."""


def asking(leg: LegData) -> Fields:
    """Give the fields of an INVITE or UPDATE of ours."""
    return leg.party.policy.asking if leg.agreed is None else leg.agreed.asking()


def judge(leg: LegData, request: Request) -> TooBrief | None:
    """Look whether the interval that a request names is too small."""
    if "Session-Expires" not in request.first or request.session_expires is None:
        return None
    verdict = (leg.agreed or leg.party.policy.timer).answer(request)
    return verdict if type(verdict) is TooBrief else None


def answer(leg: LegData, request: Request) -> Fields:
    """Agree to what a request asks for; give the fields of its 2xx."""
    verdict = (leg.agreed or leg.party.policy.timer).answer(request)
    if type(verdict) is TooBrief:
        return ()
    _agree(leg, verdict)
    return verdict.answering(request) if verdict.interval else ()


def agreed(leg: LegData, response: Response) -> None:
    """Take what a 2xx to our INVITE or UPDATE says."""
    timer = leg.agreed or leg.party.policy.timer
    if timer.interval or "Session-Expires" in response.first:
        timer = timer.agreed(response)
    _agree(leg, timer)


def refused(leg: LegData, response: Response) -> bool:
    """Take a 422; is there something to try again with?"""
    timer = (leg.agreed or leg.party.policy.timer).refused(response)
    if timer is None:
        return False
    leg.agreed = timer
    return True


def _agree(leg: LegData, timer: SessionTimer) -> None:
    """Start the clock over, if there is one."""
    leg.agreed = timer if timer.interval or timer.min_se else None
    context = leg.context
    if context.agreed is not None:
        context.agreed(leg)
    if timer.interval:
        leg.expires_at = context.layer.now() + timer.interval
        run(leg, timer.delay)
    else:
        # Nobody refreshes, so we ask now and then whether the peer is there.
        run(leg, leg.party.policy.session_expires / 2)


def run(leg: LegData, seconds: float) -> None:
    """Start the timer over; it calls the leg when it fires."""
    if leg.timer is not None:
        leg.timer.stop()
        leg.timer = None
    if seconds > 0 and leg.state is not ENDED:
        leg.timer = leg.context.layer.start(seconds, leg)


def left(leg: LegData) -> float | None:
    """Seconds until the session expires; None without a session timer."""
    if leg.agreed is None or not leg.agreed.interval:
        return None
    return max(0.0, leg.expires_at - leg.context.layer.now())


def resume(leg: LegData, seconds: float | None) -> None:
    """
    Go on after a restore, with what L{left} said less the time since; what is overdue comes at once.

    A peer that should have refreshed meanwhile repeats its request for 64*T1.
    """
    timer = leg.agreed
    if seconds is None or timer is None:
        run(leg, leg.party.policy.session_expires / 2)
        return
    leg.expires_at = leg.context.layer.now() + seconds
    least = 0.1 if timer.refreshing else 64 * leg.timers.t1
    run(leg, max(least, timer.delay - (timer.interval - seconds)))


def _left(leg: LegData, timer: SessionTimer) -> float:
    """Seconds until a peer that was not refreshed gives up (section 10)."""
    return leg.expires_at - timer.interval + timer.deadline - leg.context.layer.now()


def margin(leg: LegData) -> float:
    """How long a change may take so that there is time for a refresh after it."""
    timer = leg.agreed
    return max(0.1, _left(leg, timer) / 2) if timer is not None and timer.interval else inf


def failed(leg: LegData) -> None:
    """A refresh was refused: only a 2xx extends the session (section 10)."""
    timer = leg.agreed
    if timer is None:
        return
    left = _left(leg, timer)
    if left < LAST_CHANCE:
        bye.lose(leg, "timeout")
    else:
        run(leg, left / 2)
