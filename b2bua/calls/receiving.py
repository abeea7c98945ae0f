"""Requests that the peer sends within a dialog: the checks that all of them pass, and where each goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls import changing, parting, refreshing, telling
from b2bua.calls.context import ACCEPT, ALLOW, EXTENSIONS, SUPPORTED, LegState
from b2bua.calls.invited import Invited
from b2bua.calls.passing import CHANGE, entering, session_of
from b2bua.calls.words import Changed
from b2bua.dialogs.offer_answer import Open, refusal
from b2bua.dialogs.session_timer import TooBrief
from b2bua.errors import PeerError

if TYPE_CHECKING:
    from b2bua.calls.leg import Leg
    from b2bua.dialogs.dialog import Dialog
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Request


def request_received(leg: Leg, request: Request, server: IServerTransaction) -> None:
    """Take a request within one of the dialogs of a leg."""
    server.user = leg
    method = request.method
    try:
        dialog = _dialog(leg, request)
        if dialog is None or (leg.state is LegState.ENDED and method not in ("BYE", "SUBSCRIBE")):
            leg.respond(server, 481)
            return
        if not dialog.accepts(request.cseq.number, method):
            # Out of order (RFC 3261 section 12.2.2).
            leg.respond(server, 500, "", (("Retry-After", "1"),))
            return
        unknown = request.require - EXTENSIONS if request.get("Require") is not None else None
        if unknown:
            leg.respond(server, 420, "", (("Unsupported", ", ".join(sorted(unknown))),))
            return
        _follow_flow(leg, request, server)
        take = _TAKERS.get(method)
        if take is None:
            leg.respond(server, 405, "", (ALLOW,))
        else:
            take(leg, request, server)
    except PeerError as error:
        leg.respond(server, error.code, error.why, (ACCEPT,) if error.code == 415 else ())


def _dialog(leg: Leg, request: Request) -> Dialog | None:
    """Which of the leg's dialogs is it in?"""
    tag = request.from_.tag
    dialog = leg.dialog
    if dialog is not None and dialog.remote_tag != tag:
        dialog = leg.early.get(tag) if leg.early is not None else None
    return dialog


def _follow_flow(leg: Leg, request: Request, server: IServerTransaction) -> None:
    """A phone that has got another address or connection is answered and called there from now on."""
    flow = server.flow
    if flow != leg.flow and (leg.flow is None or leg.sticky or request.method in ("INVITE", "UPDATE")):
        leg.flow = flow
        leg.contact_value = ""


def _open(leg: Leg) -> Open:
    """What is going on."""
    ours, theirs, inviting = leg.changing, leg.invited, leg.inviting
    offered = False
    if inviting is not None:
        offered = leg.dialog is None or not inviting.early_exchange_done(leg.dialog)
    elif theirs is not None:
        unacknowledged = theirs.reliable is not None and theirs.reliable.session_unacknowledged
        offered = theirs.offering or unacknowledged
    return Open(
        our_invite=inviting is not None or (ours is not None and ours.method == "INVITE"),
        our_update=ours is not None and ours.method == "UPDATE",
        peer_invite=theirs is not None,
        peer_update=leg.updated is not None,
        initial=leg.inviting is not None,
        offered=offered,
    )


def _refused_for_glare(leg: Leg, request: Request, server: IServerTransaction, offer: bool) -> bool:
    """Refuse what crosses something that is open."""
    code = refusal(request.method, offer, _open(leg))
    if not code:
        return False
    wait = (("Retry-After", str(leg.context.random.randint(0, 10))),) if code == 500 else ()
    leg.respond(server, code, "", wait)
    return True


def _invite(leg: Leg, request: Request, server: IServerTransaction) -> None:
    """Take a re-INVITE."""
    if _refused_for_glare(leg, request, server, True):
        return
    server.respond(request.response(100))
    changing.yield_to_peer(leg)
    leg.learn(request)
    invited = leg.invited = Invited(leg, request, server)
    invited.again()


def _update(leg: Leg, request: Request, server: IServerTransaction) -> None:
    """Take an UPDATE: with an offer for the other side, without one it is a refresh (RFC 3311, RFC 4028)."""
    offer = session_of(request)
    if _refused_for_glare(leg, request, server, offer is not None):
        return
    verdict = refreshing.judge(leg, request)
    if isinstance(verdict, TooBrief):
        leg.respond(server, 422, "", verdict.fields)
        return
    leg.learn(request)
    fields = entering(request, CHANGE, leg.party)
    if offer is not None:
        changing.yield_to_peer(leg)
        leg.updated = changing.Updated(leg, request, server, offer)
        leg.hear(leg, Changed(offer, fields))
        return
    dialog = _dialog(leg, request)
    if dialog is not None:
        dialog.refresh(request)
    agreed = refreshing.answer(leg, request) if leg.state is LegState.ANSWERED else ()
    leg.respond(server, 200, "", (leg.contact(server.flow), ALLOW, SUPPORTED, *agreed))
    if fields:
        # An UPDATE must be answered at once (RFC 3311 section 5.2), so the
        # other side is told, but not waited for.
        leg.hear(leg, Changed(None, fields, identity_only=True))


def _prack(leg: Leg, request: Request, server: IServerTransaction) -> None:
    """Take a PRACK."""
    if leg.invited is None:
        leg.respond(server, 481)
    else:
        leg.invited.prack(request, server)


def _options(leg: Leg, request: Request, server: IServerTransaction) -> None:
    """Answer OPTIONS ourselves: what this dialog can do is what we can do (RFC 3261 section 11.2)."""
    leg.respond(server, 200, "", (leg.contact(server.flow), ALLOW, SUPPORTED, ACCEPT))


def _notify(leg: Leg, request: Request, server: IServerTransaction) -> None:
    """Take a NOTIFY; one about a transfer belongs to a subscription that we have not."""
    event = request.event
    if event is None:
        leg.respond(server, 489)
    elif event.package == "refer":
        leg.respond(server, 481)
    else:
        telling.told(leg, request, server)


_TAKERS = {
    "INVITE": _invite,
    "UPDATE": _update,
    "PRACK": _prack,
    "BYE": parting.bye_received,
    "OPTIONS": _options,
    "INFO": telling.told,
    "MESSAGE": telling.told,
    "NOTIFY": _notify,
}
