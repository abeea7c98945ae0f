"""
An INVITE outside of dialogs: it begins a call, takes over a leg (RFC 3891), or joins a conference (RFC 3911).

Whatever the RFCs settle about the dialog that a Replaces or a Join names is
settled here, before anybody is asked.
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
        first = request.first
        if "Replaces" in first:
            self._replace(request, server, sender)
        elif "Join" in first:
            self._join(request, server, sender)
        else:
            self._begin(request, server, sender)

    def _begin(
        self, request: Request, server: IServerTransaction, sender: Sender, conference: str | None = None
    ) -> None:
        """
        Begin a call.

        @param conference: it may lead to a conference only: to this one, or where it is empty to the
            one that is dialled.
        """
        leg = self._leg(request, server, sender)
        party = leg.party
        # An extension is a phone: it has sent nothing on, unless we are told that it is more than a phone.
        path = path_from(request, believed=party.policy.trusted or not party.internal)
        target = conference or self._directory.target_of(request, server.flow, party)
        call = Call(self._calls, leg, target, path)
        call.joins = conference is not None
        if names := call.features.fields:
            call.fields = seen(request, names, party)
        call.story.note("{} calls {}", party, call.dialled)
        leg.begin()

    def _join(self, request: Request, server: IServerTransaction, sender: Sender) -> None:
        """
        Let somebody into the conference in which a leg is, as if they had dialled it (RFC 4579 section 5.8).

        A call of two is joined by nobody.  A name that we do not know does not
        matter where a conference is dialled (RFC 3911 section 4).
        """
        party, _ = sender
        code = 400
        named = request.all("Join")
        if len(named) == 1 and "," not in named[0]:
            join = request.join
            assert join is not None
            name = join.call_id, join.to_tag, join.from_tag
            dialogs = self._calls.context.dialogs
            leg = dialogs.find_replaced(*name)
            if dialogs.has_ended(*name) or (leg is not None and leg.ended):
                code = 603
            elif leg is None or (leg.channel.focus and party.internal):
                self._begin(request, server, sender, "" if leg is None else leg.channel.focus)
                return
            else:
                code = 481
        server.respond(request.response(code, to_tag=self._calls.context.token()))

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
        party, identity = sender
        leg = Leg.received(self._calls.context, request, server, party, self._calls.hear)
        leg.identity = identity
        return leg
