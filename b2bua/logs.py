"""
What is written about the work of the service: one event, one line.

C{text} is for people and for the journal, which brings time and priority
itself; C{json} is for programs.  A traceback is the only thing of several
lines, each of them indented.  What a peer sends cannot begin a line.

What every call says waits for L{MOMENT}, and is formatted and written with what
others say in it (L{in_a_moment}).  All else is written at once, after what
waits.  So the lines are in their order, and C{kill -9} costs the ends of the
calls of the last moment; whatever end runs Python's own costs none.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from threading import RLock
from typing import IO, TYPE_CHECKING, Any, cast

from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, formatEvent, formatTime
from twisted.python.logfile import LogFile
from zope.interface import implementer

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorFromThreads
    from twisted.python.failure import Failure

    from b2bua.settings import Log

# What syslog(3) calls them; the journal reads it from the front of a line.
_PRIORITY = {
    LogLevel.debug: 7,
    LogLevel.info: 6,
    LogLevel.warn: 4,
    LogLevel.error: 3,
    LogLevel.critical: 2,
}
_INFO = LogLevel.info  # to look it up is a function of its own
_CONTROL = re.compile("[\x00-\x1f\x7f\u0085\u2028\u2029]")
_PLAIN = (str, int, float, bool, type(None))


MOMENT = 0.05
"""Seconds that what every call says may wait for others that say so too."""
_WAITS = "log_waits"
"""The key of an event that may wait: its format calls no functions, and its values stay as they are."""


def in_a_moment(log: Logger, text: str, **event: Any) -> None:
    """
    Log what is said so often that it costs: C{text}, at level info, written in L{MOMENT}.

    @param text: a format as for C{str.format}.
    @param event: the values in it, which are plain and stay as they are.
    """
    event["log_logger"], event["log_source"] = log, log.source
    event["log_namespace"], event["log_level"] = log.namespace, _INFO
    event["log_format"], event["log_time"], event[_WAITS] = text, time.time(), True
    log.observer(event)


def observe(
    file: IO[str], log: Log, later: Callable[[float, Callable[[], None]], object] | None = None
) -> ILogObserver:
    """
    Write to C{file} what is worth it.

    @param later: calls back after so many seconds; without it nothing waits.
    """
    journal = file is sys.stdout and "JOURNAL_STREAM" in os.environ
    shape = as_json if log.format == "json" else as_journal if journal else as_text
    writer = Writer(file, shape, LogLevel.levelWithName(log.level), later)
    if later is not None:
        atexit.register(writer.write)
    return writer


@implementer(ILogObserver)
class Writer:
    """Writes events to a file, in their order."""

    def __init__(
        self,
        file: IO[str],
        shape: Callable[[LogEvent], str],
        least: Any,
        later: Callable[[float, Callable[[], None]], object] | None,
    ) -> None:
        """
        Have nothing to write.

        @param shape: what becomes of an event.
        @param least: the level of what is worth a line.
        """
        self._file = file
        self._shape = shape
        self._levels = frozenset(level for level in _PRIORITY if not level < least)
        self._later = later
        self._waiting: deque[LogEvent] = deque()
        self._woken = False
        """Is there a time at which what waits will be written?"""
        self._writing = RLock()
        """Other threads log as well."""

    def __call__(self, event: LogEvent) -> None:
        """Take an event, from whatever thread; one that waits comes from the reactor's."""
        if event.get("log_level") not in self._levels or not event.get("log_namespace"):
            return
        self._waiting.append(event)
        if self._later is None or _WAITS not in event:
            self.write()
        elif not self._woken:
            self._woken = True
            self._later(MOMENT, self._wake)

    def _wake(self) -> None:
        """A moment has passed."""
        self._woken = False
        self.write()

    def write(self) -> None:
        """Write what waits."""
        with self._writing:
            waiting = self._waiting
            lines: list[str] = []
            try:
                while waiting:
                    lines.append(self._shape(waiting.popleft()))
            finally:
                if lines:
                    self._put("".join(lines))

    def _put(self, text: str) -> None:
        """Write lines; a file that cannot take a character gets its number, and all others as they are."""
        try:
            self._file.write(text)
        except UnicodeError:
            encoding = getattr(self._file, "encoding", None) or "utf-8"
            self._file.write(text.encode(encoding, "backslashreplace").decode(encoding))
        self._file.flush()


def destination(options: Mapping[str, Any]) -> IO[str]:
    """
    Where twistd would write as well: standard output in the foreground, else a file.

    @param options: those of twistd; C{--logfile} names the file.
    """
    name = options.get("logfile") or ("-" if options.get("nodaemon") else "twistd.log")
    if name == "-":
        if not options.get("nodaemon"):
            raise SystemExit("A daemon has no standard output to log to; give --logfile or --nodaemon")
        return sys.stdout
    file = LogFile.fromFullPath(name, rotateLength=None, defaultMode=0o640)

    def reopen(*_: object) -> None:
        from twisted.internet import reactor

        cast("IReactorFromThreads", reactor).callFromThread(file.reopen)

    # Whoever has moved the file away says so, as logrotate does.
    signal.signal(signal.SIGUSR1, reopen)
    return cast("IO[str]", file)


def as_text(event: LogEvent) -> str:
    """Time, level, who speaks, and what it says."""
    at = event.get("log_time")
    second = None if at is None else int(at)
    return _front(second, event.get("log_level", _INFO), str(event.get("log_namespace", "-"))) + _line(event)


@lru_cache(64)
def _front(second: int | None, level: Any, namespace: str) -> str:
    """What many lines begin with."""
    return f"{_second(second)} {level.name:<8} [{_speaker(namespace)}] "


def as_journal(event: LogEvent) -> str:
    """Priority for the journal, which knows the time, and the same."""
    level, speaker = event.get("log_level", _INFO), _speaker(str(event.get("log_namespace", "-")))
    return f"<{_PRIORITY[level]}>[{speaker}] {_line(event)}"


def as_json(event: LogEvent) -> str:
    """One object a line, with the values that went into the text."""
    at, failure = event.get("log_time"), event.get("log_failure")
    shown: dict[str, Any] = {
        "time": _second(None if at is None else int(at)),
        "level": event.get("log_level", _INFO).name,
        "system": event.get("log_namespace", "-"),
        "message": _message(event),
    }
    if failure is not None:
        shown["traceback"] = failure.getTraceback()
    for key, value in event.items():
        if not key.startswith("log_") and key not in shown and isinstance(value, _PLAIN):
            shown[key] = value
    return json.dumps(shown) + "\n"


@lru_cache(2)
def _second(at: int | None) -> str:
    """When it was, to the second."""
    return "-" if at is None else formatTime(at)


def _message(event: LogEvent) -> str:
    """What it says."""
    if _WAITS in event:
        text: str = event["log_format"].format_map(event)
        return text
    return formatEvent(event)


@lru_cache(256)
def _speaker(namespace: str) -> str:
    """
    Which part speaks, as people know it.

    Ours by the module, a plugin by its name, Twisted as a whole: its classes
    mean nothing to who reads a log.
    """
    room, _, rest = namespace.partition(".")
    if room in ("twisted", "log_legacy"):
        return "twisted"
    # The class says no more than its module.
    names = [name for name in rest.split(".") if not name[:1].isupper()]
    if room == "b2bua_plugins":
        return f"plugin {'.'.join(names)}".strip()
    return ".".join(names) or room if room == "b2bua" else ".".join([room, *names])


def _line(event: LogEvent) -> str:
    """What it says, in one line, and an indented traceback if there is one."""
    text = _message(event)
    if not text.isprintable():
        text = _CONTROL.sub(_escaped, text)
    line = text + "\n"
    failure: Failure | None = event.get("log_failure")
    if failure is not None:
        rows = failure.getTraceback().rstrip().splitlines()
        line += "".join(f"    {_CONTROL.sub(_escaped, row)}\n" for row in rows)
    return line


def _escaped(found: re.Match[str]) -> str:
    return repr(found[0])[1:-1]
