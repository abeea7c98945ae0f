"""
Complaints about lamps of other servers, by the name of their thread: what makes each impossible.

Some are shown where what makes them impossible is tested; here stands which.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.watching import Watching
from tests.ladders.lamps import LampCase, shown

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
    "OpenSIPS#4193: a line seized by everybody": (
        "tests.plugins.test_shared_lines.DialledTests.test_second_seize"
    ),
}
"""The fifteen that desk-phone users make most."""
OTHERS = {
    "OpenSIPS#1578: a held call that no other phone can take": (
        "tests.plugins.test_shared_lines.HoldTests.test_taken"
    ),
    "freeswitch#1110: a 481 that is ignored": "tests.ladders.test_subscriptions.NotifyTests.test_refused",
    "asterisk#793: expired subscriptions that stay": (
        "tests.ladders.test_subscriptions.RefreshTests.test_expired"
    ),
    "SIP.js#366: a NOTIFY before the 200": "tests.ladders.test_subscriptions.SubscribeTests.test_subscribed",
    "mikopbx/Core#1059: the line in To only": (
        "tests.ladders.test_subscriptions.SubscribeTests.test_user_in_to"
    ),
    "Zoiper: no last NOTIFY after an unsubscribe": (
        "tests.ladders.test_subscriptions.RefreshTests.test_unsubscribed"
    ),
    "Linphone crashes on lists": "tests.ladders.test_lamp_lists.ListTests.test_linphone",
    "SPA962 crashes on several dialogs": "tests.ladders.test_lamp_lists.ProfileTests.test_spa",
    "NethServer#8122: lamps seconds late": "tests.ladders.test_lamp_complaints.LateTests.test_late",
}
"""More of them."""
BAD = {
    "a line of somebody else": "tests.plugins.test_shared_lines.BadTests.test_others",
    "the lamp of who may not be watched": "tests.ladders.test_busy_lamps.PermissionTests.test_watched_by",
    "the mailbox of somebody else": "tests.ladders.test_message_waiting.SubscribedTests.test_others",
    "the keys of somebody else": "tests.ladders.test_feature_keys.BadTests.test_others",
    "an event that nobody serves": "tests.ladders.test_subscriptions.SubscribeTests.test_unknown_event",
    "a body that nobody reads": "tests.ladders.test_subscriptions.CommandTests.test_unknown_type",
    "a body that is too large": "tests.ladders.test_subscriptions.CommandTests.test_too_large",
    "XML that is broken, deep, long, or has entities": "tests.wire.test_xml.ReadTests.test_refused",
    "such a command of a phone": "tests.ladders.test_feature_keys.BadTests.test_bodies",
    "such a document of another server": "tests.ladders.test_remote_lamps.ToldTests.test_bad",
    "such a document that is published": "tests.subscriptions.test_publications.BadTests.test_bodies",
    "a NOTIFY with no subscription": "tests.ladders.test_message_waiting.CarrierTests.test_phone",
    "a NOTIFY of a stranger": "tests.subscriptions.test_subscriber.NotifyTests.test_from_elsewhere",
    "too many subscriptions of one": "tests.ladders.test_subscriptions.LimitTests.test_per_extension",
    "too many in all": "tests.ladders.test_subscriptions.LimitTests.test_total",
    "a refresh of a stranger": "tests.ladders.test_subscriptions.RefreshTests.test_spoofed",
    "a phone without a password": "tests.ladders.test_subscriptions.SubscribeTests.test_wrong_password",
}
"""What nobody ought to send, and where it is refused."""


class ComplaintTests(SynchronousTestCase):
    """The list."""

    def test_shown(self) -> None:
        """Each has a test that is there."""
        self.assertEqual(len(COMPLAINTS), 15)
        for complaint, test in {**COMPLAINTS, **OTHERS, **BAD}.items():
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


class LateTests(LampCase):
    """How soon a lamp is right."""

    def test_late(self) -> None:
        """Each change is on the wire within 100 ms (NethServer#8122)."""
        watching = self.watch("bob")
        deeds: tuple[tuple[str, Callable[[], object]], ...] = (
            ("ringing", partial(self.alice.dial, "bob")),
            ("talking", lambda: self.bob.answer()),
            ("held", lambda: self.bob.hold()),
            ("talking", lambda: self.bob.resume()),
            ("idle", lambda: self.alice.hang_up()),
        )
        for word, deed in deeds:
            began = self.world.clock.seconds()
            deed()
            self.world.run_until(partial(self.shows, watching, word), 2)
            log = reversed(self.world.network.log)
            told = next(packet.at for packet in log if b"Event: dialog" in packet.data)
            self.assertLess(told - began, 0.1 + 4 * self.world.network.link.delay, word)
            self.world.run(0.5)

    def shows(self, watching: Watching, word: str) -> bool:
        """Does the lamp show it?"""
        return shown(watching.body) == word
