"""Tests of L{b2bua.huge_pages}: which memory is asked for on huge pages, and how much of it at once."""

from __future__ import annotations

from errno import EMFILE
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.huge_pages import _COLLAPSE, _HUGEPAGE, SIZE, STEP, HugePages, Range, offered, own_memory

MAPS = """\
00400000-00420000 r--p 00000000 08:01 12 /usr/bin/python3.11
00900000-00a00000 rw-p 00500000 08:01 12 /usr/bin/python3.11
01000000-02000000 rw-p 00000000 00:00 0                                  [heap]
7f0000100000-7f0000900000 rw-p 00000000 00:00 0 
7f0001000000-7f0001001000 ---p 00000000 00:00 0 
7f0002000000-7f0002400000 rw-s 00000000 00:01 7 /dev/shm/b2bua.db-shm
7ffd00000000-7ffd00400000 rw-p 00000000 00:00 0                          [stack]
7ffd00500000-7ffd00502000 r-xp 00000000 00:00 0                          [vdso]
"""  # noqa: W291 - as the kernel writes it
HEAP, OBJECTS = (0x1000000, 0x2000000), (0x7F0000100000, 0x7F0000900000)


class HugePagesTests(SynchronousTestCase):
    """L{HugePages}, with a memory that is laid out as it is told to be."""

    def setUp(self) -> None:
        """It has asked for nothing."""
        self.maps = MAPS
        self.advised: list[tuple[Range, int]] = []
        self.pages = HugePages(lambda: self.maps, self._advise)

    def _advise(self, memory: Range, advice: int) -> None:
        self.advised.append((memory, advice))

    def ask(self, advice: int) -> list[Range]:
        """For which memory it asks the kernel so."""
        self.advised.clear()
        self.pages.ask()
        return [memory for memory, given in self.advised if given == advice]

    def test_which(self) -> None:
        """Objects are in the heap and in memory without a name; files, stacks and guards are let alone."""
        self.assertEqual(list(own_memory(MAPS)), [HEAP, OBJECTS])
        self.assertEqual(self.ask(_HUGEPAGE), [HEAP, OBJECTS])

    def test_a_little_at_a_time(self) -> None:
        """What is there is made huge step by step, each page once: whole pages only, on their borders."""
        made: list[Range] = []
        while step := self.ask(_COLLAPSE):
            self.assertLessEqual(len(step), STEP)
            made += step
        self.assertEqual(len(made), len(set(made)))
        self.assertEqual(made[:2], [(0x1000000, 0x1200000), (0x1200000, 0x1400000)])
        self.assertEqual(made[-1], (0x7F0000600000, 0x7F0000800000))
        self.assertEqual(len(made), 8 + 3)
        self.assertTrue(all(first % SIZE == 0 and last - first == SIZE for first, last in made))

    def test_cannot_be_read(self) -> None:
        """When no descriptor is free it asks for nothing, and goes on the next time."""

        def maps() -> str:
            if failing:
                raise OSError(EMFILE, "Too many open files")
            return MAPS

        failing = True
        pages = HugePages(maps, self._advise)
        pages.ask()
        self.assertEqual(self.advised, [])
        failing = False
        pages.ask()
        self.assertEqual(len(self.advised), 2 + STEP)

    def test_new(self) -> None:
        """Memory that has gone and come again is asked for again."""
        while self.ask(_COLLAPSE):
            pass
        self.maps = MAPS.replace("[heap]", "[stack]")
        self.assertEqual(self.ask(_COLLAPSE), [])
        self.maps = MAPS
        self.assertEqual(self.ask(_COLLAPSE)[0], (0x1000000, 0x1200000))

    def test_our_own(self) -> None:
        """The memory of this process is read as the kernel tells it, and asking does no harm."""
        HugePages().ask()
        self.assertTrue(list(own_memory(Path("/proc/self/maps").read_text())))

    def test_offered(self) -> None:
        """The administrator has the last word; a system without them has none."""
        file = Path(self.mktemp())
        for said, wanted in (
            ("always [madvise] never\n", True),
            ("[always] madvise never\n", True),
            ("always madvise [never]\n", False),
        ):
            file.write_text(said)
            self.assertEqual(offered(file), wanted)
        self.assertFalse(offered(file.with_suffix(".gone")))
