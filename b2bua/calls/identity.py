"""
Who is calling, as far as the called party may know (RFC 3323, RFC 3325).

The identity of a caller is what we know of it: an extension's own name and
number, or what a trusted trunk asserted; never what a caller says of itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

from b2bua.legs.party import Identity
from b2bua.legs.words import Fields
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party

ANONYMOUS_URI = "sip:anonymous@anonymous.invalid"


ANONYMOUS = Identity("Anonymous", ANONYMOUS_URI)


@final
@dataclass(frozen=True, slots=True)
class Unseen:
    """In whose name the first party of a call is rung that a feature begins: nobody is there yet."""

    party: Party
    identity: Identity
    """What the phone that rings shows."""


class Identities:
    """Says how parties are presented to each other."""

    __slots__ = ("_domain",)

    def __init__(self, domain: str) -> None:
        """Prepare for a server of that domain."""
        self._domain = domain

    def of(self, leg: Leg | Unseen) -> Identity:
        """The identity of the peer of C{leg}: what was found out at admission, or its name."""
        if leg.identity is not None:
            return leg.identity
        return self.of_party(leg.party)

    def of_party(self, party: Party) -> Identity:
        """The identity of a party that we know by configuration."""
        return Identity(party.display, f"sip:{party.aor or f'{party.name}@{self._domain}'}")

    def shown(self, identity: Identity, to: Party) -> Identity:
        """
        What C{to} may see of it in From (RFC 3325 section 7).

        A trunk that is told asserted identities is told there who it is, with
        the wish to keep it private; From is what the called party will see.
        """
        return ANONYMOUS if identity.private and not to.policy.trusted else identity

    def presented(
        self, identity: Identity, who: Party, to: Party, to_uri: str
    ) -> tuple[Identity, list[tuple[str, str]]]:
        """How somebody is named to a party: in From, and in the field that it is told identities in."""
        policy = to.policy
        if to.kind == "trunk":
            identity = identity.for_carriers()
        number = policy.callers.get(who.name) if who.internal else None
        if number or policy.caller:
            domain = policy.domain or Uri.parse(to_uri).host
            identity = identity._replace(uri=str(Uri.make(number or policy.caller, domain)))
        elif policy.domain and identity.uri != ANONYMOUS_URI:
            identity = identity._replace(uri=str(replace(Uri.parse(identity.uri), host=policy.domain)))
        shown = self.shown(identity, to)
        fields: list[tuple[str, str]] = []
        if policy.trusted or policy.tells == "asserted":
            fields.append(("P-Asserted-Identity", identity.name_addr))
        elif policy.tells == "remote-party":
            privacy = "full" if identity.private else "off"
            said = f"{identity.name_addr};party=calling;privacy={privacy};screen=yes"
            fields.append(("Remote-Party-ID", said))
        return shown, fields

    def connected(self, leg: Leg, other: Leg) -> Fields:
        """
        Tell the peer of C{leg} whom it talks to now.

        By an asserted identity (RFC 3325), and by another From in all that
        follows where the peer has said that it can take that (RFC 4916).
        """
        shown = self.shown(self.of(other), leg.party)
        if leg.dialog is not None and leg.supports("from-change"):
            leg.dialog.present(shown.name_addr)
        return (("P-Asserted-Identity", shown.name_addr),)
