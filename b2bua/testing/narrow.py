"""
Does a plugin keep to what it may rely on?

What hooks are given is typed by narrow faces (L{b2bua.calls.face}), and is the
server's own object underneath: to wrap each would cost every call.  So a type
checker sees who reaches further, and so does this.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from b2bua.calls import face
from b2bua.calls.call import Call
from b2bua.calls.routing.attempt import Attempt
from b2bua.legs.leg import Leg
from b2bua.legs.refer import PeerRefer

FACES: dict[type, type] = {Call: face.Call, Leg: face.Leg, Attempt: face.Attempt, PeerRefer: face.Referral}
"""What stands behind each face."""


@contextmanager
def only_the_face(*modules: str) -> Iterator[list[str]]:
    """
    Refuse plugins what is not in the faces, as long as the block lasts.

    Who reaches further hears AttributeError, and is named in what this gives.
    It makes calls slow: it is for a test of its own.

    @param modules: the modules of the plugins, or the package that they are in.
    """
    reached: list[str] = []
    for kind, narrow in FACES.items():
        _guard(kind, narrow, modules, reached)
    try:
        yield reached
    finally:
        for kind in FACES:
            del kind.__getattribute__, kind.__setattr__


def _guard(kind: type, narrow: type, modules: tuple[str, ...], reached: list[str]) -> None:
    """Look who asks for what of the objects of one class."""
    known = {name for name in vars(narrow) if not name.startswith("_")}
    own_get: Any = kind.__getattribute__
    own_set: Any = kind.__setattr__

    def refuse(name: str, what: str) -> None:
        """Refuse it to a plugin."""
        where: str = sys._getframe(2).f_globals.get("__name__", "")
        if where.startswith(modules):
            reached.append(f"{where}: {kind.__name__}.{name}")
            raise AttributeError(f"{name} of a {kind.__name__} is not for plugins to {what}")

    def get(self: object, name: str) -> Any:
        """Read an attribute."""
        if name not in known and not name.startswith("__"):
            refuse(name, "read")
        return own_get(self, name)

    def set(self: object, name: str, value: object) -> None:
        """Write one."""
        refuse(name, "write")
        own_set(self, name, value)

    kind.__getattribute__ = get  # type: ignore[method-assign,assignment]  # for as long as the block lasts
    kind.__setattr__ = set  # type: ignore[method-assign,assignment]  # likewise
