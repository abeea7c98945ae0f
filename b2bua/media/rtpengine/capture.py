"""
A recording made of what an engine has written: the packets of a call, as they came from each party.

The engine writes files of libpcap named by its id of the call, one for each
time that it was told to begin: none of them has what was said in a pause.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from twisted.internet.defer import Deferred

Formats: TypeAlias = Mapping[int, str]
"""Payload types, as C{name/rate}."""


class Work(NamedTuple):
    """What is to be made of which files; plain values, fit for JSON."""

    path: str
    """The recording."""
    directory: str
    """Where the engine writes."""
    id: str
    """The call's id at the engine."""
    began: float
    ended: float
    """Both in seconds since 1970."""
    left: str
    """The leg on the left channel; all others are on the right one."""
    ports: dict[int, tuple[str, dict[int, str]]]
    """Which leg sends to a port of the engine, and its payload types."""


Write: TypeAlias = Callable[[Work], Deferred[str]]
"""Makes a recording; fires with why something of it is missing, empty if nothing is."""


class Recording:
    """One that goes on."""

    def __init__(self, path: str, began: float, left: str) -> None:
        """Begin."""
        self.path, self.began, self.left = path, began, left
        self.ports: dict[int, tuple[str, dict[int, str]]] = {}

    def work(self, directory: str, id: str, ended: float) -> Work:
        """What is to be done at its end."""
        return Work(self.path, directory, id, self.began, ended, self.left, self.ports)

    def state(self) -> dict[str, Any]:
        """Write it down."""
        ports = {
            str(port): [leg, {str(number): name for number, name in formats.items()}]
            for port, (leg, formats) in self.ports.items()
        }
        return {"path": self.path, "began": self.began, "left": self.left, "ports": ports}

    @staticmethod
    def restored(state: Mapping[str, Any]) -> Recording:
        """Read it again."""
        recording = Recording(state["path"], state["began"], state["left"])
        for port, (leg, formats) in state["ports"].items():
            recording.ports[int(port)] = leg, {int(number): name for number, name in formats.items()}
        return recording


