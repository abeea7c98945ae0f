"""
G.722 (RFC 3551 section 4.5.2) and Opus (RFC 7587) by PyAV, where it is installed.

They are for phones that speak no G.711; what is played has 8,000 samples a
second, and what is heard is made such.  A packet is another library's work in
C: it is only done in the media workers, which are replaced when they die.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from b2bua.media.codec import Codec, Turn
from b2bua.media.rtp import FRAME, RATE

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

INSTALLED = find_spec("av") is not None
"""The library is loaded when it is needed: the service itself has no use for it."""


def load() -> None:
    """Load the library, which takes a while, before somebody waits for it."""
    if INSTALLED:
        import av

        av.logging.set_level(av.logging.PANIC)  # what a peer sends is no matter for our log


MONO = "mono"
SAMPLES = "s16"
OPUS_BITS = 24_000
"""A second: good for speech of 4 kHz."""
OPUS_CLOCK = 48_000
G722_SAMPLES = 16_000


def _encoder(name: str, rate: int, bits: int = 0, **options: str) -> Turn:
    """
    Begin to encode.

    @param rate: samples a second that the codec takes.
    """
    import av

    context = av.CodecContext.create(name, "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout, context.format = rate, MONO, SAMPLES
    if bits:
        context.bit_rate = bits
    context.options = options
    to_rate = av.AudioResampler(format=SAMPLES, layout=MONO, rate=rate, frame_size=rate * FRAME // RATE)

    def encode(pcm: bytes) -> bytes:
        frames = to_rate.resample(_frame(pcm))
        return b"".join(bytes(packet) for frame in frames for packet in context.encode(frame))

    return encode


def _frame(pcm: bytes) -> AudioFrame:
    """20 ms of our samples."""
    from av import AudioFrame

    frame = AudioFrame(format=SAMPLES, layout=MONO, samples=FRAME)
    frame.planes[0].update(pcm.ljust(2 * FRAME, b"\0"))
    frame.sample_rate = RATE
    return frame


def _decoder(name: str, rate: int) -> Turn:
    """
    Begin to decode.

    @param rate: samples a second that the codec gives.
    """
    import av

    context = av.CodecContext.create(name, "r")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout = rate, MONO
    to_ours = av.AudioResampler(format=SAMPLES, layout=MONO, rate=RATE)

    def decode(data: bytes) -> bytes:
        try:
            frames = context.decode(av.Packet(data)) if data else []
            return b"".join(_samples(ours) for frame in frames for ours in to_ours.resample(frame))
        except av.FFmpegError:
            return b""

    return decode


def _samples(frame: AudioFrame) -> bytes:
    return bytes(frame.planes[0])[: 2 * frame.samples]


CODECS = (
    (
        Codec(
            "opus",
            107,
            lambda: _encoder("libopus", RATE, OPUS_BITS, application="voip", frame_duration="20"),
            lambda: _decoder("libopus", OPUS_CLOCK),
            "opus/48000/2",
            OPUS_CLOCK,
            "maxplaybackrate=8000; sprop-maxcapturerate=8000",  # RFC 7587 section 6.1
        ),
        Codec(
            "G722",
            9,
            lambda: _encoder("g722", G722_SAMPLES),
            lambda: _decoder("g722", G722_SAMPLES),
            "G722/8000",
        ),
    )
    if INSTALLED
    else ()
)
