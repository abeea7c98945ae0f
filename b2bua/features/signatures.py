"""Does a plugin's hook fit its contract?  Pluggy checks the names; this checks the types."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from functools import lru_cache
from importlib import import_module
from typing import Any, Literal, Union

from b2bua.hookspecs import CONTRACT, HOOKS

_PUBLIC = (
    "b2bua.calls.face",
    "b2bua.calls.draft",
    "b2bua.calls.records.record",
    "b2bua.calls.outside",
    "b2bua.calls.shown",
    "b2bua.calls.verdicts",
    "b2bua.legs.words",
    "b2bua.face.options",
    "b2bua.face.service",
    "b2bua.calls.records.view",
    "b2bua.settings",
    "b2bua.subscriptions",
    "twisted.internet.defer",
    "typing",
    "collections.abc",
    "b2bua.calls",  # last, for its names are those that plugins use
)


@lru_cache(maxsize=1)
def _public_names() -> dict[str, Any]:
    """What an annotation may name without importing it outside of TYPE_CHECKING."""
    names: dict[str, Any] = {}
    for home in _PUBLIC:
        names.update((n, v) for n, v in vars(import_module(home)).items() if not n.startswith("_"))
    return names


def _resolved(function: Callable[..., Any], name: str) -> Any:
    """An annotation as a type; L{Any} when it is missing or cannot be told."""
    plain = inspect.unwrap(function)
    annotation = getattr(function, "__annotations__", {}).get(name, Any)
    alone = types.SimpleNamespace(__annotations__={name: annotation})
    scope = {**_public_names(), **getattr(plain, "__globals__", {})}
    try:
        return typing.get_type_hints(alone, scope)[name]
    except Exception:  # noqa: BLE001  # whatever it is, it is no type that we can compare
        return Any


def _members(annotation: Any) -> Iterator[Any]:
    """The types of a union, those inside of Deferreds and coroutines included."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        for argument in arguments:
            yield from _members(argument)
    elif inspect.isclass(origin) and arguments and _awaitable(origin):
        yield from _members(arguments[-1])
    elif inspect.isclass(origin) and origin not in (type, Literal):
        yield origin  # of a generic type only the outside is compared
    elif inspect.isclass(annotation) and _awaitable(annotation):
        yield Any
    elif annotation is None:
        yield types.NoneType
    else:
        yield annotation


def _awaitable(kind: type) -> bool:
    """Is it something that is waited for?"""
    return kind in (Awaitable, Coroutine) or issubclass(kind, Awaitable)


def _fits(kind: Any, accepted: tuple[Any, ...]) -> bool:
    """May a value of the type C{kind} stand where the types C{accepted} are wanted?"""
    if kind is Any or Any in accepted or kind in accepted:
        return True
    if kind is int and float in accepted:
        return True
    plain = tuple(one for one in accepted if inspect.isclass(one))
    return inspect.isclass(kind) and issubclass(kind, plain)


def accepted_by(hook: str) -> tuple[type, ...]:
    """The types of the answers that a question takes, L{None} apart."""
    members = _members(_resolved(CONTRACT[hook], "return"))
    return tuple(kind for kind in members if inspect.isclass(kind) and kind is not types.NoneType)


def misfits(hook: str, function: Callable[..., Any]) -> Iterator[str]:
    """What is wrong with the annotations of an implementation of C{hook}."""
    contract = CONTRACT[hook]
    for name in inspect.signature(function).parameters:
        if name not in contract.__annotations__:
            continue  # pluggy has said it
        wanted = tuple(_members(_resolved(contract, name)))
        given = tuple(_members(_resolved(function, name)))
        if not all(_fits(one, given) for one in wanted):
            yield f"{hook}: {name} is {contract.__annotations__[name]}, not {_text(function, name)}"
    kind = HOOKS[hook]
    if kind == "news":
        return  # what they return is of no interest
    accepted = tuple(_members(_resolved(contract, "return")))
    returned = _resolved(function, "return")
    if typing.get_origin(returned) is Generator and hasattr(function, "__wrapped__"):
        returned = typing.get_args(returned)[-1]  # inlineCallbacks makes a Deferred of it
    if kind != "question" and inspect.iscoroutinefunction(function):
        yield f"{hook}: it cannot be a coroutine"
    if not all(_fits(one, accepted) for one in _members(returned)):
        yield f"{hook}: it returns {contract.__annotations__['return']}, not {_text(function, 'return')}"


def _text(function: Callable[..., Any], name: str) -> str:
    """An annotation as somebody has written it."""
    annotation = function.__annotations__[name]
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
