"""
What a server looks at in a request before anything else (RFC 3261 section 8.2).

A mistake becomes a response here: status, the header fields that the RFC wants
with it, and a Warning that says what is wrong to whoever reads the trace.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from b2bua.errors import PeerError
from b2bua.wire.fields import WarningText
from b2bua.wire.grammar import printable
from b2bua.wire.message import Request, Response
from b2bua.wire.multipart import unsupported_parts
from b2bua.wire.views import Field

SCHEMES = frozenset(("sip", "sips", "tel"))


class Refusal(PeerError):
    """A request that is refused with header fields that the RFC asks for."""

    def __init__(
        self, why: str, *, section: str, code: int, fields: Iterable[Field] = (), where: str = ""
    ) -> None:
        """Say what is wrong, and what goes with the status."""
        super().__init__(why, section=section, where=where, code=code)
        self.fields = tuple(fields)


def check(request: Request, understood: Collection[str] | None, bodies: Collection[str] | None) -> None:
    """
    Look at a request outside of dialogs in the order of section 8.2, before anything is done about it.

    @param understood: the option tags that it may require, in lower case; None for any.
    @param bodies: the types of body that it may have; None for any.
    """
    check_scheme(request)
    if understood is not None and "Require" in request.first:
        check_required(request, understood)
    if bodies is not None and request.body:
        if request.content_type in bodies and "Content-Encoding" not in request.first:
            return  # as nearly all are
        check_content(request, bodies)


def check_scheme(request: Request, schemes: Collection[str] = SCHEMES) -> None:
    """Refuse a Request-URI whose scheme we do not know: 416 (section 8.2.2.1)."""
    if request.request_uri.scheme not in schemes:
        raise Refusal("Unsupported URI scheme", section="RFC 3261 8.2.2.1", code=416, where=request.uri)


def check_required(request: Request, understood: Collection[str]) -> None:
    """
    Refuse what is required but not understood: 420 with Unsupported (section 8.2.2.3).

    ACK and CANCEL are never refused for it.

    @param understood: option tags, in lower case.
    """
    if "Require" not in request.first or request.method in ("ACK", "CANCEL"):
        return
    tags = [tag for tag in request.values("Require") if tag.lower() not in understood]
    if tags:
        raise Refusal(
            "Extensions we do not have",
            section="RFC 3261 8.2.2.3",
            code=420,
            fields=[("Unsupported", ", ".join(tags))],
            where=", ".join(tags),
        )


def check_content(request: Request, understood: Collection[str]) -> None:
    """
    Refuse a body that we cannot process: 415 (section 8.2.3, RFC 5621 section 5).

    What is marked C{handling=optional} is passed over.  Whole-body codings
    other than identity are refused with Accept-Encoding.

    @param understood: types such as C{application/sdp}.
    """
    if not request.body:
        return
    if "Content-Encoding" in request.first and any(one != "identity" for one in request.content_encoding):
        raise Refusal(
            "A content coding we do not have",
            section="RFC 3261 8.2.3",
            code=415,
            fields=[("Accept-Encoding", "identity")],
        )
    strange = unsupported_parts(request, understood)
    if strange:
        raise Refusal(
            "A body we do not understand",
            section="RFC 3261 8.2.3",
            code=415,
            fields=[("Accept", ", ".join(sorted(understood)))],
            where=strange[0],
        )


def fields_with(error: PeerError) -> tuple[Field, ...]:
    """Give the header fields that the status of an error wants with it."""
    return error.fields if isinstance(error, Refusal) else ()


def refuse(request: Request, error: PeerError, *, to_tag: str, agent: str = "") -> Response:
    """
    Answer a request with what was wrong with it.

    @param agent: our host, for the Warning that carries the reason; without it
        there is none.
    """
    fields = list(fields_with(error))
    if agent:
        text = printable(f"{error.why} ({error.section})")
        fields.append(("Warning", str(WarningText(399, agent, text))))
    return request.response(error.code, to_tag=to_tag, fields=fields)
