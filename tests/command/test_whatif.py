"""C{b2bua whatif} and C{b2bua replay}, as people type them."""

from __future__ import annotations

import json
import os
import struct
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from b2bua.explain import replay
from b2bua.explain.replay import record
from b2bua.explain.traced import TracedCall
from b2bua.testing.replaying import Recording
from tests.command.support import run
from tests.explain.calls import forwarded

OFFICE = """
[server]
domain = "pbx.example.com"
listen = ["sip:127.0.0.1:0"]
[extensions.101]
password = "secret-of-101"
[extensions.102]
password = "secret-of-102"
[extensions.103]
password = "secret-of-103"
"""
SOUND = Path(__file__).resolve().parents[2] / "plugins" / "sounds" / "music" / "music.wav"
PACKET_SIZE = 60_000
HEAD = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
PACKET = struct.pack("<IIII", 0, 0, PACKET_SIZE, PACKET_SIZE)
"""Heads of a capture on Ethernet, and of a packet in it."""


class Terminal(StringIO):
    """Somebody sits before it."""

    def isatty(self) -> bool:
        """It is one."""
        return True


class WhatIfTests(SynchronousTestCase):
    """No service has to run for it."""

    def setUp(self) -> None:
        """A configuration that the environment names."""
        self.file = Path(self.mktemp())
        self.file.write_text(OFFICE)
        environment = patch.dict(os.environ, {"B2BUA_CONFIG": str(self.file)})
        environment.start()
        self.addCleanup(environment.stop)

    def test_told(self) -> None:
        """The configuration is found as by every other command; steps before, meanwhile and then are told."""
        status, out, err = run(
            "whatif", "101", "102", "--answers-after", "3", "--meanwhile", "103 dials pickup 102",
            "--then", "103 transfers to 102",
        )  # fmt: skip
        self.assertEqual((status, err), (0, ""))
        self.assertIn("103 dials pickup 102: 101 talks to 103", out)
        self.assertIn("103 transfers to 102: 101 talks to 102", out)

    def test_relative_paths(self) -> None:
        """A relative path starts at the directory of the configuration, wherever the command is typed."""
        directory = Path(self.mktemp())
        directory.mkdir()
        (directory / "welcome.wav").write_bytes(SOUND.read_bytes())
        file = directory / "b2bua.toml"
        prompts = '[auto_attendant.500]\nprompt = { en = "welcome.wav" }\nkeys = { "1" = "102" }\n'
        file.write_text(f"{OFFICE}{prompts}[media]\n")
        for arguments, line in (
            (["whatif", "--config", str(file), "101", "500"], "answered by the server"),
            (["whatif", "--config", str(file), "--diff", str(self.file)], "[auto_attendant.500]"),
            (["check", "--explain", str(file)], "every table and route decides some call"),
        ):
            status, out, err = run(*arguments)
            self.assertEqual((status, err), (0, ""), arguments)
            self.assertIn(line, out)

    def test_mistakes(self) -> None:
        """One line, with the option and the remedy."""
        for arguments, line in (
            (["--then", "102 sings"], "--then: '102 sings' is not one of"),
            (["--redirects", "102"], "--redirects: '102' is not NAME=NUMBER"),
            (["--answers-after", "nan"], "--answers-after: must be seconds, 600 at most"),
            (["--busy", "9"], "--busy: there is no extension or trunk 9"),
            (["--svg", "/nowhere/call.svg"], "/nowhere/call.svg: No such file or directory"),
        ):
            status, out, err = run("whatif", "101", "102", *arguments)
            self.assertEqual((status, out), (1, ""))
            self.assertIn(line, err)
            self.assertEqual(err.count("\n"), 1)

    def test_live(self) -> None:
        """The running service knows who was added, what users have changed, and who is registered."""
        service = {
            "/extensions": [
                {"extension": "101", "name": "", "added": False},
                {"extension": "104", "name": "Dave", "added": True},
            ],
            "/settings": {"extensions.104.forward.busy": "103"},
            "/registrations": [{"extension": number} for number in ("101", "103", "104")],
        }
        with patch("b2bua.command._asking.ask", lambda _options, _method, path: service[path]):
            status, out, err = run("whatif", "101", "104", "--live", "--busy", "104")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("answered by extension 103", out)

    def test_difference(self) -> None:
        """What another configuration changes is told, and as JSON."""
        other = Path(self.mktemp())
        other.write_text(OFFICE + '[extensions.103.forward]\nalways = "102"\n')
        status, out, _ = run("whatif", "--diff", str(other))
        self.assertEqual((status, "before:" in out), (0, True))
        status, out, _ = run("whatif", "--diff", str(other), "--json")
        found = json.loads(out)
        self.assertEqual((status, {one["dialled"] for one in found}), (0, {"103"}))
        self.assertEqual(set(found[0]), {"caller", "dialled", "via", "at", "behaviours", "before", "after"})

    def test_same(self) -> None:
        """The same configuration changes no call."""
        self.assertEqual(run("whatif", "--diff", str(self.file))[1], "every call would do the same\n")

    def test_replay(self) -> None:
        """A call that was saved is played with the configuration that is found; what differs is told."""
        saved = Path(self.mktemp())
        forwarded().save(saved)
        status, out, err = run("replay", "--open", str(saved))
        self.assertEqual((status, err), (1, ""))
        self.assertIn("was not sent", out)

    def test_replay_elsewhere(self) -> None:
        """A relative path starts at the directory of the configuration; the test has it as it was typed."""
        directory, saved, out_file = Path(self.mktemp()), Path(self.mktemp()), Path(self.mktemp())
        directory.mkdir()
        (directory / "welcome.wav").write_bytes(SOUND.read_bytes())
        file = directory / "b2bua.toml"
        prompts = '[auto_attendant.500]\nprompt = { en = "welcome.wav" }\nkeys = { "1" = "102" }\n'
        file.write_text(f"{OFFICE}{prompts}[media]\n")
        forwarded().save(saved)
        arguments = ("--config", str(file), "--open", str(saved), "--out", str(out_file))
        status, out, err = run("replay", *arguments)
        self.assertEqual((status, err), (1, ""))
        self.assertIn("was not sent", out)
        self.assertIn("'en': 'welcome.wav'", out_file.read_text())

    def test_replay_live(self) -> None:
        """A call of the running service is played with what that was told, which is laid over the files."""
        directory, out_file = Path(self.mktemp()).absolute(), Path(self.mktemp())
        directory.mkdir()
        for name in ("typed.wav", "told.wav", "kept.wav"):
            (directory / name).write_bytes(SOUND.read_bytes())
        table = '[extensions.{}]\npassword = "secret"\nname = "{}"\n'
        names = "".join(table.format(name, name.title()) for name in ("alice", "bob", "carol"))
        prompts = (
            '[auto_attendant.500]\nprompt = { en = "typed.wav", de = "kept.wav" }\nkeys = { "1" = "bob" }\n'
        )
        file = directory / "b2bua.toml"
        file.write_text(OFFICE.partition("[extensions")[0] + names + prompts + "[media]\n")
        told = str(directory / "told.wav")
        service = {
            "/calls/{call}/trace": forwarded().model_dump(mode="json"),
            "/extensions": [
                {"extension": name, "name": "", "added": False} for name in ("alice", "bob", "carol")
            ],
            "/settings": {"extensions.bob.forward.busy": "carol", "auto_attendant.500.prompt.en": told},
        }
        played: list[Any] = []

        def recorded(call: TracedCall, tables: dict[str, Any], *, redact: bool) -> Recording:
            played.append(tables["auto_attendant"]["500"]["prompt"])
            return record(call, tables, redact=redact)

        self.patch(replay, "record", recorded)
        with patch("b2bua.command._asking.ask", lambda _options, _method, path, **_: service[path]):
            arguments = ("replay", "--config", str(file), "--names", "--out", str(out_file), "one")
            status, out, err = run(*arguments)
            self.assertEqual((status, err), (0, ""), out)
            self.assertIn("the server does now what it did then", out)
            typed = {"en": told, "de": "kept.wav"}
            self.assertEqual(played, [typed, {**typed, "de": str(directory / "kept.wav")}])
            del service["/settings"]["extensions.bob.forward.busy"]  # type: ignore[attr-defined]  # a dictionary
            self.assertEqual(run(*arguments)[0], 1)

    def test_beginning_gone(self) -> None:
        """A call that has lost its beginning is refused in one line, and no file is written."""
        saved, out_file = Path(self.mktemp()), Path(self.mktemp())
        call = forwarded()
        end = call.messages[-3:]
        call.model_copy(update={"messages": end, "missing": ("one",)}).save(saved)
        status, out, err = run("replay", "--open", str(saved), "--out", str(out_file))
        self.assertEqual((status, out), (1, ""))
        line = f"the beginning of call {call.record.id} is not kept any more; without it nothing plays"
        self.assertEqual(err, f"b2bua replay: {line}\n")
        self.assertFalse(out_file.exists())

    def test_large_capture(self) -> None:
        """Who sits before a terminal sees how far a large capture is; anybody else sees the outcome only."""
        capture = Path(self.mktemp())
        capture.write_bytes(HEAD + (PACKET + bytes(PACKET_SIZE)) * 100)
        arguments = ("replay", "--pcap", str(capture), "--call-id", "nobody")
        status, out, err = run(*arguments)
        self.assertEqual((status, out), (1, ""))
        self.assertIn("there is no INVITE with the Call-ID nobody", err)
        self.assertNotIn("MiB", err)
        with patch("tests.command.support.StringIO", Terminal):
            err = run(*arguments)[2]
        self.assertIn(f"\r[{'#' * 26:<40}] 4 of 6 MiB", err)
        self.assertIn(f"\r[{'#' * 40}] 6 of 6 MiB\n", err)
