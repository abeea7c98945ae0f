"""A bounded, seeded run of L{tests.wire.fuzz}; C{make fuzz} runs it for long."""

from __future__ import annotations

import gc
import re
import sys
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from b2bua.wire import layouts
from tests.wire import fuzz


class FuzzTests(SynchronousTestCase):
    """Mutated messages."""

    def test_no_exception_but_ours(self) -> None:
        """Whatever is read raises our errors or none, and ends soon."""
        self.assertEqual(fuzz.run(20260704, lambda tries: tries == 4000), 4000)

    def test_no_growth(self) -> None:
        """Reading leaves nothing behind but what the bounded caches hold."""
        fuzz.run(1, lambda tries: tries == 500)
        before = self.blocks()
        fuzz.run(2, lambda tries: tries == 1500)
        self.assertLess(self.blocks() - before, 1000)

    def blocks(self) -> int:
        """How many pieces of memory are in use, the caches left aside."""
        for name, module in list(sys.modules.items()):
            for cache in vars(module).values() if name.startswith("b2bua.") else ():
                if hasattr(cache, "cache_clear"):
                    cache.cache_clear()
        layouts._known.clear()
        layouts._times.clear()
        layouts._rests.clear()
        re.purge()  # which keeps what it has compiled for layouts, too
        gc.collect()
        return sys.getallocatedblocks()

    def test_it_would_find_something(self) -> None:
        """A reader that raises anything else is found, with what is needed to do it again."""

        def broken(data: bytes, chance: Random) -> None:
            raise IndexError

        self.patch(fuzz, "follow", broken)
        error = self.assertRaises(AssertionError, fuzz.run, 1, lambda tries: tries == 50)
        self.assertIn("seed 1, try 0: IndexError", str(error))
