"""The typed face of all features together: order, answers, codes."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from b2bua import NotConfigured, Options, Table, hookimpl
from b2bua.calls.draft import InvitationDraft
from b2bua.calls.verdicts import Confirm, Forward, Refuse
from b2bua.features import Features, FeaturesRefused
from tests.features.stage import attempt
from tests.timers import FakeClock


class Silent:
    """Has no opinion."""

    @hookimpl
    def route_call(self, attempt: object) -> None:
        """Leave it to others."""


class Broken:
    """Has a bug."""

    @hookimpl
    def route_call(self, attempt: object) -> None:
        """Fail."""
        raise ZeroDivisionError


class First:
    """Refuses everything."""

    @hookimpl
    def route_call(self) -> Refuse:
        """Refuse, without a look at the attempt."""
        return Refuse(480, "first")


class Second:
    """Sends everything on."""

    @hookimpl
    def route_call(self, attempt: object) -> Forward:
        """Forward."""
        return Forward("103")


class Curious:
    """Hears when calls begin."""

    def __init__(self) -> None:
        """Have heard of none."""
        self.calls: list[object] = []

    @hookimpl
    def call_started(self, call: object) -> None:
        """Take note."""
        self.calls.append(call)


class Patient:
    """Takes its time."""

    def __init__(self) -> None:
        """Remember the answer that is awaited."""
        self.answer: Deferred[Refuse | None] = Deferred()

    @hookimpl
    async def route_call(self, attempt: object) -> Refuse | None:
        """Wait."""
        return await self.answer


class Coded:
    """Has a feature code."""

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """One code."""
        return {"night_on": "*80"}

    @hookimpl
    def code_dialled(self, name: str, argument: str) -> Confirm | None:
        """Confirm, unless there is an argument."""
        return None if argument else Confirm(name)


class QuestionTests(SynchronousTestCase):
    """Questions are put to features in order until one answers."""

    def test_none(self) -> None:
        """Without features every question is left to the core."""
        features = Features.none()
        self.assertIsNone(features.ask_route(attempt()))
        self.assertIsNone(features.ask_ring_seconds(attempt()))
        self.assertFalse(features.edits_invitation)
        self.assertEqual(features.heard, frozenset())
        features.tell_call_started(attempt().call)

    def test_heard(self) -> None:
        """The core can see which news somebody hears, and tells no other ones."""
        features = Features.of(Curious, First)
        self.assertEqual(features.heard, {"call_started"})
        call = attempt().call
        features.tell_call_started(call)
        self.assertEqual(features.plugins[0].thing.calls, [call])

    def test_order(self) -> None:
        """The first one that has an answer is the last one that is asked."""
        asked = attempt()
        features = Features.of(Silent, Second, First)
        self.assertEqual(features.ask_route(asked), Forward("103"))
        self.assertEqual([entry.feature for entry in asked.call.story.entries()], ["silent", "second"])

    def test_told_in_order(self) -> None:
        """The story of a call names those who had no opinion in their place, beside who took their time."""
        asked = attempt()
        features = Features.of(Silent, Patient, Broken, First, timers=FakeClock())
        features.ask_route(asked)
        features.plugins[1].thing.answer.callback(None)
        told = [(entry.feature, entry.silent) for entry in asked.call.story.entries()]
        self.assertEqual(told, [("silent", True), ("patient", True), ("broken", False), ("first", False)])
        self.flushLoggedErrors(ZeroDivisionError)

    def test_configured_order(self) -> None:
        """The configuration says who is asked first, and who is left out."""
        document = {"plugins": {"order": ["first"], "off": ["silent"]}}
        features = Features.of(Silent, Second, First, document=document)
        self.assertEqual([plugin.name for plugin in features.plugins], ["first", "second"])

    def test_plain(self) -> None:
        """
        When all answers are plain there is no Deferred; when one is not, it waits for that one only.

        pluggy#320, #378: no asynchronous hooks; an awaitable counted as an answer.
        """
        features = Features.of(Patient, First, timers=FakeClock())
        [patient, _] = features.plugins
        answer = features.ask_route(attempt())
        assert isinstance(answer, Deferred)
        self.assertNoResult(answer)
        patient.thing.answer.callback(None)
        self.assertEqual(self.successResultOf(answer), Refuse(480, "first"))

    def test_budget(self) -> None:
        """Who has not answered in 5 seconds loses its say, and the others are asked."""
        timers = FakeClock()
        asked = attempt()
        answer = Features.of(Patient, First, timers=timers).ask_route(asked)
        assert isinstance(answer, Deferred)
        timers.clock.advance(4.9)
        self.assertNoResult(answer)
        timers.clock.advance(0.1)
        self.assertEqual(self.successResultOf(answer), Refuse(480, "first"))
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        self.assertEqual(timers.clock.getDelayedCalls(), [])

    def test_cancelled(self) -> None:
        """Who asked may lose interest; that is no failure of the feature."""
        timers = FakeClock()
        answer = Features.of(Patient, First, timers=timers).ask_route(attempt())
        assert isinstance(answer, Deferred)
        answer.addErrback(lambda failure: None)
        answer.cancel()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(timers.clock.getDelayedCalls(), [])


class CodeTests(SynchronousTestCase):
    """Feature codes are asked of their owner only."""

    def test_dialled(self) -> None:
        """An extension that dials a code hears its owner's answer."""
        self.assertEqual(Features.of(First, Coded).ask_route(attempt("*80")), Confirm("night_on"))

    def test_no_answer(self) -> None:
        """When the owner has nothing to say, the code is no code."""
        self.assertEqual(Features.of(First, Coded).ask_route(attempt("*80*1#")), Refuse(480, "first"))

    def test_stranger(self) -> None:
        """Nobody from outside dials a feature code, and no forward leads to one."""
        features = Features.of(Coded)
        self.assertIsNone(features.ask_route(attempt("*80", internal=False)))
        self.assertIsNone(features.ask_route(attempt("*80", parent=attempt())))

    def test_configured(self) -> None:
        """The configuration may give a code other digits, or take it away."""
        features = Features.of(Coded, document={"codes": {"night_on": "*81"}})
        self.assertEqual(features.ask_route(attempt("*81")), Confirm("night_on"))
        self.assertIsNone(Features.of(Coded, document={"codes": {"night_on": ""}}).ask_route(attempt("*80")))


class NightTable(Table):
    """The table C{[night]}."""

    text: str


class Night:
    """Needs its table."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """One table."""
        return {"night": NightTable}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the text."""
        self.text = options.of(NightTable).text

    @hookimpl
    def route_call(self) -> Refuse:
        """Refuse with the text."""
        return Refuse(480, self.text)

    @hookimpl
    def invitation_leaving(self, draft: InvitationDraft) -> None:
        """Change something, then fail."""
        draft.from_display = "night"
        draft.fields.append(("X-Night", "1"))
        raise NotConfigured("never raised here")


class ConfigurationTests(SynchronousTestCase):
    """A feature takes its tables, or takes itself out."""

    def test_configured(self) -> None:
        """It has what the file says."""
        features = Features.of(Night, document={"night": {"text": "closed"}})
        self.assertEqual(features.ask_route(attempt()), Refuse(480, "closed"))

    def test_not_configured(self) -> None:
        """Without its table it has no say, and that is shown."""
        features = Features.of(Night)
        self.assertIsNone(features.ask_route(attempt()))
        self.assertEqual(features.describe(), ["1. night (no [night] table)"])

    def test_wrong(self) -> None:
        """All that is wrong is said at once, by key path."""
        document = {"night": {"text": 5, "texts": ""}, "plugins": {"off": ["nobody"]}}
        refused = self.assertRaises(FeaturesRefused, Features.of, Night, document=document)
        self.assertEqual(
            [str(problem) for problem in refused.problems],
            [
                "plugins.off: no plugin nobody is installed; there is night",
                'night.text: must be text in quotes, not 5; write "5"',
                "night.texts: is not a known key; is text meant?",
            ],
        )

    def test_edit_undone(self) -> None:
        """The changes of an edit that failed are undone."""
        features = Features.of(Night, document={"night": {"text": "closed"}})
        self.assertTrue(features.edits_invitation)
        draft = InvitationDraft("Alice", "sip:101@pbx", "sip:102@pbx")
        features.edit_invitation(attempt(), draft)
        self.assertEqual(draft, InvitationDraft("Alice", "sip:101@pbx", "sip:102@pbx"))
        self.assertEqual(len(self.flushLoggedErrors(NotConfigured)), 1)
