"""Calls that a feature begins: one party is rung, then the other (RFC 3725)."""

from __future__ import annotations

from typing import Any

from b2bua import Service, hookimpl
from b2bua.calls import Attempt, Origination, Phase, Wait
from b2bua.testing import World
from b2bua.wire.message import Request
from b2bua.wire.parser import parse
from b2bua_plugins.do_not_disturb import DoNotDisturb
from tests.ladders.transfers import TransferTestCase


class Clicks:
    """Keeps the service at hand, and has a queue at 70."""

    def __init__(self) -> None:
        """Begin without the service."""
        self.service: Service

    @hookimpl
    def service_started(self, service: Service) -> None:
        """Keep it."""
        self.service = service

    @hookimpl
    def route_call(self, attempt: Attempt) -> Wait | None:
        """Who is sent to 70 waits there."""
        return Wait("70") if attempt.user == "70" else None


class OriginationTestCase(TransferTestCase):
    """A world with a feature that begins calls."""

    def make_world(self) -> World:
        """A world with the service at hand."""
        self.clicks = Clicks()
        return World(features=[self.clicks, DoNotDisturb], settings=self.settings())

    def settings(self) -> dict[str, Any]:
        """The server's own tables."""
        return {}

    def begin(self, first: str = "alice", second: str = "bob", **more: Any) -> Origination:
        """Begin a call."""
        return self.clicks.service.originate(first, second, **more)

    def requests(self, method: str) -> list[Request]:
        """What went over the network with one method."""
        messages = [parse(packet.data) for packet in self.world.network.log]
        return [one for one in messages if isinstance(one, Request) and one.method == method]


class OriginationTests(OriginationTestCase):
    """Alice is rung, then Bob."""

    def settings(self) -> dict[str, Any]:
        """What Alice may not dial."""
        return {"extensions": {"alice": {"may_dial": ["extensions"]}}}

    def test_talk(self) -> None:
        """Both answer, and talk; each phone has shown the other one (section 4.4)."""
        call = self.begin()
        over = call.ended()
        self.world.run(1)
        self.assertNoResult(over)
        self.world.run(3)
        self.assertIsNone(self.successResultOf(over))
        self.only_talking(self.alice, self.bob)
        invites = self.requests("INVITE")
        self.assertEqual(invites[0].from_.uri.user, "bob")
        self.assertIn(b"a=inactive", invites[0].body)
        self.assertEqual(invites[1].from_.uri.user, "alice")
        self.assertEqual(invites[1].body, b"")
        [state] = self.clicks.service.calls("alice")
        self.assertEqual((state.id, state.phase), (call.id, Phase.TALKING))
        self.bob.hang_up()
        self.world.run(1)
        [record] = self.world.served.records
        self.assertEqual((record.caller, record.dialled, record.status), ("extension alice", "bob", 200))
        self.quiet()

    def test_caller_id(self) -> None:
        """The second party sees the number and the name that the feature says."""
        self.begin(name="Shop", number="100", shown="Call back")
        self.world.run(4)
        invites = self.requests("INVITE")
        self.assertEqual(invites[0].from_.display, "Call back")
        self.assertEqual((invites[1].from_.display, invites[1].from_.uri.user), ("Shop", "100"))
        self.alice.hang_up()
        self.quiet()

    def test_first_refuses(self) -> None:
        """When the first one does not want to nobody else is rung."""
        self.alice.manners.refuses = 486
        over = self.begin().ended()
        self.world.run(3)
        outcome = self.successResultOf(over)
        self.assertEqual((outcome.kind, outcome.by.name), ("busy", "alice"))
        self.assertEqual(len(self.bob.sessions), 0)
        self.quiet()

    def test_second_refuses(self) -> None:
        """When the second one does not want to the first is hung up, and told why (section 6)."""
        self.bob.manners.refuses = 486
        over = self.begin().ended()
        self.world.run(4)
        self.assertEqual(self.successResultOf(over).by.name, "bob")
        self.assertEqual(self.alice.live, [])
        self.assertIn("cause=486", self.requests("BYE")[0].get("Reason") or "")
        self.quiet()

    def test_nobody_answers(self) -> None:
        """Each rings for as long as the feature says."""
        self.alice.manners.answers_after = None
        over = self.begin(ring_seconds=5).ended()
        self.world.run(6)
        self.assertEqual(self.successResultOf(over).kind, "no_answer")
        self.quiet()

    def test_first_leaves(self) -> None:
        """When the first one hangs up while the second rings that one is cancelled."""
        self.bob.manners.answers_after = None
        over = self.begin().ended()
        self.world.run(3)
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual(self.successResultOf(over).code, 487)
        self.assertEqual(self.bob.live, [])
        self.quiet()

    def test_cancelled(self) -> None:
        """The feature may lose interest, at any moment."""
        for moment in (0.0, 0.5, 1.06, 1.5, 3.0):
            with self.subTest(moment):
                call = self.begin()
                over = call.ended()
                self.world.run(moment)
                call.cancel()
                self.world.run(3)
                self.successResultOf(over)
                self.assertEqual((self.alice.live, self.bob.live), ([], []))
        self.quiet()

    def test_permission(self) -> None:
        """What the first one may not dial is not dialled in its name."""
        over = self.begin(second="sip:somebody@elsewhere.example.com", by="alice").ended()
        self.world.run(3)
        self.assertEqual(self.successResultOf(over).kind, "forbidden")
        self.quiet()

    def test_said_wrongly(self) -> None:
        """A mistake of the feature is raised where it was made."""
        for wrong in ({"first": "0301234"}, {"second": ""}, {"by": "nobody"}, {"ring_seconds": 0.0}):
            with self.subTest(wrong), self.assertRaises(ValueError):
                self.begin(**wrong)
        self.quiet()

    def test_queue(self) -> None:
        """The second party may be where a feature keeps the first waiting."""
        over = self.begin(second="70").ended()
        self.world.run(3)
        self.assertIsNone(self.successResultOf(over))
        [(state, party)] = self.clicks.service.waiting("70")
        self.assertEqual((party.name, state.phase), ("alice", Phase.WAITING))
        self.assertTrue(self.clicks.service.hang_up(state.id))
        self.assertFalse(self.clicks.service.hang_up("none"))
        self.world.run(1)
        self.quiet()


class FullTests(OriginationTestCase):
    """There may be no call at all."""

    def settings(self) -> dict[str, Any]:
        """One call at a time."""
        return {"limits": {"calls": 1}}

    def test_full(self) -> None:
        """With too many calls, or a service that ends, it fails at once with 503."""
        self.call(self.bob, self.carol)
        call = self.begin()
        self.assertEqual((call.id, self.successResultOf(call.ended()).code), ("", 503))
        self.bob.hang_up()
        self.quiet()
