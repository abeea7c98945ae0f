"""An established call outlives its process: written down, thrown away, restored."""

from __future__ import annotations

import json
from typing import Any

from b2bua.calls.records.record import CallRecord
from b2bua.calls.restoring.snapshot import VERSION, is_settled, restore_call, write_call
from b2bua.errors import UsageError
from b2bua.legs.snapshot import VERSION as LEG_VERSION
from b2bua.testing.manners import Manners
from tests.ladders.transfers import TransferTestCase

CALL = (
    "alignment caller dialled diversions fields holding identities legs max_breadth max_forwards pair private"
    " relay since start talked told version visited waiting"
)
LEG = (
    "alias allows contact_user device dialog expires flow id incoming origin party referred remote_session"
    " ringing sticky supports timer version"
)


def without(plain: dict[str, Any], key: str) -> dict[str, Any]:
    """A copy that lacks a key."""
    return {name: value for name, value in plain.items() if name != key}


class RestoringTests(TransferTestCase):
    """Two phones talk, and the server forgets everything but what was written down."""

    def restart(self) -> None:
        """Forget every call but what was written down, and restore them."""
        core = self.world.served.server.core
        for plain, record in self.forget():
            restore_call(core.calls, json.loads(plain), record)
        self.world.witness.crashed()

    def forget(self) -> list[tuple[str, CallRecord]]:
        """Write down every call, and make all that the server knows of them vanish."""
        core = self.world.served.server.core
        written = [
            (json.dumps(write_call(call)), CallRecord.from_plain(call.record.to_plain()))
            for call in core.calls.going.values()
        ]
        for call in list(core.calls.going.values()):
            for leg in call.legs:
                core.context.dialogs.remove(leg.dialog)
                leg.hear = lambda leg, word: None
                if leg.timer is not None:  # a process that is gone has no timers
                    leg.timer.stop()
        core.calls.going.clear()
        return written

    def test_everything_goes_on(self) -> None:
        """Hold, resume, UPDATE, INFO and BYE from both sides work as if nothing had happened."""
        for holder, other in ((self.alice, self.bob), (self.bob, self.alice)):
            self.call(self.alice, self.bob)
            self.goes_on(holder, other, self.restart)
        self.quiet()

    def test_refreshed(self) -> None:
        """The session timer goes on from where it was (RFC 4028)."""
        manners = Manners(answers_after=1.0, session_expires=90, refresher="uas")
        dave, erin = self.world.phones("dave", "erin", manners=manners)
        self.call(dave, erin)
        self.restart()
        self.world.run(400)
        self.insist(dave.talks_to(erin), "the call was lost")
        dave.hang_up()
        self.quiet()

    def test_transferred(self) -> None:
        """A restored call can be transferred, and one that was transferred be restored."""
        self.call(self.alice, self.bob)
        self.restart()
        self.bob.session.transfer("carol")
        self.world.run(6)
        self.only_talking(self.alice, self.carol)
        self.restart()
        self.carol.hold()
        self.world.run(2)
        self.carol.hang_up()
        self.quiet()

    def test_written_again(self) -> None:
        """What is written of the restored call is what was written of the first, hops and holds included."""
        fields = [("Max-Breadth", "9"), ("History-Info", "<sip:erin@pbx.example.com>;index=1")]
        alices = self.alice.dial("bob", fields=fields, max_forwards=7)
        self.world.run(3)
        alices.hold()
        self.world.run(1)
        ((text, record),) = self.forget()
        core = self.world.served.server.core
        call, legs, alone = restore_call(core.calls, json.loads(text), record)
        assert call is not None
        self.assertEqual((call.legs, alone), (legs, []))
        self.assertEqual((call.max_forwards, call.max_breadth), (6, 9))
        before, after = json.loads(text), write_call(call)
        for leg in (*before.pop("legs"), *after.pop("legs")):
            self.assertEqual(leg["party"][1] in ("alice", "bob"), True)
        self.assertEqual(json.dumps(after), json.dumps(before))
        self.world.witness.crashed()
        alices.hang_up()
        self.quiet()

    def test_one_record(self) -> None:
        """The record of a restored call is the one that was begun, and is closed once."""
        self.call(self.alice, self.bob)
        begun = next(iter(self.world.served.server.core.calls.going))
        self.restart()
        self.alice.hang_up()
        self.quiet()
        records = self.world.served.records
        self.assertEqual([(r.id, r.hung_up_by) for r in records], [(begun, "extension alice")])
        self.assertEqual(len(records[0].legs), 2)

    def test_only_when_talking(self) -> None:
        """A call that rings cannot be written down."""
        self.bob.manners.answers_after = None
        self.alice.dial("bob")
        self.world.run(1)
        (call,) = self.world.served.server.core.calls.going.values()
        self.assertFalse(is_settled(call))
        self.assertRaises(UsageError, write_call, call)
        self.alice.hang_up()
        self.quiet()

    def test_other_version(self) -> None:
        """What another version wrote, or is not whole, is one clear error, and nothing of it is there."""
        self.call(self.alice, self.bob)
        core = self.world.served.server.core
        ((text, record),) = self.forget()
        whole = json.loads(text)
        first, second = whole["legs"]
        for plain, why in (
            ({**whole, "version": 0}, "A call of version 0; only version 1 can be read"),
            ({}, "A call of version None; only version 1 can be read"),
            (
                {**whole, "legs": [first, {**second, "version": 9}]},
                "A leg of version 9; only version 1 can be",
            ),
            (without(whole, "private"), "A call that is not as version 1 writes it: KeyError: 'private'"),
            (
                {**whole, "identities": [{"x": 1}, None]},
                "A call that is not as version 1 writes it: TypeError",
            ),
            (
                {**whole, "legs": [first, without(second, "dialog")]},
                "A call that is not as version 1 writes it",
            ),
            (
                {**whole, "legs": [first, without(second, "party")]},
                "A call that is not as version 1 writes it",
            ),
            (
                {**whole, "legs": [first, without(second, "expires")]},
                "A leg that is not as version 1 writes it",
            ),
            ({**whole, "legs": [first]}, "A call that is not as version 1 writes it: ValueError"),
            ({**whole, "pair": [0, 2]}, "A call that is not as version 1 writes it: ValueError"),
            ({**whole, "legs": [first, first]}, "A leg that is in another call as well"),
        ):
            with self.subTest(why):
                error = self.assertRaises(UsageError, restore_call, core.calls, plain, record)
                self.assertTrue(str(error).startswith(why), error)
                self.assertEqual((len(core.calls.going), len(core.context.dialogs)), (0, 0))
        restore_call(core.calls, whole, record)
        self.world.witness.crashed()
        self.alice.hang_up()
        self.quiet()

    def test_what_is_written(self) -> None:
        """Whoever changes what is written sees here that VERSION has to change with it."""
        self.call(self.alice, self.bob)
        (call,) = self.world.served.server.core.calls.going.values()
        written = write_call(call)
        self.assertEqual((VERSION, " ".join(sorted(written))), (1, CALL))
        self.assertEqual((LEG_VERSION, " ".join(sorted(written["legs"][0]))), (1, LEG))
        self.alice.hang_up()
        self.quiet()
