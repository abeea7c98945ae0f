"""
The page in a browser that nobody of us wrote: Chromium, as Debian has it.

Phones are PJSIP, and who calls in from outside is SIPp.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from tests.interop.chromium import SMALL, Chromium, do
from tests.interop.pjsip import Pjsip
from tests.interop.processes import TIMEOUT, Program, free_port
from tests.interop.programs import need
from tests.interop.service import PASSWORDS, Service

CALLER = Path(__file__).parent / "scenarios" / "caller.xml"
PASSWORD = "correct horse battery"
VIEWS = {
    "now": "/now",
    "past": "/past",
    "people": "/people",
    "person": "/people/102",
    "attacks": "/attacks",
    "settings": "/settings",
}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"dark": True},
    "small": {"size": SMALL},
    "small-dark": {"size": SMALL, "dark": True},
}


class PageCase(TestCase):
    """A service with a carrier, phones 102 and 103, and somebody who is logged in."""

    timeout = TIMEOUT
    account = "root"
    more = ""
    """More tables of the configuration."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        """Start all of them."""
        Pjsip.needed()
        self.sipp = need("sipp")
        self.carrier = free_port()
        carrier = f'[trunks.carrier]\nuri = "sip:127.0.0.1:{self.carrier}"\noptions_seconds = 0\n'
        carrier += f'accept_from = ["127.0.0.1:{self.carrier}"]\n'
        self.service = Service(self.mktemp(), carrier + self.more, web=True)
        self.addCleanup(self.service.kill)
        await self.service.start()
        for name, role, extension in (("root", "administrator", ""), ("alice", "user", "102")):
            more = {"role": role, "extension": extension, "password": PASSWORD}
            await self.service.ask("/accounts", "POST", name=name, **more)
        self.phones = {}
        for number in ("102", "103"):
            directory = str(self.service.directory)
            self.phones[number] = phone = Pjsip(directory, number, PASSWORDS[number], self.service.uri)
            self.addCleanup(phone.stop)
            await phone.start()
            await phone.register()
        self.browser: Chromium = await do(Chromium, f"http://127.0.0.1:{self.service.web_port}")
        self.addCleanup(do, self.browser.close)
        self.addCleanup(self.nothing_wrong)
        await do(self.browser.log_in, self.account, PASSWORD)

    async def nothing_wrong(self) -> None:
        """Nothing on the page was forbidden or broken, and the service has complained of nothing."""
        self.assertEqual(await do(self.browser.complaints), [])
        self.assertNotIn("Traceback", "\n".join(self.service.program.lines))

    def call_in(self, number: str, seconds: int = 60) -> Program:
        """Let SIPp call a number from outside, and hang up after some time."""
        program = Program("sipp")
        options = ("-sf", str(CALLER), "-s", number, "-i", "127.0.0.1", "-p", str(self.carrier), "-m", "1")
        times = ("-d", str(seconds * 1000), "-nostdin", "-timeout", "90")
        program.start((self.sipp, *options, *times, self.service.uri), str(self.service.directory))
        self.addCleanup(program.kill)
        return program

    async def until_answered(self, number: str) -> None:
        """Let a phone ring and answer."""
        phone = self.phones[number]
        await phone.tells("CALL_INCOMING")
        await phone.answer()


class RecordedTests(PageCase):
    """Calls that are recorded."""

    more = '[recording]\ndirectory = "recordings"\n[trunks.carrier.recording]\non = true\n'

    async def test_heard(self) -> None:
        """The recording of a call stands with it, and the browser plays it; nobody is kept out."""
        page = self.browser
        self.call_in("102", seconds=3)
        await self.until_answered("102")
        await self.phones["102"].tells("CALL_CLOSED")
        await do(page.open, "/past")
        await do(page.sees, "1 File", "tbody")
        await do(page.press, "main tbody a[href^='/calls/']")
        await do(page.sees, ".wav", ".sound")
        await do(page.run, "const one = document.querySelector('audio'); one.muted = true; one.play()")
        length = "const one = document.querySelector('audio'); return one.currentTime > 0 && one.duration"
        seconds = await do(page.until, lambda: page.run(length), "it is played")
        self.assertTrue(1 < seconds < 6, seconds)
        self.assertEqual(await do(page.barriers), [])
        await do(page.look, size=SMALL)
        self.assertLessEqual(await do(page.too_wide), 0)


class OperatorTests(PageCase):
    """Who runs the telephones."""

    async def test_call(self) -> None:
        """A call of SIPp appears by itself, its ladder can be opened, and it is gone when it ends."""
        page = self.browser
        await do(page.sees, "No call goes on")
        self.call_in("102")
        await do(page.sees, "ringing", "main")
        await self.until_answered("102")
        await do(page.sees, "talking", "main")
        await do(page.press, "main a[href^='/calls/']")
        await do(page.sees, "trunk carrier")
        drawn = "const one = document.querySelector('.picture img'); return one.complete && one.naturalWidth"
        self.assertGreater(await do(page.until, lambda: page.run(drawn), "the ladder is drawn"), 600)
        await do(page.press, "details summary")
        await do(page.sees, "INVITE sip:102@", "details pre")
        await do(page.open, "/now")
        await do(page.press, "td.acts button.end")
        await self.phones["102"].tells("CALL_CLOSED")
        await do(page.sees, "No call goes on")
        await do(page.open, "/past")
        await do(page.sees, "answered", "tbody")

    async def test_reload(self) -> None:
        """A fault of the file is shown with its key, and nothing is changed; mended, it is read."""
        page, file = self.browser, self.service.config
        good = file.read_text()
        file.write_text(good + '[extensions.104]\npasword = "x"\n')
        await do(page.open, "/settings")
        await do(page.press, "main button.first")
        await do(page.sees, "extensions.104.pasword", "#said")
        await do(page.sees, "password", "#said")
        file.write_text(good + '[extensions.104]\nname = "New"\npassword = "x"\n')
        await do(page.press, "main button.first")
        await do(page.sees, "The configuration was read", "#said.well")
        await do(page.open, "/people")
        await do(page.sees, "104")

    async def test_why(self) -> None:
        """Why did it not ring?  The call is played as things are now; a mistake is said in a line."""
        page = self.browser
        await self.service.ask("/settings/extensions.102.do_not_disturb", "PUT", value=True)
        await do(page.open, "/people/102")
        await do(page.fill, "caller", "103")
        await do(page.press, "form[action='/people/102'] button")
        await do(page.sees, "do_not_disturb", "pre")
        await do(page.fill, "caller", "nobody at all")
        await do(page.press, "form[action='/people/102'] button")
        await do(page.sees, "nobody at all", "p.alarms")

    async def test_keyboard(self) -> None:
        """Everything is reached by the key Tab, beginning with the way past the navigation."""
        page = self.browser
        await do(page.open, "/people/102")
        reached = await do(page.tab, 12)
        self.assertEqual(reached[0], "Skip to the content")
        for text in ("Now", "Past", "Log out", "Call"):
            self.assertIn(text, reached)

    async def test_looks(self) -> None:
        """Light and dark, on a desk and on a telephone: no barrier that axe-core knows, nothing too wide."""
        page = self.browser
        # "make pictures" has those of docs/ taken anew.
        pictures = Path(os.environ.get("B2BUA_PICTURES") or self.service.directory)
        first = self.call_in("103", 1)
        await self.until_answered("103")
        await self.phones["103"].tells("CALL_CLOSED")
        await first.ended()  # the carrier has one port
        self.call_in("102")
        await self.until_answered("102")
        [call] = await self.service.ask("/calls")
        for name, path in {**VIEWS, "call": f"/calls/{call['id']}"}.items():
            for look, how in LOOKS.items():
                await do(page.look, **how)
                await do(page.open, path)
                await do(page.find, "main section")
                self.assertEqual(await do(page.barriers), [], f"{name}, {look}")
                self.assertLessEqual(await do(page.too_wide), 0, f"{name}, {look}")
                await do(page.picture, pictures / f"{name}-{look}.png")
        await do(page.look, language="de")
        await do(page.open, "/now")
        await do(page.sees, "Alles in Ordnung")


class UserTests(PageCase):
    """Who has a telephone."""

    account = "alice"

    async def test_forward(self) -> None:
        """A forward that is set on one's own page holds at once: the next call rings elsewhere."""
        page = self.browser
        await do(page.sees, "Phone 102")
        await do(page.fill, "value", "103", "[data-key='forward.always']")
        await do(page.press, "[data-key='forward.always'] .save")
        await do(page.sees, "changed", "[data-key='forward.always']")
        first = self.call_in("102", 2)
        await self.until_answered("103")
        await self.phones["103"].tells("CALL_CLOSED")
        await first.ended()  # the carrier has one port
        self.assertNotIn("CALL_INCOMING", " ".join(self.phones["102"].told))
        await do(page.sees, "Miller & Sons", "[data-path='/mine/calls']")
        await do(page.press, "[data-key='forward.always'] button[type=button]")
        await do(page.sees_no_more, "changed", "[data-key='forward.always']")
        self.call_in("102", 2)
        await self.until_answered("102")

    async def test_tick(self) -> None:
        """A box is saved when it is ticked; who dials by the page hears their own phone ring."""
        page = self.browser
        await do(page.press, "[data-key='do_not_disturb'] input")
        await do(page.sees, "changed", "[data-key='do_not_disturb']")
        rows = await self.service.ask("/extensions/102/settings")
        path = "extensions.102.do_not_disturb"
        self.assertTrue(next(row["value"] for row in rows if row["path"] == path))
        await do(page.fill, "number", "103")
        await do(page.press, "main button.first")
        await self.until_answered("102")
        await self.until_answered("103")


# It is not run by itself.
del PageCase
