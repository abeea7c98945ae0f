"""How requests leave within a dialog: by which way, and what becomes of a challenge."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from b2bua.dialogs.channel import Channel
from b2bua.dialogs.dialog import Dialog
from b2bua.transactions.flow import Flow
from b2bua.wire.message import Field, Request, Response
from tests.legs.layer import OTHER, PHONE, FakeLayer


class Around:
    """The surroundings of the one channel of a test."""

    def __init__(self) -> None:
        """Know an answer to challenges."""
        self.layer = FakeLayer(Clock())

    def credentials(self, channel: Channel, response: Response, request: Request) -> Iterable[Field] | None:
        """Prove who we are, for the request as it was sent."""
        return [("Authorization", f"for {request.cseq.number}")]

    def moved(self, channel: Channel, before: Flow | None) -> None:
        """Take note of nothing."""


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
            local_value="<sip:102@pbx.example.com>;tag=ours",
            remote_value="<sip:101@pbx.example.com>;tag=theirs",
            local_seq=7,
            remote_seq=1,
            target="sip:101@10.1.1.1:5060",
            routes=(),
            owner=False,
        )
        self.channel = Channel(self.around, self.dialog)
        self.channel.take_flow(PHONE)

    def send(self) -> None:
        """Send a request."""
        self.channel.request("NOTIFY", lambda response: self.heard.append(response.code))

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
        self.channel.follow(OTHER)
        self.assertEqual(self.around.layer.clients[-1].flow, OTHER)
        self.around.layer.clients[-1].answer(200)
        self.send()
        self.assertEqual(self.around.layer.targets[-1], OTHER)
