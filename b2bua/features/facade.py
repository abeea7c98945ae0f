"""The typed face that the core sees of all features together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from b2bua.features import plugin as plugins_of
from b2bua.features.codes import Code, Codes
from b2bua.features.dispatch import BUDGET, CONTAINED, Dispatch, StoppedClock, Story, Timers
from b2bua.features.found import Found
from b2bua.features.options import Options, Setting, _wall
from b2bua.features.plugin import Plugin, Source
from b2bua.features.preferences import Preferences
from b2bua.features.problems import FeaturesRefused
from b2bua.features.reimport import Reimport, look_around
from b2bua.hookspecs import NotConfigured
from b2bua.settings import Problem

if TYPE_CHECKING:
    from b2bua.calls.attempt import Attempt
    from b2bua.calls.call import Call
    from b2bua.calls.draft import InvitationDraft
    from b2bua.calls.record import CallRecord
    from b2bua.calls.verdicts import FailureVerdict, Outcome, ReplaceVerdict, RouteVerdict, TransferVerdict
    from b2bua.legs.leg import Leg
    from b2bua.legs.referral import Referral
    from b2bua.legs.words import Replied, Told


class Features:
    """
    One generation of features: their code, their order and their settings.

    A call keeps the generation it began with, so nothing here changes under it
    but what users change of their own settings.
    """

    def __init__(
        self,
        plugins: Sequence[Plugin],
        *,
        sources: Sequence[Source] = (),
        codes: Codes | None = None,
        options: Mapping[str, Options] | None = None,
        preferences: Preferences | None = None,
        timers: Timers | None = None,
        wall: Callable[[], datetime] = _wall,
        generation: int = 1,
        budget: float = BUDGET,
    ) -> None:
        """Take plugins that are ready; L{load}, L{of} and L{none} make them so."""
        self.generation = generation
        self.codes = codes or Codes([])
        self.preferences = preferences or Preferences()
        self._sources = tuple(sources)
        self._options = dict(options or {})
        self._wall = wall
        self._dispatch = Dispatch(plugins, timers or StoppedClock(), budget)
        self._voices = self._dispatch.voices

    # ---- making one -----------------------------------------------------

    @classmethod
    def none(cls) -> Features:
        """No feature at all: every question is left to the core."""
        return cls([])

    @classmethod
    def of(cls, *things: object, document: Mapping[str, Any] | None = None, **more: Any) -> Features:
        """
        Features that are handed in: classes, objects or modules, in that order.

        @param document: the configuration as a mapping of tables.
        @param more: C{preferences}, C{timers}, C{wall}, as for L{load}.
        """
        sources = [plugins_of.named(thing) for thing in things]
        wanted = {"plugins": {"order": [source.name for source in sources]}, **(document or {})}
        return cls.load(wanted, sources=sources, **more)

    @classmethod
    def load(
        cls,
        document: Mapping[str, Any],
        *,
        sources: Sequence[Source] | None = None,
        preferences: Preferences | None = None,
        timers: Timers | None = None,
        wall: Callable[[], datetime] = _wall,
        generation: int = 1,
    ) -> Features:
        """
        The features that are installed, as the configuration wants them.

        @param document: the whole configuration as it was read from TOML.
        @param preferences: what users have changed; shared by all generations.
        @param timers: the clock for budgets; L{bind} may bring it later.
        @param wall: the time of day, for the plugins.
        @raise SettingsError: with all that is wrong; nothing has changed.
        """
        sources = plugins_of.installed() if sources is None else sources
        found = Found(sources, document)
        plugins, problems = found.plugins, found.problems
        preferences = preferences or Preferences()
        options: dict[str, Options] = {}
        if not problems:
            for plugin in plugins:
                own = [claim for claim in found.claims if claim.feature == plugin.name]
                options[plugin.name] = Options(plugin.name, own, found.taken, preferences, wall)
                problems += _configured(plugin, options[plugin.name])
        if problems:
            raise FeaturesRefused(problems)
        features = cls(
            plugins,
            sources=sources,
            codes=found.codes,
            options=options,
            preferences=preferences,
            timers=timers,
            wall=wall,
            generation=generation,
            budget=_budget(document),
        )
        if generation == 1:
            preferences.changed = features.tell_setting_changed
        return features

    @staticmethod
    def check(
        document: Mapping[str, Any], sources: Sequence[Source] | None = None
    ) -> tuple[dict[str, Any], list[Problem]]:
        """
        Check the part of a configuration that belongs to features.

        @return: the document without that part, and what is wrong with it.
        """
        found = Found(plugins_of.installed() if sources is None else sources, document)
        return found.taken.rest, found.problems

    def reload(self, document: Mapping[str, Any]) -> Features:
        """
        The next generation: the code and the configuration of now.

        @raise SettingsError: with all that is wrong; this generation stays as
            it is.
        """
        with self.renewal() as load:
            return load(document)

    @contextmanager
    def renewal(self) -> Iterator[Callable[[Mapping[str, Any]], Features]]:
        """
        Give what makes the next generation of a configuration.

        Within the block plugins are imported anew, so that whatever looks at
        them sees the code of now; when an exception leaves it, everything is as
        it was.
        """
        sources = [source for source in self._sources if not _from_entry_point(source)]
        if not sources:
            look_around()
            sources = plugins_of.installed()
        with Reimport(sources) as reimport:
            yield lambda document: Features.load(
                document,
                sources=sources,
                preferences=self.preferences,
                timers=self._dispatch.timers,
                wall=self._wall,
                generation=self.generation + 1,
            )
            reimport.keep()

    def bind(self, timers: Timers) -> None:
        """
        Take the clock of the server; until then no budget runs out.

        From now on this is the generation that hears of changed settings.
        """
        self._dispatch.timers = timers
        self.preferences.changed = self.tell_setting_changed

    # ---- looking at it --------------------------------------------------

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """All plugins in the order in which they are asked, those without a say included."""
        return self._dispatch.plugins

    def describe(self) -> list[str]:
        """One line for each plugin, in order, for the log at start and for people."""
        lines = []
        for place, plugin in enumerate(self.plugins, 1):
            codes = " ".join(
                f"{code.name} {code.code}" for code in self.codes.all if code.feature == plugin.name
            )
            name = f"{plugin.name} {plugin.version}".strip()
            note = f" ({plugin.out})" if plugin.out else f" [{codes}]" if codes else ""
            lines.append(f"{place}. {name}{note}")
        return lines

    def settings(self, owner: str) -> Iterator[Setting]:
        """All settings that can be changed for one extension, in the order of the features."""
        for options in self._options.values():
            yield from options.settings(owner)

    def change(self, path: str, value: object) -> Setting:
        """
        Change a setting for its owner, by whatever way people ask for it.

        @param path: as in the file: C{extensions.102.forward.busy}.
        @param value: the new value; L{None} brings the one of the file back.
        @return: the setting as it holds now.
        @raise ValueError: if there is no such setting, or the value is not good.
        """
        *table, key = path.split(".")
        for options in self._options.values():
            if (found := options.locate(tuple(table), key)) is not None:
                model, names = found
                try:
                    options.change(model, *names, **{key: value})
                except ValueError as error:
                    raise ValueError(f"{path}: {error}") from None
                return options.setting(model, names, key)
        raise ValueError(f"{path} is no setting that can be changed at run time")

    # ---- questions ------------------------------------------------------

    def is_code(self, user: str) -> bool:
        """Would a phone of ours that dials this talk to a feature?"""
        return self.codes.dialled(user) is not None

    def ask_route(self, attempt: Attempt) -> RouteVerdict | Deferred[RouteVerdict | None] | None:
        """Where does this attempt go?"""
        if self.codes and attempt.parent is None and attempt.internal and attempt.local:
            dialled = self.codes.dialled(attempt.user)
            # A transferor must not change the settings of whom it transfers.
            if dialled is not None and attempt.behalf is attempt.caller:
                return self._ask_code(attempt, *dialled)
        voices = self._voices["route_call"]
        return self._dispatch.ask("route_call", voices, attempt.call.story, attempt) if voices else None

    def _ask_code(
        self, attempt: Attempt, code: Code, argument: str
    ) -> RouteVerdict | Deferred[RouteVerdict | None] | None:
        """Ask the owner of a feature code, then, if it has nothing to say, everybody."""
        story = attempt.call.story
        owner = [voice for voice in self._voices["code_dialled"] if voice.plugin.name == code.feature]
        answer = self._dispatch.ask("code_dialled", owner, story, attempt, code.name, argument)
        everybody = self._voices["route_call"]
        verdict: RouteVerdict | Deferred[RouteVerdict | None] | None = _or_else(
            answer, lambda: self._dispatch.ask("route_call", everybody, story, attempt)
        )
        return verdict

    def ask_ring_seconds(self, attempt: Attempt) -> float | Deferred[float | None] | None:
        """How long may it ring?"""
        voices = self._voices["ring_seconds"]
        return self._dispatch.ask("ring_seconds", voices, attempt.call.story, attempt) if voices else None

    def ask_failed(
        self, attempt: Attempt, outcome: Outcome
    ) -> FailureVerdict | Deferred[FailureVerdict | None] | None:
        """What now that it has failed?  Who has answered for this attempt before is not asked again."""
        voices = self._voices["target_failed"]
        decided = attempt.decided
        if decided:
            voices = tuple(voice for voice in voices if voice.plugin.name not in decided)
        if not voices:
            return None
        verdict: FailureVerdict | Deferred[FailureVerdict | None] | None = self._dispatch.ask(
            "target_failed", voices, attempt.call.story, attempt, outcome, decided=decided.add
        )
        return verdict

    def ask_transfer(
        self, call: Call, leg: Leg, referral: Referral
    ) -> TransferVerdict | Deferred[TransferVerdict | None] | None:
        """May the party of C{leg} transfer, and how?"""
        voices = self._voices["transfer_requested"]
        return (
            self._dispatch.ask("transfer_requested", voices, call.story, call, leg, referral)
            if voices
            else None
        )

    def ask_replace(
        self, call: Call, leg: Leg, replaced: Leg
    ) -> ReplaceVerdict | Deferred[ReplaceVerdict | None] | None:
        """May C{leg} take the place of C{replaced}?"""
        voices = self._voices["replace_requested"]
        return (
            self._dispatch.ask("replace_requested", voices, call.story, call, leg, replaced)
            if voices
            else None
        )

    def ask_unowned(self, leg: Leg, told: Told) -> Replied | Deferred[Replied | None] | None:
        """Does a feature answer this request within a dialog?"""
        voices = self._voices["request_unowned"]
        return self._dispatch.ask("request_unowned", voices, _story(leg.call), leg, told) if voices else None

    # ---- edits ----------------------------------------------------------

    @property
    def edits_invitation(self) -> bool:
        """Does any feature edit INVITEs?"""
        return bool(self._voices["invitation_leaving"])

    def edit_invitation(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Let the features edit what an INVITE will say."""
        voices = self._voices["invitation_leaving"]
        self._dispatch.edit("invitation_leaving", voices, attempt.call.story, draft, attempt)

    # ---- news -----------------------------------------------------------

    def tell_call_started(self, call: Call) -> None:
        """A call begins."""
        self._tell("call_started", call, call)

    def tell_target_ringing(self, attempt: Attempt, leg: Leg) -> None:
        """A target rings."""
        self._tell("target_ringing", attempt.call, attempt, leg)

    def tell_call_answered(self, call: Call, leg: Leg) -> None:
        """The caller talks to C{leg}."""
        self._tell("call_answered", call, call, leg)

    def tell_call_held(self, call: Call, leg: Leg) -> None:
        """The party of C{leg} has put the other one on hold."""
        self._tell("call_held", call, call, leg)

    def tell_call_resumed(self, call: Call, leg: Leg) -> None:
        """The party of C{leg} has taken the other one back from hold."""
        self._tell("call_resumed", call, call, leg)

    def tell_call_transferred(self, call: Call, leg: Leg, outcome: Outcome | None) -> None:
        """A transfer that C{leg} asked for is over; C{outcome} is None when it succeeded."""
        self._tell("call_transferred", call, call, leg, outcome)

    def tell_leg_ended(self, call: Call, leg: Leg, why: str) -> None:
        """A leg of the call is over."""
        self._tell("leg_ended", call, call, leg, why)

    def tell_call_ended(self, call: Call, record: CallRecord) -> None:
        """The call is over and its record written."""
        self._tell("call_ended", call, call, record)

    def tell_contact_registered(self, binding: Any) -> None:
        """A phone has registered."""
        self._tell("contact_registered", None, binding)

    def tell_contact_unregistered(self, binding: Any) -> None:
        """A phone is not registered any more."""
        self._tell("contact_unregistered", None, binding)

    def tell_setting_changed(self, owner: str, feature: str, key: str, value: object) -> None:
        """A user has changed a setting."""
        self._tell("setting_changed", None, owner, feature, key, value)

    def tell_service_started(self, server: Any) -> None:
        """The service is up."""
        self._tell("service_started", None, server)

    def tell_service_stopping(self, server: Any) -> None:
        """The service will be gone, or these features will."""
        self._tell("service_stopping", None, server)

    def _tell(self, hook: str, call: Call | None, *values: Any) -> None:
        """Tell everybody who listens; nobody costs next to nothing."""
        if voices := self._voices[hook]:
            self._dispatch.tell(hook, voices, _story(call), *values)


def _budget(document: Mapping[str, Any]) -> float:
    """How long a question may take; whether it is a number is checked elsewhere."""
    section = document.get("plugins")
    wanted = section.get("budget") if isinstance(section, Mapping) else None
    return float(wanted) if isinstance(wanted, int | float) and wanted > 0 else BUDGET


def _story(call: Any) -> Story | None:
    """The story of a call, if there is a call."""
    story: Story | None = getattr(call, "story", None)
    return story


def _from_entry_point(source: Source) -> bool:
    """Can it be imported anew?"""
    return isinstance(source.target, EntryPoint)


def _configured(plugin: Plugin, options: Options) -> list[Problem]:
    """Configure a plugin; it may take itself out, or be wrong."""
    if "b2bua_configure" not in plugin.hooks:
        return []
    try:
        plugin.thing.b2bua_configure(options)
    except NotConfigured as error:
        plugin.out = str(error) or "not configured"
    except ValueError as error:
        return [Problem(f"plugin {plugin.name}", str(error))]
    except CONTAINED as error:
        return [Problem(f"plugin {plugin.name}", f"cannot be configured: {type(error).__name__}: {error}")]
    return []


def _or_else(answer: Any, otherwise: Callable[[], Any]) -> Any:
    """An answer, or what else there is if it is none; a Deferred only if one of them is."""
    if isinstance(answer, Deferred):
        return answer.addCallback(lambda value: otherwise() if value is None else value)
    return otherwise() if answer is None else answer
