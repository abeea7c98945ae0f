"""The names that we answer to, and the one under which users are known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from b2bua.transactions.flow import Flow
    from b2bua.wire.uri import Uri


class Domain:
    """
    Our domain with its aliases.

    Users are known by C{user@name} whichever of our names a phone was given,
    so that a phone with the domain and one with our address share an
    address-of-record.
    """

    def __init__(self, name: str, aliases: Iterable[str] = ()) -> None:
        """C{name} is the realm and the host part of every address-of-record."""
        self.name = name.lower()
        self.names = frozenset({self.name, *(alias.lower().strip("[]") for alias in aliases)})

    def covers(self, uri: Uri, flow: Flow | None = None) -> bool:
        """
        Is the host of C{uri} one of ours?

        The address at which we were reached always is, whatever the
        configuration says: most people type it into the phone.
        """
        host = uri.host.lower().strip("[]")
        return host in self.names or (flow is not None and host == flow.local[0])

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
