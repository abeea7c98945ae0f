"""Calls through trunks: who may, how numbers and callers look there, passwords, a trunk that is down."""

from __future__ import annotations

from typing import Any

from b2bua import hookimpl
from b2bua.calls import Attempt
from b2bua.testing import LadderTestCase, Trunk, World, by_hand
from b2bua.wire.message import Request

HOSTS = {"carrier": "198.51.100.7", "second": "198.51.100.8"}


class TrunkCase(LadderTestCase):
    """A phone, and carriers whose numbers begin with a plus."""

    def start(self, *, routes: list[dict[str, Any]] | None = None, **tables: dict[str, Any]) -> list[Trunk]:
        """Make a world with these trunks, and their far ends."""
        self.world = World(
            settings={
                "trunks": {
                    name: {
                        "uri": f"sip:{HOSTS[name]}",
                        "accept_from": [HOSTS[name]],
                        "options_seconds": 0.0,
                        **table,
                    }
                    for name, table in tables.items()
                },
                "routes": routes or [{"match": r"\+\d+", "trunks": list(tables)}],
            }
        )
        return [self.world.trunk(name, by_hand(), host=HOSTS[name]) for name in tables]

    def invited(self, far: Trunk, to: str = "+15550123") -> Request:
        """Alice calls out, and the far end gets her INVITE."""
        [alice] = self.phones("alice")
        alice.sends("INVITE", to=to)
        return self.refused(far, alice)

    def refused(self, far: Trunk, alice: Any) -> Request:
        """Look at the INVITE, and end the call."""
        invite = far.gets("INVITE")
        assert isinstance(invite, Request)
        far.answers(486)
        alice.gets(486)
        self.quiet()
        return invite


class OutTests(TrunkCase):
    """Calls to a carrier."""

    def test_talk(self) -> None:
        """A phone calls a number of the world, and they talk."""
        [carrier] = self.start(carrier={})
        [alice] = self.phones("alice")
        self.connect_out(alice, carrier)
        self.assertTalking(("alice", "carrier"))
        self.disconnect(alice, carrier)
        self.quiet()

    def connect_out(self, alice: Any, carrier: Trunk) -> None:
        """Set up a call."""
        alice.sends("INVITE", to="+15550123")
        carrier.gets("INVITE")
        carrier.answers(200)
        alice.gets(200)
        alice.sends("ACK")
        carrier.gets("ACK")

    def test_number_forms(self) -> None:
        """The number leaves in the form that the trunk wants."""
        [carrier] = self.start(carrier={"numbers_out": [{"match": r"\+1(\d+)", "replace": r"1\1"}]})
        invite = self.invited(carrier)
        self.assertEqual(invite.uri, "sip:15550123@198.51.100.7")
        self.assertEqual(invite.to.uri_text, "sip:15550123@198.51.100.7")

    def test_telephone_subscriber(self) -> None:
        """
        What stands behind a number is the carrier's, unescaped, and separators lead nowhere else.

        RFC 3261 sections 19.1.4 and 19.1.6, RFC 3966 section 5.1.1.
        """
        for to, user in (
            ("sip:+1-555-0123;npdi;rn=+15550000@pbx.example.com", "+15550123;npdi;rn=+15550000"),
            ("sip:+1(555)0123@pbx.example.com;user=phone", "+15550123"),
            ("tel:+1-555-0123;npdi", "+15550123;npdi"),
        ):
            with self.subTest(to=to):
                [carrier] = self.start(carrier={"numbers_out": [{"match": r"\+1(\d+)", "replace": r"+1\1"}]})
                invite = self.invited(carrier, to)
                self.assertEqual(invite.request_uri.user, user)
                self.assertEqual(invite.to.uri.user, user)

    def test_identity_in_from(self) -> None:
        """By default From alone says who calls; nothing of the caller's phone is in it."""
        [carrier] = self.start(carrier={})
        invite = self.invited(carrier)
        self.assertEqual(invite.from_.uri_text, "sip:alice@pbx.example.com")
        for name in ("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID"):
            self.assertIsNone(invite.get(name))

    def test_number_of_ours(self) -> None:
        """A trunk can be told one number for all callers, at the carrier's own domain."""
        [carrier] = self.start(carrier={"caller": "+15559000"})
        invite = self.invited(carrier)
        self.assertEqual(invite.from_.uri_text, "sip:+15559000@198.51.100.7")
        self.assertEqual(invite.from_.display, "Alice")

    def test_asserted(self) -> None:
        """With asserted identity P-Asserted-Identity says who calls (RFC 3325 section 9.1)."""
        [carrier] = self.start(carrier={"identity": "asserted", "caller": "+15559000"})
        invite = self.invited(carrier)
        self.assertEqual([str(one) for one in invite.asserted], ['"Alice" <sip:+15559000@198.51.100.7>'])
        self.assertEqual(invite.privacy, frozenset())

    def test_asserted_and_private(self) -> None:
        """Who wants privacy is anonymous in From; the carrier is told who it is, and to keep it."""
        [carrier] = self.start(carrier={"identity": "asserted"})
        [alice] = self.phones("alice")
        for asked, told in (("id", "id"), ("user", "user;id"), ("header; ID", "header;ID")):
            alice.sends("INVITE", to="+15550123", fields=(("Privacy", asked),))
            invite = self.refused(carrier, alice)
            self.assertEqual(invite.from_.uri_text, "sip:anonymous@anonymous.invalid")
            self.assertEqual([one.uri_text for one in invite.asserted], ["sip:alice@pbx.example.com"])
            self.assertEqual(list(invite.all("Privacy")), [told])

    def test_private_to_who_is_told_nothing(self) -> None:
        """Without a header field of its own for it, a private caller's identity stays here."""
        [carrier] = self.start(carrier={})
        [alice] = self.phones("alice")
        alice.sends("INVITE", to="+15550123", fields=(("Privacy", "id"),))
        invite = self.refused(carrier, alice)
        self.assertNotIn("alice", str([value for name, value in invite.fields if name != "Via"]))

    def test_remote_party(self) -> None:
        """With a remote party Remote-Party-ID says who calls, and whether that may be shown."""
        [carrier] = self.start(carrier={"identity": "remote-party"})
        [alice] = self.phones("alice")
        for fields, privacy in [((), "off"), ((("Privacy", "id"),), "full")]:
            alice.sends("INVITE", to="+15550123", fields=fields)
            invite = self.refused(carrier, alice)
            self.assertEqual(
                invite.get("Remote-Party-ID"),
                f'"Alice" <sip:alice@pbx.example.com>;party=calling;privacy={privacy};screen=yes',
            )

    def test_what_a_caller_says_of_itself(self) -> None:
        """A caller's own PAI and PPI never go out (RFC 3325 section 5)."""
        [carrier] = self.start(carrier={"identity": "asserted"})
        [alice] = self.phones("alice")
        lies = tuple((name, "<sip:+1911@x>") for name in ("P-Asserted-Identity", "P-Preferred-Identity"))
        alice.sends("INVITE", to="+15550123", fields=lies)
        invite = self.refused(carrier, alice)
        self.assertEqual([one.uri_text for one in invite.asserted], ["sip:alice@pbx.example.com"])
        self.assertNotIn("1911", str(invite.fields))

    def test_password(self) -> None:
        """A carrier that challenges gets credentials; the phone hears nothing of it (RFC 3261 22.3)."""
        [carrier] = self.start(carrier={"username": "carrier", "password": "secret"})
        carrier.asks_password = "secret"
        [alice] = self.phones("alice")
        self.connect_out(alice, carrier)
        self.disconnect(carrier, alice)
        self.quiet()

    def test_wrong_password(self) -> None:
        """A password that the carrier does not take ends the call, after one attempt."""
        [carrier] = self.start(carrier={"username": "carrier", "password": "wrong"})
        carrier.asks_password = "secret"
        [alice] = self.phones("alice")
        alice.sends("INVITE", to="+15550123")
        self.assertGreaterEqual(alice.gets_final(), 400)
        self.assertEqual(carrier.unread(), [])
        self.quiet()

    def test_password_that_somebody_else_wants(self) -> None:
        """Who was named in Contact, and is not the carrier, gets no credentials for a challenge."""
        [carrier] = self.start(carrier={"username": "carrier", "password": "secret"})
        thief = self.world.trunk("thief", by_hand(), host="203.0.113.66")

        def challenge(request: Request, asked: Any) -> None:
            wanted = [("Proxy-Authenticate", 'Digest realm="thief", nonce="n", algorithm=MD5')]
            asked.respond(request.response(407, to_tag="x", fields=wanted))

        thief.request_received = challenge  # type: ignore[method-assign]  # it wants the hash of the password
        [alice] = self.phones("alice")
        alice.sends("INVITE", to="+15550123")
        carrier.gets("INVITE")
        carrier.answers(200, fields=[("Contact", f"<sip:+15550123@{thief.host}>")])
        alice.gets(200)
        alice.sends("ACK")
        self.world.run(1)
        alice.sends("BYE")
        alice.gets(200, method="BYE")
        carrier.vanish()
        self.world.run(100)
        assert self.world.served is not None
        self.assertFalse(self.world.served.remains())
        sent = [p.data for p in self.world.network.log if p.destination[0] == thief.host]
        self.assertTrue(any(data.startswith(b"BYE") for data in sent))
        self.assertFalse(any(b"Authorization" in data for data in sent))

    def test_backup(self) -> None:
        """The next server of a trunk is called when the first does not take the call."""
        for instead in ("no answer", 503):
            with self.subTest(instead=instead):
                [carrier] = self.start(carrier={"backups": [f"sip:{HOSTS['second']}"]})
                second = self.world.trunk("second", by_hand(), host=HOSTS["second"])
                [alice] = self.phones("alice")
                if instead == "no answer":
                    carrier.vanish()
                alice.sends("INVITE", to="+15550123")
                if instead == 503:
                    carrier.gets("INVITE")
                    carrier.answers(503)
                invite = second.gets("INVITE", within=40)
                self.assertEqual(getattr(invite, "uri", ""), f"sip:+15550123@{HOSTS['second']}")
                second.answers(486)
                alice.gets(486)
                self.quiet()

    def test_backup_of_one_that_is_down(self) -> None:
        """Of a trunk that does not answer OPTIONS the next server is called at once."""
        [carrier] = self.start(carrier={"backups": [f"sip:{HOSTS['second']}"], "options_seconds": 10.0})
        assert self.world.served is not None
        second = self.world.trunk("second", by_hand(), host=HOSTS["second"])
        trunks = self.world.served.server.trunks
        carrier.vanish()
        self.world.run_until(lambda: len(trunks.servers("carrier")) == 1, within=120)
        self.assertTrue(trunks.alive("carrier"))
        [alice] = self.phones("alice")
        alice.sends("INVITE", to="+15550123")
        self.refused(second, alice)

    def test_proxy(self) -> None:
        """By an outbound proxy: a Route, and the Request-URI of the carrier (RFC 3261 section 8.1.2)."""
        [carrier] = self.start(carrier={"uri": "sip:carrier.example", "proxy": f"sip:{HOSTS['carrier']}"})
        invite = self.invited(carrier)
        self.assertEqual(invite.uri, "sip:+15550123@carrier.example")
        self.assertEqual(invite.get("Route"), f"<sip:{HOSTS['carrier']};lr>")

    def test_refusals_by_halves(self) -> None:
        """A 422 whose Min-SE nobody can use, and a 3xx to nowhere, are no answers for a phone."""
        [carrier] = self.start(carrier={})
        [alice] = self.phones("alice")
        for refusal, code in ((422, 500), (421, 500), (302, 480)):
            alice.sends("INVITE", to="+15550123")
            carrier.gets("INVITE")
            carrier.answers(refusal)
            self.assertEqual(alice.gets_final(), code)
        self.quiet()

    def test_policy(self) -> None:
        """Session timer, 1xx and fields of a peer are its own; each leg has its own (RFC 4028, RFC 3262)."""
        own = {"session_expires": 600, "min_se": 120, "reliable": "required"}
        [carrier] = self.start(carrier=own)
        [alice] = self.phones("alice")
        ticket = (("X-Ticket", "7"), ("X-Other", "8"))
        alice.sends("INVITE", to="+15550123", fields=ticket)
        invite = self.refused(carrier, alice)
        self.assertEqual((invite.get("Session-Expires"), invite.get("Min-SE")), ("600", "120"))
        self.assertEqual(invite.get("Require"), "100rel")
        self.assertIsNone(invite.get("X-Ticket"))
        self.world = World(
            settings={"extensions": {"alice": {"pass_fields": ["x-TICKET"], "reliable": "never"}}}
        )
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob", fields=ticket)
        invite = bob.gets("INVITE")
        self.assertEqual((invite.get("X-Ticket"), invite.get("X-Other")), ("7", None))
        self.assertEqual(invite.get("Session-Expires"), "600")
        bob.answers(486)
        alice.gets(486)
        alice.sends("INVITE", to="bob", fields=(("Require", "100rel"),))
        self.assertEqual(alice.gets(420).get("Unsupported"), "100rel")
        self.quiet()

    def test_from_domain(self) -> None:
        """The carrier wants another domain than ours, or than its own, behind the numbers of callers."""
        for more, uri in (
            ({}, "sip:alice@from.example"),
            ({"caller": "+15559000"}, "sip:+15559000@from.example"),
        ):
            [carrier] = self.start(carrier={"from_domain": "from.example", "identity": "asserted", **more})
            invite = self.invited(carrier)
            self.assertEqual(invite.from_.uri_text, uri)
            self.assertEqual([one.uri_text for one in invite.asserted], [uri])

    def test_number_of_each(self) -> None:
        """Each extension has a number of its own with the carrier; who has none has that of all."""
        [carrier] = self.start(carrier={"callers": {"alice": "+15559001"}, "caller": "+15559000"})
        self.assertEqual(self.invited(carrier).from_.uri.user, "+15559001")
        [bob] = self.phones("bob")
        bob.sends("INVITE", to="+15550123")
        self.assertEqual(self.refused(carrier, bob).from_.uri.user, "+15559000")

    def test_anonymous_without_privacy(self) -> None:
        """A From that names nobody asks for privacy, with no other word (RFC 3323 section 4.1)."""
        [carrier] = self.start(carrier={"identity": "asserted"})
        alice, bob = self.phones("alice", "bob")
        alice.anonymous = True
        for to in ("+15550123", "bob"):
            alice.sends("INVITE", to=to)
            far = carrier if to != "bob" else bob
            invite = self.refused(far, alice)
            self.assertEqual(invite.from_.uri_text, "sip:anonymous@anonymous.invalid")
            if far is carrier:
                self.assertEqual([one.uri_text for one in invite.asserted], ["sip:alice@pbx.example.com"])
                self.assertEqual(invite.privacy, frozenset({"id"}))
            else:
                said = str([value for name, value in invite.fields if name not in ("Via", "Contact")])
                self.assertNotIn("alice", said.lower())

    def test_next_trunk(self) -> None:
        """The second trunk of a route is for when the first does not take the call."""
        first, second = self.start(carrier={}, second={})
        [alice] = self.phones("alice")
        alice.sends("INVITE", to="+15550123")
        first.gets("INVITE")
        first.answers(503)
        self.refused(second, alice)

    def test_trunk_that_is_down(self) -> None:
        """A trunk that does not answer OPTIONS is skipped, and used again when it answers."""
        self.world = World(
            settings={
                "trunks": {
                    "carrier": {"uri": "sip:198.51.100.7", "options_seconds": 10.0},
                    "second": {"uri": "sip:198.51.100.8", "options_seconds": 0.0},
                },
                "routes": [{"match": r"\+\d+", "trunks": ["carrier", "second"]}],
            }
        )
        assert self.world.served is not None
        second = self.world.trunk("second", by_hand(), host=HOSTS["second"])
        trunks = self.world.served.server.trunks
        self.world.run_until(lambda: not trunks.alive("carrier"), within=120)
        [alice] = self.phones("alice")
        alice.sends("INVITE", to="+15550123")
        second.gets("INVITE", within=0.5)
        second.answers(486)
        alice.gets(486)
        carrier = self.world.trunk("carrier", host=HOSTS["carrier"])
        self.world.run_until(lambda: trunks.alive("carrier"), within=60)
        self.assertFalse(carrier.gone)
        trunks.stop()
        self.quiet()


class InTests(TrunkCase):
    """Calls from a carrier."""

    def call(self, far: Trunk, to: str) -> None:
        """Call a number of ours."""
        far.sends("INVITE", to=to)

    def test_reaches_an_extension(self) -> None:
        """A call from a trunk's address needs no password, and its number is put into our form."""
        [carrier] = self.start(carrier={"numbers_in": [{"match": r"\+1555(.*)", "replace": r"\1"}]})
        [alice] = self.phones("alice")
        self.call(carrier, "sip:+1555alice@pbx.example.com")
        invite = alice.gets("INVITE")
        self.assertEqual(invite.from_.uri.user, "+15550100")
        alice.answers(486)
        carrier.gets(486)
        self.quiet()

    def test_telephone_subscriber(self) -> None:
        """A number with separators and parameters is that number, called as well as calling (RFC 3966)."""
        [carrier] = self.start(carrier={"numbers_in": [{"match": r"\+1555(\d+)", "replace": "alice"}]})
        [alice] = self.phones("alice")
        carrier.number = "+1-555-0199;cpc=ordinary"
        self.call(carrier, "sip:+1-555-0123;npdi;rn=+15550000@pbx.example.com")
        invite = alice.gets("INVITE")
        self.assertEqual(invite.from_.uri.user, "+15550199")
        alice.answers(486)
        carrier.gets(486)
        self.quiet()

    def test_name_with_separators(self) -> None:
        """An extension is found by its name as it is, whatever that looks like."""
        self.world = World(settings={"extensions": {"10-1": {}, "101": {}}})
        phones = self.phones("alice", "10-1", "101")
        for number in (1, 2):
            phones[0].sends("INVITE", to=phones[number].name)
            phones[number].gets("INVITE")
            phones[number].answers(486)
            phones[0].gets(486)
        self.quiet()

    def test_parameters_for_the_next_carrier(self) -> None:
        """What a carrier has said behind a caller's number, another carrier is told; phones are not."""
        may = {"may_dial": ["extensions", "trunks"]}
        carrier, second = self.start(
            carrier=may,
            second={"identity": "asserted"},
            routes=[{"match": r"\+\d+", "trunk": "second", "callers": ["trunks"]}],
        )
        carrier.number = "+15550199;cpc=ordinary"
        self.call(carrier, "sip:+15550123@pbx.example.com")
        invite = second.gets("INVITE")
        self.assertEqual(invite.from_.uri.user, "+15550199;cpc=ordinary")
        self.assertEqual([one.uri.user for one in invite.asserted], ["+15550199;cpc=ordinary"])
        second.answers(486)
        carrier.gets(486)
        self.quiet()

    def test_whatever_host(self) -> None:
        """Whatever host the carrier puts behind the number, the call is for us."""
        [carrier] = self.start(carrier={})
        [alice] = self.phones("alice")
        self.call(carrier, "sip:alice@203.0.113.99:5070")
        alice.gets("INVITE")
        alice.answers(486)
        carrier.gets(486)
        self.quiet()

    def test_never_another_trunk(self) -> None:
        """A call from a trunk goes to no other trunk unless it may and a route says so."""
        routes = [{"match": r"\+\d+", "trunk": "second"}]
        for may, callers, code in [
            (["extensions"], ["extensions"], 403),
            (["extensions", "trunks"], ["extensions"], 403),
            (["extensions"], ["extensions", "trunks"], 403),
            (["extensions", "trunks"], ["extensions", "trunks"], 486),
        ]:
            with self.subTest(may=may, callers=callers):
                carrier, second = self.start(
                    carrier={"may_dial": may}, second={}, routes=[{**routes[0], "callers": callers}]
                )
                self.call(carrier, "sip:+15550199@pbx.example.com")
                if code == 486:
                    second.gets("INVITE")
                    second.answers(486)
                carrier.gets(code)
                self.assertEqual(second.unread(), [])
                self.quiet()

    def test_who_calls(self) -> None:
        """A plugin is told the number of who calls, whatever way the call came; a hidden one is empty."""
        seen: list[str] = []

        class Watch:
            @hookimpl
            def route_call(self, attempt: Attempt) -> None:
                seen.append(attempt.caller_number)

        trunks = {"carrier": {"uri": "sip:198.51.100.7", "accept_from": ["198.51.100.7"]}}
        self.world = World(features=[Watch], settings={"trunks": trunks})
        alice, bob = self.phones("alice", "bob")
        carrier = self.world.trunk("carrier", by_hand(), host="198.51.100.7")
        for caller, number in ((alice, ""), (carrier, "+4930123456"), (carrier, "Anonymous")):
            carrier.number = number
            caller.sends("INVITE", to="bob")
            bob.gets("INVITE")
            bob.answers(486)
            caller.gets(486)
        self.assertEqual(seen, ["alice", "+4930123456", ""])
        self.quiet()

    def test_first_route_decides(self) -> None:
        """Whom the first matching route is not for is refused, though a later one would take the call."""
        for callers in (["trunks"], []):
            with self.subTest(callers=callers):
                routes = [
                    {"match": r"\+1900\d+", "trunk": "carrier", "callers": callers},
                    {"match": r"\+\d+", "trunk": "carrier"},
                ]
                [carrier] = self.start(carrier={}, routes=routes)
                [alice] = self.phones("alice")
                alice.sends("INVITE", to="+19005550100")
                alice.gets(603)
                self.assertEqual(carrier.unread(), [])
                self.quiet()

    def test_stranger(self) -> None:
        """Who calls from another address is asked for a password."""
        self.start(carrier={})
        stranger = self.world.trunk("stranger", by_hand(), host="203.0.113.66")
        self.phones("alice")
        stranger.sends("INVITE", to="sip:alice@pbx.example.com")
        self.assertEqual(stranger.gets_final(), 401)
        self.quiet()

    def test_identity_that_is_believed(self) -> None:
        """What a trunk asserts is believed only if it is trusted (RFC 3325 section 5)."""
        for trusted, user in [(True, "+15550777"), (False, "+15550100")]:
            with self.subTest(trusted=trusted):
                [carrier] = self.start(carrier={"trusted": trusted})
                [alice] = self.phones("alice")
                carrier.sends(
                    "INVITE",
                    to="sip:alice@pbx.example.com",
                    fields=(("P-Asserted-Identity", "<sip:+15550777@carrier.example>"),),
                )
                invite = alice.gets("INVITE")
                self.assertEqual(invite.from_.uri.user, user)
                alice.answers(486)
                carrier.gets(486)
                self.quiet()

    def test_remote_party_that_is_believed(self) -> None:
        """Remote-Party-ID is read like P-Asserted-Identity, if the trunk is trusted; privacy and all."""
        for trusted, params, user in (
            (True, ";party=calling;screen=yes", "+15550777"),
            (True, "", "+15550777"),
            (True, ";party=called", "+15550100"),
            (True, ";privacy=full", "anonymous"),
            (False, ";party=calling", "+15550100"),
        ):
            with self.subTest(trusted=trusted, params=params):
                [carrier] = self.start(carrier={"trusted": trusted})
                [alice] = self.phones("alice")
                told = f'"Boss" <sip:+15550777@carrier.example>{params}'
                carrier.sends("INVITE", to="sip:alice@pbx.example.com", fields=(("Remote-Party-ID", told),))
                invite = alice.gets("INVITE")
                self.assertEqual(invite.from_.uri.user, user)
                alice.answers(486)
                carrier.gets(486)
                self.quiet()

    def test_registered(self) -> None:
        """A carrier that asks for a password is registered with, and calls our Contact; To has the number."""
        self.world = World(
            settings={
                "trunks": {
                    "carrier": {
                        "uri": "sip:198.51.100.7", "username": "carrier", "password": "secret",
                        "register": True, "options_seconds": 0.0,
                    }
                }
            }
        )  # fmt: skip
        assert self.world.served is not None
        carrier = self.world.trunk("carrier", by_hand(), host=HOSTS["carrier"], asks_password="secret")
        trunks = self.world.served.server.trunks
        self.world.run_until(lambda: carrier.bound is not None, within=60)
        self.assertEqual(carrier.bound, "sip:carrier@192.0.2.1:5060")
        self.assertTrue(trunks.alive("carrier"))
        [alice] = self.phones("alice")
        carrier.sends("INVITE", to="sip:alice@pbx.example.com")
        alice.gets("INVITE")
        alice.answers(486)
        carrier.gets(486)
        trunks.stop()
        self.world.run_until(lambda: carrier.bound is None, within=10)
        self.quiet()


class RecordRouteTests(TrunkCase):
    """A carrier by TCP whose Record-Route names a port that nobody can connect to."""

    ROUTE = (("Record-Route", "<sip:198.51.100.7:5999;transport=tcp;lr>"),)

    def setUp(self) -> None:
        """The carrier has a connection to us."""
        super().setUp()
        trunks = {"carrier": {"uri": "sip:198.51.100.7;transport=tcp", "accept_from": ["198.51.100.7"]}}
        routes = [{"match": r"\+\d+", "trunk": "carrier"}]
        trunks["carrier"]["options_seconds"] = 0.0  # type: ignore[assignment]  # as a file would have it
        self.world = World(settings={"trunks": trunks, "routes": routes})
        self.carrier = self.world.trunk("carrier", by_hand(), host="198.51.100.7", transport="TCP")
        [self.alice] = self.phones("alice")

    def goes_on(self) -> None:
        """Alice holds, and hangs up: both take the connection of the call (RFC 5923 section 4)."""
        self.assertTalking(("alice", "carrier"))
        self.alice.sends("INVITE", wish="sendonly")
        self.carrier.gets("INVITE")
        self.carrier.answers(200)
        self.carrier.gets("ACK")
        self.alice.gets(200)
        self.alice.sends("ACK")
        self.disconnect(self.alice, self.carrier)
        self.quiet()

    def test_incoming(self) -> None:
        """A call from the carrier."""
        self.carrier.sends("INVITE", to="sip:alice@pbx.example.com", fields=self.ROUTE)
        self.alice.gets("INVITE")
        self.alice.answers(200)
        self.alice.gets("ACK")
        self.carrier.gets(200)
        self.carrier.sends("ACK")
        self.goes_on()

    def test_outgoing(self) -> None:
        """A call to the carrier: the ACK arrives when the 2xx has come again."""
        self.alice.sends("INVITE", to="+15550123")
        self.carrier.gets("INVITE")
        self.carrier.answers(200, fields=self.ROUTE)
        self.alice.gets(200)
        self.alice.sends("ACK")
        self.carrier.gets("ACK")
        self.goes_on()
