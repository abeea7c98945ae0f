"""STUN on the SIP port: L{b2bua.wire.stun}."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from b2bua.wire.stun import COOKIE, answer

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
SOURCE = ("192.0.2.1", 32853)
# RFC 5769 sections 2.2 and 2.3: the XOR-MAPPED-ADDRESS of the sample responses.
V4 = bytes.fromhex("002000080001a147e112a643")
V6 = bytes.fromhex("002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9")


def request(attributes: bytes = b"", kind: int = 1, cookie: int = COOKIE, length: int | None = None) -> bytes:
    """A Binding request, or what somebody takes for one."""
    length = len(attributes) if length is None else length
    return struct.pack("!HHI12s", kind, length, cookie, TRANSACTION) + attributes


class BindingTests(SynchronousTestCase):
    """A phone asks from where its datagrams come."""

    def test_address(self) -> None:
        """The answer has the transaction of the request and XOR-MAPPED-ADDRESS (RFC 5389 section 15.2)."""
        for source, value in ((SOURCE, V4), (("2001:db8:1234:5678:11:2233:4455:6677", 32853), V6)):
            with self.subTest(source=source):
                self.assertEqual(answer(request(), source), request(value, kind=0x0101))

    def test_ignored(self) -> None:
        """Attributes that may be unknown are ignored: SOFTWARE, FINGERPRINT; so are credentials."""
        software = bytes.fromhex("8022000b") + b"linphone5.2" + b"\0"
        fingerprint = bytes.fromhex("80280004e57a3bcf")
        username = bytes.fromhex("00060003") + b"101" + b"\0"
        self.assertEqual(answer(request(software + username + fingerprint), SOURCE), request(V4, kind=0x0101))

    def test_unknown(self) -> None:
        """Attributes that must be known get a 420 that names them (section 7.3.1)."""
        change = bytes.fromhex("0003000400000006")
        reply = answer(request(change), SOURCE)
        assert reply is not None
        self.assertEqual(reply[:2], bytes.fromhex("0111"))
        self.assertIn(bytes((0, 0, 4, 20)) + b"Unknown Attribute", reply)
        self.assertEqual(reply[-8:], bytes.fromhex("000a000200030000"))
        self.assertEqual(int.from_bytes(reply[2:4], "big"), len(reply) - 20)

    def test_dropped(self) -> None:
        """What is no Binding request, or malformed, is not answered (section 7.3)."""
        for data in (
            request(kind=0x0101),  # an answer: two servers must not talk for ever
            request(kind=0x0011),  # an indication
            request(kind=0x0003),
            request(cookie=0),
            request(length=4),
            request(b"\0\0\0"),
            request(bytes.fromhex("00060008") + b"1234"),
            request()[:19],
            b"\0",
            b"\1" * 24,
        ):
            with self.subTest(data=data.hex()):
                self.assertIsNone(answer(data, SOURCE))

    @given(st.binary(max_size=80), st.booleans())
    def test_anything(self, data: bytes, framed: bool) -> None:
        """Whatever comes is answered or dropped, and is never much larger than what came."""
        message = request(data[: len(data) // 4 * 4]) if framed else data
        reply = answer(message, SOURCE)
        self.assertLessEqual(len(reply or b""), len(message) * 2 + 32)
