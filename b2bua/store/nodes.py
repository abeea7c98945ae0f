"""Which of the processes that share a database has what: their leases, and the owner of each call."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from zope.interface import implementer

from b2bua.store import alive, tables
from b2bua.store.database import Connection, Database, names
from b2bua.store.ports import Fenced, Inherited, INodes, NodeRow, Snapshot

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

TAKEN = "another process has taken the calls of this one"


@implementer(INodes)
class SqlNodes:
    """
    The nodes in a database.

    SQLite lets one transaction in at a time; in PostgreSQL whoever writes under
    a number holds the row of its node until the end, so that nobody takes the
    node in the middle of a batch.
    """

    def __init__(
        self, node: str, do: Callable[..., Deferred[Any]], connected: Callable[[], Database]
    ) -> None:
        """
        Be one of them.

        @param do: has the thread of the store do something.
        @param connected: the database, if it is open.
        """
        self._node = node
        self._do = do
        self._connected = connected
        self._number: int | None = None
        """What we write under; None as long as we have not joined."""

    def check(self, connection: Connection) -> None:
        """
        See in a transaction that what we had is still ours.

        @raise Fenced: if it is not.
        """
        if self._number is not None and self._found(connection) != self._number:
            raise Fenced(TAKEN)

    def _found(self, connection: Connection) -> int | None:
        """The number of our node, which stays until the end of the transaction."""
        sql = "SELECT number FROM nodes WHERE node = ?"
        if connection.dialect == "postgresql":
            sql += " FOR UPDATE"
        found: int | None = _value(connection, sql, self._node)
        return found

    def join(self, place: str) -> Deferred[int]:
        """Be reached at a place from now on, and have for sure what is ours."""

        def work() -> int:
            with self._connected().begin() as connection:
                before = self._found(connection)
                number = (before or 0) + 1
                sql = (
                    "INSERT INTO nodes (number, beat, place, node) VALUES (?, 0, ?, ?)"
                    if before is None
                    else "UPDATE nodes SET number = ?, beat = 0, place = ? WHERE node = ?"
                )
                connection.execute(sql, (number, place, self._node))
                connection.execute("UPDATE snapshots SET number = number + 1 WHERE node = ?", (self._node,))
            self._number = number
            return number

        return self._do(work)

    def renew(self) -> Deferred[Sequence[NodeRow]]:
        """Show that we live, and see all nodes."""

        def work() -> Sequence[NodeRow]:
            with self._connected().begin() as connection:
                self.check(connection)
                connection.execute("UPDATE nodes SET beat = beat + 1 WHERE node = ?", (self._node,))
                rows = connection.execute(
                    "SELECT node, number, beat, place FROM nodes ORDER BY node"
                ).fetchall()
            return [NodeRow(*row) for row in rows]

        return self._do(work)

    def leave(self) -> Deferred[None]:
        """End in order."""

        def work() -> None:
            sql = "UPDATE nodes SET place = '' WHERE node = ? AND number = ?"
            with self._connected().begin() as connection:
                connection.execute(sql, (self._node, self._number))
            self._number = None

        return self._do(work)

    def number_of(self, call: str) -> Deferred[int | None]:
        """How often a call of ours has changed hands."""

        def work() -> int | None:
            with self._connected().begin() as connection:
                return self._number_of(connection, call)

        return self._do(work)

    def _number_of(self, connection: Connection, call: str) -> int | None:
        """The same."""
        sql = "SELECT number FROM snapshots WHERE node = ? AND call = ?"
        found: int | None = _value(connection, sql, self._node, call)
        return found

    def take_call(self, call: str, former: str, number: int, text: str) -> Deferred[bool]:
        """Become the one owner of a call."""

        def work() -> bool:
            as_it_was = (
                "UPDATE snapshots SET node = ?, number = ?, value = ? "
                "WHERE node = ? AND call = ? AND number = ?"
            )
            with self._connected().begin() as connection:
                self.check(connection)
                values = (self._node, number + 1, text, former, call, number)
                if not connection.execute(as_it_was, values).rowcount:
                    return self._number_of(connection, call) == number + 1
                connection.execute(
                    "UPDATE records SET node = ? WHERE id = ? AND node = ?", (self._node, call, former)
                )
                return True

        return self._do(work)

    def take_node(self, row: NodeRow) -> Deferred[Inherited | None]:
        """Take all calls of a node that shows no sign of life."""

        def work() -> Inherited | None:
            as_seen = "UPDATE nodes SET number = ?, place = '' WHERE node = ? AND number = ? AND beat = ?"
            with self._connected().begin() as connection:
                self.check(connection)
                values = (row.number + 1, row.node, row.number, row.beat)
                if not connection.execute(as_seen, values).rowcount:
                    return None
                snapshots = connection.execute(
                    "SELECT call, value FROM snapshots WHERE node = ? ORDER BY call", (row.node,)
                ).fetchall()
                left = connection.execute(
                    f"SELECT {names(tables.records.columns)} FROM records WHERE {_OPEN}",
                    (row.node,),
                ).fetchall()
                both = (self._node, row.node)
                connection.execute("UPDATE snapshots SET node = ?, number = number + 1 WHERE node = ?", both)
                connection.execute(f"UPDATE records SET node = ? WHERE {_OPEN}", both)
                starts = self._starts(connection, row.node)
            return Inherited(
                [Snapshot(*one) for one in snapshots],
                [tables.record_from(one) for one in left],
                starts,
            )

        return self._do(work)

    def _starts(self, connection: Connection, node: str) -> int:
        """How many processes have been a node."""
        found = _value(
            connection,
            "SELECT value FROM settings WHERE owner = ? AND feature = ? AND key = ?",
            alive.owner(node), alive.TABLE, alive.STARTS,
        )  # fmt: skip
        value = 0 if found is None else json.loads(found)
        return value if isinstance(value, int) else 0


_OPEN = "node = ? AND ended IS NULL"


def _value(connection: Connection, sql: str, *values: Any) -> Any:
    """The one value that a statement finds, or None."""
    found = connection.execute(sql, values).fetchone()
    return None if found is None else found[0]
