"""How phones are asked to answer by themselves, in the words of each make, and how that is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import StringConstraints

if TYPE_CHECKING:
    from b2bua.calls import InvitationDraft

ASKS = ("auto-answer", "autoanswer", "auto answer", "answer-after", "intercom=true", "ring answer")
"""How Alert-Info and Call-Info ask a phone to answer by itself, whatever stands around it."""
ALWAYS = ("Answer-Mode", "Priv-Answer-Mode")
USUAL = "<http://localhost>;info=alert-autoanswer;delay=0"

AlertInfo = Annotated[str, StringConstraints(pattern=r"^[ -~]*$", max_length=256)]


def asks(name: str, value: str) -> bool:
    """Does a header field ask the phone to answer by itself?"""
    if name in ALWAYS:
        return True
    return name in ("Alert-Info", "Call-Info") and any(word in value.lower() for word in ASKS)


def ask(draft: InvitationDraft, alert_info: str) -> None:
    """Have an INVITE ask for it, and in no other words than ours."""
    draft.fields = [(name, value) for name, value in draft.fields if not asks(name, value)]
    if alert_info:
        draft.replace("Alert-Info", alert_info)
    draft.add("Call-Info", f"<{draft.from_uri}>;answer-after=0")
    draft.add("Answer-Mode", "Auto")  # RFC 5373 section 4
