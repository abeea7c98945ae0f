"""Which transaction a message belongs to, and what the transport adds to a request."""

from __future__ import annotations

import re
from collections.abc import Hashable

from b2bua.transactions.flow import Flow
from b2bua.wire.message import Request
from b2bua.wire.via import Via

COOKIE = "z9hG4bK"
# As we write requests ourselves: our Via comes first, its branch without quotes.
_SENT = re.compile(rb"([A-Z]++) [^\r\n]++\r\nVia: [^\r\n]*?;branch=([^;,\r\n]++)[;,\r]").match


def server_key(request: Request, method: str) -> Hashable:
    """
    Give the key of the server transaction of a request (RFC 3261 section 17.2.3).

    @param method: that of the transaction: INVITE for an ACK, and for a CANCEL
        whose INVITE is looked for (section 9.2).
    """
    via = request.via
    branch = via.branch
    if branch[:7] == COOKIE:
        return (branch, via.host, via.port, method)
    # A client of RFC 2543.  The To tag tells a retransmission within a dialog,
    # but the ACK of a refusal has one that its INVITE had not.
    to = "" if method == "INVITE" else request.to_tag
    number = request.cseq.number
    return (request.uri, to, request.from_tag, request.call_id, number, request.get("Via"), method)


def via_key(via: Via, method: str) -> Hashable:
    """Give the same of a request whose branch begins with the cookie, of which only the Via is known."""
    return (via.branch, via.host, via.port, method)


def sent_key(data: bytes) -> tuple[str, str] | None:
    """
    Give the key of the client transaction of a request of ours that came back.

    Of a request that is too long for it an ICMP error holds the beginning
    only, 520 bytes and often less (RFC 1812 section 4.3.2.3).
    """
    found = _SENT(data)
    return (found[2].decode("latin-1"), found[1].decode()) if found is not None else None


def merge_key(request: Request) -> int:
    """
    Give a number that two copies of one request have in common (RFC 3261 section 8.2.2.2).

    Nobody on the way changes these fields, so they are compared as they came;
    and by their hash, which nobody can aim at and which keeps none of them for 64*T1.
    """
    return hash((request.call_id, request.first["CSeq"], request.first["From"]))


def arrived(request: Request, flow: Flow) -> Request:
    """Note in the top Via where a request came from (RFC 3261 section 18.2.1, RFC 3581 section 4)."""
    host, port = flow.remote
    seen = request.via.seen_from(host, port)
    if seen is not request.via:
        request.came_by(seen)
    return request


def answer_flow(request: Request, flow: Flow) -> Flow:
    """
    Give the way back for the responses to a request.

    RFC 3261 section 18.2.2: the connection it came by; on UDP the source
    address with the port of the sent-by, or with the source port if the client
    asked for C{rport} (RFC 3581 section 4).  A C{maddr} is not followed: it
    would let anybody have our answers sent to somebody else.
    """
    return flow if flow.transport != "UDP" else way_back(request.via, flow)


def way_back(via: Via, flow: Flow) -> Flow:
    """Give the way that the top Via of a request names (see L{answer_flow})."""
    if flow.transport != "UDP":
        return flow
    port = via.port or 5060
    if port == flow.remote[1] or via.rport is not None:
        return flow
    return flow._replace(remote=(flow.remote[0], port))
