"""The store in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import inlineCallbacks
from twisted.trial.unittest import TestCase

from b2bua.store.memory import MemoryStore
from b2bua.store.ports import Batch, Setting, StoreError
from tests.store.contract import Contract, Steps


class MemoryTests(Contract, TestCase):
    """L{MemoryStore}."""

    def make(self, node: str = "a") -> Any:
        """One that keeps nothing beyond the process."""
        return MemoryStore(node, getattr(self, "store", None))

    def again(self) -> Any:
        """It does not outlive a restart."""
        return self.store.open()

    @inlineCallbacks
    def test_failing(self) -> Steps:
        """When told to it fails as a store does, and keeps what it had."""
        yield self.store.write(Batch(settings=(Setting("", "x", "y", 1),)))
        self.store.failing = "disk full"
        yield self.assertFailure(self.store.write(Batch(settings=(Setting("", "x", "y", 2),))), StoreError)
        yield self.assertFailure(self.store.load_settings(), StoreError)
        self.store.failing = None
        self.assertEqual((yield self.store.load_settings()), [Setting("", "x", "y", 1)])
