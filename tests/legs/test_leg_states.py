"""Every word in every state of a leg: nothing is raised, and nothing is left."""

from __future__ import annotations

from collections.abc import Callable

from b2bua.legs.leg import Leg, LegState
from b2bua.legs.party import Policy
from b2bua.legs.words import (
    Answered,
    Changed,
    Confirmed,
    HungUp,
    Moved,
    Offered,
    Progress,
    Referred,
    Refused,
    Replied,
    Requested,
    Ringing,
    Word,
)
from b2bua.wire.message import Field
from tests.legs.layer import ANSWER, HELD_SDP, OFFER, FakeServer, LegCase, sdp

RELIABLY: tuple[Field, ...] = (("Require", "100rel"), ("RSeq", "1"))
NEW = sdp("198.51.100.99", 9000)

WORDS: tuple[Word, ...] = (
    Offered(OFFER),
    Ringing(),
    Ringing(ANSWER),
    Ringing(NEW),
    Progress(181, "Call Is Being Forwarded"),
    Progress(183, "", ANSWER),
    Progress(199),
    Answered(ANSWER),
    Answered(NEW),
    Answered(None),
    Confirmed(ANSWER),
    Confirmed(None),
    Changed(OFFER),
    Changed(NEW),
    Changed(None),
    Changed(None, (("P-Asserted-Identity", "<sip:1@example.com>"),), identity_only=True),
    Refused(486),
    Refused(491, "", (), local=True),
    Moved(302, ("<sip:103@example.com>",)),
    Requested("INFO", 1),
    Replied(1, 200),
    Replied(2, 200),
    HungUp(),
    HungUp("cancel", (("Reason", "SIP;cause=200"),)),
    HungUp("timeout", (("Reason", "SIP;cause=603"),)),
    HungUp("error"),
)


class StateCase(LegCase):
    """The states that a leg can be brought into."""

    # Incoming

    def incoming_offered(self) -> Leg:
        """An INVITE has come."""
        return self.incoming()

    def incoming_offered_reliable(self) -> Leg:
        """One that insists on reliable responses has come."""
        return self.incoming(fields=[("Require", "100rel")])

    def incoming_empty(self) -> Leg:
        """One without an offer has come."""
        return self.incoming(None)

    def incoming_ringing(self) -> Leg:
        """It rings, with early media."""
        leg = self.incoming()
        leg.say(Ringing(ANSWER))
        return leg

    def incoming_ringing_reliably(self) -> Leg:
        """It rings with early media, and the PRACK has not come."""
        leg = self.incoming(fields=[("Supported", "100rel")])
        leg.say(Ringing(ANSWER))
        return leg

    def incoming_held_back(self) -> Leg:
        """It was answered, but the PRACK has not come."""
        leg = self.incoming_ringing_reliably()
        leg.say(Answered(ANSWER))
        return leg

    def incoming_early_answered(self) -> Leg:
        """It rings, and the PRACK has come."""
        leg = self.incoming_ringing_reliably()
        self.prack(leg)
        return leg

    def prack(self, leg: Leg) -> None:
        """Acknowledge the last reliable response."""
        rseq = next(r.rseq for r in reversed(self.server.responses) if r.rseq)
        self.gets(leg, "PRACK", fields=[("RAck", f"{rseq} {self.server.request.cseq.number} INVITE")])

    def incoming_answered(self) -> Leg:
        """It was answered, and the ACK has not come."""
        leg = self.incoming()
        leg.say(Answered(ANSWER))
        return leg

    def incoming_established(self) -> Leg:
        """The ACK has come."""
        return self.established()

    def incoming_cancelled(self) -> Leg:
        """The caller has given up."""
        leg = self.incoming()
        self.cancel(leg)
        return leg

    # Outgoing

    def outgoing_calling(self) -> Leg:
        """An INVITE is out."""
        return self.outgoing()

    def outgoing_ringing(self) -> Leg:
        """It rings in two places."""
        leg = self.outgoing()
        self.client.answer(180, tag="a")
        self.client.answer(183, ANSWER, tag="b")
        return leg

    def outgoing_early_answered(self) -> Leg:
        """It rings, with the answer in a reliable response."""
        leg = self.outgoing()
        self.client.answer(183, ANSWER, fields=(*RELIABLY, ("Allow", "INVITE, UPDATE")))
        return leg

    def outgoing_early_offered(self) -> Leg:
        """It rings, with an offer in a reliable response."""
        leg = self.outgoing(None, policy=Policy(reliable="required", session_expires=0))
        self.client.answer(183, OFFER, fields=RELIABLY)
        return leg

    def outgoing_cancelled(self) -> Leg:
        """We have given up."""
        leg = self.outgoing()
        self.client.answer(180)
        leg.cancel()
        return leg

    def outgoing_established(self) -> Leg:
        """It was answered."""
        return self.answered()

    def outgoing_owing(self) -> Leg:
        """It was answered with an offer."""
        leg = self.outgoing(None)
        self.client.answer(200, OFFER)
        return leg

    def outgoing_refused(self) -> Leg:
        """It was refused."""
        leg = self.outgoing()
        self.client.answer(486)
        return leg

    # Both

    def changing(self) -> Leg:
        """A re-INVITE of ours is out."""
        leg = self.established()
        leg.say(Changed(HELD_SDP))
        return leg

    def changing_owing(self) -> Leg:
        """A re-INVITE of ours was answered with an offer."""
        leg = self.established()
        leg.say(Changed(None))
        self.client.answer(200, OFFER)
        return leg

    def changing_backing_off(self) -> Leg:
        """A re-INVITE of ours met glare."""
        leg = self.established()
        leg.say(Changed(HELD_SDP))
        self.client.answer(491)
        return leg

    def updating(self) -> Leg:
        """An UPDATE of ours is out."""
        leg = self.established()
        leg.say(Changed(None, (), identity_only=True))
        return leg

    def changed(self) -> Leg:
        """A re-INVITE of the peer waits for its answer."""
        leg = self.established()
        self.gets(leg, "INVITE", HELD_SDP)
        return leg

    def changed_empty(self) -> Leg:
        """One without an offer does."""
        leg = self.established()
        self.gets(leg, "INVITE")
        return leg

    def changed_answered(self) -> Leg:
        """Its ACK has not come."""
        leg = self.changed()
        leg.say(Answered(ANSWER))
        return leg

    def changed_and_waiting(self) -> Leg:
        """And a change of ours waits for that."""
        leg = self.changed_answered()
        leg.say(Changed(NEW))
        return leg

    def updated(self) -> Leg:
        """An UPDATE of the peer waits for its answer."""
        leg = self.established()
        self.gets(leg, "UPDATE", HELD_SDP)
        return leg

    def asked(self) -> Leg:
        """An INFO of the peer waits for its answer."""
        leg = self.established()
        self.gets(leg, "INFO")
        return leg

    def asking(self) -> Leg:
        """An INFO of ours is out."""
        leg = self.established()
        leg.say(Requested("INFO", 1))
        return leg

    def referred(self) -> Leg:
        """A REFER of the peer waits for a decision."""
        leg = self.established()
        self.gets(leg, "REFER", fields=[("Refer-To", "<sip:103@example.com>")])
        return leg

    def notifying(self) -> Leg:
        """A REFER of the peer was accepted."""
        leg = self.referred()
        word = self.word
        assert isinstance(word, Referred)
        word.referral.accept()
        return leg

    def leaving(self) -> Leg:
        """We have sent BYE."""
        leg = self.established()
        leg.hang_up()
        return leg

    def leaving_unacknowledged(self) -> Leg:
        """We shall send BYE when the ACK has come."""
        leg = self.incoming_answered()
        leg.hang_up()
        return leg

    def left(self) -> Leg:
        """The peer has sent BYE."""
        leg = self.established()
        self.gets(leg, "BYE")
        return leg

    STATES = (
        incoming_offered,
        incoming_offered_reliable,
        incoming_empty,
        incoming_ringing,
        incoming_ringing_reliably,
        incoming_held_back,
        incoming_early_answered,
        incoming_answered,
        incoming_established,
        incoming_cancelled,
        outgoing_calling,
        outgoing_ringing,
        outgoing_early_answered,
        outgoing_early_offered,
        outgoing_cancelled,
        outgoing_established,
        outgoing_owing,
        outgoing_refused,
        changing,
        changing_owing,
        changing_backing_off,
        updating,
        changed,
        changed_empty,
        changed_answered,
        changed_and_waiting,
        updated,
        asked,
        asking,
        referred,
        notifying,
        leaving,
        leaving_unacknowledged,
        left,
    )

    def everywhere(self, act: Callable[[Leg], None], name: str) -> None:
        """Do something in each state, twice, and see that the leg can still be ended."""
        for state in self.STATES:
            with self.subTest(state=state.__name__, act=name):
                self.setUp()
                leg = state(self)
                act(leg)
                act(leg)
                self.finish(leg)

    def finish(self, leg: Leg) -> None:
        """End the leg; the peer answers all that it was asked, and nothing is left."""
        leg.hang_up()
        for referral in leg.refers:
            referral.refuse(603)
            referral.notify(487)
        for _ in range(4):
            for client in list(self.layer.clients):
                if not client.finished:
                    client.answer(487 if client.request.method == "INVITE" else 200)
            self.pump(32.5, 0.5)
        self.assertIs(leg.state, LegState.ENDED)
        self.assertEqual(self.gone, [leg])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.context.dialogs), 0)
        last = [w for w in self.words if isinstance(w, HungUp)]
        self.assertLessEqual(len(last), 1)
        if last:
            self.assertIs(self.words[-1], last[0])


class EveryWordTests(StateCase):
    """Every word in every state."""


def _say(word: Word) -> Callable[[Leg], None]:
    """Say it."""
    return lambda leg: leg.say(word)


def _test(number: int, word: Word) -> Callable[[EveryWordTests], None]:
    """Make the test of one word."""

    def test(self: EveryWordTests) -> None:
        """Say the word in every state."""
        self.everywhere(_say(word), repr(word))

    test.__doc__ = f"{word!r}"[:79]
    return test


for _number, _word in enumerate(WORDS):
    setattr(EveryWordTests, f"test_{_number:02}_{type(_word).__name__.lower()}", _test(_number, _word))


class EveryRequestTests(StateCase):
    """Every request of the peer in every state: it is answered, at the latest when the leg ends."""

    def requests(self, method: str, body: bytes, *fields: Field) -> None:
        """Let it come in each state."""
        servers: list[FakeServer] = []

        def gets(leg: Leg) -> None:
            """Let it come, if there is a dialog."""
            if leg.dialog is not None:
                servers.append(self.gets(leg, method, body, fields=fields))

        self.everywhere(gets, method)
        for server in servers:
            self.assertIsNotNone(server.final, method)

    def test_invite(self) -> None:
        """A re-INVITE."""
        self.requests("INVITE", HELD_SDP)

    def test_invite_without_offer(self) -> None:
        """One without SDP."""
        self.requests("INVITE", b"")

    def test_update(self) -> None:
        """An UPDATE."""
        self.requests("UPDATE", HELD_SDP)
        self.requests("UPDATE", b"")

    def test_prack(self) -> None:
        """A PRACK for nothing."""
        self.requests("PRACK", b"", ("RAck", "1 1 INVITE"))

    def test_bye(self) -> None:
        """A BYE."""
        self.requests("BYE", b"")

    def test_told(self) -> None:
        """INFO, MESSAGE, OPTIONS."""
        for method in ("INFO", "MESSAGE", "OPTIONS"):
            self.requests(method, b"")

    def test_refer(self) -> None:
        """A REFER, and what belongs to its subscription."""
        self.requests("REFER", b"", ("Refer-To", "<sip:1@example.com>"))
        self.requests("SUBSCRIBE", b"", ("Event", "refer"), ("Expires", "60"))
        self.requests("NOTIFY", b"", ("Event", "refer"), ("Subscription-State", "active"))


class EveryResponseTests(StateCase):
    """Every kind of response to whatever is open."""

    def responses(
        self, code: int, body: bytes = b"", *, local: bool = False, fields: tuple[Field, ...] = ()
    ) -> None:
        """Let it come in each state, to each request that is open."""

        def answer(leg: Leg) -> None:
            """Answer what is open."""
            for client in list(self.layer.clients):
                if not client.finished or code < 200:
                    client.answer(code, body, local=local, fields=fields, tag="callee")

        self.everywhere(answer, str(code))

    def test_provisional(self) -> None:
        """1xx, reliable or not, with SDP or without."""
        for code in (100, 180, 183, 199):
            self.responses(code)
            self.responses(code, NEW)
            self.responses(code, NEW, fields=RELIABLY)

    def test_success(self) -> None:
        """2xx."""
        self.responses(200)
        self.responses(200, NEW)

    def test_failures(self) -> None:
        """Whatever can be refused."""
        for code in (302, 400, 401, 403, 404, 408, 420, 422, 481, 486, 487, 488, 491, 500, 501, 503, 603):
            self.responses(code)

    def test_local(self) -> None:
        """Timeouts and transport errors."""
        self.responses(408, local=True)
        self.responses(503, local=True)

    def test_malformed(self) -> None:
        """Responses that make no sense."""
        self.responses(200, NEW, fields=(("Session-Expires", "soon"),))
        self.responses(183, NEW, fields=(("Require", "100rel"), ("RSeq", "x")))
        self.responses(200, b"", fields=(("Record-Route", "<<<"),))
