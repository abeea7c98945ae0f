"""What is installed while a service runs is found by its next reload."""

from __future__ import annotations

import site
import sys
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from b2bua.features.reimport import look_around

FINDER = """
import sys
from importlib.util import spec_from_file_location

MAPPING = {mapping!r}

class _EditableFinder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return spec_from_file_location(name, MAPPING[name]) if name in MAPPING else None

def install():
    sys.meta_path.append(_EditableFinder)
"""
NAME = "__editable___late_finder"


class LookAroundTests(SynchronousTestCase):
    """L{look_around}."""

    def setUp(self) -> None:
        """A directory in which packages are installed, and one in which they are written."""
        self.place = Path(self.mktemp()).resolve()
        self.work = Path(self.mktemp()).resolve()
        for directory in (self.place, self.work):
            directory.mkdir(parents=True)
        for kept in ("path", "meta_path", "path_hooks"):
            self.patch(sys, kept, list(getattr(sys, kept)))
        self.patch(sys, "modules", dict(sys.modules))
        self.patch(site, "ENABLE_USER_SITE", False)
        found = patch("site.getsitepackages", lambda: [str(self.place)])
        found.start()
        self.addCleanup(found.stop)

    def test_path(self) -> None:
        """An editable install that names a directory."""
        (self.place / "late.pth").write_text(f"{self.work}\n")
        (self.work / "late_by_path.py").write_text("")
        look_around()
        import_module("late_by_path")
        look_around()
        self.assertEqual(sys.path.count(str(self.work)), 1)

    def install(self, *names: str) -> None:
        """Install modules as setuptools does it for C{pip install -e}."""
        for name in names:
            (self.work / f"{name}.py").write_text("")
        mapping = {name: str(self.work / f"{name}.py") for name in names}
        (self.place / f"{NAME}.py").write_text(FINDER.format(mapping=mapping))
        (self.place / "late.pth").write_text(f"import {NAME}; {NAME}.install()\n")
        for cached in self.place.rglob("*.pyc"):
            cached.unlink()

    def test_finder(self) -> None:
        """One that finds its modules itself is found too, when it is new."""
        self.install("late_one")
        look_around()
        import_module("late_one")
