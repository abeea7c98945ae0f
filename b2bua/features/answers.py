"""Is an answer one that the core can carry out?"""

from __future__ import annotations

from functools import cache
from typing import Any

from b2bua.calls.draft import KEPT, InvitationDraft, Kept, is_field, is_part, is_safe, not_to_be_sent
from b2bua.calls.verdicts import Refuse, is_line, is_time
from b2bua.errors import PeerError
from b2bua.features.signatures import accepted_by
from b2bua.subscriptions import Body
from b2bua.wire.grammar import is_token
from b2bua.wire.uri import Uri


def wrong_answer(hook: str, answer: object) -> str | None:
    """What is wrong with an answer other than L{None}; a verdict has looked itself at what it says."""
    kinds = answers_to(hook)
    if float in kinds:
        return None if is_time(answer) else f"answered {answer!r:.60}, not a number of seconds"
    if str in kinds:
        return None if is_line(answer) and answer else f"answered {answer!r:.60}, not a line of text"
    return _not_one_of(kinds, answer)


@cache
def answers_to(hook: str) -> tuple[type, ...]:
    """The types that a question may be answered with, as its contract says."""
    return accepted_by(hook)


def _not_one_of(kinds: tuple[type, ...], answer: object) -> str | None:
    """Complain of an answer of another type."""
    if isinstance(answer, kinds):
        return None
    return f"answered {answer!r:.120}, not one of {', '.join(kind.__name__ for kind in kinds)}"


def wrong_refusal(answer: object) -> str | None:
    """What is wrong with a refusal of an event package."""
    if answer is None:
        return None
    return _not_one_of((Refuse,), answer)


def wrong_body(answer: object) -> str | None:
    """What is wrong with what an event package says of a state."""
    if answer is None:
        return None
    if not isinstance(answer, Body):
        return f"answered {type(answer).__name__}, not Body"
    if (
        not isinstance(answer.content, bytes)
        or not is_line(answer.type)
        or (answer.content and not answer.type)
    ):
        return f"answered with a body of the type {answer.type!r:.60}"
    bad = not_to_be_sent(answer.fields)
    return f"answered with the field {bad[0]!r:.60}" if bad else None


def wrong_tags(answer: object) -> str | None:
    """What is wrong with the option tags that an event package needs."""
    good = isinstance(answer, frozenset) and all(isinstance(tag, str) and is_token(tag) for tag in answer)
    return None if good else f"answered {answer!r:.60}, not a frozenset of option tags"


def wrong_edit(draft: InvitationDraft, before: Kept) -> str | None:
    """
    What is wrong with a draft after an edit; what was in it before is not looked at.

    @param before: what it said.
    """
    was: Any
    for name, was in zip(KEPT, before, strict=True):
        now: Any = getattr(draft, name)
        if now == was:
            continue
        if name == "fields":
            if not isinstance(now, list):
                return "left fields that are no list"
            bad = [item for item in now if item not in was and not is_field(item)]
            if bad:
                return f"left the field {bad[0]!r:.60}"
        elif name == "first":
            if now is not None and not callable(now):
                return f"left first as {now!r:.60}, no coroutine function"
        elif name == "parts":
            if not isinstance(now, list) or not all(item in was or is_part(item) for item in now):
                return "left a body that is none"
        elif not is_safe(now) or (name.endswith("_uri") and not _is_uri(now)):
            return f"left {name} as {now!r:.60}"
    return None


def _is_uri(text: str) -> bool:
    """Can it stand in From and To?"""
    try:
        Uri.parse(text)
    except PeerError:
        return False
    return True
