"""Voicemail: messages are left, heard, kept and deleted."""

from __future__ import annotations

from pathlib import Path

from b2bua.testing import LadderTestCase, Manners, Phone, World
from b2bua.testing.voices import SECONDS
from b2bua_plugins.voicemail import SOUNDS, Voicemail


class VoicemailTests(LadderTestCase):
    """L{Voicemail}."""

    def make_world(self) -> World:
        """Bob has a mailbox."""
        self.directory = Path(self.mktemp()).absolute()
        settings = {
            "voicemail": {"directory": str(self.directory), "messages": 2},
            "extensions": {"bob": {"voicemail": {"on": True}}},
        }
        return World(features=[Voicemail], settings=settings)

    def setUp(self) -> None:
        """Alice and Bob have phones."""
        super().setUp()
        self.alice, self.bob = self.world.phones("alice", "bob", manners=Manners(answers_after=None))

    def calling(self, phone: Phone, number: str) -> None:
        """Call, and wait a moment."""
        phone.dial(number)
        self.world.run(1)

    def leave(self, name: str) -> Path:
        """Put a message into Bob's mailbox."""
        path = self.directory / "bob" / "new" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        return path

    def over(self) -> None:
        """Nothing is left."""
        self.world.run(30)
        self.assertEqual(self.world.voices.open_voices, set())
        self.quiet()

    def test_busy(self) -> None:
        """Bob is busy: Alice hears the standard greeting and a tone, speaks, and hangs up."""
        self.bob.manners.refuses = 486
        self.calling(self.alice, "bob")
        self.assertEqual(self.world.hears(self.alice), "not_there")
        self.world.run(2 * SECONDS + 5)
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual(self.world.voices.played, ["not_there", "tone"])
        self.over()

    def test_not_answered(self) -> None:
        """Bob's phone rings for its time, then the mailbox answers; the record says who sent the call on."""
        self.calling(self.alice, "bob")
        self.world.run(180)
        self.assertEqual(self.alice.session.state, "up")
        self.world.run(2 * SECONDS)
        self.world.voice(self.alice).press("#")
        (path,) = self.world.voices.recordings
        self.assertRegex(path, r"/bob/new/[0-9-]+-.+\.wav$")
        self.over()

    def test_own_greeting(self) -> None:
        """An own greeting is spoken by *98, and heard by callers from then on."""
        self.calling(self.bob, "*98")
        self.world.run(2 * SECONDS)
        self.world.voice(self.bob).press("#")
        self.assertEqual(list(self.world.voices.recordings), [str(self.directory / "bob" / "greeting.wav")])
        (self.directory / "bob" / "greeting.wav").write_bytes(b"")
        self.world.run(10)
        self.calling(self.alice, "97bob")
        self.assertEqual(self.world.hears(self.alice), "greeting")
        self.alice.hang_up()
        self.over()

    def test_hear_them(self) -> None:
        """Bob hears his messages: one he repeats and deletes, the other he keeps."""
        first, second = self.leave("1-one"), self.leave("2-two")
        self.calling(self.bob, "97")
        self.world.run(2 * SECONDS)
        for key in "13":
            self.world.voice(self.bob).press(key)
            self.world.run(0.1)
        self.world.run(SECONDS)
        self.world.voice(self.bob).press("2")
        self.world.run(1)
        self.assertEqual((first.exists(), second.exists()), (False, False))
        self.assertTrue((self.directory / "bob" / "kept" / "2-two.wav").exists())
        said = [name for name in self.world.voices.played if name not in ("menu",)]
        self.assertEqual(said, ["new_messages", "2", "1-one", "1-one", "deleted", "2-two", "kept"])
        self.over()

    def test_hangs_up_while_hearing(self) -> None:
        """Who hangs up has heard nothing: the message stays new."""
        message = self.leave("1-one")
        self.calling(self.bob, "97")
        self.world.run(2 * SECONDS)
        self.bob.hang_up()
        self.world.run(1)
        self.assertTrue(message.exists())
        self.over()

    def test_no_messages(self) -> None:
        """An empty mailbox says so and hangs up."""
        self.calling(self.bob, "97")
        self.world.run(3 * SECONDS)
        self.assertEqual(self.world.voices.played, ["no_messages", "goodbye"])
        self.assertEqual(self.bob.live, [])
        self.over()

    def test_full(self) -> None:
        """A full mailbox takes nothing more."""
        self.leave("1-one")
        self.leave("2-two")
        self.calling(self.alice, "97bob")
        self.world.run(SECONDS)
        self.assertEqual(self.world.voices.played, ["full"])
        self.over()

    def test_without_a_mailbox(self) -> None:
        """Alice has no mailbox; calls that she does not take end as ever."""
        self.calling(self.alice, "97")
        self.assertEqual(self.alice.session.codes[-1], 404)
        self.alice.manners.refuses = 486
        self.calling(self.bob, "alice")
        self.assertEqual(self.bob.session.codes[-1], 486)
        self.over()

    def test_sounds(self) -> None:
        """Both languages have every sound."""
        english, german = ({file.name for file in (SOUNDS / name).iterdir()} for name in ("en", "de"))
        self.assertEqual(english, german)
        self.assertGreater(len(english), 20)
