"""Whole calls whose media pass through a real rtpengine: browsers, phones with SRTP, phones with neither."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from b2bua.media import sounds
from b2bua.media.rtp import RATE
from tests.interop.baresip import Baresip
from tests.interop.browser import Browser
from tests.interop.processes import LIMIT, Ended, reactor
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

    def __init__(self, directory: str, user: str, server: str, *, secrecy: str = "") -> None:
        """
        Write its configuration.

        @param secrecy: how it keeps its media secret: C{srtp-mand} with SDES and nothing else.
        """
        # It cuts off longer paths.
        self.ears = Path(mkdtemp(prefix="b2bua-"))
        says = self.ears / "says.wav"
        sounds.save(says, tone(1.0, PITCH[user]) * SECONDS)
        modules = "\n".join(f"module {name}.so" for name in ("aufile", "sndfile", "srtp"))
        account = f";audio_source=aufile,{says}" + (f";mediaenc={secrecy}" if secrecy else "")
        config = f"{modules}\nsnd_path {self.ears}"
        super().__init__(directory, user, PASSWORDS[user], server, config=config, account=account)

    def stop(self) -> Any:
        """End it, and keep nothing."""
        rmtree(self.ears, ignore_errors=True)
        return super().stop()

    def pitches(self) -> set[int]:
        """What it has heard during the last half second."""
        newest = max(self.ears.glob("*-dec.wav"), key=lambda path: path.stat().st_mtime, default=None)
        pcm = b"" if newest is None else newest.read_bytes()[HEAD:][-RATE:]
        return {one for one in PITCH.values() if len(pcm) == RATE and loudness(pcm, one) > LOUD}

    async def hears(self, other: str) -> None:
        """Wait until it hears somebody, and nobody else."""
        began = reactor.seconds()
        while self.pitches() != {PITCH[other]}:
            if reactor.seconds() - began > LIMIT:
                raise Ended(f"{self.user} hears {self.pitches()}\n{self.ladder}")
            await deferLater(reactor, 0.1)


class RelayedTestCase(TestCase):
    """A service with an engine."""

    timeout = 120
    more = ""

    async def setUp(self) -> None:
        """Start them."""
        self.engine = Rtpengine(self.mktemp())
        self.addCleanup(lambda: self.engine.program.kill())
        await self.engine.start()
        more = f'[media.rtpengine]\nengines = ["{self.engine.address}"]\n{self.more}'
        self.service = Service(self.mktemp(), more, ws=True)
        self.addCleanup(self.service.kill)
        await self.service.start()

    async def phone(self, number: str, **how: Any) -> SpeakingBaresip:
        """A desk phone that is registered."""
        phone = SpeakingBaresip(self.mktemp(), number, self.service.uri, **how)
        self.addCleanup(phone.stop)
        await phone.start()
        await phone.register()
        return phone

    async def story(self) -> str:
        """What the calls tell of themselves, for when a test fails."""
        calls = await self.service.ask("/calls")
        return str(calls)


class BrowserTests(RelayedTestCase):
    """JsSIP in Chromium and a desk phone, which have neither transport nor codecs' names in common."""

    async def test_browser_calls(self) -> None:
        """A browser calls a desk phone that speaks plain RTP and nothing else: they hear each other."""
        browser = Browser()
        self.addCleanup(browser.stop)
        await browser.start()
        server = f"ws://{self.service.host}:{self.service.ws_port}"
        await browser.ask("start", ALICE, server, self.service.host, PASSWORDS[ALICE])
        phone = await self.phone(BOB)
        dialled = browser.ask("dial", ALICE, BOB)
        await phone.tells("CALL_INCOMING")
        await phone.answer()
        await dialled
        await gatherResults([browser.ask("hears", ALICE, BOB)])
        await phone.hears(ALICE)
        await browser.ask("hang_up", ALICE)
        await phone.tells("CALL_CLOSED")


del RelayedTestCase
