"""kill -9 while phones that nobody here wrote talk through the service: after the next start they go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import gatherResults, inlineCallbacks
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.interop import day, test_calls
from tests.interop.certificates import pair
from tests.interop.kills import play
from tests.interop.pjsip import Pjsip
from tests.interop.processes import TIMEOUT, Program
from tests.interop.programs import need
from tests.interop.service import PASSWORDS, Service


class CallsUpTests(TestCase):
    """Calls of SIPp; C{make kills} has five hundred of them."""

    timeout = TIMEOUT

    @inlineCallbacks
    def test_gone_on_with(self) -> Any:
        """After kill -9 either side hangs up, holds, or transfers; nothing is left, and no record is open."""
        need("sipp")
        directory = Path(self.mktemp()).resolve()
        directory.mkdir()
        found = yield deferToThread(play, directory, 20, 1)
        self.assertEqual(
            (found.kills, sum(found.failed.values()), found.open, found.records),
            (1, 0, 0, 0),
            f"{found}\n{found.said}",
        )


class KillTests(test_calls.UdpTests):
    """baresip over UDP, and a service that is killed."""

    timeout = TIMEOUT

    @inlineCallbacks
    def crash(self) -> Any:
        """Kill the service, and start it again."""
        yield self.service.kept()
        yield self.service.program.kill()
        self.service.program = Program("b2bua")
        yield self.service.start()

    @inlineCallbacks
    def talk(self) -> Any:
        """101 calls 102; the service dies and comes back three times while they talk."""
        yield super().talk()
        for _ in range(3):
            yield self.crash()
            (call,) = yield self.service.ask("/calls")
            self.assertTrue(call["restored"], call)

    @inlineCallbacks
    def test_refused(self) -> Any:
        """
        The service dies while it rings: after the start the phone stops, and the caller hears 500.

        That they do within 2 s is in L{tests.ladders.test_calls_kept}, where no other process takes the time.
        """
        alice, bob = self.phones
        yield alice.dial("102")
        yield bob.tells("CALL_INCOMING")
        yield alice.tells("CALL_RINGING")
        closed = gatherResults([alice.tells("CALL_CLOSED"), bob.tells("CALL_CLOSED")])
        yield self.crash()
        told, _ = yield closed
        self.assertIn("500", told["param"])
        record = yield self.record()
        self.assertEqual((record.answered, record.why), (None, "crash"))


class KilledDay(day.Day):
    """A day on which the service is killed each time that two have begun to talk."""

    kills = 0
    reconnects = False
    """Do the phones have to register by new connections?"""

    async def connect(self, caller: Any, callee: Any) -> None:
        """One calls the other, who answers; then the service dies, and is started again."""
        await super().connect(caller, callee)
        await self.service.kept()
        before = {call["id"] for call in await self.service.ask("/calls")}
        said = "\n".join(self.service.program.lines)
        if "Traceback" in said:
            raise AssertionError(said)
        await self.service.program.kill()
        self.service.program = Program("b2bua")
        await self.service.start()
        self.kills += 1
        if self.reconnects:
            await gatherResults([phone.register() for phone in self.phones])
        restored = {call["id"] for call in await self.service.ask("/calls") if call["restored"]}
        if restored != before:
            said = "\n".join(self.service.program.lines)
            raise AssertionError(f"not all calls were restored, of {before} {restored}; {said}")


class PhonesTests(TestCase):
    """PJSIP over UDP: what a restored call can do with phones that nobody here wrote."""

    timeout = TIMEOUT
    transport = "udp"
    scenarios = (
        day.hold,
        day.callee_hangs_up,
        day.blind_transfer_by_callee,
        day.attended_transfer,
        day.attended_transfer_of_callers,
    )

    async def test_day(self) -> None:
        """Holds, BYEs, and blind and attended transfers of calls that kill -9 has left behind."""
        Pjsip.needed()
        directory = Path(self.mktemp()).resolve()
        certificate, _ = pair(directory)
        service = Service(str(directory), tls=self.transport == "tls")
        self.addCleanup(service.kill)
        await service.start()
        server = f"{service.host}:{service.tls_port or service.port}"
        authority = certificate.with_name("authority.pem")
        phones = [
            Pjsip(str(directory), *who, server, self.transport, authority=authority)
            for who in list(PASSWORDS.items())[:3]
        ]
        for phone in phones:
            self.addCleanup(phone.stop)
        await gatherResults([phone.start() for phone in phones])
        await gatherResults([phone.register() for phone in phones])
        killed = KilledDay(service, phones)
        killed.reconnects = self.transport != "udp"
        for scenario in self.scenarios:
            try:
                await scenario(killed, *phones)
                await killed.rest()
            except Exception as error:
                ladders = "\n".join(phone.ladder for phone in phones)
                raise AssertionError(f"{scenario.__name__}: {error}\n{ladders}") from error
        self.assertEqual(killed.kills, 7)


class PhonesByTlsTests(PhonesTests):
    """The same over TLS: the calls follow their phones to their new connections (RFC 5626 in spirit)."""

    transport = "tls"
