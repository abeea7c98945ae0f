"""
Pages of programs and libraries that a start has touched and a service that rests does not.

They count into its memory (RSS) until the kernel is short of it: ten megabytes,
from what links a library and makes its tables ready.  They are as they stand in
their files, and what is touched again comes from the kernel's cache in
microseconds.  So they are given back before the first message comes, which takes 15 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from b2bua.huge_pages import Range, madvise

# /usr/include/asm-generic/mman-common.h
_DONTNEED = 4
# The name of a file may be of any bytes.
_laid_out = partial(Path("/proc/self/smaps").read_text, errors="replace")


def give_back(
    smaps: Callable[[], str] = _laid_out, advise: Callable[[Range, int], object] | None = None
) -> None:
    """
    Give back what can be had again from files.

    @param smaps: how the memory is laid out: proc(5), C{/proc/pid/smaps}.
    @param advise: madvise(2) of a range.  What the kernel cannot do stays as it was.
    """
    try:
        laid_out = smaps()
    except OSError:  # another system, or no descriptor is free
        return
    if advise is None:
        advise = madvise()
    for memory in unchanged(laid_out):
        advise(memory, _DONTNEED)


def unchanged(smaps: str) -> Iterator[Range]:
    """
    Give the memory that is as its file is, and stays so: it cannot be written.

    What the linker has written into before it was made read-only has pages of
    its own, in memory or swapped out; to let go of those would lose them.
    """
    memory: Range | None = None
    own = 0
    for line in smaps.splitlines():
        name, *rest = line.split(None, 5)
        if name == "VmFlags:":  # the last line of each
            if memory is not None and not own:
                yield memory
            memory = None
        elif name in ("Anonymous:", "Swap:"):
            own += int(rest[0])
        elif not name.endswith(":"):
            access, _, _, inode = rest[:4]
            first, _, last = name.partition("-")
            memory, own = None, 0
            if access.startswith("r") and "w" not in access and inode != "0":
                memory = int(first, 16), int(last, 16)
