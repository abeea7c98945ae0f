"""
Extensions that were added while the service runs, beside those of the configuration.

They lie in the store, as hashes of their passwords; the configuration wins where
both have one.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from b2bua.authentication.accounts import ALGORITHMS
from b2bua.settings import Extension, Settings
from b2bua.wire.digest import ha1

if TYPE_CHECKING:
    from b2bua.store.journal import Journal
    from b2bua.store.ports import Setting

TABLE = "b2bua.extension"
"""Where they lie among the settings; no feature can have that name."""


class AddedExtensions:
    """The extensions that were added."""

    log = Logger()

    def __init__(self, journal: Journal) -> None:
        """Know none."""
        self._journal = journal
        self._accounts: dict[str, dict[str, Any]] = {}

    def restore(self, rows: Iterable[Setting]) -> None:
        """Take what was kept."""
        self._accounts = {row.owner: row.value for row in rows if row.table == TABLE}

    def __contains__(self, number: object) -> bool:
        """Was it added?"""
        return number in self._accounts

    def name(self, number: str) -> str:
        """What displays show for it."""
        return str(self._accounts.get(number, {}).get("name", ""))

    def put(self, number: str, name: str, realm: str, password: str) -> None:
        """Add one, or change it; only hashes of the password are kept."""
        hashes = {algorithm: ha1(algorithm, number, realm, password) for algorithm in ALGORITHMS}
        account = {"name": name, "realm": realm, "ha1": hashes}
        self._accounts[number] = account
        self._journal.setting(number, TABLE, "account", account)

    def remove(self, number: str) -> None:
        """Remove one."""
        del self._accounts[number]
        self._journal.setting(number, TABLE, "account", None)

    def merged(self, settings: Settings) -> Settings:
        """A configuration with these extensions in it."""
        added: dict[str, Extension] = {}
        for number, account in self._accounts.items():
            if number in settings.extensions:
                continue
            if account.get("realm") != settings.server.domain:
                self.log.warn(
                    "extension {number} was added for the domain {realm}; give it its password again",
                    number=number, realm=account.get("realm"),
                )  # fmt: skip
                continue
            added[number] = Extension.model_validate({"name": account["name"], "ha1": account["ha1"]})
        if not added:
            return settings
        extensions = MappingProxyType({**added, **settings.extensions})
        return settings.model_copy(update={"extensions": extensions})
