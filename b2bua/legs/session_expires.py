"""How long the session of a leg lasts: what is asked for and agreed on in Session-Expires (RFC 4028)."""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING

from b2bua.dialogs.session_timer import SessionTimer, TooBrief
from b2bua.legs import bye
from b2bua.legs.state import LegState

if TYPE_CHECKING:
    from b2bua.legs.state import LegData
    from b2bua.legs.words import Fields
    from b2bua.wire.message import Request, Response

LAST_CHANCE = 5.0
"""With less time left than this until the peer gives up, a refresh that failed is not repeated."""


@lru_cache(maxsize=64)
def _fresh(wanted: int, ours: int) -> SessionTimer:
    """Make the state before anything was agreed on; legs of one policy share it."""
    return SessionTimer(wanted, ours)


def _timer(leg: LegData) -> SessionTimer:
    """What is known so far."""
    policy = leg.party.policy
    return leg.expiry.agreed or _fresh(policy.session_expires, policy.min_se)


@lru_cache(maxsize=64)
def _first_asking(wanted: int, ours: int) -> Fields:
    """Give the fields of an INVITE before anything was agreed on."""
    return _fresh(wanted, ours).asking()


def asking(leg: LegData) -> Fields:
    """Give the fields of an INVITE or UPDATE of ours."""
    if leg.expiry.agreed is None:
        policy = leg.party.policy
        return _first_asking(policy.session_expires, policy.min_se)
    return leg.expiry.agreed.asking()


def judge(leg: LegData, request: Request) -> TooBrief | None:
    """Look whether the interval that a request names is too small."""
    if "Session-Expires" not in request.first or request.session_expires is None:
        return None
    verdict = _timer(leg).answer(request)
    return verdict if type(verdict) is TooBrief else None


def answer(leg: LegData, request: Request) -> Fields:
    """Agree to what a request asks for; give the fields of its 2xx."""
    verdict = _timer(leg).answer(request)
    if type(verdict) is TooBrief:
        return ()
    _agree(leg, verdict)
    return verdict.answering(request)


def agreed(leg: LegData, response: Response) -> None:
    """Take what a 2xx to our INVITE or UPDATE says."""
    _agree(leg, _timer(leg).agreed(response))


def refused(leg: LegData, response: Response) -> bool:
    """Take a 422; is there something to try again with?"""
    timer = _timer(leg).refused(response)
    if timer is None:
        return False
    leg.expiry.agreed = timer
    return True


def _agree(leg: LegData, timer: SessionTimer) -> None:
    """Start the clock over, if there is one."""
    leg.expiry.agreed = timer if timer.interval or timer.min_se else None
    if leg.context.agreed is not None:
        leg.context.agreed(leg)
    if not timer.interval:
        # Nobody refreshes, so we ask now and then whether the peer is there.
        run(leg, leg.party.policy.session_expires / 2)
        return
    leg.expiry.end = leg.context.layer.now() + timer.interval
    run(leg, timer.delay)


def run(leg: LegData, seconds: float) -> None:
    """Start the timer over: C{leg.session_due} is called when it fires."""
    expiry = leg.expiry
    if expiry.timer is not None:
        expiry.timer.stop()
        expiry.timer = expiry.leg = None
    if seconds > 0 and leg.state is not LegState.ENDED:
        expiry.leg = leg
        expiry.timer = leg.context.layer.start(seconds, expiry)


def left(leg: LegData) -> float | None:
    """Seconds until the session expires; None without a session timer."""
    if leg.expiry.agreed is None or not leg.expiry.agreed.interval:
        return None
    return max(0.0, leg.expiry.end - leg.context.layer.now())


def resume(leg: LegData, seconds: float | None) -> None:
    """
    Go on after a restore, with what L{left} said less the time since; what is overdue comes at once.

    A peer that should have refreshed meanwhile repeats its request for 64*T1.
    """
    timer = leg.expiry.agreed
    if seconds is None or timer is None:
        run(leg, leg.party.policy.session_expires / 2)
        return
    leg.expiry.end = leg.context.layer.now() + seconds
    least = 0.1 if timer.refreshing else 64 * leg.timers.t1
    run(leg, max(least, timer.delay - (timer.interval - seconds)))


def _left(leg: LegData, timer: SessionTimer) -> float:
    """Seconds until a peer that was not refreshed gives up (section 10)."""
    return leg.expiry.end - timer.interval + timer.deadline - leg.context.layer.now()


def margin(leg: LegData) -> float:
    """How long a change may take so that there is time for a refresh after it."""
    timer = leg.expiry.agreed
    return max(0.1, _left(leg, timer) / 2) if timer is not None and timer.interval else inf


def failed(leg: LegData) -> None:
    """A refresh was refused: only a 2xx extends the session (section 10)."""
    timer = leg.expiry.agreed
    if timer is None:
        return
    left = _left(leg, timer)
    if left < LAST_CHANCE:
        bye.lose(leg, "timeout")
    else:
        run(leg, left / 2)
