"""
Figures for a monitoring system, in the format of Prometheus.

Everything is read when somebody asks, in the reactor, so that nothing is read
while it changes; but for what happens to calls, which is counted when some of them are
over.  No extension, number, address or Call-ID is a label: how many series
there are does not depend on who calls.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from b2bua.net.dns import DnsLocator

if TYPE_CHECKING:
    from b2bua.admin.ended import Told
    from b2bua.admin.events import Events
    from b2bua.admin.features import Choices
    from b2bua.admin.sessions import Sessions
    from b2bua.admin.status import ServiceStatus
    from b2bua.calls.call import Call
    from b2bua.calls.records.record import CallRecord
    from b2bua.server import Server

TYPE = CONTENT_TYPE_LATEST
SETTING_UP = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
RINGING = (0.5, 1, 2, 5, 10, 15, 20, 30, 45, 60, 120, 180)
TALKING = (5, 15, 30, 60, 120, 300, 600, 1800, 3600)
JITTER = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
MOS = (2.0, 2.5, 3.0, 3.5, 3.8, 4.0, 4.2, 4.4)
OUTCOMES = ("answered", "busy", "no answer", "gave up", "unknown", "refused", "failed")
KINDS = ("extension", "trunk", "stranger", "server")


class Metrics:
    """All figures."""

    def __init__(
        self,
        server: Server,
        service: ServiceStatus,
        sessions: Sessions,
        events: Events,
        choices: Choices,
        look: Callable[[], None],
    ) -> None:
        """
        Begin to count.

        @param look: sees to it that what is over is counted.
        """
        self._choices = choices
        self._look = look
        self._server = server
        self._service = service
        self._sessions = sessions
        self._events = events
        self._registry = CollectorRegistry(auto_describe=False)
        self._calls = Counter(
            "b2bua_calls_ended", "Calls that are over", ("caller", "outcome"), registry=self._registry
        )
        self._ringing = Histogram(
            "b2bua_answer_seconds",
            "From the call to its answer",
            buckets=RINGING,
            registry=self._registry,
        )
        self._talking = Histogram(
            "b2bua_talk_seconds", "From the answer to the end", buckets=TALKING, registry=self._registry
        )
        self._setting_up = Histogram(
            "b2bua_ring_delay_seconds",
            "From the call until the caller hears that somebody is rung",
            buckets=SETTING_UP,
            registry=self._registry,
        )
        self._packets = Counter(
            "b2bua_relayed_packets", "Packets of media that relays have taken", registry=self._registry
        )
        self._lost = Counter(
            "b2bua_relayed_packets_lost", "Those that did not arrive there", registry=self._registry
        )
        self._jitter = Histogram(
            "b2bua_relayed_jitter_seconds", "Of each party", buckets=JITTER, registry=self._registry
        )
        self._mos = Histogram(
            "b2bua_relayed_mos", "How each party was heard, 1 to 5", buckets=MOS, registry=self._registry
        )
        ProcessCollector(registry=self._registry)
        self._registry.register(self)

    def over(self, calls: Iterable[Told]) -> None:
        """Calls are over."""
        ended: Counts[tuple[str, str]] = Counts()
        for record, _, delay in calls:
            if delay is not None:
                self._setting_up.observe(max(0.0, delay))
            ended[record.caller.partition(" ")[0], outcome(record)] += 1
            if record.answered is not None:
                self._ringing.observe(max(0.0, record.answered - record.started))
                if record.ended is not None:
                    self._talking.observe(max(0.0, record.ended - record.answered))
        for (caller, how), number in ended.items():
            self._calls.labels(caller if caller in KINDS else "stranger", how).inc(number)

    def counted(self, call: Call) -> None:
        """It is known what media of a call that is over came."""
        for leg in call.record.legs:
            if leg.packets:
                self._packets.inc(leg.packets)
                self._lost.inc(max(0, leg.lost or 0))
                self._jitter.observe(leg.jitter or 0.0)
                if leg.mos is not None:
                    self._mos.observe(leg.mos)

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        self._look()
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """What is read when somebody asks."""
        status, counts = self._service.status(), self._server.runner.transport.counts
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
            ("b2bua_messages_received", "SIP messages that came", counts.received),
            ("b2bua_messages_sent", "SIP messages that went", counts.sent),
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
        counts = self._server.runner.transport.counts
        requests = CounterMetricFamily("b2bua_sip_requests", "Requests", labels=("direction", "method"))
        responses = CounterMetricFamily("b2bua_sip_responses", "Responses", labels=("direction", "class"))
        for direction, kinds in (("received", counts.came), ("sent", counts.went)):
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


def outcome(record: CallRecord) -> str:
    """How a call ended, as one of a few words."""
    if record.answered is not None:
        return "answered"
    if record.status in (486, 600):
        return "busy"
    if record.status in (408, 480):
        return "no answer"
    if record.status == 487:
        return "gave up"
    if record.status in (404, 410, 484, 604):
        return "unknown"
    return "failed" if 500 <= record.status < 600 or not record.status else "refused"
