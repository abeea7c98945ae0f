"""
What becomes of a 3xx: followed by us, passed to the caller, or refused.

A phone that forwards by itself answers 302 with the new target in Contact (the
Yealink guide's flows 8 to 10; RFC 3261 section 8.1.3.4)::

    [extensions.102]
    redirects = "follow"       # default: we dial the target, the caller hears one call
    # redirects = "pass"       # the caller hears the 302 and calls again, as the guide draws it
    # redirects = "refuse"     # the caller hears 480

    [trunks.carrier]
    redirects = "pass"

A followed redirect is dialled with the permission of whoever redirects: a
trunk that shall send calls on to other trunks needs C{may_dial} for that.
One of another domain is passed on, since whoever called there may do so again;
but nothing that leads to us, which the phone would dial in its own name.
Several contacts are tried one after the other, the best first.  Feature codes
are no places to go: followed they are numbers that nobody has, and the server
passes none of them on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from b2bua import Options, Table, hookimpl
from b2bua.calls import Dial, Diverted, Forward, Member, Redirect, Refuse
from b2bua.errors import PeerError
from b2bua.wire.names import NameAddr

if TYPE_CHECKING:
    from b2bua.calls import Attempt, Outcome

Policy = Literal["follow", "pass", "refuse"]
REFUSED = Refuse(480, "Redirection refused")
CONTACTS_MAX = 8
"""Contacts of one 3xx that are tried."""


class OfExtension(Table):
    """The key that this feature adds to C{[extensions.NUMBER]}."""

    redirects: Policy = "follow"


class OfTrunk(Table):
    """The key that this feature adds to C{[trunks.NAME]}."""

    redirects: Policy = "follow"


class Redirects:
    """Decides about redirections by the policy for whoever redirects."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The keys of this feature."""
        return {"extensions.*": OfExtension, "trunks.*": OfTrunk}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Remember where the policies are."""
        self._options = options

    @hookimpl
    def target_failed(self, attempt: Attempt, outcome: Outcome) -> Forward | Dial | Redirect | Refuse | None:
        """Follow, pass or refuse."""
        if outcome.kind != "moved" or outcome.by is None:
            return None
        if not attempt.forwards:
            return REFUSED  # a group that does not honour the diversions of its members
        match self._policy(attempt, outcome):
            case "pass":
                return Redirect(outcome.targets, outcome.code) if outcome.targets else REFUSED
            case "follow":
                return follow(outcome.targets)
        return REFUSED

    def _policy(self, attempt: Attempt, outcome: Outcome) -> Policy:
        """The policy for who has redirected; strangers are left to the caller."""
        assert outcome.by is not None
        match outcome.by.kind:
            case "extension":
                return self._options.of(OfExtension, outcome.by.name).redirects
            case "trunk":
                return self._options.of(OfTrunk, outcome.by.name).redirects
        return "pass"


def follow(contacts: tuple[str, ...]) -> Forward | Dial | Refuse:
    """Dial the contacts, the best first."""
    targets = tuple(dict.fromkeys(dialable(contacts)))[:CONTACTS_MAX]
    if not targets:
        return REFUSED
    if len(targets) == 1:
        return Forward(targets[0], Diverted.DEFLECTED)
    return Dial(tuple(map(Member, targets)), "sequential", why=Diverted.DEFLECTED)


def dialable(contacts: tuple[str, ...]) -> Iterator[str]:
    """
    The URIs that a call can go to.

    Headers of a URI are not taken over (RFC 3261 section 19.1.5): they would
    let a phone write into our requests.
    """
    for contact in contacts:
        try:
            uri = NameAddr.parse(contact).uri
        except PeerError:
            continue
        if uri.scheme in ("sip", "sips", "tel"):
            yield str(uri.bare())
