"""The contracts between the rooms are really watched."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tools.contracts import check


class ContractTests(SynchronousTestCase):
    """L{tools.contracts.check} on trees that break the contract."""

    def tree(self, plugin: str = "", core: str = "") -> list[str]:
        """What is found in a tree of one plugin, C{night}, and one core module."""
        root = Path(self.mktemp())
        for name, text in (("plugins/night.py", plugin), ("b2bua/calls.py", core)):
            path = root / name
            path.parent.mkdir(parents=True)
            path.write_text(text)
        return check(root)

    def test_kept_here(self) -> None:
        """This very tree keeps them."""
        self.assertEqual(check(), [])

    def test_public_face(self) -> None:
        """A plugin may import what is public."""
        text = "import twisted\nfrom b2bua import hookimpl\nimport b2bua.wire.uri\n"
        self.assertEqual(self.tree(plugin=text), [])

    def test_beyond_the_public_face(self) -> None:
        """A plugin may import nothing else of ours, in whatever form it is written."""
        for text in (
            "import b2bua.net.udp\n",
            "from b2bua.core.b2bua import B2BUA\n",
            "from b2bua import net\n",
            "def f():\n    from b2bua.testing import World\n",
        ):
            with self.subTest(text):
                [line] = self.tree(plugin=text)
                self.assertIn("plugins/night.py:", line)

    def test_core_imports_a_plugin(self) -> None:
        """The core never imports a plugin."""
        self.assertEqual(
            self.tree(core="import b2bua_plugins.night\n"),
            ["b2bua/calls.py:1: the core imports b2bua_plugins.night"],
        )

    def test_core_names_a_feature(self) -> None:
        """The core never names a feature."""
        self.assertEqual(
            self.tree(core="\nif name == 'night':\n    pass\n"),
            ["b2bua/calls.py:2: the core names the feature 'night'"],
        )

    def test_circles(self) -> None:
        """Modules do not import each other, whoever stands between them, and not for their types either."""
        root = Path(self.mktemp())
        for name, text in (
            ("legs/__init__.py", ""),
            ("legs/leg.py", "from b2bua.legs import state\n"),
            ("legs/state.py", "if TYPE_CHECKING:\n    from b2bua.legs.ack import Ack\n"),
            ("legs/ack.py", "def f():\n    import b2bua.legs.leg\n"),
            ("calls.py", "from b2bua.legs import leg\n"),
        ):
            path = root / "b2bua" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.assertEqual(
            check(root),
            ["a circle of imports: b2bua.legs.leg -> b2bua.legs.state -> b2bua.legs.ack -> b2bua.legs.leg"],
        )
