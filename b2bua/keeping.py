"""
What a service keeps beyond its process: brought back when it starts, written while it runs.

Extensions that were added with the command are among it.  They lie in the
store as hashes, beside what features keep; the configuration wins where both
have one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from b2bua.registrar.accounts import ALGORITHMS
from b2bua.registrar.keeping import Keeper
from b2bua.settings import Extension, Settings
from b2bua.store.journal import Journal
from b2bua.store.sql import SqlStore
from b2bua.wire.digest import ha1

if TYPE_CHECKING:
    from b2bua.features import Preferences
    from b2bua.server import Server
    from b2bua.store.ports import IStore
    from b2bua.transactions.flow import Flow

ACCOUNT = "b2bua.extension"
"""The table of settings in which extensions lie; no feature can have that name."""


class Keeping:
    """The store of a service, and all that goes into it."""

    log = Logger()

    def __init__(
        self,
        server: Server,
        preferences: Preferences,
        reactor: Any,
        store: IStore | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """
        Be ready to be opened.

        @param store: by default the one that the configuration names.
        """
        self.store: IStore = store or SqlStore(server.settings.server.database, reactor)
        self.journal = Journal(self.store, server.runner)
        self._server = server
        self._preferences = preferences
        self._wall = wall
        self._extensions: dict[str, dict[str, Any]] = {}

    async def open(self, usable: Callable[[Flow], bool] = lambda flow: True) -> None:
        """
        Bring back what was kept, and keep what changes from now on.

        @param usable: whether we still have the socket of a flow.
        @raise StoreError: if the store cannot be opened.
        """
        await self.store.open()
        keeper = Keeper(self._server.bindings, self.journal, self._server.runner, self._wall)
        bound = keeper.restore(await self.store.load_bindings(self._wall()), usable)
        self._server.registrar.keeper = keeper
        kept = await self.store.load_settings()
        self._extensions = {row.owner: row.value for row in kept if row.table == ACCOUNT}
        self._preferences.restore(tuple(row) for row in kept if row.table != ACCOUNT)
        self._preferences.keep = self.journal.setting
        cut = await self.store.load_open()
        for record in cut:
            record.cut(self._wall())
            self.journal.record(record)
        self._server.core.calls.began = lambda call: self.journal.record(call.record)
        self.log.info(
            "store {store}: {bound} bindings, {settings} settings, {cut} calls cut by a crash",
            store=self.store.name, bound=bound, settings=len(kept), cut=len(cut),
        )  # fmt: skip

    async def close(self) -> None:
        """Write what is left."""
        await self.journal.close()

    # ---- extensions -----------------------------------------------------

    def merged(self, settings: Settings) -> Settings:
        """The configuration with the extensions that were added."""
        added: dict[str, Extension] = {}
        for name, account in self._extensions.items():
            if name in settings.extensions:
                continue
            if account.get("realm") != settings.server.domain:
                self.log.warn(
                    "extension {name} was added for the domain {realm}; its password has to be set again",
                    name=name, realm=account.get("realm"),
                )  # fmt: skip
                continue
            added[name] = Extension.model_validate(
                {"name": account.get("name", ""), "ha1": account.get("ha1", {})}
            )
        if not added:
            return settings
        return settings.model_copy(update={"extensions": MappingProxyType({**added, **settings.extensions})})

    def added(self, name: str) -> bool:
        """Was this extension added with the command?"""
        return name in self._extensions

    def put_extension(self, number: str, name: str, password: str) -> None:
        """Add an extension, or change it; only hashes of the password are kept."""
        realm = self._server.domain.name
        hashes = {algorithm: ha1(algorithm, number, realm, password) for algorithm in ALGORITHMS}
        account = {"name": name, "realm": realm, "ha1": hashes}
        self._extensions[number] = account
        self.journal.setting(number, ACCOUNT, "account", account)

    def name_of(self, number: str) -> str:
        """What displays show for an extension that was added."""
        return str(self._extensions.get(number, {}).get("name", ""))

    def remove_extension(self, number: str) -> None:
        """Remove one that was added."""
        del self._extensions[number]
        self.journal.setting(number, ACCOUNT, "account", None)
