"""The contract of the hooks: documented, kept by the face, and by plugins or they are refused."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.trial.unittest import SynchronousTestCase

from b2bua import hookimpl
from b2bua.calls import Attempt, Confirm, Forward, InvitationDraft, Outcome, Refuse
from b2bua.features import Features, FeaturesRefused
from b2bua.features.plugin import named
from b2bua.hookspecs import CONTRACT, FACE, HOOKS
from b2bua.settings import SettingsError, read
from b2bua_plugins.ring_group import RingGroup
from tests.features.stage import attempt
from tools import hook_face, hook_pages

if TYPE_CHECKING:
    from b2bua.calls import Leg


class DocumentationTests(SynchronousTestCase):
    """The contract says everything."""

    def test_parameters(self) -> None:
        """Every parameter of every hook is explained, and every answer."""
        for hook, kind in HOOKS.items():
            function = CONTRACT[hook]
            text = inspect.getdoc(function) or ""
            for parameter in inspect.signature(function).parameters:
                self.assertIn(f"@param {parameter}:", text, hook)
            if kind == "question":
                self.assertIn("@return:", text, hook)

    def test_how_often(self) -> None:
        """Every contract says when or how often the hook is called."""
        for hook in HOOKS:
            text = inspect.getdoc(CONTRACT[hook]) or ""
            words = ("Asked", "Told", "Called", "makes the order")
            self.assertTrue(any(word in text for word in words), hook)

    def test_pages(self) -> None:
        """Every hook has its page, and its ladder is what happens; C{python -m tools.hook_pages} mends it."""
        for path, text in hook_pages.pages():
            with self.subTest(path.name):
                self.assertEqual(path.read_text(), text)

    def test_no_other_page(self) -> None:
        """No page is about a hook that there is not."""
        pages = {path.stem for path in hook_pages.PAGES.glob("*.md")}
        self.assertEqual(pages, {*HOOKS, "README"})

    def test_face(self) -> None:
        """The core's typed face is made of the contract; C{python -m tools.hook_face} writes it anew."""
        self.assertEqual(hook_face.FILE.read_text(), hook_face.text())

    def test_methods(self) -> None:
        """Each method of it is there and takes what its hook takes, so a new hook is written in one place."""
        from b2bua.features.hook_relay import HookRelay

        for hook, name in FACE.items():
            self.assertTrue(callable(getattr(HookRelay, name)), hook)
        left = {hook for hook, kind in HOOKS.items() if kind != "declaration"} - set(FACE)
        by_hand = {"extension_unavailable", "code_dialled", "code_referred", "lamp_shown", "code_shown"}
        by_hand |= {"messages_waiting", "music_wanted", "announcement_wanted"}
        self.assertEqual(left, by_hand | {"service_started", "service_stopping"})


def plugin(hook: str, method: Callable[..., Any]) -> type:
    """A plugin with one hook."""
    return type("Odd", (), {hook: hookimpl(method)})


class RefusalCase(SynchronousTestCase):
    """What is refused at start."""

    def refused(self, *things: object, **more: Any) -> list[str]:
        """What is said about plugins that cannot be loaded."""
        refused = self.assertRaises(FeaturesRefused, Features.of, *things, **more)
        return [str(problem) for problem in refused.problems]


class SignatureTests(RefusalCase):
    """A plugin that does not keep the contract is refused, in one line that says why."""

    def test_unknown_parameter(self) -> None:
        """A parameter that the hook has not (pluggy finds it)."""

        def method(self: object, call: object) -> None: ...

        [line] = self.refused(plugin("route_call", method))
        self.assertIn("plugin odd: ", line)
        self.assertIn("call", line)

    def test_unknown_hook(self) -> None:
        """A hook that there is not: a slip of the pen would be silent otherwise."""

        def method(self: object) -> None: ...

        [line] = self.refused(plugin("rout_call", method))
        self.assertIn("rout_call", line)

    def test_no_hook(self) -> None:
        """A class without any hook; somebody forgot the marks."""

        class Nothing:
            def route_call(self) -> None: ...

        self.assertEqual(
            self.refused(Nothing), ["plugin nothing: has no hook; are they marked with @hookimpl?"]
        )

    def test_wrong_parameter_type(self) -> None:
        """An annotation that promises to take something else (pluggy#191)."""

        def method(self: object, attempt: Outcome) -> None: ...

        self.assertEqual(
            self.refused(plugin("route_call", method)),
            ["plugin odd: route_call: attempt is Attempt, not Outcome"],
        )

    def test_wrong_answer_type(self) -> None:
        """An annotation that promises an answer which the hook does not take."""

        def text(self: object) -> str | None: ...

        def confirm(self: object) -> Confirm | None: ...

        def later(self: object) -> Deferred[Confirm]: ...  # type: ignore[empty-body]  # never called

        for hook, method in (("route_call", text), ("target_failed", confirm), ("ring_seconds", later)):
            with self.subTest(hook):
                [line] = self.refused(plugin(hook, method))
                self.assertIn(f"plugin odd: {hook}: it returns ", line)

    def test_edit_as_coroutine(self) -> None:
        """An edit cannot be waited for."""

        async def method(self: object, draft: InvitationDraft) -> None: ...

        self.assertEqual(
            self.refused(plugin("invitation_leaving", method)),
            ["plugin odd: invitation_leaving: it cannot be a coroutine"],
        )

    def test_accepted(self) -> None:
        """What takes more, answers less, waits, or says nothing about types is welcome."""

        def wider(self: object, attempt: Attempt | None, outcome: Any) -> Forward: ...  # type: ignore[empty-body]

        def bare(self, attempt, outcome): ...  # type: ignore[no-untyped-def]

        def later(self: object) -> Deferred[Refuse | None]: ...  # type: ignore[empty-body]

        async def coroutine(self: object) -> Refuse | None: ...

        for method in (wider, bare, later, coroutine):
            with self.subTest(method.__name__):
                Features.of(plugin("target_failed", method))

        def only_checking(self: object, leg: Leg) -> None: ...

        Features.of(plugin("request_unowned", only_checking))

    def test_inline_callbacks(self) -> None:
        """A method in Twisted's older style is called with what it asks for."""

        class Older:
            @hookimpl
            @inlineCallbacks
            def route_call(self, attempt: Attempt) -> Generator[Deferred[int], int, Refuse]:
                code = yield succeed(480)
                return Refuse(code, attempt.user)

        answer = Features.of(Older).ask_route(attempt("102"))
        assert isinstance(answer, Deferred)
        self.assertEqual(self.successResultOf(answer), Refuse(480, "102"))


class ConflictTests(RefusalCase):
    """What two features both claim is refused at start."""

    def codes(self, name: str, **codes: str) -> type:
        """A plugin with feature codes."""
        return type(name, (), {"b2bua_codes": hookimpl(lambda self: codes)})

    def tables(self, name: str, *paths: str) -> type:
        """A plugin with tables."""
        from b2bua import Table

        def declared(self: object) -> dict[str, type[Table]]:
            fields = {"__annotations__": {"colour": str}, "colour": "", "__module__": __name__}
            return {path: type("Colours", (Table,), dict(fields)) for path in paths}

        return type(name, (), {"b2bua_settings": hookimpl(declared)})

    def test_codes(self) -> None:
        """The same code, a code within a code, the same name, a code that is an extension."""
        one = self.codes("One", red="*1")
        for codes, line in (
            ({"blue": "*1"}, "codes.blue: *1 is the code red of the plugin one"),
            ({"blue": "*12"}, "codes.blue: *12 begins with *1, which is the code red of the plugin one"),
            ({"red": "*2"}, "plugin two: the code red belongs to the plugin one already"),
            ({"blue": "7a"}, "codes.blue: must be digits, * and # in quotes, or empty for none"),
        ):
            with self.subTest(line):
                self.assertEqual(self.refused(one, self.codes("Two", **codes)), [line])
        self.assertEqual(
            self.refused(
                RingGroup, document={"ring_groups": {"7": {"members": ["8"]}}, "extensions": {"7": {}}}
            ),
            ["ring_groups.7: 7 is an extension already"],
        )
        document = {"extensions": {"*1": {}}, "codes": {"green": "*3", "red": "*1"}}
        self.assertEqual(
            self.refused(one, document=document),
            ["codes.red: *1 is an extension as well", "codes.green: there is no such code; there is red"],
        )

    def test_tables(self) -> None:
        """The same table, a table within a table, the same key of an extension."""
        for one, two, key in (
            (("paint",), ("paint",), "paint"),
            (("paint.*",), ("paint",), "paint"),
            (("extensions.*.paint",), ("extensions.*.paint",), "extensions.*.paint"),
            (("extensions.*",), ("extensions.*",), "extensions.*.colour"),
            (("extensions.*",), ("extensions.*.colour",), "extensions.*.colour"),
        ):
            with self.subTest(one=one, two=two):
                [line, *_] = self.refused(self.tables("One", *one), self.tables("Two", *two))
                self.assertEqual(line, f"plugin two: the key {key} belongs to the plugin one already")

    def test_tables_apart(self) -> None:
        """Different tables do not meet."""
        one = self.tables("One", "paint", "extensions.*", "trunks.*.paint")
        Features.of(one, self.tables("Two", "extensions.*.paint", "trunks.*", "papers.*"))

    def test_places(self) -> None:
        """A table cannot be just anywhere."""
        for path in ("*", "server", "a.b", "extensions.*.a.b", "", "routes.*"):
            with self.subTest(path):
                [line] = self.refused(self.tables("One", path))
                self.assertIn("plugin one: ", line)

    def test_two_of_a_name(self) -> None:
        """Two plugins of the same name."""
        lines = self.refused(self.codes("One"), self.codes("One"))
        self.assertEqual(lines, ["plugin one: there are two plugins of that name"])

    def test_declarations_that_fail(self) -> None:
        """A plugin that cannot say what it wants; one that cannot be made; one that cannot be configured."""

        def fails(self: object) -> Any:
            raise LookupError("oh")

        def configure(self: object, options: object) -> None:
            raise LookupError("oh")

        for thing, line in (
            (plugin("b2bua_codes", fails), "plugin odd: cannot say what it wants: LookupError: oh"),
            (plugin("b2bua_before", fails), "plugin odd: cannot say what it wants: LookupError: oh"),
            (plugin("b2bua_settings", fails), "plugin odd: cannot say what it wants: LookupError: oh"),
            (plugin("__init__", fails), "plugin odd: cannot be loaded: LookupError: oh"),
            (plugin("b2bua_configure", configure), "plugin odd: cannot be configured: LookupError: oh"),
        ):
            with self.subTest(line):
                self.assertEqual(self.refused(thing), [line])

    def test_table_of_a_broken_plugin(self) -> None:
        """What may belong to a plugin that cannot be loaded is not called unknown: one mistake, one line."""

        class Broken:
            def __init__(self) -> None:
                raise LookupError("oh")

        document = {
            "server": {"domain": "pbx.example.com", "listen": ["sip:192.0.2.1"], "lisen": 1},
            "broken": {"colour": "red"},
            "extensions": {"102": {"password": "x", "broken": {}, "colour": "red"}},
            "trunks": {"carrier": {"uri": "sip:192.0.2.2", "register": False, "colour": "red"}},
        }
        error = self.assertRaises(
            SettingsError, read, document, lambda tables: Features.check(tables, [named(Broken)])
        )
        self.assertEqual(
            [str(problem).partition(";")[0] for problem in error.problems],
            [
                "plugin broken: cannot be loaded: LookupError: oh",
                "server.lisen: is not a known key",
            ],
        )

    def test_turned_off(self) -> None:
        """A broken plugin can be turned off, and the server starts."""

        def fails(self: object) -> Any:
            raise LookupError("oh")

        for hook in ("__init__", "b2bua_codes"):
            features = Features.of(plugin(hook, fails), document={"plugins": {"off": ["odd"]}})
            self.assertEqual(features.plugins, ())

    def test_unwritable(self) -> None:
        """A table whose values are of no kind that can be written is one line, or is turned off."""
        from b2bua import Table

        class Paint(Table):
            colour: Deferred[str]

        odd = plugin("b2bua_settings", lambda self: {"paint": Paint})
        document = {"paint": {"colour": "red"}}
        [line] = self.refused(odd, document=document)
        self.assertTrue(line.startswith("plugin odd: [paint] can have no values: Paint: "), line)
        self.assertNotIn("\n", line)
        off = Features.of(odd, document={**document, "plugins": {"off": ["odd"]}})
        self.assertEqual(off.plugins, ())

    def test_conflict_turned_off(self) -> None:
        """Of two that want the same, one is turned off; what only that one knows may stay in the file."""
        off = {"plugins": {"off": ["two"]}, "paint": {"colour": "red"}, "papers": {"colour": "blue"}}
        both = self.tables("One", "paint", "extensions.*"), self.tables("Two", "paint", "papers")
        self.assertEqual(len(self.refused(*both)), 1)
        self.assertEqual([one.name for one in Features.of(*both, document=off).plugins], ["one"])
        rest, problems, _ = Features.check(off, [named(one) for one in both])
        self.assertEqual((rest.keys() - {"plugins"}, problems), (set(), []))
        Features.of(self.tables("One", "paint"), self.tables("Two", "routes.*"), document=off)


class NumberTests(RefusalCase):
    """Numbers have one owner."""

    def numbers(self, name: str, *numbers: str, key: str = "") -> type:
        """A plugin with numbers."""
        said = dict.fromkeys(numbers, key or f"{name.lower()}.number")
        return type(name, (), {"b2bua_numbers": hookimpl(lambda self: said)})

    def test_two(self) -> None:
        """An extension, or the number of another feature, is refused, all at once and by key."""
        one, two = self.numbers("One", "7", "8"), self.numbers("Two", "8", "9")
        self.assertEqual(
            self.refused(one, two, document={"extensions": {"7": {}, "9": {}}}),
            [
                "one.number: 7 is an extension already",
                "two.number: 8 is the number of one.number already",
                "two.number: 9 is an extension already",
            ],
        )

    def test_many(self) -> None:
        """Of many that collide in the same way a few are named."""
        orbits = [str(number) for number in range(701, 721)]
        one, two = self.numbers("One", *orbits), self.numbers("Two", *orbits)
        line = "two.number: 701, 702, 703 and 17 more are each the number of one.number already"
        self.assertEqual(self.refused(one, two), [line])
        line = "two.number: 701 and 702 are each the number of one.number already"
        self.assertEqual(self.refused(one, self.numbers("Two", "701", "702")), [line])

    def test_raises(self) -> None:
        """A feature that cannot say which are its own is refused."""

        def broken(self: object) -> dict[str, str]:
            raise KeyError("x")

        refused = self.refused(type("Odd", (), {"b2bua_numbers": hookimpl(broken)}))
        self.assertEqual(refused, ["plugins: cannot say which numbers they have: KeyError: 'x'"])


class OrderTests(SynchronousTestCase):
    """Who is asked first."""

    def names(self, befores: dict[str, Iterable[str]], wanted: list[str]) -> list[str]:
        """The order of plugins that want to precede others."""
        things = [
            type(name.capitalize(), (), {"b2bua_before": hookimpl(lambda self, names=names: names)})
            for name, names in befores.items()
        ]
        features = Features.of(*things, document={"plugins": {"order": wanted}})
        return [found.name for found in features.plugins]

    def test_names(self) -> None:
        """Without a reason for another order they come by name."""
        self.assertEqual(self.names({"c": (), "a": (), "b": ()}, []), ["a", "b", "c"])

    def test_before(self) -> None:
        """Each one before those it wants to precede, those included that are not there."""
        self.assertEqual(self.names({"a": (), "b": ("a", "z"), "c": ("b",)}, []), ["c", "b", "a"])

    def test_circle(self) -> None:
        """Two that want to precede each other come by name."""
        self.assertEqual(self.names({"a": ("b",), "b": ("a",), "c": ()}, []), ["c", "a", "b"])

    def test_configured(self) -> None:
        """The configuration comes first."""
        self.assertEqual(self.names({"a": ("c",), "b": (), "c": ()}, ["c", "b", "c"]), ["c", "b", "a"])
