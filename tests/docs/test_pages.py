"""What README and the pages say is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

from b2bua.command import subcommands
from b2bua.features import Features
from b2bua.features.plugin import installed
from b2bua.settings import read
from b2bua.testing import LadderTestCase, World
from tools import pairs
from tools.configuration import PAGE, page

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]*)(?:#([^)]*))?\)")


def headings(path: Path) -> set[str]:
    """The headings of a page, as links name them."""
    text = BLOCK.sub("", path.read_text())
    return {
        re.sub(r"[^\w -]", "", line).lower().replace(" ", "-")
        for line in re.findall(r"^#+ (.+)$", text, re.M)
    }


def blocks(path: Path, language: str) -> list[str]:
    """The blocks of one language on a page."""
    return [text for kind, text in BLOCK.findall(path.read_text()) if kind == language]


class PagesTests(SynchronousTestCase):
    """Links, configurations and commands."""

    def test_links(self) -> None:
        """Every link leads to a file that is there, and to a heading of it."""
        for path in PAGES:
            for name, heading in LINK.findall(path.read_text()):
                target = path.parent / name if name else path
                with self.subTest(f"{path.relative_to(ROOT)}: {name}#{heading}"):
                    self.assertTrue(target.exists())
                    if heading:
                        self.assertIn(heading, headings(target))

    def test_configuration(self) -> None:
        """The file on the page is a good one, and so is each piece in README."""
        [whole] = blocks(PAGE, "toml")
        settings = read(tomllib.loads(whole))
        self.assertEqual(settings.routes[0].ways, ("carrier",))
        for piece in blocks(ROOT / "README.md", "toml"):
            read({"server": {"domain": "pbx.example.com"}, **tomllib.loads(piece)})

    def test_settings_of_features(self) -> None:
        """What the pages of features show as settings is good, with the features as they are installed."""
        for name in ("forwarding.md", "lamps.md", "office.md", "transfer.md"):
            for piece in blocks(ROOT / "docs" / name, "toml"):
                with self.subTest(name):
                    tables = tomllib.loads(piece)
                    for one in tables["extensions"].values():
                        one["password"] = "secret"
                    document = {"server": {"domain": "pbx.example.com"}, **tables}
                    read(document, Features.check)
                    Features.load(document)

    def test_settings_of_media(self) -> None:
        """What the page of media shows as settings is good, piece by piece; prompts may be anything."""
        sound = ROOT / "plugins" / "sounds" / "en" / "recorded.wav"
        for piece in blocks(ROOT / "docs" / "media.md", "toml"):
            tables = tomllib.loads(re.sub(r'"\w+\.wav"', f'"{sound}"', piece))
            with self.subTest(" ".join(tables)):
                extensions = {"101": {}, "102": {}} | tables.get("extensions", {})
                trunks = tables.get("trunks", {})
                tables["extensions"] = {
                    name: {"password": "secret", **one} for name, one in extensions.items()
                }
                tables["trunks"] = {
                    name: {"uri": "sip:sip.carrier.example", **one} for name, one in trunks.items()
                }
                document = {"server": {"domain": "pbx.example.com"}, **tables}
                read(document, Features.check)
                Features.load(document)

    def test_reference(self) -> None:
        """C{docs/configuration.md} has all keys as they are: "make docs" writes them."""
        self.assertEqual(PAGE.read_text(), page(PAGE.read_text()))

    def test_pairs(self) -> None:
        """C{docs/features-together.md} says what the tests say: "make docs" writes it."""
        self.assertEqual(pairs.PAGE.read_text(), pairs.text())

    def test_commands(self) -> None:
        """Every subcommand that a page names is there."""
        known = {name for name, _ in subcommands()} | {
            name
            for source in installed()
            if hasattr(plugin := source.load().thing, "b2bua_commands")
            for name in plugin.b2bua_commands()
        }
        for path in PAGES:
            for name in re.findall(r"(?:`|bin/|^ *)b2bua ([a-z][a-z-]+)", path.read_text(), re.MULTILINE):
                with self.subTest(f"{path.relative_to(ROOT)}: {name}"):
                    self.assertIn(name, known)

    def test_make(self) -> None:
        """Every target of make that a page names is there."""
        for path in PAGES:
            for name in re.findall(r"(?:`|^ *)make ([a-z-]+)", path.read_text(), re.MULTILINE):
                with self.subTest(f"{path.relative_to(ROOT)}: {name}"):
                    self.assertIn(name, self.targets())

    def test_targets(self) -> None:
        """Every target of make is in CONTRIBUTING, but for README's and the halves of "make test"."""
        shown = set(re.findall(r"^make ([a-z-]+)", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE))
        self.assertEqual(self.targets() - shown, {"run", "on-sockets", "in-memory"})

    def targets(self) -> set[str]:
        """The targets of make."""
        [line] = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return set(line.split())


class ReadmePluginTests(LadderTestCase):
    """The plugin that README shows."""

    def make_world(self) -> World:
        """A world with just that plugin."""
        [text] = blocks(ROOT / "README.md", "python")
        module = ModuleType("night")
        exec(compile(text, "README.md", "exec"), module.__dict__)
        return World(features=[module.Night])

    def test_night(self) -> None:
        """At midnight, when the world begins, it refuses."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        alice.gets(480)
        bob.gets_nothing()
        self.quiet()

    def test_day(self) -> None:
        """At seven it does not."""
        alice, bob = self.phones("alice", "bob")
        self.world.run(7 * 3600)
        self.connect(alice, bob)
        self.disconnect(alice, bob)
        self.quiet()
