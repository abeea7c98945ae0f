"""The names that we answer to, and the one under which users are known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from b2bua.transactions.flow import Flow
    from b2bua.wire.uri import Uri

PLACES_MAX = 256
"""Addresses of our own that are remembered."""


class Domain:
    """
    Our domain with its aliases.

    Users are known by C{user@name} whichever of our names a phone was given,
    so that a phone with the domain and one with our address share an
    address-of-record.
    """

    def __init__(
        self, name: str, aliases: Iterable[str] = (), places: Iterable[tuple[str, int]] = ()
    ) -> None:
        """
        Know our names.

        @param name: the realm and the host part of every address-of-record.
        @param places: hosts and ports that we listen on; those of wildcards
            are learned when somebody names them and reaches us there.
        """
        self.name = name.lower()
        self.names = frozenset({self.name, *(alias.lower().strip("[]") for alias in aliases)})
        self._places = set(places)

    def covers(self, uri: Uri, flow: Flow | None = None) -> bool:
        """
        Is the host of C{uri} one of ours?

        The address at which we were reached always is, whatever the
        configuration says: most people type it into the phone, which then says
        it in the Contact of a 302 and in Refer-To too.  There the port has to
        be ours as well: another server may run on the same host.
        """
        host = uri.host.lower().strip("[]")
        if host in self.names:
            return True
        place = host, uri.port or (5061 if uri.scheme == "sips" else 5060)
        if flow is None:
            return place in self._places
        if host != flow.local[0]:
            return False
        if place == flow.local and len(self._places) < PLACES_MAX:
            self._places.add(place)
        return True

    def aor(self, uri: Uri, flow: Flow | None = None) -> str | None:
        """
        The canonical address-of-record of C{uri}; None when it is not ours.

        Without parameters and unescaped, as RFC 3261 section 10.3 has it
        (step 5).
        """
        if uri.scheme not in ("sip", "sips") or not uri.user or not self.covers(uri, flow):
            return None
        return f"{uri.user_unescaped}@{self.name}"

    def address(self, user: str) -> str:
        """The address-of-record of a user of ours, whose name is not escaped."""
        return f"{user}@{self.name}"
