"""What is installed is what stands in the tree."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parents[2]


def metadata() -> ConfigParser:
    """What setup.cfg says."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    return config


class PackagesTests(SynchronousTestCase):
    """C{setup.cfg}, which lists packages by name."""

    def test_packages(self) -> None:
        """Every package directory of the tree is listed, and nothing else."""
        listed = set(metadata()["options"]["packages"].split())
        inits = (ROOT / "b2bua").rglob("__init__.py")
        standing = {".".join(path.parent.relative_to(ROOT).parts) for path in inits}
        self.assertEqual(listed, standing | {"b2bua_docs", "b2bua_plugins", "twisted.plugins"})

    def test_no_module_without_package(self) -> None:
        """A module in a directory without C{__init__.py} would not be installed."""
        for path in (ROOT / "b2bua").rglob("*.py"):
            self.assertTrue((path.parent / "__init__.py").exists(), path)

    def test_twisted_plugins_is_no_package_of_ours(self) -> None:
        """C{twisted.plugins} is Twisted's; an C{__init__.py} of ours would hide theirs."""
        self.assertEqual(list((ROOT / "twistd-plugins").rglob("__init__.py")), [])

    def test_features(self) -> None:
        """Every module of C{plugins/} has its entry point, named as the module is."""
        points = metadata().get("options.entry_points", "b2bua", fallback="")
        listed = [line.strip().partition(":")[0] for line in points.splitlines() if line.strip()]
        names = sorted(path.stem for path in (ROOT / "plugins").glob("[!_]*.py"))
        self.assertEqual(sorted(listed), [f"{name} = b2bua_plugins.{name}" for name in names])

    def test_dependencies_explained(self) -> None:
        """Each dependency has its reason in CONTRIBUTING.md."""
        config = metadata()
        wanted = config["options"]["install_requires"].split("\n")
        for extra in config["options.extras_require"].values():
            wanted += extra.split("\n")
        text = (ROOT / "CONTRIBUTING.md").read_text()
        names = [line.split()[0].split("[")[0] for line in wanted if line.strip()]
        self.assertEqual([name for name in names if f"**{name}**" not in text], [])
