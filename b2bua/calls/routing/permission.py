"""Whose permission counts for where a target sends a call, and where it may send the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.outcomes import outcome_of
from b2bua.calls.verdicts import Outcome
from b2bua.errors import PeerError
from b2bua.legs.party import Party
from b2bua.wire.names import NameAddr

if TYPE_CHECKING:
    from b2bua.calls.ports import Decisions, Directory
    from b2bua.calls.routing.seeking import LiveAttempt

SERVER = Party("server", "server")
"""In whose name members are dialled that the configuration names: it may reach everything."""


def permission(attempt: LiveAttempt, *, diverted: bool, granted: bool) -> Party:
    """Say whose permission counts for what is dialled next."""
    name = attempt.extension
    if granted:
        return SERVER
    if diverted and name is None and attempt.moved_by is not None:
        # A carrier that redirects must not reach by us what it may not dial.
        return attempt.moved_by
    if not diverted or name is None:
        return attempt.behalf
    # Who is in the configuration no more permits nothing.
    return attempt.call.calls.directory.known_party("extension", name) or attempt.behalf


def redirected(attempt: LiveAttempt, contacts: tuple[str, ...], code: int) -> Outcome:
    """
    Say where the caller may call instead.

    A feature code is no such place: the caller's phone would dial it in
    the caller's own name, and have his settings changed by whoever redirects.
    And a stranger, who may reach nobody through us, can send a phone to
    other domains only.
    """
    calls, mover = attempt.call.calls, attempt.moved_by
    targets = tuple([one for one in contacts if may_be_dialled(one, calls.features)])
    if mover is not None and mover.kind == "stranger":
        targets = tuple([one for one in targets if is_elsewhere(one, mover.name, calls.directory)])
    if len(targets) < len(contacts):
        attempt.call.story.note("{} redirects to what the caller shall not dial", attempt.target)
    if not targets:
        return outcome_of(480, "Redirection refused", rang=attempt.rang)
    return Outcome("moved", code, targets=targets, rang=attempt.rang)


def may_be_dialled(contact: str, features: Decisions) -> bool:
    """Can one party's phone be sent to what another one names?  Not to a feature code, at whatever host."""
    try:
        uri = NameAddr.parse(contact).uri
    except PeerError:
        return False
    return not features.is_code(uri.user_unescaped or "")


def is_elsewhere(contact: str, host: str, directory: Directory) -> bool:
    """
    Is what somebody at C{host} names certainly not ours?

    An address is ours whenever we are reached at it, so only his own is believed.
    """
    uri = NameAddr.parse(contact).uri
    if uri.scheme == "tel" or directory.serves(str(uri)):
        return False
    return not uri.is_numeric_host or uri.host == host
