"""Messages waiting (RFC 3842)."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from b2bua.features import Features
from b2bua.settings import SettingsError
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.manners import by_hand
from b2bua.wire.message import Request
from tests.subscriptions.teller import CARRIER, Teller

SETTINGS: dict[str, Any] = {
    "extensions": {
        "bob": {"message_waiting": {"account": "*97", "numbers": ["+4930123456"], "watched_by": ["alice"]}}
    },
    "trunks": {"carrier": {"uri": "sip:198.51.100.7", "accept_from": ["198.51.100.7"]}},
}
NOTHING = b"Messages-Waiting: no\r\nMessage-Account: sip:*97@pbx.example.com\r\nVoice-Message: 0/0 (0/0)\r\n"
SUMMARY = "application/simple-message-summary"


class MessageCase(LadderTestCase):
    """A world in which Bob has a mailbox."""

    def make_world(self) -> World:
        """Make it."""
        return World(features="installed", settings=SETTINGS)

    def setUp(self) -> None:
        """Three phones."""
        super().setUp()
        self.alice, self.bob, self.carol = self.world.phones("alice", "bob", "carol", manners=Manners())

    def say(self, **counts: int) -> str:
        """What the command does."""
        return str(self.successResultOf(self.world.command("messages", account="bob", **counts)))


class SubscribedTests(MessageCase):
    """A phone that has subscribed."""

    def test_told(self) -> None:
        """Who subscribes is told at once, and whenever it changes (RFC 3842 section 3)."""
        watching = self.bob.watch("bob", "message-summary")
        self.world.run(0.5)
        self.assertEqual(watching.body, NOTHING)
        self.assertEqual(watching.notified[-1].type, SUMMARY)
        self.assertEqual(self.say(new=2, old=8, urgent=1), "bob: 2 new, 8 old")
        self.world.run(0.5)
        self.assertIn(b"Messages-Waiting: yes\r\n", watching.body)
        self.assertIn(b"Voice-Message: 2/8 (1/0)\r\n", watching.body)
        self.assertEqual(len(watching.notified), 2)
        self.say(new=2, old=8, urgent=1)
        self.world.run(0.5)
        self.assertEqual(len(watching.notified), 2, "told though nothing has changed")
        self.quiet()

    def test_number_of_the_voicemail(self) -> None:
        """Who subscribes to the number of the voicemail means their own mailbox."""
        watching = self.bob.watch("*97", "message-summary")
        self.world.run(0.5)
        self.say(new=1)
        self.world.run(0.5)
        self.assertIn(b"Voice-Message: 1/0", watching.body)
        self.quiet()

    def test_no_mailbox(self) -> None:
        """A user without a mailbox hears that nothing waits, not 404 for ever (ivozprovider#14)."""
        watching = self.carol.watch("carol", "message-summary")
        self.world.run(0.5)
        self.assertEqual(watching.code, 200)
        self.assertIn(b"Messages-Waiting: no", watching.body)
        self.quiet()

    def test_others(self) -> None:
        """A mailbox is seen by its owner and by whom the configuration names."""
        seen, refused = self.alice.watch("bob", "message-summary"), self.carol.watch("bob", "message-summary")
        self.world.run(0.5)
        self.assertEqual((seen.code, refused.code), (200, 403))
        self.quiet()


class UnaskedTests(MessageCase):
    """A phone that has not."""

    def summaries(self, phone: Any) -> list[bytes]:
        """What it was told."""
        requests = [got.message for got in phone.inbox if isinstance(got.message, Request)]
        return [request.body for request in requests if request.method == "NOTIFY"]

    def test_told(self) -> None:
        """It gets a NOTIFY of its own; other phones do not."""
        self.say(new=1)
        self.world.run(1)
        self.assertEqual(len(self.summaries(self.bob)), 1)
        self.assertEqual(self.summaries(self.alice), [])
        self.quiet()

    def told(self, phone: Any) -> int:
        """How many NOTIFYs it has got in all."""
        return len(self.summaries(phone)) + sum(len(one.notified) for one in phone.subscriptions)

    def test_watched_by_another(self) -> None:
        """That somebody else watches the mailbox keeps nothing from the phones of its owner."""
        watching = self.alice.watch("bob", "message-summary")
        self.world.run(1)
        self.say(new=1)
        self.world.run(1)
        self.assertEqual((len(self.summaries(self.bob)), len(watching.notified)), (1, 2))
        self.quiet()

    def test_either_way(self) -> None:
        """A phone that has subscribed is told once, by whatever name; other phones are told unasked."""
        other = self.world.phone("bob", Manners())
        other.register()
        for count, name in ((2, "bob"), (3, "*97")):
            with self.subTest(name):
                watching = self.bob.watch(name, "message-summary")
                self.world.run(1)
                before = self.told(self.bob), self.told(other)
                self.say(new=count)
                self.world.run(1)
                self.assertIn(b"Voice-Message: %d/0" % count, watching.body)
                self.assertEqual((self.told(self.bob), self.told(other)), (before[0] + 1, before[1] + 1))
                watching.unsubscribe()
                self.world.run(1)
        before = self.told(self.bob), self.told(other)
        self.say(new=1)
        self.world.run(1)
        self.assertEqual((self.told(self.bob), self.told(other)), (before[0] + 1, before[1] + 1))
        self.quiet()

    def test_reload(self) -> None:
        """After a reload it is known who has subscribed."""
        watching = self.bob.watch("*97", "message-summary")
        self.world.run(1)
        self.world.reload()
        self.world.run(5)
        before = self.told(self.bob)
        self.say(new=1)
        self.world.run(1)
        self.assertIn(b"Voice-Message: 1/0", watching.body)
        self.assertEqual(self.told(self.bob), before + 1)
        self.quiet()

    def test_not_others(self) -> None:
        """Messages of one are told to nobody else."""
        watching = self.alice.watch("alice", "message-summary")
        self.world.run(1)
        self.say(new=1)
        self.world.run(1)
        self.assertEqual(len(watching.notified), 1)
        self.quiet()

    def test_registered(self) -> None:
        """A phone that was off shows what waits when it registers (fusionpbx#1193)."""
        self.bob.unregister()
        self.world.run(1)
        self.say(new=3)
        self.world.run(1)
        self.bob.register()
        self.world.run(1)
        self.assertIn(b"Voice-Message: 3/0", self.summaries(self.bob)[-1])
        self.quiet()

    def test_not_wanted(self) -> None:
        """A phone that answers 489 is told no more until it registers anew."""
        self.bob.manners = by_hand(replies=False)
        self.say(new=1)
        self.bob.gets("NOTIFY")
        self.bob.answers(489)
        self.world.run(1)
        self.say(new=2)
        self.bob.gets_nothing(1)
        self.quiet()


class CarrierTests(MessageCase):
    """A mailbox at a carrier."""

    def setUp(self) -> None:
        """There is one."""
        super().setUp()
        self.carrier = self.world.trunk("carrier", host="198.51.100.7")

    def tell(self, to: str, body: bytes) -> int | None:
        """The carrier sends a NOTIFY."""
        fields = (("Event", "message-summary"), ("Subscription-State", "active"), ("Content-Type", SUMMARY))
        told = self.carrier.outside("NOTIFY", to, fields=fields, body=body)
        self.world.run(1)
        return told.code

    def test_carrier(self) -> None:
        """What it says of a number is said of the extension that has it."""
        watching = self.bob.watch("bob", "message-summary")
        self.assertEqual(
            self.tell("+4930123456", b"Messages-Waiting: yes\r\nVoice-Message: 4/8 (0/2)\r\n"), 200
        )
        self.assertIn(b"Voice-Message: 4/8 (0/2)", watching.body)
        self.quiet()

    def test_bad(self) -> None:
        """Nonsense is refused by the status that fits, and changes nothing."""
        self.assertEqual(self.tell("+4930123456", b"\xff\x00"), 400)
        self.assertEqual(self.tell("+49301", b"Messages-Waiting: yes\r\n"), 404)
        self.assertEqual(self.say(), "bob: 0 new, 0 old")

    def test_phone(self) -> None:
        """A phone cannot say what waits for another."""
        fields = (("Event", "message-summary"), ("Subscription-State", "active"), ("Content-Type", SUMMARY))
        told = self.alice.outside("NOTIFY", "bob", fields=fields, body=b"Messages-Waiting: yes\r\n")
        other = self.alice.outside("NOTIFY", "bob", fields=(("Event", "odd"), fields[1]))
        alive = self.alice.outside("NOTIFY", "bob", fields=(("Event", "keep-alive"),))
        self.world.run(1)
        self.assertEqual((told.code, other.code, alive.code), (403, 481, 200))


class SubscribedThereTests(LadderTestCase):
    """A mailbox at a carrier that tells who has subscribed (RFC 6665 section 4.1)."""

    own: ClassVar[dict[str, Any]] = {"numbers": ["5512"], "subscribe_at": "carrier"}

    def make_world(self) -> World:
        """Bob's messages are there."""
        settings = {
            "extensions": {"bob": {"message_waiting": {"account": "*97", **self.own}}},
            "trunks": {"carrier": CARRIER},
        }
        return World(features="installed", settings=settings)

    def setUp(self) -> None:
        """It is there."""
        super().setUp()
        self.carrier = Teller(self.world)
        self.carrier.tells = False
        [self.bob] = self.world.phones("bob", manners=Manners())
        self.watching = self.bob.watch("bob", "message-summary")
        self.world.run(1)

    def tell(self, counts: str, tag: str = "t1") -> int:
        """The carrier tells."""
        body = f"Messages-Waiting: yes\r\nVoice-Message: {counts}\r\n".encode()
        self.carrier.notify(tag=tag, body=body, type=SUMMARY)
        self.world.run(1)
        return self.carrier.answers[-1][1]

    def test_told(self) -> None:
        """What it tells is shown by the phone, under the number that the phone dials."""
        self.assertEqual(self.carrier.latest.uri, "sip:5512@198.51.100.7")
        self.assertEqual(self.carrier.latest.get("Event"), "message-summary")
        self.assertEqual(self.tell("3/1 (1/0)"), 200)
        self.assertIn(b"Voice-Message: 3/1 (1/0)", self.watching.body)
        self.assertIn(b"Message-Account: sip:*97@pbx.example.com", self.watching.body)
        self.tell("0/4")
        self.assertIn(b"Voice-Message: 0/4 (0/0)", self.watching.body)

    def test_forked(self) -> None:
        """Several mailboxes that answer are added up (RFC 3842 section 3.10)."""
        self.tell("3/1 (1/0)")
        self.tell("2/0", tag="t2")
        self.assertIn(b"Voice-Message: 5/1 (1/0)", self.watching.body)
        self.carrier.notify("terminated;reason=noresource", tag="t1", body=b"")
        self.world.run(1)
        self.tell("2/1", tag="t2")
        self.assertIn(b"Voice-Message: 2/1 (0/0)", self.watching.body)

    def test_stays(self) -> None:
        """Messages do not vanish with the subscription."""
        self.tell("3/0")
        self.carrier.notify("terminated;reason=probation;retry-after=100", body=b"")
        self.world.run(60)
        self.assertIn(b"Voice-Message: 3/0", self.watching.body)

    def test_bad(self) -> None:
        """What cannot be read is refused, and changes nothing (RFC 3842 section 5.2)."""
        self.tell("3/0")
        for counts in ("1/1 (2/0)", "9" * 30 + "/0 (1/0)"):
            self.assertIn(self.tell(counts), (200, 400), counts)
        self.carrier.notify(body=b"\xff\x00", type=SUMMARY)
        self.world.run(1)
        self.assertEqual(self.carrier.answers[-1][1], 400)
        self.assertIn(b"Messages-Waiting: yes", self.watching.body)


class MailboxSettingsTests(SynchronousTestCase):
    """What is wrong with where messages are."""

    def wrong(self, **own: object) -> str:
        """What the administrator reads."""
        document = {
            "server": {"domain": "pbx.example.com"},
            "extensions": {"bob": {"password": "secret", "message_waiting": own}},
            "trunks": {"carrier": {"uri": "sip:198.51.100.7"}},
        }
        refused = self.assertRaises(SettingsError, Features.load, document)
        return str(refused)

    def test_lines(self) -> None:
        """Each is one line that names the key and the remedy."""
        where = "extensions.bob.message_waiting"
        self.assertIn(
            f"{where}.subscribe_at: there is no trunk elsewhere", self.wrong(subscribe_at="elsewhere")
        )
        self.assertIn(f"{where}.subscribe_at needs a mailbox", self.wrong(subscribe_at="carrier"))
        self.assertIn(f"{where}.mailbox is of use with subscribe_at only", self.wrong(mailbox="5512"))


class CommandTests(MessageCase):
    """The command C{b2bua messages}."""

    def test_bad(self) -> None:
        """Nonsense is one line for people."""
        for given in (
            {"account": "nobody", "new": 1},
            {"account": "bob", "new": -1},
            {"account": "bob", "new": 1, "urgent": 2},
        ):
            with self.subTest(str(given)):
                self.failureResultOf(self.world.command("messages", **given), ValueError)  # type: ignore[arg-type]
