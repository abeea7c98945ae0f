"""
Play whole tables: every operation, every moment of it, everything that may happen in it.

C{make tables} plays all cells, on all cores, in some minutes; C{make test} a
sample of them.  One cell that failed is played again, and drawn, by its name::

    python -m tests.simulation.tables operations --cell "park; bob: hold at 5 ms"
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, islice
from typing import NamedTuple, Protocol, TypeVar

from tests.simulation import crash_table, lamp_table, move_table, operation_table, transfer_table


class Cell(Protocol):
    """One entry of a table; its C{str} is its name."""

    def play(self) -> str | None:
        """Play it; what is wrong, or nothing, or None if the event cannot happen."""


AnyCell = TypeVar("AnyCell", bound=Cell)


class Table(NamedTuple):
    """A table, and how many of its cells can happen."""

    cells: Callable[[], Iterator[Cell]]
    possible: int


TABLES = {
    "transfers": Table(
        lambda: chain.from_iterable(map(transfer_table.cells, transfer_table.KINDS)), transfer_table.POSSIBLE
    ),
    "operations": Table(operation_table.cells, operation_table.SIZE),
    "music": Table(operation_table.music_cells, operation_table.MUSIC_SIZE),
    "relays": Table(operation_table.relay_cells, operation_table.RELAY_SIZE),
    "lamps": Table(lamp_table.cells, lamp_table.POSSIBLE),
    "crashes": Table(crash_table.cells, crash_table.SIZE),
    "moves": Table(move_table.cells, move_table.SIZE),
}


class Played(NamedTuple):
    """What came of some cells: how many could happen, and what is wrong with which."""

    possible: int
    wrong: list[str]


def sample(cells: Iterable[AnyCell], every: int, first: int = 0) -> Iterator[AnyCell]:
    """
    One cell of so many.

    @param every: a prime, so that all moments, events and parties have their turn.
    @param first: which cell to begin with, counted from 0.
    """
    return islice(cells, first % every, None, every)


def play(cells: Iterable[Cell]) -> Played:
    """Play these cells, in a world each."""
    possible, wrong = 0, []
    for cell in cells:
        problem = cell.play()
        possible += problem is not None
        if problem:
            wrong.append(f"{cell}\n{problem}")
    return Played(possible, wrong)


def _share(name: str, shares: int, at: int) -> Played:
    """Play one of so many shares of a table."""
    return play(islice(TABLES[name].cells(), at, None, shares))


def play_whole(name: str) -> Played:
    """Play a table, on all cores."""
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores) as pool:
        played = list(pool.map(_share, [name] * cores, [cores] * cores, range(cores)))
    return Played(sum(one.possible for one in played), [wrong for one in played for wrong in one.wrong])


def main(arguments: list[str] | None = None) -> int:
    """Play tables from the command line; the exit status is 1 when a cell is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.tables", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)}")
    parser.add_argument("--cell", help="only the cell of this name")
    wanted = parser.parse_args(arguments)
    status = 0
    for name in wanted.tables or TABLES:
        table = TABLES[name]
        if wanted.cell:
            played = play(cell for cell in table.cells() if str(cell) == wanted.cell)
            expected = played.possible
        else:
            played = play_whole(name)
            expected = table.possible
        sys.stdout.write("".join(f"{wrong}\n\n" for wrong in played.wrong))
        sys.stdout.write(f"{name}: {played.possible} cells, {len(played.wrong)} wrong\n")
        if played.possible != expected:
            sys.stdout.write(f"{name}: {expected} cells were expected; say the new number beside the table\n")
        status |= bool(played.wrong) or played.possible != expected
    return status


if __name__ == "__main__":
    sys.exit(main())
