"""The configuration as the service and the command read it: the core's part and that of the features."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import NamedTuple, cast

from b2bua.features import Features
from b2bua.settings import Document, Settings, SettingsError, document, read


class Configuration(NamedTuple):
    """A configuration that is good, as far as a file can be."""

    path: str
    settings: Settings
    features: Features


def configuration(path: str | Path, load: Callable[..., Features] = Features.load) -> Configuration:
    """
    Read a configuration file.

    @param load: makes features of it; those of a service that runs make their
        next generation.
    @raise SettingsError: with everything that is wrong with it.
    """
    making = steps(path, document(path), load)
    while True:
        try:
            next(making)
        except StopIteration as made:
            return cast(Configuration, made.value)


def steps(
    path: str | Path, tables: Document, load: Callable[..., Features]
) -> Generator[None, None, Configuration]:
    """
    Make a configuration of the tables of a file, in steps.

    For a service that runs: with a thousand extensions all of it together takes
    long enough for calls to notice, so others have their turn between two steps.

    @raise SettingsError: with everything that is wrong with it.
    """
    file = str(path)
    directory = Path(path).resolve().parent
    claimed = Features.check(tables, directory=directory)
    yield
    settings = read(tables, lambda _: claimed, file=file, directory=directory)
    yield
    try:
        return Configuration(file, settings, load(tables, directory=directory))
    except SettingsError as error:
        raise SettingsError(file, error.problems) from None
