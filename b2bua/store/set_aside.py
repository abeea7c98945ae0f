"""What was kept of calls and cannot be read, written to a file for people to look at."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from b2bua.store.database import sqlite_file

NAME = "b2bua-set-aside.jsonl"


def place(database: str) -> Path:
    """The file: beside that of SQLite, else in the directory in which the service works."""
    return (Path(sqlite_file(database) or "").parent) / NAME


def set_aside(path: Path, calls: Iterable[tuple[str, str, str]]) -> None:
    """
    Add to the file, a line a call: its id, why it cannot be read, and what was kept.

    @raise OSError: it cannot be written.
    """
    # It may hold what only the service may read: sessions, numbers, addresses.
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8"
    ) as out:
        for call, why, text in calls:
            out.write(json.dumps({"call": call, "why": why, "kept": text}) + "\n")
