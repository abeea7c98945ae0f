"""Trunks: who they are, registering with them, and whether they are there."""

from __future__ import annotations

from random import Random
from types import MappingProxyType
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.authentication.domain import Domain
from b2bua.liveness import Asker
from b2bua.settings import Rule, Trunk
from b2bua.transactions.flow import Flow
from b2bua.trunks.trunk import Numbers
from b2bua.trunks.trunks import Trunks
from b2bua.wire.message import Request, Response
from tests.registrar.support import DOMAIN, FakeLayer

FAR = Flow("UDP", ("192.0.2.1", 5060), ("198.51.100.7", 5060))
CONTACT = "sip:pbx7@192.0.2.1:5060"


def trunk(**said: Any) -> Trunk:
    """A trunk as it stands in a configuration."""
    return Trunk.model_validate({"uri": "sip:carrier.example", "options_seconds": 0.0, **said})


def asker() -> Asker:
    """Who asks OPTIONS."""
    return Asker(Domain(DOMAIN), Random(1), "b2bua")


def response(code: int, *fields: tuple[str, str], local: bool = False) -> Response:
    """An answer to a REGISTER."""
    return Response(code, "Reason", fields, local=local)


class World(SynchronousTestCase):
    """Trunks on a layer that a test answers for."""

    def setUp(self) -> None:
        """No trunk yet."""
        self.layer = FakeLayer()
        self.trunks = Trunks(self.layer, {}, asker(), Random(1))

    def configure(self, **tables: Trunk) -> None:
        """Give it trunks."""
        self.trunks.configure(MappingProxyType(tables))

    def quiet(self) -> None:
        """After the end no timer is left."""
        self.trunks.stop()
        self.assertEqual(self.layer.clock.getDelayedCalls(), [])


class RegistrationTests(World):
    """Registering with a carrier that asks for a password."""

    def setUp(self) -> None:
        """A carrier that wants to be registered with."""
        super().setUp()
        self.table = trunk(username="pbx7", password="secret", register=True)
        self.configure(carrier=self.table)
        self.trunks.start()

    def register(self) -> None:
        """Be registered."""
        self.layer.take().answer(401, ("WWW-Authenticate", 'Digest realm="c", nonce="n", qop="auth"'))
        self.layer.take().answer(200, ("Contact", f"<{CONTACT}>;expires=3600"))

    def test_register(self) -> None:
        """RFC 3665 section 2.1 from the other side: the same Call-ID, a higher CSeq, credentials."""
        first = self.layer.take()
        self.assertEqual(first.request.uri, "sip:carrier.example")
        self.assertEqual(first.request.to.uri_text, "sip:pbx7@carrier.example")
        self.assertEqual(first.request.contacts[0].uri_text, CONTACT)
        first.answer(401, ("WWW-Authenticate", 'Digest realm="c", nonce="n", qop="auth"'))
        second = self.layer.take()
        self.assertIsNotNone(second.request.get("Authorization"))
        self.assertEqual(second.request.call_id, first.request.call_id)
        self.assertEqual(second.request.cseq.number, first.request.cseq.number + 1)
        second.answer(200, ("Contact", f"<{CONTACT}>;expires=3600"))
        (status,) = self.trunks.status()
        self.assertEqual((status.registered, status.alive, status.why), (True, True, ""))
        self.quiet()

    def test_refresh(self) -> None:
        """The refresh brings its credentials unasked, and a stale nonce is answered."""
        self.register()
        self.layer.clock.advance(3600 * 0.9)
        refresh = self.layer.take()
        self.assertIn("nc=00000002", refresh.request.get("Authorization") or "")
        refresh.answer(401, ("WWW-Authenticate", 'Digest realm="c", nonce="m", stale=true, qop="auth"'))
        self.layer.take().answer(200)
        self.assertTrue(self.trunks.alive("carrier"))
        self.quiet()

    def test_wrong_password(self) -> None:
        """A wrong password is not tried again at once; calls go elsewhere meanwhile."""
        self.layer.take().answer(401, ("WWW-Authenticate", 'Digest realm="c", nonce="n"'))
        self.layer.take().answer(401, ("WWW-Authenticate", 'Digest realm="c", nonce="m"'))
        self.assertEqual(self.layer.sent, [])
        self.assertFalse(self.trunks.alive("carrier"))
        self.assertIn("401", self.trunks.status()[0].why)
        self.layer.clock.advance(30)
        self.layer.take().answer(200)
        self.assertTrue(self.trunks.alive("carrier"))
        self.quiet()

    def test_endless_challenges(self) -> None:
        """A registrar that says stale for ever gets a few attempts and no more."""
        for _ in range(4):
            self.layer.take().answer(401, ("WWW-Authenticate", 'Digest realm="c", nonce="n", stale=true'))
        self.assertEqual(self.layer.sent, [])
        self.quiet()

    def test_stop(self) -> None:
        """At the end the binding is taken back with Expires 0, challenged or not."""
        self.register()
        self.trunks.stop()
        last = self.layer.take()
        self.assertEqual(last.request.get("Expires"), "0")
        last.answer(401, ("WWW-Authenticate", 'Digest realm="c", nonce="x", stale=true'))
        self.layer.take().answer(200)
        self.assertEqual((self.layer.sent, self.layer.clock.getDelayedCalls()), ([], []))

    def test_reconfiguration(self) -> None:
        """A trunk that stays as it is notices nothing; one that changed starts anew."""
        self.register()
        self.configure(carrier=self.table)
        self.assertEqual(self.layer.sent, [])
        self.configure(carrier=trunk(uri="sip:other.example", username="pbx7", register=True))
        self.assertEqual(
            [(t.request.uri, t.request.get("Expires")) for t in self.layer.sent],
            [("sip:carrier.example", "0"), ("sip:other.example", "3600")],
        )
        self.quiet()

    def test_fail_over(self) -> None:
        """The next server is registered with when the first does not answer, and calls go there."""
        self.configure(carrier=trunk(username="pbx7", register=True, backups=["sip:second.example"]))
        self.layer.sent.pop().answer(408, local=True)
        self.layer.sent.pop().answer(200)
        self.assertEqual([str(uri) for uri in self.trunks.servers("carrier")], ["sip:second.example"])
        self.quiet()

    def test_failed_refresh(self) -> None:
        """A refresh that fails once: the carrier's calls are still the carrier's, and ours go there."""
        self.configure(carrier=trunk(uri="sip:192.0.2.200", username="pbx7", register=True))
        self.layer.sent.pop().answer(200, ("Expires", "3600"))
        self.layer.clock.advance(3300)
        self.layer.sent.pop().answer(503)
        invite = Request("INVITE", "sip:101@pbx", [("Via", "SIP/2.0/UDP x;branch=z9hG4bK1")])
        there = Flow("UDP", ("192.0.2.1", 5060), ("192.0.2.200", 5060))
        self.assertEqual(self.trunks.identify(invite, there), "carrier")
        self.assertTrue(self.trunks.alive("carrier"))
        (status,) = self.trunks.status()
        self.assertEqual((status.registered, status.why), (True, "503 Service Unavailable"))
        self.quiet()

    def test_proxy_and_name(self) -> None:
        """By an outbound proxy, as a Route (8.1.2); the name for the password may be another one."""
        self.configure(
            carrier=trunk(
                username="+15550100", auth_username="pbx7", password="secret", register=True,
                proxy="sip:192.0.2.99:5070", options_seconds=60.0,
            )
        )  # fmt: skip
        register = self.layer.sent.pop()
        self.assertEqual(register.flow.remote, ("192.0.2.99", 5070))
        self.assertEqual(register.request.uri, "sip:carrier.example")
        self.assertEqual(register.request.get("Route"), "<sip:192.0.2.99:5070;lr>")
        register.answer(401, ("WWW-Authenticate", 'Digest realm="c", nonce="n"'))
        again = self.layer.sent.pop()
        self.assertIn('username="pbx7"', again.request.get("Authorization") or "")
        again.answer(200)
        self.layer.clock.advance(1)
        question = self.layer.sent.pop()
        self.assertEqual(question.flow.remote, ("192.0.2.99", 5070))
        self.assertEqual(question.request.get("Route"), "<sip:192.0.2.99:5070;lr>")
        self.quiet()


class CredentialTests(World):
    """Who gets the password of a trunk."""

    def answered(self, host: str, **table: Any) -> bool:
        """Is a challenge by that way answered?"""
        self.configure(carrier=trunk(uri="sip:192.0.2.200", username="pbx7", password="secret", **table))
        bye = Request("BYE", "sip:x@203.0.113.9", [("CSeq", "2 BYE"), ("To", "<sip:x@y>;tag=1")])
        challenge = bye.response(407, fields=[("Proxy-Authenticate", 'Digest realm="c", nonce="n"')])
        flow = Flow("UDP", ("192.0.2.1", 5060), (host, 5060))
        return self.trunks.answer("carrier", challenge, bye, flow) is not None

    def test_own_addresses(self) -> None:
        """Its servers, its proxy and where its calls come from; nobody whom a Contact has named."""
        self.assertTrue(self.answered("192.0.2.200"))
        self.assertTrue(self.answered("192.0.2.201", backups=["sip:192.0.2.201"]))
        self.assertTrue(self.answered("192.0.2.99", proxy="sip:192.0.2.99"))
        self.assertTrue(self.answered("198.51.100.9", accept_from=["198.51.100.0/24"]))
        self.assertFalse(self.answered("203.0.113.9"))

    def test_no_way(self) -> None:
        """Nor does one whose way is not known any more."""
        self.configure(carrier=trunk(uri="sip:192.0.2.200", username="pbx7", password="secret"))
        bye = Request("BYE", "sip:x@203.0.113.9", [("CSeq", "2 BYE")])
        self.assertIsNone(self.trunks.answer("carrier", bye.response(407), bye, None))


class IdentifyTests(World):
    """Which trunk a request is from."""

    def setUp(self) -> None:
        """One trunk by network, one by address and port, one that we register with."""
        super().setUp()
        self.configure(
            network=trunk(accept_from=["198.51.100.0/24", "2001:db8::/32"]),
            port=trunk(accept_from=["203.0.113.7:5080"]),
            home=trunk(uri="sip:192.0.2.200", username="pbx7", register=True),
        )

    def identify(
        self, host: str, port: int = 5060, transport: str = "UDP", via: str = "x:5060"
    ) -> str | None:
        """Which one?"""
        request = Request("INVITE", "sip:101@pbx", [("Via", f"SIP/2.0/{transport} {via};branch=z9hG4bK1")])
        return self.trunks.identify(request, Flow(transport, ("192.0.2.1", 5060), (host, port)))

    def test_by_address(self) -> None:
        """By network, by address and port; nobody else."""
        self.assertEqual(self.identify("198.51.100.77", 12345), "network")
        self.assertEqual(self.identify("2001:db8::1"), "network")
        self.assertEqual(self.identify("::ffff:198.51.100.1"), "network")
        self.assertEqual(self.identify("203.0.113.7", 5080), "port")
        self.assertIsNone(self.identify("203.0.113.7", 5081))
        self.assertIsNone(self.identify("203.0.113.8", 5080))
        self.assertIsNone(self.identify("192.0.2.200"))

    def test_port_of_a_connection(self) -> None:
        """Over a connection the source port says nothing; the one in Via counts."""
        self.assertEqual(self.identify("203.0.113.7", 40000, "TCP", "203.0.113.7:5080"), "port")
        self.assertIsNone(self.identify("203.0.113.7", 40000, "TCP", "203.0.113.7"))
        self.assertIsNone(self.identify("203.0.113.7", 40000, "UDP", "203.0.113.7:5080"))

    def test_where_we_are_registered(self) -> None:
        """A carrier calls from where it registered us, without being named in accept_from."""
        self.trunks.start()
        self.layer.take().answer(200)
        self.assertEqual(self.identify("192.0.2.200"), "home")
        self.assertIsNone(self.identify("192.0.2.200", 5061))
        self.quiet()

    def test_memory(self) -> None:
        """Sources that nobody knows are not remembered for ever."""
        for number in range(10_000):
            self.identify(f"10.0.{number // 256}.{number % 256}")
        self.assertLessEqual(len(self.trunks._known), 4096)


class LivenessTests(World):
    """OPTIONS that ask whether a trunk is there."""

    def setUp(self) -> None:
        """A trunk that is asked every minute."""
        super().setUp()
        self.configure(carrier=trunk(options_seconds=60.0))
        self.trunks.start()
        self.layer.clock.advance(1)

    def ask(self, code: int, *, local: bool = False) -> bool:
        """Answer the question, and wait for the next."""
        question = self.layer.take()
        self.assertEqual((question.request.method, question.request.uri), ("OPTIONS", "sip:carrier.example"))
        question.answer(code, local=local)
        self.layer.clock.advance(60)
        return self.trunks.alive("carrier")

    def test_alive(self) -> None:
        """Any answer will do, but for 503; one miss is no proof."""
        heard = [self.ask(code) for code in (200, 404, 405, 481, 503, 200)]
        self.assertEqual(heard, [True] * 6)
        self.quiet()

    def test_down(self) -> None:
        """Two misses in a row: it is down, and is skipped until it answers again."""
        heard = [self.ask(408, local=True), self.ask(503), self.ask(408, local=True), self.ask(200)]
        self.assertEqual(heard, [True, False, False, True])
        self.quiet()

    def test_several(self) -> None:
        """Calls go to the servers that answer, in their order; to all when none does, or nobody asks."""
        self.trunks.stop()
        self.layer.sent.clear()
        uris = ["sip:carrier.example", "sip:second.example", "sip:third.example"]
        self.configure(carrier=trunk(options_seconds=60.0, backups=uris[1:]))
        self.trunks.start()
        silent: set[str] = set()

        def ask() -> tuple[list[str], bool]:
            for _ in range(2):
                self.layer.clock.advance(60)
                questions = [*self.layer.sent]
                self.layer.sent.clear()
                for question in questions:
                    question.answer(503 if question.request.uri in silent else 200)
            return list(map(str, self.trunks.servers("carrier"))), self.trunks.alive("carrier")

        self.assertEqual(ask(), (uris, True))
        silent.update(uris[:2])
        self.assertEqual(ask(), (uris[2:], True))
        silent.remove(uris[1])
        self.assertEqual(ask(), (uris[1:], True))
        silent.update(uris)
        self.assertEqual(ask(), (uris, False))
        self.trunks.let_go()
        self.assertTrue(self.trunks.alive("carrier"))
        self.quiet()

    def test_unknown_trunk(self) -> None:
        """A trunk that is not there is not worth a call."""
        self.assertFalse(self.trunks.alive("nobody"))


class NumberTests(SynchronousTestCase):
    """L{Numbers}."""

    def test_rules(self) -> None:
        """The first rule that matches the whole number is used; without one the number stays."""
        numbers = Numbers(
            [
                Rule.model_validate({"match": r"00(\d+)", "replace": r"+\1"}),
                Rule.model_validate({"match": r"0(\d+)", "replace": r"+49\1"}),
            ]
        )
        for number, form in [("0049301234", "+49301234"), ("0301234", "+49301234"), ("101", "101"), ("", "")]:
            self.assertEqual(numbers.apply(number), form)
        self.assertEqual(numbers.apply("0" + "1" * 500), "0" + "1" * 500)
