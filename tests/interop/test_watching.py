"""
Phones that nobody of us wrote watch each other, see messages that wait, and pick up.

PJSIP and the baresip of Debian know presence and messages waiting (RFC 3856, 3842), and
PJSIP publishes how its user is (RFC 3903).  The dialog package none of them knows; what
the lamp of a desk phone is told is read here by a phone of ours, and PJSIP picks up
with the dialog that it names, as the key of such a phone does (RFC 3891).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from tests.interop.baresip import Baresip
from tests.interop.day import Day
from tests.interop.linphone import Linphone
from tests.interop.peers import later
from tests.interop.pjsip import Pjsip
from tests.interop.processes import LIMIT, TIMEOUT, Program, free_port, reactor
from tests.interop.programs import need
from tests.interop.service import PASSWORDS, Service
from tests.interop.test_lamps import Watcher
from tests.ladders.lamps import dialogs

SCENARIOS = Path(__file__).parent / "scenarios"
BARESIP = "module_app mwi.so\nmodule_app contact.so\nmodule_app presence.so"


class WatchingCase(TestCase):
    """Three phones, of which the first one watches."""

    timeout = TIMEOUT
    more = ""
    """More tables of the configuration."""

    async def serve(self) -> None:
        """Start the service."""
        self.directory = Path(self.mktemp()).resolve()
        self.service = Service(str(self.directory), self.more)
        self.addCleanup(self.service.kill)
        await self.service.start()

    async def phones(self, *makes: Any, **more: Any) -> list[Any]:
        """Start phones of these makes: 101, 102 and 103; what is more is for the first one."""
        for make in makes:
            make.needed()
        await self.serve()
        phones = []
        for make, (number, password) in zip(makes, PASSWORDS.items(), strict=False):
            own = {key: value.format(server=self.service.uri) for key, value in more.items()}
            phone = make(str(self.directory), number, password, self.service.uri, **({} if phones else own))
            phones.append(phone)
            self.addCleanup(phone.stop)
        await gatherResults([phone.start() for phone in phones])
        await gatherResults([phone.register() for phone in phones])
        return phones

    async def leave(self, number: int) -> None:
        """So many messages wait for 101."""
        arguments = {"account": "101", "new": str(number)}
        await self.service.ask("/commands/messages", "POST", arguments=arguments)

    async def call(self, caller: Any, called: Any) -> None:
        """One calls the other, who rings."""
        await caller.dial(called.user)
        await called.tells("CALL_INCOMING")

    async def talk(self, one: Any, other: Any) -> None:
        """Wait until two hear each other."""
        day = Day(self.service, [one, other])
        await day.until("they hear each other", lambda: day.mutual(one, other))

    def tearDown(self) -> None:
        """Nothing has gone wrong in the service."""
        self.assertNotIn("Traceback", "\n".join(self.service.program.lines))


class PjsipTests(WatchingCase):
    """PJSIP."""

    async def test_presence(self) -> None:
        """101 sees 102 free, ringing, on the phone, free again, at lunch as it publishes, and gone."""
        one, two, three = await self.phones(Pjsip, Pjsip, Pjsip)
        await one.command("watch", "102")
        await one.tells("PRESENCE", param="open Online")
        await self.call(three, two)
        await one.tells("PRESENCE", param="open Ringing")
        await two.answer()
        await one.tells("PRESENCE", param="open On the phone")
        await three.hang_up()
        await one.tells("PRESENCE", param="open Online")
        await two.command("publish", "Lunch")
        await one.tells("PRESENCE", param="open Lunch")
        await one.command("unwatch")
        await one.tells("PRESENCE_OVER", param="timeout")

    async def test_messages(self) -> None:
        """It subscribes to its mailbox, and is told whenever there is another message."""
        [one] = await self.phones(Pjsip)
        await one.command("want_messages")
        await one.tells("MESSAGES", param="0/0 (0/0)")
        await self.leave(3)
        await one.tells("MESSAGES", param="3/0 (0/0)")
        await self.leave(0)
        await one.tells("MESSAGES", param="0/0 (0/0)")

    async def test_pick_up_by_code(self) -> None:
        """101 takes the call that rings at 102, whose caller hears 101; 102 stops ringing."""
        one, two, three = await self.phones(Pjsip, Pjsip, Pjsip)
        await self.call(three, two)
        await one.dial("**102")
        await one.tells("CALL_ESTABLISHED")
        await two.tells("CALL_CLOSED")
        await three.tells("CALL_ESTABLISHED")
        await self.talk(one, three)

    async def test_pick_up_by_lamp(self) -> None:
        """The dialog that the lamp of 102 names is taken by an INVITE with Replaces (RFC 3891)."""
        one, two, three = await self.phones(Pjsip, Pjsip, Pjsip)
        lamp = Watcher("101", self.service)
        self.addCleanup(reactor.listenUDP(0, lamp, interface="127.0.0.1").stopListening)
        answer = await lamp.ask("SUBSCRIBE", "102", [("Event", "dialog"), ("Expires", "600")], "lamp")
        self.assertEqual(answer.code, 200)
        await self.call(three, two)
        while lamp.told.get("lamp", [(0, "")])[-1][1] != "ringing":
            await later(0.05)
        [shown] = dialogs(lamp.body)
        tags = f"to-tag={shown['remote-tag']};from-tag={shown['local-tag']}"
        await one.command("pick_up", f"102 {shown['call-id']};{tags}")
        await one.tells("CALL_ESTABLISHED")
        await two.tells("CALL_CLOSED")
        await three.tells("CALL_ESTABLISHED")
        await self.talk(one, three)


class BaresipTests(WatchingCase):
    """The baresip of Debian."""

    async def test_messages(self) -> None:
        """It subscribes to its mailbox by itself, and is told."""
        [one] = await self.phones(Baresip, config=BARESIP)
        told = await one.tells("MWI_NOTIFY")
        self.assertIn("Voice-Message: 0/0 (0/0)", told["param"])
        await self.leave(3)
        told = await one.tells("MWI_NOTIFY")
        self.assertIn("Messages-Waiting: yes", told["param"])
        self.assertIn("Voice-Message: 3/0 (0/0)", told["param"])

    async def test_presence(self) -> None:
        """Its phone book shows 102 free, on the phone, and free again."""
        book = '"Two" <sip:102@{server}>;presence=p2p\n'
        one, two, three = await self.phones(Baresip, Baresip, Baresip, config=BARESIP, contacts=book)
        await self.shows(one, "Online")
        await self.call(three, two)
        await two.answer()
        await self.shows(one, "Busy")
        await two.hang_up()
        await three.tells("CALL_CLOSED")
        await self.shows(one, "Online")

    async def shows(self, phone: Baresip, what: str) -> None:
        """Wait until the phone book says it; it has no word for that among what it tells."""
        said = ""
        end = reactor.seconds() + LIMIT
        while reactor.seconds() < end:
            said = await phone.command("contacts")
            if what in said:
                return
            await later(0.1)
        self.fail(f"{what} is not in {said}\n{phone.ladder}")

    async def test_pick_up_by_code(self) -> None:
        """101 takes the call that rings at 102."""
        one, two, three = await self.phones(Baresip, Baresip, Baresip)
        await self.call(three, two)
        await one.dial("**102")
        await one.tells("CALL_ESTABLISHED")
        await two.tells("CALL_CLOSED")
        await three.tells("CALL_ESTABLISHED")
        await self.talk(one, three)


class LinphoneTests(WatchingCase):
    """linphone, whose daemon has no word for watching."""

    async def test_pick_up_by_code(self) -> None:
        """101 takes the call that rings at 102."""
        one, two, three = await self.phones(Linphone, Pjsip, Pjsip)
        await self.call(three, two)
        await one.dial("**102")
        await one.tells("CallStreamsRunning")
        await two.tells("CALL_CLOSED")
        await three.tells("CALL_ESTABLISHED")


class SippTests(WatchingCase):
    """SIPp, for what those phones do not know: lamps, lists of them, feature keys, shared lines."""

    more = """
[lamp_lists.office]
members = "all"
[shared_lines.103]
"""

    async def watch(self, user: str, whom: str, event: str, more: str = "Subject: watching") -> str:
        """Let one of its phones watch something from beginning to end; what went over the wire."""
        binary = need("sipp")
        trace = self.directory / "trace"
        trace.unlink(missing_ok=True)
        program = Program("sipp")
        self.addCleanup(program.kill)
        keys = {"user": user, "event": event, "more": more}
        command = [binary, "-sf", str(SCENARIOS / "watcher.xml"), "-s", whom, self.service.uri, "-m", "1"]
        for key, value in keys.items():
            command += ["-key", key, value]
        place = ["-i", "127.0.0.1", "-p", str(free_port()), "-nostdin", "-timeout", "60"]
        place += ["-au", user, "-ap", PASSWORDS[user], "-auth_uri", f"{whom}@{self.service.uri}"]
        program.start([*command, *place, "-trace_msg", "-message_file", str(trace)], str(self.directory))
        self.assertEqual(await program.ended(), 0, program.story())
        return trace.read_text()

    async def test_all(self) -> None:
        """Each is told in the way that its RFC says, and a last time when it is ended."""
        await self.serve()
        lamp = await self.watch("101", "102", "dialog")
        self.assertIn("Content-Type: application/dialog-info+xml", lamp)
        self.assertIn("Subscription-State: terminated;reason=timeout", lamp)
        office = await self.watch("101", "office", "dialog", "Supported: eventlist")
        self.assertIn("Require: eventlist", office)
        self.assertIn("Content-Type: multipart/related;", office)
        keys = await self.watch("101", "101", "as-feature-event")
        self.assertIn("DoNotDisturbEvent", keys)
        line = await self.watch("103", "103", "call-info")
        self.assertIn("appearance-index=*;appearance-state=idle", line)
        info = f"Call-Info: <sip:{self.service.host}>;appearance-index=1"
        seized = await self.watch("103", "103", "line-seize", info)
        self.assertRegex(seized, r"Expires: 1[0-5]\b")  # up to 15, less a jitter


# It is not run by itself.
del WatchingCase
