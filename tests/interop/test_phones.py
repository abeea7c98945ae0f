"""
Real phones of three makes in every scenario of a working day, over UDP and TLS.

Nobody here wrote them: baresip as Debian has it (1.0), baresip as it is today
(4, C{baresip-python}) and PJSIP (C{pjsua2-python}).  L{tests.interop.day} has the
scenarios.  A service and its phones are started once for a whole day, since
that costs more than to play a scenario; a failure says which scenario it was,
and shows what went over the wire of each phone in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from twisted.internet.defer import DeferredList, ensureDeferred, gatherResults
from twisted.trial.unittest import TestCase

from tests.interop.baresip import Baresip
from tests.interop.baresip4 import Baresip4
from tests.interop.certificates import pair
from tests.interop.day import SCENARIOS, Day, Scenario
from tests.interop.pjsip import Pjsip
from tests.interop.processes import TIMEOUT
from tests.interop.service import PASSWORDS, Service


class PhoneCase(TestCase):
    """Three phones, 101 to 103, that have registered with digest."""

    timeout = TIMEOUT
    transport = "udp"
    alike: ClassVar[tuple[Any, ...]] = (Baresip, Baresip4, Pjsip)
    """The makes of which three phones talk to each other."""

    async def day(self, *makes: Any) -> Day:
        """Start the service, and phones of these makes."""
        for make in makes:
            make.needed()
        directory = Path(self.mktemp()).resolve()
        certificate, _ = pair(directory)
        service = Service(str(directory), tls=self.transport == "tls")
        self.addCleanup(service.kill)
        await service.start()
        server = f"{service.host}:{service.tls_port or service.port}"
        phones = []
        for make, (number, password) in zip(makes, PASSWORDS.items(), strict=True):
            authority = certificate.with_name("authority.pem")
            phone = make(str(directory), number, password, server, self.transport, authority=authority)
            phones.append(phone)
            self.addCleanup(phone.stop)
        await gatherResults([phone.start() for phone in phones])
        await gatherResults([phone.register() for phone in phones])
        return Day(service, phones)

    async def together(self, *trios: tuple[Any, Any, Any]) -> None:
        """Let trios of makes have their days at the same time, each with a service of its own: A, B and C."""
        days = [ensureDeferred(self.whole(*makes)) for makes in trios]
        for well, what in await DeferredList(days, consumeErrors=True):
            if not well:
                what.raiseException()

    async def whole(self, *makes: Any) -> None:
        """Play each scenario that phones of these makes can play as A, B and C."""
        day = await self.day(*makes)
        for scenario in SCENARIOS:
            if scenario.suits(day.phones[1]):
                await self.play(day, scenario, tuple(day.phones))

    async def play(self, day: Day, scenario: Scenario, roles: tuple[Any, ...]) -> None:
        """Play one scenario to its end, when nothing may be left."""
        name = f"{scenario.play.__name__}({', '.join(phone.name for phone in roles)})"
        try:
            await scenario.play(day, *roles)
            await day.rest()
        except Exception as error:
            ladders = "\n".join(phone.ladder for phone in day.phones)
            raise AssertionError(f"{name} over {self.transport}: {error}\n{ladders}") from error
        said = "\n".join(day.service.program.lines)
        self.assertNotIn("Traceback", said, name)


class AlikeTests(PhoneCase):
    """Over UDP."""

    async def test_alike(self) -> None:
        """Three phones of one make."""
        await self.together(*[(make, make, make) for make in self.alike])


class MixedTests(PhoneCase):
    """Over UDP."""

    async def test_mixed(self) -> None:
        """Each make in each role."""
        makes = (Baresip, Baresip4, Pjsip)
        await self.together(*[(*makes[first:], *makes[:first]) for first in range(3)])


class MixedTlsTests(MixedTests):
    """The same over TLS, with a certificate that the phones check."""

    transport = "tls"


# It is not run by itself.
del PhoneCase
