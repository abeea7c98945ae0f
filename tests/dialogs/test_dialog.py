"""Dialogs: how they are made, and what is written in them (RFC 3261 section 12)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.dialogs.dialog import Dialog
from b2bua.wire.message import Field, Request

ROUTES = ("Record-Route", "<sip:p2.example.com;lr>, <sip:p1.example.com;lr>")


def invite(*fields: Field) -> Request:
    """Write an INVITE."""
    return Request(
        "INVITE",
        "sip:bob@example.com",
        (
            ("Via", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1"),
            ("From", "Alice <sip:alice@example.com>;tag=a"),
            ("To", "<sip:bob@example.com>"),
            ("Call-ID", "call"),
            ("CSeq", "314 INVITE"),
            ("Contact", "<sip:alice@192.0.2.9>"),
            *fields,
        ),
    )


class ServerDialogTests(SynchronousTestCase):
    """The dialog of who is called (section 12.1.1)."""

    def test_parts(self) -> None:
        """Local and remote are the other way round from the request."""
        dialog = Dialog.of_request(invite(), "b", 7)
        self.assertEqual(dialog.key, ("call", "b", "a"))
        self.assertEqual(dialog.local_value, "<sip:bob@example.com>;tag=b")
        self.assertEqual(dialog.target, "sip:alice@192.0.2.9")
        self.assertFalse(dialog.owner)

    def test_routes(self) -> None:
        """The route set is the Record-Route in its order."""
        dialog = Dialog.of_request(invite(ROUTES), "b", 7)
        self.assertEqual(dialog.routes, ("<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>"))
        self.assertEqual(str(dialog.next_hop), "sip:p2.example.com;lr")

    def test_cseq(self) -> None:
        """A number may be skipped, a lower one is out of order (section 12.2.2)."""
        dialog = Dialog.of_request(invite(), "b", 7)
        self.assertFalse(dialog.accepts(314))
        self.assertFalse(dialog.accepts(313))
        self.assertTrue(dialog.accepts(400))
        self.assertFalse(dialog.accepts(399))


class ClientDialogTests(SynchronousTestCase):
    """The dialog of who calls (section 12.1.2)."""

    def dialog(self, *fields: Field) -> Dialog:
        """Have an INVITE answered."""
        request = invite()
        response = request.response(200, to_tag="b", fields=(("Contact", "<sip:bob@192.0.2.8>"), *fields))
        return Dialog.of_response(
            response,
            call_id=request.call_id,
            local_tag=request.from_.tag,
            local=request.first["From"].removesuffix(";tag=a"),
            local_seq=314,
            target=request.uri,
        )

    def test_parts(self) -> None:
        """The remote tag is that of the response's To, and the Call-ID is ours."""
        dialog = self.dialog()
        self.assertEqual(dialog.key, ("call", "a", "b"))
        self.assertEqual(dialog.remote_value, "<sip:bob@example.com>;tag=b")
        self.assertTrue(dialog.owner)

    def test_routes(self) -> None:
        """The route set is the Record-Route in reverse order."""
        self.assertEqual(self.dialog(ROUTES).routes, ("<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"))

    def test_request(self) -> None:
        """A request has the remote target as its Request-URI and the next CSeq (section 12.2.1.1)."""
        dialog = self.dialog(ROUTES)
        bye = dialog.request("BYE", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2", 315)
        self.assertEqual(bye.uri, "sip:bob@192.0.2.8")
        self.assertEqual(bye.cseq, (315, "BYE"))
        self.assertEqual(bye.max_forwards, 70)
        self.assertEqual([str(r) for r in bye.routes], list(dialog.routes))
        self.assertEqual(bye.from_.tag, "a")
        self.assertEqual(bye.to.tag, "b")

    def test_strict_router(self) -> None:
        """A first route without lr takes the Request-URI, and the target goes last (section 12.2.1.1)."""
        dialog = self.dialog(("Record-Route", "<sip:p2.example.com;lr>, <sip:p1.example.com>"))
        bye = dialog.request("BYE", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2", 315)
        self.assertEqual(bye.uri, "sip:p1.example.com")
        self.assertEqual([str(r) for r in bye.routes], ["<sip:p2.example.com;lr>", "<sip:bob@192.0.2.8>"])

    def test_target_refresh(self) -> None:
        """A Contact replaces the remote target; the route set stays (section 12.2)."""
        dialog = self.dialog(ROUTES)
        dialog.refresh(invite(("Record-Route", "<sip:evil.example.com;lr>")))
        self.assertEqual(dialog.target, "sip:alice@192.0.2.9")
        self.assertEqual(len(dialog.routes), 2)

    def test_no_contact(self) -> None:
        """Without a Contact the remote target stays."""
        dialog = self.dialog()
        dialog.refresh(invite().with_fields(remove=("Contact",)))
        self.assertEqual(dialog.target, "sip:bob@192.0.2.8")

    def test_snapshot(self) -> None:
        """What was written down makes the same dialog."""
        dialog = self.dialog(ROUTES)
        again = Dialog.restore(dialog.snapshot())
        self.assertEqual(again.snapshot(), dialog.snapshot())
        self.assertEqual(again.key, dialog.key)
