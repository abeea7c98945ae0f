"""
A sample of all messages with one field broken; C{make test-long} plays every one.

What is broken, and what has to hold, is said in C{broken_fields}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.broken_fields import FORMS, OPTIONAL, broken, cells, undisturbed
from tests.simulation.depth import one_of
from tests.simulation.ladders_to_break import LADDERS

EVERY = one_of(853, 97)
"""One cell of so many is played here; a prime, so that all messages, fields and forms have their turn."""


class BrokenFieldTests(SynchronousTestCase):
    """Each message that we receive, each header field of it, broken in every way."""

    def test_sample(self) -> None:
        """
        A field that is not needed and malformed is ignored, one that is needed is refused.

        In no case is anything raised, left, unanswered or unacknowledged, and
        nobody else suffers (RFC 3261 sections 8.2.2 and 13.2.2.4).
        """
        found = []
        for at, ladder in enumerate(LADDERS):
            for number, cell in enumerate(cells(ladder)):
                if number % EVERY == at and (wrong := cell.play()):
                    found.append(f"{cell}\n    {wrong}")
        self.assertEqual(found, [])

    def test_all_ladders(self) -> None:
        """Every kind of ladder is there: call, hold, transfer, registration, trunk, subscription."""
        methods = {
            data.split(b" ")[0]
            for ladder in LADDERS
            for data in undisturbed(ladder)[1]
            if data[:4] != b"SIP/"
        }
        wanted = b"INVITE ACK BYE CANCEL PRACK UPDATE REGISTER REFER SUBSCRIBE NOTIFY OPTIONS"
        self.assertLessEqual(set(wanted.split()), methods)

    def test_broken(self) -> None:
        """Each form breaks the field that it is asked to, and no other."""
        data = b"OPTIONS sip:a SIP/2.0\r\nTo: <sip:a@b>\r\nCSeq: 1 OPTIONS\r\n\r\nbody"
        for form in FORMS:
            for field in ("To", OPTIONAL[0]):
                if (form.name, field) != ("missing", OPTIONAL[0]):
                    made = broken(data, field, form)
                    self.assertNotEqual(made, data, form.name)
                    self.assertIn(b"\r\nCSeq: 1 OPTIONS\r\n\r\nbody", made)
