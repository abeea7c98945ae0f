"""Keys that a phone tells in an INFO, as most can do in place of RFC 4733: C{application/dtmf-relay}."""

from __future__ import annotations

import re

from b2bua.legs.words import Requested

KEYS = "0123456789*#ABCD"
_SIGNAL = re.compile(rb"(?im)^[ \t]*Signal[ \t]*=[ \t]*([0-9A-D*#]{1,2})[ \t]*\r?$")
_BY_NUMBER = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}


def key_in(request: Requested) -> str:
    """The key that a request tells; empty if it tells none."""
    if request.method != "INFO":
        return ""
    kind = next((value for name, value in request.fields if name == "Content-Type"), "")
    kind = kind.partition(";")[0].strip().lower()
    text = ""
    if kind == "application/dtmf-relay":
        found = _SIGNAL.search(request.body)
        text = found[1].decode("ascii").upper() if found else ""
    elif kind == "application/dtmf":
        text = request.body[:8].strip().decode("ascii", "replace").upper()
    text = _BY_NUMBER.get(text, text)
    return text if len(text) == 1 and text in KEYS else ""


def asks_to_record(request: Requested) -> bool:
    """Is it about a recording of the call (Yealink: C{Record: on}), and so for us, not for the other side?"""
    return request.method == "INFO" and any(name.lower() == "record" for name, _ in request.fields)
