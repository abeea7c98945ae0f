"""Registering with a carrier: the machine."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.trunks.registration import Became, OutboundRegistration, Register, Wait
from b2bua.wire.message import Response

CONTACT = "sip:pbx7@192.0.2.1:5060"


def response(code: int, *fields: tuple[str, str], local: bool = False) -> Response:
    """An answer to a REGISTER."""
    return Response(code, "Reason", fields, local=local)


class MachineTests(SynchronousTestCase):
    """L{OutboundRegistration}, without time and without a wire."""

    def setUp(self) -> None:
        """One server, and dice that always show the middle."""
        self.now = 0.0
        self.machine = self.of(1, 3600)

    def of(self, servers: int, expires: int) -> OutboundRegistration:
        """A machine with these servers."""
        return OutboundRegistration(servers, expires, lambda: 0.5, lambda: self.now)

    def answered(self, code: int, *fields: tuple[str, str], local: bool = False) -> list[Any]:
        """Let it hear an answer."""
        return list(self.machine.answered(response(code, *fields, local=local), CONTACT))

    def test_refresh_in_time(self) -> None:
        """It is refreshed well before the end of what was granted, whatever was asked."""
        self.assertEqual(self.machine.start(), [Register(0, 3600)])
        effects = self.answered(200, ("Contact", f"<{CONTACT}>;expires=100"))
        self.assertEqual(effects, [Became(True), Wait(82.5)])
        self.assertEqual(self.machine.due(), [Register(0, 3600)])
        self.assertEqual(self.answered(200, ("Contact", f"<{CONTACT}>;expires=100")), [Wait(82.5)])

    def test_what_was_granted(self) -> None:
        """Our own contact's expires counts, then Expires, then what we asked for."""
        for fields, granted in [
            ([("Contact", f"<sip:other@192.0.2.9>;expires=7, <{CONTACT}>;expires=100")], 100),
            ([("Contact", "<sip:pbx7@203.0.113.1:33>;expires=50")], 50),
            ([("Contact", f"<{CONTACT}>"), ("Expires", "200")], 200),
            ([("Contact", f"<{CONTACT}>;expires=soon")], 3600),
            ([("Contact", "<nonsense")], 3600),
            ([], 3600),
        ]:
            with self.subTest(fields=fields):
                self.machine.start()
                self.assertEqual(self.answered(200, *fields)[-1], Wait(granted * 0.825))

    def test_backs_off(self) -> None:
        """RFC 5626 section 4.5: each round of failures waits twice as long, up to half an hour."""
        self.machine.start()
        waits = []
        for _ in range(9):
            waits.append(self.answered(503)[-1].seconds)
            self.assertEqual(self.machine.due(), [Register(0, 3600)])
        self.assertEqual(waits, [22.5, 45, 90, 180, 360, 720, 1350, 1350, 1350])
        self.answered(200)
        self.assertEqual(self.answered(503)[-1], Wait(22.5))

    def test_retry_after(self) -> None:
        """A server that says when to come back is believed."""
        self.machine.start()
        self.assertEqual(self.answered(503, ("Retry-After", "300 (maintenance)"))[-1], Wait(300))
        self.assertEqual(self.answered(503, ("Retry-After", "x"))[-1], Wait(45))

    def test_fails_over(self) -> None:
        """When a server does not answer, the next one is asked at once; the wait is for when all fail."""
        machine = self.of(2, 60)
        machine.start()
        machine.answered(response(200), CONTACT)
        machine.due()
        gone = response(408, local=True)
        self.now += 50
        self.assertEqual(machine.answered(gone, CONTACT), [Register(1, 60)])
        self.assertEqual((machine.registered, machine.server), (True, 0))
        self.assertEqual(machine.answered(gone, CONTACT), [Wait(22.5)])
        self.now += 22.5
        self.assertEqual(machine.due(), [Became(False, "408 no answer"), Register(0, 60)])
        machine.answered(gone, CONTACT)
        self.assertEqual(machine.answered(response(200), CONTACT)[0], Became(True))
        self.assertEqual(machine.server, 1)

    def test_failed_refresh(self) -> None:
        """A refresh that fails takes no binding away: it lives until it expires (section 10.2.4)."""
        self.machine.start()
        self.answered(200, ("Expires", "100"))
        for code, local in ((408, True), (503, False), (403, False)):
            self.now += 10
            self.machine.due()
            self.assertIsInstance(self.answered(code, local=local)[-1], Wait)
            self.assertTrue(self.machine.registered)
            self.assertNotEqual(self.machine.why, "")
        self.now = 100
        self.assertFalse(self.machine.registered)
        self.assertEqual(self.machine.due()[0], Became(False, "403 Reason"))
        self.assertEqual(self.answered(200)[0], Became(True))
        self.assertEqual(self.machine.why, "")

    def test_too_brief(self) -> None:
        """423: the time that the registrar wants is asked for (section 10.2.8), but not for ever."""
        self.machine.start()
        for longer in ("4000", "5000", "6000"):
            self.assertEqual(self.answered(423, ("Min-Expires", longer)), [Register(0, int(longer))])
        self.assertIsInstance(self.answered(423, ("Min-Expires", "7000"))[-1], Wait)
        machine = self.of(1, 60)
        self.assertIsInstance(machine.answered(response(423), CONTACT)[-1], Wait)

    def test_good_bye(self) -> None:
        """Stopped, it takes its binding back, and hears nothing more."""
        self.machine.start()
        self.answered(200)
        self.assertEqual(self.machine.stop(), [Register(0, 0), Became(False, "stopped")])
        self.assertEqual((self.answered(200), self.machine.due(), self.machine.stop()), ([], [], []))

    def test_removed_by_the_registrar(self) -> None:
        """A 200 that grants no time is no registration."""
        self.machine.start()
        self.assertIsInstance(self.answered(200, ("Contact", f"<{CONTACT}>;expires=0"))[-1], Wait)
        self.assertFalse(self.machine.registered)
