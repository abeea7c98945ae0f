"""The session timer of a leg (RFC 4028): when to refresh, and when to give up."""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING

from b2bua.dialogs.session_timer import SessionTimer, TooBrief
from b2bua.dialogs.usages import Effect, effect_of
from b2bua.legs import changing, outstanding, parting
from b2bua.legs.context import LegState
from b2bua.legs.words import Changed

if TYPE_CHECKING:
    from b2bua.legs.leg import Leg
    from b2bua.legs.words import Fields
    from b2bua.wire.message import Request, Response

LATER = 2.0
"""How soon a refresh is tried again while another exchange is open."""
LAST_CHANCE = 5.0
"""With less time left than this until the peer gives up, a refresh that failed is not repeated."""


@lru_cache(maxsize=64)
def _fresh(wanted: int, ours: int) -> SessionTimer:
    """Make the state before anything was agreed on; legs of one policy share it."""
    return SessionTimer(wanted, ours)


def _timer(leg: Leg) -> SessionTimer:
    """What is known so far."""
    policy = leg.party.policy
    return leg.timer or _fresh(policy.session_expires, policy.min_se)


@lru_cache(maxsize=64)
def _first_asking(wanted: int, ours: int) -> Fields:
    """Give the fields of an INVITE before anything was agreed on."""
    return _fresh(wanted, ours).asking()


def asking(leg: Leg) -> Fields:
    """Give the fields of an INVITE or UPDATE of ours."""
    if leg.timer is None:
        policy = leg.party.policy
        return _first_asking(policy.session_expires, policy.min_se)
    return leg.timer.asking()


def judge(leg: Leg, request: Request) -> TooBrief | None:
    """Look whether the interval that a request names is too small."""
    if request.session_expires is None:
        return None
    verdict = _timer(leg).answer(request)
    return verdict if isinstance(verdict, TooBrief) else None


def answer(leg: Leg, request: Request) -> Fields:
    """Agree to what a request asks for; give the fields of its 2xx."""
    verdict = _timer(leg).answer(request)
    if isinstance(verdict, TooBrief):
        return ()
    _agree(leg, verdict)
    return verdict.answering(request)


def agreed(leg: Leg, response: Response) -> None:
    """Take what a 2xx to our INVITE or UPDATE says."""
    _agree(leg, _timer(leg).agreed(response))


def refused(leg: Leg, response: Response) -> bool:
    """Take a 422; is there something to try again with?"""
    timer = _timer(leg).refused(response)
    if timer is None:
        return False
    leg.timer = timer
    return True


def _agree(leg: Leg, timer: SessionTimer) -> None:
    """Start the clock over, if there is one."""
    leg.timer = timer if timer.interval or timer.min_se else None
    if not timer.interval:
        # Nobody refreshes, so we ask now and then whether the peer is there.
        _run(leg, leg.party.policy.session_expires / 2)
        return
    leg.session_end = leg.context.layer.now() + timer.interval
    _run(leg, timer.delay)


def _run(leg: Leg, seconds: float) -> None:
    """Start the timer over."""
    stop(leg)
    if seconds > 0 and leg.state is not LegState.ENDED:
        leg.timer_run = leg.context.layer.start(seconds, leg.session_due)


def stop(leg: Leg) -> None:
    """Stop the timer."""
    if leg.timer_run is not None:
        leg.timer_run.stop()
        leg.timer_run = None


def left(leg: Leg) -> float | None:
    """Seconds until the session expires; None without a session timer."""
    if leg.timer is None or not leg.timer.interval:
        return None
    return max(0.0, leg.session_end - leg.context.layer.now())


def resume(leg: Leg, seconds: float | None) -> None:
    """Go on after a restore, with what L{left} said; what is overdue comes at once."""
    timer = leg.timer
    if seconds is None or timer is None:
        _run(leg, leg.party.policy.session_expires / 2)
        return
    leg.session_end = leg.context.layer.now() + seconds
    _run(leg, max(0.1, timer.delay - (timer.interval - seconds)))


def due(leg: Leg) -> None:
    """Refresh, or give up if the other side should have."""
    leg.timer_run = None
    if leg.state is not LegState.ANSWERED:
        return
    if leg.timer is None or not leg.timer.interval:
        _probe(leg)
    elif not leg.timer.refreshing or leg.context.layer.now() >= leg.session_end:
        parting.lose(leg, "timeout")
    elif leg.stable:
        changing.change(leg, Changed(), refresh=True)
    elif not changing.refresh_within(leg):
        # Whatever is open refreshes the session too when it gets its 2xx.
        _run(leg, LATER)


def _probe(leg: Leg) -> None:
    """
    Ask a peer without session timers for a sign of life.

    Any answer is one but those that say that the dialog is gone (RFC 5057
    section 5.1): a 481, or the 404 of a phone that was switched off and on.
    Without it the call would stand for ever when both phones lose power, as
    they have session timers off by default.
    """
    assert leg.dialog is not None

    def heard(response: Response) -> None:
        """Go on, or give the peer up."""
        if leg.state is not LegState.ANSWERED or response.provisional:
            return
        code = response.code
        if response.local or code == 481 or effect_of("OPTIONS", code) is Effect.DIALOG:
            parting.lose(leg, "timeout" if code == 408 else "lost")
        elif leg.timer_run is None:
            _run(leg, leg.party.policy.session_expires / 2)

    outstanding.request(leg, leg.dialog, "OPTIONS", heard)


def _left(leg: Leg, timer: SessionTimer) -> float:
    """Seconds until a peer that was not refreshed gives up (section 10)."""
    return leg.session_end - timer.interval + timer.deadline - leg.context.layer.now()


def margin(leg: Leg) -> float:
    """How long a change may take so that there is time for a refresh after it."""
    timer = leg.timer
    return max(0.1, _left(leg, timer) / 2) if timer is not None and timer.interval else inf


def failed(leg: Leg) -> None:
    """A refresh was refused: only a 2xx extends the session (section 10)."""
    timer = leg.timer
    if timer is None:
        return
    left = _left(leg, timer)
    if left < LAST_CHANCE:
        parting.lose(leg, "timeout")
    else:
        _run(leg, left / 2)
