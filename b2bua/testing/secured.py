"""
The media of a browser: ICE and DTLS (RFC 8839, RFC 8842), as far as descriptions show.

It does as Chrome's engine does.  Who is offered a description with other
credentials answers with new ones of its own.  The role in the DTLS handshake
stays as it is through all further offers and answers, but for an answer that
brings another fingerprint; an offer that insists on another role is an error.
"""

from __future__ import annotations

from b2bua.testing.media import Media

OPPOSITE = {"active": "passive", "passive": "active"}


class Secured(Media):
    """A session's media with one association to one peer."""

    def __init__(self, *arguments: object, **more: object) -> None:
        """Take credentials and a certificate of its own."""
        super().__init__(*arguments, **more)  # type: ignore[arg-type]  # handed through
        self.fingerprint = f"sha-256 {self.identifier:X}"
        self.ufrag = self._new_ufrag()
        self.role = ""
        """active or passive, once it was agreed on."""
        self.setup = "actpass"
        """What is said of it in the description that is being written."""
        self.peer: dict[str, str] = {}
        """The peer's attributes."""

    def _new_ufrag(self) -> str:
        return f"{self.agent.world.random.randrange(10**7, 10**8):d}"

    def make_offer(self, wish: str | None = None) -> bytes:
        """Offer with the credentials that there are, and either role."""
        self.setup = "actpass"
        return super().make_offer(wish)

    def make_answer(self, offer: bytes | None = None) -> bytes:
        """Answer to who is offered: with new credentials, if it is somebody new."""
        theirs = attributes(offer or self.remote_offer or b"")
        if self.peer and theirs["ice-ufrag"] != self.peer["ice-ufrag"]:
            self.ufrag = self._new_ufrag()
        role = OPPOSITE.get(theirs["setup"])
        if role and self.role and role != self.role:
            raise AssertionError(f"{self.agent.name}: an offer must use the negotiated role (RFC 8842 5.2)")
        self.role = self.setup = role or self.role or "active"
        self.peer = theirs
        return super().make_answer(offer)

    def received_answer(self, body: bytes) -> None:
        """Take the answer; with another fingerprint the role is negotiated anew."""
        if self.offer is not None:
            theirs = attributes(body)
            role = OPPOSITE[theirs["setup"]]
            if self.role and role != self.role and theirs["fingerprint"] == self.peer["fingerprint"]:
                raise AssertionError(f"{self.agent.name}: the role cannot be reversed (RFC 8842 5.3)")
            self.role, self.peer = role, theirs
        super().received_answer(body)

    def preview(self, body: bytes) -> None:
        """Take no answer of which nobody knows whether it counts."""

    def _finish(self, streams: list[str]) -> bytes:
        secured = [
            f"a=ice-ufrag:{self.ufrag}",
            f"a=ice-pwd:{self.ufrag}{self.ufrag}{self.ufrag}",
            f"a=fingerprint:{self.fingerprint}",
            f"a=setup:{self.setup}",
        ]
        return super()._finish([*streams, *secured])

    def associated(self, other: Secured) -> bool:
        """Do the two have each other's credentials and certificate, and opposite roles?"""
        return (
            self.peer.get("ice-ufrag") == other.ufrag
            and other.peer.get("ice-ufrag") == self.ufrag
            and self.peer.get("fingerprint") == other.fingerprint
            and other.peer.get("fingerprint") == self.fingerprint
            and OPPOSITE.get(self.role) == other.role
        )


def attributes(body: bytes) -> dict[str, str]:
    """Read the attributes that have a value; the last one of a name counts."""
    pairs = [line[2:].partition(":") for line in body.decode().split("\r\n") if line.startswith("a=")]
    return {name: value for name, colon, value in pairs if colon}
