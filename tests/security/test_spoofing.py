"""
Somebody who has read along: spoofed requests, replayed passwords, injected header fields.

Mallory knows every identifier of a call, and every message of the phones, but
no password.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from b2bua.net.locate import NumericLocator
from b2bua.testing import Manners, Trunk, World
from b2bua.testing.dialog import Fields
from b2bua.testing.phone import Phone
from b2bua.transactions.flow import Flow
from b2bua.wire.message import Request, Response, write
from b2bua.wire.parser import parse

GATEWAYS = "gw.carrier.example"
BODY = (
    b"v=0\r\no=- 9 9 IN IP4 203.0.113.66\r\ns=-\r\nc=IN IP4 203.0.113.66\r\nt=0 0\r\n"
    b"m=audio 6666 RTP/AVP 0\r\na=sendrecv\r\n"
)


class StrangerCase(SynchronousTestCase):
    """Alice and Bob talk; Mallory has another address and no account."""

    def setUp(self) -> None:
        """Set up the world, with all features."""
        self.world = World(features="installed", settings={"extensions": {"alice": {}, "bob": {}}})
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=0.5)
        )
        self.mallory = Phone(self.world, "mallory", password="guessed", host="203.0.113.66")
        self.world.agents.append(self.mallory)

    def talk(self) -> None:
        """Alice calls Bob."""
        self.alice.dial("bob")
        self.world.run(3)
        self.undisturbed()

    def undisturbed(self) -> None:
        """Alice and Bob hear each other, and nobody else."""
        if self.world.talking() != {("alice", "bob"), ("bob", "alice")}:
            raise self.world.failure("their call was disturbed")
        self.assertEqual(self.carol.sessions, [])

    def over(self) -> None:
        """They hang up, and nothing is left."""
        self.mallory.sessions.clear()
        self.alice.hang_up()
        self.world.run(2)
        self.world.quiet()


class DialogTests(StrangerCase):
    """Requests within a dialog that is not the sender's."""

    def stolen(self, method: str, fields: Fields = (), body: bytes = b"") -> list[int]:
        """Send a request that is right in every identifier; the statuses that it gets."""
        session = self.alice.session
        stolen = self.mallory.new_session(incoming=False)
        stolen.call_id, stolen.local, stolen.remote = session.call_id, session.local, session.remote
        stolen.local_tag, stolen.remote_tag = session.local_tag, session.remote_tag
        stolen.target, stolen.local_cseq = session.target, session.local_cseq + 5
        codes: list[int] = []

        def heard(response: Response | None) -> None:
            codes.append(408 if response is None else response.code)

        stolen.ask(method, fields, body, hear=heard)
        self.world.run(4)
        return codes

    def refused(self, method: str, fields: Fields = (), body: bytes = b"") -> None:
        """It is challenged or refused, and the call goes on."""
        self.talk()
        codes = self.stolen(method, fields, body)
        self.assertTrue(codes and all(code >= 400 for code in codes), codes)
        self.undisturbed()
        self.over()

    def test_bye(self) -> None:
        """BYE: the call goes on."""
        self.refused("BYE")

    def test_invite(self) -> None:
        """re-INVITE: nobody's media go to a stranger."""
        self.refused("INVITE", [("Contact", "<sip:alice@203.0.113.66>")], BODY)

    def test_update(self) -> None:
        """UPDATE: the same."""
        self.refused("UPDATE", [("Contact", "<sip:alice@203.0.113.66>")], BODY)

    def test_refer(self) -> None:
        """REFER: nobody is called for a stranger."""
        self.refused("REFER", [("Refer-To", "<sip:carol@pbx.example.com>")])

    def test_info(self) -> None:
        """INFO: no digit is dialled by a stranger."""
        self.refused("INFO", [("Content-Type", "application/dtmf-relay")], b"Signal=1\r\nDuration=160\r\n")

    def test_notify(self) -> None:
        """NOTIFY: no phone is told that something is so."""
        self.refused("NOTIFY", [("Event", "talk"), ("Subscription-State", "active")])

    def test_unanswered_contact(self) -> None:
        """What a stranger sent does not move where the call's own requests go."""
        self.talk()
        self.stolen("UPDATE", [("Contact", "<sip:alice@203.0.113.66>")])
        self.bob.hold()
        self.world.run(2)
        self.bob.resume()
        self.world.run(2)
        self.undisturbed()
        self.over()

    def test_ack(self) -> None:
        """An ACK with another session changes nothing."""
        self.talk()
        session = self.alice.session
        stolen = self.mallory.new_session(incoming=False)
        stolen.call_id, stolen.local, stolen.remote = session.call_id, session.local, session.remote
        stolen.local_tag, stolen.remote_tag, stolen.target = (
            session.local_tag,
            session.remote_tag,
            session.target,
        )
        ack = stolen.compose("ACK", (), BODY, cseq=session.local_cseq)
        self.mallory.transmit(ack, self.mallory.path_to(ack))
        self.world.run(2)
        self.undisturbed()
        self.over()

    def test_ack_with_the_answer(self) -> None:
        """Nor does one that would answer our offer in Alice's stead; hers does when it comes."""
        self.alice.manners.acknowledges = False
        session = self.alice.dial("bob", offer=False)
        self.world.run_until(lambda: 200 in session.codes)
        stolen = self.mallory.new_session(incoming=False)
        stolen.call_id, stolen.local, stolen.remote = session.call_id, session.local, session.remote
        stolen.local_tag, stolen.remote_tag = session.local_tag, session.remote_tag
        stolen.target = session.target
        ack = stolen.compose("ACK", (), BODY, cseq=session.local_cseq)
        self.mallory.transmit(ack, self.mallory.path_to(ack))
        self.world.run(0.1)
        session.acknowledge(session.media.make_answer())
        self.world.run(1)
        self.undisturbed()
        self.over()

    def test_cancel(self) -> None:
        """A CANCEL is heard only from where its INVITE came from (RFC 3261 section 22.1)."""
        session = self.alice.dial("bob")
        self.world.run_until(lambda: 180 in session.codes)
        sent = [packet.data for packet in self.world.network.log if packet.source[0] == self.alice.host]
        invite = parse(next(data for data in reversed(sent) if data.startswith(b"INVITE")))
        fields = [(name, value) for name, value in invite.fields if name in ("Via", "From", "To", "Call-ID")]
        assert isinstance(invite, Request)
        cancel = Request("CANCEL", invite.uri, [*fields, ("CSeq", f"{invite.cseq.number} CANCEL")])
        assert self.world.server_address is not None
        self.mallory.endpoint.send(write(cancel), self.world.server_address)
        self.world.run(2)
        self.undisturbed()
        self.world.violations.clear()  # the 481 has Alice's Via, because Mallory wrote it
        self.over()

    def test_cancel_after_a_move(self) -> None:
        """A phone that has registered from another network may give up from there."""
        self.bob.manners.answers_after = None
        session = self.alice.dial("bob")
        self.world.run_until(lambda: 180 in session.codes)
        self.alice.move("192.0.2.77")
        self.alice.register()
        self.world.run(1)
        session.hang_up()
        self.world.run(2)
        self.assertEqual(self.bob.live, [])
        self.world.violations.clear()  # the answers have her old address, because her Via had it
        self.over()

    def test_ack_after_a_move(self) -> None:
        """An ACK may come from another network, even before the phone has registered there."""
        self.alice.manners.acknowledges = False
        session = self.alice.dial("bob")
        self.world.run_until(lambda: 200 in session.codes)
        self.alice.move("192.0.2.77")
        session.acknowledge()
        self.world.run(40)
        self.undisturbed()
        self.over()

    def test_hang_up_after_a_move(self) -> None:
        """It may hang up, too: it is asked for its password."""
        self.talk()
        self.alice.move("192.0.2.77")
        self.over()

    def test_guessed_tags(self) -> None:
        """With one identifier wrong there is no such dialog."""
        self.talk()
        for wrong in ("call_id", "local_tag", "remote_tag"):
            with self.subTest(wrong=wrong):
                session = self.alice.session
                stolen = self.mallory.new_session(incoming=False)
                stolen.call_id, stolen.local, stolen.remote = session.call_id, session.local, session.remote
                stolen.local_tag, stolen.remote_tag = session.local_tag, session.remote_tag
                stolen.target = session.target
                setattr(stolen, wrong, "guessed")
                codes: list[int] = []
                stolen.ask("BYE", hear=lambda r, codes=codes: codes.append(r.code if r else 408))  # type: ignore[misc]
                self.world.run(2)
                self.assertEqual(codes, [481])
        self.undisturbed()
        self.over()


class NamedTrunk(Trunk):
    """A carrier whose Contact has the name of its hosts."""

    @property
    def contact(self) -> str:
        """The URI at which it can be reached."""
        return f"sip:{self.number}@{GATEWAYS}"


class NamedTests(SynchronousTestCase):
    """Requests within a dialog with somebody who is known by a name (RFC 3263)."""

    def setUp(self) -> None:
        """A carrier has called Alice; it has two hosts, one of which calls."""
        trunk = {"uri": "sip:198.51.100.7", "accept_from": ["198.51.100.7"], "options_seconds": 0}
        self.world = World(
            features="installed", settings={"extensions": {"alice": {}}, "trunks": {"carrier": trunk}}
        )
        manners = Manners(answers_after=0.5)
        [self.alice] = self.world.phones("alice", manners=manners)
        self.carrier = NamedTrunk(self.world, "carrier", host="198.51.100.7", manners=manners.but())
        self.mallory = Phone(self.world, "mallory", password="guessed", host="203.0.113.66")
        self.world.agents += [self.carrier, self.mallory]
        assert self.world.served is not None
        locator = NumericLocator({GATEWAYS: ["198.51.100.7", "198.51.100.9"]})
        self.patch(self.world.served.server.runner, "locator", locator)
        self.carrier.dial(f"sip:alice@{self.world.domain}")
        self.world.run(3)
        self.assertTrue(self.alice.talks_to(self.carrier))

    def test_other_host(self) -> None:
        """A BYE may come from another host of that name."""
        self.carrier.move("198.51.100.9")
        self.carrier.hang_up()
        self.world.run(1)
        self.assertEqual(self.alice.live, [])
        self.world.quiet()

    def test_stranger(self) -> None:
        """A BYE from another host is refused, and ends nothing."""
        session = self.carrier.session
        stolen = self.mallory.new_session(incoming=False)
        stolen.call_id, stolen.local, stolen.remote = session.call_id, session.local, session.remote
        stolen.local_tag, stolen.remote_tag = session.local_tag, session.remote_tag
        stolen.target, stolen.local_cseq = session.target, session.local_cseq + 5
        codes: list[int] = []
        stolen.ask("BYE", hear=lambda response: codes.append(response.code if response else 408))
        self.world.run(4)
        self.assertEqual(codes, [403])
        self.assertTrue(self.alice.talks_to(self.carrier))
        self.mallory.sessions.clear()
        self.carrier.hang_up()
        self.world.run(2)
        self.world.quiet()


class ReplayTests(StrangerCase):
    """Messages of the phones, sent again by somebody else."""

    def sent(self, found: Callable[[Request], bool]) -> Request:
        """A request of Alice's as it went over the network, the latest one."""
        for packet in reversed(self.world.network.log):
            if packet.source[0] == self.alice.host and not packet.data.startswith(b"SIP"):
                request = parse(packet.data)
                if isinstance(request, Request) and found(request):
                    return request
        raise AssertionError("there was none")

    def answers(self, request: Request) -> list[int]:
        """Send a request from Mallory's address; the statuses of what comes back."""
        assert self.world.served is not None
        found: list[int] = []
        flow = Flow("UDP", self.world.served.datagrams.local, (self.mallory.host, 5060))
        wire = self.world.served.datagrams
        wire_send = wire.send

        def send(data: bytes, to: Flow) -> None:
            if to.remote[0] == self.mallory.host:
                answer = parse(data)
                assert isinstance(answer, Response), "a stranger was called"
                found.append(answer.code)
            else:
                wire_send(data, to)

        self.patch(wire, "send", send)
        self.world.served.server.runner.received(write(request), flow)
        self.world.run(40)
        return found

    def anew(self, request: Request, **fields: str) -> Request:
        """The same with a branch, a Call-ID and a tag of its own."""
        via = f"SIP/2.0/UDP {self.mallory.host};branch=z9hG4bK{self.mallory.token()}"
        from_ = f"{request.from_.display_text}<{request.from_.uri_text}>;tag={self.mallory.token()}"
        new = {"Via": via, "From": from_, "Call-ID": self.mallory.token(), **fields}
        return request.with_fields(remove=new, prepend=new.items())

    def test_invite(self) -> None:
        """An INVITE with credentials that have served is challenged again, and calls nobody."""
        self.talk()
        invite = self.sent(lambda r: r.method == "INVITE" and r.get("Authorization") is not None)
        rang = len(self.bob.sessions)
        codes = self.answers(self.anew(invite))
        self.assertEqual({code for code in codes if code >= 200}, {401})
        self.assertEqual(len(self.bob.sessions), rang)
        self.over()

    def test_invite_to_somebody_else(self) -> None:
        """Credentials are good for the Request-URI they were made for, and for no other."""
        self.talk()
        invite = self.sent(lambda r: r.method == "INVITE" and r.get("Authorization") is not None)
        for uri in ("sip:carol@pbx.example.com", "sip:+15550123@pbx.example.com"):
            codes = self.answers(self.anew(invite).with_uri(uri))
            self.assertTrue(set(codes) <= {400, 401, 403}, codes)
        self.assertEqual(self.carol.sessions, [])
        self.over()

    def test_register(self) -> None:
        """A REGISTER that was overheard binds no other contact."""
        register = self.sent(lambda r: r.method == "REGISTER" and r.get("Authorization") is not None)
        contact = f"<sip:alice@{self.mallory.host}>"
        codes = self.answers(self.anew(register, Contact=contact, CSeq="900 REGISTER"))
        self.assertEqual(set(codes), {401})
        self.bob.dial("alice")
        self.world.run(3)
        self.assertTrue(self.bob.talks_to(self.alice))
        self.bob.hang_up()
        self.world.run(2)
        self.world.quiet()

    def test_same_datagram(self) -> None:
        """The very same datagram from elsewhere is a retransmission at most: nobody rings twice."""
        self.talk()
        invite = self.sent(lambda r: r.method == "INVITE" and r.get("Authorization") is not None)
        rang = len(self.bob.sessions)
        self.answers(invite)
        self.assertEqual(len(self.bob.sessions), rang)
        self.undisturbed()
        self.over()

    def test_after_the_transaction(self) -> None:
        """Nor when the transaction is long over and its branch means nothing any more."""
        self.talk()
        invite = self.sent(lambda r: r.method == "INVITE" and r.get("Authorization") is not None)
        self.alice.hang_up()
        self.world.run(60)
        rang = len(self.bob.sessions)
        self.answers(invite)
        self.assertEqual(len(self.bob.sessions), rang)
        self.world.quiet()


# What would begin a header field of its own, in every spelling that fields can carry.
INJECTIONS = (
    r"Eve\"\r\nX-Injected: 1",
    "Eve%0d%0aX-Injected: 1",
    r"Eve\" <sip:eve@evil.example>;X-Injected=1, \"",
    "Eve&#13;&#10;X-Injected: 1",
    "Eve\x0bX-Injected: 1",
    "Eve\u2028X-Injected: 1",
    "Eve\u0085X-Injected: 1",
)


class InjectionTests(StrangerCase):
    """An extension that writes what it likes into what others get to see."""

    def received(self, phone: Phone, method: str) -> Request:
        """The latest request of that method that came to a phone."""
        for packet in reversed(self.world.network.log):
            if packet.destination[0] == phone.host and packet.data.startswith(method.encode() + b" "):
                request = parse(packet.data)
                assert isinstance(request, Request)
                return request
        raise self.world.failure(f"{phone.name} got no {method}")

    def clean(self, message: Request) -> None:
        """No field and no parameter but ours; one From and one Contact."""
        names = [name.lower() for name, _ in message.fields]
        self.assertNotIn("x-injected", names)
        self.assertEqual((names.count("from"), names.count("contact")), (1, 1))
        self.assertEqual(len(message.values("From")), 1)
        self.assertNotIn("X-Injected", str(message.from_.params) + str(message.from_.uri.params))

    def test_display_name(self) -> None:
        """In the display name: others see the name that is configured."""
        for text in INJECTIONS:
            with self.subTest(text=text):
                self.alice.display = text
                self.alice.dial("bob")
                self.world.run(2)
                self.clean(self.received(self.bob, "INVITE"))
                self.alice.hang_up()
                self.world.run(2)

    def test_copied_fields(self) -> None:
        """In each field that passes from one side to the other, values stay values of that field."""
        for name in (
            "Subject",
            "Alert-Info",
            "Call-Info",
            "Priority",
            "User-to-User",
            "Reason",
            "In-Reply-To",
        ):
            for text in INJECTIONS:
                with self.subTest(name=name, text=text):
                    self.alice.dial("bob", fields=[(name, text)])
                    self.world.run(2)
                    self.clean(self.received(self.bob, "INVITE"))
                    self.alice.hang_up()
                    self.world.run(2)

    def test_hang_up(self) -> None:
        """In the Reason of a BYE."""
        for text in INJECTIONS:
            with self.subTest(text=text):
                self.alice.dial("bob")
                self.world.run(2)
                self.alice.session.send_bye([("Reason", f'SIP;cause=200;text="{text}"')])
                self.world.run(2)
                bye = self.received(self.bob, "BYE")
                self.assertIsNone(bye.get("X-Injected"))

    def test_refer_to(self) -> None:
        """Header fields in the URI of a Refer-To do not get into the INVITE (RFC 3261 section 19.1.5)."""
        for headers in (
            "X-Injected=1",
            "From=%3Csip:boss@pbx.example.com%3E",
            "Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc%0d%0aX-Injected:1",
            "Subject=a%0d%0aX-Injected:%201",
            "body=v%3D0",
            "Route=%3Csip:203.0.113.66;lr%3E",
            "P-Asserted-Identity=%3Csip:boss@pbx.example.com%3E",
        ):
            with self.subTest(headers=headers):
                self.alice.dial("bob")
                self.world.run(2)
                before = len(self.carol.sessions)
                self.alice.session.transfer(f"sip:carol@pbx.example.com?{headers}")
                self.world.run(5)
                if len(self.carol.sessions) > before:
                    invite = self.received(self.carol, "INVITE")
                    self.clean(invite)
                    self.assertEqual(invite.from_.uri_text, "sip:bob@pbx.example.com")
                    self.assertEqual(invite.routes, ())
                for phone in (self.alice, self.bob, self.carol):
                    for session in list(phone.live):
                        session.hang_up()
                self.world.run(3)

    def test_request_uri(self) -> None:
        """Header fields of a URI that is dialled, and line breaks escaped in its user part."""
        for uri in (
            "sip:bob@pbx.example.com?X-Injected=1",
            "sip:bob@pbx.example.com?Subject=a%0d%0aX-Injected:1",
            "sip:bob%0d%0aX-Injected:%201@pbx.example.com",
            "sip:bob@pbx.example.com;x-injected=1%0d%0a",
        ):
            with self.subTest(uri=uri):
                rang = len(self.bob.sessions)
                self.alice.dial(uri)
                self.world.run(2)
                if len(self.bob.sessions) > rang:
                    self.clean(self.received(self.bob, "INVITE"))
                for session in list(self.alice.live):
                    session.hang_up()
                self.world.run(2)

    def test_redirect(self) -> None:
        """Header fields in the Contact of a 302."""
        self.bob.manners.redirects = "sip:carol@pbx.example.com?X-Injected=1&Subject=a%0d%0aX-Injected:1"
        self.alice.dial("bob")
        self.world.run(3)
        self.clean(self.received(self.carol, "INVITE"))
        self.alice.hang_up()
        self.world.run(2)
        self.world.quiet()
