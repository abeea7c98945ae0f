"""What a target means: an extension, a number of a carrier, or a URI of another domain."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls.outcomes import UNREACHABLE
from b2bua.calls.verdicts import Outcome
from b2bua.directory import FORBIDDEN, NO_MESSAGES, NOT_FOUND, Directory
from b2bua.legs.party import Party
from b2bua.liveness import Asker
from b2bua.settings import read
from b2bua.transactions.flow import Flow
from b2bua.trunks.trunks import Trunks
from b2bua.wire.message import Request
from tests.registrar.support import DOMAIN, PHONE, FakeLayer, House

DOCUMENT: dict[str, Any] = {
    "server": {"domain": DOMAIN, "listen": ["sip:192.0.2.1:5060"]},
    "extensions": {
        "101": {"password": "x"},
        "102": {"password": "x", "may_dial": ["extensions"]},
    },
    "trunks": {"carrier": {"uri": "sip:198.51.100.7"}},
    "routes": [{"match": r"\+?[0-9]{6,}", "trunk": "carrier"}],
}


class DirectoryTestCase(SynchronousTestCase):
    """A directory of two extensions, of which 101 is registered, and one trunk."""

    def setUp(self) -> None:
        """Open it."""
        self.house = House()
        self.house.register("<sip:101@192.0.2.101:5062>")
        self.open(DOCUMENT)

    def open(self, document: dict[str, Any]) -> None:
        """Take a configuration."""
        settings = read(document)
        layer = FakeLayer(self.house.clock)
        trunks = Trunks(layer, settings.trunks, Asker(self.house.domain, Random(1)), Random(1))
        self.directory = Directory(settings, self.house.domain, self.house.bindings, trunks)


class TargetTests(DirectoryTestCase):
    """How a target is written."""

    def test_one_key(self) -> None:
        """All ways to write a user of ours are one target, whatever separators (RFC 3966 section 3)."""
        for target in ("101", f"sip:101@{DOMAIN}", f"sip:101@{DOMAIN.upper()};user=phone", "tel:1-0.1"):
            with self.subTest(target):
                self.assertEqual(self.directory.key(target), "101")
                self.assertEqual(self.directory.extension(target), "101")
                self.assertTrue(self.directory.serves(target))

    def test_escaped(self) -> None:
        """A name is unescaped to be compared, and escaped to be told (RFC 3261 section 19.1.4)."""
        self.assertEqual(self.directory.extension(f"sip:1%301@{DOMAIN}"), "101")
        self.assertEqual(self.directory.uri("front desk"), f"sip:front%20desk@{DOMAIN}")

    def test_elsewhere(self) -> None:
        """A URI of another domain is not for us to find, and told as it is."""
        target = "sip:zoe@elsewhere.example"
        self.assertFalse(self.directory.serves(target))
        self.assertIsNone(self.directory.extension(target))
        self.assertEqual((self.directory.user(target), self.directory.uri(target)), ("zoe", target))


class RequestTests(DirectoryTestCase):
    """What a request is for."""

    def request(self, uri: str, to: str = "") -> Request:
        """One to a URI."""
        head = [
            ("Via", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1"),
            ("From", "<sip:102@192.0.2.9>;tag=1"),
            ("To", f"<{to or uri}>"),
            ("Call-ID", "1"),
            ("CSeq", "1 INVITE"),
        ]
        return Request("INVITE", uri, head)

    def test_target_of(self) -> None:
        """Of a URI at one of our names it is the user, unescaped; any other one is dialled as it is."""
        party = self.directory.party("102")
        for uri, target in (
            (f"sip:front%20desk@{DOMAIN}", "front desk"),
            (f"sip:101@{PHONE.local[0]}", "101"),
            ("sip:zoe@elsewhere.example", "sip:zoe@elsewhere.example"),
            ("tel:+49301234", "tel:+49301234"),
        ):
            with self.subTest(uri):
                self.assertEqual(self.directory.target_of(self.request(uri), PHONE, party), target)

    def test_watched_in_to(self) -> None:
        """Some phones send a SUBSCRIBE to our address and name the user in To only (Yealink VP59)."""
        here = f"sip:{PHONE.local[0]}"
        self.assertEqual(self.directory.watched(self.request(here, f"sip:101@{DOMAIN}"), PHONE), "101")
        self.assertEqual(self.directory.watched(self.request(here, "sip:zoe@elsewhere.example"), PHONE), "")


class MessageTests(DirectoryTestCase):
    """Where a message goes."""

    def to(self, target: str, sender: str = "101") -> Any:
        """Where it goes, or why nowhere."""
        found = self.directory.message_destinations(target, self.directory.party(sender))
        return found if isinstance(found, Outcome) else [one.target for one in found]

    def test_phones(self) -> None:
        """To all phones of an extension, at the ends of their flows."""
        [target] = self.to("101")
        self.assertIsInstance(target, Flow)
        self.assertEqual(target.remote, PHONE.remote)

    def test_nowhere(self) -> None:
        """To nobody who is not there, nor to another domain, nor out for who may not dial out."""
        self.assertIs(self.to("102"), UNREACHABLE)
        self.assertIs(self.to("nobody"), NOT_FOUND)
        self.assertIs(self.to("sip:zoe@elsewhere.example"), FORBIDDEN)
        self.assertIs(self.to("030123456", "102"), FORBIDDEN)

    def test_trunk(self) -> None:
        """To a trunk only if it wants messages: else it is 405."""
        self.assertIs(self.to("030123456"), NO_MESSAGES)
        self.open({**DOCUMENT, "trunks": {"carrier": {"uri": "sip:198.51.100.7", "messages": True}}})
        self.assertEqual([str(one) for one in self.to("030123456")], ["sip:198.51.100.7"])


class GuestTests(DirectoryTestCase):
    """Who logs in at the phones of others."""

    def test_lodge(self) -> None:
        """Calls from the phone are the guest's, under the phone's policy, and the guest is found there."""
        self.assertFalse(self.directory.is_registered("102"))
        self.directory.lodge("101", "102")
        caller = self.directory.caller("101")
        self.assertEqual((caller.name, caller.at, caller.registered_as), ("102", "101", f"101@{DOMAIN}"))
        self.assertIs(caller.policy, self.directory.party("101").policy)
        self.assertEqual([one.extension for one in self.directory.registrations("102")], ["101"])
        self.assertTrue(self.directory.is_registered("101"))
        self.assertEqual(self.directory.known_party("extension", "102", "101"), caller)

    def test_one_place(self) -> None:
        """A guest is at one phone, and a phone has one guest."""
        self.directory.lodge("101", "102")
        self.directory.lodge("102", "101")
        self.assertEqual((self.directory.guest("101"), self.directory.guest("102")), ("102", "101"))
        self.directory.lodge("101", None)
        self.assertIsNone(self.directory.guest("101"))
        self.assertEqual(self.directory.caller("101").at, "")

    def test_gone(self) -> None:
        """With the extension its stay is over."""
        self.directory.lodge("101", "102")
        del (document := dict(DOCUMENT))["extensions"]
        self.directory.configure(read(document | {"extensions": {"101": {"password": "x"}}}))
        self.assertIsNone(self.directory.guest("101"))


class CountTests(DirectoryTestCase):
    """How many calls somebody has."""

    def test_none_left(self) -> None:
        """What began and ended leaves nothing."""
        party = Party("stranger", "elsewhere.example")
        for _ in range(2):
            self.directory.leg_began(party)
        for _ in range(2):
            self.directory.leg_ended(party)
        self.assertEqual(self.directory._legs, {})
