"""
A phone that is called by pairs of callers, and joins each of them by an attended transfer.

SIPp cannot do that, since what it plays is one dialog, and an attended transfer names another one
(RFC 3891 section 3).
"""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass
from urllib.parse import quote

from b2bua.wire.message import Request, Response, write
from b2bua.wire.parser import parse
from tests.interop.load import HOST

T1 = 0.5
"""Seconds until a request is sent again."""
SDP = (
    f"v=0\r\no=- 3 3 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
    "m=audio 11792 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
).encode()


@dataclass
class Talk:
    """One dialog, that somebody else has begun."""

    invite: Request
    tag: str
    up: bool = False
    over: bool = False
    cseq: int = 0

    @property
    def target(self) -> str:
        """Where our requests go."""
        return str(self.invite.contacts[0].uri)


class Transferor(threading.Thread):
    """The phone."""

    def __init__(self, server: int, port: int, first: str) -> None:
        """
        Answer whoever calls.

        @param port: where it is registered.
        @param first: who of each pair is transferred to the other one, by the user of its From.
        """
        super().__init__(daemon=True)
        self._server, self._port, self._first = (HOST, server), port, first
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, port))
        self._socket.settimeout(0.05)
        self._talks: dict[str, Talk] = {}
        self._asked: dict[str, tuple[float, bytes]] = {}
        """Requests without a final answer, by their branches, and when they are sent again."""
        self._joins = threading.Event()
        self.going = True
        self.joined = 0
        """How many transfers have succeeded."""

    def join_them(self) -> None:
        """Transfer the first caller to the second one, the third to the fourth..."""
        self._joins.set()

    def run(self) -> None:
        """Take what comes."""
        joins = False
        while self.going:
            try:
                message = parse(self._socket.recv(65536))
            except TimeoutError:
                pass
            except ConnectionRefusedError:
                continue  # the service is being started again
            else:
                if isinstance(message, Request):
                    self._take(message)
                elif message.final:
                    self._asked.pop(message.via.branch, None)
            if self._joins.is_set() and not joins:
                joins = True
                self._refer()
            now = time.monotonic()
            for branch, (at, data) in list(self._asked.items()):
                if now >= at:
                    self._asked[branch] = now + T1, data
                    self._socket.sendto(data, self._server)

    def _take(self, request: Request) -> None:
        """Answer a request."""
        talk = self._talks.get(request.call_id)
        if request.method == "INVITE":
            if talk is None:
                talk = self._talks[request.call_id] = Talk(request, f"t{len(self._talks)}")
            self._answer(request, talk.tag, SDP)
        elif request.method == "ACK":
            if talk is not None:
                talk.up = True
        elif talk is None:
            self._answer(request, "nobody", code=481)
        else:
            self._answer(request, talk.tag)
            if request.method == "BYE":
                talk.over = True
            elif request.method == "NOTIFY" and request.body.startswith(b"SIP/2.0 200"):
                self.joined += 1
                if not talk.over:
                    talk.over = True
                    self._ask(talk, "BYE")

    def _answer(self, request: Request, tag: str, body: bytes = b"", code: int = 200) -> None:
        """Answer so."""
        fields = [
            ("Contact", f"<sip:{HOST}:{self._port}>"),
            ("Allow", "INVITE, ACK, BYE, OPTIONS, NOTIFY, UPDATE"),
        ]
        if body:
            fields.append(("Content-Type", "application/sdp"))
        response: Response = request.response(code, to_tag=tag, fields=fields, body=body)
        self._socket.sendto(write(response), self._server)

    def _refer(self) -> None:
        """Have each pair joined."""
        talks = [talk for talk in self._talks.values() if talk.up and not talk.over]
        ones = [talk for talk in talks if talk.invite.from_.uri.user == self._first]
        others = [talk for talk in talks if talk.invite.from_.uri.user != self._first]
        for one, other in zip(ones, others, strict=True):
            theirs = other.invite.from_
            replaces = quote(f"{other.invite.call_id};to-tag={theirs.tag};from-tag={other.tag}", safe="")
            self._ask(one, "REFER", f"Refer-To: <{theirs.uri}?Replaces={replaces}>\r\n")

    def _ask(self, talk: Talk, method: str, more: str = "") -> None:
        """Send a request within a dialog, again and again until it is answered."""
        talk.cseq += 1
        branch = f"z9hG4bK{talk.tag}{talk.cseq}"
        data = (
            f"{method} {talk.target} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {HOST}:{self._port};branch={branch}\r\nMax-Forwards: 70\r\n"
            f"From: {talk.invite.get('To')};tag={talk.tag}\r\nTo: {talk.invite.get('From')}\r\n"
            f"Call-ID: {talk.invite.call_id}\r\nCSeq: {talk.cseq} {method}\r\n"
            f"Contact: <sip:{HOST}:{self._port}>\r\n{more}Content-Length: 0\r\n\r\n"
        ).encode()
        self._asked[branch] = time.monotonic() + T1, data
        self._socket.sendto(data, self._server)

    def end(self) -> None:
        """Let it end."""
        self.going = False
        if self.is_alive():
            self.join()
        self._socket.close()
