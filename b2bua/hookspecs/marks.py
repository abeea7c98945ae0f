"""What marks a function as a hook, and a plugin's function as one that takes part in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, cast

import pluggy

PROJECT = "b2bua"

Kind: TypeAlias = Literal["question", "edit", "news", "declaration"]
Function = TypeVar("Function", bound=Callable[..., Any])

hookimpl = pluggy.HookimplMarker(PROJECT)
_hookspec = pluggy.HookspecMarker(PROJECT)

WAYS: dict[str, str] = {"question": "ask", "edit": "edit", "news": "tell"}
"""How the methods begin by which the core calls hooks of a kind; declarations are not called by it."""


class Hook(Protocol):
    """A function that is a hook."""

    b2bua_kind: Kind
    b2bua_face: str

    def __call__(self, *values: Any, **named: Any) -> Any:
        """It is never called: it says what it is given, and what it answers."""


def hook(kind: Kind, face: str | None = None) -> Callable[[Function], Function]:
    """
    Make a function a hook of one kind.

    @param face: how the core's method for it is called, if not by the kind and
        the hook's name; empty if it has none of its own.
    """

    def mark(function: Function) -> Function:
        marked = cast("Hook", function)
        marked.b2bua_kind = kind
        usual = f"{WAYS[kind]}_{function.__name__}" if kind in WAYS else ""
        marked.b2bua_face = usual if face is None else face
        return _hookspec(function)

    return mark
