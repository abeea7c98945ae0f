"""Whole calls whose media pass through a real rtpengine: browsers, phones with SRTP, phones with neither."""

from __future__ import annotations

import os
import signal
import wave
from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from b2bua.media.rtp import RATE
from tests.interop.baresip import Baresip
from tests.interop.browser import Browser
from tests.interop.day import Day
from tests.interop.processes import LIMIT, TIMEOUT, Ended, Program, reactor
from tests.interop.rtpengine import Rtpengine
from tests.interop.service import PASSWORDS, Service
from tests.media.tones import loudness, tone

ALICE, BOB, CAROL = "101", "102", "103"
PITCH = {ALICE: 600, BOB: 1200, CAROL: 2400}
"""What each of them says, as the browsers do."""
HEAD = 44
"""Bytes of the head of a WAV file."""
LOUD = 300
SECONDS = 90
"""How long a phone has something to say."""


class SpeakingBaresip(Baresip):
    """A baresip that says a tone, and writes down what it hears."""

    def __init__(self, directory: str, user: str, server: str, *, secrecy: str = "", codec: str = "") -> None:
        """
        Write its configuration.

        @param secrecy: how it keeps its media secret: C{srtp-mand} with SDES and nothing else.
        @param codec: the only one that it speaks, as C{opus/48000/2}; G.711 without.
        """
        # It cuts off longer paths.
        self.ears = Path(mkdtemp(prefix="b2bua-"))
        says = self.ears / "says.wav"
        _, rate, channels = (codec or "PCMA/8000/1").split("/")
        _save(says, PITCH[user], int(rate), int(channels))
        modules = "\n".join(f"module {name}.so" for name in ("aufile", "sndfile", "srtp", "g722", "opus"))
        account = f";audio_source=aufile,{says}" + (f";mediaenc={secrecy}" if secrecy else "")
        account += f";audio_codecs={codec or 'PCMA/8000/1,PCMU/8000/1'}"
        config = f"{modules}\nsnd_path {self.ears}"
        super().__init__(directory, user, PASSWORDS[user], server, config=config, account=account)

    def stop(self) -> Any:
        """End it, and keep nothing."""
        rmtree(self.ears, ignore_errors=True)
        return super().stop()

    def pitches(self) -> set[int]:
        """What it has heard during the last half second."""
        newest = max(self.ears.glob("*-dec.wav"), key=lambda path: path.stat().st_mtime, default=None)
        data = b"" if newest is None else newest.read_bytes()
        channels, rate = (int.from_bytes(data[at:end], "little") for at, end in ((22, 24), (24, 28)))
        heard = data[HEAD:][-rate * channels :]
        pcm = b"".join(heard[at : at + 2] for at in range(0, len(heard), 2 * channels or 2))
        if not rate or len(pcm) < rate:
            return set()
        return {one for one in PITCH.values() if loudness(pcm, one * RATE / rate) > LOUD}

    async def hears(self, other: str) -> None:
        """Wait until it hears somebody, and nobody else."""
        began = reactor.seconds()
        while self.pitches() != {PITCH[other]}:
            if reactor.seconds() - began > LIMIT:
                raise Ended(f"{self.user} hears {self.pitches()}\n{self.ladder}")
            await deferLater(reactor, 0.1)


def _save(path: Path, pitch: int, rate: int, channels: int) -> None:
    """Write a tone as the phone wants it for its codec."""
    second = tone(rate / RATE, pitch * RATE / rate)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        frames = b"".join(second[at : at + 2] * channels for at in range(0, len(second), 2))
        file.writeframes(frames * SECONDS)


class RelayedTestCase(TestCase):
    """A service with engines."""

    timeout = TIMEOUT
    count = 1
    """How many engines there are."""
    keys: Mapping[str, str] = MappingProxyType(
        {BOB: 'media_encryption = "none"', CAROL: 'media_encryption = "sdes"'}
    )

    async def setUp(self) -> None:
        """Start them."""
        self.engines = [Rtpengine(self.mktemp()) for _ in range(self.count)]
        for engine in self.engines:
            self.addCleanup(engine.kill)
            await engine.start()
        more = f"[media.rtpengine]\nengines = {[engine.address for engine in self.engines]!r}\n{self.more()}"
        self.service = Service(self.mktemp(), more, ws=True, keys=self.keys)
        self.addCleanup(lambda: self.service.kill())
        await self.service.start()

    def more(self) -> str:
        """More of the configuration, which begins in the table of engines."""
        return ""

    async def phone(self, number: str, **how: Any) -> SpeakingBaresip:
        """A desk phone that is registered."""
        phone = SpeakingBaresip(self.mktemp(), number, self.service.uri, **how)
        self.addCleanup(phone.stop)
        await phone.start()
        await phone.register()
        return phone

    async def free(self) -> None:
        """Wait until no engine has a call of ours, nor has to be told of one."""
        began = reactor.seconds()
        while any(one["calls"] or one["owed"] for one in (await self.service.ask("/status"))["engines"]):
            if reactor.seconds() - began > LIMIT:
                raise Ended(self.engines[0].program.story()[-4000:])
            await deferLater(reactor, 0.1)


class BrowserTests(RelayedTestCase):
    """JsSIP in Chromium and desk phones, which have no transport of media in common."""

    async def setUp(self) -> None:
        """The browser is registered."""
        await super().setUp()
        self.browser = Browser()
        self.addCleanup(self.browser.stop)
        await self.browser.start()
        server = f"ws://{self.service.host}:{self.service.ws_port}"
        await self.browser.ask("start", ALICE, server, self.service.host, PASSWORDS[ALICE])

    async def talk(self, phone: SpeakingBaresip) -> None:
        """The two hear each other."""
        await self.browser.ask("hears", ALICE, phone.user)
        await phone.hears(ALICE)

    async def test_browser_calls(self) -> None:
        """A browser calls a phone that speaks plain RTP and nothing else: they hear each other."""
        phone = await self.phone(BOB)
        dialled = self.browser.ask("dial", ALICE, BOB)
        await phone.tells("CALL_INCOMING")
        await phone.answer()
        await dialled
        await self.talk(phone)
        await self.browser.ask("hang_up", ALICE)
        await phone.tells("CALL_CLOSED")
        await self.free()

    async def test_phone_calls(self) -> None:
        """Such a phone calls the browser: the same, and again after it was held."""
        phone = await self.phone(BOB)
        await phone.dial(ALICE)
        await phone.tells("CALL_ESTABLISHED")
        await self.talk(phone)
        await Day(self.service, [phone]).hold_for_a_moment(phone)
        await self.talk(phone)
        await phone.hang_up()
        await self.browser.ask("quiet", ALICE)
        await self.free()

    async def test_transfer(self) -> None:
        """A phone transfers the browser to one with SRTP by SDES: all is agreed anew."""
        bob, carol = await self.phone(BOB), await self.phone(CAROL, secrecy="srtp-mand")
        await bob.dial(ALICE)
        await bob.tells("CALL_ESTABLISHED")
        await self.talk(bob)
        await bob.transfer(CAROL)
        await carol.tells("CALL_INCOMING")
        await carol.answer()
        await self.talk(carol)
        await carol.hang_up()
        await self.browser.ask("quiet", ALICE)
        await self.free()


class SecretTests(RelayedTestCase):
    """One phone that speaks SRTP with keys in its session (RFC 4568), and one that does not."""

    async def test_both_ways(self) -> None:
        """They hear each other, whoever has called."""
        plain, secret = await self.phone(BOB), await self.phone(CAROL, secrecy="srtp-mand")
        for caller, callee in ((plain, secret), (secret, plain)):
            await caller.dial(callee.user)
            await callee.tells("CALL_INCOMING")
            await callee.answer()
            await gatherResults([caller.tells("CALL_ESTABLISHED"), callee.tells("CALL_ESTABLISHED")])
            await caller.hears(callee.user)
            await callee.hears(caller.user)
            await caller.hang_up()
            await gatherResults([caller.tells("CALL_CLOSED"), callee.tells("CALL_CLOSED")])
        await self.free()


class RecordedTests(RelayedTestCase):
    """A phone with SRTP and one without, whose calls are recorded."""

    keys = MappingProxyType(
        {BOB: 'media_encryption = "none"\nrecording.on = true', CAROL: 'media_encryption = "sdes"'}
    )

    def more(self) -> str:
        """Where the engine writes, and where recordings are."""
        self.recordings = Path(self.mktemp()).resolve()
        recording = f'[recording]\ndirectory = "{self.recordings}"\nannounce = "none"\n'
        return f'recordings = "{self.engines[0].recordings}"\n{recording}'

    async def test_recorded(self) -> None:
        """Who calls is left and who is called right, by their pitch; nothing else is kept of the packets."""
        bob, carol = await self.phone(BOB), await self.phone(CAROL, secrecy="srtp-mand")
        await bob.dial(CAROL)
        await carol.tells("CALL_INCOMING")
        await carol.answer()
        await bob.hears(CAROL)
        await carol.hears(BOB)
        await deferLater(reactor, 2.0)
        await bob.hang_up()
        await carol.tells("CALL_CLOSED")
        began = reactor.seconds()
        while not (found := list(self.recordings.rglob("*.wav"))):
            if reactor.seconds() - began > LIMIT:
                raise Ended(self.service.program.story()[-4000:])
            await deferLater(reactor, 0.1)
        with wave.open(str(found[0]), "rb") as file:
            file.setpos(file.getnframes() - 2 * RATE)
            pcm = file.readframes(RATE)
        for side, who in ((0, BOB), (1, CAROL)):
            said = b"".join(pcm[at : at + 2] for at in range(2 * side, len(pcm), 4))
            self.assertEqual({one for one in PITCH.values() if loudness(said, one) > LOUD}, {PITCH[who]})
        await self.free()
        self.assertEqual(list(self.engines[0].recordings.glob("pcaps/*")), [])


class FaultTests(RelayedTestCase):
    """What dies in a call."""

    count = 2
    keys = MappingProxyType({BOB: 'media = "relay"'})

    async def talk(self) -> tuple[SpeakingBaresip, SpeakingBaresip]:
        """Two phones talk through an engine."""
        bob, carol = await self.phone(BOB), await self.phone(CAROL)
        await bob.dial(CAROL)
        await carol.tells("CALL_INCOMING")
        await carol.answer()
        await gatherResults([bob.tells("CALL_ESTABLISHED"), carol.tells("CALL_ESTABLISHED")])
        await bob.hears(CAROL)
        await carol.hears(BOB)
        return bob, carol

    async def used(self) -> list[bool]:
        """Which engines have calls."""
        return [bool(one["calls"]) for one in (await self.service.ask("/status"))["engines"]]

    async def test_engine(self) -> None:
        """When the engine is killed the call goes on by the other one, and the next call goes there."""
        bob, carol = await self.talk()
        number = (await self.used()).index(True)
        await self.engines[number].kill()
        began = reactor.seconds()
        while not (await self.used())[1 - number]:
            if reactor.seconds() - began > LIMIT:
                raise Ended(f"{bob.ladder}\n{carol.ladder}")
            await deferLater(reactor, 0.1)
        await deferLater(reactor, 0.6)  # of what was heard before
        await bob.hears(CAROL)
        await carol.hears(BOB)
        await bob.hang_up()
        await carol.tells("CALL_CLOSED")
        (problem,) = (await self.service.ask("/status"))["problems"]
        self.assertIn(f"rtpengine {self.engines[number].address} does not answer", problem)
        await self.engines[number].start()
        await self.free()

    async def test_service(self) -> None:
        """When the service is killed the two hear each other on; the next one ends the call as ever."""
        bob, carol = await self.talk()
        await self.service.kept()
        await self.service.program.kill()
        await deferLater(reactor, 1.0)
        await bob.hears(CAROL)
        self.service.program = Program("b2bua")
        await self.service.start()
        await deferLater(reactor, 1.0)
        await carol.hears(BOB)
        self.assertIn(True, await self.used())
        await bob.hang_up()
        await carol.tells("CALL_CLOSED")
        await self.free()

    async def test_restart(self) -> None:
        """A restart without loss leaves the media where they are, and the new process ends the call."""
        bob, carol = await self.talk()
        await self.service.kept()
        told = await self.service.ask("/restart", "POST")
        self.assertEqual((told["problem"], told["handed_over"]), ("", 1))
        self.addCleanup(os.kill, told["pid"], signal.SIGKILL)
        await self.service.program.says("the process before has ended", limit=60)
        await deferLater(reactor, 1.0)
        await bob.hears(CAROL)
        await carol.hears(BOB)
        self.assertIn(True, await self.used())
        await bob.hang_up()
        await carol.tells("CALL_CLOSED")
        await self.free()


del RelayedTestCase
