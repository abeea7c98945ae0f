"""
The media of one call, passed on between its legs: the same packets, from our ports instead of each other's.

Each leg has a port of ours for each of its streams: its party sends there, and
gets from there what the other says.  Who talks to whom comes from the answers:
a leg that answers another one's offer talks to it from then on.  Several may
have answered one offer, as when a call is forked; the offerer hears the one that
did so last, and is heard by that one only.

Sockets and time are handed in.  Packets are not changed, SSRC included.
"""

from __future__ import annotations

from typing import Any

from b2bua.media.latch import Address
from b2bua.media.ports import NoRelay, Received, RelayHappened, Statistics, Towards
from b2bua.media.relay_port import Leg, Port, Sockets
from b2bua.media.relay_session import Stream, read, restricted, rewritten, streams
from b2bua.media.stereo import Stereo


class Relay:
    """Passes on the media of one call."""

    def __init__(self, sockets: Sockets) -> None:
        """Begin with no legs."""
        self._sockets = sockets
        self.legs: dict[str, Leg] = {}
        """In the order in which they have come."""
        self._answered: list[tuple[str, str]] = []
        """Who has answered whom, the last one at the end."""
        self._gone: Statistics = {}
        self.recording: Stereo | None = None
        self.happened: list[RelayHappened] = []
        """What is to be told."""

    # ---- sessions ------------------------------------------------------------

    def offer(self, by: str, to: str, session: bytes, towards: Towards, peer: str) -> bytes:
        """
        Take an offer.

        @return: what C{to} is offered.
        @raise NoRelay: if it cannot be passed on; nothing has changed then.
        """
        sdp = read(session)
        said = streams(sdp, towards)
        offerer = self._leg(by, to)
        ports = self._open(self._leg(to, by), said, towards.host)
        offerer.proposed = said, peer
        if not offerer.streams:
            self._describe(offerer)
        return rewritten(restricted(sdp, towards.codecs), towards.host, ports)

    def answer(self, by: str, to: str, session: bytes, towards: Towards, peer: str) -> bytes:
        """
        Take an answer; the two talk from now on.

        @return: what C{to} is answered.
        @raise NoRelay: if it cannot be passed on; nothing has changed then.
        """
        sdp = read(session)
        said = streams(sdp, towards)
        offerer = self._leg(to, by)
        ports = self._open(offerer, said, towards.host)
        answerer = self._leg(by, to)
        answerer.proposed = said, peer
        self._describe(answerer)
        self._describe(offerer)
        for leg in (answerer, offerer):
            self._close(leg, [index for index in leg.ports if index not in said])
        if (by, to) in self._answered:
            self._answered.remove((by, to))
        self._answered.append((by, to))
        self._pair()
        return rewritten(sdp, towards.host, ports)

    def _leg(self, id: str, other: str) -> Leg:
        """Find a leg; a new one is heard on the other side than the one that it talks to."""
        leg = self.legs.get(id)
        if leg is None:
            beside = self.legs.get(other)
            leg = self.legs[id] = Leg(id, 0 if beside is None else 1 - beside.side)
        return leg

    def _open(self, leg: Leg, said: dict[int, Stream], host: str) -> dict[int, int]:
        """
        Have ports for the streams of a leg's party; those that it has stay, at the same address.

        The party is to send there from now on; it may have been told to send elsewhere before.
        """
        opened: dict[int, tuple[Port, ...]] = {}
        try:
            for index, stream in said.items():
                have = leg.ports.get(index)
                if have is None or have[0].host != host or have[0].stream.rtp != stream.rtp:
                    opened[index] = self._ports(leg, stream, host)
        except NoRelay:
            self._shut(opened)
            raise
        for index in said.keys() - opened.keys():
            leg.ports[index][0].reception.anew()
        self._close(leg, list(opened))
        leg.ports.update(opened)
        for index, ports in opened.items():
            if index in leg.streams:
                for port in ports:
                    port.describe(leg.streams[index], leg.peer)
        return {index: leg.ports[index][0].number for index in said}

    def _ports(self, leg: Leg, stream: Stream, host: str, number: int = 0) -> tuple[Port, ...]:
        """Open the ports for one stream."""
        kinds = (False, True) if stream.rtp else (False,)
        nowhere = stream._replace(host="", port=0, control_host="", control_port=0)
        ports = tuple(Port(self, leg, nowhere, host, control=control) for control in kinds)
        first = self._sockets.open(ports, host, number)
        for at, port in enumerate(ports):
            port.number = first + at
        return ports

    def _describe(self, leg: Leg) -> None:
        """Have what a party has said of itself hold."""
        if leg.proposed is None:
            return
        (leg.streams, leg.peer), leg.proposed = leg.proposed, None
        leg.heard_at = None
        for index, ports in leg.ports.items():
            if index in leg.streams:
                for port in ports:
                    port.describe(leg.streams[index], leg.peer)

    def _close(self, leg: Leg, indexes: list[int]) -> None:
        """Be done with streams of a leg."""
        closed = {index: leg.ports.pop(index) for index in indexes if index in leg.ports}
        for ports in closed.values():
            self._gone[leg.id] = _sum([self._gone.get(leg.id, Received()), ports[0].reception.received])
        self._shut(closed)

    def _shut(self, ports: dict[int, tuple[Port, ...]]) -> None:
        """Close ports."""
        for pair in ports.values():
            for port in pair:
                self._sockets.close(port)

    def is_ours(self, source: Address) -> bool:
        """Is it one of our own ports that sends?"""
        return any(
            port.number == source[1] and port.host == source[0]
            for leg in self.legs.values()
            for ports in leg.ports.values()
            for port in ports
        )

    # ---- who talks to whom ---------------------------------------------------------

    def _pair(self) -> None:
        """The last answers hold: two talk who have last agreed with each other."""
        last: dict[str, str] = {}
        for by, to in self._answered:
            last[by], last[to] = to, by
        for leg in self.legs.values():
            partner = last.get(leg.id, "")
            leg.partner = partner if last.get(partner) == leg.id else ""
        for leg in self.legs.values():
            other = self.legs.get(leg.partner)
            for index, ports in leg.ports.items():
                theirs = other.ports.get(index, ()) if other is not None else ()
                for at, port in enumerate(ports):
                    port.out = theirs[at] if at < len(theirs) and len(theirs) == len(ports) else None

    def drop(self, id: str) -> None:
        """Forget a leg; who has talked to it talks to the one before it, if there is one."""
        leg = self.legs.get(id)
        if leg is None:
            return
        self._close(leg, list(leg.ports))
        del self.legs[id]
        self._answered = [pair for pair in self._answered if id not in pair]
        self._pair()

    def close(self) -> Statistics:
        """Be done; what came from each party."""
        for id in list(self.legs):
            self.drop(id)
        return self._gone

    # ---- what time brings ----------------------------------------------------------

    def silent(self, now: float, seconds: float) -> list[RelayHappened]:
        """
        Find out whose party sends nothing though it said that it would.

        Each is told of again when as much time has passed once more.
        """
        found = []
        for leg in self.legs.values():
            if leg.heard_at is None or not self._is_due(leg):
                leg.heard_at = now
            elif now - leg.heard_at >= seconds:
                leg.heard_at = now
                found.append(RelayHappened("silent", leg.id))
        return found

    def _is_due(self, leg: Leg) -> bool:
        """Has a party said that it sends audio, and the one that it talks to that it hears it?"""
        other = self.legs.get(leg.partner)
        return other is not None and any(
            stream.kind == "audio" and stream.sends and index in other.streams and other.streams[index].hears
            for index, stream in leg.streams.items()
        )

    # ---- recording -------------------------------------------------------------------

    def recordable(self) -> None:
        """
        See whether what is said can be recorded.

        @raise NoRelay: if not.
        """
        if self.recording is not None:
            raise NoRelay("the call is recorded already")
        talking = [leg for leg in self.legs.values() if leg.partner]
        said = [stream for leg in talking for stream in leg.streams.values() if stream.kind == "audio"]
        if any(stream.secure for stream in said):
            raise NoRelay("encrypted media cannot be recorded here; rtpengine can do that")
        names = {name for stream in said for name, _ in stream.formats.values()}
        if said and not names & Stereo.understood():
            raise NoRelay(
                f"no recording of {', '.join(sorted(names)) or 'a codec without a name'}; of G.711 there is"
            )

    # ---- written down ------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Write it down; C{restore} goes on with it, at the same ports."""
        return {
            "legs": [
                {
                    "id": leg.id,
                    "side": leg.side,
                    "peer": leg.peer,
                    "streams": {str(index): list(stream) for index, stream in leg.streams.items()},
                    "ports": {
                        str(index): {"host": ports[0].host, "number": ports[0].number, "rtp": len(ports) > 1}
                        for index, ports in leg.ports.items()
                    },
                }
                for leg in self.legs.values()
            ],
            "answered": [list(pair) for pair in self._answered],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """
        Go on with what was written down.

        @raise NoRelay: if a port is taken by somebody else; all are closed again then.
        """
        try:
            for kept in state["legs"]:
                leg = self.legs[kept["id"]] = Leg(kept["id"], kept["side"], kept["peer"])
                leg.streams = {int(index): Stream.of(values) for index, values in kept["streams"].items()}
                for index, port in kept["ports"].items():
                    self._reopen(leg, int(index), port)
        except NoRelay:
            self.close()
            raise
        self._answered = [(by, to) for by, to in state["answered"]]
        self._pair()

    def _reopen(self, leg: Leg, index: int, port: dict[str, Any]) -> None:
        """Open the ports of a stream again."""
        blank = Stream("audio", port["rtp"], "", "", 0, "", 0, sends=False, hears=False, formats={})
        stream = leg.streams.get(index, blank)
        leg.ports[index] = self._ports(leg, stream, port["host"], port["number"])
        if index in leg.streams:
            for one in leg.ports[index]:
                one.describe(stream, leg.peer)


def _sum(received: list[Received]) -> Received:
    """What came of several streams; how it was heard is said of the first that has packets."""
    first = next((one for one in received if one.packets), Received())
    return first._replace(
        packets=sum(one.packets for one in received), lost=sum(one.lost for one in received)
    )
