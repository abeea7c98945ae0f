"""Messages for the tests of this directory."""

from __future__ import annotations

from b2bua.transactions.effects import Effects
from b2bua.wire.message import Request, Response, parse


def request(
    method: str = "INVITE",
    *,
    uri: str = "sip:bob@192.0.2.2",
    via: str = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa",
    to: str = "<sip:bob@example.com>",
    cseq: int = 1,
    more: tuple[tuple[str, str], ...] = (),
) -> Request:
    """Make a request as Alice sends it."""
    return Request(
        method,
        uri,
        [
            ("Via", via),
            ("Max-Forwards", "70"),
            ("From", "Alice <sip:alice@example.com>;tag=a1"),
            ("To", to),
            ("Call-ID", "call-1"),
            ("CSeq", f"{cseq} {method}"),
            *more,
        ],
    )


def response(to: Request, code: int, tag: str = "b1") -> Response:
    """Answer it."""
    return to.response(code, to_tag=tag)


def brief(effects: Effects) -> list[object]:
    """Shorten effects so that they can be compared and read."""
    short: list[object] = []
    for effect in effects:
        if isinstance(effect, bytes):
            message = parse(effect)
            short.append(message.method if isinstance(message, Request) else message.code)
        else:
            short.append(effect)
    return short
