"""The figures for monitoring: what they say, and that the page of docs names each of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import Deferred

from b2bua.admin.exposition import Exposition
from b2bua.command.status import people
from b2bua.features import Features
from b2bua.media.ports import Received
from tests.admin.case import Connection, request
from tests.admin.door import DoorCase
from tests.media.rtpengine.simulated import Site

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

    def test_engines(self) -> None:
        """Relays of media that run beside us; who does not answer is something to look after."""
        site = Site(2)
        site.engines[1].runs = False
        site.run(10)
        self.administration.service.engines = site.set.engines
        found = self.figures()
        self.assertEqual(found["b2bua_engine_up/192.0.2.1:2223"], 1)
        self.assertEqual(found["b2bua_engine_up/192.0.2.2:2223"], 0)
        self.assertGreater(found["b2bua_engine_unanswered_total/192.0.2.2:2223"], 2)
        self.assertEqual(found["b2bua_problems"], 1)
        status = self.administration.service.status()
        (problem,) = status.problems
        self.assertIn("rtpengine 192.0.2.2:2223 does not answer since", problem)
        text = people(status.model_dump())
        self.assertIn("rtpengine 192.0.2.1:2223: up, 0 calls\n", f"{text}\n")
        self.assertIn("rtpengine 192.0.2.2:2223: DOWN, 0 calls\n", f"{text}\n")

    def test_media(self) -> None:
        """What came from the parties of calls that are over, where a relay has counted it."""
        self.talk()
        (call,) = self.server.core.calls.going.values()
        self.alice.hang_up()
        self.world.run(40)
        one, other = call.record.legs
        call.record.media_came(one.id, Received(1500, 7, 0.004, 4.2))
        call.record.media_came(other.id, Received(500, 0, 0.04))
        self.server.counted(call)
        found = self.figures()
        self.assertEqual(found["b2bua_relayed_packets_total"], 2000)
        self.assertEqual(found["b2bua_relayed_packets_lost_total"], 7)
        self.assertEqual(found["b2bua_relayed_jitter_seconds_bucket/0.005"], 1)
        self.assertEqual(found["b2bua_relayed_jitter_seconds_count"], 2)
        self.assertEqual((found["b2bua_relayed_mos_count"], found["b2bua_relayed_mos_sum"]), (1, 4.2))

    def test_features(self) -> None:
        """Those of plugins have a label, and are counters when their name says so."""
        figures = [("queue_waiting", {"610": 2.0}), ("queue_callers_total", {"610": 7.0})]
        self.patch(Features, "figures", lambda features: iter(figures))
        found = self.figures()
        self.assertEqual(found["b2bua_queue_waiting/610"], 2)
        self.assertEqual(found["b2bua_queue_callers_total/610"], 7)

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

    def test_messages(self) -> None:
        """Messages by method and class, in both directions; a method that nobody knows is no label."""
        before = self.figures()
        self.talk()
        self.alice.hang_up()
        self.world.run(1)
        found = self.figures()

        def more(name: str) -> float:
            return found[name] - before[name]

        self.assertEqual(more("b2bua_sip_requests_total/sent/INVITE"), 1)
        self.assertEqual(more("b2bua_sip_requests_total/received/BYE"), 1)
        self.assertGreaterEqual(more("b2bua_sip_responses_total/2xx/received"), 2)
        for direction in ("received", "sent"):
            parts = [name for name in found if name.startswith("b2bua_sip_re") and direction in name]
            whole = found[f"b2bua_messages_{direction}_total"]
            self.assertEqual(sum(found[name] for name in parts), whole)
        flow = next(self.server.trace._passed())[1]
        self.server.runner.received(b"XYZZY sip:x SIP/2.0\r\n\r\n", flow)
        self.assertEqual(self.figures()["b2bua_sip_requests_total/received/other"], 1)
        self.assertEqual(set(self.figures()), set(found))

    def test_ring_delay(self) -> None:
        """How long a caller hears nothing."""
        self.talk()
        self.alice.hang_up()
        self.world.run(40)
        found = self.figures()
        self.assertEqual(found["b2bua_ring_delay_seconds_count"], 1)
        self.assertLess(found["b2bua_ring_delay_seconds_sum"], 2)

    def test_plugins(self) -> None:
        """What each was asked, had an answer to, and took for it; the API and the page say the same."""
        self.ask("PUT", "/settings/{path}", path="extensions.bob.do_not_disturb", value=True)
        self.alice.dial("bob")
        self.world.run(40)
        found = self.figures()
        self.assertEqual(found["b2bua_plugin_answered_total/do_not_disturb"], 1)
        self.assertGreater(found["b2bua_plugin_asked_total/do_not_disturb"], 0)
        self.assertEqual(found["b2bua_plugin_failed_total/forward"], 0)
        rows = {row["name"]: row for row in self.ask("GET", "/features")}
        self.assertEqual(rows["do_not_disturb"]["answered"], 1)
        self.assertEqual(rows["forward"]["asked"], found["b2bua_plugin_asked_total/forward"])

    def test_dashboard(self) -> None:
        """Every figure of the dashboard is one that there is, with labels that it has."""
        text = self.send(request("GET", "/metrics")).body.decode()
        families = list(text_string_to_metric_families(text))
        labels = {s.name: set(s.labels) for family in families for s in family.samples}
        always = {name for name in labels if name.startswith(("b2bua", "process"))}
        page = set(re.findall(r"^\| `(b2bua\w*)", PAGE.read_text(), re.MULTILINE))
        dashboard = json.loads(PAGE.with_name("grafana.json").read_text())
        places = set()
        for panel in dashboard["panels"]:
            places.add((panel["gridPos"]["x"], panel["gridPos"]["y"]))
            for target in panel["targets"]:
                names = set(re.findall(r"\b(?:b2bua|process)_\w+", target["expr"]))
                self.assertTrue(names, target)
                for name in names:
                    self.assertTrue(name in always or name in page, name)
                for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                    self.assertTrue(all(label in labels.get(name, {label}) for name in names), target)
        self.assertEqual(len(places), len(dashboard["panels"]))

    def test_who(self) -> None:
        """Programs with a token of an operator read them; who has none does not."""
        token = self.ask("POST", "/tokens", name="prometheus")["token"]
        program = self.browser()
        self.assertEqual(program.send("GET", "/metrics", Authorization=f"Bearer {token}").status, 200)
        self.assertEqual(program.send("GET", "/metrics").status, 401)
        self.assertEqual(self.browser("alice").send("GET", "/metrics").status, 403)

    def test_first(self) -> None:
        """A thread loads their format for the first who ask; who has gone meanwhile gets nothing."""
        loading: list[Deferred[None]] = []

        async def in_thread(work: Callable[..., Any], *values: Any) -> Any:
            loading.append(Deferred())
            await loading[-1]
            return work(*values)

        self.administration.in_thread = in_thread
        asking = [Connection(self.site) for _ in range(3)]
        for connection in asking:
            connection.send(request("GET", "/metrics"))
            self.assertEqual(connection.transport.value(), b"")
        asking[0].close()
        for loaded in loading:
            loaded.callback(None)
        self.assertEqual(asking[0].transport.value(), b"")
        self.assertEqual([connection.read().status for connection in asking[1:]], [200, 200])
        self.assertEqual(self.send(request("GET", "/metrics")).status, 200)
        self.assertEqual(len(loading), 3)

    def test_broken(self) -> None:
        """A bug is answered, without its inside; what is wrong is in the log."""

        def text(_: Exposition) -> bytes:
            raise AttributeError("secret")

        self.patch(Exposition, "text", text)
        answer = self.send(request("GET", "/metrics"))
        self.assertEqual(answer.status, 500)
        self.assertNotIn(b"secret", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)


class HealthTests(DoorCase):
    """C{/health}."""

    def test_health(self) -> None:
        """Anybody may ask, and hears whether calls are taken, and nothing else."""
        answer = self.browser().send("GET", "/health")
        self.assertEqual((answer.status, answer.value), (200, {"live": True, "ready": True}))
        self.server.core.calls.draining = True
        answer = self.browser().send("GET", "/health")
        self.assertEqual((answer.status, answer.value), (503, {"live": True, "ready": False}))
