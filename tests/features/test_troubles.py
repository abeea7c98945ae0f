"""What somebody who writes a plugin is told when something is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.logger import LogEvent, Logger, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from b2bua import File, Table, hookimpl
from b2bua.calls import Refuse
from b2bua.features import Features, FeaturesRefused
from b2bua.features.dispatch import Dispatch
from tests.features.stage import attempt
from tests.timers import FakeClock


class Slow:
    """Keeps the server from all other work."""

    timers: FakeClock

    @hookimpl
    def route_call(self) -> None:
        """Take two seconds."""
        self.timers.clock.advance(2.0)

    @hookimpl
    async def transfer_requested(self) -> None:
        """Take three, as a coroutine that never waits."""
        self.timers.clock.advance(3.0)

    @hookimpl
    def call_started(self) -> None:
        """Take one, hearing news."""
        self.timers.clock.advance(1.0)


class Odd:
    """Answers with what cannot be carried out."""

    @hookimpl
    def route_call(self) -> Any:
        """Answer with a status that is none."""
        return Refuse(200, "fine")


class Misnamed:
    """Has hooks that are none, and parameters that are none."""

    @hookimpl
    def route_cal(self, attempt: Any) -> None:
        """Lack a letter."""

    @hookimpl
    def target_failed(self, atempt: Any, outcom: Any) -> None:
        """Lack two."""


class TroubleTests(SynchronousTestCase):
    """Messages about plugins."""

    def setUp(self) -> None:
        """Read the log."""
        self.lines: list[str] = []
        self.patch(Dispatch, "log", Logger(namespace="b2bua.test", observer=self.observe))

    def observe(self, event: LogEvent) -> None:
        """Keep a line."""
        self.lines.append(formatEvent(event))

    def test_blocking(self) -> None:
        """Who blocks the loop is named with its hook and its seconds, in every kind of hook, now and then."""
        timers = Slow.timers = FakeClock()
        features = Features.of(Slow, timers=timers)
        one = attempt()
        one.call.story.call = "c4ll"
        for _ in range(3):
            features.ask_route(one)
        [line] = self.lines
        self.assertIn("the plugin slow blocked the server for 2.0 s at route_call in call c4ll", line)
        features.ask_transfer(one.call, None, None)  # type: ignore[arg-type]  # it looks at neither
        self.assertIn("3.0 s at transfer_requested", self.lines[-1])
        features.tell_call_started(one.call)
        self.assertIn("1.0 s at call_started", self.lines[-1])
        timers.clock.advance(100.0)
        features.ask_route(one)
        self.assertEqual(len(self.lines), 4)

    def test_refused_answer(self) -> None:
        """An answer that is refused is named with what is wrong in it and the id of its call."""
        one = attempt()
        one.call.story.call = "c4ll"
        self.assertIsNone(Features.of(Odd).ask_route(one))
        self.assertIn("in call c4ll", self.lines[0])
        self.assertIn("Refuse: the status 200", self.lines[0])

    def test_meant(self) -> None:
        """Hooks and parameters that are none: all at once, each with the one that is meant."""
        refused = self.assertRaises(FeaturesRefused, Features.of, Misnamed)
        self.assertEqual(
            [problem.text for problem in refused.problems],
            [
                "route_cal is no hook; is route_call meant?",
                "target_failed has no parameter atempt; is attempt meant?",
                "target_failed has no parameter outcom; is outcome meant?",
            ],
        )

    def test_files(self) -> None:
        """The path of a file starts where the configuration is, for plugins as for the server itself."""

        class Sounds(Table):
            """The table C{[sounds]}."""

            greeting: File = "hello.wav"

        class Player:
            """Has a file."""

            @hookimpl
            def b2bua_settings(self) -> dict[str, type[Table]]:
                """One table."""
                return {"sounds": Sounds}

            @hookimpl
            def b2bua_configure(self, options: Any) -> None:
                """Keep it."""
                self.table = options.of(Sounds)

        document = {"sounds": {"greeting": "a/b.wav"}}
        [plugin] = Features.of(Player, document=document, directory=Path("/etc/b2bua")).plugins
        self.assertEqual(plugin.thing.table.greeting, "/etc/b2bua/a/b.wav")
