"""The event packages of the features, and what keeps a fault in one of them from harming others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from b2bua.calls.verdicts import Refuse
from b2bua.capabilities import EVENTS
from b2bua.features.answers import wrong_body, wrong_refusal, wrong_tags
from b2bua.subscriptions import Body, EventPackage
from b2bua.subscriptions.packages import PackageFailed
from b2bua.wire.grammar import is_token

if TYPE_CHECKING:
    from b2bua.features.dispatch import Dispatch
    from b2bua.features.plugin import Plugin
    from b2bua.legs.party import Party
    from b2bua.subscriptions import Watcher

HOOK = "b2bua_event_packages"


class ContainedPackage:
    """An event package, asked so that its faults are its own."""

    __slots__ = ("_dispatch", "_plugin", "package")

    def __init__(self, dispatch: Dispatch, plugin: Plugin, package: EventPackage) -> None:
        """Ask C{package}, which C{plugin} brought along."""
        self._dispatch = dispatch
        self._plugin = plugin
        self.package = package

    def refuses(self, resource: str, watcher: Watcher) -> Refuse | None:
        """Turn a watcher away, or say None."""
        refusal: Refuse | None = self._ask("refuses", wrong_refusal, resource, watcher)
        return refusal

    def needs(self, resource: str) -> frozenset[str]:
        """The option tags without which the resource cannot be told."""
        tags: frozenset[str] = self._ask("needs", wrong_tags, resource)
        return tags

    def state(self, resource: str, watcher: Watcher) -> Body:
        """Say how the resource is now."""
        body: Body | None = self._ask("state", wrong_body, resource, watcher)
        return body or Body()

    def watched(self, resource: str, anybody: bool) -> None:
        """Hear that somebody begins to watch a resource, or that nobody does any more."""
        with suppress(PackageFailed):
            self._ask("watched", _no_answer, resource, anybody)

    def began(self, resource: str, watcher: Watcher) -> None:
        """Hear that a subscription begins."""
        with suppress(PackageFailed):
            self._ask("began", _no_answer, resource, watcher)

    def ended(self, resource: str, watcher: Watcher) -> None:
        """Hear that one is over."""
        with suppress(PackageFailed):
            self._ask("ended", _no_answer, resource, watcher)

    def commanded(self, resource: str, watcher: Watcher, body: bytes) -> Refuse | None:
        """Carry out what the body of a SUBSCRIBE wants, or turn it down."""
        refusal: Refuse | None = self._ask("commanded", wrong_refusal, resource, watcher, body)
        return refusal

    def takes(self, resource: str, publisher: Party, body: bytes) -> Refuse | None:
        """Turn down what somebody publishes, or say None."""
        refusal: Refuse | None = self._ask("takes", wrong_refusal, resource, publisher, body)
        return refusal

    def published(self, resource: str, bodies: tuple[bytes, ...]) -> None:
        """Hear what is published of a resource by now."""
        with suppress(PackageFailed):
            self._ask("published", _no_answer, resource, bodies)

    def _ask(self, method: str, check: Callable[[object], str | None], *values: object) -> Any:
        """Call a method of the package."""
        where = f"{self.package.name}.{method}"
        return self._dispatch.contained(self._plugin, where, getattr(self.package, method), check, *values)


def _no_answer(answer: object) -> str | None:
    """What is wrong with something that nobody has asked for: nothing."""
    return None


def packages_of(plugins: Sequence[Plugin], dispatch: Dispatch) -> dict[str, ContainedPackage]:
    """
    The packages of all plugins, by name.

    @raise ValueError: with the plugin's name and one line for people, when one
        of them is none.
    """
    found: dict[str, ContainedPackage] = {}
    owners: dict[str, str] = {}
    for plugin, package in _declared(plugins):
        name = package.name
        if name in found:
            raise ValueError(f"plugin {plugin.name}: the event package {name} is served by {owners[name]}")
        found[name] = ContainedPackage(dispatch, plugin, package)
        owners[name] = plugin.name
    return found


def _declared(plugins: Sequence[Plugin]) -> Iterator[tuple[Plugin, EventPackage]]:
    """Each package that a plugin brings along, if it is one."""
    for plugin in plugins:
        if plugin.out:
            continue
        for package in plugin.declares(HOOK, ()):
            if not isinstance(package, EventPackage):
                raise ValueError(f"plugin {plugin.name}: {package!r:.60} is no EventPackage")
            if not is_token(package.name) or package.name in EVENTS:
                raise ValueError(f"plugin {plugin.name}: {package.name!r:.60} cannot be an event package")
            yield plugin, package
