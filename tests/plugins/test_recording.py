"""Recording: what is recorded, who is heard where, who may turn it on, and what there is afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from b2bua.features import Features
from b2bua.features.generation import FeaturesRefused
from b2bua.media.ports import RelayHappened
from b2bua.media.sounds import head, part_of
from b2bua.testing import LadderTestCase, Manners
from b2bua.wire.message import Response
from b2bua_plugins.recording import CallRecording
from tests.plugins.recordings import RecordingCase


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

    def test_transferred_to(self) -> None:
        """Recording × transfer: from when somebody whose calls are recorded comes in, the call is."""
        self.talk(self.bob, "carol")
        self.alice.manners.answers_after = 1
        self.carol.session.transfer("alice")
        self.world.run(5)
        self.assertTalking(("alice", "bob"))
        left, right = self.heard()
        self.assertEqual(left | right, {"alice", "bob"})
        self.over()

    def test_taken_by(self) -> None:
        """Recording × park: so is one that such a person takes from where it was parked."""
        self.alice.manners.answers_after = 1
        self.talk(self.bob, "carol")
        self.carol.session.transfer("701")
        self.world.run(2)
        self.alice.dial("701")
        self.world.run(3)
        self.assertTalking(("alice", "bob"))
        left, right = self.heard()
        self.assertEqual(left | right, {"alice", "bob"})
        self.over()

    def test_stays_off(self) -> None:
        """Recording × hold: one that was ended by hand stays so, whoever resumes; after a crash, too."""
        for crashes in (False, True):
            with self.anew(crashes=crashes):
                self.talk()
                assert self.world.served is not None
                (id,) = self.world.served.server.core.calls.going
                done = self.world.command("record", call=id, what="off")
                self.world.run(2)
                self.successResultOf(done)
                if crashes:
                    self.crash(1)
                    self.world.run(5)
                self.bob.session.hold()
                self.world.run(1)
                self.bob.session.resume()
                self.world.run(3)
                self.assertTrue(self.recording().ended)
                self.over()

    def test_handed_over_later(self) -> None:
        """What the process before a restart still records is its own until it hands that over."""
        self.carol.manners.answers_after = 6
        self.talk()
        assert self.world.served is not None
        (id,) = self.world.served.server.core.calls.going
        paused = self.world.command("record", call=id, what="pause")
        self.world.run(1)
        self.successResultOf(paused)
        part = part_of(self.recording().path)
        part.write_bytes(head(0, 2))
        self.bob.session.transfer("carol")
        self.world.run(1)
        self.world.served.hand_over()
        self.world.run(3)
        self.assertEqual(self.world.served.server.core.calls.going, {})
        self.assertTrue(part.exists())
        self.world.run(10)
        self.assertTalking(("alice", "carol"))
        self.assertEqual((self.recording().ended, self.recording().paused), (False, True))
        self.over()

    def test_left_while_it_ends(self) -> None:
        """Whoever has just left is named when a recording cannot begin for that."""
        self.talk(self.bob, "carol")
        assert self.world.served is not None
        (id,) = self.world.served.server.core.calls.going
        done = self.world.command("record", call=id, what="on")
        self.carol.hang_up()
        self.world.run(3)
        problem = self.failureResultOf(done, ValueError)
        self.assertEqual(problem.getErrorMessage(), "extension carol has just left the call")
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


class DemandTests(RecordingCase):
    """Who may records when they want."""

    extensions: ClassVar[dict[str, Any]] = {"bob": {"may": True}}

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
            with self.anew(moment=moment):
                self.talk()
                self.bob.session.ask("INFO", [("Record", "on")])
                self.world.run(moment)
                self.alice.session.hang_up()
                self.world.run(3)
                self.assertEqual((self.alice.live, self.bob.live), ([], []))
                self.over()


class SoundTests(SynchronousTestCase):
    """What is played to those who are recorded."""

    def refused(self, **table: Any) -> str:
        """What is said of a table."""
        document = {"recording": {"directory": "recordings", "announce": "all", **table}}
        return str(self.assertRaises(FeaturesRefused, Features.of, CallRecording, document=document))

    def test_sounds(self) -> None:
        """An own directory without the sound, or with one that is none, is refused with its key."""
        place = Path(self.mktemp()).absolute()
        place.mkdir()
        self.assertIn(
            f"[recording] language: there is no file {place}/tone.wav",
            self.refused(language=str(place), tone=True),
        )
        (place / "recorded.wav").write_bytes(b"ID3 no sound")
        said = self.refused(language=str(place))
        self.assertIn(f"[recording] language: {place}/recorded.wav is no WAV file", said)
        self.assertIn('language = "fr"; choose "en" or "de"', self.refused(language="fr"))


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
