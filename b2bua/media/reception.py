"""How well a party is heard: what RFC 3550 counts of its packets, and what a listener would say of it."""

from __future__ import annotations

from b2bua.media.ports import Received

MISORDERED = 100
"""Packets that may come after their time; a larger step back is another beginning (RFC 3550 section A.1)."""
DROPOUT = 3000
"""Packets that may be missing in a row; a larger step is another beginning."""


class Reception:
    """Counts the packets of one stream of a party, whichever sources (SSRC) it has, one after the other."""

    __slots__ = (
        "_base",
        "_cycles",
        "_expected",
        "_highest",
        "_received",
        "_transit",
        "jitter",
        "packets",
        "rate",
        "ssrc",
    )  # fmt: skip

    def __init__(self) -> None:
        """Nothing has come."""
        self.packets = 0
        self._expected = 0
        """How many those sources have sent that speak no more, and this one before it sent elsewhere."""
        self._received = 0
        """How many have come of the one that speaks now."""
        self.ssrc: int | None = None
        """Who speaks; None before anything was said."""
        self._base = self._highest = self._cycles = 0
        self._transit: float | None = None
        self.jitter = 0.0
        """Seconds (section 6.4.1)."""
        self.rate = 8000
        """How many a second the timestamps count."""

    def take(self, seq: int, timestamp: int, ssrc: int, now: float, rate: int | None) -> None:
        """
        Count a packet.

        @param now: when it came, in seconds.
        @param rate: how many a second its timestamps count; None where they stand still, as while a
            key is pressed (RFC 4733 section 2.3.2), and say nothing of the jitter.
        """
        self.packets += 1
        step = (seq - self._highest) & 0xFFFF
        if ssrc != self.ssrc or DROPOUT <= step <= 0x10000 - MISORDERED:
            self._begin(seq, ssrc)
        else:
            if step < DROPOUT:
                if seq < self._highest:
                    self._cycles += 0x10000
                self._highest = seq
            if not self._received:
                self._base, self._transit = self.highest, None
        self._received += 1
        if rate is None:
            return
        if rate != self.rate:
            self.rate, self._transit = rate, None
        # Section 6.4.1 and A.8: how much later than the one before it came, evened out.
        transit = now - timestamp / rate
        if self._transit is not None:
            difference = abs(transit - self._transit)
            if difference < 10.0:  # timestamps that went round, or began anew
                self.jitter += (difference - self.jitter) / 16
        self._transit = transit

    def anew(self) -> None:
        """
        Count what comes from now on for itself, and nothing that its numbers leave out as lost.

        The party may have sent elsewhere meanwhile, to a voice of ours say, and its numbers have gone on.
        """
        self._expected += self._sent()
        self._received = 0

    def _begin(self, seq: int, ssrc: int) -> None:
        self._expected += self._sent()
        self.ssrc, self._base, self._highest, self._cycles = ssrc, seq, seq, 0
        self._received, self._transit = 0, None

    def _sent(self) -> int:
        """How many the source has sent that speaks now, as far as its numbers say (section A.3)."""
        return self._cycles + self._highest - self._base + 1 if self._received else 0

    @property
    def highest(self) -> int:
        """The highest number, extended by how often it went round (section 6.4.1)."""
        return self._cycles + self._highest

    @property
    def expected(self) -> int:
        """How many packets were sent, as far as their numbers say (section A.3)."""
        return self._expected + self._sent()

    @property
    def received(self) -> Received:
        """What is known by now."""
        lost = max(self.expected - self.packets, 0)
        if not self.packets:
            return Received()
        return Received(self.packets, lost, self.jitter, mos(lost / (lost + self.packets), self.jitter))


def mos(lost: float, jitter: float) -> float:
    """
    Estimate how a listener judges it, 1 to 4.4: the E-model of ITU-T G.107, made as simple as is usual.

    Its delay is that of a jitter buffer of twice the jitter and 10 ms; each
    percent that is lost costs 2.5 of R.

    @param lost: the part that is lost, 0 to 1.
    @param jitter: seconds.
    """
    delay = 2000 * jitter + 10
    r = 93.2 - (delay / 40 if delay < 160 else (delay - 120) / 10) - 250 * lost
    r = min(max(r, 0.0), 100.0)
    return round(1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r), 2)
