"""Tests of L{b2bua.file_pages}: which memory is given back, and that it can be had again."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from errno import EMFILE
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.file_pages import _DONTNEED, give_back, unchanged
from b2bua.huge_pages import HugePages, Range


def mapping(first: int, access: str, inode: int, anonymous: int = 0, swap: int = 0, name: str = "") -> str:
    """A mapping of 64 KiB as Linux shows it, with some of its lines."""
    return (
        f"{first:08x}-{first + 0x10000:08x} {access} 00000000 08:01 {inode}      {name}\n"
        "Size:                 64 kB\nRss:                  64 kB\n"
        f"Anonymous:         {anonymous} kB\nAnonHugePages:         0 kB\nSwap:             {swap} kB\n"
        "SwapPss:               0 kB\nVmFlags: rd ex mr mw me sd \n"
    )


PROGRAM = """
from pathlib import Path

def of_files():
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["RssFile"].split()[0])

import hashlib, json, sqlite3, ssl
from b2bua.file_pages import give_back
import pydantic

before = of_files()
give_back()
after = of_files()
assert json.loads(json.dumps([hashlib.sha256(b"a").hexdigest()]))
assert sqlite3.connect(":memory:").execute("SELECT lower('A')").fetchone() == ("a",)
ssl.create_default_context()
pydantic.create_model("M", a=(int, 1))(a="2")
print(before, after)
"""


class FilePagesTests(SynchronousTestCase):
    """L{give_back}, and L{unchanged}."""

    def test_which(self) -> None:
        """What is of a file and cannot be written, without a page of its own in memory or swapped out."""
        smaps = (
            mapping(0x400000, "r-xp", 12, name="/usr/bin/python3.11")
            + mapping(0x500000, "r--p", 12, name="/usr/lib/a library with (spaces):.so")
            + mapping(0x600000, "r--p", 12, anonymous=4, name="/usr/bin/python3.11")
            + mapping(0x700000, "r--p", 12, swap=4, name="/usr/bin/python3.11")
            + mapping(0x800000, "rw-p", 12, name="/usr/bin/python3.11")
            + mapping(0x900000, "rw-s", 13, name="/var/lib/b2bua/b2bua.db-shm")
            + mapping(0xA00000, "rw-p", 0, name="[heap]")
            + mapping(0xB00000, "r-xp", 0, name="[vdso]")
            + mapping(0xC00000, "---p", 12, name="/usr/lib/libc.so.6")
        )
        wanted = [(0x400000, 0x410000), (0x500000, 0x510000)]
        self.assertEqual(list(unchanged(smaps)), wanted)
        advised: list[tuple[Range, int]] = []
        give_back(lambda: smaps, lambda memory, advice: advised.append((memory, advice)))
        self.assertEqual(advised, [(memory, _DONTNEED) for memory in wanted])

    def test_cannot_be_read(self) -> None:
        """Where nobody says how the memory is laid out, it stays as it is."""

        def smaps() -> str:
            raise OSError(EMFILE, "Too many open files")

        give_back(smaps, lambda memory, advice: self.fail("asked for something"))

    def test_any_name(self) -> None:
        """A file may have a name that is no text, that of the database for one: it stops nothing."""
        file = Path(os.fsdecode(os.fsencode(self.mktemp()) + b"\xff"))
        file.write_bytes(b"x" * mmap.PAGESIZE)
        advised: list[Range] = []
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ):
            give_back(advise=lambda memory, _: advised.append(memory))
            self.assertTrue(advised)
            HugePages(advise=lambda memory, _: advised.clear()).ask()
        self.assertFalse(advised)

    def test_it_comes_again(self) -> None:
        """In a process of its own: most is given back, and all that was loaded works as before."""
        run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stderr)
        before, after = map(int, run.stdout.split())
        self.assertLess(after, before / 2)
