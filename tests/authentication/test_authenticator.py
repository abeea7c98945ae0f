"""Digest authentication as a server: RFC 8760, RFC 7616, RFC 3261 section 22."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import patch

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from b2bua.authentication import accounts
from b2bua.authentication.accounts import Account, Accounts
from b2bua.authentication.authenticator import Authenticated
from b2bua.authentication.throttle import Throttle, ThrottleLimits
from b2bua.transactions.flow import source_of
from b2bua.wire.digest import Challenge, Credentials, answer, ha1
from b2bua.wire.message import Request
from tests.registrar.support import DOMAIN, PHONE, FakeServer, House


def invite(user: str = "101", uri: str = f"sip:102@{DOMAIN}", body: bytes = b"") -> Request:
    """An INVITE without credentials."""
    return Request(
        "INVITE",
        uri,
        [
            ("Via", "SIP/2.0/UDP 192.0.2.101:5062;branch=z9hG4bK1;rport"),
            ("From", f"<sip:{user}@{DOMAIN}>;tag=theirs"),
            ("To", f"<{uri}>"),
            ("Call-ID", "call-1"),
            ("CSeq", "1 INVITE"),
        ],
        body,
    )


ELSEWHERE = ("203.0.113.1", 5060)


class Case(SynchronousTestCase):
    """Sends requests with credentials as a test wants them."""

    limits = ThrottleLimits()

    def setUp(self) -> None:
        """Two users."""
        self.house = House(limits=self.limits)

    def admit(self, request: Request, **flow: Any) -> tuple[Authenticated | None, FakeServer]:
        """Let it be checked."""
        server = FakeServer(request, PHONE._replace(**flow))
        return self.house.authenticator.admit(request, server), server

    def challenges(self, request: Request, **flow: Any) -> list[Challenge]:
        """What a request without credentials is answered."""
        identity, server = self.admit(request, **flow)
        self.assertIsNone(identity)
        self.assertEqual(server.response.code, 401)
        return list(Challenge.parse_all(server.response.all("WWW-Authenticate")))

    def sign(self, request: Request, challenge: Challenge, **said: Any) -> Request:
        """Add credentials."""
        changed = {key: said.pop(key) for key in ("nc", "uri", "qop", "response", "realm") if key in said}
        given = answer(
            challenge,
            said.get("user", "101"),
            request.method,
            changed.get("uri", request.uri),
            password=said.get("password", "one-oh-one"),
            body=request.body,
            cnonce="c",
            count=said.get("count", 1),
        )
        return request.with_fields(add=[("Authorization", str(replace(given, **changed)))])

    def assertOutcome(self, code: int, request: Request, stale: bool | None = None, **flow: Any) -> None:
        """It is answered with C{code}, 200 standing for being let in."""
        identity, server = self.admit(request, **flow)
        self.assertEqual(200 if identity is not None else server.response.code, code)
        if stale is not None:
            (first, *_) = Challenge.parse_all(server.response.all("WWW-Authenticate"))
            self.assertEqual(first.stale, stale)


class ChallengeTests(Case):
    """What is asked."""

    def test_best_first(self) -> None:
        """RFC 8760 section 2.3: one field for each algorithm, one realm, the best on top, with qop."""
        found = self.challenges(invite())
        self.assertEqual([c.algorithm for c in found], ["SHA-256", "SHA-512-256", "MD5"])
        self.assertEqual({c.realm for c in found}, {DOMAIN})
        self.assertEqual({c.qop for c in found}, {("auth", "auth-int")})

    def test_only_what_all_can(self) -> None:
        """An algorithm that some account has no hash for is offered to nobody."""
        self.house.accounts.configure(
            [
                Account.make("101", DOMAIN, password="one-oh-one"),
                Account.make("102", DOMAIN, hashes={"MD5": ha1("MD5", "102", DOMAIN, "x").upper()}),
            ]
        )
        (only,) = self.challenges(invite())
        self.assertEqual(only.algorithm, "MD5")
        self.assertOutcome(200, self.sign(invite("102"), only, user="102", password="x"))

    def test_every_algorithm(self) -> None:
        """Each of them lets in, with auth and with auth-int over the body."""
        for challenge in self.challenges(invite()):
            for qop in (("auth",), ("auth-int",)):
                fresh = replace(challenge, nonce=self.challenges(invite())[0].nonce, qop=qop)
                request = self.sign(invite(body=b"v=0\r\n"), fresh)
                self.assertOutcome(200, request)

    def test_changed_body(self) -> None:
        """auth-int: a body that was changed on the way is not what was signed."""
        challenge = replace(self.challenges(invite())[0], qop=("auth-int",))
        request = self.sign(invite(body=b"v=0\r\n"), challenge)
        self.assertOutcome(401, request.with_body(b"v=1\r\n", "application/sdp"))

    def test_old_client(self) -> None:
        """Without qop (RFC 2069) a nonce is good once, and the second use hears that it is stale."""
        challenge = replace(self.challenges(invite())[2], qop=())
        request = self.sign(invite(), challenge)
        self.assertOutcome(200, request)
        self.assertOutcome(401, request, stale=True)


class NonceTests(Case):
    """Age and replay."""

    def test_stale(self) -> None:
        """RFC 7616 section 3.3: the right password with an old nonce hears stale=true."""
        challenge = self.challenges(invite())[0]
        self.house.clock.advance(299)
        self.assertOutcome(200, self.sign(invite(), challenge))
        self.house.clock.advance(2)
        self.assertOutcome(401, self.sign(invite(), challenge, count=2), stale=True)

    def test_wrong_password_with_old_nonce(self) -> None:
        """Stale is for those only who know the password."""
        challenge = self.challenges(invite())[0]
        self.house.clock.advance(301)
        self.assertOutcome(401, self.sign(invite(), challenge, password="x"), stale=False)

    def test_foreign_nonce(self) -> None:
        """A nonce of before a restart is stale; phones log in again without asking anybody."""
        for nonce in ("0" * 32, "", "x", "é" * 32, "!" * 32):
            with self.subTest(nonce=nonce):
                challenge = replace(self.challenges(invite())[0], nonce=nonce)
                self.assertOutcome(401, self.sign(invite(), challenge), stale=True)

    def test_of_another_host(self) -> None:
        """A nonce is good for the host it was given to (of IPv6, its /64); from another one it is stale."""
        self.assertOutcome(
            401, self.sign(invite(), self.challenges(invite())[0]), stale=True, remote=ELSEWHERE
        )
        for first, then, code in (("2001:db8::1", "2001:db8::2", 200), ("2001:db8::1", "2001:db8:1::1", 401)):
            challenge = self.challenges(invite(), remote=(first, 5060))[0]
            self.assertOutcome(code, self.sign(invite(), challenge), remote=(then, 5062))

    def test_replay(self) -> None:
        """RFC 7616 section 3.4: a nonce count that came before is a replay."""
        challenge = self.challenges(invite())[0]
        for count, code in [(1, 200), (2, 200), (2, 401), (1, 401), (5, 200), (4, 200), (4, 401), (90, 200), (5, 401), (26, 401), (27, 200)]:  # fmt: skip  # noqa: E501
            with self.subTest(count=count):
                self.assertOutcome(code, self.sign(invite(), challenge, count=count))

    def test_malformed_count(self) -> None:
        """A nonce count that is none gets 400."""
        challenge = self.challenges(invite())[0]
        for nc in ("1", "0000000g", "000000001"):
            self.assertOutcome(400, self.sign(invite(), challenge, nc=nc))

    def test_memory(self) -> None:
        """Only nonces that have served are remembered, and not for longer than they are good."""
        nonces = self.house.authenticator.nonces
        for _ in range(50):
            self.challenges(invite())
        self.assertEqual(len(nonces._used), 0)
        for _ in range(5):
            self.assertOutcome(200, self.sign(invite(), self.challenges(invite())[0]))
        self.assertEqual(len(nonces._used), 5)
        for _ in range(2):
            self.house.clock.advance(301)
            self.assertOutcome(200, self.sign(invite(), self.challenges(invite())[0]))
        self.assertEqual(len(nonces._used) + len(nonces._before), 2)


class WhoTests(Case):
    """Who is let in, and as whom."""

    def test_identity(self) -> None:
        """The authenticated user is who is asserted (RFC 3325 section 5)."""
        self.house.accounts.configure([Account.make("101", DOMAIN, name='The "Boss"', password="x")])
        identity, _ = self.admit(self.sign(invite(), self.challenges(invite())[0], password="x"))
        assert identity is not None
        self.assertEqual(identity.user, "101")
        self.assertEqual(identity.asserted, f'"The \\"Boss\\"" <sip:101@{DOMAIN}>')

    def test_known_host(self) -> None:
        """Who has proved who she is may send as much as she likes; who has not may not."""
        known: list[str] = []
        self.house.authenticator._known = known.append
        challenge = self.challenges(invite())[0]
        self.assertOutcome(401, self.sign(invite(), challenge, password="x"))
        self.assertEqual(known, [])
        self.assertOutcome(200, self.sign(invite(), challenge, count=2))
        self.assertEqual(known, ["192.0.2.101"])

    def test_user_with_realm(self) -> None:
        """Some phones send user@realm as their user name."""
        challenge = self.challenges(invite())[0]
        given = answer(
            challenge, f"101@{DOMAIN}", "INVITE", invite().uri,
            secret=ha1("SHA-256", "101", DOMAIN, "one-oh-one"), cnonce="c",
        )  # fmt: skip
        self.assertOutcome(200, invite().with_fields(add=[("Authorization", str(given))]))

    def test_another_from(self) -> None:
        """From must be the user's own; 403, but for the anonymous (RFC 3323 section 4.1.1.3)."""
        challenge = self.challenges(invite())[0]
        self.assertOutcome(403, self.sign(invite("102"), challenge))
        request = invite().with_fields(
            remove=["From"], add=[("From", '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1')]
        )
        self.assertOutcome(200, self.sign(request, challenge, count=2))

    def test_another_uri(self) -> None:
        """RFC 8760 section 2.6: credentials for another user's URI get 400; other names of ours do not."""
        challenge = self.challenges(invite())[0]
        self.assertOutcome(400, self.sign(invite(), challenge, uri=f"sip:103@{DOMAIN}"))
        self.assertOutcome(400, self.sign(invite(), challenge, count=2, uri="nonsense"))
        for count, uri in enumerate(["sip:102@pbx", "sip:102@192.0.2.1:5060;transport=udp"], 3):
            self.assertOutcome(200, self.sign(invite(), challenge, count=count, uri=uri))

    def test_bad_credentials(self) -> None:
        """Wrong realm or algorithm: asked again; a broken header field: 400; another scheme: asked."""
        challenge = self.challenges(invite())[0]
        for code, value in [
            (400, "Digest"), (400, 'Digest username="101'), (400, "Digest a=1, a=2"), (401, "Basic MTAxOng="),
            (400, ""), (400, 'Digest username="101", realm="x", nonce="x"'),
        ]:  # fmt: skip
            with self.subTest(value=value):
                self.assertOutcome(code, invite().with_fields(add=[("Authorization", value)]))
        self.assertOutcome(401, self.sign(invite(), replace(challenge, realm="elsewhere")), stale=False)
        signed = str(self.sign(invite(), challenge).get("Authorization"))
        for algorithm in ("SHA-1", "SHA-256-sess", "nonsense"):
            value = signed.replace("algorithm=SHA-256", f"algorithm={algorithm}")
            self.assertOutcome(401, invite().with_fields(add=[("Authorization", value)]), stale=False)

    def test_unknown_user_looks_the_same(self) -> None:
        """Nobody can tell a user that does not exist from a wrong password."""
        answers = []
        for user in ("101", "999"):
            challenge = self.challenges(invite(user))[0]
            _, server = self.admit(self.sign(invite(user), challenge, user=user, password="x"))
            text = str(server.response.fields).replace(f"sip:{user}@", "sip:USER@")
            for line in Challenge.parse_all(server.response.all("WWW-Authenticate")):
                text = text.replace(line.nonce, "NONCE")
            answers.append((server.response.code, text))
        self.assertEqual(answers[0], answers[1])

    def test_unknown_user_takes_as_long(self) -> None:
        """The same hashes are computed for a user that does not exist."""
        computed: list[list[int]] = []
        for user in ("101", "999"):
            challenge = self.challenges(invite(user))[0]
            request = self.sign(invite(user), challenge, user=user, password="x")
            seen: list[int] = []
            real = Credentials.check

            def check(
                given: Any,
                secret: str,
                method: str,
                body: bytes = b"",
                *,
                real: Any = real,
                seen: list[int] = seen,
            ) -> Any:
                seen.append(len(secret))
                return real(given, secret, method, body)

            with patch.object(Credentials, "check", check):
                self.admit(request)
            computed.append(seen)
        self.assertEqual(computed, [[64], [64]])


class ThrottleTests(Case):
    """Guessing passwords does not get far."""

    limits = ThrottleLimits(per_source=5, per_user=8, window=60, ignored=300)

    def guess(self, user: str = "101", **flow: Any) -> FakeServer:
        """Guess wrong."""
        request = invite(user)
        nonce = self.house.authenticator.nonces.make(source_of(flow.get("remote", PHONE.remote)[0]))
        challenge = replace(Challenge(DOMAIN, nonce), algorithm="SHA-256")
        return self.admit(self.sign(request, challenge, user=user, password="guess"), **flow)[1]

    def assertIgnored(self, request: Request, **flow: Any) -> None:
        """It gets no answer at all."""
        _, server = self.admit(request, **flow)
        self.assertEqual((server.responses, server.forgotten), ([], True))

    def test_source(self) -> None:
        """After too many failures the source hears nothing more, for a time."""
        logged: list[str] = []
        observer: Any = lambda event: logged.append(event["log_format"].format(**event))  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        for number in range(5):
            self.guess(f"10{number}\a")
        self.assertIgnored(invite())
        self.challenges(invite(), remote=("198.51.100.1", 5060))
        self.house.clock.advance(301)
        self.challenges(invite())
        self.assertEqual(
            logged[0],
            'authentication failed: source=192.0.2.101 transport=UDP user="100?" why="no such user"',
        )
        self.assertEqual(logged[5:], ["authentication ignored: source=192.0.2.101 seconds=300"])

    def test_slow_mistakes(self) -> None:
        """A phone with a wrong password that tries now and then is put up with for ever."""
        for _ in range(50):
            self.house.clock.advance(30)
            self.assertEqual(self.guess().response.code, 401)

    def test_network(self) -> None:
        """Who has one IPv6 address has a /64 of them; they count as one source."""
        for number in range(5):
            self.guess(remote=(f"2001:db8::{number + 1}", 5060))
        self.assertIgnored(invite(), remote=("2001:db8::ffff", 5060))
        self.challenges(invite(), remote=("2001:db8:0:1::1", 5060))

    def test_good_phone_behind_the_same_address(self) -> None:
        """One bad phone in a house does not silence the others that have logged in before."""
        challenge = self.challenges(invite())[0]
        self.assertOutcome(200, self.sign(invite(), challenge))
        for _ in range(5):
            self.guess("102")
        self.assertIgnored(invite("102"))
        self.assertOutcome(200, self.sign(invite(), challenge, count=2))
        self.challenges(invite())

    def test_user_under_attack(self) -> None:
        """A user whom many sources guess at can log in only from where she was before."""
        self.assertOutcome(200, self.sign(invite(), self.challenges(invite())[0]))
        for number in range(8):
            self.guess(remote=(f"198.51.100.{number}", 5060))
        self.assertOutcome(200, self.sign(invite(), self.challenges(invite())[0]))
        self.assertOutcome(401, self.elsewhere(), remote=ELSEWHERE)
        self.house.clock.advance(60)
        self.assertOutcome(200, self.elsewhere(), remote=ELSEWHERE)

    def elsewhere(self) -> Request:
        """An INVITE of hers from a place where she never was, with the right password."""
        return self.sign(invite(), self.challenges(invite(), remote=ELSEWHERE)[0])

    def test_attack_has_an_end(self) -> None:
        """However many have guessed, when they stop she can log in from anywhere after the window."""
        for number in range(40):
            for _ in range(4):
                self.guess(remote=(f"198.51.100.{number}", 5060))
        self.assertOutcome(401, self.elsewhere(), remote=ELSEWHERE)
        self.house.clock.advance(60)
        self.assertOutcome(200, self.elsewhere(), remote=ELSEWHERE)

    def test_blind_sender(self) -> None:
        """Who forges the address of a phone has no nonce for it, and cannot have the phone ignored."""
        observed = self.challenges(invite(), remote=ELSEWHERE)[0]
        for nonce in ("rubbish", "0" * 32, observed.nonce):
            for _ in range(100):
                request = self.sign(invite(), replace(observed, nonce=nonce), password="guess")
                self.assertOutcome(401, request, stale=False)
        self.assertOutcome(200, self.sign(invite(), self.challenges(invite())[0]))
        self.assertEqual(self.house.authenticator.throttle.ignored(), {})
        self.assertOutcome(200, self.elsewhere(), remote=ELSEWHERE)

    def test_guessing_from_her_own_house(self) -> None:
        """Who guesses from where a user is known does not go on for ever either."""
        self.assertOutcome(200, self.sign(invite(), self.challenges(invite())[0]))
        for _ in range(20):
            server = self.guess()
            if server.forgotten:
                break
        self.assertTrue(server.forgotten)

    def test_memory(self) -> None:
        """Whatever comes, so much is remembered and no more."""
        throttle = Throttle(lambda: 0.0, ThrottleLimits(capacity=100))
        for number in range(1000):
            throttle.failed(f"host-{number}", f"user-{number}")
            throttle.succeeded(f"host-{number}", f"user-{number}")
        self.assertLessEqual(len(throttle._buckets), 100)
        self.assertLessEqual(len(throttle._known), 100)

    def test_pardon(self) -> None:
        """An operator can listen to a source again."""
        throttle = self.house.authenticator.throttle
        for _ in range(5):
            self.guess()
        self.assertEqual(list(throttle.ignored()), ["192.0.2.101"])
        self.assertTrue(throttle.pardon("192.0.2.101"))
        self.assertFalse(throttle.pardon("192.0.2.101"))
        self.challenges(invite())


class AccountsTests(SynchronousTestCase):
    """L{Accounts}."""

    def test_no_password_is_kept(self) -> None:
        """The text of a password is nowhere in an account."""
        self.assertNotIn("one-oh-one", repr(Account.make("101", DOMAIN, password="one-oh-one")))

    def test_not_made_anew(self) -> None:
        """A password that is still the same keeps its hashes; another one makes new ones."""
        former = Account.make("101", DOMAIN, password="x")
        made_of: list[str] = []

        def counted(algorithm: str, *of: str) -> str:
            made_of.append(algorithm)
            return ha1(algorithm, *of)

        self.patch(accounts, "ha1", counted)
        self.assertEqual(Account.make("101", DOMAIN, password="x", former=former), former)
        self.assertEqual(made_of, ["MD5"])
        for password, realm in (("y", DOMAIN), ("x", "other.example.com")):
            made = Account.make("101", realm, password=password, former=former)
            self.assertEqual(made, Account.make("101", realm, password=password))
        md5 = Account.make("101", DOMAIN, hashes={"MD5": former.hashes["MD5"]})
        self.assertEqual(Account.make("101", DOMAIN, password="x", former=md5), former)

    def test_reconfiguration(self) -> None:
        """A new configuration takes the place of the old one."""
        accounts = Accounts([Account.make("101", DOMAIN, password="x")])
        accounts.configure([Account.make("102", DOMAIN, password="x")])
        self.assertIsNone(accounts.find("101"))
        self.assertEqual([account.user for account in accounts], ["102"])
