"""A phone's own end of a dialog (RFC 3261 section 12)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from b2bua.testing.exchange import Asked, Asking
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.testing.account import Account

Field = tuple[str, str]
Fields = Iterable[Field]

ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, PRACK, UPDATE, REFER, NOTIFY, SUBSCRIBE, MESSAGE"


class Dialog:
    """Identifiers, sequence numbers and routes; requests and answers within them."""

    def __init__(self, phone: Account, incoming: bool) -> None:
        """Begin with nothing known of the peer."""
        self.phone = phone
        self.incoming = incoming
        self.call_id = ""
        self.local_tag = phone.token()
        self.remote_tag = ""
        self.local = ""
        """Our name-addr, without the tag."""
        self.remote = ""
        self.target = ""
        """Where the peer wants requests to go: its Contact."""
        self.routes: list[str] = []
        self.local_cseq = phone.world.random.randrange(1, 1000)
        self.remote_cseq = 0
        self.requests: set[Asking] = set()
        """Requests of ours that have no final answer yet."""

    # Written

    def tagged(self, address: str, tag: str) -> str:
        """Put a tag behind a name-addr."""
        return f"{address};tag={tag}" if tag else address

    def compose(self, method: str, fields: Fields = (), body: bytes = b"", *, cseq: int = 0) -> Request:
        """Write a request within the dialog (section 12.2.1.1)."""
        if not cseq:
            self.local_cseq += 1
            cseq = self.local_cseq
        head: list[Field] = [
            ("Via", self.phone.via()),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in self.routes),
            ("From", self.tagged(self.local, self.local_tag)),
            ("To", self.tagged(self.remote, self.remote_tag)),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
        if method not in ("ACK", "BYE", "PRACK", "INFO", "MESSAGE"):
            head.append(("Contact", f"<{self.phone.contact}>"))
        head.append(("User-Agent", self.phone.user_agent))
        head += fields
        if body and not any(name == "Content-Type" for name, _ in head):
            head.append(("Content-Type", "application/sdp"))
        return Request(method, self.target, head, body)

    def ask(
        self,
        method: str,
        fields: Fields = (),
        body: bytes = b"",
        hear: Callable[[Response | None], None] | None = None,
    ) -> Asking:
        """
        Send a request within the dialog.

        A challenge is answered without anybody noticing; what else comes is
        put into the phone's inbox and then told to C{hear}.
        """
        return self.ask_as(self.compose(method, fields, body), hear)

    def ask_as(self, request: Request, hear: Callable[[Response | None], None] | None = None) -> Asking:
        """Send a request that has been written already."""

        def heard(response: Response | None) -> None:
            again: Request | None = None
            if response is not None and response.code in (401, 407):
                again = self.phone.with_credentials(request, response)
            if response is None or response.code >= 200:
                self.requests.discard(asking)
            if again is not None:
                self.local_cseq += 1
                fields = [("Via", self.phone.via()), ("CSeq", f"{self.local_cseq} {request.method}")]
                again = again.with_fields(remove=("Via", "CSeq"), prepend=fields)
                self.asked_again(request, self.ask_as(again, hear))
                return
            if response is not None:
                self.got(response)
            if hear is not None:
                hear(response)

        asking = self.phone.ask(request, heard)
        self.requests.add(asking)
        return asking

    def got(self, response: Response) -> None:
        """Put an answer where a script finds it."""
        self.phone.got(response, self)

    def asked_again(self, request: Request, asking: Asking) -> None:
        """A challenged request was sent again."""

    # Read

    def respond(
        self, asked: Asked, code: int, fields: Fields = (), body: bytes = b"", reason: str = ""
    ) -> Response:
        """Answer a request of the peer."""
        fields = list(fields)
        method = asked.request.method
        if code < 300 and code > 100 and method in ("INVITE", "UPDATE", "SUBSCRIBE", "REFER", "NOTIFY"):
            fields.append(("Contact", f"<{self.phone.contact}>"))
        if method in ("INVITE", "UPDATE", "OPTIONS") and 100 < code < 300:
            fields.append(("Allow", ALLOW))
            fields.append(("Supported", ", ".join(self.phone.supported)))
        if body and not any(name == "Content-Type" for name, _ in fields):
            fields.append(("Content-Type", "application/sdp"))
        fields.append(("User-Agent", self.phone.user_agent))
        response = asked.request.response(
            code, reason, to_tag="" if code == 100 else self.local_tag, fields=fields, body=body
        )
        asked.respond(response)
        return response

    def in_order(self, asked: Asked) -> bool:
        """Section 12.2.2: a request with a lower CSeq came too late."""
        number = asked.request.cseq.number
        if number < self.remote_cseq:
            self.respond(asked, 500)
            return False
        self.remote_cseq = number
        return True

    def refresh_target(self, message: Request | Response) -> None:
        """Take over the Contact of a target refresh (section 12.2.1.2)."""
        contacts = message.contacts
        if contacts:
            self.target = contacts[0].uri_text

    def learn_from_request(self, request: Request) -> None:
        """Section 12.1.1: what the INVITE says of the dialog, seen by the UAS."""
        self.call_id = request.call_id
        self.remote_tag = request.from_.tag or ""
        self.local = bare(request.get("To") or "")
        self.remote = bare(request.get("From") or "")
        self.routes = request.values("Record-Route")
        self.remote_cseq = request.cseq.number
        self.refresh_target(request)

    def learn_from_response(self, response: Response) -> None:
        """Section 12.1.2: what a response says of the dialog, seen by the UAC."""
        self.remote_tag = response.to.tag or ""
        self.routes = list(reversed(response.values("Record-Route")))
        self.refresh_target(response)


def bare(address: str) -> str:
    """Take the parameters off a name-addr that has angle brackets, or as good as has them."""
    if "<" in address:
        return address[: address.rindex(">") + 1]
    return f"<{address.split(';')[0].strip()}>"
