"""
Every message that a person can get, read.

Those that stand in the code are found by its syntax tree: what is logged,
refused, complained of, printed, and what C{--help} says.  Those about a
configuration are brought about, by every key with every kind of wrong value.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from twisted.trial.unittest import SynchronousTestCase

from b2bua.face.tables import claims_of
from b2bua.features import Features
from b2bua.features.plugin import installed, load
from b2bua.settings import Settings, SettingsError, read

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = [*sorted((ROOT / "b2bua").rglob("*.py")), *sorted((ROOT / "plugins").glob("*.py"))]

LOGS = {"debug", "info", "warn", "error", "critical", "failure"}
RAISED = {
    "Problem": 1,
    "Refused": 0,
    "Unknown": 0,
    "Mistaken": 0,
    "CannotStart": 0,
    "NotConfigured": 0,
    "StoreError": 0,
    "ValueError": 0,
}
"""What is raised or gathered to be shown to people, and which argument is the text."""
TOLD = {"complain", "print", "note", "SystemExit"}
KEYWORDS = {"help", "description"}

# Words of Python, of pydantic and of this code, which say nothing to who runs telephones.
STRANGE = re.compile(
    r"\bNone\b|\bTrue\b|\bFalse\b|\btuple\b|\bdict(ionary)?\b|\bstring\b|\bboolean\b|\binteger\b|\bfloat\b"
    r"|\binstance\b|\bvalidat|pydantic|unable to (parse|interpret)|Input should|input should|Traceback"
    r"|<class|object at 0x|\bPolicy\b|BaseModel|\bkwarg|NoneType|\bmodel_|\bsubclass of pydantic"
)
# A number in front of a noun in the plural, "1 trunks"; but "3 of 10 calls", and "101 calls 102".
PLURAL = re.compile(
    r"(?<!of )\{\w*\}(?: new| old)? (?:call|trunk|extension|registration|message|record|request|route|change"
    r"|connection|failure|phone|contact)s\b(?! \{)"
)
# What is for who writes plugins may speak Python; so may what is logged of our own errors.
FOR_PROGRAMMERS = {
    "command/new_plugin.py",
    "features/plugin.py",
    "features/signatures.py",
    "face/tables.py",
    "face/data.py",
    "features/dispatch.py",
    "features/answers.py",
}


class Message:
    """A text in the code, with holes for its values."""

    def __init__(self, path: Path, line: int, text: str) -> None:
        """Keep where it is."""
        self.where = f"{path.relative_to(ROOT)}:{line}"
        self.path = (
            str(path.relative_to(ROOT / "b2bua")) if path.is_relative_to(ROOT / "b2bua") else path.name
        )
        self.text = text


def text_of(node: ast.AST) -> str | None:
    """The text of a literal; values in it are holes."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(text_of(part) or "{}" for part in parts)
        case ast.FormattedValue():
            return "{}"
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return f"{text_of(left) or '{}'}{text_of(right) or '{}'}"
    return None


@cache
def messages() -> tuple[Message, ...]:
    """Every message in the code."""
    return tuple(_messages())


def _messages() -> Iterator[Message]:
    """Find them."""
    for path in SOURCES:
        if "testing" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            if not isinstance(node, ast.Call):
                continue
            for said in _said(node):
                if text := text_of(said):
                    yield Message(path, node.lineno, text)


def _said(call: ast.Call) -> Iterator[ast.AST]:
    """The arguments of a call that are told to people."""
    match call.func:
        case ast.Attribute(value=ast.Attribute(attr="log") | ast.Name(id="log" | "_log"), attr=name) if (
            name in LOGS
        ):
            yield from call.args[:1]
        case ast.Name(id=name) if name in RAISED and len(call.args) > RAISED[name]:
            yield call.args[RAISED[name]]
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in TOLD:
            yield from call.args[:1]
    for keyword in call.keywords:
        if keyword.arg in KEYWORDS:
            yield keyword.value


class WrittenTests(SynchronousTestCase):
    """The messages that stand in the code."""

    def test_found(self) -> None:
        """The net has no hole: it finds those of every kind that are known to be there."""
        texts = {message.text for message in messages()}
        self.assertGreater(len(texts), 250)
        for known in (
            "ready: {domain} with {extensions} and {trunks}",
            "there is no extension {}",
            "cannot start: {why}",
            "the store fails: {}",
            "print the answer as JSON",
            "{} calls {}",
        ):
            self.assertIn(known, texts)

    def complain(self, rule: re.Pattern[str], besides: Container[str] = ()) -> None:
        """No message breaks a rule."""
        found = [
            f"{message.where}: {breach[0]!r} in {message.text!r}"
            for message in messages()
            if message.path not in besides and (breach := rule.search(message.text))
        ]
        self.assertEqual(found, [], "\n".join(found))

    def test_no_strange_words(self) -> None:
        """Nobody has to know Python to understand one."""
        self.complain(STRANGE, FOR_PROGRAMMERS)

    def test_one_of_a_thing(self) -> None:
        """A number and its noun agree: L{b2bua.plural.counted} sees to it."""
        self.complain(PLURAL)

    def test_no_full_stop(self) -> None:
        """A line that stands among others ends without one."""
        self.complain(re.compile(r"\A[a-z{][^\n]* [^\n]*[^.]\.\Z"))


WRONG: tuple[Any, ...] = (5, -1, 1.5, True, "", "x y", "☎" * 300, [], [5], ["x y"], [[]], {}, {"x": 1}, [{}])


def tables() -> Iterator[tuple[str, tuple[str, ...], type[BaseModel]]]:
    """Every table of a configuration: its path with names in it, and its model."""
    for name, field in Settings.model_fields.items():
        for kind in _models(field.annotation):
            many = name in ("extensions", "trunks", "webhooks") and kind is not field.annotation
            inside = (name, "1") if many else (name,)
            yield name, inside, kind
    plugins, problems = load(installed())
    assert not problems
    for plugin in plugins:
        for claim in claims_of(plugin.name, plugin.declares("b2bua_settings", {})):
            names = iter(("1", "2"))
            yield (
                plugin.name,
                tuple(next(names) if part == "*" else part for part in claim.pattern),
                claim.model,
            )


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield kind
        elif kind is not annotation:
            yield from _models(kind)


def document(path: tuple[str, ...], table: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration in which a table stands at its place."""
    whole: dict[str, Any] = {
        "server": {"domain": "pbx.example.com"},
        "extensions": {"1": {"password": "x"}},
        "trunks": {"1": {"uri": "sip:x.example"}},
    }
    if path == ("routes",):
        return {**whole, "routes": [{"match": "1", "trunk": "1", **table}]}
    inside = whole
    for step in path:
        inside = inside.setdefault(step, {})
    inside.update(table)
    return whole


class ConfigurationTests(SynchronousTestCase):
    """What is said of a wrong configuration."""

    sources = installed()

    def read(self, said: Mapping[str, Any]) -> list[str]:
        """All that is wrong with one."""
        try:
            read(said, partial(Features.check, sources=self.sources))
        except SettingsError as error:
            return str(error).splitlines()
        return []

    def test_every_key(self) -> None:
        """Every key with every kind of wrong value: one line with its key, and no word of Python's."""
        seen = 0
        for _, path, model in tables():
            keys = [field.alias or name for name, field in model.model_fields.items()]
            for value in WRONG:
                for line in self.read(document(path, dict.fromkeys(keys, value))):
                    seen += 1
                    self.assertIsNone(STRANGE.search(line), f"{path} {value!r}: {line}")
                    self.assertTrue(line.startswith("configuration: "), line)
                    self.assertLess(len(line), 700, line)  # the longest names all plugins that there are
                    self.assertRegex(line.removeprefix("configuration: "), r"^[\w.\[\]\"-]+: \S", line)
        self.assertGreater(seen, 1000)

    def test_every_misspelt_key(self) -> None:
        """Whoever misspells a key, of the server or of a feature, is told which one is meant."""
        for _, path, model in tables():
            keys = {field.alias or name for name, field in model.model_fields.items()}
            wrong = {key[:2] + key[3:] + "x": key for key in keys if len(key) > 4}
            lines = self.read(document(path, dict.fromkeys(wrong, 1)))
            for mistake in wrong:
                [line] = [line for line in lines if f".{mistake}: " in line]
                self.assertRegex(line, r"; is \w+ meant\?$")

    def test_every_misspelt_table(self) -> None:
        """The same for tables."""
        for _, path, _ in tables():
            *above, last = [step for step in path if step not in ("1", "2")]
            wrong = f"{last}x"
            inner = (*path[: path.index(last)], wrong)
            lines = self.read(document(inner, {}))
            self.assertTrue(any(f"is {last} meant?" in line for line in lines), (path, above, lines))

    def test_secrets(self) -> None:
        """No password is shown, neither of a phone nor of a trunk nor of a database."""
        for path, table in (
            (("extensions", "1"), {"password": ["hunter2"]}),
            (("extensions", "1"), {"ha1": {"MD5": "hunter2"}}),
            (("trunks", "1"), {"password": {"x": "hunter2"}}),
            (("webhooks", "1"), {"url": "https://me:hunter2@crm.example", "secret": "hunter2"}),
            (("server",), {"database": "mysql://me:hunter2@db/x"}),
            (("server",), {"database": ["postgresql+psycopg://me:hunter2@db/x"]}),
        ):
            lines = self.read(document(path, table))
            self.assertTrue(lines)
            self.assertNotIn("hunter2", "\n".join(lines))

    def test_without_quotes(self) -> None:
        """A number or a single value that lacks quotes or brackets: the line says what to write."""
        for path, table, remedy in (
            (("extensions", "1"), {"name": 101}, 'write "101"'),
            (("ring_groups", "600"), {"members": [101]}, 'write "101"'),
            (("ring_groups", "600"), {"members": "101"}, 'write ["101"]'),
            (("plugins",), {"order": "forward"}, 'write ["forward"]'),
        ):
            lines = self.read(document(path, table))
            self.assertIn(remedy, "\n".join(lines))
