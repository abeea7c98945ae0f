"""What SIPp counts is read as it stands: a row that is half written is none yet."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.sipp import last_row

HEAD = "SuccessfulCall(P);SuccessfulCall(C);FailedCall(C);Retransmissions(C);\n"


class CountedTests(SynchronousTestCase):
    """The statistics of SIPp, at any moment."""

    def test_last(self) -> None:
        """The last row counts."""
        found = last_row(f"{HEAD}0;10;0;0;\n0;1234;1;7;\n")
        self.assertEqual(
            found,
            {
                "SuccessfulCall(P)": "0",
                "SuccessfulCall(C)": "1234",
                "FailedCall(C)": "1",
                "Retransmissions(C)": "7",
            },
        )

    def test_half(self) -> None:
        """Until a row is whole the one before it counts, so no number is read that is cut off."""
        before, row = f"{HEAD}0;10;0;0;\n", "0;1234;1;7;"
        for at in range(len(row) + 1):
            self.assertEqual(last_row(before + row[:at])["SuccessfulCall(C)"], "10", at)

    def test_none(self) -> None:
        """Before the first row there is nothing."""
        for text in ("", HEAD[:20], HEAD, f"{HEAD}0;1"):
            self.assertEqual(last_row(text), {})
