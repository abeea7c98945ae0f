"""Browsers call by our WebSocket: JsSIP in Chromium, with real ICE, DTLS and RTP between them."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import gatherResults, inlineCallbacks
from twisted.trial.unittest import TestCase

from tests.interop.browser import Browser
from tests.interop.processes import TIMEOUT, Program
from tests.interop.service import PASSWORDS, Service

ALICE, BOB, CAROL = "101", "102", "103"


class BrowserTests(TestCase):
    """Three browsers; whom one hears is told by the pitch of what arrives at it."""

    timeout = TIMEOUT

    @inlineCallbacks
    def setUp(self) -> Any:
        """All are registered."""
        self.browser = Browser()
        self.addCleanup(self.browser.stop)
        self.service = Service(self.mktemp(), ws=True)
        self.addCleanup(self.service.kill)
        yield gatherResults([self.service.start(), self.browser.start()], consumeErrors=True)
        for number, password in PASSWORDS.items():
            server = f"ws://{self.service.host}:{self.service.ws_port}"
            yield self.browser.ask("start", number, server, self.service.host, password)

    @inlineCallbacks
    def calls(self, caller: str, callee: str) -> Any:
        """One calls the other, and they hear each other."""
        yield self.browser.ask("dial", caller, callee)

    @inlineCallbacks
    def talk(self, one: str, other: str) -> Any:
        """The two hear each other, and nobody else."""
        yield gatherResults(
            [self.browser.ask("hears", one, other), self.browser.ask("hears", other, one)], consumeErrors=True
        )

    @inlineCallbacks
    def end(self, one: str, *others: str) -> Any:
        """One hangs up, and nobody has a call."""
        yield self.browser.ask("hang_up", one)
        for number in (one, *others):
            yield self.browser.ask("quiet", number)

    @inlineCallbacks
    def test_attended(self) -> Any:
        """
        An attended transfer does not lose the call, whoever called Bob or was called by him.

        Each has credentials and a certificate of whom it talked to before; all
        of that is negotiated anew (RFC 8839 section 4.4.1.1, RFC 8842 section 5).
        """
        for alice_calls, carol_calls in ((False, False), (True, False)):
            yield self.calls(*((ALICE, BOB) if alice_calls else (BOB, ALICE)))
            yield self.talk(ALICE, BOB)
            yield self.browser.ask("hold", BOB)
            yield self.calls(*((CAROL, BOB) if carol_calls else (BOB, CAROL)))
            yield self.browser.ask("transfer", BOB)
            yield self.talk(ALICE, CAROL)
            yield self.end(ALICE, BOB, CAROL)

    @inlineCallbacks
    def test_blind(self) -> Any:
        """Nor does a blind one."""
        yield self.calls(ALICE, BOB)
        yield self.talk(ALICE, BOB)
        yield self.browser.ask("transfer", BOB, CAROL)
        yield self.talk(ALICE, CAROL)
        yield self.end(CAROL, ALICE, BOB)

    @inlineCallbacks
    def crash(self) -> Any:
        """The service is killed and started again; the browsers notice both."""
        yield self.service.program.kill()
        for number in PASSWORDS:
            yield self.browser.ask("lost", number)
        self.service.program = Program("b2bua again")
        yield self.service.start()
        for number in PASSWORDS:
            yield self.browser.ask("registered", number)

    @inlineCallbacks
    def test_killed(self) -> Any:
        """
        After kill -9 a call follows its browsers to their new connections (RFC 5626 in spirit, RFC 7118).

        They hear each other all the while; each of them holds, which the other one is told, and hangs up.
        """
        for one, other in ((ALICE, BOB), (BOB, ALICE)):
            yield self.calls(ALICE, BOB)
            yield self.talk(ALICE, BOB)
            (call,) = yield self.service.ask("/calls")
            yield self.service.kept()
            yield self.crash()
            (restored,) = yield self.service.ask("/calls")
            self.assertEqual((restored["id"], restored["restored"]), (call["id"], True))
            yield self.talk(ALICE, BOB)
            for holder, held in ((one, other), (other, one)):
                yield self.browser.ask("hold", holder)
                yield self.browser.ask("held", held)
                yield self.browser.ask("resume", holder)
                yield self.talk(ALICE, BOB)
            yield self.end(one, other)
            self.assertEqual((yield self.service.ask("/calls")), [])
            record = (yield self.service.ask("/calls/past"))[0]
            self.assertEqual((record["id"], record["status"], record["why"]), (call["id"], 200, "bye"))
