"""
What is allowed in a configuration, but hardly meant.

A service starts with it all the same: somebody may write the group first and
its members tomorrow.  So these are warnings, and all are said at once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from b2bua.settings import Problem, meant
from b2bua.settings.problems import key_path
from b2bua.settings.values import local_number

if TYPE_CHECKING:
    from b2bua.configuration import Configuration
    from b2bua.face.targets import Aim
    from b2bua.settings import Route, Rule, Settings

_NO_STRAY = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(?:\d+|\d*,\d*)\}")
"""What in a regular expression is no stray brace: escapes, sets of characters, repetitions."""

Code: TypeAlias = Callable[[str], bool]
"""Would a phone that dials this talk to a feature?"""


def doubts(configured: Configuration) -> list[Problem]:
    """All that looks like a mistake, by key."""
    settings, features = configured.settings, configured.features
    groups, aims = features.numbers(), tuple(features.aims())
    return [
        *_unreachable(settings, groups, features.is_code),
        *_stray_braces(settings),
        *_hidden_routes(settings),
        *_hidden_extensions(settings),
        *_nowhere(settings, aims, groups, features.is_code),
        *_circles(settings, aims, groups),
        *_unrelayed(settings),
        *_unwritable(features.directories()),
    ]


def _unwritable(directories: Iterable[tuple[tuple[str | int, ...], str]]) -> Iterator[Problem]:
    """Directories in which files are to be kept, and cannot be by whoever runs this."""
    for path, directory in directories:
        there = next((one for one in (Path(directory), *Path(directory).parents) if one.exists()), Path())
        if there.is_dir() and _may_write(there):
            continue
        what = "is no directory" if not there.is_dir() else "cannot be written to by this user"
        remedy = "name another one, or let the user of the service write there"
        which = directory if there == Path(directory) else f"{directory} cannot be made, since {there}"
        yield Problem(key_path(path), f"{which} {what}; {remedy}")


def _may_write(directory: Path) -> bool:
    """May the user that we act as make files there?"""
    return os.access(directory, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)


def _unrelayed(settings: Settings) -> Iterator[Problem]:
    """Media that are to pass through a relay, where there is none that can do it."""
    if (table := settings.media.rtpengine) is not None:
        if table.recordings is not None and not Path(table.recordings).is_dir():
            text = (
                "is no directory, so that recordings would be silence; set it to the engines' recording-dir"
            )
            yield Problem("media.rtpengine.recordings", text)
        return
    for kind, peers in (("extensions", settings.extensions), ("trunks", settings.trunks)):
        for name, peer in peers.items():
            if peer.media == "relay" and not settings.media.workers:
                path = key_path([kind, name, "media"])
                yield Problem(path, "has no relay, since [media] workers is 0; set it to 1 or more")
            if peer.media_encryption in ("sdes", "dtls"):
                path = key_path([kind, name, "media_encryption"])
                text = (
                    f"is {peer.media_encryption}, which whoever calls must speak likewise: only rtpengine "
                    "encrypts for others; set [media.rtpengine]"
                )
                yield Problem(path, text)
            if peer.codecs:
                path = key_path([kind, name, "codecs"])
                text = "needs rtpengine, which makes one codec out of another; set [media.rtpengine]"
                yield Problem(path, text)


def _unreachable(settings: Settings, groups: Mapping[str, str], is_code: Code) -> Iterator[Problem]:
    """Numbers that nobody can dial: feature codes come first, then groups, then extensions."""
    for number in settings.extensions:
        path = key_path(["extensions", number])
        if is_code(number):
            yield Problem(path, f"nobody can dial it, since {number} begins with a feature code; rename it")
        elif number in groups:
            text = f"nobody can dial it, since {groups[number]} has the same number; rename one"
            yield Problem(path, text)
    for number, path in groups.items():
        if is_code(number):
            yield Problem(path, f"nobody can dial it, since {number} begins with a feature code; rename it")


def _stray_braces(settings: Settings) -> Iterator[Problem]:
    """Regular expressions with a brace that repeats nothing: it stands for itself, and is in no number."""
    places: tuple[tuple[list[str], Sequence[Route | Rule]], ...] = (
        (["routes"], settings.routes),
        *((["trunks", name, "numbers_in"], trunk.numbers_in) for name, trunk in settings.trunks.items()),
        *((["trunks", name, "numbers_out"], trunk.numbers_out) for name, trunk in settings.trunks.items()),
    )
    for path, rules in places:
        for index, rule in enumerate(rules):
            left = _NO_STRAY.sub("", rule.match.pattern)
            if "{" in left or "}" in left:
                text = (
                    r"has a brace that repeats nothing, and no number has one; write it like \d{4} or \d{4,}"
                )
                yield Problem(key_path([*path, index, "match"]), text)


def _hidden_routes(settings: Settings) -> Iterator[Problem]:
    """Routes behind one that takes the same numbers."""
    seen: dict[str, int] = {}
    for index, route in enumerate(settings.routes):
        text = route.match.pattern
        if text in seen:
            yield Problem(
                f"routes[{index}].match",
                f"is the same as routes[{seen[text]}].match, which comes first and decides alone; remove one",
            )
        seen.setdefault(text, index)


def _hidden_extensions(settings: Settings) -> Iterator[Problem]:
    """
    Extensions that take a number away from a route.

    A route for whatever is left takes all of them, and is meant to.
    """
    for index, route in enumerate(settings.routes):
        taken = [number for number in settings.extensions if route.match.fullmatch(number)]
        if taken and (len(taken) < len(settings.extensions) or len(taken) == 1):
            text = (
                f"never gets {', '.join(taken)}: extensions come before routes; rename what is not meant so"
            )
            yield Problem(f"routes[{index}].match", text)


def _nowhere(
    settings: Settings, aims: Iterable[Aim], groups: Mapping[str, str], is_code: Code
) -> Iterator[Problem]:
    """Targets that are no extension, no group, no code and on no route."""
    hosts = _hosts(settings)
    for aim in aims:
        number = local_number(aim.target, hosts)
        if number is None or number in settings.extensions or number in groups or is_code(number):
            continue
        routes = [route for route in settings.routes if route.match.fullmatch(number)]
        if not routes:
            close = meant(number, {*settings.extensions, *groups}, all_of_them=False)
            text = f"{number} leads nowhere: it is no extension and no route matches it{close}"
            yield Problem(key_path(aim.path), text)
        elif not routes[0].callers:
            text = f"{number} leads nowhere: {_route(settings, routes[0])} blocks it"
            yield Problem(key_path(aim.path), text)


def _circles(settings: Settings, aims: Iterable[Aim], groups: Mapping[str, str]) -> Iterator[Problem]:
    """Groups that are members of themselves, by whatever way."""
    hosts = _hosts(settings)
    paths = {path: number for number, path in groups.items()}
    members: dict[str, list[tuple[str, Aim]]] = {}
    for aim in aims:
        owner = paths.get(key_path(aim.path[:2]))
        number = local_number(aim.target, hosts)
        if owner is not None and number is not None and number in groups and not aim.onward:
            members.setdefault(owner, []).append((number, aim))
    for owner, found in members.items():
        for number, aim in found:
            if number == owner:
                yield Problem(key_path(aim.path), f"{number} is a member of itself; remove it")
            elif _leads_to(number, owner, members, set()):
                text = f"{number} leads back to {owner}, so that {owner} is a member of itself; remove one"
                yield Problem(key_path(aim.path), text)


def _leads_to(start: str, end: str, members: Mapping[str, list[tuple[str, Aim]]], seen: set[str]) -> bool:
    """Does one come from a group to another by its members?"""
    if start in seen:
        return False
    seen.add(start)
    return any(number == end or _leads_to(number, end, members, seen) for number, _ in members.get(start, ()))


def _route(settings: Settings, route: Route) -> str:
    """A route by its key."""
    return f"routes[{settings.routes.index(route)}]"


def _hosts(settings: Settings) -> frozenset[str]:
    """Our names."""
    return frozenset((settings.server.domain, *settings.server.aliases))
