"""Who needs no relay, seen at a glance."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls.relay.parties import Parties
from b2bua.calls.relay.straight import straight
from b2bua.calls.relay.way import DIRECT, choose
from b2bua.legs.leg import Leg
from b2bua.legs.party import Party, Policy
from b2bua.transactions.flow import Flow
from b2bua.wire.uri import Uri

PLAIN = b"v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
SESSIONS = (
    PLAIN,
    PLAIN.replace(b"RTP/AVP", b"RTP/SAVP"),
    PLAIN.replace(b"RTP/AVP", b"UDP/TLS/RTP/SAVPF"),
    PLAIN.replace(b"IP4 10.0.0.2", b"IP6 2001:db8::2"),
    PLAIN.partition(b"m=")[0] + b"m=image 4002 udptl t38\r\n",
)
HOSTS = ("10.0.0.2", "2001:db8::2", "phone.example.com")
ALL = frozenset({"srtp", "dtls", "ice", "ipv6", "record", "transcode"})
POLICIES = (
    Policy(),
    Policy(media="direct"),
    Policy(media="relay"),
    Policy(media_encryption="none"),
    Policy(media_encryption="sdes"),
    Policy(media_encryption="dtls"),
    Policy(codecs=("opus",)),
    Policy(codecs=("PCMA",)),
)


def flow(host: str, transport: str = "UDP") -> Flow:
    """The way to a phone."""
    return Flow(transport, ("10.0.0.1", 5060), (host, 5060))


def a_leg(party: Party, at: Flow | None, **more: Any) -> Leg:
    """What is looked at of a leg."""
    leg = Mock(party=party, flow=at, dialog=None, our_invite=None, peer_invite=None, described=None)
    leg.configure_mock(**more)
    return cast("Leg", leg)


def uri_host(host: str) -> str:
    """An address as it stands in a URI."""
    return f"[{host}]" if ":" in host else host


def caller(party: Party, at: Flow, contact: str) -> Leg:
    """A leg that a party has opened."""
    dialog = SimpleNamespace(routes=(), target=f"sip:a@{contact}")
    return a_leg(party, at, dialog=dialog)


def invited(party: Party, contact: str) -> Leg:
    """A leg that is about to invite a party."""
    asked = SimpleNamespace(invitation=SimpleNamespace(route=(), request_uri=f"sip:b@{contact}"))
    return a_leg(party, None, our_invite=asked)


class StraightTests(SynchronousTestCase):
    """L{straight} says no more than L{choose} does."""

    def chosen(self, by: Leg, to: Leg, session: bytes, target: Flow | Uri) -> Any:
        """The way that is chosen at length."""
        parties = Parties(lambda host: "10.0.0.1")
        return choose(parties.side(by), parties.side(to, target), session, ALL)

    def test_policies(self) -> None:
        """Whatever the settings and the offer are, who is sent straight would not be relayed."""
        told = 0
        for mine, theirs, session in product(POLICIES, POLICIES, SESSIONS):
            by = caller(Party("extension", "a", policy=mine), flow("10.0.0.2"), "10.0.0.2")
            to = invited(Party("extension", "b", policy=theirs), "10.0.0.3")
            if straight(by, to, session, flow("10.0.0.3")):
                told += 1
                self.assertEqual(self.chosen(by, to, session, flow("10.0.0.3")), DIRECT)
        self.assertEqual(told, 7 * 3)  # all but "relay" offer, and three of those that are invited take it

    def test_places(self) -> None:
        """Nor is anybody who is at IPv6, behind a NAT or in a browser."""
        told = 0
        for kind, source, contact, there, behind in product(("extension", "trunk"), *[HOSTS] * 4):
            by = caller(Party(cast("Any", kind), "a"), flow(source), uri_host(contact))
            for target in (flow(there), flow(there, "WS"), Uri.make("b", there)):
                to = invited(Party("extension", "b"), uri_host(behind))
                if straight(by, to, PLAIN, target):
                    told += 1
                    self.assertEqual(self.chosen(by, to, PLAIN, target), DIRECT)
        self.assertGreater(told, 20)

    def test_most(self) -> None:
        """A call from a trunk to a phone that is where it says is such a one."""
        by = caller(Party("trunk", "t"), flow("192.0.2.8"), "192.0.2.8")
        to = invited(Party("extension", "b"), "192.0.2.9")
        self.assertTrue(straight(by, to, PLAIN, flow("192.0.2.9")))
        self.assertFalse(straight(by, to, PLAIN, flow("192.0.2.7")))
