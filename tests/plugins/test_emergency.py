"""Emergency calls go, whatever else is set."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from b2bua.features import Features, FeaturesRefused
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.wire.message import Request
from b2bua.wire.multipart import leaves
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.do_not_disturb import DoNotDisturb
from b2bua_plugins.emergency import Emergency
from b2bua_plugins.forward import CallForward
from b2bua_plugins.office_hours import OfficeHours

CARRIER, MOBILE = "198.51.100.7", "198.51.100.8"
SETTINGS: dict[str, Any] = {
    "extensions": {
        "alice": {
            "may_dial": ["extensions"],
            "calls_max": 1,
            "emergency": {"location": "https://lis.example.com/alice", "number": "+49301"},
        }
    },
    "trunks": {
        "carrier": {"uri": f"sip:{CARRIER}", "accept_from": [CARRIER], "identity": "asserted"},
        "mobile": {"uri": f"sip:{MOBILE}", "accept_from": [MOBILE], "calls_max": 1},
    },
    "routes": [{"match": r"\+\d+", "trunk": "mobile"}],
    "emergency": {"numbers": ["112"], "trunks": ["carrier", "mobile"]},
    "office_hours": {"closed": {"numbers": ["112"], "zone": "UTC", "open": []}},
}
FEATURES = (DoNotDisturb, CallForward, OfficeHours, Emergency, BlindTransfer)


class EmergencyTests(LadderTestCase):
    """Alice may dial extensions only; 112 stands in no route."""

    def make_world(self) -> World:
        """Two carriers; the plugin asks to be asked first, whatever the order."""
        return World(features=FEATURES[::-1], settings=SETTINGS)

    def setUp(self) -> None:
        """Phones, and both carriers."""
        super().setUp()
        self.alice, self.bob = self.world.phones("alice", "bob", manners=Manners(answers_after=1))
        self.carrier = self.world.trunk("carrier", Manners(answers_after=1), host=CARRIER)
        self.mobile = self.world.trunk("mobile", Manners(answers_after=1), host=MOBILE)

    def everybody_leaves(self) -> None:
        """All hang up, and nothing is left."""
        for phone in (self.alice, self.bob, self.mobile):
            for session in list(phone.live):
                session.hang_up()
        self.world.run(4)
        self.quiet()

    def test_goes(self) -> None:
        """Who may dial extensions only reaches 112, with where they are and how to call back (RFC 6442)."""
        self.alice.dial("112")
        self.world.run(2)
        self.assertTrue(self.alice.talks_to(self.carrier))
        [invite] = [got.message for got in self.carrier.inbox if isinstance(got.message, Request)][:1]
        self.assertEqual(invite.get("Priority"), "emergency")
        self.assertEqual(invite.get("Geolocation"), "<https://lis.example.com/alice>")
        self.assertEqual(invite.from_.uri.user, "+49301")
        self.assertEqual(invite.asserted[0].uri.user, "+49301")
        self.everybody_leaves()

    def invite(self, **place: Any) -> Request:
        """The INVITE for help of somebody who is there."""
        served = self.world.served
        assert served is not None
        served.document["extensions"]["alice"]["emergency"] = place
        self.world.reload()
        self.alice.dial("112")
        self.world.run(2)
        self.assertTrue(self.alice.talks_to(self.carrier), self.world.ladder())
        requests = [got.message for got in self.carrier.inbox if isinstance(got.message, Request)]
        return [one for one in requests if one.method == "INVITE"][-1]

    def test_by_value(self) -> None:
        """An address goes in the body, and Geolocation points to it (RFC 6442 section 5.1)."""
        invite = self.invite(address={"country": "DE", "A3": "Köln", "RD": "Am Markt <1>", "HNO": "5"})
        session, location = leaves(invite)
        self.assertEqual(session.content_type, "application/sdp")
        self.assertEqual(location.content_type, "application/pidf+xml")
        self.assertEqual(invite.get("Geolocation"), f"<cid:{(location.get('Content-ID') or '').strip('<>')}>")
        self.assertEqual(invite.get("Geolocation-Routing"), "yes")
        self.assertEqual(location.get("Content-Disposition"), "by-reference;handling=optional")
        root = ElementTree.fromstring(location.body)
        self.assertEqual(root.get("entity"), "pres:alice@pbx.example.com")
        civic = root.find(".//{urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr}civicAddress")
        assert civic is not None
        said = [(one.tag.rpartition("}")[2], one.text) for one in civic]
        self.assertEqual(said, [("country", "DE"), ("A3", "Köln"), ("RD", "Am Markt <1>"), ("HNO", "5")])
        self.everybody_leaves()

    def test_position(self) -> None:
        """A position is a point of WGS 84, latitude first (RFC 6442 section 5.1)."""
        _, location = leaves(self.invite(position=[52.52, 13.405]))
        self.assertEqual(
            ElementTree.fromstring(location.body).findtext(".//{http://www.opengis.net/gml}pos"),
            "52.52 13.405",
        )
        self.everybody_leaves()

    def test_own_place_first(self) -> None:
        """What is said of an extension stands in the place of what is said of all."""
        served = self.world.served
        assert served is not None
        served.document["emergency"]["location"] = "https://lis.example.com/office"
        self.assertEqual(self.invite().get("Geolocation"), "<https://lis.example.com/office>")
        self.alice.hang_up()
        self.world.run(2)
        self.assertTrue((self.invite(position=[1.0, 2.0]).get("Geolocation") or "").startswith("<cid:"))
        self.everybody_leaves()

    def test_without_offer(self) -> None:
        """A phone that sends no offer is located as well."""
        served = self.world.served
        assert served is not None
        served.document["extensions"]["alice"]["emergency"] = {"position": [1.0, 2.0]}
        self.world.reload()
        self.alice.dial("112", offer=False)
        self.world.run(2)
        self.assertTrue(self.alice.talks_to(self.carrier), self.world.ladder())
        [invite] = [got.message for got in self.carrier.inbox if isinstance(got.message, Request)][:1]
        self.assertEqual([part.content_type for part in leaves(invite)], ["application/pidf+xml"])
        self.everybody_leaves()

    def test_next_trunk(self) -> None:
        """The first carrier is down and the second one full: it goes by the second one."""
        self.bob.dial("+4930555")
        self.world.run(2)
        self.assertTrue(self.bob.talks_to(self.mobile))
        self.carrier.manners.refuses = 503
        self.alice.dial("112")
        self.world.run(3)
        self.assertTrue(self.alice.talks_to(self.mobile), self.world.ladder())
        self.everybody_leaves()

    def test_running_call(self) -> None:
        """A running call of the phone does not stop it, though the extension may have one only."""
        self.alice.dial("bob")
        self.world.run(2)
        self.alice.hold()
        self.alice.dial("112")
        self.world.run(2)
        self.assertTrue(self.alice.talks_to(self.carrier))
        self.everybody_leaves()

    def test_do_not_disturb(self) -> None:
        """Emergency × do not disturb: who wants no calls may call for help, and is called back."""
        self.alice.dial("*78")
        self.world.run(6)
        self.alice.dial("112")
        self.world.run(2)
        self.assertTrue(self.alice.talks_to(self.carrier))
        self.everybody_leaves()

    def test_office_hours(self) -> None:
        """Emergency × office hours: help has no hours."""
        self.bob.dial("112")
        self.world.run(2)
        self.assertTrue(self.bob.talks_to(self.carrier))
        self.everybody_leaves()

    def test_transfer(self) -> None:
        """Emergency × transfer: a caller is transferred to 112 with the same right."""
        self.bob.dial("alice")
        self.world.run(2)
        self.alice.live[0].transfer("112")
        self.world.run(3)
        self.assertTrue(self.bob.talks_to(self.carrier))
        self.everybody_leaves()

    def test_forward(self) -> None:
        """Emergency × forward: a forward to 112 has no such right, and with no route it is no number."""
        self.alice.dial("*72112")
        self.world.run(6)
        self.bob.dial("alice")
        self.world.run(2)
        self.assertEqual(self.bob.sessions[-1].code, 480)
        self.assertEqual(self.carrier.sessions, [])
        self.everybody_leaves()

    def test_trunk(self) -> None:
        """A carrier does not reach 112 by us."""
        session = self.carrier.dial("112")
        self.world.run(2)
        self.assertIn(session.code, (403, 480))
        self.everybody_leaves()


class OrderTests(SynchronousTestCase):
    """Who is asked first."""

    def test_all(self) -> None:
        """No plugin that routes calls is asked before; each of them is named."""
        routing = set()
        for entry in entry_points(group="b2bua"):
            routing |= {entry.name} if hasattr(entry.load(), "route_call") else set()
        self.assertGreater(len(routing), 10)
        self.assertEqual(routing - {"emergency"}, set(Emergency().b2bua_before()))


class SettingsTests(LadderTestCase):
    """What is wrong is said at start."""

    def test_bad(self) -> None:
        """An extension that has the number, a trunk that is not there, a location that is none."""
        for table, text in (
            ({"numbers": ["bob"]}, "emergency.numbers[0]"),
            ({"numbers": []}, "emergency.numbers"),
            ({"numbers": ["112"], "trunks": ["nobody"]}, "[emergency] trunks: there is no trunk nobody"),
            ({"numbers": ["112"], "location": "here"}, "emergency.location"),
            (
                {"numbers": ["112"], "location": "https://x.example", "position": [1.0, 2.0]},
                "says where twice; give one of location, address and position",
            ),
            ({"numbers": ["112"], "position": [91.0, 2.0]}, "emergency.position[0]"),
            ({"numbers": ["112"], "address": {"town": "X"}}, "emergency.address.town"),
            ({"numbers": ["101"]}, "emergency.numbers: 101 is an extension already"),
        ):
            with self.subTest(**table):
                document = {"extensions": {"101": {}}, "emergency": table}
                with self.assertRaises(FeaturesRefused) as caught:
                    Features.of(Emergency, document=document)
                self.assertIn(text, str(caught.exception))
