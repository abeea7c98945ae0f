"""The INVITE client transaction, arrow by arrow of figure 5 (RFC 6026 section 8.4)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.transactions import states
from b2bua.transactions.effects import TimerValues
from tests.transactions.messages import (
    CANCEL,
    ENDED,
    STOP,
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
LONG = 32.0


class InviteClientTests(SynchronousTestCase):
    """Effects in their order."""

    def machine(self, *, reliable: bool = False) -> Played:
        """Make one that has started."""
        machine = played(INVITE, server=False, reliable=reliable)
        self.first = brief(machine.start())
        return machine

    def test_start(self) -> None:
        """Timer A runs on unreliable transports only, timer B on all (section 17.1.1.2)."""
        self.machine()
        self.assertEqual(self.first, [StartBoth("A", 0.5, "B", LONG), "INVITE"])
        self.machine(reliable=True)
        self.assertEqual(self.first, [Start("B", LONG), "INVITE"])

    def test_timer_a(self) -> None:
        """Each time timer A fires the INVITE is sent again, and A doubled, without a bound."""
        machine = self.machine()
        for interval in (1, 2, 4, 8, 16, 32):
            self.assertEqual(brief(machine.fire("A")), [Start("A", interval), "INVITE"])

    def test_timer_b(self) -> None:
        """Timer B informs the TU; no ACK is made."""
        machine = self.machine()
        self.assertEqual(machine.fire("B"), (STOP_REPEATS, Start("LATE", LONG), Failed(408)))
        self.assertIs(machine.state, states.GIVEN_UP)
        self.assertIs(machine.pending, INVITE)

    def given_up(self, *, cancelled: bool = False) -> Played:
        """Make one whose TU has been told of a timeout."""
        machine = self.machine()
        if cancelled:
            machine.receive(response(INVITE, 180))
            machine.cancel()
        machine.fire("CANCEL" if cancelled else "B")
        return machine

    def test_given_up(self) -> None:
        """An INVITE that was given up is forgotten after another 64*T1."""
        machine = self.given_up()
        self.assertEqual((machine.fail(), machine.lose(), machine.cancel()), ((), (), ()))
        self.assertEqual(machine.fire("LATE"), (ENDED,))
        self.assertIs(machine.state, states.TERMINATED)

    def test_rings_late(self) -> None:
        """A 1xx that comes when the INVITE was given up gets a CANCEL, once (section 9.1)."""
        machine = self.given_up()
        self.assertEqual(machine.receive(response(INVITE, 100)), (CANCEL,))
        self.assertEqual(machine.receive(response(INVITE, 180)), ())
        self.assertEqual(brief(machine.receive(response(INVITE, 487))), [Lingers("D", 32.0), "ACK"])

    def test_cancelled_before(self) -> None:
        """One that was cancelled before is not cancelled again."""
        self.assertEqual(self.given_up(cancelled=True).receive(response(INVITE, 180)), ())

    def test_cancelled_unheard(self) -> None:
        """A CANCEL that waited in vain for a 1xx is sent when that comes late."""
        machine = self.machine()
        machine.cancel()
        machine.fire("B")
        self.assertEqual(machine.receive(response(INVITE, 180)), (CANCEL,))

    def test_answered_late(self) -> None:
        """A 2xx goes up even then, since it must be acknowledged (section 13.2.2.4)."""
        machine = self.given_up()
        ok = response(INVITE, 200)
        self.assertEqual(machine.receive(ok), (Lingers("M", LONG), ok))
        self.assertIs(machine.state, states.ACCEPTED)
        self.assertIsNone(machine.pending)

    def test_transport_error(self) -> None:
        """A transport error in Calling informs the TU."""
        self.assertEqual(self.machine().fail(), (ENDED, Failed(503)))

    def test_provisional(self) -> None:
        """A 1xx stops retransmission; each one is passed up."""
        machine = self.machine()
        ringing = response(INVITE, 180)
        self.assertEqual(machine.receive(ringing), (STOP, ringing))
        self.assertEqual(machine.receive(ringing), (ringing,))
        self.assertEqual((machine.fire("A"), machine.fire("B"), machine.fail()), ((), (), ()))
        self.assertIs(machine.state, states.PROCEEDING)

    def test_refused(self) -> None:
        """300-699 in Calling and Proceeding: the ACK is sent, then the TU told; timer D runs."""
        for before in ((), (180,)):
            machine = self.machine()
            for code in before:
                machine.receive(response(INVITE, code))
            busy = response(INVITE, 486)
            self.assertEqual(brief(machine.receive(busy)), [Lingers("D", 32.0), "ACK", busy])
            self.assertEqual(brief((machine.last,)), ["ACK"])
            self.assertIs(machine.state, states.COMPLETED)
            self.assertIsNone(machine.pending)

    def test_refused_reliable(self) -> None:
        """On reliable transports timer D is zero: it is over at once."""
        machine = self.machine(reliable=True)
        busy = response(INVITE, 486)
        self.assertEqual(brief(machine.receive(busy)), ["ACK", ENDED, busy])
        self.assertIs(machine.state, states.TERMINATED)

    def test_ack_error(self) -> None:
        """Of an ACK that cannot be sent the TU does not hear: it has its answer already."""
        machine = self.machine()
        machine.receive(response(INVITE, 486))
        self.assertEqual(machine.fail(), ())

    def test_accepted(self) -> None:
        """A 2xx goes up and starts timer M (RFC 6026 7.2)."""
        machine = self.machine()
        ok = response(INVITE, 200)
        self.assertEqual(machine.receive(ok), (Lingers("M", LONG), ok))
        self.assertEqual(machine.fail(), ())

    def test_cancel(self) -> None:
        """CANCEL goes out in Proceeding, once; 64*T1 without a final response end it (section 9.1)."""
        machine = self.machine()
        machine.receive(response(INVITE, 180))
        self.assertEqual(machine.cancel(), (CANCEL, Start("CANCEL", LONG)))
        self.assertEqual(machine.cancel(), ())
        expected = (STOP_REPEATS, Start("LATE", LONG), Failed(408))
        self.assertEqual(machine.fire("CANCEL"), expected)

    def test_cancel_early(self) -> None:
        """In Calling it waits for the first 1xx, and for nothing if there is none."""
        machine = self.machine()
        self.assertEqual(machine.cancel(), ())
        trying = response(INVITE, 100)
        expected = (STOP_REPEATS, CANCEL, Start("CANCEL", LONG), trying)
        self.assertEqual(machine.receive(trying), expected)

    def test_cancel_late(self) -> None:
        """After a final response there is nothing to be cancelled."""
        machine = self.machine()
        machine.receive(response(INVITE, 200))
        self.assertEqual(machine.cancel(), ())

    def test_lost(self) -> None:
        """When the connection is gone, only an INVITE that nobody has taken yet fails (section 18.2.2)."""
        machine = self.machine(reliable=True)
        expected = (STOP_REPEATS, Start("LATE", LONG), Failed(503))
        self.assertEqual((machine.lose(), machine.lose()), (expected, ()))
        for code in (180, 200):
            with self.subTest(code=code):
                machine = self.machine(reliable=True)
                machine.receive(response(INVITE, code))
                self.assertEqual(machine.lose(), ())

    def test_other_t1(self) -> None:
        """With another T1 the timers follow, but D is never under 32 s (RFC 6026 section 8.4)."""
        machine = played(INVITE, server=False, reliable=False, timers=TimerValues(t1=0.1))
        self.assertEqual(machine.start()[0], StartBoth("A", 0.1, "B", 6.4))
        self.assertIn(Lingers("D", 32.0), machine.receive(response(INVITE, 486)))
