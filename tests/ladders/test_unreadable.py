"""
Fields that cannot be read in the messages of one party, and what the other one notices of it: nothing.

C{tests/simulation/broken_fields.py} breaks all fields of all messages; these are
the cases that were seen with phones and carriers.
"""

from __future__ import annotations

from b2bua.testing import LadderTestCase, World, by_hand
from b2bua.testing.agent import Agent
from b2bua.testing.phone import Phone
from tests.ladders.transfers import TransferTestCase

HOSTS = {"carrier": "198.51.100.7", "second": "198.51.100.8"}


class SuccessTests(LadderTestCase):
    """A 2xx is acknowledged in any case (RFC 3261 section 13.2.2.4)."""

    def answered(self, *fields: tuple[str, str]) -> tuple[Phone, Phone]:
        """Alice calls Bob, who answers with these fields in his 200."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(200, fields=fields)
        bob.gets("ACK")
        return alice, bob

    def talk(self, alice: Phone, bob: Phone) -> None:
        """They talk, and Bob hangs up."""
        alice.gets(200)
        alice.sends("ACK")
        self.assertTalking(("alice", "bob"))
        self.disconnect(bob, alice)
        self.quiet()

    def test_fields_that_can_be_done_without(self) -> None:
        """Session-Expires and Record-Route that cannot be read are ignored, and the call stands."""
        for field in (("Session-Expires", "soon"), ("Record-Route", "<sip:"), ("Min-SE", "@")):
            with self.anew(field):
                self.talk(*self.answered(field))

    def test_contact(self) -> None:
        """Without a Contact that can be read requests go where the INVITE went."""
        for contact in ("tel:+4930123", "sip:["):
            with self.anew(contact):
                alice, bob = self.phones("alice", "bob")
                alice.sends("INVITE", to="bob")
                bob.gets("INVITE")
                self.patch(Phone, "contact", contact)
                bob.answers(200)
                bob.gets("ACK")
                alice.gets(200)
                alice.sends("ACK")
                self.patch(Phone, "contact", Agent.contact)
                self.disconnect(alice, bob)
                self.quiet()

    def test_no_session(self) -> None:
        """A 2xx without an answer is acknowledged and ended, and the caller hears that it failed."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(200, session=False)
        bob.gets("ACK")
        bob.gets("BYE")
        bob.answers(200)
        alice.gets(488)
        self.quiet()


class RefusalTests(LadderTestCase):
    """A request that cannot be read is answered, whatever else its sender asks for."""

    def test_salvaged(self) -> None:
        """Malformed From, To, CSeq or method: 400, also to who asks for rport (RFC 3581 section 4)."""
        for name, value in (
            ("From", '"Mr. X <sip:x@y>;tag=1'),
            ("To", "<sip:"),
            ("CSeq", "99999999999 OPTIONS"),
            ("CSeq", "1 OPT{IONS"),
        ):
            world = World()
            came: list[bytes] = []
            fields = {
                "Via": "SIP/2.0/UDP 10.9.9.9:5060;rport;branch=z9hG4bK1",
                "From": "<sip:x@y>;tag=1",
                "To": "<sip:x@y>",
                "Call-ID": "a",
                "CSeq": "1 OPTIONS",
                name: value,
            }
            method = fields["CSeq"].split()[1]
            lines = [f"{method} sip:x@pbx.example.com SIP/2.0", *map(": ".join, fields.items()), "", ""]
            endpoint = world.network.listen(
                ("10.9.9.9", 5060), lambda data, source, came=came: came.append(data)
            )
            endpoint.send("\r\n".join(lines).encode(), ("192.0.2.1", 5060))
            world.run(1)
            self.assertEqual([data[:11] for data in came], [b"SIP/2.0 400"], name)


class CarrierTests(LadderTestCase):
    """A carrier that is overloaded says for how long (RFC 3261 sections 20.33 and 21.5.4)."""

    def make_world(self) -> World:
        """Make a world with two carriers."""
        return World(
            settings={
                "trunks": {
                    name: {"uri": f"sip:{host}", "accept_from": [host], "options_seconds": 0.0}
                    for name, host in HOSTS.items()
                },
                "routes": [{"match": r"\+\d+", "trunks": list(HOSTS)}],
            }
        )

    def test_retry_after(self) -> None:
        """A Retry-After that is a date, garbage or too large is none; the second carrier is tried at once."""
        carrier, second = [self.world.trunk(name, by_hand(), host=host) for name, host in HOSTS.items()]
        [alice] = self.phones("alice")
        for value in ("Fri, 01 Jan 2010 16:00:00 GMT", "soon", "4294967296", "", "-1"):
            alice.sends("INVITE", to="+15550123")
            carrier.gets("INVITE")
            carrier.answers(503, fields=(("Retry-After", value),))
            second.gets("INVITE")
            second.answers(486)
            alice.gets(486)
            self.world.run(3700)  # until the first one is asked first again
            alice.register()
            self.world.run(1)
        self.quiet()


class TransferTests(TransferTestCase):
    """A transfer whose REFER has a Contact that cannot be read."""

    def test_contact(self) -> None:
        """The target of the dialog stays what it was, and the transfer is carried out."""
        self.call(self.alice, self.bob)
        self.patch(Phone, "contact", "sip:[")
        self.bob.session.transfer("carol")
        self.patch(Phone, "contact", Agent.contact)
        self.world.run(5)
        self.only_talking(self.alice, self.carol)
        self.alice.hang_up()
        self.quiet()
