"""
The torture messages of RFC 4475 and RFC 5118, sent to the server by UDP and by TCP.

C{tests/wire/test_tricks.py} has what the grammar makes of them; here it is what
the sender hears.  They are written in our own words: what counts of each is the
trick that gives it its name.
"""

from __future__ import annotations

import re
from itertools import product

from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import provider

from b2bua.testing import World
from b2bua.testing.network import Stream
from tests.wire.samples import SDP, crlf

SERVER = ("192.0.2.1", 5060)
SENDER = ("10.9.9.9", 5060)
_STATUS = re.compile(rb"^SIP/2\.0 (\d{3}) ", re.MULTILINE)

OPTIONS = """
OPTIONS sip:user@pbx.example.com SIP/2.0
To: sip:j.user@pbx.example.com
From: sip:caller@example.net;tag=93942939o2
Max-Forwards: 70
Call-ID: torture.0ha0isndaksdjweiafasdk3
CSeq: 8 OPTIONS
Via: SIP/2.0/UDP host1.example.com;rport;branch=z9hG4bKkdjuw
Content-Length: 0
"""
INVITE = OPTIONS.replace("OPTIONS", "INVITE").replace("Max-F", "Contact: <sip:caller@10.9.9.9>\nMax-F")
REGISTER = INVITE.replace("INVITE", "REGISTER").replace("sip:user@pbx", "sip:pbx")
BUSY = OPTIONS.replace("OPTIONS sip:user@pbx.example.com SIP/2.0", "SIP/2.0 486 Busy Here")


def changed(text: str, *changes: tuple[str, str]) -> bytes:
    """A message with some things replaced."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return crlf(text)


def _with(text: str, *lines: str) -> bytes:
    """A message with more header fields."""
    return changed(text, ("Max-F", "\n".join((*lines, "Max-F"))))


def _body(data: bytes, content_type: str, body: bytes) -> bytes:
    """A message with a body."""
    length = f"Content-Type: {content_type}\r\nContent-Length: {len(body)}".encode()
    return data.replace(b"Content-Length: 0", length) + body


BINARY = b"--b1\r\nContent-Type: application/sdp\r\n\r\n" + SDP + (
    b"\r\n--b1\r\nContent-Type: application/x-binary;x=1\r\nContent-Disposition: x;handling=optional\r\n\r\n"
    b"\x00\x01\xff\r\n\r\n--b1--\r\n"
)  # fmt: skip
LONG = "unreasonably" * 20
TOKEN = "!interesting-Method0123456789_*+`.%indeed'~"
WEIRD = "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"

RFC4475: dict[str, tuple[bytes, int | None]] = {
    # Valid (section 3.1.1)
    "wsinv": (
        changed(
            INVITE,
            ("To: sip", "TO :\n sip"),
            (";tag=93942939o2", ";\n  tag = 98asjd8"),
            ("Max-Forwards: 70", "MaX-fOrWaRdS: 0068\ns :\nUnknown: ;;,,;;,;"),
            ("CSeq: 8", "cseq: 0009\n "),
            ("SIP/2.0/UDP host1", "SIP  /   2.0\n /UDP\n    host1"),
        ),
        401,
    ),
    "intmeth": (changed(OPTIONS, ("OPTIONS", TOKEN), ("sip:user@pbx", f"{WEIRD}@pbx")), 405),
    "esc01": (changed(INVITE, ("sip:user@pbx", "sip:sips%3Auser%40example.com@pbx")), 401),
    "escnull": (_with(REGISTER, "Contact: sip:%00@host5.example.com"), 401),
    "esc02": (changed(OPTIONS, ("OPTIONS", "RE%47IST%45R")), 405),
    "lwsdisp": (changed(OPTIONS, ("sip:caller@example.net", "caller<sip:caller@example.com>")), 200),
    "longreq": (
        _with(INVITE, *(f"Via: SIP/2.0/TCP {LONG}{n}.com;branch=z9hG4bK{LONG}" for n in range(30))),
        401,
    ),
    "dblreq": (changed(REGISTER) + changed(INVITE), 401),
    "semiuri": (changed(OPTIONS, ("sip:user@", "sip:user;par=u%40example.net@")), 200),
    "transports": (
        _with(
            OPTIONS,
            *(f"Via: SIP/2.0/{name} t.example.com;branch=z9hG4bK1" for name in ("UDP", "SCTP", "UNKNOWN")),
        ),
        200,
    ),
    "mpart01": (_body(changed(INVITE), "multipart/mixed;boundary=b1", BINARY), 401),
    "unreason": (changed(BUSY, ("Busy Here", "= 2**3 * 5\u0435\u0441\u0442\u044c; \u20ac")), None),
    "noreason": (changed(BUSY, ("486 Busy Here", "100 ")), None),
    # Invalid (section 3.1.2)
    "badinv01": (changed(INVITE, ("CSeq: 8", ";;;;\nCSeq: 8")), 400),
    "clerr": (changed(INVITE, ("Content-Length: 0", "Content-Length: 9999")), 400),
    "ncl": (changed(INVITE, ("Content-Length: 0", "Content-Length: -999")), 400),
    "scalar02": (changed(REGISTER, ("CSeq: 8", "CSeq: 36893488147419103232")), 400),
    "scalarlg": (changed(BUSY, ("CSeq: 8", "CSeq: 9292394834772304023312")), None),
    "quotbal": (changed(INVITE, ("To: sip:j.user@", 'To: "Mr. J. User <sip:j.user@')), 400),
    "ltgtruri": (
        changed(INVITE, ("INVITE sip:user@pbx.example.com", "INVITE <sip:user@pbx.example.com>")),
        400,
    ),
    "lwsruri": (changed(INVITE, ("sip:user@pbx.example.com SIP", "sip:user@pbx.example.com; lr SIP")), 400),
    "lwsstart": (changed(INVITE, ("INVITE sip", "INVITE  sip")), 400),
    "trws": (changed(OPTIONS, ("com SIP/2.0", "com SIP/2.0  ")), 400),
    "escruri": (
        changed(INVITE, ("user@pbx.example.com SIP", "user@pbx.example.com?Route=%3Csip:a%3E SIP")),
        401,
    ),
    "baddate": (_with(INVITE, "Date: Fri, 01 Jan 2010 16:00:00 EST"), 401),
    "regbadct": (changed(REGISTER, ("<sip:caller@10.9.9.9>", "sip:user@example.com?Route=%3Csip:a%3E")), 401),
    "badaspec": (
        changed(OPTIONS, ("To: sip:j.user@pbx.example.com", 'To: "W, T" < sip:t@example.org >')),
        200,
    ),
    "baddn": (changed(OPTIONS, ("From: sip:caller@example.net", "From: Bell, A <sip:a@example.com>")), 400),
    "badvers": (changed(OPTIONS, ("SIP/2.0", "SIP/7.0")), 505),
    "mismatch01": (changed(OPTIONS, ("CSeq: 8 OPTIONS", "CSeq: 8 INVITE")), 400),
    "mismatch02": (changed(OPTIONS, ("OPTIONS sip", "NEWMETHOD sip")), 400),
    "bigcode": (changed(BUSY, ("486", "4294967301")), None),
    # What the layers above have to see (sections 3.2 to 3.4)
    "badbranch": (changed(OPTIONS, ("z9hG4bKkdjuw", "z9hG4bK")), 200),
    "insuf": (changed(INVITE, ("Call-ID: torture.0ha0isndaksdjweiafasdk3\n", "")), None),
    "unkscm": (changed(OPTIONS, ("sip:user@pbx.example.com SIP", "nobodyKnowsThisScheme:opaque SIP")), 416),
    "novelsc": (changed(OPTIONS, ("sip:user@pbx.example.com SIP", "soap.beep://192.0.2.103:3002 SIP")), 416),
    "unksm2": (changed(REGISTER, ("To: sip:j.user@pbx.example.com", "To: <isbn:2983792873>")), 401),
    "bext01": (_with(OPTIONS, "Require: nothingSupportsThis, nothingSupportsThisEither"), 420),
    "invut": (_body(changed(INVITE), "application/unknownformat", b"<audio/>"), 415),
    "regaut01": (_with(REGISTER, "Authorization: NoOneKnowsThisScheme opaque-data=here"), 401),
    "multi01": (_with(INVITE, "Call-ID: another", "CSeq: 59 INVITE", "Max-Forwards: 5"), 400),
    "mcl01": (
        changed(OPTIONS, ("Content-Length: 0", "Content-Length: 13\nContent-Length: 5")) + b"12345",
        400,
    ),
    "bcast": (changed(BUSY, ("486 Busy Here", "200 OK")), None),
    "zeromf": (changed(OPTIONS, ("Max-Forwards: 70", "Max-Forwards: 0")), 200),
    "cparam01": (changed(REGISTER, ("<sip:caller@10.9.9.9>", "sip:caller@10.9.9.9;unknownparam")), 401),
    "cparam02": (changed(REGISTER, ("<sip:caller@10.9.9.9>", "<sip:caller@10.9.9.9;unknownparam>")), 401),
    "regescrt": (
        changed(REGISTER, ("caller@10.9.9.9>", "caller@10.9.9.9?Route=%3Csip:sip.example.com%3E>")),
        401,
    ),
    "sdp01": (_body(_with(INVITE, "Accept: text/nobody"), "application/sdp", SDP), 401),
    "inv2543": (changed(INVITE, (";tag=93942939o2", ""), (";branch=z9hG4bKkdjuw", "")), 401),
}
"""By the name that RFC 4475 gives it: a message, and the status that its sender hears."""

ENDLESS = {("clerr", "TCP")}
"""On a connection this one is not whole yet: its sender goes on waiting, as we do."""

RFC5118: dict[str, tuple[bytes, int | None]] = {
    "ipv6-good": (changed(OPTIONS, ("host1.example.com", "[2001:db8::9:1]")), 200),
    "ipv6-bad": (changed(REGISTER, ("sip:pbx.example.com", "sip:2001:db8::10")), 400),
    "port-ambiguous": (changed(REGISTER, ("sip:pbx.example.com", "sip:[2001:db8::10:5070]")), 404),
    "port-unambiguous": (changed(REGISTER, ("sip:pbx.example.com", "sip:[2001:db8::10]:5070")), 404),
    "via-received-param-with-delim": (changed(OPTIONS, (";rport", ";received=[2001:db8::9:255];rport")), 200),
    "via-received-param-no-delim": (changed(OPTIONS, (";rport", ";received=2001:db8::9:255;rport")), 200),
    "ipv6-in-sdp": (
        _body(changed(INVITE), "application/sdp", SDP.replace(b"IN IP4 10.0.0.5", b"IN IP6 2001:db8::20")),
        401,
    ),
    "mult-ip-in-header": (
        _with(OPTIONS, "Via: SIP/2.0/UDP [2001:db8::9:1]:6050;rport;branch=z9hG4bKas3-111"),
        200,
    ),
    "ipv4-mapped-ipv6": (changed(INVITE, ("caller@10.9.9.9", "caller@[::ffff:192.0.2.10]")), 401),
    "ipv6-bug-abnf-3-colons": (changed(OPTIONS, ("host1.example.com", "[2001:db8:::192.0.2.1]")), 200),
}
"""The same of RFC 5118."""


class TortureTests(SynchronousTestCase):
    """Somebody whom nobody knows sends them, each in a world of its own."""

    def heard(self, data: bytes, transport: str) -> list[int]:
        """Send bytes, and give the statuses of the answers."""
        world = World()
        came: list[bytes] = []
        if transport == "UDP":
            world.network.listen(SENDER, lambda answer, source: came.append(answer)).send(data, SERVER)
        else:

            def opened(stream: Stream) -> None:
                stream.receive = came.append
                stream.write(data)

            world.network.connect(SENDER[0], SERVER, opened, lambda: None)
        world.run(40)
        assert world.served is not None
        self.assertEqual(world.served.remains(), {})
        # What is malformed comes back in the answer, so that is not parsed.
        codes = [int(code) for piece in came for code in _STATUS.findall(piece)]
        return [code for code in codes if code >= 200]

    def check(self, messages: dict[str, tuple[bytes, int | None]]) -> None:
        """Each of them is answered as it has to be, and nothing is raised."""
        raised: list[str] = []

        @provider(ILogObserver)
        def listen(event: LogEvent) -> None:
            if (failure := event.get("log_failure")) is not None:
                raised.append(failure.getTraceback())

        globalLogPublisher.addObserver(listen)
        self.addCleanup(globalLogPublisher.removeObserver, listen)
        wrong = []
        for name, transport in product(messages, ("UDP", "TCP")):
            data, code = messages[name]
            if (name, transport) in ENDLESS:
                code = None
            heard = self.heard(
                data.replace(b"2.0/UDP host1", b"2.0/%s host1" % transport.encode()), transport
            )
            if set(heard) != ({code} if code else set()):
                wrong.append((name, transport, heard, code))
        self.assertEqual((wrong, raised), ([], []))

    def test_rfc_4475(self) -> None:
        """RFC 4475: answered over UDP and TCP as section 3 says; a response that is none is dropped."""
        self.assertEqual(len(RFC4475), 49)
        self.check(RFC4475)

    def test_rfc_5118(self) -> None:
        """RFC 5118: IPv6 addresses wherever they may stand."""
        self.check(RFC5118)
