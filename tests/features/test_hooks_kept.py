"""The contract of each news hook is kept: it is told when it says so, and as often as it says so."""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from b2bua import Service, hookimpl
from b2bua.calls import Attempt, Call, CallRecord, Leg, LegEnd, Outcome, Registration
from b2bua.testing import Manners, World
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.redirects import Redirects


class Log:
    """Writes down all news."""

    def __init__(self) -> None:
        """Begin with an empty page."""
        self.lines: list[str] = []
        self.service: Service

    def take(self) -> list[str]:
        """What has been written since the last look."""
        lines, self.lines = self.lines, []
        return lines

    @hookimpl
    def service_started(self, service: Service) -> None:
        """Keep it."""
        self.service = service

    @hookimpl
    def call_started(self, call: Call) -> None:
        """Note it."""
        self.lines.append(f"started {call.dialled} {len(call.legs)}")

    @hookimpl
    def target_ringing(self, attempt: Attempt, leg: Leg) -> None:
        """Note it."""
        self.lines.append(f"ringing {attempt.user} {leg.party.name}")

    @hookimpl
    def call_answered(self, call: Call, leg: Leg) -> None:
        """Note it."""
        self.lines.append(f"answered {leg.party.name}")

    @hookimpl
    def call_held(self, leg: Leg) -> None:
        """Note it."""
        self.lines.append(f"held {leg.party.name}")

    @hookimpl
    def call_resumed(self, leg: Leg) -> None:
        """Note it."""
        self.lines.append(f"resumed {leg.party.name}")

    @hookimpl
    def call_transferred(self, leg: Leg, outcome: Outcome | None) -> None:
        """Note it."""
        self.lines.append(f"transferred by {leg.party.name}: {outcome and outcome.code}")

    @hookimpl
    def leg_ended(self, leg: Leg, why: LegEnd, by_us: bool) -> None:
        """Note it."""
        self.lines.append(f"leg {leg.party.name} {why.value}{' by us' if by_us else ''}")

    @hookimpl
    def call_ended(self, call: Call, record: CallRecord) -> None:
        """Note it."""
        self.lines.append(f"ended {record.status}")

    @hookimpl
    def contact_registered(self, binding: Registration) -> None:
        """Note it."""
        self.lines.append(f"registered {binding.extension} from {binding.source} by {binding.transport}")

    @hookimpl
    def contact_unregistered(self, binding: Registration) -> None:
        """Note it."""
        self.lines.append(f"unregistered {binding.extension}")


class KeptTests(SynchronousTestCase):
    """Each of them, played."""

    def setUp(self) -> None:
        """A world with the log."""
        self.log = Log()
        self.world = World(features=[self.log, BlindTransfer, Redirects])
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=1.0)
        )
        self.log.take()

    def run_on(self, seconds: float = 3.0) -> list[str]:
        """Let time pass; what was told."""
        self.world.run(seconds)
        return self.log.take()

    def test_answered(self) -> None:
        """A call that is answered, held, resumed and ended by one of the two."""
        self.alice.dial("bob")
        self.assertEqual(self.run_on(), ["started bob 1", "ringing bob bob", "answered bob"])
        self.bob.hold()
        self.bob_resumes()
        self.bob.hang_up()
        self.assertEqual(self.run_on(), ["leg bob bye", "leg alice bye by us", "ended 200"])
        self.world.quiet()

    def bob_resumes(self) -> None:
        """Each once, by the leg that does it."""
        self.assertEqual(self.run_on(), ["held bob"])
        self.bob.resume()
        self.assertEqual(self.run_on(), ["resumed bob"])

    def test_cancelled(self) -> None:
        """The caller hangs up while it rings: its own CANCEL, and ours."""
        self.bob.manners.answers_after = None
        self.alice.dial("bob")
        self.run_on()
        self.alice.hang_up()
        self.assertEqual(self.run_on(), ["leg alice cancel", "leg bob cancel by us", "ended 487"])
        self.world.quiet()

    def test_refused(self) -> None:
        """The target refuses, so the caller is refused by us."""
        self.bob.manners.refuses = 486
        self.alice.dial("bob")
        told = [line for line in self.run_on() if not line.startswith("ringing")]
        self.assertEqual(told, ["started bob 1", "leg bob refused", "leg alice refused by us", "ended 486"])
        self.world.quiet()

    def test_redirected(self) -> None:
        """A target that is elsewhere has not refused."""
        self.bob.manners.redirects = "carol"
        self.alice.dial("bob")
        self.assertIn("leg bob redirected", self.run_on())
        self.alice.hang_up()
        self.world.run(1)
        self.world.quiet()

    def test_gone(self) -> None:
        """A phone that is not there any more is lost; the other one hears so from us."""
        self.alice.dial("bob")
        self.run_on()
        self.bob.vanish()
        self.alice.hold()
        told = self.run_on(60)
        self.assertIn("leg bob lost", told)
        self.assertIn("leg alice lost by us", told)
        self.world.quiet()

    def test_transferred(self) -> None:
        """A transfer is told once, and who goes on in the call has not ended."""
        self.alice.dial("bob")
        self.run_on()
        self.bob.session.transfer("carol")
        told = Counter(self.run_on(6))
        self.assertEqual(told["transferred by bob: None"], 1)
        self.assertEqual([line for line in told if line.startswith("leg")], ["leg bob bye"])
        self.carol.hang_up()
        self.assertEqual(self.run_on(), ["leg carol bye", "leg alice bye by us", "ended 200"])
        self.world.quiet()

    def test_operator(self) -> None:
        """Whoever ends the whole call, both legs are ended by us."""
        self.alice.dial("bob")
        self.run_on()
        [state] = self.log.service.calls()
        self.log.service.hang_up(state.id)
        self.assertEqual(self.run_on(), ["leg alice bye by us", "leg bob bye by us", "ended 200"])
        self.world.quiet()

    def test_not_a_call(self) -> None:
        """An INVITE that is refused for a fault of its own never was a call: nothing is told."""
        self.alice.dial("bob", fields=(("Require", "no-such-thing"),))
        self.assertEqual(self.run_on(), [])
        self.world.quiet()

    def test_registered(self) -> None:
        """A new binding and its end are told, a refresh is not."""
        self.alice.register()
        self.assertEqual(self.run_on(), [])
        self.alice.unregister()
        self.assertEqual(self.run_on(), ["unregistered alice"])
        self.alice.register()
        self.assertEqual(self.run_on(), [f"registered alice from {self.alice.host}:5060 by UDP"])
        self.world.quiet()
