"""What phones publish (RFC 3903), and what presence makes of it."""

from __future__ import annotations

from typing import Any

from b2bua.store.memory import MemoryStore
from b2bua.subscriptions import publications
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.outside import Sent
from b2bua.testing.phone import Phone
from b2bua.wire import pidf
from b2bua.wire.message import Response

PRESENCE = (
    '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
    ' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:bob@pbx.example.com"><tuple id="t">'
    "<status><basic>{basic}</basic></status></tuple>{more}</presence>"
)


def presence(basic: str = "open", activity: str = "", note: str = "") -> bytes:
    """A document as phones write it."""
    more = f"<dm:person id='p'><rpid:activities><rpid:{activity}/></rpid:activities></dm:person>"
    text = PRESENCE.format(
        basic=basic, more=(more if activity else "") + (f"<note>{note}</note>" if note else "")
    )
    return text.encode()


class PublishCase(LadderTestCase):
    """Bob publishes, Alice watches."""

    settings: dict[str, Any] = {}  # noqa: RUF012  # each class has its own

    def make_world(self) -> World:
        """Make it."""
        return World(features="installed", settings=self.settings, store=MemoryStore())

    def setUp(self) -> None:
        """Alice watches."""
        super().setUp()
        self.alice, self.bob = self.world.phones("alice", "bob", manners=Manners())
        self.watching = self.alice.watch("bob", "presence")
        self.world.run(0.5)

    def publish(
        self,
        body: bytes = b"",
        *,
        tag: str = "",
        expires: str = "600",
        event: str = "presence",
        to: str = "bob",
        type: str = pidf.TYPE,
        who: Phone | None = None,
        **fields: str,
    ) -> Sent:
        """Let somebody publish."""
        head = [("Event", event)] if event else []
        head += [("Expires", expires)] if expires else []
        head += [("SIP-If-Match", tag)] if tag else []
        head += [("Content-Type", type)] if body else []
        head += list(fields.items())
        sent = (who or self.bob).outside("PUBLISH", to, fields=head, body=body)
        self.world.run(0.5)
        return sent

    def good(self, *given: Any, **options: Any) -> Response:
        """The 200 to a PUBLISH, which has a tag and a time (section 6, step 6)."""
        sent = self.publish(*given, **options)
        self.assertEqual(sent.code, 200)
        assert sent.response is not None
        self.assertIsNotNone(sent.response.get("Expires"))
        self.assertTrue(sent.response.get("SIP-ETag"))
        return sent.response

    def tag(self, *given: Any, **options: Any) -> str:
        """The tag of something that was published."""
        return self.good(*given, **options).get("SIP-ETag") or ""


class LifeTests(PublishCase):
    """From the first PUBLISH to the last."""

    def test_life(self) -> None:
        """Initial, refresh, modify, remove: the tag is another each time (section 4, table 1)."""
        first = self.tag(presence("closed", note="At lunch"))
        self.assertIn(b"closed", self.watching.body)
        self.assertIn(b"At lunch", self.watching.body)
        told = len(self.watching.notified)
        second = self.tag(tag=first)
        self.assertEqual(len(self.watching.notified), told, "told though nothing has changed")
        third = self.tag(presence(activity="meeting"), tag=second)
        self.assertIn(b"<rpid:meeting", self.watching.body)
        self.assertIn(b"open", self.watching.body)
        fourth = self.good(tag=third, expires="0")
        self.assertEqual(fourth.get("Expires"), "0")
        self.assertNotIn(b"meeting", self.watching.body)
        self.assertEqual(len({first, second, third, fourth.get("SIP-ETag")}), 4)
        for old in (first, second, third):
            self.assertEqual(self.publish(tag=old).code, 412)
        self.quiet()

    def test_expires(self) -> None:
        """What is not refreshed is forgotten."""
        self.publish(presence(activity="away"), expires="60")
        self.assertIn(b"away", self.watching.body)
        self.world.run(61)
        self.assertNotIn(b"away", self.watching.body)
        self.assertEqual(len(self.world.served.server.core.publications), 0)  # type: ignore[union-attr]  # there is a server

    def test_refreshed(self) -> None:
        """What is refreshed is not."""
        tag = self.tag(presence(activity="away"), expires="60")
        self.world.run(50)
        self.tag(tag=tag, expires="60")
        self.world.run(50)
        self.assertIn(b"away", self.watching.body)

    def test_longest(self) -> None:
        """It holds no longer than we let it; without Expires as long as is usual (step 4)."""
        self.assertEqual(self.good(presence(), expires="4000000000").expires, 3600)
        self.assertEqual(self.good(presence(), expires="").expires, 3600)

    def test_once(self) -> None:
        """With Expires 0 and no tag nothing is kept (step 5)."""
        self.good(presence(activity="away"), expires="0")
        self.assertEqual(len(self.world.served.server.core.publications), 0)  # type: ignore[union-attr]  # likewise

    def test_two_phones(self) -> None:
        """Of two phones what was published last counts, and when that is gone the other."""
        self.publish(presence(activity="away"))
        last = self.tag(presence(activity="meeting"))
        self.assertIn(b"meeting", self.watching.body)
        self.publish(tag=last, expires="0")
        self.assertIn(b"away", self.watching.body)

    def test_call(self) -> None:
        """Who is on the phone is shown so, whatever they say; and as they say when the call is over."""
        self.publish(presence(activity="away"))
        self.alice.dial("bob")
        self.world.run(1)
        self.bob.answer()
        self.world.run(1)
        self.assertIn(b"on-the-phone", self.watching.body)
        self.bob.hang_up()
        self.world.run(1)
        self.assertIn(b"away", self.watching.body)

    def test_reload(self) -> None:
        """It outlives a reload; not the process: 412, and the phone publishes anew (section 4.2)."""
        tag = self.tag(presence(activity="away"))
        self.world.reload()
        self.world.run(5)
        self.assertIn(b"away", self.watching.body)
        served = self.world.served
        assert served is not None
        served.crash()
        served.restart()
        self.world.run(5)
        self.assertEqual(self.publish(tag=tag).code, 412)


class BadTests(PublishCase):
    """Each gets the status that the RFC names, and nothing changes."""

    def test_statuses(self) -> None:
        """The steps of section 6, one after the other."""
        good = presence()
        self.assertEqual(self.publish(good, to="sip:elsewhere@198.51.100.99").code, 404)
        for event in ("", "message-summary", "nothing"):
            refused = self.publish(good, event=event)
            self.assertEqual(refused.code, 489, event)
            assert refused.response is not None
            self.assertIn("presence", refused.response.get("Allow-Events") or "")
        self.assertEqual(self.publish(good, tag="nobody-has-it").code, 412)
        for tag in ("one, two", "one two", '"quoted"'):
            self.assertEqual(self.publish(good, tag=tag).code, 400, tag)
        brief = self.publish(good, expires="5")
        assert brief.response is not None
        self.assertEqual((brief.code, brief.response.get("Min-Expires")), (423, "60"))
        other = self.publish(good, type="text/plain")
        assert other.response is not None
        self.assertEqual((other.code, other.response.get("Accept")), (415, pidf.TYPE))
        self.assertEqual(self.publish().code, 400)
        self.assertEqual(self.publish(good, Require="teleport").code, 420)
        self.assertEqual(len(self.watching.notified), 1)
        self.quiet()

    def test_bodies(self) -> None:
        """What cannot be read: no XML, entities, too deep, too long, not about presence, empty of sense."""
        entity = b'<!DOCTYPE x [<!ENTITY a "aa">]>' + presence(note="&a;")
        for body, code in (
            (b"<presence", 400),
            (b"\xff\xfe", 400),
            (entity, 400),
            (b"<presence>" * 100, 400),
            (b"<dialog-info/>", 400),
            (b"<presence/>", 400),
            (presence(note="x" * 20_000), 413),
        ):
            self.assertEqual(self.publish(body).code, code, body[:60])
        self.assertEqual(len(self.watching.notified), 1)

    def test_of_others(self) -> None:
        """Nobody publishes for another, and nobody touches what another has published."""
        self.assertEqual(self.publish(presence(), who=self.alice).code, 403)
        tag = self.tag(presence(activity="away"))
        self.assertEqual(self.publish(tag=tag, expires="0", who=self.alice).code, 403)
        self.assertIn(b"away", self.watching.body)

    def test_activity(self) -> None:
        """A word that is no activity is not passed on (RFC 4480 section 3.2)."""
        self.publish(presence(activity="script"))
        self.assertNotIn(b"script", self.watching.body)

    def test_bound(self) -> None:
        """A phone that always forgets its tag costs no more than a few."""
        for _ in range(3 * publications.PER_PARTY):
            self.publish(presence(activity="away"))
        assert self.world.served is not None
        self.assertEqual(len(self.world.served.server.core.publications), publications.PER_PARTY)


class FullTests(PublishCase):
    """There is a bound to all."""

    settings = {"subscriptions": {"total": 1}}  # noqa: RUF012  # as above

    def test_full(self) -> None:
        """More get 500, and when to try again."""
        tag = self.tag(presence())
        full = self.publish(presence())
        assert full.response is not None
        self.assertEqual((full.code, full.response.get("Retry-After")), (500, "60"))
        self.tag(tag=tag)
