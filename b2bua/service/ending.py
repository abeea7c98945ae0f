"""
What becomes of calls when the process ends: they are drained, or left to the next process of systemd.

SIGTERM drains: no new calls, and those that go on have C{server.drain} seconds.
Where systemd ends us in order to start us anew, it keeps the sockets and the
database the calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from b2bua.handover.belonging import is_new
from b2bua.plural import counted
from b2bua.service import systemd

if TYPE_CHECKING:
    from b2bua.server import Server
    from b2bua.service.sockets import Sockets

COMES_AGAIN = 5.0
"""Seconds that calls which ring have to be answered when systemd starts us anew."""
GOODBYE = 4.0
"""Seconds that phones have to answer our BYEs before the sockets are closed."""
LOOK = 0.1
"""Seconds between two looks at what is left."""


class Ending:
    """The last calls of a process."""

    log = Logger()

    def __init__(self, reactor: Any, server: Server, sockets: Sockets) -> None:
        """Have as much time as there is."""
        self._reactor, self._server, self._sockets = reactor, server, sockets
        self._hurry = False

    def hasten(self) -> None:
        """Whoever asks twice does not want to wait."""
        self._hurry = True

    async def drain(self, seconds: float) -> None:
        """Let the calls end, then end the rest."""
        core = self._server.core
        core.calls.draining = True
        going = core.calls.going
        if going:
            self.log.info(
                "draining: {calls}, {seconds:g} s left", calls=counted(len(going), "call"), seconds=seconds
            )
            await self._until(lambda: self._hurry or not going, seconds)
        if going:
            self.log.info("ending {calls}", calls=counted(len(going), "call"))
            core.hang_up_all()
        await self._until(lambda: not going and not core.context.dialogs, GOODBYE)

    async def leave_behind(self) -> None:
        """
        Leave the sockets to systemd (sd_pid_notify_with_fds(3)), and the calls to the database.

        What rings has a moment to be answered.  Who calls meanwhile is not heard:
        phones ask again, and the next process answers.
        """
        server, kept = self._server, self._server.persistence
        assert kept is not None
        server.runner.elsewhere = lambda message, flow, data: is_new(server, message)
        await self._until(lambda: self._hurry or kept.is_calm, COMES_AGAIN)
        self._sockets.pause()
        left = kept.finish()
        systemd.notify("FDSTORE=1\nFDNAME=sip", self._sockets.of_sip)
        self.log.info(
            "{calls} left to the next process of {all}",
            calls=counted(len(left), "call"), all=len(server.core.calls.going),
        )  # fmt: skip

    def _until(self, done: Callable[[], bool], seconds: float) -> Deferred[None]:
        """Wait until it is so, but no longer than that."""
        deadline = self._reactor.seconds() + seconds
        loop = LoopingCall(lambda: loop.stop() if done() or self._reactor.seconds() >= deadline else None)
        loop.clock = self._reactor
        return loop.start(LOOK).addCallback(lambda _: None)
