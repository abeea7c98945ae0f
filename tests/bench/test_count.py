"""The count of functions: the same each time, of every room, and watched."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.count import HOUSE, Counted, Kept, check, count, count_whole, instructions, room_of, rooms, stale


class CountTests(SynchronousTestCase):
    """How many functions a basic call takes."""

    def test_same(self) -> None:
        """Two counts agree within a part in a hundred, whatever else the machine does."""
        one, other = (sum(rooms(count(20), 20).values()) for _ in range(2))
        self.assertGreater(one, 100)
        self.assertLess(abs(one - other), one / 100)

    def test_rooms(self) -> None:
        """Each room through which a message goes has its part; the bench itself is left out."""
        found = rooms(count(10), 10)
        for room in ("wire", "net", "transactions", "dialogs", "legs", "calls", "features"):
            self.assertGreater(found.get(room, 0), 0, room)
        self.assertNotIn("bench", found)

    def test_places(self) -> None:
        """A file is in the room where it lies in the house or was installed, whatever the house stands in."""
        installed = f"{HOUSE.parent}/bench/.venv/lib/python3.11/site-packages"
        for name, room in (
            (f"{HOUSE}/b2bua/wire/message.py", "wire"),
            (f"{HOUSE}/b2bua/server.py", "server.py"),
            (f"{HOUSE}/plugins/forward.py", "plugins"),
            (f"{HOUSE}/bench/call.py", "bench"),
            (f"{HOUSE}/tests/bench/test_count.py", "elsewhere"),
            (f"{installed}/twisted/internet/task.py", "twisted"),
            (f"{installed}/b2bua_plugins/forward.py", "plugins"),
            (f"{installed}/b2bua/wire/message.py", "wire"),
            (f"{installed}/pluggy/_hooks.py", "elsewhere"),
            ("/usr/lib/python3.11/random.py", "elsewhere"),
            ("<string>", ""),
        ):
            self.assertEqual(room_of(name), room, name)

    def test_instructions(self) -> None:
        """Every function is counted, and how many of them are instructions of the interpreter."""
        counted = Counted()
        counted.enable()
        [].append(len((sum(()),)))
        counted.disable()
        names = {name for _, name in counted.functions}
        self.assertLessEqual({"sum", "len", "list.append"}, names)
        elsewhere = Counted()
        elsewhere.functions.update({("wire", "len"): 6, ("bench", "len"): 50, ("wire", "sum"): 3})
        self.assertEqual(instructions(elsewhere, 2), 3)

    def test_whole(self) -> None:
        """What is written about a call is counted as well when that is asked for."""
        found = rooms(count_whole(20, warm=20), 20)
        for room in ("wire", "logs.py", "store", "admin"):
            self.assertGreater(found.get(room, 0), 0, room)

    def test_trunks(self) -> None:
        """From trunk to trunk nobody has registered, and the trunk is found by a route."""
        found = rooms(count(20, trunks=True), 20)
        self.assertGreater(found["trunks"], rooms(count(20), 20).get("trunks", 0))
        self.assertNotIn("registrar", found)

    def test_check(self) -> None:
        """More than three in a hundred over what is kept is a fault; so is nothing to compare with."""
        before = Kept(100.0, 200.0, "3.11.2", "2026-11-27")
        self.assertEqual(check(102.9, 205.9, before), "")
        wrong = check(103.1, 200.0, before)
        self.assertIn("+3.1% of what is kept (100 and 200 are kept, of 2026-11-27 with 3.11.2)", wrong)
        self.assertIn("206 calls of functions a call from trunk to trunk are", check(100.0, 206.2, before))
        self.assertIn("no figure is kept", check(100.0, 200.0, None))

    def test_stale(self) -> None:
        """A kept figure that is too large lets a change for the worse pass, so that is said."""
        before = Kept(100.0, 200.0, "3.11.2", "2026-11-27")
        self.assertEqual(stale(97.1, 194.1, before), "")
        self.assertIn("python -m bench.count --write", stale(96.9, 200.0, before))
        self.assertIn("193 from trunk", stale(100.0, 193.0, before))
        self.assertEqual(stale(1.0, 1.0, None), "")
