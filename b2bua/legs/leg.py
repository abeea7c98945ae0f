"""
One dialog of ours, seen by a call as words: the thin top of the room.

What a leg knows and has open is in L{b2bua.legs.state}.  What the call says
goes to a verb in L{b2bua.legs.from_call}, what the peer asks within the dialog
in L{b2bua.legs.from_peer}; each verb has a file of its own, named after what it
does in SIP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from b2bua.legs import from_peer, refresh, snapshot
from b2bua.legs.context import Invitation, LegContext
from b2bua.legs.from_call import VERBS
from b2bua.legs.our_invite import OurInvite
from b2bua.legs.peer_invite import PeerInvite
from b2bua.legs.state import CALLING, LegData, LegState
from b2bua.legs.words import Changed, Fields, HungUp, Word

__all__ = ["Invitation", "Leg", "LegContext", "LegState"]

if TYPE_CHECKING:
    from b2bua.legs.party import Party
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Request, Response


class Leg(LegData):
    """
    A leg of a call.

    C{hear} is told each word of the peer.  What the call wants is said with
    L{say}, which never raises for a race: what comes too late is absorbed.
    After the call itself said L{HungUp}, L{Refused} or L{Moved}, nothing more
    is heard; otherwise L{Refused}, L{Moved} or L{HungUp} is the last word.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """For people who debug."""
        way = "from" if self.incoming else "to"
        return f"<Leg {self.id} {way} {self.party} {self.state.value}>"

    def go_on_from(self, number: int) -> None:
        """The CSeq number that another process has used last."""
        if self.dialog is not None:
            self.dialog.local_seq = max(self.dialog.local_seq, number)

    # How it begins

    @classmethod
    def received(
        cls,
        context: LegContext[Leg],
        request: Request,
        server: IServerTransaction,
        party: Party,
        hear: Callable[[Leg, Word], None],
    ) -> Leg:
        """Make the leg of a first INVITE; nothing is done before L{begin}."""
        leg = cls(context, True, party, hear)
        leg.call_id = request.call_id
        leg.peer_invite = PeerInvite(leg, request, server)
        return leg

    def begin(self) -> bool:
        """
        Take the INVITE: 100 at once, then L{Offered} is heard.

        @return: False if it was refused for a fault of its own (400, 415, 420,
            422); then that L{Refused} is heard instead, and the leg has ended.
        """
        assert self.peer_invite is not None
        return self.peer_invite.begin()

    @classmethod
    def prepare(
        cls,
        context: LegContext[Leg],
        invitation: Invitation,
        party: Party,
        hear: Callable[[Leg, Word], None],
    ) -> Leg:
        """Make the leg of an INVITE that C{our_invite} is to start."""
        leg = cls(context, False, party, hear)
        leg.our_invite = invite = OurInvite(leg, invitation)
        leg.call_id = invite.call_id
        return leg

    @classmethod
    def dial(
        cls,
        context: LegContext[Leg],
        invitation: Invitation,
        party: Party,
        hear: Callable[[Leg, Word], None],
    ) -> Leg:
        """Send an INVITE at once."""
        leg = cls(context, False, party, hear)
        leg.our_invite = invite = OurInvite(leg, invitation)
        leg.call_id = invite.call_id
        invite.start()
        return leg

    def snapshot(self) -> dict[str, Any]:
        """Write an established leg down as plain values, fit for JSON."""
        return snapshot.write(self)

    @classmethod
    def restore(
        cls,
        context: LegContext[Leg],
        plain: dict[str, Any],
        party: Party,
        hear: Callable[[Leg, Word], None],
        lives: int = 1,
    ) -> Leg:
        """
        Make the leg that L{snapshot} wrote down; its requests find it from now on.

        @param lives: how many processes may have used its numbers since.
        @raise UsageError: another version wrote it, or it is not whole.
        """
        with snapshot.reading("A leg", plain, snapshot.VERSION):
            leg = cls(context, plain["incoming"], party, hear)
            snapshot.read(leg, plain, lives)
        return leg

    # What the call says

    def say(self, word: Word) -> None:
        """Tell the peer a word of the other side."""
        if self.seldom is not None and self.held is not None and self.held.said(word):
            return
        if self.context.music is not None and self.context.music(self, word):
            return
        # By its type, since a match looks at one type after the other.
        VERBS[type(word)](self, word)

    def hang_up(self, why: str = "bye", fields: Fields = ()) -> None:
        """Say L{HungUp}."""
        self.say(HungUp(why, fields))

    def cancel(self, fields: Fields = ()) -> None:
        """Say L{HungUp} before the answer."""
        self.say(HungUp("cancel", fields))

    def tell_again(self, session: bytes) -> None:
        """Have the call hear of the peer's session once more, for who was shown another one meanwhile."""
        self.unasked = True
        self.hear(self, Changed(session))

    # What the server below tells

    request_received = from_peer.request_received

    def ack_received(self, request: Request, flow: Flow) -> None:
        """Take the ACK for a 2xx."""
        if self.peer_invite is not None:
            self.peer_invite.ack_received(request)

    def inherited_success(self, response: Response) -> None:
        """Take a 2xx for which L{inherits} is true."""
        if self.inherited is not None:
            self.inherited.success(response)

    def cancel_received(self, request: Request, server: IServerTransaction) -> None:
        """Take a CANCEL, which has been answered already."""
        if self.peer_invite is not None and self.peer_invite.server is server:
            self.peer_invite.cancelled(request)

    def flow_lost(self, flow: Flow) -> None:
        """
        The connection to the peer is closed.

        A call that stands goes on: media do not need it, and the phone will
        come back.  A caller who is gone before the answer is gone.
        """
        channel = self.channel
        if channel.flow != flow:
            return
        channel.lose(flow)
        if channel.flow is not None:
            return
        if self.our_invite is not None and channel.device is not None:
            self.our_invite.stranded()
        if self.incoming and self.state is CALLING and self.peer_invite is not None:
            self.peer_invite.refuse(480, "", ())
            self.hear(self, HungUp("lost"))

    def referred_from_outside(self, request: Request, server: IServerTransaction) -> None:
        """Take a REFER that names this leg by Target-Dialog; it makes a dialog of its own (RFC 4538)."""
        from_peer.referred_from_outside(self, request, server)

    def __call__(self) -> None:
        """The timer of the session fires."""
        self.timer = None
        refresh.due(self)
