"""Messages outside of calls (RFC 3428): passed on, stored never."""

from __future__ import annotations

from typing import Any

from b2bua.testing import LadderTestCase, Phone, World, by_hand
from b2bua.wire.message import Request, Response

TEXT = (("Content-Type", "text/plain"), ("X-Secret", "7"))


class MessageTests(LadderTestCase):
    """Who sends whom what."""

    def write(self, sender: Phone, to: str, body: bytes = b"Dinner?", **more: str) -> list[int]:
        """Send one; a challenge is answered.  The codes that come back are in the list."""
        codes: list[int] = []
        head = [
            ("Via", sender.via()), ("Max-Forwards", more.get("hops", "70")),
            ("From", f"{sender.name_addr};tag={sender.token()}"), ("To", f"<{sender.uri_of(to)}>"),
            ("Call-ID", sender.token()), ("CSeq", "1 MESSAGE"), *TEXT,
        ]  # fmt: skip
        request = Request("MESSAGE", sender.uri_of(to), head, body)

        def heard(response: Response | None) -> None:
            if response is not None and response.code == 401 and len(codes) == 0:
                codes.append(401)
                again = sender.with_credentials(request, response)
                assert again is not None
                fields = [("Via", sender.via()), ("CSeq", "2 MESSAGE")]
                sender.ask(again.with_fields(remove=("Via", "CSeq"), prepend=fields), heard)
            else:
                codes.append(0 if response is None else response.code)

        sender.ask(request, heard)
        return codes

    def hear(self, phone: Phone, code: int) -> list[Request]:
        """Let a phone answer messages with this code."""
        got: list[Request] = []

        def received(request: Request, asked: Any) -> None:
            got.append(request)
            asked.respond(request.response(code, to_tag=phone.token()))

        phone.request_received = received  # type: ignore[method-assign]  # the kit's phones take no messages
        return got

    def test_to_an_extension(self) -> None:
        """It comes in a request of our own, in the sender's proved name, with its body as it was."""
        alice, bob = self.phones("alice", "bob")
        got = self.hear(bob, 200)
        codes = self.write(alice, "bob")
        self.world.run(1)
        self.assertEqual(codes, [401, 200])
        [message] = got
        self.assertEqual((message.body, message.content_type), (b"Dinner?", "text/plain"))
        self.assertEqual(message.from_.uri_text, "sip:alice@pbx.example.com")
        self.assertEqual(message.max_forwards, 69)
        for name in ("Contact", "Authorization", "X-Secret"):
            self.assertIsNone(message.get(name))
        self.quiet()

    def test_all_phones(self) -> None:
        """All phones of the user get it; the first that takes it answers."""
        alice, bob = self.phones("alice", "bob")
        other = self.world.phone("bob", by_hand())
        other.register()
        self.world.run_until(lambda: other.registered)
        boxes = self.hear(bob, 405), self.hear(other, 202)
        codes = self.write(alice, "bob")
        self.world.run(1)
        self.assertEqual(codes, [401, 202])
        self.assertEqual([len(box) for box in boxes], [1, 1])
        self.quiet()

    def test_nobody_there(self) -> None:
        """Nothing is stored: without a phone that takes it, its sender hears so."""
        alice, bob = self.phones("alice", "bob")
        self.hear(bob, 415)
        for to, code in (("carol", 480), ("nobody", 404), ("bob", 415)):
            codes = self.write(alice, to)
            self.world.run(1)
            self.assertEqual(codes, [401, code], to)
        codes = self.write(alice, "bob", hops="0")
        self.world.run(1)
        self.assertEqual(codes, [483])
        self.quiet()

    def test_silence(self) -> None:
        """A phone that does not answer: the sender hears 480 before its own time is over (RFC 4320 4.1)."""
        alice, bob = self.phones("alice", "bob")
        bob.vanish()
        codes = self.write(alice, "bob")
        self.world.run(31)
        self.assertEqual(codes, [401, 480])
        self.quiet()

    def test_trunk(self) -> None:
        """A trunk gets messages only if it wants them; one that asks for a password gets credentials."""
        for wanted, code in ((True, 202), (False, 405)):
            with self.subTest(wanted=wanted):
                table = {
                    "uri": "sip:198.51.100.7", "accept_from": ["198.51.100.7"], "options_seconds": 0.0,
                    "username": "carrier", "password": "secret", "messages": wanted,
                }  # fmt: skip
                self.world = World(
                    settings={
                        "trunks": {"carrier": table},
                        "routes": [{"match": r"\+\d+", "trunk": "carrier"}],
                    }
                )
                carrier = self.world.trunk("carrier", by_hand(), host="198.51.100.7")
                got: list[Request] = []

                def received(request: Request, asked: Any, carrier: Any = carrier, got: Any = got) -> None:
                    got.append(request)
                    proved = request.get("Proxy-Authorization") is not None
                    asked.respond(
                        request.response(
                            202 if proved else 407,
                            to_tag=carrier.token(),
                            fields=[] if proved else [("Proxy-Authenticate", 'Digest realm="c", nonce="n"')],
                        )
                    )

                carrier.request_received = received  # type: ignore[method-assign]  # it takes messages
                [alice] = self.phones("alice")
                codes = self.write(alice, "+15550123")
                self.world.run(1)
                self.assertEqual(codes, [401, code])
                self.assertEqual(len(got), 2 if wanted else 0)
                [bob] = self.phones("bob")
                box = self.hear(bob, 200)
                self.assertEqual(self.write(carrier, "bob"), [])
                self.world.run(1)
                self.assertEqual(len(box), 1)
                self.quiet()
