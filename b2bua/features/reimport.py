"""Importing plugins anew, in a process that has imported them before."""

from __future__ import annotations

import site
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module, invalidate_caches
from importlib.metadata import EntryPoint
from linecache import checkcache
from types import ModuleType

from b2bua.features.plugin import Source


def look_around() -> None:
    """
    Take in what was installed since this process began.

    C{pip install -e} leaves a file C{*.pth}, which Python reads at its start
    only; for a package in the directory itself it is enough to look again.  How
    an installer makes an editable project importable is its own affair, so
    one that comes to have more modules than it had may need a restart.
    """
    own = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    for directory in (*site.getsitepackages(), *own):
        site.addsitedir(directory)
    invalidate_caches()


class Reimport:
    """
    Import plugins anew, so that what is loaded now has the code of now.

    The modules of the generation before live on in its functions.  Unless
    L{keep} is called, everything is as it was when the block is left.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        """Prepare for plugins that come from entry points; others have no source to read again."""
        points = [source.target for source in sources if isinstance(source.target, EntryPoint)]
        self._packages = {point.module.partition(".")[0] for point in points}
        self._old: Mapping[str, ModuleType] = {}
        self._kept = False

    def _ours(self) -> dict[str, ModuleType]:
        """The modules that have been imported of these packages."""
        return {n: m for n, m in sys.modules.items() if n.partition(".")[0] in self._packages}

    def __enter__(self) -> Reimport:
        """Forget the modules."""
        self._old = self._ours()
        for name in self._old:
            del sys.modules[name]
        invalidate_caches()
        checkcache()  # a traceback shows the lines of the file as it is now
        return self

    def keep(self) -> None:
        """The new modules are good."""
        self._kept = True

    def __exit__(self, *error: object) -> None:
        """Unless the new modules are good, have the old ones back."""
        if self._kept:
            return
        for name in self._ours():
            del sys.modules[name]
        sys.modules.update(self._old)
        for name, module in self._old.items():
            package, _, last = name.rpartition(".")
            if package:
                setattr(import_module(package), last, module)
