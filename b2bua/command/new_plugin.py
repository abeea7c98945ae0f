"""
Write a plugin to begin with: one file, its metadata, and a test that passes.

The directory NAME is made with three files: NAME.py is the feature, test_NAME.py
plays it in the simulated world, pyproject.toml lets pip install it.
"""

from __future__ import annotations

import keyword
import re
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from b2bua.features.plugin import installed

FEATURE = '''\
"""
{title}: what it does for people, in a sentence or two.

It refuses calls to the numbers of a list, until you make it do something
better::

    [{name}]
    numbers = ["105"]
"""

from __future__ import annotations

from collections.abc import Mapping

from b2bua import Options, Table, hookimpl
from b2bua.calls import Attempt, Refuse


class Settings(Table):
    """The table [{name}] of the configuration."""

    numbers: tuple[str, ...]


class {kind}:
    """Refuses calls to some numbers."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """Name the tables of this feature."""
        return {{"{name}": Settings}}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the settings; without its table the feature takes itself out."""
        self._numbers = frozenset(options.of(Settings).numbers)

    @hookimpl
    def route_call(self, attempt: Attempt) -> Refuse | None:
        """Say where a call goes, or nothing to leave it to others."""
        return Refuse(403) if attempt.user in self._numbers else None
'''

TEST = '''\
"""{title}, played in a world without sockets and waiting."""

from b2bua.testing import LadderTestCase, World
from {name} import {kind}


class {kind}Tests(LadderTestCase):
    """Each step is written down; when one goes wrong the whole ladder is shown."""

    def make_world(self) -> World:
        """The real server, with this feature and its settings."""
        return World(features=[{kind}], settings={{"{name}": {{"numbers": ["bob"]}}}})

    def test_refused(self) -> None:
        """Bob is on the list, so his phone does not ring."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        alice.gets(403)
        bob.gets_nothing()
        self.quiet()

    def test_others(self) -> None:
        """Carol is not, so hers does."""
        alice, carol = self.phones("alice", "carol")
        self.connect(alice, carol)
        self.assertTalking(("alice", "carol"))
        self.disconnect(alice, carol)
        self.quiet()
'''

METADATA = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "b2bua-{dashed}"
version = "0.1.0"
description = "{title}, a feature for b2bua"
requires-python = ">=3.11"
dependencies = ["b2bua"]

[project.entry-points.b2bua]
{name} = "{name}:{kind}"

[tool.setuptools]
py-modules = ["{name}"]
"""

NEXT = """\
{directory}/{name}.py is the feature, {directory}/test_{name}.py its test.

    cd {directory}
    {python} -m pip install -e .
    {python} -m twisted.trial test_{name}

The service finds it from now on; "b2bua reload" takes it in without a restart.
It is asked when the configuration has its table [{name}]: see {directory}/{name}.py."""


def arguments(parser: ArgumentParser) -> None:
    """Take the name and the place."""
    parser.add_argument("name", metavar="NAME", help="what the feature is called: small letters, digits, _")
    parser.add_argument(
        "directory", metavar="DIRECTORY", nargs="?", help="where to put it; by default one of its name"
    )


def run(options: Namespace) -> int:
    """Write the three files and say what to do next."""
    name = options.name
    if why := unfit(name):
        print(f"{name}: {why}", file=sys.stderr)
        return 1
    directory = Path(options.directory or name)
    words = {
        "name": name,
        "dashed": name.replace("_", "-"),
        "title": name.replace("_", " ").capitalize(),
        "kind": "".join(part.capitalize() for part in name.split("_")),
        "directory": directory,
    }
    files = {f"{name}.py": FEATURE, f"test_{name}.py": TEST, "pyproject.toml": METADATA}
    there = [directory / file for file in files if (directory / file).exists()]
    if there:
        print(f"{there[0]}: is there already; choose another directory", file=sys.stderr)
        return 1
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (directory / file).write_text(text.format(**words))
    except OSError as error:
        print(f"{directory}: cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    print(NEXT.format(**words, python=sys.executable))
    return 0


def unfit(name: str) -> str:
    """Why a feature cannot have that name; empty if it can."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        return "a name has small letters and digits, and _ between words"
    if name in sys.stdlib_module_names or name == "b2bua":
        return "is the name of another module"
    if any(source.name == name for source in installed()):
        return "is the name of a plugin that is installed"
    return ""
