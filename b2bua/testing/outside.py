"""A phone sends a request that belongs to no dialog: a MESSAGE, an OPTIONS (RFC 3261 section 8.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.testing.account import Account
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.testing.dialog import Fields


class Sent:
    """One of them; a challenge is answered."""

    def __init__(self) -> None:
        """Wait for the answer."""
        self.code = 0
        """The final status, 408 when none came, 0 while it is awaited."""
        self.response: Response | None = None


class Outside(Account):
    """What a phone sends outside of dialogs, registrations apart."""

    def outside(self, method: str, to: str, *, fields: Fields = (), body: bytes = b"") -> Sent:
        """Send one to somebody."""
        uri, sent = self.uri_of(to), Sent()
        head = [
            ("Via", self.via()),
            *([] if any(name == "Max-Forwards" for name, _ in fields) else [("Max-Forwards", "70")]),
            ("From", f"{self.name_addr};tag={self.token()}"),
            ("To", f"<{uri}>"),
            ("Call-ID", f"0_{self.token()}@{self.host}"),
            ("CSeq", f"1 {method}"),
            *fields,
        ]
        self._send_outside(Request(method, uri, head, body), sent)
        return sent

    def _send_outside(self, request: Request, sent: Sent) -> None:
        """Send it, once more with credentials if need be."""

        def heard(response: Response | None) -> None:
            if response is not None and response.code in (401, 407):
                again = self.with_credentials(request, response)
                if again is not None:
                    number = request.cseq.number + 1
                    fields = [("Via", self.via()), ("CSeq", f"{number} {request.method}")]
                    self._send_outside(again.with_fields(remove=("Via", "CSeq"), prepend=fields), sent)
                    return
            if response is None or response.code >= 200:
                sent.code, sent.response = (408, None) if response is None else (response.code, response)

        self.ask(request, heard)
