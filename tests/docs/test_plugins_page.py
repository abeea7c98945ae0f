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
from unittest import TestLoader, TestResult

from twisted.trial.unittest import SynchronousTestCase

import b2bua.calls
from b2bua.features import Features

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    """The blocks of one language, in order."""
    return [text for kind, text in BLOCK.findall(PAGE.read_text()) if kind == language]


def module(name: str, text: str) -> ModuleType:
    """A module made of one block; whoever imports it gets this one."""
    made = sys.modules[name] = ModuleType(name)
    exec(compile(text, f"{PAGE.name}: {name}.py", "exec"), made.__dict__)
    return made


class TutorialTests(SynchronousTestCase):
    """Each block of Python is a file; each test file is run against the feature before it."""

    def tearDown(self) -> None:
        """Leave no module behind."""
        for name in ("night", "test_night"):
            sys.modules.pop(name, None)

    def test_python(self) -> None:
        """Every version of the feature passes the test that follows it."""
        played = 0
        for text in blocks("python"):
            found = re.match(r"# (\w+)\.py\n", text)
            assert found is not None, f"a block without the name of its file: {text[:60]}"
            made = module(found[1], text)
            if found[1].startswith("test_"):
                result = TestResult()
                TestLoader().loadTestsFromTestCase(made.NightTests).run(result)
                self.assertEqual([*result.errors, *result.failures], [])
                played += result.testsRun
        self.assertEqual(played, 6)

    def test_reference(self) -> None:
        """What is listed there is there, and has a home that plugins may import."""
        listed = re.findall(r"^\| `(\w+)`(?:: [^|]*)? \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
        self.assertEqual(len(listed), 9)
        for name, text in listed:
            kind = getattr(b2bua.calls, name, None) or getattr(b2bua, name)
            known = {*dir(kind), *getattr(kind, "__annotations__", ()), *getattr(kind, "__slots__", ())}
            if name == "Options":
                known |= {"now", "extensions"}
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
