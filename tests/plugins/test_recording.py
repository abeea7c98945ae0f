"""Recording: what is recorded, who is heard where, who may turn it on, and what there is afterwards."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.ports import RelayHappened
from b2bua.store.memory import MemoryStore
from b2bua.testing import LadderTestCase, Manners, Phone, World
from b2bua.testing.relays import Recorded
from b2bua.wire.message import Response
from b2bua_plugins._recordings import Recordings
from b2bua_plugins.attended_transfer import AttendedTransfer
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.music_on_hold import MusicOnHold
from b2bua_plugins.park import Park
from b2bua_plugins.recording import CallRecording
from b2bua_plugins.ring_group import RingGroup


class RecordingCase(LadderTestCase):
    """Some calls are recorded."""

    settings: ClassVar[dict[str, Any]] = {}
    extensions: ClassVar[dict[str, Any]] = {}
    relays = True

    def make_world(self) -> World:
        """A world with an engine, and a place for recordings."""
        place = TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = Path(place.name)
        table = {"directory": place.name, **self.settings.get("recording", {})}
        extensions = {name: {"recording": own} for name, own in self.extensions.items()}
        features = [CallRecording, AttendedTransfer, BlindTransfer, Park, MusicOnHold, RingGroup]
        settings = {
            "park": {"orbits": "701-703"},
            "music_on_hold": {},
            "ring_groups": {"600": {"members": ["bob", "carol"]}},
            **self.settings,
            "recording": table,
            "extensions": extensions,
        }
        return World(features=features, settings=settings, store=MemoryStore(), relays=self.relays)

    def setUp(self) -> None:
        """Let there be phones, and an engine that takes a moment."""
        super().setUp()
        self.world.relays.delay = 0.005
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=1)
        )

    def talk(self, caller: Phone | None = None, to: str = "bob") -> None:
        """Let two talk."""
        (caller or self.alice).dial(to)
        self.world.run(3)

    def recording(self) -> Recorded:
        """The one recording that was begun."""
        (recorded,) = self.world.relays.recordings.values()
        return recorded

    def heard(self) -> tuple[set[str], set[str]]:
        """Who is heard in it, left and right."""
        return self.world.recorded(self.recording().path)

    def files(self) -> list[str]:
        """What there is."""
        return sorted(path.name for path in self.place.iterdir())

    def listed(self) -> list[dict[str, Any]]:
        """What the command says."""
        found = self.successResultOf(self.world.command("recordings"))
        return list(found)

    def info(self, phone: Phone, said: str) -> int:
        """Press the record key of a Yealink; gives the answer."""
        answers: list[Response | None] = []
        phone.session.ask("INFO", [("Record", said)], hear=answers.append)
        self.world.run(3)
        return answers[-1].code if answers and answers[-1] is not None else 0

    def over(self) -> None:
        """Everybody hangs up; nothing is left."""
        for phone in (self.alice, self.bob, self.carol):
            for session in list(phone.live):
                session.hang_up()
        self.world.run(3)
        self.assertTrue(all(one.ended for one in self.world.relays.recordings.values()))
        self.quiet()


class SetTests(RecordingCase):
    """Calls that are recorded by what is set."""

    extensions: ClassVar[dict[str, Any]] = {"alice": {"on": True}}

    def test_caller(self) -> None:
        """Who has called is left, the other one right; media pass through the relay from the beginning."""
        self.talk()
        self.assertTalking(("alice", "bob"))
        self.assertEqual(self.heard(), ({"alice"}, {"bob"}))
        self.assertEqual((self.alice.session.changes, self.bob.session.changes), ([], []))
        self.over()

    def test_called(self) -> None:
        """Calls to the extension are recorded as well."""
        self.talk(self.bob, "alice")
        self.assertEqual(self.heard(), ({"bob"}, {"alice"}))
        self.over()

    def test_nobody(self) -> None:
        """Calls of others are not, and need no relay."""
        self.talk(self.bob, "carol")
        self.assertEqual((self.world.relays.recordings, self.world.relayed()), ({}, set()))
        self.over()

    def test_not_answered(self) -> None:
        """A call that nobody answers leaves no file."""
        self.bob.manners.answers_after = None
        self.talk()
        self.over()
        self.assertEqual(self.files(), [])

    def test_record(self) -> None:
        """The record of the call says that it was recorded."""
        self.talk()
        self.over()
        assert self.world.served is not None
        self.assertIn("recording", self.world.served.records[-1].features)

    def test_listed(self) -> None:
        """When the call is over its recording is listed, with call, parties and seconds."""
        self.talk()
        self.world.run(7)
        self.assertEqual(self.listed(), [])
        self.over()
        (row,) = self.listed()
        self.assertEqual((row["caller"], row["dialled"]), ("alice", "bob"))
        self.assertEqual(round(row["seconds"]), 9)
        self.assertEqual(self.files(), [row["file"]])
        assert self.world.served is not None
        self.assertEqual(row["call"], self.world.served.records[-1].id)

    def test_file(self) -> None:
        """The sound is to be had by its name, and nothing else by any name."""
        self.talk()
        self.over()
        assert self.world.served is not None
        features, (name,) = self.world.served.features, self.files()
        self.assertEqual(features.file(f"recordings/{name}"), ("audio/wav", self.place / name))
        (self.place.parent / "secret.wav").touch()
        self.addCleanup((self.place.parent / "secret.wav").unlink)
        _, listed = features.file("recordings/") or ("", b"")
        assert isinstance(listed, bytes)
        self.assertIn(f'<a href="{name}">{name}</a>'.encode(), listed)
        (self.place / "20261126-101500-1-1-").mkdir()
        around = "recordings/20261126-101500-1-1-/../../secret.wav"
        for other in ("recordings/../secret.wav", "recordings", "recordings/x.wav", around):
            self.assertIsNone(features.file(other), other)


class ShelfTests(SynchronousTestCase):
    """Recordings as files."""

    def setUp(self) -> None:
        """Let there be a directory."""
        place = TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = Path(place.name)
        self.shelf = Recordings(self.place)

    def test_same_second(self) -> None:
        """One that begins in the same second as another one of the call has a file of its own."""
        now = datetime(2026, 11, 26, 10, 15, 59)
        for suffix in ("", ".part", ""):
            path = self.shelf.place(now, "5405", "101", "102")
            path.with_name(path.name + suffix).touch()
        self.assertEqual(
            sorted(path.name[:15] for path in self.place.iterdir()),
            ["20261126-101559", "20261126-101600", "20261126-101601"],
        )

    def test_files_of_others(self) -> None:
        """Files whose names are none of ours are not listed, nor removed, and keep none of ours from that."""
        for name in ("20261399-101500-1-101-102.wav", "20200101-000000.wav", "20261126-101500-1-101-102.wav"):
            (self.place / name).touch()
        self.assertEqual([one.path.name for one in self.shelf.all()], ["20261126-101500-1-101-102.wav"])
        self.assertEqual(self.shelf.expire(datetime(2030, 1, 1), 1), 1)
        self.assertEqual(len(list(self.place.iterdir())), 2)

    def test_not_removed(self) -> None:
        """One that may not be removed is told of, and keeps no other one from that."""
        names = [f"2026010{day}-101500-1-101-102.wav" for day in (1, 2, 3)]
        for name in names:
            (self.place / name).touch()
        remove = Path.unlink

        def unlink(path: Path, *, missing_ok: bool = False) -> None:
            if path.name == names[1]:
                raise PermissionError(13, "Permission denied", str(path))
            remove(path, missing_ok=missing_ok)

        self.patch(Path, "unlink", unlink)
        error = self.assertRaises(PermissionError, self.shelf.expire, datetime(2030, 1, 1), 1)
        self.assertIn(names[1], str(error))
        self.assertEqual([path.name for path in self.place.iterdir()], [names[1]])

    def test_latest(self) -> None:
        """Of many the latest are listed, those of one call whatever their age."""
        for second in range(5):
            self.shelf.place(datetime(2026, 1, 1, 0, 0, second), f"a{second}", "101", "102").touch()
        self.assertEqual([one.call for one in self.shelf.all(most=2)], ["a3", "a4"])
        self.assertEqual([one.call for one in self.shelf.all("a0", 2)], ["a0"])


class MeetingTests(RecordingCase):
    """What else is done with calls that are recorded."""

    extensions: ClassVar[dict[str, Any]] = {"alice": {"on": True}}

    def test_transfer(self) -> None:
        """Recording × transfer: whoever comes into a call that is recorded is in its recording."""
        self.talk()
        self.alice.session.transfer("carol")
        self.world.run(5)
        self.assertTalking(("bob", "carol"))
        left, right = self.heard()
        self.assertEqual(left | right, {"bob", "carol"})
        self.over()

    def test_hold(self) -> None:
        """Recording × hold: whoever is on hold is not in the recording, which goes on afterwards."""
        self.talk()
        self.alice.session.hold()
        self.world.run(1)
        self.assertEqual(self.heard(), (set(), set()))
        self.alice.session.resume()
        self.world.run(1)
        self.assertEqual(self.heard(), ({"alice"}, {"bob"}))
        self.over()

    def test_park(self) -> None:
        """Recording × park: the recording goes on with who picks the call up."""
        self.talk()
        self.bob.session.transfer("701")
        self.world.run(2)
        self.carol.dial("701")
        self.world.run(3)
        self.assertTalking(("alice", "carol"))
        self.assertEqual(self.heard(), ({"alice"}, {"carol"}))
        self.over()

    def test_crash(self) -> None:
        """Recording × crash: a relay that outlives the server goes on writing, and the file is whole."""
        self.talk()
        self.world.run(5)
        assert self.world.served is not None
        self.world.served.crash()
        self.world.run(2)
        self.world.served.restart()
        self.world.run(3)
        self.assertEqual(self.heard(), ({"alice"}, {"bob"}))
        self.over()
        self.assertEqual(len(self.listed()), 1)

    def test_crash_of_both(self) -> None:
        """One that died with it: the call is recorded anew, to another file."""
        self.world.relays.outlives = False
        self.talk()
        self.world.run(5)
        assert self.world.served is not None
        self.world.served.crash()
        self.world.run(2)
        self.world.served.restart()
        self.world.run(10)
        self.assertTalking(("alice", "bob"))
        self.assertEqual(len(self.world.relays.recordings), 2)
        self.assertEqual(sum(not one.ended for one in self.world.relays.recordings.values()), 2)
        for recorded in list(self.world.relays.recordings.values())[:1]:
            recorded.ended = True  # nobody is left who could end it
        self.over()


class GroupTests(RecordingCase):
    """Numbers whose calls are recorded."""

    settings: ClassVar[dict[str, Any]] = {"recording": {"numbers": ["600"]}}

    def test_group(self) -> None:
        """Recording × ring group: calls to the number are recorded, whoever answers."""
        self.bob.manners.answers_after = None
        self.talk(to="600")
        self.assertEqual(self.heard(), ({"alice"}, {"carol"}))
        self.over()

    def test_other_numbers(self) -> None:
        """Calls to its members are not."""
        self.talk()
        self.assertEqual(self.world.relays.recordings, {})
        self.over()


class AnnouncedTests(RecordingCase):
    """Callers are told."""

    settings: ClassVar[dict[str, Any]] = {"recording": {"announce": "all"}}
    extensions: ClassVar[dict[str, Any]] = {"bob": {"on": True}}

    def test_told(self) -> None:
        """The caller hears that the call is recorded, and then the called phone rings."""
        self.alice.dial("bob")
        self.world.run(1)
        self.assertEqual((self.world.hears(self.alice), self.bob.live), ("recorded", []))
        self.world.run(5)
        self.assertTalking(("alice", "bob"))
        left, right = self.heard()
        self.assertEqual(left | right, {"alice", "bob"})
        self.over()


class DemandTests(RecordingCase):
    """Who may records when they want."""

    extensions: ClassVar[dict[str, Any]] = {"bob": {"may": True}}

    def press(self, phone: Phone, keys: str) -> None:
        """Press keys on a phone that tells them by INFO."""
        for key in keys:
            phone.session.ask("INFO", [("Content-Type", "application/dtmf-relay")], f"Signal={key}".encode())
            self.world.run(0.1)
        self.world.run(3)

    def test_yealink(self) -> None:
        """Record: on has both shown to each other by the relay; the INFO is for us, not for Alice."""
        self.talk()
        self.assertEqual(self.world.relayed(), set())
        self.assertEqual(self.info(self.bob, "on"), 200)
        self.assertTalking(("alice", "bob"))
        left, right = self.heard()
        self.assertEqual(left | right, {"alice", "bob"})
        self.assertEqual(self.info(self.bob, "off"), 200)
        self.assertTrue(self.recording().ended)
        self.assertTalking(("alice", "bob"))
        to_alice = [
            packet.data for packet in self.world.network.log if packet.destination[0] == self.alice.host
        ]
        self.assertFalse(any(data.startswith(b"INFO") for data in to_alice))
        self.over()

    def test_ended(self) -> None:
        """The two stay with the relay when the recording has ended; whom one is transferred to does not."""
        self.talk()
        self.info(self.bob, "on")
        asked = len(self.world.network.log)
        self.info(self.bob, "off")
        later = [packet.data for packet in [*self.world.network.log][asked:]]
        self.assertFalse(any(data.startswith(b"INVITE") for data in later))
        self.bob.session.move_media()
        self.world.run(2)
        self.assertEqual(self.world.relayed(), {"alice", "bob"})
        self.bob.session.transfer("carol")
        self.world.run(5)
        self.assertTalking(("alice", "carol"))
        self.assertEqual(self.world.relayed(), set())
        self.over()

    def test_not_allowed(self) -> None:
        """Alice may not."""
        self.talk()
        self.assertEqual(self.info(self.alice, "on"), 403)
        self.press(self.alice, "*1")
        self.alice.session.hold()
        self.alice.dial("*96")
        self.world.run(2)
        self.assertEqual(self.world.relays.recordings, {})
        self.over()

    def test_keys(self) -> None:
        """C{*1} records, C{*2} is silence and speech again, C{*1} ends it; Alice is told the keys, too."""
        self.talk()
        self.press(self.bob, "*1")
        left, right = self.heard()
        self.assertEqual(left | right, {"alice", "bob"})
        self.press(self.bob, "*2")
        self.assertEqual(self.heard(), (set(), set()))
        self.world.run(5)
        self.press(self.bob, "*2")
        self.assertNotEqual(self.heard(), (set(), set()))
        self.press(self.bob, "*1")
        self.assertTrue(self.recording().ended)
        self.assertEqual(round(self.recording().silent), 8)
        self.over()

    def test_keys_in_media(self) -> None:
        """A phone that tells keys in its media is understood as well, when these pass through the relay."""
        self.talk()
        self.info(self.bob, "on")
        (relay,) = self.world.relays.open_relays
        leg = self.world.relays.leg_at(self.bob.session.media.sends_to())
        for key in "*2":
            relay.hear(RelayHappened("digit", leg, key))
        self.world.run(1)
        self.assertTrue(self.recording().paused)
        self.over()

    def test_code(self) -> None:
        """Recording × hold: with the call on hold, C{*96} records it, and the second time no more."""
        self.talk()
        for wanted in (False, True):
            self.bob.session.hold()
            self.world.run(1)
            self.bob.dial("*96")
            self.world.run(5)
            self.assertEqual(self.recording().ended, wanted)
            self.bob.sessions[0].resume()
            self.world.run(2)
            self.assertTalking(("alice", "bob"))
        self.over()

    def test_no_call(self) -> None:
        """Without a call there is nothing to record."""
        self.assertEqual(self.bob.dial("*96").code, 0)
        self.world.run(2)
        self.assertEqual(self.bob.sessions[-1].code, 480)
        self.over()

    def test_command(self) -> None:
        """Programs record, pause and end it by the id of the call."""
        self.talk()
        assert self.world.served is not None
        (id,) = self.world.served.server.core.calls.going
        for what in ("on", "pause", "resume", "off"):
            done = self.world.command("record", call=id, what=what)
            self.world.run(2)
            self.assertEqual(self.successResultOf(done), f"recording of {id}: {what}")
        for wrong in ({"call": "nonsense", "what": "on"}, {"call": id, "what": "pause"}):
            done = self.world.command("record", **wrong)
            self.world.run(2)
            self.failureResultOf(done, ValueError)
        self.over()

    def test_off_at_once(self) -> None:
        """Record: off while the two are still being shown to each other: nothing is recorded."""
        self.world.relays.delay = 0.5
        self.talk()
        self.bob.session.ask("INFO", [("Record", "on")])
        self.world.run(0.7)
        self.assertEqual(self.info(self.bob, "off"), 200)
        self.world.run(5)
        self.assertTrue(all(one.ended for one in self.world.relays.recordings.values()))
        self.world.relays.delay = 0.005
        self.over()

    def test_slow_phone(self) -> None:
        """A phone that takes its time to be shown to the relay: the key is answered before, and works."""
        self.alice.manners.change_after = self.bob.manners.change_after = 8.0
        self.talk()
        answers: list[Response | None] = []
        self.bob.session.ask("INFO", [("Record", "on")], hear=answers.append)
        self.world.run(4)
        self.assertEqual([answer and answer.code for answer in answers], [200])
        self.world.run(16)
        self.assertFalse(self.recording().ended)
        self.assertEqual(self.info(self.bob, "off"), 200)
        self.assertTrue(self.recording().ended)
        self.over()

    def test_one_hangs_up(self) -> None:
        """Somebody leaves while the two are being shown to each other: no recording, and nothing is left."""
        for moment in (0.0, 0.005, 0.012, 0.016, 0.022, 0.03, 0.04):
            with self.subTest(moment=moment):
                self.setUp()
                self.talk()
                self.bob.session.ask("INFO", [("Record", "on")])
                self.world.run(moment)
                self.alice.session.hang_up()
                self.world.run(3)
                self.assertEqual((self.alice.live, self.bob.live), ([], []))
                self.over()


class FaultTests(RecordingCase):
    """What goes wrong."""

    extensions: ClassVar[dict[str, Any]] = {"alice": {"on": True}, "bob": {"may": True}}

    def command(self, what: str) -> None:
        """Have something done with the one call."""
        assert self.world.served is not None
        (id,) = self.world.served.server.core.calls.going
        done = self.world.command("record", call=id, what=what)
        self.world.run(3)
        self.successResultOf(done)

    def test_engine_gone_while_paused(self) -> None:
        """A card number is in no recording, though the engine dies meanwhile: it goes on by C{resume}."""
        self.talk()
        self.command("pause")
        self.world.relays.lose()
        self.world.run(10)
        self.assertTalking(("alice", "bob"))
        self.assertEqual(len(self.world.relays.recordings), 1)
        self.command("resume")
        self.assertEqual(len(self.world.relays.recordings), 2)
        self.assertFalse(self.listed_last().paused)
        for recorded in list(self.world.relays.recordings.values())[:1]:
            recorded.ended = True  # nobody is left who could end it
        self.over()

    def listed_last(self) -> Recorded:
        """The recording that was begun last."""
        return list(self.world.relays.recordings.values())[-1]

    def test_crash_while_paused(self) -> None:
        """Recording × crash: what pauses does so afterwards, be the engine still there or not."""
        for outlives in (True, False):
            with self.subTest(outlives=outlives):
                self.setUp()
                self.world.relays.outlives = outlives
                self.talk()
                self.command("pause")
                assert self.world.served is not None
                self.world.served.crash()
                self.world.run(2)
                self.world.served.restart()
                self.world.run(10)
                (recorded,) = self.world.relays.recordings.values()
                self.assertTrue(recorded.paused)
                self.bob.session.ask("INFO", [("Content-Type", "application/dtmf-relay")], b"Signal=*")
                self.world.run(0.1)
                self.bob.session.ask("INFO", [("Content-Type", "application/dtmf-relay")], b"Signal=2")
                self.world.run(3)
                self.assertFalse(self.listed_last().paused)
                recorded.ended = True  # of the second one nobody is left who could end it
                self.over()

    def test_disk_full(self) -> None:
        """A disk that is full costs the recording, not the call; what there was is kept."""
        self.talk()
        self.world.relays.full = True
        (relay,) = self.world.relays.open_relays
        relay.end_recording()
        relay.hear(RelayHappened("recorded", detail="No space left on device"))
        self.world.run(10)
        self.assertTalking(("alice", "bob"))
        self.over()
        self.assertEqual(len(self.listed()), 1)

    def test_full_before(self) -> None:
        """One that is full before: they talk, and who asks for a recording is told that there is none."""
        self.world.relays.full = True
        self.talk()
        self.assertTalking(("alice", "bob"))
        self.assertEqual(self.info(self.bob, "on"), 480)
        self.over()

    def test_engine_dies(self) -> None:
        """Another relay goes on, with another file."""
        self.talk()
        for recorded in self.world.relays.recordings.values():
            recorded.ended = True
        self.world.relays.lose()
        self.world.run(10)
        self.assertTalking(("alice", "bob"))
        self.assertEqual(len(self.world.relays.recordings), 2)
        self.over()

    def test_cannot_record(self) -> None:
        """Without an engine that can record the call goes as ever."""
        self.world.relays.can = frozenset()
        self.talk()
        self.assertTalking(("alice", "bob"))
        self.assertEqual(self.world.relayed(), set())
        self.over()


class NoRelayTests(RecordingCase):
    """There is no engine."""

    relays = False
    extensions: ClassVar[dict[str, Any]] = {"alice": {"on": True, "may": True}}

    def test_call(self) -> None:
        """Calls go as ever, and the record key is told so."""
        self.talk()
        self.assertTalking(("alice", "bob"))
        self.assertEqual(self.info(self.alice, "on"), 480)
        self.over()


class WithoutTests(LadderTestCase):
    """The feature is not there."""

    def test_record_key(self) -> None:
        """The record key of a Yealink is told that nothing is recorded, and nobody else hears of it."""
        alice, _ = self.world.phones("alice", "bob", manners=Manners(answers_after=1))
        alice.dial("bob")
        self.world.run(2)
        answers: list[Response | None] = []
        alice.session.ask("INFO", [("Record", "on")], hear=answers.append)
        self.world.run(1)
        self.assertEqual([answer and answer.code for answer in answers], [501])
        alice.hang_up()
        self.world.run(1)
        self.quiet()


class KeptTests(RecordingCase):
    """How long they are kept."""

    settings: ClassVar[dict[str, Any]] = {"recording": {"days": 30}}
    extensions: ClassVar[dict[str, Any]] = {"alice": {"on": True}}

    def test_not_removed(self) -> None:
        """What may not be removed is a line of the log, and no failure of the feature."""

        def refuse(path: Path, *, missing_ok: bool = False) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        (self.place / "20200101-101500-1-101-102.wav").touch()
        self.patch(Path, "unlink", refuse)
        with capturedLogs() as events:
            self.world.reload()
        (told,) = (one for one in events if "cannot be removed" in (one.get("log_format") or ""))
        self.assertIn("older than {days} days", told["log_format"])
        self.assertEqual(told["days"], 30)
        self.quiet()

    def test_days(self) -> None:
        """Older ones are deleted, other files are not touched."""
        self.talk()
        self.over()
        (name,) = self.files()
        (self.place / "notes.txt").touch()
        assert self.world.served is not None
        self.world.clock.run(29 * 86400)
        self.world.reload()
        self.assertEqual(self.files(), [name, "notes.txt"])
        self.world.clock.run(2 * 86400)
        self.world.reload()
        self.assertEqual(self.files(), ["notes.txt"])
