"""Is an answer one that the core can carry out?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any

from b2bua.calls.outside import Respond
from b2bua.calls.verdicts import (
    Confirm,
    Dial,
    Forward,
    PickUp,
    Redirect,
    Refuse,
    Relay,
    Replace,
    Transfer,
    Wait,
)
from b2bua.errors import PeerError
from b2bua.legs.words import Replied
from b2bua.subscriptions import Body
from b2bua.wire.grammar import is_token
from b2bua.wire.registry import NEVER, canonical
from b2bua.wire.uri import Uri

TARGET_MAX = 1024
"""Characters of a target."""
MEMBERS_MAX = 64
"""Targets of one L{Dial}."""
OURS = NEVER | {"Content-Type"}
"""Header fields that a draft cannot have, since we write them for each leg."""
SECONDS_MAX = 24 * 3600.0
"""No ringing and no delay is longer."""


def _line(text: object, most: int = TARGET_MAX) -> bool:
    """Is it text that fits in a header field as it is?"""
    return isinstance(text, str) and len(text) <= most and (text.isprintable() or not text)


def _target(text: object) -> bool:
    """Can it be dialled?"""
    return _line(text) and bool(text)


def _seconds(value: object, least: float = 0.0) -> bool:
    """Is it a time that one can wait?"""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return isfinite(value) and least <= value <= SECONDS_MAX


def _wrong_verdict(answer: object) -> str | None:
    """What is wrong inside a verdict."""
    match answer:
        case Forward(to, _, alert_info):
            return None if _target(to) and _line(alert_info) else "a target that cannot be dialled"
        case Dial(members, mode):
            if mode not in ("parallel", "sequential"):
                return f"the mode {mode!r}"
            if not isinstance(members, tuple) or len(members) > MEMBERS_MAX:
                return f"members that are no tuple of at most {MEMBERS_MAX}"
            for member in members:
                limit = member.ring_seconds
                if not _target(member.target) or not _seconds(member.after):
                    return "a member that cannot be dialled"
                if limit is not None and (not _seconds(limit) or limit <= 0):
                    return "a member with no time to ring"
        case Redirect(targets, code):
            if not 300 <= code <= 399:
                return f"a redirection with the status {code}"
            if not targets or not all(map(_target, targets)):
                return "a redirection to nowhere"
        case Refuse(code, reason):
            if isinstance(code, bool) or not isinstance(code, int) or not 400 <= code <= 699:
                return f"a refusal with the status {code!r}"
            return None if _line(reason) else "a reason that is not one line of text"
        case Confirm(text):
            return None if _line(text) else "a text that is not one line"
        case Wait(at, seconds, otherwise, text):
            if not all(map(_line, (at, otherwise, text))):
                return "a text that is not one line"
            if seconds is not None and (not _seconds(seconds) or seconds <= 0):
                return "no time to wait"
        case Respond(code, reason, fields, body, content_type):
            if isinstance(code, bool) or not isinstance(code, int) or not 200 <= code <= 699:
                return f"the status {code!r}"
            if not _line(reason) or not _line(content_type) or not isinstance(body, bytes):
                return "a reason or a body that cannot be sent"
            if body and not content_type:
                return "a body of no content type"
            if not all(map(_is_field, fields)):
                return "a header field that cannot be sent"
        case PickUp(call, leg):
            return None if _target(call) and _line(leg) else "no call"
    return None


_VERDICTS: dict[str, tuple[type, ...]] = {
    "route_call": (Dial, Forward, Redirect, Refuse, Confirm, Wait, PickUp),
    "code_dialled": (Confirm, Wait, PickUp, Refuse, Dial),
    "code_referred": (Confirm, Wait, PickUp, Refuse, Dial),
    "target_failed": (Dial, Forward, Redirect, Refuse),
    "transfer_requested": (Transfer, Relay, Refuse),
    "replace_requested": (Replace, Refuse),
    "request_unowned": (Replied,),
    "request_received": (Respond,),
}


def _check_of(accepted: tuple[type, ...]) -> Callable[[object], str | None]:
    """The check of a question whose answers are verdicts."""
    names = ", ".join(kind.__name__ for kind in accepted)

    def check(answer: object) -> str | None:
        if not isinstance(answer, accepted):
            return f"answered {answer!r:.120}, not one of {names}"
        try:
            wrong = _wrong_verdict(answer)
        except (AttributeError, TypeError) as error:  # fields of other types than they are declared with
            wrong = str(error)
        return f"answered with {wrong}: {answer!r:.120}" if wrong else None

    return check


def _check_seconds(answer: object) -> str | None:
    """The check of C{ring_seconds}."""
    if _seconds(answer) and answer:
        return None
    return f"answered {answer!r:.60}, not a number of seconds"


def _check_text(answer: object) -> str | None:
    """The check of what people read."""
    return None if _line(answer) and answer else f"answered {answer!r:.60}, not a line of text"


CHECKS: dict[str, Callable[[object], str | None]] = {
    **{hook: _check_of(accepted) for hook, accepted in _VERDICTS.items()},
    "ring_seconds": _check_seconds,
    "extension_unavailable": _check_text,
}
"""For each question, what is wrong with an answer other than L{None}."""


def wrong_refusal(answer: object) -> str | None:
    """What is wrong with a refusal of an event package."""
    if answer is None:
        return None
    return _check_of((Refuse,))(answer)


def wrong_body(answer: object) -> str | None:
    """What is wrong with what an event package says of a state."""
    if answer is None:
        return None
    if not isinstance(answer, Body):
        return f"answered {type(answer).__name__}, not Body"
    if (
        not isinstance(answer.content, bytes)
        or not _line(answer.type)
        or (answer.content and not answer.type)
    ):
        return f"answered with a body of the type {answer.type!r:.60}"
    bad = [item for item in answer.fields if not _is_field(item)]
    return f"answered with the field {bad[0]!r:.60}" if bad else None


def wrong_edit(draft: object, before: Iterable[tuple[str, Any]]) -> str | None:
    """
    What is wrong with a draft after an edit; what was in it before is not looked at.

    @param before: its attributes as they were, with their names.
    """
    for name, was in before:
        now = getattr(draft, name)
        if now == was:
            continue
        if name == "fields":
            if not isinstance(now, list):
                return "left fields that are no list"
            bad = [item for item in now if item not in was and not _is_field(item)]
            if bad:
                return f"left the field {bad[0]!r:.60}"
        elif not _is_safe(now) or (name.endswith("_uri") and not _is_uri(now)):
            return f"left {name} as {now!r:.60}"
    return None


def _is_safe(text: object) -> bool:
    """Does it stay within its header field?"""
    return isinstance(text, str) and not any(c in text for c in "\r\n\0")


def _is_uri(text: str) -> bool:
    """Can it stand in From and To?"""
    try:
        Uri.parse(text)
    except PeerError:
        return False
    return True


def _is_field(item: object) -> bool:
    """Is it a header field that a feature may write?"""
    if not isinstance(item, tuple) or len(item) != 2 or not all(map(_is_safe, item)):
        return False
    return is_token(item[0]) and canonical(item[0]) not in OURS
