"""
Real phones of three makes hear what the server plays, and the server hears them.

PJSIP, the baresip of today and linphone each say a tone of their own, and write
down what they hear; prompts, music and ringing are tones as well.  So each file
says who was heard when, by its spectrum.  A service and its phones are started
once for all, since that costs more than to play a scenario.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from b2bua.media.sounds import load, save
from tests.interop.baresip4 import Baresip4
from tests.interop.hearing import Ear, loudness, tone
from tests.interop.linphonec import Linphonec
from tests.interop.peers import later
from tests.interop.pjsip import Pjsip
from tests.interop.postbox import Postbox
from tests.interop.processes import LIMIT, TIMEOUT, Program, reactor
from tests.interop.service import PASSWORDS, Service

SAYS = {"101": 500, "102": 620, "103": 980}
"""The tone of each phone."""
MUSIC, RINGING, MENU, GREETING = 700, 1100, 1300, 1500
OUR_RINGING = 425
"""What comes along."""
ALL = (*SAYS.values(), MUSIC, RINGING, MENU, GREETING, OUR_RINGING)
TABLES = """
[media]
first_port = 21000
last_port = 21999
[music_on_hold]
file = "{place}/music.wav"
transfer = "{place}/ringing.wav"
[auto_attendant.500]
prompt = "{place}/menu.wav"
keys = {{ "1" = "101", "2" = "102", "3" = "103" }}
[voicemail]
directory = "{place}/voicemail"
[voicemail.mail]
server = "127.0.0.1"
port = {port}
sender = "box@example.com"
[conferences.800]
[pages.650]
members = ["101", "102", "103"]
"""


class HearingTests(TestCase):
    """Three phones, 101 to 103, and their ears."""

    timeout = 2 * TIMEOUT
    rounds = 1
    """L{tests.deep.test_hearing} has three."""

    async def begin(self) -> None:
        """Start the service and the phones."""
        makes: tuple[Any, ...] = (Pjsip, Baresip4, Linphonec)
        for make in makes:
            make.needed()
        self.place = place = Path(self.mktemp()).resolve()
        place.mkdir(parents=True)
        for name, frequency in (("music", MUSIC), ("ringing", RINGING), ("menu", MENU)):
            save(place / f"{name}.wav", tone(2.0, frequency))
        self.postbox = Postbox()
        port = reactor.listenTCP(0, self.postbox, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        tables = TABLES.format(place=place, port=port.getHost().port)
        for number in SAYS:
            tables += f'[extensions.{number}.voicemail]\non = true\nmail = "{number}@example.com"\n'
            greeting = place / "voicemail" / number / "greeting.wav"
            greeting.parent.mkdir(parents=True)
            save(greeting, tone(0.8, GREETING))
        self.service = Service(str(place), tables)
        self.addCleanup(self.service.kill)
        await self.service.start()
        self.phones: list[Any] = []
        self.ears: dict[str, Ear] = {}
        for make, number in zip(makes, SAYS, strict=True):
            phone = make(str(place), number, PASSWORDS[number], self.service.uri)
            self.addCleanup(phone.stop)
            self.phones.append(phone)
            self.ears[number] = Ear(place / f"ear-{number}.wav")
        await gatherResults([phone.start() for phone in self.phones])
        for phone in self.phones:
            await phone.register()
            await phone.sound(SAYS[phone.user], str(place / f"ear-{phone.user}.wav"))
        await self.until("all have registered", self._all_registered)

    async def _all_registered(self) -> bool:
        """Are they?"""
        return len(await self.service.ask("/registrations")) == len(self.phones)

    async def _all_over(self) -> bool:
        """Is there no call any more?"""
        return not await self.service.ask("/calls")

    async def until(self, what: str, met: Callable[[], Awaitable[bool]]) -> None:
        """Wait for something to be so."""
        end = reactor.seconds() + LIMIT
        while not await met():
            if reactor.seconds() > end:
                self.fail(f"waited {LIMIT} s until {what}; {self.service.program.story()}")
            await later(0.1)

    async def hears(self, phone: Any, *frequencies: float) -> None:
        """Wait until a phone hears these tones and no other one."""
        ear, end = self.ears[phone.user], reactor.seconds() + LIMIT
        while (heard := ear.tones(ALL)) != set(frequencies):
            if reactor.seconds() > end:
                self.fail(f"{phone.name} hears {heard}, not {set(frequencies)}; {phone.program.story()}")
            await later(0.1)

    async def call(self, caller: Any, callee: Any) -> None:
        """One calls the other, and they hear each other."""
        await caller.dial(callee.user)
        await self.take(callee)
        await self.hears(caller, SAYS[callee.user])
        await self.hears(callee, SAYS[caller.user])

    async def take(self, phone: Any) -> None:
        """Answer the call that comes in."""
        await phone.tells("CALL_INCOMING")
        await phone.answer()

    async def over(self, *phones: Any) -> None:
        """Phones hang up, and nothing is left."""
        for phone in phones:
            await phone.hang_up()
        await self.until("all calls are over", self._all_over)
        await later(0.3)

    def turns(self) -> list[tuple[Any, Any, Any]]:
        """The makes in their places; each of them in each, with three rounds."""
        a, b, c = self.phones
        return [(a, b, c), (b, c, a), (c, a, b)][: self.rounds]

    async def test_all(self) -> None:
        """One scenario after the other; a failure names the makes in it."""
        await self.begin()
        for play in (self.hold, self.transfer, self.attendant, self.voicemail):
            for turn in self.turns():
                await self.played(play, *turn)
        await self.played(self.conference, *self.phones)
        await self.played(self.focus, *self.phones)
        await self.played(self.page, *self.phones)
        await self.played(self.killed, *self.phones)
        self.assertNotIn("Traceback", "\n".join(self.service.program.lines))

    async def played(self, play: Callable[..., Awaitable[None]], *phones: Any) -> None:
        """Play one of them."""
        name = f"{play.__name__}({', '.join(phone.name for phone in phones)})"
        for ear in self.ears.values():
            ear.forget()
        try:
            await play(*phones)
        except Exception as error:
            raise AssertionError(f"{name}: {error}") from error

    async def hold(self, one: Any, other: Any, _: Any) -> None:
        """Who is held hears the music, and nobody else; then the two hear each other again."""
        await self.call(one, other)
        await later(0.5)
        await one.hold()
        await self.hears(other, MUSIC)
        await one.resume()
        await self.hears(other, SAYS[one.user])
        await self.hears(one, SAYS[other.user])
        await self.over(one)

    async def transfer(self, one: Any, other: Any, third: Any) -> None:
        """
        Who is transferred hears ringing until the target answers, and then the target.

        Whoever transfers holds first, as desk phones do: these three go on talking else.
        """
        await self.call(one, other)
        await later(0.5)
        await other.hold()
        await self.hears(one, MUSIC)
        await later(0.5)
        await other.transfer(third.user)
        await self.hears(one, RINGING)
        await self.take(third)
        await self.hears(one, SAYS[third.user])
        await self.hears(third, SAYS[one.user])
        await self.over(one)

    async def attendant(self, one: Any, other: Any, _: Any) -> None:
        """Who calls hears the menu, presses a key, hears ringing, and talks to who answers."""
        await one.dial("500")
        await self.hears(one, MENU)
        await one.press(other.user[-1])
        await self.hears(one, OUR_RINGING)
        await self.take(other)
        await self.hears(one, SAYS[other.user])
        await self.hears(other, SAYS[one.user])
        await self.over(one)

    async def voicemail(self, one: Any, other: Any, _: Any) -> None:
        """One leaves a message after the greeting; it comes by mail, and is heard and deleted."""
        box = self.place / "voicemail" / other.user / "new"
        await one.dial(f"97{other.user}")
        await self.hears(one, GREETING)
        await self.until("it is being recorded", lambda: self._is_recording(box))
        await later(1.6)
        await self.over(one)
        await self.until("the message is there", lambda: self._has_message(box))
        [message] = box.glob("*.wav")
        self.assertGreater(loudness(load(message)[8000:16000], SAYS[one.user], 8000), 3000)
        await self.until("the mail is there", self._has_mail)
        letter = self.postbox.letters.pop()
        self.assertEqual(self.postbox.to.pop(), f"{other.user}@example.com")
        [sound] = [part for part in letter.walk() if part.get_content_maintype() == "audio"]
        self.assertEqual(sound.get_payload(decode=True), message.read_bytes())
        await other.dial("97")
        await self.hears(other, SAYS[one.user])
        await other.press("3")
        await self.until("the message is deleted", lambda: self._is_empty(box))
        await self.over(other)

    async def killed(self, one: Any, other: Any, _: Any) -> None:
        """All of the server dies in the middle of a message: when it is back, what was spoken is there."""
        box = self.place / "voicemail" / other.user / "new"
        await one.dial(f"97{other.user}")
        await self.until("it is being recorded", lambda: self._is_recording(box))
        [part] = box.glob("*.part")
        await self.until("four seconds of it are written", lambda: self._is_longer(part, 4 * 16000))
        await self.service.kill()
        self.assertTrue(await self._is_empty(box))
        self.service.program = Program("b2bua again")
        await self.service.start()
        await self.until("the message is there", lambda: self._has_message(box))
        self.assertFalse(await self._is_recording(box))
        [message] = box.glob("*.wav")
        pcm = load(message)
        self.assertGreaterEqual(len(pcm), 4 * 16000)
        self.assertGreater(loudness(pcm[16000:32000], SAYS[one.user], 8000), 3000)

    async def _has_mail(self) -> bool:
        """Has a letter come?"""
        return bool(self.postbox.letters)

    async def _has_message(self, box: Path) -> bool:
        """Is there one?"""
        return not await self._is_empty(box)

    async def _is_recording(self, box: Path) -> bool:
        """Is a message being spoken?"""
        return any(box.glob("*.part"))

    async def _is_longer(self, part: Path, size: int) -> bool:
        """Is there more of a message than so many bytes?"""
        return part.stat().st_size > size

    async def _is_empty(self, box: Path) -> bool:
        """Is there no message?"""
        return not any(box.glob("*.wav"))

    async def conference(self, *phones: Any) -> None:
        """Each of three hears the two others; who is muted is heard by nobody."""
        for phone in phones:
            await phone.dial("800")
            await later(0.5)
        for phone in phones:
            await self.hears(phone, *(SAYS[other.user] for other in phones if other is not phone))
        first, second, third = phones
        await first.press("1")
        await self.hears(second, SAYS[third.user])
        await self.hears(third, SAYS[second.user])
        await self.over(*phones)

    async def focus(self, *phones: Any) -> None:
        """PJSIP confers by REFERs: a call that it has is taken over, and somebody else is rung (RFC 4579)."""
        first, second, third = phones
        await self.call(first, second)
        await later(0.5)
        await first.hold()
        await self.hears(second, MUSIC)
        first.pass_over("CALL_ESTABLISHED")
        await first.dial("800")
        await first.tells("CALL_ESTABLISHED")
        await first.command("bring_first")
        await self.hears(second, SAYS[first.user])
        await first.command("bring", third.user)
        await self.take(third)
        for phone in phones:
            await self.hears(phone, *(SAYS[other.user] for other in phones if other is not phone))
        self.assertEqual(len(await self.service.ask("/calls")), 3)
        await self.over(*phones)

    async def page(self, *phones: Any) -> None:
        """Members hear who pages as it is spoken, and not each other."""
        first, second, third = phones
        await first.dial("650")
        for phone in (second, third):
            await self.take(phone)
        for phone in (second, third):
            await self.hears(phone, SAYS[first.user])
        await self.hears(first)
        await self.over(first)
