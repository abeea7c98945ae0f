"""What is known of the parties of a call whose media may pass through a relay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.relay.way import Side
from b2bua.dialogs.dialog import contact_uri
from b2bua.errors import PeerError
from b2bua.transactions.flow import Flow
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from collections.abc import Callable

    from b2bua.legs.leg import Leg


class Parties:
    """The parties of one call, by their legs."""

    def __init__(self, local_host: Callable[[str], str]) -> None:
        """
        Begin with none.

        @param local_host: our address as a host reaches it.
        """
        self._local_host = local_host
        self._hosts: dict[Leg, str] = {}
        """The host of ours that each party was first shown, and goes on to be shown."""
        self.described: dict[Leg, bytes] = {}
        """What each party has said of itself to others."""

    def session(self, leg: Leg) -> bytes | None:
        """What the party of a leg has said of itself last, if it has."""
        return self.described.get(leg) or leg.described

    def side(self, leg: Leg, target: Flow | Uri | None = None) -> Side:
        """
        What is known of a party.

        @param target: where its first INVITE is about to go, if it is.
        """
        flow = leg.flow or (target if isinstance(target, Flow) else None)
        return Side(
            str(leg.party),
            leg.party.policy,
            self._host(leg, flow, target),
            source(leg) if target is None else _host(flow, target),
            contact(leg),
            leg.party.internal,
            flow is not None and flow.transport in ("WS", "WSS"),
            self.session(leg),
        )

    def _host(self, leg: Leg, flow: Flow | None, target: Flow | Uri | None) -> str:
        """Our address as a party reaches it, which stays the same."""
        if leg not in self._hosts and flow is not None:
            self._hosts[leg] = flow.local[0]
        elif leg not in self._hosts and isinstance(target, Uri):
            self._hosts[leg] = self._local_host(target.host.strip("[]"))
        return self._hosts.get(leg, "")

    def drop(self, leg: Leg) -> None:
        """A party has left."""
        self._hosts.pop(leg, None)
        self.described.pop(leg, None)


def source(leg: Leg) -> str:
    """The host from which a party signals; empty while that is not known."""
    return "" if leg.flow is None else leg.flow.remote[0]


def contact(leg: Leg) -> str:
    """The host of the Contact of a party, if it is an address and nobody stands between."""
    dialog, ours, theirs = leg.dialog, leg.our_invite, leg.peer_invite
    try:
        if dialog is not None:
            return "" if dialog.routes else Uri.parse(dialog.target).host.strip("[]")
        if ours is not None:
            invitation = ours.invitation
            return "" if invitation.route else Uri.parse(invitation.request_uri).host.strip("[]")
        if theirs is not None and not theirs.request.record_routes:
            return Uri.parse(contact_uri(theirs.request)).host.strip("[]")
    except PeerError:
        pass  # what cannot be read says nothing
    return ""


def _host(flow: Flow | None, target: Flow | Uri) -> str:
    """The address to which a first INVITE goes, as far as it is known."""
    if flow is not None:
        return flow.remote[0]
    return target.host.strip("[]") if isinstance(target, Uri) else target.remote[0]
