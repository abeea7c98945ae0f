"""The numbers that features answer: each has one owner, whether extension or feature."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from b2bua.features.dispatch import CONTAINED
from b2bua.features.plugin import Plugin
from b2bua.settings import Problem

NAMED_MAX = 3
"""So many numbers are named of those that collide in one way."""


def numbers_of(plugins: Iterable[Plugin]) -> Iterator[tuple[Plugin, Mapping[str, str]]]:
    """The numbers of each plugin that has a say, with the keys that name them."""
    for plugin in plugins:
        if not plugin.out:
            yield plugin, dict(plugin.declares("b2bua_numbers", {}))


def collisions(plugins: Iterable[Plugin], extensions: Collection[str]) -> list[Problem]:
    """Complain of numbers that somebody else has, all of one key and one other owner in one line."""
    owners = dict.fromkeys(extensions, "an extension")
    found: dict[tuple[str, str], list[str]] = {}
    try:
        for _, numbers in numbers_of(plugins):
            for number, key in numbers.items():
                if number in owners:
                    found.setdefault((key, owners[number]), []).append(number)
                else:
                    owners[number] = f"the number of {key}"
    except CONTAINED as error:
        return [Problem("plugins", f"cannot say which numbers they have: {type(error).__name__}: {error}")]
    return [Problem(key, f"{_named(numbers)} {owner} already") for (key, owner), numbers in found.items()]


def _named(numbers: list[str]) -> str:
    """A few of them, and how many more: 701 is, 701 and 702 are."""
    more = len(numbers) - NAMED_MAX
    named = [*numbers[:NAMED_MAX], *([f"{more} more"] if more > 0 else [])]
    if len(named) == 1:
        return f"{named[0]} is"
    return f"{', '.join(named[:-1])} and {named[-1]} are each"
