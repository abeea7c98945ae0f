"""Pages: what is said into one phone is heard from many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from b2bua.features import Features, FeaturesRefused
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.wire.message import Request
from b2bua_plugins.paging import Paging

PAGE: dict[str, Any] = {"name": "Hall", "members": ["alice", "bob", "carol", "dave"], "seconds": 20}
CARRIER = "198.51.100.7"


class PageCase(LadderTestCase):
    """Alice pages; Bob's, Carol's and Dave's phones answer by themselves."""

    def start(self, page: dict[str, Any] | None = None, **tables: Any) -> None:
        """A world with one page."""
        trunk = {"uri": f"sip:{CARRIER}", "accept_from": [CARRIER]}
        settings = {"pages": {"650": PAGE | (page or {})}, "trunks": {"carrier": trunk}} | tables
        self.world = World(features="installed", settings=settings)
        self.alice, self.bob, self.carol, self.dave = self.world.phones(
            "alice", "bob", "carol", "dave", manners=Manners(answers_after=0.2)
        )
        self.carrier = self.world.trunk("carrier", Manners(), host=CARRIER)

    def say(self, seconds: float = 5) -> None:
        """Alice speaks, and hangs up."""
        self.alice.dial("650")
        self.world.run(2 + seconds)
        recorded = self.world.voice(self.alice).recorded
        assert recorded is not None
        Path(recorded.path).write_bytes(b"")
        self.alice.hang_up()
        self.world.run(1)

    def heard(self) -> list[str]:
        """Whose phones have been called."""
        return [phone.name for phone in (self.bob, self.carol, self.dave) if phone.live]

    def end(self) -> None:
        """All is over after a while, and nothing is left."""
        self.world.run(90)
        self.assertEqual(self.heard(), [])
        self.quiet()


class LiveTests(PageCase):
    """An announcement that is heard as it is spoken."""

    def meet(self) -> dict[str, set[str]]:
        """Who hears whom."""
        phones = (self.alice, self.bob, self.carol, self.dave)
        return {phone.name: self.world.meets(phone) for phone in phones if phone.live}

    def test_heard(self) -> None:
        """All members hear who pages, and nobody hears them; it ends for all when that one hangs up."""
        self.start()
        self.alice.dial("650")
        self.world.run(8)
        hears = {"alice"}
        self.assertEqual(self.meet(), {"alice": set(), "bob": hears, "carol": hears, "dave": hears})
        self.assertEqual(self.world.voices.played.count("tone"), 4)
        self.alice.hang_up()
        self.world.run(1)
        self.end()

    def test_key(self) -> None:
        """The hash key ends it, too."""
        self.start()
        self.alice.dial("650")
        self.world.run(8)
        self.world.voice(self.alice).press("#")
        self.world.run(1)
        self.assertEqual(self.alice.live, [])
        self.end()

    def test_too_long(self) -> None:
        """After so many seconds it is over."""
        self.start({"seconds": 3})
        self.alice.dial("650")
        self.world.run(10)
        self.assertEqual(self.alice.live, [])
        self.end()

    def test_one_is_late(self) -> None:
        """Nobody waits for long for a phone that is answered by hand; it hears the rest."""
        self.start({"ring_seconds": 10})
        self.dave.manners.answers_after = 7
        self.alice.dial("650")
        self.world.run(5)
        self.assertEqual(self.world.meets(self.bob), {"alice"})
        self.world.run(5)
        self.assertEqual(self.world.meets(self.dave), {"alice"})
        self.alice.hang_up()
        self.world.run(1)
        self.end()

    def test_reload(self) -> None:
        """Who answers after a reload hears what is being spoken, and nothing of another page."""
        self.start({"ring_seconds": 10})
        self.dave.manners.answers_after = 7
        self.alice.dial("650")
        self.world.run(5)
        self.world.reload()
        self.world.run(5)
        self.assertEqual(self.world.meets(self.dave), {"alice"})
        self.bob.hang_up()
        self.carol.hang_up()
        self.world.run(1)
        self.carol.dial("650")
        self.world.run(10)
        self.assertEqual((self.world.meets(self.bob), self.world.meets(self.dave)), ({"carol"}, {"alice"}))
        for phone in (self.alice, self.carol):
            for session in list(phone.live):
                session.hang_up()
        self.world.run(1)
        self.end()

    def test_member_leaves(self) -> None:
        """A member that hangs up hears no more; the others do."""
        self.start()
        self.alice.dial("650")
        self.world.run(8)
        self.bob.hang_up()
        self.world.run(1)
        self.assertEqual(self.meet(), {"alice": set(), "carol": {"alice"}, "dave": {"alice"}})
        self.alice.hang_up()
        self.world.run(1)
        self.end()

    def test_gives_up(self) -> None:
        """Who hangs up while the phones ring has said nothing, and they ring no more."""
        self.start()
        for phone in (self.bob, self.carol, self.dave):
            phone.manners.answers_after = None
        self.alice.dial("650")
        self.world.run(2)
        self.assertEqual((self.heard(), self.world.hears(self.alice)), (["bob", "carol", "dave"], "ringing"))
        self.alice.hang_up()
        self.world.run(1)
        self.end()

    def test_nobody(self) -> None:
        """Nobody is there: who pages hears so."""
        self.start()
        for phone in (self.bob, self.carol, self.dave):
            phone.unregister()
        self.alice.dial("650")
        self.world.run(2)
        self.assertEqual(self.world.hears(self.alice), "nobody")
        self.world.run(5)
        self.assertEqual(self.alice.live, [])
        self.end()

    def test_worker_dies(self) -> None:
        """The worker that mixes is gone: another one goes on."""
        self.start()
        self.alice.dial("650")
        self.world.run(8)
        self.world.voices.lose()
        self.world.run(1)
        self.assertEqual(self.meet(), {key: {"alice"} for key in ("bob", "carol", "dave")} | {"alice": set()})
        self.alice.hang_up()
        self.world.run(1)
        self.end()

    def test_asked(self) -> None:
        """Phones are asked to answer by themselves, and show what it is."""
        self.start()
        self.alice.dial("650")
        self.world.run(8)
        requests = [got.message for got in self.bob.inbox if isinstance(got.message, Request)]
        invite, *_ = [request for request in requests if request.method == "INVITE"]
        self.assertEqual((invite.from_.display, invite.get("Answer-Mode")), ("Hall", "Auto"))
        self.alice.hang_up()
        self.end()


class RecordedTests(PageCase):
    """An announcement that is recorded first."""

    def start(self, page: dict[str, Any] | None = None, **tables: Any) -> None:
        """The page is recorded."""
        super().start({"recorded": True} | (page or {}), **tables)

    def test_recorded_during_a_reload(self) -> None:
        """What is being recorded during a reload is heard after it; so is what was recorded just before."""
        self.start()
        self.alice.dial("650")
        self.world.run(4)
        self.world.reload()
        self.world.run(1)
        recorded = self.world.voice(self.alice).recorded
        assert recorded is not None
        Path(recorded.path).write_bytes(b"")
        self.alice.hang_up()
        self.world.run(0.1)
        self.world.reload()
        self.world.run(1)
        self.assertEqual(self.heard(), ["bob", "carol", "dave"])
        self.assertEqual(self.world.hears(self.bob), "tone")
        self.world.run(3600)
        self.assertFalse(Path(recorded.path).parent.exists())
        self.end()

    def test_heard(self) -> None:
        """All members hear the tone and what was said, and are hung up; it is kept nowhere."""
        self.start()
        self.say()
        self.assertEqual(self.heard(), ["bob", "carol", "dave"])
        self.assertEqual(self.world.hears(self.bob), "tone")
        self.world.run(60)
        self.assertEqual(self.world.voices.played.count("said"), 3)
        self.assertEqual(self.heard(), [])
        [path] = self.world.voices.recordings
        self.world.run(30)
        self.assertFalse(Path(path).parent.exists())
        self.end()

    def test_asked(self) -> None:
        """Phones are asked to answer by themselves, and show what it is."""
        self.start()
        self.say()
        requests = [got.message for got in self.bob.inbox if isinstance(got.message, Request)]
        invite, *_ = [request for request in requests if request.method == "INVITE"]
        self.assertEqual(invite.from_.display, "Hall")
        self.assertEqual(invite.get("Answer-Mode"), "Auto")
        self.assertIn("auto-answer", (invite.get("Alert-Info") or "").replace("autoanswer", "auto-answer"))
        self.end()

    def test_left_out(self) -> None:
        """Who is in a call, wants no calls, or is not there is left alone."""
        self.start()
        self.bob.dial("*78")
        self.world.run(6)
        self.dave.unregister()
        self.say()
        self.assertEqual(self.heard(), ["carol"])
        self.end()

    def test_in_a_call(self) -> None:
        """A call goes on undisturbed."""
        self.start()
        self.bob.dial("carol")
        self.world.run(2)
        self.say()
        self.assertTrue(self.bob.talks_to(self.carol))
        self.assertEqual([len(self.bob.live), len(self.carol.live), len(self.dave.live)], [1, 1, 1])
        self.bob.hang_up()
        self.end()

    def test_says_nothing(self) -> None:
        """Who hangs up before the tone is over has said nothing, and nobody is called."""
        self.start()
        self.alice.dial("650")
        self.world.run(0.2)
        self.alice.hang_up()
        self.world.run(2)
        self.assertEqual(self.heard(), [])
        self.end()

    def test_no_voice(self) -> None:
        """Without a voice of the server a page is refused."""
        self.start()
        served = self.world.served
        assert served is not None
        served.server.core.calls.voices = None
        session = self.alice.dial("650")
        self.world.run(2)
        self.assertEqual(session.code, 480)
        self.end()


class RefusedTests(PageCase):
    """Who may not page."""

    def test_callers(self) -> None:
        """Only those who are listed, and nobody from outside."""
        self.start({"callers": ["bob"]})
        for caller in (self.alice, self.carrier):
            session = caller.dial("650")
            self.world.run(2)
            self.assertEqual(session.code, 403)
        self.end()

    def test_forward(self) -> None:
        """Page × forward: a forward to a page speaks to nobody."""
        self.start()
        self.bob.dial("*72650")
        self.world.run(6)
        session = self.alice.dial("bob")
        self.world.run(2)
        self.assertEqual(session.code, 403)
        self.end()

    def test_transfer(self) -> None:
        """Page × transfer: nobody is put before all members by a transfer; the call goes on."""
        self.start()
        self.carol.dial("bob")
        self.world.run(2)
        self.bob.live[0].transfer("650")
        self.world.run(2)
        self.assertTrue(self.carol.talks_to(self.bob))
        self.bob.hang_up()
        self.end()

    def test_by_hand(self) -> None:
        """What members are connected to cannot be dialled."""
        self.start()
        self.alice.dial("650")
        self.world.run(5)
        session = self.carrier.dial("page|650|1")
        self.world.run(1)
        self.assertIn(session.code, (403, 404, 603))
        self.alice.hang_up()
        self.end()

    def test_bad(self) -> None:
        """Numbers that are somebody's, and members who are not there, are refused at start."""
        for page, text in (
            ({"102": {"members": ["102"]}}, "pages.102: 102 is an extension already"),
            ({"650": {"members": ["x"]}}, "[pages.650] members: there is no extension x"),
            ({"650": {"members": ["102"], "callers": ["x"]}}, "[pages.650] callers: there is no extension x"),
            ({"650": {"members": []}}, "pages.650.members"),
        ):
            document = {"extensions": {"102": {}}, "pages": page}
            refused = self.assertRaises(FeaturesRefused, Features.of, Paging, document=document)
            self.assertIn(text, str(refused))
