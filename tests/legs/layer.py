"""A transaction layer that writes down what a leg sends, on a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from b2bua.dialogs.device import Device
from b2bua.dialogs.index import DialogIndex
from b2bua.legs.context import Invitation, LegContext
from b2bua.legs.leg import Leg
from b2bua.legs.party import Party, Policy
from b2bua.legs.words import Word
from b2bua.net.tokens import tokens
from b2bua.transactions.effects import TimerValues
from b2bua.transactions.flow import Flow
from b2bua.transactions.ports import IClientTransaction, IServerTransaction, ITransactionLayer
from b2bua.wire.message import Field, Request, Response, write
from b2bua.wire.parser import parse
from b2bua.wire.uri import Uri
from tests.timers import FakeTimer

PHONE = Flow("UDP", ("192.0.2.1", 5060), ("198.51.100.7", 5060))
OTHER = Flow("UDP", ("192.0.2.1", 5060), ("198.51.100.8", 5070))

USUAL = TimerValues()


def sdp(
    address: str = "198.51.100.7", port: int = 4000, version: int = 1, direction: str = "sendrecv"
) -> bytes:
    """Describe a session of one audio stream."""
    return (
        f"v=0\r\no=phone 77 {version} IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0 8\r\na={direction}\r\n"
    ).encode()


OFFER = sdp()
ANSWER = sdp("198.51.100.8", 6000)
HELD_SDP = sdp("198.51.100.8", 6000, direction="recvonly", version=2)


@implementer(IServerTransaction)
class FakeServer:
    """A request of the peer and what it was answered."""

    def __init__(self, request: Request, flow: Flow = PHONE) -> None:
        """Take the request as if it had just come."""
        # It has been on the wire, as everything that a leg is given.
        parsed = parse(write(request))
        assert isinstance(parsed, Request)
        self.request: Request = parsed
        self.flow = flow
        self.user: Any = None
        self.responses: list[Response] = []

    def respond(self, response: Response) -> None:
        """Write a response down; a different final one after another is a fault."""
        before = self.final
        if before is not None and not (before.success and response == before):
            raise AssertionError(f"{response!r} after {before!r}")
        write(response)
        self.responses.append(response)

    def accept(self) -> None:
        """Write a 200 down."""
        self.respond(self.request.response(200))

    def trying(self) -> None:
        """Write a 100 down."""
        self.respond(self.request.response(100))

    def move(self, flow: Flow) -> None:
        """Answer by another way."""
        self.flow = flow

    def dismiss(self, code: int, reason: str = "", fields: Iterable[Field] = ()) -> None:
        """Write it down like any other."""
        self.respond(self.request.response(code, reason, to_tag="same", fields=fields))

    def forget(self) -> None:
        """Legs answer everything."""
        raise AssertionError("a leg does not answer")

    @property
    def codes(self) -> list[int]:
        """What was answered."""
        return [response.code for response in self.responses]

    @property
    def final(self) -> Response | None:
        """The final response."""
        return next((response for response in self.responses if response.final), None)

    @property
    def last(self) -> Response:
        """The latest response."""
        return self.responses[-1]


@implementer(IClientTransaction)
class FakeClient:
    """A request of ours; C{answer} plays the peer."""

    def __init__(self, write: Callable[[Flow, str], Request], flow: Flow, branch: int, hear: Any) -> None:
        """Have it written."""
        self.flow: Flow | None = flow
        self.request = write(flow, f"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{branch}")
        self.cancels: list[tuple[Field, ...]] = []
        self.forgotten = False
        self.finished = False
        self._hear = hear

    def cancel(self, fields: Sequence[Field] = ()) -> None:
        """Note that a CANCEL was asked for."""
        self.cancels.append(tuple(fields))

    def move(self, flow: Flow) -> None:
        """Note where it goes on."""
        self.flow = flow

    def hand_on(self, hear: Any) -> None:
        """Let somebody else hear."""
        self._hear = hear

    def forget(self) -> None:
        """Hear no more."""
        self.forgotten = True

    def answer(
        self,
        code: int,
        body: bytes = b"",
        *,
        tag: str = "callee",
        fields: Sequence[Field] = (),
        local: bool = False,
        contact: str = "<sip:bob@198.51.100.8:5070>",
    ) -> None:
        """Let the peer answer."""
        head: tuple[Field, ...] = tuple(fields)
        if contact and 100 < code < 300:
            head += (("Contact", contact),)
        if body:
            head += (("Content-Type", "application/sdp"),)
        response = self.request.response(code, to_tag=tag, fields=head, body=body)
        if local:
            response = response.made_up()
        else:
            parsed = parse(write(response))
            assert isinstance(parsed, Response)
            response = parsed
        self.finished = self.finished or code >= 200
        if not self.forgotten:
            self._hear(response)


@implementer(ITransactionLayer)
class FakeLayer:
    """What a leg is given instead of a network."""

    moment = 0.0

    def __init__(self, clock: Clock) -> None:
        """Start with nothing sent."""
        self.clock = clock
        self.clients: list[FakeClient] = []
        self.acks: list[Request] = []
        self.targets: list[Flow | Uri] = []
        self.timers: dict[Flow | None, TimerValues] = {}
        self.located = OTHER
        """Where every URI leads."""

    def now(self) -> float:
        """The clock's time."""
        return self.clock.seconds()

    def start(self, seconds: float, call: Callable[[], None]) -> FakeTimer:
        """Call back later."""
        return FakeTimer(self.clock.callLater(seconds, call))

    def wall(self) -> float:
        """The time of day."""
        return 1_700_000_000.0 + self.clock.seconds()

    def timers_of(self, flow: Flow | None) -> TimerValues:
        """The usual ones, but for those who have their own."""
        return self.timers.get(flow, USUAL)

    def locate(self, uri: Uri) -> list[Flow]:
        """Everything is where the other phone is."""
        return [self.located]

    def request(
        self,
        write_: Callable[[Flow, str], Request],
        target: Flow | Uri,
        hear: Callable[[Response], None],
        otherwise: Flow | None = None,
    ) -> FakeClient:
        """Write down a request."""
        flow = target if isinstance(target, Flow) else self.located
        client = FakeClient(write_, flow, len(self.clients) + 1, hear)
        write(client.request)
        self.clients.append(client)
        self.targets.append(target)
        return client

    def acknowledge(
        self, write_: Callable[[Flow, str], Request], target: Flow | Uri, otherwise: Flow | None = None
    ) -> None:
        """Write down an ACK."""
        flow = target if isinstance(target, Flow) else OTHER
        ack = write_(flow, f"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKack{len(self.acks)}")
        write(ack)
        self.acks.append(ack)

    def contact_host(self, flow: Flow) -> str:
        """Our own socket."""
        return f"{flow.local[0]}:{flow.local[1]}"

    def local_host(self, host: str) -> str:
        """An address of ours."""
        return "192.0.2.1"


class LegCase(SynchronousTestCase):
    """A test of one leg, whose call is a list of words."""

    policy = Policy(session_expires=0)

    def setUp(self) -> None:
        """Make the world that is around a leg."""
        self.clock = Clock()
        self.layer = FakeLayer(self.clock)
        self.gone: list[Leg] = []
        random = Random(7)
        self.context: LegContext[Leg] = LegContext(
            layer=self.layer,
            dialogs=DialogIndex(),
            token=tokens(random),
            random=random,
            ended=self.gone.append,
        )
        self.words: list[Word] = []
        self.cseq = 100

    def hear(self, leg: Leg, word: Word) -> None:
        """Remember what the call would have heard."""
        self.words.append(word)

    @property
    def word(self) -> Word:
        """The latest word."""
        return self.words[-1]

    @property
    def heard(self) -> list[str]:
        """The names of the words so far."""
        return [type(word).__name__ for word in self.words]

    @property
    def client(self) -> FakeClient:
        """Our latest request."""
        return self.layer.clients[-1]

    @property
    def methods(self) -> list[str]:
        """The methods of all our requests but ACK."""
        return [client.request.method for client in self.layer.clients]

    def comes_back(self, leg: Leg, flow: Flow = OTHER) -> None:
        """The phone has registered by another flow."""
        leg.channel.follow(Device("101@example.com", "sip:101@198.51.100.8:5070", flow=flow))

    def party(self, policy: Policy | None = None) -> Party:
        """Make somebody for the far end."""
        return Party("extension", "101", policy=policy or self.policy)

    # An incoming leg

    def invite(
        self,
        body: bytes | None = OFFER,
        *,
        fields: Sequence[Field] = (),
        allow: str = "INVITE, ACK, BYE, CANCEL, UPDATE",
    ) -> Request:
        """Write the INVITE of a phone."""
        head: list[Field] = [
            ("Via", "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKinvite;rport"),
            ("Max-Forwards", "69"),
            ("From", '"Alice" <sip:alice@example.com>;tag=caller'),
            ("To", "<sip:102@example.com>"),
            ("Call-ID", "0_123@198.51.100.7"),
            ("CSeq", f"{self.cseq} INVITE"),
            ("Contact", "<sip:alice@198.51.100.7:5060>"),
            ("Allow", allow),
            *fields,
        ]
        if body:
            head.append(("Content-Type", "application/sdp"))
        return Request("INVITE", "sip:102@example.com", head, body or b"")

    def incoming(
        self,
        body: bytes | None = OFFER,
        *,
        fields: Sequence[Field] = (),
        policy: Policy | None = None,
        flow: Flow = PHONE,
        allow: str = "INVITE, ACK, BYE, CANCEL, UPDATE",
    ) -> Leg:
        """Let a phone call."""
        self.server = FakeServer(self.invite(body, fields=fields, allow=allow), flow)
        leg = Leg.received(self.context, self.server.request, self.server, self.party(policy), self.hear)
        leg.begin()
        return leg

    def established(self, **options: Any) -> Leg:
        """Let a phone call, answer it, and let the ACK come."""
        from b2bua.legs.words import Answered

        leg = self.incoming(**options)
        leg.say(Answered(ANSWER))
        self.acknowledge(leg)
        self.words.clear()
        return leg

    def request(
        self,
        leg: Leg,
        method: str,
        body: bytes = b"",
        *,
        fields: Sequence[Field] = (),
        cseq: int | None = None,
        kind: str = "application/sdp",
        contact: str = "",
    ) -> Request:
        """Write a request of the peer within the dialog."""
        dialog = leg.dialog
        assert dialog is not None
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        head: list[Field] = [
            ("Via", f"SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{method}{cseq}"),
            ("Max-Forwards", "70"),
            ("From", dialog.remote_value),
            ("To", dialog.local_value),
            ("Call-ID", dialog.call_id),
            ("CSeq", f"{cseq} {method}"),
            *fields,
        ]
        if contact or method in ("INVITE", "UPDATE"):
            head.append(("Contact", contact or "<sip:alice@198.51.100.7:5060>"))
        if body:
            head.append(("Content-Type", kind))
        return Request(method, "sip:102@192.0.2.1:5060", head, body)

    def gets(
        self, leg: Leg, method: str, body: bytes = b"", *, flow: Flow = PHONE, **options: Any
    ) -> FakeServer:
        """Let the peer send a request within the dialog."""
        server = FakeServer(self.request(leg, method, body, **options), flow)
        found = self.context.dialogs.find(server.request)
        if found is None:
            server.respond(server.request.response(481))
        else:
            found.request_received(server.request, server)
        return server

    def acknowledge(self, leg: Leg, body: bytes = b"", *, cseq: int | None = None) -> None:
        """Let the ACK of the peer come."""
        request = self.request(leg, "ACK", body, cseq=self.cseq if cseq is None else cseq)
        leg.ack_received(FakeServer(request).request, PHONE)

    def cancel(self, leg: Leg, fields: Sequence[Field] = ()) -> None:
        """Let the CANCEL of the peer come, as the layer below tells of it."""
        invite = self.server.request
        request = Request("CANCEL", invite.uri, (*invite.fields, *fields))
        leg.cancel_received(request, self.server)

    # An outgoing leg

    def invitation(self, session: bytes | None = OFFER, **options: Any) -> Invitation:
        """Say what an outgoing leg is to send."""
        return Invitation(
            request_uri="sip:102@198.51.100.8:5070",
            target=OTHER,
            from_uri="sip:101@example.com",
            from_display="Alice",
            to_uri="sip:102@example.com",
            session=session,
            **options,
        )

    def outgoing(self, session: bytes | None = OFFER, *, policy: Policy | None = None, **options: Any) -> Leg:
        """Call a phone."""
        return Leg.dial(self.context, self.invitation(session, **options), self.party(policy), self.hear)

    def answered(self, session: bytes | None = OFFER, *, fields: Sequence[Field] = (), **options: Any) -> Leg:
        """Call a phone that answers."""
        leg = self.outgoing(session, **options)
        self.client.answer(200, ANSWER, fields=(("Allow", "INVITE, ACK, BYE, UPDATE"), *fields))
        if session is not None:
            self.words.clear()
        return leg

    def pump(self, seconds: float, step: float = 0.25) -> None:
        """Let the time pass in small steps."""
        self.clock.pump([step] * round(seconds / step))

    def assert_gone(self, leg: Leg) -> None:
        """Nothing of a leg is left: no timer, no dialog, and its context knows."""
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.context.dialogs), 0)
        self.assertEqual(self.gone, [leg])
