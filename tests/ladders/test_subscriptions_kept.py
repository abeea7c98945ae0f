"""Subscriptions outlive the server: after kill -9 and a start every watcher is right again by itself."""

from __future__ import annotations

from typing import Any

from b2bua.store.memory import MemoryStore
from b2bua.testing import World
from tests.ladders.test_subscriptions import Weather, WeatherCase


class RestartTests(WeatherCase):
    """A crash, and the start after it."""

    def make_world(self) -> World:
        """A world with a store."""
        self.feature = Weather()
        self.weather = self.feature.package
        self.store = MemoryStore()
        return World(features=[self.feature], store=self.store)

    def crash(self, seconds: float = 10) -> None:
        """Let the server be gone for some time."""
        served = self.world.served
        assert served is not None
        self.world.run(1)  # what has changed is written within a fifth of a second
        served.crash()
        self.world.run(seconds)
        served.restart()

    def last_seq(self, watching: Any) -> int:
        """The CSeq number of the last NOTIFY."""
        number: int = watching.notified[-1].request.cseq.number
        return number

    def test_told(self) -> None:
        """Within 5 s it is told what is so now, with no lower CSeq or version (freeswitch PR#3056)."""
        watching = self.watch()
        for weather in ("rain", "hail"):
            self.weather.set("oslo", weather)
            self.world.run(1)
        before = self.last_seq(watching)
        self.crash()
        self.weather.now["oslo"] = "sun"
        self.world.run(5)
        self.assertIn(b"sun", watching.body)
        self.assertGreater(self.last_seq(watching), before)
        watching.subscribe()
        self.world.run(1)
        self.assertEqual((watching.code, watching.state), (200, "active"))
        self.quiet()

    def test_unwritten(self) -> None:
        """What was told just before the crash is not told with the same number again."""
        watching = self.watch()
        self.world.run(1)
        for n in range(40):
            self.weather.set("oslo", f"rain {n}")
            self.world.run(0.01)
        served = self.world.served
        assert served is not None
        served.crash()
        before = self.last_seq(watching)
        served.restart()
        self.world.run(5)
        self.assertGreater(self.last_seq(watching), before)
        self.quiet()

    def test_twice(self) -> None:
        """Crashes that come just after a start, or just after the first is told: no number is used again."""
        watching = self.watch()
        self.crash()
        served = self.world.served
        assert served is not None
        for seconds in (0.05, 1.1, 1.1):
            self.world.run(seconds)
            served.crash()
            served.restart()
        self.world.run(5)
        numbers = [told.request.cseq.number for told in watching.notified]
        self.assertGreater(len(numbers), 2)
        self.assertEqual(numbers, sorted(set(numbers)))
        self.quiet()

    def test_many(self) -> None:
        """Many of them are told one after the other, all within 5 s."""
        watchings = [self.watch(f"town{n}", fields=()) for n in range(100)]
        self.crash()
        began = self.world.clock.seconds()
        self.world.run(5)
        self.assertTrue(all(began < one.notified[-1].at < began + 5 for one in watchings))
        self.quiet()

    def test_ended(self) -> None:
        """What was over is not told again, nor what has expired meanwhile."""
        ended, short = self.watch(), self.watch(expires=60)
        ended.unsubscribe()
        short.stop()
        self.crash(70)
        self.world.run(5)
        self.assertEqual(len(self.world.served.server.notifier), 0)
        short.state = "over"
        self.world.run(1)
        self.assertEqual(rows_of(self.store), [])

    def test_last_notify_unanswered(self) -> None:
        """Nothing comes after the last NOTIFY, though a crash comes before its answer (RFC 6665 4.4.1)."""
        for ends in ("watcher", "server"):
            with self.anew(ends=ends):
                watching = self.watch()
                self.world.run(1)
                watching.replies = None
                if ends == "watcher":
                    watching.unsubscribe()
                else:
                    (subscription,) = self.world.served.server.notifier
                    subscription.end("noresource")
                self.world.run(1)
                served, told = self.world.served, self.told()
                self.assertIn(b"terminated", told[-1])
                served.crash()
                served.restart()
                self.world.run(5)
                self.assertEqual((len(served.server.notifier), self.told()), (0, told))
                self.assertEqual(rows_of(self.store), [])

    def told(self) -> list[bytes]:
        """All NOTIFYs that have left."""
        return [packet.data for packet in self.world.network.log if packet.data.startswith(b"NOTIFY")]

    def test_not_written(self) -> None:
        """One that the store never saw gets 481, so that the phone subscribes anew."""
        watching = self.watch()
        served = self.world.served
        assert served is not None
        served.crash()
        served.restart()
        watching.subscribe()
        self.world.run(1)
        self.assertEqual(watching.code, 481)
        self.quiet()

    def test_connection(self) -> None:
        """A phone whose connection ended with the process is told as soon as it has registered."""
        erin = self.world.phones("erin", transport="TCP")[0]
        watching = erin.watch("oslo", "weather")
        self.world.run(0.5)
        self.crash()
        self.weather.now["oslo"] = "snow"
        erin.register()
        self.world.run(5)
        self.assertIn(b"snow", watching.body)
        self.quiet()

    def test_moved(self) -> None:
        """A phone that has registered from another port since is told there."""
        watching = self.watch()
        self.alice.rebind(20_001)
        self.alice.register()
        self.crash()
        self.weather.now["oslo"] = "sun"
        self.world.run(5)
        self.assertIn(b"sun", watching.body)

    def test_gone(self) -> None:
        """Who is no extension any more watches nothing after the start."""
        self.watch()
        self.world.run(1)
        served = self.world.served
        assert served is not None
        served.crash()
        del served.document["extensions"]["alice"]
        served.restart()
        self.world.run(5)
        self.assertEqual(len(served.server.notifier), 0)


def rows_of(store: MemoryStore) -> list[Any]:
    """What the store has of subscriptions."""
    found: list[Any] = []
    store.load_subscriptions().addCallback(found.extend)
    return found
