"""
Phones that could not understand each other: one encrypts, one is at IPv6, one speaks other codecs.

Real ones, whose calls pass through a relay for that: each says a tone of its own,
and what the other one has written down says by its spectrum who was heard.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.interop.day import Day
from tests.interop.hearing import Ear
from tests.interop.pjsip import Pjsip
from tests.interop.processes import LIMIT, TIMEOUT, Ended, reactor
from tests.interop.rtpengine import Rtpengine
from tests.interop.service import PASSWORDS, Service
from tests.interop.test_relayed import PITCH, SpeakingBaresip

ALICE, BOB = "101", "102"
WORKERS = "[media]\nfirst_port = 22000\nlast_port = 22999\n"


class HearingPjsip(Pjsip):
    """A PJSIP that says its tone, and hears."""

    ear: Ear

    async def begin(self, directory: str) -> None:
        """Start, register, and have something to say."""
        place = Path(directory).resolve() / f"ear-{self.user}.wav"
        self.ear = Ear(place)
        await self.start()
        await self.register()
        await self.sound(PITCH[self.user], str(place))

    async def hears(self, other: str) -> None:
        """Wait until it hears somebody, and nobody else."""
        began = reactor.seconds()
        while (heard := self.ear.tones(PITCH.values())) != {PITCH[other]}:
            if reactor.seconds() - began > LIMIT:
                raise Ended(f"{self.user} hears {heard}\n{self.program.story()[-4000:]}")
            await deferLater(reactor, 0.1)


class UnlikeCase(TestCase):
    """A service, with an engine where that is wanted."""

    timeout = TIMEOUT
    engine = True
    keys: dict[str, str] = {}  # noqa: RUF012  # each case has its own

    async def setUp(self) -> None:
        """Start them."""
        Pjsip.needed()
        more = WORKERS
        if self.engine:
            engine = Rtpengine(self.mktemp())
            self.addCleanup(engine.kill)
            await engine.start()
            more += f'[media.rtpengine]\nengines = ["{engine.address}"]\n'
        self.service = Service(self.mktemp(), more, keys=self.keys, six=True)
        self.addCleanup(lambda: self.service.kill())
        await self.service.start()

    async def pjsip(self, number: str) -> HearingPjsip:
        """A phone that is registered."""
        place = Path(self.mktemp()).resolve()
        place.mkdir(parents=True)
        phone = HearingPjsip(str(place), number, PASSWORDS[number], self.service.uri)
        self.addCleanup(phone.stop)
        await phone.begin(str(place))
        return phone

    async def baresip(self, number: str, server: str, **how: Any) -> SpeakingBaresip:
        """Another one, at whichever address of the service."""
        phone = SpeakingBaresip(self.mktemp(), number, server, **how)
        self.addCleanup(phone.stop)
        await phone.start()
        await phone.register()
        return phone

    async def talk(self, caller: Any, callee: Any) -> None:
        """One calls the other: they hear each other, and after a hold again."""
        await caller.dial(callee.user)
        await callee.tells("CALL_INCOMING")
        await callee.answer()
        await gatherResults([caller.tells("CALL_ESTABLISHED"), callee.tells("CALL_ESTABLISHED")])
        await self.hear(caller, callee)
        await Day(self.service, (caller, callee)).hold_for_a_moment(caller)
        await deferLater(reactor, 0.5)  # of what was heard before
        await self.hear(caller, callee)
        await caller.hang_up()
        await gatherResults([caller.tells("CALL_CLOSED"), callee.tells("CALL_CLOSED")])

    async def hear(self, one: Any, other: Any) -> None:
        """They hear each other."""
        await one.hears(other.user)
        await other.hears(one.user)


class SecretTests(UnlikeCase):
    """One speaks SRTP with SDES (RFC 4568), the other does not: rtpengine stands between."""

    keys = {ALICE: 'media_encryption = "sdes"', BOB: 'media_encryption = "none"'}  # noqa: RUF012

    async def test_both_ways(self) -> None:
        """Whoever has called."""
        alice, bob = await self.pjsip(ALICE), await self.pjsip(BOB)
        await alice.command("encrypt")
        await self.talk(alice, bob)
        await self.talk(bob, alice)


class FamilyTests(UnlikeCase):
    """One is at IPv6, the other at IPv4: rtpengine stands between."""

    async def test_both_ways(self) -> None:
        """Whoever has called."""
        alice, bob = await self.baresip(ALICE, self.service.uri6), await self.pjsip(BOB)
        await self.talk(alice, bob)
        await self.talk(bob, alice)


class EmbeddedFamilyTests(FamilyTests):
    """The same by the relay of our own workers."""

    engine = False


class CodecTests(UnlikeCase):
    """One speaks Opus only (RFC 7587), the other G.711 only: rtpengine makes one out of the other."""

    keys = {ALICE: 'codecs = ["PCMA"]', BOB: 'codecs = ["opus"]'}  # noqa: RUF012

    async def test_both_ways(self) -> None:
        """Whoever has called."""
        alice = await self.pjsip(ALICE)
        await alice.command("speak", "PCMA/8000/1")
        bob = await self.baresip(BOB, self.service.uri, codec="opus/48000/2")
        await self.talk(alice, bob)
        await self.talk(bob, alice)
