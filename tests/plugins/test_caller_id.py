"""Who calls, as others see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from b2bua.features import Features, FeaturesRefused
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.phone import Phone
from b2bua.wire.message import Request
from b2bua_plugins._phone_book import read
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.caller_id import CallerId
from b2bua_plugins.emergency import Emergency

CARRIER = "198.51.100.7"


class CallerIdTests(LadderTestCase):
    """Alice calls outside, to Bob, and is called."""

    identity = "from"

    def setUp(self) -> None:
        """Phones, the far end of a trunk, and a phone book."""
        super().setUp()
        book = Path(self.mktemp())
        book.write_text("# our customers\n+4930123456,Anna Schmidt\n0171 234,Bernd\n")
        settings: dict[str, Any] = {
            "extensions": {"alice": {"caller_id": {"name": "Sales", "number": "+49305550"}}},
            "trunks": {
                "carrier": {
                    "uri": f"sip:{CARRIER}",
                    "accept_from": [CARRIER],
                    "trusted": True,
                    "identity": self.identity,
                    "numbers_in": [{"match": r"\+49305550", "replace": "alice"}],
                }
            },
            "routes": [{"match": r"[+\d]+", "trunk": "carrier"}],
            "caller_id": {"phone_book": str(book), "country": "DE"},
            "emergency": {"numbers": ["112"]},
        }
        self.world = World(features=[Emergency, CallerId, BlindTransfer], settings=settings)
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=1)
        )
        self.carrier = self.world.trunk("carrier", Manners(answers_after=1), host=CARRIER)

    def invite(self, phone: Any) -> Request:
        """The last INVITE that came there."""
        found = [got.message for got in phone.inbox if isinstance(got.message, Request)]
        return [request for request in found if request.method == "INVITE"][-1]

    def call(self, phone: Phone, number: str, at: Any) -> Request:
        """Call, talk, hang up; the INVITE that came to the other end."""
        phone.dial(number)
        self.world.run(6)
        for session in list(phone.live):
            session.hang_up()
        self.world.run(2)
        return self.invite(at)

    def test_outside(self) -> None:
        """Outside an extension has the name and the number of its table, inside its own."""
        outside = self.call(self.alice, "0301", self.carrier).from_
        self.assertEqual((outside.display, outside.uri.user), ("Sales", "+49305550"))
        inside = self.call(self.alice, "bob", self.bob).from_
        self.assertEqual((inside.display, inside.uri.user), ("Alice", "alice"))
        self.assertEqual(self.call(self.bob, "0301", self.carrier).from_.uri.user, "bob")
        self.quiet()

    def test_hidden(self) -> None:
        """*67 hides who calls, *65 always does, *85 never more (RFC 3323 section 4.1.1.3)."""
        for number in ("*67bob", "bob"):
            invite = self.call(self.alice, number, self.bob)
            self.assertEqual(invite.from_.uri.user == "anonymous", number == "*67bob")
        self.alice.dial("*65")
        self.world.run(6)
        self.assertEqual(self.call(self.alice, "bob", self.bob).from_.uri.user, "anonymous")
        self.alice.dial("*85")
        self.world.run(6)
        self.assertEqual(self.call(self.alice, "bob", self.bob).from_.uri.user, "alice")
        self.assertEqual(self.alice.dial("*67").code, 0)
        self.world.run(2)
        self.assertEqual(self.alice.sessions[-1].code, 484)
        self.quiet()

    def test_transfer(self) -> None:
        """Caller id × transfer: who has hidden the number is not shown to whom the call is handed on."""
        self.alice.dial("*67bob")
        self.world.run(3)
        self.bob.live[0].transfer("carol")
        self.world.run(3)
        self.assertTrue(self.alice.talks_to(self.carol))
        self.assertEqual(self.invite(self.carol).from_.uri.user, "anonymous")
        self.alice.hang_up()
        self.world.run(2)
        self.quiet()

    def test_emergency(self) -> None:
        """Caller id × emergency: who calls for help is never hidden, by whatever code."""
        invite = self.call(self.alice, "*67112", self.carrier)
        self.assertEqual(invite.from_.uri.user, "+49305550")
        self.assertEqual((invite.get("Priority"), invite.get("Privacy")), ("emergency", None))
        self.quiet()

    def test_names(self) -> None:
        """Whom the phone book knows has a name, however the number is written."""
        for number, name in (("030123456", "Anna Schmidt"), ("+49171234", "Bernd"), ("+49301", "")):
            asserted = (("P-Asserted-Identity", f"<sip:{number}@{CARRIER}>"),)
            session = self.carrier.dial("+49305550", fields=asserted)
            self.world.run(2)
            self.assertIn(self.invite(self.alice).from_.display, (name,) if name else ("", "Carrier"))
            session.hang_up()
            self.world.run(2)
        self.quiet()


class AssertedTests(CallerIdTests):
    """The carrier is told asserted identities."""

    identity = "asserted"

    def test_hidden_from_the_called(self) -> None:
        """A carrier that is believed gets the number with Privacy: id (RFC 3325 section 9.3)."""
        invite = self.call(self.alice, "*670301", self.carrier)
        self.assertEqual(invite.asserted[0].uri.user, "+49305550")
        self.assertEqual(invite.get("Privacy"), "id")
        self.quiet()


class BookTests(LadderTestCase):
    """Phone books that are broken."""

    def test_broken(self) -> None:
        """What is wrong is one line with the file and its line."""
        for text, complaint in (
            (b"+49301\n", "line 1 is not like"),
            (b"1,a\n1,a,b\n", "line 2 is not like"),
            (b"\xff\xfe", "it is not in UTF-8"),
        ):
            book = Path(self.mktemp())
            book.write_bytes(text)
            with self.assertRaises(ValueError) as caught:
                read(book, "[caller_id] phone_book")
            self.assertIn(complaint, str(caught.exception))
        with self.assertRaises(FeaturesRefused) as refused:
            Features.of(CallerId, document={"caller_id": {"phone_book": "/nowhere/book.csv"}})
        self.assertIn("/nowhere/book.csv cannot be read: No such file", str(refused.exception))
        with self.assertRaises(FeaturesRefused) as refused:
            Features.of(CallerId, document={"caller_id": {"country": "XX"}})
        self.assertIn("XX is no country", str(refused.exception))
        for table, complaint in (
            ({"caller_id": {"shown": "e164"}}, "[caller_id] shown: say which country is meant"),
            (
                {"trunks": {"vienna": {"uri": "sip:x.example", "caller_id": {"shown": "national"}}}},
                "[trunks.vienna.caller_id] shown: say which country is meant",
            ),
        ):
            with self.assertRaises(FeaturesRefused) as refused:
                Features.of(CallerId, document=table)
            self.assertIn(complaint, str(refused.exception))


class ShownTests(LadderTestCase):
    """How callers from outside are shown, by trunk and country."""

    def shown(self, number: str, **more: Any) -> tuple[str, str]:
        """The name and the number that Bob sees when somebody calls."""
        book = Path(self.mktemp())
        book.write_text("+4930123456,Anna Schmidt\n+43123456789,Franz\n")
        trunk = {"uri": f"sip:{CARRIER}", "accept_from": [CARRIER], "trusted": True}
        world = World(
            features=[CallerId],
            settings={
                "trunks": {"carrier": trunk | {"caller_id": more}},
                "caller_id": {"phone_book": str(book), "country": "DE", "shown": "e164"},
            },
        )
        [bob] = world.phones("bob", manners=Manners(answers_after=1))
        carrier = world.trunk("carrier", Manners(), host=CARRIER, number=number)
        carrier.dial("bob")
        world.run(2)
        [invite] = [got.message for got in bob.inbox if isinstance(got.message, Request)][:1]
        carrier.hang_up()
        world.run(2)
        world.quiet()
        told = {one.uri.user for one in invite.asserted}
        self.assertLessEqual(told, {invite.from_.uri.user})
        return invite.from_.display, invite.from_.uri.user

    def test_ways(self) -> None:
        """A number is shown in E.164, as it is dialled in the country, or as the carrier has it."""
        self.assertEqual(self.shown("030123456"), ("Anna Schmidt", "+4930123456"))
        self.assertEqual(self.shown("030123456", shown="national"), ("Anna Schmidt", "030123456"))
        self.assertEqual(self.shown("+4930123456", shown="national"), ("Anna Schmidt", "030123456"))
        self.assertEqual(self.shown("+43123456789", shown="national"), ("Franz", "0043123456789"))
        self.assertEqual(self.shown("030123456", shown="as_received"), ("Anna Schmidt", "030123456"))

    def test_country(self) -> None:
        """Each trunk has its country: the same digits are somebody else's there."""
        self.assertEqual(self.shown("0123456789", country="AT"), ("Franz", "+43123456789"))

    def test_no_number(self) -> None:
        """What is no number of a country is shown as it is."""
        self.assertEqual(self.shown("112")[1], "112")
