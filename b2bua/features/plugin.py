"""Plugins: finding them, making them ready, and their order."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import pluggy

from b2bua.features.commands import Command
from b2bua.features.signatures import misfits
from b2bua.hookspecs import CONTRACT, PROJECT, ROOMS
from b2bua.settings import Problem, meant

MARK = f"{PROJECT}_impl"
"""What C{@hookimpl} leaves at a function."""
GROUP = "b2bua"
"""The entry points under which plugins are found, ours like anybody's."""


@dataclass(slots=True, eq=False)
class Plugin:
    """One feature that is installed."""

    name: str
    thing: Any
    """The object whose methods (or the module whose functions) are the hooks."""
    version: str = ""
    hooks: tuple[str, ...] = ()
    before: frozenset[str] = frozenset()
    """The plugins that want to be asked after it, as it says itself."""
    fields: frozenset[str] = frozenset()
    """The header fields of INVITEs that it wants to see."""
    methods: frozenset[str] = frozenset()
    """The methods outside of dialogs that it answers."""
    commands: tuple[Command, ...] = ()
    """What it adds to the command C{b2bua}."""
    files: Mapping[str, Callable[..., tuple[str, bytes | Path] | None]] = field(default_factory=dict)
    call_files: Mapping[str, Callable[[Collection[str]], Mapping[str, Sequence[str]]]] = field(
        default_factory=dict
    )
    """What it has to be got by HTTP, by its name."""
    figures: Mapping[str, Callable[[], Mapping[str, float]]] = field(default_factory=dict)
    """What it has for monitoring systems, by its name."""
    out: str = ""
    """Why it has no say: it took itself out, or was set aside."""

    def declares(self, hook: str, default: Any) -> Any:
        """What it says to a declaration."""
        return getattr(self.thing, hook)() if hook in self.hooks else default


@dataclass(frozen=True, slots=True)
class Source:
    """Where a plugin comes from."""

    name: str
    target: EntryPoint | object
    """An entry point, or the class, object or module itself."""
    version: str = ""

    def load(self) -> Plugin:
        """Import it; a class is made an object, so that each generation has its own."""
        thing = self.target.load() if isinstance(self.target, EntryPoint) else self.target
        return Plugin(self.name, thing() if inspect.isclass(thing) else thing, self.version)


def installed() -> list[Source]:
    """Every plugin that is installed with this Python."""
    versions: dict[int, str] = {}  # by distribution, since each look at one reads a file
    sources = []
    for point in sorted(entry_points(group=GROUP)):
        if point.dist is not None and id(point.dist) not in versions:
            versions[id(point.dist)] = point.dist.version
        sources.append(Source(point.name, point, versions.get(id(point.dist), "")))
    return sources


def named(thing: object) -> Source:
    """A plugin that is handed in, with the name it would have as an entry point."""
    if isinstance(thing, ModuleType):
        return Source(thing.__name__.rpartition(".")[2], thing)
    kind = thing if inspect.isclass(thing) else type(thing)
    return Source(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__).lower(), thing)


def load(sources: Iterable[Source]) -> tuple[list[Plugin], list[tuple[str, Problem]]]:
    """
    Import plugins and check them against the contract.

    @return: those that are good, and what is wrong with the others by name.
    """
    plugins: list[Plugin] = []
    problems: list[tuple[str, Problem]] = []
    seen: set[str] = set()
    for source in sources:
        where = f"plugin {source.name}"
        if source.name in seen:
            problems.append((source.name, Problem(where, "there are two plugins of that name")))
            continue
        seen.add(source.name)
        try:
            plugin = source.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001  # anything may go wrong in a stranger's module
            why = f"cannot be loaded: {type(error).__name__}: {error}"
            problems.append((source.name, Problem(where, why)))
            continue
        wrong = _register(plugin)
        problems += [(source.name, Problem(where, text)) for text in wrong]
        if not wrong:
            plugins.append(plugin)
    return plugins, problems


_known: WeakKeyDictionary[type, tuple[tuple[str, ...], tuple[str, ...]]] = WeakKeyDictionary()
"""What has been found out about classes before; it does not change."""


def _register(plugin: Plugin) -> tuple[str, ...]:
    """Find the hooks of a plugin; what is wrong with them."""
    kind = type(plugin.thing)
    if kind is ModuleType:
        plugin.hooks, wrong = _hooks(plugin.thing)
        return wrong
    if kind not in _known:
        _known[kind] = _hooks(plugin.thing)
    plugin.hooks, wrong = _known[kind]
    return wrong


def _hooks(thing: object) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The hooks that an object or a module implements, and what is wrong with them."""
    if wrong := tuple(_misnamed(thing)):
        return (), wrong
    registry = pluggy.PluginManager(PROJECT)
    for room in ROOMS:
        registry.add_hookspecs(room)
    try:
        registry.register(thing, name=getattr(thing, "__name__", type(thing).__name__))
        registry.check_pending()
    except pluggy.PluginValidationError as error:
        return (), (" ".join(str(error).split()),)
    callers = {caller.name for caller in registry.get_hookcallers(thing) or []}
    hooks = tuple(hook for hook in CONTRACT if hook in callers)
    if not hooks:
        return (), ("has no hook; are they marked with @hookimpl?",)
    return hooks, tuple(text for hook in hooks for text in misfits(hook, getattr(thing, hook)))


def _misnamed(thing: object) -> Iterator[str]:
    """What is marked as a hook but has a name, or a parameter, that no hook has."""
    for name, function in inspect.getmembers_static(thing):
        if not hasattr(inspect.unwrap(getattr(function, "__func__", function)), MARK):
            continue
        if name not in CONTRACT:
            yield f"{name} is no hook{meant(name, CONTRACT)}"
            continue
        known = inspect.signature(CONTRACT[name]).parameters
        for one in inspect.signature(getattr(thing, name)).parameters.values():
            if one.name not in known and one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD:
                yield f"{name} has no parameter {one.name}{meant(one.name, known)}"


def in_order(plugins: Sequence[Plugin], wanted: Sequence[str]) -> list[Plugin]:
    """
    The plugins in the order in which they are asked.

    @param wanted: names from the configuration, asked first and in that order;
        the others follow as they say themselves, else by name.
    """
    by_name = {plugin.name: plugin for plugin in plugins}
    first = [by_name[name] for name in dict.fromkeys(wanted) if name in by_name]
    return [*first, *_sorted([plugin for plugin in plugins if plugin not in first])]


def _sorted(plugins: list[Plugin]) -> list[Plugin]:
    """Each one before those that it wants to precede; where that is no matter, by name."""
    waiting = {plugin.name: plugin for plugin in sorted(plugins, key=lambda plugin: plugin.name)}
    done: list[Plugin] = []
    while waiting:
        later = {name for plugin in waiting.values() for name in plugin.before if name != plugin.name}
        # A circle is cut where the alphabet begins.
        name = next((name for name in waiting if name not in later), next(iter(waiting)))
        done.append(waiting.pop(name))
    return done
