"""
The messages of a basic call, as cheap as they can be made.

Both ends look like Yealink phones: the same header fields, the same order.
Answers are made by copying lines of the request, so that nothing of our own
parser is on the side of the load.
"""

from __future__ import annotations

SDP = (
    b"v=0\r\no=- 20000 20000 IN IP4 192.0.2.9\r\ns=SDP data\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    b"m=audio 11780 RTP/AVP 0 8 9 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:9 G722/8000\r\na=fmtp:101 0-15\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"a=ptime:20\r\na=sendrecv\r\n"
)
_METHODS = (
    "INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, "
    "REGISTER, SUBSCRIBE, REFER, PUBLISH, UPDATE, MESSAGE"
)
_AGENT = "Yealink SIP-T46G 28.81.0.25"


class Caller:
    """Makes the requests of a caller."""

    def __init__(self, host: str, port: int, server: str, callee: str, domain: str) -> None:
        """
        Prepare.

        @param server: C{host:port} of the server.
        @param callee: the user part that is dialled.
        """
        self._invite = (
            f"INVITE sip:{callee}@{server} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bKi%d\r\n"
            f'From: "Alice" <sip:alice@{domain}>;tag=f%d\r\n'
            f"To: <sip:{callee}@{domain}>\r\n"
            f"Call-ID: 0_%d@{host}\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:alice@{host}:{port}>\r\nContent-Type: application/sdp\r\n"
            f"Allow: {_METHODS}\r\nMax-Forwards: 70\r\nUser-Agent: {_AGENT}\r\n"
            "Supported: replaces\r\nAllow-Events: talk,hold,conference,refer,check-sync\r\n"
            f"Content-Length: {len(SDP)}\r\n\r\n"
        ).encode() + SDP
        self._later = (
            "%s %s SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK%s%d\r\n"
            "%s\r\n%s\r\n"
            f"Call-ID: 0_%d@{host}\r\nCSeq: %d %s\r\n"
            f"Contact: <sip:alice@{host}:{port}>\r\nMax-Forwards: 70\r\nUser-Agent: {_AGENT}\r\n"
            "Content-Length: 0\r\n\r\n"
        )

    def invite(self, number: int) -> bytes:
        """Write the INVITE of a call."""
        return self._invite.replace(b"%d", b"%d" % number)

    def later(self, method: str, number: int, answer: bytes) -> bytes:
        """Write the ACK or BYE, which needs To and Contact of the answer."""
        # Bytes as they came: an answer may hold anything.
        text = answer.decode("latin-1")
        lines = text.split("\r\n")
        from_ = next(line for line in lines if line.startswith("From:"))
        to = next(line for line in lines if line.startswith("To:"))
        contact = next(line for line in lines if line.startswith("Contact:"))
        uri = contact[contact.index("<") + 1 : contact.index(">")]
        cseq = 1 if method == "ACK" else 2
        return (
            self._later % (method, uri, method[0].lower(), number, from_, to, number, cseq, method)
        ).encode("latin-1")


_KEPT = (b"Via:", b"From", b"Call", b"CSeq", b"To: ")


class Callee:
    """Makes the responses of a callee."""

    def __init__(self, host: str, port: int, user: str) -> None:
        """Prepare."""
        contact = b"Contact: <sip:%s@%s:%d>" % (user.encode(), host.encode(), port)
        self._more = (
            contact,
            b"Allow: " + _METHODS.encode(),
            b"User-Agent: " + _AGENT.encode(),
        )
        self._ports = 0

    def answer(self, request: bytes, status: bytes, body: bytes = b"") -> bytes:
        """Answer a request."""
        lines = []
        for line in request.partition(b"\r\n\r\n")[0].split(b"\r\n"):
            if line[:4] in _KEPT or line[:12] == b"Record-Route":
                if line[:3] == b"To:" and b";tag=" not in line and status[:3] != b"100":
                    line += b";tag=t%d" % (hash(request) & 0xFFFFFFFF)
                lines.append(line)
        lines += self._more
        if body:
            lines.append(b"Content-Type: application/sdp")
        lines.append(b"Content-Length: %d" % len(body))
        return b"SIP/2.0 " + status + b"\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + body

    def ring(self, invite: bytes) -> tuple[bytes, bytes, bytes]:
        """Answer an INVITE: 100, 180 and 200 of one dialog."""
        first = self.answer(invite, b"180 Ringing")
        return self.answer(invite, b"100 Trying"), first, self.answer(invite, b"200 OK", SDP)
