"""
What is written about the work of the service: one event, one line.

C{text} is for people and for the journal, which brings time and priority
itself; C{json} is for programs.  A traceback is the only thing of several
lines, each of them indented.  What a peer sends cannot begin a line.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any, cast

from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
    formatTime,
)
from twisted.python.logfile import LogFile

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
_CONTROL = re.compile("[\x00-\x1f\x7f\u0085\u2028\u2029]")
_PLAIN = (str, int, float, bool, type(None))


def observe(file: IO[str], log: Log) -> ILogObserver:
    """Write to C{file} what is worth it."""
    journal = file is sys.stdout and "JOURNAL_STREAM" in os.environ
    shape = as_json if log.format == "json" else as_journal if journal else as_text
    level = LogLevel.levelWithName(log.level)
    return cast(
        "ILogObserver",
        FilteringLogObserver(FileLogObserver(file, shape), [LogLevelFilterPredicate(defaultLogLevel=level)]),
    )


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
    return f"{formatTime(event.get('log_time'))} {_level(event).name:<8} {_line(event)}"


def as_journal(event: LogEvent) -> str:
    """Priority for the journal, which knows the time."""
    return f"<{_PRIORITY[_level(event)]}>{_line(event)}"


def as_json(event: LogEvent) -> str:
    """One object a line, with the values that went into the text."""
    failure: Failure | None = event.get("log_failure")
    shown: dict[str, Any] = {
        "time": formatTime(event.get("log_time")),
        "level": _level(event).name,
        "system": event.get("log_namespace", "-"),
        "message": formatEvent(event),
    }
    if failure is not None:
        shown["traceback"] = failure.getTraceback()
    for key, value in event.items():
        if not key.startswith("log_") and key not in shown and isinstance(value, _PLAIN):
            shown[key] = value
    return json.dumps(shown) + "\n"


def _level(event: LogEvent) -> Any:
    return event.get("log_level", LogLevel.info)


def _speaker(event: LogEvent) -> str:
    """
    Which part speaks, as people know it.

    Ours by the module, a plugin by its name, Twisted as a whole: its classes
    mean nothing to who reads a log.
    """
    room, _, rest = str(event.get("log_namespace", "-")).partition(".")
    if room in ("twisted", "log_legacy"):
        return "twisted"
    # The class says no more than its module.
    names = [name for name in rest.split(".") if not name[:1].isupper()]
    if room == "b2bua_plugins":
        return f"plugin {'.'.join(names)}".strip()
    return ".".join(names) or room if room == "b2bua" else ".".join([room, *names])


def _line(event: LogEvent) -> str:
    """Who speaks and what it says, in one line, and an indented traceback if there is one."""
    text = _CONTROL.sub(_escaped, formatEvent(event))
    line = f"[{_speaker(event)}] {text}\n"
    failure: Failure | None = event.get("log_failure")
    if failure is not None:
        rows = failure.getTraceback().rstrip().splitlines()
        line += "".join(f"    {_CONTROL.sub(_escaped, row)}\n" for row in rows)
    return line


def _escaped(found: re.Match[str]) -> str:
    return repr(found[0])[1:-1]
