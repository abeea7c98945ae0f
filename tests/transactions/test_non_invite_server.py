"""The non-INVITE server transaction, arrow by arrow of figure 8, with RFC 4320."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.transactions.effects import TimerValues
from b2bua.wire.message import write
from tests.transactions.messages import (
    ENDED,
    Failed,
    Lingers,
    Played,
    Start,
    brief,
    played,
    request,
    response,
)

OPTIONS = request("OPTIONS")


class NonInviteServerTests(SynchronousTestCase):
    """Effects in their order."""

    def machine(self, *, reliable: bool = False) -> Played:
        """Make one that has started."""
        machine = played(OPTIONS, server=True, reliable=reliable)
        self.assertEqual(machine.wait(), (Start("100", 3.5),))
        return machine

    def test_trying(self) -> None:
        """In Trying retransmissions are discarded."""
        self.assertEqual(self.machine().receive(OPTIONS), ())

    def test_answered(self) -> None:
        """A final response is sent, and again for each retransmission, until timer J."""
        machine = self.machine()
        ok = response(OPTIONS, 200)
        self.assertEqual(machine.answer(ok), (Lingers("J", 32.0), write(ok)))
        self.assertEqual(machine.last, write(ok))
        self.assertEqual(machine.answer(response(OPTIONS, 500)), ())
        self.assertIsNone(machine.pending)

    def test_answered_reliable(self) -> None:
        """On reliable transports timer J is zero."""
        machine = self.machine(reliable=True)
        self.assertEqual(brief(machine.answer(response(OPTIONS, 200))), [200, ENDED])

    def test_accepted(self) -> None:
        """A 200 that says nothing more is a final response as any other, and comes once only."""
        for reliable in (False, True):
            plain, other = self.machine(reliable=reliable), self.machine(reliable=reliable)
            self.assertEqual(plain.answer_plainly(), other.answer(OPTIONS.response(200)))
            self.assertEqual(plain.receive(OPTIONS), other.receive(OPTIONS))
            self.assertEqual((plain.state, plain.last), (other.state, other.last))
            self.assertEqual(plain.answer_plainly(), ())

    def test_late(self) -> None:
        """A 100 is sent when timer E would have reached T2, on all transports (RFC 4320 section 4.1)."""
        for reliable in (False, True):
            machine = self.machine(reliable=reliable)
            self.assertEqual(brief(machine.fire("100")), [Start("J", 28.5), 100])
            self.assertEqual(brief(machine.receive(OPTIONS)), [100])

    def test_late_answer(self) -> None:
        """After the 100 it is answered as ever."""
        machine = self.machine()
        machine.fire("100")
        no = response(OPTIONS, 404)
        self.assertEqual(machine.answer(no), (Lingers("J", 32.0), write(no)))

    def test_too_late(self) -> None:
        """What was not answered within 64*T1 is not answered any more (RFC 4320 section 4.2)."""
        machine = self.machine()
        machine.fire("100")
        self.assertEqual(machine.fire("J"), (ENDED, Failed(408)))
        self.assertEqual(machine.answer(response(OPTIONS, 200)), ())

    def test_forbidden(self) -> None:
        """Neither 408 nor a provisional response but 100 is ever sent (RFC 4320 section 4)."""
        machine = self.machine()
        for code in (100, 180, 183, 199, 408):
            self.assertEqual(machine.answer(response(OPTIONS, code)), ())

    def test_other_timers(self) -> None:
        """The delay of the 100 follows T1 and T2."""
        self.assertEqual(TimerValues(t1=1.0, t2=4.0).to_t2, 3.0)
        self.assertEqual(TimerValues(t1=5.0, t2=4.0).to_t2, 5.0)
