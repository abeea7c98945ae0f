"""How many messages wait: application/simple-message-summary (RFC 3842 section 5)."""

from __future__ import annotations

import re
from typing import NamedTuple

from b2bua.errors import PeerError

TYPE = "application/simple-message-summary"
SIZE_MAX = 8192

# msg-summary-line = message-context-class HCOLON newmsgs SLASH oldmsgs
#                    [ LPAREN new-urgentmsgs SLASH old-urgentmsgs RPAREN ]
_COUNTS = re.compile(r"(\d{1,10})\s*/\s*(\d{1,10})(?:\s*\(\s*(\d{1,10})\s*/\s*(\d{1,10})\s*\))?\Z", re.ASCII)


class Summary(NamedTuple):
    """What a document says."""

    waiting: bool
    account: str = ""
    voice: tuple[int, int, int, int] | None = None
    """New, old, urgent new, urgent old; None if only the lamp is told."""


def write(counts: tuple[int, int, int, int], account: str) -> bytes:
    """
    Write a summary of voice messages.

    @param account: what a phone calls to hear them (section 5.2).
    """
    new, old, urgent_new, urgent_old = counts
    lines = (
        f"Messages-Waiting: {'yes' if new else 'no'}",
        f"Message-Account: {account}",
        f"Voice-Message: {new}/{old} ({urgent_new}/{urgent_old})",
    )
    return "".join(f"{line}\r\n" for line in lines).encode()


def parse(body: bytes) -> Summary:
    """
    Read a summary.

    @raise PeerError: without the line that says whether there is something.
    """
    if len(body) > SIZE_MAX:
        raise PeerError("A summary that is too long", section="RFC 3842 3.7", code=413)
    text = body.decode("utf-8", "replace")
    lines: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if not colon:
            break  # what follows an empty line is about single messages
        lines.setdefault(name.strip().lower(), value.strip())
    status = lines.get("messages-waiting", "").lower()
    if status not in ("yes", "no"):
        raise PeerError("A summary without Messages-Waiting", section="RFC 3842 5.2")
    found = _COUNTS.match(lines.get("voice-message", ""))
    voice = None
    if found is not None:
        new, old, urgent_new, urgent_old = (int(count or 0) for count in found.groups())
        voice = new, old, urgent_new, urgent_old
    return Summary(status == "yes", lines.get("message-account", ""), voice)
