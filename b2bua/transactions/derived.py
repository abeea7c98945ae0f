"""The requests that are made out of an INVITE: its ACK and its CANCEL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from b2bua.wire.message import Field, Request, Response

MAX_FORWARDS = ("Max-Forwards", "70")


def ack_for(invite: Request, response: Response) -> Request:
    """
    Make the ACK for a response other than 2xx (RFC 3261 section 17.1.1.3).

    Its To is that of the response; all else, the Via included, is that of the
    INVITE.
    """
    return _derived(invite, "ACK", response.get("To") or "", ())


def cancel_for(invite: Request, fields: Sequence[Field] = ()) -> Request:
    """
    Make the CANCEL for an INVITE (RFC 3261 section 9.1).

    @param fields: more header fields, such as Reason (RFC 3326).
    """
    return _derived(invite, "CANCEL", invite.get("To") or "", fields)


def _derived(invite: Request, method: str, to: str, more: Iterable[Field]) -> Request:
    """Copy what ties a request to the INVITE: the top Via and the Route set among it."""
    fields = [
        ("Via", str(invite.via)),
        *[("Route", value) for value in invite.all("Route")],
        MAX_FORWARDS,
        ("From", invite.get("From") or ""),
        ("To", to),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq.number} {method}"),
        *more,
    ]
    return Request(method, invite.uri, fields)
