"""Messages of a layout that is known are read as they were before it was."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.errors import PeerError
from b2bua.wire import layouts
from b2bua.wire.message import Message, parse, write
from tests.wire.samples import BYE, INVITE

SPOILED = {
    "another field of that letter": (b"Contact: ", b"Call-Info: "),
    "a mandatory one that is missing": (b"Call-ID: ", b"Contact: "),
    "a name that is spelled in another way": (b"From: ", b"FROM: "),
    "no space after the colon": (b"CSeq: ", b"CSeq:"),
    "two spaces": (b"CSeq: ", b"CSeq:  "),
    "white space at the end": (b"Max-Forwards: 70", b"Max-Forwards: 70 \t"),
    "a lone CR": (b"Max-Forwards: 70", b"Max-Forwards: 7\r0"),
    "a lone LF": (b"Max-Forwards: 70", b"Max-Forwards: 7\n0"),
    "a lone CR in the start-line": (b" SIP/2.0\r\nVia", b" \rSIP/2.0\r\nVia"),
    "a lone LF in the start-line": (b" SIP/2.0\r\nVia", b" SIP/2.0\n\r\nVia"),
    "a line that only LF ends": (b"\r\nMax-Forwards", b"\nMax-Forwards"),
    "NUL": (b"Max-Forwards: 70", b"Max-Forwards: 7\0000"),
    "a folded line": (b"Max-Forwards: 70", b"Max-Forwards:\r\n 70"),
    "an empty line first": (b"BYE sip:", b"\r\nBYE sip:"),
    "no start-line": (b"BYE sip:", b"\r\nB: sip:"),
    "no UTF-8": (b"From: ", b"From: \xff "),
    "an empty value": (b"Max-Forwards: 70", b"Max-Forwards: "),
    "a field more": (b"\r\n\r\n", b"\r\nX: y\r\n\r\n"),
}


def read(data: bytes) -> tuple[object, ...]:
    """Read a message: what is in it, or what is wrong with it."""
    try:
        message = parse(data)
    except PeerError as error:
        return (error.why, error.section, error.where, error.code)
    return (message.start_line(), message.fields, dict(message.first), message.distinct, message.body)


class LayoutTests(SynchronousTestCase):
    """What is known of layouts makes no difference but in time."""

    def setUp(self) -> None:
        """Know none."""
        layouts._known.clear()
        self.addCleanup(layouts._known.clear)

    def test_learned(self) -> None:
        """A layout is known once it was read; fields stand in their order, and are written as they were."""
        for data in (BYE, INVITE):
            unknown = read(data)
            self.assertIsNotNone(layouts.take_apart(data.partition(b"\r\n\r\n")[0].decode()))
            self.assertEqual(read(data), unknown)
            self.assertEqual(write(parse(data)), data)
            self.assertEqual(parse(data), Message.with_fields(parse(data)))

    def test_spoiled(self) -> None:
        """Whatever is not written as most messages are is read with care, and refused if it was before."""
        for what, (old, new) in SPOILED.items():
            spoiled = BYE.replace(old, new, 1)
            self.assertNotEqual(spoiled, BYE, what)
            layouts._known.clear()
            unknown = read(spoiled)
            layouts._known.clear()
            parse(BYE)
            self.assertEqual(read(spoiled), unknown, what)

    def test_bounded(self) -> None:
        """A peer that makes layouts up fills no memory."""
        for number in range(3 * layouts.MOST):
            layouts.learn(f"{chr(0x4E00 + number)}\r\nVia: x", ("Via",))
            self.assertLessEqual(len(layouts._known), layouts.MOST)
