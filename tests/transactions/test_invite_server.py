"""The INVITE server transaction, arrow by arrow of figure 7 (RFC 6026 section 7.1)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.errors import PeerError
from b2bua.transactions import states
from b2bua.wire.message import Response
from tests.transactions.messages import (
    ENDED,
    STOP_REPEATS,
    Failed,
    Lingers,
    Played,
    Start,
    StartBoth,
    brief,
    played,
    request,
    response,
)

INVITE = request()
ACK = request("ACK", to="<sip:bob@example.com>;tag=b1")


class InviteServerTests(SynchronousTestCase):
    """Effects in their order."""

    def machine(self, *codes: int, reliable: bool = False) -> Played:
        """Make one whose TU has been given the INVITE, and then has given responses."""
        machine = played(INVITE, server=True, reliable=reliable)
        self.assertEqual(machine.wait(), (Start("100", 0.2),))
        for code in codes:
            machine.answer(response(INVITE, code))
        return machine

    def respond(self, machine: Played, code: int) -> list[object]:
        """Have the TU respond."""
        return brief(machine.answer(response(INVITE, code)))

    def test_trying(self) -> None:
        """After 200 ms without a word from the TU it sends 100 (section 17.2.1)."""
        machine = self.machine()
        self.assertEqual(brief(machine.fire("100")), [100])
        self.assertEqual(brief(machine.receive(INVITE)), [100])

    def test_trying_of_user(self) -> None:
        """The TU can have it sent before, but not after anything else, nor twice."""
        machine = self.machine()
        self.assertEqual(brief(machine.trying()), [100])
        self.assertEqual((machine.trying(), machine.fire("100"), machine.wait()), ((), (), ()))
        for code in (180, 200, 486):
            self.assertEqual(self.machine(code).trying(), ())

    def test_answered_at_once(self) -> None:
        """A TU that has answered needs no timer."""
        for code in (100, 180, 200, 486):
            self.assertEqual(self.machine(code).wait(), ())

    def test_unreadable_tag(self) -> None:
        """An answer whose To cannot be read is refused before anything has changed: another one goes out."""
        for code in (200, 486):
            machine = self.machine()
            broken = Response(code, "", [("To", '<sip:bob@example.com>;tag="')])
            self.assertRaises(PeerError, machine.answer, broken)
            self.assertEqual((machine.state, machine.last, machine.tag), (states.PROCEEDING, b"", ""))
            self.assertEqual(brief(machine.receive(INVITE)), [])
            self.assertIn(code, self.respond(machine, code))

    def test_provisional(self) -> None:
        """1xx of the TU are sent; a retransmitted INVITE draws the most recent one."""
        machine = self.machine()
        self.assertEqual(machine.receive(INVITE), ())
        self.assertEqual(self.respond(machine, 180), [STOP_REPEATS, 180])
        self.assertEqual(self.respond(machine, 183), [183])
        self.assertEqual(brief(machine.receive(INVITE)), [183])
        self.assertEqual(machine.fire("100"), ())

    def test_refusal(self) -> None:
        """300-699: sent, timer G on unreliable transports, timer H on all."""
        self.assertEqual(self.respond(self.machine(), 486), [StartBoth("G", 0.5, "H", 32.0), 486])
        machine = self.machine(reliable=True)
        self.assertEqual(self.respond(machine, 486), [STOP_REPEATS, Start("H", 32.0), 486])

    def test_timer_g(self) -> None:
        """Timer G sends the response again, doubled up to T2."""
        machine = self.machine(486)
        for interval in (1, 2, 4, 4):
            self.assertEqual(brief(machine.fire("G")), [Start("G", interval), 486])
        self.assertEqual(brief(machine.receive(INVITE)), [486])

    def test_timer_h(self) -> None:
        """Timer H tells the TU that no ACK came."""
        self.assertEqual(self.machine(486).fire("H"), (ENDED, Failed(408)))

    def test_acknowledged(self) -> None:
        """The ACK ends retransmission; more of them are absorbed until timer I fires."""
        machine = self.machine(486)
        self.assertEqual(machine.receive(ACK), (Lingers("I", 5.0),))
        self.assertIs(machine.state, states.CONFIRMED)
        self.assertEqual((machine.receive(ACK), machine.receive(INVITE), machine.fire("G")), ((), (), ()))

    def test_acknowledged_reliable(self) -> None:
        """On reliable transports timer I is zero."""
        self.assertEqual(self.machine(486, reliable=True).receive(ACK), (ENDED,))

    def test_accepted(self) -> None:
        """2xx: sent as often as the TU says; INVITEs are absorbed, ACKs go up (RFC 6026 section 7.1)."""
        machine = self.machine(180)
        self.assertEqual(self.respond(machine, 200), [Lingers("L", 32.0), 200])
        self.assertEqual(machine.receive(INVITE), ())
        self.assertEqual(self.respond(machine, 200), [200])

    def test_too_late(self) -> None:
        """A response after the final one has no effect."""
        for codes, late in (((486,), 200), ((486,), 180), ((200,), 486), ((200,), 180)):
            self.assertEqual(self.machine(*codes).answer(response(INVITE, late)), ())

    def test_early_ack(self) -> None:
        """An ACK before any final response means nothing."""
        self.assertEqual(self.machine(180).receive(ACK), ())

    def test_small(self) -> None:
        """The request is let go with the final response; in Accepted not even that is kept."""
        machine = self.machine(200)
        self.assertEqual((machine.pending, machine.last), (None, b""))
        self.assertIsNone(self.machine(486).pending)
