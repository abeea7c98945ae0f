"""The phones of the power cut, and the house that they belong to."""

from __future__ import annotations

import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.settings import read
from b2bua.wire.message import Request
from b2bua.wire.parser import parse
from bench.start import FIRST, configure
from bench.storm import T1, Found, Phone, text


class StormTests(SynchronousTestCase):
    """C{python -m bench.storm}."""

    def test_register(self) -> None:
        """A phone that asks anew keeps its Call-ID and counts on, in a new transaction (RFC 3261 10.2)."""
        phone = Phone(7, "127.1.0.8", None, wait=4.0)
        phone.ask(5060)
        first = parse(phone.data)
        phone.ask(5060)
        second = parse(phone.data)
        assert isinstance(first, Request) and isinstance(second, Request)
        self.assertEqual((first.cseq.number, second.cseq.number, first.call_id), (1, 2, second.call_id))
        self.assertNotEqual(first.get("Via"), second.get("Via"))
        self.assertEqual(phone.wait, T1)

    def test_house(self) -> None:
        """Each phone's extension is in the configuration, with its password."""
        directory = Path(self.mktemp())
        directory.mkdir()
        configure(directory, 5060, 3)
        settings = read(tomllib.loads((directory / "b2bua.toml").read_text()))
        self.assertEqual(settings.extensions[str(FIRST + 2)].password, "secret-2")

    def test_figures(self) -> None:
        """A storm that nobody came through has its line, too."""
        lines = text([Found(3, 5.0)], {}).splitlines()
        self.assertEqual(lines[2], "| 3 | 5 s | 0 | 0.0 s |  | 0 | 0 | 0.0 s |")
