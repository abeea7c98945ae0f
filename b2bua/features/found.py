"""What there is before anything is configured: plugins, their claims, their codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from b2bua.features import plugin as plugins_of
from b2bua.features import tables
from b2bua.features.codes import Codes, settle
from b2bua.features.dispatch import CONTAINED
from b2bua.features.plugin import Plugin, Source
from b2bua.features.tables import Claim, Taken
from b2bua.settings import Problem


class Found:
    """The plugins that could be loaded, and what is wrong so far."""

    def __init__(self, sources: Sequence[Source]) -> None:
        """Load plugins and ask them what they want."""
        self.plugins, self.problems = plugins_of.load(sources)
        self.claims: list[Claim] = []
        self.codes: dict[str, Mapping[str, str]] = {}
        for plugin in self.plugins:
            try:
                self.claims += tables.claims_of(plugin.name, plugin.declares("b2bua_settings", {}))
                self.codes[plugin.name] = dict(plugin.declares("b2bua_codes", {}))
            except CONTAINED as error:
                self.problems.append(Problem(f"plugin {plugin.name}", f"cannot say what it wants: {error!r}"))
        if clashes := list(tables.conflicts(self.claims)):
            self.problems += clashes
            self.claims = []

    def settled(self, document: Mapping[str, Any]) -> tuple[list[Plugin], Codes, Taken, list[Problem]]:
        """The plugins in their order, codes, tables, and all that is wrong."""
        section = document.get("plugins", {})
        section = section if isinstance(section, Mapping) else {}
        plugins, problems = plugins_of.in_order(
            self.plugins, section.get("order", ()), section.get("off", ())
        )
        taken = tables.take(document, self.claims)
        names = {plugin.name for plugin in plugins}
        declared = {name: codes for name, codes in self.codes.items() if name in names}
        extensions = document.get("extensions", {})
        numbers = extensions if isinstance(extensions, Mapping) else {}
        codes, more = settle(declared, taken.rest.pop("codes", {}), numbers)
        return plugins, codes, taken, [*self.problems, *problems, *taken.problems, *more]
