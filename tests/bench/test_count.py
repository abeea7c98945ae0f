"""The count of functions: the same each time, of every room, and watched."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.count import Counted, check, count, count_whole, python, rooms


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

    def test_instructions(self) -> None:
        """What is an instruction is no call; any other function of C is one, whoever calls it."""
        counted = Counted()
        counted.enable()
        [].append(len((sum(()),)))
        counted.disable()
        names = {name for _, name in counted.functions}
        self.assertIn("sum", names)
        self.assertFalse(names & {"len", "list.append"})

    def test_whole(self) -> None:
        """What is written about a call is counted as well when that is asked for."""
        found = rooms(count_whole(20, warm=20), 20)
        for room in ("wire", "logs.py", "store", "admin"):
            self.assertGreater(found.get(room, 0), 0, room)

    def test_check(self) -> None:
        """More than three in a hundred over what is kept is a fault; so is nothing to compare with."""
        self.assertEqual(check(102.9, {python(): 100.0}), "")
        self.assertIn("+3.1%", check(103.1, {python(): 100.0}))
        self.assertIn("--write", check(100.0, {}))
