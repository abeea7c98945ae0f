"""From status codes to outcomes, and which of several outcomes counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from b2bua.calls.verdicts import Outcome

Kind = Literal["busy", "refused", "no_answer", "unreachable", "moved", "not_found", "loop", "forbidden"]

NO_ANSWER = Outcome("no_answer", 480, "No answer", rang=True, local=True)
UNREACHABLE = Outcome("unreachable", 480, "Not reachable", local=True)
LOOPED = Outcome("loop", 482, local=True)
TOO_FAR = Outcome("loop", 483, local=True)
"""No hop is left of what the caller, or the transferor, allows (RFC 7332 section 5)."""
TOO_BROAD = Outcome("loop", 440, local=True)
"""It would ring in more places at a time than the caller's Max-Breadth allows (RFC 5393 section 5.3.3)."""
NOT_JOINED = Outcome("not_found", 481, "Call/Transaction Does Not Exist", local=True)
"""Who wants to join a dialog has not called a conference (RFC 3911 section 4)."""
OCCUPIED = Outcome("busy", 486, local=True)

_KINDS: dict[int, Kind] = {
    403: "forbidden",
    404: "not_found",
    408: "no_answer",
    410: "not_found",
    430: "unreachable",
    480: "unreachable",
    482: "loop",
    483: "loop",
    486: "busy",
    487: "no_answer",
    502: "unreachable",
    503: "unreachable",
    504: "unreachable",
    600: "busy",
    603: "refused",
    604: "not_found",
}

_PREFERRED = (401, 407, 415, 420, 484, 486)
"""Within 4xx these tell the caller more than others (RFC 3261 section 16.7 step 6, and a busy phone)."""


def outcome_of(code: int, reason: str = "", *, rang: bool = False, local: bool = False) -> Outcome:
    """
    What a refusal means.

    @param local: no response came; a 408 then says that the target is gone
        rather than that nobody picked up (RFC 3261 section 8.1.3.1).
    """
    kind: Kind = _KINDS.get(code, "refused")
    if local and code == 408 and not rang:
        kind = "unreachable"
    if local and code == 503:
        code = 480  # the target's own fault, not ours
    return Outcome(kind, code, reason, rang=rang, local=local)


def best(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome to go on with: RFC 3261 section 16.7 step 6."""
    return min(outcomes, key=_rank)


def _rank(outcome: Outcome) -> tuple[int, int, int]:
    """6xx first, then the lowest class, in it what tells most; last of all, what was not tried."""
    if outcome.code >= 600:
        return (0, 0, 0)
    if outcome.kind == "loop" and outcome.local:
        return (2, 0, 0)
    code = outcome.code
    worth = 0 if code in _PREFERRED else 2 if code in (408, 487) else 1
    return (1, code // 100, worth)


def towards_caller(outcome: Outcome, *, phone: bool = True) -> tuple[int, str]:
    """
    The status that the caller hears.

    A phone has proved who it is; one that hears 403 asks its user for the
    password all the same (linphone), so what it may not do is declined.  What
    a feature has chosen to say stays.

    A 503 would make a phone leave us for its backup server (RFC 3261 section
    16.7 step 6, RFC 3263 section 4.3); a 408 would tell it that its own
    request was lost; a challenge meant for us, or what is about our own extensions
    and intervals, is no use to it.
    """
    match outcome.code:
        case 403 if phone and (outcome.local or outcome.by is not None):
            return 603, outcome.reason or "Not Allowed"
        case 503:
            return 500, "Server Internal Error"
        case 408:
            return 480, outcome.reason or "No answer"
        case 401 | 407 | 420 | 421 | 422 | 423 | 470 | 494:
            return 500, "Server Internal Error"
        case 487:
            return 480, "Temporarily Unavailable"
        case code:
            return code, outcome.reason
