"""
Figures for a monitoring system, in the format of Prometheus.

Everything is read when somebody asks, in the reactor, so that nothing is read
while it changes; but for what happens to calls, which is counted when they are
over.  No extension, number, address or Call-ID is a label: how many series
there are does not depend on who calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    from b2bua.admin.events import Events
    from b2bua.admin.sessions import Sessions
    from b2bua.admin.status import ServiceStatus
    from b2bua.calls.records.record import CallRecord
    from b2bua.server import Server

TYPE = CONTENT_TYPE_LATEST
RINGING = (0.5, 1, 2, 5, 10, 15, 20, 30, 45, 60, 120, 180)
TALKING = (5, 15, 30, 60, 120, 300, 600, 1800, 3600)
OUTCOMES = ("answered", "busy", "no answer", "gave up", "unknown", "refused", "failed")
KINDS = ("extension", "trunk", "stranger", "server")


class Metrics:
    """All figures."""

    def __init__(self, server: Server, service: ServiceStatus, sessions: Sessions, events: Events) -> None:
        """Begin to count."""
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
        ProcessCollector(registry=self._registry)
        self._registry.register(self)

    def over(self, record: CallRecord) -> None:
        """A call is over."""
        caller = record.caller.partition(" ")[0]
        self._calls.labels(caller if caller in KINDS else "stranger", outcome(record)).inc()
        if record.answered is not None:
            self._ringing.observe(max(0.0, record.answered - record.started))
            if record.ended is not None:
                self._talking.observe(max(0.0, record.ended - record.answered))

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
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
