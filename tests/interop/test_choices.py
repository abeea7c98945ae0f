"""The command changes settings and reloads features of a service that runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.interop.processes import TIMEOUT, Program
from tests.interop.service import Service


class ChoicesTests(TestCase):
    """C{b2bua features}, C{settings}, C{set} and C{reload}, as people type them."""

    timeout = TIMEOUT

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        """A service in which 102 forwards when busy."""
        forward = '[extensions.102.forward]\nbusy = "103"\n'
        self.service = Service(self.mktemp(), forward)
        self.addCleanup(self.service.kill)
        await self.service.start()

    async def command(self, *arguments: str) -> tuple[int, str, str]:
        """Run the command: its status and what it says."""
        program = str(Path(sys.executable).parent / "b2bua")
        out, err, status = await getProcessOutputAndValue(
            program, [*arguments, "-c", str(self.service.config)], env=None
        )
        return status, out.decode(), err.decode()

    async def setting(self, path: str) -> tuple[Any, bool]:
        """A setting as the service sees it."""
        _, out, _ = await self.command("settings", "102", "--json")
        return next((one["value"], one["changed"]) for one in json.loads(out) if one["path"] == path)

    async def test_features(self) -> None:
        """They are shown in their order, with versions and codes."""
        status, out, _ = await self.command("features")
        self.assertEqual(status, 0)
        lines = out.splitlines()
        self.assertRegex(lines[0], r"^FEATURE +VERSION +CODES$")
        self.assertRegex(
            out, r"\ndo_not_disturb +\d\S* +\*78  do_not_disturb_on\n +\*79  do_not_disturb_off\n"
        )
        self.assertRegex(out, r"\nring_group +\d\S* +not asked: no \[ring_groups.NUMBER\] table\n")

    async def test_set(self) -> None:
        """A change holds at once and after a restart; with --default the file's is back."""
        path = "extensions.102.forward.busy"
        self.assertEqual(await self.setting(path), ("103", False))
        self.assertEqual(await self.command("set", path, "101"), (0, f"{path} is 101\n", ""))
        self.assertEqual(await self.setting(path), ("101", True))
        await self.service.stop()
        self.service.program = Program("b2bua")
        await self.service.start()
        self.assertEqual(await self.setting(path), ("101", True))
        self.assertEqual(await self.command("set", path, "--default"), (0, f"{path} is 103\n", ""))
        self.assertEqual(await self.setting(path), ("103", False))

    async def test_refused(self) -> None:
        """What cannot be set is said in one line, and the status is 1."""
        for path, value in (
            ("extensions.102.password", "x"),
            ("extensions.102.forward.busy", "1 2"),
            ("extensions.102.forward.busy", "102"),
            ("extensions.199.forward.busy", "101"),
            ("x", "y"),
        ):
            status, out, err = await self.command("set", path, value)
            self.assertEqual((status, out, err.count("\n")), (1, "", 1), err)
            self.assertIn(path if path != "extensions.199.forward.busy" else "there is no extension 199", err)
        self.assertEqual(await self.command("settings", "199"), (1, "", "b2bua: there is no extension 199\n"))

    async def test_reload(self) -> None:
        """A new configuration is taken in; a bad one changes nothing."""
        good = self.service.config.read_text()
        path = "extensions.102.forward.busy"
        self.service.config.write_text(good.replace('busy = "103"', 'busy = "101"'))
        status, out, _ = await self.command("reload")
        self.assertEqual((status, out), (0, "read again\n"))
        self.assertEqual(await self.setting(path), ("101", False))
        self.service.config.write_text(good.replace('busy = "103"', "bussy = 5"))
        # The command finds the socket by the configuration, which is bad now.
        status, _, err = await self.command("reload", "--socket", str(self.service.control))
        self.assertEqual(status, 1)
        self.assertIn("extensions.102.forward.bussy: is not a known key; is busy meant?", err)
        self.service.config.write_text(good)
        self.assertEqual(await self.setting(path), ("101", False))
