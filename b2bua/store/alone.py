"""What only one process may have: the name of a node, and a file of SQLite as it was opened."""

from __future__ import annotations

import os
import socket
from fcntl import LOCK_EX, LOCK_NB, flock
from hashlib import sha256
from pathlib import Path
from typing import Any

from b2bua.store.database import sqlite_file
from b2bua.store.ports import StoreError

FORMER = 2.0
"""Seconds that PostgreSQL may take to notice that a connection which had the name of our node has ended."""


def usual_node(url: str) -> str:
    """
    The name of a node whose configuration gives none.

    Of those that share a PostgreSQL the host tells them apart.  An SQLite file
    is beside its one service, which keeps what it has when its host is renamed.
    """
    return "local" if sqlite_file(url) is not None else socket.gethostname().partition(".")[0].lower()


def _taken(node: str) -> StoreError:
    """Somebody else has that name."""
    return StoreError(
        f'another service that runs on this database is node "{node}" as well; '
        "give this one another server.node"
    )


def claim(connection: Any, node: str) -> None:
    """
    Have the name of a node in PostgreSQL, for as long as the connection lasts.

    A former connection of ours may have it for another moment, after we have closed it.

    @param connection: one of the driver; it is closed if it is of no use.
    @raise StoreError: if somebody else has it.
    """
    key = int.from_bytes(sha256(b"b2bua node " + node.encode()).digest()[:8], "big", signed=True)
    from psycopg.errors import LockNotAvailable  # SQLite does without

    try:
        connection.execute(f"SET LOCAL lock_timeout = {int(FORMER * 1000)}")
        connection.execute("SELECT pg_advisory_lock(%s)", (key,))
        connection.commit()
    except LockNotAvailable:
        connection.close()
        raise _taken(node) from None


class NodeLock:
    """The name of a node beside an SQLite file, for as long as we live."""

    def __init__(self, database: Path, node: str) -> None:
        """
        Have it.

        @raise StoreError: if somebody else has it.
        """
        self._path = database.with_name(f"{database.name}-{node}.lock")
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            flock(self._file, LOCK_EX | LOCK_NB)
        except OSError:
            os.close(self._file)
            raise _taken(node) from None

    def release(self) -> None:
        """Have it no more; the file stays, since somebody else may just be about to lock it."""
        os.close(self._file)


class DatabaseFile:
    """
    The file of SQLite, and whether it is still the one that was opened.

    SQLite goes on writing into a file that was removed, and nobody would know
    before the next start.  What it shares with other processes lies in a file
    that it maps into memory; when that becomes shorter, touching it ends the
    process.
    """

    def __init__(self, path: Path) -> None:
        """Take the file as it is."""
        self._path = path
        self._shared = path.with_name(path.name + "-shm")
        self._identity = _identity(path)
        self._shared_size = _size(self._shared)

    @property
    def is_safe(self) -> bool:
        """May SQLite touch what it has mapped?"""
        return _size(self._shared) >= self._shared_size

    def look(self) -> None:
        """
        See that it is there.

        @raise StoreError: if it is another one now, or gone.
        """
        if _identity(self._path) != self._identity:
            raise StoreError(f"{self._path} was removed or replaced; the service has to be started anew")
        if not self.is_safe:
            raise StoreError(f"{self._shared} was removed or cut off; the service has to be started anew")


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file it is."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _size(path: Path) -> int:
    """How long a file is; 0 if there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
