"""Extensions, and the phones that are registered for them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from b2bua.admin.refused import Mistaken, Refused, Unknown
from b2bua.admin.values import (
    ExtensionChanged,
    ExtensionRemoved,
    ExtensionRow,
    FailingRow,
    Pardoned,
    PlaceRow,
    Places,
    RegistrationRow,
    Removed,
)
from b2bua.settings.values import user as extension_name
from b2bua.store.ports import StoreError

if TYPE_CHECKING:
    from b2bua.extensions import AddedExtensions
    from b2bua.registrar.bindings import Binding, Change
    from b2bua.server import Server
    from b2bua.store.journal import Journal


WORST = 50
"""So many of those who fail to log in are shown of each kind."""


class Phones:
    """Answers questions about extensions, and changes them."""

    def __init__(
        self, server: Server, journal: Journal, extensions: AddedExtensions, configure: Callable[[], None]
    ) -> None:
        """
        Look at these from now on.

        @param configure: makes the server take the extensions as they are now.
        """
        self._server = server
        self.changes = 0
        """How often phones have come and gone."""
        server.bindings.listen(self._changed)
        self._journal = journal
        self._extensions = extensions
        self._configure = configure

    # ---- questions ------------------------------------------------------

    def registrations(self, extension: str | None = None) -> list[RegistrationRow]:
        """The phones that are registered, or those of one extension."""
        server = self._server
        if extension is not None and extension not in server.settings.extensions:
            raise Unknown(f"there is no extension {extension}")
        found = (
            server.bindings.all(server.domain.address(extension))
            if extension is not None
            else server.bindings
        )
        now = server.runner.now()
        rows = [self._registration(binding, now) for binding in found]
        return sorted(rows, key=lambda row: (row.extension, row.contact))

    def extensions(self) -> list[ExtensionRow]:
        """All extensions: those of the file and those that were added, with how many phones each has."""
        server = self._server
        return [
            ExtensionRow(
                extension=number,
                name=extension.name,
                added=number in self._extensions,
                registrations=len(server.bindings.all(server.domain.address(number))),
            )
            for number, extension in sorted(server.settings.extensions.items())
        ]

    def _registration(self, binding: Binding, now: float) -> RegistrationRow:
        """One row."""
        flow = binding.flow
        return RegistrationRow(
            extension=binding.aor.rpartition("@")[0],
            contact=binding.contact,
            source=f"{flow.remote[0]}:{flow.remote[1]}" if flow is not None else "",
            transport=flow.transport if flow is not None else "",
            expires=round(binding.expires_at - now),
            since=round(self._server.runner.wall() - (now - binding.since), 3),
            answers=self._server.answers(binding),
            user_agent=binding.user_agent,
            instance=binding.instance,
            path=list(binding.path),
            extra={name.lower(): value for name, value in binding.extra},
        )

    def places(self) -> Places:
        """Where phones register."""
        server = self._server
        listen = [PlaceRow(transport=one.transport, port=one.port) for one in server.settings.server.listen]
        return Places(domain=server.domain.name, listen=listen)

    def _changed(self, change: Change) -> None:
        """A phone has come or gone; that one is there still is no news."""
        self.changes += change.kind in ("registered", "unregistered")

    # ---- orders ---------------------------------------------------------

    def unregister(self, extension: str, contact: str | None = None) -> Removed:
        """Remove the contacts of an extension, or one of them."""
        bindings = self._server.bindings
        aor = self._server.domain.address(extension)
        kept = tuple(b for b in bindings.all(aor) if contact is not None and b.contact != contact)
        gone = len(bindings.put(aor, kept, "operator")) - len(kept)
        if not gone:
            raise Unknown(f"extension {extension} has no such contact")
        return Removed(removed=gone)

    async def add(self, extension: str, name: str = "", password: str | None = None) -> ExtensionChanged:
        """Add an extension, which is kept in the store; a password that is not given is a random one."""
        try:
            extension_name(extension)
        except ValueError as error:
            raise Mistaken(f"{extension!r} {error}") from None
        if self._server.core.calls.features.is_code(extension):
            raise Refused(f"{extension} begins with a feature code, so that nobody could dial it")
        if any(extension.casefold() == known.casefold() for known in self._server.settings.extensions):
            raise Refused(f"there is an extension {extension} already")
        return await self._put(extension, name, password)

    async def change_password(self, extension: str, password: str | None = None) -> ExtensionChanged:
        """Give an extension that was added another password."""
        self._only_added(extension)
        return await self._put(extension, self._extensions.name(extension), password)

    async def remove(self, extension: str) -> ExtensionRemoved:
        """Remove an extension that was added, with its contacts."""
        self._only_added(extension)
        self._extensions.remove(extension)
        self._configure()
        self._server.bindings.put(self._server.domain.address(extension), (), "operator")
        return ExtensionRemoved(extension=extension, warning=await self._not_stored())

    async def _put(self, extension: str, name: str, password: str | None) -> ExtensionChanged:
        """Add or change one."""
        # None is a default one: a password that nobody chose is a random one.
        chosen = password or secrets.token_urlsafe(12)
        self._extensions.put(extension, name, self._server.domain.name, chosen)
        self._configure()
        warning = await self._not_stored()
        return ExtensionChanged(extension=extension, name=name, password=chosen, warning=warning)

    async def _not_stored(self) -> str:
        """Wait until it is written; say so if it is not."""
        try:
            await self._journal.flush()
        except StoreError as error:
            return f"it holds, but is not stored yet: {error}"
        return ""

    def _only_added(self, extension: str) -> None:
        """Refuse what is written in the configuration."""
        if extension in self._extensions:
            return
        if extension in self._server.settings.extensions:
            raise Refused(f"extension {extension} is in the configuration file; change it there")
        raise Unknown(f"there is no extension {extension}")

    def failing(self) -> list[FailingRow]:
        """Who has failed to log in lately, and for whom it was tried: the worst first."""
        throttle = self._server.authenticator.throttle
        return [
            FailingRow(kind=kind, name=name, times=round(level))
            for kind in ("source", "user")
            for name, level in throttle.failing(kind, WORST).items()
        ]

    def pardon(self, source: str) -> Pardoned:
        """Listen again to a source that is ignored for guessing passwords."""
        if not self._server.authenticator.throttle.pardon(source):
            raise Unknown(f"{source} is not ignored")
        return Pardoned(source=source)
