"""What features see of an INVITE, and requests outside of dialogs that they answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from b2bua import hookimpl
from b2bua.calls import Call, OutsideRequest, Respond
from b2bua.testing import LadderTestCase, World
from b2bua.wire.message import Request, Response
from b2bua.wire.parser import parse

SEEN = ("x-account", "P-Asserted-Identity", "Diversion", "Alert-Info", "User-Agent")
SAID = (
    ("X-Account", "4711"),
    ("X-Account", "0815"),
    ("P-Asserted-Identity", "<sip:boss@pbx.example.com>"),
    ("Diversion", "<sip:555@elsewhere.example.com>;reason=user-busy"),
    ("Alert-Info", "<http://example.com/ring>"),
)


class Clerk:
    """Looks at header fields, and answers requests."""

    def __init__(self) -> None:
        """Have seen nothing."""
        self.fields: dict[str, tuple[str, ...]] = {}
        self.requests: list[OutsideRequest] = []
        self.answer: Any = None
        self.makes: Callable[[], Any] = lambda: self.answer

    @hookimpl
    def b2bua_fields(self) -> tuple[str, ...]:
        """What to look at."""
        return SEEN

    @hookimpl
    def b2bua_methods(self) -> tuple[str, ...]:
        """What to answer."""
        return ("MESSAGE", "OPTIONS")

    @hookimpl
    def call_started(self, call: Call) -> None:
        """Look."""
        self.fields = {name: values for name, values in call.fields.items() if name != "User-Agent"}

    @hookimpl
    def request_received(self, request: OutsideRequest) -> Any:
        """Note it, and answer what the test says."""
        self.requests.append(request)
        return self.makes()


class OutsideTestCase(LadderTestCase):
    """A world with the clerk."""

    trusted = False

    def make_world(self) -> World:
        """Make it."""
        self.clerk = Clerk()
        return World(features=[self.clerk], settings={"extensions": {"alice": {"trusted": self.trusted}}})

    def setUp(self) -> None:
        """Set up the phones."""
        super().setUp()
        self.alice, self.bob = self.phones("alice", "bob")


class FieldsTests(OutsideTestCase):
    """Header fields of the caller's INVITE."""

    def test_not_trusted(self) -> None:
        """From an extension: what it may say itself, and no identity or diversion (RFC 3325 section 5)."""
        session = self.alice.dial("bob", fields=SAID)
        self.world.run(1)
        self.assertEqual(set(self.clerk.fields), {"x-account", "Alert-Info"})
        self.assertEqual(self.clerk.fields["x-account"], ("4711", "0815"))
        session.hang_up()

    def test_read_only(self) -> None:
        """They are found in any case, and cannot be changed."""
        session = self.alice.dial("bob", fields=SAID)
        self.world.run(1)
        [call] = self.world.served.server.core.calls.going.values()
        self.assertEqual(call.fields["X-ACCOUNT"], ("4711", "0815"))
        self.assertNotIn("X-Nothing", call.fields)
        self.assertFalse(hasattr(call.fields, "__setitem__"))
        session.hang_up()


class TrustedTests(OutsideTestCase):
    """From a peer that is trusted."""

    trusted = True

    def test_trusted(self) -> None:
        """Its identities and diversions are seen too."""
        session = self.alice.dial("bob", fields=SAID)
        self.world.run(1)
        self.assertEqual(
            set(self.clerk.fields), {"x-account", "Alert-Info", "P-Asserted-Identity", "Diversion"}
        )
        session.hang_up()


class RequestTests(OutsideTestCase):
    """MESSAGE and OPTIONS to a number (RFC 3428, RFC 3261 section 11)."""

    TEXT = (("Content-Type", "text/plain"),)

    def setUp(self) -> None:
        """Bob's phone takes messages."""
        super().setUp()
        self.got: list[Request] = []

        def received(request: Request, asked: Any) -> None:
            self.got.append(request)
            asked.respond(request.response(200, to_tag=self.bob.token()))

        self.bob.request_received = received  # type: ignore[method-assign]  # the kit's phones take no messages

    def test_known(self) -> None:
        """The feature is asked when the sender has proved who it is."""
        self.clerk.answer = Respond(202)
        sent = self.alice.outside("MESSAGE", "bob", fields=(*self.TEXT, ("X-Account", "1")), body=b"Hi")
        self.world.run(1)
        self.assertEqual(sent.code, 202)
        [request] = self.clerk.requests
        self.assertEqual((request.method, request.user, request.extension), ("MESSAGE", "bob", "bob"))
        self.assertEqual((request.party.name, request.identity.display), ("alice", "Alice"))
        self.assertEqual((request.content_type, request.body), ("text/plain", b"Hi"))
        self.assertEqual(request.fields["X-Account"], ("1",))
        self.quiet()

    def test_unknown(self) -> None:
        """Who cannot prove it is not heard."""
        self.alice.password = "wrong"
        sent = self.alice.outside("MESSAGE", "bob", fields=self.TEXT, body=b"Hi")
        self.world.run(1)
        self.assertIn(sent.code, (401, 403))
        self.assertEqual(self.clerk.requests, [])
        self.quiet()

    def test_nobody(self) -> None:
        """With no answer a MESSAGE goes to whom it is for, and an OPTIONS gets what we can do."""
        message = self.alice.outside("MESSAGE", "bob", fields=self.TEXT, body=b"Hi")
        lost = self.alice.outside("MESSAGE", "nobody", fields=self.TEXT, body=b"Hi")
        options = self.alice.outside("OPTIONS", "bob")
        self.world.run(1)
        self.assertEqual((message.code, lost.code, options.code), (200, 404, 200))
        self.assertEqual(len(self.clerk.requests), 3)
        self.assertEqual([(one.method, one.body) for one in self.got], [("MESSAGE", b"Hi")])
        assert options.response is not None
        self.assertIn("INVITE", options.response.get("Allow") or "")
        self.quiet()

    def test_not_passed_on(self) -> None:
        """What must not go on is refused when no feature has taken it (RFC 3261 section 16.3)."""
        for name, value, code in (
            ("Max-Forwards", "0", 483),
            ("Max-Forwards", "x", 400),
            ("Require", "timer", 420),
        ):
            with self.subTest(value):
                sent = self.alice.outside("MESSAGE", "bob", fields=(*self.TEXT, (name, value)), body=b"Hi")
                self.world.run(1)
                self.assertEqual(sent.code, code)
        self.assertEqual(self.got, [])
        self.quiet()

    def test_answer(self) -> None:
        """The answer goes out as it was said."""
        self.clerk.answer = Respond(200, "Here", (("X-Mood", "good"),), b"free", "text/plain")
        self.alice.outside("OPTIONS", "bob")
        self.world.run(1)
        messages = [parse(packet.data) for packet in self.world.network.log]
        answer = next(m for m in messages if isinstance(m, Response) and m.reason == "Here")
        self.assertEqual(
            (answer.code, answer.get("X-Mood"), answer.content_type, answer.body),
            (200, "good", "text/plain", b"free"),
        )
        self.quiet()

    def test_nonsense(self) -> None:
        """What cannot be sent costs the feature its say."""
        for wrong in (
            lambda: Respond(100),
            lambda: Respond(200, "a\r\nb"),
            lambda: Respond(200, body=b"x"),
            lambda: Respond(200, fields=(("Via", "x"),)),
            lambda: Respond(200, fields=(("X-Mood", "good\nVia: x"),)),
            lambda: Respond(200, fields=(("X-Mood", "\ud800"),)),
            lambda: "yes",
        ):
            with self.subTest(wrong):
                self.clerk.makes = wrong
                sent = self.alice.outside("MESSAGE", "bob", fields=self.TEXT, body=b"Hi")
                self.world.run(61)
                self.assertEqual(sent.code, 200)
                self.assertLessEqual(len(self.flushLoggedErrors()), 1)
        self.quiet()

    def test_names_the_field(self) -> None:
        """A header field that cannot be sent is named where it is written."""
        for value in ("good\nVia: x", "\ud800", None):
            fields: Any = (("Subject", "Hi"), ("X-Mood", value))
            with self.assertRaisesRegex(TypeError, "X-Mood"):
                Respond(200, fields=fields)

    def test_require(self) -> None:
        """What we do not know and must is 420 (section 8.2.2.3)."""
        sent = self.alice.outside("MESSAGE", "bob", fields=(("Require", "nothing"),))
        self.world.run(1)
        self.assertEqual(sent.code, 420)
        self.quiet()

    def test_server(self) -> None:
        """An OPTIONS to the server itself is answered for anybody, and nobody is asked."""
        self.alice.password = ""
        sent = self.alice.outside("OPTIONS", f"sip:{self.world.domain}")
        self.world.run(1)
        self.assertEqual((sent.code, self.clerk.requests), (200, []))
        self.quiet()
