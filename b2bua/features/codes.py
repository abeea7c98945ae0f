"""Feature codes: what a person dials to talk to a feature, C{*72102} say."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any, NamedTuple

from b2bua.settings import Problem, meant


class Code(NamedTuple):
    """One feature code in force."""

    code: str
    feature: str
    name: str


class Codes:
    """The table of all feature codes, none of which begins with another one."""

    def __init__(self, codes: list[Code]) -> None:
        """Take the codes in force."""
        self.all = tuple(sorted(codes))
        self._by_first: dict[str, list[Code]] = {}
        for code in self.all:
            self._by_first.setdefault(code.code[0], []).append(code)

    def dialled(self, user: str) -> tuple[Code, str] | None:
        """
        The code with which C{user} begins, and what was dialled after it.

        C{*72102}, C{*72*102} and C{*72*102#} all mean the same.
        """
        for code in self._by_first.get(user[:1], ()):
            if user.startswith(code.code):
                return code, user[len(code.code) :].removeprefix("*").removesuffix("#")
        return None


def settle(
    declared: Mapping[str, Mapping[str, str]],
    wanted: Any,
    extensions: Container[str],
    others: Container[str] = (),
) -> tuple[Codes, list[Problem]]:
    """
    The codes in force, and what is wrong with them.

    @param declared: for each feature the default codes by name.
    @param wanted: the table C{[codes]} of the configuration.
    @param extensions: numbers that are no codes.
    @param others: the codes of plugins that are turned off; they may stand in
        the configuration.
    """
    problems: list[Problem] = []
    if not isinstance(wanted, Mapping):
        return Codes([]), [Problem("codes", "must be a table of names and codes")]
    owners: dict[str, str] = {}
    found: list[Code] = []
    for feature, defaults in declared.items():
        for name, default in defaults.items():
            if name in owners:
                text = f"the code {name} belongs to the plugin {owners[name]} already"
                problems.append(Problem(f"plugin {feature}", text))
                continue
            owners[name] = feature
            code = wanted.get(name, default)
            if not isinstance(code, str) or (code and not all(c in "0123456789*#" for c in code)):
                problems.append(
                    Problem(f"codes.{name}", "must be digits, * and # in quotes, or empty for none")
                )
            elif code in extensions:
                problems.append(Problem(f"codes.{name}", f"{code} is an extension as well"))
            elif code:
                found.append(Code(code, feature, name))
    problems += [
        Problem(f"codes.{name}", f"there is no such code{meant(name, owners)}")
        for name in wanted
        if name not in owners and name not in others
    ]
    problems += _clashes(sorted(found, key=lambda code: code.code))
    return Codes(found), problems


def _clashes(codes: list[Code]) -> Iterator[Problem]:
    """Codes that are the same, or of which one begins with the other; C{codes} are sorted."""
    for index, one in enumerate(codes):
        for other in codes[index + 1 :]:
            if not other.code.startswith(one.code):
                break
            same = "is" if one.code == other.code else f"begins with {one.code}, which is"
            text = f"{other.code} {same} the code {one.name} of the plugin {one.feature}"
            yield Problem(f"codes.{other.name}", text)
