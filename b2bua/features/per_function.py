"""What is found out about a function once: many plugins are asked the same at each start and each reload."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, get_type_hints
from weakref import WeakKeyDictionary

Found = TypeVar("Found")


def per_function(find: Callable[[Callable[..., Any]], Found]) -> Callable[[Callable[..., Any]], Found]:
    """Have something found out once for a function, and once for methods made of it: it does not change."""
    of_functions: WeakKeyDictionary[Any, Found] = WeakKeyDictionary()
    of_methods: WeakKeyDictionary[Any, Found] = WeakKeyDictionary()

    @wraps(find)
    def found(function: Callable[..., Any]) -> Found:
        plain = getattr(function, "__func__", function)
        known = of_functions if plain is function else of_methods
        try:
            return known[plain]
        except KeyError:
            result = known[plain] = find(function)
            return result
        except TypeError:  # it is an object that can be called, and nobody can know when it is gone
            return find(function)

    return found


@per_function
def parameters_of(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """The parameters of a function, without C{self}."""
    return tuple(inspect.signature(function).parameters.values())


@per_function
def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The types of its parameters, and of what it returns."""
    return get_type_hints(function)
