"""Digest authentication as a client: RFC 3261 section 22.2, RFC 8760 section 2.4, RFC 3665 section 3.3."""

from __future__ import annotations

from itertools import count

from twisted.trial.unittest import SynchronousTestCase

from b2bua.authentication.digest_client import DigestClient, Field
from b2bua.wire.digest import Challenge, Credentials, ha1
from b2bua.wire.message import Request

REQUEST = Request(
    "INVITE",
    "sip:+15550100@carrier.example",
    [
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
        ("From", "<sip:pbx7@carrier.example>;tag=1"),
        ("To", "<sip:+15550100@carrier.example>"),
        ("Call-ID", "1"),
        ("CSeq", "1 INVITE"),
    ],
)


class ClientTests(SynchronousTestCase):
    """L{DigestClient}."""

    def setUp(self) -> None:
        """A password that any realm gets."""
        numbers = count(1)
        self.client = DigestClient("pbx7", "secret", cnonce=lambda: f"c{next(numbers)}")

    def refuse(self, request: Request, *challenges: tuple[str, str], code: int = 401) -> list[Field] | None:
        """What is answered to a refusal with challenges."""
        fields = [(name, f"Digest {value}") for name, value in challenges]
        return self.client.answer(request.response(code, fields=fields), request)

    def again(self, fields: list[Field] | None) -> Request:
        """The next attempt."""
        assert fields is not None
        return REQUEST.with_fields(remove=["Authorization", "Proxy-Authorization"], add=fields)

    def assertRight(self, field: Field, name: str, realm: str) -> None:
        """Credentials are right."""
        given = Credentials.parse(field[1])
        assert given is not None
        self.assertEqual((field[0], given.realm), (name, realm))
        self.assertTrue(given.check(ha1(given.algorithm, "pbx7", realm, "secret"), "INVITE"))

    def test_401_and_407(self) -> None:
        """WWW-Authenticate is answered in Authorization, Proxy-Authenticate in Proxy-Authorization."""
        for code, asking, name in [
            (401, "WWW-Authenticate", "Authorization"),
            (407, "Proxy-Authenticate", "Proxy-Authorization"),
        ]:
            fields = self.refuse(REQUEST, (asking, 'realm="a", nonce="n", qop="auth"'), code=code)
            assert fields is not None
            self.assertEqual(len(fields), 1)
            self.assertRight(fields[0], name, "a")

    def test_topmost_that_is_understood(self) -> None:
        """The topmost challenge of a realm that we understand is answered; others are ignored."""
        fields = self.refuse(
            REQUEST,
            ("WWW-Authenticate", 'realm="a", nonce="n", algorithm=SHA3-512'),
            ("WWW-Authenticate", 'realm="a", nonce="'),
            ("WWW-Authenticate", 'realm="a", nonce="n", algorithm=SHA-256, qop="auth"'),
            ("WWW-Authenticate", 'realm="a", nonce="n", algorithm=MD5'),
        )
        assert fields is not None
        (field,) = fields
        self.assertIn("algorithm=SHA-256", field[1])

    def test_several_on_the_way(self) -> None:
        """A proxy and the server behind it, of one realm, each get their own (section 22.3)."""
        second = self.again(
            self.refuse(REQUEST, ("Proxy-Authenticate", 'realm="a", nonce="n", qop="auth"'), code=407)
        )
        fields = self.refuse(second, ("WWW-Authenticate", 'realm="a", nonce="m"'))
        assert fields is not None
        self.assertRight(fields[0], "Proxy-Authorization", "a")
        self.assertRight(fields[1], "Authorization", "a")
        self.assertIn("nc=00000002", fields[0][1])

    def test_two_at_once(self) -> None:
        """Two challenges in one answer get both at once."""
        fields = self.refuse(
            REQUEST,
            ("WWW-Authenticate", 'realm="a", nonce="n"'),
            ("Proxy-Authenticate", 'realm="a", nonce="m"'),
        )
        assert fields is not None
        self.assertEqual([name for name, _ in fields], ["Authorization", "Proxy-Authorization"])

    def test_second_realm(self) -> None:
        """The first realm that asks is kept: no other one ever gets the hash of the password."""
        self.assertIsNotNone(self.refuse(REQUEST, ("WWW-Authenticate", 'realm="a", nonce="n"')))
        self.assertIsNone(self.refuse(REQUEST, ("WWW-Authenticate", 'realm="b", nonce="n"')))
        self.assertIsNone(self.refuse(REQUEST, ("Proxy-Authenticate", 'realm="b", nonce="n"'), code=407))
        self.assertEqual(len(self.client.unasked(REQUEST)), 1)
        self.assertIsNotNone(self.refuse(REQUEST, ("WWW-Authenticate", 'realm="a", nonce="o"')))

    def test_wrong_password(self) -> None:
        """Asked again without stale=true: the password is wrong, and it is not tried for ever."""
        asked = ("WWW-Authenticate", 'realm="a", nonce="n", qop="auth"')
        second = self.again(self.refuse(REQUEST, asked))
        self.assertIsNone(self.refuse(second, asked))
        self.assertIsNone(self.refuse(second, ("WWW-Authenticate", 'realm="a", nonce="new"')))

    def test_stale(self) -> None:
        """stale=true: the new nonce is answered."""
        second = self.again(self.refuse(REQUEST, ("WWW-Authenticate", 'realm="a", nonce="n", qop="auth"')))
        self.assertIsNotNone(self.refuse(second, ("WWW-Authenticate", 'realm="a", nonce="m", stale=TRUE')))

    def test_aged_without_saying_so(self) -> None:
        """A nonce that was good before may have aged although the peer does not say stale."""
        asked = ("WWW-Authenticate", 'realm="a", nonce="n", qop="auth"')
        self.refuse(REQUEST, asked)
        later = self.again(self.client.unasked(REQUEST))
        self.assertIn("nc=00000002", later.get("Authorization") or "")
        fields = self.refuse(later, ("WWW-Authenticate", 'realm="a", nonce="m", qop="auth"'))
        self.assertIsNotNone(fields)
        self.assertIsNone(
            self.refuse(self.again(fields), ("WWW-Authenticate", 'realm="a", nonce="o", qop="auth"'))
        )

    def test_another_realm(self) -> None:
        """A password for one realm is not given to another."""
        client = DigestClient("pbx7", "secret", "carrier.example")
        response = REQUEST.response(401, fields=[("WWW-Authenticate", str(Challenge("elsewhere", "n")))])
        self.assertIsNone(client.answer(response, REQUEST))

    def test_nothing_to_answer(self) -> None:
        """A refusal without a challenge that we know has no answer."""
        self.assertIsNone(self.refuse(REQUEST))
        response = REQUEST.response(401, fields=[("WWW-Authenticate", 'Basic realm="a"')])
        self.assertIsNone(self.client.answer(response, REQUEST))
