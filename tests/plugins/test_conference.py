"""Conferences: who hears whom, PINs, moderators, personal rooms, and callers from outside."""

from __future__ import annotations

import gc
import inspect
from typing import Any, ClassVar

from twisted.internet.defer import Deferred

from b2bua.calls.operations.conversation import Conversation
from b2bua.features import FeaturesRefused
from b2bua.store.memory import MemoryStore
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.phone import Phone
from b2bua_plugins.attended_transfer import AttendedTransfer
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.conference import Conferences
from b2bua_plugins.transfer_policy import TransferPolicy

CARRIER = "198.51.100.7"


class ConferenceCase(LadderTestCase):
    """Alice, Bob and Carol have phones; so has somebody at a carrier."""

    more_features: ClassVar[tuple[Any, ...]] = ()

    def make_world(self) -> World:
        """A room, one with PINs, and personal ones."""
        settings: dict[str, Any] = {
            "conferences": {
                "800": {"most": 3},
                "801": {"personal": True},
                "802": {"pin": "4711", "moderator_pin": "4712"},
            },
            "trunks": {"carrier": {"uri": f"sip:{CARRIER}", "accept_from": [CARRIER]}},
            "routes": [{"match": r"\+.*", "trunk": "carrier"}],
        }
        features = [Conferences, BlindTransfer, AttendedTransfer, TransferPolicy, *self.more_features]
        return World(features=features, settings=settings, store=MemoryStore())

    def setUp(self) -> None:
        """Phones answer at once."""
        super().setUp()
        self.alice, self.bob, self.carol, self.dave = self.world.phones(
            "alice", "bob", "carol", "dave", manners=Manners(answers_after=0.5)
        )
        self.carrier = self.world.trunk("carrier", Manners(answers_after=0.5), host=CARRIER)

    def enter(self, *phones: Phone, room: str = "800", keys: str = "") -> None:
        """Let phones dial a room, one after the other."""
        for phone in phones:
            phone.dial(room)
            self.world.run(1)
            if keys:
                self.world.voice(phone).press(keys)
            self.world.run(5)

    def hear(self, **wanted: str) -> None:
        """Who hears whom."""
        phones = {"alice": self.alice, "bob": self.bob, "carol": self.carol, "dave": self.dave}
        found = {name: " ".join(sorted(self.world.meets(phones[name]))) for name in wanted}
        self.assertEqual(found, wanted)

    def press(self, phone: Phone, key: str) -> None:
        """Let somebody press a key."""
        self.world.voice(phone).press(key)
        self.world.run(3)

    def command(self, name: str, **arguments: Any) -> Any:
        """What an administrator types."""
        return self.successResultOf(self.world.command(name, **arguments))

    def refused(self, words: str, name: str, **arguments: Any) -> None:
        """What is typed makes no sense."""
        with self.assertRaisesRegex(ValueError, words):
            self.failureResultOf(self.world.command(name, **arguments)).raiseException()

    def over(self) -> None:
        """All hang up; nothing is left."""
        for phone in (self.alice, self.bob, self.carol, self.dave, self.carrier):
            for session in list(phone.live):
                session.hang_up()
        self.world.run(2)
        self.assertEqual(self.world.voices.open_voices, set())
        self.quiet()


class RoomTests(ConferenceCase):
    """Who is in a room."""

    def test_three(self) -> None:
        """Each hears the two others; a tone says that one comes."""
        self.enter(self.alice)
        self.assertEqual(self.world.voices.played, ["conference_alone", "tone"])
        self.enter(self.bob, self.carol)
        self.hear(alice="bob carol", bob="alice carol", carol="alice bob")
        self.over()

    def test_leaves(self) -> None:
        """Who hangs up is gone, and the others go on."""
        self.enter(self.alice, self.bob, self.carol)
        self.bob.hang_up()
        self.world.run(1)
        self.hear(alice="carol", carol="alice")
        self.over()

    def test_full(self) -> None:
        """There is room for so many; who comes then hears why, and is hung up."""
        self.enter(self.alice, self.bob, self.carol, self.dave)
        self.assertIn("conference_full", self.world.voices.played)
        self.assertEqual(self.dave.live, [])
        self.hear(alice="bob carol")
        self.over()

    def test_muted(self) -> None:
        """Key 1: nobody hears me, and back."""
        self.enter(self.alice, self.bob)
        self.press(self.alice, "1")
        self.hear(alice="bob", bob="")
        self.press(self.alice, "1")
        self.hear(alice="bob", bob="alice")
        self.over()

    def test_held(self) -> None:
        """Who holds the conference hears nothing, and is there again when they resume."""
        self.enter(self.alice, self.bob)
        self.alice.session.hold()
        self.world.run(1)
        self.assertEqual(self.world.meets(self.bob), set())
        self.alice.session.resume()
        self.world.run(1)
        self.hear(alice="bob", bob="alice")
        self.over()

    def test_worker_dies(self) -> None:
        """The worker that mixes is gone: another one goes on, for who is muted as well."""
        self.enter(self.alice, self.bob, self.carol)
        self.press(self.alice, "1")
        self.world.voices.lose()
        self.world.run(2)
        self.hear(alice="bob carol", bob="carol", carol="bob")
        self.over()

    def test_no_worker(self) -> None:
        """There is no other one: all are hung up, and the room is free again."""
        self.enter(self.alice, self.bob)
        self.world.voices.broken = True
        self.world.voices.lose()
        self.world.run(2)
        self.assertEqual((self.alice.live, self.bob.live), ([], []))
        self.world.voices.broken = False
        self.enter(self.alice, self.bob)
        self.hear(alice="bob", bob="alice")
        self.over()

    def test_all_at_once(self) -> None:
        """All hang up in the same moment."""
        self.enter(self.alice, self.bob, self.carol)
        self.over()
        self.assertEqual(self.command("conferences"), [])


class ModeratorTests(ConferenceCase):
    """PINs, and who may do what."""

    def test_pins(self) -> None:
        """Everybody needs a PIN; that of moderators opens as well."""
        self.enter(self.alice, room="802", keys="4711#")
        self.enter(self.bob, room="802", keys="4712#")
        self.hear(alice="bob", bob="alice")
        moderates = {row["who"]: row["moderates"] for row in self.command("conferences")}
        self.assertEqual(moderates, {"alice": False, "bob": True})
        self.over()

    def test_wrong_pins(self) -> None:
        """Who does not know it gets three tries a call and five in ten minutes."""
        self.carrier.dial("802")
        self.world.run(1)
        for _ in range(3):
            self.world.voice(self.carrier).press("1111#")
            self.world.run(3)
        self.assertEqual((self.carrier.live, self.world.voices.played.count("wrong")), ([], 3))
        self.over()

    def test_guessed(self) -> None:
        """Who guesses from outside shuts the room to others from there, and to no extension."""
        for phone in (self.carrier, self.carrier):
            self.enter(phone, room="802", keys="1111#")
            for _ in range(2):
                if phone.live:
                    self.press(phone, "1111#")
        self.world.run(5)
        self.enter(self.carrier, room="802", keys="4711#")
        self.assertEqual(self.command("conferences"), [])
        self.enter(self.alice, room="802", keys="4711#")
        self.assertEqual([row["who"] for row in self.command("conferences")], ["alice"])
        self.over()

    def test_locked(self) -> None:
        """Key 2 of a moderator locks; who comes hears so, and can come when it is open again."""
        self.enter(self.alice, self.bob)
        self.press(self.alice, "2")
        self.enter(self.carol)
        self.assertEqual((self.carol.live, self.world.voices.played[-1]), ([], "conference_locked"))
        self.press(self.alice, "2")
        self.enter(self.carol)
        self.hear(alice="bob carol")
        self.over()

    def test_all_leave_a_locked_room(self) -> None:
        """A room that everybody has left is open again, however they left."""
        self.enter(self.alice)
        self.press(self.alice, "2")
        self.alice.hang_up()
        self.world.run(1)
        self.enter(self.carol)
        self.assertEqual(len(self.carol.live), 1)
        self.over()

    def test_silenced(self) -> None:
        """Key 3: only the moderator is heard, and then all again; guests cannot."""
        self.enter(self.alice, self.bob)
        self.carrier.dial("800")
        self.world.run(5)
        self.press(self.carrier, "3")
        self.hear(alice="bob carrier", bob="alice carrier")
        self.press(self.alice, "3")
        self.hear(alice="", bob="alice")
        self.press(self.bob, "1")
        self.press(self.bob, "1")
        self.hear(alice="")
        self.press(self.alice, "3")
        self.hear(alice="bob carrier")
        self.over()

    def test_commands(self) -> None:
        """An administrator sees who is there, shows one out, and locks."""
        self.enter(self.alice, self.bob)
        self.assertEqual([row["who"] for row in self.command("conferences")], ["alice", "bob"])
        self.command("conference-kick", room="800", who="bob")
        self.command("conference-lock", room="800")
        self.world.run(3)
        self.assertEqual(self.bob.live, [])
        self.enter(self.bob)
        self.assertEqual((self.bob.live, self.world.voices.played[-1]), ([], "conference_locked"))
        self.over()

    def test_mute_command(self) -> None:
        """Somebody whom an administrator has muted cannot change that by a key."""
        self.enter(self.alice, self.bob)
        self.command("conference-mute", room="800", who="alice")
        self.hear(alice="bob", bob="")
        self.press(self.alice, "1")
        self.press(self.alice, "1")
        self.hear(bob="")
        self.command("conference-mute", room="800", who="alice", state="off")
        self.hear(alice="bob", bob="alice")
        self.refused("carol is not in 800", "conference-mute", room="800", who="carol")
        self.over()

    def test_commands_for_nobody(self) -> None:
        """Who is not there cannot be shown out."""
        self.refused("nobody is in 800", "conference-kick", room="800", who="bob")
        self.enter(self.alice)
        self.refused("bob is not in 800", "conference-kick", room="800", who="bob")
        self.over()


class PersonalTests(ConferenceCase):
    """Three by the key of a phone (the guide's network conference): the number, and two transfers to it."""

    def confer(self) -> None:
        """Alice talks to Bob and to somebody outside, and has them all confer."""
        for target in ("bob", "+4930123"):
            self.alice.dial(target)
            self.world.run(2)
            self.alice.session.hold()
            self.world.run(1)
        first, second = self.alice.live
        self.enter(self.alice, room="801")
        for session in (first, second):
            session.transfer("801")
            self.world.run(6)

    def test_three(self) -> None:
        """Blind transfer × conference: all whom an extension transfers are in its own room."""
        self.confer()
        self.hear(alice="bob carrier", bob="alice carrier")
        self.assertEqual(len(self.alice.live), 1)
        self.over()

    def test_owner_leaves(self) -> None:
        """Whoever opened the room may leave: the others go on."""
        self.confer()
        self.alice.hang_up()
        self.world.run(2)
        self.hear(bob="carrier")
        self.over()

    def test_only_outside(self) -> None:
        """When the last extension has left, callers from outside are hung up (toll fraud)."""
        self.confer()
        self.alice.hang_up()
        self.bob.hang_up()
        self.world.run(5)
        self.assertEqual(self.carrier.live, [])
        self.over()

    def test_own_rooms(self) -> None:
        """Two extensions that dial the number do not hear each other."""
        self.enter(self.alice, self.bob, room="801")
        self.hear(alice="", bob="")
        self.over()

    def test_from_outside(self) -> None:
        """A caller from outside has no room of its own."""
        self.carrier.dial("801")
        self.world.run(2)
        self.assertEqual(self.carrier.live, [])
        self.over()


class ReloadTests(ConferenceCase):
    """The configuration is read again while people confer."""

    def reload(self, **rooms: dict[str, Any]) -> None:
        """Read it, with other rooms if that is wanted."""
        assert self.world.served is not None
        self.world.served.document["conferences"] |= rooms
        self.world.reload()
        self.world.run(1)

    def test_one_room(self) -> None:
        """Who came before and who comes after are in one room: its places, its lamp, its list."""
        self.enter(self.alice, self.bob)
        self.reload()
        self.assertEqual([row["who"] for row in self.command("conferences")], ["alice", "bob"])
        self.enter(self.carol, self.dave)
        self.assertEqual(self.dave.live, [])
        self.hear(carol="alice bob")
        self.command("conference-kick", room="800", who="bob")
        self.world.run(2)
        self.assertEqual([row["who"] for row in self.command("conferences")], ["alice", "carol"])
        self.over()
        self.assertEqual(self.command("conferences"), [])

    def test_locked(self) -> None:
        """A room that is locked stays so, and is opened by the key of who has locked it."""
        self.enter(self.alice)
        self.press(self.alice, "2")
        self.reload()
        self.enter(self.bob)
        self.assertEqual(self.bob.live, [])
        self.press(self.alice, "2")
        self.enter(self.bob)
        self.hear(alice="bob")
        self.over()

    def test_outside(self) -> None:
        """Callers from outside stay while an extension is there, and no longer."""
        self.enter(self.alice, self.carrier)
        self.reload()
        self.enter(self.bob)
        self.alice.hang_up()
        self.world.run(3)
        self.hear(bob="carrier")
        self.bob.hang_up()
        self.world.run(3)
        self.assertEqual(self.carrier.live, [])
        self.over()

    def test_settings(self) -> None:
        """Its settings are those of now; of a room that is there no more those who are in it are the last."""
        self.enter(self.alice)
        self.reload(**{"800": {"most": 2}})
        self.enter(self.bob, self.carol)
        self.assertEqual(self.carol.live, [])
        assert self.world.served is not None
        del self.world.served.document["conferences"]["800"]
        self.reload()
        self.press(self.alice, "2")
        self.hear(alice="bob")
        self.enter(self.carol)
        self.assertEqual(self.carol.live, [])
        self.over()


class RestartTests(ConferenceCase):
    """The process ends while people confer."""

    def test_restart(self) -> None:
        """By a restart without loss they talk on, and who comes then is in another room."""
        self.enter(self.alice, self.bob, self.carrier)
        assert self.world.served is not None
        self.world.served.hand_over()
        self.enter(self.carol)
        self.assertEqual([row["who"] for row in self.command("conferences")], ["carol"])
        self.assertEqual([len(phone.live) for phone in (self.alice, self.bob, self.carrier)], [1, 1, 1])
        for phone in (self.alice, self.bob):
            phone.hang_up()
            self.world.run(2)
        self.assertEqual(self.carrier.live, [])
        self.carol.hang_up()
        self.world.run(2)
        self.quiet()

    def test_forgotten(self) -> None:
        """What is cleared away with a process that has died does not begin to wait for something else."""
        others = self.staying()
        self.enter(self.alice)
        self.enter(self.carol)
        here = [one for one in self.staying() if one not in others]
        self.assertEqual(len(here), 2)

        async def announce(talk: Conversation, path: str) -> None:
            await Deferred()  # a worker that has died with it

        self.patch(Conversation, "announce", announce)
        for one in here:
            one.close()  # or RuntimeError: coroutine ignored GeneratorExit
        assert self.world.served is not None
        self.world.served.crash()
        self.world.served.restart()
        self.world.run(40)
        self.assertEqual(self.alice.live, [])

    @staticmethod
    def staying() -> list[Any]:
        """What goes on for those who are in rooms."""
        coroutines = (one for one in gc.get_objects() if inspect.iscoroutine(one))
        return [one for one in coroutines if one.__qualname__ == "Conferences._take_part" and one.cr_await]

    def test_crash(self) -> None:
        """After a crash whoever was in the room is hung up, and it is empty."""
        self.enter(self.alice)
        assert self.world.served is not None
        self.world.served.crash()
        self.world.served.restart()
        self.world.run(40)
        self.assertEqual(self.alice.live, [])
        self.enter(self.carol)
        self.assertEqual([row["who"] for row in self.command("conferences")], ["carol"])
        self.over()


class ConfigurationTests(LadderTestCase):
    """What is refused at the start."""

    def refused(self, words: str, **room: object) -> None:
        """It is, with these words."""
        with self.assertRaisesRegex(FeaturesRefused, words):
            World(features=[Conferences], settings={"conferences": {"800": room}})

    def test_contradictions(self) -> None:
        """A personal room has no PIN, and the two PINs differ."""
        self.refused("a personal room has no PIN", personal=True, pin="4711")
        self.refused("pin and moderator_pin are the same", pin="4711", moderator_pin="4711")
