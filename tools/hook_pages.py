"""
The pages in C{docs/hooks}: one for each hook, with an example that is run and its ladder.

A page keeps two blocks of Python, which people write: an example, and a
scenario that plays it.  All else is made of C{b2bua/hookspecs/} and of what
happens when the two are run.  C{python -m tools.hook_pages} writes the pages
anew; a test complains when they are not what it would write.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

from b2bua import hookspecs
from b2bua.errors import PeerError
from b2bua.hookspecs import CONTRACT, HOOKS, ROOMS
from b2bua.testing import World
from b2bua.testing.ladder import draw
from b2bua.testing.network import Packet
from b2bua.wire.message import Message
from b2bua.wire.parser import parse

PAGES = Path(__file__).resolve().parent.parent / "docs" / "hooks"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAID_MAX = 100
KINDS = {
    "question": "A *question*: the first feature that has an answer is the last one that is asked. "
    "The answer may be a value, a Deferred or a coroutine.",
    "edit": "An *edit*: every feature may change the draft, one after the other.",
    "news": "*News*: every feature is told; what it returns is of no interest, but it may be a coroutine.",
    "declaration": "A *declaration*: asked for once, at start and at each reload.",
}


def plain(text: str) -> str:
    """Epytext as Markdown."""
    text = re.sub(r"[CL]\{([^{}]*)\}", r"`\1`", text)
    return re.sub(r"[BI]\{([^{}]*)\}", r"*\1*", text)


def contract(hook: str) -> Iterator[str]:
    """The contract of a hook as Markdown."""
    function = CONTRACT[hook]
    text = plain(inspect.getdoc(function) or "")
    body, *notes = re.split(r"^(?=@)", text, flags=re.MULTILINE)
    yield f"# {hook}\n"
    annotations = function.__annotations__
    parameters = ", ".join(f"{name}: {annotations[name]}" for name in inspect.signature(function).parameters)
    yield f"```text\n{hook}({parameters}) -> {annotations['return']}\n```\n"
    yield KINDS[HOOKS[hook]] + "\n"
    yield body.strip() + "\n"
    for field in notes:
        words = " ".join(field.split())
        if found := re.match(r"@param (\w+): (.*)", words):
            yield f"- **{found[1]}**: {found[2]}"
        else:
            yield f"- **returns** {words.removeprefix('@return: ')}"
    if notes:
        yield ""


def page(hook: str, example: str, scenario: str) -> str:
    """The whole page."""
    lines = list(contract(hook))
    lines += ["## Example\n", f"```python\n{example}```\n"]
    lines += [
        "## What happens\n",
        f"```python\n{scenario}```\n",
        f"```text\n{played(hook, example, scenario)}\n```\n",
    ]
    return "\n".join(lines)


def played(hook: str, example: str, scenario: str) -> str:
    """Run the two blocks: the ladder of their world, with the calls of the hook; or what they show."""
    marks: list[tuple[int, float, str]] = []
    module = sys.modules["example"] = ModuleType("example")
    space = module.__dict__
    try:
        exec(compile(example, f"{hook}: example", "exec"), space)
        for kind in [value for value in space.values() if inspect.isclass(value) and hook in vars(value)]:
            setattr(kind, hook, marked(hook, getattr(kind, hook), space, marks))
        exec(compile(scenario, f"{hook}: scenario", "exec"), space)
    finally:
        del sys.modules["example"]
    if "shown" in space:
        return "\n".join(space["shown"])
    return ladder(space["world"], marks, registrations=hook.startswith("contact_"))


def marked(
    hook: str, function: Callable[..., Any], space: dict[str, Any], marks: list[tuple[int, float, str]]
) -> Callable[..., Any]:
    """The implementation of a hook that notes when it was called and what it said."""

    @functools.wraps(function)
    def call(*values: Any) -> Any:
        world: World | None = space.get("world")
        answer = function(*values)
        if world is not None:
            said = f" -> {spoken(answer)}" if HOOKS[hook] == "question" else ""
            if lines := getattr(values[0], "lines", ()):
                said = f": {lines[-1]}"
            text = f"{hook}{said}"
            marks.append((len(world.network.log), world.clock.seconds(), text[:SAID_MAX]))
        return answer

    return call


def spoken(answer: object) -> str:
    """An answer as one would write it: without what is the default anyway."""
    if isinstance(answer, Enum):
        return str(answer)
    if not is_dataclass(answer) or isinstance(answer, type):
        return repr(answer)
    parts = [(field, getattr(answer, field.name)) for field in fields(answer)]
    words = [f"{field.name}={spoken(value)}" for field, value in parts if value != field.default]
    return f"{type(answer).__name__}({', '.join(words)})"


def ladder(world: World, marks: list[tuple[int, float, str]], *, registrations: bool) -> str:
    """What went over the network without what is always the same, and the calls of the hook."""
    packets = list(world.network.log)
    usual = set(passwords(packets, registrations=registrations))
    shown = [index for index in range(len(packets)) if index not in usual]
    names = world.network.names
    columns = [agent.name for agent in world.agents]
    columns.insert(1, "server")
    head, *rows = draw([packets[index] for index in shown], names, columns).splitlines()
    lines = [head]
    left = list(marks)
    for index, row in zip(shown, rows, strict=True):
        while left and left[0][0] <= index:
            lines.append(note(*left.pop(0)[1:]))
        lines.append(row)
    lines += [note(at, text) for _, at, text in left]
    return "\n".join(lines)


def note(at: float, text: str) -> str:
    """A call of the hook, between two messages."""
    return f"{at:9.3f} * {text}"


def passwords(packets: list[Packet], *, registrations: bool) -> Iterator[int]:
    """The packets by which phones prove who they are, and, unless wanted, those of their registrations."""
    messages: list[Message | None] = []
    for packet in packets:
        try:
            messages.append(parse(packet.data))
        except PeerError:
            messages.append(None)
    challenged = {
        (message.call_id, message.cseq.number)
        for message in messages
        if message is not None and getattr(message, "code", 0) in (401, 407)
    }

    def unwanted(message: Message) -> bool:
        return message.cseq.method == "REGISTER" and not registrations

    for index, message in enumerate(messages):
        if message is None or (message.call_id, message.cseq.number) in challenged or unwanted(message):
            yield index


def blocks(path: Path) -> tuple[str, str]:
    """The two blocks that people have written."""
    found = BLOCK.findall(path.read_text())
    if len(found) != 2:
        raise ValueError(f"{path.name} has {len(found)} blocks of Python, not an example and a scenario")
    example, scenario = found
    return example, scenario


def index() -> str:
    """The page that names all hooks."""
    lines = ["# Hooks\n"]
    text = plain(inspect.getdoc(hookspecs) or "")
    lines += [re.sub(r"^  - ", "- ", text, flags=re.MULTILINE), ""]
    for room in ROOMS:
        head, *more = plain(inspect.getdoc(room) or "").split("\n", 1)
        lines += [f"## {head.rstrip('.')}\n", "".join(more).strip() + "\n"]
        for hook, kind in HOOKS.items():
            if CONTRACT[hook].__module__ == room.__name__:
                first = (inspect.getdoc(CONTRACT[hook]) or "").splitlines()[0]
                lines.append(f"- [{hook}]({hook}.md) ({kind}): {plain(first)}")
        lines.append("")
    return "\n".join(lines)


def pages() -> Iterator[tuple[Path, str]]:
    """Every page as it should be."""
    for hook in HOOKS:
        path = PAGES / f"{hook}.md"
        yield path, page(hook, *blocks(path))
    yield PAGES / "README.md", index()


if __name__ == "__main__":
    for path, text in pages():
        path.write_text(text)
