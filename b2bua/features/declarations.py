"""What there is before anything is configured: plugins, their claims, their codes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from b2bua.calls.outside import METHODS
from b2bua.face import tables
from b2bua.face.tables import Claim, Taken
from b2bua.features import plugin as plugins_of
from b2bua.features.codes import Codes, settle
from b2bua.features.commands import commands_of
from b2bua.features.dispatch import CONTAINED
from b2bua.features.plugin import Plugin, Source
from b2bua.legs.header_policy import SECRET
from b2bua.settings import Problem, meant
from b2bua.wire.grammar import is_token
from b2bua.wire.registry import canonical

_FILE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}/?")
_DIRECTORY = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}/")
_FIGURE = re.compile(r"[a-z]+(_[a-z]+){1,8}")


class Declarations:
    """
    What plugins say of themselves, and what the configuration says of them.

    A plugin that is turned off may be as broken as it likes; as long as it can
    say which are its own, its tables may stay where they are.
    """

    def __init__(
        self, sources: Sequence[Source], document: Mapping[str, Any], directory: Path = Path()
    ) -> None:
        """Load the plugins, ask them what they want, and take it out of the document."""
        self._directory = directory
        section = document.get("plugins")
        self._section = section if isinstance(section, Mapping) else {}
        self._off = frozenset(self._names("off"))
        loaded, found = plugins_of.load(sources)
        self.problems = [problem for name, problem in found if name not in self._off]
        self.claims: list[Claim] = []
        self._codes: dict[str, Mapping[str, str]] = {}
        wanting = [plugin for plugin in loaded if self._asks(plugin)]
        self.plugins = plugins_of.in_order(
            [plugin for plugin in wanting if plugin.name not in self._off], self._names("order")
        )
        self.taken = self._take(document)
        self.problems[:0] = self._strangers({source.name for source in sources})
        self.codes = self._settle(document)
        self.problems += _twice(self.plugins, "command", lambda plugin: [c.name for c in plugin.commands])
        self.problems += _twice(self.plugins, "file", lambda plugin: plugin.files)
        self.problems += _twice(self.plugins, "figure", lambda plugin: plugin.figures)

    def _names(self, key: str) -> Sequence[str]:
        """A list of names in the table C{[plugins]}; that it is one is checked elsewhere."""
        names = self._section.get(key)
        return [name for name in names if isinstance(name, str)] if isinstance(names, list | tuple) else []

    def _strangers(self, there: set[str]) -> list[Problem]:
        """Complain of names that no plugin has."""
        return [
            Problem(f"plugins.{key}", f"no plugin {name} is installed{meant(name, there)}")
            for key in ("order", "off")
            for name in self._names(key)
            if name not in there
        ]

    def _asks(self, plugin: Plugin) -> bool:
        """Ask a plugin what it wants; can it say so?"""
        try:
            claims = tables.claims_of(plugin.name, plugin.declares("b2bua_settings", {}))
            codes = dict(plugin.declares("b2bua_codes", {}))
            plugin.before = frozenset(plugin.declares("b2bua_before", ()))
            plugin.fields = _fields(plugin.declares("b2bua_fields", ()))
            plugin.methods = _methods(plugin.declares("b2bua_methods", ()))
            plugin.figures = _named(plugin, "b2bua_figures", _FIGURE, "queue_waiting")
            plugin.files = _named(plugin, "b2bua_files", _FILE, "phonebook.xml")
            plugin.call_files = _named(plugin, "b2bua_call_files", _DIRECTORY, "recordings/")
            if strange := set(plugin.call_files) - set(plugin.files):
                raise ValueError(f"b2bua_call_files: {min(strange)} is not in b2bua_files")
            plugin.commands = tuple(commands_of(plugin.name, plugin.declares("b2bua_commands", {})))
        except ValueError as error:
            if plugin.name not in self._off:
                self.problems.append(Problem(f"plugin {plugin.name}", str(error)))
            return False
        except CONTAINED as error:
            if plugin.name not in self._off:
                why = f"cannot say what it wants: {type(error).__name__}: {error}"
                self.problems.append(Problem(f"plugin {plugin.name}", why))
            return False
        self.claims += claims
        self._codes[plugin.name] = codes
        return True

    def _take(self, document: Mapping[str, Any]) -> Taken:
        """Take the tables of plugins out of the document."""
        claims = [claim for claim in self.claims if claim.feature not in self._off]
        clashes = list(tables.conflicts(claims))
        self.problems += clashes
        for claim in self.claims:  # one that is turned off has what nobody else wants
            if claim.feature in self._off and not any(tables.conflicts([*claims, claim])):
                claims.append(claim)
        taken = tables.take(document, [] if clashes else claims, self._directory)
        if self.problems:
            tables.forget_strangers(taken.rest)  # they may belong to a plugin that could not say so
        off = {f"plugin {name}" for name in self._off}
        self.problems += [problem for problem in taken.problems if problem.path not in off]
        return taken

    def _settle(self, document: Mapping[str, Any]) -> Codes:
        """Settle the feature codes of the plugins that are asked."""
        declared = {plugin.name: self._codes[plugin.name] for plugin in self.plugins}
        extensions = document.get("extensions")
        numbers = extensions if isinstance(extensions, Mapping) else {}
        wanted = self.taken.rest.pop("codes", {})
        others = {name for codes in self._codes.values() for name in codes}
        codes, problems = settle(declared, wanted, numbers, others)
        self.problems += problems
        return codes


def _fields(names: Iterable[str]) -> frozenset[str]:
    """
    The header fields that a plugin wants to see, spelled as we spell them.

    @raise ValueError: if one cannot be seen.
    """
    for name in names:
        if not is_token(name):
            raise ValueError(f"b2bua_fields: {name!r:.60} is no header field")
        if canonical(name) in SECRET:
            raise ValueError(f"b2bua_fields: no plugin can see {name}")
    return frozenset(map(canonical, names))


def _methods(names: Iterable[str]) -> frozenset[str]:
    """
    The methods that a plugin answers outside of dialogs.

    @raise ValueError: if one has another owner.
    """
    methods = frozenset(names)
    for name in sorted(methods - METHODS):
        raise ValueError(
            f"b2bua_methods: {name} is not for plugins to answer; {', '.join(sorted(METHODS))} are"
        )
    return methods


def _named(plugin: Plugin, hook: str, form: re.Pattern[str], example: str) -> dict[str, Any]:
    """
    What a plugin has by names: files, figures.

    @raise ValueError: if one has a name that is none.
    """
    declared = dict(plugin.declares(hook, {}))
    for name in declared:
        if not form.fullmatch(name):
            raise ValueError(f"{hook}: {name!r:.60} is no name like {example}")
    return declared


def _twice(
    plugins: Iterable[Plugin], what: str, names: Callable[[Plugin], Iterable[str]]
) -> Iterator[Problem]:
    """Complain of two plugins that bring the same thing."""
    owners: dict[str, str] = {}
    for plugin in plugins:
        for name in names(plugin):
            owner = owners.setdefault(name, plugin.name)
            if owner != plugin.name:
                text = f"the {what} {name} belongs to the plugin {owner} already"
                yield Problem(f"plugin {plugin.name}", text)
