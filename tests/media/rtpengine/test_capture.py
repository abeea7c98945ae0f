"""Recordings made of what an engine has written."""

from __future__ import annotations

import struct
import wave
from collections.abc import Iterable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.g711 import PCMA, PCMU
from b2bua.media.rtp import FRAME, RATE, Packet
from b2bua.media.rtpengine.capture import Recording, Work, make
from tests.media.tones import loudness, tone

BEGAN = 1_700_000_000.0
LEFT, RIGHT = 40_000, 40_002
FORMATS = {0: "PCMU/8000", 8: "PCMA/8000", 101: "telephone-event/8000", 4: "G723/8000"}


def ip4(port: int, payload: bytes) -> bytes:
    """A datagram in IPv4."""
    udp = struct.pack("!HHHH", 5000, port, 8 + len(payload), 0) + payload
    return struct.pack("!BBHHHBBH8x", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + udp


def ip6(port: int, payload: bytes) -> bytes:
    """A datagram in IPv6."""
    udp = struct.pack("!HHHH", 5000, port, 8 + len(payload), 0) + payload
    return struct.pack("!IHBB32x", 6 << 28, len(udp), 17, 64) + udp


def pcap(packets: Iterable[tuple[float, bytes]], order: str = "<", link: int = 101) -> bytes:
    """A file of libpcap."""
    text = struct.pack(f"{order}IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    for moment, packet in packets:
        record = packet if link == 101 else bytes(14) + packet
        seconds = int(moment)
        parts = round((moment - seconds) * 1e6)
        text += struct.pack(f"{order}IIII", seconds, parts, len(record), len(record)) + record
    return text


def said(port: int, frequency: int, first: float, seconds: float, kind: int = 8) -> list[tuple[float, bytes]]:
    """A tone as packets, from so many seconds after the beginning on."""
    pcm = (PCMU if kind == 0 else PCMA).encode(tone(seconds, frequency))
    write = ip6 if port == RIGHT else ip4
    return [
        (
            BEGAN + first + n * 0.02,
            write(port, bytes(Packet(kind, n, n * FRAME, port, pcm[n * FRAME : (n + 1) * FRAME]))),
        )
        for n in range(int(seconds * 50))
    ]


class CaptureTests(SynchronousTestCase):
    """L{make}."""

    def setUp(self) -> None:
        """Have a directory of an engine."""
        self.directory = Path(self.mktemp()).absolute()
        (self.directory / "pcaps").mkdir(parents=True)
        self.path = self.directory / "made.wav"

    def write(self, name: str, text: bytes) -> None:
        """Have the engine write a file."""
        (self.directory / "pcaps" / name).write_bytes(text)

    def make(self, seconds: float = 4.0, path: str = "") -> str:
        """Make the recording."""
        ports = {LEFT: ("a", FORMATS), RIGHT: ("b", FORMATS)}
        return make(
            Work(path or str(self.path), str(self.directory), "id", BEGAN, BEGAN + seconds, "a", ports)
        )

    def test_made_already(self) -> None:
        """When all is made there is nothing left to do; what was made stays as it is."""
        self.write("id-1.pcap", pcap(said(LEFT, 300, 0.0, 1.0)))
        self.assertEqual(self.make(), "")
        made = self.path.read_bytes()
        self.assertEqual((self.make(), self.path.read_bytes()), ("", made))

    def heard(self, begin: float, end: float, *frequencies: int) -> list[set[int]]:
        """Which tones are left and right between two moments of the recording."""
        with wave.open(str(self.path), "rb") as file:
            self.assertEqual((file.getnchannels(), file.getframerate(), file.getsampwidth()), (2, RATE, 2))
            file.setpos(int(begin * RATE))
            pcm = file.readframes(int((end - begin) * RATE))
        samples = struct.unpack(f"<{len(pcm) // 2}h", pcm)
        channels = [struct.pack(f"<{len(pcm) // 4}h", *samples[side::2]) for side in (0, 1)]
        return [{one for one in frequencies if loudness(channel, one) > 2000} for channel in channels]

    def loudest(self, begin: float, end: float) -> int:
        """The loudest sample on both sides between two moments."""
        with wave.open(str(self.path), "rb") as file:
            file.setpos(int(begin * RATE))
            pcm = file.readframes(int((end - begin) * RATE))
        return max(map(abs, struct.unpack(f"<{len(pcm) // 2}h", pcm)))

    def length(self) -> float:
        """Seconds of the recording."""
        with wave.open(str(self.path), "rb") as file:
            return file.getnframes() / RATE

    def test_two_sides(self) -> None:
        """The offering leg is left, the other one right, each at its time, as long as the call."""
        packets = sorted(said(LEFT, 300, 0.0, 2.0) + said(RIGHT, 600, 1.0, 3.0, kind=0))
        self.write("id-1.pcap", pcap(packets))
        self.assertEqual(self.make(), "")
        self.assertAlmostEqual(self.length(), 4.0, places=1)
        self.assertEqual(self.heard(0.2, 0.8, 300, 600), [{300}, set()])
        self.assertEqual(self.heard(1.3, 1.8, 300, 600), [{300}, {600}])
        self.assertEqual(self.heard(2.5, 3.5, 300, 600), [set(), {600}])
        self.assertEqual(list((self.directory / "pcaps").iterdir()), [])

    def test_told_of_the_call(self) -> None:
        """What the engine has written of the call beside its packets is removed, that of others is not."""
        self.write("id-1.pcap", pcap(said(LEFT, 300, 0.0, 1.0)))
        beside = self.directory / "metadata"
        beside.mkdir()
        for name in ("rtpengine-meta-id-1.txt", "rtpengine-meta-other-1.txt"):
            (beside / name).touch()
        self.assertEqual(self.make(1.0), "")
        self.assertEqual([path.name for path in beside.iterdir()], ["rtpengine-meta-other-1.txt"])

    def test_forms(self) -> None:
        """A file may have been written in the other order of bytes, and with headers of Ethernet."""
        self.write("id-1.pcap", pcap(said(LEFT, 300, 0.0, 2.0), ">", link=1))
        self.assertEqual(self.make(2.0), "")
        self.assertEqual(self.heard(0.5, 1.5, 300, 600), [{300}, set()])

    def test_pause(self) -> None:
        """A pause, for which there are two files, is silence of its length."""
        self.write("id-9.pcap", pcap(said(LEFT, 300, 0.0, 1.0)))
        self.write("id-1.pcap", pcap(said(LEFT, 600, 3.0, 1.0)))
        self.assertEqual(self.make(), "")
        self.assertEqual(self.heard(0.3, 0.8, 300, 600)[0], {300})
        self.assertEqual(self.heard(1.5, 2.8, 300, 600)[0], set())
        self.assertEqual(self.heard(3.4, 3.9, 300, 600)[0], {600})

    def test_long_pause(self) -> None:
        """What is said after a pause of a minute is heard a minute later, from its first packet on."""
        self.write("id-1.pcap", pcap(said(LEFT, 300, 0.0, 1.0)))
        self.write("id-2.pcap", pcap(said(LEFT, 600, 61.0, 0.5)))
        self.assertEqual(self.make(62.0), "")
        self.assertEqual(self.loudest(1.2, 60.9), 0)
        self.assertEqual(self.heard(61.1, 61.4, 300, 600)[0], {600})

    def test_not_ours(self) -> None:
        """What the engine has written and may not be read, or not be removed, is named with the reason."""
        self.write("id-1.pcap", pcap(said(LEFT, 300, 0.0, 1.0)))

        def refuse(path: Path, *how: object, **rest: object) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        self.patch(Path, "unlink", refuse)
        self.assertIn("id-1.pcap cannot be removed: Permission denied", self.make(1.0))
        self.assertEqual(self.heard(0.3, 0.8, 300)[0], {300})
        self.patch(Path, "open", refuse)
        self.assertIn("id-1.pcap: Permission denied", self.make(1.0))

    def test_others(self) -> None:
        """RTCP, keys, other ports, other calls' files, fragments and rubbish are no voice."""
        packets = said(LEFT, 300, 0.0, 1.0)
        key = bytes(Packet(101, 1, 1, 1, b"\5\x8a\0\xa0"))
        fragment = bytearray(packets[0][1])
        fragment[6] = 0x20
        elsewhere = ip4(LEFT + 10, packets[0][1][28:])
        rtcp = ip4(LEFT, b"\x80\xc8" + bytes(30))
        for moment, data in (
            (0.1, ip4(LEFT, key)),
            (0.1, rtcp),
            (0.2, b""),
            (0.2, bytes(90)),
            (0.3, elsewhere),
            (0.3, bytes(fragment)),
        ):
            packets.append((BEGAN + moment, data))
        self.write("id-1.pcap", pcap(packets))
        self.write("other-1.pcap", pcap(said(LEFT, 600, 0.0, 1.0)))
        self.assertEqual(self.make(1.0), "")
        self.assertEqual(self.heard(0.3, 0.8, 300, 600), [{300}, set()])
        self.assertEqual([path.name for path in (self.directory / "pcaps").iterdir()], ["other-1.pcap"])

    def test_cut(self) -> None:
        """Of a file that was cut off, as by a power failure, what there is is heard."""
        whole = pcap(said(LEFT, 300, 0.0, 2.0))
        self.write("id-1.pcap", whole[: len(whole) // 2 + 3])
        self.write("id-2.pcap", b"rubbish")
        self.assertEqual(self.make(2.0), "")
        self.assertEqual(self.heard(0.2, 0.8, 300)[0], {300})
        self.assertEqual(self.heard(1.3, 1.9, 300)[0], set())

    def test_not_understood(self) -> None:
        """A codec that cannot be decoded is silence, and named."""
        self.write("id-1.pcap", pcap(said(LEFT, 300, 0.0, 1.0, kind=4)))
        self.assertIn("G723", self.make(1.0))
        self.assertEqual(self.heard(0.0, 1.0, 300), [set(), set()])

    def test_nothing(self) -> None:
        """Where the engine has written nothing the recording is silence, and it is said."""
        self.assertIn("nothing", self.make(1.0))
        self.assertAlmostEqual(self.length(), 1.0, places=1)

    def test_no_place(self) -> None:
        """Where a recording cannot be written the reason is said, and what the engine has written stays."""
        self.write("id-1.pcap", pcap(said(LEFT, 300, 0.0, 1.0)))
        self.assertIn("No such file", self.make(1.0, "/nowhere/made.wav"))
        self.assertEqual(len(list((self.directory / "pcaps").iterdir())), 1)

    def test_clock_jumps(self) -> None:
        """A clock that somebody sets makes the recording neither shorter nor longer than the call."""
        packets = said(LEFT, 300, 0.0, 1.0) + said(LEFT, 300, -3600.0, 0.5) + said(LEFT, 300, 90_000.0, 0.5)
        self.write("id-1.pcap", pcap(packets))
        self.make(2.0)
        self.assertAlmostEqual(self.length(), 2.0, places=1)


class RecordingTests(SynchronousTestCase):
    """L{Recording}."""

    def test_written_down(self) -> None:
        """It comes back as it was written down."""
        recording = Recording("/rec/1.wav", BEGAN, "a")
        recording.ports[LEFT] = "a", FORMATS
        again = Recording.restored(recording.state())
        self.assertEqual(again.work("/d", "id", BEGAN + 1), recording.work("/d", "id", BEGAN + 1))
