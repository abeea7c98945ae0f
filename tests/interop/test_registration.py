"""
Real phones and a real carrier: who registers with us, and with whom we do.

baresip registers over UDP, TCP and TLS; the command shows what the service
knows, also after kill -9; SIPp plays a carrier that asks for a password.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from hashlib import md5
from pathlib import Path
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.interop.baresip import Baresip
from tests.interop.certificates import Authority
from tests.interop.peers import later
from tests.interop.processes import TIMEOUT, Program, free_port
from tests.interop.programs import need
from tests.interop.service import PASSWORDS, Service

SCENARIOS = Path(__file__).with_name("scenarios")


class RegistrationCase(TestCase):
    """A service, phones, and the command."""

    timeout = TIMEOUT

    async def serve(self, more: str = "", **options: Any) -> None:
        """Start the service."""
        self.directory = self.mktemp()
        Path(self.directory).mkdir()
        self.service = Service(self.directory, more, **options)
        self.addCleanup(self.service.kill)
        if options.get("tls"):
            authority = Authority(Path(self.directory))
            files = authority.files("cert", self.service.host)
            for file, name in zip(files, ("cert.pem", "key.pem"), strict=True):
                (self.service.directory / name).write_bytes(Path(file).read_bytes())
            self.authority = str(Path(authority.file).resolve())
        await self.service.start()

    async def phone(self, user: str, transport: str = "udp", password: str = "") -> Baresip:
        """A phone that has registered."""
        server, config = self.service.uri, ""
        if transport == "tls":
            server = f"{self.service.host}:{self.service.tls_port}"
            config = f"sip_cafile {self.authority}"
        phone = Baresip(self.directory, user, password or PASSWORDS[user], server, transport, config=config)
        self.addCleanup(phone.stop)
        await phone.start()
        await phone.register()
        return phone

    async def command(self, *arguments: str, status: int = 0) -> str:
        """Run the command, which ends with this status, and give what it says."""
        program = str(Path(sys.executable).parent / "b2bua")
        out, err, ended = await getProcessOutputAndValue(
            program, [*arguments, "-c", str(self.service.config)], env=None
        )
        self.assertEqual(ended, status, err.decode())
        return (out or err).decode()

    async def told(self, *arguments: str) -> Any:
        """What the command says to programs."""
        return json.loads(await self.command(*arguments, "--json"))

    async def restart(self) -> None:
        """Kill it with -9 and start it again."""
        await self.service.program.kill()
        old = self.service.program
        self.service.program = Program("b2bua again")
        self.assertEqual(old.status, -9)
        await self.service.start()


class PhoneTests(RegistrationCase):
    """baresip registers with us."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        """There is baresip."""
        need("baresip")

    async def test_transports(self) -> None:
        """Over UDP, TCP and TLS with digest; each can call the others."""
        await self.serve(tls=True)
        udp = await self.phone("101", "udp")
        tcp = await self.phone("102", "tcp")
        tls = await self.phone("103", "tls")
        rows = await self.told("registrations")
        self.assertEqual(
            [(row["extension"], row["transport"]) for row in rows],
            [("101", "UDP"), ("102", "TCP"), ("103", "TLS")],
        )
        self.assertIn("baresip", rows[0]["user_agent"])
        for caller, callee in ((udp, tcp), (tcp, tls), (tls, udp)):
            await caller.dial(callee.user)
            await callee.tells("CALL_INCOMING")
            await callee.answer()
            await gatherResults([phone.tells("CALL_ESTABLISHED") for phone in (caller, callee)])
            await caller.hang_up()
            await callee.tells("CALL_CLOSED")
        # A phone on a connection is gone when the connection is.
        await tls.stop()
        while len(await self.service.ask("/registrations")) > 2:
            await later(0.1)

    async def test_kill(self) -> None:
        """
        After kill -9 in a call that is not kept, it has its record, and the phones are called again.

        How calls outlive it is in L{tests.interop.test_survival}.
        """
        await self.serve("[calls]\nsurvive = false\n")
        alice, bob = [await self.phone(user) for user in ("101", "102")]
        await alice.dial("102")
        await bob.tells("CALL_INCOMING")
        await bob.answer()
        await alice.tells("CALL_ESTABLISHED")
        (going,) = await self.service.ask("/calls")
        while not any(row["answered"] for row in await self.service.ask("/calls/past")):
            await later(0.1)  # at most the last second is lost
        await self.restart()
        rows = await self.told("registrations")
        self.assertEqual([row["extension"] for row in rows], ["101", "102"])
        (record,) = await self.told("calls", "--past")
        self.assertEqual((record["id"], record["why"], record["status"]), (going["id"], "crash", 200))
        self.assertGreaterEqual(record["ended"], record["answered"])
        await alice.hang_up()
        await bob.hang_up()
        await alice.dial("102")
        await bob.tells("CALL_INCOMING")
        await bob.answer()
        await gatherResults([phone.tells("CALL_ESTABLISHED") for phone in (alice, bob)])

    async def test_command(self) -> None:
        """An extension is added; its phone calls; the call is shown, traced and ended; all is recorded."""
        await self.serve()
        added = await self.told("extension", "add", "200", "--name", "Office")
        alice = await self.phone("101")
        office = await self.phone("200", password=added["password"])
        await office.dial("101")
        incoming = await alice.tells("CALL_INCOMING")
        self.assertIn("200", incoming["peeruri"])
        await alice.answer()
        await office.tells("CALL_ESTABLISHED")
        (call,) = await self.told("calls")
        self.assertIn("200 Office", await self.command("calls"))
        trace = await self.command("trace", call["id"][:8])
        for word in ("INVITE", "200 OK", "ACK", "extension 200 calls 101", "extension 101, leg 2: Answered"):
            self.assertIn(word, trace)
        messages = await self.command("trace", call["id"][:8], "--messages")
        for word in (f"UDP {self.service.host}:{self.service.port} <- ", "INVITE sip:101@", "v=0"):
            self.assertIn(word, messages)
        self.assertIn("1 call now", await self.command("status"))
        await self.command("hangup", call["id"])
        await gatherResults([phone.tells("CALL_CLOSED") for phone in (alice, office)])
        self.assertIn("no call goes on", await self.command("calls"))
        self.assertEqual(await self.told("calls", "--past", "--before", "2020-01-01"), [])
        (record,) = await self.told("calls", "--past", "--of", "200", "--since", "2020-01-01 08:00")
        self.assertEqual((record["status"], record["hung_up_by"], record["why"]), (200, "", "operator"))
        # It is still there after kill -9, without its password in the file.
        await self.restart()
        kept = self.service.database.read_bytes() + self._log()
        self.assertTrue(b"Office" in kept)
        self.assertFalse(added["password"].encode() in kept)
        await self.command("extension", "remove", "200")
        self.assertIn("no extension", await self.command("extension", "remove", "200", status=1))
        self.assertEqual([row["extension"] for row in await self.told("registrations")], ["101"])

    def _log(self) -> bytes:
        """What SQLite has not put into the file yet."""
        log = self.service.database.with_name(self.service.database.name + "-wal")
        return log.read_bytes() if log.exists() else b""

    async def test_nobody_listens(self) -> None:
        """Without a service the command says so in one line."""
        await self.serve()
        await self.service.stop()
        for arguments in (["status"], ["calls"], ["hangup", "x"], ["extension", "add", "200"]):
            said = await self.command(*arguments, status=1)
            self.assertIn("no service listens here", said)
            self.assertEqual(said.count("\n"), 1)


def proxied(scenario: str) -> str:
    """
    A scenario in which 407 asks instead of 401.

    SIPp's C{verifyauth} looks into Authorization only, so it sees that there is
    an answer, and the test whether it is right.
    """
    scenario = scenario.replace("401 Unauthorized", "407 Proxy Authentication Required")
    scenario = scenario.replace("WWW-Authenticate", "Proxy-Authenticate")
    seen = '<ereg regexp="Digest " search_in="hdr" header="Proxy-Authorization:" assign_to="right"/>'
    return re.sub("<verifyauth[^>]*>", seen, scenario)


class CarrierTests(RegistrationCase):
    """SIPp as a carrier that asks for a password."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        """There is SIPp."""
        self.sipp = need("sipp")
        self.port = free_port()

    def carrier(self, scenario: str, calls: int = 1, change: Callable[[str], str] = str) -> Program:
        """Play a scenario, changed."""
        program = Program("sipp")
        directory = self.played = Path(self.mktemp()).resolve()
        directory.mkdir()
        file = directory / "scenario.xml"
        file.write_text(change((SCENARIOS / f"{scenario}.xml").read_text()))
        program.start(
            [
                self.sipp, "-sf", str(file), "-i", "127.0.0.1", "-p", str(self.port), "-m", str(calls),
                "-nostdin", "-timeout", "90", "-timeout_error", "-trace_err",
                "-trace_msg", "-message_file", str(directory / "messages"),
            ],
            str(directory),
        )  # fmt: skip
        self.addCleanup(program.kill)
        return program

    def trunk(self, **keys: object) -> str:
        """The trunk in the configuration, with a route to it."""
        table = {"uri": f"sip:127.0.0.1:{self.port}", "username": "pbx7", "options_seconds": 0.0, **keys}
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        return f"[trunks.carrier]\n{lines}[[routes]]\nmatch = '\\+\\d+'\ntrunk = \"carrier\"\n"

    async def test_call(self) -> None:
        """A call through a trunk that challenges: the phone hears of no challenge, and they talk."""
        need("baresip")
        sipp = self.carrier("carrier")
        await self.serve(self.trunk(password="secret"))
        alice = await self.phone("101")
        await alice.dial("+15550100")
        await alice.tells("CALL_ESTABLISHED")
        await alice.hang_up()
        self.assertEqual(await sipp.ended(90), 0, sipp.story())
        (record,) = await self.told("calls", "--past")
        self.assertEqual([leg["party"] for leg in record["legs"]], ["extension 101", "trunk carrier"])

    async def test_proxy(self) -> None:
        """A carrier that asks with 407 gets Proxy-Authorization (RFC 3261 section 22.3)."""
        need("baresip")
        sipp = self.carrier("carrier", change=proxied)
        await self.serve(self.trunk(password="secret"))
        alice = await self.phone("101")
        await alice.dial("+15550100")
        await alice.tells("CALL_ESTABLISHED")
        await alice.hang_up()
        self.assertEqual(await sipp.ended(90), 0, sipp.story())
        found = re.findall(r"^(\w+) sip:.*\n(?:.+\n)*?Proxy-Authorization: (.+)", self.messages(), re.M)
        given = list(dict.fromkeys(found))  # a busy carrier is sent its INVITE again
        # The ACK has the same credentials as its INVITE (section 13.2.2.4).
        self.assertEqual([method for method, _ in given], ["INVITE", "ACK"])
        self.assertEqual(given[0][1], given[1][1])
        self.check_digest("INVITE", given[0][1])

    def messages(self) -> str:
        """What went over the carrier's wire."""
        return (self.played / "messages").read_text().replace("\r", "")

    def check_digest(self, method: str, line: str) -> None:
        """Check credentials by the text of RFC 7616 section 3.4.1."""
        said = dict(re.findall(r'(\w+)="?([^",]+)', line))

        def digest(*parts: str) -> str:
            return md5(":".join(parts).encode()).hexdigest()

        secret = digest("pbx7", "carrier.example", "secret")
        wanted = digest(
            secret, said["nonce"], said["nc"], said["cnonce"], "auth", digest(method, said["uri"])
        )
        self.assertEqual(said["response"], wanted)

    async def test_registration(self) -> None:
        """The carrier's registrar challenges, and has us then."""
        sipp = self.carrier("registrar")
        await self.serve(self.trunk(password="secret", register=True))
        await self.service.program.says("trunk carrier is registered")
        self.assertEqual(await sipp.ended(90), 0, sipp.story())
        (trunk,) = (await self.told("status"))["trunks"]
        self.assertEqual((trunk["alive"], trunk["registered"]), (True, True))

    async def test_wrong_password(self) -> None:
        """A password that it refuses is said in the log and in the status, and tried again later."""
        sipp = self.carrier("registrar")
        await self.serve(self.trunk(password="wrong", register=True))
        await self.service.program.says("trunk carrier is not registered: 403")
        self.assertEqual(await sipp.ended(90), 0, sipp.story())
        self.assertIn("DOWN, NOT registered (403", await self.command("status"))
