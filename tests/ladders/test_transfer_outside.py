"""REFER outside of the dialog that it is about (RFC 5589 section 6.1, RFC 4538)."""

from __future__ import annotations

from b2bua.testing.phone import Phone
from b2bua.testing.session import Session
from b2bua.wire.message import Request, Response
from tests.ladders.transfers import TransferTestCase


class OutsideTests(TransferTestCase):
    """Bob talks to Alice, and somebody refers to that dialog from outside."""

    def refer(self, phone: Phone, to: str, dialog: Session | None) -> int:
        """Send a REFER with Target-Dialog, credentials and all; its final status."""
        fields = [
            ("Max-Forwards", "70"),
            ("From", f"<{phone.aor}>;tag={phone.token()}"),
            ("To", f"<sip:{self.world.domain}>"),
            ("Call-ID", phone.token()),
            ("Contact", f"<{phone.contact}>"),
            ("Refer-To", f"<{phone.uri_of(to)}>"),
            ("Refer-Sub", "false"),
        ]
        if dialog is not None:
            # The tags as the recipient sees them (RFC 4538 section 4): local is ours, remote the phone's.
            value = f"{dialog.call_id};local-tag={dialog.remote_tag};remote-tag={dialog.local_tag}"
            fields += [("Target-Dialog", value), ("Require", "tdialog")]
        codes: list[int] = []

        def send(request: Request, seq: int) -> None:
            head = [("Via", phone.via()), ("CSeq", f"{seq} REFER")]
            numbered = request.with_fields(remove=("Via", "CSeq"), prepend=head)

            def heard(response: Response | None) -> None:
                again = None
                if response is not None and response.code == 401:
                    again = phone.with_credentials(numbered, response)
                if again is not None:
                    send(again, seq + 1)
                elif response is not None:
                    codes.append(response.code)

            phone.ask(numbered, heard)

        send(Request("REFER", f"sip:{self.world.domain}", fields), 1)
        self.world.run(4)
        return codes[-1]

    def test_by_a_party(self) -> None:
        """A party of the dialog may: the transfer is carried out (RFC 5589 section 6.1)."""
        _, bobs = self.call(self.alice, self.bob)
        self.assertEqual(self.refer(self.bob, "carol", bobs), 202)
        self.world.run(4)
        self.only_talking(self.alice, self.carol)
        self.alice.hang_up()
        self.quiet()

    def test_by_a_stranger_to_the_dialog(self) -> None:
        """
        Carol knows the identifiers but is no party of it: 403, and nothing is torn down.

        pocket-dial#133: any phone could transfer anybody's call; acceptance list, item 12.
        """
        _, bobs = self.call(self.alice, self.bob)
        self.assertEqual(self.refer(self.carol, "carol", bobs), 403)
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.quiet()

    def test_unknown_dialog(self) -> None:
        """A dialog that does not exist: 481."""
        _, bobs = self.call(self.alice, self.bob)
        self.alice.hang_up()
        self.world.run(40)
        self.assertEqual(self.refer(self.bob, "carol", bobs), 481)
        self.quiet()

    def test_without_dialog(self) -> None:
        """A REFER that is about no dialog is declined: we call nobody for a stranger's wish."""
        self.assertEqual(self.refer(self.bob, "carol", None), 603)
        self.quiet()
