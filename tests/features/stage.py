"""Stand-ins for a call, where the host is tested by itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from b2bua.calls.records.story import Story


def attempt(user: str = "102", *, internal: bool = True, parent: object = None) -> Any:
    """An attempt, as far as the host looks at one."""
    call = SimpleNamespace(story=Story(lambda: 0.0), id="call")
    caller = SimpleNamespace(name="101", internal=internal)
    return SimpleNamespace(
        caller=caller,
        behalf=caller,
        call=call,
        user=user,
        internal=internal,
        parent=parent,
        local=":" not in user,
        decided=set(),
    )
