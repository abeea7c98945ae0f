"""Phones behind NAT are asked whether they are there."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from b2bua.authentication.domain import Domain
from b2bua.liveness import Asker
from b2bua.registrar.keep_alive import KeepAlive
from tests.registrar.support import DOMAIN, PHONE, FakeLayer, House


class KeepAliveTests(SynchronousTestCase):
    """OPTIONS that keep the way to a phone behind NAT open."""

    def setUp(self) -> None:
        """A phone behind NAT, and one that is not."""
        self.house = House()
        self.layer = FakeLayer(self.house.clock)
        self.keeper = KeepAlive(
            self.house.bindings, self.layer, Asker(Domain(DOMAIN), Random(1), "b2bua"), Random(1), 25.0
        )
        self.nat = PHONE._replace(remote=("203.0.113.9", 33333))
        self.house.register("<sip:101@10.0.0.7:5062>", flow=self.nat)
        self.house.register("<sip:102@192.0.2.101:5062>", user="102")

    def called(self) -> int:
        """How many contacts of 101 would be called."""
        return len(self.house.bindings.contacts(f"101@{DOMAIN}"))

    def test_asks(self) -> None:
        """The phone behind NAT is asked at least every 25 seconds, where it came from; the other is not."""
        for _ in range(3):
            self.house.clock.advance(25)
            question = self.layer.take()
            self.assertEqual(question.flow, self.nat)
            self.assertEqual(question.request.uri, "sip:101@10.0.0.7:5062")
            question.answer(200)

    def test_silence(self) -> None:
        """A phone that does not answer is not called; its next REGISTER brings it back."""
        for _ in range(2):
            self.house.clock.advance(25)
            self.layer.take().answer(408, local=True)
        self.assertEqual(self.called(), 0)
        moved = self.nat._replace(remote=("203.0.113.9", 44444))
        self.house.register("<sip:101@10.0.0.7:5062>", flow=moved)
        self.assertEqual(self.called(), 1)
        self.house.clock.advance(25)
        self.assertEqual(self.layer.take().flow, moved)

    def test_end(self) -> None:
        """A phone that is gone is not asked."""
        self.house.register("*", expires="0")
        self.house.register("*", expires="0", user="102")
        self.house.clock.advance(100)
        self.assertEqual(self.layer.sent, [])
        self.keeper.stop()
        self.assertEqual(self.house.clock.getDelayedCalls(), [])
