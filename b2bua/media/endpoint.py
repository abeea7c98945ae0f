"""
One party at our ear: what it hears from us, and what we hear from it.

It is told of packets and of the clock, every 20 ms, and gives back packets and
events; sockets are somebody else's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from b2bua.media.channel import Channel
from b2bua.media.g711 import WIDTH, level, mixed
from b2bua.media.latch import Address, Latch
from b2bua.media.negotiation import Agreed
from b2bua.media.ports import Happened
from b2bua.media.rtcp import Reports
from b2bua.media.rtp import FRAME, RATE, Events, Packet
from b2bua.media.sounds import FRAME_BYTES, Sound

FRAME_SECONDS = FRAME / RATE
SILENCE = bytes(FRAME_BYTES)
LOUD = 200
"""The level (0 to 32767) from which on somebody speaks."""
FLOOD = 10
"""Packets in 20 ms beyond which the rest is not looked at."""


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
        reports: Reports | None = None,
    ) -> None:
        """
        Begin; C{ssrc}, C{seq} and C{timestamp} are random (RFC 3550 section 5.1).

        @param peer: the host from which the party signals; it may send from there too, behind a NAT.
        @param silent_seconds: without a packet for so long, where some are due, nobody is there; 0 for never.
        @param reports: what is reported of it; nothing without.
        """
        self._reports = reports
        self._control = Latch(*agreed.control, peer)
        self._silent_seconds = silent_seconds
        self.agreed = agreed
        self._latch = Latch(agreed.host, agreed.port, peer)
        self._now = 0.0
        """How long it has lasted."""
        self._came = 0
        """Packets in these 20 ms."""
        self.recording: Recording | None = None
        self.heard: bytes | None = None
        """What the party has said in these 20 ms: samples, or None where nothing came."""
        self.others: bytes | None = None
        """What the others of its room say meanwhile; None while it is in no room."""
        self.muted = False
        self._ssrc, self._seq, self._timestamp = ssrc, seq, timestamp
        self._encode = agreed.codec.encoder()
        self._playing: Sound | None = None
        self._at = 0
        """The frame of it whose turn it is."""
        self._repeat = False
        self._marker = True
        self._channel = Channel()
        self._events = Events()
        self._unheard = 0.0

    # ---- what it is told to do ---------------------------------------------

    def agree(self, agreed: Agreed) -> None:
        """Go on with what was agreed anew, as after a hold; whom we hear is found out again."""
        before, self.agreed = self.agreed, agreed
        self._latch.describe(agreed.host, agreed.port)
        self._control.describe(*agreed.control)
        if agreed.codec is not before.codec:
            self._encode = agreed.codec.encoder()
            if agreed.codec.clock != before.codec.clock:
                self._ssrc = (
                    self._ssrc + 1
                ) & 0xFFFFFFFF  # its timestamps count otherwise (RFC 7160 section 4.1)

    def play(self, sound: Sound | None, *, repeat: bool = False) -> None:
        """Play a sound in place of what is played, or nothing; with C{repeat} again and again."""
        self._playing, self._at, self._repeat, self._marker = sound, 0, repeat, True

    def record(self, seconds: float, *, silence: float = 0.0, keys: str = "#") -> None:
        """Begin to record."""
        self.recording = Recording(seconds, silence, keys)

    # ---- what happens --------------------------------------------------------

    @property
    def target(self) -> Address | None:
        """Where packets go: where the party's come from, once there are some; None where they must not go."""
        return self._latch.target(self._now)

    def receive(self, data: bytes, source: Address) -> list[Happened]:
        """
        Take a packet.

        It counts only from where the party is (L{Latch}), and only in what was agreed.
        """
        self._came += 1
        packet = Packet.parse(data) if self._came <= FLOOD else None
        if packet is None or packet.payload_type not in (self.agreed.payload_type, self.agreed.events):
            return []
        if not self._latch.admits(source):
            return []
        self._unheard = 0.0
        self._count(packet)
        if packet.payload_type != self.agreed.events:
            if self.recording is not None or self.others is not None:
                self._channel.hear(packet, self.agreed.codec)
            return []
        key = self._events.read(packet)
        if not key:
            return []
        found = [Happened("digit", key)]
        if self.recording is not None and key in self.recording.keys:
            found.append(Happened("recorded", "key"))
        return found

    def _count(self, packet: Packet) -> None:
        """Count a packet for the reports."""
        if self._reports is not None:
            key = packet.payload_type == self.agreed.events
            clock = None if key else self.agreed.codec.clock
            self._reports.reception.take(packet.seq, packet.timestamp, packet.ssrc, self._now, clock)

    def hear_report(self, data: bytes, source: Address) -> None:
        """Take a packet of RTCP: a sign of life."""
        self._came += 1
        if (
            self._reports is not None
            and self._came <= FLOOD
            and len(data) >= 8
            and self._control.admits(source)
            and self._reports.hear(data, self._now)
        ):
            self._unheard = 0.0

    def report(self, wall: float, *, bye: bool = False) -> tuple[bytes, Address] | None:
        """
        Report, when it is time for it.

        @param wall: seconds since 1970.
        @param bye: is it the end?
        @return: the packet of RTCP, and where it goes.
        """
        reports = self._reports
        if reports is None or not (bye or reports.is_due(self._now)):
            return None
        target = self._control.target(self._now)
        if target is None:
            return None
        return reports.report(self._ssrc, self._timestamp, self._now, wall, bye=bye), target

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
        sound, at, done = self._next()
        happened = [Happened("played")] if done else []
        self._now += FRAME_SECONDS
        codec = self.agreed.codec
        self._timestamp = (self._timestamp + codec.clock * FRAME // RATE) & 0xFFFFFFFF
        if not self.agreed.sends or (sound is None and self.others is None) or self.target is None:
            self._marker = True
            return None, happened
        if self.others is not None:
            payload = self._encode(self.others if sound is None else mixed(sound.samples(at), self.others))
        else:
            assert sound is not None
            payload = sound.payload(at, codec)
        if not payload:
            return None, happened
        self._seq = (self._seq + 1) & 0xFFFF
        packet = Packet(
            self.agreed.payload_type, self._seq, self._timestamp, self._ssrc, payload, self._marker
        )
        self._marker = False
        if self._reports is not None:
            self._reports.sent(len(payload))
        return bytes(packet), happened

    def _next(self) -> tuple[Sound | None, int, bool]:
        """The sound and its frame whose turn it is, and whether it was the last."""
        sound, at = self._playing, self._at
        if sound is None:
            return None, 0, False
        self._at += 1
        if self._at < sound.frames:
            return sound, at, False
        if self._repeat:
            self._at = 0
            return sound, at, False
        self._playing = None
        return sound, at, True

    def listen(self) -> list[Happened]:
        """Hear what has come, for 20 ms."""
        self._came = 0
        self.heard = None
        if self.recording is not None or self.others is not None:
            self.heard = self._channel.take()
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
