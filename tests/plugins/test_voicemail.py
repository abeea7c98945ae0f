"""Voicemail: messages are left, heard, kept and deleted."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from b2bua.features import FeaturesRefused
from b2bua.media import growing
from b2bua.media.growing import Growing
from b2bua.media.rtp import RATE
from b2bua.media.sounds import load, save
from b2bua.store.memory import MemoryStore
from b2bua.testing import LadderTestCase, Manners, Phone, World
from b2bua.testing.voices import SECONDS
from b2bua_plugins import _mailbox_mail
from b2bua_plugins._mailbox import Mailbox, caller_of
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
            with self.subTest(key):
                self.setUp()
                message = self.leave("1-one")
                self.calling(self.bob, "97")
                self.world.voice(self.bob).press(key)
                self.world.run(30)
                self.assertEqual(self.world.voices.played[:3], said)
                self.assertEqual(message.exists(), key in "10")
                self.over()
        for key, then in (("1", "greeting"), ("2", "new_pin"), ("0", "settings"), ("3", "settings")):
            with self.subTest(key):
                self.setUp()
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


class MailTests(LadderTestCase):
    """Messages by mail."""

    def make_world(self) -> World:
        """Bob gets mails, and keeps no message here that was sent."""
        self.directory = Path(self.mktemp()).absolute()
        own = {"on": True, "mail": "bob@example.com", "mailed": "delete"}
        mail = {"server": "mail.example.com", "sender": "box@example.com"}
        settings = {
            "voicemail": {"directory": str(self.directory), "mail": mail},
            "extensions": {"bob": {"voicemail": own}},
        }
        self.sent: list[Message] = []
        self.down = 0
        self.patch(_mailbox_mail, "send_by_twisted", self.send)
        return World(features=[Voicemail], settings=settings, store=MemoryStore())

    def send(self, server: str, sender: str, to: list[str], letter: bytes, **more: Any) -> Deferred[None]:
        """Take a mail, unless the server is down."""
        if self.down:
            self.down -= 1
            return fail(ConnectionRefusedError("nobody listens"))
        self.assertEqual((server, sender, to), ("mail.example.com", "box@example.com", ["bob@example.com"]))
        self.sent.append(message_from_bytes(letter))
        return succeed(None)

    def leave(self) -> None:
        """Alice leaves a message."""
        (alice,) = self.world.phones("alice", manners=Manners())
        alice.dial("97bob")
        self.world.run(2 * SECONDS + 5)
        alice.hang_up()
        self.world.run(1)

    def test_mail(self) -> None:
        """The mail has the sound; the message is gone from here when it was sent."""
        self.leave()
        [letter] = self.sent
        sound = [part for part in letter.walk() if part.get_content_maintype() == "audio"]
        self.assertTrue(sound[0].get_payload(decode=True).startswith(b"RIFF"))  # type: ignore[union-attr]
        self.assertEqual(Mailbox(self.directory / "bob").new(), [])
        self.quiet()

    def test_server_down(self) -> None:
        """A mail that is not taken is sent again; the message stays until then."""
        self.down = 1
        self.leave()
        self.assertEqual((len(self.sent), len(Mailbox(self.directory / "bob").new())), (0, 1))
        self.world.run(61)
        self.assertEqual((len(self.sent), len(Mailbox(self.directory / "bob").new())), (1, 0))
        self.quiet()

    def test_reload(self) -> None:
        """So is one that waited when the configuration was read anew, and once only."""
        self.down = 1
        self.leave()
        self.world.run(30)
        self.world.reload()
        self.world.run(61)
        self.assertEqual((len(self.sent), len(Mailbox(self.directory / "bob").new())), (1, 0))
        self.world.run(5000)
        self.assertEqual(len(self.sent), 1)
        self.quiet()

    def test_crash(self) -> None:
        """And one that waited when the server died."""
        self.down = 1
        self.leave()
        assert self.world.served is not None
        self.world.served.crash()
        self.world.run(2)
        self.world.served.restart()
        self.world.run(70)
        self.assertEqual((len(self.sent), len(Mailbox(self.directory / "bob").new())), (1, 0))
        self.quiet()

    def test_given_up(self) -> None:
        """After the fourth time nobody tries any more, and the message stays."""
        self.down = 9
        self.leave()
        self.world.run(60 + 600 + 3600 + 10)
        self.assertEqual((self.down, len(Mailbox(self.directory / "bob").new())), (5, 1))
        self.world.reload()
        self.world.run(100)
        self.assertEqual(self.down, 5)
        self.quiet()


class _AtOnce:
    """In place of a thread."""

    def submit(self, do: Callable[[int], None], value: int) -> None:
        """Do it now."""
        do(value)


class MailboxTests(SynchronousTestCase):
    """The files of a mailbox."""

    def setUp(self) -> None:
        """Make one."""
        self.directory = Path(self.mktemp()).absolute()
        self.mailbox = Mailbox(self.directory)

    def test_age(self) -> None:
        """What is older than a time goes, new or kept."""
        for day in (1, 2, 3):
            self.mailbox.place(datetime(2026, 1, day), "1").write_bytes(b"")
        self.mailbox.keep(self.mailbox.new()[0])
        self.assertEqual(self.mailbox.expire(datetime(2026, 1, 2, 12)), 2)
        self.assertEqual([caller_of(one) for one in self.mailbox.new()], ["1"])
        self.assertEqual(self.mailbox.kept(), [])

    def test_power_fails(self) -> None:
        """A message in the middle of which the power fails is there afterwards, and can be played."""
        place = self.mailbox.place(datetime(2026, 1, 1), "101")
        part = Growing(place, 1)
        pcm = b"\1\2" * RATE * 5
        for frame in range(0, len(pcm), 320):
            part.add(pcm[frame : frame + 320])
        self.assertEqual(self.mailbox.new(), [])  # nobody hears what is not whole
        self.assertEqual(self.mailbox.rescue(self.now(), 1.0), [])  # somebody is still speaking
        self.assertEqual(self.mailbox.rescue(self.now(6), 1.0), [place])
        [message] = self.mailbox.new()
        self.assertEqual(load(message), pcm[: 4 * RATE * 2])
        self.assertEqual(self.mailbox.rescue(self.now(6), 1.0), [])

    def test_on_the_disk(self) -> None:
        """What has been spoken is on the disk every two seconds, whatever else the system keeps in memory."""
        synced: list[int] = []
        self.patch(growing, "_DISK", _AtOnce())
        self.patch(os, "fdatasync", lambda file: synced.append(os.fstat(file).st_size))
        part = Growing(self.mailbox.place(datetime(2026, 1, 1), "101"), 1)
        pcm = b"\1\2" * RATE * 5
        for frame in range(0, len(pcm), 320):
            part.add(pcm[frame : frame + 320])
        self.assertEqual(synced, [44 + 4 * RATE, 44 + 8 * RATE])
        part.end()

    def test_power_fails_at_once(self) -> None:
        """What is too short for a message is none afterwards, either; copies that are not whole are gone."""
        place = self.mailbox.place(datetime(2026, 1, 1), "101")
        Growing(place, 1)
        place.with_suffix(".copy").write_bytes(b"RIFF")
        self.assertEqual(self.mailbox.rescue(self.now(6), 1.0), [])
        self.assertEqual(list(place.parent.iterdir()), [])

    def now(self, later: float = 0.0) -> datetime:
        """The time of day, some seconds later."""
        return datetime.now(UTC) + timedelta(seconds=later)

    def test_power_fails_while_saving(self) -> None:
        """The old file, or the new one: never half of one, and never none that was there before."""
        path = self.directory / "greeting.wav"
        path.parent.mkdir(parents=True)
        save(path, b"\1\0" * RATE)
        for name in ("replace", "fsync"):
            with self.assertRaises(OSError):
                self._failing(name, path)
            self.assertEqual(load(path), b"\1\0" * RATE)

    def _failing(self, name: str, path: Path) -> None:
        """Save while something of the system fails."""

        def broken(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        with self.subTest(name):
            owner = Path if name == "replace" else os
            patch = self.patch(owner, name, broken)
            try:
                save(path, b"\2\0" * RATE)
            finally:
                patch.restore()

    def test_no_place_left(self) -> None:
        """A directory that cannot be written to is said so, in the words of the system."""
        error = self.assertRaises(OSError, Growing, self.directory / "nowhere" / "x.wav")
        self.assertEqual(error.strerror, "No such file or directory")
