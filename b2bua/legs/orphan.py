"""
INVITEs that were open when their process died, as plain values, and how the next one ends them.

A phone that we have called is told with a CANCEL, which is made of the INVITE
as it was sent, as soon as the phone has said anything (RFC 3261 section 9.1).
Should it have been answered meanwhile, the 2xx gets its ACK and a BYE.  A caller
who waits gets a final response on the INVITE's own way back (section 18.2.2).

What was written may be a moment old, and the INVITE answered since.  Then the phone
does not end it upon the CANCEL, and the caller does not acknowledge the refusal:
they get a BYE in the dialog that was known (section 15).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from b2bua.dialogs.dialog import AHEAD, Dialog
from b2bua.errors import UsageError
from b2bua.legs import bye, our_requests
from b2bua.legs.context import Invitation
from b2bua.legs.leg import Leg
from b2bua.legs.our_invite import OurInvite
from b2bua.legs.snapshot import read_device, read_flow, reading, write_device, write_flow, write_party
from b2bua.legs.state import CALLING
from b2bua.wire.message import Request, Response
from b2bua.wire.parser import parse
from b2bua.wire.registry import KNOWN, canonical
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from b2bua.dialogs.device import Device
    from b2bua.legs.context import LegContext
    from b2bua.legs.exchanges import IOurInvite
    from b2bua.legs.party import Party
    from b2bua.legs.words import Word
    from b2bua.transactions.flow import Flow

VERSION = 1
"""Changes with what is written, from the first release on; what another version wrote is refused."""

RESTARTED = (500, "The server was restarted")
"""What a caller hears; 503 would have its proxy ask nobody here for a while (RFC 3263 section 4.3)."""

PATIENCE = 180.0
"""Seconds that a CANCEL waits for a phone to come back."""

LONG = 16
"""A name of so many characters is none of these; and only short ones are worth being remembered."""
_OURS = frozenset(("Via", "Route", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Contact"))
_THEIRS = frozenset(("Via", "From", "To", "Call-ID", "CSeq"))


class OrphanedInvite(OurInvite):
    """The INVITE of a process that is gone, which is to be cancelled."""

    __slots__ = ("_ended", "_orphans")

    def __init__(
        self,
        leg: Leg,
        invite: Request,
        flow: Flow | None,
        device: Device | None,
        dialogs: Sequence[Dialog] = (),
        *,
        heard: bool,
        offered: bool,
    ) -> None:
        """
        Cancel it.

        @param invite: it as it was sent.
        @param flow: the way it went; None if that was a connection, which is
            closed by now: then the CANCEL waits for the phone to come back.
        @param device: the phone, as far as it is known.
        @param dialogs: those that provisional responses have made.
        @param heard: has there been a provisional response?
        @param offered: did it bring an offer?
        """
        uri = invite.uri
        from_uri, to_uri = str(invite.from_.uri), str(invite.to.uri)
        session = b"" if offered else None
        super().__init__(leg, Invitation(uri, flow or Uri.parse(uri), from_uri, to_uri, session=session))
        self.call_id, self.local_tag = invite.call_id, invite.from_tag
        leg.call_id = self.call_id
        self.from_name = (invite.get("From") or "").removesuffix(f";tag={self.local_tag}")
        self.to_value = invite.get("To") or ""
        self.seq = invite.cseq.number
        self._sent = invite
        self._cancelled, self.heard = True, heard
        self._orphans = tuple(dialogs)
        """The dialogs in which the process that is gone has rung the phone."""
        self._ended: set[str] = set()
        """The tags of those who have answered our BYE, and may not have our ACK yet."""
        self._used = max([self.seq + AHEAD, *(dialog.local_seq for dialog in dialogs)])
        leg.our_invite = self
        leg.linger()
        leg.end()
        if flow is not None:
            leg.channel.take_flow(flow)
            self._take_up(flow)
        else:
            self._stranded = leg.context.layer.start(PATIENCE, self._over)
        leg.channel.device = device
        leg.channel.resume()

    def _take_up(self, flow: Flow) -> None:
        """Go on with the INVITE of another process, which is to be cancelled."""
        assert self._sent is not None
        layer = self.leg.context.layer
        self._client = layer.take_up_client(
            self._sent, flow, self._heard, self._cancel_heard, heard=self.heard
        )
        self._client.cancel()
        if self._orphans:
            self.leg.context.layer.start(self.leg.timers.t2, self._dismiss_orphans)

    def _cancel_heard(self, response: Response) -> None:
        """
        Take the answer to the CANCEL: its tag is that of the dialog, as the phone knows it (section 9.2).

        It may be none that is known, if nothing but a 100 was heard of before.
        """
        tag = response.to_tag
        if not response.success or not tag or tag in [dialog.remote_tag for dialog in self._orphans]:
            return
        dialog = self.dialog_of(response, self._used)
        if not self._orphans:
            self.leg.context.layer.start(self.leg.timers.t2, self._dismiss_orphans)
        self._orphans += (dialog,)

    def _dismiss_orphans(self) -> None:
        """The CANCEL has ended nothing: the INVITE was answered before, and its dialog needs a BYE."""
        if self.leg.our_invite is self:
            for dialog in self._orphans:
                self._dismiss(dialog)
                self._used = max(self._used, dialog.local_seq)

    def _dismiss(self, dialog: Dialog) -> None:
        """End a dialog, unless a BYE has been answered, which is the end of it (section 15.1.1)."""
        tag = dialog.remote_tag

        def heard(response: Response) -> None:
            if response.final and not response.local:
                self._ended.add(tag)

        if tag not in self._ended:
            our_requests.request(self.leg, dialog, "BYE", heard)

    def follow(self, flow: Flow) -> None:
        """The phone is there now, and so goes the CANCEL that has waited for it."""
        waited = self._client is None
        super().follow(flow)
        if waited:
            self._take_up(flow)


def write_open(leg: Leg, start: int) -> dict[str, Any] | None:
    """
    Write the INVITE of a leg that has no final answer yet; None if there is nothing to be ended.

    @param start: which start of the service this process is.
    """
    if leg.state is not CALLING:
        return None
    if leg.our_invite is not None:
        sent, flow, device = leg.our_invite.sent, leg.our_invite.flow, leg.channel.device
        if sent is None or flow is None:
            return None
        return {
            "version": VERSION,
            "start": start,
            "ours": True,
            "offered": _has_offer(leg, leg.our_invite),
            "heard": leg.our_invite.heard,
            "party": write_party(leg.party),
            "dialogs": [
                dialog.snapshot() for dialog in (leg.dialog, *(leg.early or ())) if dialog is not None
            ],
            "invite": _head(sent, _OURS),
            "flow": write_flow(flow),
            "device": None if device is None else write_device(device),
        }
    if leg.peer_invite is None or leg.dialog is None or leg.peer_invite.answered:
        return None
    return {
        "version": VERSION,
        "start": start,
        "ours": False,
        "party": write_party(leg.party),
        "dialog": leg.dialog.snapshot(),
        "invite": _head(leg.peer_invite.request, _THEIRS),
        "flow": write_flow(leg.peer_invite.server.flow),
    }


def _has_offer(leg: Leg, invite: IOurInvite) -> bool:
    """Did it bring an offer, or was that of the callee answered early, so that the ACK owes no answer?"""
    early = leg.dialog is not None and invite.early_exchange_done(leg.dialog)
    return invite.invitation.session is not None or early


def end(
    context: LegContext[Leg],
    plain: dict[str, Any],
    party_of: Callable[[list[Any]], Party],
    hear: Callable[[Leg, Word], None],
    start: int,
) -> None:
    """
    End what L{write_open} wrote.

    @param party_of: who it is that was written down.
    @param start: which start of the service this process is.
    @raise UsageError: another version wrote it, or it is not whole.
    """
    with reading("An INVITE", plain, VERSION):
        invite = parse(plain["invite"].encode("utf-8", "surrogateescape"))
        if not isinstance(invite, Request):
            raise UsageError("An INVITE that is none")
        flow = read_flow(plain["flow"])
        lives = max(1, start - int(plain["start"]))
        leg = Leg(context, not plain["ours"], party_of(plain["party"]), hear)
        if plain["ours"]:
            device = None if plain["device"] is None else read_device(plain["device"])
            dialogs = [_ahead(dialog, lives) for dialog in plain["dialogs"]]
            OrphanedInvite(
                leg, invite, flow, device, dialogs, heard=bool(plain["heard"]), offered=bool(plain["offered"])
            )
        elif flow is not None:
            dialog = _ahead(plain["dialog"], lives)
            leg.end()
            leg.channel.take_flow(flow)
            leg.channel.sticky = leg.party.internal
            server = context.layer.take_up_server(invite, flow)
            server.failed = lambda code: bye.dismiss(leg, dialog)
            server.respond(invite.response(*RESTARTED, to_tag=dialog.local_tag))


def _ahead(plain: dict[str, Any], lives: int) -> Dialog:
    """A dialog with CSeq numbers that were not used yet."""
    dialog = Dialog.restore(plain)
    dialog.local_seq += AHEAD * lives
    return dialog


@lru_cache(maxsize=512)
def _is_of(name: str, names: frozenset[str]) -> bool:
    """Is it the short form of one of these, or written in another case?  Phones of one make write alike."""
    return canonical(name) in names


def _head(request: Request, names: frozenset[str]) -> str:
    """What of an INVITE is needed to end it, as text; its fields have no line breaks any more."""
    lines = [
        f"{name}: {value}"
        for name, value in request.fields
        if name in names or (name not in KNOWN and len(name) < LONG and _is_of(name, names))
    ]
    return "\r\n".join((f"{request.method} {request.uri} SIP/2.0", *lines, "", ""))
