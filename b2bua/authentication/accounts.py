"""
Who may log in, and with which hashes.

Passwords are not kept: what is kept for each algorithm is HA1, the hash of
user, realm and password (RFC 7616 section 3.4.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2bua.errors import UsageError
from b2bua.wire.digest import ha1

if TYPE_CHECKING:
    from b2bua import settings

ALGORITHMS = ("SHA-256", "SHA-512-256", "MD5")
"""Best first, as they are offered (RFC 8760 section 2.3)."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of ours who can log in."""

    user: str
    """The user name for the digest, which is the user part of the address-of-record."""
    aor: str
    name: str
    """What displays show."""
    hashes: Mapping[str, str]
    """HA1 by algorithm."""

    @staticmethod
    def make(
        user: str,
        realm: str,
        *,
        name: str = "",
        password: str | None = None,
        hashes: Mapping[str, str] | None = None,
        former: Account | None = None,
    ) -> Account:
        """
        Make an account from a password, or from hashes for the same realm.

        @param former: the account as it was; if the password is still the same
            its hashes need not be made again.
        """
        if (password is None) == (not hashes):
            raise UsageError(f"Either a password or hashes are needed for {user}")
        if password is not None:
            known = former.hashes if former is not None else {}
            if len(known) == len(ALGORITHMS) and known["MD5"] == ha1("MD5", user, realm, password):
                hashes = known
            else:
                hashes = {algorithm: ha1(algorithm, user, realm, password) for algorithm in ALGORITHMS}
        return Account(user, f"{user}@{realm}", name, {k: v.lower() for k, v in (hashes or {}).items()})


def accounts_of(configured: settings.Settings, former: Accounts | None = None) -> list[Account]:
    """The accounts of all extensions of a configuration; those of the one before need not be made anew."""
    return [
        Account.make(
            user,
            configured.server.domain.lower(),
            name=extension.name,
            password=extension.password,
            hashes=extension.ha1,
            former=former.find(user) if former is not None else None,
        )
        for user, extension in configured.extensions.items()
    ]


class Accounts:
    """All accounts; a new configuration replaces them at once."""

    def __init__(self, accounts: Iterable[Account] = ()) -> None:
        """Start with these."""
        self._accounts: dict[str, Account] = {}
        self.algorithms: tuple[str, ...] = ALGORITHMS
        self.configure(accounts)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._accounts)

    def __iter__(self) -> Iterator[Account]:
        """All of them."""
        return iter(self._accounts.values())

    def find(self, user: str) -> Account | None:
        """Look a user up."""
        return self._accounts.get(user)

    def configure(self, accounts: Iterable[Account]) -> None:
        """Take the accounts of a new configuration instead of the old one's."""
        self._accounts = {account.user: account for account in accounts}
        self._offer()

    def _offer(self) -> None:
        """
        Find the algorithms that every account has a hash for.

        What is offered must not tell one user from another, nor a user from
        nobody.
        """
        self.algorithms = tuple(
            algorithm
            for algorithm in ALGORITHMS
            if all(algorithm in account.hashes for account in self._accounts.values())
        )
