"""C{b2bua restart}: what is done for a process that takes our place, and what the one before has left us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from b2bua.admin.values import Restarted
from b2bua.handover.restart import Restart, TakeOver, take_over
from b2bua.handover.spawning import predecessor
from b2bua.service import systemd

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from b2bua.handover.new import NewProcess
    from b2bua.server import Server
    from b2bua.service.membership import Membership
    from b2bua.service.sockets import Sockets
    from b2bua.store.ports import IStore


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
                self._reactor, server, lambda: self._stand_by(server), lambda: self._resume(server)
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
        await self._sockets.stand_by()
        # What waits for its turn may be for a call that the new process is to have.
        await server.runner.overload.emptied()
        await self._membership.leave(for_good=False)
        assert server.persistence is not None
        await server.persistence.journal.flush()
        await self._store.close()

    async def _resume(self, server: Server) -> None:
        """There is no new process: go on."""
        await self._store.open()
        await self._membership.join(server)
        self._membership.begin()
        self._sockets.resume()

    def _left(self) -> None:
        """Nothing is left here to be done: end without a word to anybody."""
        self.log.info("the new process has all calls")
        self._reactor.stop()
