"""The index of dialogs: requests, Replaces in both orientations, and what is over."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.dialogs.dialog import Dialog
from b2bua.dialogs.index import REMEMBERED, DialogIndex
from b2bua.wire.message import Request


def dialog(call_id: str, ours: str, theirs: str) -> Dialog:
    """Make a dialog."""
    return Dialog(
        call_id=call_id,
        local_tag=ours,
        remote_tag=theirs,
        local="<sip:a@example.com>",
        remote_value=f"<sip:b@example.com>;tag={theirs}",
        local_seq=1,
        remote_seq=-1,
        target="sip:b@192.0.2.1",
        routes=(),
        owner=True,
    )


def request(call_id: str, to_tag: str, from_value: str) -> Request:
    """Write a request within a dialog."""
    return Request(
        "BYE",
        "sip:a@example.com",
        (("From", from_value), ("To", f"<sip:a@example.com>;tag={to_tag}"), ("Call-ID", call_id)),
    )


class FindTests(SynchronousTestCase):
    """Requests within dialogs (RFC 3261 section 12.2.2)."""

    def test_by_tags(self) -> None:
        """Call-ID and both tags count, and nothing else: URIs may change (RFC 4916)."""
        index: DialogIndex[str] = DialogIndex()
        index.add(dialog("c", "ours", "theirs"), "leg")
        self.assertEqual(index.find(request("c", "ours", "<sip:new@example.com>;tag=theirs")), "leg")
        self.assertIsNone(index.find(request("c", "ours", "<sip:b@example.com>;tag=else")))
        self.assertIsNone(index.find(request("d", "ours", "<sip:b@example.com>;tag=theirs")))

    def test_without_tag(self) -> None:
        """A peer of RFC 2543 has no tag, which is an empty one (section 12.2.1.1)."""
        index: DialogIndex[str] = DialogIndex()
        index.add(dialog("c", "ours", ""), "leg")
        self.assertEqual(index.find(request("c", "ours", "<sip:b@example.com>")), "leg")


class ReplacedTests(SynchronousTestCase):
    """Dialogs that others name (RFC 3891 section 3)."""

    def setUp(self) -> None:
        """Make an index with one dialog."""
        self.index: DialogIndex[str] = DialogIndex()
        self.dialog = dialog("c", "ours", "theirs")
        self.index.add(self.dialog, "leg")

    def test_orientation(self) -> None:
        """The to-tag is our local tag, as if in an incoming request."""
        self.assertEqual(self.index.find_replaced("c", "ours", "theirs"), "leg")

    def test_other_orientation(self) -> None:
        """Tags the other way round, as some read them from dialog-info, find it as well."""
        self.assertEqual(self.index.find_replaced("c", "theirs", "ours"), "leg")

    def test_unknown(self) -> None:
        """What does not exist is not found."""
        self.assertIsNone(self.index.find_replaced("c", "ours", "else"))

    def test_ambiguous(self) -> None:
        """More than one match is none (section 3)."""
        self.index.add(dialog("c", "theirs", "ours"), "another leg")
        self.assertIsNone(self.index.find_replaced("c", "ours", "theirs"))

    def test_same_leg_twice(self) -> None:
        """Two dialogs of one leg are no ambiguity."""
        self.index.add(dialog("c", "theirs", "ours"), "leg")
        self.assertEqual(self.index.find_replaced("c", "ours", "theirs"), "leg")

    def test_tag_zero(self) -> None:
        """The tag 0 stands for a missing one (section 3)."""
        self.index.add(dialog("c", "ours", ""), "old leg")
        self.assertEqual(self.index.find_replaced("c", "ours", "0"), "old leg")

    def test_ended(self) -> None:
        """A dialog that is just over is remembered: that is 603, not 481 (section 3)."""
        self.index.remove(self.dialog)
        self.assertIsNone(self.index.find_replaced("c", "ours", "theirs"))
        self.assertTrue(self.index.has_ended("c", "ours", "theirs"))
        self.assertTrue(self.index.has_ended("c", "theirs", "ours"))
        self.assertFalse(self.index.has_ended("c", "ours", "else"))

    def test_memory_is_bounded(self) -> None:
        """Only so many are remembered."""
        for number in range(REMEMBERED + 1):
            one = dialog(str(number), "ours", "theirs")
            self.index.add(one, "leg")
            self.index.remove(one)
        self.assertFalse(self.index.has_ended("0", "ours", "theirs"))
        self.assertTrue(self.index.has_ended(str(REMEMBERED), "ours", "theirs"))

    def test_memory_is_not_used_up(self) -> None:
        """What ends here again and again, since its call moves to and fro, takes no room of others."""
        for _ in range(2 * REMEMBERED):
            self.index.add(self.dialog, "leg")
            self.index.remove(self.dialog)
        others = [dialog(str(number), "ours", "theirs") for number in range(REMEMBERED - 1)]
        for one in others:
            self.index.add(one, "leg")
            self.index.remove(one)
        remembered = [self.index.has_ended(one.call_id, "ours", "theirs") for one in (self.dialog, *others)]
        self.assertEqual(remembered.count(True), REMEMBERED)
