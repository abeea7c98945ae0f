"""
One party at our ear: what it hears from us, and what we hear from it.

It is told of packets and of the clock, every 20 ms, and gives back packets and
events; sockets are somebody else's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from b2bua.media.g711 import WIDTH, level, mixed
from b2bua.media.jitter import DEPTH, MOST, JitterBuffer
from b2bua.media.negotiation import Agreed
from b2bua.media.rtp import FRAME, RATE, Events, Packet

FRAME_SECONDS = FRAME / RATE
FRAME_BYTES = FRAME * WIDTH
SILENCE = bytes(FRAME_BYTES)
LOUD = 200
"""The level (0 to 32767) from which on somebody speaks."""
STRANGE_SECONDS = 5.0
"""So long we send to a host of which we have only been told: a description may lie."""
FLOOD = 10
"""Packets in 20 ms beyond which the rest is not looked at."""
BLOCK = FRAME // 2
"""Samples that are put in order as one: 10 ms, of which packets of any usual length are made."""
BLOCKS_MAX = 24
"""Of one packet."""

Address: TypeAlias = tuple[str, int]


class Happened(NamedTuple):
    """Something that whoever uses the endpoint wants to know."""

    what: Literal["played", "digit", "recorded", "nobody"]
    detail: str = ""
    """The key that was pressed, or why a recording ended: C{key}, C{silence}, C{full}, C{left}."""


@dataclass(slots=True)
class Recording:
    """What is being recorded."""

    seconds: float
    """How long at the most."""
    silence: float
    """Seconds of silence that end it; 0 for none."""
    keys: str
    """The keys that end it."""
    pcm: bytearray = field(default_factory=bytearray)
    quiet: float = 0.0


class Endpoint:
    """Plays, listens, and notices keys."""

    def __init__(
        self,
        agreed: Agreed,
        ssrc: int,
        seq: int,
        timestamp: int,
        peer: str = "",
        silent_seconds: float = 30.0,
    ) -> None:
        """
        Begin; C{ssrc}, C{seq} and C{timestamp} are random (RFC 3550 section 5.1).

        @param peer: the host from which the party signals; it may send from there too, behind a NAT.
        @param silent_seconds: without a packet for so long, where some are due, nobody is there; 0 for never.
        """
        self._silent_seconds = silent_seconds
        self.agreed = agreed
        self._peer = peer
        self._came = 0
        """Packets in these 20 ms."""
        self._strange = 0.0
        """How long we have sent to a host from which nothing has come."""
        self._base: int | None = None
        """The timestamp of the party's that counts as 0."""
        self.recording: Recording | None = None
        self.heard: bytes | None = None
        """What the party has said in these 20 ms: samples, or None where nothing came."""
        self.others: bytes | None = None
        """What the others of its room say meanwhile; None while it is in no room."""
        self.muted = False
        self._ssrc, self._seq, self._timestamp = ssrc, seq, timestamp
        self._playing = b""
        self._at = 0
        self._repeat = False
        self._marker = True
        self._jitter = _jitter()
        self._events = Events()
        self._from: Address | None = None
        self._theirs: int | None = None
        self._unheard = 0.0

    # ---- what it is told to do ---------------------------------------------

    def agree(self, agreed: Agreed) -> None:
        """Go on with what was agreed anew, as after a hold; whom we hear is found out again."""
        self.agreed = agreed
        self._from = self._theirs = None

    def play(self, pcm: bytes, *, repeat: bool = False) -> None:
        """Play samples in place of what is played; with C{repeat} again and again."""
        self._playing, self._at, self._repeat, self._marker = pcm, 0, repeat and bool(pcm), True

    def record(self, seconds: float, *, silence: float = 0.0, keys: str = "#") -> None:
        """Begin to record."""
        self.recording = Recording(seconds, silence, keys)

    # ---- what happens --------------------------------------------------------

    @property
    def target(self) -> Address:
        """Where packets go: where the party's come from, once there are some, as behind a NAT."""
        return self._from or (self.agreed.host, self.agreed.port)

    def receive(self, data: bytes, source: Address) -> list[Happened]:
        """
        Take a packet.

        It counts only from where the party is: the host that it describes, or
        the one that it signals from.  Who sends first from there is listened to
        from then on, from that address, and nobody else.
        """
        self._came += 1
        if self._came > FLOOD or source[0] not in (self.agreed.host, self._peer or source[0]):
            return []
        packet = Packet.parse(data)
        if packet is None or (self._from is not None and source != self._from):
            return []
        if packet.payload_type not in (self.agreed.payload_type, self.agreed.events):
            return []
        if self._theirs is None:
            self._from, self._theirs = source, packet.ssrc
        elif packet.ssrc != self._theirs:
            self._theirs, self._jitter, self._base = packet.ssrc, _jitter(), None
        self._unheard = 0.0
        if packet.payload_type != self.agreed.events:
            self._put(packet)
            return []
        key = self._events.read(packet)
        if not key:
            return []
        found = [Happened("digit", key)]
        if self.recording is not None and key in self.recording.keys:
            found.append(Happened("recorded", "key"))
        return found

    def _put(self, packet: Packet) -> None:
        """Put the blocks of a packet where their time says."""
        if self._base is None:
            self._base = packet.timestamp
        first = ((packet.timestamp - self._base) & 0xFFFFFFFF) // BLOCK
        payload = packet.payload[: BLOCK * BLOCKS_MAX]
        for number, at in enumerate(range(0, len(payload), BLOCK)):
            block = payload[at : at + BLOCK].ljust(BLOCK, self.agreed.codec.silence)
            self._jitter.put(packet._replace(seq=(first + number) & 0xFFFF, payload=block))

    def tick(self) -> tuple[bytes | None, list[Happened]]:
        """
        Let 20 ms pass.

        @return: the packet to send to L{target}, if there is one, and what has
            happened meanwhile.
        """
        happened = self.listen()
        packet, played = self.speak()
        return packet, happened + played

    def speak(self) -> tuple[bytes | None, list[Happened]]:
        """Say what is played, and what the others of the room say, for 20 ms."""
        pcm, done = self._next()
        happened = [Happened("played")] if done else []
        if self.others is not None:
            pcm = self.others if pcm is None else mixed(pcm, self.others)
        self._timestamp = (self._timestamp + FRAME) & 0xFFFFFFFF
        if pcm is None or not self.agreed.sends or self._lies():
            self._marker = True
            return None, happened
        self._seq = (self._seq + 1) & 0xFFFF
        payload = self.agreed.codec.encode(pcm)
        packet = Packet(
            self.agreed.payload_type, self._seq, self._timestamp, self._ssrc, payload, self._marker
        )
        self._marker = False
        return bytes(packet), happened

    def _lies(self) -> bool:
        """Do we send to a host for long enough of which we have only been told?"""
        if self._from is not None or not self._peer or self.agreed.host == self._peer:
            return False
        self._strange += FRAME_SECONDS
        return self._strange > STRANGE_SECONDS

    def _next(self) -> tuple[bytes | None, bool]:
        """The samples whose turn it is, and whether they were the last."""
        if not self._playing:
            return None, False
        pcm = self._playing[self._at : self._at + FRAME_BYTES]
        self._at += FRAME_BYTES
        if self._at < len(self._playing):
            return pcm, False
        if self._repeat:
            self._at = 0
            return pcm.ljust(FRAME_BYTES, b"\0"), False
        self._playing = b""
        return pcm.ljust(FRAME_BYTES, b"\0"), True

    def listen(self) -> list[Happened]:
        """Hear what has come, for 20 ms."""
        self._came = 0
        halves = self._jitter.take(), self._jitter.take()
        self.heard = None
        if halves != (None, None) and (self.recording is not None or self.others is not None):
            quiet = self.agreed.codec.silence * BLOCK
            said = b"".join(quiet if half is None else half for half in halves)
            self.heard = self.agreed.codec.decode(said)
        if self.agreed.hears and self._silent_seconds:
            before = self._unheard
            self._unheard += FRAME_SECONDS
            if before < self._silent_seconds <= self._unheard:
                return [Happened("nobody")]
        recording = self.recording
        if recording is None:
            return []
        pcm = SILENCE if self.heard is None else self.heard
        recording.pcm += pcm
        recording.quiet = recording.quiet + FRAME_SECONDS if level(pcm) < LOUD else 0.0
        if len(recording.pcm) >= recording.seconds * RATE * WIDTH:
            return [Happened("recorded", "full")]
        if recording.silence and recording.quiet >= recording.silence:
            return [Happened("recorded", "silence")]
        return []

    def recorded(self) -> bytes:
        """End the recording and give what there is of it, without the silence at its end."""
        recording, self.recording = self.recording, None
        if recording is None:
            return b""
        spoken = len(recording.pcm) - int(recording.quiet * RATE) * WIDTH
        return bytes(recording.pcm[: max(spoken, 0)])


def _jitter() -> JitterBuffer:
    """A buffer for blocks, of the usual delay."""
    return JitterBuffer(DEPTH * FRAME // BLOCK, MOST * FRAME // BLOCK)
