"""C{b2bua restart}: what is done for a process that takes our place, and what the one before has left us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from b2bua.admin.values import Restarted
from b2bua.handover.restart import Restart, TakeOver, take_over
from b2bua.handover.spawning import predecessor
from b2bua.service import systemd
from b2bua.store.ports import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from b2bua.handover.new import NewProcess
    from b2bua.server import Server
    from b2bua.service.membership import Membership
    from b2bua.service.sockets import Sockets
    from b2bua.store.ports import IStore

AGAIN = 1.0
"""Seconds until a store that fails is asked again."""


class Succession:
    """The process before, and the one that comes after."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        environ: MutableMapping[str, str],
        store: IStore,
        sockets: Sockets,
        membership: Membership,
    ) -> None:
        """
        Know whether we are to take the place of another process.

        @param environ: where it says so; what is ours is taken out.
        """
        self._reactor, self._store, self._sockets = reactor, store, sockets
        self._membership = membership
        self._old = predecessor(reactor, environ)
        """The process whose place we take, until it is gone."""
        self._before: NewProcess | None = None
        self._restart: Restart | None = None
        self._is_silent = self._has_left = self._is_closed = False
        """Is nothing read; have we left the other nodes, and closed the database, for a new process?"""
        self._comes_back = False
        """Are we about to have them again?"""

    async def take_over(self, server: Server) -> TakeOver | None:
        """Wait until the process before has left us all that it can, if there is one."""
        return None if self._old is None else await take_over(server, self._old)

    def begin(self, before: TakeOver, died: Callable[[set[str]], None]) -> None:
        """
        Serve in its place.

        @param died: told of the calls that it has taken along, if it dies.
        """
        before.died = died
        self._before = before
        before.begin()

    @property
    def is_replaced(self) -> bool:
        """Does a new process serve?"""
        return self._restart is not None and self._restart.served

    async def restart(self, server: Server, drain: float) -> Restarted:
        """
        Have a new process take the place of this one, which ends when its last call is over or handed over.

        A new process that does not start changes nothing.

        @param drain: seconds that calls have which ring.
        """
        if self._restart is None:
            self._restart = Restart(
                self._reactor,
                server,
                self._membership.settle,
                lambda: self._stand_by(server),
                lambda: self._resume(server),
            )
            self._restart.left = self._left
            self._restart.before = self._before
        found = await self._restart.begin(self._sockets.to_hand_down, drain)
        if found.pid is not None:
            systemd.notify(f"MAINPID={found.pid}")
        return Restarted(
            pid=found.pid,
            silent_ms=round(found.silent * 1000),
            handed_over=found.handed_over,
            left=found.left,
            problem=found.problem,
        )

    async def _stand_by(self, server: Server) -> None:
        """Read nothing more, deal with what was read, and leave the database and the control socket."""
        if self._comes_back:
            raise StoreError("it is not open yet since the last time")
        self._is_silent = True
        await self._sockets.stand_by()
        # What waits for its turn may be for a call that the new process is to have.
        await server.runner.overload.emptied()
        self._has_left = True
        await self._membership.leave(for_good=False)
        assert server.persistence is not None
        await server.persistence.journal.flush()
        self._is_closed = True
        await self._store.close()

    async def _resume(self, server: Server) -> None:
        """
        There is no new process: go on, also when the store fails, which is asked until it does not.

        Where there are other nodes nobody is answered before it has said that our calls are ours still.
        """
        if not self._has_left:
            self._membership.stay()
        if self._membership.is_alone or not self._has_left:
            self._answer()
        if self._has_left and not self._comes_back:
            self._comes_back = True
            coming = ensureDeferred(self._come_back(server))
            coming.addErrback(lambda failure: self.log.failure("this process cannot go on", failure))

    async def _come_back(self, server: Server) -> None:
        """Have all again that we have left."""
        while not await self._is_back(server):
            await deferLater(self._reactor, AGAIN)
        self._has_left = self._comes_back = False
        self._answer()

    def _answer(self) -> None:
        """Read again, if we do not."""
        if self._is_silent:
            self._is_silent = False
            self._sockets.resume()

    async def _is_back(self, server: Server) -> bool:
        """Have the database and our place among the nodes again; False if the store fails."""
        try:
            if self._is_closed:
                await self._store.open()
                self._is_closed = False
            await self._membership.join(server)
        except StoreError as error:
            self.log.error("the database that was left cannot be had back: {why}", why=str(error))
            if self._is_closed:
                await self._store.close()
            return False
        self._membership.begin()
        return True

    def _left(self) -> None:
        """Nothing is left here to be done: end without a word to anybody."""
        self.log.info("the new process has all calls")
        self._reactor.stop()
