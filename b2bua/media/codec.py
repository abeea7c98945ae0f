"""What a codec is to us: samples of ours to what packets carry, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

Turn: TypeAlias = Callable[[bytes], bytes]
"""Of 16-bit samples, one channel, 8,000 a second, 20 ms at a time; or of what a packet carries."""


class Codec(NamedTuple):
    """One codec."""

    name: str
    payload_type: int
    """The static one (RFC 3551 section 6), or the one that we offer."""
    encoder: Callable[[], Turn]
    """Begins to encode: what one makes of a frame may depend on those before it."""
    decoder: Callable[[], Turn]
    """Begins to decode; what cannot be decoded gives nothing."""
    rtpmap: str
    clock: int = 8000
    """How many a second its timestamps count, which need not be its samples."""
    fmtp: str = ""
    """What we want of who sends to us; empty for nothing."""

    def encode(self, pcm: bytes) -> bytes:
        """Encode samples that stand alone."""
        return self.encoder()(pcm)

    def decode(self, data: bytes) -> bytes:
        """Decode a packet that stands alone."""
        return self.decoder()(data)
