"""One rtpengine: is it there, whose media does it have, and what does it still have to be told."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from b2bua.media.rtpengine.exchanges import Exchanges, NoReply, Refused, Reply

if TYPE_CHECKING:
    from b2bua.clock import IClock, ITimer
    from b2bua.media.ports import RelayHappened

PING = 3.0
"""Seconds between two pings of one that answers."""
AGAIN = 0.5
"""Seconds from a ping that was not answered to the next one."""
PING_PATIENCE = 1.0
MISSES = 3
"""So many pings without an answer, one after the other, mean that it is gone."""
LOOK = 10.0
"""Seconds between two looks at a call's media."""
OWED = 10_000
"""Calls that an engine which is away still has to be told the end of; of more the oldest are forgotten."""
OWED_SECONDS = 3600.0
"""After that it has ended them by itself: the phones have long been silent."""
PAID_AT_ONCE = 50


class Watched(Protocol):
    """A call with media at an engine."""

    def looked(self, reply: Reply) -> None:
        """See how its media are by now."""

    def lost(self) -> None:
        """The engine has them no more."""

    def happened(self, happened: RelayHappened) -> None:
        """Tell whoever uses them."""


class Engine:
    """One of them."""

    log = Logger()

    def __init__(self, clock: IClock, name: str, exchanges: Exchanges) -> None:
        """
        Prepare; nothing is asked before L{start}.

        @param name: its address, as the configuration has it.
        """
        self._clock = clock
        self.name = name
        self.exchanges = exchanges
        self.alive: bool | None = None
        """Does it answer?  None before the first ping has come back, or has not."""
        self.since = clock.wall()
        self.calls: dict[str, Watched] = {}
        """By their ids at the engine."""
        self.owed: OrderedDict[str, float] = OrderedDict()
        self._misses = 0
        self._stopped = False
        self._timer: ITimer | None = None
        self._looks: dict[str, ITimer] = {}

    def start(self) -> None:
        """Begin to ping."""
        self._ping()

    def stop(self) -> None:
        """Be done: calls that go on have their media on."""
        self._stopped = True
        for timer in (self._timer, *self._looks.values()):
            if timer is not None:
                timer.stop()
        self._looks.clear()
        self.exchanges.stop("the service ends")

    def ask(self, command: str, values: dict[str, Any], **how: Any) -> Deferred[Reply]:
        """Ask something; fails with L{NoReply} or L{Refused}."""
        return self.exchanges.ask(command, values, **how)

    # ---- is it there? ------------------------------------------------------

    def _ping(self) -> None:
        """Ask whether it is there."""
        self._timer = None
        asked = self.exchanges.ask("ping", patience=PING_PATIENCE, hasty=True)
        asked.addCallbacks(self._is_there, self._is_silent)

    def _is_there(self, _: Reply) -> None:
        """It has answered."""
        self._misses = 0
        if not self.alive:
            self._be(True)
            for id in self.calls:
                self._look_soon(id, 0.0)
        self._pay()
        self._next(PING)

    def _is_silent(self, failure: Failure) -> None:
        """It has not."""
        failure.trap(NoReply, Refused)
        if self._stopped:
            return
        if failure.check(Refused):
            self.log.warn(
                "rtpengine {name} does not take a ping: {why}", name=self.name, why=failure.getErrorMessage()
            )
        self._misses += 1
        if self._misses >= MISSES and self.alive is not False:
            self._be(False)
            self._lose_all()
        self._next(AGAIN if self._misses < MISSES else PING)

    def _next(self, seconds: float) -> None:
        if not self._stopped:
            self._timer = self._clock.start(seconds, self._ping)

    def _be(self, alive: bool) -> None:
        """Note a change, and say it."""
        if alive:
            self.log.info("rtpengine {name} answers", name=self.name)
        else:
            self.log.error("rtpengine {name} does not answer; new calls go to another one", name=self.name)
        self.alive, self.since = alive, self._clock.wall()

    def _lose_all(self) -> None:
        """Everybody hears that it is gone; should it only be out of reach, it is told to let go of them."""
        self.exchanges.stop("it is gone")
        for id, call in list(self.calls.items()):
            self.forget(id)
            self._owe(id)
            call.lost()

    # ---- whose media it has ---------------------------------------------------

    def take(self, id: str, call: Watched, soon: float = LOOK) -> None:
        """Watch the media of a call from now on."""
        self.calls[id] = call
        self.owed.pop(id, None)
        self._look_soon(id, soon)

    def forget(self, id: str) -> None:
        """Watch them no more."""
        self.calls.pop(id, None)
        timer = self._looks.pop(id, None)
        if timer is not None:
            timer.stop()

    def _look_soon(self, id: str, seconds: float = LOOK) -> None:
        timer = self._looks.pop(id, None)
        if timer is not None:
            timer.stop()
        if not self._stopped:
            self._looks[id] = self._clock.start(seconds, lambda: self._look(id))

    def _look(self, id: str) -> None:
        """See whether the engine still has a call, and who in it is silent."""
        self._looks.pop(id, None)
        asked = self.exchanges.ask("query", {"call-id": id})
        asked.addCallbacks(lambda reply: self._seen(id, reply), lambda failure: self._unseen(id, failure))

    def _seen(self, id: str, reply: Reply) -> None:
        call = self.calls.get(id)
        if call is not None:
            self._look_soon(id)
            call.looked(reply)

    def _unseen(self, id: str, failure: Failure) -> None:
        """It does not know the call any more: it has started anew, or nobody spoke for long."""
        failure.trap(NoReply, Refused)
        call = self.calls.get(id)
        if call is None:
            return
        if failure.check(Refused):
            self.forget(id)
            call.lost()
        else:
            self._look_soon(id)

    # ---- what it still has to be told -------------------------------------------

    def end(self, id: str) -> None:
        """Have it let go of a call, now or when it is there again."""
        self.forget(id)
        self._owe(id)
        if self.alive is not False:
            self._pay_one(id)

    def _owe(self, id: str) -> None:
        """Note that it has to be told."""
        self.owed[id] = self._clock.now() + OWED_SECONDS
        if len(self.owed) > OWED:
            self.owed.popitem(last=False)

    def _pay(self) -> None:
        """Tell it what it has missed."""
        now = self._clock.now()
        for id, until in list(self.owed.items())[:PAID_AT_ONCE]:
            if until < now:
                del self.owed[id]
            else:
                self._pay_one(id)

    def _pay_one(self, id: str) -> None:
        """Tell it once; without an answer it stays owed."""

        def failed(failure: Failure) -> None:
            failure.trap(NoReply, Refused)
            if failure.check(Refused):
                self.owed.pop(id, None)

        asked = self.exchanges.ask("delete", {"call-id": id, "delete delay": 0})
        asked.addCallbacks(lambda _: self.owed.pop(id, None), failed)
