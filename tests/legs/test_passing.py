"""What is written about what passes is what passes."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.legs import passing
from b2bua.legs.party import Party, Policy
from b2bua.wire.message import Request

PAGE = Path(__file__).parents[2] / "docs" / "what-passes.md"
ROWS = {
    "INVITE": passing.INVITE,
    "re-INVITE, UPDATE": passing.CHANGE,
    "1xx": passing.PROVISIONAL,
    "2xx": passing.SUCCESS,
    "3xx": passing.MOVED,
    "4xx, 5xx, 6xx": passing.FAILURE,
    "CANCEL, BYE": passing.GOODBYE,
    "INFO, MESSAGE, NOTIFY": passing.TOLD - {"record"},
    "answer to these": passing.REPLY,
    "from trusted peers only (RFC 3325 section 5)": passing.IDENTITY,
    "from extensions and trusted peers only: they can make a phone answer by itself": passing.ALERTING,
    "by no policy": passing.NEVER,
}


class PageTests(SynchronousTestCase):
    """C{docs/what-passes.md}."""

    def test_header_fields(self) -> None:
        """
        Each row of its tables names exactly the fields of the code.

        diago#97: nobody could tell which header fields arrive at the other side.
        """
        rows = {}
        _, _, tables = PAGE.read_text(encoding="utf-8").partition("## Header fields")
        for line in tables.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if len(cells) == 2 and cells[0] in ROWS:
                rows[cells[0]] = frozenset(cells[1].split(", "))
        self.assertEqual(rows, ROWS)

    def test_part_of_the_body(self) -> None:
        """What names a part of the body stays behind with it (RFC 2392, RFC 6442 section 4.1)."""
        here, there = "<cid:alice@example.com>", "<https://lis.example/7>"
        party = Party("extension", "alice", policy=Policy(trusted=True))
        for value, passed in ((here, None), (there, there), (f"{here}, {there}", there), ("<CID:x>", None)):
            request = Request("INVITE", "sip:bob@example.com", [("Geolocation", value)])
            expected = () if passed is None else (("Geolocation", passed),)
            self.assertEqual(passing.entering(request, passing.INVITE, party), expected)

    def test_whole(self) -> None:
        """A refusal is nothing without the field that it is about (RFC 4028 5, RFC 3261 21.3, 21.4)."""
        for code, name in (
            (422, "Min-SE"),
            (420, "Unsupported"),
            (302, "Contact"),
            (401, "WWW-Authenticate"),
        ):
            self.assertFalse(passing.whole(code, (("Reason", "x"),)))
            self.assertTrue(passing.whole(code, (("Reason", "x"), (name, "x"))))
        self.assertTrue(passing.whole(486, ()))

    def test_contact(self) -> None:
        """What a Contact says of its user agent (RFC 3840) is not said of ours, whatever the policy."""
        contact = '<sip:mix@198.51.100.7>;isfocus;automaton;+sip.rendering="no";+sip.byeless'
        request = Request("INVITE", "sip:bob@example.com", [("Contact", contact)])
        party = Party("extension", "mix", policy=Policy(trusted=True, pass_fields=frozenset({"Contact"})))
        for names in (passing.INVITE, passing.CHANGE, passing.SUCCESS):
            self.assertEqual(passing.entering(request, names, party), ())
