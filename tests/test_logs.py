"""Tests of L{b2bua.logs}: one event, one line."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from b2bua.logs import as_journal, destination, observe
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
