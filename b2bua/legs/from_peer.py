"""Requests that the peer sends within a dialog: the checks that all of them pass, and where each goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.capabilities import ACCEPT, ALLOW, ALLOW_EVENTS, OPTION_TAGS, SUPPORTED_ANSWER
from b2bua.dialogs.dialog import Dialog
from b2bua.dialogs.offer_answer import Open, refusal
from b2bua.dialogs.session_timer import TooBrief
from b2bua.errors import PeerError
from b2bua.legs import bye, change_queue, relayed_requests, responses, session_expires
from b2bua.legs.header_policy import CHANGE, entering, session_of
from b2bua.legs.peer_invite import PeerInvite
from b2bua.legs.peer_update import PeerUpdate
from b2bua.legs.refer import refer_received
from b2bua.legs.state import ANSWERED, ENDED
from b2bua.legs.words import Changed, Referred
from b2bua.wire.refusals import check_required, fields_with
from b2bua.wire.sipfrag import status_of

if TYPE_CHECKING:
    from b2bua.legs.state import LegData
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Request


_AFTER_THE_END = frozenset(("BYE", "NOTIFY", "SUBSCRIBE"))
"""What may come when the call is over: a BYE that crossed ours, and news of a REFER."""


def request_received(leg: LegData, request: Request, server: IServerTransaction) -> None:
    """Take a request within one of the dialogs of a leg."""
    server.user = leg
    method = request.method
    moved = False
    try:
        dialog = leg.dialog
        if dialog is None or dialog.key != (request.call_id, request.to_tag, request.from_tag):
            dialog = _dialog(leg, request)
        if dialog is None or (leg.state is ENDED and method not in _AFTER_THE_END):
            responses.respond(leg, server, 481)
            return
        if not dialog.accepts(request.cseq.number):
            # Out of order (RFC 3261 section 12.2.2).
            responses.respond(leg, server, 500, "", (("Retry-After", "1"),))
            return
        if "Require" in request.first:
            check_required(request, OPTION_TAGS)
        if server.flow != leg.channel.flow:
            moved = _follow_flow(leg, request, server)
        if method in _TAKERS:
            _TAKERS[method](leg, request, server)
        else:
            responses.respond(leg, server, 405, "", (ALLOW,))
    except PeerError as error:
        responses.respond(leg, server, error.code, error.why, fields_with(error))
    if moved:
        # Not before, since a change of its own that it comes back with is first (RFC 3261 section 14.1).
        leg.channel.go_on_by(server.flow)


def _dialog(leg: LegData, request: Request) -> Dialog | None:
    """Which of the leg's dialogs is it in?"""
    key = (request.call_id, request.to_tag, request.from_tag)
    dialogs = [leg.dialog, *(leg.early or ()), *[referral.dialog for referral in leg.refers]]
    return next((one for one in dialogs if one is not None and one.key == key), None)


def _follow_flow(leg: LegData, request: Request, server: IServerTransaction) -> bool:
    """
    A phone that has got another address or connection is reached there from now on.

    @return: True if what is on its way to it, or waits for it, is to go there, too.
    """
    flow, channel = server.flow, leg.channel
    stays = channel.flow is not None and not channel.sticky and request.method not in ("INVITE", "UPDATE")
    if stays:
        return False
    channel.take_flow(flow)
    return request.method != "BYE"  # after which it wants nothing more


def _open(leg: LegData) -> Open:
    """What is going on."""
    ours, theirs, inviting = leg.our_change, leg.peer_invite, leg.our_invite
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
        peer_update=leg.peer_update is not None,
        initial=leg.our_invite is not None,
        offered=offered,
        withdrawn=leg.withdrawn is not None or leg.unasked,
    )


def _refused_for_glare(leg: LegData, request: Request, server: IServerTransaction, offer: bool) -> bool:
    """Refuse what crosses something that is open."""
    code = refusal(request.method, offer, _open(leg))
    if not code:
        return False
    wait = (("Retry-After", str(leg.context.random.randint(0, 10))),) if code == 500 else ()
    responses.respond(leg, server, code, "", wait)
    return True


def _invite(leg: LegData, request: Request, server: IServerTransaction) -> None:
    """Take a re-INVITE."""
    if _refused_for_glare(leg, request, server, True):
        return
    server.trying()
    change_queue.yield_to_peer(leg)
    leg.learn(request)
    invited = leg.peer_invite = PeerInvite(leg, request, server)
    invited.again()


def _update(leg: LegData, request: Request, server: IServerTransaction) -> None:
    """Take an UPDATE: with an offer for the other side, without one it is a refresh (RFC 3311, RFC 4028)."""
    offer = session_of(request)
    if _refused_for_glare(leg, request, server, offer is not None):
        return
    verdict = session_expires.judge(leg, request)
    if isinstance(verdict, TooBrief):
        responses.respond(leg, server, 422, "", verdict.fields)
        return
    leg.learn(request)
    fields = entering(request, CHANGE, leg.party)
    if offer is not None:
        change_queue.yield_to_peer(leg)
        leg.peer_update = PeerUpdate(leg, request, server, offer)
        leg.hear(leg, Changed(offer, fields))
        return
    dialog = _dialog(leg, request)
    if dialog is not None:
        dialog.refresh(request)
    agreed = session_expires.answer(leg, request) if leg.state is ANSWERED else ()
    responses.respond(
        leg, server, 200, "", (leg.channel.contact(server.flow), ALLOW, SUPPORTED_ANSWER, *agreed)
    )
    if fields:
        # An UPDATE must be answered at once (RFC 3311 section 5.2), so the
        # other side is told, but not waited for.
        leg.hear(leg, Changed(None, fields, identity_only=True))


def _prack(leg: LegData, request: Request, server: IServerTransaction) -> None:
    """Take a PRACK."""
    if leg.peer_invite is None:
        responses.respond(leg, server, 481)
    else:
        leg.peer_invite.prack(request, server)


def _options(leg: LegData, request: Request, server: IServerTransaction) -> None:
    """Answer OPTIONS ourselves: what this dialog can do is what we can do (RFC 3261 section 11.2)."""
    responses.respond(
        leg, server, 200, "", (leg.channel.contact(server.flow), ALLOW, SUPPORTED_ANSWER, ACCEPT)
    )


def _notify(leg: LegData, request: Request, server: IServerTransaction) -> None:
    """Take a NOTIFY; one about a transfer belongs to a subscription that we have not."""
    event = request.event
    if event is None:
        responses.respond(leg, server, 489, "", (ALLOW_EVENTS,))
    elif event.package == "refer":
        _notify_refer(leg, request, server)
    elif leg.ended:
        responses.respond(leg, server, 481)
    else:
        relayed_requests.received(leg, request, server)


def _notify_refer(leg: LegData, request: Request, server: IServerTransaction) -> None:
    """Take the news of a REFER that we handed on; of any other there is no subscription."""
    referral = leg.relayed_refer
    if referral is None:
        responses.respond(leg, server, 481)
        return
    code = status_of(request.body) if request.body else 100
    state = request.subscription_state
    responses.respond(leg, server, 200)
    if code >= 200 or (state is not None and state.state == "terminated"):
        leg.relayed_refer = None
    referral.notify(code)
    leg.check_gone()


def _refer(leg: LegData, request: Request, server: IServerTransaction) -> None:
    """Take a REFER: whoever hears of it decides (RFC 3515)."""
    dialog = _dialog(leg, request)
    assert dialog is not None
    leg.hear(leg, Referred(request, refer_received(leg, request, server, dialog)))


def referred_from_outside(leg: LegData, request: Request, server: IServerTransaction) -> None:
    """Take a REFER with a dialog of its own (RFC 7647 section 4, RFC 4538 section 3)."""
    context = leg.context
    server.user = leg
    token = context.token()
    try:
        dialog = Dialog.of_request(request, token)
        if not dialog.target:
            raise PeerError("A REFER needs a Contact", section="RFC 3515 2.2")
        referral = refer_received(leg, request, server, dialog)
    except PeerError as error:
        server.respond(request.response(error.code, error.why, to_tag=token))
        return
    context.dialogs.add(dialog, leg)
    leg.hear(leg, Referred(request, referral))


def _subscribe(leg: LegData, request: Request, server: IServerTransaction) -> None:
    """Take a SUBSCRIBE for the news of a REFER; one to anything else is not made within a call."""
    event = request.event
    if event is None or event.package != "refer":
        responses.respond(leg, server, 489, "", (ALLOW_EVENTS,))
        return
    for referral in leg.refers:
        if referral.matches(request):
            referral.subscribe(request, server)
            return
    # Only a REFER makes a subscription to this event (RFC 3515 section 2.4.4).
    responses.respond(leg, server, 403)


_TAKERS = {
    "INVITE": _invite,
    "UPDATE": _update,
    "PRACK": _prack,
    "BYE": bye.bye_received,
    "OPTIONS": _options,
    "INFO": relayed_requests.received,
    "MESSAGE": relayed_requests.received,
    "NOTIFY": _notify,
    "REFER": _refer,
    "SUBSCRIBE": _subscribe,
}
