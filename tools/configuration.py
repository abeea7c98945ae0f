"""
The pages of all keys of the configuration, written from the tables themselves.

C{python -m tools.configuration} writes what stands below the mark in
C{docs/configuration.md}; a test finds out when somebody has not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from b2bua.settings import Extension, OwnTimers, Route, Rule, Settings, Table, Trunk, Webhook

PAGE = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"
MARK = "<!-- From here on it is written by: python -m tools.configuration -->\n"

# How the head of each table is written in a file.
HEADS: dict[str, tuple[str, type[Table]]] = {
    "extensions": ("[extensions.NUMBER]", Extension),
    "webhooks": ("[webhooks.NAME]", Webhook),
    "trunks": ("[trunks.NAME]", Trunk),
    "routes": ("[[routes]]", Route),
}


def reference() -> str:
    """All tables and keys."""
    parts = []
    for name, field in Settings.model_fields.items():
        head, table = HEADS.get(name, (f"[{name}]", field.annotation))
        parts.append(_section(head, _bare(table)))
    parts.append(_section('[timers.peers."ADDRESS"]', OwnTimers))
    parts.append(_section("numbers_in and numbers_out of a trunk: a list of tables", Rule))
    return "\n".join(parts)


def _bare(annotation: Any) -> type[Table]:
    """The table in an annotation."""
    for kind in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(kind, type) and issubclass(kind, Table):
            return kind
    raise TypeError(f"no table in {annotation}")


def _section(head: str, table: type[Table]) -> str:
    """One table."""
    summary = (table.__doc__ or "").strip().splitlines()[0].partition(": ")[2].rstrip(".")
    lines = [f"## `{head}`" if head.startswith("[") else f"## {head}", ""]
    if summary:
        lines += [summary[:1].upper() + summary[1:] + ".", ""]
    lines += ["| key | default | what it is |", "|---|---|---|", *_rows(table), ""]
    return "\n".join(lines)


def _rows(table: type[Table]) -> Iterator[str]:
    """One row for each key."""
    for name, field in table.model_fields.items():
        meaning = (field.description or "").replace("|", "\\|")
        if field.is_required():
            default = "must be given"
        else:
            default = _written(field.get_default(call_default_factory=True))
        yield f"| `{field.alias or name}` | {default} | {meaning} |"


def _written(value: Any) -> str:
    """A default as it would stand in the file."""
    if value is None or value is PydanticUndefined or value in ("", ()) or isinstance(value, Mapping):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f'`"{value}"`'
    if isinstance(value, tuple):
        items = ", ".join(f'"{item}"' for item in value)
        return f"`[{items}]`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def page(text: str) -> str:
    """A page with what is below the mark made anew."""
    return text.partition(MARK)[0] + MARK + "\n" + reference()


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
