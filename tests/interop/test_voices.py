"""The engine for voices, with its workers and real sockets."""

from __future__ import annotations

import os
import resource
import signal
import socket
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from b2bua.media import negotiation, sounds
from b2bua.media.g711 import PCMA, level
from b2bua.media.growing import rescue
from b2bua.media.ports import Happened, NoVoice, VoiceLost
from b2bua.media.rtp import FRAME, RATE, Packet
from b2bua.net.voices import Voices
from b2bua.wire.sdp import Sdp
from tests.interop.processes import LIMIT, TIMEOUT
from tests.media.tones import loudness, tone

reactor: Any = _reactor
HOST = "127.0.0.1"


class Party(DatagramProtocol):
    """Hears, and says again what it hears."""

    def __init__(self, *, echo: bool = False) -> None:
        """Hear nothing yet."""
        self.heard: list[Packet] = []
        self._echo = echo

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Hear a packet."""
        packet = Packet.parse(datagram)
        if packet is not None:
            self.heard.append(packet)
            if self._echo and self.transport is not None:
                self.transport.write(bytes(packet._replace(ssrc=66)), addr)


class Reported(DatagramProtocol):
    """Hears reports."""

    def __init__(self) -> None:
        """Hear nothing yet."""
        self.came: list[bytes] = []

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Hear one."""
        self.came.append(datagram)


class Speaker(Party):
    """Says a tone: a frame whenever it hears one."""

    def __init__(self, frequency: int) -> None:
        """Have something to say for ten seconds."""
        super().__init__()
        self.frequency = frequency
        self._says = PCMA.encode(tone(10.0, frequency))

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Hear a packet, and answer it."""
        super().datagramReceived(datagram, addr)
        number = len(self.heard)
        frame = self._says[(number - 1) * FRAME : number * FRAME]
        if self.transport is not None:
            self.transport.write(bytes(Packet(8, number, number * FRAME, 66, frame)), addr)

    def tones(self, *frequencies: int) -> set[int]:
        """Which of these it hears by now: in the last half second."""
        pcm = b"".join(PCMA.decode(packet.payload) for packet in self.heard[-25:])
        return {frequency for frequency in frequencies if loudness(pcm, frequency) > 1500}


def computed(pid: int) -> float:
    """Seconds that a process has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class VoicesTests(TestCase):
    """L{Voices}."""

    timeout = TIMEOUT

    def setUp(self) -> None:
        """Make a sound, and an engine."""
        self.sound = Path(self.mktemp()).absolute()
        sounds.save(self.sound, tone(0.6))
        self.voices = Voices(reactor, (30_000, 32_000))
        self.addCleanup(self.ended)
        self.happened: list[Happened] = []
        self._wanted: dict[str, Deferred[Happened]] = {}

    def ended(self) -> Deferred[None]:
        """End the workers, and wait until they are gone."""
        self.voices.stop()
        return self.voices.gone

    def hear(self, happened: Happened) -> None:
        """Note what happens."""
        self.happened.append(happened)
        waits = self._wanted.pop(happened.what, None)
        if waits is not None:
            waits.callback(happened)

    def until(self, what: str) -> Deferred[Happened]:
        """Wait for something to happen."""
        self._wanted[what] = Deferred()
        return self._wanted[what]

    def listen(self, party: Party) -> bytes:
        """Open the party's port, and give its offer."""
        port = reactor.listenUDP(0, party, interface=HOST)
        self.addCleanup(port.stopListening)
        return negotiation.offer(HOST, port.getHost().port)

    async def test_plays(self) -> None:
        """A sound is heard from its beginning to its end, in the right order, by a process of its own."""
        party = Party()
        voice = await self.voices.open(HOST, self.hear, self.listen(party))
        played = self.until("played")
        self.assertAlmostEqual(await voice.play(str(self.sound)), 0.6, places=1)
        await played
        while len(party.heard) < 25:  # what is still on its way
            await deferLater(reactor, 0.02)
        numbers = [(packet.seq - party.heard[0].seq) & 0xFFFF for packet in party.heard]
        self.assertEqual(numbers, sorted(numbers))
        self.assertGreater(level(PCMA.decode(party.heard[10].payload)), 4000)
        voice.close()

    async def test_records(self) -> None:
        """What a party says is in the file when the recording ends; silence ends it, in whole seconds too."""
        party = Party(echo=True)
        voice = await self.voices.open(HOST, self.hear, self.listen(party))
        path = Path(self.mktemp()).absolute()
        recorded = self.until("recorded")
        await voice.play(str(self.sound))
        voice.record(str(path), 20, silence=1)
        self.assertEqual((await recorded).detail, "silence")
        pcm = sounds.load(path)
        seconds = len(pcm) / 2 / RATE
        self.assertGreater(seconds, 0.3)
        self.assertLess(seconds, 1.4, "the second of silence is in the file")
        self.assertGreater(max(level(pcm[at : at + 2 * FRAME]) for at in range(0, len(pcm), 2 * FRAME)), 4000)
        voice.close()

    async def test_party_leaves(self) -> None:
        """What was said before a party left is kept."""
        party = Party(echo=True)
        voice = await self.voices.open(HOST, self.hear, self.listen(party))
        path = Path(self.mktemp()).absolute()
        played, recorded = self.until("played"), self.until("recorded")
        voice.record(str(path), 20.0)
        await voice.play(str(self.sound))
        await played
        voice.end_recording()
        self.assertEqual((await recorded).detail, "left")
        self.assertGreater(len(sounds.load(path)) / 2 / RATE, 0.3)
        self.assertFalse(sounds.part_of(path).exists())
        voice.close()

    async def test_killed_while_recording(self) -> None:
        """What a worker had recorded when it was killed is on the disk, two seconds at a time."""
        party = Party(echo=True)
        sounds.save(self.sound, tone(4.0))
        voice = await self.voices.open(HOST, self.hear, self.listen(party))
        path = Path(self.mktemp()).absolute()
        played, gone = self.until("played"), self.until("nobody")
        voice.record(str(path), 20.0)
        await voice.play(str(self.sound))
        await played
        (pid,) = self.voices.pids
        os.kill(pid, signal.SIGKILL)
        await gone
        self.assertFalse(path.exists())
        self.assertEqual(rescue(sounds.part_of(path)), path)
        pcm = sounds.load(path)
        self.assertGreaterEqual(len(pcm) / 2 / RATE, 2.0)
        self.assertGreater(level(pcm[RATE : 2 * RATE]), 4000)

    async def test_disk_full(self) -> None:
        """With no place for more a recording ends, the talk goes on, and what there is can be rescued."""
        party = Party(echo=True)
        sounds.save(self.sound, tone(8.0))
        voice = await self.voices.open(HOST, self.hear, self.listen(party))
        path = Path(self.mktemp()).absolute()
        recorded, played = self.until("recorded"), self.until("played")
        voice.record(str(path), 20.0)
        await voice.play(str(self.sound))
        (pid,) = self.voices.pids
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (50_000, 50_000))
        self.assertEqual((await recorded).detail, "failed: File too large")
        await played
        self.assertFalse(path.exists())
        self.assertGreaterEqual(len(sounds.load(rescue(sounds.part_of(path)))) / 2 / RATE, 2.0)
        voice.close()

    async def test_nowhere_to_send(self) -> None:
        """A description with a host that cannot be sent to ends nothing for the others of the worker."""
        party = Party()
        offer = self.listen(party)
        for host in (b"example.com", b"255.255.255.255", b"224.0.0.1", b"240.0.0.1", b"192.0.2.999"):
            lying = await self.voices.open(HOST, self.hear, offer.replace(b"127.0.0.1", host), HOST)
            await lying.play(str(self.sound))
        played = self.until("played")
        voice = await self.voices.open(HOST, self.hear, offer)
        await voice.play(str(self.sound))
        await played
        while len(party.heard) < 20:
            await deferLater(reactor, 0.02)
        voice.close()

    async def test_reports(self) -> None:
        """Reports (RTCP) come at the port after that of the media, and a last one says that it is over."""
        party, reports = Party(), Reported()
        while True:
            port = reactor.listenUDP(0, party, interface=HOST)
            try:
                control = reactor.listenUDP(port.getHost().port + 1, reports, interface=HOST)
            except CannotListenError:
                await port.stopListening()
                continue
            break
        self.addCleanup(port.stopListening)
        self.addCleanup(control.stopListening)
        offer = negotiation.offer(HOST, port.getHost().port)
        voice = await self.voices.open(HOST, self.hear, offer, HOST)
        await voice.play(str(self.sound), True)
        while not reports.came:
            await deferLater(reactor, 0.1)
        self.assertEqual(reports.came[0][:2], b"\x80\xc8")
        voice.close()
        while len(reports.came) < 2:
            await deferLater(reactor, 0.1)
        self.assertEqual(reports.came[-1][-8:-6], b"\x81\xcb")

    async def test_flood(self) -> None:
        """Who is flooded is heard on, and so are the others: most of a flood is not even read."""
        party = Party(echo=True)
        voice = await self.voices.open(HOST, self.hear, self.listen(party), HOST)
        await voice.play(str(self.sound), True)
        (pid,) = self.voices.pids
        target = HOST, Sdp.parse(voice.session).media[0].port
        packet = bytes(Packet(8, 1, 1, 9, bytes(160)))
        before, began, heard, sent = computed(pid), time.monotonic(), len(party.heard), 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.2", 0))
            while sent < 80_000 or time.monotonic() - began < 2.0:
                for _ in range(2000):
                    stranger.sendto(packet, target)
                sent += 2000
                await deferLater(reactor, 0.001)
        lasted = time.monotonic() - began
        self.assertLess((computed(pid) - before) / lasted, 0.3)
        self.assertGreater((len(party.heard) - heard) / lasted, 10)
        voice.close()

    async def test_conference(self) -> None:
        """Three in a room hear each other and not themselves, also where there are several workers."""
        several = Voices(reactor, (28_000, 30_000), workers=2)
        speakers = [Speaker(frequency) for frequency in (400, 1000, 1700)]
        for speaker in speakers:
            voice = await several.open(HOST, self.hear, self.listen(speaker), HOST, "800")
            voice.join()
        alone = Speaker(2500)
        apart = await several.open(HOST, self.hear, self.listen(alone), HOST, "801")
        apart.join()
        began, found = reactor.seconds(), list[set[int]]()
        while found != [{1000, 1700}, {400, 1700}, {400, 1000}, set()]:
            self.assertLess(reactor.seconds() - began, LIMIT, found)
            await deferLater(reactor, 0.05)
            if min(len(speaker.heard) for speaker in (*speakers, alone)) >= 75:
                found = [speaker.tones(400, 1000, 1700, 2500) for speaker in (*speakers, alone)]
        several.stop()
        await several.gone

    async def test_no_place(self) -> None:
        """A recording that cannot be written says why, and the party can be talked to all the same."""
        voice = await self.voices.open(HOST, self.hear, self.listen(Party()))
        recorded = self.until("recorded")
        voice.record("/nowhere/message.wav", 20.0)
        self.assertEqual((await recorded).detail, "failed: No such file or directory")
        played = self.until("played")
        await voice.play(str(self.sound))
        await played
        voice.close()

    async def test_no_port(self) -> None:
        """Without a free port there is no voice, and the text names the table."""
        few = Voices(reactor, (32_100, 32_102))
        await few.open(HOST, self.hear, self.listen(Party()))
        error = await self.assertFailure(few.open(HOST, self.hear, self.listen(Party())), NoVoice)
        self.assertEqual(str(error), "no free port between 32100 and 32102; more are needed in [media]")
        few.stop()
        await few.gone

    async def test_bad_files_and_offers(self) -> None:
        """A file that is none, and an offer that is not understood, are refused in one line."""
        voice = await self.voices.open(HOST, self.hear, self.listen(Party()))
        error = await self.assertFailure(voice.play("/nowhere.wav"), NoVoice)
        self.assertEqual(str(error), "there is no file /nowhere.wav")
        broken = self.listen(Party()).replace(b"a=sendrecv", b"c=nonsense")
        for offer, why in ((b"v=0\r\n", "no audio"), (broken, "no audio"), (b"x" * 70_000, "too long")):
            opening = self.voices.open(HOST, self.hear, offer)
            self.assertIn(why, str(await self.assertFailure(opening, NoVoice)))
        await voice.play(str(self.sound))
        voice.close()

    async def test_worker_dies(self) -> None:
        """
        The parties of a worker that dies hear so, and the next party gets another one.

        What it was asked fails before, and of a voice that it was to open nothing is heard.
        """
        first = await self.voices.open(HOST, self.hear, self.listen(Party()))
        gone = self.until("nobody")
        (pid,) = self.voices.pids
        os.kill(pid, signal.SIGSTOP)
        playing = first.play(str(self.sound))
        opening = self.voices.open(HOST, lambda happened: self.fail(str(happened)), self.listen(Party()))
        playing.addErrback(lambda failure: (failure.type, gone.called))
        os.kill(pid, signal.SIGKILL)
        await self.assertFailure(opening, VoiceLost)
        self.assertEqual((await gone).detail, "worker")
        self.assertEqual(await playing, (VoiceLost, False))
        party = Party()
        voice = await self.voices.open(HOST, self.hear, self.listen(party))
        played = self.until("played")
        await voice.play(str(self.sound))
        await played
        self.assertTrue(party.heard)
        voice.close()
