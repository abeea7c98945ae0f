"""That what is measured of registrations is what it is called."""

from __future__ import annotations

import gc
from collections.abc import Generator
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred, inlineCallbacks
from twisted.trial.unittest import TestCase

from b2bua.authentication.accounts import ALGORITHMS
from bench import registrar


class RegistrarTests(TestCase):
    """C{bench.registrar}, with small numbers."""

    def setUp(self) -> None:
        """Have the collector work again afterwards, which a measurement switches off."""
        self.addCleanup(gc.enable)
        self.addCleanup(gc.unfreeze)

    def test_refreshes(self) -> None:
        """Every REGISTER of the load is answered with 200, and all phones are still bound."""
        phones = registrar.Phones(20)
        phones.register()
        self.assertGreater(phones.refresh(100), 0)
        self.assertEqual(len(phones.server.bindings), 20)
        self.assertEqual(ALGORITHMS[0], "SHA-256", "what the load answers with is what a phone would choose")

    def test_storm(self) -> None:
        """After a power cut every phone is registered again, challenged once."""
        stands, spent = registrar.storm(50)
        self.assertGreater(stands, 0)
        self.assertGreater(spent, 0)

    def test_memory(self) -> None:
        """A binding with its indexes takes a kilobyte at most."""
        self.assertLess(registrar.memory(10_000), 1024)

    def test_same_work(self) -> None:
        """A look-up gives the same tuple however many others there are."""
        for size in (10, 1000):
            bindings = registrar.filled(size)
            (found,) = bindings.contacts(registrar.binding(3).aor)
            self.assertEqual(found, registrar.binding(3))

    @inlineCallbacks
    def test_start(self) -> Generator[Deferred[Any], Any, None]:
        """All bindings that were written come back."""
        seconds, written, size = yield ensureDeferred(registrar.start(200))
        self.assertGreater(min(seconds, written, size), 0)
