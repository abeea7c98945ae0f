"""C{server.cluster}: this process as one of several on its database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from b2bua.admin.listening import listen_locally
from b2bua.service.sockets import CannotStart
from b2bua.store.ports import StoreError

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.cluster.cluster import Cluster
    from b2bua.cluster.links import Links
    from b2bua.server import Server
    from b2bua.store.ports import IStore

FENCED = 1
"""The status of a process whose calls another one has taken; systemd starts it anew."""


class Membership:
    """Our part in the cluster, if there is one."""

    log = Logger()

    def __init__(self, reactor: Any, store: IStore, path: str | None) -> None:
        """
        Be alone.

        @param path: of the socket by which others reach us; None if there are none.
        """
        self._store = store
        self._links: Links | None = None
        self._cluster: Cluster | None = None
        if path is not None:
            from b2bua.cluster.links import Links

            self._links = Links(reactor, path)

    @property
    def is_alone(self) -> bool:
        """Can no other node have what is ours?"""
        return self._links is None or self._store.nodes is None

    async def join(self, server: Server) -> None:
        """
        Have for sure what is ours: nobody takes our calls any more.

        @raise CannotStart: calls do not survive.
        @raise StoreError: the store fails.
        """
        links, nodes = self._links, self._store.nodes
        if links is None or nodes is None:
            return
        assert server.persistence is not None
        if not server.persistence.survives:
            raise CannotStart(
                "server.cluster: only calls that survive can be moved, and calls.survive is off"
            )
        from b2bua.cluster.cluster import Cluster

        self._cluster = cluster = Cluster(server, nodes, self._store.node, links.connect, self._fenced)
        links.cluster = cluster
        try:
            await cluster.join(links.path)
        except StoreError:
            self._cluster = None
            raise

    def begin(self) -> None:
        """
        Take part, before anybody is answered.

        @raise CannotStart: the others could not reach us.
        """
        links, cluster = self._links, self._cluster
        if links is None or cluster is None:
            return
        cluster.begin()
        try:
            links.listen(listen_locally)
        except (OSError, CannotListenError) as error:
            raise CannotStart(f"server.cluster: {links.path} cannot be opened: {error}") from None

    def recovered(self) -> None:
        """Calls of the process before are there, some of whose phones are reached by another node."""
        if self._cluster is not None:
            self._cluster.need_ways()

    async def settle(self) -> None:
        """We are about to leave: move nothing more, and wait for calls on their way, but not for long."""
        if self._cluster is not None:
            await self._cluster.moving.finish()

    def stay(self) -> None:
        """We do not leave: calls can be moved again."""
        if self._cluster is not None:
            self._cluster.moving.go_on()

    async def leave(self, *, for_good: bool) -> None:
        """
        Take part no more, when L{settle} is done.

        @param for_good: False if another process takes our place, with our name.
        """
        cluster, self._cluster = self._cluster, None
        if cluster is None or self._links is None:
            return
        await cluster.moving.arrive()
        if for_good:
            await cluster.leave()
        else:
            cluster.stop()
        await self._links.close()

    def _fenced(self) -> None:
        """Another process has our calls: end, and have nothing said to anybody."""
        os._exit(FENCED)

    async def move(self, call: Call, node: str) -> None:
        """
        Move a call to another node.

        @raise CannotMove: it cannot be moved; nothing has changed then.
        """
        if self._cluster is None:
            from b2bua.cluster.moving import CannotMove

            raise CannotMove("server.cluster is not set, so that there is no other node to move a call to")
        await self._cluster.move(call, node)

    def problems(self) -> list[str]:
        """What is wrong, for people."""
        missing = [] if self._cluster is None else self._cluster.missing()
        return [f"node {name} runs on this database, and does not answer" for name in missing]
