"""Which calls are in a database: those outlive kill -9."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa

from b2bua.calls.restoring.keeping import RINGING
from tests.interop.processes import LIMIT, Ended

LOOK = 0.1
QUIET = 1.2
"""Seconds without anything new of calls: a change is found, and written, within fewer."""


def until(met: Callable[[], bool], limit: float = LIMIT) -> bool:
    """Wait, in a thread, until something is so; gives whether it is."""
    end = time.monotonic() + limit
    while not met():
        if time.monotonic() > end:
            return False
        time.sleep(LOOK)
    return True


def until_kept(url: str, calls: Callable[[], Iterable[dict[str, Any]]]) -> None:
    """
    Wait, in a thread, until a database has all calls, as they are.

    @param url: of the database.
    @param calls: asks the service for its calls, as C{/calls} shows them.
    @raise Ended: if it has not come.
    """
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    known: dict[str, str] = {}
    since = 0.0

    def kept() -> bool:
        nonlocal known, since
        with engine.connect() as connection:
            found = {
                row.call: row.value
                for row in connection.execute(sa.text("SELECT call, value FROM snapshots"))
            }
        missing = [call for call in calls() if not _is_kept(call, found)]
        if missing or found != known:
            known, since = found, time.monotonic()
        return time.monotonic() - since > QUIET

    if not until(kept):
        raise Ended(f"not all of {[call['id'] for call in calls()]} are kept; there are {[*known]}")


def _is_kept(call: dict[str, Any], found: dict[str, str]) -> bool:
    """Is it there, or as long as it rings, the list of those who ring?"""
    text = found.get(call["id"], "")
    rings = text.startswith("[") or call["id"] + RINGING in found
    return text.startswith("{") or (call["answered"] is None and rings)
