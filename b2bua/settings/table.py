"""What every table of the configuration is, and the kinds of values that many of them have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

from b2bua.settings.values import Number, Target, Whole, local_number


class Table(BaseModel):
    """A table of the configuration: its keys are the fields, and no other key is allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


def directory(info: ValidationInfo) -> Path:
    """Where relative paths start: at the directory of the configuration file."""
    found: Path = (info.context or {}).get("directory", Path())
    return found


def beside(path: str, info: ValidationInfo) -> str:
    """A relative path starts at the directory of the configuration file."""
    return str(directory(info) / path)


def not_itself(text: str, info: ValidationInfo) -> str:
    """A target that is not the number in whose table it stands, however that is written."""
    context = info.context or {}
    own = local_number(text, context.get("hosts", ())) if text else None
    if own in context.get("names", ()):
        raise ValueError(f"is {own} itself; its calls cannot be sent on to it")
    return text


def only_named(text: str) -> str:
    """Any number will do: whether there is one is seen when all is read."""
    return text


def kept_in(path: str) -> str:
    """Any directory will do: whether files can be kept there is seen when the service starts."""
    return path


Beside = Annotated[str, AfterValidator(beside)]
File = Beside
"""The path of a file; a relative one starts at the directory of the configuration file."""
Directory = Annotated[Beside, AfterValidator(kept_in)]
"""The path of a directory in which files are kept; it is made when there is none."""
Elsewhere = Annotated[Target, AfterValidator(not_itself)]
"""What the calls of a number can be sent on to, in a table of that number; empty is nowhere."""
Named = Annotated[Target, AfterValidator(only_named)]
"""A number of which a table says something, without sending calls to it."""
Seconds = Annotated[Number, Field(gt=0, le=10_000_000)]
Count = Annotated[Whole, Field(ge=1)]
Short = Annotated[Number, Field(ge=0.01, le=10)]
Long = Annotated[Number, Field(ge=0.01, le=60)]


def none() -> Mapping[str, Any]:
    """No tables at all."""
    return MappingProxyType({})
