"""Which of the processes that share a database has what: their leases, and the owner of each call."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from zope.interface import implementer

from b2bua.store import alive, tables
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
        self, node: str, do: Callable[..., Deferred[Any]], connected: Callable[[], sa.Engine]
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

    def check(self, connection: sa.Connection) -> None:
        """
        See in a transaction that what we had is still ours.

        @raise Fenced: if it is not.
        """
        if self._number is not None and self._found(connection) != self._number:
            raise Fenced(TAKEN)

    def _found(self, connection: sa.Connection) -> int | None:
        """The number of our node, which stays until the end of the transaction."""
        table = tables.nodes
        query = sa.select(table.c.number).where(table.c.node == self._node).with_for_update()
        found: int | None = connection.execute(query).scalar()
        return found

    def join(self, place: str) -> Deferred[int]:
        """Be reached at a place from now on, and have for sure what is ours."""

        def work() -> int:
            table = tables.nodes
            with self._connected().begin() as connection:
                before = self._found(connection)
                number = (before or 0) + 1
                values = {"number": number, "beat": 0, "place": place}
                if before is None:
                    connection.execute(table.insert(), {"node": self._node, **values})
                else:
                    connection.execute(table.update().where(table.c.node == self._node).values(values))
                kept = tables.snapshots
                ours = kept.update().where(kept.c.node == self._node)
                connection.execute(ours.values(number=kept.c.number + 1))
            self._number = number
            return number

        return self._do(work)

    def renew(self) -> Deferred[Sequence[NodeRow]]:
        """Show that we live, and see all nodes."""

        def work() -> Sequence[NodeRow]:
            table = tables.nodes
            with self._connected().begin() as connection:
                self.check(connection)
                ours = table.update().where(table.c.node == self._node)
                connection.execute(ours.values(beat=table.c.beat + 1))
                rows = connection.execute(sa.select(table).order_by(table.c.node)).all()
            return [NodeRow(row.node, row.number, row.beat, row.place) for row in rows]

        return self._do(work)

    def leave(self) -> Deferred[None]:
        """End in order."""

        def work() -> None:
            table = tables.nodes
            ours = table.update().where(table.c.node == self._node, table.c.number == self._number)
            with self._connected().begin() as connection:
                connection.execute(ours.values(place=""))
            self._number = None

        return self._do(work)

    def number_of(self, call: str) -> Deferred[int | None]:
        """How often a call of ours has changed hands."""

        def work() -> int | None:
            with self._connected().connect() as connection:
                return self._number_of(connection, call)

        return self._do(work)

    def _number_of(self, connection: sa.Connection, call: str) -> int | None:
        """The same."""
        table = tables.snapshots
        query = sa.select(table.c.number).where(table.c.node == self._node, table.c.call == call)
        found: int | None = connection.execute(query).scalar()
        return found

    def take_call(self, call: str, former: str, number: int, text: str) -> Deferred[bool]:
        """Become the one owner of a call."""

        def work() -> bool:
            kept, records = tables.snapshots, tables.records
            as_it_was = kept.update().where(
                kept.c.node == former, kept.c.call == call, kept.c.number == number
            )
            with self._connected().begin() as connection:
                self.check(connection)
                changed = connection.execute(
                    as_it_was.values(node=self._node, number=number + 1, value=text)
                ).rowcount
                if not changed:
                    return self._number_of(connection, call) == number + 1
                record = records.update().where(records.c.id == call, records.c.node == former)
                connection.execute(record.values(node=self._node))
                return True

        return self._do(work)

    def take_node(self, row: NodeRow) -> Deferred[Inherited | None]:
        """Take all calls of a node that shows no sign of life."""

        def work() -> Inherited | None:
            nodes, kept, records = tables.nodes, tables.snapshots, tables.records
            as_seen = nodes.update().where(
                nodes.c.node == row.node, nodes.c.number == row.number, nodes.c.beat == row.beat
            )
            with self._connected().begin() as connection:
                self.check(connection)
                if not connection.execute(as_seen.values(number=row.number + 1, place="")).rowcount:
                    return None
                of_it = kept.c.node == row.node
                snapshots = connection.execute(sa.select(kept).where(of_it).order_by(kept.c.call)).all()
                open_ = (records.c.node == row.node) & records.c.ended.is_(None)
                left = connection.execute(sa.select(records).where(open_)).all()
                connection.execute(
                    kept.update().where(of_it).values(node=self._node, number=kept.c.number + 1)
                )
                connection.execute(records.update().where(open_).values(node=self._node))
                starts = self._starts(connection, row.node)
            return Inherited(
                [Snapshot(one.call, one.value) for one in snapshots],
                [tables.record_from(one) for one in left],
                starts,
            )

        return self._do(work)

    def _starts(self, connection: sa.Connection, node: str) -> int:
        """How many processes have been a node."""
        table = tables.settings
        query = sa.select(table.c.value).where(
            table.c.owner == alive.owner(node), table.c.feature == alive.TABLE, table.c.key == alive.STARTS
        )
        found = connection.execute(query).scalar()
        value = 0 if found is None else json.loads(found)
        return value if isinstance(value, int) else 0
