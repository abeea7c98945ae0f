"""When the record of a call is kept."""

from __future__ import annotations

from typing import Any

from b2bua.calls.call import Call
from tests.ladders.transfers import TransferTestCase


class RecordedTests(TransferTestCase):
    """What would be left of a call if the service died now."""

    def setUp(self) -> None:
        """Note what is given to be kept."""
        super().setUp()
        served = self.world.served
        assert served is not None
        self.kept: list[dict[str, Any]] = []
        calls = served.server.core.calls
        calls.began = calls.recorded = self.keep

    def keep(self, call: Call) -> None:
        """Write it down as a store would."""
        self.kept.append(call.record.to_plain())

    def test_answered(self) -> None:
        """A record is kept when the call begins and when it is answered, with who answered."""
        self.alice.dial("bob")
        self.world.run(3)
        self.assertEqual([(record["answered"] is None, record["status"]) for record in self.kept], [
            (True, 0), (False, 200),
        ])  # fmt: skip
        self.assertEqual(self.kept[-1]["answered_by"], "extension bob")
        self.alice.hang_up()
        self.quiet()

    def test_transferred(self) -> None:
        """And at each change: whoever comes, goes, or answers later is in it."""
        self.alice.dial("bob")
        self.world.run(3)
        self.bob.session.transfer("carol")
        self.world.run(5)
        legs = self.kept[-1]["legs"]
        self.assertEqual(
            [(leg["party"], leg["answered"] is not None, leg["ended"] is not None) for leg in legs],
            [
                ("extension alice", True, False),
                ("extension bob", True, True),
                ("extension carol", True, False),
            ],
        )
        self.alice.hang_up()
        self.quiet()
