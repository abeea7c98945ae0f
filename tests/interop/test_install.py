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

from tests.interop.processes import Program, free_port
from tests.interop.service import Service

ROOT = Path(__file__).resolve().parents[2]
INSTALL_SECONDS = 300


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


class InstallTests(TestCase):
    """Two ways to install it, and the two commands."""

    timeout = 600

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

    @inlineCallbacks
    def test_two_commands(self) -> Any:
        """
        In a bare clone C{make run} ends in a service, and C{make test} in tests that pass.

        sippy/b2bua#22: a newcomer could not tell which script to run.
        """
        directory = Path(self.mktemp()).resolve()
        copy = copied(str(directory))
        make = Program("make run")
        port = free_port()
        environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        command = ["/usr/bin/env", "make", "run", f"PORT={port}", f"PYTHON={sys.executable}"]
        make.start(command, str(copy), environment)
        self.addCleanup(make.kill)
        yield make.says("ready", limit=INSTALL_SECONDS)
        self.account_page(make.lines, str(port))
        make.signal("TERM")
        yield make.ended()
        # What is installed now is the editable kind.
        yield self.runs(copy / ".venv" / "bin" / "python", directory)
        said = yield deferToThread(run, "make", "test", "TESTS=tests.house", cwd=copy)
        self.assertIn("PASSED", said)

    def account_page(self, lines: list[str], port: str) -> None:
        """What is printed is all that a phone wants to know."""
        accounts = [line.split() for line in lines if line.strip()[-3:] == "TCP" and port in line]
        self.assertEqual([row[1] for row in accounts], ["101", "102", "103"], lines)
        self.assertEqual(len({row[2] for row in accounts}), 3)
