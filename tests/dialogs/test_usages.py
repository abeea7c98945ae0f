"""What a refusal destroys (RFC 5057 section 5.1)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.dialogs.subscription import Subscription
from b2bua.dialogs.usages import Effect, effect_of


class EffectTests(SynchronousTestCase):
    """Table 1 and the notes of table 2."""

    TRANSACTION = (
        *(400, 401, 402, 403, 406, 407, 408, 412, 413, 414, 415, 417, 420, 421, 422, 423, 428, 429),
        *(436, 437, 438, 486, 487, 488, 491, 493, 494, 500, 503, 504, 505, 513, 580, 600, 603, 606),
    )

    def test_table(self) -> None:
        """Each code of table 1, for a NOTIFY."""
        table = {Effect.TRANSACTION: self.TRANSACTION}
        table[Effect.USAGE] = (405, 480, 481, 489, 501)
        table[Effect.DIALOG] = (404, 410, 416, 482, 483, 484, 485, 502, 604)
        for effect, codes in table.items():
            for code in codes:
                with self.subTest(code=code):
                    self.assertIs(effect_of("NOTIFY", code), effect)

    def test_unknown(self) -> None:
        """An unknown code is like the x00 of its class."""
        for code in (499, 599, 699):
            self.assertIs(effect_of("INVITE", code), Effect.TRANSACTION)

    def test_not_integral(self) -> None:
        """A 405 or 501 to what the usage can do without is nothing but that (note 3)."""
        self.assertIs(effect_of("INFO", 405), Effect.TRANSACTION)
        self.assertIs(effect_of("UPDATE", 501), Effect.TRANSACTION)

    def test_bad_event(self) -> None:
        """A 489 makes sense for SUBSCRIBE and NOTIFY only (note 12)."""
        self.assertIs(effect_of("INVITE", 489), Effect.TRANSACTION)


class SubscriptionTests(SynchronousTestCase):
    """A subscription as its notifier sees it (RFC 6665 section 4.2)."""

    def test_active(self) -> None:
        """An active one says how long it lasts (section 4.2.2)."""
        subscription = Subscription("refer", 300, 10)
        self.assertEqual(subscription.state(70), "active;expires=240")

    def test_terminated(self) -> None:
        """The first reason stands."""
        subscription = Subscription("refer", 300, 0)
        subscription.terminate("noresource")
        subscription.terminate("timeout")
        self.assertEqual(subscription.state(0), "terminated;reason=noresource")

    def test_refreshed(self) -> None:
        """A SUBSCRIBE moves the end, and with 0 it is the end (sections 4.1.2.2, 4.1.2.3)."""
        subscription = Subscription("refer", 300, 0)
        subscription.refreshed(60, 100)
        self.assertEqual(subscription.state(100), "active;expires=60")
        subscription.refreshed(0, 110)
        self.assertFalse(subscription.active)
