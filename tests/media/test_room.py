"""Several parties who hear each other."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.endpoint import Endpoint
from b2bua.media.g711 import PCMA, level
from b2bua.media.negotiation import Agreed
from b2bua.media.room import Room
from b2bua.media.rtp import FRAME, Packet
from b2bua.media.sounds import FRAME_BYTES, Sound
from tests.media.tones import loudness, tone

LOW, MIDDLE, HIGH = 400, 1000, 1700
SECONDS = 0.5


class RoomTests(SynchronousTestCase):
    """L{Room}."""

    def setUp(self) -> None:
        """Three parties, each with a tone of its own."""
        self.room = Room()
        self.parties = [
            Endpoint(Agreed(PCMA, 8, 101, "192.0.2.1", 4000 + at, sends=True, hears=True), at, 0, 0)
            for at in range(3)
        ]
        self.says = dict(zip(self.parties, (LOW, MIDDLE, HIGH), strict=True))

    def talk(self) -> list[bytes]:
        """Let all speak at once; what each of them hears."""
        heard = [b""] * len(self.parties)
        samples = [PCMA.encode(tone(SECONDS, self.says[one])) for one in self.parties]
        for turn in range(len(samples[0]) // FRAME):
            for at, one in enumerate(self.parties):
                frame = samples[at][turn * FRAME : (turn + 1) * FRAME]
                one.receive(
                    bytes(Packet(8, turn, turn * FRAME, at, frame)), (one.agreed.host, one.agreed.port)
                )
                one.listen()
            self.room.mix()
            for at, one in enumerate(self.parties):
                data, _ = one.speak()
                packet = None if data is None else Packet.parse(data)
                heard[at] += b"" if packet is None else PCMA.decode(packet.payload)
        return heard

    def hears(self, pcm: bytes) -> set[int]:
        """Which of the tones are in it."""
        return {frequency for frequency in (LOW, MIDDLE, HIGH) if loudness(pcm, frequency) > 1000}

    def test_three(self) -> None:
        """Each hears the two others, and not itself."""
        for one in self.parties:
            self.room.join(one, muted=False)
        found = [self.hears(pcm) for pcm in self.talk()]
        self.assertEqual(found, [{MIDDLE, HIGH}, {LOW, HIGH}, {LOW, MIDDLE}])

    def test_muted(self) -> None:
        """Who is muted hears, and is not heard."""
        for one in self.parties:
            self.room.join(one, muted=one is self.parties[0])
        found = [self.hears(pcm) for pcm in self.talk()]
        self.assertEqual(found, [{MIDDLE, HIGH}, {HIGH}, {MIDDLE}])
        self.room.join(self.parties[0], muted=False)
        self.assertEqual(self.hears(self.talk()[1]), {LOW, HIGH})

    def test_leaves(self) -> None:
        """Who has left hears nothing, and is heard by nobody."""
        for one in self.parties:
            self.room.join(one, muted=False)
        self.room.leave(self.parties[1])
        heard = self.talk()
        self.assertEqual([self.hears(pcm) for pcm in heard], [{HIGH}, set(), {LOW}])
        self.assertEqual(heard[1], b"")

    def test_played_to_all(self) -> None:
        """What is played to all is heard by all, and then it is over."""
        for one in self.parties[:2]:
            self.room.join(one, muted=True)
        self.room.play(Sound(tone(0.1, HIGH)))
        heard = self.talk()
        self.assertEqual([self.hears(pcm[: 5 * FRAME_BYTES]) for pcm in heard[:2]], [{HIGH}, {HIGH}])
        self.assertLess(level(heard[0][5 * FRAME_BYTES :]), 50)

    def test_alone(self) -> None:
        """Who is alone hears silence, which is sent, so that no phone misses its media."""
        self.room.join(self.parties[0], muted=False)
        heard = self.talk()[0]
        self.assertEqual((len(heard), level(heard) < 50), (int(SECONDS * 8000) * 2, True))

    def test_too_loud(self) -> None:
        """Who shout at once are cut, not wrapped around."""
        shout = b"\xff\x7f" * FRAME
        for one in self.parties:
            self.room.join(one, muted=False)
            one.heard = shout
        self.room.mix()
        self.assertEqual(self.parties[0].others, shout)
