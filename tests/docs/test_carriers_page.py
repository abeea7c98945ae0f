"""The page about carriers: what it shows is good, and does what it says."""

from __future__ import annotations

import tomllib
from typing import Any

from b2bua.settings import read
from b2bua.testing import LadderTestCase, World, by_hand
from b2bua.trunks.trunk import Numbers
from tests.docs.test_pages import ROOT, blocks

PAGE = ROOT / "docs" / "carriers.md"
SERVER = {"server": {"domain": "pbx.example.com"}}


class CarriersTests(LadderTestCase):
    """C{docs/carriers.md}."""

    def trunks(self) -> dict[str, Any]:
        """The tables of the page, one laid over the other."""
        found: dict[str, Any] = {}
        for piece in blocks(PAGE, "toml"):
            for name, table in tomllib.loads(piece)["trunks"].items():
                found.setdefault(name, {}).update(table)
        return found

    def test_pieces(self) -> None:
        """Each piece is good by itself, and so are all together."""
        for piece in blocks(PAGE, "toml"):
            read({**SERVER, **tomllib.loads(piece)})
        read({**SERVER, "trunks": self.trunks()})

    def test_numbers(self) -> None:
        """The rules make the numbers that the page says."""
        settings = read({**SERVER, "trunks": self.trunks()})
        for trunk, came, rings in (
            ("carrier", "+15550100", "101"),
            ("carrier", "+15550123", "123"),
            ("carrier", "pbx7", "101"),
            ("line", "+49301234567", "101"),
            ("line", "0301234567", "101"),
            ("block", "+4930555001", "1001"),
            ("block", "030555001", "1001"),
            ("block", "+49305550", "101"),
            ("cloud", "+15550142", "142"),
        ):
            with self.subTest(trunk=trunk, came=came):
                self.assertEqual(Numbers(settings.trunks[trunk].numbers_in).apply(came), rings)
        self.assertEqual(Numbers(settings.trunks["line"].numbers_out).apply("+493055"), "03055")

    def start(self) -> World:
        """The carrier of the first steps, by its address."""
        trunks = {"carrier": {**self.trunks()["carrier"], "uri": "sip:198.51.100.7", "options_seconds": 0.0}}
        self.world = World(settings={"trunks": trunks, "extensions": {"101": {}}})
        return self.world

    def test_calls_in(self) -> None:
        """A registered carrier rings the account or a number; a number without a rule is named in the log."""
        world = self.start()
        carrier = world.trunk("carrier", by_hand(), host="198.51.100.7")
        world.run_until(lambda: carrier.bound is not None)
        [reception] = self.phones("101")
        for number in ("+15550100", "+1 555 01-00".replace(" ", ""), "pbx7"):
            carrier.sends("INVITE", to=f"sip:{number}@192.0.2.1")
            reception.gets("INVITE")
            reception.answers(486)
            carrier.gets(486)
        for _ in range(2):
            carrier.sends("INVITE", to="sip:5550199@192.0.2.1")
            carrier.gets(404)
        assert world.served is not None
        self.quiet()

    def test_from_elsewhere(self) -> None:
        """A call from an address that is not named is challenged, and the log names the key, once."""
        from twisted.logger import globalLogPublisher

        world = self.start()
        told: list[str] = []

        def observe(event: dict[str, Any]) -> None:
            if "looks like" in (event.get("log_format") or ""):
                told.append(f"{event['trunk']} {event['host']}")

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        other = world.trunk("other", by_hand(), host="192.0.2.99")
        for _ in range(2):
            other.sends("INVITE", to="sip:pbx7@192.0.2.1")
            other.gets(401)
        self.assertEqual(told, ["carrier 192.0.2.99"])
        self.quiet()
