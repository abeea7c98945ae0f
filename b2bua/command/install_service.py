"""
Install b2bua as a service of systemd.

It writes the unit, with the paths of this installation, and says what else is
to be done once.  What is there already is left as it is.
"""

from __future__ import annotations

import pwd
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from shutil import which

from b2bua.settings import Problem, SettingsError
from b2bua.settings.finding import SYSTEM

UNIT = "b2bua.service"
WRITTEN_FOR = "/opt/b2bua"
"""Where the unit, as it is kept, takes the installation to be."""
HIDDEN = ("/home/", "/root/", "/tmp/", "/run/user/")
"""What the unit does not let its service see."""
USER = "b2bua"


def arguments(parser: ArgumentParser) -> None:
    """Take where the unit goes."""
    parser.add_argument(
        "--to", metavar="DIRECTORY", default="/etc/systemd/system", help="by default /etc/systemd/system"
    )
    parser.add_argument("--print", action="store_true", help="print the unit and write nothing")
    parser.add_argument("--force", action="store_true", help="write it over another one that is there")


def run(options: Namespace) -> int:
    """Write it."""
    text = unit(sys.prefix)
    if options.print:
        print(text, end="")
        return 0
    path = Path(options.to) / UNIT
    if f"{sys.prefix}/".startswith(HIDDEN):
        why = f"the service may not read {sys.prefix}; install into {WRITTEN_FOR} and run this from there"
        raise SettingsError("b2bua install-service", [Problem("", why)])
    try:
        if path.exists() and path.read_text() != text and not options.force:
            why = "is there already and differs; --force writes it anew"
            raise SettingsError(str(path), [Problem("", why)])
        path.write_text(text)
    except OSError as error:
        raise SettingsError(str(path), [Problem("", f"cannot be written: {error.strerror}")]) from None
    print(f"Wrote {path}. As root:\n")
    print("\n".join(f"  {command}" for command in left_to_do(sys.prefix)))
    return 0


def unit(prefix: str) -> str:
    """The unit for an installation."""
    return files("b2bua.command").joinpath(UNIT).read_text().replace(WRITTEN_FOR, prefix)


def left_to_do(prefix: str) -> Iterator[str]:
    """The commands that are still to be typed on this host."""
    try:
        pwd.getpwnam(USER)
    except KeyError:
        yield f"useradd --system --home-dir /var/lib/b2bua --shell /usr/sbin/nologin {USER}"
    if not Path(SYSTEM).exists():
        yield f"install -d -m 750 -g {USER} {Path(SYSTEM).parent}"
        yield f"{prefix}/bin/b2bua init --system {SYSTEM}"
        yield f"chgrp {USER} {SYSTEM} && chmod 640 {SYSTEM}"
    if which("b2bua") is None:
        yield f"ln -s {prefix}/bin/b2bua /usr/local/bin/"
    yield "systemctl daemon-reload"
    yield "systemctl enable --now b2bua"
