"""How far a call is, or how it ended, in words for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from b2bua.calls.record import CallRecord

_WORDS = {
    300: "sent elsewhere",
    301: "sent elsewhere",
    302: "sent elsewhere",
    305: "sent elsewhere",
    380: "sent elsewhere",
    403: "not allowed",
    404: "no such number",
    408: "no answer",
    410: "no such number",
    413: "refused as too large",
    415: "no common media",
    440: "rings in too many places",
    480: "not reachable",
    482: "goes round in a circle",
    483: "goes round in a circle",
    484: "number incomplete",
    486: "busy",
    488: "no common media",
    500: "failed",
    502: "failed",
    503: "failed",
    504: "failed",
    600: "busy",
    603: "declined",
    604: "no such number",
    606: "no common media",
}
"""What a caller's final status means to people who do not know SIP."""


def state(record: CallRecord) -> str:
    """
    One phrase for a call.

    The status stands beside it in the record, for those who know what it says.
    """
    if record.ended is None:
        return "ringing" if record.answered is None else "talking"
    if record.why == "crash":
        return "cut by a crash"
    if record.answered is not None:
        return "answered" if record.answered_by or record.why else "feature code"
    if record.why in ("operator", "shutdown"):
        return f"ended by {'an operator' if record.why == 'operator' else 'a shutdown'} while ringing"
    if record.status == 487:
        return "gave up while ringing" if any(not leg.incoming for leg in record.legs) else "gave up"
    if record.status == 480 and record.reason.casefold() == "no answer":
        return "no answer"
    return _WORDS.get(record.status, "refused" if record.status else "ended before an answer")
