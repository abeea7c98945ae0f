"""Who has changed what, and when: kept in the store, the oldest given up in the end."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field
from pydantic_core import to_jsonable_python
from twisted.logger import Logger

from b2bua.admin.values import AuditRow
from b2bua.settings.pins import without_pins

if TYPE_CHECKING:
    from b2bua.admin.person import Person
    from b2bua.admin.route import Route
    from b2bua.store.journal import Journal
    from b2bua.store.ports import Setting

TABLE = "b2bua.audit"
"""Where it lies among the settings; no feature can have that name."""
KEPT = 5_000
"""So many entries are kept."""
SECRET = frozenset({"password", "token", "secret", "link"})
"""What is not written down; nor is a PIN."""


class Audit:
    """What was changed."""

    log = Logger()

    def __init__(self, journal: Journal, wall: Callable[[], float]) -> None:
        """Begin with nothing."""
        self._journal = journal
        self._wall = wall
        self._rows: deque[tuple[str, AuditRow]] = deque()

    def restore(self, rows: Iterable[Setting]) -> None:
        """Take what was kept."""
        kept = sorted((row.key, row.value) for row in rows if row.table == TABLE)
        self._rows.extend((key, AuditRow.model_validate(value)) for key, value in kept)

    def note(self, who: Person, route: Route, values: Mapping[str, Any], answer: Any) -> None:
        """Write down that somebody has changed something."""
        row = AuditRow(
            at=self._wall(),
            who=who.name,
            what=f"{route.method} {route.path}",
            said=_plain(without_pins(values)),
            answer=_plain(without_pins(to_jsonable_python(answer, fallback=str))),
        )
        number = int(self._rows[-1][0]) + 1 if self._rows else 1
        key = f"{number:012}"
        self._rows.append((key, row))
        self._journal.setting("", TABLE, key, row.model_dump(mode="json"))
        if len(self._rows) > KEPT:
            self._journal.setting("", TABLE, self._rows.popleft()[0], None)
        said = json.dumps(row.said)
        self.log.info("changed by {who}: {what} {said}", who=row.who, what=row.what, said=said)

    def changes(self, limit: Annotated[int, Field(ge=1, le=KEPT)] = 100) -> list[AuditRow]:
        """Who has changed what, the latest first."""
        return [row for _, row in list(self._rows)[: -limit - 1 : -1]]


def _plain(value: Any) -> Any:
    """What was said or answered, without its secrets."""
    if isinstance(value, Mapping):
        return {
            name: "***" if name in SECRET and one is not None else _plain(one) for name, one in value.items()
        }
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
