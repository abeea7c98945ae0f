"""What of our first INVITE is left when one has answered it: further 2xx (RFC 3261 section 13.2.2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from b2bua.dialogs.dialog import Dialog
from b2bua.dialogs.offer_answer import rejection
from b2bua.errors import PeerError
from b2bua.legs import bye
from b2bua.legs.ack import Ack
from b2bua.legs.header_policy import session_within
from b2bua.legs.state import LegData

if TYPE_CHECKING:
    from b2bua.legs.invite_request import InviteRequest
    from b2bua.legs.words import Word
    from b2bua.transactions.ports import IClientTransaction
    from b2bua.wire.message import Response


class FurtherAnswers(Ack):
    """
    The ACK of the one who has won, which meets the same 2xx again, and those of other forks, until Timer M.

    It knows the way to the peer, and not the leg, which may be gone long before.
    """

    __slots__ = ("_from", "_kind", "_offered", "_others", "_party", "_target", "_used")

    _others: dict[str, Ack] | None
    """The ACKs of dialogs that nobody wants, by their tags."""
    _used: int
    """The last CSeq number that we used with its Call-ID before it was answered."""

    def take_over(
        self, invite: InviteRequest, client: IClientTransaction, others: dict[str, Ack] | None, used: int
    ) -> None:
        """Hear what else comes for an INVITE that is through."""
        leg = invite.leg
        self._kind, self._party = type(leg), leg.party
        self._from, self._target = invite.from_name, invite.invitation.request_uri
        self._offered, self._others, self._used = invite.offers, others, used
        client.hand_on(self)

    def __call__(self, response: Response) -> None:
        """Take a response; what is malformed in it makes it worthless."""
        if not response.success:
            return
        try:
            self._success(response)
        except PeerError:
            return

    def _success(self, response: Response) -> None:
        """Acknowledge a 2xx again, or end the dialog that it makes."""
        tag = response.to_tag
        ack = self if tag == self.dialog.remote_tag else (self._others or {}).get(tag)
        if ack is not None:
            ack.repeat()
            return
        session = session_within(response)
        own = self.dialog
        dialog = Dialog.of_response(
            response, own.call_id, own.local_tag, self._from, self._used, self._target
        )
        ack = Ack(self.channel, dialog, self._seq, self.credentials)
        self._others = {**(self._others or {}), tag: ack}
        leg = self._leg()
        acknowledge(leg, ack, session, offered=self._offered)
        bye.dismiss(leg, dialog)

    def _leg(self) -> LegData:
        """Whose dialogs these are; one that is gone is made anew, for what its BYE may need."""
        channel = self.channel
        if not channel.closed:
            leg: LegData = channel.usage
            return leg
        leg = self._kind(channel.surroundings, False, self._party, _nobody)
        leg.end()
        leg.channel = channel
        return leg


def acknowledge(leg: LegData, ack: Ack, session: bytes | None, *, offered: bool) -> None:
    """
    Send the ACK of a dialog that nobody wants.

    @param session: the body of its 2xx.
    @param offered: did the INVITE bring an offer, so that the ACK owes no answer?
    """
    answer = rejection(session) if session is not None and not offered else b""
    # That is a session of its own: what the leg has said in the one that counts still holds.
    ack.send(leg.new_origin().sign(answer) if answer else b"")


def _nobody(leg: Any, word: Word) -> None:
    """Hear nothing."""
