"""What no regular expression of ours may hold."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parents[2]

# A closing bracket that is no character of its own, a quantifier, and a plus.
_POSSESSIVE_GROUP = re.compile(r"(?<!\\)\)(?:[*+?]|\{[0-9]*,?[0-9]*\})\+")


def texts(source: str, names: Mapping[str, object]) -> Iterator[tuple[int, str]]:
    """
    Give the line and the text of every string in a module.

    @param names: what the module defines, to fill in what an f-string names.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            value = node.value
            yield node.lineno, value.decode("latin-1") if isinstance(value, bytes) else value
        elif isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(_piece(piece, names) for piece in node.values)


def _piece(piece: ast.expr, names: Mapping[str, object]) -> str:
    """Give the text of a part of an f-string; of what is only known later, nothing."""
    match piece:
        case ast.Constant(value=str(text)):
            return text
        case ast.FormattedValue(value=ast.Name(id=name)):
            return str(names.get(name, ""))
        case _:
            return ""


class PatternTests(SynchronousTestCase):
    """The patterns of all rooms."""

    def found(self, source: str, names: Mapping[str, object]) -> list[int]:
        """Give the lines on which a group is possessive."""
        return [line for line, text in texts(source, names) if _POSSESSIVE_GROUP.search(text)]

    def test_recognised(self) -> None:
        """A possessive group is found, however it is written."""
        for source in ('r"(?:a)*+"', 'rb"(a)?+"', 'r"(a){1,2}+"', 'rf"{ONE}++"', 'r"[(](a)++"'):
            self.assertEqual(self.found(source, {"ONE": "(?:ab)"}), [1], source)
        for source in ('r"[a]*+"', 'r"(?>(?:a)*)"', r'r"\)++"', 'rf"{ONE}++"', 'r"(a)+"'):
            self.assertEqual(self.found(source, {"ONE": "[ab]"}), [], source)

    def test_none_here(self) -> None:
        """
        No group is possessive: Python before 3.11.5, so Debian 12's, does not match it.

        C{(?:ab?)*+} misses what it must find there (cpython #106052 and #100061);
        C{(?>(?:ab?)*)} means the same and works.
        """
        for path in sorted([*(ROOT / "b2bua").rglob("*.py"), *(ROOT / "plugins").glob("*.py")]):
            source = path.read_text()
            if "re.compile" in source:
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
                module = importlib.import_module(re.sub(r"\Aplugins\.", "b2bua_plugins.", name))
                self.assertEqual(self.found(source, vars(module)), [], path)
