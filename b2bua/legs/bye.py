"""How a leg ends: BYE in both directions, and what stands for it before the answer (RFC 3261 section 15)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from b2bua.errors import PeerError
from b2bua.legs import our_requests
from b2bua.legs.header_policy import GOODBYE, entering
from b2bua.legs.state import ANSWERED, CALLING, ENDED
from b2bua.legs.words import HANGS_UP, Fields, HungUp
from b2bua.wire.fields import Reason

if TYPE_CHECKING:
    from b2bua.dialogs.dialog import Dialog
    from b2bua.legs.state import LegData
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Request, Response


class OwedBye:
    """The BYE of ours that may not be sent yet."""

    __slots__ = ("_fields", "leg")

    def __init__(self, leg: LegData, fields: Fields) -> None:
        """Take what it says."""
        self.leg = leg
        self._fields = fields

    def send(self) -> None:
        """Send it."""
        self.leg.owed_bye = None
        _send(self.leg, self._fields)


def _send(leg: LegData, fields: Fields) -> None:
    """Send our BYE."""
    assert leg.dialog is not None
    leg.our_bye = our_requests.request(leg, leg.dialog, "BYE", partial(_answered, leg), fields)


def _answered(leg: LegData, response: Response) -> None:
    """Take an answer to our BYE; whatever the final one is, the session is over (section 15.1.1)."""
    if response.code >= 200 and leg.our_bye is not None:
        _over(leg)


def _over(leg: LegData) -> None:
    """Let go of our BYE, and let those tell their news who waited lest they overtake it."""
    leg.our_bye = None  # it knows the leg: a circle that the collector would have to find
    if leg.seldom is not None:
        for referral in leg.refers:
            referral.go_on()
    leg.check_gone()


def hang_up(leg: LegData, word: HungUp) -> None:
    """End a leg for the call: CANCEL, refusal or BYE, whichever fits its state."""
    if leg.state is ENDED:
        return
    if leg.state is ANSWERED:
        say_goodbye(leg, word.fields)
    elif leg.our_invite is not None:
        leg.our_invite.cancel(word.fields)
    elif leg.peer_invite is not None:
        code, reason = _refusal(word)
        leg.peer_invite.refuse(code, reason, word.fields)


def _refusal(word: HungUp) -> tuple[int, str]:
    """
    What an unanswered caller is told when the other side hangs up.

    A Reason with a SIP status says it; 487 is for a CANCEL only (section 9.2).
    """
    for name, value in word.fields:
        if name == "Reason":
            try:
                reason = Reason.parse(value)
            except PeerError:
                continue
            cause = reason.cause or 0
            if reason.protocol.upper() == "SIP" and 400 <= cause < 700 and cause not in (401, 407, 487, 503):
                return cause, reason.text
    return (500 if word.why == "error" else 480), ""


def say_goodbye(leg: LegData, fields: Fields = ()) -> None:
    """
    Send BYE, when it may be sent.

    The callee must have the ACK for its 2xx first (section 15), and an offer
    that came in a 2xx gets an answer in the ACK even now.
    """
    if leg.our_bye is not None or leg.dialog is None or (leg.seldom is not None and leg.owed_bye is not None):
        return
    leg.end()
    if leg.our_invite is not None:
        leg.our_invite.confirm(None)
    invited = leg.peer_invite
    if invited is None:
        _send(leg, fields)
        return
    leg.owed_bye = OwedBye(leg, fields)
    if not invited.answered:
        invited.refuse(487, "", ())
    if leg.peer_invite is None and leg.owed_bye is not None:
        leg.owed_bye.send()


def lose(leg: LegData, why: str) -> None:
    """The peer is gone or beyond help: BYE, and the call hears of it."""
    if leg.state is ENDED:
        leg.settled()
        leg.check_gone()
        return
    say_goodbye(leg)
    leg.hear(leg, HungUp(why))


def dismiss(leg: LegData, dialog: Dialog) -> None:
    """End a dialog that is not the leg's own: a fork that answered too late."""
    our_requests.request(leg, dialog, "BYE", our_requests.ignored)


def bye_received(leg: LegData, request: Request, server: IServerTransaction) -> None:
    """
    Take a BYE: 200, and 487 to whatever the peer still has open (section 15.1.2).

    One of several early dialogs may go alone (section 15).
    """
    server.accept()
    if leg.seldom is not None and leg.early:
        key = (request.call_id, request.to_tag, request.from_tag)
        alone = [dialog for dialog in leg.early if dialog.key == key]
        if alone and leg.our_invite is not None:
            leg.our_invite.end_early(request.from_tag)
            return
        if alone:
            leg.context.dialogs.remove(alone[0])
            leg.early.remove(alone[0])
            return
    if leg.state is ENDED:
        if leg.our_bye is not None and leg.our_bye.waiting:
            # What waits to be sent again need not be.
            leg.our_bye.give_up()
            _over(leg)
        elif leg.owed_bye is not None:
            # The peer was first, so ours need not wait for the ACK any more.
            leg.owed_bye = None
            leg.check_gone()
        return
    if leg.state is CALLING and not leg.incoming:
        # A callee may not send it before it answers; its INVITE gets a final answer yet.
        return
    fields = entering(request, GOODBYE, leg.party)
    leg.end()
    if leg.our_invite is not None:
        # It did not wait for the ACK, which is owed all the same.
        leg.our_invite.confirm(None)
    if leg.peer_invite is not None and not leg.peer_invite.answered:
        # A 2xx that was sent goes on being repeated until its ACK (section
        # 13.3.1.4): the peer may not have got it yet.
        leg.peer_invite.refuse(487, "", ())
    leg.hear(leg, HungUp("bye", fields) if fields else HANGS_UP["bye"])
    leg.check_gone()
