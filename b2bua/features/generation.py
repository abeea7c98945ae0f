"""A generation of features: made of a configuration, looked at, changed, and followed by the next one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

from b2bua.clock import IClock
from b2bua.face.data import Data, Rows
from b2bua.face.options import NotConfigured, Options, Setting, _wall
from b2bua.face.preferences import Preferences
from b2bua.face.service import Connections, Service
from b2bua.face.tables import is_list, known_keys
from b2bua.face.targets import Aim
from b2bua.features import plugin as plugins_of
from b2bua.features.codes import Codes
from b2bua.features.commands import Command
from b2bua.features.declarations import Declarations
from b2bua.features.dispatch import BUDGET, CONTAINED, Contained, Dispatch, StoppedClock
from b2bua.features.event_packages import ContainedPackage, packages_of
from b2bua.features.hook_relay import HookRelay
from b2bua.features.numbers import collisions, numbers_of
from b2bua.features.plugin import Plugin, Source
from b2bua.features.reimport import Reimport, look_around
from b2bua.settings import Claimed, Problem, SettingsError, Table, meant

if TYPE_CHECKING:
    from b2bua.calls.calls import Calls
    from b2bua.subscriptions.subscriber import Subscriber


class FeaturesRefused(SettingsError):
    """The features cannot be loaded as they are; nothing has been changed."""

    def __init__(self, problems: Sequence[Problem], file: str = "plugins") -> None:
        """Say all that is wrong at once."""
        super().__init__(file, problems)


class Features(HookRelay):
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
        rows: Rows | None = None,
        timers: IClock | None = None,
        wall: Callable[[], datetime] = _wall,
        generation: int = 1,
        budget: float = BUDGET,
    ) -> None:
        """Take plugins that are ready; L{load}, L{of} and L{none} make them so."""
        super().__init__(Dispatch(plugins, timers or StoppedClock(), budget), codes or Codes([]))
        self.generation = generation
        self.preferences = preferences or Preferences()
        self.rows = rows or Rows()
        self._services: dict[str, Service] = {}
        self.event_packages: dict[str, ContainedPackage] = {}
        """What can be watched, by the name of its event package."""
        self.rest: Mapping[str, Any] = {}
        """What of the configuration belongs to no feature."""
        self._sources = tuple(sources)
        self._options = dict(options or {})
        self._wall = wall

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
        rows: Rows | None = None,
        timers: IClock | None = None,
        wall: Callable[[], datetime] = _wall,
        generation: int = 1,
        directory: Path = Path(),
    ) -> Features:
        """
        The features that are installed, as the configuration wants them.

        @param document: the whole configuration as it was read from TOML.
        @param preferences: what users have changed; shared by all generations.
        @param rows: what plugins keep; shared likewise.
        @param timers: the clock for budgets; L{bind} may bring it later.
        @param wall: the time of day, for the plugins.
        @param directory: where relative paths start.
        @raise SettingsError: with all that is wrong; nothing has changed.
        """
        sources = plugins_of.installed() if sources is None else sources
        declared = Declarations(sources, document, directory)
        plugins, problems = declared.plugins, declared.problems
        preferences = preferences or Preferences()
        options: dict[str, Options] = {}
        if not problems:
            for plugin in plugins:
                own = [claim for claim in declared.claims if claim.feature == plugin.name]
                options[plugin.name] = Options(plugin.name, own, declared.taken, preferences, wall)
                problems += _configured(plugin, options[plugin.name])
        if not problems:
            problems += collisions(plugins, document.get("extensions") or ())
        if problems:
            raise FeaturesRefused(problems)
        features = cls(
            plugins,
            sources=sources,
            codes=declared.codes,
            options=options,
            preferences=preferences,
            rows=rows,
            timers=timers,
            wall=wall,
            generation=generation,
            budget=_budget(document),
        )
        features.rest = declared.taken.rest
        try:
            features.event_packages = packages_of(plugins, features._dispatch)
        except ValueError as error:
            where, _, why = str(error).partition(": ")
            raise FeaturesRefused([Problem(where, why)]) from None
        if generation == 1:
            preferences.changed = features.tell_setting_changed
        return features

    @staticmethod
    def check(
        document: Mapping[str, Any], sources: Sequence[Source] | None = None, directory: Path = Path()
    ) -> Claimed:
        """Check the part of a configuration that belongs to features, and take it out."""
        declared = Declarations(plugins_of.installed() if sources is None else sources, document, directory)
        return Claimed(declared.taken.rest, declared.problems, known_keys(declared.claims))

    def reload(self, document: Mapping[str, Any]) -> Features:
        """
        The next generation: the code and the configuration of now.

        @raise SettingsError: with all that is wrong; this generation stays as
            it is.
        """
        with self.renewal() as load:
            return load(document)

    @contextmanager
    def renewal(self) -> Iterator[Callable[..., Features]]:
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
            yield lambda document, directory=Path(): Features.load(
                document,
                directory=directory,
                sources=sources,
                preferences=self.preferences,
                rows=self.rows,
                timers=self._dispatch.timers,
                wall=self._wall,
                generation=self.generation + 1,
            )
            reimport.keep()

    def bind(
        self,
        timers: IClock,
        calls: Calls | None = None,
        subscriber: Subscriber | None = None,
        connections: Connections | None = None,
    ) -> None:
        """
        Take the clock of the server; until then no budget runs out.

        From now on this is the generation that hears of changed settings.

        @param calls: those of the server, for what plugins may ask and do.
        @param subscriber: for what they watch at other servers.
        @param connections: by which they speak to others in other ways.
        """
        self._dispatch.timers = timers
        self.preferences.changed = self.tell_setting_changed
        if calls is not None:
            self._services = {
                plugin.name: Service(
                    Contained(plugin, self._dispatch),
                    calls,
                    Data(plugin.name, self.rows),
                    self,
                    subscriber,
                    connections,
                )
                for plugin in self.plugins
            }

    # ---- its life -------------------------------------------------------

    def start(self) -> None:
        """The service is up: give each plugin its face of it."""
        self._tell_each("service_started")

    def stop(self) -> None:
        """The service ends, or the next generation takes over: only what belongs to calls runs on."""
        self._tell_each("service_stopping")
        for service in self._services.values():
            service.close()

    def _tell_each(self, hook: str) -> None:
        """Tell each plugin with its own face of the service."""
        for impl in self._impls[hook]:
            if (service := self._services.get(impl[0].name)) is not None:
                self._dispatch.tell(hook, (impl,), None, (service,))

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

    def written(self, feature: str, name: str | None = None) -> list[str]:
        """The tables of a feature in the file, as C{[extensions.102.forward]}; only those for one name."""
        options = self._options.get(feature)
        return [] if options is None else options.written(name)

    @property
    def commands(self) -> dict[str, Command]:
        """What plugins add to the command C{b2bua}, by name."""
        return {one.name: one for plugin in self.plugins if not plugin.out for one in plugin.commands}

    def figures(self) -> Iterator[tuple[str, Mapping[str, float]]]:
        """What plugins have for monitoring systems, as it is now; one that fails has nothing."""
        for plugin in self.plugins:
            for name, read in plugin.figures.items() if not plugin.out else ():
                try:
                    yield name, {str(of): float(value) for of, value in read().items()}
                except CONTAINED:
                    self._dispatch.failed(f"the figure {name}", plugin)

    def file(self, name: str) -> tuple[str, bytes | Path] | None:
        """
        What a plugin has under a name: its type and content; None if there is no such file.

        @param name: of a directory, C{recordings/}, what is in it as well.
        @raise ValueError: it has failed; the text is for people.
        """
        directory, slash, inside = name.partition("/")
        for plugin in self.plugins:
            if directory + slash in plugin.files and not plugin.out:
                give = plugin.files[directory + slash]
                try:
                    return give(inside) if slash else give()
                except CONTAINED as error:
                    self._dispatch.failed(f"the file {name}", plugin)
                    raise ValueError(f"the plugin {plugin.name} failed: {type(error).__name__}") from None
        return None

    def files_of(self, calls: Collection[str]) -> dict[str, list[str]]:
        """The files that plugins have of calls, named as L{file} takes them; one that fails has none."""
        found: dict[str, list[str]] = {}
        for plugin in self.plugins:
            for directory, look in plugin.call_files.items() if not plugin.out else ():
                try:
                    for call, names in look(calls).items():
                        found.setdefault(call, []).extend(f"{directory}{name}" for name in names)
                except CONTAINED:
                    self._dispatch.failed(f"the files of calls in {directory}", plugin)
        return found

    async def run(self, command: Command, given: Mapping[str, object]) -> Any:
        """
        Run the command of a plugin.

        @raise ValueError: it cannot be run like this, or cannot do what is asked; the text is for people.
        """
        plugin = next(plugin for plugin in self.plugins if plugin.name == command.plugin)
        values = command.values(given)
        try:
            answer = command.call(**values)
            return await answer if isinstance(answer, Awaitable) else answer
        except ValueError:
            raise
        except CONTAINED as error:
            self._dispatch.failed(f"the command {command.name}", plugin)
            raise ValueError(f"the plugin {plugin.name} failed: {type(error).__name__}: {error}") from None

    def pretend(self, feature: str, answer: object) -> None:
        """Let a feature say where a dialled number leads without asking it; for calls that are played."""
        self._dispatch.pretend(feature, answer)

    def settings(self, owner: str) -> Iterator[Setting]:
        """All settings that can be changed for one extension, of the features that are asked."""
        out = {plugin.name for plugin in self.plugins if plugin.out}
        for feature, options in self._options.items():
            if feature not in out:
                yield from options.settings(owner)

    def aims(self) -> Iterator[Aim]:
        """The targets that the tables of features name in the file."""
        for options in self._options.values():
            yield from options.aims()

    def directories(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """The directories in which features keep files, with their places in the file."""
        for options in self._options.values():
            yield from options.directories()

    def files(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """The files and directories that features are to use, by their whole paths, with their places."""
        for options in self._options.values():
            yield from options.files()

    def numbers(self) -> dict[str, str]:
        """The numbers of features that reach others, such as groups, with the paths of their tables."""
        declared = {number: key for _, numbers in numbers_of(self.plugins) for number, key in numbers.items()}
        tables = {number: path for options in self._options.values() for number, path in options.numbers()}
        return declared | tables

    def change(self, path: str, value: object) -> Setting:
        """
        Change a setting for its owner, by whatever way people ask for it.

        @param path: as in the file: C{extensions.102.forward.busy}.
        @param value: the new value, of a list also its only item; L{None}
            brings the one of the file back.
        @return: the setting as it holds now.
        @raise ValueError: if there is no such setting, or the value is not good.
        """
        found = self._locate(path)
        if found is None:
            known = [setting.path for owner in path.split(".")[1:2] for setting in self.settings(owner)]
            close = meant(path, known, all_of_them=False)
            raise ValueError(f"{path} is no setting that can be changed at run time{close}")
        options, model, names, key = found
        if isinstance(value, str) and is_list(model, key):
            value = [value] if value else []
        try:
            options.change(model, *names, **{key: value})
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        return options.setting(model, names, key)

    def setting(self, path: str) -> Setting | None:
        """A setting that can be changed, as it holds now; None if there is no such one."""
        found = self._locate(path)
        return None if found is None else found[0].setting(*found[1:])

    def _locate(self, path: str) -> tuple[Options, type[Table], tuple[str, ...], str] | None:
        """Whose setting it is, in which table, for whom, and the key."""
        *table, key = path.split(".")
        for options in self._options.values():
            if (found := options.locate(tuple(table), key)) is not None:
                return options, *found, key
        return None


def _budget(document: Mapping[str, Any]) -> float:
    """How long a question may take; whether it is a number is checked elsewhere."""
    section = document.get("plugins")
    wanted = section.get("budget") if isinstance(section, Mapping) else None
    return float(wanted) if isinstance(wanted, int | float) and wanted > 0 else BUDGET


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
