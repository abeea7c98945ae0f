"""
The media side of a phone: offers, answers, and to whom it would send.

No media flows in the simulated world.  What each phone last sent and received
says between whom it would, and in which direction; the world asks that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.testing.network import Address
from b2bua.testing.sdp import MIRROR, Description, Stream, read

if TYPE_CHECKING:
    from b2bua.testing.agent import Agent

CODECS = {
    "audio": (("9", "G722/8000"), ("0", "PCMU/8000"), ("8", "PCMA/8000"), ("101", "telephone-event/8000")),
    "video": (("99", "H264/90000"),),
}


class Media:
    """What one session of a phone has agreed on (RFC 3264)."""

    __slots__ = (
        "_version",
        "agent",
        "audio_formats",
        "hold_by_zeros",
        "identifier",
        "kinds",
        "last_sent",
        "offer",
        "origin_user",
        "ours",
        "port",
        "remote_offer",
        "short",
        "theirs",
        "wish",
    )

    rejected_inactive = False
    """Do phones say of a stream which they reject that it is inactive?"""

    def __init__(self, agent: Agent, kinds: tuple[str, ...] = ("audio",)) -> None:
        """Take a port of its own, so that media can be told apart by address and port."""
        self.agent = agent
        self.port = agent.world.new_media_port()
        self.kinds = list(kinds)
        """The m-lines of the next offer, in order; they only ever grow."""
        self.identifier = agent.world.random.randrange(10**8, 10**9)
        self.origin_user = agent.mark
        self.audio_formats = tuple(number for number, _ in CODECS["audio"])
        self.wish = "sendrecv"
        """The direction that the person at the phone wants."""
        self.hold_by_zeros = False
        """Hold in the manner of RFC 2543."""
        self.short = False
        """Leave out the streams at the end of an offer that are not known."""
        self.last_sent: bytes | None = None
        self.offer: bytes | None = None
        """Our offer that has no answer yet."""
        self.remote_offer: bytes | None = None
        """The peer's offer that has no answer yet."""
        self.ours: Description | None = None
        """What we said in the last exchange that was completed."""
        self.theirs: Description | None = None
        """What the peer said in it."""
        self._version = 0

    # Writing

    def make_offer(self, wish: str | None = None) -> bytes:
        """Offer what we want now; the exchange is open until it is answered or dropped."""
        if wish is not None:
            self.wish = wish
        lines: list[str] = []
        for index, kind in enumerate(self.kinds):
            lines += self._stream(index, kind, self._wished(), self._formats(kind))
        self.offer = self._finish(lines)
        return self.offer

    def make_answer(self, offer: bytes | None = None) -> bytes:
        """Answer the open offer of the peer, line by line (section 6)."""
        offer = offer or self.remote_offer
        if offer is None:
            raise AssertionError(f"{self.agent.name} has no offer to answer")
        theirs = self._read(offer)
        lines: list[str] = []
        streams = theirs.streams
        while self.short and len(streams) > 1 and streams[-1].kind not in self.agent.knows:
            streams = streams[:-1]
        for index, stream in enumerate(streams):
            lines += self._answer_stream(index, stream)
            if index == len(self.kinds):
                self.kinds.append(stream.kind)
        answer = self._finish(lines)
        self.remote_offer = None
        self.ours, self.theirs = read(answer), theirs
        return answer

    def _wished(self) -> str:
        return "sendonly" if self.hold_by_zeros and self.wish == "inactive" else self.wish

    def _formats(self, kind: str) -> tuple[str, ...]:
        return self.audio_formats if kind == "audio" else tuple(number for number, _ in CODECS.get(kind, ()))

    def _stream(self, index: int, kind: str, direction: str, formats: tuple[str, ...]) -> list[str]:
        names = dict(CODECS[kind])
        if kind not in self.agent.knows:
            return [f"m={kind} 0 RTP/AVP {' '.join(formats)}"]
        lines = [f"m={kind} {self.port + 2 * index} RTP/AVP {' '.join(formats)}"]
        lines += [f"a=rtpmap:{number} {names[number]}" for number in formats if number in names]
        return [*lines, f"a={direction}"]

    def _answer_stream(self, index: int, theirs: Stream) -> list[str]:
        common = tuple(number for number in self._formats(theirs.kind) if number in theirs.formats)
        if theirs.port == 0 or not common or theirs.kind not in self.agent.knows:
            refused = f"m={theirs.kind} 0 {theirs.protocol} {' '.join(theirs.formats)}"
            return [refused, "a=inactive"] if self.rejected_inactive else [refused]
        wanted, allowed = self._wished(), MIRROR[theirs.direction]
        if theirs.address == "0.0.0.0" and allowed == "sendrecv":
            allowed = "recvonly"
        sends = "send" in wanted and "send" in allowed
        receives = ("recv" in wanted) and ("recv" in allowed)
        direction = {(True, True): "sendrecv", (True, False): "sendonly", (False, True): "recvonly"}.get(
            (sends, receives), "inactive"
        )
        return self._stream(index, theirs.kind, direction, common)

    def _finish(self, streams: list[str]) -> bytes:
        """Put the session part above; the version grows when anything else differs (section 8)."""
        address = "0.0.0.0" if self.hold_by_zeros and self.wish != "sendrecv" else self.agent.host
        rest = ["s=-", f"c=IN IP4 {address}", "t=0 0", *streams, ""]
        text = "\r\n".join(rest).encode()
        if self.last_sent is not None and not self.last_sent.endswith(b"\r\n" + text):
            self._version += 1
        origin = f"v=0\r\no={self.origin_user} {self.identifier} {self._version} IN IP4 {self.agent.host}\r\n"
        self.last_sent = origin.encode() + text
        return self.last_sent

    # Reading

    def _read(self, body: bytes) -> Description:
        """Read what the peer wrote; nonsense is noted, and taken for silence."""
        try:
            return read(body)
        except (ValueError, IndexError) as error:
            self.agent.world.violation(self.agent.name, f"got SDP that is malformed: {error}", "RFC 4566 5")
            return Description()

    def received_offer(self, body: bytes) -> None:
        """An offer came; C{make_answer} closes the exchange."""
        self.remote_offer = body

    def received_answer(self, body: bytes) -> None:
        """The answer to our open offer came."""
        if self.offer is not None:
            self.ours, self.theirs = read(self.offer), self._read(body)
            self.offer = None

    def preview(self, body: bytes) -> None:
        """
        Take SDP of an unreliable 18x: no answer yet, but media may come.

        RFC 6337 section 2.4 wants the 2xx to repeat it.
        """
        if self.offer is not None:
            self.ours, self.theirs = read(self.offer), self._read(body)

    def dropped(self) -> None:
        """The open exchange was refused: all stays as it was."""
        self.offer = self.remote_offer = None

    # Who talks to whom

    def open_exchange(self) -> bool:
        """Is an offer unanswered, ours or the peer's?"""
        return self.offer is not None or self.remote_offer is not None

    def sends_to(self) -> Address | None:
        """Where our voice goes, if it goes anywhere."""
        for ours, theirs in self._pairs("audio"):
            if ours.sends and theirs.receives:
                return theirs.address, theirs.port
        return None

    def receives_at(self) -> Address | None:
        """Where we would hear the peer's voice, if it may speak."""
        for ours, theirs in self._pairs("audio"):
            if ours.receives and theirs.sends:
                return ours.address, ours.port
        return None

    def _pairs(self, kind: str) -> list[tuple[Stream, Stream]]:
        if self.ours is None or self.theirs is None:
            return []
        return [
            (a, b) for a, b in zip(self.ours.streams, self.theirs.streams, strict=False) if a.kind == kind
        ]

    @property
    def held(self) -> bool:
        """Does the peer not listen to us?"""
        pairs = self._pairs("audio")
        return bool(pairs) and not pairs[0][1].receives
