"""Matching (RFC 3261 section 17.2.3) and what a transport notes in a Via."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.transactions.derived import ack_for, cancel_for
from b2bua.transactions.flow import Flow
from b2bua.transactions.matching import answer_flow, arrived, merge_key, sent_key, server_key
from b2bua.wire.message import Request, write
from b2bua.wire.parser import parse
from tests.transactions.messages import request, response

HERE = ("192.0.2.10", 5060)
OLD = "SIP/2.0/UDP 192.0.2.1:5060"


def again(message: Request) -> Request:
    """The same message, come again."""
    parsed = parse(write(message))
    assert isinstance(parsed, Request)
    return parsed


class ServerKeyTests(SynchronousTestCase):
    """Which requests belong to one transaction."""

    def same(self, one: Request, other: Request, method: str = "") -> bool:
        """Do they?"""
        keys = [server_key(again(each), method or each.method) for each in (one, other)]
        return keys[0] == keys[1]

    def test_branch(self) -> None:
        """Branch, sent-by and method tell; what else differs does not matter."""
        self.assertTrue(self.same(request(), request(to="<sip:carol@example.com>")))
        self.assertFalse(self.same(request(), request(via="SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKother")))
        self.assertFalse(self.same(request(), request(via="SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa")))
        self.assertFalse(self.same(request(), request(via="SIP/2.0/UDP 192.0.2.1:5061;branch=z9hG4bKa")))
        self.assertFalse(self.same(request("OPTIONS"), request("INFO")))

    def test_ack(self) -> None:
        """An ACK belongs to the INVITE."""
        self.assertTrue(self.same(request(), request("ACK", to="<sip:bob@example.com>;tag=b"), "INVITE"))

    def test_old_invite(self) -> None:
        """A client of RFC 2543 is told by Request-URI, tags, Call-ID, CSeq and the whole Via."""
        for via in (OLD, f"{OLD};branch=1"):
            self.assertTrue(self.same(request(via=via), request(via=via)))
            self.assertFalse(self.same(request(via=via), request(via=via, uri="sip:carol@x")))
            self.assertFalse(self.same(request(via=via), request(via=via, cseq=2)))
            self.assertFalse(self.same(request(via=via), request(via=f"{via};x")))

    def test_old_ack(self) -> None:
        """Its ACK has a To tag that the INVITE had not."""
        ack = request("ACK", via=OLD, to="<sip:bob@example.com>;tag=b1")
        self.assertTrue(self.same(request(via=OLD), ack, "INVITE"))

    def test_old_others(self) -> None:
        """Other requests are told by the To tag too."""
        bye = request("BYE", via=OLD, to="<sip:bob@example.com>;tag=b1")
        self.assertTrue(self.same(bye, bye))
        self.assertFalse(self.same(bye, request("BYE", via=OLD, to="<sip:bob@example.com>;tag=b2")))

    def test_merge(self) -> None:
        """Copies of one request have From tag, Call-ID and CSeq in common (section 8.2.2.2)."""
        other = request(via="SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx", uri="sip:carol@x")
        self.assertEqual(merge_key(again(request())), merge_key(again(other)))
        self.assertNotEqual(merge_key(again(request())), merge_key(again(request(cseq=2))))


class SentKeyTests(SynchronousTestCase):
    """Which of our transactions a request belongs to that came back in an ICMP error."""

    def test_beginning(self) -> None:
        """However much of it is quoted, if it holds the branch; never less than the whole branch."""
        data = write(request(via="SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bKabcdef"))
        end = data.index(b"abcdef") + 6
        self.assertEqual({sent_key(data[:at]) for at in range(end + 1)}, {None})
        self.assertEqual(
            {sent_key(data[:at]) for at in range(end + 1, len(data))}, {("z9hG4bKabcdef", "INVITE")}
        )

    def test_response(self) -> None:
        """A response of ours that came back is no transaction of ours."""
        self.assertIsNone(sent_key(write(response(request(), 200))))


class ArrivedTests(SynchronousTestCase):
    """RFC 3261 section 18.2 and RFC 3581 section 4."""

    def via(self, via: str, host: str = "192.0.2.1", port: int = 40000) -> str:
        """What becomes of a Via."""
        flow = Flow("UDP", HERE, (host, port))
        return arrived(again(request(via=via)), flow).get("Via") or ""

    def way(self, via: str, transport: str = "UDP") -> tuple[str, int]:
        """Where the answer goes."""
        flow = Flow(transport, HERE, ("192.0.2.1", 40000))
        return answer_flow(again(request(via=via)), flow).remote

    def test_same(self) -> None:
        """A sent-by that is the source is left alone."""
        self.assertEqual(self.via(f"{OLD};branch=z9hG4bKa"), f"{OLD};branch=z9hG4bKa")
        via = "SIP/2.0/UDP [2001:DB8::1];branch=z9hG4bKa"
        self.assertEqual(self.via(via, "2001:db8::1"), via)

    def test_received(self) -> None:
        """A name, or another address, gets received."""
        for host in ("pc.example.com", "10.0.0.1"):
            via = f"SIP/2.0/UDP {host};branch=z9hG4bKa"
            self.assertEqual(self.via(via), f"{via};received=192.0.2.1")

    def test_forged(self) -> None:
        """A received that the client wrote itself does not stand."""
        found = self.via("SIP/2.0/UDP 192.0.2.1;received=192.0.2.66;branch=z9hG4bKa")
        self.assertIn("received=192.0.2.1;", found)
        self.assertNotIn("192.0.2.66", found)

    def test_rport(self) -> None:
        """With rport both are added, even if the address is the same."""
        found = self.via(f"{OLD};rport;branch=z9hG4bKa")
        self.assertIn("rport=40000", found)
        self.assertIn("received=192.0.2.1", found)

    def test_way_back(self) -> None:
        """To the source address; at the source port with rport, else at that of sent-by."""
        self.assertEqual(self.way(f"{OLD};rport;branch=z9hG4bKa"), ("192.0.2.1", 40000))
        self.assertEqual(self.way("SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKa"), ("192.0.2.1", 5070))
        self.assertEqual(self.way("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa"), ("192.0.2.1", 5060))

    def test_maddr(self) -> None:
        """A maddr does not lead our answers elsewhere."""
        self.assertEqual(self.way(f"{OLD};maddr=192.0.2.66;rport;branch=z9hG4bKa"), ("192.0.2.1", 40000))

    def test_connection(self) -> None:
        """On a connection always back on it."""
        self.assertEqual(self.way("SIP/2.0/TCP 10.0.0.1:5070;branch=z9hG4bKa", "TCP"), ("192.0.2.1", 40000))


class DerivedTests(SynchronousTestCase):
    """The ACK of a refusal and the CANCEL."""

    def test_ack(self) -> None:
        """Only To differs, by the tag of the response (section 17.1.1.3)."""
        invite = request(more=(("Route", "<sip:p;lr>"), ("Contact", "<sip:alice@x>")))
        ack = again(ack_for(invite, response(invite, 486)))
        self.assertEqual((ack.method, ack.uri, ack.body), ("ACK", invite.uri, b""))
        self.assertEqual((ack.get("To"), str(ack.cseq)), ("<sip:bob@example.com>;tag=b1", "1 ACK"))
        for name in ("Via", "From", "Call-ID", "Route"):
            self.assertEqual(ack.all(name), invite.all(name))
        self.assertIsNone(ack.get("Contact"))

    def test_cancel(self) -> None:
        """To is that of the request (section 9.1)."""
        invite = request(more=(("Route", "<sip:p;lr>"), ("Require", "100rel")))
        cancel = again(cancel_for(invite, [("Reason", "SIP;cause=200")]))
        self.assertEqual((cancel.get("To"), str(cancel.cseq)), (invite.get("To"), "1 CANCEL"))
        self.assertEqual((cancel.get("Reason"), cancel.get("Require")), ("SIP;cause=200", None))
        self.assertEqual(cancel.all("Via"), invite.all("Via"))
