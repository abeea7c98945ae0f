"""
How calls went that are over, kept in the store, so that yesterday's can be explained.

Each is written down some seconds after its end, when its last answers have come,
as C{b2bua trace --save} would have it, and compressed.  That is done in small parts, so that no
message waits for it.  When more calls end than can be written down without being felt, some are left out.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from pydantic import ValidationError
from twisted.logger import Logger
from twisted.python.failure import Failure

from b2bua.calls.records.trace import Heard, Passed, Trace
from b2bua.explain.traced import TracedCall
from b2bua.store.ports import StoreError, TraceRow

if TYPE_CHECKING:
    from b2bua.admin.ended import Told
    from b2bua.clock import ITimer
    from b2bua.server import Server
    from b2bua.store.journal import Journal

LATE = 1.0
"""Seconds after which the last messages of a call have come."""
APART = 5.0
"""Seconds from one walk through all that is kept to the next: it costs as much for one call as for many."""
MOST = 25
"""So many calls are written down each time: some milliseconds of work."""
PAUSE = 0.005
"""Seconds between two parts of it."""
BLOCKS = 8
"""Blocks of the trace that are looked through in one part, a third of a millisecond; a call is one, too."""
TIDY = 600.0
"""Seconds between two looks at what is too old, and too much."""
DAY = 86_400.0
QUICKLY = 3
"""How it is compressed: in three fifths of the time that is usual, to 6 % more bytes."""
LARGEST = 16 * 1024 * 1024
"""Bytes of one trace."""


class Found:
    """The messages and words of some calls, found in one walk through what is kept."""

    def __init__(self) -> None:
        """Have found nothing."""
        self._passed: dict[str, list[tuple[int, Passed]]] = {}
        """Each with its number, since what a message draws has the same time as the message."""
        self._found = 0
        self._heard: dict[str, list[Heard]] = {}

    def walk(self, trace: Trace, calls: list[Told]) -> Iterator[None]:
        """Find them, in parts."""
        for heard in trace.heard({told.record.id for told in calls}):
            self._heard.setdefault(heard.call, []).append(heard)
        ids = {leg.call_id for told in calls for leg in told.record.legs if leg.call_id}
        for number, part in enumerate(trace.in_parts(ids), 1):
            for passed in part:
                self._passed.setdefault(passed.call_id, []).append((self._found, passed))
                self._found += 1
            if not number % BLOCKS:
                yield

    def __iter__(self) -> Iterator[Passed]:
        """All messages, in their order."""
        return self.of(self._passed)

    def of(self, call_ids: Iterable[str]) -> Iterator[Passed]:
        """The messages of some dialogs, by their Call-IDs, in their order."""
        numbered = sorted(chain.from_iterable(self._passed.get(id, ()) for id in call_ids))
        return (passed for _, passed in numbered)

    def words(self, call: str) -> list[Heard]:
        """The words of one call."""
        return self._heard.get(call, [])


class Traces:
    """Writes down how calls went, and finds it again."""

    log = Logger()

    def __init__(self, server: Server, journal: Journal, version: str) -> None:
        """Have nothing to write."""
        self._server = server
        self._journal = journal
        self._version = version
        self._waiting: deque[tuple[float, Told]] = deque(maxlen=MOST)
        """Each with when it ended."""
        self._timer: ITimer | None = None
        self._parts: Iterator[None] = iter(())
        """What is left to do of what has begun."""
        self._tidied = server.runner.now()
        self._walked = self._tidied - APART
        self.left_out = 0
        """Calls that were not written down since there were too many."""

    def over(self, calls: Sequence[Told]) -> None:
        """Calls are over."""
        if not self._server.settings.calls.traces_days:
            return
        self.left_out += max(0, len(self._waiting) + len(calls) - MOST)
        now = self._server.runner.now()
        self._waiting.extend([(now, told) for told in calls])
        if self._timer is None:
            self._wait()

    def _wait(self) -> None:
        """Write down what waits, when its last messages have come and the walk before is some time ago."""
        runner = self._server.runner
        self._timer = runner.start(max(LATE, self._walked + APART - runner.now()), self._begin)

    def finish(self) -> None:
        """Write down what waits, since the service ends."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
            for _ in chain(self._parts, self._write(self._all())):
                pass

    def _begin(self) -> None:
        """Write down what has ended lately."""
        self._walked = now = self._server.runner.now()
        waiting = self._waiting
        if len(waiting) == MOST:  # so many end that messages are soon forgotten: better without the last
            calls = self._all()
        else:  # a timer may ring a moment early
            calls = [waiting.popleft()[1] for ended, _ in list(waiting) if now - ended >= LATE - PAUSE]
        self._parts = self._write(calls)
        self._go_on()

    def _all(self) -> list[Told]:
        """Take all that wait, whatever may come yet."""
        calls = [told for _, told in self._waiting]
        self._waiting.clear()
        return calls

    def _go_on(self) -> None:
        """Do a part of that, and the next one in a moment."""
        self._timer = None
        for _ in self._parts:
            self._timer = self._server.runner.start(PAUSE, self._go_on)
            return
        if self._waiting:
            self._wait()
        if self._server.runner.now() - self._tidied >= TIDY:
            self.tidy()

    def _write(self, calls: list[Told]) -> Iterator[None]:
        """Write some down, in parts."""
        runner = self._server.runner
        past = runner.wall() - runner.now()
        found = Found()
        yield from found.walk(self._server.trace, calls)
        for told in calls:
            yield
            try:
                self._write_one(told, found, past)
            except Exception:  # noqa: BLE001 - a bug with one call costs the others nothing
                self.log.failure("how the call {call} went cannot be written down", call=told.record.id)

    def _write_one(self, told: Told, found: Found, past: float) -> None:
        """
        Write down one call.

        @param past: the time of day at which the clock of the server was at zero.
        """
        traced = TracedCall.of(told.record, told.story, found, self._version, past)
        if traced.messages:
            data = zlib.compress(traced.model_dump_json().encode(), QUICKLY)
            self._journal.trace(TraceRow(told.record.id, told.record.started, data))

    def tidy(self) -> None:
        """Remove what is too old, and what is too much."""
        runner, table = self._server.runner, self._server.settings.calls
        self._tidied = runner.now()
        dropped = self._journal.store.drop_traces(runner.wall() - table.traces_days * DAY, table.traces_bytes)
        dropped.addErrback(self._stay)

    def _stay(self, failure: Failure) -> None:
        """They cannot be removed now; the next look comes."""
        failure.trap(StoreError)
        self.log.warn("old traces stay: {why}", why=failure.getErrorMessage())

    async def find(self, call: str) -> list[TracedCall]:
        """
        How a call went, by its id; or how two went whose ids begin so, if it is not clear which one is meant.

        @raise StoreError: if the store cannot say.
        """
        if not call:
            return []
        await self._journal.flush()
        found = []
        for row in await self._journal.store.find_traces(call):
            try:
                text = zlib.decompressobj().decompress(row.data, LARGEST)
                found.append(TracedCall.model_validate_json(text))
            except (zlib.error, ValidationError):
                self.log.warn("the trace of {call} cannot be read: another version wrote it", call=row.call)
        return found
