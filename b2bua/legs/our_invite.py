"""Our first INVITE: its forks, its answer, its refusals and its CANCEL (RFC 3261 sections 9.1, 13.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.dialogs.offer_answer import rejection
from b2bua.errors import PeerError
from b2bua.legs import bye, session_expires
from b2bua.legs.ack import Ack
from b2bua.legs.early_dialogs import ForkingInvite
from b2bua.legs.further import FurtherAnswers, acknowledge
from b2bua.legs.header_policy import FAILURE, MOVED, PROVISIONAL, SUCCESS, entering, leaving, session_within
from b2bua.legs.state import ANSWERED, CALLING
from b2bua.legs.words import RINGING, Answered, Moved, Progress, Refused, Ringing
from b2bua.wire.names import NameAddr

if TYPE_CHECKING:
    from b2bua.clock import ITimer
    from b2bua.dialogs.dialog import Dialog
    from b2bua.legs.context import Invitation
    from b2bua.legs.early_dialogs import Reliable
    from b2bua.legs.state import LegData
    from b2bua.legs.words import Fields
    from b2bua.transactions.flow import Flow
    from b2bua.wire.message import Response


class OurInvite(ForkingInvite):
    """
    The client side of the first INVITE.

    When one has answered and all is said, the ACK for that takes its place with the
    transaction (L{FurtherAnswers}), so that retransmitted and surplus 2xx are met when
    the leg has long let go of it.
    """

    __slots__ = ("_ack", "_cancelled", "_owing", "_stranded", "_surplus_acks", "heard")

    heard: bool
    """Has there been a provisional response?"""
    _owing: Reliable | None
    """The fork that won while the PRACK with our answer was owed."""
    _ack: FurtherAnswers | None
    """That of the winner."""
    _surplus_acks: dict[str, Ack] | None
    """Those of dialogs that nobody wants, by their tags; nearly always there is none."""

    def __init__(self, leg: LegData, invitation: Invitation) -> None:
        """Take what is to be sent; C{start} sends it."""
        super().__init__(leg, invitation)
        self._stranded: ITimer | None = None
        self._cancelled = False
        self.heard = False
        self._early_media = ""
        self._reliable = None
        self._used = 0
        self._owing = None
        self._ack = None
        self._surplus_acks = None

    def _heard(self, response: Response) -> None:
        """Take a response; what is malformed in it makes it worthless."""
        if response.code == 100:
            self.heard = True
            return
        try:
            if response.code < 200:
                self._provisional(response)
            elif response.code < 300:
                self._success(response)
            else:
                self._failure(response)
        except PeerError:
            if response.final and self._cancelled:
                self._over()
            elif response.final and self._ack is None:
                self._fail(Refused(500, "", (), local=True))

    # Provisional responses

    def _provisional(self, response: Response) -> None:
        """Take a 1xx: an early dialog, a PRACK, a word."""
        leg, self.heard = self.leg, True
        if self._cancelled or self._ack is not None or leg.our_invite is not self:
            return
        if self._stranded is not None:
            self._stay()  # who answers has come back, registered or not
        tag = response.to_tag
        if response.code == 199:
            if self.end_early(tag):
                fields = entering(response, PROVISIONAL, leg.party)
                leg.hear(leg, Progress(199, response.reason, None, fields))
            return
        leg.learn(response)
        session = session_within(response)
        reliable = "Require" in response.first and "100rel" in response.require and response.rseq is not None
        if tag:
            dialog = self._early_of(tag, response)
            if reliable and not self._take_reliable(dialog, response, session):
                return
        if not self.offers and not reliable:
            # An offer cannot come in an unreliable response (section 13.2.1).
            session = None
        if session is not None:
            # Of several forks one has its early media let through.
            self._early_media = self._early_media or tag
            if self._early_media != tag:
                session = None
        fields = entering(response, PROVISIONAL, leg.party)
        if response.code == 180:
            leg.ringing = True
            leg.hear(leg, RINGING if session is None and not fields else Ringing(session, fields))
        else:
            leg.hear(leg, Progress(response.code, response.reason, session, fields))

    # Success

    def _success(self, response: Response) -> None:
        """Take a 2xx: the first one wins, others are ended (section 13.2.2.4)."""
        tag = response.to_tag
        ack: Ack | None = self._ack
        if ack is None or ack.dialog.remote_tag != tag:
            ack = self._surplus_acks.get(tag) if self._surplus_acks else None
        if ack is not None:
            ack.repeat()
            return
        leg = self.leg
        session = session_within(response)
        early = self._early(tag) if self._ack is None else None
        if early is None:
            dialog = self.dialog_of(response, max(self.seq, self._used))
        else:
            dialog = early
            dialog.confirm(response)
        if self._ack is not None or self._cancelled or leg.our_invite is not self:
            if early is not None:
                self._drop(early)
            surplus = Ack(leg.channel, dialog, self.seq, self._credentials)
            self._surplus_acks = self._surplus_acks or {}
            self._surplus_acks[tag] = surplus
            self._surplus(surplus, session)
            return
        self._ack = won = FurtherAnswers(leg.channel, dialog, self.seq, self._credentials)
        updated = None
        if early is None:
            leg.context.dialogs.add(dialog, leg)
        elif leg.dialog is early:
            # What an UPDATE has changed since the reliable answer of that dialog counts.
            updated = leg.remote_session
        fork = self._reliable.get(tag) if self._reliable else None
        self._keep(dialog)
        self._sent = None
        leg.learn(response)
        leg.state = ANSWERED
        through = False
        if fork is not None and fork.answer is not None:
            through = not fork.rack
            session = fork.answer
            if not self.offers:
                if through:
                    session = None
                else:
                    # It did not wait for the PRACK with our answer to its offer.
                    self._owing = fork
        self._settle(won, session, through, response, updated)

    def _settle(
        self,
        ack: Ack,
        session: bytes | None,
        through: bool,
        response: Response,
        updated: bytes | None,
    ) -> None:
        """
        Acknowledge the 2xx that won, and let the call hear of it.

        @param through: were offer and answer exchanged reliably before?
        @param updated: the peer's session as it was then, or as it has changed since.
        """
        leg = self.leg
        word = Answered(session, entering(response, SUCCESS, leg.party))
        if session is None and not through:
            ack.send()
            self._done()
            bye.say_goodbye(leg)
            leg.hear(leg, Refused(488, "", (), local=True))
            return
        if self._owing is not None:
            ack.send()
        elif self.offers or through:
            ack.send()
            self._done()
        else:
            ack.owe(leg)
        if session is not None:
            leg.remote_session = updated or session
        session_expires.agreed(leg, response)
        if leg.seldom is not None and leg.our_change is not None and self.offers:
            # An UPDATE within the early dialog is answered first, so that the
            # call can tell the two answers apart.
            leg.our_change.hold(word)
            return
        leg.hear(leg, word)
        if leg.seldom is not None:
            leg.settled()

    def _done(self) -> None:
        """The exchange is through: the leg lets go."""
        if self._stranded is not None:
            self._stay()
        if self._ack is not None and self._client is not None:
            used = self.seq if self.seq > self._used else self._used
            self._ack.take_over(self, self._client, self._surplus_acks, used)
        self._client, leg = None, self.leg
        if leg.our_invite is self:
            leg.our_invite = None

    def _surplus(self, ack: Ack, session: bytes | None) -> None:
        """End a dialog that nobody wants, after its ACK."""
        acknowledge(self.leg, ack, session, offered=self.offers)
        self._dismiss(ack.dialog)
        if self._cancelled:
            self._over()

    def _dismiss(self, dialog: Dialog) -> None:
        """End a dialog that nobody wants."""
        bye.dismiss(self.leg, dialog)

    def confirm(self, session: bytes | None) -> None:
        """Give the answer to an offer in the 2xx, or in a reliable 1xx."""
        leg = self.leg
        ack, owing = self._ack, self._owing
        if ack is None:
            if session is not None:
                self._answer_early(session)
            return
        if leg.our_invite is not self:
            return
        if session is None:
            session = rejection(leg.remote_session or b"")
        if owing is not None:
            self._prack(owing, owing.rack, leg.signed(session, owing.answer))
        else:
            ack.send(leg.signed(session, leg.remote_session))
        self._done()
        leg.settled()

    # Failure and CANCEL

    def _failure(self, response: Response) -> None:
        """Take a final response that is no 2xx."""
        leg = self.leg
        if self._ack is not None:
            return
        if self._cancelled:
            self._over()
            return
        if self._try_again(response):
            return
        party = leg.party
        if 300 <= response.code < 400:
            contacts = sorted(response.contacts, key=_preference, reverse=True)
            if contacts:
                targets = tuple([str(contact) for contact in contacts])
                fields = entering(response, MOVED, party)
                self._fail(Moved(response.code, targets, response.reason, fields))
                return
            # Who has moved and does not say where cannot be reached (section 21.3).
            self._fail(Refused(480, "", entering(response, FAILURE, party)))
            return
        fields = entering(response, FAILURE, party)
        self._fail(Refused(response.code, response.reason, fields, local=response.local))

    def _forget_forks(self) -> None:
        """Drop all early dialogs: the transaction that made them is over."""
        self._keep(None)

    def _fail(self, word: Refused | Moved) -> None:
        """Be over without a dialog."""
        leg = self.leg
        self._forget_forks()
        self._done()
        leg.end()
        leg.hear(leg, word)
        leg.check_gone()

    def give_up(self, word: Refused) -> None:
        """It cannot be sent: be over with C{word} as the last one."""
        self._fail(word)

    def _part(self) -> None:
        """Be over before anything was sent."""
        leg = self.leg
        self._done()
        leg.end()
        leg.check_gone()

    def cancel(self, fields: Fields) -> None:
        """
        Send a CANCEL; a 200 that crosses it is met with ACK and BYE.

        Without a final response in 64*T1 the layer says 408, and the INVITE
        counts as cancelled (section 9.1).
        """
        leg = self.leg
        if not self.seq:
            self._part()  # nobody has heard of it
            return
        if self._cancelled or self._ack is not None or self._client is None:
            return
        self._cancelled = True
        self._stay()
        leg.linger()
        leg.end()
        self._client.cancel(leaving(fields, leg.party))

    # The phone and its connection

    def stranded(self) -> None:
        """
        The connection is closed by which the phone rings.

        A phone that comes back registers at once, and goes on ringing; another
        one was switched off or has died, and the call goes on without it.
        """
        if self._stranded is None and not self._cancelled and self._ack is None:
            layer, timers = self.leg.context.layer, self.leg.timers
            self._stranded = layer.start(timers.t2, self._given_up)

    def _given_up(self) -> None:
        """It has not come back; if it does all the same, its answer gets ACK and BYE."""
        leg = self.leg
        self._stranded = None
        if leg.state is CALLING:
            self.cancel(())
            leg.hear(leg, Refused(503, "", (), local=True))

    def follow(self, flow: Flow) -> None:
        """The phone is there now, and so is what is still to be sent to it."""
        self._stay()
        if self._client is not None:
            self._client.move(flow)

    def _stay(self) -> None:
        """Wait for the phone no longer."""
        if self._stranded is not None:
            self._stranded.stop()
            self._stranded = None

    def _over(self) -> None:
        """The cancelled INVITE has its final response."""
        leg = self.leg
        if leg.our_invite is not self:
            return
        self._forget_forks()
        self._done()
        leg.release()


def _preference(contact: NameAddr) -> float:
    """The q of a Contact in a 3xx (section 20.10)."""
    try:
        return float(contact.param("q") or 1)
    except ValueError:
        return 0.0
