"""How requests leave within a dialog: by which way, and what becomes of a challenge."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from b2bua.dialogs.channel import Channel
from b2bua.dialogs.connections import Connections
from b2bua.dialogs.dialog import Dialog
from b2bua.dialogs.dialog_request import DialogRequest
from b2bua.transactions.flow import Flow
from b2bua.wire.message import Field, Request, Response
from tests.legs.layer import OTHER, PHONE, FakeLayer

TCP = Flow("TCP", PHONE.local, PHONE.remote, 3)


class Around:
    """The surroundings of the one channel of a test."""

    def __init__(self) -> None:
        """Know an answer to challenges."""
        self.layer = FakeLayer(Clock())

        self.connections: Connections[Channel] = Connections()
        self.devices = None

    def credentials(
        self, usage: object, response: Response, request: Request, flow: Flow | None
    ) -> Iterable[Field] | None:
        """Prove who we are, for the request as it was sent."""
        return [("Authorization", f"for {request.cseq.number}")]


class Patient(Channel):
    """One whose requests wait for the phone, as in a call."""

    __slots__ = ()
    patient = True


class ChannelTests(SynchronousTestCase):
    """L{Channel}."""

    def setUp(self) -> None:
        """There is a dialog with a phone behind NAT."""
        self.around = Around()
        self.heard: list[int] = []
        self.dialog = Dialog(
            call_id="c",
            local_tag="ours",
            remote_tag="theirs",
            local="<sip:102@pbx.example.com>",
            remote_value="<sip:101@pbx.example.com>;tag=theirs",
            local_seq=7,
            remote_seq=1,
            target="sip:101@10.1.1.1:5060",
            routes=(),
            owner=False,
        )
        self.moves: list[Flow] = []
        self.channel = Channel(self.around, self)
        self.channel.sticky = True
        self.channel.take_flow(PHONE)

    def moved(self, flow: Flow) -> None:
        """Hear that the peer is elsewhere."""
        self.moves.append(flow)

    def flow_lost(self, flow: Flow) -> None:
        """Lose the way to the peer."""
        self.channel.lose(flow)

    def send(self, method: str = "NOTIFY") -> None:
        """Send a request."""
        DialogRequest(self.channel, self.dialog, method, lambda response: self.heard.append(response.code))

    def challenge(self, *, stale: bool = False) -> None:
        """Let the peer ask who we are."""
        more = ", stale=true" if stale else ""
        value = f'Digest realm="phone", nonce="n{len(self.around.layer.clients)}"{more}'
        self.around.layer.clients[-1].answer(401, fields=[("WWW-Authenticate", value)])

    def test_sent(self) -> None:
        """It goes by the flow, to the Contact, with ours and the next CSeq (RFC 3261 section 12.2.1.1)."""
        self.send()
        request = self.around.layer.clients[-1].request
        self.assertEqual(self.around.layer.targets, [PHONE])
        self.assertEqual((request.uri, request.cseq.number), ("sip:101@10.1.1.1:5060", 8))
        self.assertEqual(len(request.contacts), 1)

    def test_route(self) -> None:
        """With a route set it goes by the route."""
        self.dialog.routes = ("<sip:203.0.113.1;lr>",)
        self.send()
        self.assertEqual(str(self.around.layer.targets[-1]), "sip:203.0.113.1;lr")

    def test_challenged(self) -> None:
        """A challenge is answered with the next CSeq; a second one is heard (section 22.2)."""
        self.send()
        self.challenge()
        request = self.around.layer.clients[-1].request
        self.assertEqual((request.get("Authorization"), request.cseq.number), ("for 8", 9))
        self.challenge()
        self.assertEqual(self.heard, [401])

    def test_stale(self) -> None:
        """A stale nonce is no wrong password: the fresh one is used, once (RFC 7616 section 3.3)."""
        self.send()
        self.challenge()
        self.challenge(stale=True)
        request = self.around.layer.clients[-1].request
        self.assertEqual(request.all("Authorization"), ["for 9"])
        self.challenge(stale=True)
        self.assertEqual((self.heard, request.cseq.number), ([401], 10))

    def test_lost(self) -> None:
        """Without a flow the peer's Contact is tried."""
        self.channel.take_flow(None)
        self.send()
        self.assertEqual(str(self.around.layer.targets[-1]), "sip:101@10.1.1.1:5060")

    def test_followed(self) -> None:
        """What is on its way to a phone goes where it has registered anew."""
        self.send()
        self.channel.go_on_by(OTHER)
        self.assertEqual(self.moves, [OTHER])
        self.assertEqual(self.around.layer.clients[-1].flow, OTHER)
        self.around.layer.clients[-1].answer(200)
        self.send()
        self.assertEqual(self.around.layer.targets[-1], OTHER)

    def test_connection_closed(self) -> None:
        """Who lives with a connection hears that it is closed, and nothing late leads back to it."""
        self.channel.take_flow(TCP)
        for channel in self.around.connections.lose(TCP):
            channel.tell_lost(TCP)
        self.assertIsNone(self.channel.flow)
        self.channel.take_flow(TCP)
        self.assertIsNone(self.channel.flow)
        self.assertEqual(self.around.connections.lose(TCP), [])

    def test_closed(self) -> None:
        """A channel that is closed hears of no connection any more."""
        self.channel.take_flow(TCP)
        self.channel.close()
        self.assertEqual(self.around.connections.lose(TCP), [])

    def test_freed(self) -> None:
        """A channel that is closed knows whose it was until its last request is answered, and no longer."""
        self.send()
        self.channel.close()
        self.assertIs(self.channel.usage, self)
        self.around.layer.clients[-1].answer(200)
        self.assertIsNone(self.channel.usage)
        self.channel.tell_lost(TCP)
        self.channel.go_on_by(OTHER)
        self.assertEqual(self.moves, [])

    def test_impatient(self) -> None:
        """What is told anew in any case does not wait for the phone: its sender hears of the loss."""
        self.send()
        self.around.layer.clients[-1].answer(503, local=True)
        self.assertEqual((self.heard, self.channel.requests), ([503], None))

    def test_session_over(self) -> None:
        """When the session is over a MESSAGE is not sent again, and the news of a transfer is."""
        for method, sent in (("MESSAGE", 1), ("NOTIFY", 2)):
            with self.subTest(method=method):
                self.around.layer.clients.clear()
                self.send(method)
                for request in self.channel.requests or ():
                    request.rest()
                self.challenge()
                self.assertEqual(len(self.around.layer.clients), sent)
        self.assertEqual(self.heard, [401])

    def test_session_over_while_it_waits(self) -> None:
        """What waits for the phone to come back has failed then, and its sender hears so."""
        self.channel = Patient(self.around, self)
        self.channel.sticky = True
        self.channel.take_flow(TCP)
        self.send("INFO")
        self.around.layer.clients[-1].flow = TCP
        self.around.layer.clients[-1].answer(503, local=True)
        self.assertEqual(self.heard, [])
        for request in list(self.channel.requests or ()):
            request.rest()
        self.assertEqual((self.heard, self.channel.requests), ([503], None))
        self.channel.go_on_by(OTHER)
        self.around.layer.clock.advance(64)
        self.assertEqual(len(self.around.layer.clients), 1)
