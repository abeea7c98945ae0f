"""
Who may log in: people with a password, and programs with a token.

They lie in the store.  Of a password an Argon2id hash is kept (RFC 9106), whose
work is done in a thread; a token is 256 random bits, of which SHA-256 will do.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from os import urandom
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from b2bua.admin.person import Person
from b2bua.admin.refused import Mistaken, Refused, Unknown
from b2bua.admin.route import Role, RoleName
from b2bua.admin.values import AccountLink, AccountRow, AccountSecret, TokenRow, TokenSecret
from b2bua.plural import counted

if TYPE_CHECKING:
    from b2bua.admin.sessions import Sessions
    from b2bua.store.journal import Journal
    from b2bua.store.ports import Setting

ACCOUNTS, TOKENS = "b2bua.account", "b2bua.token"
"""Where they lie among the settings; no feature can have these names."""
SHORTEST = 12
"""Characters that a password has at least."""
MOST = 1000
"""So many of each there may be."""

# What OWASP's cheat sheet on the storage of passwords asks for.
MEMORY_KIB, PASSES, LANES = 19_456, 2, 1

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9@._-]{0,63}$")]
InThread = Callable[..., Awaitable[Any]]
"""Does work in a thread: called with a function and its arguments."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in."""

    role: Role
    extension: str
    hash: str


@dataclass(frozen=True, slots=True)
class Token:
    """A program that may ask."""

    role: Role
    extension: str
    reads: bool
    """May it look only, and change nothing?"""
    hash: str


class Accounts:
    """All who may log in."""

    def __init__(
        self,
        journal: Journal,
        sessions: Sessions,
        in_thread: InThread,
        extension: Callable[[str], bool],
    ) -> None:
        """
        Know nobody.

        @param extension: whether there is such an extension.
        """
        self._sessions = sessions
        self._journal = journal
        self._in_thread = in_thread
        self._is_extension = extension
        self._accounts: dict[str, Account] = {}
        self._tokens: dict[str, Token] = {}
        self.page = ""
        """Where people log in: the beginning of a URI."""

    def restore(self, rows: Iterable[Setting]) -> None:
        """Take what was kept."""
        for row in rows:
            if row.table in (ACCOUNTS, TOKENS):
                value = {**row.value, "role": Role(row.value["role"])}
                if row.table == ACCOUNTS:
                    self._accounts[row.owner] = Account(**value)
                else:
                    self._tokens[row.owner] = Token(**value)

    # ---- who is it? -----------------------------------------------------

    def person(self, name: str) -> Person | None:
        """The person of an account."""
        account = self._accounts.get(name)
        return None if account is None else Person(name, account.role, account.extension)

    async def log_in(self, name: str, password: str) -> Person | None:
        """Give the person whose password it is; whether there is an account takes the same time to say."""
        account = self._accounts.get(name)
        good = await self._in_thread(_is_password, password, _NOBODY if account is None else account.hash)
        return self.person(name) if good and self._accounts.get(name) is account else None

    def program(self, token: str) -> Person | None:
        """Give the program whose token it is."""
        told = _digest(token)
        for name, one in self._tokens.items():
            if compare_digest(one.hash, told):
                return Person(f"token {name}", one.role, one.extension, reads=one.reads)
        return None

    # ---- questions and orders -------------------------------------------

    def accounts(self) -> list[AccountRow]:
        """Who may log in."""
        return [
            AccountRow(name=name, role=one.role.word, extension=one.extension)
            for name, one in sorted(self._accounts.items())
        ]

    async def add(
        self,
        name: Name,
        role: RoleName = "user",
        extension: str = "",
        password: str | None = None,
        by_link: bool = False,
    ) -> AccountSecret:
        """Let somebody log in; a password that is not given is random, or with C{by_link} there is none."""
        if any(name.casefold() == known.casefold() for known in self._accounts):
            raise Refused(f"there is an account {name} already")
        if len(self._accounts) >= MOST:
            raise Refused(f"there are {counted(MOST, 'account')}, which is as many as there may be")
        if extension and not self._is_extension(extension):
            raise Unknown(f"there is no extension {extension}")
        if role == "user" and not extension:
            raise Mistaken("extension: is needed, for a user looks after their own")
        if not by_link:
            return await self._put(name, Role.of(role), extension, password)
        if password is not None:
            raise Mistaken("by_link: who has a password does not depend on links; leave out one of them")
        return self._keep(name, Role.of(role), extension, _NOBODY, "")

    async def change_password(self, name: str, password: str | None = None) -> AccountSecret:
        """Give an account another password; who is logged in with it has to log in again."""
        account = self._known(name)
        return await self._put(name, account.role, account.extension, password)

    def remove(self, name: str) -> AccountRow:
        """Let somebody log in no more."""
        account = self._known(name)
        self._another_administrator(name)
        del self._accounts[name]
        self._journal.setting(name, ACCOUNTS, "account", None)
        self._sessions.end_all(name)
        return AccountRow(name=name, role=account.role.word, extension=account.extension)

    async def _put(self, name: str, role: Role, extension: str, password: str | None) -> AccountSecret:
        """Add or change one."""
        chosen = secrets.token_urlsafe(15) if password is None else password
        if not SHORTEST <= len(chosen) <= 1000:
            raise Mistaken(f"password: it has at least {SHORTEST} characters")
        return self._keep(name, role, extension, await self._in_thread(_hash, chosen), chosen)

    def _keep(self, name: str, role: Role, extension: str, hash: str, password: str) -> AccountSecret:
        """Keep an account."""
        self._accounts[name] = Account(role, extension, hash)
        kept = {"role": int(role), "extension": extension, "hash": hash}
        self._journal.setting(name, ACCOUNTS, "account", kept)
        self._sessions.end_all(name)
        return AccountSecret(name=name, role=role.word, extension=extension, password=password)

    def link(self, name: str) -> AccountLink:
        """Make a link by which somebody logs in once, within a quarter of an hour."""
        self._known(name)
        return AccountLink(name=name, link=f"{self.page}/login#{self._sessions.link(name)}")

    def _known(self, name: str) -> Account:
        """Find one."""
        if name not in self._accounts:
            raise Unknown(f"there is no account {name}")
        return self._accounts[name]

    def _another_administrator(self, name: str) -> None:
        """See that somebody is left who may add accounts."""
        left = [one for other, one in self._accounts.items() if other != name]
        if self._accounts[name].role is not Role.ADMINISTRATOR or not left:
            return
        if not any(one.role is Role.ADMINISTRATOR for one in left):
            raise Refused(f"{name} is the last administrator; make another one first")

    def tokens(self) -> list[TokenRow]:
        """The programs that may ask."""
        return [
            TokenRow(name=name, role=one.role.word, extension=one.extension, reads=one.reads)
            for name, one in sorted(self._tokens.items())
        ]

    def add_token(
        self, name: Name, role: RoleName = "operator", extension: str = "", reads: bool = True
    ) -> TokenSecret:
        """Let a program ask, by a token that is shown this once; with C{reads} it may look only."""
        if name in self._tokens:
            raise Refused(f"there is a token {name} already")
        if len(self._tokens) >= MOST:
            raise Refused(f"there are {counted(MOST, 'token')}, which is as many as there may be")
        if extension and not self._is_extension(extension):
            raise Unknown(f"there is no extension {extension}")
        token = secrets.token_urlsafe(32)
        made = self._tokens[name] = Token(Role.of(role), extension, reads, _digest(token))
        kept = {"role": int(made.role), "extension": extension, "reads": reads, "hash": made.hash}
        self._journal.setting(name, TOKENS, "token", kept)
        return TokenSecret(name=name, role=role, extension=extension, reads=reads, token=token)

    def remove_token(self, name: str) -> TokenRow:
        """Let a program ask no more."""
        if name not in self._tokens:
            raise Unknown(f"there is no token {name}")
        gone = self._tokens.pop(name)
        self._journal.setting(name, TOKENS, "token", None)
        return TokenRow(name=name, role=gone.role.word, extension=gone.extension, reads=gone.reads)


def _hash(password: str) -> str:
    """Hash a password; a fifth of a second of work is what a guess costs."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    made = Argon2id(salt=urandom(16), length=32, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB)
    return made.derive_phc_encoded(password.encode())


def _is_password(password: str, hash: str) -> bool:
    """Is it this one?"""
    from cryptography.exceptions import InvalidKey
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    try:
        Argon2id.verify_phc_encoded(password.encode(), hash)
    except InvalidKey:
        return False
    return True


def _digest(token: str) -> str:
    """What is kept of a token."""
    return sha256(token.encode()).hexdigest()


_NOBODY = (
    f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}"
    "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)
"""A hash that no password has, to be compared with where there is no account, or one by links only."""
