"""
A Yealink phone as scenarios of SIPp: what it sends, step by step.

The header fields are those of the administrator's guide and of captures: the
shape of the Call-ID, Allow, Allow-Events, Supported, User-Agent.  A scenario
insists on the order of messages, since SIPp fails a call at the first one that
it does not expect; their content is looked at afterwards, in what SIPp wrote
down (L{Phone.received}).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol

from b2bua.wire.message import Request, Response, write
from b2bua.wire.parser import parse
from tests.interop.processes import Program, free_port, reactor
from tests.interop.programs import need

HOST = "127.0.0.1"
AGENT = "Yealink SIP-T46G 28.81.0.25"
ALLOW = (
    "INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER, PUBLISH, "
    "UPDATE, MESSAGE"
)
EVENTS = "talk,hold,conference,refer,check-sync"
PATIENCE = 60.0
"""Seconds that a whole flow may take; reached only when it fails."""
LOOK = 0.05

_LEVEL = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario name="{name}">\n{steps}\n{used}</scenario>\n'
_WRITTEN = re.compile(
    rb"(\d+-\d+-\d+\s+\d+:\d+:\d+\.\d+)\n(?:UDP|TCP) message (sent|received) [\[(](\d+)\]? bytes[^\n]*\n\n"
)


def sdp(port: int, direction: str = "sendrecv", version: int = 20000, address: str = "[local_ip]") -> str:
    """The session of a phone; each has a port of its own, by which it is known."""
    return (
        f"v=0\no=- {version} {version} IN IP4 [local_ip]\ns=SDP data\nc=IN IP4 {address}\nt=0 0\n"
        f"m=audio {port} RTP/AVP 0 8 9 101\na=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\n"
        f"a=rtpmap:9 G722/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:20\n"
        f"a={direction}\n"
    )


class Script:
    """One scenario of one phone, put together step by step; each step gives the script back."""

    def __init__(self, user: str, password: str, *, t1: int = 500, parameters: str = "") -> None:
        """
        Begin.

        @param t1: the phone's estimate of a round trip in milliseconds; a
            Yealink can be set to anything from 500 to 10,000.
        @param parameters: what it adds to the URI that is called.
        """
        self._parameters = parameters
        self.user = user
        self.password = password
        self._t1 = t1
        self._steps: list[str] = []
        self._cseq = 0
        self._callee = False
        self._peer = ""
        self.target = ""
        """The user part of the Request-URI, with its @."""
        self.waits = False
        """Does it wait for the test to tell it something?"""

    def __str__(self) -> str:
        """As XML."""
        # SIPp takes a variable that is used only once for a mistake.
        once = ["from", "to", "cseq"] * self._callee + ["told"] * self.waits
        used = f'<Reference variables="{",".join(once)}"/>\n' if once else ""
        return _LEVEL.format(name=self.user, steps="\n".join(self._steps), used=used)

    # ---- the two sides of a dialog --------------------------------------

    def _head(self, method: str, uri: str, cseq: int, via: str) -> str:
        """What every request of the phone begins with."""
        if self._callee:
            from_, to = f"[$to];tag=[pid]{self.user}", "[$from]"
        else:
            from_ = f'"Phone {self.user}" <sip:{self.user}@[remote_ip]>;tag=[pid]{self.user}'
            to = f"<sip:{self._peer}@[remote_ip]>"
            if uri == "[next_url]":
                to += "[peer_tag_param]"
        return (
            f"{method} {uri} SIP/2.0\n{via}\nFrom: {from_}\nTo: {to}\nCall-ID: [call_id]\n"
            f"CSeq: {cseq} {method}\n{_CONTACT.format(user=self.user)}\n"
            f"Max-Forwards: 70\nUser-Agent: {AGENT}\n"
        )

    def _send(self, head: str, body: str = "", *, fragment: str = "", again: bool = True) -> Script:
        """Add a message that the phone sends."""
        if body:
            head += "Content-Type: application/sdp\n"
        repeat = f' retrans="{self._t1}"' if again else ""
        text = f"{head}Content-Length: [len]\n\n{body or fragment}"
        self._steps.append(f"<send{repeat}><![CDATA[\n{text}\n]]></send>")
        return self

    def request(
        self, method: str, *fields: str, body: str = "", fragment: str = "", uri: str = "[next_url]"
    ) -> Script:
        """
        Send a request within the dialog.

        @param body: a session.
        @param fragment: another body, whose type is among the fields.
        """
        self._cseq += 1
        head = self._head(method, uri, self._cseq, _VIA)
        for field in fields:
            head += field + "\n"
        return self._send(head, body, fragment=fragment)

    def ack(self) -> Script:
        """Acknowledge a 2xx."""
        return self._send(self._head("ACK", "[next_url]", self._cseq, _VIA), again=False)

    def ack_refusal(self) -> Script:
        """Acknowledge a final response that is no 2xx: within its transaction."""
        text = (
            f"ACK {self._called} SIP/2.0\n[last_Via:]\n[last_From:]\n[last_To:]\nCall-ID: [call_id]\n"
            f"CSeq: {self._cseq} ACK\nMax-Forwards: 70\nUser-Agent: {AGENT}\nContent-Length: 0\n\n"
        )
        self._steps.append(f"<send><![CDATA[\n{text}\n]]></send>")
        return self

    # ---- as caller ------------------------------------------------------

    @property
    def _called(self) -> str:
        """The Request-URI of its call."""
        return f"sip:{self._peer}@[remote_ip]:[remote_port]{self._parameters}"

    def invite(self, peer: str, media: int, *fields: str) -> Script:
        """Call somebody: INVITE, 401, ACK, INVITE with credentials, 100."""
        self._peer = peer
        self.target = f"{peer}@"
        for credentials in ("", f"[authentication username={self.user} password={self.password}]\n"):
            self._cseq += 1
            head = self._head("INVITE", self._called, self._cseq, _VIA) + credentials
            head += f"Allow: {ALLOW}\nAllow-Events: {EVENTS}\nSupported: replaces\n"
            for field in fields:
                head += field + "\n"
            self._send(head, sdp(media))
            if not credentials:
                self.response(401, auth=True)
                self.ack_refusal()
        return self.response(100)

    def response(self, code: int, *, auth: bool = False, optional: bool = False) -> Script:
        """Expect a response."""
        more = ' auth="true"' if auth else ""
        more += ' optional="true"' if optional else ""
        more += ' rrs="true"' if code == 200 else ""
        self._steps.append(f'<recv response="{code}"{more}/>')
        return self

    def cancel(self) -> Script:
        """Give up before there is an answer, and get the 200 and the 487."""
        text = (
            f"CANCEL {self._called} SIP/2.0\n[last_Via:]\n[last_From:]\n"
            f"To: <sip:{self._peer}@[remote_ip]>\nCall-ID: [call_id]\nCSeq: {self._cseq} CANCEL\n"
            f"Max-Forwards: 70\nUser-Agent: {AGENT}\nContent-Length: 0\n\n"
        )
        self._steps.append(f'<send retrans="{self._t1}"><![CDATA[\n{text}\n]]></send>')
        return self.response(200).response(487).ack_refusal()

    def register(self) -> Script:
        """Register, with digest."""
        self._peer = self.user
        for credentials in ("", f"[authentication username={self.user} password={self.password}]\n"):
            self._cseq += 1
            head = self._head("REGISTER", "sip:[remote_ip]:[remote_port]", self._cseq, _VIA)
            self._send(f"{head}{credentials}Allow: {ALLOW}\nExpires: 3600\n")
            self.response(200 if credentials else 401, auth=not credentials)
        return self

    # ---- as callee ------------------------------------------------------

    def invited(self) -> Script:
        """Expect an INVITE, and remember who calls."""
        self._callee = True
        self._steps.append(
            '<recv request="INVITE" rrs="true"><action>'
            '<ereg regexp="[^ ].*" search_in="hdr" header="From:" assign_to="from"/>'
            '<ereg regexp="[^ ].*" search_in="hdr" header="To:" assign_to="to"/>'
            '<ereg regexp="[0-9]+ INVITE" search_in="hdr" header="CSeq:" assign_to="cseq"/>'
            "</action></recv>"
        )
        return self

    def get(self, method: str, *, optional: bool = False) -> Script:
        """Expect a request."""
        more = ' optional="true"' if optional else ""
        self._steps.append(f'<recv request="{method}"{more} crlf="true"/>')
        return self

    def put_aside(self, method: str) -> Script:
        """Expect a request, whose answer can wait; once in a scenario."""
        found = "".join(
            f'<ereg regexp="[^ ].*" search_in="hdr" header="{name}:" assign_to="aside{name}"/>'
            for name in _ECHOED
        )
        self._steps.append(f'<recv request="{method}"><action>{found}</action></recv>')
        return self

    def answer_aside(self) -> Script:
        """Answer with 200 what was put aside."""
        head = "SIP/2.0 200 OK\n" + "".join(f"{name}: [$aside{name}]\n" for name in _ECHOED)
        return self._send(f"{head}Call-ID: [call_id]\nUser-Agent: {AGENT}\n", again=False)

    def answer(self, code: int, reason: str, *fields: str, body: str = "", again: bool = False) -> Script:
        """
        Answer the request that came last.

        @param again: is it repeated until the ACK comes, on UDP?
        """
        tag = f";tag=[pid]{self.user}" if self._callee and code > 100 else ""
        head = f"SIP/2.0 {code} {reason}\n[last_Via:]\n[last_Record-Route:]\n[last_From:]\n"
        # Within the dialog To has its tag already.
        head += f"[last_To:]{tag if not self._answered else ''}\n[last_Call-ID:]\n[last_CSeq:]\n"
        if not any(field.startswith("Contact:") for field in fields):
            head += _CONTACT.format(user=self.user) + "\n"
        head += f"Allow: {ALLOW}\nUser-Agent: {AGENT}\n" + "".join(f"{field}\n" for field in fields)
        return self._send(head, body, again=again)

    _answered = False

    def ring(self) -> Script:
        """Answer with 100, as the phone does itself, and 180."""
        return self.answer(100, "Trying").answer(180, "Ringing")

    def accept(self, media: int) -> Script:
        """Answer the INVITE with 200, and get the ACK."""
        self.answer(200, "OK", "Supported: replaces", body=sdp(media), again=True)
        self._answered = True
        return self.get("ACK")

    def refuse(self, code: int, reason: str, *fields: str) -> Script:
        """Answer the INVITE with a final response that is no 2xx, and get the ACK."""
        self.answer(code, reason, *fields, again=True)
        return self.get("ACK")

    def cancelled(self) -> Script:
        """The caller gives up: answer the CANCEL, then the INVITE."""
        self.get("CANCEL").answer(200, "OK")
        head = f"SIP/2.0 487 Request Terminated\n[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]{self.user}\n"
        head += f"[last_Call-ID:]\nCSeq: [$cseq]\nAllow: {ALLOW}\nUser-Agent: {AGENT}\n"
        return self._send(head).get("ACK")

    def told(self, text: str) -> Script:
        """Wait until the test tells something; it can be used as C{[$told]} from then on."""
        self.waits = True
        self._steps.append(
            f'<recvCmd><action><ereg regexp="[^ ].*" search_in="hdr" header="{text}:" assign_to="told"/>'
            "</action></recvCmd>"
        )
        return self

    def ok(self, body: str = "") -> Script:
        """Answer a request within the dialog with 200."""
        self._answered = True
        return self.answer(200, "OK", body=body)

    # ---- both -----------------------------------------------------------

    def established(self) -> Script:
        """What comes within the dialog has both tags from now on."""
        self._answered = True
        return self

    def hold(
        self,
        media: int,
        direction: str = "sendonly",
        version: int = 20001,
        *,
        address: str = "[local_ip]",
    ) -> Script:
        """Change the direction of the media: re-INVITE, 200, ACK."""
        body = sdp(media, direction, version, address)
        self.request("INVITE", f"Allow: {ALLOW}", "Supported: replaces", body=body)
        return self.response(100, optional=True).response(200).ack()

    def held(self, media: int, direction: str = "recvonly", version: int = 20001) -> Script:
        """Have the media changed by the other side."""
        self.get("INVITE").established()
        self.answer(200, "OK", body=sdp(media, direction, version), again=True)
        return self.get("ACK")

    def bye(self) -> Script:
        """Hang up."""
        return self.request("BYE").response(200)

    def bye_comes(self) -> Script:
        """The other side hangs up."""
        return self.get("BYE").ok()

    def pause(self, milliseconds: int) -> Script:
        """Let time pass."""
        self._steps.append(f'<pause milliseconds="{milliseconds}"/>')
        return self

    def note(self, word: str) -> Script:
        """Say that this place was reached."""
        self._steps.append(f'<nop><action><log message="{word}"/></action></nop>')
        return self


_CONTACT = "Contact: <sip:{user}@[local_ip]:[local_port];transport=[transport]>"
_VIA = "Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]"


_ECHOED = ("Via", "From", "To", "CSeq")
"""What a response has of its request, but for the Call-ID."""


class Passed(NamedTuple):
    """A message that went through the socket of a phone."""

    way: str
    """C{sent} or C{received}."""
    message: Any
    at: str
    """Date and time of day, which can be compared between phones."""


class Phone:
    """A SIPp that plays one phone: it registers and is called, or it calls."""

    def __init__(self, directory: Path, server: int, user: str, password: str, transport: str) -> None:
        """
        Prepare.

        @param server: the port of the service.
        @param transport: C{UDP} or C{TCP}.
        """
        self.user = user
        self.password = password
        self.port = free_port()
        self._directory = directory.resolve() / f"{user}-{self.port}"
        self._directory.mkdir(parents=True)
        self._server = server
        self._twin = free_port()
        self._option = "u1" if transport == "UDP" else "t1"
        self.program = Program(f"sipp {user}")
        self._log = self._directory / "log"
        self._looks: dict[str, Any] = {}

    def script(self, *, t1: int = 500, parameters: str = "") -> Script:
        """Begin a scenario of this phone (see L{Script})."""
        return Script(self.user, self.password, t1=t1, parameters=parameters)

    def start(self, script: Script, called: Script | None = None) -> None:
        """
        Play a scenario.

        @param called: what to do when somebody calls meanwhile.
        """
        options = ["-sf", self._file("script.xml", script.note("done"))]
        if script.waits:
            options += ["-3pcc", f"{HOST}:{self._twin}"]
        # What digest is made of: by itself SIPp leaves the user out, and gets 400 (RFC 2617 3.2.2.5).
        options += ["-auth_uri", f"{script.target}{HOST}:{self._server}"]
        if called is not None:
            options += ["-oocsf", self._file("called.xml", called.note("called"))]
        self.program.start(
            [
                need("sipp"), f"{HOST}:{self._server}", *options, "-i", HOST, "-p", str(self.port), "-m", "1",
                "-l", "1", "-t", self._option, "-cid_str", f"{self.user[-1]}_%u%p0@10.3.20.{self.user[-1]}",
                "-nostdin", "-timeout", f"{PATIENCE}s", "-timeout_error", "-recv_timeout",
                str(round(1000 * PATIENCE)),
                "-trace_msg", "-message_file", str(self._directory / "messages"),
                "-trace_err", "-error_file", str(self._directory / "errors"),
                "-trace_logs", "-log_file", str(self._log),
            ],
            str(self._directory),
            {"TERM": "dumb", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip

    def tell(self, name: str, value: str) -> Deferred[Any]:
        """Tell a scenario what it waits for."""
        call_id = self.messages[0].message.call_id
        endpoint = TCP4ClientEndpoint(reactor, HOST, self._twin)

        def connected(protocol: Any) -> None:
            protocol.transport.write(f"Call-ID: {call_id}\r\n{name}: {value}\r\n\r\n\x1b".encode())

        telling: Deferred[Any] = connectProtocol(endpoint, Protocol())
        return telling.addCallback(connected)

    def stay(self, called: Script) -> None:
        """Register, be there for as long as it takes, and play a scenario when somebody calls."""
        script = self.script().register().note("registered").pause(int(PATIENCE * 1000))
        self.start(script, called)

    def _file(self, name: str, script: Script) -> str:
        """Write a scenario."""
        file = self._directory / name
        file.write_text(str(script))
        return str(file.resolve())

    def reaches(self, word: str) -> Deferred[None]:
        """Wait until a scenario has come to a place; an unexpected message or the end fails it."""
        found: Deferred[None] = Deferred()
        waited = 0.0

        def look() -> None:
            nonlocal waited
            self._looks.pop(word, None)
            waited += LOOK
            if self._log.exists() and re.search(rf"^{word}$", self._log.read_text(), re.MULTILINE):
                found.callback(None)
            elif waited > PATIENCE or "Abort" in self.errors or self.program.status is not None:
                found.errback(AssertionError(self.story(word)))
            else:
                self._looks[word] = reactor.callLater(LOOK, look)

        look()
        return found

    @property
    def errors(self) -> str:
        """What SIPp complained about."""
        file = self._directory / "errors"
        return file.read_text(errors="replace") if file.exists() else ""

    def story(self, word: str) -> str:
        """What has happened, for people."""
        messages = "\n".join(f"{m.at} {m.way} {brief(m.message)}" for m in self.messages)
        said = self.program.story() + self.errors[-1500:]
        return f"phone {self.user} did not come to {word!r}\n{said}\n{messages}"

    @property
    def messages(self) -> list[Passed]:
        """What went through the phone's socket."""
        file = self._directory / "messages"
        raw = file.read_bytes() if file.exists() else b""
        found = []
        for mark in _WRITTEN.finditer(raw):
            text = raw[mark.end() : mark.end() + int(mark[3])]
            if len(text) < int(mark[3]):
                break  # it is still being written
            found.append(Passed(mark[2].decode(), parse(text), mark[1].decode()))
        return found

    def received(
        self, what: str | Callable[[Any], bool] = lambda m: True, *, again: bool = False
    ) -> list[Any]:
        """
        The messages that came to the phone.

        @param what: a method, C{"200 INVITE"}, or any condition.
        @param again: does a message that is sent again, since nobody answered in time, count once more?
        """
        came = [passed.message for passed in self.messages if passed.way == "received"]
        if not again:
            came = list({write(message): message for message in came}.values())
        if isinstance(what, str):
            return [message for message in came if brief(message) == what]
        return [message for message in came if what(message)]

    def end(self) -> Deferred[int] | None:
        """End it at once."""
        for call in self._looks.values():
            call.cancel()
        return self.program.kill() if self.program.transport is not None else None


def brief(message: Request | Response) -> str:
    """A message in a word or two."""
    if isinstance(message, Request):
        return message.method
    return f"{message.code} {message.cseq.method}"
