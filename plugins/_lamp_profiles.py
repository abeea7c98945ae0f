"""What makes of phones want otherwise than others, of the lamps of their keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from b2bua.wire.dialog_info import State

ProfileName = Literal["all calls", "one call", "no blinking", "obihai", "no lists"]


class Profile(NamedTuple):
    """What a make of phones wants otherwise."""

    one_call: bool = False
    """It cannot read more than one dialog (an SPA962 crashes): the one that counts most is told."""
    blinks: bool = False
    """It blinks for an early dialog of who calls, as if it rang there (Kamailio's caller_confirmed)."""
    parked: State = "confirmed"
    """How it wants the lamp of an orbit that is taken (an OBi blinks for an early one only)."""
    lists: bool = True
    """A Linphone crashes upon RLMI, though it says that it supports lists."""


PROFILES: dict[str, Profile] = {
    "all calls": Profile(),
    "one call": Profile(one_call=True),
    "no blinking": Profile(blinks=True),
    "obihai": Profile(parked="early"),
    "no lists": Profile(lists=False),
}
BY_PHONE = {
    "cisco/spa": "one call",
    "linksys/spa": "one call",
    "obihai": "obihai",
    "linphone": "no lists",
}
"""Which one is for phones whose User-Agent begins so; for all others C{all calls}."""


def of_phone(user_agent: str, phones: Mapping[str, str]) -> Profile:
    """
    Find the profile of a phone by its User-Agent.

    @param phones: the names of profiles, by how User-Agent begins, in small letters; the longest counts.
    """
    agent = user_agent.lower()
    fitting = [start for start in phones if agent.startswith(start)]
    return PROFILES[phones[max(fitting, key=len)] if fitting else "all calls"]
