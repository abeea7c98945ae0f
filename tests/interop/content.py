"""What must be in the messages that a phone gets, whatever flow they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from b2bua.wire.message import Message, Request, Response

ABLE = frozenset(["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REFER", "NOTIFY", "UPDATE", "PRACK", "INFO"])
"""Methods that we say we take, on every leg."""
KNOWN = frozenset(("replaces", "timer", "norefersub"))
"""Extensions that we say we know, on every leg."""
TYPES = ("application/sdp", "message/sipfrag")


class Server(NamedTuple):
    """Who has sent them."""

    host: str
    port: int
    transport: str


def faults(messages: Iterable[Message], server: Server) -> list[str]:
    """What is wrong with messages that came to one phone, in their order."""
    found: list[str] = []
    last: dict[str, Request] = {}
    for message in messages:
        wrong = [*_body(message), *_abilities(message)]
        if isinstance(message, Request):
            wrong += _request(message, server)
            if message.method not in ("ACK", "CANCEL"):
                wrong += _in_order(message, last.get(message.call_id))
                last[message.call_id] = message
        elif isinstance(message, Response) and message.code > 100 and not message.to.tag:
            wrong.append("no To tag (RFC 3261 section 8.2.6.2)")
        found += [f"{fault}: {message!r}" for fault in wrong]
        if _makes_dialog(message):
            found += [f"{fault}: {message!r}" for fault in _contact(message, server)]
    return found


def _request(request: Request, server: Server) -> list[str]:
    """A request of ours has one Via, which is ours, and hops left (sections 8.1.1.6 and 8.1.1.7)."""
    wrong = []
    via = request.via
    if len(request.values("Via")) != 1 or (via.host, via.port, via.transport) != server:
        wrong.append("not one Via, of ours")
    if not via.branch.startswith("z9hG4bK") or not request.from_.tag:
        wrong.append("no branch of RFC 3261, or no From tag")
    if request.max_forwards not in range(1, 71):
        wrong.append("no Max-Forwards, or a strange one")
    return wrong


def _in_order(request: Request, before: Request | None) -> list[str]:
    """Within a dialog CSeq rises and tags stay; a request that comes again is the same (section 12.2.1.1)."""
    if before is None or request.via.branch == before.via.branch:
        return []
    wrong = [] if request.cseq.number > before.cseq.number else ["CSeq does not rise"]
    same = request.from_.tag == before.from_.tag and before.to.tag in ("", request.to.tag)
    return wrong if same else [*wrong, "the tags have changed"]


def _makes_dialog(message: Any) -> bool:
    """Does it make a dialog, or move the far end of one (section 12.1)?"""
    if message.cseq.method not in ("INVITE", "REFER"):
        return False
    return message.method == message.cseq.method if isinstance(message, Request) else 100 < message.code < 300


def _contact(message: Message, server: Server) -> list[str]:
    """Its Contact is ours (section 12.1.1)."""
    places = [(contact.uri.host, contact.uri.port) for contact in message.contacts]
    return [] if places == [(server.host, server.port)] else ["not one Contact, of ours"]


def _abilities(message: Any) -> list[str]:
    """INVITE and its 2xx say what we take and know (sections 13.2.1 and 13.3.1.4)."""
    invites = message.cseq.method == "INVITE"
    if not invites or not (message.method == "INVITE" if isinstance(message, Request) else message.success):
        return []
    wrong = [] if _tokens(message, "Allow") >= ABLE else ["Allow lacks something"]
    return wrong if _tokens(message, "Supported") >= KNOWN else [*wrong, "Supported lacks something"]


def _body(message: Message) -> list[str]:
    """A body has a type (section 20.15)."""
    kind = (message.get("Content-Type") or "").partition(";")[0]
    return ["no type, or a strange one"] if message.body and kind not in TYPES else []


def _tokens(message: Message, name: str) -> set[str]:
    """The values of a list of tokens."""
    return {token.strip() for value in message.all(name) for token in value.split(",")}
