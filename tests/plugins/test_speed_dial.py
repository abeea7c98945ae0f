"""Short numbers for long ones."""

from __future__ import annotations

from typing import Any

from b2bua.features import Features, FeaturesRefused
from b2bua.testing import LadderTestCase, Manners, World
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.forward import CallForward
from b2bua_plugins.speed_dial import SpeedDial

CARRIER = "198.51.100.7"
SETTINGS: dict[str, Any] = {
    "extensions": {
        "alice": {"may_dial": ["extensions"], "speed_dial": {"numbers": {"1": "carol", "2": "+49301"}}}
    },
    "trunks": {"carrier": {"uri": f"sip:{CARRIER}", "accept_from": [CARRIER]}},
    "routes": [{"match": r"\+\d+", "trunk": "carrier"}],
    "speed_dial": {"numbers": {"801": "+493012345678", "802": "carol"}},
}


class SpeedDialTests(LadderTestCase):
    """Alice may dial extensions only."""

    granted = False

    def make_world(self) -> World:
        """A world with short numbers."""
        table = SETTINGS["speed_dial"] | {"granted": self.granted}
        return World(
            features=[CallForward, SpeedDial, BlindTransfer], settings=SETTINGS | {"speed_dial": table}
        )

    def setUp(self) -> None:
        """Phones, and the far end of the trunk."""
        super().setUp()
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=1)
        )
        self.carrier = self.world.trunk("carrier", Manners(answers_after=1), host=CARRIER)

    def reached(self, by: Any, number: str) -> str:
        """Who answers, or the status."""
        session = by.dial(number)
        self.world.run(3)
        found = [phone.name for phone in (self.carol, self.carrier, self.bob) if phone.talks_to(by)]
        for one in list(by.live):
            one.hang_up()
        self.world.run(3)
        return found[0] if found else str(session.code)

    def test_for_all(self) -> None:
        """A short number is dialled with the permission of who dials it."""
        self.assertEqual([self.reached(self.bob, "801"), self.reached(self.bob, "802")], ["carrier", "carol"])
        self.assertEqual([self.reached(self.alice, "801"), self.reached(self.alice, "802")], ["603", "carol"])
        self.assertEqual(self.reached(self.carrier, "802"), "404")
        self.quiet()

    def test_own(self) -> None:
        """One's own are dialled by code, and set by code."""
        self.assertEqual(
            [self.reached(self.alice, "*751"), self.reached(self.alice, "*752")], ["carol", "603"]
        )
        self.assertEqual([self.reached(self.bob, "*751"), self.reached(self.bob, "*749")], ["404", "200"])
        self.assertEqual(
            [self.reached(self.bob, "*741*carol"), self.reached(self.bob, "*751")], ["200", "carol"]
        )
        self.assertEqual([self.reached(self.bob, "*741"), self.reached(self.bob, "*751")], ["200", "404"])
        self.assertEqual(self.reached(self.bob, "*74"), "484")
        self.quiet()

    def test_transfer(self) -> None:
        """Speed dial × transfer: a transfer to the code takes the short number of who transfers."""
        self.bob.dial("alice")
        self.world.run(3)
        self.alice.live[0].transfer("*751")
        self.world.run(3)
        self.assertTrue(self.bob.talks_to(self.carol))
        self.bob.hang_up()
        self.world.run(3)
        self.quiet()

    def test_forward(self) -> None:
        """Speed dial × forward: a forward to a short number is made with the permission of who forwards."""
        self.alice.dial("*72801")
        self.world.run(6)
        self.assertEqual(self.reached(self.bob, "alice"), "603")
        self.quiet()

    def test_number_of_an_extension(self) -> None:
        """A short number that is an extension is refused at start."""
        document = {"extensions": {"801": {}}, "speed_dial": SETTINGS["speed_dial"]}
        with self.assertRaises(FeaturesRefused) as caught:
            Features.of(SpeedDial, document=document)
        self.assertIn("speed_dial.numbers: 801 is an extension already", str(caught.exception))


class GrantedTests(SpeedDialTests):
    """The operator lets everybody dial those of all."""

    granted = True

    def test_for_all(self) -> None:
        """Who may dial extensions only reaches what the operator has granted."""
        self.assertEqual(self.reached(self.alice, "801"), "carrier")
        self.assertEqual(self.reached(self.alice, "*752"), "603")
        self.quiet()

    def test_forward(self) -> None:
        """Speed dial × forward: what is granted is granted through a forward as well."""
        self.alice.dial("*72801")
        self.world.run(6)
        self.assertEqual(self.reached(self.bob, "alice"), "carrier")
        self.quiet()
