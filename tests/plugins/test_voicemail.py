"""Voicemail: messages are left, heard, kept and deleted."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from twisted.logger import capturedLogs

from b2bua.features import FeaturesRefused
from b2bua.testing import LadderTestCase, Manners, Phone, World
from b2bua.testing.voices import SECONDS
from b2bua_plugins._mailbox import Mailbox
from b2bua_plugins._mailbox_talk import KEY_SECONDS
from b2bua_plugins._pins import WRONG_MAX
from b2bua_plugins._sounds import SOUNDS
from b2bua_plugins.do_not_disturb import DoNotDisturb
from b2bua_plugins.message_waiting import MessageWaiting
from b2bua_plugins.voicemail import Voicemail


class VoicemailTests(LadderTestCase):
    """L{Voicemail}."""

    table: ClassVar[dict[str, Any]] = {}
    own: ClassVar[dict[str, Any]] = {}

    def make_world(self) -> World:
        """Bob has a mailbox."""
        self.directory = Path(self.mktemp()).absolute()
        settings = {
            "voicemail": {"directory": str(self.directory), "messages": 2, **self.table},
            "extensions": {
                "bob": {"voicemail": {"on": True, **self.own}},
                "carol": {"voicemail": {"on": True}},
            },
        }
        return World(features=[DoNotDisturb, MessageWaiting, Voicemail], settings=settings)

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
        self.assertEqual(len(Mailbox(self.directory / "bob").new()), 1)
        self.assertEqual(self.waiting(), (1, 0))
        self.assertIn("NOTIFY", self.world.ladder())
        self.over()

    def waiting(self, name: str = "bob") -> tuple[int, int]:
        """What the lamp of an extension shows: new messages and old ones."""
        assert self.world.served is not None
        found = self.world.served.features.ask_messages(name)
        assert found is not None
        return found.new, found.old

    def test_not_removed(self) -> None:
        """What is too old and may not be removed is a line of the log, and no failure of the feature."""
        self.patch(VoicemailTests, "table", {"days": 30})
        self.setUp()
        self.leave("20200101-101500-000000-101")

        def refuse(path: Path, *, missing_ok: bool = False) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        self.patch(Path, "unlink", refuse)
        with capturedLogs() as events:
            self.world.reload()
        [told] = (one for one in events if "cannot be removed" in (one.get("log_format") or ""))
        self.assertEqual((told["name"], told["days"]), ("bob", 30))
        self.assertEqual(self.waiting(), (1, 0))
        self.over()

    def test_says_nothing(self) -> None:
        """A caller who hangs up at once has left no message."""
        self.calling(self.alice, "97bob")
        self.world.run(2 * SECONDS - 0.5)
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual(self.waiting(), (0, 0))
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

    def test_keys_ahead(self) -> None:
        """A key counts while the number of messages is said: for the first of them, or the settings."""
        for key, said in (
            ("1", ["new_messages", "1-one", "menu"]),
            ("2", ["new_messages", "kept", "settings"]),
            ("3", ["new_messages", "deleted", "settings"]),
            ("0", ["new_messages", "settings", "1-one"]),
        ):
            with self.anew(key):
                message = self.leave("1-one")
                self.calling(self.bob, "97")
                self.world.voice(self.bob).press(key)
                self.world.run(30)
                self.assertEqual(self.world.voices.played[:3], said)
                self.assertEqual(message.exists(), key in "10")
                self.over()
        for key, then in (("1", "greeting"), ("2", "new_pin"), ("0", "settings"), ("3", "settings")):
            with self.anew(key):
                self.calling(self.bob, "97")
                self.world.voice(self.bob).press(key)
                self.world.run(1)
                self.assertEqual(self.world.voices.played[:2], ["no_messages", then])
                self.bob.hang_up()
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
        self.world.run(3 * SECONDS + KEY_SECONDS)
        self.assertEqual(self.world.voices.played, ["no_messages", "settings", "goodbye"])
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

    def test_do_not_disturb(self) -> None:
        """Voicemail × do not disturb: who wants no calls gets no message either, unless they say so."""
        self.calling(self.bob, "*78")
        self.world.run(5)
        self.calling(self.alice, "bob")
        self.assertEqual(self.alice.session.codes[-1], 480)
        self.over()

    def test_every_call(self) -> None:
        """By *97 every call goes to the mailbox, and by *97 again no more."""
        self.calling(self.bob, "*97")
        self.world.run(5)
        self.calling(self.alice, "bob")
        self.assertEqual(self.world.hears(self.alice), "not_there")
        self.alice.hang_up()
        self.calling(self.bob, "*97")
        self.world.run(5)
        self.calling(self.alice, "bob")
        self.assertEqual(self.alice.session.codes[-1], 180)
        self.alice.hang_up()
        self.over()

    def test_call_back(self) -> None:
        """A key rings who has left the message; the owner hears ringing, and then talks."""
        self.leave("20260101-000000-000000-alice")
        self.alice.manners.answers_after = 2
        self.calling(self.bob, "97")
        self.world.run(2 * SECONDS)
        self.world.voice(self.bob).press("4")
        self.world.run(1)
        self.assertEqual(self.world.hears(self.bob), "ringing")
        self.world.run(2)
        self.assertTalking(("alice", "bob"))
        self.bob.hang_up()
        self.over()

    def test_call_back_fails(self) -> None:
        """Nobody is there: the message is played again."""
        self.leave("20260101-000000-000000-alice")
        self.alice.manners.refuses = 486
        self.calling(self.bob, "97")
        self.world.run(2 * SECONDS)
        self.world.voice(self.bob).press("4")
        self.world.run(1)
        self.assertEqual(self.world.hears(self.bob), "nobody")
        self.world.run(SECONDS)
        self.assertEqual(self.world.hears(self.bob), "20260101-000000-000000-alice")
        self.bob.hang_up()
        self.over()

    def test_hangs_up_while_it_rings(self) -> None:
        """Who hangs up while it rings stops the ringing."""
        self.leave("20260101-000000-000000-alice")
        self.calling(self.bob, "97")
        self.world.run(2 * SECONDS)
        self.world.voice(self.bob).press("4")
        self.world.run(1)
        self.assertEqual([session.state for session in self.alice.live], ["called"])
        self.bob.hang_up()
        self.world.run(1)
        self.assertEqual(self.alice.live, [])
        self.over()

    def test_forward(self) -> None:
        """A key and an extension give a copy to another mailbox, whose lamp is lit."""
        self.leave("20260101-000000-000000-102")
        self.world.phones("carol", manners=Manners())
        self.calling(self.bob, "97")
        self.world.run(2 * SECONDS)
        self.world.voice(self.bob).press("5")
        self.world.run(1)
        self.world.voice(self.bob).press("8#")  # no mailbox
        self.world.run(1)
        self.assertEqual(self.world.hears(self.bob), "unknown")
        self.bob.hang_up()
        self.world.run(1)
        source = Mailbox(self.directory / "bob").new()[0]
        Mailbox(self.directory / "carol").take(source)
        self.assertEqual(self.waiting("carol"), (1, 0))
        self.over()

    def test_nonsense(self) -> None:
        """What can be wrong in the table is said in one line."""
        mail = {"server": "localhost", "sender": "box@example.com"}
        for table, own, line in (
            ({"language": "fr"}, {}, "there are no sounds"),
            ({"remote": "971"}, {}, "remote begins with number"),
            ({}, {"mail": "bob@example.com"}, "needs a table"),
            (
                {"mail": mail | {"subject": "To {extension}"}},
                {},
                "has {caller} and {seconds} filled in, and nothing",
            ),
            ({"mail": mail | {"text": "{"}}, {}, "write a brace as {{"),
            ({"mail": mail | {"subject": "One\nBcc: all"}}, {}, "has more than one line; write it in one"),
            ({"mail": mail}, {"mail": "bob@example.com\nBcc: all"}, "has more than one line"),
        ):
            settings = {
                "voicemail": {"directory": "x", **table},
                "extensions": {"bob": {"voicemail": own}},
            }
            error = self.assertRaises(FeaturesRefused, World, features=[Voicemail], settings=settings)
            self.assertIn(line, str(error))

    def test_sounds(self) -> None:
        """Both languages have every sound."""
        english, german = ({file.name for file in (SOUNDS / name).iterdir()} for name in ("en", "de"))
        self.assertEqual(english, german)
        self.assertGreater(len(english), 20)


class DisturbedTests(LadderTestCase):
    """With a mailbox for those who want no calls."""

    def make_world(self) -> World:
        """Bob has a mailbox, Carol has none."""
        settings = {
            "voicemail": {"directory": str(Path(self.mktemp()).absolute())},
            "extensions": {
                "bob": {"do_not_disturb": True, "voicemail": {"on": True}},
                "carol": {"do_not_disturb": True},
            },
            "do_not_disturb": {"otherwise": "97"},
        }
        return World(features=[DoNotDisturb, Voicemail], settings=settings)

    def test_mailbox(self) -> None:
        """Who wants no calls, but messages, gets them; who has no mailbox is not to be had, as before."""
        alice, bob, _ = self.world.phones("alice", "bob", "carol", manners=Manners())
        alice.dial("bob")
        self.world.run(1)
        self.assertEqual(self.world.hears(alice), "not_there")
        self.assertEqual(bob.live, [])
        alice.hang_up()
        self.world.run(1)
        alice.dial("carol")
        self.world.run(1)
        self.assertEqual(alice.session.codes[-1], 480)
        self.quiet()


class PinTests(LadderTestCase):
    """From any phone, with the PIN."""

    def make_world(self) -> World:
        """Extension 102 has a mailbox and a PIN."""
        self.directory = Path(self.mktemp()).absolute()
        settings = {
            "voicemail": {"directory": str(self.directory), "remote": "98"},
            "extensions": {"102": {"voicemail": {"on": True, "pin": "4711", "ask_pin": True}}},
        }
        return World(features=[Voicemail], settings=settings)

    def setUp(self) -> None:
        """Alice's phone is used."""
        super().setUp()
        (self.alice,) = self.world.phones("alice", manners=Manners())
        Mailbox(self.directory / "102").place(datetime(2026, 1, 1), "101").write_bytes(b"")

    def enter(self, pin: str) -> str:
        """Say that one is 102, with a PIN; what is heard then."""
        self.alice.dial("98")
        self.world.run(1)
        self.world.voice(self.alice).press("102#")
        self.world.run(0.1)
        self.world.voice(self.alice).press(f"{pin}#")
        self.world.run(0.1)
        heard = self.world.hears(self.alice)
        self.alice.hang_up()
        self.world.run(1)
        return heard

    def test_pin(self) -> None:
        """The right PIN opens the mailbox, a wrong one does not."""
        self.assertEqual(self.enter("4711"), "new_messages")
        self.assertEqual(self.enter("4712"), "wrong")
        self.quiet()

    def test_guessing(self) -> None:
        """After five wrong ones the right one is no good either, for ten minutes."""
        for _ in range(WRONG_MAX):
            self.enter("1234")
        self.assertEqual(self.enter("4711"), "wrong")
        self.world.run(700)
        self.assertEqual(self.enter("4711"), "new_messages")
        self.quiet()

    def test_tried_again(self) -> None:
        """Who tries the right one meanwhile does not put the ten minutes off."""
        for _ in range(WRONG_MAX):
            self.enter("1234")
        for _ in range(8):
            self.world.run(60)
            self.assertEqual(self.enter("4711"), "wrong")
        self.world.run(120)
        self.assertEqual(self.enter("4711"), "new_messages")
        self.quiet()

    def test_new_pin(self) -> None:
        """The owner changes it by phone."""
        self.alice.dial("98")
        self.world.run(1)
        self.world.voice(self.alice).press("102#")
        self.world.run(0.1)
        self.world.voice(self.alice).press("4711#")
        self.world.run(3 * SECONDS)
        for keys in ("0", "2", "98765#"):
            self.world.voice(self.alice).press(keys)
            self.world.run(0.1)
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual(self.enter("4711"), "wrong")
        self.assertEqual(self.enter("98765"), "new_messages")
        self.quiet()
