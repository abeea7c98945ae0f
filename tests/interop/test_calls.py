"""Two real phones talk through the service as C{twistd} starts it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import gatherResults, inlineCallbacks
from twisted.trial.unittest import TestCase

from b2bua.store.sql import SqlStore
from tests.interop.baresip import Baresip
from tests.interop.certificates import pair
from tests.interop.processes import TIMEOUT, reactor
from tests.interop.programs import need
from tests.interop.service import PASSWORDS, Service


class UdpTests(TestCase):
    """baresip, which nobody here wrote, as phones 101 and 102, over UDP."""

    timeout = TIMEOUT
    transport = "udp"

    @inlineCallbacks
    def setUp(self) -> Any:
        """A service, and two phones that have registered with digest."""
        need("baresip")
        directory = Path(self.mktemp()).resolve()
        certificate, _ = pair(directory)
        self.service = Service(str(directory), tls=self.transport == "tls")
        self.addCleanup(self.service.kill)
        yield self.service.start()
        port = self.service.tls_port or self.service.port
        self.phones = [
            Baresip(
                str(directory),
                number,
                PASSWORDS[number],
                f"{self.service.host}:{port}",
                self.transport,
                authority=certificate.with_name("authority.pem"),
            )
            for number in ("101", "102")
        ]
        for phone in self.phones:
            self.addCleanup(phone.stop)
        yield gatherResults([phone.start() for phone in self.phones])
        yield gatherResults([phone.register() for phone in self.phones])

    @inlineCallbacks
    def talk(self) -> Any:
        """101 calls 102, which answers."""
        alice, bob = self.phones
        yield alice.dial("102")
        yield bob.tells("CALL_INCOMING")
        yield alice.tells("CALL_RINGING")
        yield bob.answer()
        yield gatherResults([phone.tells("CALL_ESTABLISHED") for phone in self.phones])

    @inlineCallbacks
    def record(self) -> Any:
        """The one record there is when the service has ended."""
        yield self.service.stop()
        store = SqlStore(f"sqlite:///{self.service.database}", reactor)
        yield store.open()
        records = yield store.find_records()
        yield store.close()
        self.assertEqual(len(records), 1, records)
        return records[0]

    @inlineCallbacks
    def test_caller_hangs_up(self) -> Any:
        """The caller hangs up: the callee hears it."""
        alice, bob = self.phones
        yield self.talk()
        yield alice.hang_up()
        yield bob.tells("CALL_CLOSED")
        record = yield self.record()
        self.assertEqual((record.status, record.hung_up_by), (200, "extension 101"))
        self.assertEqual([leg.party for leg in record.legs], ["extension 101", "extension 102"])
        self.assertLessEqual(record.started, record.answered)
        self.assertLessEqual(record.answered, record.ended)

    @inlineCallbacks
    def test_callee_hangs_up(self) -> Any:
        """The callee hangs up: the caller hears it."""
        alice, bob = self.phones
        yield self.talk()
        yield bob.hang_up()
        yield alice.tells("CALL_CLOSED")
        record = yield self.record()
        self.assertEqual((record.status, record.hung_up_by), (200, "extension 102"))

    @inlineCallbacks
    def test_refused(self) -> Any:
        """The callee refuses: the caller hears that it is busy."""
        alice, bob = self.phones
        yield alice.dial("102")
        yield bob.tells("CALL_INCOMING")
        yield bob.hang_up()
        told = yield alice.tells("CALL_CLOSED")
        self.assertIn("486", told["param"])
        record = yield self.record()
        self.assertEqual((record.status, record.answered), (486, None))
