"""A dialog: what two user agents must remember to talk to each other (RFC 3261 section 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from b2bua.errors import PeerError
from b2bua.once import Remembered
from b2bua.wire.grammar import one_text
from b2bua.wire.message import written
from b2bua.wire.names import NameAddr
from b2bua.wire.uri import Uri
from b2bua.wire.views import Message

if TYPE_CHECKING:
    from b2bua.wire.message import Field, Request, Response

MAX_FORWARDS = 70
"""What requests within a dialog start with (RFC 3261 section 8.1.1.6)."""

AHEAD = 1000
"""So many CSeq numbers, and versions of our o= line, are left to each process that has had a dialog."""

DialogKey = tuple[str, str, str]
"""Call-ID, our tag, the peer's tag."""


class Dialog:
    """
    One dialog, as seen by us.

    To and Call-ID of our requests are rendered once, and who we are is the same
    text for all dialogs of one number.  The route set is fixed when the dialog is
    made; only the remote target changes (section 12.2).
    """

    __slots__ = (
        "call_id",
        "key",
        "local",
        "local_seq",
        "local_tag",
        "owner",
        "remote_seq",
        "remote_tag",
        "remote_value",
        "routes",
        "target",
    )

    key: DialogKey
    """What tells it apart."""

    def __init__(
        self,
        call_id: str,
        local_tag: str,
        remote_tag: str,
        local: str,
        remote_value: str,
        local_seq: int,
        remote_seq: int,
        target: str,
        routes: tuple[str, ...],
        owner: bool,
    ) -> None:
        """
        Take the parts of section 12.

        @param local: our From value without its tag.
        @param remote_value: the peer's From or To value with its tag.
        @param remote_seq: the last CSeq number of the peer, or -1.
        @param target: the URI of the peer's Contact.
        @param owner: did we make the Call-ID (section 14.1)?
        """
        self.call_id = call_id
        self.local_tag = local_tag
        self.remote_tag = remote_tag
        self.key = (call_id, local_tag, remote_tag)
        self.local = local
        self.remote_value = remote_value
        self.local_seq = local_seq
        self.remote_seq = remote_seq
        self.target = target
        self.routes = routes
        self.owner = owner

    def confirm(self, response: Response) -> None:
        """
        Be confirmed: target and route set are those of the 2xx, the numbers go on (section 13.2.2.4).

        A 2xx is acknowledged whatever is in it: of what cannot be read nothing is taken.
        """
        self.target = contact_uri(response) or self.target
        self.routes = _routes_back(response) if "Record-Route" in response.first else ()
        self.remote_value = response.first["To"]

    def present(self, name_addr: str) -> None:
        """Say another name in our From from now on; the tag stays (RFC 4916 section 4.2)."""
        self.local = name_addr

    @classmethod
    def of_request(cls, request: Request, local_tag: str, local_seq: int = 0) -> Dialog:
        """
        Make the dialog of a UAS from the request that opens it (section 12.1.1).

        @raise PeerError: 400, if Record-Route is malformed; a Contact that is missing or
            no SIP address leaves C{target} empty.
        """
        # By their places: to name ten arguments costs as much again.
        return cls(
            request.call_id,
            local_tag,
            request.from_tag,
            one_text(request.first["To"]),
            request.first["From"],
            local_seq,
            request.cseq.number,
            contact_uri(request),
            tuple(map(str, request.record_routes)) if "Record-Route" in request.first else (),
            False,
        )

    @classmethod
    def of_response(
        cls,
        response: Response,
        call_id: str,
        local_tag: str,
        local: str,
        local_seq: int,
        target: str,
    ) -> Dialog:
        """
        Make the dialog of a UAC from a response with a To tag (section 12.1.2).

        @param local: the From of our request, without its tag.
        @param local_seq: the last CSeq number that we used with this Call-ID.
        @param target: where our request went.  A response cannot be refused, so
            without a Contact that can be read requests go there, too.
        """
        return cls(
            call_id,
            local_tag,
            response.to_tag,
            local,
            response.first["To"],
            local_seq,
            -1,
            contact_uri(response) or target,
            _routes_back(response) if "Record-Route" in response.first else (),
            True,
        )

    @property
    def local_value(self) -> str:
        """Our From with its tag."""
        return f"{self.local};tag={self.local_tag}"

    @property
    def next_hop(self) -> Uri:
        """Where requests go: the first route, or else the remote target (section 12.2.1.1)."""
        if self.routes:
            return NameAddr.parse(self.routes[0]).uri
        return Uri.parse(self.target)

    @property
    def secure(self) -> bool:
        """Must every hop be over TLS (section 12.1.1)?"""
        return self.target[:5] == "sips:"

    def overtaken(self, number: int) -> bool:
        """Has a request been sent after that one, for which a peer may refuse it with 500 (12.2.2)?"""
        return number < self.local_seq

    def accepts(self, number: int) -> bool:
        """
        Take note of the CSeq number of a request of the peer, if it is in order.

        A number may be skipped, but a lower one than the last is out of order
        (section 12.2.2).
        """
        if self.remote_seq >= number:
            return False
        self.remote_seq = number
        return True

    def refresh(self, message: Message) -> None:
        """Take the remote target from the Contact of a target refresh, if it has one that can be read."""
        target = contact_uri(message)
        if target:
            self.target = target

    def request(
        self,
        method: str,
        via: str,
        seq: int,
        fields: tuple[Field, ...] = (),
        body: bytes = b"",
    ) -> Request:
        """Write a request of ours (section 12.2.1.1)."""
        uri, way, lines = self.target, "", 6
        if self.routes:
            routes = self.routes
            first = NameAddr.parse(routes[0]).uri
            if not first.lr:
                # A strict router wants to see itself in the Request-URI, and
                # the target at the end of the route.
                uri = str(first.without("method").bare())
                routes = (*routes[1:], f"<{self.target}>")
            way = "".join([f"Route: {route}\n" for route in routes])
            lines += len(routes)
        head = (
            f"Via: {via}\n{way}Max-Forwards: {MAX_FORWARDS}\n"
            f"From: {self.local};tag={self.local_tag}\nTo: {self.remote_value}\n"
            f"Call-ID: {self.call_id}\nCSeq: {seq} {method}\n"
        )
        for name, value in fields:
            head += f"{name}: {value}\n"
            lines += 1
        return written(method, uri, head, lines, body)

    def snapshot(self) -> dict[str, Any]:
        """Write it down as plain values."""
        return {
            "call_id": self.call_id,
            "local_tag": self.local_tag,
            "remote_tag": self.remote_tag,
            "local_value": self.local_value,
            "remote_value": self.remote_value,
            "local_seq": self.local_seq,
            "remote_seq": self.remote_seq,
            "target": self.target,
            "routes": [*self.routes],
            "owner": self.owner,
        }

    @classmethod
    def restore(cls, plain: dict[str, Any]) -> Dialog:
        """Read what L{snapshot} wrote."""
        rest = {**plain, "routes": tuple(plain["routes"])}
        local = rest.pop("local_value").removesuffix(f";tag={rest['local_tag']}")
        return cls(local=one_text(local), **rest)


def contact_uri(message: Message) -> str:
    """The SIP URI of the first Contact (section 8.1.1.8), or the empty string."""
    if "Contact" not in message.first:
        return ""
    return _known_contact[message.first["Contact"]] if message.distinct else _first_uri(message)


def _first_uri(message: Message) -> str:
    """The same, read."""
    try:
        contacts = message.contacts
        return contacts[0].uri_text if contacts and not contacts[0].uri.opaque else ""
    except PeerError:
        return ""


_known_contact = Remembered(lambda written: _first_uri(Message((("Contact", written),))), 2048)
"""The same of a Contact as it is written: a phone sends the same in each message."""


def _routes_back(response: Response) -> tuple[str, ...]:
    """The route set of a UAC (section 12.1.2); empty if Record-Route cannot be read."""
    try:
        return tuple([str(route) for route in reversed(response.record_routes)])
    except PeerError:
        return ()
