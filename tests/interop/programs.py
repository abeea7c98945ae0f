"""
The programs of other people that tests run.

As root on Debian a missing one is installed.  Elsewhere the test is skipped
with a line that says which package is missing; with C{CI=true} it fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from fcntl import LOCK_EX, flock
from functools import cache
from pathlib import Path

from twisted.trial.unittest import FailTest, SkipTest

# Which package of Debian brings which program.
PACKAGES = {
    "baresip": "baresip-core",
    "chromedriver": "chromium-driver",
    "chromium": "chromium",
    "initdb": "postgresql",
    "kamailio": "kamailio",
    "linphone-daemon": "linphone-cli",
    "linphonec": "linphone-cli",
    "npm": "npm",
    "rtpengine": "rtpengine-daemon",
    "sipp": "sip-tester",
    "stunnel": "stunnel4",
    "svwar": "sipvicious",
}
_PLACES = ("/usr/sbin", "/usr/local/bin", "/usr/lib/postgresql/*/bin")
_INSTALL_SECONDS = 500


def need(program: str) -> str:
    """
    The path of a program.

    @raise SkipTest: if there is none and it cannot be installed here.
    """
    path = _found(program) or _installed(program)
    if path is not None:
        return path
    line = f"{program} is missing: install the package {PACKAGES[program]} (Debian's name)"
    if os.environ.get("CI") == "true":
        raise FailTest(line)
    raise SkipTest(line)


def _found(program: str) -> str | None:
    """Where it is, in PATH or where Debian hides it."""
    if path := shutil.which(program):
        return path
    for place in _PLACES:
        for directory in sorted(Path("/").glob(place.lstrip("/")), reverse=True):
            if os.access(directory / program, os.X_OK):
                return str(directory / program)
    return None


@cache
def _installed(program: str) -> str | None:
    """Install it, if this is Debian and we may; once in a run."""
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists() or not shutil.which("apt-get"):
        return None
    install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", PACKAGES[program]]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # Several test processes may want it at once; apt would refuse the second.
    with open(Path(tempfile.gettempdir(), "b2bua-tests-apt.lock"), "w") as lock:
        flock(lock, LOCK_EX)
        for command in (install, ["apt-get", "update", "-qq"], install):
            try:
                done = subprocess.run(
                    command, env=environment, capture_output=True, timeout=_INSTALL_SECONDS, check=False
                )
            except subprocess.TimeoutExpired:
                return None
            if done.returncode == 0 and command is install:
                return _found(program)
    return None
