"""Commands that plugins add: what they may be, what may be typed, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import redirect_stderr
from io import StringIO
from typing import Any, Literal

from twisted.trial.unittest import SynchronousTestCase

from b2bua import hookimpl
from b2bua.admin.features import Choices
from b2bua.admin.figures import PluginFigures
from b2bua.admin.refused import Refused
from b2bua.command import _asking, _of_plugin, main, subcommands
from b2bua.features import Features, FeaturesRefused
from b2bua.features.commands import RESERVED


class Shop:
    """Adds commands."""

    @hookimpl
    def b2bua_commands(self) -> Mapping[str, Callable[..., Any]]:
        """Three."""
        return {"order": self.order, "close-shop": self.close, "break": self.fall}

    def order(
        self, what: str, number: int, colour: Literal["red", "blue"] = "red", *, price: float | None = None,
        gift: bool = False,
    ) -> dict[str, object]:  # fmt: skip
        """Order something."""
        if number > 9:
            raise ValueError("there are nine at most")
        return {"what": what, "number": number, "colour": colour, "price": price, "gift": gift}

    async def close(self) -> str:
        """Close the shop, as C{b2bua order} knows."""
        return "closed"

    def fall(self) -> None:
        """Break."""
        raise LookupError("oh")


class CommandTestCase(SynchronousTestCase):
    """A service with the shop."""

    def setUp(self) -> None:
        """Open it."""
        self.features = Features.of(Shop)
        self.choices = Choices(lambda: self.features, lambda: None, PluginFigures(lambda: None))  # type: ignore[arg-type,return-value]  # not asked

    def answer(self, command: str, **arguments: object) -> Any:
        """What the service says."""
        from twisted.internet.defer import Deferred

        return self.successResultOf(Deferred.fromCoroutine(self.choices.run(command, arguments)))

    def refusal(self, command: str, **arguments: object) -> str:
        """What the service says to what cannot be done."""
        from twisted.internet.defer import Deferred

        failure = self.failureResultOf(Deferred.fromCoroutine(self.choices.run(command, arguments)), Refused)
        return str(failure.value)


class ServiceTests(CommandTestCase):
    """The side of the service."""

    def test_run(self) -> None:
        """Arguments come as the types that the function wants, and a coroutine is awaited."""
        said = self.answer("order", what="tea", number="3", colour="blue", price="1.5", gift=True)
        self.assertEqual(said, {"what": "tea", "number": 3, "colour": "blue", "price": 1.5, "gift": True})
        self.assertEqual(self.answer("close-shop"), "closed")

    def test_for_people(self) -> None:
        """What a command does is told without the marks that are for programmers."""
        self.assertEqual(self.features.commands["close-shop"].text, "Close the shop, as b2bua order knows.")

    def test_refused(self) -> None:
        """What is typed wrongly, and what the plugin says, is one line for people."""
        for arguments, line in (
            ({"what": "tea"}, "order needs the argument number"),
            ({"what": "tea", "number": "many"}, "number: input should be a valid integer"),
            ({"what": "tea", "number": 1, "colour": "green"}, "colour: input should be 'red' or 'blue'"),
            ({"what": "tea", "number": 1, "size": 1}, "order has no argument size"),
            ({"what": "tea", "number": 10}, "there are nine at most"),
        ):
            with self.subTest(line):
                self.assertIn(line, self.refusal("order", **arguments))
        self.assertIn("there are order, close-shop, break", self.refusal("sell"))

    def test_broken(self) -> None:
        """A plugin that fails is named, to whoever asked and in the log."""
        self.assertEqual(self.refusal("break"), "the plugin shop failed: LookupError: oh")
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)

    def test_declared_wrongly(self) -> None:
        """A command that cannot be is refused at start, in one line."""

        def star(*what: str) -> None: ...

        def odd(what: list[str]) -> None: ...

        def good() -> None: ...

        for name, call, line in (
            ("calls", good, "the command calls is one of b2bua itself"),
            ("Order", good, "is no word of small letters, digits and hyphens"),
            ("order", star, "the command order cannot take *what"),
            ("order", odd, "the command order cannot take what: it is no text"),
        ):
            with self.subTest(line):
                kind = type("Odd", (), {"b2bua_commands": hookimpl(lambda self, n=name, c=call: {n: c})})
                refused = self.assertRaises(FeaturesRefused, Features.of, kind)
                [problem] = refused.problems
                self.assertIn(line, str(problem))

    def test_two(self) -> None:
        """Two plugins cannot have the same command."""
        other = type("Other", (Shop,), {})
        refused = self.assertRaises(FeaturesRefused, Features.of, Shop, other)
        self.assertIn(
            "plugin other: the command order belongs to the plugin shop already", map(str, refused.problems)
        )

    def test_reserved(self) -> None:
        """The names that plugins cannot have are those of our own subcommands."""
        self.assertEqual(RESERVED, {name for name, _ in subcommands()})

    def test_forget(self) -> None:
        """What a plugin at work has kept is not forgotten; that of one that is gone is."""
        self.assertRaises(Refused, self.choices.forget, "shop")
        self.assertRaises(Refused, self.choices.forget, "park")
        self.features.rows.commit("park", {"591": "1"})
        self.features.preferences.put("extensions.101", "park", "orbit", "591")
        self.assertEqual(self.choices.forget("park").model_dump(), {"name": "park", "rows": 1, "settings": 1})
        self.assertEqual(self.features.rows.of("park"), {})


class LineTests(CommandTestCase):
    """The side of the command line."""

    def setUp(self) -> None:
        """Answer in the place of the service."""
        super().setUp()
        self.asked: list[tuple[str, dict[str, Any]]] = []

        def ask(options: object, method: str, path: str, **keys: Any) -> Any:
            if path == "/commands":
                return [row.model_dump() for row in self.choices.commands()]
            self.asked.append((keys["command"], keys["arguments"]))
            return self.answer(keys["command"], **keys["arguments"])

        self.patch(_asking, "ask", ask)
        self.said: list[object] = []
        self.patch(_asking, "show", lambda options, value, people: self.said.append(people(value)) or 0)

    def test_typed(self) -> None:
        """Arguments are positional, options and flags, as the function says."""
        status = main(["order", "tea", "3", "--price", "1.5", "--gift"])
        self.assertEqual(status, 0)
        self.assertEqual(self.asked, [("order", {"what": "tea", "number": 3, "price": 1.5, "gift": True})])
        self.assertEqual(self.said, ["what: tea\nnumber: 3\ncolour: red\nprice: 1.5\ngift: yes"])

    def test_wrong(self) -> None:
        """What cannot be typed is said with the usage, and status 2."""
        for arguments in (["order"], ["order", "tea", "many"], ["order", "tea", "1", "--colour", "green"]):
            with self.subTest(arguments), redirect_stderr(StringIO()), self.assertRaises(SystemExit) as end:
                main(arguments)
            self.assertEqual(end.exception.code, 2)

    def test_unknown(self) -> None:
        """What nobody has is no command."""
        with redirect_stderr(StringIO()) as err:
            self.assertEqual(main(["sell"]), 2)
        self.assertIn("sell is no command", err.getvalue())

    def test_shown(self) -> None:
        """Texts, rows, and what a peer may have put into them."""
        for value, text in (
            ("a\nb", "a\nb"),
            (None, ""),
            ([], "nothing"),
            (["a", 1], "a\n1"),
            ([{"n": 1}, {"n": 2, "m": "x"}], "n  m\n1\n2  x"),
            ("\x1b[2J", "?[2J"),
        ):
            with self.subTest(value):
                self.assertEqual(_of_plugin._people(value), text)


class FileTests(SynchronousTestCase):
    """What plugins have to be got by HTTP."""

    def test_given(self) -> None:
        """A file is what its function gives; one that fails costs nobody more than that."""

        def broken() -> tuple[str, bytes]:
            raise KeyError("x")

        files = {"a.txt": lambda: ("text/plain", b"a"), "b.txt": broken}
        features = Features.of(type("Board", (), {"b2bua_files": hookimpl(lambda self: files)}))
        self.assertEqual(features.file("a.txt"), ("text/plain", b"a"))
        self.assertIsNone(features.file("c.txt"))
        refused = self.assertRaises(ValueError, features.file, "b.txt")
        self.assertEqual(str(refused), "the plugin board failed: KeyError")
        self.flushLoggedErrors(KeyError)

    def test_of_calls(self) -> None:
        """What there is of calls is found under the names of the files; one that fails has nothing."""

        def broken(calls: object) -> dict[str, list[str]]:
            raise KeyError("x")

        def board(looks: object) -> type:
            hooks = {
                "b2bua_files": hookimpl(lambda self: {"notes/": lambda name: None}),
                "b2bua_call_files": hookimpl(lambda self: looks),
            }
            return type("Board", (), hooks)

        features = Features.of(board({"notes/": lambda calls: {call: ["a.txt", "b.txt"] for call in calls}}))
        self.assertEqual(features.files_of(["1", "2"])["2"], ["notes/a.txt", "notes/b.txt"])
        self.assertEqual(Features.of(board({"notes/": broken})).files_of(["1"]), {})
        self.flushLoggedErrors(KeyError)
        for name, said in (("other/", "other/ is not in b2bua_files"), ("notes", "'notes' is no name like")):
            refused = self.assertRaises(FeaturesRefused, Features.of, board({name: broken}))
            self.assertIn(said, str(refused))

    def test_declared_wrongly(self) -> None:
        """A name that is none, and one that two plugins want, are refused at start."""
        one, other, odd = (
            type(kind, (), {"b2bua_files": hookimpl(lambda self, n=name: {n: lambda: ("", b"")})})
            for kind, name in (("One", "a.txt"), ("Other", "a.txt"), ("Odd", "../a"))
        )
        refused = self.assertRaises(FeaturesRefused, Features.of, one, other)
        self.assertIn("the file a.txt belongs to the plugin one already", str(refused))
        refused = self.assertRaises(FeaturesRefused, Features.of, odd)
        self.assertIn("'../a' is no name like phonebook.xml", str(refused))


class FigureTests(SynchronousTestCase):
    """What plugins have for monitoring systems."""

    def test_read(self) -> None:
        """Each is read when somebody asks; one that fails has nothing, and the others stand."""

        def broken() -> dict[str, float]:
            raise KeyError("x")

        figures = {"shop_visitors": lambda: {"one": 3}, "shop_sales_total": broken}
        features = Features.of(type("Shops", (), {"b2bua_figures": hookimpl(lambda self: figures)}))
        self.assertEqual(list(features.figures()), [("shop_visitors", {"one": 3.0})])
        self.flushLoggedErrors(KeyError)

    def test_declared_wrongly(self) -> None:
        """A name without a word for its label, and one that two plugins want, are refused at start."""
        one, other, odd = (
            type(kind, (), {"b2bua_figures": hookimpl(lambda self, n=name: {n: dict})})
            for kind, name in (("One", "shop_visitors"), ("Other", "shop_visitors"), ("Odd", "visitors"))
        )
        refused = self.assertRaises(FeaturesRefused, Features.of, one, other)
        self.assertIn("the figure shop_visitors belongs to the plugin one already", str(refused))
        refused = self.assertRaises(FeaturesRefused, Features.of, odd)
        self.assertIn("'visitors' is no name like queue_waiting", str(refused))
