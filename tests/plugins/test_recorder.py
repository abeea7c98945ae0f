"""What goes wrong while calls are recorded."""

from __future__ import annotations

from typing import Any, ClassVar

from b2bua.media.ports import RelayHappened
from b2bua.testing.relays import SILENCE, Recorded
from tests.plugins.recordings import RecordingCase


class CrashTests(RecordingCase):
    """The server dies."""

    extensions: ClassVar[dict[str, Any]] = {"alice": {"on": True}}

    def test_crash(self) -> None:
        """Recording × crash: a relay that outlives the server goes on writing, and the file is whole."""
        self.talk()
        self.world.run(5)
        self.crash()
        self.world.run(3)
        self.assertEqual(self.heard(), ({"alice"}, {"bob"}))
        self.over()
        self.assertEqual(len(self.listed()), 1)

    def test_crash_of_both(self) -> None:
        """One that died with it: the call is recorded anew, to another file."""
        self.world.relays.outlives = False
        self.talk()
        self.world.run(5)
        self.crash()
        self.world.run(10)
        self.assertTalking(("alice", "bob"))
        self.assertEqual(len(self.world.relays.recordings), 2)
        self.assertEqual([one.ended for one in self.world.relays.recordings.values()], [True, False])
        self.over()
        self.assertEqual(len(self.listed()), 2)

    def test_lost_call(self) -> None:
        """A call that is too young for the next process: its recording ends when nobody speaks any more."""
        self.talk()
        assert self.world.served is not None
        self.world.served.crash()
        self.world.run(SILENCE + 5)
        self.assertEqual(self.heard(), ({"alice"}, {"bob"}))
        self.world.served.restart()
        self.assertEqual(self.world.served.server.core.calls.going, {})
        self.world.run(5)
        self.alice.hang_up()
        self.bob.hang_up()
        self.world.run(SILENCE)
        self.assertTrue(self.recording().ended)
        self.over()
        self.assertEqual(len(self.listed()), 1)


class ReloadTests(RecordingCase):
    """The configuration is read again in the middle of a call that is recorded."""

    extensions: ClassVar[dict[str, Any]] = {"alice": {"on": True}, "bob": {"may": True}}

    def test_goes_on(self) -> None:
        """The recording goes on; programs and keys pause it as before, and it is listed afterwards."""
        self.talk()
        self.world.reload()
        self.world.run(5)
        self.assertEqual(self.heard(), ({"alice"}, {"bob"}))
        self.assertEqual(self.listed(), [])
        assert self.world.served is not None
        (id,) = self.world.served.server.core.calls.going
        done = self.world.command("record", call=id, what="pause")
        self.world.run(1)
        self.successResultOf(done)
        self.assertEqual(self.heard(), (set(), set()))
        self.press(self.bob, "*2")
        self.assertEqual(self.heard(), ({"alice"}, {"bob"}))
        self.over()
        self.assertEqual(len(self.listed()), 1)

    def test_key(self) -> None:
        """The record key works in a call that began before it."""
        self.talk(self.bob, "carol")
        self.world.reload()
        self.assertEqual(self.info(self.bob, "on"), 200)
        self.assertEqual(self.heard(), ({"bob"}, {"carol"}))
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
            with self.anew(outlives=outlives):
                self.world.relays.outlives = outlives
                self.talk()
                self.command("pause")
                self.crash()
                self.world.run(10)
                (recorded,) = self.world.relays.recordings.values()
                self.assertTrue(recorded.paused)
                self.bob.session.ask("INFO", [("Content-Type", "application/dtmf-relay")], b"Signal=*")
                self.world.run(0.1)
                self.bob.session.ask("INFO", [("Content-Type", "application/dtmf-relay")], b"Signal=2")
                self.world.run(3)
                self.assertFalse(self.listed_last().paused)
                self.over()

    def test_crash_after_it_was_begun_anew(self) -> None:
        """Recording × crash: one that was begun in the middle of a call goes on to the same file."""
        self.talk()
        self.command("off")
        self.command("on")
        self.crash()
        self.world.run(10)
        self.assertTalking(("alice", "bob"))
        self.assertEqual([one.ended for one in self.world.relays.recordings.values()], [True, False])
        self.over()
        self.assertEqual(len(self.listed()), 2)

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
