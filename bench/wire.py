"""
What reading and writing a message costs, beside the parser of Sippy.

The INVITE, 200 and BYE of a basic call with SDP, the same bytes for both in
the same run: read with the fields that a back-to-back user agent needs (top
Via, tags, Call-ID, CSeq, Contact, Max-Forwards, Route), and written again once
they were read.  Shown is CPU time, the best of several rounds that take turns,
so that neither a busy machine nor a changing clock favours one::

    pip install sippy
    python -m bench.wire
    python -m bench.wire --profile      # where our own time goes

Without Sippy our own figures are shown alone.
"""

from __future__ import annotations

import argparse
import cProfile
import importlib
import pstats
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from b2bua.wire.message import Request, Response, write
from b2bua.wire.parser import parse

SDP = (
    b"v=0\r\no=- 20000 20000 IN IP4 192.0.2.9\r\ns=SDP data\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    b"m=audio 11780 RTP/AVP 0 8 18 9 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:9 G722/8000\r\na=fmtp:101 0-15\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n"
)
ALLOW = (
    b"INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, "
    b"REGISTER, SUBSCRIBE, REFER, PUBLISH, UPDATE, MESSAGE"
)
MESSAGES = {
    "INVITE": (
        b"INVITE sip:1002@pbx.example.com SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.9:5060;rport;branch=z9hG4bK1234567890\r\n"
        b'From: "Alice" <sip:1001@pbx.example.com>;tag=3812345\r\nTo: <sip:1002@pbx.example.com>\r\n'
        b"Call-ID: 0_1234567890@192.0.2.9\r\nCSeq: 1 INVITE\r\nContact: <sip:1001@192.0.2.9:5060>\r\n"
        b"Route: <sip:pbx.example.com;lr>\r\nMax-Forwards: 70\r\nAllow: %b\r\nSupported: replaces\r\n"
        b"Allow-Events: talk,hold,conference,refer,check-sync\r\n"
        b"User-Agent: Yealink SIP-T46G 28.81.0.25\r\n"
        b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%b" % (ALLOW, len(SDP), SDP)
    ),
    "200": (
        b"SIP/2.0 200 OK\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-77f1a;rport=5060;received=192.0.2.1\r\n"
        b'From: "Alice" <sip:1001@pbx.example.com>;tag=a6c85cf\r\n'
        b"To: <sip:1002@pbx.example.com>;tag=3990277\r\nCall-ID: 7f3c9a21d5e84b06@192.0.2.1\r\n"
        b"CSeq: 1 INVITE\r\nContact: <sip:1002@192.0.2.10:5060>\r\nAllow: %b\r\n"
        b"Supported: replaces\r\nUser-Agent: Yealink SIP-T46G 28.81.0.25\r\n"
        b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%b" % (ALLOW, len(SDP), SDP)
    ),
    "BYE": (
        b"BYE sip:192.0.2.1:5060 SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK2467138\r\n"
        b"From: <sip:1002@pbx.example.com>;tag=3990277\r\n"
        b'To: "Alice" <sip:1001@pbx.example.com>;tag=a6c85cf\r\nCall-ID: 7f3c9a21d5e84b06@192.0.2.1\r\n'
        b"CSeq: 2 BYE\r\nContact: <sip:1002@192.0.2.10:5060>\r\nRoute: <sip:192.0.2.1;lr>\r\n"
        b"Max-Forwards: 70\r\nUser-Agent: Yealink SIP-T46G 28.81.0.25\r\nContent-Length: 0\r\n\r\n"
    ),
}
ROUNDS = 9
READ_BAR, WRITE_BAR = 3, 10


class Figures(NamedTuple):
    """Microseconds of a message, ours and Sippy's."""

    read: float
    read_theirs: float | None
    written: float
    written_theirs: float | None


def read(data: bytes) -> Request | Response:
    """Read a message with the fields that a back-to-back user agent needs."""
    message = parse(data)
    _ = message.via.branch
    _ = message.from_.tag, message.to.tag
    _ = message.call_id, message.cseq.number, message.cseq.method
    _ = message.contacts[0].uri_text
    _ = message.max_forwards
    _ = message.routes
    return message


def sippy_reader(data: bytes) -> Callable[[bytes], Any] | None:
    """The same with the classes of Sippy; None if it is not installed."""
    try:
        module = "SipResponse" if data.startswith(b"SIP/") else "SipRequest"
        kind = getattr(importlib.import_module(f"sippy.{module}"), module)
    except ImportError:
        return None

    def read_theirs(data: bytes) -> Any:
        message = kind(data.decode())
        _ = message.getHFBody("via").getBranch()
        _ = message.getHFBody("from").getTag(), message.getHFBody("to").getTag()
        _ = str(message.getHFBody("call-id")), message.getHFBody("cseq").getCSeq()
        _ = message.getHFBody("contact").getUrl()
        _ = [item.getNum() for item in message.getHFBodys("max-forwards")]
        _ = [item.getUrl() for item in message.getHFBodys("route")]
        return message

    return read_theirs


def measure(calls: list[Callable[[], object] | None], seconds: float) -> list[float | None]:
    """Measure calls in turns: the best CPU time of each, in microseconds."""
    best: list[float | None] = [None] * len(calls)
    times = [0] * len(calls)
    for at, call in enumerate(calls):
        if call is not None:
            start, count = time.process_time(), 0
            while time.process_time() - start < seconds / 10:
                call()
                count += 1
            times[at] = 10 * count
    for _ in range(ROUNDS):
        for at, call in enumerate(calls):
            if call is None:
                continue
            start = time.process_time()
            for _ in range(times[at]):
                call()
            spent = (time.process_time() - start) / times[at] * 1e6
            best[at] = min(spent, best[at] or spent)
    return best


def figures(data: bytes, seconds: float) -> Figures:
    """Measure one message."""
    theirs = sippy_reader(data)
    message = read(data)
    if write(message) != data:
        raise SystemExit("It is not written as it was read")
    calls: list[Callable[[], object] | None] = [lambda: read(data), None, lambda: write(message), None]
    if theirs is not None:
        read_theirs, their_message = theirs, theirs(data)
        calls[1] = lambda: read_theirs(data)
        calls[3] = lambda: str(their_message).encode()
    ours, other, written, other_written = measure(calls, seconds)
    assert ours is not None and written is not None
    return Figures(ours, other, written, other_written)


def row(name: str, ours: float, theirs: float | None, bar: int) -> tuple[str, bool]:
    """One line of the table, and whether it reaches its bar."""
    if theirs is None:
        return f"{name:<14}{ours:8.1f}", True
    ratio = theirs / ours
    verdict = "" if ratio >= bar else f"  below {bar}"
    return f"{name:<14}{ours:8.1f}{theirs:8.1f}{ratio:8.1f}{verdict}", ratio >= bar


def answering() -> float:
    """Microseconds of making a response."""
    invite = parse(MESSAGES["INVITE"])
    assert isinstance(invite, Request)
    fields = (("Contact", "<sip:192.0.2.1>"),)
    spent = measure([lambda: invite.response(200, to_tag="a6c85cf", fields=fields, body=SDP)], 0.05)[0]
    assert spent is not None
    return spent


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description="Measure reading and writing of messages.")
    arguments.add_argument("--seconds", type=float, default=0.05, help="of CPU for each of the rounds")
    arguments.add_argument("--profile", action="store_true", help="show where our own time goes")
    options = arguments.parse_args()
    if options.profile:
        profile()
        return
    print("CPU, µs           ours   Sippy   ratio")
    good = True
    for name, data in MESSAGES.items():
        f = figures(data, options.seconds)
        for line, reached in (
            row(f"read {name}", f.read, f.read_theirs, READ_BAR),
            row(f"write {name}", f.written, f.written_theirs, WRITE_BAR),
        ):
            print(line)
            good &= reached
    print(f"{'answer INVITE':<14}{answering():8.1f}")
    if not good:
        sys.exit(1)


def profile() -> None:
    """Show where the time of reading and writing goes."""
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(20000):
        for data in MESSAGES.values():
            write(read(data))
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(15)


if __name__ == "__main__":
    main()
