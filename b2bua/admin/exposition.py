"""
Figures for a monitoring system, in the format of Prometheus.

Everything is read when somebody asks, in the reactor, so that nothing is read
while it changes; but for what is counted meanwhile, L{b2bua.admin.metrics}.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.utils import floatToGoString

from b2bua.net.dns import DnsLocator

if TYPE_CHECKING:
    from b2bua.admin.administration import Administration
    from b2bua.admin.metrics import Distribution

TYPE = CONTENT_TYPE_LATEST


class Exposition:
    """All figures."""

    def __init__(self, administration: Administration) -> None:
        """Read those of a service."""
        self._counted = administration.metrics
        self._look = administration.ended.look
        self._choices = administration.choices
        self._server = administration.server
        self._service = administration.service
        self._sessions = administration.sessions
        self._events = administration.events
        self._process = ProcessCollector(registry=None)

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        self._look()
        return generate_latest(self)

    def collect(self) -> Iterator[Metric]:
        """Each with its samples."""
        yield from self._counts()
        yield from self._process.collect()
        yield from self._now()

    def _counts(self) -> Iterator[Metric]:
        """What was counted."""
        counted = self._counted
        ended = CounterMetricFamily("b2bua_calls_ended", "Calls that are over", labels=("caller", "outcome"))
        for labels, number in counted.ended.items():
            ended.add_metric(labels, number, created=counted.ended_since[labels])
        yield ended
        yield self._distribution("b2bua_answer_seconds", "From the call to its answer", counted.ringing)
        yield self._distribution("b2bua_talk_seconds", "From the answer to the end", counted.talking)
        yield self._distribution(
            "b2bua_ring_delay_seconds",
            "From the call until the caller hears that somebody is rung",
            counted.setting_up,
        )
        for name, text, number in (
            ("b2bua_relayed_packets", "Packets of media that relays have taken", counted.packets),
            ("b2bua_relayed_packets_lost", "Those that did not arrive there", counted.lost),
        ):
            yield CounterMetricFamily(name, text, number, created=counted.since)
        yield self._distribution("b2bua_relayed_jitter_seconds", "Of each party", counted.jitter)
        yield self._distribution("b2bua_relayed_mos", "How each party was heard, 1 to 5", counted.mos)

    def _distribution(self, name: str, text: str, counted: Distribution) -> Metric:
        """A histogram; each step has those before it as well."""
        metric = Metric(name, text, "histogram")
        number = 0
        for bound, more in zip((*counted.bounds, float("inf")), counted.steps, strict=True):
            number += more
            metric.add_sample(f"{name}_bucket", {"le": floatToGoString(bound)}, number)
        metric.add_sample(f"{name}_count", {}, number)
        metric.add_sample(f"{name}_sum", {}, counted.sum)
        metric.add_sample(f"{name}_created", {}, self._counted.since)
        return metric

    def _now(self) -> Iterator[Metric]:
        """What is read when somebody asks."""
        status, counts = self._service.status(), self._server.runner.transport.counts
        traffic = self._server.runner.transport.traffic
        yield InfoMetricFamily("b2bua", "The version", {"version": status.version})
        for name, text, value in (
            ("b2bua_uptime_seconds", "Since the service started", status.seconds),
            ("b2bua_problems", "What somebody has to look after", len(status.problems)),
            ("b2bua_calls", "Calls that go on", status.calls),
            ("b2bua_extensions", "Extensions", status.extensions),
            ("b2bua_registrations", "Phones that are registered", status.registrations),
            ("b2bua_subscriptions", "Subscriptions that are served", status.subscriptions),
            ("b2bua_transactions", "Transactions that are open", status.transactions),
            ("b2bua_ignored_sources", "Sources that are ignored for guessing", len(status.ignored)),
            ("b2bua_store_failing", "1 while the store fails", int(bool(status.store.failing))),
            ("b2bua_store_pending", "Changes that are not written yet", status.store.waiting),
            ("b2bua_store_batch_seconds", "The time that the last batch took", status.store.took),
            ("b2bua_sessions", "People who are logged in to the page", len(self._sessions)),
            ("b2bua_event_readers", "Readers of the stream of events", len(self._events)),
        ):
            yield GaugeMetricFamily(name, text, value)
        for name, text, value in (
            ("b2bua_messages_received", "SIP messages that came", traffic.came.total),
            ("b2bua_messages_sent", "SIP messages that went", traffic.went.total),
            ("b2bua_messages_malformed", "Messages that were not understood", counts.malformed),
            ("b2bua_requests_absorbed", "Requests that came again", counts.absorbed),
            ("b2bua_responses_stray", "Responses to nothing of ours", counts.stray),
            ("b2bua_requests_turned_away", "Requests that got 503: too much to do", status.turned_away),
            ("b2bua_strangers_refused", "Messages of unknown hosts, too fast", status.strangers_refused),
            (
                "b2bua_connections_refused",
                "Connections refused or closed since there were too many",
                status.connections_refused,
            ),
            ("b2bua_subscriptions_refused", "Subscriptions refused", status.subscriptions_refused),
            ("b2bua_store_lost", "Records that were given up", status.store.lost),
        ):
            yield CounterMetricFamily(name, text, value)
        up = GaugeMetricFamily("b2bua_trunk_up", "1 while a trunk answers", labels=("trunk",))
        registered = GaugeMetricFamily(
            "b2bua_trunk_registered", "1 while we are registered with a trunk", labels=("trunk",)
        )
        for trunk in status.trunks:
            up.add_metric((trunk.name,), int(trunk.alive))
            if trunk.registered is not None:
                registered.add_metric((trunk.name,), int(trunk.registered))
        yield from (up, registered)
        yield from self._engines()
        yield from self._messages()
        yield from self._plugged()
        yield from self._names()
        yield from self._of_features()

    def _engines(self) -> Iterator[Metric]:
        """The relays of media that run beside us."""
        up, calls, owed, took = (
            GaugeMetricFamily(f"b2bua_engine_{name}", text, labels=("engine",))
            for name, text in (
                ("up", "1 while an rtpengine answers"),
                ("calls", "Calls whose media it has"),
                ("owed", "Ends of calls that it was not told yet"),
                ("reply_seconds", "The time that its last reply took"),
            )
        )
        again = CounterMetricFamily("b2bua_engine_repeats", "Requests sent again", labels=("engine",))
        lost = CounterMetricFamily("b2bua_engine_unanswered", "Requests without a reply", labels=("engine",))
        for engine in self._service.engines:
            label = (engine.name,)
            up.add_metric(label, int(bool(engine.alive)))
            calls.add_metric(label, len(engine.calls))
            owed.add_metric(label, len(engine.owed))
            took.add_metric(label, engine.exchanges.took)
            again.add_metric(label, engine.exchanges.repeated)
            lost.add_metric(label, engine.exchanges.unanswered)
        yield from (up, calls, owed, took, again, lost)

    def _of_features(self) -> Iterator[Metric]:
        """What plugins count of what the configuration names; the label is the first word of the name."""
        for name, values in self._choices.figures():
            kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            text = name.removesuffix("_total").replace("_", " ").capitalize()
            figure = kind(f"b2bua_{name}", text, labels=(name.partition("_")[0],))
            for of, value in values.items():
                figure.add_metric((of,), value)
            yield figure

    def _messages(self) -> Iterator[Metric]:
        """Messages by what they are."""
        traffic = self._server.runner.transport.traffic
        requests = CounterMetricFamily("b2bua_sip_requests", "Requests", labels=("direction", "method"))
        responses = CounterMetricFamily("b2bua_sip_responses", "Responses", labels=("direction", "class"))
        for direction, kinds in (("received", traffic.came), ("sent", traffic.went)):
            for method, count in kinds.by_name():
                requests.add_metric((direction, method), count)
            for status, count in kinds.by_class():
                responses.add_metric((direction, status), count)
        yield from (requests, responses)

    def _plugged(self) -> Iterator[Metric]:
        """What plugins were asked; there are as many series as plugins are installed."""
        asked = CounterMetricFamily("b2bua_plugin_asked", "Questions to a plugin", labels=("plugin",))
        answered = CounterMetricFamily("b2bua_plugin_answered", "Its answers", labels=("plugin",))
        failed = CounterMetricFamily("b2bua_plugin_failed", "Its failures", labels=("plugin",))
        seconds = CounterMetricFamily("b2bua_plugin_seconds", "The time it took", labels=("plugin",))
        out = GaugeMetricFamily("b2bua_plugin_out", "1 while it is not asked", labels=("plugin",))
        for row in self._choices.features():
            label = (row.name,)
            asked.add_metric(label, row.asked)
            answered.add_metric(label, row.answered)
            failed.add_metric(label, row.failed)
            seconds.add_metric(label, row.seconds)
            out.add_metric(label, int(bool(row.out)))
        yield from (asked, answered, failed, seconds, out)

    def _names(self) -> Iterator[Metric]:
        """Servers of names."""
        locator = self._server.runner.locator
        asked, unanswered = 0, 0
        if isinstance(locator, DnsLocator):
            asked, unanswered = locator.cache.questions, locator.cache.unanswered
        yield CounterMetricFamily("b2bua_dns_questions", "Questions to servers of names", asked)
        yield CounterMetricFamily("b2bua_dns_unanswered", "Those without an answer", unanswered)
