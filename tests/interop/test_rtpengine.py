"""Calls' media through a real rtpengine, as our relay asks for them; heard by their pitch."""

from __future__ import annotations

import re
import wave
from itertools import pairwise
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from b2bua.media.ports import NoRelay, RelayHappened, Towards
from b2bua.media.rtp import RATE
from b2bua.media.rtpengine.exchanges import Refused
from b2bua.media.rtpengine.relay import RtpengineRelay
from b2bua.net.rtpengines import RtpengineSockets
from b2bua.settings import Rtpengine as Table
from tests.interop.processes import LIMIT, TIMEOUT, Ended, free_port, reactor
from tests.interop.rtpengine import LOUD, Rtpengine, Talker
from tests.media.tones import loudness
from tests.timers import FakeClock

HOST, HOST6 = "127.0.0.1", "::1"
PLAIN = Towards(HOST, "RTP/AVP")
LOW, HIGH, THIRD = 300, 600, 900
LEARNS = 4.0
"""Seconds after a description until a party's address is taken for good: rtpengine has three whole ones."""


class RtpengineTestCase(TestCase):
    """Engines that run, and we who use them."""

    timeout = TIMEOUT

    async def setUp(self) -> None:
        """Start one."""
        self.happened: list[RelayHappened] = []
        self.engines: list[Rtpengine] = []
        await self.start_engine()
        self.ours = self.begin()

    def tearDown(self) -> None:
        """Use them no more."""
        self.ours.stop()

    async def start_engine(self) -> None:
        """Start one more."""
        engine = Rtpengine(self.mktemp())
        self.engines.append(engine)
        self.addCleanup(lambda: engine.program.kill())
        await engine.start()

    def begin(self, **more: Any) -> RtpengineSockets:
        """Begin to use them, as a process does that starts."""
        table = Table(engines=tuple(engine.address for engine in self.engines), **more)
        clock = FakeClock(reactor)
        clock.late = 0.0  # the reactor's seconds are those of the day
        ours = RtpengineSockets(reactor, clock, table)
        ours.start()
        return ours

    def talker(self, frequency: int, host: str = HOST) -> Talker:
        """A telephone."""
        talker = Talker(frequency, host)
        talker.start()
        self.addCleanup(talker.stop)
        return talker

    async def talk(self, relay: RtpengineRelay, one: Talker, other: Talker, legs: str = "ab") -> None:
        """Have two telephones talk, and hear each other."""
        by, to = legs
        offer = await relay.offer(by, to, one.session(), Towards(other.host, "RTP/AVP"), one.host)
        other.take(offer)
        answer = await relay.answer(to, by, other.session(), Towards(one.host, "RTP/AVP"), other.host)
        one.take(answer)
        await gatherResults(
            [_(one.hears(other.frequency)), _(other.hears(one.frequency))], consumeErrors=True
        )

    async def until(self, met: Any, limit: float = LIMIT) -> None:
        """Wait until something is so."""
        began = reactor.seconds()
        while not met():
            if reactor.seconds() - began > limit:
                raise Ended(f"it has not come; {self.happened}; {self.engines[0].program.story()[-3000:]}")
            await deferLater(reactor, 0.02)


PAGE = b"\0\1\6\0\0\0"
"""A packet of udptl."""


class Faxing(DatagramProtocol):
    """A fax machine: one port, and what has come there."""

    def __init__(self, others: tuple[str, ...]) -> None:
        """
        Prepare.

        @param others: m= lines before that of the fax.
        """
        self.pages: list[bytes] = []
        self.target: tuple[str, int] | None = None
        self._others = others
        self._listening: Any = None

    def start(self) -> None:
        """Open the port."""
        self._listening = reactor.listenUDP(0, self, interface=HOST)
        self.port = self._listening.getHost().port

    def stop(self) -> Any:
        """Close it."""
        return self._listening.stopListening()

    @property
    def fax(self) -> bytes:
        """What it offers, and answers (ITU-T T.38 annex D)."""
        lines = ["v=0", f"o=- 1 1 IN IP4 {HOST}", "s=-", f"c=IN IP4 {HOST}", "t=0 0", *self._others]
        lines += [f"m=image {self.port} udptl t38", "a=T38FaxVersion:0", "a=T38MaxBitRate:14400"]
        return "".join(f"{line}\r\n" for line in lines).encode()

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Hear a packet."""
        self.pages.append(datagram)


def one_side(pcm: bytes, side: int) -> bytes:
    """The samples of the left (0) or the right (1) channel."""
    return b"".join(pcm[at : at + 2] for at in range(2 * side, len(pcm), 4))


def _(coroutine: Any) -> Any:
    """Let it run."""
    from twisted.internet.defer import ensureDeferred

    return ensureDeferred(coroutine)


class RelayTests(RtpengineTestCase):
    """One engine."""

    async def test_call(self) -> None:
        """Two telephones hear each other; in the end it is known what came from each."""
        relay = self.ours.relays.open("1", self.happened.append)
        low, high = self.talker(LOW), self.talker(HIGH)
        await self.talk(relay, low, high)
        id = relay.state()["id"]
        statistics = await relay.close()
        self.assertGreaterEqual(min(statistics[leg].packets for leg in "ab"), 25)
        await self.until(lambda: not self.ours.set.engines[0].owed)
        with self.assertRaises(Refused):
            await self.ours.set.engines[0].ask("query", {"call-id": id})
        self.assertEqual(self.happened, [])

    async def test_families(self) -> None:
        """A telephone that has IPv6 only talks to one that has IPv4 only."""
        relay = self.ours.relays.open("1", self.happened.append)
        await self.talk(relay, self.talker(LOW, HOST6), self.talker(HIGH))
        await relay.close()

    async def test_stranger(self) -> None:
        """Who sends to the port of somebody who was heard is not heard, nor sent to."""
        relay = self.ours.relays.open("1", self.happened.append)
        low, high, stranger = self.talker(LOW), self.talker(HIGH), self.talker(THIRD)
        await self.talk(relay, low, high)
        await deferLater(reactor, LEARNS)
        stranger.target = low.target
        await deferLater(reactor, 1.0)
        await high.hears(LOW)
        self.assertEqual((high.pitches(LOW, THIRD), stranger.heard), ({LOW}, []))
        await relay.close()

    async def test_other_port(self) -> None:
        """Behind a NAT a telephone sends from another port than it says: it is heard, and hears."""
        relay = self.ours.relays.open("1", self.happened.append)
        inside, outside, other = self.talker(LOW), self.talker(LOW), self.talker(HIGH)
        other.take(await relay.offer("a", "b", inside.session(), PLAIN, HOST))
        outside.take(await relay.answer("b", "a", other.session(), PLAIN, HOST))
        await other.hears(LOW)
        await outside.hears(HIGH)
        await relay.close()

    async def test_transfer(self) -> None:
        """Who has transferred a call is heard no more, and who stays keeps the port."""
        relay = self.ours.relays.open("1", self.happened.append)
        low, high, third = self.talker(LOW), self.talker(HIGH), self.talker(THIRD)
        await self.talk(relay, low, high)
        kept = low.target
        low.take(await relay.offer("c", "a", third.session(), PLAIN, HOST))
        third.take(await relay.answer("a", "c", low.session(), PLAIN, HOST))
        relay.drop("b")
        await low.hears(THIRD)
        await third.hears(LOW)
        self.assertEqual(low.target, kept)
        await deferLater(reactor, 0.6)
        self.assertEqual(low.pitches(HIGH, THIRD), {THIRD})
        await relay.close()

    async def test_killed_while_recording(self) -> None:
        """What was being recorded by a process that is killed, or was to be made, the next one makes."""
        spool = self.engines[0].recordings
        for queued in (False, True):
            self.ours.stop()
            self.ours = self.begin(recordings=str(spool))
            relay = self.ours.relays.open(str(queued), self.happened.append)
            low, high = self.talker(LOW), self.talker(HIGH)
            await self.talk(relay, low, high)
            path = Path(self.mktemp()).resolve()
            await relay.record(str(path))
            await deferLater(reactor, 1.5)
            id = relay.state()["id"]
            if queued:
                self.ours.set.write = lambda work: Deferred()  # it waits for those of other calls
                relay.end_recording()
                await deferLater(reactor, 0.3)
            self.ours.stop()
            self.ours = self.begin(recordings=str(spool))
            await self.ours.finish_leftovers()
            self.assertFalse(path.exists())  # the two talk still
            await self.ours.set.engines[0].ask("delete", {"call-id": id, "delete delay": 0})
            await self.ours.finish_leftovers()
            with wave.open(str(path), "rb") as file:
                pcm = file.readframes(file.getnframes())
            self.assertGreater(len(pcm) / 4 / RATE, 1.2)
            self.assertGreater(loudness(one_side(pcm, 0), LOW), LOUD)
            self.assertGreater(loudness(one_side(pcm, 1), HIGH), LOUD)
            self.assertEqual([*spool.glob("pcaps/*"), *spool.glob("metadata/*")], [])

    async def test_fax(self) -> None:
        """A fax (T.38) passes as it is, alone or beside sound: only its address is the engine's."""
        for number, others in enumerate(((), ("m=audio 0 RTP/AVP 8",), ("m=audio 40000 RTP/AVP 8",))):
            relay = self.ours.relays.open(str(number), self.happened.append)
            low, high = self.faxing(*others), self.faxing(*others)
            offer = await relay.offer("a", "b", low.fax, Towards(HOST), HOST)
            self.assertNotIn(b"m=image %d " % low.port, offer)
            self.assertIn(b" udptl t38\r\n", offer)
            self.assertIn(b"a=T38FaxVersion:0\r\n", offer)
            high.target = self.place(offer)
            low.target = self.place(await relay.answer("b", "a", high.fax, Towards(HOST), HOST))
            for sends, hears in ((low, high), (high, low)):
                await self.until(lambda sends=sends, hears=hears: self.faxed(sends, hears))
            await relay.close()

    def faxing(self, *others: str) -> Faxing:
        """A fax machine."""
        machine = Faxing(others)
        machine.start()
        self.addCleanup(machine.stop)
        return machine

    def place(self, session: bytes) -> tuple[str, int]:
        """Where a session wants a fax."""
        found = re.search(rb"m=image (\d+) udptl", session)
        assert found is not None, session
        return HOST, int(found[1])

    def faxed(self, sends: Faxing, hears: Faxing) -> bool:
        """Send a page, and see whether one has come."""
        assert sends.transport is not None
        sends.transport.write(PAGE, sends.target)
        return PAGE in hears.pages

    async def test_forks(self) -> None:
        """Of two phones that ring the one that answers talks; the other one is dropped, and not heard."""
        relay = self.ours.relays.open("1", self.happened.append)
        caller, one, other = self.talker(LOW), self.talker(HIGH), self.talker(THIRD)
        for leg, phone in (("b", one), ("c", other)):
            phone.take(await relay.offer("a", leg, caller.session(), PLAIN, HOST))
            caller.take(await relay.answer(leg, "a", phone.session(), PLAIN, HOST))
        caller.take(await relay.answer("b", "a", one.session(), PLAIN, HOST))
        relay.drop("c")
        await deferLater(reactor, 1.0)
        await caller.hears(HIGH)
        self.assertEqual(caller.pitches(HIGH, THIRD), {HIGH})
        await relay.close()

    async def test_process_killed(self) -> None:
        """When our process is gone the two hear each other on; the next one has the call, and ends it."""
        relay = self.ours.relays.open("1", self.happened.append)
        low, high = self.talker(LOW), self.talker(HIGH)
        await self.talk(relay, low, high)
        state, port = relay.state(), low.target
        self.ours.stop()
        await low.hears(HIGH)
        self.ours = self.begin()
        again = self.ours.relays.resume("1", state, self.happened.append)
        assert again is not None
        high.take(await again.offer("a", "b", low.session(), PLAIN, HOST))
        low.take(await again.answer("b", "a", high.session(), PLAIN, HOST))
        self.assertEqual(low.target, port)
        await low.hears(HIGH)
        self.assertIsNotNone(await again.close())
        self.assertEqual(self.happened, [])

    async def test_recording(self) -> None:
        """A recording has each party on its own side, and silence for a pause; the engine keeps nothing."""
        self.ours.stop()
        self.ours = self.begin(recordings=str(self.engines[0].recordings))
        relay = self.ours.relays.open("1", self.happened.append)
        low, high = self.talker(LOW), self.talker(HIGH)
        await self.talk(relay, low, high)
        path = Path(self.mktemp()).resolve()
        await relay.record(str(path))
        marks = [reactor.seconds()]
        for paused in (True, False, None):
            await deferLater(reactor, 2.0)
            if paused is not None:
                await relay.pause(paused)
            marks.append(reactor.seconds())
        await relay.end_recording()
        await relay.close()
        self.assertEqual([path for path in self.engines[0].recordings.rglob("*") if path.is_file()], [])
        self.assertEqual(self.happened, [])
        with wave.open(str(path), "rb") as file:
            self.assertEqual((file.getnchannels(), file.getframerate()), (2, RATE))
            pcm = file.readframes(file.getnframes())
        self.assertLess(abs(len(pcm) / 4 / RATE - (marks[-1] - marks[0])), 0.6)
        expected = ([{LOW}, {HIGH}], [set(), set()], [{LOW}, {HIGH}])
        for (since, until), tones in zip(pairwise(marks), expected, strict=True):
            begin = (since + until) / 2 - marks[0] - 0.25
            part = pcm[4 * int(begin * RATE) : 4 * int((begin + 0.5) * RATE)]
            sides = [one_side(part, side) for side in (0, 1)]
            heard = [{one for one in (LOW, HIGH) if loudness(side, one) > LOUD} for side in sides]
            self.assertEqual(heard, tones, f"after {begin} s")

    async def test_key(self) -> None:
        """A key that a phone sends (RFC 4733) is reported once."""
        self.ours.stop()
        digits = f"{HOST}:{free_port()}"
        engine = Rtpengine(self.mktemp(), f"--dtmf-log-dest={digits}")
        self.addCleanup(lambda: engine.program.kill())
        await engine.start()
        self.engines = [engine]
        self.ours = self.begin(digits=digits)
        relay = self.ours.relays.open("1", self.happened.append)
        low, high = self.talker(LOW), self.talker(HIGH)
        await self.talk(relay, low, high)
        await low.press(11)
        await self.until(lambda: self.happened)
        await deferLater(reactor, 0.3)
        self.assertEqual(self.happened, [RelayHappened("digit", "a", "#")])
        await relay.close()


class KilledTests(RtpengineTestCase):
    """Two engines, one of which is killed."""

    async def setUp(self) -> None:
        """Start the second one as well."""
        await super().setUp()
        self.ours.stop()
        await self.start_engine()
        self.ours = self.begin()
        await self.until(lambda: all(engine.alive for engine in self.ours.set.engines))

    async def test_killed(self) -> None:
        """Calls of the engine that is killed hear it in five seconds, and go on at the other one."""
        relay = self.ours.relays.open("1", self.happened.append)
        low, high = self.talker(LOW), self.talker(HIGH)
        await self.talk(relay, low, high)
        await self.engines[0].kill()
        began = reactor.seconds()
        await self.until(lambda: self.happened)
        self.assertLess(reactor.seconds() - began, 10.0)
        self.assertEqual(self.happened, [RelayHappened("gone")])
        await self.talk(relay, low, high)
        self.assertEqual(relay.state()["engine"], self.engines[1].address)
        another = self.ours.relays.open("2", self.happened.append)
        await self.talk(another, self.talker(LOW), self.talker(HIGH))
        await gatherResults([relay.close(), another.close()])

    async def test_comes_again(self) -> None:
        """One that was started again has no calls, and gets new ones."""
        await self.engines[0].kill()
        engine = self.ours.set.engines[0]
        await self.until(lambda: engine.alive is False)
        await self.engines[0].start()
        await self.until(lambda: engine.alive)

    async def test_none(self) -> None:
        """When both are gone a call is told so at once."""
        for engine in self.engines:
            await engine.kill()
        await self.until(lambda: not any(engine.alive for engine in self.ours.set.engines))
        relay = self.ours.relays.open("1", self.happened.append)
        with self.assertRaises(NoRelay):
            await relay.offer("a", "b", self.talker(LOW).session(), PLAIN, HOST)
