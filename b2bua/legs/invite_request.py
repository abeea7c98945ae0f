"""An INVITE of ours as it is sent: what it says, and what is mended when it is sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.capabilities import ALLOW, SUPPORTED_INVITE, SUPPORTED_UNRELIABLE
from b2bua.dialogs.dialog import Dialog
from b2bua.dialogs.dialog_request import OFFERLESS
from b2bua.legs import session_expires
from b2bua.legs.context import SDP, Invitation
from b2bua.legs.header_policy import leaving
from b2bua.once import Remembered
from b2bua.transactions.flow import Flow as FlowType
from b2bua.wire.message import written
from b2bua.wire.multipart import write_multipart
from b2bua.wire.names import name_addrs
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from b2bua.legs.state import LegData
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IClientTransaction
    from b2bua.wire.message import Field, Request, Response

RELIABLY = f"Allow: {ALLOW[1]}\nSupported: {SUPPORTED_INVITE[1]}\n"
"""What we can do, for who may send provisional responses reliably."""
UNRELIABLY = f"Allow: {ALLOW[1]}\nSupported: {SUPPORTED_UNRELIABLE[1]}\n"
"""And for who may not."""
ATTEMPTS = 5
"""How often an INVITE is sent at most: credentials, longer timers, fewer option tags."""


def _of_caller(who: tuple[str, ...]) -> tuple[str, str]:
    """Our From, and the user of our Contact."""
    return name_addrs[who], Uri.parse(who[1]).user or ""


_callers = Remembered(_of_caller)
"""The same, by display name and URI: the same few people call again and again."""


class InviteRequest:
    """The request; those who inherit say what comes of it."""

    __slots__ = (
        "_client",
        "_credentials",
        "_require",
        "_sent",
        "call_id",
        "from_name",
        "invitation",
        "leg",
        "local_tag",
        "offers",
        "seq",
        "to_value",
    )

    offers: bool
    """Does it bring an offer?"""
    seq: int
    """
    How often it was sent, which is its CSeq number.

    Any number will do (section 8.1.1.5); low ones are read in their responses once for all calls.
    """
    _sent: Request | None
    """The INVITE as last sent, until it has won."""

    def __init__(self, leg: LegData, invitation: Invitation) -> None:
        """Take what is to be sent; L{start} sends it."""
        self.leg = leg
        self.invitation = invitation
        self.offers = invitation.session is not None
        context = leg.context
        self.call_id = context.token()
        self.local_tag = context.token()
        channel = leg.channel
        self.from_name, channel.contact_user = _callers[invitation.from_display, invitation.from_uri]
        self.to_value = name_addrs[invitation.to_display, invitation.to_uri]
        self.seq = 0
        if invitation.focus:
            channel.show_focus(invitation.focus)
        channel.sticky = type(invitation.target) is FlowType
        channel.secure = invitation.request_uri[:5] == "sips:"
        self._require = leg.party.policy.reliable == "required"
        self._sent = None
        self._client: IClientTransaction | None = None
        self._credentials: tuple[Field, ...] = ()

    @property
    def sent(self) -> Request | None:
        """It as last sent, with its Via."""
        return None if self.flow is None else self._sent

    @property
    def flow(self) -> Flow | None:
        """The way it went."""
        return None if self._client is None else self._client.flow

    def dialog_of(self, response: Response, seq: int) -> Dialog:
        """Make the dialog of a response to it; C{seq} is the last CSeq number that we used."""
        uri = self.invitation.request_uri
        return Dialog.of_response(response, self.call_id, self.local_tag, self.from_name, seq, uri)

    def start(self) -> None:
        """Send the INVITE, or send it again with something changed (section 8.1.3.5)."""
        self.seq += 1
        leg, target = self.leg, self.invitation.target
        if leg.channel.device is None and type(target) is FlowType:
            leg.channel.take_flow(target)
            leg.channel.meet(leg.party.registered_as, self.invitation.request_uri, target)
        self._client = leg.context.layer.request(self._write, target, self._heard)

    def _write(self, flow: Flow, via: str) -> Request:
        """Write the INVITE for the hop that it takes."""
        leg, invitation = self.leg, self.invitation
        self.offers = offers = invitation.session is not None
        contact = leg.channel.contact_by(flow)  # it takes the flow, whose address of ours the offer names
        fields = leaving(invitation.fields, leg.party) if invitation.fields else ()
        fields = session_expires.asking(leg) + fields + self._credentials
        if self._require:
            fields = (("Require", "100rel"), *fields)
        kind, body = "", b""
        if invitation.session is not None:
            kind, body = SDP[1], leg.signed(invitation.session)
        if invitation.parts:
            kind, body = self._with_parts(body)
        way = "".join([f"Route: <{uri}>\n" for uri in invitation.route]) if invitation.route else ""
        # Without an offer of ours a reliable 1xx would have to bring one
        # (RFC 3262 section 5), so that is asked for only on purpose.
        reliable = self._require or (offers and leg.party.policy.reliable != "never")
        head = (
            f"Via: {via if offers else f'{via};{OFFERLESS}'}\n{way}"
            f"Max-Forwards: {invitation.max_forwards}\nMax-Breadth: {invitation.max_breadth}\n"
            f"From: {self.from_name};tag={self.local_tag}\nTo: {self.to_value}\n"
            f"Call-ID: {self.call_id}\nCSeq: {self.seq} INVITE\n"
            f"Contact: {contact}\n{RELIABLY if reliable else UNRELIABLY}"
            f"User-Agent: {leg.context.user_agent}\n"
        )
        lines = 11 + len(invitation.route) if invitation.route else 11
        for name, value in fields:
            head += f"{name}: {value}\n"
            lines += 1
        if kind:
            head, lines = f"{head}Content-Type: {kind}\n", lines + 1
        self._sent = written("INVITE", invitation.request_uri, head, lines, body)
        return self._sent

    def _with_parts(self, offer: bytes) -> tuple[str, bytes]:
        """Put the offer and further bodies together; give their type, too (RFC 5621 9.4)."""
        parts: list[tuple[list[Field], bytes]] = []
        if self.offers:
            parts.append(([SDP], offer))
        for id, kind, content in self.invitation.parts:
            head = [("Content-Type", kind), ("Content-ID", f"<{id}>")]
            head.append(("Content-Disposition", "by-reference;handling=optional"))
            parts.append((head, content))
        return write_multipart(parts, f"part-{self.local_tag}")

    def _heard(self, response: Response) -> None:
        """Take a response."""
        raise NotImplementedError

    def _try_again(self, response: Response) -> bool:
        """Mend what a response complains about and send the INVITE once more, if that can be done."""
        leg, code = self.leg, response.code
        if self.seq >= ATTEMPTS:
            return False
        if code in (401, 407) and self._sent is not None:
            fields = leg.context.credentials(leg, response, self._sent, leg.channel.flow)
            if fields is None:
                return False
            self._credentials = tuple(fields)
        elif code == 422:
            if not session_expires.refused(leg, response):
                return False
        elif code == 420 and self._require and "100rel" in response.unsupported:
            self._require = False
        else:
            return False
        self._forget_forks()
        self.start()
        return True

    def _forget_forks(self) -> None:
        """Drop all early dialogs: the transaction that made them is over."""
        raise NotImplementedError
