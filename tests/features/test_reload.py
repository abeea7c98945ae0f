"""
Reload by generation: calls in progress finish on the code they began with.

Item 14 of the acceptance list.  What happens otherwise: siphon-sip#414, modules
were swapped under running code; OpenSIPS#3947, new workers ran the old script;
mod_janus#5, a module was locked while calls ran; kamailio PR#1456 is the wish
for any reload at all.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from linecache import getline
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from b2bua import hookimpl
from b2bua.calls import Attempt, Forward, Outcome
from b2bua.configuration import configuration
from b2bua.features import Features, FeaturesRefused
from b2bua.features.plugin import Source
from b2bua.testing.manners import Manners
from b2bua.testing.world import World

PLUGIN = """
from b2bua import hookimpl
from b2bua.calls import Attempt, Call, Forward, Refuse
from {package}.words import TARGET

class Changing:
    def __init__(self) -> None:
        self.ended = 0

    @hookimpl
    def route_call(self, attempt: Attempt) -> Forward | None:
        return Forward(TARGET) if attempt.user == "bob" else None

    @hookimpl
    def target_failed(self, attempt: Attempt) -> Refuse | None:
        return Refuse(480, "{version}") if attempt.user == "bob" else None

    @hookimpl
    def call_ended(self, call: Call) -> None:
        self.ended += 1
"""

TABLED = """
from b2bua import Table, hookimpl

class Own(Table):
    {keys}

class Changing:
    @hookimpl
    def b2bua_settings(self):
        return {{"changing": Own}}

    @hookimpl
    def b2bua_configure(self, options):
        self.table = options.of(Own)
"""


class ReloadTests(SynchronousTestCase):
    """A plugin in a package that is found by its entry point, and changes on the disk."""

    def setUp(self) -> None:
        """Install the first version."""
        self.root = Path(self.mktemp()).resolve()
        self.package = "changing_plugins"
        (self.root / self.package).mkdir(parents=True)
        (self.root / self.package / "__init__.py").write_text("")
        self.write("carol", "first")
        sys.path.insert(0, str(self.root))
        self.addCleanup(sys.path.remove, str(self.root))
        self.addCleanup(self.forget)
        found = patch("b2bua.features.plugin.installed", self.sources)
        found.start()
        self.addCleanup(found.stop)

    def sources(self) -> list[Source]:
        """What is installed."""
        target = EntryPoint("changing", f"{self.package}.changing:Changing", "b2bua")
        return [Source("changing", target)]

    def forget(self) -> None:
        """Leave no module behind."""
        for name in [name for name in sys.modules if name.partition(".")[0] == self.package]:
            del sys.modules[name]

    def write(self, target: str, version: str) -> None:
        """Change the code: the plugin, and a module that it imports."""
        package = self.root / self.package
        (package / "words.py").write_text(f"TARGET = {target!r}\n")
        (package / "changing.py").write_text(PLUGIN.format(package=self.package, version=version))
        for cached in (self.root / self.package).rglob("*.pyc"):
            cached.unlink()

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Insist that the modules are afterwards what they were."""
        before = {n: m for n, m in sys.modules.items() if n.startswith(self.package)}
        yield
        after = {n: m for n, m in sys.modules.items() if n.startswith(self.package)}
        self.assertEqual(after, before)

    def test_new_code(self) -> None:
        """The next generation has the code of now, modules that a plugin imports included."""
        old = Features.load({})
        self.write("dave", "second")
        new = old.reload({})
        self.assertEqual((old.generation, new.generation), (1, 2))
        first, second = old.plugins[0].thing, new.plugins[0].thing
        self.assertIsNot(type(first), type(second))
        self.assertEqual(type(first).route_call.__globals__["TARGET"], "carol")
        self.assertEqual(type(second).route_call.__globals__["TARGET"], "dave")

    def test_lines_of_tracebacks(self) -> None:
        """A traceback after a reload shows the lines of the file as it is now."""
        old = Features.load({})
        file = self.root / self.package / "changing.py"
        before = file.read_text()
        self.assertEqual(getline(str(file), 1).rstrip(), before.splitlines()[0])
        file.write_text(f"# A line more, so that all others have moved.\n{before}")
        old.reload({})
        self.assertEqual(getline(str(file), 1), "# A line more, so that all others have moved.\n")

    def test_broken_code(self) -> None:
        """A new version that cannot be loaded is refused whole, and nothing has changed."""
        old = Features.load({})
        for text in (
            "this is no Python",
            "import nothing_of_that_name",
            "raise SystemExit(1)",
            "class Changing: pass",
            "from b2bua import hookimpl\nclass Changing:\n @hookimpl\n def route_cal(self): pass",
        ):
            with self.subTest(text), self.unchanged():
                (self.root / self.package / "changing.py").write_text(text)
                refused = self.assertRaises(FeaturesRefused, old.reload, {})
                self.assertEqual(len(refused.problems), 1)
                self.assertTrue(str(refused.problems[0]).startswith("plugin changing: "))
        self.write("dave", "third")
        self.assertEqual(old.reload({}).generation, 2)

    def test_bad_configuration(self) -> None:
        """Good code with a bad configuration changes nothing either."""
        old = Features.load({})
        self.write("dave", "second")
        with self.unchanged():
            self.assertRaises(FeaturesRefused, old.reload, {"plugins": {"order": ["nobody"]}})

    def test_code_and_configuration(self) -> None:
        """A key that only the new code knows is good: one reload takes both."""
        (self.root / self.package / "changing.py").write_text(TABLED.format(keys="first: int = 1"))
        file = self.root / "b2bua.toml"
        file.write_text('[server]\ndomain = "pbx.example.com"\n[changing]\nfirst = 1\n')
        old = configuration(file).features
        file.write_text('[server]\ndomain = "pbx.example.com"\n[changing]\nsecond = 2\n')
        changed = TABLED.format(keys="second: int = 1\n    third: int = 3")
        (self.root / self.package / "changing.py").write_text(changed)
        with old.renewal() as load:
            new = configuration(file, load).features
        self.assertEqual(new.plugins[0].thing.table.second, 2)

    def test_refused_late(self) -> None:
        """What is found wrong after the plugins were loaded changes nothing either."""
        old = Features.load({})
        self.write("dave", "second")
        with self.unchanged(), self.assertRaises(KeyError), old.renewal() as load:
            load({})
            raise KeyError

    def test_call_in_progress(self) -> None:
        """A call that began before the reload is asked about by the old code, a new call by the new code."""
        world = World(features="installed")
        with patch("b2bua.testing.served.installed", self.sources):
            world = World(features="installed")
        served = world.served
        assert served is not None
        calls = served.server.core.calls
        old: Features = calls.features  # type: ignore[assignment]  # the port is narrower
        alice, bob, carol, dave = world.phones(
            "alice", "bob", "carol", "dave", manners=Manners(answers_after=None)
        )
        first = alice.dial("bob")
        world.run(1)
        self.assertEqual((len(carol.live), len(dave.live), len(bob.live)), (1, 0, 0))
        self.write("dave", "second")
        new = old.reload(served.document)
        new.bind(served.server.runner)
        served.server.configure(served.server.settings, new)
        second = alice.dial("bob")
        world.run(1)
        self.assertEqual((len(carol.live), len(dave.live)), (1, 1))
        first.cancel()
        second.cancel()
        world.run(1)
        self.assertEqual((old.plugins[0].thing.ended, new.plugins[0].thing.ended), (1, 1))
        for phone in (carol, dave):
            self.assertEqual(phone.live, [])
        world.quiet()


class Thoughtful:
    """Takes its time with questions, and has no answer in the end."""

    asked: ClassVar[list[Deferred[None]]]

    @hookimpl
    def route_call(self, attempt: Attempt) -> Deferred[None]:
        """Think."""
        self.asked.append(Deferred())
        return self.asked[-1]

    @hookimpl
    def ring_seconds(self, attempt: Attempt) -> Deferred[None]:
        """Think."""
        return self.route_call(attempt)

    @hookimpl
    def target_failed(self, attempt: Attempt, outcome: Outcome) -> Forward | None:
        """Forward from whoever is busy."""
        return Forward("carol") if outcome.kind == "busy" else None


class ThinkingTests(SynchronousTestCase):
    """A reload while a feature thinks: what holds is what the configuration says by then."""

    def setUp(self) -> None:
        """Call."""
        self.asked = Thoughtful.asked = []
        self.world = World(features=(Thoughtful,))
        self.alice, self.bob = self.world.phones("alice", "bob", manners=Manners(answers_after=None))

    def reload(self, extensions: dict[str, Any]) -> None:
        """Write others into the configuration, and have it read."""
        assert self.world.served is not None
        self.world.served.document["extensions"] = extensions
        self.world.reload()

    def extensions(self) -> dict[str, Any]:
        """Those that there are."""
        assert self.world.served is not None
        return dict(self.world.served.document["extensions"])

    def test_extension_gone(self) -> None:
        """Who is called is an extension no more: the caller hears 404, and no call is left."""
        session = self.alice.dial("bob")
        self.world.run(1)
        self.reload({name: table for name, table in self.extensions().items() if name != "bob"})
        self.asked[0].callback(None)
        self.world.run(1)
        self.assertEqual((session.code, self.bob.live), (404, []))
        self.world.quiet()

    def test_extension_come(self) -> None:
        """Who is called is an extension by now: not registered yet, which is another thing than unknown."""
        session = self.alice.dial("zoe")
        self.world.run(1)
        self.reload({**self.extensions(), "zoe": {"password": "zoe-knows"}})
        self.asked[0].callback(None)
        self.world.run(1)
        self.assertEqual(session.code, 480)
        self.world.quiet()

    def test_rung_extension_gone(self) -> None:
        """Whose phone rings is an extension no more: it rings as long as any other, and then no more."""
        session = self.alice.dial("bob")
        self.world.run(1)
        self.asked[0].callback(None)
        self.world.run(1)
        self.reload({name: table for name, table in self.extensions().items() if name != "bob"})
        self.asked[1].callback(None)
        self.world.run(200)
        self.assertEqual((session.code, self.bob.live), (480, []))
        self.world.quiet()

    def test_forward_of_extension_gone(self) -> None:
        """Of an extension that is there no more a forward may go where the caller may."""
        (carol,) = self.world.phones("carol")
        session = self.alice.dial("bob")
        self.world.run(1)
        self.asked[0].callback(None)
        self.world.run(1)
        self.asked[1].callback(None)
        self.reload({name: table for name, table in self.extensions().items() if name != "bob"})
        self.bob.session.refuse(486)
        self.world.run(1)
        self.asked[2].callback(None)
        self.world.run(3)
        self.asked[3].callback(None)
        self.assertTrue(self.alice.talks_to(carol))
        session.hang_up()
        self.world.quiet()
