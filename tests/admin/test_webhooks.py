"""What happens, told to programs elsewhere."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase

from b2bua.admin import webhooks
from b2bua.settings import Webhook
from tests.admin.case import AdministrationCase

SECRET = "whsec_" + b64encode(b"0123456789abcdef0123456789abcdef").decode()


class WebhookCase(AdministrationCase):
    """A program that is told of calls, and one that is told what concerns Bob."""

    def setUp(self) -> None:
        """Tell them."""
        super().setUp()
        self.tables = {
            "crm": Webhook(url="https://crm.example.com/calls", secret=SECRET, kinds=("call",)),
            "bob": Webhook(url="http://bob.example.com/", secret=SECRET, extensions=("bob",)),
        }
        self.administration.webhooks.configure(self.tables)
        self.patch(webhooks, "ATTEMPTS", 4)
        self.patch(webhooks, "LONGEST", 4.0)

    def told(self, host: str = "crm") -> list[dict[str, Any]]:
        """The events of all requests to one."""
        bodies = [body for url, _, body in self.posted if host in url]
        return [event for body in bodies for event in json.loads(body)["events"]]

    def whats(self, host: str = "crm") -> list[str]:
        """What it was told, in order."""
        return [event["what"] for event in self.told(host) if event["what"] != "changed"]

    def row(self, name: str = "crm") -> dict[str, Any]:
        """How it goes."""
        return next(row for row in self.ask("GET", "/webhooks") if row["name"] == name)


class DeliveryTests(WebhookCase):
    """Requests, attempts, dead letters."""

    def test_told(self) -> None:
        """A call is told from its beginning to its end, in order, to whom it concerns."""
        self.talk()
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual(self.whats(), ["started", "ringing", "answered", "ended"])
        self.assertEqual(self.whats("bob")[-1], "ended")
        self.ask("DELETE", "/extensions/alice/registrations")
        self.world.run(1)
        self.assertEqual(self.whats("bob")[-1], "ended")
        self.assertEqual((self.row()["waiting"], self.row()["dead"], self.row()["failing"]), (0, 0, ""))

    def test_signature(self) -> None:
        """Standard Webhooks 1.0: HMAC-SHA256 of id, time and body, with the secret in base64."""
        self.talk()
        _, fields, body = self.posted[0]
        self.assertEqual(int(fields["Webhook-Timestamp"]), int(self.server.runner.wall()) - 5)
        signed = f"{fields['Webhook-Id']}.{fields['Webhook-Timestamp']}.".encode() + body
        key = b64decode(SECRET.removeprefix("whsec_"))
        expected = b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        self.assertEqual(fields["Webhook-Signature"], f"v1,{expected}")

    def test_again(self) -> None:
        """What fails is sent again, later each time, with the same id; what comes meanwhile waits."""
        self.administration.webhooks.configure({"crm": self.tables["crm"]})
        self.answers = [500, 503, 404]
        self.talk()
        self.assertIn("it answered", self.row()["failing"])
        self.assertIn("the webhook crm fails", self.ask("GET", "/status")["problems"][0])
        self.alice.hang_up()
        self.world.run(60)
        self.assertEqual(len({fields["Webhook-Id"] for _, fields, _ in self.posted[:4]}), 1)
        self.assertEqual(self.row()["failing"], "")
        delivered = self.posted[3:]
        whats = [event["what"] for _, _, body in delivered for event in json.loads(body)["events"]]
        self.assertEqual(
            [what for what in whats if what != "changed"], ["started", "ringing", "answered", "ended"]
        )

    def test_dead(self) -> None:
        """What is never taken is given up, can be looked at, and sent once more or removed."""
        self.administration.webhooks.configure({"crm": self.tables["crm"]})
        self.answers = [500] * webhooks.ATTEMPTS
        self.talk()
        self.world.run(30)
        self.assertEqual(len(self.posted) - webhooks.ATTEMPTS, 1)
        dead = self.ask("GET", "/webhooks/{name}/dead", name="crm")
        self.assertEqual(
            (dead[0]["why"], json.loads(dead[0]["event"])["what"]), ("it answered 500", "started")
        )
        self.assertIn("could not be delivered", self.ask("GET", "/status")["problems"][0])
        self.posted.clear()
        again = self.ask("POST", "/webhooks/{name}/dead/again", name="crm")
        self.world.run(1)
        self.assertEqual((again["events"], len(self.told())), (len(dead), len(dead)))
        self.assertEqual(self.row()["dead"], 0)
        self.answers = [410]
        self.alice.hang_up()
        self.world.run(10)
        self.assertGreater(self.row()["dead"], 0)
        self.ask("DELETE", "/webhooks/{name}/dead", name="crm")
        self.assertEqual(self.row()["dead"], 0)
        self.assertEqual(self.ask("GET", "/status")["problems"], ["the webhook crm fails: it answered 410"])
        self.assertRefused(404, "there is no webhook", "GET", "/webhooks/{name}/dead", name="x")

    def test_not_reached(self) -> None:
        """A program that is not there costs a line, and no call."""

        async def refused(url: str, fields: object, body: bytes) -> int:
            raise ConnectionRefusedError("refused")

        self.patch(self.administration.webhooks, "_post", refused)
        self.talk()
        self.assertIn("refused", self.row()["failing"])
        self.assertEqual(self.ask("GET", "/calls")[0]["state"], "talking")

    def test_crash(self) -> None:
        """What was not delivered when the process ended is delivered by the next one."""
        self.answers = [500] * 100
        self.talk()
        self.world.run(1)
        self.successResultOf(self.journal.flush())
        kept = self.successResultOf(self.store.load_settings())
        self.administration.webhooks.stop()
        self.answers, self.posted = [], []
        fresh = webhooks.Webhooks(self.administration.events, self.journal, self.server.runner, self.post)
        fresh.configure(self.tables)
        fresh.restore(kept)
        self.world.run(1)
        self.assertEqual(self.whats()[:3], ["started", "ringing", "answered"])
        self.successResultOf(self.journal.flush())
        left = [
            row for row in self.successResultOf(self.store.load_settings()) if row.table == webhooks.TABLE
        ]
        self.assertEqual(left, [])

    def test_bounded(self) -> None:
        """However much waits, memory does not grow: the oldest are given up, then forgotten."""
        self.patch(webhooks, "WAITING", 20)
        self.patch(webhooks, "DEAD", 5)
        self.answers = [500] * 1000
        for number in range(100):
            self.administration.events.tell("call", "changed", ["bob"], number)
        self.world.run(1)
        self.assertEqual((self.row()["waiting"], self.row()["dead"]), (20, 5))
        self.successResultOf(self.journal.flush())
        rows = [
            row for row in self.successResultOf(self.store.load_settings()) if row.table == webhooks.TABLE
        ]
        self.assertEqual(len([row for row in rows if row.key.startswith("crm/")]), 25)

    def test_gone(self) -> None:
        """One that is not in the file any more is told nothing, and leaves nothing behind."""
        self.answers = [500] * 100
        self.talk()
        self.administration.webhooks.configure({})
        self.posted.clear()
        self.alice.hang_up()
        self.world.run(60)
        self.assertEqual(self.posted, [])
        self.successResultOf(self.journal.flush())
        self.assertNotIn(webhooks.TABLE, {r.table for r in self.successResultOf(self.store.load_settings())})

    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(st.lists(st.sampled_from([200, 200, 204, 301, 404, 500, 503]), max_size=12))
    def test_any_answers(self, answers: list[int]) -> None:
        """Whatever a program answers, it has taken all events in their order in the end, or they are dead."""
        self.posted.clear()
        self.answers = list(answers)
        self.administration.webhooks.configure({"crm": self.tables["crm"]})
        first = self.administration.events.last + 1
        for number in range(3):
            self.administration.events.tell("call", f"{number}", [], number)
            self.world.run(2)
        self.world.run(60)
        taken = [
            event["id"]
            for (_, _, body), status in zip(self.posted, [*answers, *[200] * len(self.posted)], strict=False)
            if 200 <= status < 300
            for event in json.loads(body)["events"]
        ]
        dead = [one["id"] for one in self.ask("GET", "/webhooks/{name}/dead", name="crm")]
        self.ask("DELETE", "/webhooks/{name}/dead", name="crm")
        self.assertEqual(taken, sorted(set(taken)))
        self.assertEqual(
            sorted([*taken, *[one for one in dead if one >= first]]), list(range(first, first + 3))
        )


class TableTests(SynchronousTestCase):
    """C{[webhooks.NAME]}."""

    def test_wrong(self) -> None:
        """What cannot be meant is said."""
        good = {"url": "https://crm.example.com", "secret": SECRET}
        Webhook(**good)
        for wrong in (
            {"url": "crm.example.com"},
            {"url": "ftp://crm.example.com"},
            {"url": "https://user:pw@crm.example.com"},
            {"url": "https://crm.example.com/\nX: y"},
            {"url": "http://[::1"},
            {"secret": "short"},
            {"secret": "not base64 at all!"},
            {"kinds": ("weather",)},
        ):
            self.assertRaises(ValueError, Webhook, **{**good, **wrong})
