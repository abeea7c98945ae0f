"""
The contracts between the rooms that import-linter cannot say.

A plugin sees the public face only.  The core names no plugin: neither the
package C{b2bua_plugins} nor, as a string, one of our features, for a feature
that the core knows is not a feature but a part of the core.  And nowhere do
modules import each other in a circle, not even for their types.

C{python -m tools.contracts} prints one line for each breach.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What stands in b2bua/ as a module or a package.
MODULES = {path.stem for path in (ROOT / "b2bua").glob("[!_]*")}

PUBLIC = ("b2bua.calls", "b2bua.subscriptions", "b2bua.wire", "b2bua.errors")

# The names of features that are words of SIP as well, and may be said by the core.
WORDS_OF_SIP = {
    "replaces": "the option tag of RFC 3891",
}


def imported(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """
    Every module that is imported, with its line.

    What is imported from C{b2bua} itself counts as a module when it is written
    as one; classes and constants of the public face are not.

    @param package: the package of the module, for relative imports.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                module = f"{package}.{module}".rstrip(".")
            if module == "b2bua":
                for alias in node.names:
                    if alias.name in MODULES:
                        yield node.lineno, f"b2bua.{alias.name}"
            else:
                yield node.lineno, module


def is_public(module: str) -> bool:
    """May a plugin import it?"""
    if module.split(".")[0] != "b2bua" or module == "b2bua":
        return True
    return any(module == name or module.startswith(f"{name}.") for name in PUBLIC)


def breaches_of_plugin(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """What a plugin imports beyond the public face."""
    for line, module in imported(tree, "b2bua_plugins"):
        if not is_public(module):
            yield line, f"a plugin imports {module}; the public face is b2bua, {', '.join(PUBLIC)}"


TRADE = {"recording"}
"""Words that are the names of features, and of what the core does for them as well."""


def breaches_of_core(tree: ast.AST, features: set[str]) -> Iterator[tuple[int, str]]:
    """Where the core names a plugin."""
    for line, module in imported(tree, "b2bua"):
        if module.split(".")[0] == "b2bua_plugins":
            yield line, f"the core imports {module}"
    for node in ast.walk(tree):
        named = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if named in features and named not in TRADE:
            yield node.lineno, f"the core names the feature {named!r}"


def imports_of(root: Path) -> dict[str, set[str]]:
    """The modules below C{root}, each with those of them that it imports, for types only or not."""
    paths = {}
    for path in sorted((root / "b2bua").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    found: dict[str, set[str]] = {}
    for module, path in paths.items():
        package = module if path.stem == "__init__" else module.rpartition(".")[0]
        found[module] = set()
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                found[module] |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
                home = ".".join([*above, *filter(None, [node.module])])
                inside = {f"{home}.{alias.name}" for alias in node.names}
                found[module] |= inside & paths.keys() or {home}
        found[module] = (found[module] & paths.keys()) - {module}
    return found


def circles(imports: dict[str, set[str]]) -> list[str]:
    """Modules that import each other, by way of whatever others; each once, with the way back to it."""
    found: list[str] = []
    done: set[str] = set()  # no circle leads through these any more

    def follow(module: str, way: list[str]) -> None:
        """Go on along C{way}, which leads to C{module}."""
        if module in way:
            found.append(" -> ".join([*way[way.index(module) :], module]))
        elif module not in done:
            for other in sorted(imports[module]):
                follow(other, [*way, module])
            done.add(module)

    for module in sorted(imports):
        follow(module, [])
    return found


def check(root: Path = ROOT) -> list[str]:
    """All breaches below C{root}, one line each."""
    plugins = sorted((root / "plugins").glob("*.py"))
    features = {path.stem for path in plugins} - {"__init__"} - WORDS_OF_SIP.keys()
    found: list[str] = []

    def say(path: Path, breaches: Iterator[tuple[int, str]]) -> None:
        found.extend(f"{path.relative_to(root)}:{line}: {why}" for line, why in breaches)

    for path in plugins:
        say(path, breaches_of_plugin(ast.parse(path.read_bytes())))
    for path in sorted((root / "b2bua").rglob("*.py")):
        say(path, breaches_of_core(ast.parse(path.read_bytes()), features))
    found.extend(f"a circle of imports: {circle}" for circle in circles(imports_of(root)))
    return found


if __name__ == "__main__":
    lines = check()
    print("\n".join(lines) or "Contracts kept.")
    sys.exit(bool(lines))
