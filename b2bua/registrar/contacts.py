"""The Contact values of a REGISTER: what a phone asks for, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from b2bua.errors import PeerError
from b2bua.registrar.bindings import Binding
from b2bua.transactions.flow import Flow
from b2bua.wire.grammar import one_text, printable, quote

if TYPE_CHECKING:
    from b2bua.wire.message import Request
    from b2bua.wire.names import NameAddr

SECTION = "RFC 3261 10.3"
MALFORMED = 3600
"""What an expiry that is no number stands for (RFC 3261 section 10.2)."""
TOLD = ("MAC", "Line")
"""Header fields in which a Yealink says which device it is (register_mac, register_line)."""
DEFAULT_PORT = {"UDP": 5060, "TCP": 5060, "TLS": 5061, "WS": 80, "WSS": 443}


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a binding lives, in seconds."""

    least: int = 60
    most: int = 7200
    default: int = 3600

    def choose(self, text: str | None) -> int:
        """
        The interval for what a phone asked, None standing for nothing.

        @raise PeerError: 423, if it is too short.
        """
        if text is None:
            return self.default
        text = text.strip()
        if not (text.isascii() and text.isdigit()):
            seconds = MALFORMED
        else:
            # Values over 2**32-1 count as that (RFC 3261 section 10.2); the limit
            # on the digits keeps int() cheap.
            seconds = int(text) if len(text) <= 10 else 2**32 - 1
        if 0 < seconds < min(self.least, 3600):
            raise PeerError("Interval too brief", section=SECTION, where=text, code=423)
        return min(seconds, self.most)


class RequestedBinding(NamedTuple):
    """One Contact value of a REGISTER, worked out."""

    binding: Binding
    removal: bool


def requested(
    request: Request, flow: Flow, aor: str, now: float, bounds: Bounds, behind_nat: bool
) -> list[RequestedBinding]:
    """
    Work out what a REGISTER asks for.

    @raise PeerError: if any Contact is not right.
    """
    first_hop = len(request.values("Via")) == 1
    path = _path(request)
    outbound = _outbound(request, first_hop)
    common = request.get("Expires")
    agent = one_text(printable((request.get("User-Agent") or "")[:96]))
    extra = tuple((name, printable(value[:64])) for name in TOLD if (value := request.get(name)))
    found: list[RequestedBinding] = []
    for contact in request.contacts:
        own = contact.param("expires")
        seconds = bounds.choose(common if own is None else own)
        uri = contact.uri
        if uri.scheme not in ("sip", "sips"):
            raise PeerError("No SIP contact", section=SECTION, where=contact.uri_text)
        instance = printable((contact.param("+sip.instance") or "").strip("<>"))
        reg_id = _reg_id(contact) if outbound and instance else 0
        way = None
        if first_hop and not path:
            way = _way(request, contact, flow) if not reg_id and behind_nat else flow
            if not behind_nat and not reg_id and not flow.reliable:
                way = None
        binding = Binding(
            aor, contact.uri_text, way, now + seconds, request.call_id, request.cseq.number,
            _q(contact), path, instance, reg_id, _others(contact), agent, extra, now,
        )  # fmt: skip
        found.append(RequestedBinding(binding, seconds == 0))
    if sum(not one.removal for one in found) > 1 and any(one.binding.reg_id for one in found):
        raise PeerError("One flow is registered at a time", section="RFC 5626 6")
    return found


def render(binding: Binding, now: float) -> str:
    """A Contact value of the 200: every one has its expiry (section 10.3, step 8)."""
    text = f"<{binding.contact}>{binding.params}"
    if binding.q != 1000:
        text += f";q={binding.q / 1000:g}"
    if binding.instance:
        text += f";+sip.instance={quote(f'<{binding.instance}>')}"
    if binding.reg_id:
        text += f";reg-id={binding.reg_id}"
    return f"{text};expires={max(0, round(binding.expires_at - now))}"


def _way(request: Request, contact: NameAddr, flow: Flow) -> Flow:
    """
    Where the phone is reached: where its REGISTER came from.

    A phone that sends from another port than it listens on is the exception:
    it asks for no rport, and its Contact has the address we see.
    """
    uri = contact.uri
    if flow.transport != "UDP" or request.via.rport is not None or uri.host != flow.remote[0]:
        return flow
    port = uri.port or DEFAULT_PORT["UDP"]
    if port == flow.remote[1]:
        return flow
    return Flow(flow.transport, flow.local, (flow.remote[0], port))


def _path(request: Request) -> tuple[str, ...]:
    """
    The Path vector.

    @raise PeerError: 420 when the phone does not know of Path (RFC 3327
        section 5.3): then someone on the way put it in who should not have.
    """
    path = tuple(hop.uri_text for hop in request.paths)
    if path and "path" not in request.supported:
        raise PeerError("Path without support for it", section="RFC 3327 5.3", code=420)
    return path


def _outbound(request: Request, first_hop: bool) -> bool:
    """
    Do reg-ids count (RFC 5626 section 6)?

    @raise PeerError: 439 when the phone wants flows and the first hop does not.
    """
    if first_hop or (request.paths and request.paths[0].uri.param("ob") is not None):
        return "outbound" in request.supported
    if "outbound" in request.supported and any(c.param("reg-id") for c in request.contacts):
        raise PeerError("First hop lacks outbound support", section="RFC 5626 6", code=439)
    return False


def _reg_id(contact: NameAddr) -> int:
    """The reg-id: 1 to 2**31-1 (RFC 5626 section 4.2), 0 if there is none."""
    text = contact.param("reg-id")
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit()) or not 0 < len(text) <= 10 or not 0 < int(text) < 2**31:
        raise PeerError("Malformed reg-id", section="RFC 5626 4.2", where=text)
    return int(text)


def _q(contact: NameAddr) -> int:
    """The preference in thousandths; 1 where it is not said (section 10.2.1.2)."""
    text = contact.param("q")
    if text is None:
        return 1000
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    # qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
    if whole not in ("0", "1") or not digits.isascii() or not digits.isdigit() or len(fraction) > 3:
        raise PeerError("Malformed q", section="RFC 3261 25.1", where=text)
    thousandths = int(whole) * 1000 + int(fraction.ljust(3, "0"))
    if thousandths > 1000:
        raise PeerError("Malformed q", section="RFC 3261 25.1", where=text)
    return thousandths


_OWN = frozenset({"expires", "q", "+sip.instance", "reg-id"})


def _others(contact: NameAddr) -> str:
    """The parameters that are only kept and shown again."""
    kept = [written for name, written in contact.written_params if name.lower() not in _OWN]
    return printable("".join(kept))
