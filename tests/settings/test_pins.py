"""Which settings are PINs."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, StringConstraints, ValidationError
from twisted.trial.unittest import SynchronousTestCase

from b2bua.settings.pins import HIDDEN, hidden, is_pin, without_pins
from b2bua.settings.problems import problems_of


class Room(BaseModel):
    """A table with a PIN."""

    pin: Annotated[str, StringConstraints(pattern=r"^([0-9]{4,16})?$")]
    key: Annotated[str, StringConstraints(pattern=r"^[0-9*#]{2,4}$")] = "*1"
    word: Annotated[str, StringConstraints(pattern="^[a-z]+$")] = "a"


class PinTests(SynchronousTestCase):
    """What is shown in their place."""

    def test_which(self) -> None:
        """The last step of a path is C{pin} or ends in C{_pin}."""
        for path in ("pin", "extensions.102.voicemail.pin", "rooms.8000.leader_pin"):
            self.assertTrue(is_pin(path), path)
        for path in ("", "spin", "pin.colour", "extensions.102.voicemail.mail", "pins"):
            self.assertFalse(is_pin(path), path)

    def test_hidden(self) -> None:
        """A PIN is hidden; that there is none, and whether one is asked for, is not."""
        self.assertEqual(hidden("a.pin", "4711"), HIDDEN)
        self.assertEqual(hidden("a.pin", 4711), HIDDEN)
        self.assertEqual(hidden("a.busy", "4711"), "4711")
        self.assertEqual([hidden("a.ask_pin", value) for value in ("", None, True)], ["", None, True])

    def test_wrong(self) -> None:
        """One that is wrong is not shown either, in a log say; what it has to be is said in words."""
        data = {"pin": "471", "key": "a", "word": "A"}
        error = self.assertRaises(ValidationError, Room.model_validate, data)
        self.assertEqual(
            [str(problem) for problem in problems_of(error, data, Room)],
            [
                "pin: must be 4 to 16 digits",
                'key: must be 2 to 4 digits, * and #, not "a"',
                'word: must match ^[a-z]+$, not "A"',
            ],
        )

    def test_everywhere(self) -> None:
        """Below its key, at its path, and beside its path; all else stays."""
        said = [
            {"path": "a.pin", "value": "1", "before": "2", "form": {"type": "string"}},
            {"x": {"pin": "3"}},
        ]
        shown = [
            {"path": "a.pin", "value": HIDDEN, "before": HIDDEN, "form": {"type": "string"}},
            {"x": {"pin": HIDDEN}},
        ]
        self.assertEqual(without_pins(said), shown)
        self.assertEqual(without_pins({"a.b_pin": "4", "a.busy": "5"}), {"a.b_pin": HIDDEN, "a.busy": "5"})
        self.assertEqual(without_pins({"path": 7, "value": "1"}), {"path": 7, "value": "1"})
