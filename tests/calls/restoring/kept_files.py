"""
What each version of this program writes of calls, kept as files.

When the format changes, its version is raised, and this writes the files of the
new one; those of the version before stay, and are still to be read::

    python -m tests.calls.restoring.kept_files
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from b2bua.calls.restoring.snapshot import VERSION
from b2bua.store.memory import MemoryStore
from b2bua.testing import Manners, World

DIRECTORY = Path(__file__).with_name("kept")


def path_of(version: int) -> Path:
    """Where what a version writes is kept."""
    return DIRECTORY / f"version_{version:04}.json"


def written() -> dict[str, Any]:
    """A call in which one holds, another one that rings, and their records, as they are written now."""
    store = MemoryStore()
    world = World(seed=1, store=store)
    manners = Manners(answers_after=0.5, session_expires=1800)
    alice, bob, carol, dave = world.phones("alice", "bob", "carol", "dave", manners=manners)
    alice.dial("bob")
    world.run(2)
    bob.hold()
    dave.manners.answers_after = None
    carol.dial("dave")
    world.run(6)
    snapshots, records = [], []
    store.load_snapshots().addCallback(snapshots.extend)
    store.load_open().addCallback(records.extend)
    return {
        "snapshots": {one.call: json.loads(one.text or "") for one in snapshots},
        "records": [record.to_plain() for record in records],
    }


if __name__ == "__main__":
    path_of(VERSION).write_text(json.dumps(written(), indent=1) + "\n")
