"""How calls went, kept in the store."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from twisted.internet.defer import ensureDeferred

from b2bua.admin import traces
from tests.admin.door import DoorCase


class KeptTests(DoorCase):
    """Yesterday's call can be explained."""

    def call(self) -> str:
        """Alice talks to Bob; the id of the call."""
        self.talk()
        [row] = self.ask("GET", "/calls")
        self.alice.hang_up()
        self.world.run(5)
        return str(row["id"])

    def forget(self) -> None:
        """Be as after a restart, and much traffic."""
        self.administration.calls._over.clear()
        self.server.trace.bytes_max = 0

    def test_kept(self) -> None:
        """It is found by its id, the beginning of it, and by a number: all in its order, with its ladder."""
        call = self.call()
        fresh = self.ask("GET", "/calls/{call}/trace", call=call)
        self.forget()
        for name in (call, call[:6], "bob"):
            kept = self.ask("GET", "/calls/{call}/trace", call=name)
            self.assertEqual(kept["messages"], fresh["messages"])
            self.assertEqual(kept["record"], fresh["record"])
            self.assertEqual(len(kept["reasons"]), len(fresh["reasons"]))
        page = self.browser("desk").send("GET", f"/calls/{call}").body.decode()
        self.assertIn("INVITE", page)
        self.assertRefused(404, "there is no call x", "GET", "/calls/{call}/trace", call="x")

    def test_one_of_several(self) -> None:
        """Ids of calls of one second begin alike; which of them is meant is not guessed."""
        call = self.call()
        other = call[:8] + "x"
        self.store._traces[other] = self.store._traces[call]._replace(call=other)
        self.forget()
        self.assertRefused(409, "several calls begin", "GET", "/calls/{call}/trace", call=call[:8])
        for name in (call, call[:-1], "bob"):
            kept = self.ask("GET", "/calls/{call}/trace", call=name)
            self.assertEqual(kept["record"]["id"], call)

    def test_number_first(self) -> None:
        """A number is that of its last call, though an id of an older version begins with its digits."""
        before, call = self.call(), self.call()
        self.store._traces["bob1"] = self.store._traces.pop(before)._replace(call="bob1")
        self.forget()
        kept = self.ask("GET", "/calls/{call}/trace", call="bob")
        self.assertEqual(kept["record"]["id"], call)

    def test_whole(self) -> None:
        """Of a call whose beginning has fallen out of memory, the store knows more."""
        call = self.call()
        self.server.trace.bytes_max = 1
        self.assertGreater(len(self.ask("GET", "/calls/{call}/trace", call=call)["messages"]), 10)

    def test_bounded(self) -> None:
        """Old ones go, and the oldest when there is too much."""
        calls = [self.call() for _ in range(4)]
        size = max(len(row.data) for row in self.store._traces.values())
        self.put(traces_bytes=2 * size)
        self.administration.calls.traces.tidy()
        self.assertEqual(set(self.store._traces), set(calls[2:]))
        self.world.run(3 * traces.DAY)
        self.put(traces_days=2)
        self.administration.calls.traces.tidy()
        self.assertEqual(self.store._traces, {})

    def test_none(self) -> None:
        """With traces_days = 0 nothing is kept."""
        self.put(traces_days=0)
        self.call()
        self.assertEqual(self.store._traces, {})

    def test_too_many(self) -> None:
        """More calls than can be written down without being felt cost nothing more."""
        self.patch(traces, "MOST", 2)
        self.administration.calls.traces = kept = traces.Traces(self.server, self.journal, "1.0")
        for _ in range(5):
            self.alice.dial("nobody")
            self.world.run(0.05)
        self.world.run(40)
        self.assertGreater(kept.left_out, 0)
        self.successResultOf(self.journal.flush())
        self.assertLessEqual(len(self.store._traces), 4)

    def test_one_costs_no_other(self) -> None:
        """A bug with one call is logged, and the calls that ended with it are written down."""
        write = traces.Traces._write_one
        tried: list[str] = []

        def fail(kept: traces.Traces, told: Any, *more: Any) -> None:
            tried.append(told.record.id)
            if len(tried) == 2:
                raise ZeroDivisionError
            write(kept, told, *more)

        self.patch(traces.Traces, "_write_one", fail)
        for _ in range(3):
            self.alice.dial("nobody")
            self.world.run(0.05)
        self.world.run(40)
        self.successResultOf(self.journal.flush())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual((len(tried), sorted(self.store._traces)), (3, sorted([tried[0], tried[2]])))

    def test_unreadable(self) -> None:
        """One that another version wrote is as if there were none."""
        call = self.call()
        self.forget()
        row = self.store._traces[call]
        for data in (b"nonsense", traces.zlib.compress(b"{}"), traces.zlib.compress(b"\xff")):
            self.store._traces[call] = row._replace(data=data)
            self.assertRefused(404, "there is no call", "GET", "/calls/{call}/trace", call=call)

    def test_end(self) -> None:
        """What has just ended when the service ends is written down, even if nobody was told of it yet."""
        for told in (True, False):
            self.store._traces.clear()
            self.talk()
            self.alice.hang_up()
            while not self.administration.ended._calls:
                self.world.run(0.01)
            if told:
                self.world.run(0.2)
            self.assertEqual(self.store._traces, {})
            self.administration.finish()
            self.successResultOf(self.journal.flush())
            self.assertEqual(len(self.store._traces), 1)

    def test_in_parts(self) -> None:
        """It is written down in parts, whatever is forgotten between them; the end does the rest at once."""
        self.patch(traces, "PAUSE", 1.0)
        self.patch(traces, "BLOCKS", 1)
        for ends in (False, True):
            self.store._traces.clear()
            self.talk()
            self.alice.hang_up()
            self.world.run(traces.LATE + 0.5)
            self.server.trace.bytes_max = 0
            self.successResultOf(self.journal.flush())
            self.assertEqual(self.store._traces, {})
            if ends:
                self.administration.finish()
            else:
                self.world.run(10)
            self.successResultOf(self.journal.flush())
            [row] = self.store._traces.values()
            found = self.successResultOf(ensureDeferred(self.administration.calls.traces.find(row.call)))
            self.assertGreater(len(found[0].messages), 10)
            self.server.trace.bytes_max = 100_000
            self.world.run(traces.APART)

    def test_apart(self) -> None:
        """A call that ends alone is written down after a second; of many, all that ended in five."""
        walked: list[float] = []
        walk = traces.Found.walk

        def note(found: traces.Found, *more: Any) -> Any:
            walked.append(round(self.world.clock.seconds() - begun, 1))
            return walk(found, *more)

        self.patch(traces.Found, "walk", note)
        begun = self.world.clock.seconds()
        for _ in range(8):
            self.alice.dial("nobody")
            self.world.run(1.0)
        self.world.run(40)
        self.successResultOf(self.journal.flush())
        self.assertEqual(len(self.store._traces), 8)
        self.assertEqual(len(walked), 3)
        self.assertLess(walked[0], 2.0)
        self.assertEqual([after - before for before, after in pairwise(walked)], [traces.APART] * 2)

    def test_last_messages(self) -> None:
        """More may come of a call that has just ended: it is left for the next time, unless many wait."""
        for most, left in ((25, 1), (2, 0)):
            self.store._traces.clear()
            self.patch(traces, "MOST", most)
            self.administration.calls.traces = kept = traces.Traces(self.server, self.journal, "1.0")
            self.administration.ended.tell = (kept.over,)
            self.alice.dial("nobody")
            self.world.run(0.7)
            self.alice.dial("nobody")
            self.world.run(0.7)
            self.assertEqual(len(kept._waiting), left)
            self.world.run(40)
            self.successResultOf(self.journal.flush())
            self.assertEqual(len(self.store._traces), 2)

    def put(self, **values: Any) -> None:
        """Change the table [calls]."""
        settings = self.server.settings
        calls = settings.calls.model_copy(update=values)
        self.server.settings = settings.model_copy(update={"calls": calls})
