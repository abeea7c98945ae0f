"""What users of other servers complain about when somebody hangs up, refuses or errs during a transfer."""

from __future__ import annotations

from typing import ClassVar

from twisted.internet.defer import Deferred

from b2bua import hookimpl
from b2bua.calls import Call, Leg, Refuse, Relay, Replace, Transfer
from b2bua.testing import World
from b2bua.testing.media import Media
from b2bua.testing.session import Session
from b2bua.wire.message import Request
from b2bua_plugins.forward import CallForward
from b2bua_plugins.replaces import Replaces
from tests.ladders.transfers import FEATURES, TransferTestCase


class HangUpTests(TransferTestCase):
    """Somebody leaves, at the moments that were complained about."""

    def consult(self, *, answers_after: float | None = 1.0) -> tuple[Session, Session]:
        """Let Bob hold Alice and ring Carol."""
        self.carol.manners.answers_after = answers_after
        self.call(self.alice, self.bob)
        first = self.bob.session
        first.hold()
        self.world.run(1)
        second = self.bob.dial("carol")
        self.world.run(1 if answers_after is None else 3)
        return first, second

    def test_soon_after_the_202(self) -> None:
        """siphon-sip#220: the transferor hangs up 280 ms after the 202, and both parties were lost."""
        for wait in (0.2, 0.28):
            with self.anew(wait=wait):
                self.call(self.alice, self.bob)
                session = self.bob.session
                session.transfer("carol")
                self.world.run(0.02 + wait)
                session.hang_up()
                self.world.run(5)
                self.only_talking(self.alice, self.carol)
                self.alice.hang_up()
                self.quiet()

    def test_soon_after_the_202_while_it_rings(self) -> None:
        """Acceptance list, item 1: the same with the target still ringing; both calls are hung up."""
        first, second = self.consult(answers_after=None)
        first.transfer(replaces=second)
        self.world.run(0.22)
        first.hang_up()
        second.hang_up()
        self.world.run(2)
        self.carol.answer()
        self.world.run(3)
        self.only_talking(self.alice, self.carol)
        self.carol.hang_up()
        self.quiet()

    def test_in_the_middle(self) -> None:
        """OpenSIPS#3196: the transferor hangs up while the target rings, and the transfer was given up."""
        self.carol.manners.answers_after = 10.0
        self.call(self.alice, self.bob)
        self.bob.session.transfer("carol")
        self.world.run(5)
        self.bob.hang_up()
        self.world.run(8)
        self.only_talking(self.alice, self.carol)
        self.alice.hang_up()
        self.quiet()

    def test_target_leaves_as_it_is_joined(self) -> None:
        """siphon-sip#456: the BYE overtook the ACK that was owed to the survivor."""
        for ms in range(0, 60, 5):
            with self.anew(ms=ms):
                self.call(self.alice, self.bob)
                self.bob.session.transfer("carol")
                self.world.run_until(lambda: bool(self.carol.live) and self.carol.session.state == "up")
                self.world.run(ms / 1000)
                self.carol.hang_up()
                self.world.run(5)
                got = [m.message.method for m in self.alice.inbox if isinstance(m.message, Request)]
                if "INVITE" in got:
                    self.assertIn("ACK", got[got.index("INVITE") :])
                self.alice.hang_up()
                self.world.run(1)
                self.bob.hang_up()
                self.quiet()

    def test_target_changes_as_it_is_joined(self) -> None:
        """
        The target moves its media just after its ACK, while the survivor is being asked.

        What it wants is carried out with the survivor: not answered inactive,
        and not forgotten.
        """
        for wait in (0.01, 0.03, 0.05, 0.09):
            with self.anew(wait=wait):
                self.alice.manners.change_after = 0.1
                self.call(self.alice, self.bob)
                self.bob.session.transfer("carol")
                self.world.run_until(lambda: bool(self.carol.live) and self.carol.session.confirmed)
                self.world.run(wait)
                self.carol.session.move_media()
                self.world.run(5)
                self.assertEqual(self.carol.session.changes[-1], 200)
                self.only_talking(self.alice, self.carol)
                self.alice.hang_up()
                self.quiet()

    def test_held_meanwhile(self) -> None:
        """Who holds, or resumes, while Carol rings, and she refuses: it is known whether they hold."""
        for name, other in (("bob", "alice"), ("alice", "bob")):
            for holds in (True, False):
                with self.anew(name=name, holds=holds):
                    self.carol.manners.refuses, self.carol.manners.refuses_after = 486, 3.0
                    self.call(self.alice, self.bob)
                    phone = self.bob if name == "bob" else self.alice
                    if not holds:
                        phone.hold()
                        self.world.run(1)
                    self.bob.session.transfer("carol")
                    self.world.run(1)
                    (phone.hold if holds else phone.resume)()
                    self.world.run(5)
                    (call,) = self.world.served.server.core.calls.going.values()
                    self.assertEqual([leg.party.name for leg in call.holders], [name] * holds)
                    self.assertEqual((other, name) in self.world.talking(), not holds)
                    self.bob.hang_up()
                    self.world.run(2)
                    self.quiet()

    def test_moves_meanwhile(self) -> None:
        """Bob changes his session meanwhile, and holds nobody: it is video that he rejects as inactive."""
        self.patch(Media, "rejected_inactive", True)
        self.alice.kinds = self.alice.knows = ("audio", "video")
        self.bob.knows = ("audio",)
        self.carol.manners.refuses, self.carol.manners.refuses_after = 486, 3.0
        self.call(self.alice, self.bob)
        self.bob.session.transfer("carol")
        self.world.run(1)
        self.bob.session.move_media()
        self.world.run(5)
        (call,) = self.world.served.server.core.calls.going.values()
        self.assertEqual(call.holders, frozenset())
        self.only_talking(self.alice, self.bob)
        self.bob.hang_up()
        self.world.run(2)
        self.quiet()

    def test_survivor_leaves(self) -> None:
        """No NOTIFY came when the survivor hung up, or it said "487 487" (team-telnyx/freeswitch PR#674)."""
        self.carol.manners.answers_after = None
        self.call(self.alice, self.bob)
        self.bob.session.transfer("carol")
        self.world.run(2)
        self.alice.hang_up()
        self.world.run(2)
        bodies = [
            m.message.body
            for m in self.bob.inbox
            if isinstance(m.message, Request) and m.message.method == "NOTIFY"
        ]
        self.assertEqual(bodies[-1], b"SIP/2.0 487 Request Terminated\r\n")
        self.quiet()


class NamesTests(TransferTestCase):
    """What Refer-To says, and what Replaces finds."""

    def make_world(self) -> World:
        """Make a world in which calls can be forwarded."""
        return World(features=(*FEATURES, CallForward), settings=self.settings)

    settings: ClassVar[dict[str, object]] = {"extensions": {"erin": {"forward": {"always": "carol"}}}}

    def consult(self, number: str = "carol") -> tuple[Session, Session]:
        """Let Bob hold Alice and talk to whom a number leads to."""
        self.call(self.alice, self.bob)
        first = self.bob.session
        first.hold()
        self.world.run(1)
        second = self.bob.dial(number)
        self.world.run(3)
        return first, second

    def joined(self) -> None:
        """Alice and Carol talk, and nobody else."""
        self.world.run(5)
        self.only_talking(self.alice, self.carol)
        self.assertEqual(self.bob.live, [])
        self.alice.hang_up()
        self.quiet()

    def test_after_a_forward(self) -> None:
        """Acceptance list, item 3: the consulted number was forwarded; Replaces finds who answered."""
        first, second = self.consult("erin")
        first.transfer(replaces=second)
        self.joined()

    def test_after_a_transfer(self) -> None:
        """Replaces names a call to whose other side somebody else was transferred before."""
        (dave,) = self.world.phones("dave", manners=self.alice.manners)
        first, second = self.consult("dave")
        dave.session.transfer("carol")
        self.world.run(5)
        first.transfer(replaces=second)
        self.joined()

    def test_spelled(self) -> None:
        """pjproject#4792, pjsip-android#237: Refer-To has the AOR or the Contact; only Replaces counts."""
        for to in ("carol", "sip:carol@127.0.0.9:5099;transport=tcp", "sip:nobody@elsewhere.example"):
            with self.anew(to=to):
                first, second = self.consult()
                first.transfer(to, replaces=second)
                self.joined()

    def test_itself(self) -> None:
        """baresip#3763: a REFER whose Replaces names its own dialog changes nothing: 481."""
        self.call(self.alice, self.bob)
        session = self.bob.session
        session.transfer(replaces=session)
        self.world.run(3)
        self.assertEqual((session.told[-1], session.told_end), (481, True))
        self.only_talking(self.alice, self.bob)
        self.bob.hang_up()
        self.quiet()


class Curious:
    """Looks at what is replaced, and lets it happen."""

    seen: ClassVar[list[tuple[str, str]]] = []

    @hookimpl
    def replace_requested(self, call: Call, leg: Leg, replaced: Leg) -> Replace:
        """Write down whose place is taken, and who is at the other side of it."""
        assert call.bridge is not None
        self.seen.append((replaced.party.name, call.bridge.other(replaced).party.name))
        return Replace()


class Broken:
    """Raises when it is asked."""

    @hookimpl
    def transfer_requested(self, call: Call, leg: Leg, referral: object) -> Transfer | Refuse | None:
        """Be of no use."""
        raise LookupError("nothing here")


class Slow:
    """Answers when it is told to."""

    def __init__(self) -> None:
        """Not yet."""
        self.verdict: Deferred[Transfer | Relay] = Deferred()

    @hookimpl
    def transfer_requested(self, call: Call, leg: Leg, referral: object) -> Deferred[Transfer | Relay]:
        """Promise an answer."""
        return self.verdict


class Patient:
    """Answers each question when it is told to."""

    def __init__(self) -> None:
        """No question yet."""
        self.verdicts: list[Deferred[Transfer]] = []

    @hookimpl
    def transfer_requested(self, call: Call, leg: Leg, referral: object) -> Deferred[Transfer]:
        """Promise an answer."""
        self.verdicts.append(Deferred())
        return self.verdicts[-1]


class FeatureTests(TransferTestCase):
    """What features see of a transfer, and can spoil."""

    def test_sees_the_leg(self) -> None:
        """drachtio-srf#34: from Replaces to the dialog and its other leg it went by a private map."""
        Curious.seen.clear()
        self.world = World(features=(Curious,))
        self.alice, self.bob, self.carol = self.world.phones("alice", "bob", "carol")
        _, bobs = self.call(self.alice, self.bob)
        named = f"{bobs.call_id};to-tag={bobs.remote_tag};from-tag={bobs.local_tag}"
        self.carol.dial("bob", fields=(("Replaces", named), ("Require", "replaces")))
        self.world.run(3)
        self.assertEqual(Curious.seen, [("bob", "alice")])
        self.only_talking(self.alice, self.carol)
        self.alice.hang_up()
        self.quiet()

    def test_raises(self) -> None:
        """asterisk#2166: a controlled transfer crashed; here the REFER is answered, and the call goes on."""
        self.world = World(features=(Broken,))
        self.alice, self.bob = self.world.phones("alice", "bob")
        self.call(self.alice, self.bob)
        session = self.bob.session
        session.transfer("carol")
        self.world.run(3)
        self.assertEqual(session.refer_code, 603)
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.quiet()
        self.flushLoggedErrors(LookupError)

    def test_takes_its_time(self) -> None:
        """A verdict that comes when somebody else has taken the transferor's place is nothing to go by."""
        for verdict in (Relay(), Transfer()):
            with self.subTest(verdict=verdict):
                slow = Slow()
                self.world = World(features=(slow, Replaces))
                self.alice, self.bob, self.carol = self.world.phones("alice", "bob", "carol")
                _, bobs = self.call(self.alice, self.bob)
                bobs.transfer("dave")
                self.world.run(1)
                named = f"{bobs.call_id};to-tag={bobs.remote_tag};from-tag={bobs.local_tag}"
                self.carol.dial("bob", fields=(("Replaces", named), ("Require", "replaces")))
                self.world.run(2)
                self.only_talking(self.alice, self.carol)
                slow.verdict.callback(verdict)
                self.world.run(3)
                self.only_talking(self.alice, self.carol)
                self.assertEqual((len(self.alice.sessions), len(self.carol.sessions)), (1, 1))
                self.alice.hang_up()
                self.quiet()

    def test_twice(self) -> None:
        """
        Both parties ask for Carol before a feature has decided: she rings once, for who asked first.

        The other REFER gets 491, as one does that comes while a transfer is at work (section 21.4.27).
        """
        slow = Patient()
        self.world = World(features=(slow,))
        self.alice, self.bob, self.carol = self.world.phones("alice", "bob", "carol")
        alices, bobs = self.call(self.alice, self.bob)
        self.carol.manners.answers_after = 3
        bobs.transfer("carol")
        alices.transfer("carol")
        self.world.run(1)
        for verdict in slow.verdicts:
            verdict.callback(Transfer())
        self.world.run(1)
        self.assertEqual((bobs.refer_code, alices.refer_code, len(self.carol.live)), (202, 491, 1))
        self.world.run(5)
        self.only_talking(self.alice, self.carol)
        self.alice.hang_up()
        self.quiet()

    def test_broken_refers(self) -> None:
        """OpenSIPS#3385, #3418, #3102: REFERs that crashed the server; each gets its status, and no more."""
        self.call(self.alice, self.bob)
        session = self.bob.session
        for refer_to, code in (
            ("<sip:carol@pbx?Replaces=>", 400),
            ("<sip:carol@pbx?Replaces=a>", 400),
            ("<sip:carol@pbx?Replaces=a%3Bto-tag%3Db>", 400),
            ("<sip:carol@pbx?Replaces=%00%0d%0a%3Bto-tag%3D1%3Bfrom-tag%3D2>", 400),
            ("<http://carol>", 416),
            ("<sip:carol@pbx;method=BYE>", 501),
            ("<>", 400),
            ("<sip:carol@pbx>, <sip:dave@pbx>", 400),
        ):
            with self.subTest(refer_to=refer_to):
                codes: list[int] = []
                session.ask(
                    "REFER",
                    [("Refer-To", refer_to)],
                    hear=lambda r, codes=codes: codes.append(r.code if r is not None else 0),  # type: ignore[misc]
                )
                self.world.run(1)
                self.assertEqual(codes, [code])
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.quiet()
