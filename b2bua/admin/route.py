"""
One question or command at its path: who may ask, what is read of a request, and what is answered.

The parameters of the method that answers are those of the route: what the path
names is in the path, the rest stands in the query of a GET and a DELETE, and in
the JSON object that any other request has as its body.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

from b2bua.admin.refused import Mistaken
from b2bua.docstring import told

Method = Literal["GET", "POST", "PUT", "DELETE"]
RoleName = Literal["user", "operator", "administrator"]
NAMED = re.compile(r"\{(\w+)\}")


class Role(IntEnum):
    """What somebody may do; each may what the one before may."""

    USER = 1
    """Looks after their own extension."""
    OPERATOR = 2
    """Sees calls and phones, and acts on them."""
    ADMINISTRATOR = 3
    """Changes the service."""

    @property
    def word(self) -> RoleName:
        """As people write it."""
        return _WORDS[self]

    @classmethod
    def of(cls, word: RoleName) -> Role:
        """The role that is written so."""
        return next(role for role, one in _WORDS.items() if one == word)


_WORDS: dict[Role, RoleName] = {
    Role.USER: "user",
    Role.OPERATOR: "operator",
    Role.ADMINISTRATOR: "administrator",
}


class Parameters(BaseModel):
    """The parameters of a question."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


def _function(method: Callable[..., Any]) -> Any:
    """The function of a method, which knows the same of its parameters, and keeps no object alive."""
    return getattr(method, "__func__", method)


@lru_cache(maxsize=256)
def _parameters(name: str, function: Callable[..., Any]) -> type[Parameters]:
    """The parameters of a function that answers, as a model of that name."""
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {
        name: (hints[name], ... if one.default is one.empty else one.default)
        for name, one in inspect.signature(function).parameters.items()
        if name != "self"
    }
    return create_model(name, __base__=Parameters, **fields)


@lru_cache(maxsize=256)
def _answers(function: Callable[..., Any]) -> TypeAdapter[Any]:
    """What a function answers."""
    return TypeAdapter(get_type_hints(function, include_extras=True)["return"])


@dataclass(frozen=True, slots=True)
class Route:
    """A question or command at its path."""

    method: Method
    path: str
    """Such as C{/calls/{call}/trace}."""
    role: Role
    """Who may ask it about anything."""
    answer: Callable[..., Any]
    own: str = ""
    """The parameter by which a user may ask as well: it names their own extension, or a path below it."""
    parameters: type[Parameters] = field(init=False)

    def __post_init__(self) -> None:
        """Read the signature of what answers."""
        object.__setattr__(self, "parameters", _parameters(self.name, _function(self.answer)))

    @property
    def answers(self) -> TypeAdapter[Any]:
        """What it answers, made when it is asked for first."""
        return _answers(_function(self.answer))

    @property
    def name(self) -> str:
        """One word for it, for programs that are made from the description."""
        words = NAMED.sub("one", self.path).replace("-", "/").strip("/").split("/")
        return "_".join([self.method.lower(), *words])

    @property
    def text(self) -> str:
        """What it is, for people."""
        return told(self.answer)

    @property
    def in_path(self) -> list[str]:
        """The parameters that the path names."""
        return NAMED.findall(self.path)

    @property
    def in_query(self) -> bool:
        """Do the other parameters stand in the query?"""
        return self.method in ("GET", "DELETE")

    def matches(self, steps: Sequence[str]) -> dict[str, str] | None:
        """Read the parameters of a path; None for another path."""
        own = self.path.strip("/").split("/")
        if len(own) != len(steps):
            return None
        found: dict[str, str] = {}
        for mine, theirs in zip(own, steps, strict=True):
            if name := NAMED.fullmatch(mine):
                found[name[1]] = theirs
            elif mine != theirs:
                return None
        return found

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """
        Read what was given.

        @raise Mistaken: if it is not what the question takes, in one line for people.
        """
        try:
            values = self.parameters.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise Mistaken(f"{where}: {_why(first['type'], first['msg'])}") from None
        return {name: getattr(values, name) for name in values.model_fields_set}


def _why(kind: str, text: str) -> str:
    """Say what is wrong, without the words of the library."""
    if kind == "missing":
        return "is needed"
    if kind == "extra_forbidden":
        return "is nothing that can be said here"
    return text[:1].lower() + text[1:]


def find(routes: Sequence[Route], method: str, steps: Sequence[str]) -> tuple[Route, dict[str, str]] | None:
    """The route of a request, with the parameters in its path."""
    for route in routes:
        if route.method == method and (found := route.matches(steps)) is not None:
            return route, found
    return None


def allowed(routes: Sequence[Route], steps: Sequence[str]) -> list[str]:
    """The methods that there are for a path (RFC 9110 section 10.2.1)."""
    return sorted({route.method for route in routes if route.matches(steps) is not None})
