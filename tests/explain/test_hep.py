"""HEP version 3."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from b2bua.explain.hep import LOG, Frame, Sender, packed


def chunks(data: bytes) -> dict[int, bytes]:
    """What a frame says, as a receiver reads it."""
    assert data[:4] == b"HEP3"
    assert struct.unpack("!H", data[4:6])[0] == len(data)
    found, rest = {}, data[6:]
    while rest:
        vendor, kind, length = struct.unpack("!HHH", rest[:6])
        assert (vendor, kind in found) == (0, False)
        found[kind] = rest[6:length]
        rest = rest[length:]
    return found


class FrameTests(SynchronousTestCase):
    """L{packed}."""

    def test_bytes(self) -> None:
        """Byte for byte, as the specification of HEP3 draws it."""
        frame = Frame(1.5, ("192.0.2.1", 5060), ("192.0.2.2", 5070), True, b"X", "id")
        self.assertEqual(
            packed(frame, Sender(2001)).hex(),
            "48455033" + "006c"
            "0000000100070200000002000711"
            "00000003000ac0000201" + "00000004000ac0000202"
            "00000007000813c4" + "00000008000813ce"
            "00000009000a00000001" + "0000000a000a0007a120"
            "0000000b000701" + "0000000c000a000007d1"
            "0000000f000758" + "0000001100086964",
        )

    def test_others(self) -> None:
        """IPv6, TCP, a line for people, node and key."""
        frame = Frame(1.0, ("2001:db8::1", 1), ("[fe80::2%eth0]", 2), False, b"x", "c", LOG)
        said = chunks(packed(frame, Sender(1, "pbx", "secret")))
        self.assertEqual((said[1], said[2], said[11]), (b"\x0a", b"\x06", b"\x64"))
        self.assertEqual((len(said[5]), len(said[6])), (16, 16))
        self.assertEqual((said[14], said[19]), (b"secret", b"pbx"))

    @given(st.binary(max_size=2000), st.text(max_size=50), st.ip_addresses(), st.ip_addresses())
    def test_any(self, payload: bytes, correlation: str, one: object, other: object) -> None:
        """Whatever goes by, a receiver reads it back."""
        correlation = correlation.encode("utf-8", "replace").decode()
        frame = Frame(1.7e9 + 0.999999, (str(one), 0), (str(other), 65535), True, payload, correlation)
        said = chunks(packed(frame, Sender(0)))
        self.assertEqual((said[15], said[17].decode()), (payload, correlation))
        self.assertLess(struct.unpack("!I", said[10])[0], 1_000_000)
