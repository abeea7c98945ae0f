"""Tests of L{b2bua.logs}: one event, one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO, StringIO, TextIOWrapper
from threading import Thread
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import Logger, LogLevel, formatTime
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from b2bua import logs
from b2bua.logs import MOMENT, as_journal, destination, in_a_moment, observe
from b2bua.settings import Log


class LogTests(SynchronousTestCase):
    """What becomes of events."""

    def written(self, log: Log, *events: tuple[str, str, dict[str, Any]]) -> str:
        """What is written of some events: level, format, values."""
        file = StringIO()
        logger = Logger(namespace="b2bua.core", observer=observe(file, log))
        for level, text, values in events:
            getattr(logger, level)(text, **values)
        return file.getvalue()

    def test_text(self) -> None:
        """Time, level, who speaks, and what it says."""
        line = self.written(Log(), ("warn", "{phone} is slow", {"phone": "101"}))
        self.assertRegex(line, r"^\d{4}-\d\d-\d\dT[0-9:]{8}\S* warn     \[core\] 101 is slow\n$")

    def test_level(self) -> None:
        """What is less than the level is not written."""
        events = [(level, level, {}) for level in ("debug", "info", "warn", "error")]
        self.assertEqual(len(self.written(Log(), *events).splitlines()), 3)
        self.assertEqual(len(self.written(Log(level="error"), *events).splitlines()), 1)
        self.assertEqual(len(self.written(Log(level="debug"), *events).splitlines()), 4)

    def test_one_line(self) -> None:
        """What a peer sends cannot begin a line, nor move a cursor."""
        for text in ("a\r\nb", "a\nb", "a\x1b[2Jb", "a\x00b", "a\u2028b", "a\x85b"):
            with self.subTest(repr(text)):
                line = self.written(Log(), ("info", "{text}", {"text": text}))
                self.assertEqual(len(line.splitlines()), 1, line)
                self.assertTrue(line.rstrip("\n").isprintable(), repr(line))

    def test_traceback(self) -> None:
        """A traceback follows its line, indented."""
        try:
            raise ValueError("two\nlines")
        except ValueError:
            failure = Failure()
        first, *rest = self.written(Log(), ("failure", "broke", {"failure": failure})).splitlines()
        self.assertTrue(first.endswith("broke"), first)
        self.assertIn("    builtins.ValueError: two", rest)
        self.assertTrue(all(line.startswith("    ") for line in rest), rest)

    def test_journal(self) -> None:
        """The journal gets the priority and knows the time itself."""
        event = {"log_format": "hello", "log_namespace": "b2bua.core", "log_time": 0.0}
        self.assertEqual(as_journal(event), "<6>[core] hello\n")

    def test_who_speaks(self) -> None:
        """A part of ours by its module, a plugin by its name, and no class of Twisted's by its."""
        for namespace, name in (
            ("b2bua.authentication.authenticator.Authenticator", "authentication.authenticator"),
            ("b2bua.service.process.B2BUAService", "service.process"),
            ("b2bua_plugins.forward.CallForward", "plugin forward"),
            ("b2bua_night.Night", "b2bua_night"),
            ("twisted.scripts._twistd_unix.UnixAppLogger", "twisted"),
            ("log_legacy", "twisted"),
        ):
            self.assertEqual(as_journal({"log_format": "", "log_namespace": namespace}), f"<6>[{name}] \n")

    def test_json(self) -> None:
        """One object a line, with the values that went into the text."""
        log = Log(format="json")
        line = self.written(log, ("info", "{call} of {who}", {"call": "a\nb", "who": object, "n": 5}))
        shown = json.loads(line)
        self.assertEqual(shown["level"], "info")
        self.assertEqual(shown["system"], "b2bua.core")
        self.assertEqual(shown["message"], "a\nb of <class 'object'>")
        self.assertEqual((shown["call"], shown["n"]), ("a\nb", 5))
        self.assertNotIn("who", shown)
        self.assertEqual(len(line.splitlines()), 1)

    def test_broken_event(self) -> None:
        """An event that cannot be formatted is a line too."""
        for form in ("text", "json"):
            line = self.written(Log.model_validate({"format": form}), ("info", "{missing}", {}))
            self.assertIn("missing", line)

    def test_destination(self) -> None:
        """A daemon does not log to where nobody is."""
        options = {"logfile": "-", "nodaemon": False}
        self.assertIn("--logfile", str(self.assertRaises(SystemExit, destination, options)))


class Full(StringIO):
    """A file that counts how often it is written."""

    writes = 0

    def write(self, text: str) -> int:
        """Count."""
        self.writes += 1
        return super().write(text)


class WaitingTests(SynchronousTestCase):
    """What every call says waits a moment; nothing is lost, nor out of its order."""

    def setUp(self) -> None:
        """A log."""
        self.clock, self.file = Clock(), Full()
        # What ends with the process is ended here.
        self.at_exit: list[Callable[[], None]] = []
        self.patch(logs.atexit, "register", self.at_exit.append)

    def begin(self, log: Log | None = None) -> Logger:
        """Log from now on."""
        return Logger("b2bua.calls", observer=observe(self.file, log or Log(), self.clock.callLater))

    def lines(self) -> list[str]:
        """What each line says."""
        return [line.partition("] ")[2] for line in self.file.getvalue().splitlines()]

    def test_moment(self) -> None:
        """What is said in a moment is written at its end, at once."""
        log = self.begin()
        for moment in range(2):
            for number in range(3):
                in_a_moment(log, "call {id}", id=f"{moment}{number}")
            self.assertEqual(len(self.lines()), 3 * moment)
            self.clock.advance(MOMENT)
            self.assertEqual(self.file.writes, moment + 1)
        self.assertEqual(self.lines(), [f"call {n}" for n in ("00", "01", "02", "10", "11", "12")])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_order(self) -> None:
        """All else is written at once, and what waits before it; each has the time at which it was said."""
        log = self.begin()
        self.patch(logs.time, "time", lambda: 5.0)
        in_a_moment(log, "call {id}", id=1)
        log.emit(LogLevel.info, "ready")
        in_a_moment(log, "call {id}", id=2)
        self.assertEqual(self.lines(), ["call 1", "ready"])
        self.clock.advance(MOMENT)
        self.assertEqual(self.lines(), ["call 1", "ready", "call 2"])
        self.assertTrue(self.file.getvalue().startswith(formatTime(5.0)))

    def test_end(self) -> None:
        """The end of the process, also by an exception, comes after what waits."""
        in_a_moment(self.begin(), "call {id}", id=1)
        for write in self.at_exit:
            write()
        self.assertEqual(self.lines(), ["call 1"])
        self.file.close()
        for write in self.at_exit:
            write()  # there is nothing, so the file is not asked

    def test_same(self) -> None:
        """In all shapes it is what would be written at once."""
        values = {"who": "a\r\n\x1b[2Jb", "state": "caf\u00e9 \u2028 {x} ()", "n": 5, "no": None}
        for form in ("text", "json"):
            log = self.begin(Log.model_validate({"format": form}))
            self.patch(logs.time, "time", lambda: 5.0)
            in_a_moment(log, "call of {who}: {state} ({n})", **values)
            self.clock.advance(MOMENT)
            waited, self.file = self.file.getvalue(), Full()
            event = {"log_format": "call of {who}: {state} ({n})", "log_namespace": "b2bua.calls", **values}
            observe(self.file, Log.model_validate({"format": form}))(
                {"log_time": 5.0, "log_level": LogLevel.info, **event}
            )
            self.assertEqual(waited, self.file.getvalue())
            self.assertEqual(len(waited.splitlines()), 1)
            self.file = Full()

    def test_level(self) -> None:
        """What is not worth a line does not wait for one."""
        in_a_moment(self.begin(Log(level="warn")), "call {id}", id=1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(MOMENT)
        self.assertEqual(self.lines(), [])

    def test_broken_shape(self) -> None:
        """An event that breaks what formats it takes none of those along that wait."""
        log = self.begin()
        in_a_moment(log, "call {id}", id=1)
        event: dict[str, Any] = {"log_level": LogLevel.error, "log_namespace": "b2bua", "log_failure": 5}
        self.assertRaises(AttributeError, log.observer, {**event, "log_format": "broke"})
        self.assertEqual(self.lines(), ["call 1"])

    def test_narrow_file(self) -> None:
        """What a file has no character for is written with its number, and the line is not lost."""
        raw = BytesIO()
        file = TextIOWrapper(raw, "ascii")
        log = Logger("b2bua.calls", observer=observe(file, Log(), self.clock.callLater))
        in_a_moment(log, "call {id}", id="caf\u00e9")
        in_a_moment(log, "call {id}", id="2")
        self.clock.advance(MOMENT)
        self.assertEqual([line[-6:] for line in raw.getvalue().splitlines()], [b"af\\xe9", b"call 2"])

    def test_one_bad_character(self) -> None:
        """Of several lines only the character is written with its number that the file has none for."""
        for encoding, bad, written in (("utf-8", "\udce9", b"\\udce9"), ("latin-1", "\u20ac", b"\\u20ac")):
            with self.subTest(encoding=encoding):
                raw = BytesIO()
                file = TextIOWrapper(raw, encoding)
                log = Logger("b2bua.calls", observer=observe(file, Log(), self.clock.callLater))
                in_a_moment(log, "call {id}", id="caf\u00e9")
                in_a_moment(log, "call {id}", id=bad)
                self.clock.advance(MOMENT)
                ends = [line.rpartition(b" ")[2] for line in raw.getvalue().splitlines()]
                self.assertEqual(ends, ["caf\u00e9".encode(encoding), written])

    def test_threads(self) -> None:
        """However many threads log, each line is there once, and whole."""
        log = self.begin()

        def say(name: str) -> None:
            for number in range(300):
                log.emit(LogLevel.info, "{name} {number}", name=name, number=number)

        threads = [Thread(target=say, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for number in range(300):
            in_a_moment(log, "call {id}", id=number)
        for thread in threads:
            thread.join()
        self.clock.advance(MOMENT)
        for name in (*"abc", "call"):
            self.assertEqual(
                [line for line in self.lines() if line.startswith(f"{name} ")],
                [f"{name} {number}" for number in range(300)],
            )
