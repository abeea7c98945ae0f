"""
Complaints about lamps of other servers, by the name of their thread: what makes each impossible.

Some are shown where what makes them impossible is tested; here stands which.
"""

from __future__ import annotations

from importlib import import_module

from twisted.trial.unittest import SynchronousTestCase

from tests.ladders.lamps import LampCase

COMPLAINTS = {
    "OpenSIPS#380: one lost NOTIFY kills the lamp": (
        "tests.simulation.test_lamp_table.LampTableTests.test_talking"
    ),
    "freeswitch#3056: CSeq goes backwards after a restart": (
        "tests.ladders.test_busy_lamps.ReloadTests.test_crashed"
    ),
    "kamailio#3192: early overtakes terminated": "tests.ladders.test_lamp_lists.ProfileTests.test_own_ids",
    "kamailio#2906: one branch darkens the lamp": "tests.ladders.test_busy_lamps.CallTests.test_fork",
    "OpenSIPS#3802: ringing for ever": "tests.ladders.test_busy_lamps.CallTests.test_refused",
    "asterisk#2159: Poly stuck on a second call": "tests.ladders.test_busy_lamps.CallTests.test_two_calls",
    "linphone-desktop#1006: idle looks like unregistered": (
        "tests.ladders.test_busy_lamps.AbsenceTests.test_unregistered"
    ),
    "fusionpbx#2194: DND not on lamps": "tests.ladders.test_busy_lamps.AbsenceTests.test_do_not_disturb",
    "fusionpbx#5864: phones that toggle": "tests.ladders.test_feature_keys.BothWaysTests.test_no_ping_pong",
    "pocket-dial#203: a transfer to an orbit destroys the call": (
        "tests.plugins.test_park.ParkTests.test_transferred_and_taken"
    ),
    "FreePBX#1068: the slot is taken": "tests.plugins.test_park.ParkTests.test_taken_orbit",
    "fusionpbx#1193: messages dark after a reboot": (
        "tests.ladders.test_message_waiting.UnaskedTests.test_registered"
    ),
    "ivozprovider#14: SUBSCRIBE for messages, 404, for ever": (
        "tests.ladders.test_message_waiting.SubscribedTests.test_no_mailbox"
    ),
    "freeswitch#1532: a stale nonce, and a 401 that asks for nothing": (
        "tests.ladders.test_lamp_complaints.NonceTests.test_stale"
    ),
}
"""All but OpenSIPS#4193 (a line seized by everybody): there are no shared lines yet."""


class ComplaintTests(SynchronousTestCase):
    """The list."""

    def test_shown(self) -> None:
        """Each has a test that is there."""
        for complaint, test in COMPLAINTS.items():
            with self.subTest(complaint):
                module, case, name = test.rsplit(".", 2)
                self.assertTrue(callable(getattr(getattr(import_module(module), case), name)))


class NonceTests(LampCase):
    """Digest of a SUBSCRIBE."""

    def test_stale(self) -> None:
        """A SUBSCRIBE with a nonce of long ago is asked again, with a challenge (freeswitch#1532)."""
        watching = self.watch("bob")
        self.assertEqual(watching.code, 200)
        self.world.run(2 * 3600)
        again = self.wanda.watch("bob")
        self.world.run(1)
        self.assertEqual(again.code, 200)
        asked = [packet for packet in self.world.network.log if b"SIP/2.0 401" in packet.data]
        self.assertTrue(asked)
        for packet in asked:
            self.assertIn(b"WWW-Authenticate: Digest", packet.data)
