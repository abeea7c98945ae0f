"""The non-INVITE client transaction, arrow by arrow of figure 6 (RFC 3261 section 17.1.2)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.transactions import states
from tests.transactions.messages import (
    ENDED,
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

OPTIONS = request("OPTIONS")


class NonInviteClientTests(SynchronousTestCase):
    """Effects in their order."""

    def machine(self, *, reliable: bool = False) -> Played:
        """Make one that has started."""
        machine = played(OPTIONS, server=False, reliable=reliable)
        self.first = brief(machine.start())
        return machine

    def test_start(self) -> None:
        """Timer E runs on unreliable transports only, timer F on all."""
        self.machine()
        self.assertEqual(self.first, [StartBoth("E", 0.5, "F", 32.0), "OPTIONS"])
        self.machine(reliable=True)
        self.assertEqual(self.first, [Start("F", 32.0), "OPTIONS"])

    def test_timer_e(self) -> None:
        """Timer E doubles until it hits T2."""
        machine = self.machine()
        for interval in (1, 2, 4, 4, 4):
            self.assertEqual(brief(machine.fire("E")), [Start("E", interval), "OPTIONS"])

    def test_proceeding(self) -> None:
        """A 1xx is passed up; then the interval is T2."""
        machine = self.machine()
        trying = response(OPTIONS, 100)
        self.assertEqual(machine.receive(trying), (trying,))
        self.assertEqual(machine.receive(trying), (trying,))
        self.assertEqual(brief(machine.fire("E")), [Start("E", 4.0), "OPTIONS"])

    def test_timer_f(self) -> None:
        """Timer F informs the TU, with or without a 1xx."""
        self.assertEqual(self.machine().fire("F"), (ENDED, Failed(408)))
        machine = self.machine()
        machine.receive(response(OPTIONS, 100))
        self.assertEqual(machine.fire("F"), (ENDED, Failed(408)))

    def test_answered(self) -> None:
        """A final response is passed up once; timer K keeps what comes again away."""
        machine = self.machine()
        ok = response(OPTIONS, 200)
        self.assertEqual(machine.receive(ok), (Lingers("K", 5.0), ok))
        self.assertEqual(machine.receive(ok), ())
        self.assertEqual((machine.fire("E"), machine.fire("F"), machine.fail()), ((), (), ()))
        self.assertIs(machine.state, states.COMPLETED)
        self.assertIsNone(machine.pending)

    def test_answered_reliable(self) -> None:
        """On reliable transports timer K is zero."""
        machine = self.machine(reliable=True)
        ok = response(OPTIONS, 200)
        self.assertEqual(machine.receive(ok), (ENDED, ok))

    def test_errors(self) -> None:
        """A transport error or the loss of the connection informs the TU, once."""
        machine = self.machine()
        self.assertEqual((machine.fail(), machine.fail()), ((ENDED, Failed(503)), ()))
        machine = self.machine(reliable=True)
        machine.receive(response(OPTIONS, 100))
        self.assertEqual(machine.lose(), (ENDED, Failed(503)))
        machine = self.machine()
        machine.receive(response(OPTIONS, 200))
        self.assertEqual(machine.lose(), ())

    def test_cancel(self) -> None:
        """It is not cancelled (section 9.1)."""
        self.assertEqual(self.machine().cancel(), ())
