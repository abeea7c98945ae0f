"""The embedded relay, with its workers and real sockets."""

from __future__ import annotations

import os
import resource
import signal
import wave
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import LoopingCall, deferLater
from twisted.trial.unittest import TestCase

from b2bua.media import negotiation
from b2bua.media.g711 import PCMA
from b2bua.media.growing import rescue
from b2bua.media.ports import NoRelay, RelayHappened, Towards
from b2bua.media.rtp import FRAME, Packet
from b2bua.media.sounds import part_of
from b2bua.net.relays import Relay, Relays
from b2bua.net.workers import Workers
from b2bua.wire.sdp import Sdp
from tests.interop.processes import TIMEOUT
from tests.media.tones import loudness, tone

reactor: Any = _reactor
HOST = "127.0.0.1"
TOWARDS = Towards(HOST)


class Phone(DatagramProtocol):
    """Says a tone, 20 ms at a time, and hears."""

    def __init__(self, frequency: int, host: str = HOST) -> None:
        """Have something to say, again and again."""
        self.said = PCMA.encode(tone(1.0, frequency))
        self.heard: list[Packet] = []
        self.host = host
        self.target: tuple[str, int] | None = None
        self._number = 0
        self.port = reactor.listenUDP(0, self, interface=host)
        self.clock = LoopingCall(self.speak)
        self.clock.start(0.02)

    @property
    def session(self) -> bytes:
        """What it offers, or answers."""
        return negotiation.offer(self.host, self.port.getHost().port)

    def hears(self, session: bytes) -> None:
        """Take a description: whom it sends to."""
        self.target = Sdp.parse(session).connection, Sdp.parse(session).media[0].port

    def speak(self) -> None:
        """Say 20 ms."""
        self._number += 1
        at = self._number % 50 * FRAME
        packet = Packet(8, self._number & 0xFFFF, self._number * FRAME, 66, self.said[at : at + FRAME])
        if self.target is not None and self.transport is not None:
            self.transport.write(bytes(packet), self.target)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Hear a packet."""
        packet = Packet.parse(datagram)
        if packet is not None:
            self.heard.append(packet)

    async def until_heard(self, packets: int = 25, frequency: int = 0) -> None:
        """Wait until so many more packets have come, and insist on what is heard in them."""
        wanted = len(self.heard) + packets
        while len(self.heard) < wanted:
            await deferLater(reactor, 0.02)
        if frequency:
            pcm = b"".join(PCMA.decode(packet.payload) for packet in self.heard[-packets:])
            assert loudness(pcm, frequency) > 3000, f"{frequency} Hz is not heard"

    def stop(self) -> Any:
        """Be done."""
        self.clock.stop()
        return self.port.stopListening()


class RelaysTests(TestCase):
    """L{Relays}."""

    timeout = TIMEOUT

    def setUp(self) -> None:
        """Two phones and an engine."""
        self.workers = Workers(reactor, (30_000, 32_000), 1, 30.0)
        self.relays = Relays(self.workers)
        self.addCleanup(self.ended)
        self.alice, self.bob = self.phone(500), self.phone(1200)
        self.happened: list[RelayHappened] = []

    def phone(self, frequency: int, host: str = HOST) -> Phone:
        """Make a phone."""
        phone = Phone(frequency, host)
        self.addCleanup(phone.stop)
        return phone

    def ended(self) -> Deferred[None]:
        """End the workers, and wait until they are gone."""
        self.workers.stop()
        return self.workers.gone

    async def talk(self, relay: Relay, bob: Phone | None = None, towards: Towards = TOWARDS) -> None:
        """Let the two agree, and hear each other."""
        bob = bob or self.bob
        bob.hears(await relay.offer("a", "b", self.alice.session, towards, HOST))
        self.alice.hears(await relay.answer("b", "a", bob.session, TOWARDS, bob.host))
        await gatherResults(
            [
                Deferred.fromCoroutine(self.alice.until_heard(25, 1200)),
                Deferred.fromCoroutine(bob.until_heard(25, 500)),
            ]
        )

    def recorded(self, path: Path) -> tuple[bytes, bytes, float]:
        """Left and right of a recording, and its seconds."""
        with wave.open(str(path), "rb") as file:
            self.assertEqual((file.getnchannels(), file.getframerate()), (2, 8000))
            pcm = file.readframes(file.getnframes())
        left = b"".join(pcm[at : at + 2] for at in range(0, len(pcm), 4))
        right = b"".join(pcm[at : at + 2] for at in range(2, len(pcm), 4))
        return left, right, len(pcm) / 32_000

    def assertRecorded(self, path: Path, least: float) -> None:
        """Alice is left and Bob right, for so long at least."""
        left, right, seconds = self.recorded(path)
        self.assertGreaterEqual(seconds, least)
        for said, own, other in ((left, 500, 1200), (right, 1200, 500)):
            # A pause, and what a machine with much to do has said too late, make the whole fainter.
            self.assertGreater(loudness(said, own), 1500)
            self.assertLess(loudness(said, other), 500)

    async def test_two_talk(self) -> None:
        """Two hear each other through the relay, and what came from each is known at the end."""
        relay = self.relays.open("1", self.happened.append)
        await self.talk(relay)
        found = await relay.close()
        assert found is not None
        self.assertGreaterEqual(found["a"].packets, 25)
        self.assertGreater(found["b"].mos or 0.0, 3.5)
        self.assertEqual((found["a"].lost, self.workers.parties), (0, [0]))

    async def test_ipv6_to_ipv4(self) -> None:
        """A phone by IPv6 and one by IPv4 hear each other."""
        relay = self.relays.open("1", self.happened.append)
        await self.talk(relay, self.phone(1200, "::1"), Towards("::1"))
        await relay.close()

    async def test_recorded(self) -> None:
        """A call is recorded, each on its side; a pause is silence of its length."""
        path = Path(self.mktemp()).absolute()
        relay = self.relays.open("1", self.happened.append)
        await self.talk(relay)
        await relay.record(str(path))
        marks = [reactor.seconds()]
        for paused in (True, False, None):
            await self.bob.until_heard(50)
            if paused is not None:
                await relay.pause(paused)
            marks.append(reactor.seconds())
        self.assertFalse(path.exists())
        await relay.end_recording()
        began, since, until, end = marks
        self.assertRecorded(path, end - began - 0.5)
        left, _, seconds = self.recorded(path)
        self.assertLess(seconds, end - began + 1.0)
        middle = left[int(((since + until) / 2 - began) * 8_000) * 2 :][:6400]
        self.assertLess(loudness(middle, 500), 500)
        await relay.close()
        self.assertEqual(self.happened, [])

    async def test_recorded_until_it_is_closed(self) -> None:
        """A relay that is closed while it records has a whole file."""
        path = Path(self.mktemp()).absolute()
        relay = self.relays.open("1", self.happened.append)
        await self.talk(relay)
        await relay.record(str(path))
        await self.bob.until_heard(50)
        await relay.close()
        self.assertRecorded(path, 0.8)

    async def test_no_place(self) -> None:
        """A recording that cannot be written says why, and the call goes on."""
        relay = self.relays.open("1", self.happened.append)
        await self.talk(relay)
        error = await self.assertFailure(relay.record("/nowhere/call.wav"), NoRelay)
        self.assertEqual(str(error), "/nowhere/call.wav cannot be written: No such file or directory")
        await self.bob.until_heard(25, 500)
        await relay.close()

    async def test_disk_full(self) -> None:
        """With no place for more a recording ends with what there is, which is told; the call goes on."""
        path = Path(self.mktemp()).absolute()
        relay = self.relays.open("1", self.happened.append)
        await self.talk(relay)
        await relay.record(str(path))
        (pid,) = self.workers.pids
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
        while not self.happened:
            await self.bob.until_heard(10)
        self.assertEqual(self.happened, [RelayHappened("recorded", "", "File too large")])
        await relay.end_recording()
        self.assertRecorded(path, 3.0)
        await self.bob.until_heard(25, 500)
        await relay.close()

    async def test_killed_in_a_call(self) -> None:
        """A worker that is killed is replaced: the call goes on at its ports; so does its recording."""
        path = Path(self.mktemp()).absolute()
        relay = self.relays.open("1", self.happened.append)
        await self.talk(relay)
        await relay.record(str(path))
        await self.bob.until_heard(125)
        (pid,) = self.workers.pids
        os.kill(pid, signal.SIGKILL)
        await self.bob.until_heard(100, 500)
        await self.alice.until_heard(25, 1200)
        self.assertEqual(self.happened, [])
        await relay.end_recording()
        _, _, seconds = self.recorded(path)
        self.assertGreater(seconds, 4.4)
        await relay.close()

    async def test_service_killed(self) -> None:
        """Another process of the service goes on with what the first has written down, at the same ports."""
        path = Path(self.mktemp()).absolute()
        relay = self.relays.open("1", self.happened.append)
        await self.talk(relay)
        await relay.record(str(path))
        await self.bob.until_heard(125)
        state = relay.state()
        other = Workers(reactor, (30_000, 32_000), 1, 30.0)
        again = Relays(other).resume("1", state, self.happened.append)
        assert again is not None
        self.workers.stop()
        await self.workers.gone
        await self.bob.until_heard(50, 500)
        await self.alice.until_heard(25, 1200)
        await again.end_recording()
        self.assertGreater(self.recorded(path)[2], 3.4)
        await again.close()
        self.assertIsNone(self.relays.resume("1", {"engine": "another"}, self.happened.append))
        other.stop()
        await other.gone

    async def test_handed_over(self) -> None:
        """A process that lives on makes place for the one that goes on with relay and recording."""
        path = Path(self.mktemp()).absolute()
        relay = self.relays.open("1", self.happened.append)
        await self.talk(relay)
        await relay.record(str(path))
        await self.bob.until_heard(125)
        other = Workers(reactor, (36_000, 38_000), 1, 30.0)
        again = Relays(other).resume("1", relay.state(), self.happened.append)
        assert again is not None
        await deferLater(reactor, 1.0)  # it waits for the ports
        relay.let_go()
        await self.bob.until_heard(50, 500)
        await self.alice.until_heard(25, 1200)
        await again.end_recording()
        left, _, seconds = self.recorded(path)
        self.assertGreater(seconds, 3.4)
        self.assertGreater(loudness(left[16_000:32_000], 500), 1500)  # the second second, of before
        self.assertEqual(self.happened, [])
        await again.close()
        other.stop()
        await other.gone

    async def test_rescued(self) -> None:
        """When all is killed, what was said until two seconds before is rescued."""
        path = Path(self.mktemp()).absolute()
        relay = self.relays.open("1", self.happened.append)
        await self.talk(relay)
        await relay.record(str(path))
        await self.bob.until_heard(150)
        self.workers.stopped = True  # nobody takes its place
        (pid,) = self.workers.pids
        os.kill(pid, signal.SIGKILL)
        await self.workers.gone
        rescue(part_of(path))
        self.assertRecorded(path, 2.0)

    async def test_killed_again_and_again(self) -> None:
        """A call that cannot go on hears that its relay is gone."""
        relay = self.relays.open("1", self.happened.append)
        await self.talk(relay)
        while not self.happened:
            for pid in self.workers.pids:
                os.kill(pid, signal.SIGKILL)
            await deferLater(reactor, 0.3)
        self.assertEqual([one.what for one in self.happened], ["gone"])
        await relay.close()

    async def test_no_port(self) -> None:
        """Without a free port there is no relay, and the text names the table."""
        few = Workers(reactor, (32_200, 32_202), 1, 30.0)
        relays = Relays(few)
        await relays.open("1", self.happened.append).offer("a", "b", self.alice.session, TOWARDS, HOST)
        offering = relays.open("2", self.happened.append).offer("a", "b", self.alice.session, TOWARDS, HOST)
        error = await self.assertFailure(offering, NoRelay)
        self.assertEqual(str(error), "no free port between 32200 and 32202; more are needed in [media]")
        few.stop()
        await few.gone

    async def test_silent(self) -> None:
        """Who is silent for as long as is set is told of."""
        hasty = Workers(reactor, (32_300, 32_400), 1, 1.0)
        told: Deferred[RelayHappened] = Deferred()
        # On a busy machine Bob may be silent for as long, too.
        relay = Relays(hasty).open("1", lambda one: told.called or one.leg != "a" or told.callback(one))
        await self.talk(relay)
        self.alice.target = None
        self.assertEqual(await told, RelayHappened("silent", "a"))
        await relay.close()
        hasty.stop()
        await hasty.gone

    async def test_bad(self) -> None:
        """What is no description, or too long for one, is refused in one line."""
        relay = self.relays.open("1", self.happened.append)
        for session, why in (
            (b"v=0\r\n", "cannot be read"),
            (self.alice.session + b"a" * 90_000, "too long"),
        ):
            error = await self.assertFailure(relay.offer("a", "b", session, TOWARDS, HOST), NoRelay)
            self.assertIn(why, str(error))
        await relay.close()

    async def test_off(self) -> None:
        """With C{workers = 0} there is no relay."""
        none = Workers(reactor, (32_400, 32_500), 0, 30.0)
        offering = Relays(none).open("1", self.happened.append).offer("a", "b", b"", TOWARDS, HOST)
        self.assertEqual(str(await self.assertFailure(offering, NoRelay)), "the table [media] is off")
