"""The table of the relays that run beside us."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.settings import SettingsError, load

HEAD = 'server.domain = "pbx.example.com"\n[media.rtpengine]\n'


class RtpengineTests(SynchronousTestCase):
    """C{[media.rtpengine]}."""

    def read(self, text: str) -> Any:
        """What the table says, if it is good."""
        path = Path(self.mktemp())
        path.write_text(HEAD + text)
        return load(path).media.rtpengine

    def wrong(self, text: str) -> list[str]:
        """What is wrong with it, line by line."""
        return [
            line.partition(": ")[2]
            for line in str(self.assertRaises(SettingsError, self.read, text)).split("\n")
        ]

    def test_good(self) -> None:
        """Addresses and networks are written in one way, and a directory starts at the file."""
        table = self.read(
            'engines = ["127.0.0.1:2223", "[2001:DB8:0::1]:2223"]\n'
            'interfaces = { "192.168.0.0/16" = "internal", "0.0.0.0/0" = "external" }\n'
            'recordings = "spool"\ndigits = "127.0.0.1:2224"\n'
        )
        self.assertEqual(table.engines, ("127.0.0.1:2223", "[2001:db8::1]:2223"))
        self.assertEqual(dict(table.interfaces), {"192.168.0.0/16": "internal", "0.0.0.0/0": "external"})
        self.assertTrue(Path(table.recordings).is_absolute())

    def test_without(self) -> None:
        """Without the table there is none."""
        path = Path(self.mktemp())
        path.write_text('server.domain = "pbx.example.com"')
        self.assertIsNone(load(path).media.rtpengine)

    def test_bad(self) -> None:
        """Each mistake is one line with its key."""
        for text, key in (
            ("engines = []", "media.rtpengine.engines"),
            ('digits = "127.0.0.1:1"', "media.rtpengine.engines"),
            ('engines = ["rtpengine.example.com:2223"]', "media.rtpengine.engines[0]"),
            ('engines = ["127.0.0.1"]', "media.rtpengine.engines[0]"),
            ('engines = ["127.0.0.1:0"]', "media.rtpengine.engines[0]"),
            ('engines = ["127.0.0.1:99999"]', "media.rtpengine.engines[0]"),
            ('engines = ["::1:2223"]', "media.rtpengine.engines[0]"),
            ('engines = ["127.0.0.1:1", "127.0.0.1:01"]', "media.rtpengine.engines"),
            (
                'engines = ["127.0.0.1:1"]\ninterfaces = { "192.168.1.1/16" = "a" }',
                "media.rtpengine.interfaces",
            ),
            ('engines = ["127.0.0.1:1"]\ninterfaces = { "10.0.0.0/8" = "a b" }', 'interfaces."10.0.0.0/8"'),
            ('engines = ["127.0.0.1:1"]\ndigits = 2224', "media.rtpengine.digits"),
            ('engines = ["127.0.0.1:1"]\nenginse = 1', "media.rtpengine.enginse"),
        ):
            (line,) = self.wrong(text)
            self.assertIn(key, line)
