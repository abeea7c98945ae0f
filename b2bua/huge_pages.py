"""
The memory of a service that works, on huge pages where Linux gives them to who asks.

A call touches some thousand objects that lie all over the memory of the process.
With pages of 4 KiB the processor knows but few of their addresses by heart, and looks
up the others in tables, which costs more than the work itself on a virtual machine.
Pages of 2 MiB take away a fifth of what a call costs there.

A service that rests asks for none, so that it stays as small as it is.  The
administrator has the last word: C{/sys/kernel/mm/transparent_hugepage/enabled} says
C{never}, C{madvise} (that is us) or C{always}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeAlias

Range: TypeAlias = tuple[int, int]
"""The first address, and the one behind the last."""

SIZE = 2 << 20
"""Bytes of a huge page."""
STEP = 1
"""So many are made of small ones at once: each takes a millisecond, in which nobody is answered."""
# /usr/include/asm-generic/mman-common.h
_HUGEPAGE = 14
_COLLAPSE = 25
_ENABLED = Path("/sys/kernel/mm/transparent_hugepage/enabled")
# The name of a file may be of any bytes.
_laid_out = partial(Path("/proc/self/maps").read_text, errors="replace")


class HugePages:
    """What is on huge pages, and what shall be."""

    def __init__(
        self, maps: Callable[[], str] = _laid_out, advise: Callable[[Range, int], object] | None = None
    ) -> None:
        """
        Ask for nothing yet.

        @param maps: how the memory is laid out: proc(5), C{/proc/pid/maps}.
        @param advise: madvise(2) of a range.  What the kernel cannot do stays as it was.
        """
        self._maps = maps
        self._advise = advise
        self._made: set[int] = set()

    def ask(self) -> None:
        """
        Ask for the memory as it is now; called again and again while there is much to do.

        What is new comes on huge pages by itself where it was asked for in
        time.  What is there is copied, a little at a time.
        """
        if self._advise is None:
            self._advise = madvise()
        try:
            maps = self._maps()
        except OSError:  # no descriptor is free, say: it is asked again
            return
        pages: list[int] = []
        for memory in own_memory(maps):
            self._advise(memory, _HUGEPAGE)
            pages += range(-(-memory[0] // SIZE) * SIZE, memory[1] - SIZE + 1, SIZE)
        self._made.intersection_update(pages)
        for page in [page for page in pages if page not in self._made][:STEP]:
            # One that cannot be made now is left to the kernel, which looks for such memory in its own time.
            self._made.add(page)
            self._advise((page, page + SIZE), _COLLAPSE)


def own_memory(maps: str) -> Iterator[Range]:
    """Give the memory in which there are objects: what can be written, and is of no file."""
    for line in maps.splitlines():
        addresses, access, _, _, inode, *name = line.split(maxsplit=5)
        if access.startswith("rw") and inode == "0" and (not name or name[0].strip() == "[heap]"):
            first, _, last = addresses.partition("-")
            yield int(first, 16), int(last, 16)


def offered(enabled: Path = _ENABLED) -> bool:
    """Does this kernel have huge pages for who asks?"""
    try:
        return "[never]" not in enabled.read_text()
    except OSError:
        return False


def madvise() -> Callable[[Range, int], object]:
    """Find what gives the kernel advice, since Python has that for memory of its C{mmap} only."""
    import ctypes  # who rests does without

    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)

    def advise(memory: Range, advice: int) -> object:
        return madvise(memory[0], memory[1] - memory[0], advice)

    return advise
