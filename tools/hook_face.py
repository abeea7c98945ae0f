"""
The typed face that the core sees of all features: one method for each hook, made of C{b2bua/hookspecs/}.

A new hook is written there, and nowhere else: C{python -m tools.hook_face} writes
C{b2bua/calls/decisions.py} anew, C{b2bua.features.hook_relay} makes the methods when
it is imported, and C{python -m tools.hook_pages} writes the hook's page around
its example.  Tests complain when one of them is not as it should be.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from b2bua import hookspecs
from b2bua.hookspecs import CONTRACT, FACE, HOOKS, ROOMS

FILE = Path(hookspecs.__file__).parent.parent / "calls" / "decisions.py"
HEAD = '''"""
What the core asks and tells the features: one method for each hook.

Made of C{b2bua/hookspecs/} by C{python -m tools.hook_face}; a change belongs there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

'''


def signature_of(hook: str) -> tuple[str, str]:
    """The parameters and the result of a hook's method, as text."""
    function = CONTRACT[hook]
    notes = function.__annotations__
    parameters = ", ".join(f"{name}: {notes[name]}" for name in inspect.signature(function).parameters)
    result = "None"
    if HOOKS[hook] == "question":
        answer = notes["return"].removesuffix(" | None")
        result = f"{answer} | Deferred[{answer} | None] | None"
    return parameters, result


def method(hook: str) -> str:
    """The method of one hook."""
    parameters, result = signature_of(hook)
    first = (inspect.getdoc(CONTRACT[hook]) or "").splitlines()[0]
    head = f"    def {FACE[hook]}(self, {parameters}) -> {result}:"
    if len(head) > 110:
        head = f"    def {FACE[hook]}(\n        self, {parameters}\n    ) -> {result}:"
    return f'{head}\n        """{first}"""\n        raise NotImplementedError\n'


def imports(used: set[str]) -> Iterator[str]:
    """Where the types of the methods come from: as in the rooms of C{b2bua.hookspecs}."""
    homes: dict[str, set[str]] = {}
    for room in ROOMS:
        for node in ast.walk(ast.parse(inspect.getsource(room))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("b2bua."):
                names = {alias.name for alias in node.names if alias.name in used}
                homes.setdefault(node.module or "", set()).update(names)
    for home, names in sorted(homes.items()):
        if names:
            yield f"    from {home} import {', '.join(sorted(names))}"


def text() -> str:
    """The whole file."""
    hooks = list(FACE)
    used = {name for hook in hooks for name in re.findall(r"\w+", " ".join(signature_of(hook)))}
    lines = [HEAD + "\n".join(imports(used)), "", ""]
    lines += ["class Decisions(Protocol):", '    """The features, as far as hooks go."""', ""]
    return "\n".join(lines) + "\n" + "\n".join(method(hook) for hook in hooks)


if __name__ == "__main__":
    FILE.write_text(text())
