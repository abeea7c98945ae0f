"""Digest: RFC 7616, RFC 8760, and the MD5 of RFC 3261 section 22."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.errors import PeerError, UsageError
from b2bua.wire.digest import (
    ALGORITHMS,
    AuthenticationInfo,
    Challenge,
    Credentials,
    answer,
    answer_challenge,
    choose,
    ha1,
    hashed,
    response,
    rspauth,
    userhash,
)

NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
VARIANTS = [*ALGORITHMS, *[f"{name}-sess" for name in ALGORITHMS]]


class ArithmeticTests(SynchronousTestCase):
    """The request-digest."""

    def mufasa(self, algorithm: str) -> str:
        """The example of RFC 7616 section 3.9.1."""
        secret = ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life")
        return response(
            algorithm, secret, "GET", "/dir/index.html", NONCE, qop="auth", nc="00000001", cnonce=CNONCE
        )

    def test_md5(self) -> None:
        """The example of RFC 7616 section 3.9.1 with MD5."""
        self.assertEqual(self.mufasa("MD5"), "8ca523f5e9506fed4657c9700eebdbec")

    def test_sha256(self) -> None:
        """The example of RFC 7616 section 3.9.1 with SHA-256."""
        self.assertEqual(
            self.mufasa("SHA-256"), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        )

    def test_sha512_256(self) -> None:
        """
        The example of RFC 7616 section 3.9.2, as its erratum 4897 corrects it.

        The RFC shows values of a truncated SHA-512, which is another function
        than SHA-512/256.
        """
        user, realm, password = "Jäsøn Doe", "api@example.org", "Secret, or not?"
        self.assertEqual(
            userhash("SHA-512-256", user, realm),
            "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b",
        )
        digest = response(
            "SHA-512-256",
            ha1("SHA-512-256", user, realm, password),
            "GET",
            "/doe.json",
            "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
            qop="auth",
            nc="00000001",
            cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
        )
        self.assertEqual(digest, "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5")

    def test_without_qop(self) -> None:
        """Without qop it is the digest of RFC 2069 (RFC 7616 section 3.4.1)."""
        secret = ha1("MD5", "Mufasa", "testrealm@host.com", "Circle Of Life")
        self.assertEqual(
            response("MD5", secret, "GET", "/dir/index.html", "dcd98b7102dd2f0e8b11d0f600bfb0c093"),
            hashed(
                "MD5", f"{secret}:dcd98b7102dd2f0e8b11d0f600bfb0c093:{hashed('MD5', 'GET:/dir/index.html')}"
            ),
        )

    def test_body_counts_with_auth_int(self) -> None:
        """With auth-int another body is another digest; an empty one counts too (RFC 8760 2.6)."""
        empty, full = (
            response("MD5", "x", "INVITE", "sip:a", "n", qop="auth-int", nc="00000001", cnonce="c", body=body)
            for body in (b"", b"v=0")
        )
        self.assertNotEqual(empty, full)
        a2 = hashed("MD5", "INVITE:sip:a:d41d8cd98f00b204e9800998ecf8427e")
        self.assertEqual(empty, hashed("MD5", f"x:n:00000001:c:auth-int:{a2}"))

    def test_session(self) -> None:
        """The -sess variants hash nonce and cnonce into the secret (RFC 7616 section 3.4.2)."""
        plain = response("MD5", "x", "M", "u", "n", qop="auth", nc="1", cnonce="c")
        session = response("MD5-sess", "x", "M", "u", "n", qop="auth", nc="1", cnonce="c")
        self.assertNotEqual(plain, session)
        inner = hashed("MD5", "x:n:c")
        self.assertEqual(session, response("MD5", inner, "M", "u", "n", qop="auth", nc="1", cnonce="c"))

    def test_unknown_algorithm(self) -> None:
        """We never compute with a hash that we do not have."""
        self.assertRaises(UsageError, hashed, "SHA-1", "x")


class BothEndsTests(SynchronousTestCase):
    """What a client answers, a server finds right."""

    def test_agree(self) -> None:
        """Every algorithm with every qop, with and without a hashed user."""
        for algorithm in VARIANTS:
            for qop in (("auth",), ("auth-int",), ("auth", "auth-int"), ()):
                for hide in (False, True):
                    sent = str(Challenge("pbx", 'n"1\\', algorithm, qop, "o", userhash=hide))
                    challenge = Challenge.parse(sent)
                    assert challenge is not None
                    field = answer_challenge(
                        challenge, "alice", "secret", "INVITE", "sip:b@pbx", b"v=0", cnonce="c1", nc=3
                    )
                    got = Credentials.parse(field)
                    assert got is not None
                    secret = ha1(algorithm, "alice", "pbx", "secret")
                    name = userhash(algorithm, "alice", "pbx") if hide else "alice"
                    self.assertEqual((got.username, got.userhash), (name, hide))
                    self.assertEqual((got.nonce, got.opaque, got.count), ('n"1\\', "o", 3 if qop else 0))
                    self.assertTrue(got.check(secret, "INVITE", b"v=0"), field)
                    self.assertFalse(got.check(secret, "BYE", b"v=0"), field)
                    self.assertFalse(got.check(ha1(algorithm, "alice", "pbx", "wrong"), "INVITE", b"v=0"))
                    self.assertEqual(got.check(secret, "INVITE", b"v=1"), got.qop != "auth-int")

    def test_stored_secret(self) -> None:
        """A client may keep H(A1) instead of the password."""
        challenge = Challenge("r", "n", "SHA-256")
        secret = ha1("SHA-256", "u", "r", "p")
        self.assertEqual(
            answer(challenge, "u", "M", "sip:x", secret=secret, cnonce="c"),
            answer(challenge, "u", "M", "sip:x", password="p", cnonce="c"),
        )

    def test_mutual(self) -> None:
        """The server proves that it knows the secret too (RFC 7616 section 3.5)."""
        credentials = answer(Challenge("r", "n"), "u", "M", "sip:x", secret="s", cnonce="c")
        info = AuthenticationInfo("n2", "auth", rspauth(credentials, "s"), "c", "00000001")
        self.assertEqual(AuthenticationInfo.parse(str(info)), info)
        self.assertEqual(
            info.rspauth, response("MD5", "s", "", "sip:x", "n", qop="auth", nc="00000001", cnonce="c")
        )


class ChallengeTests(SynchronousTestCase):
    """WWW-Authenticate and Proxy-Authenticate."""

    def test_of_rfc_3261(self) -> None:
        """The example of section 20.27, folded and unordered as peers write it."""
        challenge = Challenge.parse(
            'Digest realm="atlanta.com", domain="sip:ss1.carrier.com",  qop="auth,auth-int",'
            'nonce="f84f1cec41e6cbe5aea9c8e88d359", opaque="", stale=FALSE, algorithm=MD5'
        )
        self.assertEqual(
            challenge,
            Challenge(
                "atlanta.com",
                "f84f1cec41e6cbe5aea9c8e88d359",
                "MD5",
                ("auth", "auth-int"),
                "",
                domain="sip:ss1.carrier.com",
            ),
        )

    def test_written(self) -> None:
        """A challenge is read as it was written, with all that it may hold."""
        challenge = Challenge("r", "n", "SHA-256", ("auth",), "o", True, True, "sip:a sip:b")
        self.assertEqual(Challenge.parse(str(challenge)), challenge)

    def test_next_nonce(self) -> None:
        """A server may send nothing but the next nonce (RFC 7616 section 3.5)."""
        self.assertEqual(str(AuthenticationInfo("n2")), 'nextnonce="n2"')

    def test_stale(self) -> None:
        """A stale nonce is told apart from a wrong password."""
        challenge = Challenge.parse(str(Challenge("r", "n", stale=True)))
        assert challenge is not None
        self.assertTrue(challenge.stale)

    def test_best_understood(self) -> None:
        """The topmost challenge that is understood is taken (RFC 8760 section 2.4)."""
        odd, newer, old = (Challenge("r", "n", name) for name in ("SHA3-256", "SHA-256", "MD5"))
        self.assertEqual(choose([odd, newer, old]), newer)
        self.assertEqual(choose([old, newer]), old)
        self.assertIsNone(choose([odd, Challenge("r", "n", qop=("token",))]))
        self.assertRaises(UsageError, answer, odd, "u", "M", "sip:x", password="p", cnonce="c")

    def test_other_schemes(self) -> None:
        """What is not Digest is passed over: Basic is forbidden (RFC 8760 section 2.6)."""
        lines = ['Basic realm="x"', "Bearer", 'Digest realm="r", nonce="n"']
        self.assertEqual([item.realm for item in Challenge.parse_all(lines)], ["r"])

    def test_malformed(self) -> None:
        """What cannot be understood is refused with 400."""
        for text in (
            "",
            "Digest",
            "Digest realm",
            'Digest realm="x',
            'Digest realm="x", realm="y", nonce="n"',
            'Digest realm="x" nonce="n"',
            'Digest nonce="n"',
            "Digest , ,",
        ):
            self.assertEqual(self.assertRaises(PeerError, Challenge.parse, text).code, 400, text)


class CredentialsTests(SynchronousTestCase):
    """Authorization and Proxy-Authorization."""

    good = 'Digest username="bob", realm="r", nonce="n", uri="sip:x", response="00"'

    def test_parsed(self) -> None:
        """The parameters, in any order and case."""
        got = Credentials.parse(
            'dIGEST  Response="00",URI="sip:x" , qop = auth,nc=0000000a,cnonce="c",realm="r",'
            'nonce="n",username="bob",algorithm="MD5"'
        )
        self.assertEqual(got, Credentials("bob", "r", "n", "sip:x", "00", "MD5", "auth", "0000000a", "c"))
        assert got is not None
        self.assertEqual(got.count, 10)

    def test_extended_user_name(self) -> None:
        """A name that is not ASCII may come as username* (RFC 7616 section 3.4)."""
        text = self.good.replace('username="bob"', "username*=UTF-8''J%C3%A4s%C3%B8n%20Doe")
        got = Credentials.parse(text)
        assert got is not None
        self.assertEqual(got.username, "Jäsøn Doe")

    def test_incomplete(self) -> None:
        """Every part is needed."""
        for part in ('username="bob", ', 'realm="r", ', 'nonce="n", ', 'uri="sip:x", '):
            self.assertRaises(PeerError, Credentials.parse, self.good.replace(part, ""))

    def test_count(self) -> None:
        """The nonce count has eight hexadecimal digits (RFC 7616 section 3.4)."""
        for nc in ("1", "0000000g", "000000001", "-0000001"):
            got = Credentials.parse(f"{self.good}, qop=auth, nc={nc}, cnonce=c")
            assert got is not None
            self.assertRaises(PeerError, lambda got=got: got.count)

    def test_nonsense_is_wrong(self) -> None:
        """Unknown algorithms, unknown qop and strange responses are wrong, not errors."""
        for extra in (
            ", algorithm=SHA3-256",
            ", qop=token, nc=00000001, cnonce=c",
            ", qop=auth, nc=00000001",
            ", qop=auth, cnonce=c",
            "",
        ):
            got = Credentials.parse(self.good + extra)
            assert got is not None
            self.assertFalse(got.check("secret", "REGISTER"), extra)
        got = Credentials.parse(self.good.replace("00", "é\udcff"))
        assert got is not None
        self.assertFalse(got.check("secret", "REGISTER"))

    def test_injection(self) -> None:
        """A line break cannot be smuggled in through a user name."""
        self.assertRaises(UsageError, str, Credentials("a\r\nX: y", "r", "n", "u", "0"))
        self.assertRaises(UsageError, str, Challenge("r", "n", "MD5\r\nX: y"))
