"""Announcements: who is refused is told why, before the answer; codes are confirmed in words."""

from __future__ import annotations

from typing import Any, ClassVar

from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.voices import SECONDS
from b2bua_plugins._sounds import SOUNDS
from b2bua_plugins.announcements import WHY, WORDS, Announcements
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.do_not_disturb import DoNotDisturb
from b2bua_plugins.office_hours import OfficeHours
from b2bua_plugins.ring_group import RingGroup


class AnnouncementCase(LadderTestCase):
    """Alice calls."""

    settings: ClassVar[dict[str, Any]] = {"announcements": {}}

    def make_world(self) -> World:
        """An office that is closed, a group, codes."""
        office = {"numbers": ["heidi"], "zone": "UTC", "open": [], "mode": "closed"}
        settings = {"office_hours": {"shop": office}, "ring_groups": {"600": {"members": ["bob", "carol"]}}}
        features = [Announcements, BlindTransfer, DoNotDisturb, OfficeHours, RingGroup]
        return World(features=features, settings={**settings, **self.settings})

    def setUp(self) -> None:
        """She has a phone, and Bob has one that is busy."""
        super().setUp()
        self.world.voices.delay = 0.005
        self.alice, self.bob = self.world.phones("alice", "bob", manners=Manners())
        self.bob.manners.refuses = 486

    def over(self) -> None:
        """Nothing is left."""
        self.world.run(30)
        self.assertEqual(self.world.voices.open_voices, set())
        self.quiet()


class RefusalTests(AnnouncementCase):
    """Calls that are refused."""

    def refused(self, number: str, sound: str, status: int) -> None:
        """Alice hears a sound in a 183, then the status; the record has it too."""
        self.alice.dial(number)
        self.world.run(1)
        session = self.alice.session
        self.assertEqual((session.codes[-1], self.world.hears_early(self.alice)), (183, sound))
        self.world.run(SECONDS)
        self.assertEqual(session.codes[-1], status)
        assert self.world.served is not None
        record = self.world.served.records[-1]
        self.assertEqual((record.status, record.answered), (status, None))

    def test_unknown(self) -> None:
        """A number that nobody has."""
        self.refused("4711", "unknown", 404)
        self.over()

    def test_closed(self) -> None:
        """Office hours × announcements: who calls a closed office hears so."""
        self.refused("heidi", "closed", 480)
        self.over()

    def test_nobody_there(self) -> None:
        """An extension without a phone."""
        self.refused("carol", "nobody", 480)
        self.over()

    def test_busy(self) -> None:
        """A busy tone says enough, unless the table wants more; a member of a group says nothing."""
        self.alice.dial("bob")
        self.world.run(1)
        self.assertEqual(self.alice.session.codes[-1], 486)
        self.alice.dial("600")
        self.world.run(1)
        self.assertEqual(self.world.voices.played, [])
        self.over()

    def test_gives_up(self) -> None:
        """A caller who hangs up has heard enough."""
        self.alice.dial("4711")
        self.world.run(1)
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual(self.alice.session.codes[-1], 487)
        self.over()

    def test_gives_up_at_once(self) -> None:
        """A caller who hangs up before there is a voice leaves nothing behind."""
        for moment in (0.031, 0.033, 0.036, 0.041):
            self.alice.dial("4711")
            self.world.run(moment)
            self.alice.hang_up()
            self.world.run(2)
            self.assertEqual(self.world.voices.open_voices, set())
        self.over()

    def test_without_an_offer(self) -> None:
        """A caller without an offer cannot hear anything before an answer."""
        self.alice.dial("4711", offer=False)
        self.world.run(1)
        self.assertEqual(self.alice.session.codes[-1], 404)
        self.over()

    def test_no_voice(self) -> None:
        """Without a voice it is refused at once."""
        self.world.voices.broken = True
        self.alice.dial("4711")
        self.world.run(1)
        self.assertEqual(self.alice.session.codes[-1], 404)
        self.over()

    def test_reliable(self) -> None:
        """A caller who wants reliable responses acknowledges the 183 (RFC 3262)."""
        self.alice.manners.hundred_rel = "required"
        self.refused("4711", "unknown", 404)
        self.over()

    def test_transfer(self) -> None:
        """A transfer to a number that is not there fails as ever, and the two talk again."""
        self.bob.manners.refuses = None
        self.bob.manners.answers_after = 0.5
        self.alice.dial("bob")
        self.world.run(2)
        self.bob.session.transfer("4711")
        self.world.run(2)
        self.assertTalking(("alice", "bob"))
        self.alice.hang_up()
        self.over()


class AnsweredTests(AnnouncementCase):
    """Announcements after an answer."""

    settings: ClassVar[dict[str, Any]] = {
        "announcements": {"answer": True, "language": "de", "calls": ["busy"]}
    }

    def test_answered(self) -> None:
        """The call is answered, told, and ended."""
        self.alice.dial("bob")
        self.world.run(1)
        self.assertEqual(self.alice.session.codes[-1], 200)
        self.assertEqual(self.world.hears(self.alice), "busy")
        self.world.run(SECONDS + 1)
        self.assertEqual(self.alice.live, [])
        self.over()


class CodeTests(AnnouncementCase):
    """Feature codes."""

    def test_code(self) -> None:
        """Do not disturb × announcements: what the code has done is shown and said."""
        self.alice.dial("*78")
        self.world.run(2.5 * SECONDS)
        self.assertEqual(self.world.voices.played, ["do_not_disturb", "on"])
        self.world.run(2)
        self.assertEqual(self.alice.live, [])
        self.over()

    def test_no_voice(self) -> None:
        """Without a voice the text is shown for its time."""
        self.world.voices.broken = True
        self.alice.dial("*78")
        self.world.run(2)
        self.assertEqual(self.alice.session.state, "up")
        self.world.run(2)
        self.assertEqual(self.alice.live, [])
        self.over()

    def test_transferred_to_a_code(self) -> None:
        """Nobody hears a code who was transferred to it and may not use it; the transfer is refused."""
        self.bob.manners.refuses = None
        self.bob.manners.answers_after = 0.5
        self.alice.dial("bob")
        self.world.run(2)
        self.bob.session.transfer("*78")
        self.world.run(10)
        self.assertTalking(("alice", "bob"))
        self.alice.hang_up()
        self.over()

    def test_sounds(self) -> None:
        """Both languages have a sound for everything that can be said."""
        for language in ("en", "de"):
            for name in {*WHY.values(), *WORDS.values(), "closed", "done", *"0123456789"}:
                self.assertTrue((SOUNDS / language / f"{name}.wav").is_file(), f"{language}/{name}")
