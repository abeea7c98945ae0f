"""The rules for offers and answers as they are seen at the server's edge (RFC 3264, 6337)."""

from __future__ import annotations

from collections.abc import Callable

from b2bua.testing.sdp import MIRROR, Description, read, without_origin
from b2bua.wire.message import Request, Response
from b2bua.wire.multipart import session_of


class Exchange:
    """The offers and answers of one dialog."""

    def __init__(self, complain: Callable[[str, str], None]) -> None:
        """
        Begin before the first offer.

        @param complain: told what is wrong, and the section that says so.
        """
        self._complain = complain
        self.server_offer: bytes | None = None
        """The server's offer that has no answer."""
        self.peer_offer: bytes | None = None
        """The peer's offer that has no answer."""
        self._server_last: bytes | None = None
        self._server_held: bytes | None = None
        """What the server said before its last offer, and what holds again when that is refused."""
        self._peer_last: bytes | None = None
        self._preview: dict[str, bytes] = {}
        """What an unreliable response said before, by the tag of To."""
        self._offered_in: dict[int, bytes] = {}
        """The offers of the server in a 2xx or reliable 1xx, by CSeq: the answer comes in ACK or PRACK."""
        self._answered_in: set[tuple[str, int]] = set()
        """The requests of the peer whose offer has been answered reliably, by method and CSeq."""
        self._agreed = False
        self._versions: dict[int, bytes] = {}
        self._refused = False
        """Was the server's last offer refused, so that the one before it holds?"""
        self._owed: bytes | None = None
        """The peer's offer that had no answer when the server died; a 2xx brings it again."""
        self._sent = self._lost = -1
        """The highest CSeq of an INVITE that the server has sent, and what that was when it died."""
        self._unknown = False
        """Has a server asked for the peer's offer that is gone, so that the next one does not know of it?"""
        self._crashed = False
        """Has the server lost its memory since its last body, so that its versions may leave a gap?"""

    # Two ways to see each message

    def crashed(self) -> None:
        """The server is gone, and with it what it has not been answered, or has not answered."""
        self._owed = self.peer_offer or self._owed  # another crash may come before the answer
        self.server_offer = self.peer_offer = None
        self._crashed, self._lost = True, self._sent

    def request_leaves(self, request: Request) -> None:
        """A request of the server, not an ACK."""
        if request.method == "INVITE":
            self._sent = request.cseq.number
        body = session_of(request)
        if body is None:
            return
        if request.method == "PRACK" and self.peer_offer is not None:
            self._server_answers(body, self.peer_offer, "PRACK")
            self.peer_offer = None
        elif request.method in ("INVITE", "UPDATE", "PRACK"):
            self._server_offers(body, request.method)

    def offer_lost(self, request: Request) -> None:
        """A request of the server was refused, or got lost with its connection: all is as it was (14.1)."""
        if session_of(request) is not None and self.server_offer is not None:
            self.server_offer, self._refused = None, True
            self._server_last = self._server_held or self._server_last

    def ack_leaves(self, ack: Request) -> None:
        """The server's ACK of a 2xx: with the answer, if the 2xx brought the offer."""
        body = session_of(ack)
        if self.peer_offer is not None and body is not None:
            self._server_answers(body, self.peer_offer, "ACK")
            self.peer_offer = None
        elif self.peer_offer is not None:
            self._complain("ACK without the answer to the offer of the 2xx", "RFC 3261 13.2.2.4")
            self.peer_offer = None
        elif self._owed is not None and body is not None:
            self._server_answers(body, self._owed, "ACK")
            self._owed = None
        elif body is not None:
            self._complain("ACK with SDP that nobody asked for", "RFC 6337 2.2")

    def answer_came(self, request: Request, response: Response) -> None:
        """The peer's answer to a request of the server."""
        body = session_of(response)
        if response.code >= 300:
            self.offer_lost(request)
            return
        if body is None:
            return
        reliable = response.success or "100rel" in response.require
        if self.server_offer is not None:
            if reliable:
                self.server_offer = None
                self._peer_last, self._agreed = body, True
        elif session_of(request) is None and reliable and request.method in ("INVITE", "PRACK"):
            first = response.code < 200 or not self._agreed or bool(request.to.tag)
            if first:
                self.peer_offer = self._peer_last = body
                self._unknown = request.cseq.number == self._lost

    def request_came(self, request: Request) -> None:
        """Do nothing: the peer's offers are noted when the server answers them."""

    def answer_leaves(self, request: Request, response: Response) -> None:
        """The server's answer to a request of the peer."""
        asked, body = session_of(request), session_of(response)
        title = f"{response.code} to {request.method}"
        if request.method not in ("INVITE", "UPDATE", "PRACK"):
            return
        if response.code >= 300:
            self._preview.clear()
            return
        reliable = response.success or "100rel" in response.require
        if asked is not None:
            self._answered(asked, body, (request.method, request.cseq.number), reliable, response)
        elif body is not None and request.method == "INVITE":
            self._offered(body, title, request.cseq.number, reliable)
        elif body is None and response.success and request.method == "INVITE" and not self._agreed:
            self._complain(f"{title} without an offer", "RFC 3261 13.3.1.4")

    def _answered(
        self, offer: bytes, body: bytes | None, which: tuple[str, int], reliable: bool, response: Response
    ) -> None:
        tag, title = response.to.tag, f"{response.code} to {which[0]}"
        if body is None:
            if response.success and tag not in self._preview and which not in self._answered_in:
                self._complain(f"{title} without the answer to the offer", "RFC 3261 13.3.1.4")
            elif response.success and tag in self._preview:
                self._complain(f"{title} does not repeat the answer of the 18x", "RFC 6337 2.4")
            return
        before = self._preview.get(tag)
        if before is not None and before != body:
            self._complain(f"{title} differs from the answer of the 18x", "RFC 6337 2.4")
        if before is None and not (which in self._answered_in and body == self._server_last):
            self._server_answers(body, offer, title)
        if reliable:
            self._preview.pop(tag, None)
            self._answered_in.add(which)
            self._agreed = True
        else:
            self._preview[tag] = body

    def _offered(self, body: bytes, title: str, cseq: int, reliable: bool) -> None:
        if not reliable:
            self._complain(f"{title} offers unreliably", "RFC 3262 5")
        if cseq not in self._offered_in:
            self._server_offers(body, title)
            self._offered_in[cseq] = body

    def ack_came(self, ack: Request) -> None:
        """The peer's ACK of a 2xx."""
        if self._offered_in.pop(ack.cseq.number, None) is not None:
            self.server_offer = None
            self._peer_last = session_of(ack) or self._peer_last
            self._agreed = True

    # The rules

    def _read(self, body: bytes, title: str) -> Description | None:
        try:
            return read(body)
        except (ValueError, IndexError) as error:
            self._complain(f"{title} with SDP that is malformed: {error}", "RFC 4566 5")
            return None

    def _server_offers(self, body: bytes, title: str) -> None:
        if self.server_offer is not None and self._agreed:
            self._complain(f"{title} offers while an offer is open", "RFC 3264 4")
        if self.peer_offer is not None and not self._unknown:
            self._complain(f"{title} offers while the peer's offer is open", "RFC 3264 4")
        self._server_held = self._server_last
        self._lines(body, title, offers=True)
        self._refused = False
        self.server_offer = body

    def _server_answers(self, body: bytes, offer: bytes, title: str) -> None:
        self._lines(body, title, offers=False)
        ours, theirs = self._read(body, title), read(offer)
        if ours is None:
            return
        if len(ours.streams) != len(theirs.streams):
            self._complain(
                f"{title} answers {len(theirs.streams)} m-lines with {len(ours.streams)}", "RFC 3264 6"
            )
            return
        for mine, wanted in zip(ours.streams, theirs.streams, strict=True):
            if (mine.kind, mine.protocol) != (wanted.kind, wanted.protocol):
                self._complain(f"{title} answers {wanted.kind} with {mine.kind}", "RFC 3264 6")
            elif wanted.port == 0 and mine.port != 0:
                self._complain(f"{title} accepts what was not offered", "RFC 3264 6")
            elif mine.port != 0:
                self._direction(mine.direction, wanted.direction, title)
                if not set(mine.formats) & set(wanted.formats):
                    self._complain(f"{title} has no format of the offer", "RFC 3264 6.1")

    def _direction(self, mine: str, wanted: str, title: str) -> None:
        """Section 6.1: what may answer what."""
        most = MIRROR[wanted]
        if ("send" in mine and "send" not in most) or ("recv" in mine and "recv" not in most):
            self._complain(f"{title} answers {wanted} with {mine}", "RFC 3264 6.1")

    def _lines(self, body: bytes, title: str, *, offers: bool) -> None:
        """
        Section 8: the o= line, its version, and m-lines that stay where they are.

        @param offers: is it an offer?  An answer has the m-lines of the peer's.
        """
        before, self._server_last = self._server_last, body
        new = self._read(body, title)
        if new is None:
            return
        if before is None:
            self._versions[new.version] = without_origin(body)
            return
        old = read(before)
        if new.source != old.source:
            self._complain(f"{title} changes the o= line from {old.source} to {new.source}", "RFC 3264 8")
        told = self._versions.get(new.version)
        if told is not None and told != without_origin(body):
            self._complain(f"{title} has version {new.version} of another body", "RFC 3264 8")
        elif told is None and self._crashed and new.version > max(self._versions):
            self._crashed = False
        elif told is None and new.version != max(self._versions) + 1:
            self._complain(f"{title} has version {new.version} after {max(self._versions)}", "RFC 3264 8")
        elif told is None and without_origin(before) == without_origin(body) and not self._refused:
            self._complain(f"{title} has a new version though nothing changed", "RFC 4028 7.4")
        self._versions[new.version] = without_origin(body)
        if offers and len(new.streams) < len(old.streams):
            self._complain(f"{title} has fewer m-lines than before", "RFC 3264 8")
        for was, now in zip(old.streams, new.streams, strict=False):
            if was.kind != now.kind and was.port != 0:
                self._complain(f"{title} turns {was.kind} into {now.kind}", "RFC 3264 8")
