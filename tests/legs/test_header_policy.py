"""What is written about what passes is what passes."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.legs import header_policy
from b2bua.legs.party import Party, Policy
from b2bua.wire.message import Request

PAGE = Path(__file__).parents[2] / "docs" / "what-passes.md"
ROWS = {
    "INVITE": header_policy.INVITE,
    "re-INVITE, UPDATE": header_policy.CHANGE,
    "1xx": header_policy.PROVISIONAL,
    "2xx": header_policy.SUCCESS,
    "3xx": header_policy.MOVED,
    "4xx, 5xx, 6xx": header_policy.FAILURE,
    "CANCEL, BYE": header_policy.GOODBYE,
    "INFO, MESSAGE, NOTIFY": header_policy.REQUEST - {"record"},
    "answer to these": header_policy.REPLY,
    "from trusted peers only (RFC 3325 section 5)": header_policy.IDENTITY,
    "from extensions and trusted peers only: they can make a phone answer by itself": header_policy.ALERTING,
    "by no policy": header_policy.NEVER,
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
            self.assertEqual(header_policy.entering(request, header_policy.INVITE, party), expected)

    def test_whole(self) -> None:
        """A refusal is nothing without the field that it is about (RFC 4028 5, RFC 3261 21.3, 21.4)."""
        for code, name in (
            (422, "Min-SE"),
            (420, "Unsupported"),
            (302, "Contact"),
            (401, "WWW-Authenticate"),
        ):
            self.assertFalse(header_policy.whole(code, (("Reason", "x"),)))
            self.assertTrue(header_policy.whole(code, (("Reason", "x"), (name, "x"))))
        self.assertTrue(header_policy.whole(486, ()))

    def test_contact(self) -> None:
        """What a Contact says of its user agent (RFC 3840) is not said of ours, whatever the policy."""
        contact = '<sip:mix@198.51.100.7>;isfocus;automaton;+sip.rendering="no";+sip.byeless'
        request = Request("INVITE", "sip:bob@example.com", [("Contact", contact)])
        party = Party("extension", "mix", policy=Policy(trusted=True, pass_fields=frozenset({"Contact"})))
        for names in (header_policy.INVITE, header_policy.CHANGE, header_policy.SUCCESS):
            self.assertEqual(header_policy.entering(request, names, party), ())
