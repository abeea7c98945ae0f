"""
Messages and reasons for Homer, which keeps them for many servers.

All messages of a call carry the Call-ID of its first leg as their correlation,
so that both sides of a call stand in one ladder whichever of them is opened.
They are sent a moment later than they went by, when it is known which calls
they belong to, in turns that are bounded; and without the digests that prove
passwords.  What is too much is left out: telephones come first.  Homer knows
their order by their times only, so no two of a turn have the same one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from b2bua.calls.records.trace import call_id_of
from b2bua.explain.hep import LOG, LONGEST, Frame, Sender, packed
from b2bua.explain.traced import masked

if TYPE_CHECKING:
    from b2bua.calls.records.record import CallRecord
    from b2bua.calls.records.story import Story
    from b2bua.clock import ITimer
    from b2bua.server import Server
    from b2bua.settings import Hep
    from b2bua.transactions.flow import Flow

LATER = 0.2
"""Seconds that messages lie until they are sent."""
MOST = 2_000
"""So many are sent in a turn; what more there is, is left out."""
REASONS = 50
"""So many reasons of a call are sent."""
APART = 2e-6
"""Seconds between two messages at least; a message and what it draws come at the same time here."""
REMEMBERED = 20_000
"""The Call-IDs of so many legs are known with their calls."""

SendDatagram = Callable[[bytes, tuple[str, int]], object]
"""Sends a datagram somewhere."""


class Homer:
    """Tells Homer, as long as the configuration says where it is."""

    def __init__(self, server: Server, send: SendDatagram) -> None:
        """Tell nobody yet."""
        self._server = server
        self._send = send
        self._table: Hep | None = None
        self._waiting: list[tuple[float, Flow, bool, bytes]] = []
        self._timer: ITimer | None = None
        self._first: dict[str, str] = {}
        self.left_out = 0
        """Messages that were not sent since there were too many, or they were too long."""

    def configure(self, table: Hep | None) -> None:
        """Tell this one from now on, or nobody."""
        self._table = table
        traffic = self._server.runner.transport.traffic
        traffic.tap = None if table is None else self._pass_by

    def _pass_by(self, at: float, flow: Flow, outgoing: bool, raw: bytes) -> None:
        """A message went by."""
        if len(self._waiting) >= MOST:
            self.left_out += 1
            return
        self._waiting.append((at, flow, outgoing, raw))
        if self._timer is None:
            self._timer = self._server.runner.start(LATER, self._turn)

    def over(self, record: CallRecord, story: Story) -> None:
        """A call is over: tell its reasons."""
        if self._table is None or not record.legs:
            return
        self._learn(record)
        past = self._server.runner.wall() - self._server.runner.now()
        nowhere = ("0.0.0.0", 0)
        for entry in [one for one in story.entries() if not one.silent][:REASONS]:
            frame = Frame(
                past + entry.at, nowhere, nowhere, True, entry.text.encode(), record.legs[0].call_id, LOG
            )
            self._tell(frame)

    def _turn(self) -> None:
        """Send what waits."""
        self._timer = None
        waiting, self._waiting = self._waiting, []
        runner = self._server.runner
        past = runner.wall() - runner.now()
        for call in self._server.core.calls.going.values():
            self._learn(call.record)
        before = 0.0
        for passed, flow, outgoing, raw in waiting:
            at = before = max(passed, before + APART)
            call_id = call_id_of(raw)
            ends = (flow.local, flow.remote) if outgoing else (flow.remote, flow.local)
            datagram = flow.transport == "UDP"
            self._tell(Frame(past + at, *ends, datagram, masked(raw), self._first.get(call_id, call_id)))

    def _learn(self, record: CallRecord) -> None:
        """Remember which call the legs of a record belong to."""
        for leg in record.legs:
            if leg.call_id and leg.call_id not in self._first:
                self._first[leg.call_id] = record.legs[0].call_id
                if len(self._first) > REMEMBERED:
                    del self._first[next(iter(self._first))]

    def _tell(self, frame: Frame) -> None:
        """Send one."""
        table = self._table
        if table is None:
            return
        data = (
            packed(frame, Sender(table.capture_id, table.node, table.key))
            if len(frame.payload) < LONGEST
            else b""
        )
        if not data or len(data) > LONGEST:
            self.left_out += 1
        else:
            self._send(data, table.address)
