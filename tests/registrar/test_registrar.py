"""The registrar: RFC 3261 section 10.3, RFC 3665 section 2, RFC 3327, RFC 5626 section 6."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from b2bua.registrar.bindings import Change
from b2bua.registrar.contacts import Bounds
from b2bua.registrar.registrar import RegistrarSettings
from b2bua.store.ports import StoreError
from b2bua.transactions.flow import Flow
from tests.registrar.support import DOMAIN, PHONE, House

FIRST = "<sip:101@192.0.2.101:5062>"
SECOND = "<sip:101@192.0.2.102:5062>"
AOR = f"101@{DOMAIN}"


class FlowTests(SynchronousTestCase):
    """The five flows of RFC 3665 section 2."""

    def setUp(self) -> None:
        """Nobody is registered."""
        self.house = House()

    def test_new_registration(self) -> None:
        """2.1: REGISTER, 401, REGISTER with credentials, 200 with the binding and its expiry."""
        request = self.house.request(FIRST, expires="600")
        self.assertEqual(self.house.send(request).code, 401)
        response = self.house.send(self.house.signed(self.house.request(FIRST, expires="600")))
        self.assertEqual(response.code, 200)
        self.assertEqual(response.all("Contact"), [f"{FIRST};expires=600"])
        self.assertEqual(response.get("Date"), "Tue, 14 Nov 2023 22:30:00 GMT")
        self.assertEqual(response.to.tag, "ours")

    def test_update_of_contact_list(self) -> None:
        """2.2: a second contact is added with the nonce used before, and both are listed."""
        self.house.register(FIRST, expires="600")
        self.house.clock.advance(100)
        response = self.house.register(SECOND, expires="600", call_id="phone-2")
        self.assertEqual(response.code, 200)
        self.assertEqual(set(response.all("Contact")), {f"{FIRST};expires=500", f"{SECOND};expires=600"})

    def test_request_for_current_list(self) -> None:
        """2.3: without Contact it is a question; the bindings stay as they are."""
        self.house.register(FIRST, expires="600")
        before = self.house.bindings.all(AOR)
        response = self.house.register()
        self.assertEqual(response.all("Contact"), [f"{FIRST};expires=600"])
        self.assertIs(self.house.bindings.all(AOR), before)

    def test_cancellation(self) -> None:
        """2.4: C{*} with Expires 0 removes all bindings, and the 200 lists none."""
        self.house.register(FIRST)
        self.house.register(SECOND, call_id="phone-2")
        response = self.house.register("*", expires="0", call_id="phone-3")
        self.assertEqual((response.code, response.all("Contact")), (200, []))
        self.assertEqual(self.house.bound(), [])

    def test_unsuccessful_registration(self) -> None:
        """2.5: wrong credentials are challenged again with a new nonce, and the right ones work."""
        first = self.house.challenge(self.house.request(FIRST))
        wrong = self.house.signed(self.house.request(FIRST), secret="wrong")
        response = self.house.send(wrong)
        self.assertEqual(response.code, 401)
        self.assertNotIn(first.nonce, response.get("WWW-Authenticate") or "")
        self.assertNotIn("stale", response.get("WWW-Authenticate") or "")
        self.assertEqual(self.house.register(FIRST).code, 200)


class ContactTests(SynchronousTestCase):
    """What a phone may ask for, and what it gets."""

    def setUp(self) -> None:
        """Nobody is registered."""
        self.house = House()

    def assertRefused(self, code: int, *contacts: str, **said: Any) -> None:
        """A REGISTER gets C{code}, and the bindings are what they were."""
        before = self.house.bindings.all(AOR)
        response = self.house.register(*contacts, **said)
        self.assertEqual(response.code, code, response)
        self.assertIs(self.house.bindings.all(AOR), before)

    def test_parameters_as_written(self) -> None:
        """Section 10.3 step 8: a contact comes back as it was written, quotes and all (RFC 3840 9)."""
        said = f'{FIRST};mobility="mobile";methods="INVITE,ACK";audio;+x.y="a\\"b"'
        response = self.house.register(said)
        self.assertEqual(response.get("Contact"), f"{said};expires=3600")

    def test_parameter_before_field(self) -> None:
        """Section 10.3 step 7: the parameter counts, then Expires, then our default."""
        self.house.register(f"{FIRST};expires=300", SECOND, expires="700")
        self.house.register("<sip:101@192.0.2.103>")
        found = {b.contact: b.expires_at - 1000 for b in self.house.bindings.all(AOR)}
        self.assertEqual(
            found,
            {
                "sip:101@192.0.2.101:5062": 300,
                "sip:101@192.0.2.102:5062": 700,
                "sip:101@192.0.2.103": 3600,
            },
        )

    def test_too_brief(self) -> None:
        """An interval between 0 and our minimum gets 423 with Min-Expires."""
        response = self.house.register(FIRST, expires="59")
        self.assertEqual((response.code, response.get("Min-Expires")), (423, "60"))
        self.assertRefused(423, FIRST, f"{SECOND};expires=1", expires="600")
        self.assertEqual(self.house.register(FIRST, expires="60").code, 200)

    def test_an_hour_is_never_too_brief(self) -> None:
        """Step 7: 423 is only for less than an hour, whatever our minimum is."""
        house = House(RegistrarSettings(Bounds(least=7200, most=7200)))
        self.assertEqual(house.register(FIRST, expires="3600").code, 200)
        self.assertEqual(house.register(FIRST, expires="3599").code, 423)

    def test_strange_expiry(self) -> None:
        """Section 10.2: what is no number stands for 3600; what is too large is cut to our most."""
        for text, seconds in [
            ("never", 3600), ("-1", 3600), ("1.5", 3600), ("", 3600), ("٣٦٠", 3600),
            ("7201", 7200), ("4294967295", 7200), ("4294967296", 7200), ("9" * 5000, 7200),
        ]:  # fmt: skip
            with self.subTest(text=text[:20]):
                response = self.house.register(FIRST, expires=text)
                self.assertEqual(response.all("Contact"), [f"{FIRST};expires={seconds}"])

    def test_star_alone_and_with_zero(self) -> None:
        """Step 6: C{*} with another contact, or without Expires 0, gets 400."""
        self.house.register(FIRST)
        self.assertRefused(400, "*", FIRST, expires="0")
        self.assertRefused(400, FIRST, "*", expires="0")
        self.assertRefused(400, f"{FIRST}, *", expires="0")
        self.assertRefused(400, "*", expires="1")
        self.assertRefused(400, "*", expires="00x")
        self.assertRefused(400, "*")

    def test_malformed_contacts(self) -> None:
        """One malformed Contact spoils the whole request: 400, all or nothing."""
        self.house.register(FIRST)
        for contact in [
            "<sip:101@", "sip:", "<sip:101@host", "nonsense", "<mailto:101@example.com>", "<tel:+15550100>",
            f"{SECOND};q=2", f"{SECOND};q=0.1234", f"{SECOND};q=-1", f"{SECOND};q=x",
        ]:  # fmt: skip
            with self.subTest(contact=contact):
                self.assertRefused(400, "<sip:101@192.0.2.103>", contact)

    def test_a_hundred_contacts(self) -> None:
        """More contacts in one request than a user may have are refused at once."""
        self.assertRefused(403, *[f"<sip:101@192.0.2.{host}>" for host in range(100)])

    def test_oldest_is_replaced(self) -> None:
        """With the policy to replace, one contact too many drops the one bound longest ago."""
        house = House(RegistrarSettings(contacts=2))
        for number in (1, 2, 3):
            house.clock.advance(1)
            house.register(f"<sip:101@192.0.2.{number}>", call_id=f"phone-{number}")
            house.register("<sip:101@192.0.2.1>", call_id="phone-1")  # a refresh makes it no younger
        self.assertEqual(set(house.bound()), {"sip:101@192.0.2.3", "sip:101@192.0.2.1"})

    def test_one_too_many_is_refused(self) -> None:
        """With the policy to refuse, it gets 403, and refreshes go on."""
        house = House(RegistrarSettings(contacts=1, replace_oldest=False))
        house.register(FIRST)
        self.assertEqual(house.register(SECOND, call_id="phone-2").code, 403)
        self.assertEqual(house.register(FIRST).code, 200)
        self.assertEqual(house.register(f"{FIRST};expires=0", SECOND, call_id="phone-3").code, 200)
        self.assertEqual(house.bound(), ["sip:101@192.0.2.102:5062"])

    def test_order(self) -> None:
        """Step 7: with the same Call-ID a CSeq that is not higher fails and changes nothing."""
        self.house.register(FIRST, cseq=10)
        self.assertRefused(500, FIRST, cseq=10)
        self.assertRefused(500, f"{FIRST};expires=0", cseq=9)
        self.assertRefused(500, SECOND, f"{FIRST};expires=0", cseq=9)
        self.assertRefused(500, "*", expires="0", cseq=9)
        self.assertEqual(self.house.register(FIRST, cseq=11).code, 200)
        self.assertEqual(self.house.register(FIRST, cseq=1, call_id="rebooted").code, 200)
        self.assertEqual(self.house.register("*", expires="0", cseq=2, call_id="rebooted").code, 200)

    def test_comparison(self) -> None:
        """Step 7: contacts are the same by the rules for URIs, not by their text."""
        self.house.register("<sip:101@Phone.example.com:5062;line=1>")
        self.house.register("<sip:%3101@phone.example.com:5062>")
        self.assertEqual(self.house.bound(), ["sip:%3101@phone.example.com:5062"])

    def test_preference(self) -> None:
        """Contacts are in the order of q, then the newest first; q is shown again."""
        self.house.register("<sip:101@192.0.2.1>;q=0.5")
        for number in (2, 3):
            self.house.clock.advance(1)
            self.house.register(f"<sip:101@192.0.2.{number}>")
        found = [binding.contact[-1] for binding in self.house.bindings.contacts(AOR)]
        self.assertEqual(found, ["3", "2", "1"])
        self.assertIn("<sip:101@192.0.2.1>;q=0.5;expires=3598", self.house.register().all("Contact"))

    def test_reboot(self) -> None:
        """A phone that rebooted with another port leaves no contact that rings in the void."""
        device = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-0015651254FB>"'
        self.house.register(f"<sip:101@192.0.2.101:5062>{device}", call_id="before")
        self.house.register(f"<sip:101@192.0.2.101:40001>{device}", call_id="after")
        self.assertEqual(self.house.bound(), ["sip:101@192.0.2.101:40001"])
        self.house.register(f"<sip:101@192.0.2.101:40002;transport=tcp>{device}", call_id="after")
        self.assertEqual(len(self.house.bound()), 2)

    def test_reboot_by_the_letter(self) -> None:
        """Switched off, what a phone left behind stays until it expires (RFC 3261 section 10.3)."""
        house = House(RegistrarSettings(supersede=False))
        for port, call_id in ((5062, "before"), (40001, "after")):
            house.register(f'<sip:101@192.0.2.101:{port}>;+sip.instance="<urn:uuid:1>"', call_id=call_id)
        self.assertEqual(len(house.bound()), 2)

    def test_unregister_at_reboot(self) -> None:
        """A phone that says good-bye with Expires 0 and comes back is bound once."""
        self.house.register(FIRST, call_id="before")
        self.assertEqual(self.house.register(FIRST, call_id="after", expires="0").all("Contact"), [])
        self.assertEqual(self.house.register(FIRST, call_id="after").code, 200)
        self.assertEqual(len(self.house.bound()), 1)

    def test_what_phones_say_of_themselves(self) -> None:
        """MAC and line are kept with the binding; other parameters are shown again."""
        self.house.register(
            f'{FIRST};methods="INVITE, ACK";+sip.instance="<urn:uuid:1>"',
            fields=[("Mac", "00:15:65:12:54:FB"), ("Line", "1"), ("User-Agent", "Yealink SIP-T46S")],
        )
        (binding,) = self.house.bindings.all(AOR)
        self.assertEqual(binding.extra, (("MAC", "00:15:65:12:54:FB"), ("Line", "1")))
        self.assertEqual(binding.user_agent, "Yealink SIP-T46S")
        self.assertEqual(binding.instance, "urn:uuid:1")
        self.assertEqual(
            self.house.register().all("Contact"),
            [f'{FIRST};methods="INVITE, ACK";+sip.instance="<urn:uuid:1>";expires=3600'],
        )


class WhoTests(SynchronousTestCase):
    """Whose bindings, and which domain."""

    def setUp(self) -> None:
        """Nobody is registered."""
        self.house = House()

    def test_another_address(self) -> None:
        """Step 4: a user may change only her own bindings; 403 whether the other exists or not."""
        for other in ("102", "999"):
            response = self.house.register(FIRST, to=f"<sip:{other}@{DOMAIN}>")
            self.assertEqual(response.code, 403)
            self.assertEqual(self.house.bound(other), [])

    def test_another_domain(self) -> None:
        """Step 1: a domain that is not ours gets 404."""
        self.assertEqual(self.house.send(self.house.request(FIRST, uri="sip:elsewhere.example")).code, 404)

    def test_our_names(self) -> None:
        """The domain, its aliases and the address the phone reached all mean the same user."""
        for name in (DOMAIN, DOMAIN.upper(), "pbx", "192.0.2.1"):
            response = self.house.register(FIRST, uri=f"sip:{name}", to=f"<sip:1%301@{name};user=phone>")
            self.assertEqual(response.code, 200, name)
        self.assertEqual(len(self.house.bound()), 1)

    def test_record_route_is_ignored(self) -> None:
        """Section 10.3: no Record-Route in any response to a REGISTER."""
        response = self.house.register(FIRST, fields=[("Record-Route", "<sip:proxy.example;lr>")])
        self.assertIsNone(response.get("Record-Route"))

    def test_service_route(self) -> None:
        """RFC 3608 section 6.3: every 200 has the Service-Route."""
        house = House(RegistrarSettings(service_route=("sip:edge.example.com;lr",)))
        for response in (house.register(FIRST), house.register()):
            self.assertEqual(response.all("Service-Route"), ["<sip:edge.example.com;lr>"])


class WayTests(SynchronousTestCase):
    """Where a phone is reached."""

    def setUp(self) -> None:
        """Nobody is registered."""
        self.house = House()

    def flow(self) -> Flow | None:
        """The way to the only contact."""
        (binding,) = self.house.bindings.contacts(AOR)
        return binding.flow

    def test_behind_nat(self) -> None:
        """The phone is reached where its REGISTER came from, whatever its Contact says."""
        flow = PHONE._replace(remote=("203.0.113.9", 33333))
        self.house.register("<sip:101@10.0.0.7:5062>", flow=flow)
        self.assertEqual(self.flow(), flow)

    def test_by_its_contact(self) -> None:
        """Switched off, a phone on UDP is reached where its Contact says; one on a connection by that."""
        house = House(RegistrarSettings(behind_nat=False))
        house.register("<sip:101@10.0.0.7:5062>", flow=PHONE)
        self.assertIsNone(house.bindings.contacts(AOR)[0].flow)
        connection = PHONE._replace(transport="TCP", connection=1)
        house.register("<sip:101@10.0.0.7:5062>", flow=connection)
        self.assertEqual(house.bindings.contacts(AOR)[0].flow, connection)

    def test_other_port(self) -> None:
        """A phone without rport that listens on another port is reached there."""
        self.house.register("<sip:101@192.0.2.101:5070>", via="SIP/2.0/UDP 192.0.2.101:5070;branch=z9hG4bK1")
        self.assertEqual(self.flow(), PHONE._replace(remote=("192.0.2.101", 5070)))

    def test_connection(self) -> None:
        """A contact lives with its connection: when that closes it is gone, others stay."""
        news: list[Change] = []
        one = Flow("TLS", ("192.0.2.1", 5061), ("192.0.2.101", 40000), 1)
        two = one._replace(connection=2)
        self.house.register("<sips:101@192.0.2.101:40000>", flow=one, call_id="1")
        self.house.register("<sips:101@192.0.2.101:40001>", flow=two, call_id="2")
        self.house.bindings.listen(news.append)
        self.house.bindings.flow_lost(one)
        self.house.bindings.flow_lost(one)
        self.assertEqual(self.house.bound(), ["sips:101@192.0.2.101:40001"])
        self.assertEqual([(n.kind, n.why) for n in news], [("unregistered", "closed")])

    def test_moved_to_another_connection(self) -> None:
        """When a phone has registered over a new connection, the end of the old one is no news."""
        one = Flow("TCP", ("192.0.2.1", 5060), ("192.0.2.101", 40000), 1)
        self.house.register(FIRST, flow=one)
        self.house.register(FIRST, flow=one._replace(connection=2))
        self.house.bindings.flow_lost(one)
        self.assertEqual(len(self.house.bound()), 1)

    def test_path(self) -> None:
        """RFC 3327 section 5.3: the Path vector is kept in order and copied into the 200."""
        response = self.house.register(
            FIRST,
            fields=[
                ("Path", "<sip:p2.example.com;lr>, <sip:p1.example.com;lr>"),
                ("Path", "<sip:p0.example.com;lr>"),
                ("Supported", "path"),
            ],
            via="SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2, SIP/2.0/UDP 192.0.2.101:5062;branch=z9hG4bK1",
        )
        self.assertEqual(
            response.all("Path"),
            ["<sip:p2.example.com;lr>, <sip:p1.example.com;lr>", "<sip:p0.example.com;lr>"],
        )
        (binding,) = self.house.bindings.contacts(AOR)
        self.assertEqual(
            binding.path,
            ("sip:p2.example.com;lr", "sip:p1.example.com;lr", "sip:p0.example.com;lr"),
        )
        self.assertIsNone(binding.flow)

    def test_path_that_the_phone_does_not_know(self) -> None:
        """RFC 3327 section 5.3: Path without C{Supported: path} gets 420."""
        response = self.house.register(FIRST, fields=[("Path", "<sip:p1.example.com;lr>")])
        self.assertEqual((response.code, response.get("Unsupported")), (420, "path"))

    def test_flows_of_one_instance(self) -> None:
        """RFC 5626 sections 6 and 7: two reg-ids are two bindings, and only the newest is called."""
        for reg_id in (1, 2):
            self.house.clock.advance(1)
            response = self.house.register(
                f'<sip:101@192.0.2.101>;+sip.instance="<urn:uuid:1>";reg-id={reg_id}',
                fields=[("Supported", "outbound, path")],
                flow=Flow("TCP", ("192.0.2.1", 5060), ("192.0.2.101", 4000 + reg_id), reg_id),
            )
            self.assertEqual((response.code, response.get("Require")), (200, "outbound"))
        self.assertEqual([b.reg_id for b in self.house.bindings.all(AOR)], [2, 1])
        self.assertEqual([b.reg_id for b in self.house.bindings.contacts(AOR)], [2])

    def test_outbound_that_is_not_asked_for(self) -> None:
        """RFC 5626 section 6: without the option tag, or without an instance, reg-id is ignored."""
        for contact, fields in [
            (f'{FIRST};+sip.instance="<urn:uuid:1>";reg-id=1', []),
            (f"{FIRST};reg-id=1", [("Supported", "outbound")]),
        ]:
            response = self.house.register(contact, fields=fields)
            self.assertEqual((response.code, response.get("Require")), (200, None))
            self.assertEqual(self.house.bindings.all(AOR)[0].reg_id, 0)

    def test_first_hop_without_outbound(self) -> None:
        """RFC 5626 section 6: behind a proxy that put in no Path with C{ob} it gets 439."""
        response = self.house.register(
            f'{FIRST};+sip.instance="<urn:uuid:1>";reg-id=1',
            fields=[("Supported", "outbound")],
            via="SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2, SIP/2.0/UDP 192.0.2.101:5062;branch=z9hG4bK1",
        )
        self.assertEqual(response.code, 439)

    def test_one_flow_at_a_time(self) -> None:
        """RFC 5626 section 6: two living contacts of which one has a reg-id get 400."""
        response = self.house.register(
            f'{FIRST};+sip.instance="<urn:uuid:1>";reg-id=1',
            SECOND,
            fields=[("Supported", "outbound")],
        )
        self.assertEqual((response.code, self.house.bound()), (400, []))


class Keeper:
    """A store whose answer is awaited."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self.asked: list[tuple[str, bool]] = []
        self.answers: list[Deferred[None]] = []

    def keep(self, aor: str, *, wait: bool) -> Deferred[None] | None:
        """Note it; only what is awaited gets an answer."""
        self.asked.append((aor, wait))
        if not wait:
            return None
        self.answers.append(Deferred())
        return self.answers[-1]


class StoreTests(SynchronousTestCase):
    """Section 10.3 step 7: what fails in the store never happened."""

    def setUp(self) -> None:
        """A phone is registered and stored."""
        self.keeper = Keeper()
        self.house = House(keeper=self.keeper)
        self.house.challenge(self.house.request())
        server = self.house.serve(self.house.signed(self.house.request(FIRST)))
        self.assertEqual(server.responses, [])
        self.keeper.answers.pop().callback(None)
        self.assertEqual(server.response.code, 200)

    def test_failure(self) -> None:
        """A store that fails: the phone hears 500, and the bindings are what they were."""
        asked: list[tuple[tuple[str, ...], str | None]] = [
            ((SECOND,), None), (("*",), "0"), ((FIRST, SECOND), None)
        ]  # fmt: skip
        for contacts, expires in asked:
            before = self.house.bindings.all(AOR)
            server = self.house.serve(self.house.signed(self.house.request(*contacts, expires=expires)))
            self.keeper.answers.pop().errback(StoreError("disk full"))
            self.assertEqual(server.response.code, 500)
            self.assertEqual(self.house.bindings.all(AOR), before)

    def test_fault_of_ours(self) -> None:
        """What breaks otherwise while it is stored, or after that, is a 500 as well."""
        server = self.house.serve(self.house.signed(self.house.request(SECOND)))
        self.keeper.answers.pop().errback(RuntimeError("planted"))
        self.assertEqual((server.response.code, len(self.house.bindings.all(AOR))), (500, 1))
        server = self.house.serve(self.house.signed(self.house.request(SECOND)))

        def breaks(request: object, aor: str) -> None:
            raise RuntimeError("planted")

        self.patch(self.house.registrar, "_accept", breaks)
        self.keeper.answers.pop().callback(None)
        self.assertEqual((server.response.code, len(self.house.bindings.all(AOR))), (500, 1))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_refresh_does_not_wait(self) -> None:
        """A refresh loses at most its expiry, so its answer does not wait for a disk."""
        self.keeper.asked.clear()
        self.assertEqual(self.house.register(FIRST).code, 200)
        self.assertEqual(self.keeper.asked, [(AOR, False)])

    def test_question_is_not_stored(self) -> None:
        """A question stores nothing."""
        self.keeper.asked.clear()
        self.house.register()
        self.assertEqual(self.keeper.asked, [])

    def test_later_request_survives(self) -> None:
        """What another phone bound in the meantime is not undone."""
        one = self.house.serve(self.house.signed(self.house.request(SECOND, call_id="2")))
        two = self.house.serve(self.house.signed(self.house.request("<sip:101@192.0.2.103>", call_id="3")))
        first, second = self.keeper.answers
        second.callback(None)
        first.errback(StoreError("locked"))
        self.assertEqual((one.response.code, two.response.code), (500, 200))
        self.assertEqual(set(self.house.bound()), {"sip:101@192.0.2.101:5062", "sip:101@192.0.2.103"})
