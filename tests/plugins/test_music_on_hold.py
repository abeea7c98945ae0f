"""Music on hold: who hears what while they wait, and that they talk again afterwards."""

from __future__ import annotations

from typing import Any, ClassVar

from b2bua.calls.restoring.recovery import FIRST
from b2bua.store.memory import MemoryStore
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.media import Media
from b2bua_plugins.attended_transfer import AttendedTransfer
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.music_on_hold import MusicOnHold
from b2bua_plugins.park import Park
from b2bua_plugins.pickup import Pickup


class MusicCase(LadderTestCase):
    """Alice talks to Bob; a voice takes a moment to come."""

    settings: ClassVar[dict[str, Any]] = {"music_on_hold": {}}
    delay = 0.005

    def make_world(self) -> World:
        """Music, transfers, orbits, and a store."""
        park = {"park": {"orbits": "701-703", "seconds": 60}}
        features = [MusicOnHold, AttendedTransfer, BlindTransfer, Park, Pickup]
        return World(features=features, settings={**park, **self.settings}, store=MemoryStore())

    def setUp(self) -> None:
        """Let them talk."""
        super().setUp()
        self.world.voices.delay = self.delay
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=1)
        )
        self.alice.dial("bob")
        self.world.run(2)
        self.assertTalking(("alice", "bob"))

    def listened(self) -> bool:
        """Is somebody wherever Bob sends to?"""
        ears = {(voice.host, voice.port) for voice in self.world.voices.open_voices}
        return self.bob.session.media.sends_to() in {*ears, self.alice.session.media.receives_at(), None}

    def held(self) -> None:
        """Alice holds whom she talks to, and whatever comes of that has come."""
        self.alice.hold()
        self.world.run(1)

    def taken_back(self) -> None:
        """Alice takes back whom she holds, and they talk."""
        self.alice.session.resume()
        self.world.run(1)
        self.assertTalking(("alice", "bob"))

    def over(self) -> None:
        """Everybody hangs up; nothing is left, no voice either."""
        for phone in (self.alice, self.bob, self.carol):
            for session in list(phone.live):
                session.hang_up()
        self.world.run(2)
        self.assertEqual(self.world.voices.open_voices, set())
        self.quiet()


class HoldTests(MusicCase):
    """One party holds the other."""

    def test_hold_and_resume(self) -> None:
        """Whom Alice holds hears music, and Alice again when she takes him back."""
        self.held()
        self.assertEqual(self.world.hears(self.bob), "music")
        self.assertEqual(self.world.hears(self.alice), "")
        self.assertFalse(self.bob.hears(self.alice))
        self.taken_back()
        self.assertEqual(self.world.voices.open_voices, set())
        self.over()

    def test_other_side(self) -> None:
        """Whom is called may hold as well; so may both, and then nobody hears music that is not wanted."""
        self.bob.hold()
        self.world.run(1)
        self.assertEqual(self.world.hears(self.alice), "music")
        self.held()
        self.bob.session.resume()
        self.world.run(1)
        self.assertEqual(self.world.hears(self.bob), "music")
        self.assertEqual(self.world.hears(self.alice), "")
        self.taken_back()
        self.over()

    def test_hold_in_an_ack(self) -> None:
        """Who asks for an offer may hold by its answer, in the ACK, and resume so (section 13.2.1)."""
        for wish, heard in (("sendonly", "music"), ("sendrecv", "")):
            self.alice.session.reinvite(offer=False, wish=wish)
            self.world.run(1)
            self.assertEqual(self.world.hears(self.bob), heard)
        self.assertTalking(("alice", "bob"))
        self.over()

    def test_resume_refused(self) -> None:
        """A resume that is refused is none (section 14.2): a change of who is held leaves the music on."""
        self.held()
        self.bob.manners.change_code = 488
        self.alice.session.resume()
        self.world.run(1)
        self.bob.manners.change_code = 200
        self.alice.session.media.wish = "sendonly"
        self.bob.session.move_media()
        self.world.run(1)
        self.assertEqual(self.world.hears(self.bob), "music")
        self.taken_back()
        self.over()

    def test_held_party_refreshes(self) -> None:
        """A re-INVITE of who is held is answered by the phone that holds, and the music goes on."""
        self.held()
        self.bob.session.move_media()
        self.world.run(1)
        self.assertEqual(self.world.hears(self.bob), "music")
        self.bob.session.reinvite(offer=False)
        self.world.run(1)
        self.assertEqual(self.world.hears(self.bob), "music")
        self.taken_back()
        self.over()

    def test_crossing(self) -> None:
        """A hold that crosses a change of the other side waits for it (RFC 3261 section 14.1)."""
        for moment in (0.0, 0.005, 0.01, 0.015, 0.02):
            self.alice.hold()
            self.world.run(moment)
            if not self.bob.session.busy:
                self.bob.session.move_media()
            self.world.run(10)
            self.assertEqual(self.world.hears(self.bob), "music")
            self.alice.session.resume()
            self.world.run(10)
            self.assertTalking(("alice", "bob"))
        self.over()

    def test_withdrawn(self) -> None:
        """Who gives up a change while the voice is on its way hears it all the same (section 14.1)."""
        for delay in (0.0, 0.05, 0.3):
            self.world.voices.delay = delay
            for changed in (0.005, 0.015, 0.02, 0.03, 0.1, 0.28):
                for given_up in (0.01, 0.05, 0.2, 0.29):
                    with self.subTest((delay, changed, given_up)):
                        self.alice.hold()
                        self.world.run(changed)
                        if not self.bob.session.busy:
                            self.bob.session.move_media()
                        self.world.run(given_up)
                        self.bob.session.withdraw()
                        self.world.run(10)
                        self.assertEqual(self.world.hears(self.bob), "music")
                        self.alice.session.resume()
                        self.world.run(10)
                        self.assertTalking(("alice", "bob"))
        self.over()

    def test_hangs_up(self) -> None:
        """Who hangs up on hold takes the voice along."""
        self.held()
        self.bob.hang_up()
        self.world.run(1)
        self.assertEqual(self.alice.live, [])
        self.over()

    def test_hangs_up_at_once(self) -> None:
        """A party that leaves while the voice is on its way leaves nothing behind."""
        self.alice.hold()
        self.world.run(0.012)
        self.bob.hang_up()
        self.world.run(1)
        self.over()

    def test_no_voice(self) -> None:
        """Without a voice a hold is what it was before."""
        self.world.voices.broken = True
        self.held()
        self.assertEqual(self.bob.session.media.ours.streams[0].direction, "recvonly")
        self.taken_back()
        self.over()

    def test_refused(self) -> None:
        """A phone that refuses the voice is held in silence, if it takes that."""
        self.bob.manners.change_code = 488
        self.held()
        self.bob.manners.change_code = 200
        self.taken_back()
        self.over()

    def test_worker_dies(self) -> None:
        """The music goes on from another worker."""
        self.held()
        self.world.voices.lose()
        self.world.run(1)
        self.assertEqual(self.world.hears(self.bob), "music")
        self.taken_back()
        self.over()

    def test_codecs_come_back(self) -> None:
        """After the music the other phone is offered all that this one can do, not what the voice could."""
        theirs = self.alice.session.media.theirs
        assert theirs is not None
        self.held()
        self.alice.session.transfer("carol")
        self.world.run(4)
        offered = self.carol.session.media.theirs
        assert offered is not None
        self.assertEqual(offered.streams[0].formats, theirs.streams[0].formats)
        self.assertTalking(("bob", "carol"))
        self.over()


class TransferTests(MusicCase):
    """Transfers, in which nobody waits in silence."""

    def test_blind(self) -> None:
        """Who is transferred hears ringing until the target answers."""
        self.carol.manners.answers_after = 3
        self.bob.session.transfer("carol")
        self.world.run(1)
        self.assertEqual(self.world.hears(self.alice), "ringing")
        self.world.run(4)
        self.assertTalking(("alice", "carol"))
        self.over()

    def test_held_before(self) -> None:
        """Who was held before the transfer hears music, then ringing, then the target."""
        self.carol.manners.answers_after = 3
        self.bob.hold()
        self.world.run(1)
        self.assertEqual(self.world.hears(self.alice), "music")
        self.bob.session.transfer("carol")
        self.world.run(1)
        self.assertEqual(self.world.hears(self.alice), "ringing")
        self.world.run(4)
        self.assertTalking(("alice", "carol"))
        self.over()

    def test_video_rejected(self) -> None:
        """The target rejects video, and calls that stream inactive: that is no hold (RFC 3264 section 6)."""
        self.patch(Media, "rejected_inactive", True)
        self.alice.kinds = self.alice.knows = ("audio", "video")
        self.bob.knows = self.carol.knows = ("audio",)
        self.over()
        for holds in (False, True):
            self.alice.dial("bob")
            self.world.run(2)
            if holds:
                self.bob.hold()
                self.world.run(1)
            self.bob.session.transfer("carol")
            self.world.run(5)
            self.assertTalking(("alice", "carol"))
            self.assertEqual(self.world.hears(self.alice), "")
            (call,) = self.world.served.server.core.calls.going.values()
            self.assertEqual(call.holders, frozenset())
            self.over()

    def test_target_fails(self) -> None:
        """The target is busy, and the transferor is still there: the two talk again."""
        self.carol.manners.refuses = 486
        self.bob.session.transfer("carol")
        self.world.run(3)
        self.assertTalking(("alice", "bob"))
        self.over()

    def test_survivor_holds(self) -> None:
        """
        The survivor holds while a voice is on its way to it, and the transfer has failed already.

        All that was to be said to it is told that its change comes first, so that
        the two are joined after all (RFC 3261 section 14.1).
        """
        for moment in (0.0, 0.002, 0.004):
            with self.anew(moment):
                self.alice.session.transfer("nobody")
                self.world.run(moment)
                self.bob.hold()
                self.world.run(10)
                self.assertFalse(self.bob.hears(self.alice))
                self.bob.session.resume()
                self.world.run(5)
                self.assertTalking(("alice", "bob"))
                self.over()

    def test_survivor_holds_and_change_is_given_up(self) -> None:
        """
        A transfer fails, the survivor holds, and the transferor gives up a change (section 14.1).

        It was answered in nobody's stead, and that answer waits for a voice: the
        CANCEL wants no other one.
        """
        for moment in (0.1, 0.32, 0.33, 0.34, 0.35, 0.36):
            with self.anew(moment):
                self.world.voices.delay = 0.3
                self.carol.manners.answers_after = None
                self.bob.session.transfer("carol")
                self.world.run(1)
                self.alice.hold()
                self.world.run(1)
                self.carol.session.refuse(486)
                self.world.run(moment)
                self.bob.session.move_media()
                self.world.run(0.02)
                self.bob.session.withdraw()
                self.world.run(10)
                self.assertTrue(self.listened())
                self.over()

    def test_attended_by_who_is_held(self) -> None:
        """Alice holds Bob, who transfers her to Carol: now Carol is held, and hears music."""
        self.held()
        self.bob.dial("carol")
        self.world.run(2)
        first, second = self.bob.live
        first.transfer(replaces=second)
        self.world.run(3)
        self.assertEqual(self.world.hears(self.carol), "music")
        self.alice.session.resume()
        self.world.run(1)
        self.assertTalking(("alice", "carol"))
        self.over()

    def test_attended(self) -> None:
        """Alice hears music while Bob asks Carol, and then talks to Carol."""
        self.bob.hold()
        self.world.run(1)
        self.bob.dial("carol")
        self.world.run(2)
        self.assertEqual(self.world.hears(self.alice), "music")
        first, second = self.bob.live
        first.transfer(replaces=second)
        self.world.run(3)
        self.assertTalking(("alice", "carol"))
        self.over()


class ParkTests(MusicCase):
    """Orbits."""

    settings: ClassVar[dict[str, Any]] = {"music_on_hold": {"numbers": {"702": "silence"}}}

    def test_parked(self) -> None:
        """Park × music on hold: who is parked hears music, and talks to who takes the call."""
        self.bob.session.transfer("701")
        self.world.run(2)
        self.assertEqual(self.world.hears(self.alice), "music")
        self.carol.dial("701")
        self.world.run(2)
        self.assertTalking(("alice", "carol"))
        self.over()

    def test_crossing(self) -> None:
        """A re-INVITE of who is parked crosses the REFER: two reasons for a voice wait, and one counts."""
        for delay in (0.0, 0.005, 0.3):
            for moment in (0.0, 0.005, 0.01, 0.015, 0.02, 0.03):
                with self.anew((delay, moment)):
                    self.world.voices.delay = delay
                    self.alice.session.move_media()
                    self.world.run(moment)
                    self.bob.session.transfer("701")
                    self.world.run(5)
                    self.assertEqual(self.world.hears(self.alice), "music")
                    self.over()

    def test_change_given_up(self) -> None:
        """A re-INVITE that is given up changes nothing: the music is heard where it was (section 14.1)."""
        self.bob.session.transfer("701")
        self.world.run(2)
        self.world.voices.delay = 0.3
        self.alice.session.move_media()
        self.world.run(0.1)
        self.alice.session.withdraw()
        self.world.run(2)
        self.assertEqual(self.world.hears(self.alice), "music")
        self.over()

    def test_orbit(self) -> None:
        """An orbit may have music of its own."""
        self.bob.session.transfer("702")
        self.world.run(2)
        self.assertEqual(self.world.hears(self.alice), "silence")
        self.over()


class OwnTests(MusicCase):
    """What is said of extensions, groups and trunks."""

    settings: ClassVar[dict[str, Any]] = {
        "music_on_hold": {"file": "silence"},
        "extensions": {
            "alice": {"music_on_hold": {"file": "phone"}},
            "bob": {"music_on_hold": {"file": "music"}},
        },
    }

    def test_extension(self) -> None:
        """Whom Alice holds hears her phone, whom Bob holds hears music."""
        self.held()
        self.assertEqual(self.world.voices.open_voices, set())
        self.alice.session.resume()
        self.world.run(1)
        self.bob.hold()
        self.world.run(1)
        self.assertEqual(self.world.hears(self.alice), "music")
        self.over()


class KeptTests(MusicCase):
    """The server dies, or another process takes its place, while somebody waits."""

    def crash(self) -> None:
        """What is up is kept; then the server is gone for a while."""
        served = self.world.served
        assert served is not None
        self.world.run(4)
        served.crash()
        self.assertEqual(self.world.voices.open_voices, set())
        self.world.run(2)
        self.assertEqual(served.restart().restored, 1)

    def restart(self) -> None:
        """Another process takes over, and is left alone."""
        served = self.world.served
        assert served is not None
        self.world.run(4)
        served.hand_over()

    def test_held(self) -> None:
        """Who was held when the server died hears music again, and then the other one (RFC 3261 14.1)."""
        for holder, held in ((self.alice, self.bob), (self.bob, self.alice)):
            holder.hold()
            self.crash()
            self.assertEqual(self.world.hears(held), "")
            self.world.run(FIRST + 1)
            self.assertEqual((self.world.hears(held), self.world.hears(holder)), ("music", ""))
            holder.session.resume()
            self.world.run(1)
            self.assertTalking(("alice", "bob"))
        self.over()

    def test_resumed_at_once(self) -> None:
        """Whoever is taken back before there is music again talks, and hears none."""
        self.alice.hold()
        self.crash()
        self.alice.session.resume()
        self.world.run(FIRST + 1)
        self.assertTalking(("alice", "bob"))
        self.over()

    def test_resumed_meanwhile(self) -> None:
        """The same in the moment in which the voice is offered."""
        for moment in (0.0, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04):
            self.alice.hold()
            self.crash()
            self.world.run(FIRST + moment)
            self.alice.session.resume()
            self.world.run(10)
            self.assertTalking(("alice", "bob"))
            self.assertEqual(self.world.voices.open_voices, set())
        self.over()

    def test_in_the_midst(self) -> None:
        """A voice waits for a change that is open: each answer is that of its own offer (RFC 3264 4)."""
        self.alice.hold()
        self.crash()
        self.world.run(FIRST - 0.02)
        self.alice.session.reinvite(offer=False, wish="sendonly")
        self.world.run(8)
        self.assertEqual(self.world.hears(self.bob), "music")
        self.held()
        self.assertEqual(self.world.hears(self.bob), "music")
        self.taken_back()
        self.over()

    def test_both_hold(self) -> None:
        """Of two that hold each other the one that is back first hears music."""
        self.held()
        self.bob.hold()
        self.crash()
        self.world.run(FIRST + 1)
        self.assertEqual((self.world.hears(self.alice), self.world.hears(self.bob)), ("", ""))
        self.bob.session.resume()
        self.world.run(1)
        self.assertEqual((self.world.hears(self.alice), self.world.hears(self.bob)), ("", "music"))
        self.taken_back()
        self.over()

    def test_transferred(self) -> None:
        """Who hears a voice since they are being transferred talks again to who transfers them."""
        self.carol.manners.answers_after = None
        for after in (2, 20):
            self.bob.session.transfer("carol")
            self.world.run(after)
            self.assertEqual(self.world.hears(self.alice), "ringing")
            self.crash()
            self.world.run(FIRST + 2)
            self.assertTalking(("alice", "bob"))
        self.over()

    def test_parked(self) -> None:
        """Who is parked hears music again, and talks to who takes the call."""
        self.alice.session.transfer("701")
        self.crash()
        self.world.run(FIRST + 1)
        self.assertEqual(self.world.hears(self.bob), "music")
        self.carol.dial("701")
        self.world.run(2)
        self.assertTalking(("bob", "carol"))
        self.over()

    def test_connection(self) -> None:
        """A phone whose connection was lost hears music when it is back."""
        dave = self.world.phone("dave", manners=Manners(answers_after=1), transport="TCP")
        dave.register()
        self.alice.hang_up()
        self.world.run(2)
        self.alice.dial("dave")
        self.world.run(2)
        self.alice.hold()
        self.crash()
        self.world.run(FIRST + 3)
        self.assertEqual(self.world.hears(dave), "")
        dave.register()
        self.world.run(4)
        self.assertEqual(self.world.hears(dave), "music")
        self.alice.session.resume()
        self.world.run(1)
        self.assertTalking(("alice", "dave"))
        dave.hang_up()
        self.world.run(1)
        self.over()

    def test_gone(self) -> None:
        """Who has hung up while the server was away is told to nobody but the one that holds."""
        self.alice.hold()
        self.world.run(4)
        served = self.world.served
        assert served is not None
        served.crash()
        self.bob.hang_up()
        self.world.run(40)
        served.restart()
        self.world.run(FIRST + 2)
        self.assertEqual(self.alice.live, [])
        self.over()

    def test_no_voice(self) -> None:
        """A server that has no voice any more lets them wait in silence."""
        self.alice.hold()
        self.world.run(4)
        self.world.voices.broken = True
        self.crash()
        self.world.run(FIRST + 1)
        self.assertEqual(self.world.hears(self.bob), "")
        self.taken_back()
        self.over()

    def test_another_process(self) -> None:
        """With C{b2bua restart} the music goes on from the new process within a second."""
        self.alice.hold()
        self.restart()
        self.world.run(1)
        self.assertEqual(self.world.hears(self.bob), "music")
        self.world.run(40)
        self.assertEqual(self.world.hears(self.bob), "music")
        self.assertEqual(len(self.world.voices.open_voices), 1)
        self.taken_back()
        self.over()

    def test_codecs_come_back(self) -> None:
        """What a phone can do beyond our voice is known after a crash, too: a transfer offers all of it."""
        theirs = self.alice.session.media.theirs
        assert theirs is not None
        self.alice.hold()
        self.crash()
        self.alice.session.transfer("carol")
        self.world.run(4)
        offered = self.carol.session.media.theirs
        assert offered is not None
        self.assertEqual(offered.streams[0].formats, theirs.streams[0].formats)
        self.assertTalking(("bob", "carol"))
        self.over()
