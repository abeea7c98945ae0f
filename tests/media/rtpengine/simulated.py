"""Engines that answer as rtpengine 10.5 does, on a clock that stands still, over a network that can lose."""

from __future__ import annotations

import json
import re
from typing import Any

from twisted.internet.task import Clock

from b2bua.media.ports import RelayHappened
from b2bua.media.rtpengine.engine import Engine
from b2bua.media.rtpengine.engine_set import EngineSet
from b2bua.media.rtpengine.engines import Rtpengines
from b2bua.media.rtpengine.exchanges import Exchanges
from tests.timers import FakeClock

DELAY = 0.001


def session(
    port: int, host: str = "192.0.2.7", *lines: str, profile: str = "RTP/AVP", formats: str = "8 101"
) -> bytes:
    """A description of one stream of sound."""
    family = "IP6" if ":" in host else "IP4"
    text = ["v=0", f"o=- 1 1 IN {family} {host}", "s=-", f"c=IN {family} {host}", "t=0 0"]
    text += [f"m=audio {port} {profile} {formats}", "a=rtpmap:101 telephone-event/8000", *lines]
    return "".join(f"{line}\r\n" for line in text).encode()


class SimulatedEngine:
    """One engine: keeps calls, caches replies by cookie, can die and come again."""

    def __init__(self, clock: Clock) -> None:
        """Run, with no calls."""
        self.clock = clock
        self.exchanges: Exchanges
        self.runs = True
        self.reachable = True
        self.lose = 0
        """So many of the next datagrams to it are lost."""
        self.lose_replies = 0
        self.calls: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        """What it has done, repeats left out."""
        self.refuses: dict[str, str] = {}
        """Commands that it refuses, and how."""
        self._replies: dict[str, dict[str, Any]] = {}
        self._port = 40_000

    def send(self, datagram: bytes) -> None:
        """Take a datagram to it."""
        if self.lose:
            self.lose -= 1
        elif self.reachable:
            self.clock.callLater(DELAY, self._heard, datagram)

    def _heard(self, datagram: bytes) -> None:
        if not self.runs:
            self.exchanges.nobody()
            return
        cookie, _, text = datagram.decode().partition(" ")
        if cookie not in self._replies:
            request = json.loads(text)
            self.asked.append(request)
            self._replies[cookie] = self._reply(request)
        if self.lose_replies:
            self.lose_replies -= 1
            return
        reply = f"{cookie} {json.dumps(self._replies[cookie])}".encode()
        self.clock.callLater(DELAY, self.exchanges.heard, reply)

    def die(self) -> None:
        """Die, with all calls."""
        self.runs = False
        self.calls.clear()

    def commands(self, *names: str) -> list[dict[str, Any]]:
        """What it was asked of these kinds."""
        return [request for request in self.asked if request["command"] in names]

    def _reply(self, request: dict[str, Any]) -> dict[str, Any]:
        command, id = request["command"], request.get("call-id", "")
        if command in self.refuses:
            return {"result": "error", "error-reason": self.refuses[command]}
        if command == "ping":
            return {"result": "pong"}
        if command == "offer":
            legs = self.calls.setdefault(id, {})
            for leg in (request["from-tag"], request["to-tag"]):
                legs.setdefault(leg, {"port": self._next(), "packets": 0})
            return {"result": "ok", "sdp": self._rewritten(request, legs[request["to-tag"]]["port"])}
        if id not in self.calls:
            if command == "delete":
                return {"result": "ok", "warning": "Call-ID not found or tags didn't match"}
            return {"result": "error", "error-reason": "Unknown call-id"}
        legs = self.calls[id]
        if command == "answer":
            return {"result": "ok", "sdp": self._rewritten(request, legs[request["from-tag"]]["port"])}
        if command == "delete":
            legs.pop(request.get("from-tag"), None)
            if "from-tag" not in request or len(legs) < 2:
                del self.calls[id]
        if command == "query":
            return {
                "result": "ok",
                "tags": {leg: _tag(leg, about) for leg, about in legs.items()},
                "SSRC": _ssrc(legs),
            }
        return {"result": "ok"}

    def _next(self) -> int:
        self._port += 2
        return self._port

    @staticmethod
    def _rewritten(request: dict[str, Any], port: int) -> str:
        return re.sub(r"m=audio \d+", f"m=audio {port}", request["sdp"]).replace("192.0.2.7", "198.51.100.1")

    def speaks(self, leg: str, packets: int = 500) -> None:
        """Count packets of a leg, in all calls that have it."""
        for legs in self.calls.values():
            if leg in legs:
                legs[leg]["packets"] += packets


def _tag(leg: str, about: dict[str, Any]) -> dict[str, Any]:
    stream = {"local port": about["port"], "SSRC": about["port"], "stats": {"packets": about["packets"]}}
    return {"tag": leg, "medias": [{"index": 1, "type": "audio", "streams": [stream, {"stats": {}}]}]}


def _ssrc(legs: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for about in legs.values():
        average = {"MOS": 43, "jitter": 4, "packet loss": 1, "samples": 5}
        found[str(about["port"])] = {"cumulative loss": 3, "average MOS": average}
    return found


class Site:
    """Some engines, and we who use them."""

    def __init__(self, count: int = 1, **how: Any) -> None:
        """Have them run, and be known to run."""
        self.clock = Clock()
        self.engines = [SimulatedEngine(self.clock) for _ in range(count)]
        self.happened: list[RelayHappened] = []
        self._tokens = 0
        self.begin(**how)

    def begin(self, **how: Any) -> None:
        """Begin, or begin again as another process."""
        time = FakeClock(self.clock)
        watched = []
        for number, engine in enumerate(self.engines):
            engine.exchanges = Exchanges(time, engine.send, f"{self.clock.seconds()}-")
            watched.append(Engine(time, f"192.0.2.{number + 1}:2223", engine.exchanges))
        self.set = EngineSet(time, watched, self._token, **how)
        self.relays = Rtpengines(self.set)
        self.set.start()
        self.run(0.1)

    def _token(self) -> str:
        self._tokens += 1
        return f"call-{self._tokens}"

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.clock.seconds() + seconds
        while self.clock.calls and self.clock.calls[0].getTime() <= end:
            self.clock.advance(max(0.0, self.clock.calls[0].getTime() - self.clock.seconds()))
        self.clock.advance(end - self.clock.seconds())
