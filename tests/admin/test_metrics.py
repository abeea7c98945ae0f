"""The figures for monitoring: what they say, and that the page of docs names each of them."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.admin.case import request
from tests.admin.door import DoorCase

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


class MetricsTests(DoorCase):
    """C{/metrics}."""

    def figures(self) -> dict[str, float]:
        """Every sample by name and labels."""
        text = self.send(request("GET", "/metrics")).body.decode()
        return {
            sample.name + "".join(f"/{value}" for _, value in sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def test_calls(self) -> None:
        """Calls that go on, and how those ended that are over, with their times."""
        self.talk()
        self.assertEqual(self.figures()["b2bua_calls"], 1)
        self.alice.hang_up()
        self.world.run(40)
        self.alice.dial("nobody")
        self.world.run(40)
        found = self.figures()
        self.assertEqual(found["b2bua_calls"], 0)
        self.assertEqual(found["b2bua_calls_ended_total/extension/answered"], 1)
        self.assertEqual(found["b2bua_calls_ended_total/extension/unknown"], 1)
        self.assertEqual(found["b2bua_answer_seconds_count"], 1)
        self.assertLess(abs(found["b2bua_talk_seconds_sum"] - 3), 0.5)

    def test_state(self) -> None:
        """What is registered, trunks, and the store."""
        found = self.figures()
        self.assertEqual((found["b2bua_registrations"], found["b2bua_extensions"]), (2, 8))
        self.assertEqual(found["b2bua_trunk_up/carrier"], 1)
        self.assertGreater(found["b2bua_messages_received_total"], 0)
        self.store.failing = "disk full"
        self.talk()
        self.world.run(10)
        self.assertEqual(self.figures()["b2bua_store_failing"], 1)

    def test_labels(self) -> None:
        """However many call whomever, there are no more series: no number or address is a label."""
        before = set(self.figures())
        for number in range(12):
            self.alice.dial(f"no-{number}")
            self.world.run(40)
        more = set(self.figures()) - before
        self.assertEqual(
            {name.partition("/")[0] for name in more},
            {"b2bua_calls_ended_total", "b2bua_calls_ended_created"},
        )
        self.assertEqual(len(more), 2)

    def test_page(self) -> None:
        """C{docs/metrics.md} names each figure, and none that there is not."""
        text = self.send(request("GET", "/metrics")).body.decode()
        there = {f.name for f in text_string_to_metric_families(text) if f.name.startswith("b2bua")}
        named = set(re.findall(r"^\| `(b2bua\w*)", PAGE.read_text(), re.MULTILINE))
        counters = {name.removesuffix("_total") for name in named}
        created = {name for name in there if name.endswith("_created")}
        self.assertEqual(there - created - counters, set())
        self.assertEqual(
            {name.removesuffix("_info") for name in counters} - {n.removesuffix("_info") for n in there},
            set(),
        )

    def test_who(self) -> None:
        """Programs with a token of an operator read them; who has none does not."""
        token = self.ask("POST", "/tokens", name="prometheus")["token"]
        program = self.browser()
        self.assertEqual(program.send("GET", "/metrics", Authorization=f"Bearer {token}").status, 200)
        self.assertEqual(program.send("GET", "/metrics").status, 401)
        self.assertEqual(self.browser("alice").send("GET", "/metrics").status, 403)


class HealthTests(DoorCase):
    """C{/health}."""

    def test_health(self) -> None:
        """Anybody may ask, and hears whether calls are taken, and nothing else."""
        answer = self.browser().send("GET", "/health")
        self.assertEqual((answer.status, answer.value), (200, {"live": True, "ready": True}))
        self.server.core.calls.draining = True
        answer = self.browser().send("GET", "/health")
        self.assertEqual((answer.status, answer.value), (503, {"live": True, "ready": False}))
