"""Tests of L{tests.interop.warm_start}: a program that was forked off is like one that was started."""

from __future__ import annotations

import os
import time
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.interop.processes import LIMIT, TIMEOUT, Program
from tests.interop.warm_start import WarmProcess


class WarmProcessTests(TestCase):
    """L{WarmProcess}."""

    timeout = TIMEOUT

    async def test_ended_meanwhile(self) -> None:
        """One that has just ended, of which nobody was told yet, can be killed, and its end is heard of."""
        script = Path(self.mktemp()).absolute()
        script.write_text("import sys\nprint('said')\nsys.exit(3)\n")
        program = Program("script")
        process = WarmProcess(program, [str(script)], str(script.parent), os.environ)
        until = time.monotonic() + LIMIT
        while Path(f"/proc/{process.pid}").exists():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.01)
        self.assertEqual(await program.kill(), 3)
        self.assertEqual(program.lines, ["said"])
