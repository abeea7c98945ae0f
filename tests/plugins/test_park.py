"""Parking: who waits at an orbit, who takes it, and what becomes of it when nobody does."""

from __future__ import annotations

from typing import Any

from b2bua.testing import World
from b2bua.testing.phone import Phone
from b2bua_plugins._sounds import sound
from b2bua_plugins.attended_transfer import AttendedTransfer
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.busy_lamps import BusyLamps
from b2bua_plugins.do_not_disturb import DoNotDisturb
from b2bua_plugins.forward import CallForward
from b2bua_plugins.music_on_hold import MusicOnHold
from b2bua_plugins.park import Park
from tests.ladders.lamps import dialogs, shown
from tests.ladders.transfers import TransferTestCase

LOT: dict[str, Any] = {"orbits": "701-702", "next_free": "700", "seconds": 20, "ring_seconds": 5}
FEATURES = (Park, DoNotDisturb, CallForward, BlindTransfer, AttendedTransfer)


class ParkCase(TransferTestCase):
    """Alice, Bob and Carol, and two orbits."""

    park = LOT

    def make_world(self) -> World:
        """A world with orbits."""
        return World(features=FEATURES, settings={"park": self.park})

    def parked(self) -> list[tuple[str, str]]:
        """Who is parked where, as the command says."""
        rows = self.successResultOf(self.world.command("parked"))
        return [(row["orbit"], row["number"]) for row in rows]

    def transfer(self, by: Phone, to: str) -> None:
        """Transfer the other one."""
        by.live[0].transfer(to)
        self.world.run(3)

    def park_alice(self, to: str = "701") -> None:
        """Alice calls Bob, who transfers her to an orbit."""
        self.call(self.alice, self.bob)
        self.transfer(self.bob, to)
        self.assertEqual([len(phone.live) for phone in (self.alice, self.bob)], [1, 0], self.world.ladder())

    def everybody_leaves(self) -> None:
        """All hang up, and nothing is left."""
        for phone in (self.alice, self.bob, self.carol):
            for session in list(phone.live):
                session.hang_up()
        self.world.run(4)
        self.assertEqual(self.parked(), [])
        self.quiet()


class ParkTests(ParkCase):
    """By transfer, by dialling, by code."""

    def test_transferred_and_taken(self) -> None:
        """A transfer to a free orbit parks; who dials the orbit takes the call (RFC 5359 section 2.17)."""
        self.park_alice()
        self.assertEqual(self.parked(), [("701", "alice")])
        self.carol.dial("701")
        self.world.run(2)
        self.only_talking(self.alice, self.carol)
        self.assertEqual(self.parked(), [])
        self.everybody_leaves()

    def test_taken_orbit(self) -> None:
        """Park × transfer: a transfer to a taken orbit is refused, and the call goes on (FreePBX#1068)."""
        self.park_alice()
        self.call(self.carol, self.bob)
        self.transfer(self.bob, "701")
        self.insist(self.carol.talks_to(self.bob), "they do not talk any more")
        self.assertEqual(self.parked(), [("701", "alice")])
        self.everybody_leaves()

    def test_dialled_with_a_call_on_hold(self) -> None:
        """Who dials a free orbit with one call on hold parks that one, and reads where."""
        self.call(self.alice, self.bob)
        self.bob.hold()
        self.world.run(1)
        self.bob.inbox.clear()
        self.bob.dial("701")
        self.world.run(1)
        shown = [one.display for got in self.bob.inbox for one in got.message.asserted]
        self.assertIn("Parked at 701", shown)
        self.world.run(6)
        self.assertEqual(self.parked(), [("701", "alice")])
        self.assertEqual(self.bob.live, [])
        self.everybody_leaves()

    def test_nothing_to_park(self) -> None:
        """Who dials a free orbit with no call on hold hears 404."""
        session = self.bob.dial("701")
        self.world.run(1)
        self.assertEqual(session.code, 404)
        self.everybody_leaves()

    def test_next_free(self) -> None:
        """The next free orbit is one where nobody waits; with all taken it is 486, and the call goes on."""
        self.park_alice("700")
        self.call(self.carol, self.bob)
        self.transfer(self.bob, "700")
        self.assertEqual(self.parked(), [("701", "alice"), ("702", "carol")])
        [dave] = self.world.phones("dave", manners=self.alice.manners)
        self.call(dave, self.bob)
        self.transfer(self.bob, "700")
        self.insist(dave.talks_to(self.bob), "they do not talk any more")
        dave.hang_up()
        self.everybody_leaves()

    def test_code(self) -> None:
        """*68102 parks the call on hold at 102, and *88102 takes it."""
        self.call(self.alice, self.bob)
        self.bob.hold()
        self.world.run(1)
        self.bob.dial("*68carol")
        self.world.run(7)
        self.assertEqual(self.parked(), [("carol", "alice")])
        self.carol.dial("*88")
        self.world.run(2)
        self.only_talking(self.alice, self.carol)
        self.everybody_leaves()

    def test_transferred_to_the_code(self) -> None:
        """A transfer to the code parks as well; without a number, at one's own extension."""
        self.park_alice("*68")
        self.assertEqual(self.parked(), [("bob", "alice")])
        session = self.carol.dial("*88dave")
        self.world.run(2)
        self.assertEqual(session.code, 404)
        self.carol.dial("*88bob")
        self.world.run(2)
        self.only_talking(self.alice, self.carol)
        self.everybody_leaves()

    def test_hung_up(self) -> None:
        """Who hangs up at an orbit leaves it free."""
        self.park_alice()
        self.alice.hang_up()
        self.world.run(1)
        self.everybody_leaves()

    def test_forward_to_an_orbit(self) -> None:
        """Park × forward: a forward to an orbit is refused, since it would park whom nobody has talked to."""
        self.bob.dial("*72701")
        self.world.run(6)
        session = self.alice.dial("bob")
        self.world.run(2)
        self.assertEqual(session.code, 403)
        self.everybody_leaves()


class RecallTests(ParkCase):
    """Nobody comes."""

    def test_parker_is_rung(self) -> None:
        """When the time is over who parked is rung, and sees from where and who it is."""
        self.park_alice()
        self.world.run(21)
        invites = [got.message for got in self.bob.inbox if got.message.cseq.method == "INVITE"]
        self.assertIn("701: Alice", [invite.from_.display for invite in invites])
        self.only_talking(self.alice, self.bob)
        self.everybody_leaves()

    def test_taken_while_the_parker_rings(self) -> None:
        """While who parked is rung the orbit can still be dialled, and is not free, after a reload too."""
        self.park_alice()
        self.bob.manners.answers_after = None
        self.world.run(19)
        self.world.reload()
        self.carol.dial("701")
        self.world.run(2)
        self.only_talking(self.alice, self.carol)
        self.world.run(1)
        self.assertEqual(self.bob.live, [])
        self.everybody_leaves()

    def test_never_dropped(self) -> None:
        """With nobody there the call goes back to its orbit, again and again."""
        self.park_alice()
        self.bob.manners.answers_after = None
        self.world.run(27)
        self.assertEqual(self.parked(), [("701", "alice")])
        self.bob.manners.refuses = 486
        self.world.run(100)
        self.assertEqual([session.state for session in self.alice.live], ["up"])
        self.carol.dial("701")
        self.world.run(2)
        self.only_talking(self.alice, self.carol)
        self.everybody_leaves()

    def test_parker_forwards(self) -> None:
        """Park × forward: who parked and forwards is rung where that forward leads."""
        self.park_alice()
        self.bob.dial("*72carol")
        self.world.run(24)
        self.only_talking(self.alice, self.carol)
        self.everybody_leaves()

    def test_parker_takes_no_calls(self) -> None:
        """Park × do not disturb: who parked and wants no calls is not rung, and the call stays parked."""
        self.park_alice()
        self.bob.dial("*78")
        self.world.run(30)
        self.assertEqual(self.parked(), [("701", "alice")])
        self.assertEqual(self.bob.live, [])
        self.everybody_leaves()


class OperatorTests(ParkCase):
    """There is somebody who is rung after the parker."""

    park = LOT | {"otherwise": "carol"}

    def test_operator(self) -> None:
        """With who parked away the operator is rung."""
        self.park_alice()
        self.bob.manners.refuses = 486
        self.world.run(22)
        self.only_talking(self.alice, self.carol)
        self.everybody_leaves()

    def test_dialled_by_hand(self) -> None:
        """What rings who parked is no number for people."""
        session = self.carol.dial("sip:recall%7C701%7Calice@pbx.example.com")
        self.world.run(2)
        self.assertEqual(session.code, 404)
        self.everybody_leaves()


class KeyTests(ParkCase):
    """A way out for who is parked."""

    def make_world(self) -> World:
        """With a prompt and music."""
        own = {"key": "0", "prompt": sound("en", "parked")}
        return World(features=(MusicOnHold, *FEATURES), settings={"park": LOT | own, "music_on_hold": {}})

    def test_music(self) -> None:
        """Park × music on hold: who is parked hears which key to press, and then music."""
        self.park_alice()
        self.assertEqual(self.world.voices.played[-2:], ["parked", "music"])
        self.assertEqual(self.world.hears(self.alice), "music")
        self.everybody_leaves()

    def test_key(self) -> None:
        """The key has who parked rung at once; other keys do nothing."""
        self.park_alice()
        self.world.voice(self.alice).press("1")
        self.world.run(2)
        self.assertEqual(self.parked(), [("701", "alice")])
        self.world.voice(self.alice).press("0")
        self.world.run(3)
        self.assertTrue(self.alice.talks_to(self.bob))
        self.everybody_leaves()

    def test_taken_meanwhile(self) -> None:
        """Who takes the call talks at once, and the voice is gone."""
        self.park_alice()
        self.carol.dial("701")
        self.world.run(2)
        self.assertTrue(self.alice.talks_to(self.carol))
        self.assertEqual(self.world.voices.open_voices, set())
        self.everybody_leaves()


class SettingsTests(TransferTestCase):
    """What is wrong is said at start."""

    def refused(self, **table: Any) -> str:
        """What the operator reads."""
        with self.assertRaises(Exception) as caught:
            World(features=[Park], settings={"park": table})
        return str(caught.exception)

    def test_overlap(self) -> None:
        """Orbits are no extensions."""
        text = self.refused(orbits="701-720", next_free="alice")
        self.assertIn("park.next_free: alice is an extension already", text)

    def test_ranges(self) -> None:
        """A range that is none is named."""
        for orbits in ("701-", "720-701", "1-100000000", "a", "", "7-10"):
            with self.subTest(orbits):
                self.assertIn("park.orbits", self.refused(orbits=orbits))

    def test_prompt_without_key(self) -> None:
        """A prompt says which key to press, so there has to be one."""
        text = self.refused(orbits="701", prompt=sound("en", "parked"))
        self.assertIn("[park] prompt says which key to press; set key as well", text)

    def test_no_prompt(self) -> None:
        """One that cannot be played would have everybody ring at once who is parked."""
        text = self.refused(orbits="701", key="0", prompt="/nowhere.wav")
        self.assertIn("[park] prompt: there is no file /nowhere.wav", text)


class LampTests(ParkCase):
    """Orbits and extensions with somebody parked have lamps."""

    def make_world(self) -> World:
        """A world with orbits and lamps."""
        return World(features=(*FEATURES, BusyLamps), settings={"park": self.park})

    def test_orbit(self) -> None:
        """Park × busy lamps: an orbit is idle when it is free, and busy with who is parked there."""
        watching = self.carol.watch("701")
        self.world.run(1)
        self.assertEqual(shown(watching.body), "idle")
        self.park_alice()
        [dialog] = dialogs(watching.body)
        self.assertEqual((dialog["state"], dialog["remote-display"]), ("confirmed", "Alice"))
        self.carol.dial("701")
        self.world.run(2)
        self.assertEqual(shown(watching.body), "idle")
        self.everybody_leaves()

    def test_extension(self) -> None:
        """Who is parked against an extension stands in its document, and its lamp stays as it is."""
        watching = self.carol.watch("bob")
        self.park_alice("*68")
        self.assertEqual(shown(watching.body), "idle")
        self.assertIn(b'<parked><identity display="Alice">', watching.body)
        self.alice.hang_up()
        self.world.run(1)
        self.assertNotIn(b"callpark", watching.body)
        self.everybody_leaves()
