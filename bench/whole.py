"""
A basic call with all that is written about it: log, records, figures, traces, and the store's own work.

What L{bench.call} measures is the way of the fourteen messages; here is the
same with what a running service has beside it, but in one thread, so that it
can be counted and profiled as well::

    python -m bench.call --whole                # microseconds a call, with those of the store's thread
    python -m bench.call --whole --profile 40
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.logger import Logger, LogPublisher

from b2bua import logs
from b2bua.admin.administration import Administration, Means, Orders
from b2bua.extensions import AddedExtensions
from b2bua.service.process import B2BUAService, tell_end
from b2bua.settings import Log
from b2bua.store.sql import SqlStore
from bench.call import Line


class AtOnce(SqlStore):
    """A store whose work is done at once, and not by a thread of its own."""

    spent = 0.0
    """Seconds of it."""

    def open(self) -> Deferred[None]:
        """Connect."""
        return self._do(self._open)

    def _do(self, work: Callable[..., Any], *values: Any) -> Deferred[Any]:
        begun = time.process_time()
        done = execute(work, *values)
        self.spent += time.process_time() - begun
        return done


class WholeLine(Line):
    """A server between a caller and a callee that has all that a service has, but for sockets and threads."""

    def __init__(
        self, *, rate: float = 1000.0, bindings: int = 1, plugins: str = "default", trunks: bool = False
    ) -> None:
        """Set it up, with a database and a log in a directory of their own."""
        self._place = tempfile.TemporaryDirectory()
        place = Path(self._place.name)
        self.kept = AtOnce(f"sqlite:///{place / 'whole.db'}", None)
        self.kept.open()
        super().__init__(rate=rate, bindings=bindings, plugins=plugins, store=self.kept, trunks=trunks)
        self.lines = place / "log"
        """What is logged."""
        self._file = self.lines.open("w")
        observer = logs.observe(self._file, Log(), self.clock.callLater)
        self._log = Logger(B2BUAService.log.namespace, observer=LogPublisher(observer))
        assert self.server.persistence is not None
        journal = self.server.persistence.journal
        self.administration = Administration(
            self.server,
            journal,
            AddedExtensions(journal),
            Orders(self._features, self._never, self._never, self._never, self._never),
            Means(self._never, self._never, self._never, self._never),
        )

    def _ended(self, record: Any) -> None:
        super()._ended(record)
        tell_end(self._log, record)

    def close(self) -> None:
        """Write what waits, and leave nothing."""
        self.clock.run(logs.MOMENT)
        self.administration.finish()
        assert self.server.persistence is not None
        self.server.persistence.journal.flush()
        self.kept._close()
        self._file.close()
        self._place.cleanup()

    def _features(self) -> Any:
        return self.server.core.calls.features

    def _never(self, *values: Any) -> Any:
        """Nobody asks for it."""
        raise AssertionError

    def basic(self, count: int) -> float:
        """Make so many whole calls; give microseconds a call, with those of the store's work."""
        self.kept.spent = 0.0
        return super().basic(count)
