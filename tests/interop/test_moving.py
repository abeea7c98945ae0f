"""Real phones that get another place within a call: what is for them finds them where they are by then."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.interop.baresip4 import Baresip4
from tests.interop.day import LOOK, Day
from tests.interop.linphone import Linphone
from tests.interop.pjsip import Pjsip
from tests.interop.processes import TIMEOUT, reactor
from tests.interop.router import Router
from tests.interop.service import PASSWORDS, Service


class MovingTests(TestCase):
    """A, of PJSIP, and B, of baresip, stand behind a router, and register when it has forgotten them."""

    timeout = TIMEOUT
    transport = "udp"

    async def day(self) -> Day:
        """Start the router, the service and the phones."""
        makes = (Pjsip, Baresip4)
        for make in makes:
            make.needed()
        directory = str(Path(self.mktemp()).resolve())
        self.router = Router()
        service = Service(directory, server=f'advertise = "{self.router.address}"')
        self.addCleanup(service.kill)
        await service.start()
        self.router.begin(service.uri)
        self.addCleanup(self.router.stop)
        phones = []
        for make, (number, password) in zip(makes, PASSWORDS.items(), strict=False):
            phone = make(directory, number, password, self.router.address, self.transport)
            phones.append(phone)
            self.addCleanup(phone.stop)
        await gatherResults([phone.start() for phone in phones])
        await gatherResults([phone.register() for phone in phones])
        return Day(service, phones)

    async def test_found(self) -> None:
        """Re-INVITE and BYE find them by instance or account, whoever called (RFC 5626 section 4.2)."""
        day = await self.day()
        a, b = day.phones
        try:
            for caller, callee, ends, hears in ((a, b, a, b), (b, a, a, b), (a, b, b, a)):
                await day.connect(caller, callee)
                await self.forgotten(day)
                await day.hold(a, b)
                await a.resume()
                await day.talk((a, b))
                await self.forgotten(day)
                await day.hang_up(ends, hears)
                await day.rest()
        except Exception as error:
            raise AssertionError(f"{error}\n{a.ladder}\n{b.ladder}") from error

    async def forgotten(self, day: Day) -> None:
        """The router forgets all, and the phones register again."""
        await day.until("nobody changes a call by itself", lambda: not any(p.restless for p in day.phones))
        await self.router.forget()
        await gatherResults([phone.register() for phone in day.phones])


class MovingTcpTests(MovingTests):
    """The same when TCP connections are cut."""

    transport = "tcp"


class LinphoneTests(TestCase):
    """B is linphone, which takes another port, and registers from there under the name of its instance."""

    timeout = TIMEOUT
    transport = "udp"

    async def test_found(self) -> None:
        """Hold, resume and BYE find it, whoever called (RFC 5626 section 4.1)."""
        Pjsip.needed()
        Linphone.needed()
        directory = str(Path(self.mktemp()).resolve())
        self.service = Service(directory)
        self.addCleanup(self.service.kill)
        await self.service.start()
        a, b = (
            make(directory, number, PASSWORDS[number], self.service.uri, self.transport)
            for make, number in ((Pjsip, "101"), (Linphone, "102"))
        )
        for phone in (a, b):
            self.addCleanup(phone.stop)
        await gatherResults([phone.start() for phone in (a, b)])
        await gatherResults([phone.register() for phone in (a, b)])
        place = await self.elsewhere(b, "")
        for called in (True, False):
            if called:
                await a.dial(b.user)
                await b.tells("CallIncomingReceived")
                await b.answer()
            else:
                await b.dial(a.user)
                await a.tells("CALL_INCOMING")
                await a.answer()
            await b.tells("CallStreamsRunning")
            await a.tells("CALL_ESTABLISHED")
            await b.move()
            place = await self.elsewhere(b, place)
            await a.hold()
            await b.tells("CallPausedByRemote")
            await b.move()
            place = await self.elsewhere(b, place)
            await a.resume()
            await b.tells("CallStreamsRunning")
            await a.hang_up()
            await b.tells("CallReleased")
        self.assertNotIn("Traceback", "\n".join(self.service.program.lines))

    async def elsewhere(self, phone: Linphone, before: str) -> str:
        """Wait until the service knows it at another place than before; gives that."""
        while True:
            rows = await self.service.ask("/registrations")
            places = {row["source"] for row in rows if row["extension"] == phone.user} - {"", before}
            if places:
                return str(places.pop())
            await deferLater(reactor, LOOK)


class LinphoneTcpTests(LinphoneTests):
    """The same over TCP, where its connections are closed, too."""

    transport = "tcp"
