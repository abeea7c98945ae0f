"""Plain values as JSON: most of what it costs to keep a call."""

from __future__ import annotations

from json import JSONEncoder
from typing import Any

try:
    import orjson
except ImportError:  # there is no wheel of it for this machine
    orjson = None  # type: ignore[assignment]

_slowly = JSONEncoder(allow_nan=False, separators=(",", ":"), check_circular=False).encode


def as_json(plain: Any) -> str:
    """Write JSON; orjson is several times as fast, but takes no bytes of a peer that are no UTF-8."""
    if orjson is not None:
        try:
            return orjson.dumps(plain).decode()
        except TypeError:
            pass  # the other one writes them as they came
    return _slowly(plain)
