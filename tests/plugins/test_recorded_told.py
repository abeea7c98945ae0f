"""Who is recorded is told so: who calls, who is called, who comes in later, and by whatever it begins."""

from __future__ import annotations

from typing import Any, ClassVar

from b2bua.store.memory import MemoryStore
from b2bua.testing import Manners, Phone
from b2bua.testing.voices import SECONDS
from b2bua.wire.message import Response
from tests.plugins.recordings import RecordingCase

CARRIER = {"uri": "sip:198.51.100.7", "accept_from": ["198.51.100.7"]}


class ToldCase(RecordingCase):
    """Everybody is to be told."""

    settings: ClassVar[dict[str, Any]] = {"recording": {"announce": "all"}}

    def tells(self, *phones: Phone) -> None:
        """These are told just now, nobody talks, and nothing is recorded before that."""
        self.assertEqual([self.world.hears(phone) for phone in phones], ["recorded"] * len(phones))
        self.assertEqual(self.world.talking(), set())
        self.assertEqual(self.world.relays.recordings, {})

    def recorded(self, *names: str) -> None:
        """These talk, and are recorded."""
        self.assertTalking(names)
        left, right = self.heard()
        self.assertEqual(left | right, set(names))

    def times(self) -> int:
        """So often somebody was told."""
        return self.world.voices.played.count("recorded")


class SetTests(ToldCase):
    """Calls that are recorded by what is set."""

    extensions: ClassVar[dict[str, Any]] = {"bob": {"on": True}}

    def test_both(self) -> None:
        """The caller hears it before it rings, the called party before the two are connected."""
        self.alice.dial("bob")
        self.world.run(1)
        self.tells(self.alice)
        self.assertEqual(self.bob.live, [])
        self.world.run(SECONDS + 1)
        self.tells(self.bob)
        self.world.run(SECONDS + 1)
        self.recorded("alice", "bob")
        self.assertEqual(self.times(), 2)
        self.over()

    def test_crash_while_it_rings(self) -> None:
        """The server dies while it rings for a caller who was told: both hear the end."""
        self.bob.manners.answers_after = None
        self.alice.dial("bob")
        self.world.run(SECONDS + 5)
        self.assertEqual((self.alice.session.state, self.bob.session.state), ("up", "called"))
        self.crash()
        self.world.run(10)
        self.assertEqual(self.alice.live + self.bob.live, [])
        self.over()

    def test_called_hangs_up(self) -> None:
        """Who hangs up while they are told has not talked: nothing is recorded."""
        self.alice.dial("bob")
        self.world.run(SECONDS + 2)
        self.tells(self.bob)
        self.bob.hang_up()
        self.world.run(2)
        self.assertEqual(self.alice.live, [])
        self.over()
        self.assertEqual(self.files(), [])

    def test_caller_hangs_up(self) -> None:
        """The caller leaves while the called party is told: that one hears an end."""
        self.alice.dial("bob")
        self.world.run(SECONDS + 2)
        self.tells(self.bob)
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual(self.bob.live, [])
        self.over()

    def test_holds_meanwhile(self) -> None:
        """Who puts the call on hold while they are told is granted that, and the call goes on."""
        self.alice.dial("bob")
        self.world.run(SECONDS + 2)
        self.bob.hold()
        self.world.run(SECONDS + 1)
        self.bob.resume()
        self.world.run(2)
        self.recorded("alice", "bob")
        self.over()

    def test_no_voice(self) -> None:
        """Who cannot be told is not recorded; they talk all the same."""
        self.alice.dial("bob")
        self.world.run(1)
        self.world.voices.broken = True
        self.world.run(SECONDS + 8)
        self.assertTalking(("alice", "bob"))
        self.assertEqual(self.world.relays.recordings, {})
        self.world.voices.broken = False
        self.over()

    def test_crash(self) -> None:
        """Recording × crash: those who were told are recorded further, and are not told again."""
        self.talk(to="bob")
        self.world.run(SECONDS + 3)
        self.recorded("alice", "bob")
        self.crash()
        self.world.run(10)
        self.recorded("alice", "bob")
        self.assertEqual(self.times(), 2)
        self.over()

    def test_transfer(self) -> None:
        """Recording × transfer: who is transferred in is told before they talk, the others not again."""
        self.talk(to="bob")
        self.world.run(SECONDS + 3)
        self.alice.session.transfer("carol")
        self.world.run(2.5)
        self.assertEqual(self.world.hears(self.carol), "recorded")
        self.world.run(SECONDS + 1)
        self.recorded("bob", "carol")
        self.assertEqual(self.times(), 3)
        self.over()

    def test_attended(self) -> None:
        """Recording × attended transfer: whom the transferor talked to before is told at once."""
        self.talk(to="bob")
        self.world.run(SECONDS + 3)
        self.alice.session.hold()
        self.world.run(1)
        self.alice.dial("carol")
        self.world.run(3)
        first, second = self.alice.sessions[0], self.alice.sessions[-1]
        first.transfer(replaces=second)
        self.world.run(1)
        self.assertEqual({self.world.hears(self.bob), self.world.hears(self.carol)}, {"recorded"})
        self.world.run(SECONDS + 2)
        self.recorded("bob", "carol")
        self.over()

    def test_park(self) -> None:
        """Recording × park: who takes the call from where it was parked is told, too."""
        self.talk(to="bob")
        self.world.run(SECONDS + 3)
        self.bob.session.transfer("701")
        self.world.run(2)
        self.carol.dial("701")
        self.world.run(1)
        self.assertEqual(self.world.hears(self.carol), "recorded")
        self.world.run(SECONDS + 2)
        self.recorded("alice", "carol")
        self.over()

    def test_early_media(self) -> None:
        """Where the caller hears early media of the called party, both are told as soon as they talk."""
        self.bob.manners.early_media = True
        self.talk(to="bob")
        self.world.run(1)
        self.assertEqual({self.world.hears(self.alice), self.world.hears(self.bob)}, {"recorded"})
        self.world.run(SECONDS + 2)
        self.recorded("alice", "bob")
        self.over()


class DemandTests(ToldCase):
    """Who may records in the middle of a call."""

    extensions: ClassVar[dict[str, Any]] = {"bob": {"may": True}}

    def begin(self, moment: float = 1) -> None:
        """Two talk, and the record key of a Yealink is pressed."""
        self.talk()
        self.bob.session.ask("INFO", [("Record", "on")])
        self.world.run(moment)

    def begin_without_key(self, moment: float) -> None:
        """Two talk, and are told when one resumes who has dialled a code: nobody asks for it again."""
        self.talk()
        self.bob.session.hold()
        self.world.run(1)
        self.bob.dial("*96")
        self.world.run(5)
        self.bob.sessions[0].resume()
        self.world.run(moment)

    def test_key(self) -> None:
        """Both hear it, then they talk on, by a relay from then on, and are recorded."""
        self.begin()
        self.tells(self.alice, self.bob)
        self.world.run(SECONDS)
        self.recorded("alice", "bob")
        self.over()

    def test_once(self) -> None:
        """Who knows is not told again when the same call is recorded a second time."""
        self.begin()
        self.world.run(SECONDS)
        for said in ("off", "on"):
            self.assertEqual(self.info(self.bob, said), 200)
        self.assertTalking(("alice", "bob"))
        self.assertEqual((self.times(), len(self.world.relays.recordings)), (2, 2))
        self.over()

    def test_called_off(self) -> None:
        """Record: off while they are told: they talk on, and nothing is recorded."""
        self.begin()
        self.assertEqual(self.info(self.bob, "off"), 200)
        self.assertTalking(("alice", "bob"))
        self.assertEqual(self.world.relays.recordings, {})
        self.over()

    def test_one_leaves(self) -> None:
        """Whoever leaves at whatever moment of it: the call is over, and nothing is left."""
        for moment in (0.0, 0.01, 0.02, 0.03, 0.05, 0.5, 1.9, 2.0, 2.01, 2.02, 2.03, 2.05, 2.1):
            for leaves in ("alice", "bob"):
                with self.anew(moment=moment, leaves=leaves):
                    self.world.voices.delay = 0.005
                    self.talk()
                    self.bob.session.ask("INFO", [("Record", "on")])
                    self.world.run(moment)
                    (self.alice if leaves == "alice" else self.bob).session.hang_up()
                    self.world.run(1)
                    self.assertEqual((self.alice.live, self.bob.live), ([], []))
                    self.assertEqual(self.world.voices.open_voices, set())
                    self.over()

    def test_worker_dies(self) -> None:
        """A worker dies before both are shown its voice: another one tells them, and they talk on."""
        for moment in (0.016, 0.018, 0.02, 0.03):
            with self.anew(moment=moment):
                self.world.voices.delay = 0.005
                self.talk()
                self.bob.session.ask("INFO", [("Record", "on")])
                self.world.run(moment)
                self.assertEqual(len(self.world.voices.open_voices), 2)
                self.world.voices.lose()
                self.world.run(SECONDS + 2)
                self.recorded("alice", "bob")
                self.over()

    def test_worker_dies_at_once(self) -> None:
        """A worker dies before it has a voice: they cannot be told, so they are not recorded, and talk on."""
        self.world.voices.delay = 0.005
        self.talk()
        self.bob.session.ask("INFO", [("Record", "on")])
        self.world.run(0.012)
        self.world.voices.lose()
        self.world.run(SECONDS + 2)
        self.assertTalking(("alice", "bob"))
        self.assertEqual(self.world.relays.recordings, {})
        self.over()

    def test_reload_meanwhile(self) -> None:
        """A reload in the moment in which a key is pressed loses neither what is wanted nor the answer."""
        for moment in (0.01, 0.011, 0.05):
            with self.anew(moment=moment):
                self.talk()
                answers: list[Response | None] = []
                self.bob.session.ask("INFO", [("Record", "on")], hear=answers.append)
                self.world.run(moment)
                self.world.reload()
                self.world.run(2 * SECONDS + 2)
                self.assertEqual([said.code for said in answers if said is not None], [200])
                self.recorded("alice", "bob")
                self.over()

    def test_ends_meanwhile(self) -> None:
        """A key that is pressed in the moment in which the other one hangs up leaves nothing that waits."""
        for said in ("on", "off"):
            with self.anew(said=said):
                self.world.relays.delay = 0.3
                self.talk()
                self.bob.session.ask("INFO", [("Record", said)])
                self.alice.session.hang_up()
                self.world.run(10)
                self.over()
                self.assertEqual(self.flushLoggedErrors(), [])

    def test_transfer_meanwhile(self) -> None:
        """Who transfers while they are told hears 491, and may do so afterwards (section 21.4.27)."""
        self.begin()
        self.alice.session.transfer("carol")
        self.world.run(SECONDS + 1)
        self.recorded("alice", "bob")
        self.over()

    def test_held(self) -> None:
        """Recorded by C{*96} with the call on hold: both are told when they talk again."""
        self.talk()
        self.bob.session.hold()
        self.world.run(1)
        self.bob.dial("*96")
        self.world.run(5)
        self.assertEqual(self.times(), 0)
        self.bob.sessions[0].resume()
        self.world.run(0.5)
        self.tells(self.alice, self.bob)
        self.world.run(SECONDS + 1)
        self.recorded("alice", "bob")
        self.over()

    def test_crash(self) -> None:
        """The server dies while they are told: they are told anew, talk on, and are recorded then."""
        for moment in (0.8, 1.0, 1.3, 1.8):
            with self.anew(moment=moment):
                self.begin(moment)
                self.crash()
                self.world.run(12)
                self.recorded("alice", "bob")
                self.over()

    def test_crash_without_key(self) -> None:
        """The server dies while they are told, and nobody asks for it again: they talk on."""
        for moment in (0.03, 0.05, 0.1, 0.2, 0.25, 0.3, 0.6, 0.9, 1.2, 1.4, 1.6, 1.8):
            with self.anew(moment=moment):
                self.begin_without_key(moment)
                self.crash()
                self.world.run(12)
                self.assertTalking(("alice", "bob"))
                self.over()

    def test_store_fails(self) -> None:
        """What is kept is written before they are told; a store that fails keeps nobody from being told."""
        self.talk()
        served = self.world.served
        assert served is not None and served.server.persistence is not None
        store = served.server.persistence.journal.store
        assert isinstance(store, MemoryStore)
        store.failing = "the disk is full"
        self.bob.session.ask("INFO", [("Record", "on")])
        self.world.run(0.5)
        self.tells(self.alice, self.bob)
        store.failing = None
        self.world.run(SECONDS)
        self.recorded("alice", "bob")
        self.over()

    def test_crash_and_refused(self) -> None:
        """Who refuses for a while to be shown the other one again is shown them later."""
        for refuses in ("alice", "bob"):
            with self.anew(refuses=refuses):
                self.begin_without_key(1.4)
                phone = self.alice if refuses == "alice" else self.bob
                phone.manners.change_code = 488
                self.crash()
                self.world.run(9)
                self.assertLess(len(self.world.talking()), 2)
                phone.manners.change_code = 200
                self.world.run(10)
                self.assertTalking(("alice", "bob"))
                self.over()

    def test_crash_and_hang_up(self) -> None:
        """Who is told hangs up while the server is down: the other one is told that it is over."""
        self.begin()
        served = self.world.served
        assert served is not None
        served.crash()
        self.world.run(0.5)
        self.alice.session.hang_up()
        self.world.run(1.5)
        served.restart()
        self.world.run(60)
        self.assertFalse(self.bob.session.busy)
        self.quiet()

    def test_refused(self) -> None:
        """A phone that understands no voice of ours cannot be told: it is not recorded; the two talk on."""
        self.alice.manners.change_code = 488
        self.begin()
        self.alice.manners.change_code = 200
        self.world.run(SECONDS + 2)
        self.assertTalking(("alice", "bob"))
        self.assertEqual(self.world.relays.recordings, {})
        self.over()

    def test_rings_for_ever(self) -> None:
        """Alice's phone lets each change ring and has its session yet (section 14.1); Bob has his again."""
        self.alice.manners.change_after = None
        self.begin()
        self.world.run(400)
        self.assertFalse(self.alice.session.busy or self.bob.session.busy)
        self.assertTalking(("alice", "bob"))
        self.over()


class WhomTests(ToldCase):
    """Whom the setting names."""

    extensions: ClassVar[dict[str, Any]] = {"alice": {"on": True}}
    whom: ClassVar[dict[str, tuple[int, int]]] = {
        "none": (0, 0),
        "callers": (0, 1),
        "outside": (1, 1),
        "all": (2, 2),
    }
    """How often somebody is told when Alice calls out, and when somebody from outside calls her."""

    def test_whom(self) -> None:
        """Nobody; callers from outside; everybody outside; everybody."""
        for whom, (out, called) in self.whom.items():
            for outgoing, times in ((True, out), (False, called)):
                with self.subTest(whom=whom, outgoing=outgoing):
                    self.settings = {
                        "recording": {"announce": whom},
                        "trunks": {"carrier": CARRIER},
                        "routes": [{"match": r"\+\d+", "trunk": "carrier"}],
                    }
                    self.setUp()
                    carrier = self.world.trunk(
                        "carrier", host="198.51.100.7", number="+4930123456", manners=Manners(answers_after=1)
                    )
                    self.alice.manners.answers_after = 1
                    (self.alice if outgoing else carrier).dial("+4930123456" if outgoing else "alice")
                    self.world.run(3 * SECONDS + 3)
                    self.assertTalking(("alice", "carrier"))
                    self.assertEqual(self.times(), times)
                    self.alice.hang_up()
                    self.over()

    def test_transferred_meanwhile(self) -> None:
        """Whom one consults is told just now when a transfer is asked for: they hear all of it."""
        self.settings = {
            "recording": {"announce": "outside"},
            "trunks": {"carrier": {**CARRIER, "recording": {"on": True}}},
            "routes": [{"match": r"\+\d+", "trunk": "carrier"}],
        }
        self.extensions = {}
        self.setUp()
        carrier = self.world.trunk(
            "carrier", host="198.51.100.7", number="+4930123456", manners=Manners(answers_after=1)
        )
        self.talk()
        self.bob.session.hold()
        self.world.run(1)
        self.bob.dial("+4930123456")
        self.world.run(2)
        self.assertEqual(self.world.hears(carrier), "recorded")
        first, second = self.bob.sessions[0], self.bob.sessions[-1]
        first.transfer(replaces=second)
        self.world.run(0.5)
        self.assertEqual(self.world.hears(carrier), "recorded")
        self.world.run(SECONDS + 4)
        self.recorded("alice", "carrier")
        self.assertEqual(self.times(), 1)
        self.alice.hang_up()
        self.over()

    def test_tone(self) -> None:
        """A tone in place of words."""
        self.settings = {"recording": {"announce": "all", "tone": True}}
        self.setUp()
        self.talk()
        self.assertEqual(self.world.voices.played[0], "tone")
        self.world.run(3 * SECONDS)
        self.over()
