"""
A feature that breaks does not break calls, at any hook, in any way.

Item 13 of the acceptance list: a plugin raises, hangs, or returns a wrong type
at each hook; the calls go on, it loses its say, and the trace names it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import lru_cache
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from b2bua import hookimpl
from b2bua.calls import Confirm, Dial, Forward, InvitationDraft, Member, Redirect, Refuse, Replied, Requested
from b2bua.calls.records.story import Story
from b2bua.features import Features
from b2bua.features.dispatch import STRIKES_MAX
from b2bua.hookspecs import HOOKS
from b2bua.testing.manners import Manners
from b2bua.testing.world import World
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.forward import CallForward
from b2bua_plugins.replaces import Replaces
from tests.features.stage import attempt
from tests.simulation.depth import DEEP
from tests.timers import FakeClock


class Good:
    """Does what is asked of it, at the hooks that the plugins beside it do not use."""

    def __init__(self) -> None:
        """Nothing was heard yet."""
        self.heard: list[str] = []

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """A code."""
        return {"good": "*80"}

    @hookimpl
    def code_dialled(self, name: str) -> Confirm:
        """Confirm."""
        return Confirm(name)

    @hookimpl
    def request_unowned(self, request: Requested) -> Replied | None:
        """Answer INFO in its own way."""
        return Replied(request.token, 418) if request.method == "INFO" else None


for _name, _kind in HOOKS.items():
    if _kind == "news":

        def _hear(self: Good, _hook: str = _name) -> None:
            self.heard.append(_hook)

        setattr(Good, _name, hookimpl(_hear))


def raises() -> None:
    """Fail at once."""
    raise ValueError("broken")


def leaves() -> None:
    """Try to end the process."""
    raise SystemExit(1)


def nonsense() -> object:
    """Answer with what is no answer."""
    return object()


def hangs() -> Deferred[None]:
    """Never answer."""
    return Deferred()


async def raises_later() -> None:
    """Fail, asked as a coroutine."""
    raise ValueError("broken in a coroutine")


async def clings() -> None:
    """Never answer, and do not let go when told to."""
    while True:
        try:
            await Deferred()
        except BaseException:  # noqa: BLE001  # just this is what is tested
            await Deferred()


async def is_cancelled() -> None:
    """Wait for what it has cancelled itself."""
    waited: Deferred[None] = Deferred()
    waited.cancel()
    await waited


Failing = Callable[[], object] | Callable[[], Coroutine[Any, Any, None]]
FAILURES: dict[str, tuple[Failing, ...]] = {
    "question": (raises, leaves, nonsense, hangs, raises_later, clings, is_cancelled),
    "edit": (raises, leaves, raises_later),
    "news": (raises, leaves, raises_later, hangs, clings),
}


OF_NO_CALL = {
    "call_changed",
    "contact_registered",
    "contact_unregistered",
    "extension_unavailable",
    "lamp_shown",
    "messages_waiting",
    "setting_changed",
    "service_started",
    "service_stopping",
}
"""Hooks that are not about a call, so that there is no story to name who failed."""


RARE = {"code_dialled", "code_referred", "code_shown", "request_received"}
"""Hooks that only the owner of a code, or of a method, is asked; see below."""


def broken(hook: str, fails: Failing) -> object:
    """A plugin that fails at one hook; at all else it has nothing to do."""

    def method(self: object) -> Any:
        return fails()

    return type("Broken", (), {hook: hookimpl(method)})


MANNERS = Manners(rings_after=0.05, answers_after=1.0)


class Day:
    """A day in the life of a server, in which every hook is used."""

    def __init__(self, *features: object) -> None:
        """Begin it with some features before those that do the work."""
        settings = {"extensions": {"erin": {"forward": {"busy": "frank"}}}}
        good = Good()
        self.world = World(
            settings=settings, features=[*features, good, CallForward, BlindTransfer, Replaces]
        )
        self.good = good
        names = ("alice", "bob", "carol", "dave", "erin", "frank")
        self.phones = dict(zip(names, self.world.phones(*names, manners=MANNERS), strict=True))
        self.stories: list[Story] = []
        self.world.served.server.over = lambda call: self.stories.append(call.story)  # type: ignore[union-attr]
        self.features: Features = self.world.served.server.core.calls.features  # type: ignore[union-attr,assignment]
        self.seen: list[object] = []
        self.live()

    def live(self) -> None:
        """Do all the things that people do; questions may take their 5 seconds each."""
        alice, bob, carol, dave, erin, frank = self.phones.values()
        run = self.world.run
        erin.manners.refuses = 486
        alice.dial("bob")
        run(30)
        self.see()
        alice.hold()
        run(5)
        alice.resume()
        run(5)
        self.see()
        alice.session.ask("INFO", [("Content-Type", "application/dtmf-relay")], b"Signal=5")
        run(5)
        alice.session.transfer("carol")
        run(60)
        self.see()
        picked = carol.session
        replaces = f"{picked.call_id};to-tag={picked.remote_tag};from-tag={picked.local_tag}"
        dave.dial("carol", fields=(("Replaces", replaces),))
        run(60)
        self.see()
        dave.hang_up()
        run(5)
        alice.dial("erin")
        run(60)
        self.see()
        frank.hang_up()
        run(5)
        alice.dial("*80")
        run(1.5)
        alice.session.ask("INFO", (), b"")
        run(20)
        self.features.change("extensions.bob.forward.busy", "carol")
        self.features.ask_unavailable("bob")
        self.features.ask_lamp("701", attempt().behalf)
        self.features.ask_messages("bob")
        self.features.stop()
        bob.unregister()
        run(70)
        self.see()

    def see(self) -> None:
        """Note who talks to whom."""
        self.seen.append(self.world.talking())

    def blamed(self, start: str) -> list[str]:
        """The lines of the stories of all calls that begin so."""
        lines = [line for story in self.stories for _, line in story.lines()]
        return [line for line in lines if line.startswith(start)]

    def outcome(self) -> tuple[list[object], list[tuple[str, int]]]:
        """What people would say of it."""
        assert self.world.served is not None
        return self.seen, [(record.dialled, record.status) for record in self.world.served.records]


@lru_cache(maxsize=1)
def whole_day() -> Day:
    """A day with nothing broken, to compare with."""
    return Day()


class ContainmentTests(SynchronousTestCase):
    """Each hook, each way to fail, in the whole server."""

    def test_every_hook_is_used(self) -> None:
        """The day is worth comparing with: each hook is really called in it."""
        used: set[str] = set()

        def watch(hook: str) -> object:
            def method(self: object) -> None:
                used.add(hook)

            return hookimpl(method)

        hooks = [hook for hook, kind in HOOKS.items() if kind != "declaration" and hook not in RARE]
        Day(type("Watching", (), {hook: watch(hook) for hook in hooks}))
        self.assertEqual(used, set(hooks))
        self.assertEqual(
            set(whole_day().good.heard), {hook for hook, kind in HOOKS.items() if kind == "news"}
        )

    def test_contained(self) -> None:
        """
        The day is the same, and log and trace name the plugin.

        Each hook fails in one way here, and in each way in "make deep".

        kamailio#4314, #3746, #3435, #1618: a wrong argument from Python took the
        server down; #4153: calls hung.  Asterisk #1467, #2021: a deadlock of the
        whole stack.
        """
        for number, (hook, kind) in enumerate(HOOKS.items()):
            failures = FAILURES.get(kind, ()) if hook not in RARE else ()
            for fails in failures if DEEP else failures[number % max(len(failures), 1) :][:1]:
                with self.subTest(hook, fails=fails.__name__):
                    day = Day(broken(hook, fails))
                    self.assertEqual(day.outcome(), whole_day().outcome())
                    self.assertEqual(hook in OF_NO_CALL, not day.blamed(f"{hook}: broken: failed: "))
                    logged = self.flushLoggedErrors()
                    self.assertTrue(logged, "nothing in the log")
                    self.assertEqual(len(logged), len({str(failure.value) for failure in logged}))

    def test_code(self) -> None:
        """When the owner of a code fails, the code is as good as none."""
        for fails in FAILURES["question"]:
            with self.subTest(fails=fails.__name__):
                plugin: Any = broken("code_dialled", fails)
                plugin.b2bua_codes = hookimpl(lambda self: {"bad": "*81"})
                world = World(features=[plugin])
                [alice] = world.phones("alice", manners=MANNERS)
                alice.dial("*81")
                world.run(10)
                assert world.served is not None
                self.assertEqual([record.status for record in world.served.records], [404])
                self.assertTrue(self.flushLoggedErrors())

    def test_named_in_the_trace(self) -> None:
        """The story of the call says who failed, at what, and why."""
        asked = attempt()
        Features.of(broken("route_call", raises)).ask_route(asked)
        [(_, line)] = asked.call.story.lines()
        self.assertEqual(line, "route_call: broken: failed: ValueError: broken (0.0 ms)")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_logged_once(self) -> None:
        """The same failure is in the log once, however often it happens."""
        features = Features.of(broken("route_call", raises))
        for _ in range(STRIKES_MAX - 1):
            features.ask_route(attempt())
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_set_aside(self) -> None:
        """A feature that keeps failing is not asked any more, and that is shown."""
        features = Features.of(broken("route_call", raises))
        for _ in range(STRIKES_MAX):
            features.ask_route(attempt())
        asked = attempt()
        features.ask_route(asked)
        self.assertEqual(asked.call.story.lines(), [])
        self.assertEqual(
            features.describe(),
            ["1. broken (set aside after 5 failures, the last one at route_call: ValueError: broken)"],
        )
        self.flushLoggedErrors(ValueError)

    def test_set_aside_is_rare(self) -> None:
        """One that fails now and then keeps its say."""
        timers = FakeClock()
        features = Features.of(broken("route_call", raises), timers=timers)
        for _ in range(3 * STRIKES_MAX):
            features.ask_route(attempt())
            timers.clock.advance(20)
        self.assertEqual(features.plugins[0].out, "")
        self.flushLoggedErrors(ValueError)

    def test_nonsense_inside(self) -> None:
        """Nonsense inside of a verdict is no answer either: it would go out as SIP."""
        for answer in (
            lambda: Refuse(200),
            lambda: Refuse(486, "busy\r\nX-Evil: 1"),
            lambda: Refuse("486"),  # type: ignore[arg-type]  # that is the point, here and below
            lambda: Confirm("a\nb"),
            lambda: Forward(""),
            lambda: Forward("103\r\nX-Evil: 1"),
            lambda: Forward("1" * 2000),
            lambda: Forward("103", alert_info="\n"),
            lambda: Dial(("103",)),  # type: ignore[arg-type]
            lambda: Dial((Member(""),)),
            lambda: Dial((Member("103", after=-1),)),
            lambda: Dial((Member("103", after=float("nan")),)),
            lambda: Dial((Member("103", ring_seconds=0),)),
            lambda: Dial((Member("103"),) * 65),
            lambda: Dial((Member("103"),), "random"),  # type: ignore[arg-type]
            lambda: Redirect(()),
            lambda: Redirect(("",)),
            lambda: Redirect(("sip:103@pbx",), 486),
        ):
            with self.subTest(answer):
                features = Features.of(broken("route_call", answer))
                self.assertIsNone(features.ask_route(attempt()))
                [failure] = self.flushLoggedErrors(TypeError)
                # The line to mend is the plugin's own.
                self.assertIn("<lambda>", [frame[0] for frame in failure.frames])

    def test_nonsense_in_a_draft(self) -> None:
        """An edit that leaves what cannot be sent is undone, and the call goes on without it."""
        for name, value in (
            ("from_display", 5),
            ("from_display", "night\r\nX-Evil: 1"),
            ("from_display", "\ud800"),
            ("to_display", "\udfff"),
            ("focus", "\udc00"),
            ("fields", [("Subject", "\ud800")]),
            ("from_uri", None),
            ("from_uri", "nonsense"),
            ("from_uri", "sip:a@b\r\nX-Evil: 1"),
            ("to_uri", "x y"),
            ("to_display", None),
            ("fields", None),
            ("fields", [("Subject",)]),
            ("fields", [("Subject", 5)]),
            ("fields", [("Subject", "a\nX-Evil: 1")]),
            ("fields", [("Sub ject", "x")]),
            ("fields", [("i", "of-our-own")]),
            ("fields", [("Via", "SIP/2.0/UDP 198.51.100.1")]),
            ("parts", None),
            ("parts", [("no-id", "text/plain", b"x")]),
            ("parts", [("a@b", "text/plain\r\nX-Evil: 1", b"x")]),
            ("parts", [("a@b", "text/plain", "x")]),
        ):
            with self.subTest(name, value=value):

                def edit(
                    self: object, draft: InvitationDraft, name: str = name, value: object = value
                ) -> None:
                    setattr(draft, name, value)

                world = World(features=[type("Odd", (), {"invitation_leaving": hookimpl(edit)})])
                alice, bob = world.phones("alice", "bob", manners=MANNERS)
                alice.dial("bob")
                world.run(2)
                self.assertTrue(alice.talks_to(bob))
                self.assertEqual(bob.session.invite.from_.uri.user, "alice")  # type: ignore[union-attr]
                alice.hang_up()
                world.quiet()
                self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_nonsense_of_seconds(self) -> None:
        """A ring time that is no time is no answer."""
        for answer in (0, -1, float("inf"), float("nan"), True, "5", 10**9):
            with self.subTest(answer):
                features = Features.of(broken("ring_seconds", lambda answer=answer: answer))
                self.assertIsNone(features.ask_ring_seconds(attempt()))
                self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
