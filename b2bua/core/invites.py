"""
An INVITE outside of dialogs: it begins a call, or takes over a leg (RFC 3891 section 3).

Whatever the RFC settles about the dialog that a Replaces names is settled
here, before anybody is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.call import Call
from b2bua.calls.diversion import path_from
from b2bua.calls.operations.replacing import Replacing
from b2bua.legs.header_policy import seen
from b2bua.legs.leg import Leg

if TYPE_CHECKING:
    from b2bua.calls.calls import Calls
    from b2bua.core.senders import Sender, Senders
    from b2bua.directory import Directory
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Request


class Invites:
    """Takes INVITEs that belong to no dialog."""

    def __init__(self, calls: Calls, directory: Directory, senders: Senders) -> None:
        """Begin calls among these."""
        self._calls = calls
        self._directory = directory
        self._senders = senders

    def receive(self, request: Request, server: IServerTransaction) -> None:
        """Begin a call, or let somebody take the place of a leg."""
        if request.max_forwards == 0:
            server.dismiss(483)
            return
        if not self._calls.may_begin():
            # No Retry-After: it would turn all of a proxy's calls away (RFC 7339 section 5.10.2).
            server.dismiss(503)
            return
        sender = self._senders.admit(request, server)
        if sender is None:
            return
        if "Replaces" in request.first:
            self._replace(request, server, sender)
        else:
            self._begin(request, server, sender)

    def _begin(self, request: Request, server: IServerTransaction, sender: Sender) -> None:
        """Begin a call."""
        party = sender.party
        leg = self._leg(request, server, sender)
        # An extension is a phone: it has sent nothing on, unless we are told that it is more than a phone.
        path = path_from(request, believed=party.policy.trusted or not party.internal)
        call = Call(self._calls, leg, self._directory.target_of(request, server.flow, party), path)
        if names := call.features.fields:
            call.fields = seen(request, names, party)
        call.story.note("{} calls {}", party, call.dialled)
        leg.begin()

    def _replace(self, request: Request, server: IServerTransaction, sender: Sender) -> None:
        """Let somebody take the place of a leg, if the RFC lets them and a feature does."""
        code = 400
        named = request.all("Replaces")
        if len(named) == 1 and "," not in named[0] and request.get("Join") is None:
            replaces = request.replaces
            assert replaces is not None
            dialogs = self._calls.context.dialogs
            leg = dialogs.find_replaced(replaces.call_id, replaces.to_tag, replaces.from_tag)
            if leg is None or (leg.call is None and not leg.ended):
                ended = dialogs.has_ended(replaces.call_id, replaces.to_tag, replaces.from_tag)
                code = 603 if ended else 481
            elif leg.ended:
                code = 603
            elif leg.answered and replaces.early_only:
                code = 486
            elif not leg.answered and leg.incoming:
                code = 481  # an early dialog that we did not begin
            else:
                fresh = self._leg(request, server, sender)
                granted = dialogs.is_alias(replaces.call_id, replaces.to_tag, replaces.from_tag)
                Replacing(leg.call, fresh, leg, granted=granted)
                fresh.begin()
                return
        server.respond(request.response(code, to_tag=self._calls.context.token()))

    def _leg(self, request: Request, server: IServerTransaction, sender: Sender) -> Leg:
        """A leg for an INVITE that is welcome."""
        leg = Leg.received(self._calls.context, request, server, sender.party, self._calls.hear)
        leg.identity = sender.identity
        return leg
