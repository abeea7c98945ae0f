"""Whole calls with media of our own: what phones hear of it, also when what plays and passes on is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import wave
from pathlib import Path
from types import MappingProxyType

from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest, TestCase

from b2bua.media import sounds
from b2bua.media.wideband import INSTALLED
from tests.interop.processes import LIMIT, TIMEOUT, Ended, Program, reactor
from tests.interop.service import Service
from tests.interop.test_relayed import ALICE, BOB, CAROL, PITCH, SpeakingBaresip
from tests.media.tones import loudness, tone

MORE = """
[auto_attendant.500]
prompt = "{prompt}"
seconds = 1
repeats = 9

[recording]
directory = "{recordings}"
announce = "{announce}"
language = "{place}"
"""
HALF = 8000
"""Samples of a second, of which each is heard."""


def sides(path: Path) -> tuple[bytes, bytes]:
    """Left and right of a recording."""
    with wave.open(str(path), "rb") as file:
        assert file.getnchannels() == 2
        pcm = file.readframes(file.getnframes())
    left, right = (b"".join(pcm[at : at + 2] for at in range(start, len(pcm), 4)) for start in (0, 2))
    return left, right


def tones(pcm: bytes) -> list[set[str]]:
    """Who is heard in each half of a second."""
    parts = [pcm[at : at + HALF] for at in range(0, len(pcm) - HALF, HALF)]
    return [{one for one, pitch in PITCH.items() if loudness(part, pitch) > 1000} for part in parts]


def said(pcm: bytes, who: str) -> float:
    """For how many seconds somebody has spoken, and nobody else."""
    return sum(one == {who} for one in tones(pcm)) / 2


class MediaCase(TestCase):
    """A service whose workers speak, listen, pass on and record."""

    timeout = TIMEOUT
    announce = "none"
    recorded_always = True
    """Are all calls of Bob recorded?"""

    async def setUp(self) -> None:
        """Start it; what Alice would say is the prompt of a menu."""
        place = Path(self.mktemp()).resolve()
        place.mkdir(parents=True)
        self.recordings = place / "recordings"
        sounds.save(place / "prompt.wav", tone(1.0, PITCH[ALICE]) * 20)
        sounds.save(place / "recorded.wav", tone(1.0, PITCH[ALICE]) * 5)
        more = MORE.format(
            prompt=place / "prompt.wav", recordings=self.recordings, place=place, announce=self.announce
        )
        relayed = {BOB: 'media = "relay"\nrecording.on = true'} if self.recorded_always else {}
        keys = MappingProxyType(relayed)
        self.service = Service(self.mktemp(), more, keys=keys)
        self.addCleanup(lambda: self.service.kill())
        await self.service.start()

    async def phone(self, number: str, codec: str = "") -> SpeakingBaresip:
        """A desk phone that is registered."""
        phone = SpeakingBaresip(self.mktemp(), number, self.service.uri, codec=codec)
        self.addCleanup(phone.stop)
        await phone.start()
        await phone.register()
        return phone

    def workers(self) -> list[int]:
        """The processes that media go through."""
        transport = self.service.program.transport
        assert transport is not None
        children = Path(f"/proc/{transport.pid}/task/{transport.pid}/children").read_text().split()
        return [
            int(pid) for pid in children if b"b2bua.net.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    async def talk(self) -> tuple[SpeakingBaresip, SpeakingBaresip]:
        """Bob and Carol talk through the relay."""
        bob, carol = await self.phone(BOB), await self.phone(CAROL)
        await bob.dial(CAROL)
        await carol.tells("CALL_INCOMING")
        await carol.answer()
        await gatherResults([bob.tells("CALL_ESTABLISHED"), carol.tells("CALL_ESTABLISHED")])
        await self.hear_each_other(bob, carol)
        return bob, carol

    async def hear_each_other(self, bob: SpeakingBaresip, carol: SpeakingBaresip) -> None:
        """The two hear each other."""
        await bob.hears(CAROL)
        await carol.hears(BOB)

    async def recorded(self) -> tuple[bytes, bytes]:
        """Left and right of the one recording, as soon as it is whole."""
        began = reactor.seconds()
        while not (found := list(self.recordings.rglob("*.wav"))):
            if reactor.seconds() - began > LIMIT:
                raise Ended(self.service.program.story()[-4000:])
            await deferLater(reactor, 0.1)
        (path,) = found
        return sides(path)

    async def until_said(self, seconds: float) -> None:
        """Wait until both, left and right, have spoken for so long in what there is of the recording."""
        began = reactor.seconds()
        while True:
            found = list[tuple[bytes, bytes]]()
            for path in self.recordings.rglob("*.part"):
                with contextlib.suppress(
                    FileNotFoundError, EOFError
                ):  # it has just got its name, or has no head yet
                    found.append(sides(path))
            both = [pair for one, other in found for pair in ((one, other), (other, one))]
            if any(min(said(one, BOB), said(other, CAROL)) >= seconds for one, other in both):
                return
            if reactor.seconds() - began > LIMIT:
                raise Ended(f"it is not recorded; {self.service.program.story()[-4000:]}")
            await deferLater(reactor, 0.2)

    def assertSaid(self, pcm: bytes, who: str, seconds: float) -> None:
        """Somebody has spoken for so long at least, and nobody else."""
        self.assertGreaterEqual(said(pcm, who), seconds)
        self.assertLessEqual(set().union(*tones(pcm)), {who})


class MediaTests(MediaCase):
    """What is heard and recorded."""

    async def test_codecs(self) -> None:
        """A phone that speaks nothing but Opus hears a menu, and so does one of G.722."""
        if not INSTALLED:
            raise SkipTest("PyAV is not installed: pip install b2bua[opus]")
        for number, codec in ((BOB, "opus/48000/2"), (CAROL, "G722/16000/1")):
            phone = await self.phone(number, codec=codec)
            await phone.dial("500")
            await phone.tells("CALL_ESTABLISHED")
            await phone.hears(ALICE)
            await phone.hang_up()

    async def test_recorded(self) -> None:
        """Who calls is recorded left, and who is called right, by their pitch."""
        bob, carol = await self.talk()
        await self.until_said(2.0)
        await bob.hang_up()
        await carol.tells("CALL_CLOSED")
        left, right = await self.recorded()
        self.assertSaid(left, BOB, 2.0)
        self.assertSaid(right, CAROL, 2.0)

    async def test_worker_killed_in_a_call(self) -> None:
        """When a worker is killed the two hear each other on by another, and it is all one recording."""
        bob, carol = await self.talk()
        await self.until_said(1.5)
        (pid,) = self.workers()
        os.kill(pid, signal.SIGKILL)
        await self.until_said(3.0)
        await self.hear_each_other(bob, carol)
        self.assertNotEqual(self.workers(), [pid])
        await bob.hang_up()
        await carol.tells("CALL_CLOSED")
        left, right = await self.recorded()
        self.assertSaid(left, BOB, 3.0)
        self.assertSaid(right, CAROL, 3.0)

    async def test_service_killed_in_a_call(self) -> None:
        """When the service is killed the next one has the two heard and recorded again, after a gap."""
        bob, carol = await self.talk()
        await self.service.kept()
        await self.until_said(2.0)
        await self.service.program.kill()
        self.service.program = Program("b2bua")
        await self.service.start()
        await self.until_said(4.0)
        await self.hear_each_other(bob, carol)
        await bob.hang_up()
        await carol.tells("CALL_CLOSED")
        left, right = await self.recorded()
        self.assertSaid(left, BOB, 4.0)
        self.assertSaid(right, CAROL, 4.0)

    async def test_worker_killed_in_a_menu(self) -> None:
        """When a worker is killed who listens to a menu hears what follows by another one."""
        bob = await self.phone(BOB)
        await bob.dial("500")
        await bob.tells("CALL_ESTABLISHED")
        await bob.hears(ALICE)
        (pid,) = self.workers()
        os.kill(pid, signal.SIGKILL)
        await deferLater(reactor, 0.6)  # of what was heard before
        await bob.hears(ALICE)
        await bob.hang_up()


class ToldTests(MediaCase):
    """Who is recorded hears so: here a tone, as Alice would have it."""

    announce = "all"

    async def test_answered(self) -> None:
        """The caller hears it before it rings, who is called before the caller; neither is it recorded."""
        bob, carol = await self.phone(BOB), await self.phone(CAROL)
        await bob.dial(CAROL)
        await bob.tells("CALL_ESTABLISHED")
        await bob.hears(ALICE)
        await carol.tells("CALL_INCOMING")
        await carol.answer()
        await carol.tells("CALL_ESTABLISHED")
        await carol.hears(ALICE)
        await self.hear_each_other(bob, carol)
        await self.until_said(2.0)
        await bob.hang_up()
        await carol.tells("CALL_CLOSED")
        left, right = await self.recorded()
        self.assertSaid(left, BOB, 2.0)
        self.assertSaid(right, CAROL, 2.0)


class ToldMeanwhileTests(MediaCase):
    """Nobody is recorded before somebody wants it."""

    announce = "all"
    recorded_always = False

    async def test_on_demand(self) -> None:
        """Both hear it, and then each other, by the relay from now on."""
        bob, carol = await self.talk()
        [row] = await self.service.ask("/calls")
        asked = self.service.ask("/commands/record", "POST", arguments={"call": row["id"], "what": "on"})
        await bob.hears(ALICE)
        await carol.hears(ALICE)
        await asked
        await self.hear_each_other(bob, carol)
        await self.until_said(2.0)
        await bob.hang_up()
        await carol.tells("CALL_CLOSED")
        left, right = await self.recorded()
        # Whoever has spoken first by the relay is left.
        sides = {BOB: left, CAROL: right} if said(left, BOB) else {CAROL: left, BOB: right}
        for who, pcm in sides.items():
            self.assertSaid(pcm, who, 2.0)
