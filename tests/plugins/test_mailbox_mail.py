"""Messages of mailboxes by mail."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from b2bua.store.memory import MemoryStore
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.voices import SECONDS
from b2bua_plugins import _mailbox_mail
from b2bua_plugins._mailbox import Mailbox
from b2bua_plugins.voicemail import Voicemail


class MailTests(LadderTestCase):
    """Messages by mail."""

    def make_world(self) -> World:
        """Bob gets mails, and keeps no message here that was sent."""
        self.directory = Path(self.mktemp()).absolute()
        own = {"on": True, "mail": "bob@example.com", "mailed": "delete"}
        mail = {"server": "mail.example.com", "sender": "box@example.com"}
        settings = {
            "voicemail": {"directory": str(self.directory), "mail": mail},
            "extensions": {"bob": {"voicemail": own}},
        }
        self.sent: list[Message] = []
        self.down = 0
        self.patch(_mailbox_mail, "send_by_twisted", self.send)
        return World(features=[Voicemail], settings=settings, store=MemoryStore())

    def send(self, server: str, sender: str, to: list[str], letter: bytes, **more: Any) -> Deferred[None]:
        """Take a mail, unless the server is down."""
        if self.down:
            self.down -= 1
            return fail(ConnectionRefusedError("nobody listens"))
        self.assertIn("reactor", more)  # else Twisted takes the one of the process
        self.assertEqual((server, sender, to), ("mail.example.com", "box@example.com", ["bob@example.com"]))
        self.sent.append(message_from_bytes(letter))
        return succeed(None)

    def leave(self) -> None:
        """Alice leaves a message."""
        (alice,) = self.world.phones("alice", manners=Manners())
        alice.dial("97bob")
        self.world.run(2 * SECONDS + 5)
        alice.hang_up()
        self.world.run(1)

    def test_mail(self) -> None:
        """The mail has the sound; the message is gone from here when it was sent."""
        self.leave()
        [letter] = self.sent
        sound = [part for part in letter.walk() if part.get_content_maintype() == "audio"]
        self.assertTrue(sound[0].get_payload(decode=True).startswith(b"RIFF"))  # type: ignore[union-attr]
        self.assertEqual(Mailbox(self.directory / "bob").new(), [])
        self.quiet()

    def test_server_down(self) -> None:
        """A mail that is not taken is sent again; the message stays until then."""
        self.down = 1
        self.leave()
        self.assertEqual((len(self.sent), len(Mailbox(self.directory / "bob").new())), (0, 1))
        self.world.run(61)
        self.assertEqual((len(self.sent), len(Mailbox(self.directory / "bob").new())), (1, 0))
        self.quiet()

    def test_reload(self) -> None:
        """So is one that waited when the configuration was read anew, and once only."""
        self.down = 1
        self.leave()
        self.world.run(30)
        self.world.reload()
        self.world.run(61)
        self.assertEqual((len(self.sent), len(Mailbox(self.directory / "bob").new())), (1, 0))
        self.world.run(5000)
        self.assertEqual(len(self.sent), 1)
        self.quiet()

    def test_crash(self) -> None:
        """And one that waited when the server died."""
        self.down = 1
        self.leave()
        self.crash()
        self.world.run(70)
        self.assertEqual((len(self.sent), len(Mailbox(self.directory / "bob").new())), (1, 0))
        self.quiet()

    def test_given_up(self) -> None:
        """After the fourth time nobody tries any more, and the message stays."""
        self.down = 9
        self.leave()
        self.world.run(60 + 600 + 3600 + 10)
        self.assertEqual((self.down, len(Mailbox(self.directory / "bob").new())), (5, 1))
        self.world.reload()
        self.world.run(100)
        self.assertEqual(self.down, 5)
        self.quiet()
