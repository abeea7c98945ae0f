"""The auto attendant: menus, keys, extensions, languages, and what comes of a wrong one."""

from __future__ import annotations

from pathlib import Path
from shutil import copyfile
from typing import Any

from b2bua.features import FeaturesRefused
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.voices import SECONDS
from b2bua_plugins._sounds import sound
from b2bua_plugins.auto_attendant import AutoAttendant
from b2bua_plugins.office_hours import OfficeHours
from b2bua_plugins.ring_group import RingGroup


class MenuTests(LadderTestCase):
    """L{AutoAttendant}."""

    def make_world(self) -> World:
        """A menu with another one below, in two languages; a group; a carrier."""
        place = self.place = Path(self.mktemp()).absolute()
        place.mkdir()
        for name in ("welcome", "hallo", "sales", "night"):
            copyfile(sound("en", "tone"), place / f"{name}.wav")
        (place / "music.mp3").write_bytes(b"ID3")
        self.menus: dict[str, Any] = {
            "500": {
                "prompt": {"en": str(place / "welcome.wav"), "de": str(place / "hallo.wav")},
                "keys": {"1": "600", "2": "501", "3": "+491701234567", "9": "repeat", "0": "hang_up"},
                "languages": {"8": "de"},
                "extensions": True,
                "otherwise": "bob",
            },
            "501": {"prompt": str(place / "sales.wav"), "keys": {"1": "bob", "*": "500"}, "repeats": 0},
            "502": {"prompt": str(place / "night.wav"), "repeats": 0},
        }
        settings: dict[str, Any] = {
            "auto_attendant": self.menus,
            "extensions": {"102": {}, "103": {}},
            "office_hours": {
                "shop": {"numbers": ["550"], "zone": "UTC", "open": [], "mode": "closed", "otherwise": "502"}
            },
            "ring_groups": {"600": {"members": ["bob"]}},
            "trunks": {"carrier": {"uri": "sip:198.51.100.7", "accept_from": ["198.51.100.7"]}},
            "routes": [{"match": r"\+.*", "trunk": "carrier"}],
        }
        return World(features=[AutoAttendant, OfficeHours, RingGroup], settings=settings)

    def setUp(self) -> None:
        """Alice calls; Bob and 102 have phones."""
        super().setUp()
        self.world.voices.delay = 0.005
        self.alice, self.bob, self.other = self.world.phones(
            "alice", "bob", "102", manners=Manners(answers_after=1)
        )
        self.alice.dial("500")
        self.world.run(1)
        self.assertEqual(self.hears(), "welcome")

    def hears(self) -> str:
        """What Alice hears."""
        return self.world.hears(self.alice)

    def press(self, keys: str, then: float = 0.5) -> None:
        """Let her press keys, and some time pass."""
        self.world.voice(self.alice).press(keys)
        self.world.run(then)

    def over(self) -> None:
        """Nothing is left."""
        self.world.run(60)
        for phone in (self.alice, self.bob, self.other):
            for session in list(phone.live):
                session.hang_up()
        self.world.run(1)
        self.assertEqual(self.world.voices.open_voices, set())
        self.quiet()

    def test_key(self) -> None:
        """Auto attendant × ring group: a key rings a group; the caller hears ringing until it answers."""
        self.press("1")
        self.assertEqual(self.hears(), "")
        self.world.run(2)
        self.assertEqual(self.hears(), "ringing")
        self.world.run(2)
        self.assertTalking(("alice", "bob"))
        self.over()

    def test_menus(self) -> None:
        """A key leads to another menu, and another one back."""
        self.press("2")
        self.assertEqual(self.hears(), "sales")
        self.press("*")
        self.assertEqual(self.hears(), "welcome")
        self.over()

    def test_language(self) -> None:
        """A key changes the language, also of what is said when somebody is busy."""
        self.bob.manners.refuses = 486
        self.press("8")
        self.assertEqual(self.hears(), "hallo")
        self.press("1", 2.5)
        self.assertEqual(self.hears(), "busy")
        self.world.run(SECONDS)
        self.assertEqual(self.hears(), "hallo")
        self.over()

    def test_extension(self) -> None:
        """An extension may be dialled, though its first key is one of the menu."""
        self.press("102", 3)
        self.assertTalking(("alice", "102"))
        self.over()

    def test_wrong(self) -> None:
        """Nonsense is said so, and the menu once more; then otherwise is rung."""
        self.press("7")
        self.assertEqual(self.hears(), "wrong")
        self.world.run(SECONDS)
        self.assertEqual(self.hears(), "welcome")
        self.world.run(3 * (SECONDS + 5) + 1)
        self.assertTalking(("alice", "bob"))
        self.over()

    def test_unknown_extension(self) -> None:
        """What is no extension cannot be dialled: no number of a carrier either (toll fraud)."""
        self.press("4917", 3)
        self.assertEqual(self.hears(), "wrong")
        self.over()

    def test_hang_up(self) -> None:
        """A key may end the call, with a word."""
        self.press("0")
        self.assertEqual(self.hears(), "goodbye")
        self.world.run(SECONDS)
        self.assertEqual(self.alice.live, [])
        self.over()

    def test_carrier(self) -> None:
        """A number outside that the table names may be reached by whoever calls."""
        carrier = self.world.trunk("carrier", host="198.51.100.7", number="+4930123456")
        carrier.manners.answers_after = 1
        self.press("3", 3)
        self.assertTalking(("alice", "carrier"))
        self.over()

    def test_leaves_while_it_rings(self) -> None:
        """A caller who hangs up while it rings stops the ringing."""
        self.press("1", 2.5)
        self.assertEqual(len(self.bob.live), 1)
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual(self.bob.live, [])
        self.over()

    def test_holds_while_it_rings(self) -> None:
        """A caller who holds while it rings is answered, and talks all the same later."""
        self.press("1", 2.5)
        self.alice.session.hold()
        self.world.run(0.2)
        self.alice.session.resume()
        self.world.run(3)
        self.assertTalking(("alice", "bob"))
        self.over()

    def test_closed(self) -> None:
        """Office hours × auto attendant: a closed office has a menu of its own."""
        self.alice.hang_up()
        self.world.run(1)
        self.alice.dial("550")
        self.world.run(1)
        self.assertEqual(self.hears(), "night")
        self.over()

    def test_nonsense(self) -> None:
        """What can be wrong in a table is said in one line."""
        for change, line in (
            ({"prompt": "/nowhere.wav"}, "prompt: there is no file /nowhere.wav"),
            ({"prompt": str(self.place / "music.mp3")}, "is no WAV file of plain samples; convert it to one"),
            ({"languages": {"1": "de"}}, "the key 1 is among keys and languages"),
            ({"languages": {"8": "fr"}}, "there is no prompt in fr"),
        ):
            settings = {"auto_attendant": {"500": self.menus["500"] | change}}
            error = self.assertRaises(FeaturesRefused, World, features=[AutoAttendant], settings=settings)
            self.assertIn(line, str(error))
        settings = {"auto_attendant": {"alice": self.menus["501"]}}
        error = self.assertRaises(FeaturesRefused, World, features=[AutoAttendant], settings=settings)
        self.assertIn("auto_attendant.alice: alice is an extension already", str(error))
        self.alice.hang_up()
        self.over()
