"""A basic call with all that is written about it: it is in the log, in the store and in the figures, once."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.admin.exposition import Exposition
from b2bua.store.ports import Search
from bench.whole import WholeLine


class WholeLineTests(SynchronousTestCase):
    """The server with all that a service has beside it."""

    def test_written(self) -> None:
        """Calls that are over leave a line and a record each, and are counted, also those of this moment."""
        line = WholeLine()
        self.addCleanup(line.close)
        line.basic(60)
        figures = Exposition(line.administration).text().decode()
        self.assertIn('b2bua_calls_ended_total{caller="trunk",outcome="answered"} 60.0', figures)
        self.assertEqual(line.administration.service.status().answered, 60)
        line.clock.run(5)
        told = [text.split()[4] for text in line.lines.read_text().splitlines() if " call " in text]
        self.assertEqual((len(told), len(set(told))), (60, 60))
        records = self.successResultOf(line.kept.find_records(Search(limit=100)))
        self.assertEqual([(r.answered_by, len(r.legs)) for r in records], [("extension bob", 2)] * 60)
        self.assertEqual({f"{record.id}:" for record in records}, set(told))
        self.assertGreater(len([r for r in records if self.traced(line, r.id)]), 0)

    def traced(self, line: WholeLine, call: str) -> bool:
        """Is it known how a call went?"""
        return bool(self.successResultOf(line.kept.find_traces(call)))
