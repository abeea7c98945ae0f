"""
What peers ask of us: their server transactions, and answers that need none.

A transaction lives for 32 seconds and, when it refuses an INVITE, says so up to
eleven times.  So nobody gets one for the asking: copies of one request, what
finds the table full, and what the user dismisses are answered once and
forgotten (RFC 3261 section 8.2.7).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypeAlias

from twisted.logger import Logger
from zope.interface import implementer

from b2bua.errors import PeerError, UsageError
from b2bua.net.transaction import Transaction
from b2bua.net.wheel import SLOTS_BELOW, Lapses
from b2bua.transactions.invite_server import InviteServer
from b2bua.transactions.matching import COOKIE, answer_flow, arrived, merge_key, server_key, way_back
from b2bua.transactions.non_invite_server import NonInviteServer
from b2bua.transactions.ports import IServerTransaction
from b2bua.wire.message import Field, Request, Response, write
from b2bua.wire.parser import Malformed, parse

if TYPE_CHECKING:
    from b2bua.net.transport import TransportLayer
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import ITransactionUser

RUNNING = (
    "_merge_key", "_table", "bucket", "ends", "failed", "flow", "key", "repeats", "transport", "user", "way",
)  # fmt: skip
"""What a machine has in addition when it runs."""
# What we have put into the Via of a request (RFC 3581 section 4).
_SEEN_FROM = re.compile(r";(?:rport|received)=[^;,]*")


def seen_at(way: Flow, flow: Flow, request: Request) -> Flow:
    """
    Where an answer goes when its request comes again: a router has given its sender another port maybe.

    The response goes where the request came from (RFC 3581 section 4), so it
    goes there when it is sent again; not to another host, which could be
    anybody's.

    @param way: where it went before.
    """
    if flow.remote[0] == way.remote[0] and flow.transport == way.transport == "UDP":
        return way_back(request.via, flow)
    return way


@implementer(IServerTransaction)
class ServerTransaction(Transaction):
    """A request of a peer that wants an answer."""

    __slots__ = SLOTS_BELOW

    _table: ServerTransactions
    _merge_key: int | None
    """See L{b2bua.transactions.matching.merge_key}."""
    flow: Flow
    """Where the request came from."""
    user: Any
    failed: Callable[[int], None] | None
    last: bytes
    """The response that the request draws when it comes again."""
    tag = ""
    """That of To, where it is an INVITE (of the machine)."""

    @property
    def answered(self) -> bool:
        """Has it had its final response?"""
        return self.pending is None

    def respond(self, response: Response) -> None:
        """Send a response, or a 2xx to an INVITE again."""
        if self.pending is None:
            # Its INVITE may have come again, from another port; or all is over.
            way = self._table.way_of(self.key)
            if way is None:
                return
            self.way = way
        self.answer(response)
        if self.pending is None:
            self.user = None

    def accept(self) -> None:
        """Send a 200 that says nothing more (see L{IServerTransaction.accept})."""
        self.respond(self.request.response(200))

    def seen_at(self, flow: Flow, request: Request) -> None:
        """The request has come again, from another port maybe (see L{seen_at})."""
        way = seen_at(self.way, flow, request)
        if way is not self.way:
            self.move(way)

    def move(self, flow: Flow) -> None:
        """Answer by another way (see L{IServerTransaction.move})."""
        if flow.transport == self.flow.transport == "UDP":
            self.flow = self.way = flow
            self._table.answer_by(self.key, flow)

    def forget(self) -> None:
        """Answer it never, and drop what belongs to it."""
        self.stop()
        self.failed = None
        self._table.drop(self, self._merge_key)

    def dismiss(self, code: int, reason: str = "", fields: Iterable[Field] = ()) -> None:
        """Answer it and keep nothing of it (see L{IServerTransaction.dismiss})."""
        if self.answered:
            return
        response = self._table.refusal(self.request, code, reason, fields)
        if self.last:
            self.respond(response)  # the client waits for it, and does not ask again
        else:
            self._table.transport.send(write(response), self.way)
            self.forget()

    def to_tag(self) -> str:
        """The tag we have put on the To of the response, if there was one with a tag."""
        last = parse(self.last) if self.last else None
        return last.to.tag if last is not None else ""

    def answer(self, response: Response) -> None:
        """Follow the arrow of a response (of the machine)."""
        raise NotImplementedError

    def trying(self) -> None:
        """Follow the arrow of a 100 that the user wants (of the machine)."""
        raise NotImplementedError

    def deliver(self, response: Response) -> None:
        """Never happens."""
        raise UsageError("A server transaction hears no responses")

    def tell_failure(self, code: int) -> None:
        """No ACK came for the final response, or no answer from the user in time."""
        failed, self.failed = self.failed, None
        if failed is not None:
            failed(code)

    def linger(self, letter: str, seconds: float) -> None:
        """Leave behind what the request draws when it comes again."""
        self.repeats = self.ends = None
        if self.bucket is not None:
            self.leave()
        table, key = self._table, self.key
        if table.live.get(key) is self:
            left = table.live[key] = Remains()
            left.letter, left.again, left.way = letter, self.last, self.way
            left.tag, left.merge = self.tag, self._merge_key
            table.lapses.add(key, seconds)

    def over(self) -> None:
        """Be forgotten."""
        self.stop()
        self._table.drop(self, self._merge_key)

    def send_cancel(self) -> None:
        """Never happens."""
        raise UsageError("A server transaction sends no CANCEL")


class ReceivedInvite(InviteServer, ServerTransaction):
    """An INVITE that wants an answer."""

    __slots__ = RUNNING

    def to_tag(self) -> str:
        """Likewise, also after that response."""
        return self.tag or super().to_tag()


class ReceivedRequest(NonInviteServer, ServerTransaction):
    """Another request that wants an answer."""

    __slots__ = RUNNING

    def accept(self) -> None:
        """Send a 200 that says nothing more."""
        self.answer_plainly()
        self.user = None


Received: TypeAlias = ReceivedInvite | ReceivedRequest


class Remains:
    """What is left of a transaction that is answered for good, until its last timer fires."""

    __slots__ = ("again", "letter", "merge", "tag", "way")

    letter: str
    """That of the timer: I, J or L (see L{Transaction.linger})."""
    again: bytes
    """The response that the request draws when it comes again."""
    way: Flow
    """By which that goes."""
    tag: str
    """That of To in the response to an INVITE, which the answer to a late CANCEL repeats (section 9.2)."""
    merge: int | None
    """See L{b2bua.transactions.matching.merge_key}."""


class ServerTransactions:
    """All server transactions; of those that are answered for good, what is left."""

    log = Logger()

    def __init__(self, transport: TransportLayer) -> None:
        """Begin without any; who answers them sets C{user} before a message comes."""
        self.user: ITransactionUser
        self.transport = transport
        self.wheel = transport.wheel
        self.stateless: dict[str, Callable[[Request, Flow], Response | None]] = {}
        """By method, who answers what can be answered without keeping anything."""
        self._most = transport.limits.transactions
        """So many transactions before requests outside of dialogs get a 503."""
        self._most_at_all = self._most * transport.limits.spare
        """And before those within dialogs do."""
        self._counts = transport.counts
        self._secret = transport.token().encode()
        self.live: dict[Hashable, Received | Remains] = {}
        self._merges: set[int] = set()
        """What copies have in common of those that belong to no dialog."""
        self.lapses = Lapses(transport.wheel, self._forget)

    def __len__(self) -> int:
        """How many transactions there are."""
        return len(self.live)

    def __contains__(self, key: Hashable) -> bool:
        """Is there one of that key?"""
        return key in self.live

    def branches(self) -> list[str]:
        """Those of the requests that live (section 8.1.1.7); who has none is of RFC 2543."""
        keys = [key for key in self.live if isinstance(key, tuple)]
        return [key[0] for key in keys if key[0].startswith(COOKIE)]

    def clear(self) -> None:
        """Forget all of them."""
        self.live.clear()
        self._merges.clear()
        self.lapses.clear()

    def _forget(self, keys: list[Hashable]) -> None:
        """Forget what is left of some."""
        live, merges = self.live, self._merges
        for key in keys:
            left = live.get(key)
            if isinstance(left, Remains):
                del live[key]
                if left.merge is not None:
                    merges.discard(left.merge)

    def drop(self, server: ServerTransaction, merge: int | None) -> None:
        """Forget one, unless it lingers."""
        if self.live.get(server.key) is server:
            del self.live[server.key]
            if merge is not None:
                self._merges.discard(merge)

    def request(self, request: Request, flow: Flow) -> None:
        """Match a request to its transaction, or open one."""
        method = request.method
        key = server_key(request, "INVITE" if method == "ACK" else method)
        if key in self.live:
            server = self.live[key]
            self._counts.absorbed += 1
            if isinstance(server, Remains):
                self._come_again(server, request, flow)
                return
            if flow != server.flow and method != "ACK":
                server.seen_at(flow, request)
            server.receive(request)
        elif method == "ACK":
            self.user.ack_received(request, flow)
        elif method == "CANCEL":
            self._cancel(request, key, flow)
        elif request.to_tag:
            if len(self.live) >= self._most_at_all:
                self._turn_away(request, flow)
            else:
                self._open(arrived(request, flow), key, None, flow)
        else:
            self._request_outside(arrived(request, flow), key, flow)

    def _come_again(self, left: Remains, request: Request, flow: Flow) -> None:
        """Take a request after its final response, or an ACK (see L{Transaction.linger})."""
        if request.method == "ACK":
            if left.letter == "L":
                self.user.ack_received(request, flow)
            return
        way = seen_at(left.way, flow, request)
        left.way = way
        if left.again:
            self.transport.send(left.again, way)

    def answer_by(self, key: Hashable, way: Flow) -> None:
        """Have what is left of a transaction, if that is all there is of it, answer by another way."""
        left = self.live.get(key)
        if isinstance(left, Remains):
            left.way = way

    def way_of(self, key: Hashable) -> Flow | None:
        """By which way what is left of a transaction answers; None if there is nothing."""
        left = self.live.get(key)
        return left.way if isinstance(left, Remains) else None

    def _request_outside(self, request: Request, key: Hashable, flow: Flow) -> None:
        """Look harder at a request that belongs to no dialog."""
        method, stateless = request.method, self.stateless
        merge = merge_key(request)
        if merge in self._merges:
            # RFC 3261 section 8.2.2.2: it was forked, and came together here again.
            self._counts.merged += 1
            self._refuse(request, 482, flow)
        elif method in stateless and (response := stateless[method](request, flow)) is not None:
            self.reply(request, response, flow)
        elif len(self.live) >= self._most:
            self._turn_away(request, flow)
        else:
            self._open(request, key, merge, flow)

    def _open(self, request: Request, key: Hashable, merge: int | None, flow: Flow) -> None:
        """Open a server transaction and give its request to the user."""
        server = self._transaction(request, key, merge, flow)
        try:
            self.user.request_received(request, server)
        except Exception:  # noqa: BLE001 - not even a feature's bug leaves a request unanswered
            self.log.failure(
                "{method} could not be answered because of a bug, and gets 500", method=request.method
            )
            server.respond(request.response(500, to_tag=self.transport.token()))
        if server.pending is not None and not server.last and self.live.get(key) is server:
            server.wait()  # else something has been sent, or all is over

    def take_up(self, invite: Request, flow: Flow) -> ServerTransaction:
        """Go on with an INVITE that a process has received which is gone."""
        return self._transaction(invite, server_key(invite, "INVITE"), merge_key(invite), flow)

    def _transaction(self, request: Request, key: Hashable, merge: int | None, flow: Flow) -> Received:
        """
        Make a server transaction that has not started.

        @param merge: see L{merge_key}; None within a dialog.
        @param flow: where the request came from.
        """
        transport = self.transport
        timers = transport.timers_of(flow) if transport.own_timers else transport.timers
        kind = ReceivedInvite if request.method == "INVITE" else ReceivedRequest
        server = kind(request, timers, reliable=flow.transport != "UDP")
        server._table = self
        server._merge_key = merge
        server.key = key
        server.flow = flow
        server.transport = transport
        via = request.via
        server.way = flow if via.port == flow.remote[1] else way_back(via, flow)
        server.repeats = server.ends = server.bucket = server.user = server.failed = None
        self.live[key] = server
        if merge is not None:
            self._merges.add(merge)
        return server

    def _cancel(self, request: Request, key: Hashable, flow: Flow) -> None:
        """
        Answer a CANCEL, of a first INVITE or a re-INVITE, and pass it on (section 9.2).

        It cannot be challenged, so it has to come from where its INVITE came
        from, or where the user knows its party to be (section 22.1).  It has a
        place even when there is none for new requests, since it makes room.
        The To tag is that of the INVITE's response as far as there is one yet.
        """
        # First, since the whole Via tells the INVITE of a client of RFC 2543.
        invite = self.live.get(server_key(request, "INVITE"))
        arrived(request, flow)
        if invite is None or not self._may_cancel(request, invite, flow):
            self._refuse(request, 481, flow)
        elif len(self.live) >= self._most_at_all:
            self._turn_away(request, flow)
        else:
            server = self._transaction(request, key, None, flow)
            tag = invite.tag if isinstance(invite, Remains) else invite.to_tag()
            server.respond(request.response(200, to_tag=tag or self.transport.token()))
            if not isinstance(invite, Remains) and not invite.answered:
                self.user.cancel_received(request, invite)

    def _may_cancel(self, request: Request, invite: ServerTransaction | Remains, flow: Flow) -> bool:
        """Does a CANCEL come from the party of its INVITE?"""
        if isinstance(invite, Remains):
            return invite.way.remote[0] == flow.remote[0]
        return invite.way.remote[0] == flow.remote[0] or self.user.may_cancel(request, invite, flow)

    # Answers without a transaction.

    def reply(self, request: Request, response: Response, flow: Flow) -> None:
        """Send a response without a transaction (section 8.2.7)."""
        self.transport.send(write(response), answer_flow(request, flow))

    def refusal(
        self, request: Request, code: int, reason: str = "", fields: Iterable[Field] = ()
    ) -> Response:
        """
        Make an answer that is sent without a transaction.

        Its To tag is the same each time that the request comes (section 8.2.7),
        also from another port of the phone's router, and nobody else can work
        it out.
        """
        tag = self._tag(request, request.get("CSeq") or "")
        return request.response(code, reason, to_tag=tag, fields=fields)

    def has_refused(self, ack: Request, flow: Flow) -> bool:
        """Does an ACK acknowledge such an answer?  It has the Via of its INVITE (section 17.1.1.3)."""
        return ack.to_tag == self._tag(arrived(ack, flow), f"{ack.cseq.number} INVITE")

    def _tag(self, request: Request, cseq: str) -> str:
        """The To tag of such an answer."""
        via = _SEEN_FROM.sub("", request.get("Via") or "")
        same = " ".join([request.get("Call-ID") or "", cseq, via])
        return blake2b(same.encode("utf-8", "surrogateescape"), key=self._secret, digest_size=8).hexdigest()

    def _refuse(self, request: Request, code: int, flow: Flow) -> None:
        """Refuse a request that C{arrived} has seen, and keep nothing of it."""
        self.reply(request, self.refusal(request, code), flow)

    def _turn_away(self, request: Request, flow: Flow) -> None:
        """
        Answer with 503 and no Retry-After (RFC 7339 section 5.10.2).

        With it the client would stop sending anything, to whatever server.
        """
        self._counts.turned_away += 1
        self._refuse(arrived(request, flow), 503, flow)

    def broken(self, error: Malformed, flow: Flow) -> None:
        """Answer what was no good SIP, if it can be answered."""
        self._counts.malformed += 1
        request = error.salvage
        if request is None:
            return
        try:
            self._refuse(arrived(request, flow), error.code, flow)
        except PeerError:
            self.log.debug("nothing to answer to in what {peer} sent", peer=flow.remote)
