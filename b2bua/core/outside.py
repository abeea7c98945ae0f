"""Requests outside of dialogs, but for INVITE and REGISTER: answered here, by a feature, or passed on."""

from __future__ import annotations

from functools import partial
from hashlib import blake2b
from ipaddress import ip_address
from typing import TYPE_CHECKING

from b2bua.calls.messages import MessageRelay
from b2bua.calls.outside import OutsideRequest, Respond
from b2bua.capabilities import ABILITIES, ANY_BODY, BODIES, OPTION_TAGS, OTHER_TAGS
from b2bua.errors import PeerError
from b2bua.legs.header_policy import seen
from b2bua.legs.party import Party
from b2bua.wire.refusals import check, refuse

if TYPE_CHECKING:
    from b2bua.calls.calls import Calls
    from b2bua.core.senders import Sender, Senders
    from b2bua.directory import Directory
    from b2bua.legs.leg import Leg
    from b2bua.subscriptions.notifier import Notifier
    from b2bua.subscriptions.publications import Publications
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Request, Response


class OutsideRequests:
    """Takes OPTIONS, MESSAGE, SUBSCRIBE, NOTIFY, PUBLISH and REFER that belong to no dialog."""

    def __init__(
        self,
        calls: Calls,
        directory: Directory,
        senders: Senders,
        notifier: Notifier,
        publications: Publications,
    ) -> None:
        """Answer for these."""
        self._calls = calls
        self._directory = directory
        self._senders = senders
        self._notifier = notifier
        self._publications = publications
        self._key = calls.context.token().encode()

    def _answer(
        self, request: Request, server: IServerTransaction, code: int, *fields: tuple[str, str]
    ) -> None:
        """Answer for ourselves."""
        server.respond(request.response(code, to_tag=self._calls.context.token(), fields=fields))

    def options(self, request: Request, server: IServerTransaction) -> None:
        """Say what we can do (RFC 3261 section 11.2)."""
        server.dismiss(200, fields=ABILITIES)

    def at_once(self, request: Request, flow: Flow) -> Response | None:
        """
        Answer OPTIONS from outside of dialogs without keeping anything (section 8.2.7).

        Anybody may ask, and asking must not be a way to fill our memory; so
        the tag is worked out of the request.
        """
        if "OPTIONS" in self._calls.features.methods and request.request_uri.user:
            return None  # a feature may know more, and has to know who asks
        same = f"{request.call_id} {request.branch}".encode("utf-8", "surrogateescape")
        tag = blake2b(same, key=self._key, digest_size=8).hexdigest()
        try:
            check_outside(request)
        except PeerError as error:
            return refuse(request, error, to_tag=tag)
        return request.response(200, to_tag=tag, fields=ABILITIES)

    def notify(self, request: Request, server: IServerTransaction) -> None:
        """
        Take keep-alives of phones; other NOTIFYs belong to no subscription.

        A feature may have answered one that somebody sends without a subscription.
        """
        server.dismiss(200 if _keeps_alive(request) else 481)

    def subscribe(self, request: Request, server: IServerTransaction) -> None:
        """Let somebody who is known watch something (RFC 6665 section 4.2.1)."""
        if not self._notifier.serves(request):
            self._notifier.refused[489] += 1
            server.dismiss(489, fields=(self._notifier.allow_events,))
            return
        if self._notifier.is_open(request):
            self._subscribe_stranger(request, server)
            return
        sender = self._senders.admit(request, server)
        if sender is not None:
            party, _ = sender
            watched = self._directory.watched(request, server.flow)
            # What a phone watches is its own affair, whoever has logged in there.
            watcher = self._directory.party(party.at) if party.at else party
            self._notifier.subscribe(request, server, watcher, watched)

    def _subscribe_stranger(self, request: Request, server: IServerTransaction) -> None:
        """Answer a phone that knows nothing yet, if it is in a network of ours."""
        host = server.flow.remote[0]
        if not ip_address(host.partition("%")[0]).is_private:
            server.dismiss(403)  # the answer is larger than the question, and the address may be a lie
            return
        uri = request.request_uri
        named = uri.user_unescaped if uri.scheme in ("sip", "sips") else None
        self._notifier.subscribe(request, server, Party("stranger", host), named or "")

    def publish(self, request: Request, server: IServerTransaction) -> None:
        """Let somebody who is known say how they are (RFC 3903 section 6)."""
        sender = self._senders.admit(request, server)
        if sender is not None:
            party, _ = sender
            watched = self._directory.watched(request, server.flow)
            self._publications.publish(request, server, party, watched)

    def message(self, request: Request, server: IServerTransaction) -> None:
        """Pass a message on (RFC 3428)."""
        if self._may_pass(request, server):
            sender = self._senders.admit(request, server)
            if sender is not None:
                self._pass_on(request, server, sender)

    def _may_pass(self, request: Request, server: IServerTransaction) -> bool:
        """May it go on (RFC 3261 section 16.3)?  If not, answer it."""
        if request.max_forwards == 0:
            server.dismiss(483)
        elif request.require:
            server.dismiss(420, fields=(("Unsupported", ", ".join(sorted(request.require))),))
        else:
            return True
        return False

    def _pass_on(self, request: Request, server: IServerTransaction, sender: Sender) -> None:
        """Pass a message on."""
        party, identity = sender
        target = self._directory.target_of(request, server.flow, party)
        MessageRelay(self._calls, request, server, party, identity).start(target)

    def refer(self, request: Request, server: IServerTransaction) -> None:
        """
        A REFER outside of the dialog it is about.

        Target-Dialog names that (RFC 5589 section 6.1), or the Request-URI the
        conference that its sender takes part in (RFC 4579 section 5.5).
        """
        sender = self._senders.admit(request, server)
        if sender is None:
            return
        party, _ = sender
        target = request.target_dialog
        if target is None:
            leg = self._in_conference(request, party)
        else:
            leg = self._calls.context.dialogs.find_replaced(
                target.call_id, target.local_tag, target.remote_tag
            )
        if leg is None or leg.call is None or leg.ended:
            self._answer(request, server, 481 if target is not None else 603)
        elif leg.party.phone != party.phone:
            self._answer(request, server, 403)  # RFC 4538 section 4: only a party of that dialog
        else:
            leg.referred_from_outside(request, server)

    def _in_conference(self, request: Request, party: Party) -> Leg | None:
        """The leg by which the sender takes part in the conference that a request is sent to."""
        conference = request.request_uri.user_unescaped
        legs = (leg for call in self._calls.going.values() for leg in call.legs if leg.channel.focus)
        mine = (leg for leg in legs if leg.party.phone == party.phone)
        return next((leg for leg in mine if leg.channel.focus == conference), None)

    # ---- features -------------------------------------------------------

    def is_for_features(self, request: Request) -> bool:
        """Has a feature asked for such requests to users of ours?"""
        if request.method not in self._calls.features.methods or not request.request_uri.user:
            return False
        return request.method != "NOTIFY" or not _keeps_alive(request)

    def ask(self, request: Request, server: IServerTransaction) -> None:
        """Let the features answer a request."""
        check(request, OTHER_TAGS.get(request.method, OPTION_TAGS), None)
        request.max_forwards  # noqa: B018  # read now: when the features have answered it is too late for a 400
        sender = self._senders.admit(request, server)
        if sender is None:
            return
        party, identity = sender
        target, features = self._directory.target_of(request, server.flow, party), self._calls.features
        asked = OutsideRequest(
            request.method,
            target,
            self._directory.user(target),
            self._directory.extension(target),
            party,
            identity,
            request.content_type or "",
            request.body,
            seen(request, features.fields, party),
        )
        then = partial(self._answered, request, server, sender)
        self._calls.when(
            features.ask_request_received(asked), then, lambda: self._answer(request, server, 500)
        )

    def _answered(
        self, request: Request, server: IServerTransaction, sender: Sender, answer: Respond | None
    ) -> None:
        """Send what a feature answers; without an answer it is as if no feature had asked for it."""
        if answer is not None:
            kind = (("Content-Type", answer.content_type),) if answer.content_type else ()
            response = request.response(
                answer.code,
                answer.reason,
                to_tag=self._calls.context.token(),
                fields=(*answer.fields, *kind),
                body=answer.body,
            )
            server.respond(response)
        elif request.method == "OPTIONS":
            self._answer(request, server, 200, *ABILITIES)
        elif request.method == "NOTIFY":
            self._answer(request, server, 481)
        elif self._may_pass(request, server):
            self._pass_on(request, server, sender)


def _keeps_alive(request: Request) -> bool:
    """
    Is it the NOTIFY by which a phone keeps its way open?

    Yealink phones can be set to send it; it has no Event that anybody could
    have subscribed to, or C{keep-alive}.
    """
    event = request.event
    return event is None or event.package.lower() == "keep-alive"


def check_outside(request: Request) -> None:
    """Refuse a request outside of dialogs for what it wants of us and we cannot (RFC 3261 section 8.2)."""
    method = request.method
    check(request, OTHER_TAGS.get(method, OPTION_TAGS), None if method in ANY_BODY else BODIES)
