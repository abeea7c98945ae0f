"""More than we can do."""

from __future__ import annotations

import random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.net import overload
from b2bua.net.limits import NetLimits
from b2bua.net.overload import STRANGERS, answered_by, dialog_of, sketch
from b2bua.transactions.flow import Flow
from b2bua.transactions.matching import arrived, server_key
from b2bua.wire.message import Request, write
from b2bua.wire.parser import Malformed, parse
from tests.net.world import ALICE, BOB, HERE, World
from tests.transactions.messages import request
from tests.wire.fuzz import mutate
from tests.wire.samples import ALL

LAG = 0.2
OLD = "<sip:bob@example.com>;tag=b"


def numbered(number: int, method: str = "INVITE", to: str = "<sip:bob@example.com>") -> Request:
    """One of many requests."""
    return request(method, via=f"SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK{number}", cseq=number, to=to)


class Case(SynchronousTestCase):
    """A runner that has more to read than it can do in a turn."""

    def setUp(self) -> None:
        """It begins to sort."""
        self.begin()

    def begin(self, **limits: Any) -> None:
        """Begin with other limits."""
        self.world = World(limits=NetLimits(lag=LAG, **limits))
        self.runner, self.user = self.world.runner, self.world.user
        self.overload = self.runner.overload
        self.sort()
        self.addCleanup(self.runner.close)

    def sort(self) -> None:
        """More comes than can be served as it came."""
        self.overload.begin()
        self.overload.sort()

    def take(self, *messages: Request | bytes, flow: Flow | None = None) -> None:
        """Let messages come."""
        for message in messages:
            data = message if isinstance(message, bytes) else write(message)
            self.overload.take(data, flow or self.world.flow)

    def behind(self) -> None:
        """Let something new wait too long."""
        self.take(numbered(1))
        self.world.clock.rightNow += LAG + 0.01

    def sent(self) -> list[str | int]:
        """What was sent."""
        return [what for _, what in self.world.wire.log]

    def served(self) -> list[tuple[str, int]]:
        """What the user has got."""
        return [(r.method, r.cseq.number) for r in self.user.requests]


class FewTests(Case):
    """Some dozens of messages are served as they came."""

    def sort(self) -> None:
        """There is more to read, but not so much."""
        self.overload.begin()

    def test_as_they_came(self) -> None:
        """Nobody waits long for them, so what goes on is not served before what is new."""
        self.take(numbered(1), numbered(2, "BYE", OLD), numbered(3, "REGISTER"), numbered(4, "INVITE", OLD))
        self.assertEqual(len(self.overload), 4)
        self.world.clock.advance(0)
        self.assertEqual(self.served(), [("INVITE", 1), ("BYE", 2), ("REGISTER", 3), ("INVITE", 4)])
        self.assertEqual((self.overload.busy, len(self.overload)), (False, 0))

    def test_turns(self) -> None:
        """So many are served before others get their turn."""
        self.take(*[numbered(number) for number in range(overload.WORK + 5)])
        self.overload.work()
        self.assertEqual((len(self.user.requests), self.overload.busy), (overload.WORK, True))
        self.take(numbered(999))
        self.world.clock.advance(0)
        self.assertEqual(self.served()[-1], ("INVITE", 999))
        self.assertFalse(self.overload.busy)

    def test_too_many(self) -> None:
        """One more than these, and all of them are sorted, in the order in which they came."""
        self.take(*[numbered(number) for number in range(overload.FEW)])
        self.take(numbered(999, "BYE", OLD))
        self.world.clock.advance(0)
        first = self.served()[: overload.EIGHTH]
        self.assertEqual(first[0], ("BYE", 999))
        self.assertEqual(first[1:], [("INVITE", number) for number in range(overload.EIGHTH - 1)])

    def test_as_ever_again(self) -> None:
        """When nothing is left, what comes next is served as it comes once more."""
        self.take(*[numbered(number) for number in range(overload.FEW + 1)])
        while self.overload.busy:
            self.world.clock.advance(0)
        self.sort()
        self.take(numbered(997), numbered(998, "BYE", OLD))
        self.world.clock.advance(0)
        self.assertEqual(self.served()[-2:], [("INVITE", 997), ("BYE", 998)])

    def test_closed_meanwhile(self) -> None:
        """A server that is closed by one of them leaves nothing that waits, and no timer."""
        self.user.answer = lambda message, server: self.runner.close()
        self.take(numbered(1), numbered(2))
        self.world.clock.advance(0)
        self.assertEqual(self.served(), [("INVITE", 1)])
        self.assertEqual((len(self.overload), self.world.clock.getDelayedCalls()), (0, []))


class SortingTests(Case):
    """Who is served when."""

    def test_what_goes_on_first(self) -> None:
        """Requests within dialogs go before those that begin something."""
        self.take(numbered(1), numbered(2, "BYE", OLD), numbered(3, "REGISTER"), numbered(4, "INVITE", OLD))
        self.world.clock.advance(0)
        self.assertEqual(self.served(), [("BYE", 2), ("INVITE", 4), ("INVITE", 1), ("REGISTER", 3)])
        self.assertFalse(self.overload.busy)
        self.assertEqual(len(self.overload), 0)

    def test_emptied(self) -> None:
        """Who is to go waits until all that was read is served."""
        told: list[int] = []
        for count in (0, 40):
            with self.subTest(count=count):
                self.take(*[numbered(1000 * count + number) for number in range(count)])
                served = len(self.served())
                self.overload.emptied().addCallback(lambda _: told.append(len(self.served())))
                self.world.clock.pump([0] * 4)
                self.assertEqual(told.pop() - served, count)
                self.sort()
        self.overload.emptied().addCallback(lambda _: told.append(-1))
        self.runner.close()
        self.assertEqual(told, [-1])

    def test_cancel(self) -> None:
        """A CANCEL does not overtake its INVITE, however long that waits."""
        cancel = numbered(1, "CANCEL")
        self.take(numbered(1))
        self.world.clock.rightNow += 1.5 * LAG
        self.take(cancel, numbered(2, "BYE", OLD))
        self.world.clock.advance(0)
        self.assertEqual(self.served(), [("BYE", 2), ("INVITE", 1)])
        self.assertEqual(len(self.user.cancels), 1)

    def test_turns(self) -> None:
        """So much is served before others get their turn, and the rest in the next one."""
        self.take(*[numbered(number, "BYE", OLD) for number in range(overload.WORK + 5)])
        self.overload.work()
        self.assertEqual((len(self.user.requests), self.overload.busy), (overload.WORK, True))
        self.world.clock.advance(0)
        self.assertEqual((len(self.user.requests), self.overload.busy), (overload.WORK + 5, False))

    def test_comes_again(self) -> None:
        """A retransmission of what waits is dropped; it is served once."""
        self.take(numbered(1), numbered(1))
        self.world.clock.advance(0)
        self.assertEqual((self.served(), self.runner.transport.counts.absorbed), ([("INVITE", 1)], 1))

    def test_hard_to_read(self) -> None:
        """What is written in an unusual way is new work, and is served in its turn."""
        odd = write(numbered(1)).replace(b"CSeq: 1", b"CSeq:\r\n 1")
        self.take(odd, numbered(2, "BYE", OLD))
        self.world.clock.advance(0)
        self.assertEqual(self.served(), [("BYE", 2), ("INVITE", 1)])

    def test_junk(self) -> None:
        """Junk costs what it always costs."""
        self.take(b"", b"\r\n\r\n", b"\2" * 50, b"INVITE", b"INVITE sip:x SIP/2.0\r\n\r\n")
        self.world.clock.advance(0)
        self.assertEqual(
            (self.runner.transport.counts.keep_alives, self.runner.transport.counts.malformed), (2, 3)
        )

    def test_memory(self) -> None:
        """What waits is bounded; what is more is lost as in the kernel."""
        self.patch(overload, "MOST", 2000)
        self.take(*[numbered(number) for number in range(100)])
        kept = len(self.overload)
        self.assertEqual(self.runner.transport.counts.overflown, 100 - kept)
        self.assertLessEqual(kept * len(write(numbered(1))), 2000)
        self.world.clock.advance(0)
        self.take(*[numbered(number) for number in range(100, 102)])
        self.assertEqual(len(self.overload), 2)

    def test_closed(self) -> None:
        """A server that is closed leaves nothing that waits, and no timer."""
        self.take(numbered(1))
        self.runner.close()
        self.assertEqual((len(self.overload), self.world.clock.getDelayedCalls()), (0, []))

    def test_closed_meanwhile(self) -> None:
        """Nor when it is closed by one of the messages that have waited."""
        self.user.answer = lambda message, server: self.runner.close()
        self.take(numbered(1, "BYE", OLD), numbered(2, "BYE", OLD))
        self.world.clock.advance(0)
        self.assertEqual((len(self.overload), self.world.clock.getDelayedCalls()), (0, []))


class ShareTests(Case):
    """Nobody's flood costs others their share."""

    trunk = Flow("UDP", HERE, BOB)

    def setUp(self) -> None:
        """Alice, who floods us, and a trunk; we know both, and that a message takes 10 ms."""
        super().setUp()
        for host, _ in (ALICE, BOB):
            self.runner.transport.admission.know(host)
        self.overload._pace = 0.01
        self.user.answer = lambda message, server: self.pass_time()

    def pass_time(self, seconds: float = 0.01) -> None:
        """It takes so long to serve a message."""
        self.world.clock.rightNow += seconds

    def came(self, number: int) -> bool:
        """Has a request been served?"""
        return number in [at for _, at in self.served()]

    def test_known_host_floods(self) -> None:
        """A hundred times as many INVITEs of a phone that we know: the trunk's call is the next one."""
        self.take(*[numbered(number) for number in range(100, 300)])
        self.assertGreater(self.sent().count(503), 150)
        self.take(numbered(1), flow=self.trunk)
        self.overload.work()
        self.assertIn(("INVITE", 1), self.served()[:2])

    def test_many_strangers(self) -> None:
        """Two hundred hosts that we do not know have one share among them."""
        for number in range(200):
            self.take(numbered(1000 + number), flow=Flow("UDP", HERE, (f"198.51.100.{number}", 5060)))
        for number in range(10):
            self.take(numbered(number), flow=self.trunk)
        self.overload.work()
        self.assertEqual([number for number in range(10) if not self.came(number)], [])
        self.assertGreater(len(self.served()), 10)

    def test_share_is_enough(self) -> None:
        """For minutes of flood every call of the trunk is taken, and none waits long."""
        for second in range(100):
            if not self.overload.busy:
                self.sort()
            self.take(*[numbered(1000 * (second + 1) + number) for number in range(50)])
            self.take(numbered(second), flow=self.trunk)
            while not self.came(second):
                before = len(self.served())
                self.world.clock.advance(0)
                self.assertGreater(len(self.served()), before)

    def test_no_such_dialog(self) -> None:
        """BYE and what names a dialog that does not exist are served in their turn, and not before."""
        self.runner.overload.has_dialog = lambda *dialog: False
        self.take(numbered(1), flow=self.trunk)
        self.take(*[numbered(number, "BYE", OLD) for number in range(10, 90)])
        self.take(*[numbered(number, "INFO", OLD) for number in range(90, 200)])
        self.overload.work()
        self.assertTrue(self.came(1))
        self.assertLess(self.served().index(("INVITE", 1)), 3)
        self.assertGreater(self.runner.transport.counts.overflown, 100)

    def test_dialog_is_looked_up(self) -> None:
        """What names a dialog of ours goes first."""
        asked = numbered(2, "BYE", OLD)
        dialogs = {(asked.call_id, asked.to.tag, asked.from_.tag)}
        self.runner.overload.has_dialog = lambda *dialog: dialog in dialogs
        self.take(numbered(1), flow=self.trunk)
        self.take(asked)
        self.overload.work()
        self.assertEqual(self.served()[0], ("BYE", 2))

    def test_answers_to_nobody(self) -> None:
        """Responses that we do not wait for go before nothing; one that we wait for goes first."""
        asked: list[Request] = []

        def write_it(flow: Flow, via: str) -> Request:
            asked.append(request("OPTIONS", via=via))
            return asked[-1]

        self.runner.request(write_it, self.trunk, self.world.hear)
        self.take(*[write(numbered(number).response(200, to_tag="x")) for number in range(100, 300)])
        self.take(write(asked[0].response(200, to_tag="x")), flow=self.trunk)
        self.overload.work()
        self.assertEqual([code for _, code in self.world.heard], [200])
        self.assertLess(self.runner.transport.counts.stray, overload.WORK)

    def test_not_each_is_answered(self) -> None:
        """Of a host that we know, too, no more hear 503 than it may send."""
        self.begin(rate=1.0, burst=5)
        self.runner.transport.admission.know(ALICE[0])
        self.behind()
        self.take(*[numbered(number) for number in range(2, 30)])
        self.assertEqual(self.sent(), [503] * 5)

    def test_new_has_its_turn(self) -> None:
        """However much goes on, something new is served now and then."""
        self.take(numbered(1), flow=self.trunk)
        self.take(*[numbered(number, "INFO", OLD) for number in range(10, 60)])
        self.overload.work()
        self.assertTrue(self.came(1))


class TurningAwayTests(Case):
    """503 at once."""

    def test_patient(self) -> None:
        """What has waited for another process to begin is served, however long; then all is as ever."""
        self.overload.be_patient(5.0)
        self.behind()
        self.take(numbered(2))
        self.world.clock.rightNow += 3 * LAG
        self.overload.work()
        self.assertEqual(self.served(), [("INVITE", 1), ("INVITE", 2)])
        self.world.clock.rightNow += 5.0
        self.sort()
        self.behind()
        self.take(numbered(4))
        self.assertIn(503, self.sent())

    def test_at_once(self) -> None:
        """What would wait too long hears 503 without Retry-After (RFC 7339 section 5.10.2)."""
        self.behind()
        self.take(*[numbered(n, method) for n, method in enumerate(("INVITE", "REGISTER", "OPTIONS"), 2)])
        self.assertEqual(self.sent(), [503] * 3)
        self.assertIsNone(self.world.wire.last().get("Retry-After"))
        self.assertEqual(self.runner.transport.counts.turned_away, 3)
        self.world.clock.advance(0)
        self.assertEqual(self.served(), [("INVITE", 1)])

    def test_calls_go_on(self) -> None:
        """Requests within dialogs are not turned away, nor what belongs to a transaction of ours."""
        self.behind()
        self.take(numbered(2, "BYE", OLD), numbered(3, "INVITE", OLD), numbered(1, "CANCEL"))
        self.assertEqual(self.sent(), [])
        self.world.clock.advance(0)
        self.assertEqual(self.served(), [("BYE", 2), ("INVITE", 3), ("INVITE", 1)])
        self.assertEqual(len(self.user.cancels), 1)

    def test_open(self) -> None:
        """An INVITE whose call is being set up is not refused because its 100 got lost."""
        self.world.receive(numbered(7))
        self.behind()
        self.take(numbered(7))
        self.world.clock.advance(0)
        self.assertNotIn(503, self.sent())
        self.assertEqual(self.runner.transport.counts.absorbed, 1)

    def test_bug(self) -> None:
        """A bug while some are served costs no others their turn: they do not wait for ever."""
        serve = self.overload._serve
        failed: list[bool] = []

        def fail() -> None:
            if not failed:
                failed.append(True)
                raise ZeroDivisionError
            serve()

        self.patch(self.overload, "_serve", fail)
        self.take(numbered(1), numbered(2))
        self.assertRaises(ZeroDivisionError, self.world.clock.advance, 0)
        self.world.until(1)
        self.assertEqual((len(self.user.requests), self.overload.busy), (2, False))

    def test_as_usual_again(self) -> None:
        """As soon as what waited is served, new requests are welcome."""
        self.behind()
        self.world.clock.advance(0)
        self.take(numbered(2))
        self.sort()
        self.world.clock.advance(0)
        self.assertEqual(self.served(), [("INVITE", 1), ("INVITE", 2)])

    def test_same_as_usual(self) -> None:
        """The 503 is the one that the careful way would write, and goes the same way."""
        self.behind()
        for via in (
            "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK2",
            "SIP/2.0/UDP phone.example.com:5070;branch=z9hG4bK3",
            "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK4;rport",
        ):
            with self.subTest(via=via):
                asked = request("INVITE", via=via, more=(("Via", "SIP/2.0/TCP other;branch=z9hG4bK9"),))
                self.take(asked)
                data, flow = self.world.wire.sent[-1]
                tag = parse(data).to.tag
                again = arrived(asked, self.world.flow)
                self.assertEqual(data, write(again.response(503, to_tag=tag)))
                self.runner.servers.reply(again, again.response(503, to_tag=tag), self.world.flow)
                self.assertEqual(flow, self.world.wire.sent[-1][1])

    def test_same_tag(self) -> None:
        """A request that comes again gets the same tag (RFC 3261 section 8.2.7), another one another."""
        self.behind()
        self.take(numbered(2), numbered(2), numbered(3))
        first, again, other = [parse(data).to.tag for data, _ in self.world.wire.sent]
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_acknowledged(self) -> None:
        """The ACK of such a 503 costs nothing; another one is passed on."""
        self.behind()
        self.take(numbered(2))
        tag = self.world.wire.last().to.tag
        waiting = len(self.overload)
        self.take(numbered(2, "ACK", f"<sip:bob@example.com>;tag={tag}"))
        self.assertEqual(len(self.overload), waiting)
        self.take(numbered(5, "ACK", OLD))
        self.world.clock.advance(0)
        self.assertEqual(len(self.user.acks), 1)

    def test_too_many(self) -> None:
        """Nor is it taken when so many wait before it that it would have to wait too long."""
        for number in range(100, 140):
            self.take(numbered(number))
        for _ in range(40):
            self.world.clock.rightNow += LAG / 40
            self.overload._next()
        self.take(*[numbered(number) for number in range(2, 100)])
        self.assertGreater(self.sent().count(503), 10)
        self.assertGreater(len(self.overload), 10)

    def test_starved(self) -> None:
        """What could not be served because others went first hears 503 in the end."""
        self.take(numbered(1))
        self.world.clock.rightNow += 2 * LAG + 0.01
        self.world.clock.advance(0)
        self.assertEqual((self.served(), self.sent()), ([], [503]))

    def test_strangers(self) -> None:
        """A flood of one host that we do not know is not even answered."""
        self.begin(rate=1.0, burst=5)
        self.behind()
        self.take(*[numbered(number) for number in range(2, 30)])
        self.assertEqual(self.sent(), [503] * 5)
        self.take(numbered(30), flow=Flow("UDP", HERE, BOB))
        self.assertEqual(self.sent(), [503] * 6)

    def test_connections(self) -> None:
        """New requests over connections hear it too; what goes on is served."""
        flow = Flow("TCP", HERE, ALICE, 1)
        self.assertFalse(self.overload.refuses(write(numbered(2)), flow))
        self.behind()
        self.world.runner.transport.wires.by_address[flow[:2]] = self.world.wire
        self.assertTrue(self.overload.refuses(write(numbered(2)), flow))
        self.assertEqual(self.sent(), [503])
        self.assertFalse(self.overload.refuses(write(numbered(3, "BYE", OLD)), flow))

    def test_late(self) -> None:
        """Timers that are late show that we are behind, whatever keeps us."""
        self.assertFalse(self.overload.behind(STRANGERS))
        self.runner.start(1.0, lambda: None)
        self.world.clock.rightNow += 1.0 + LAG + 0.02
        self.assertTrue(self.overload.behind(STRANGERS))
        self.assertFalse(self.overload.behind(ALICE[0]))  # who is known, and has nothing that waits
        self.world.clock.advance(0)
        self.assertFalse(self.overload.behind(STRANGERS))

    def test_told(self) -> None:
        """The log says so, but not for each of them."""
        lines: list[str] = []
        self.patch(self.overload, "log", self)
        self.warn = lambda text, **values: lines.append(text.format(**values))
        self.behind()
        self.take(*[numbered(number) for number in range(2, 50)])
        self.assertEqual(len(lines), 1)
        self.assertIn("overloaded: 1 new request turned away", lines[0])
        self.world.clock.rightNow += overload.QUIET
        self.take(numbered(60))
        self.assertEqual(len(lines), 2)
        self.assertIn("48 new requests", lines[1])


class SketchTests(SynchronousTestCase):
    """L{sketch}."""

    def test_agrees(self) -> None:
        """What it says of a message is what the parser says; else it says nothing."""
        chance = random.Random(5)
        seen = 0
        for data in [*ALL.values(), *(mutate(chance) for _ in range(4000))]:
            found = sketch(data)
            if found is None:
                continue
            try:
                message = parse(data)
            except Malformed:
                continue
            seen += 1
            assert isinstance(message, Request)
            self.assertEqual(message.to.tag, "", data)
            self.assertEqual(found.key, server_key(message, message.method), data)
            self.assertEqual(found.via, message.via, data)
        self.assertGreater(seen, 100)

    def test_nothing_new(self) -> None:
        """Responses, requests within dialogs, ACK, CANCEL and BYE begin nothing."""
        for method in ("ACK", "CANCEL", "BYE", "PRACK"):
            self.assertIsNone(sketch(write(numbered(1, method))))
        for to in (OLD, "<sip:bob@example.com>;TAG=b", "<sip:bob@example.com> ; tag = b"):
            self.assertIsNone(sketch(write(numbered(1, "INVITE", to))))
        self.assertIsNotNone(sketch(write(numbered(1, "INVITE", "<sip:vantage@example.com>"))))
        self.assertIsNone(sketch(write(numbered(1).response(200, to_tag="x"))))

    def test_what_looks_like_a_tag(self) -> None:
        """The tag is a parameter of To, not one of its URI, nor in its name (RFC 3261 section 20.39)."""
        for to in (
            "<sip:bob@example.com;tag=u>;tag=b",
            '"x>;tag=n" <sip:bob@example.com>;tag=b',
            "<sip:bob@example.com>;x=y;tag=b;z",
        ):
            with self.subTest(to=to):
                message = parse(asked := write(numbered(1, "BYE", to)))
                self.assertEqual(message.to.tag, "b")
                self.assertEqual(dialog_of(asked), (message.call_id, "b", message.from_.tag))

    def test_beyond_ascii(self) -> None:
        """A dialog whose names have letters of other alphabets is found as the parser reads them (UTF-8)."""
        asked = write(numbered(1, "BYE", "<sip:bob@example.com>;tag=häß"))
        for name in (b"\r\nCall-ID: ", b"\r\nCall-ID:   ", b"\r\ni:"):
            with self.subTest(name=name):
                spelled = asked.replace(b"\r\nCall-ID: ", name + "größe".encode())
                message = parse(spelled)
                self.assertEqual(dialog_of(spelled), (message.call_id, "häß", message.from_.tag))
        self.assertIsNotNone(dialog_of(asked.replace("häß".encode(), b"\xff")))

    def test_spelled_otherwise(self) -> None:
        """Dialog and transaction are found however their fields are spelled, and in the head only."""
        asked = write(numbered(1, "BYE", OLD))
        answer = write(numbered(1).response(200, to_tag="x"))
        named, sent = dialog_of(asked), answered_by(answer)
        message = parse(asked)
        self.assertEqual(named, (message.call_id, message.to.tag, message.from_.tag))
        self.assertEqual(sent, ("z9hG4bK1", "INVITE"))
        for before, after in (
            (b"Call-ID: ", b"i:"),
            (b"From: ", b"from :"),
            (b"To: ", b"t:  "),
            (b";tag=", b" ; TAG = "),
            (b"Via: ", b"v: "),
            (b";rport", b""),
            (b";branch", b" ; x=y ;branch"),
            (b"CSeq: 1 ", b"cseq:  1\t"),
        ):
            with self.subTest(after=after):
                self.assertEqual(dialog_of(asked.replace(before, after)), named)
                self.assertEqual(answered_by(answer.replace(before, after)), sent)
        body = b"SIP/2.0 200 OK\r\nTo: <sip:x@y>;tag=z\r\nCall-ID: q\r\n\r\n"
        self.assertEqual(
            dialog_of(asked.replace(b"Call-ID: ", b"i: ").replace(b"To: ", b"t: ") + body), named
        )
        self.assertIsNone(dialog_of(write(numbered(1, "NOTIFY")) + body))
        self.assertIsNone(dialog_of(asked.replace(b"Call-ID: ", b"X: ")))
        self.assertIsNone(answered_by(answer.replace(b"CSeq: ", b"X: ")))
        self.assertIsNone(answered_by(answer.replace(b"Via: ", b"X: ")))

    def test_in_doubt(self) -> None:
        """What it cannot read for certain it leaves to the parser."""
        data = write(numbered(1))
        for before, after in (
            (b"z9hG4bK1", b"1"),
            (b"SIP/2.0/UDP 192", b"SIP/1.0/UDP 192"),
            (b"Via:", b"Vla:"),
            (b"\r\nTo:", b"\r\nT :"),
            (b"\r\nTo:", b"\r\nTo: <sip:x@y>\r\nTo:"),
            (b"\r\nVia: ", b"\r\nVia: \xff"),
            (b"\r\nCSeq:", b"\r\n CSeq:"),
            (b";rport", b';x="\r"'),
            (b";rport", b';x="a\nb"'),
        ):
            with self.subTest(after=after):
                self.assertIn(before, data)
                self.assertIsNone(sketch(data.replace(before, after, 1)), after)
