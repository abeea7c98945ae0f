"""The configuration as the service and the command read it: the core's part and that of the features."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from b2bua.features import Features
from b2bua.settings import Document, Settings, document, read


class Configuration(NamedTuple):
    """A configuration that is good, as far as a file can be."""

    path: str
    document: Document
    """As it is written; features find their tables in it."""
    settings: Settings


def configuration(path: str | Path) -> Configuration:
    """
    Read a configuration file.

    @raise SettingsError: with everything that is wrong with it.
    """
    tables = document(path)
    settings = read(tables, Features.check, file=str(path), directory=Path(path).resolve().parent)
    return Configuration(str(path), tables, settings)
