"""Tables of features: taken out of the document, and changed by their owners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua import Changeable, NotConfigured, Options, Table, hookimpl
from b2bua.features import Features, FeaturesRefused, Preferences
from tests.timers import FakeClock


class Shop(Table):
    """The table C{[shop]}."""

    name: str = "corner"
    open: Changeable[bool] = True


class Goods(Table):
    """The tables C{[shelves.NAME]}."""

    price: int


class Wish(Table):
    """The table C{[extensions.NUMBER.wish]}."""

    colour: Changeable[str] = "red"
    size: Changeable[int] = 1
    secret: str = ""


class Mark(Table):
    """A key that is added to the tables of extensions."""

    marked: Changeable[bool] = False


class Places(Table):
    """The table C{[extensions.NUMBER.places]}."""

    tried: Changeable[tuple[str, ...]] = ()


class Lister:
    """Has a list that users change."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """One table."""
        return {"extensions.*.places": Places}


class Keeper:
    """Has one table of each kind, and hears what changes."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """All kinds."""
        return {"shop": Shop, "shelves.*": Goods, "extensions.*.wish": Wish, "extensions.*": Mark}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Keep them."""
        self.options = options
        self.heard: list[tuple[str, str, str, object]] = []

    @hookimpl
    def setting_changed(self, owner: str, feature: str, key: str, value: object) -> None:
        """Note it."""
        self.heard.append((owner, feature, key, value))


DOCUMENT: dict[str, Any] = {
    "server": {"domain": "pbx"},
    "shop": {"name": "grand"},
    "shelves": {"top": {"price": 5}, "low": {"price": 2}},
    "extensions": {
        "102": {"password": "x", "marked": True, "wish": {"colour": "blue"}},
        "103": {"password": "y"},
    },
}


NUMBER = "must be a whole number, not"


class TakingTests(SynchronousTestCase):
    """L{Features.check}: what belongs to features, and what is left."""

    def test_rest(self) -> None:
        """What is left is the core's, and the document is as it was."""
        before = repr(DOCUMENT)
        rest, problems, _ = Features.check(DOCUMENT, Features.of(Keeper)._sources)
        self.assertEqual(
            (rest, problems),
            (
                {
                    "server": {"domain": "pbx"},
                    "extensions": {"102": {"password": "x"}, "103": {"password": "y"}},
                },
                [],
            ),
        )
        self.assertEqual(repr(DOCUMENT), before)

    def test_problems(self) -> None:
        """Every mistake has its path; the core's own tables are left to the core."""
        document = {
            "shop": 5,
            "shelves": {"top": {"price": "dear"}, "low": "none"},
            "extensions": {"102": {"wish": {"size": "x", "shape": ""}, "marked": 3}, "103": 7},
        }
        _, problems, _ = Features.check(document, Features.of(Keeper)._sources)
        self.assertEqual(
            [str(problem) for problem in problems],
            [
                "shop: must be a table",
                f'shelves.top.price: {NUMBER} "dear"',
                "shelves.low: must be a table",
                f'extensions.102.wish.size: {NUMBER} "x"',
                "extensions.102.wish.shape: is not a known key; there are colour, secret, size",
                "extensions.102.marked: must be true or false, not 3",
            ],
        )

    def test_empty(self) -> None:
        """A table of tables without any is no mistake."""
        self.assertEqual(Features.check({"shelves": {}}, Features.of(Keeper)._sources)[:2], ({}, []))


class OptionsTests(SynchronousTestCase):
    """L{Options}, as a feature sees them."""

    def setUp(self) -> None:
        """A feature with its options."""
        self.preferences = Preferences()
        self.kept: list[tuple[str, str, str, object]] = []
        self.preferences.keep = lambda *change: self.kept.append(change)
        self.features = Features.of(Keeper, document=DOCUMENT, preferences=self.preferences)
        self.keeper: Keeper = self.features.plugins[0].thing
        self.options = self.keeper.options

    def test_read(self) -> None:
        """Tables by their models and names; what is not written has its defaults."""
        self.assertEqual(self.options.of(Shop).name, "grand")
        self.assertEqual(self.options.of(Goods, "top").price, 5)
        self.assertEqual(self.options.of(Wish, "102").colour, "blue")
        self.assertEqual(self.options.of(Wish, "103").colour, "red")
        self.assertTrue(self.options.of(Mark, "102").marked)
        self.assertEqual(self.options.names(Goods), [("top",), ("low",)])
        self.assertRaises(NotConfigured, self.options.of, Goods, "none")

    def test_change(self) -> None:
        """A change holds at once, is kept, and is told; None brings the file's value back."""
        self.options.change(Wish, "102", colour="green")
        self.assertEqual(self.options.of(Wish, "102").colour, "green")
        change = ("extensions.102", "keeper", "wish.colour", "green")
        self.assertEqual((self.kept, self.keeper.heard), ([change], [change]))
        self.options.change(Wish, "102", colour=None)
        self.assertEqual(self.options.of(Wish, "102").colour, "blue")
        self.assertEqual(self.kept[-1], ("extensions.102", "keeper", "wish.colour", None))

    def test_refused(self) -> None:
        """What may not be changed, or is not good, changes nothing."""
        for values in (
            {"secret": "x"},
            {"size": "large"},
            {"colour": "green", "size": "large"},
            {"shape": ""},
        ):
            with self.subTest(values):
                self.assertRaises(ValueError, self.options.change, Wish, "102", **values)
        self.assertEqual((self.kept, self.options.of(Wish, "102").colour), ([], "blue"))

    def test_by_path(self) -> None:
        """Anybody changes a setting by its path in the file; text becomes what it should be."""
        changed = self.features.change("extensions.103.wish.size", "7")
        self.assertEqual(changed[:3], ("extensions.103.wish.size", 7, True))
        self.features.change("extensions.103.marked", "true")
        self.assertEqual(self.options.of(Wish, "103").size, 7)
        self.assertTrue(self.options.of(Mark, "103").marked)
        self.assertEqual([change[3] for change in self.kept], [7, True])
        for path in ("extensions.103.wish.secret", "shop.name", "extensions.103.password", "", "x.y"):
            with self.subTest(path):
                error = self.assertRaises(ValueError, self.features.change, path, "x")
                self.assertIn(f"{path} is no setting that can be changed at run time", str(error))

    def test_not_good(self) -> None:
        """What is wrong with a value is said with the path of its key."""
        path = "extensions.103.wish.size"
        error = self.assertRaises(ValueError, self.features.change, path, "large")
        self.assertTrue(str(error).startswith(f"{path}: must be a whole number"), error)

    def test_of_a_table(self) -> None:
        """A key of a table that is nobody's own can be changed as well."""
        self.assertEqual(self.features.change("shop.open", "false")[:3], ("shop.open", False, True))
        self.assertFalse(self.options.of(Shop).open)

    def test_shown(self) -> None:
        """What can be changed for an extension, and what has been."""
        self.options.change(Wish, "102", size=3)
        self.assertEqual(
            [setting[:3] for setting in self.features.settings("102")],
            [
                ("extensions.102.wish.colour", "blue", False),
                ("extensions.102.wish.size", 3, True),
                ("extensions.102.marked", True, False),
            ],
        )

    def test_off(self) -> None:
        """What could be changed for a feature that is not asked does nothing, and is not shown."""
        self.features.plugins[0].out = "not configured"
        self.assertEqual(list(self.features.settings("102")), [])

    def test_form(self) -> None:
        """Each says whose it is, and what it may be, so that a form can be made of it."""
        found = {one.path.rpartition(".")[2]: one for one in self.features.settings("102")}
        self.assertEqual(found["size"].form["type"], "integer")
        self.assertEqual(found["marked"].form["type"], "boolean")
        self.assertEqual({one.feature for one in found.values()}, {"keeper"})

    def test_restored(self) -> None:
        """After a restart changes are as they were; one that is no longer good does not count."""
        preferences = Preferences()
        preferences.restore(
            [
                ("extensions.102", "keeper", "wish.colour", "green"),
                ("extensions.103", "keeper", "wish.size", "many"),
                ("extensions.103", "keeper", "wish.colour", "white"),
            ]
        )
        options = Features.of(Keeper, document=DOCUMENT, preferences=preferences).plugins[0].thing.options
        self.assertEqual(options.of(Wish, "102").colour, "green")
        self.assertEqual((options.of(Wish, "103").size, options.of(Wish, "103").colour), (1, "white"))

    def test_generations(self) -> None:
        """All generations see a change; the one that the server has taken up hears of it."""
        newer = self.features.reload(DOCUMENT)
        newer.bind(FakeClock())
        self.options.change(Wish, "102", colour="green")
        self.assertEqual(newer.plugins[0].thing.options.of(Wish, "102").colour, "green")
        self.assertEqual((len(self.keeper.heard), len(newer.plugins[0].thing.heard)), (0, 1))

    def test_a_list(self) -> None:
        """A list is changed as a whole; its only item may come alone, as from a command line."""
        features = Features.of(Lister, document={"extensions": {"102": {"password": "x"}}})
        for given, value in (("a", ("a",)), (["a", "b"], ("a", "b")), ("", ())):
            self.assertEqual(features.change("extensions.102.places.tried", given).value, value)

    def test_file_changes(self) -> None:
        """A reload takes the values of the file, and what users have changed stays on top."""
        self.options.change(Wish, "102", colour="green")
        document = {"extensions": {"102": {"wish": {"colour": "black", "size": 9}}}}
        wish = self.features.reload(document).plugins[0].thing.options.of(Wish, "102")
        self.assertEqual((wish.colour, wish.size), ("green", 9))
        self.assertEqual(self.options.of(Wish, "102").size, 1)

    def test_refused_reload(self) -> None:
        """A bad configuration changes nothing, and the old generation still hears."""
        self.assertRaises(FeaturesRefused, self.features.reload, {"shop": {"name": 5}})
        self.options.change(Wish, "102", colour="green")
        self.assertEqual(len(self.keeper.heard), 1)


class ChangedTests(SynchronousTestCase):
    """What users have changed."""

    def test_of_users_only(self) -> None:
        """What a node keeps of itself is no setting of the configuration: its owner has a space."""
        preferences = Preferences()
        preferences.restore(
            [("extensions.102", "forward", "forward.busy", "103"), ("node local", "calls", "alive", 1.0)]
        )
        self.assertEqual(preferences.changed_paths(), {"extensions.102.forward.busy": "103"})
