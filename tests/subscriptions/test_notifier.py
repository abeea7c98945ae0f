"""What the notifier makes of SUBSCRIBEs, good and bad (RFC 6665 section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls.verdicts import Refuse
from b2bua.errors import PeerError
from b2bua.legs.party import Party
from b2bua.subscriptions import Body, EventPackage, Watcher
from b2bua.subscriptions.notifier import Notifier, SubscriptionLimits
from b2bua.wire.message import Field, Request
from tests.legs.layer import OTHER, PHONE, FakeClient, FakeLayer, FakeServer

ALICE = Party("extension", "101", "101@pbx.example.com", "Alice")
CONTACT = ("Contact", "<sip:101@198.51.100.7:5060>")


class Lamp(EventPackage):
    """A lamp that is on or off."""

    name = "lamp"
    bodies = ("text/plain",)

    def __init__(self) -> None:
        """It is off."""
        self.on = False
        self.heard: list[tuple[str, bool]] = []

    def refuses(self, resource: str, watcher: Watcher) -> Refuse | None:
        """Everybody may watch it."""
        return None

    def state(self, resource: str, watcher: Watcher) -> Body:
        """Say how it is."""
        return Body("text/plain", f"{watcher.version} {'on' if self.on else 'off'}".encode())

    def watched(self, resource: str, anybody: bool) -> None:
        """Note who watches."""
        self.heard.append((resource, anybody))


class Plain:
    """A package with nothing around it."""

    def __init__(self, package: EventPackage) -> None:
        """Ask it as it is."""
        self.package = package
        self.refuses = package.refuses
        self.needs = package.needs
        self.state = package.state
        self.commanded = package.commanded
        self.watched = package.watched
        self.began = package.began
        self.ended = package.ended
        self.takes = package.takes
        self.published = package.published


def at_once(step: Any, *values: Any) -> None:
    """Take a step now."""
    step(*values)


class NotifierCase(SynchronousTestCase):
    """A notifier with one package."""

    def setUp(self) -> None:
        """Serve the lamp."""
        self.clock = Clock()
        self.layer = FakeLayer(self.clock)
        self.lamp = Lamp()
        self.notifier = Notifier(self.layer, at_once, Random(1))
        self.notifier.configure({"lamp": Plain(self.lamp)}, SubscriptionLimits())  # type: ignore[dict-item]  # as good as one
        self._seq = 0

    def request(self, fields: Sequence[Field], tag: str = "", body: bytes = b"") -> Request:
        """Write a SUBSCRIBE."""
        self._seq += 1
        head = [
            ("Via", f"SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK{self._seq}"),
            ("Max-Forwards", "70"),
            ("From", "<sip:101@pbx.example.com>;tag=theirs"),
            ("To", f"<sip:lamp@pbx.example.com>{f';tag={tag}' if tag else ''}"),
            ("Call-ID", "watching"),
            ("CSeq", f"{self._seq} SUBSCRIBE"),
            *fields,
        ]
        return Request("SUBSCRIBE", "sip:lamp@pbx.example.com", head, body)

    def subscribe(self, *fields: Field, expires: str | None = "600", event: str = "lamp") -> FakeServer:
        """Let a SUBSCRIBE come from somebody who is known."""
        more = [("Event", event), *fields]
        if not any(name == "Contact" for name, _ in fields):
            more.append(CONTACT)
        if expires is not None:
            more.append(("Expires", expires))
        server = FakeServer(self.request(more))
        self.notifier.subscribe(server.request, server, ALICE, "lamp")
        return server

    def again(self, *fields: Field, body: bytes = b"", method: str = "SUBSCRIBE") -> FakeServer:
        """Let a request come within the subscription."""
        [subscription] = self.notifier
        request = self.request(fields, subscription.dialog.local_tag, body)
        if method != "SUBSCRIBE":
            head = [(n, v.replace("SUBSCRIBE", method) if n == "CSeq" else v) for n, v in request.fields]
            request = Request(method, request.uri, head)
        server = FakeServer(request)
        found = self.notifier.find(server.request)
        assert found is subscription
        found.request_received(server.request, server)
        return server

    @property
    def last(self) -> FakeClient:
        """The last NOTIFY."""
        return self.layer.clients[-1]

    @property
    def said(self) -> list[tuple[str, bytes]]:
        """What the NOTIFYs said."""
        return [
            (client.request.get("Subscription-State") or "", client.request.body)
            for client in self.layer.clients
        ]


class ExpiresTests(NotifierCase):
    """How long, when that cannot be read."""

    def test_malformed(self) -> None:
        """A malformed Expires counts as none: the usual time is given (RFC 3261 section 8.2.2)."""
        for expires in ("soon", "-1", "99999999999999999999", ""):
            with self.subTest(expires):
                self.assertEqual(self.subscribe(expires=expires).codes, [200])


class BadTests(NotifierCase):
    """Whatever cannot be read or is not good is refused before anything is done."""

    def refused(self, *fields: Field, **more: Any) -> int:
        """Be refused, and leave nothing behind."""
        try:
            code = self.subscribe(*fields, **more).last.code
        except PeerError as error:
            code = error.code  # the core answers with it
        self.assertEqual((len(self.notifier), self.layer.clients), (0, []))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        return code

    def test_malformed(self) -> None:
        """A field that is needed and malformed is answered with 400 (RFC 3261 section 21.4.1)."""
        for field in (
            ("Contact", "nonsense nonsense"),
            ("Contact", "<nonsense:"),
            ("Record-Route", "<sip:a"),
            ("Accept", "text"),
            ("Require", "a b"),
        ):
            with self.subTest(field):
                fields = [field] if field[0] == "Contact" else [CONTACT, field]
                self.assertIn(self.refused(*fields), (400, 406, 420))
        for event in ("", ";id=1", "la mp", "\x7f"):
            with self.subTest(event):
                self.assertIn(self.refused(event=event), (400, 489))

    def test_unknown(self) -> None:
        """Another event gets 489 with those that there are (section 8.3.2); case counts (section 8.2.1)."""
        for event in ("presence", "Lamp", "lamp.winfo"):
            self.assertEqual(self.refused(event=event), 489)
        server = self.subscribe(event="presence")
        self.assertEqual(server.last.get("Allow-Events"), "lamp, refer")

    def test_no_contact(self) -> None:
        """Without a Contact nobody could be told (section 4.1.2.1): 400."""
        server = FakeServer(self.request([("Event", "lamp")]))
        with self.assertRaises(PeerError) as caught:
            self.notifier.subscribe(server.request, server, ALICE, "lamp")
        self.assertEqual(caught.exception.code, 400)

    def test_counted(self) -> None:
        """What is refused is counted by its status."""
        for _ in range(3):
            self.refused(event="presence")
        self.refused(expires="1")
        self.assertEqual(self.notifier.refused, {489: 3, 423: 1})

    def test_flood(self) -> None:
        """So many for one account and so many in all: the next is refused, and costs nothing that stays."""
        limits = SubscriptionLimits(per_extension=5)
        self.notifier.configure(self.notifier.packages, limits)
        codes = []
        for number in range(50):
            more = [("Event", "lamp"), CONTACT, ("Expires", "600")]
            request = self.request(more)
            head = [(n, f"{number}" if n == "Call-ID" else v) for n, v in request.fields]
            server = FakeServer(Request("SUBSCRIBE", request.uri, head))
            self.notifier.subscribe(server.request, server, ALICE, "lamp")
            codes.append(server.last.code)
        self.assertEqual((codes.count(200), codes.count(403)), (5, 45))
        self.assertEqual(len(self.notifier), 5)


class BadRefreshTests(NotifierCase):
    """A bad request within a subscription changes nothing of it."""

    def setUp(self) -> None:
        """Somebody watches."""
        super().setUp()
        self.subscribe()
        self.last.answer(200)
        [self.subscription] = self.notifier
        self.before = (self.subscription.ends, self.subscription.dialog.target)

    def unharmed(self) -> None:
        """The subscription is as it was."""
        self.assertEqual((self.subscription.ends, self.subscription.dialog.target), self.before)
        self.assertTrue(self.subscription.active)
        self.assertEqual(len(self.layer.clients), 1)

    def test_malformed(self) -> None:
        """Malformed fields get 400, and so on, with nothing half done."""
        event = ("Event", "lamp")
        for fields, code in (
            ([event, ("Contact", "<sip:"), ("Expires", "60")], 400),
            ([("Event", ""), CONTACT], 400),
            ([CONTACT], 489),
            ([("Event", "lamp;id=7"), CONTACT], 489),
            ([event, CONTACT, ("Expires", "5")], 423),
            ([event, CONTACT, ("Require", "magic")], 420),
        ):
            with self.subTest(fields):
                self.assertEqual(self.again(*fields).codes, [code])
                self.unharmed()

    def test_body(self) -> None:
        """A body that is no command gets 415, whatever it is (RFC 3261 section 21.4.13)."""
        fields = [("Event", "lamp"), CONTACT, ("Content-Type", "application/xml")]
        self.assertEqual(self.again(*fields, body=b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>").codes, [415])
        self.unharmed()

    def test_out_of_order(self) -> None:
        """A lower CSeq than the last gets 500 (RFC 3261 section 12.2.2)."""
        self._seq = -1
        self.assertEqual(self.again(("Event", "lamp"), CONTACT).codes, [500])
        self.unharmed()

    def test_other_methods(self) -> None:
        """OPTIONS is answered; a NOTIFY has no subscription here, a BYE no call: 481; anything else 405."""
        for method, code in (("OPTIONS", 200), ("NOTIFY", 481), ("BYE", 481), ("INFO", 405), ("INVITE", 405)):
            with self.subTest(method):
                self.assertEqual(self.again(method=method).codes, [code])
                self.unharmed()


class NotifyTests(NotifierCase):
    """NOTIFYs and their answers."""

    def test_versions(self) -> None:
        """The version counts the NOTIFYs of a subscription, also after a refresh."""
        self.subscribe()
        self.last.answer(200)
        self.lamp.on = True
        self.lamp.changed("lamp")
        self.last.answer(200)
        self.again(("Event", "lamp"), CONTACT, ("Expires", "600"))
        self.assertEqual([body for _, body in self.said], [b"0 off", b"1 on", b"2 on"])
        first, *others = [client.request.cseq.number for client in self.layer.clients]
        self.assertEqual([number - first for number in others], [1, 2])

    def test_what_it_says(self) -> None:
        """Event, Subscription-State with the rest of the time, Contact, Content-Type (section 8.2)."""
        self.subscribe(event="lamp;id=a7")
        request = self.last.request
        self.assertEqual(request.get("Event"), "lamp;id=a7")
        self.assertEqual(request.get("Subscription-State"), "active;expires=600")
        self.assertEqual(request.get("Content-Type"), "text/plain")
        self.assertEqual(len(request.contacts), 1)
        self.assertEqual(request.uri, "sip:101@198.51.100.7:5060")

    def test_retry_after(self) -> None:
        """A phone that asks for time gets it (RFC 3261 section 20.33)."""
        self.subscribe()
        self.last.answer(500, fields=[("Retry-After", "20")])
        self.clock.pump([1.0] * 19)
        self.assertEqual(len(self.layer.clients), 1)
        self.clock.pump([1.0] * 2)
        self.assertEqual(len(self.layer.clients), 2)

    def test_back_off(self) -> None:
        """Without an answer it is tried again after 2, 4, 8... 60 seconds, until the time is over."""
        self.subscribe()
        times = []
        for _ in range(9):
            self.last.answer(408, local=True)
            began, sent = self.clock.seconds(), len(self.layer.clients)
            while len(self.layer.clients) == sent:
                self.clock.advance(0.5)
            times.append(self.clock.seconds() - began)
        self.assertEqual(times, [2, 4, 8, 16, 32, 60, 60, 60, 60])

    def test_malformed_answer(self) -> None:
        """What cannot be read in an answer is of no interest."""
        self.subscribe()
        self.last.answer(500, fields=[("Retry-After", "later")])
        self.clock.pump([0.5] * 5)
        self.assertEqual(len(self.layer.clients), 2)
        self.last.answer(200, contact="<sip:")
        self.assertEqual(len(self.notifier), 1)

    def test_gone(self) -> None:
        """The answers of RFC 6665 section 4.2.2 end it, and nothing is left of it."""
        for code in (404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604):
            with self.subTest(code):
                self.subscribe()
                self.last.answer(code)
                self.assertEqual((len(self.notifier), self.clock.getDelayedCalls()), (0, []))

    def test_watched(self) -> None:
        """A package hears of the first watcher of a resource and of the end of the last one."""
        self.subscribe()
        self.last.answer(481)
        self.assertEqual(self.lamp.heard, [("lamp", True), ("lamp", False)])

    def test_connection_lost(self) -> None:
        """A subscription outlives its connection; who knows the phone finds it (RFC 5626)."""
        flow = PHONE._replace(transport="TCP", connection=7)
        server = FakeServer(self.request([("Event", "lamp"), CONTACT, ("Expires", "600")]), flow)
        self.notifier.subscribe(server.request, server, ALICE, "lamp")
        self.last.answer(200)
        self.notifier.flow_lost(flow)
        [subscription] = self.notifier
        self.assertIsNone(subscription.flow)
        subscription.channel.go_on_by(OTHER)
        self.lamp.changed("lamp")
        self.assertEqual(self.layer.targets[-1], OTHER)
        self.notifier.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
