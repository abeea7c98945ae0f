"""Who is kept waiting, and who takes whom: parking and picking up, by dialling and by transfer."""

from __future__ import annotations

from collections.abc import Mapping

from b2bua import hookimpl
from b2bua.calls import Attempt, Confirm, PickUp, Refuse, Wait
from b2bua.testing import Manners, World
from b2bua.testing.phone import Phone
from b2bua_plugins.attended_transfer import AttendedTransfer
from b2bua_plugins.blind_transfer import BlindTransfer
from tests.ladders.transfers import TransferTestCase


class Orbit:
    """Parks at 59, picks up what rings at *8, and shows a text at *9."""

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """Two codes."""
        return {"pick": "*8", "show": "*9"}

    @hookimpl
    def route_call(self, attempt: Attempt) -> Wait | PickUp | Refuse | None:
        """The first one waits, the next one takes it."""
        if attempt.user == "50":
            return Refuse(486, "Full")
        if attempt.user != "59":
            return None
        for call in attempt.call.calls.going.values():
            if call.waiting:
                return PickUp(call.id)
        return Wait("59", 60, attempt.behalf.name, "Parked at 59")

    @hookimpl
    def code_dialled(self, attempt: Attempt, name: str) -> Confirm | PickUp | None:
        """Take a call that rings, or show a text."""
        if name == "show":
            return Confirm("Shown")
        others = [call for call in attempt.call.calls.going.values() if call is not attempt.call]
        return PickUp(others[0].id if others else "none")

    @hookimpl
    def code_referred(self, attempt: Attempt, name: str) -> Confirm | PickUp | None:
        """Do the same by transfer."""
        return self.code_dialled(attempt, name)


class WaitingTests(TransferTestCase):
    """Alice, Bob and Carol, with an orbit."""

    def make_world(self) -> World:
        """A world with the orbit."""
        return World(features=[BlindTransfer, AttendedTransfer, Orbit])

    def everybody_leaves(self) -> None:
        """All hang up, and nothing is left."""
        for phone in (self.alice, self.bob, self.carol):
            for session in list(phone.live):
                session.hang_up()
        self.world.run(4)
        self.quiet()

    def park(self, by: Phone) -> None:
        """Transfer the other one to the orbit."""
        by.live[0].transfer("59")
        self.world.run(4)

    def test_dialled(self) -> None:
        """Who dials the orbit waits there; who dials it next takes him (RFC 3725)."""
        self.alice.dial("59")
        self.world.run(2)
        self.assertEqual([s.state for s in self.alice.live], ["up"])
        self.carol.dial("59")
        self.world.run(2)
        self.only_talking(self.alice, self.carol)
        self.carol.hang_up()
        self.world.run(1)
        self.assertEqual(self.alice.live, [])
        records = {record.caller: record for record in self.world.served.records}
        self.assertEqual([r.status for r in records.values()], [200, 200])
        self.quiet()

    def test_dialled_without_offer(self) -> None:
        """Who takes a party by an INVITE without an offer gets that of the party."""
        self.alice.dial("59")
        self.world.run(2)
        self.carol.dial("59", offer=False)
        self.world.run(2)
        self.only_talking(self.alice, self.carol)
        self.everybody_leaves()

    def test_nobody(self) -> None:
        """With nobody there a pick-up is refused with 404."""
        session = self.carol.dial("*8")
        self.world.run(2)
        self.assertEqual(session.code, 404)
        self.quiet()

    def test_parked(self) -> None:
        """Bob parks Alice: his own leg ends when she waits, and Carol takes her."""
        self.call(self.alice, self.bob)
        self.park(self.bob)
        self.assertEqual(self.bob.live, [])
        self.assertEqual([s.state for s in self.alice.live], ["up"])
        self.carol.dial("59")
        self.world.run(2)
        self.only_talking(self.alice, self.carol)
        self.everybody_leaves()

    def test_parked_and_recalled(self) -> None:
        """Nobody takes her in time: Bob's phone rings again."""
        self.call(self.alice, self.bob)
        self.park(self.bob)
        self.world.run(62)
        self.only_talking(self.alice, self.bob)
        self.everybody_leaves()

    def test_parked_and_gone(self) -> None:
        """Who waits may hang up at any time, and no clock is left behind."""
        self.call(self.alice, self.bob)
        self.park(self.bob)
        self.alice.hang_up()
        self.world.run(1)
        self.quiet()

    def test_refused(self) -> None:
        """A place that refuses: Bob hears so in a NOTIFY, and goes on talking to Alice."""
        self.call(self.alice, self.bob)
        self.bob.live[0].transfer("50")
        self.world.run(4)
        self.only_talking(self.alice, self.bob)
        self.everybody_leaves()

    def test_taken_by_transfer(self) -> None:
        """Carol waits; Bob transfers Alice to the orbit, and she talks to Carol."""
        self.carol.dial("59")
        self.world.run(2)
        self.call(self.alice, self.bob)
        self.park(self.bob)
        self.only_talking(self.alice, self.carol)
        self.assertEqual(self.bob.live, [])
        self.everybody_leaves()

    def test_picked_up(self) -> None:
        """Alice calls Bob, whose phone rings; Carol dials *8 and answers in his place."""
        self.bob.manners.answers_after = None
        self.alice.dial("bob")
        self.world.run(2)
        self.carol.dial("*8")
        self.world.run(2)
        self.only_talking(self.alice, self.carol)
        self.assertEqual(self.bob.live, [])
        self.everybody_leaves()

    def test_picked_up_by_transfer(self) -> None:
        """Dave's phone rings for Carol; Bob transfers Alice to *8, and she answers Carol."""
        (dave,) = self.world.phones("dave", manners=Manners(answers_after=None))
        self.call(self.alice, self.bob)
        self.carol.dial("dave")
        self.world.run(2)
        self.bob.live[0].transfer("*8")
        self.world.run(4)
        self.only_talking(self.alice, self.carol)
        self.assertEqual((self.bob.live, dave.live), ([], []))
        self.everybody_leaves()

    def test_shown_by_transfer(self) -> None:
        """A text is shown to whom the transfer leaves over, who is hung up then."""
        self.call(self.alice, self.bob)
        self.bob.live[0].transfer("*9")
        self.world.run(2)
        self.assertEqual(self.bob.live, [])
        self.assertEqual([s.state for s in self.alice.live], ["up"])
        self.world.run(4)
        self.assertEqual(self.alice.live, [])
        self.quiet()
