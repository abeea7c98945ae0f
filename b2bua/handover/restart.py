"""
A restart without loss, step by step.

The new process starts beside the old one and reads its configuration; that
takes a second or two, in which the old one serves as ever.  Then the old one
reads no more, writes what is settled, leaves the database and stands still.
The new one takes all up and serves; what comes meanwhile waits in the sockets,
which both have.  Then the old one goes on with the calls that are not settled.

Should the new process not come to serve, the old one goes on as before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, TimeoutError, ensureDeferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from b2bua.handover.belonging import Word
from b2bua.handover.channel import Channel
from b2bua.handover.new import NewProcess
from b2bua.handover.old import OldProcess
from b2bua.handover.spawning import Successor
from b2bua.plural import counted
from b2bua.server import Server
from b2bua.store.ports import StoreError

STARTS = 25.0
"""Seconds that the new process has to read its configuration."""
SERVES = 8.0
"""Seconds that it has from then on to serve; nothing is answered meanwhile."""
LOOK = 0.1
"""Seconds between two looks at what can be handed over."""
LINGERS = 33.0
"""Seconds that the old process stays after its last call for messages that are repeated (64*T1)."""


class Result(NamedTuple):
    """What came of it."""

    problem: str
    """Why this process goes on; empty if it does not."""
    pid: int | None = None
    """The new process."""
    silent: float = 0.0
    """Seconds in which nothing was answered."""
    handed_over: int = 0
    """Calls that the new process had at once."""
    left: int = 0
    """Those that follow when they are settled."""


class Restart:
    """Has a new process take the place of this one."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        server: Server,
        settle: Callable[[], Awaitable[None]],
        stand_by: Callable[[], Awaitable[None]],
        resume: Callable[[], Awaitable[None]],
    ) -> None:
        """
        Be ready for it.

        @param settle: waits for what is on its way to others; phones are answered meanwhile.
        @param stand_by: reads no more, and gives away what only one process can have.
        @param resume: undoes both.
        """
        self._reactor = reactor
        self._server = server
        self._settle = settle
        self._stand_by = stand_by
        self._resume = resume
        self._busy = False
        self.served = False
        """Does the new process serve?"""
        self.before: NewProcess | None = None
        """What we have of the process whose place we have taken."""
        self.left: Callable[[], None] = lambda: None
        """Told when nothing is left to be done."""
        self._looking = LoopingCall(self._look)
        self._until = 0.0
        self._idle: float | None = None

    async def begin(self, sockets: Sequence[int], drain: float) -> Result:
        """
        Begin.

        @param sockets: the descriptors of those that listen.
        @param drain: seconds that calls have which ring.
        """
        if self._busy or self.served:
            return Result("a new process is on its way already")
        persistence = self._server.persistence
        if persistence is None or not persistence.survives:
            return Result("calls.survive is off, so that no other process can go on with a call")
        self._busy = True
        try:
            if not await self._alone():
                return Result("the process before still has calls that are not settled")
            return await self._change(sockets, drain)
        finally:
            self._busy = False

    async def _alone(self) -> bool:
        """Wait until the process before has no calls any more: it hands them over to us only."""
        for _ in range(round(STARTS / LOOK)):
            if self.before is None or not self.before.others:
                return True
            await deferLater(self._reactor, LOOK)
        return False

    async def _change(self, sockets: Sequence[int], drain: float) -> Result:
        """Start it, leave everything to it, or go on."""
        new = Successor(lambda how: self.log.info("the new process has ended with {how}", how=how))
        new.start(self._reactor, sockets)
        channel = new.channel
        ready = channel.wait_for("ready").addTimeout(STARTS, self._reactor)
        try:
            await ready
        except (ConnectionError, TimeoutError) as error:
            new.kill()
            why = str(error) if isinstance(error, ConnectionError) else f"it takes more than {STARTS:g} s"
            self.log.error("the new process did not start: {why}", why=why)
            return Result("the new process did not start; what it said is in the log")
        return await self._leave(new, channel, drain)

    async def _leave(self, new: Successor, channel: Channel, drain: float) -> Result:
        """Leave what there is to the new process."""
        persistence = self._server.persistence
        assert persistence is not None
        await self._settle()
        old = OldProcess(self._server, channel.say)
        old.finish()
        try:
            # A store that fails is found out while phones are answered still.
            await persistence.journal.flush()
            began = self._reactor.seconds()
            await self._stand_by()
        except StoreError as error:
            new.kill()
            await self._resume()
            return Result(f"the database fails, so that nothing can be handed over: {error}")
        will = old.will()
        channel.say(will)
        if not channel.stand_still("serving", SERVES):
            new.kill()
            await self._resume()
            self.log.error("the new process does not serve; this one goes on")
            return Result("the new process did not come to serve; what it said is in the log")
        silent = self._reactor.seconds() - began
        self.served = True
        handed_over = old.leave()
        left = len(self._server.core.calls.going)
        channel.lost = self._lost
        self._old, self._channel = old, channel
        channel.hear_by(old.hear)
        self._until = self._reactor.seconds() + drain
        self._looking.clock = self._reactor
        self._begin_looking()
        self.log.info(
            "process {pid} has taken over {calls}; {ms:.0f} ms without answers",
            pid=new.pid, calls=counted(handed_over, "call"), ms=silent * 1000,
        )  # fmt: skip
        return Result("", new.pid, silent, handed_over, left)

    def _begin_looking(self, failure: Failure | None = None) -> None:
        """Look again and again; a bug of ours costs one look, and not all calls that are still here."""
        if failure is not None:
            self.log.failure("a call could not be handed over", failure)
        self._looking.start(LOOK, now=False).addErrback(self._begin_looking)

    def _look(self) -> None:
        """Hand over what is settled by now, and end when nothing is left."""
        now, calls = self._reactor.seconds(), self._server.core.calls
        self._old.hand_over()
        if calls.going and now >= self._until:
            self._until = now + LINGERS
            self._server.core.hang_up_all()
        if calls.going:
            self._idle = None
            return
        self._idle = now if self._idle is None else self._idle
        if self._old.is_done or now - self._idle >= LINGERS:
            self._looking.stop()
            persistence = self._server.persistence
            assert persistence is not None
            persistence.journal.flush().addBoth(self._gone)

    def _gone(self, result: object) -> None:
        """Nothing is left."""
        self._channel.say({"say": "gone"})
        self._reactor.callLater(LOOK, self.left)

    def _lost(self) -> None:
        """The new process has ended; whoever starts another one finds what is in the store."""
        if self._looking.running:
            self._looking.stop()
            self._old.let_go()
            self.left()


def take_over(server: Server, channel: Channel) -> Deferred[TakeOver]:
    """Say that we are ready, and wait until everything is ours."""

    async def wait() -> TakeOver:
        going = channel.wait_for("go")
        channel.say({"say": "ready"})
        return TakeOver(server, channel, await going)

    return ensureDeferred(wait())


class TakeOver(NewProcess):
    """The new process, with its channel to the old one."""

    log = Logger()

    def __init__(self, server: Server, channel: Channel, will: Word) -> None:
        """Know what the old process has said last."""
        super().__init__(server, channel.say, will)
        self._channel = channel
        self.died: Callable[[set[str]], None] = lambda calls: None
        """Told of calls that the old process has taken along."""
        channel.hear_by(self.hear)

    def begin(self) -> None:
        """Serve."""
        super().begin()
        self._channel.lost = self._lost
        self._channel.say({"say": "serving"})

    def _lost(self) -> None:
        """The old process has ended."""
        if taken := self.alone():
            self.log.error("the process before has died with {calls}", calls=counted(len(taken), "call"))
            self.died(taken)
        else:
            self.log.info("the process before has ended")
