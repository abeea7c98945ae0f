"""Rules that are commonly missed, where several parts of the server have to keep them together."""

from __future__ import annotations

from b2bua.testing import LadderTestCase, by_hand
from b2bua.testing.phone import Phone
from b2bua.wire.message import Request
from tests.ladders.transfers import TransferTestCase


class HopsTests(TransferTestCase):
    """Max-Forwards in what a REFER leads to (RFC 7332 section 5)."""

    def transferred(self, hops: str) -> None:
        """Let Bob transfer Alice to Carol, with so many hops left."""
        self.carol.manners = by_hand()
        _, bobs = self.call(self.alice, self.bob)
        transmit = self.bob.transmit

        def lessened(message: object, path: object) -> None:
            if isinstance(message, Request) and message.method == "REFER":
                message = message.with_fields(remove=("Max-Forwards",), add=[("Max-Forwards", hops)])
            transmit(message, path)  # type: ignore[arg-type]  # passed on as it came

        self.bob.transmit = lessened  # type: ignore[assignment, method-assign]  # only here
        bobs.transfer("carol")

    def test_counted_on(self) -> None:
        """The INVITE to the target has one hop less than the REFER."""
        self.transferred("7")
        self.assertEqual(self.carol.gets("INVITE").max_forwards, 6)
        self.carol.answers(486)
        self.world.run(3)
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.quiet()

    def test_none_left(self) -> None:
        """With no hop left nobody is called: 483, and the two talk on."""
        self.transferred("0")
        self.carol.gets_nothing(3)
        self.assertEqual(self.bob.session.told[-1], 483)
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.quiet()


class StreamsTests(TransferTestCase):
    """m-lines of a leg whose other side changes (RFC 3264 section 8, RFC 3725)."""

    def streams(self, phone: Phone) -> list[tuple[str, bool]]:
        """What the phone was told last: the kind of each stream, and whether it is there."""
        theirs = phone.session.media.theirs
        assert theirs is not None
        return [(stream.kind, bool(stream.port)) for stream in theirs.streams]

    def test_swapped(self) -> None:
        """Video that the new party lacks stays with port 0, in its place, through hold and resume."""
        both = ("audio", "video")
        self.alice.kinds = self.alice.knows = self.bob.kinds = self.bob.knows = both
        self.carol.knows = ("audio",)
        _, bobs = self.call(self.alice, self.bob)
        self.assertEqual(self.streams(self.alice), [("audio", True), ("video", True)])
        bobs.transfer("carol")
        self.world.run(6)
        self.only_talking(self.alice, self.carol)
        for holder in (self.alice, self.carol):
            for wish in ("sendonly", "sendrecv"):
                holder.session.reinvite(wish)
                self.world.run(1)
                self.assertEqual(self.streams(self.alice), [("audio", True), ("video", False)])
            self.only_talking(self.alice, self.carol)
        self.carol.hang_up()
        self.quiet()

    def test_video_added_after(self) -> None:
        """Who has joined with audio may add video, and the other leg takes it behind what it knows."""
        _, bobs = self.call(self.alice, self.bob)
        bobs.transfer("carol")
        self.world.run(6)
        for phone in (self.alice, self.carol):
            phone.knows = ("audio", "video")
        self.carol.session.media.kinds = ["audio", "video"]
        self.carol.session.reinvite()
        self.world.run(1)
        for phone in (self.alice, self.carol):
            self.assertEqual(self.streams(phone), [("audio", True), ("video", True)])
        self.only_talking(self.alice, self.carol)
        self.alice.hang_up()
        self.quiet()


class ReplacesRefusedTests(TransferTestCase):
    """Who would take a place, but can agree on no session (RFC 3891 section 3)."""

    def test_untouched(self) -> None:
        """The party that stays refuses the new session: 488 for who came, and nothing else changes."""
        alices, bobs = self.call(self.alice, self.bob)
        before = (alices.media.ours, bobs.media.ours)
        self.alice.manners = self.alice.manners.but(replies=False)
        named = f"{bobs.call_id};to-tag={bobs.remote_tag};from-tag={bobs.local_tag}"
        carols = self.carol.dial("bob", fields=(("Replaces", named), ("Require", "replaces")))
        self.world.run(0.2)
        assert alices.asked is not None
        alices.answer_change(alices.asked, 488)
        self.alice.manners = self.alice.manners.but(replies=True)
        self.world.run(3)
        self.assertEqual(carols.code, 488)
        self.assertEqual((alices.media.ours, bobs.media.ours), before)
        self.only_talking(self.alice, self.bob)
        self.bob.hang_up()
        self.quiet()


class ReliableTests(LadderTestCase):
    """Numbers of reliable responses (RFC 3262 section 3)."""

    def test_each_leg_its_own(self) -> None:
        """RSeq and RAck of one leg say nothing of the other's."""
        (alice,) = self.phones("alice", manners=by_hand(hundred_rel="required"))
        (bob,) = self.phones("bob", manners=by_hand(hundred_rel="required"))
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        numbers: list[tuple[int | None, int | None]] = []
        for code in (183, 180):
            bob.answers(code, session=code == 183, reliable=True)
            heard = alice.gets(code)
            alice.sends("PRACK")
            alice.gets(200, method="PRACK")
            self.world.run(0.5)
            numbers.append((self.sent(bob, code), heard.rseq))
        (ours, theirs), (later, last) = numbers
        assert ours and theirs
        self.assertEqual((later, last), (ours + 1, theirs + 1))
        self.assertNotEqual(ours, theirs)
        bob.answers(486)
        alice.gets(486)
        self.quiet()

    def sent(self, phone: Phone, code: int) -> int | None:
        """The RSeq of what a phone answered."""
        sent = [p.data for p in self.world.network.log if p.source[0] == phone.host]
        start = f"SIP/2.0 {code} ".encode()
        lines = next(data for data in reversed(sent) if data.startswith(start)).split(b"\r\n")
        return next((int(line[5:]) for line in lines if line.startswith(b"RSeq:")), None)
