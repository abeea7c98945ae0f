"""What we watch at other servers, and what becomes of it there (RFC 6665 section 4.1)."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls import Refuse
from b2bua.subscriptions import Told
from b2bua.testing import LadderTestCase, World
from b2bua.wire.message import Request
from tests.subscriptions.teller import CARRIER, Curious, Teller


class TellerCase(LadderTestCase):
    """A world with a carrier that tells, and a plugin that wants to know."""

    trunk: dict[str, Any] = {}  # noqa: RUF012  # each class has its own

    def make_world(self) -> World:
        """Make it."""
        self.curious = Curious()
        return World(features=[self.curious], settings={"trunks": {"carrier": {**CARRIER, **self.trunk}}})

    def setUp(self) -> None:
        """The carrier is there before we ask."""
        super().setUp()
        self.carrier = Teller(self.world)

    def answer(self) -> int:
        """What the last NOTIFY was answered with."""
        self.world.run(0.5)
        return self.carrier.answers[-1][1]

    @property
    def asked(self) -> int:
        """How many SUBSCRIBEs have come."""
        return len(self.carrier.taken)

    def tearDown(self) -> None:
        """No rule was broken."""
        assert self.world.served is not None
        self.world.served.stop()
        self.assertEqual([str(one) for one in self.world.violations], [])
        super().tearDown()


class FirstTests(TellerCase):
    """The first SUBSCRIBE."""

    trunk = {"username": "pbx", "password": "secret"}  # noqa: RUF012  # as above

    def test_written(self) -> None:
        """It has all that a dialog needs, and what can be read (sections 4.1.2.1, 3.1.3)."""
        self.world.run(1)
        request = self.carrier.latest
        self.assertEqual(request.uri, "sip:5512@198.51.100.7")
        self.assertEqual(request.get("Event"), "lamp")
        self.assertEqual(request.get("Accept"), "text/plain")
        self.assertEqual(request.expires, 3600)
        self.assertEqual(request.from_.uri.user, "pbx")
        self.assertTrue(request.from_.tag)
        self.assertTrue(request.contacts)
        self.assertEqual(self.curious.told, [Told("t1", "text/plain", b"on")])
        self.assertEqual(self.carrier.answers, [("t1", 200)])
        self.assertEqual(self.curious.subscribed.why, "")

    def test_notify_first(self) -> None:
        """A NOTIFY may come before the 2xx (section 4.1.2.4)."""
        self.carrier.first = True
        self.world.run(1)
        self.assertEqual(self.carrier.answers, [("t1", 200)])
        self.assertEqual(len(self.curious.told), 1)
        self.world.run(2600)
        self.assertEqual(self.asked, 1)
        self.world.run(700)
        self.assertEqual(self.asked, 2)
        self.assertEqual(self.carrier.latest.to.tag, "t1", "the refresh is in another dialog")

    def test_password(self) -> None:
        """A challenge is answered with the password of the trunk (RFC 3261 section 22.2)."""
        self.carrier.secret = "secret"
        self.world.run(1)
        self.assertEqual(len(self.curious.told), 1)

    def test_wrong_password(self) -> None:
        """One that is wrong is not said again and again."""
        self.carrier.secret = "another"
        self.world.run(10)
        self.assertEqual(self.curious.subscribed.why, "401 Unauthorized")
        self.assertEqual(self.curious.told, [])

    def test_no_notify(self) -> None:
        """Without a NOTIFY within 64*T1 there is no subscription: it is tried anew (section 4.1.2.4)."""
        self.carrier.tells = False
        self.world.run(31)
        self.assertEqual(self.asked, 1)
        self.world.run(70)
        self.assertGreater(self.asked, 1)
        self.assertLess(self.asked, 5)
        first, last = self.carrier.taken[0], self.carrier.latest
        self.assertNotEqual(first.call_id, last.call_id)
        self.assertNotEqual(first.from_.tag, last.from_.tag)
        self.carrier.notify(about=first)
        self.assertEqual(self.answer(), 481)

    def test_too_brief(self) -> None:
        """423 has us ask for as long as it says (section 4.1.2.1)."""
        self.carrier.code, self.carrier.fields = 423, (("Min-Expires", "7200"),)
        self.world.run_until(lambda: self.asked == 1)
        self.carrier.code, self.carrier.fields = 200, ()
        self.world.run(1)
        self.assertEqual(self.carrier.latest.expires, 7200)
        self.assertEqual(len(self.curious.told), 1)

    def test_too_brief_for_ever(self) -> None:
        """One that always wants longer is put off."""
        self.carrier.code, self.carrier.fields = 423, (("Min-Expires", "4000000000"),)
        self.world.run(10)
        self.assertLess(self.asked, 6)

    def test_not_served(self) -> None:
        """489, 405 and 501: who does not serve it is not asked again."""
        for code in (489, 405, 501):
            with self.subTest(code=code):
                self.carrier.code = code
                before = self.asked
                self.curious.service.subscribe(
                    "carrier", str(code), "lamp", ("text/plain",), lambda told: None
                )
                self.world.run(7200)
                own = [one for one in self.carrier.taken[before:] if one.uri.startswith(f"sip:{code}@")]
                self.assertEqual(len(own), 1)
                self.carrier.code = 200

    def test_later(self) -> None:
        """Any other refusal has us try later, at the earliest when Retry-After lets us."""
        self.carrier.code, self.carrier.fields = 503, (("Retry-After", "900"),)
        self.world.run(890)
        self.assertEqual(self.asked, 1)
        self.assertEqual(self.curious.subscribed.why, "503 Service Unavailable")
        self.carrier.code = 200
        self.world.run(30)
        self.assertEqual(len(self.curious.told), 1)

    def test_nobody_there(self) -> None:
        """Of a server that is silent we hear when it is back, and it is not flooded meanwhile."""
        self.world.network.part(["192.0.2.1"], [self.carrier.host])
        self.world.run(3600)
        self.world.network.heal()
        self.world.run(1800)
        self.assertEqual(len(self.curious.told), 1)
        self.assertEqual(self.asked, 1)

    def test_reload_asks_again(self) -> None:
        """After a reload even who does not serve it is asked once more."""
        self.carrier.code = 489
        self.world.run(100)
        self.carrier.code = 200
        self.world.reload()
        self.world.run(5)
        self.assertEqual(self.asked, 2)
        self.assertEqual(len(self.curious.told), 1)


class RefreshTests(TellerCase):
    """What goes on."""

    def setUp(self) -> None:
        """It is subscribed."""
        super().setUp()
        self.world.run(1)

    def test_in_time(self) -> None:
        """It is refreshed before its time is over, in its dialog (section 4.1.2.2)."""
        self.world.run(3600)
        self.assertEqual(self.asked, 2)
        first, second = self.carrier.taken
        self.assertEqual((second.call_id, second.to.tag), (first.call_id, "t1"))
        self.assertEqual(second.cseq.number, first.cseq.number + 1)
        self.world.run(36000)
        self.assertFalse([told for told in self.curious.told if told.over])

    def test_shortened(self) -> None:
        """What a NOTIFY says of the time that is left counts (section 4.1.3)."""
        self.carrier.notify("active;expires=100")
        self.world.run(101)
        self.assertEqual(self.asked, 2)

    def test_never_longer(self) -> None:
        """Nobody can make it longer than we asked for."""
        self.carrier.notify("active;expires=4000000000")
        self.world.run(3601)
        self.assertEqual(self.asked, 2)

    def test_unknown(self) -> None:
        """481 to a refresh: it is asked for anew at once, with another Call-ID (section 4.1.2.2)."""
        self.world.run_until(lambda: self.asked == 1)
        self.carrier.code = 481
        self.world.run_until(lambda: self.asked == 2, 3600)
        self.carrier.code = 200
        self.world.run(1)
        self.assertEqual(self.asked, 3)
        self.assertEqual(self.carrier.latest.to.tag, "")
        self.assertNotEqual(self.carrier.latest.call_id, self.carrier.taken[0].call_id)
        self.assertEqual([told.over for told in self.curious.told], [False, True, False])

    def test_not_served_any_more(self) -> None:
        """489 to a refresh ends it, and it is not asked for again."""
        self.carrier.code = 489
        self.world.run(36000)
        self.assertEqual(self.asked, 2)
        self.assertTrue(self.curious.told[-1].over)

    def test_broken_for_a_while(self) -> None:
        """500 to a refresh: it goes on for its time, and is refreshed again within it (section 4.1.2.2)."""
        self.carrier.code = 500
        self.world.run_until(lambda: self.asked == 2, 3600)
        self.assertEqual(len(self.curious.told), 1)
        self.carrier.code = 200
        self.world.run(500)
        self.assertGreaterEqual(self.asked, 3)
        self.assertFalse([told for told in self.curious.told if told.over])
        self.assertEqual({one.call_id for one in self.carrier.taken}, {self.carrier.latest.call_id})

    def test_broken_for_good(self) -> None:
        """When its time is over so is what it told."""
        self.carrier.code = 500
        self.world.run(3700)
        self.assertTrue(self.curious.told[-1].over)

    def test_no_notify(self) -> None:
        """No NOTIFY after a refresh ends it (section 4.1.2.2)."""
        self.carrier.tells = False
        self.world.run_until(lambda: self.asked == 2, 3600)
        self.world.run(34)
        self.assertTrue(self.curious.told[1].over)

    def test_silent(self) -> None:
        """A refresh that nobody answers ends nothing before its time."""
        self.carrier.vanish()
        self.world.run(3400)
        self.assertFalse([told for told in self.curious.told if told.over])
        self.world.run(300)
        self.assertTrue(self.curious.told[-1].over)


class EndTests(TellerCase):
    """How it ends (section 4.1.3)."""

    def setUp(self) -> None:
        """It is subscribed, and has been for a minute."""
        super().setUp()
        self.world.run(60)

    def end(self, reason: str) -> None:
        """Let the carrier end it."""
        self.carrier.notify(f"terminated{reason}", body=b"")
        self.world.run(1)
        self.assertEqual(self.carrier.answers[-1][1], 200)
        self.assertTrue(self.curious.told[-1].over or len(self.curious.told) > 2)

    def test_at_once(self) -> None:
        """C{deactivated} and C{timeout}: anew at once."""
        for count, reason in enumerate(("deactivated", "timeout"), 2):
            self.end(f";reason={reason}")
            self.assertEqual(self.asked, count, reason)
            self.world.run(60)

    def test_for_good(self) -> None:
        """C{rejected}, C{noresource}, C{invariant}: never again."""
        for reason in ("rejected", "noresource", "invariant;retry-after=5"):
            with self.subTest(reason=reason):
                self.end(f";reason={reason}")
                before = self.asked
                self.world.run(7200)
                self.assertEqual(self.asked, before)
                self.curious.subscribed.refresh()  # begin anew, for the next reason
                self.world.run(60)

    def test_later(self) -> None:
        """C{probation}, C{giveup}, no reason and unknown ones: when Retry-After lets us, or in a while."""
        for reason in (";reason=probation", ";reason=giveup", "", ";reason=tired"):
            with self.subTest(reason=reason):
                before = self.asked
                self.end(f"{reason};retry-after=600")
                self.world.run(590)
                self.assertEqual(self.asked, before)
                self.world.run(30)
                self.assertEqual(self.asked, before + 1)
                self.world.run(60)

    def test_later_without_a_time(self) -> None:
        """Without Retry-After it is tried within half a minute."""
        self.end(";reason=probation")
        self.assertEqual(self.asked, 1)
        self.world.run(31)
        self.assertEqual(self.asked, 2)

    def test_no_circle(self) -> None:
        """A server that ends each at once is not asked without a pause."""
        self.carrier.tells = False
        self.end(";reason=deactivated")
        for _ in range(20):
            self.carrier.notify("terminated;reason=deactivated", body=b"")
            self.world.run(1)
        self.assertLess(self.asked, 6)

    def test_last_state(self) -> None:
        """The last NOTIFY may say how it is once more."""
        self.carrier.notify("terminated;reason=rejected", body=b"off")
        self.world.run(1)
        self.assertEqual([told.body for told in self.curious.told], [b"on", b"off", b""])
        self.assertTrue(self.curious.told[-1].over)

    def test_stopped(self) -> None:
        """Who wants it no more unsubscribes: Expires 0, and a last NOTIFY is welcome (section 4.1.2.3)."""
        self.curious.subscribed.stop()
        self.world.run(60)
        self.assertEqual(self.carrier.latest.expires, 0)
        self.assertEqual(self.carrier.answers[-1], ("t1", 200))
        told = len(self.curious.told)
        self.carrier.notify()
        self.assertEqual(self.answer(), 481)
        self.assertEqual(len(self.curious.told), told)

    def test_reload(self) -> None:
        """A reload goes on with what is wanted still, and has all of it told."""
        self.world.reload()
        self.world.run(60)
        self.assertEqual([one.expires for one in self.carrier.taken], [3600, 3600])
        self.assertEqual(self.carrier.latest.to.tag, "t1")
        self.assertEqual(len(self.curious.told), 2)

    def test_shared(self) -> None:
        """Two who want the same cost one subscription."""
        second: list[Told] = []
        self.curious.service.subscribe("carrier", "5512", "lamp", ("text/plain",), second.append)  # type: ignore[arg-type]  # None is an answer
        self.world.run(5)
        self.assertEqual(self.asked, 2)
        self.assertEqual(len(second), 1)
        self.assertEqual({one.call_id for one in self.carrier.taken}, {self.carrier.latest.call_id})


class ForkTests(TellerCase):
    """A SUBSCRIBE that was forked (section 4.1.4)."""

    def test_each(self) -> None:
        """Each tag is a subscription of its own: refreshed, told and ended apart."""
        self.carrier.forks = ("t1", "t2", "t3")
        self.world.run(1)
        self.assertEqual([told.source for told in self.curious.told], ["t1", "t2", "t3"])
        self.assertEqual([code for _, code in self.carrier.answers], [200] * 3)
        self.carrier.notify("terminated;reason=noresource", tag="t2", body=b"")
        self.world.run(1)
        self.assertEqual(self.curious.told[-1], Told("t2", over=True))
        self.world.run(3600)
        self.assertEqual(sorted(one.to.tag for one in self.carrier.taken), ["", "t1", "t3"])

    def test_too_late(self) -> None:
        """After 64*T1 no NOTIFY begins another one: 481 (section 4.1.2.4)."""
        self.world.run(40)
        self.carrier.notify(tag="t9")
        self.assertEqual(self.answer(), 481)

    def test_too_many(self) -> None:
        """There is a bound to them."""
        self.carrier.forks = tuple(f"t{place}" for place in range(20))
        self.world.run(5)
        codes = [code for _, code in self.carrier.answers]
        self.assertEqual((codes.count(200), codes.count(481)), (8, 12))


class NotifyTests(TellerCase):
    """NOTIFYs that are not in order."""

    def setUp(self) -> None:
        """It is subscribed."""
        super().setUp()
        self.world.run(1)

    def refused(self, code: int, **what: Any) -> None:
        """Insist that a NOTIFY is refused, and nothing of it taken."""
        before = list(self.curious.told)
        self.carrier.notify(**what)
        self.assertEqual(self.answer(), code, what)
        self.assertEqual(self.curious.told, before)

    def test_out_of_order(self) -> None:
        """One with a lower CSeq says what was before: 500 (RFC 3261 section 12.2.2)."""
        self.carrier.notify(seq=10, body=b"new")
        self.assertEqual(self.answer(), 200)
        self.refused(500, seq=9, body=b"old")
        self.carrier.notify(seq=11, body=b"newest")
        self.assertEqual(self.answer(), 200)
        self.assertEqual(self.curious.told[-1].body, b"newest")

    def test_bad(self) -> None:
        """Each gets the status that the RFC names, and the subscription goes on."""
        self.refused(489, event="presence")
        self.refused(400, state="")
        self.refused(400, state="active;expires=soon")
        self.refused(415, type="application/pidf+xml")
        self.refused(481, tag="nobody" * 10, about=self._elsewhere())
        self.carrier.notify(body=b"off")
        self.assertEqual(self.answer(), 200)
        self.assertEqual(self.curious.told[-1].body, b"off")

    def _elsewhere(self) -> Request:
        """A SUBSCRIBE that we have not sent."""
        fields = [(n, "unknown" if n == "Call-ID" else v) for n, v in self.carrier.latest.fields]
        return Request("SUBSCRIBE", self.carrier.latest.uri, fields)

    def test_cannot_be_read(self) -> None:
        """A body that the feature cannot read is refused as it says, and nothing has changed."""
        self.curious.refusal = Refuse(400, "No Lamp")
        self.refused(400, body=b"purple")
        self.curious.refusal = None
        self.carrier.notify(body=b"off")
        self.assertEqual(self.answer(), 200)

    def test_from_elsewhere(self) -> None:
        """Who is not the trunk tells us nothing, though they know the tags."""
        other = Teller(self.world, "mallory", "203.0.113.9")
        other.taken = self.carrier.taken
        other.seq = {(self.carrier.latest.call_id, "t1"): 50}
        other.notify(body=b"lies")
        self.world.run(1)
        self.assertEqual(other.answers[-1][1], 403)
        self.assertEqual(len(self.curious.told), 1)

    def test_other_requests(self) -> None:
        """What is no NOTIFY has no meaning in it."""
        for method, code in (("BYE", 481), ("INFO", 405), ("OPTIONS", 200)):
            about = self.carrier.latest
            self.carrier.seq[about.call_id, "t1"] = seq = self.carrier.seq[about.call_id, "t1"] + 1
            answers: list[int] = []
            head = [
                ("Via", self.carrier.via()),
                ("Max-Forwards", "70"),
                ("From", "<sip:198.51.100.7>;tag=t1"),
                ("To", about.get("From") or ""),
                ("Call-ID", about.call_id),
                ("CSeq", f"{seq} {method}"),
            ]
            request = Request(method, about.contacts[0].uri_text, head)
            self.carrier.next_hop = self.world.server_address
            self.carrier.ask(request, lambda got, into=answers: into.append(0 if got is None else got.code))
            self.world.run(1)
            self.assertEqual(answers, [code], method)


class WeatherTests(SynchronousTestCase):
    """A network that loses, doubles and overtakes, and a carrier that ends subscriptions as it likes."""

    def play(self, seed: int) -> None:
        """A quarter of an hour of that, then quiet."""
        random, curious = Random(seed), Curious()
        world = World(seed, features=[curious], settings={"trunks": {"carrier": CARRIER}})
        carrier = Teller(world)
        link = world.network.link
        link.jitter, link.loss, link.duplicate, link.reorder = 0.3, random.choice([0.0, 0.1, 0.3]), 0.1, 0.2
        count = 0
        for _ in range(60):
            world.run(random.choice([0.0, 0.1, 1.0, 30.0]))
            if not carrier.taken:
                continue
            count += 1
            carrier.body = str(count).encode()
            carrier.code = random.choice([200, 200, 200, 481, 500])
            reason = random.choice(["deactivated", "timeout", "probation", "giveup", "tired"])
            ends = random.random() < 0.1
            carrier.notify(f"terminated;reason={reason}" if ends else "active;expires=600")
        world.network.heal()
        carrier.code = 200
        world.run(2 * 3600)
        carrier.body = b"last"
        carrier.notify()
        world.run(1)
        self.assertEqual(curious.told[-1].body, b"last", f"seed {seed}")
        self.assertEqual(curious.subscribed.why, "")
        told = [int(one.body) for one in curious.told if one.body.isdigit()]
        self.assertEqual(told, sorted(told), f"seed {seed}: what was before came after")
        self.assertLess(len(carrier.taken), 150)
        assert world.served is not None
        world.served.stop()
        self.assertEqual([str(one) for one in world.violations], [], f"seed {seed}")

    def test_weather(self) -> None:
        """What is known in the end is what is so, and nothing is told that was before (section 4.1.3)."""
        for seed in range(25):
            with self.subTest(seed=seed):
                self.play(seed)
