"""
The media of one call at an rtpengine.

Each leg is a tag there, and the call has an id of its own, so that a call that
has lost its engine can begin anew at another one.  What is asked goes out one
after the other: the engine works on several datagrams at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred, DeferredLock, ensureDeferred
from twisted.logger import Logger
from zope.interface import implementer

from b2bua.media.ports import HearRelay, IRelay, NoRelay, RelayHappened, Statistics, Towards
from b2bua.media.rtpengine import replies, wishes
from b2bua.media.rtpengine.capture import GOES_ON, Recording
from b2bua.media.rtpengine.exchanges import NoReply, Refused, Reply

if TYPE_CHECKING:
    from b2bua.media.rtpengine.capture import Work
    from b2bua.media.rtpengine.engine import Engine
    from b2bua.media.rtpengine.engine_set import EngineSet

Value = TypeVar("Value")

FIRST_PATIENCE = 1.5
"""Seconds that an engine has for the first offer of a call, before another one is asked."""
LAST_PATIENCE = 1.0
"""Seconds that it has to count what it has heard, when a call is over."""
UNKNOWN = "Unknown call-id"


@implementer(IRelay)
class RtpengineRelay:
    """The media of one call."""

    log = Logger()

    def __init__(self, engines: EngineSet, call: str, hear: HearRelay) -> None:
        """Prepare; which engine has it is seen with the first offer."""
        self._engines = engines
        self._call = call
        self._hear: HearRelay | None = hear
        self._id = ""
        self._engine: Engine | None = None
        self._turn = DeferredLock()
        self._sides: dict[str, wishes.Side] = {}
        """What each leg's party has said of itself last."""
        self._talks: dict[str, set[str]] = {}
        """With whom each leg has agreed."""
        self._partner: dict[str, str] = {}
        """With whom it has agreed last."""
        self._dropped: set[str] = set()
        self._heard: dict[str, tuple[int, float]] = {}
        """How many packets of each leg there were, and since when there are so many."""
        self._recording: Recording | None = None

    # ---- sessions ---------------------------------------------------------

    def offer(self, by: str, to: str, session: bytes, towards: Towards, peer: str) -> Deferred[bytes]:
        """Take an offer."""
        return self._in_turn(lambda: self._offer(by, to, session, towards, peer))

    async def _offer(self, by: str, to: str, session: bytes, towards: Towards, peer: str) -> bytes:
        asked = wishes.offered(session, towards, peer, self._engines.interfaces)
        asked |= {"from-tag": by, "to-tag": to, "via-branch": to}
        if self._engine is None:
            reply = await self._begin(asked)
        else:
            reply = await self._ask("offer", asked)
        self._said(by, session)
        return replies.session(reply)

    def answer(self, by: str, to: str, session: bytes, towards: Towards, peer: str) -> Deferred[bytes]:
        """Take an answer."""
        return self._in_turn(lambda: self._answer(by, to, session, peer))

    async def _answer(self, by: str, to: str, session: bytes, peer: str) -> bytes:
        asked = wishes.answered(session, self._sides.get(to) or wishes.Side(), peer)
        asked |= {"from-tag": to, "to-tag": by, "via-branch": by}
        reply = await self._ask("answer", asked)
        self._said(by, session)
        for one, other in ((by, to), (to, by)):
            self._talks.setdefault(one, set()).add(other)
            self._partner[one] = other
        self._dropped -= {by, to}
        await self._sweep()
        return replies.session(reply)

    def _said(self, leg: str, session: bytes) -> None:
        """Keep what a party says of itself."""
        self._sides[leg] = wishes.side(session) or wishes.Side(sends=False, hears=False)

    async def _begin(self, asked: dict[str, Any]) -> Reply:
        """Find an engine for the first offer; one that fails is not asked again for it."""
        failed: list[Engine] = []
        why = "no rtpengine answers"
        while (engine := self._engines.choose(failed)) is not None:
            id = self._engines.token()
            try:
                reply = await engine.ask(
                    "offer", {**asked, "call-id": id}, patience=FIRST_PATIENCE, hasty=True
                )
            except (NoReply, Refused) as error:
                why = f"rtpengine {engine.name}: {error}"
                failed.append(engine)
                if isinstance(error, NoReply):
                    engine.end(id)  # it may have heard us all the same
                continue
            self._engine, self._id = engine, id
            engine.take(id, self)
            return reply
        raise NoRelay(why)

    # ---- legs that are gone ---------------------------------------------------

    def drop(self, leg: str) -> None:
        """Forget a leg, as soon as that takes nobody else along."""
        self._dropped.add(leg)
        self._in_turn(self._sweep).addErrback(lambda failure: failure.trap(NoRelay))

    async def _sweep(self) -> None:
        """
        Have the engine forget the legs that are gone.

        It forgets a whole call when it forgets the only one that somebody in it
        talks to; such a leg stays until its party has agreed with another one.
        """
        for leg in sorted(self._dropped):
            others = self._talks.get(leg, set())
            if not all(self._talks[other] - self._dropped - {leg} for other in others):
                continue
            if self._engine is not None and leg in self._sides:
                try:
                    await self._ask("delete", {"from-tag": leg, "via-branch": leg, "delete delay": 0})
                except NoRelay:
                    return  # with the next answer, or at the end of the call
            self._dropped.discard(leg)
            for other in self._talks.pop(leg, set()):
                self._talks[other].discard(leg)
            self._sides.pop(leg, None)

    # ---- a recording ------------------------------------------------------------

    def record(self, path: str) -> Deferred[None]:
        """Record."""
        return self._in_turn(lambda: self._record(path))

    async def _record(self, path: str) -> None:
        if not self._engines.records:
            raise NoRelay("media.rtpengine.recordings is not set")
        if self._recording is not None:
            raise NoRelay("the call is being recorded already")
        self._recording = Recording(path, self._engines.clock.wall(), next(iter(self._sides), ""))
        try:
            await self._look_for_ports()
            self._note(self._recording)
            await self._ask("start recording", {})
        except NoRelay:
            self._recording = None
            raise

    def pause(self, paused: bool) -> Deferred[None]:
        """Write nothing, or something again."""
        return self._in_turn(lambda: self._pause(paused))

    async def _pause(self, paused: bool) -> None:
        if self._recording is None:
            raise NoRelay("the call is not being recorded")
        await self._ask("stop recording" if paused else "start recording", {})

    def end_recording(self) -> Deferred[None]:
        """End the recording."""
        return self._in_turn(self._end_recording, closed=True)

    async def _end_recording(self, early: str = "") -> None:
        """
        Make the recording.

        @param early: why it ends though nobody has asked for that.
        """
        work = await self._stop_recording()
        if work is not None:
            await self._make(work, early)

    async def _stop_recording(self) -> Work | None:
        """Have the engine write no more; gives what is to be made of what it has written."""
        recording, self._recording = self._recording, None
        if recording is None:
            return None
        ended = self._engines.clock.wall()
        try:
            self._see_ports(recording, await self._ask("query", {}))
            await self._ask("stop recording", {})
        except NoRelay:
            pass  # what the engine has written until it went is there
        work = recording.work(self._engines.recordings, self._id, ended)
        self._engines.note(work)
        return work

    def _note(self, recording: Recording) -> None:
        """Note what is to be made should this process not live to see the end."""
        self._engines.note(recording.work(self._engines.recordings, self._id, GOES_ON))

    async def _make(self, work: Work, early: str = "") -> None:
        """Make a recording; it may have to wait for those of other calls."""
        why = early if self._engines.write is None else await self._engines.write(work) or early
        if why:
            self.log.warn("the recording {path}: {why}", path=work.path, why=why)
            self.happened(RelayHappened("recorded", detail=why))

    async def _look_for_ports(self) -> None:
        """Learn by which port of the engine each leg is heard."""
        if self._recording is not None:
            self._see_ports(self._recording, await self._ask("query", {}))

    def _see_ports(self, recording: Recording, reply: Reply) -> None:
        before = dict(recording.ports)
        for leg, stream in replies.streams(reply):
            port = stream.get("local port")
            if isinstance(port, int) and leg in self._sides:
                recording.ports[port] = leg, dict(self._sides[leg].formats)
        if before and recording.ports != before:
            self._note(recording)

    # ---- a restart ----------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Write it down."""
        if self._engine is None:
            return {}
        return {
            "kind": "rtpengine",
            "engine": self._engine.name,
            "id": self._id,
            "sides": {leg: [*side[:4], _written(side.formats)] for leg, side in self._sides.items()},
            "talks": {leg: sorted(others) for leg, others in self._talks.items()},
            "partner": dict(self._partner),
            "dropped": sorted(self._dropped),
            "recording": None if self._recording is None else self._recording.state(),
        }

    @classmethod
    def resumed(
        cls, engines: EngineSet, call: str, state: Mapping[str, Any], hear: HearRelay
    ) -> RtpengineRelay | None:
        """Take it up again; None if it was another engine's, or none of its address is configured."""
        if state.get("kind") != "rtpengine":
            return None
        relay = cls(engines, call, hear)
        try:
            engine = engines.named(state["engine"])
            relay._restore(state)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
        if engine is None:
            return None
        relay._engine = engine
        engine.take(relay._id, relay, soon=0.0)
        return relay

    def _restore(self, state: Mapping[str, Any]) -> None:
        """Read what was written down."""
        self._id = state["id"]
        for leg, (profile, ice, sends, hears, formats) in state["sides"].items():
            known = {int(number): name for number, name in formats.items()}
            self._sides[leg] = wishes.Side(profile, ice, sends, hears, known)
        self._talks = {leg: set(others) for leg, others in state["talks"].items()}
        self._partner = dict(state["partner"])
        self._dropped = set(state["dropped"])
        if state["recording"] is not None:
            self._recording = Recording.restored(state["recording"])

    # ---- the end --------------------------------------------------------------------

    def let_go(self) -> None:
        """Watch it no more: the engine passes on, and the other process asks it from now on."""
        engine, self._engine, self._hear = self._engine, None, None
        if engine is not None:
            engine.forget(self._id)

    def close(self) -> Deferred[Statistics | None]:
        """Be done."""
        self._hear = None
        return self._in_turn(self._close, closed=True)

    async def _close(self) -> Statistics | None:
        work = await self._stop_recording()
        statistics = await self._let_go()
        if work is not None:
            await self._make(work)  # the engine's ports do not wait for that
        return statistics

    async def _let_go(self) -> Statistics | None:
        """Have the engine let go of the call."""
        engine, self._engine = self._engine, None
        if engine is None:
            return None
        engine.forget(self._id)
        try:
            reply = await engine.ask("query", {"call-id": self._id}, patience=LAST_PATIENCE, hasty=True)
        except (NoReply, Refused):
            return None
        else:
            return replies.statistics(reply)
        finally:
            engine.end(self._id)

    # ---- what the engine says -----------------------------------------------------------

    def looked(self, reply: Reply) -> None:
        """See who is silent though they should speak."""
        now = self._engines.clock.now()
        if self._recording is not None:
            self._see_ports(self._recording, reply)
        for leg, stream in replies.streams(reply):
            packets = replies.packets(stream)
            known = self._heard.get(leg)
            if known is None or known[0] != packets or not self._should_speak(leg):
                self._heard[leg] = packets, now
            elif self._engines.silence and now - known[1] >= self._engines.silence:
                self._heard[leg] = packets, now
                self.happened(RelayHappened("silent", leg))

    def _should_speak(self, leg: str) -> bool:
        """Have the two that talk agreed that this one sends?"""
        partner = self._sides.get(self._partner.get(leg, ""))
        side = self._sides.get(leg)
        if side is None or partner is None or leg in self._dropped:
            return False
        return side.sends and partner.hears

    def lost(self) -> None:
        """The engine has the call no more; whoever offers again begins anew."""
        self._engine = None
        if self._recording is not None:
            self._in_turn(lambda: self._end_recording("the engine is gone"), closed=True)
        self._talks.clear()
        self._partner.clear()
        self._dropped.clear()
        self._heard.clear()
        self.happened(RelayHappened("gone"))

    def happened(self, happened: RelayHappened) -> None:
        """Tell whoever uses it."""
        if self._hear is not None:
            self._hear(happened)

    # ---- asking ---------------------------------------------------------------------------

    def _in_turn(self, do: Callable[[], Awaitable[Value]], *, closed: bool = False) -> Deferred[Value]:
        """Do something when all that was asked before is done."""

        async def in_turn() -> Value:
            if self._hear is None and not closed:
                raise NoRelay("the call is over")
            return await do()

        done: Deferred[Value] = self._turn.run(lambda: ensureDeferred(in_turn()))
        return done

    async def _ask(self, command: str, values: dict[str, Any]) -> Reply:
        """Ask the engine that has the call."""
        engine, id = self._engine, self._id
        if engine is None:
            raise NoRelay("the relay has lost its engine")
        try:
            return await engine.ask(command, {**values, "call-id": id})
        except NoReply as error:
            raise NoRelay(f"rtpengine {engine.name}: {error}") from None
        except Refused as error:
            if UNKNOWN in str(error) and self._engine is engine:
                engine.forget(id)
                self.lost()
            raise NoRelay(f"rtpengine {engine.name}: {error}") from None


def _written(formats: Mapping[int, str]) -> dict[str, str]:
    """Payload types fit for JSON."""
    return {str(number): name for number, name in formats.items()}
