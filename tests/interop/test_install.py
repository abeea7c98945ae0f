"""
What a person does who has nothing but Python and make.

The checkout is copied as it stands, without what git ignores, and everything
happens in and around the copy.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import inlineCallbacks
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from tests.interop.service import Service

ROOT = Path(__file__).resolve().parents[2]
INSTALL_SECONDS = 400
"""What is installed may have to come from far; reached only when it fails."""


def copied(directory: str) -> Path:
    """A copy of the checkout, as a clone would be."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        raise SkipTest("git is missing, or this is no checkout: there is nothing to clone")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    copy = Path(directory).resolve() / "clone"
    for name in names.split("\0"):
        if name and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    return copy


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command to its end, with nothing of this environment; gives what it says."""
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean,
        timeout=INSTALL_SECONDS,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    said = done.stdout.decode(errors="replace")
    if done.returncode:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{said[-4000:]}")
    return said


class InstallCase(TestCase):
    """What has to be so, however it was installed."""

    timeout = 2 * INSTALL_SECONDS

    @inlineCallbacks
    def runs(self, python: Path, directory: Path) -> Any:
        """It runs from a directory that has nothing to do with it, features and all."""
        elsewhere = directory / "elsewhere"
        elsewhere.mkdir()
        said = yield deferToThread(run, python.parent / "twistd", "--help", cwd=elsewhere)
        self.assertIn("A SIP back-to-back user agent", said)
        service = Service(str(elsewhere), python=str(python))
        self.addCleanup(service.kill)
        yield service.start()
        told = "\n".join(service.program.lines)
        for plugin in (ROOT / "plugins").glob("[!_]*.py"):
            self.assertIn(f" {plugin.stem} ", told)
        # twistd ends by the signal that it was asked to end with.
        self.assertEqual((yield service.stop()), -signal.SIGTERM, service.program.story())


class WheelTests(InstallCase):
    """The wheel; a clone is installed by C{make clone}."""

    @inlineCallbacks
    def test_wheel(self) -> Any:
        """The wheel, in an empty environment outside of the checkout, is a whole service."""
        directory = Path(self.mktemp()).resolve()
        copy = copied(str(directory))
        python = directory / "environment" / "bin" / "python"
        pip = (python, "-m", "pip", "--quiet", "--disable-pip-version-check")
        yield deferToThread(run, sys.executable, "-m", "venv", python.parent.parent, cwd=directory)
        yield deferToThread(run, *pip, "wheel", "--no-deps", "-w", directory, copy, cwd=directory)
        shutil.rmtree(copy)
        [wheel] = directory.glob("*.whl")
        yield deferToThread(run, *pip, "install", wheel, cwd=directory)
        yield self.runs(python, directory)
        yield deferToThread(run, *pip, "uninstall", "--yes", "b2bua", cwd=directory)
        left = list((python.parent.parent / "lib").rglob("*b2bua*"))
        self.assertEqual([path for path in left if path.suffix != ".pyc"], [])
