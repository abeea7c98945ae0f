"""
What users of other servers complain about when they transfer.

Each test says it in words, and where it was said; all of it is about the
signalling that a phone sees, so they are ladders.  More of it is named in the
tests of each kind of transfer, and in L{tests.security.test_toll_fraud}.
"""

from __future__ import annotations

from b2bua.testing import World
from b2bua.testing.phone import Phone
from b2bua.testing.session import Session
from b2bua.wire.message import Message, Request
from b2bua_plugins.redirects import Redirects
from tests.ladders.transfers import FEATURES, TransferTestCase


def received(phone: Phone, method: str) -> list[Message]:
    """The requests of a method that a phone has got."""
    return [
        got.message
        for got in phone.inbox
        if isinstance(got.message, Request) and got.message.method == method
    ]


class ComplaintTests(TransferTestCase):
    """One complaint each."""

    def consult(self) -> tuple[Session, Session]:
        """Let Bob talk to Alice, hold her, and talk to Carol."""
        self.call(self.alice, self.bob)
        first = self.bob.session
        first.hold()
        self.world.run(1)
        return first, self.call(self.bob, self.carol)[0]

    def test_identity_after_transfer(self) -> None:
        """asterisk#1990: after an attended transfer the display shows the transferor, not who is there."""
        first, second = self.consult()
        first.transfer(replaces=second)
        self.world.run(4)
        shown = [m.get("P-Asserted-Identity") or "" for m in received(self.carol, "INVITE")]
        self.assertIn("alice@", shown[-1])
        shown = [m.get("P-Asserted-Identity") or "" for m in received(self.alice, "INVITE")]
        self.assertIn("carol@", shown[-1])
        self.alice.hang_up()
        self.quiet()

    def test_after_a_redirection(self) -> None:
        """
        pjproject#1614: after a 302 the transfer rings the wrong phone.

        Acceptance list, item 3: Replaces finds the live leg all the same.
        """
        self.world = World(features=(*FEATURES, Redirects))
        manners = self.alice.manners
        self.alice, self.bob, self.carol = self.world.phones("alice", "bob", "carol", manners=manners)
        (dave,) = self.world.phones("dave", manners=self.alice.manners)
        self.carol.manners.redirects = "dave"
        self.call(self.alice, self.bob)
        first = self.bob.session
        first.hold()
        self.world.run(1)
        second = self.bob.dial("carol")
        self.world.run(4)
        self.insist(second.state == "up", "the redirection was not followed")
        first.transfer(replaces=second)
        self.world.run(4)
        self.only_talking(self.alice, dave)
        dave.hang_up()
        self.quiet()

    def test_across_transports(self) -> None:
        """
        The two calls of the transferor run over different transports.

        freeswitch#2391 crashed when it looked for the Replaces of another
        profile, OpenSIPS#3205 took the wrong interface; acceptance list, item 2.
        """
        (dave,) = self.world.phones("dave", manners=self.alice.manners, transport="TCP")
        self.call(self.alice, self.bob)
        first = self.bob.session
        first.hold()
        self.world.run(1)
        second, _ = self.call(self.bob, dave)
        first.transfer(replaces=second)
        self.world.run(4)
        self.only_talking(self.alice, dave)
        dave.hang_up()
        self.quiet()

    def test_nobody_waits_for_notify(self) -> None:
        """A transferor that wants no NOTIFY gets none, and is transferred (acceptance list, item 4)."""
        self.call(self.alice, self.bob)
        session = self.bob.session
        session.transfer("carol", fields=(("Refer-Sub", "false"),))
        session.expects_notify = False
        self.world.run(6)
        self.only_talking(self.alice, self.carol)
        self.assertEqual(received(self.bob, "NOTIFY"), [])
        self.alice.hang_up()
        self.quiet()

    def test_notify_says_why(self) -> None:
        """
        The NOTIFY about a failure has the status with its phrase, and ends the subscription.

        OpenSIPS#2388 and PR#2392: users had to contribute NOTIFY and the way
        back; jambonz-feature-server#1428 wants the 100 and the end.
        """
        self.carol.manners.refuses = 486
        self.call(self.alice, self.bob)
        self.bob.session.transfer("carol")
        self.world.run(4)
        last = received(self.bob, "NOTIFY")[-1]
        self.assertTrue(last.body.startswith(b"SIP/2.0 486 Busy Here"), last.body)
        state = last.subscription_state
        assert state is not None
        self.assertEqual((state.state, state.reason), ("terminated", "noresource"))
        self.bob.hang_up()
        self.quiet()

    def test_without_user_part(self) -> None:
        """freeswitch#592: a REFER to a URI without a user part gets 202 and then silence."""
        self.call(self.alice, self.bob)
        session = self.bob.session
        session.transfer(f"sip:{self.world.domain}")
        self.world.run(4)
        self.assertEqual((session.told[-1], session.told_end), (404, True))
        self.only_talking(self.alice, self.bob)
        self.bob.hang_up()
        self.quiet()

    def test_alone_is_never_glare(self) -> None:
        """A party that waits for the target wants to hold, and gets 491 (acceptance list, item 6)."""
        self.carol.manners.answers_after = None
        self.call(self.alice, self.bob)
        self.bob.session.transfer("carol")
        self.world.run(1)
        for _ in range(3):
            self.alice.session.hold()
            self.world.run(0.5)
            self.alice.session.resume()
            self.world.run(0.5)
        self.assertEqual(self.alice.session.changes, [200] * 6)
        self.alice.hang_up()
        self.world.run(2)
        self.quiet()

    def test_says_what_it_can(self) -> None:
        """siphon-sip#281: without C{Supported: replaces} a phone falls back to a worse kind of transfer."""
        self.call(self.alice, self.bob)
        (invite,) = received(self.bob, "INVITE")
        self.assertLessEqual({"replaces", "norefersub", "timer"}, invite.supported)
        self.assertLessEqual({"REFER", "NOTIFY", "UPDATE", "INFO"}, invite.allow)
        self.alice.hang_up()
        self.quiet()

    def test_the_record_tells(self) -> None:
        """After a transfer nobody can say who talked to whom."""
        self.call(self.alice, self.bob)
        self.bob.session.transfer("carol")
        self.world.run(6)
        self.alice.hang_up()
        self.quiet()
        (record,) = self.world.served.records
        self.assertEqual(
            [leg.party for leg in record.legs], [f"extension {n}" for n in ("alice", "bob", "carol")]
        )
        self.assertIn("blind_transfer", record.features)
        self.assertTrue(all(leg.answered and leg.ended for leg in record.legs), record)


class PermissionTests(TransferTestCase):
    """kazoo PR#1570: a transfer is dialled with the permission of the transferor, not of the survivor."""

    def make_world(self) -> World:
        """Let Bob reach extensions only, and have a trunk to everything else."""
        return World(
            features=FEATURES,
            settings={
                "extensions": {"bob": {"may_dial": ["extensions"]}},
                "trunks": {"carrier": {"uri": "sip:198.51.100.7:5060", "accept_from": ["198.51.100.7"]}},
                "routes": [{"match": r"\d{7,}", "trunk": "carrier"}],
            },
        )

    def test_forbidden_target(self) -> None:
        """
        Bob transfers a call to a number that he may not dial: 403, and nothing is torn down.

        Patter#205, issabelPBX PR#13: transfers became free calls.
        """
        self.call(self.alice, self.bob)
        session = self.bob.session
        session.transfer("0900123456")
        self.world.run(4)
        self.assertEqual(session.told[-1], 403)
        self.only_talking(self.alice, self.bob)
        self.bob.hang_up()
        self.quiet()

    def test_foreign_target(self) -> None:
        """To follow a REFER to another domain is toll fraud: hence Asterisk's C{external_replaces}."""
        self.call(self.alice, self.bob)
        session = self.bob.session
        session.transfer("sip:0900123456@elsewhere.example")
        self.world.run(4)
        self.assertEqual(session.told[-1], 403)
        self.only_talking(self.alice, self.bob)
        named = "sip:0900123456@elsewhere.example?Replaces=nobody%3Bto-tag%3D1%3Bfrom-tag%3D2"
        session.transfer(named)
        self.world.run(4)
        self.assertEqual(session.told[-1], 481)
        self.only_talking(self.alice, self.bob)
        self.bob.hang_up()
        self.quiet()

    def test_nobody_asks_for_a_referrer(self) -> None:
        """twinkle#272: 429 Provide Referrer Identity; we say ourselves who refers, if the phone does not."""
        self.call(self.alice, self.bob)
        session = self.bob.session
        session.ask("REFER", [("Refer-To", f"<{self.bob.uri_of('carol')}>")])
        self.world.run(4)
        (invite,) = received(self.carol, "INVITE")
        self.assertEqual(invite.get("Referred-By"), f"<{self.bob.aor}>")
        self.only_talking(self.alice, self.carol)
        self.alice.hang_up()
        self.quiet()


class FromChangeTests(TransferTestCase):
    """RFC 4916: the name in From may change within a dialog, where the peer can take it."""

    def test_after_transfer(self) -> None:
        """Alice's phone says from-change: after the transfer our From names Carol, with the same tag."""
        self.alice.more_supported = ("from-change",)
        self.call(self.alice, self.bob)
        self.bob.session.transfer("carol")
        self.world.run(4)
        (change,) = received(self.alice, "INVITE")
        self.assertIn("carol@", change.get("From") or "")
        self.assertEqual(change.from_.tag, self.alice.session.remote_tag)
        self.alice.hang_up()
        self.quiet()

    def test_not_asked_for(self) -> None:
        """A phone that does not say it sees the From that it knows."""
        self.call(self.alice, self.bob)
        self.bob.session.transfer("carol")
        self.world.run(4)
        (change,) = received(self.alice, "INVITE")
        self.assertIn("bob@", change.get("From") or "")
        self.alice.hang_up()
        self.quiet()
