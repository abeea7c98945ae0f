"""The configuration as the service and the command read it: the core's part and that of the features."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from b2bua.features import Features
from b2bua.settings import Settings, SettingsError, document, read


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
    file = str(path)
    tables = document(path)
    directory = Path(path).resolve().parent
    settings = read(tables, partial(Features.check, directory=directory), file=file, directory=directory)
    try:
        return Configuration(file, settings, load(tables, directory=directory))
    except SettingsError as error:
        raise SettingsError(file, error.problems) from None
