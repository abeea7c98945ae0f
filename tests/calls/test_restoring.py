"""An established call outlives its process: written down, thrown away, restored."""

from __future__ import annotations

import json

from b2bua.calls.restoring import can_be_written, restore_call, write_call
from b2bua.errors import UsageError
from b2bua.testing.manners import Manners
from tests.ladders.transfers import TransferTestCase


class RestoringTests(TransferTestCase):
    """Two phones talk, and the server forgets everything but what was written down."""

    def restart(self) -> None:
        """Write down every call, make all that the server knows of them vanish, and restore them."""
        core = self.world.served.server.core
        written = [json.dumps(write_call(call)) for call in core.calls.going.values()]
        for call in list(core.calls.going.values()):
            for leg in call.legs:
                core.context.dialogs.remove(leg.dialog)
                leg.hear = lambda leg, word: None
                self.stop_timer(leg)
        core.calls.going.clear()
        for plain in written:
            restore_call(core.calls, json.loads(plain))

    @staticmethod
    def stop_timer(leg: object) -> None:
        """A process that is gone has no timers."""
        timer = getattr(leg, "timer_run", None)
        if timer is not None:
            timer.stop()

    def test_everything_goes_on(self) -> None:
        """Hold, resume, UPDATE, INFO and BYE from both sides work as if nothing had happened."""
        for holder, other in ((self.alice, self.bob), (self.bob, self.alice)):
            self.call(self.alice, self.bob)
            self.restart()
            holder.hold()
            self.world.run(2)
            self.insist(self.world.talking() == {(holder.name, other.name)}, "no hold")
            self.restart()
            holder.resume()
            self.world.run(2)
            self.only_talking(self.alice, self.bob)
            other.session.update(offer=False)
            other.session.ask("INFO")
            self.world.run(2)
            other.hang_up()
            self.world.run(2)
            self.assertEqual(self.alice.live + self.bob.live, [])
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
        self.assertFalse(can_be_written(call))
        self.assertRaises(UsageError, write_call, call)
        self.alice.hang_up()
        self.quiet()

    def test_other_version(self) -> None:
        """What another version wrote is refused."""
        self.call(self.alice, self.bob)
        core = self.world.served.server.core
        (call,) = core.calls.going.values()
        plain = {**write_call(call), "version": 0}
        self.assertRaises(UsageError, restore_call, core.calls, plain)
        self.alice.hang_up()
        self.quiet()
