"""How phones are asked to answer by themselves, in the words of each make, and how that is seen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from pydantic import StringConstraints

if TYPE_CHECKING:
    from b2bua.calls import InvitationDraft

ASKS = ("auto-answer", "autoanswer", "auto answer", "answer-after", "intercom=true", "ring answer")
"""How Alert-Info and Call-Info ask a phone to answer by itself, whatever stands around it."""
ALWAYS = ("Answer-Mode", "Priv-Answer-Mode")
USUAL = "<http://localhost>;info=alert-autoanswer;delay=0"
_INFO = re.compile("info=[^;,]+")

AlertInfo = Annotated[str, StringConstraints(pattern=r"^[ -~]*$", max_length=256)]


def asks(name: str, value: str, own: Iterable[str] = ()) -> bool:
    """
    Does a header field ask the phone to answer by itself?

    C{own} are values of Alert-Info by which the operator has phones do so, besides those that are known.
    """
    if name in ALWAYS:
        return True
    if name == "Alert-Info" and says(value, own):
        return True
    return name in ("Alert-Info", "Call-Info") and any(word in value.lower() for word in ASKS)


def says(value: str, own: Iterable[str]) -> bool:
    """Does Alert-Info say one of these?  A phone goes by C{info}, whatever stands around it."""
    said = _bare(value)
    for words in map(_bare, own):
        found = _INFO.search(words)
        if words and (words in said if found is None else found[0] in _INFO.findall(said)):
            return True
    return False


def _bare(text: str) -> str:
    """A value as it is compared."""
    return re.sub(r'[\s"]', "", text.lower())


def drop(draft: InvitationDraft, own: Iterable[str] = ()) -> None:
    """Take out whatever asks for it."""
    draft.fields = [(name, value) for name, value in draft.fields if not asks(name, value, own)]


def ask(draft: InvitationDraft, alert_info: str) -> None:
    """Have an INVITE ask for it, and in no other words than ours."""
    drop(draft)
    if alert_info:
        draft.replace("Alert-Info", alert_info)
    draft.add("Call-Info", f"<{draft.from_uri}>;answer-after=0")
    draft.add("Answer-Mode", "Auto")  # RFC 5373 section 4
