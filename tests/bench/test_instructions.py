"""Instructions a call: read, subtracted and divided; without valgrind a line says what helps."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from bench.instructions import NotCounted, command, counts, each, main

OLD = """\
==12== I   refs:      1,050,000,000
==12== I1  misses:       12,500,000
==12== LLi misses:          100,000
==12== D1  misses:        8,000,000  (5,000,000 rd + 3,000,000 wr)
==12== LL misses:           400,000  (  300,000 rd +   100,000 wr)
"""


class InstructionsTests(SynchronousTestCase):
    """What valgrind says becomes a figure."""

    def test_read(self) -> None:
        """The whole of each count is read, from old and new versions of valgrind."""
        self.assertEqual(
            counts(OLD),
            {
                "instructions": 1_050_000_000,
                "not in the first cache of code": 12_500_000,
                "not in the first cache of data": 8_000_000,
                "not in the last cache": 400_000,
            },
        )
        self.assertEqual(counts("==7== I refs:        2,450,000,100\n"), {"instructions": 2_450_000_100})

    def test_difference(self) -> None:
        """What both runs have is no part of a call."""
        fewer, more = {"instructions": 1_000, "other": 5}, {"instructions": 15_000}
        self.assertEqual(each(fewer, more, 10), {"instructions": 1_400.0})

    def test_nothing(self) -> None:
        """Who counts nothing is not taken for zero."""
        self.assertRaises(NotCounted, counts, "valgrind: failed to start tool\n")

    def test_missing(self) -> None:
        """Without valgrind one line says which package is missing."""
        self.patch(os, "environ", {**os.environ, "PATH": "/nowhere"})
        error = self.assertRaises(SystemExit, main, [])
        self.assertIn("apt-get install valgrind", str(error))

    def test_command(self) -> None:
        """The caches are simulated, and what is written about a call is counted, when that is asked for."""
        plain = command("valgrind", 400, whole=False, caches=False)
        self.assertIn("--cache-sim=no", plain)
        self.assertNotIn("--whole", plain)
        more = command("valgrind", 400, whole=True, caches=True)
        self.assertIn("--cache-sim=yes", more)
        self.assertEqual(more[-1], "--whole")
