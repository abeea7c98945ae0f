"""
A thousand lamps on real sockets: after kill -9 each is right again by itself.

That it takes no more than 5 s is shown where no other program takes the time:
C{tests.ladders.test_subscriptions_kept}.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import TestCase

from b2bua.wire.digest import answer_challenge, choose
from b2bua.wire.message import Request, Response, write
from b2bua.wire.parser import parse
from tests.interop.peers import later
from tests.interop.processes import TIMEOUT, Program, reactor
from tests.interop.service import PASSWORDS, Service
from tests.ladders.lamps import shown

LAMPS = 1000
SECONDS = 60.0
"""Within which it happens on a machine with much else to do; it takes two."""


class Watcher(DatagramProtocol):
    """A phone that registers, calls and watches, and answers every NOTIFY."""

    def __init__(self, user: str, service: Service) -> None:
        """Be a phone of C{user}."""
        self.user = user
        self.service = service
        self.told: dict[str, list[tuple[int, str]]] = {}
        """What each lamp was told, by Call-ID: CSeq and what it shows."""
        self.body = b""
        """The last document that came."""
        self._waiting: dict[str, tuple[Request, Deferred[Response]]] = {}
        self._serial = 0

    @property
    def place(self) -> str:
        """Its own address."""
        assert self.transport is not None
        here = self.transport.getHost()
        return f"{here.host}:{here.port}"

    def ask(self, method: str, to: str, fields: list[tuple[str, str]], call_id: str) -> Deferred[Response]:
        """Send a request; fires with its final answer, challenges aside."""
        host = self.service.uri
        uri = f"sip:{to}@{host}" if to else f"sip:{host}"
        head = [
            ("Max-Forwards", "70"),
            ("From", f"<sip:{self.user}@{host}>;tag={call_id}"),
            ("To", f"<sip:{to or self.user}@{host}>"),
            ("Call-ID", call_id),
            ("Contact", f"<sip:{self.user}@{self.place}>"),
            *fields,
        ]
        done: Deferred[Response] = Deferred()
        self._send(Request(method, uri, head), 1, done)
        return done

    def _send(self, request: Request, seq: int, done: Deferred[Response]) -> None:
        self._serial += 1
        branch = f"z9hG4bK{self.user}x{self._serial}"
        via = [("Via", f"SIP/2.0/UDP {self.place};branch={branch}"), ("CSeq", f"{seq} {request.method}")]
        sent = request.with_fields(remove=("Via", "CSeq"), prepend=via)
        self._waiting[branch] = sent, done
        assert self.transport is not None
        self.transport.write(write(sent), (self.service.host, self.service.port))

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Take an answer, or a NOTIFY."""
        message = parse(datagram)
        if isinstance(message, Request):
            self._asked(message, addr)
            return
        if message.code < 200 or message.via.branch not in self._waiting:
            return
        request, done = self._waiting.pop(message.via.branch)
        challenge = choose(message.challenges)
        if message.code == 401 and challenge is not None and request.get("Authorization") is None:
            password = PASSWORDS[self.user]
            value = answer_challenge(
                challenge, self.user, password, request.method, request.uri, b"", "cnonce", 1
            )
            self._send(request.with_fields(add=[("Authorization", value)]), 2, done)
        else:
            done.callback(message)

    def _asked(self, request: Request, addr: Any) -> None:
        if request.method != "NOTIFY":
            return  # a call, which rings here
        self.body = request.body
        self.told.setdefault(request.call_id, []).append((request.cseq.number, shown(request.body)))
        assert self.transport is not None
        self.transport.write(write(request.response(200)), addr)

    def show(self, what: str) -> bool:
        """Do all lamps show this?"""
        return len(self.told) == LAMPS and all(lamp[-1][1] == what for lamp in self.told.values())


class LampsTests(TestCase):
    """The service, its database, and lamps."""

    timeout = TIMEOUT

    async def until(self, met: Any, seconds: float) -> None:
        """Wait until something is so."""
        for _ in range(int(seconds / 0.05)):
            if met():
                return
            await later(0.05)
        self.fail("it did not become so in time")

    def kept(self) -> bool:
        """Has the store all lamps?"""
        with closing(sqlite3.connect(self.service.database)) as database:
            [found] = database.execute("SELECT count(*) FROM subscriptions").fetchone()
        return bool(found == LAMPS)

    async def phone(self, user: str) -> Watcher:
        """A phone that has registered."""
        phone = Watcher(user, self.service)
        port = reactor.listenUDP(0, phone, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        answer = await phone.ask("REGISTER", "", [("Expires", "600")], f"register-{user}")
        self.assertEqual(answer.code, 200)
        return phone

    async def test_killed(self) -> None:
        """102 calls when the service is killed: after the start every lamp says that it does not."""
        directory = self.mktemp()
        Path(directory).mkdir()
        self.service = Service(directory, f"[subscriptions]\nper_extension = {LAMPS}\n")
        self.addCleanup(lambda: self.service.kill())
        await self.service.start()
        watcher, other = await self.phone("101"), await self.phone("102")
        for number in range(LAMPS):
            fields = [("Event", "dialog"), ("Expires", "600")]
            answer = await watcher.ask("SUBSCRIBE", "102", fields, f"lamp-{number}")
            self.assertEqual(answer.code, 200)
        await self.until(lambda: watcher.show("idle"), SECONDS)
        other.ask("INVITE", "101", [], "call").addErrback(lambda failure: None)
        await self.until(lambda: watcher.show("calling"), SECONDS)
        await self.until(self.kept, SECONDS)
        before = {lamp: told[-1][0] for lamp, told in watcher.told.items()}
        await self.service.program.kill()
        self.service.program = Program("b2bua again")
        await self.service.start()
        await self.until(lambda: watcher.show("idle"), SECONDS)
        self.assertTrue(all(watcher.told[lamp][-1][0] > number for lamp, number in before.items()))
