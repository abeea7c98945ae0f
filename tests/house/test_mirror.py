"""Tests mirror the tree: whoever changes a room finds its tests under the same name."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parents[2]

ELSEWHERE = {
    "capabilities.py": "tests/ladders/test_refusals.py",
    "clock.py": "tests/net/test_wheel.py",
    "configuration.py": "tests/command/test_check.py",
    "errors.py": "tests/wire/test_message.py",
    "hookspecs": "tests/features/test_contract.py",
    "liveness.py": "tests/trunks/test_trunks.py",
    "persistence.py": "tests/ladders/test_calls_kept.py",
    "docstring.py": "tests/features/test_commands.py",
    "plural.py": "tests/house/test_messages.py",
    "service": "tests/interop/test_service.py",
}
"""What is tested with those that use it, and where."""


class MirrorTests(SynchronousTestCase):
    """C{b2bua/} and C{tests/}."""

    def test_rooms(self) -> None:
        """Every package has a package of tests of its name, and every module a test of its name."""
        for path in sorted((ROOT / "b2bua").glob("[!_]*")):
            if (path / "__init__.py").exists():
                tests = ELSEWHERE.get(path.name, f"tests/{path.name}/__init__.py")
            elif path.suffix == ".py":
                tests = ELSEWHERE.get(path.name, f"tests/test_{path.stem}.py")
            else:
                continue
            self.assertTrue((ROOT / tests).exists(), f"{path.name} has no tests at {tests}")

    def test_exceptions(self) -> None:
        """Nothing is said to be tested elsewhere that is not there, or has tests of its name."""
        for name, tests in ELSEWHERE.items():
            self.assertTrue((ROOT / "b2bua" / name).exists(), name)
            self.assertTrue((ROOT / tests).exists(), tests)
            self.assertFalse((ROOT / "tests" / f"test_{name}").exists(), name)
            self.assertFalse((ROOT / "tests" / name).exists(), name)
