"""
The tutorial in C{docs/plugins.md} works as it stands.

sipgo#265: one complete example was wished for; futel/asteriskserver#87,
RestComm/sbc#24, plivoframework#136: how to test call logic at all?
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from unittest import TestCase, TestLoader, TestResult

from twisted.trial.unittest import SynchronousTestCase

import b2bua.calls
from b2bua.features import Features

PAGES = Path(__file__).parents[2] / "docs"
PAGE = PAGES / "plugins.md"
SERVICES = PAGES / "services.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str, page: Path = PAGE) -> list[str]:
    """The blocks of one language, in order."""
    return [text for kind, text in BLOCK.findall(page.read_text()) if kind == language]


def play(page: Path) -> TestResult:
    """Each block of Python is a file; each test file is run against what stands before it."""
    whole = TestResult()
    names: set[str] = set()
    try:
        for text in blocks("python", page):
            found = re.match(r"# (\w+)\.py\n", text)
            assert found is not None, f"a block without the name of its file: {text[:60]}"
            names.add(found[1])
            made = module(found[1], text)
            if found[1].startswith("test_"):
                for kind in [one for one in vars(made).values() if _is_case(one, made)]:
                    TestLoader().loadTestsFromTestCase(kind).run(whole)
    finally:
        for name in names:
            sys.modules.pop(name, None)
    return whole


def _is_case(thing: object, home: ModuleType) -> bool:
    """Is it a class of tests that stands in this very file?"""
    return isinstance(thing, type) and issubclass(thing, TestCase) and thing.__module__ == home.__name__


def module(name: str, text: str) -> ModuleType:
    """A module made of one block; whoever imports it gets this one."""
    made = sys.modules[name] = ModuleType(name)
    exec(compile(text, f"{PAGE.name}: {name}.py", "exec"), made.__dict__)
    return made


class TutorialTests(SynchronousTestCase):
    """The tutorial, and the page of what a plugin can have the service do."""

    def tearDown(self) -> None:
        """Leave no module behind."""
        sys.modules.pop("night", None)

    def test_python(self) -> None:
        """Every version of the feature passes the test that follows it."""
        result = play(PAGE)
        self.assertEqual([*result.errors, *result.failures], [])
        self.assertEqual(result.testsRun, 6)

    def test_services(self) -> None:
        """Every plugin on the page of services passes its test."""
        result = play(SERVICES)
        self.assertEqual([*result.errors, *result.failures], [])
        self.assertEqual(result.testsRun, 8)

    def test_media(self) -> None:
        """The feature that talks, of the page about media, works."""
        result = play(PAGES / "media.md")
        self.assertEqual([*result.errors, *result.failures], [])
        self.assertEqual(result.testsRun, 1)

    def test_reference(self) -> None:
        """What is listed there is there, and has a home that plugins may import."""
        listed = re.findall(r"^\| `(\w+)`(?:: [^|]*)? \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
        self.assertEqual(len(listed), 14)
        for name, text in listed:
            kind = getattr(b2bua.calls, name, None) or getattr(b2bua, name)
            known = {*dir(kind), *getattr(kind, "__annotations__", ()), *getattr(kind, "__slots__", ())}
            if name == "Options":
                known |= {"now", "extensions", "trunks"}
            for attribute in re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", text)):
                self.assertIn(attribute, known, name)

    def test_annotations(self) -> None:
        """Every version keeps to the contract of the hooks."""
        for text in blocks("python"):
            if text.startswith("# night.py"):
                Features.of(module("night", text).Night)

    def test_toml(self) -> None:
        """The configuration can be read."""
        tables = [tomllib.loads(text) for text in blocks("toml")]
        self.assertEqual(tables[0]["plugins"]["off"], ["find_me"])
