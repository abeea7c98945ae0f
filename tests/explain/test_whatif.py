"""What a call would do: played, and told."""

from __future__ import annotations

import copy
import gc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls import Forward
from b2bua.explain.compare import HOURS_MAX, differences, hours_left_out, matrix
from b2bua.explain.scene import Behaviour, Scene, plays_alike, with_changes
from b2bua.explain.telling import tell, tell_difference
from b2bua.explain.unused import unused
from b2bua.explain.whatif import Answer, Question, ask
from b2bua.features.dispatch import TooLate
from b2bua.settings import SettingsError

EVENING = datetime(2026, 12, 24, 19, 30, tzinfo=UTC)


def office() -> dict[str, Any]:
    """An office: forwards, a group in sequence, a carrier."""
    return {
        "server": {
            "domain": "pbx.example.com",
            "listen": ["sip:203.0.113.1:5060"],
            "database": "sqlite:///x.db",
        },
        "tls": {"certificate": "/nowhere/cert.pem", "key": "/nowhere/key.pem"},
        "extensions": {
            "101": {"name": "Reception", "password": "secret"},
            "102": {
                "name": "Office",
                "ha1": {"MD5": "0" * 32},
                "forward": {"busy": "103", "no_answer": "0301234567"},
            },
            "103": {"name": "Workshop", "password": "secret", "may_dial": ["extensions"]},
        },
        "ring_groups": {"600": {"members": ["101", "102"], "mode": "sequential", "otherwise": "103"}},
        "trunks": {
            "carrier": {
                "uri": "sip:sip.carrier.example",
                "accept_from": ["198.51.100.0/24"],
                "register": True,
                "username": "u",
                "password": "p",
            }
        },
        "routes": [{"match": "0\\d{6,}", "trunk": "carrier", "strip": 1, "prepend": "+49"}],
    }


NEVER = 1024 * b"\0"
"""Stands for a message, or a recording, that nobody must lose."""
SOUND = Path(__file__).resolve().parents[2] / "plugins" / "sounds" / "music" / "music.wav"


class WhatIfTests(SynchronousTestCase):
    """One call."""

    def asked(
        self, caller: str, dialled: str, *, via: str = "", then: tuple[str, ...] = (), **behaviours: Behaviour
    ) -> Answer:
        """Ask; extensions stand with an underscore before them."""
        those = {name.removeprefix("_"): behaviour for name, behaviour in behaviours.items()}
        question = Question(caller, dialled, EVENING, via, behaviours=those, then=then)
        answer = ask(office(), question).run()
        self.assertEqual(answer.problems, [])
        return answer

    def assertComplains(self, text: str, question: Question) -> None:
        """Insist on one line that says what is wrong with a question."""
        self.assertIn(text, str(self.assertRaises(SettingsError, ask, office(), question)))

    def test_plain(self) -> None:
        """A call that is answered: who rang, what was seen there, and when."""
        answer = self.asked("101", "102")
        (node,) = answer.targets
        (ring,) = node.rings
        self.assertEqual((ring.where, ring.sees, node.answered), ("extension 102", "Reception <101>", True))
        self.assertEqual((answer.answered_by, answer.ending), ("extension 102", "answered"))

    def test_forward_on_busy(self) -> None:
        """The feature that answered, its words, and the table that made it say so."""
        (node,) = self.asked("101", "102", _102="busy").targets
        (decision,) = node.decisions
        self.assertEqual(
            (decision.feature, decision.said, decision.settings),
            ("forward", "Forward(to='103', why=user-busy)", ["[extensions.102.forward]"]),
        )
        self.assertEqual([below.number for below in node.targets], ["103"])

    def test_forward_to_the_world(self) -> None:
        """A forward over a trunk: from which second, the number as the carrier is told, the route."""
        answer = self.asked("0171555", "102", via="carrier", _102="no answer")
        (node,) = answer.targets
        (below,) = node.targets
        (ring,) = below.rings
        self.assertEqual((ring.where, ring.number, round(ring.at)), ("trunk carrier", "+49301234567", 20))
        self.assertEqual((below.settings, node.outcome), (["routes[0]"], "no answer"))

    def test_group(self) -> None:
        """The members of a group stand below it, each with its seconds and its end."""
        answer = self.asked("103", "600", _101="busy", _102="no answer")
        (node,) = answer.targets
        ends = [(below.number, below.outcome) for below in node.targets]
        self.assertEqual(ends[:2], [("101", "busy (486 Busy Here)"), ("102", "no answer")])

    def test_forbidden(self) -> None:
        """Who may not dial is told so."""
        answer = self.asked("103", "0301234567")
        self.assertEqual((answer.ending, answer.targets[0].outcome.split()[0]), ("declined", "forbidden"))

    def test_nobody(self) -> None:
        """A number that nobody has."""
        self.assertEqual(self.asked("101", "999").ending, "no such number")

    def test_unregistered(self) -> None:
        """A phone that is not there does not ring."""
        (node,) = self.asked("101", "103", _103="unregistered").targets
        self.assertEqual((node.rings, node.outcome.split(" ")[0]), ([], "unreachable"))

    def test_code(self) -> None:
        """A feature code is carried out, in the simulated world only."""
        answer = self.asked("101", "*72103")
        self.assertRegex(tell(answer, office()), r"the call: answered by the server after 0:00")
        self.assertEqual(answer.answered_by, "the server")
        self.assertIn("Confirm(", answer.targets[0].decisions[0].said)

    def test_menu(self) -> None:
        """Keys of a menu: who hears what, whom they ring, and who talks then."""
        document = office()
        document["auto_attendant"] = {
            "500": {"prompt": str(SOUND), "keys": {"1": "102", "2": "501"}},
            "501": {"prompt": str(SOUND), "keys": {"1": "103"}},
        }
        then = ("101 presses 2", "101 presses 1", "102 presses 1")
        answer = ask(document, Question("101", "500", EVENING, then=then)).run()
        menu, rung, cannot = answer.steps
        self.assertEqual((menu.hears, menu.talking), (["101 hears music"], []))
        self.assertEqual(rung.talking, ["101 - 103"])
        self.assertEqual(cannot.cannot, "102 does not talk to the server then")
        self.assertEqual(answer.problems, [])

    def test_transfer(self) -> None:
        """What a party does then, and who talks to whom after it."""
        answer = self.asked("101", "102", then=("102 transfers to 103",))
        self.assertEqual(answer.steps[0].talking, ["101 - 103"])

    def test_attended(self) -> None:
        """Consulting, then joining."""
        answer = self.asked("101", "102", then=("102 consults 103", "102 joins them"))
        self.assertEqual([step.talking for step in answer.steps], [["102 - 103"], ["101 - 103"]])

    def test_first(self) -> None:
        """Who talks already is busy when they may have one call."""
        document = with_changes(office(), {"extensions.102.calls_max": 1})
        question = Question("101", "102", EVENING, first=("102 dials 103",), behaviours={})
        answer = ask(document, question).run()
        self.assertEqual(answer.steps[0].talking, ["102 - 103"])
        (node,) = answer.targets
        self.assertEqual((node.rings, node.outcome.split()[0]), ([], "busy"))

    def test_redirects(self) -> None:
        """A phone that sends its calls on by itself."""
        answer = ask(office(), Question("101", "102", EVENING, redirects={"102": "103"})).run()
        self.assertEqual(answer.answered_by, "extension 103")

    def test_answers_after(self) -> None:
        """Who takes longer than the forward waits is not waited for."""
        question = Question("0171555", "102", EVENING, "carrier")
        self.assertEqual(ask(office(), question, answers_after=19).run().answered_by, "extension 102")
        self.assertEqual(ask(office(), question, answers_after=21).run().answered_by, "trunk carrier")

    def test_park(self) -> None:
        """Parked at one's own extension, at an orbit, or by dialling it; and taken from there."""
        document = {**office(), "park": {"orbits": "701-703"}}
        for parks, takes in (
            ("102 dials park", "103 dials unpark 102"),
            ("102 transfers to 701", "103 dials 701"),
            ("102 transfers to 702", "103 dials unpark 702"),
            ("102 dials 703", "103 dials 703"),
        ):
            with self.subTest(parks):
                answer = ask(document, Question("101", "102", EVENING, then=(parks, takes))).run()
                self.assertEqual(answer.problems, [])
                parked, taken = answer.steps
                self.assertEqual((parked.talking, parked.waiting), ([], ["101"]))
                self.assertEqual((taken.talking, taken.waiting), (["101 - 103"], []))

    def test_pick_up(self) -> None:
        """Somebody else takes the call while it rings."""
        picks = Question(
            "101", "102", EVENING, meanwhile=("103 dials pickup 102",), then=("103 transfers to 102",)
        )
        answer = ask(office(), picks).run()
        self.assertEqual(answer.problems, [])
        self.assertEqual([step.talking for step in answer.steps], [["101 - 103"], ["101 - 102"]])
        self.assertEqual(answer.answered_by, "extension 103")
        self.assertEqual(answer.targets[0].rings[0].until, answer.answered_after)

    def test_steps_that_cannot_be_done(self) -> None:
        """A step for which the call is not as it should be says so, and nothing else happens."""
        for then, why in (
            ("103 holds", "103 is in no call then"),
            ("103 hangs up", "103 is in no call then"),
            ("102 joins them", "102 has no two calls to join then"),
            ("102 dials party 103", "102 knows no code party; there are "),
        ):
            with self.subTest(then):
                (step,) = self.asked("101", "102", then=(then,)).steps
                self.assertIn(why, step.cannot)
                self.assertEqual(step.talking, ["101 - 102"])
        self.assertIn(
            "103 holds: cannot be done, 103 is in no call",
            tell(self.asked("101", "102", then=("103 holds",)), office()),
        )

    def test_questions_that_make_no_sense(self) -> None:
        """Each is refused in one line with what to write instead."""
        self.assertComplains("--via: there is no trunk x", Question("1", "101", EVENING, "x"))
        self.assertComplains("say through which trunk it calls", Question("0301", "101", EVENING))
        self.assertComplains(
            "--no-answer: there is no extension or trunk 9",
            Question("101", "102", EVENING, behaviours={"9": "no answer"}),
        )
        for step in ("102 sings", "102 transfers to", "102 holds 103", "102", ""):
            self.assertComplains(
                f"--then: {step!r} is not one of", Question("101", "102", EVENING, then=(step,))
            )
        self.assertComplains(
            "--first: there is no extension or trunk 9", Question("101", "102", EVENING, first=("9 holds",))
        )
        self.assertComplains(
            "--redirects: there is no extension 9", Question("101", "102", EVENING, redirects={"9": "102"})
        )

    def test_told(self) -> None:
        """In words: a tree, with seconds, and the table to change."""
        text = tell(self.asked("101", "102", _102="busy"), office())
        self.assertEqual(
            text.splitlines(),
            [
                "2026-12-24 19:30+00:00: 101 Reception calls 102",
                "102 Office",
                "│  0:00 to 0:00  rings at extension 102, which sees Reception <101>",
                "│  0:00  busy (486 Busy Here)",
                "│  0:00  forward: Forward(to='103', why=user-busy), because of [extensions.102.forward]",
                "└─ 103 Workshop",
                "      0:00 to 0:05  rings at extension 103, which sees Reception <101>",
                "      answers",
                "the call: answered by extension 103 after 0:05",
            ],
        )

    def test_ladder(self) -> None:
        """The call that was played can be drawn like one that was made."""
        play = ask(office(), Question("101", "102", EVENING))
        play.run()
        traced = play.traced()
        assert traced is not None
        self.assertEqual(traced.record.dialled, "102")
        self.assertTrue(traced.messages)

    def test_document_is_left_alone(self) -> None:
        """Playing changes nothing of the configuration."""
        document = office()
        ask(document, Question("101", "*72103", EVENING)).run()
        self.assertEqual(document, office())

    def test_changes_of_users(self) -> None:
        """What users have changed is laid over the file."""
        changed = with_changes(office(), {"extensions.101.forward.always": "103"})
        answer = ask(changed, Question("102", "101", EVENING)).run()
        self.assertEqual(answer.answered_by, "extension 103")


class ElsewhereTests(SynchronousTestCase):
    """Features that ask somewhere else, which a played call cannot do."""

    def test_chosen_answer(self) -> None:
        """An answer is chosen for the feature, and the call goes where it says."""
        question = Question("101", "102", EVENING, answers={"do_not_disturb": Forward("103")})
        play = ask({**office(), "plugins": {"order": ["do_not_disturb"]}}, question)
        self.assertEqual(play.run().answered_by, "extension 103")

    def test_unknown(self) -> None:
        """A feature that is not there is named."""
        question = Question("101", "102", EVENING, answers={"crm": None})
        self.assertIn(
            "there is no feature crm", str(self.assertRaises(SettingsError, ask, office(), question))
        )

    def test_no_answer(self) -> None:
        """Without an answer it is said that the feature asked, and the call goes on when its time is over."""
        play = ask(office(), Question("101", "102", EVENING))
        play.features.pretend("forward", Deferred())
        (node,) = play.run().targets
        self.flushLoggedErrors(TooLate)
        self.assertEqual(node.decisions[0].said, "asks somewhere else; nothing was answered in time")
        self.assertTrue(node.answered)


class UnusedTests(SynchronousTestCase):
    """Settings that decide no call."""

    def test_all_used(self) -> None:
        """Each forward, group and route of the office decides some call."""
        self.assertEqual(unused(office(), EVENING), [])

    def test_unreachable(self) -> None:
        """A route behind one that takes all its numbers."""
        document = office()
        document["routes"].append({"match": "0\\d{7,}", "trunk": "carrier"})
        self.assertEqual(unused(document, EVENING), ["routes[1]"])


class CompareTests(SynchronousTestCase):
    """Two configurations."""

    def test_same(self) -> None:
        """The same configuration changes no call."""
        self.assertEqual(differences(office(), office(), EVENING), [])

    def test_same_is_not_played(self) -> None:
        """Where nothing differs but what belongs to the host or is said to people no call is played."""
        other = with_changes(
            office(),
            {
                "server.database": "sqlite:///other.db",
                "server.listen": ["sip:192.0.2.77"],
                "extensions.101.password": "another",
                "trunks.carrier.uri": "sip:other.example.com",
                "log.level": "debug",
                "webhooks": {"crm": {"url": "https://crm.example.com"}},
            },
        )
        told: list[tuple[int, int]] = []
        for new in (office(), other):
            found = differences(office(), new, EVENING, lambda done, of: told.append((done, of)))
            self.assertEqual((found, told), ([], []))

    def test_all_else_is_played(self) -> None:
        """Whatever else differs may change a call, so that all are played."""
        for path, value in (
            ("server.domain", "other.example.com"),
            ("extensions.101.name", "Somebody"),
            ("trunks.carrier.number", "+49301234"),
            ("limits.calls", 3),
        ):
            self.assertFalse(plays_alike(office(), with_changes(office(), {path: value})), path)

    def test_files_stay(self) -> None:
        """Messages and recordings of the service are not those of the game, whatever time it plays at."""
        messages, recordings = Path(self.mktemp()).absolute(), Path(self.mktemp()).absolute()
        left = messages / "103" / "new" / "20261001-101500-000000-102.wav"
        kept = recordings / "20261001-101500-c123456789abcdef01-101-102.wav"
        for file in (left, kept):
            file.parent.mkdir(parents=True)
            file.write_bytes(NEVER)
        tables = office()
        tables["voicemail"] = {"directory": str(messages), "days": 30}
        tables["recording"] = {"directory": str(recordings), "days": 30}
        tables["extensions"]["103"]["voicemail"] = {"on": True, "always": True}
        question = Question("101", "103", EVENING, then=("101 presses 1",))
        scene = Scene(tables, EVENING)
        answer = ask(tables, question, scene).run()
        self.assertEqual(answer.answered_by, "the server")
        elsewhere = {Path(path) for _, path in scene.served.features.directories()}
        self.assertEqual([len([*place.rglob("*.wav")]) for place in sorted(elsewhere)], [0, 1])
        found = [file for place in (messages, recordings) for file in place.rglob("*") if file.is_file()]
        self.assertEqual([file.read_bytes() for file in found], [NEVER, NEVER])
        del scene, answer
        gc.collect()
        self.assertEqual([place.exists() for place in elsewhere], [False, False])

    def test_one_forward(self) -> None:
        """Only the calls that do something else are given: from inside, from outside, and of the group."""
        new = copy.deepcopy(office())
        new["extensions"]["102"]["forward"]["busy"] = "101"
        told: list[tuple[int, int]] = []
        found = differences(office(), new, EVENING, lambda done, of: told.append((done, of)))
        self.assertEqual(
            {(one.question.dialled, *one.question.behaviours.items()) for one in found},
            {("102", ("102", "busy"))},
        )
        self.assertEqual(told[-1][0], told[-1][1])
        text = tell_difference(found[0], office(), new)
        self.assertIn("before:", text)
        self.assertIn("[extensions.102.forward]", text)

    def test_extension_comes(self) -> None:
        """A new extension can be called that could not be called before."""
        new = copy.deepcopy(office())
        new["extensions"]["104"] = {"password": "x"}
        found = differences(office(), new, EVENING)
        self.assertEqual({one.question.dialled for one in found}, {"104"})

    def test_matrix(self) -> None:
        """Every extension with every outcome, numbers of features, one of each route, from all sides."""
        asked = {(q.dialled, q.via) for q in matrix(office(), office(), EVENING)}
        for number in ("101", "102", "103", "600"):
            self.assertIn((number, ""), asked)
            self.assertIn((number, "carrier"), asked)
        self.assertTrue(any(number.startswith("0") for number, _ in asked))

    def test_who_may(self) -> None:
        """What only one extension may not do any more shows, whichever it is."""
        for extension in ("101", "102", "103"):
            new = copy.deepcopy(office())
            new["extensions"][extension]["may_dial"] = []
            found = differences(office(), new, EVENING)
            self.assertIn(extension, {one.question.caller for one in found})

    def test_many_hours(self) -> None:
        """Not more hours are played than there is time for; the others are named."""
        times = {"begins": [f"{hour:02}:{minute:02}" for hour in range(24) for minute in (10, 40)]}
        new = {**office(), "night": times}
        played = {q.at for q in matrix(office(), new, EVENING)}
        left = hours_left_out(office(), new, EVENING)
        self.assertEqual(
            (len(played), len(left), played & {*left}), (HOURS_MAX, 1 + 4 * 48 - HOURS_MAX, set())
        )

    def test_hours(self) -> None:
        """Where a configuration names times, calls are played before and after each."""
        hours = {q.at for q in matrix(office(), {**office(), "night": {"begins": "22:00"}}, EVENING)}
        self.assertEqual({(at.hour, at.minute) for at in hours}, {(19, 30), (21, 59), (22, 1)})
