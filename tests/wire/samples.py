"""Messages that phones, servers and trunks really send, with the names changed."""

from __future__ import annotations


def crlf(text: str, body: bytes | str = b"") -> bytes:
    """Turn readable text into a message; C{@LENGTH@} becomes the length of the body."""
    payload = body.encode() if isinstance(body, str) else body
    head = text.strip("\n").replace("@LENGTH@", str(len(payload))).replace("\n", "\r\n")
    return head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + payload


SDP = (
    b"v=0\r\no=- 20000 20000 IN IP4 10.0.0.5\r\ns=SDP data\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\n"
    b"m=audio 11780 RTP/AVP 0 8 18 9 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:9 G722/8000\r\na=fmtp:101 0-15\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n"
)

INVITE = crlf(
    """
INVITE sip:1002@pbx.example.com SIP/2.0
Via: SIP/2.0/UDP 10.0.0.5:5060;rport;branch=z9hG4bK1234567890
From: "Alice" <sip:1001@pbx.example.com>;tag=3812345
To: <sip:1002@pbx.example.com>
Call-ID: 0_1234567890@10.0.0.5
CSeq: 1 INVITE
Contact: <sip:1001@10.0.0.5:5060>
Route: <sip:pbx.example.com;lr>
Max-Forwards: 70
Allow: INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER, UPDATE
Supported: replaces
Allow-Events: talk,hold,conference,refer,check-sync
User-Agent: Yealink SIP-T46G 28.81.0.25
Content-Type: application/sdp
Content-Length: @LENGTH@
""",
    SDP,
)

OK = crlf(
    """
SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-77f1a;rport=5060;received=192.0.2.1
From: "Alice" <sip:1001@pbx.example.com>;tag=a6c85cf
To: <sip:1002@pbx.example.com>;tag=3990277
Call-ID: 7f3c9a21d5e84b06@192.0.2.1
CSeq: 1 INVITE
Contact: <sip:1002@10.0.0.6:5060>
Record-Route: <sip:192.0.2.1;lr>
Allow: INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER, UPDATE
User-Agent: Yealink SIP-T46G 28.81.0.25
Content-Type: application/sdp
Content-Length: @LENGTH@
""",
    SDP,
)

BYE = crlf(
    """
BYE sip:192.0.2.1:5060 SIP/2.0
Via: SIP/2.0/UDP 10.0.0.6:5060;branch=z9hG4bK2467138
From: <sip:1002@pbx.example.com>;tag=3990277
To: "Alice" <sip:1001@pbx.example.com>;tag=a6c85cf
Call-ID: 7f3c9a21d5e84b06@192.0.2.1
CSeq: 2 BYE
Contact: <sip:1002@10.0.0.6:5060>
Route: <sip:192.0.2.1;lr>
Max-Forwards: 70
User-Agent: Yealink SIP-T46G 28.81.0.25
Content-Length: 0
"""
)

REGISTER = crlf(
    """
REGISTER sip:pbx.example.com SIP/2.0
Via: SIP/2.0/TLS [2001:db8::9]:5061;branch=z9hG4bKnashds7
Max-Forwards: 70
From: Bob <sips:bob@pbx.example.com>;tag=ja743ks76zlflH
To: Bob <sips:bob@pbx.example.com>
Call-ID: 1j9FpLxk3uxtm8tn@pbx.example.com
CSeq: 2 REGISTER
Contact: "Bob, at home" <sips:bob@[2001:db8::9]:5061;transport=tls;ob>;expires=3600
  ;q=0.7;+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>";reg-id=1,
  <sip:bob@198.51.100.7>;expires=60
Supported: path, outbound
Authorization: Digest username="bob", realm="atlanta.example.com",
 nonce="ea9c8e88df84f1cec4341ae6cbe5a359", opaque="",
 uri="sips:pbx.example.com",
 response="dfe56131d1958046689d83306477ecc"
Content-Length: 0
"""
)

COMPACT = crlf(
    """
NOTIFY sip:2001@192.0.2.4;gr=abc SIP/2.0
v: SIP/2.0/TCP host.example.com;branch=z9hG4bKnotify;alias,SIP/2.0/UDP 192.0.2.77:5070;branch=z9hG4bKb
v: SIP / 2.0 / UDP  192.0.2.78 ; branch = z9hG4bKc
f: sip:2001@example.com;tag=98asjd8
t: <sip:watcher@example.com>;tag=1234
i: compact-1@example.com
CSEQ: 8775 NOTIFY
m: sip:2001@192.0.2.4
o: dialog;id=7
subscription-STATE: active;expires=599
k: replaces,  timer
x: 90;refresher=uac
X-Unknown-Field:  kept as it is;  whatever, "it" is
c: message/sipfrag;version=2.0
l: @LENGTH@
""",
    "SIP/2.0 180 Ringing\r\n",
)

FORWARDED = crlf(
    """
INVITE sip:+4930123456@trunk.example.net;user=phone SIP/2.0
Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK9a;rport
Record-Route: <sip:p2.example.net;lr>, <sip:p1.example.net;lr;ftag=x>
Record-Route: <sip:p0.example.net;lr>
Max-Breadth: 60
Max-Forwards: 68
From: "Anonymous" <sip:anonymous@anonymous.invalid>;tag=772
To: <tel:+4930123456>
Call-ID: forwarded/1
CSeq: 314159 INVITE
Contact: <sip:203.0.113.9:5060;transport=udp>
P-Asserted-Identity: "Cullen Jennings" <sip:fluffy@cisco.example>, <tel:+14085264000>
P-Preferred-Identity: <sip:someone@example.com>
Remote-Party-ID: "Bob" <sip:bob@example.com>;party=calling;privacy=off;screen=yes
Diversion: <sip:1002@pbx.example.com>;reason=user-busy;counter=1,
 <sip:1003@pbx.example.com>;reason="no-answer"
History-Info: <sip:1003@pbx.example.com>;index=1,
 <sip:1002@pbx.example.com?Reason=SIP%3Bcause%3D302>;index=1.1;mp=1
Privacy: id;critical
Session-Expires: 1800;refresher=uas
Min-SE: 90
Require: timer
Replaces: 425928@bobster.example.com;to-tag=7743;from-tag=6472;early-only
Target-Dialog: fa77as7dad8-sd98ajzz@host.example.com;local-tag=kkaz-;remote-tag=6544
Refer-To: "A" <sip:b@h.example.com?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>;method=INVITE
Referred-By: <sip:referrer@example.com>;cid="20398823.2UWQFN309shb3@example.com"
Reason: SIP;cause=302;text="Moved, \\"temporarily\\"", Q.850;cause=16
Alert-Info: <http://www.example.com/sounds/moo.wav>;info=alert-autoanswer
Call-Info: <sip:pbx.example.com>;answer-after=0
Warning: 370 devnull "Choose a bigger pipe", 399 host:5060 "Other"
Retry-After: 18000;duration=3600
Date: Sat, 13 Nov 2010 23:29:00 GMT
RAck: 776656 1 INVITE
RSeq: 988789
Expires: 180
Reply-To: Bob <sip:bob@biloxi.example.com>
Content-Disposition: session;handling=required
Content-Length: 0
"""
)

ALL = {
    "INVITE": INVITE,
    "OK": OK,
    "BYE": BYE,
    "REGISTER": REGISTER,
    "COMPACT": COMPACT,
    "FORWARDED": FORWARDED,
}
