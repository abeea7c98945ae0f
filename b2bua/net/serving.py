"""
What peers ask of us: their server transactions, and answers that need none.

A transaction lives for 32 seconds and, when it refuses an INVITE, says so up to
eleven times.  So nobody gets one for the asking: copies of one request, what
finds the table full, and what the user dismisses are answered once and
forgotten (RFC 3261 section 8.2.7).
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING

from b2bua.errors import PeerError
from b2bua.net.transaction import ServerMachine, ServerTransaction
from b2bua.transactions.invite_server import InviteServer
from b2bua.transactions.matching import answer_flow, arrived, merge_key, server_key, way_back
from b2bua.transactions.non_invite_server import NonInviteServer
from b2bua.wire.message import Field, Malformed, Request, Response, write

if TYPE_CHECKING:
    from collections.abc import Iterable

    from b2bua.net.runner import Runner
    from b2bua.transactions.flow import Flow


# What we have put into the Via of a request (RFC 3581 section 4).
_SEEN_FROM = re.compile(r";(?:rport|received)=[^;,]*")


class Serving:
    """The server transactions of a runner."""

    def __init__(self, runner: Runner) -> None:
        """Begin without any."""
        self._runner = runner
        self._limits = runner.limits
        self._counts = runner.counts
        self._secret = runner.token().encode()
        self._live: dict[Hashable, ServerTransaction] = {}
        self._merges: dict[Hashable, ServerTransaction] = {}

    def __len__(self) -> int:
        """How many transactions there are."""
        return len(self._live)

    def __contains__(self, key: Hashable) -> bool:
        """Is there one of that key?"""
        return key in self._live

    def __iter__(self) -> Iterator[ServerTransaction]:
        """Give them, the oldest first."""
        return iter(list(self._live.values()))

    def clear(self) -> None:
        """Forget all of them."""
        self._live.clear()
        self._merges.clear()

    def drop(self, server: ServerTransaction, merge: Hashable) -> None:
        """Forget one."""
        self._live.pop(server.key, None)
        if merge is not None and self._merges.get(merge) is server:
            del self._merges[merge]

    def request(self, request: Request, flow: Flow) -> None:
        """Match a request to its transaction, or open one."""
        method = request.method
        key = server_key(request, "INVITE" if method == "ACK" else method)
        server = self._live.get(key)
        if server is not None:
            self._counts.absorbed += 1
            server.perform(server.machine.receive(request))
        elif method == "ACK":
            self._runner.user.ack_received(request, flow)
        elif method == "CANCEL":
            self._cancel(arrived(request, flow), key, flow)
        elif request.to.tag:
            if len(self._live) >= self._limits.transactions * self._limits.spare:
                self._turn_away(request, flow)
            else:
                self._open(arrived(request, flow), key, None, flow)
        else:
            self._request_outside(arrived(request, flow), key, flow)

    def _request_outside(self, request: Request, key: Hashable, flow: Flow) -> None:
        """Look harder at a request that belongs to no dialog."""
        stateless = self._runner.stateless
        merge = merge_key(request)
        if merge in self._merges:
            # RFC 3261 section 8.2.2.2: it was forked, and came together here again.
            self._counts.merged += 1
            self._refuse(request, 482, flow)
        elif stateless is not None and (response := stateless(request, flow)) is not None:
            self.reply(request, response, flow)
        elif len(self._live) >= self._limits.transactions:
            self._turn_away(request, flow)
        else:
            self._open(request, key, merge, flow)

    def _open(self, request: Request, key: Hashable, merge: Hashable, flow: Flow) -> None:
        """Open a server transaction and have its request delivered."""
        server = self._transaction(request, key, merge, flow)
        server.perform(server.machine.start())
        waiting = server.machine.wait()
        if waiting and self._live.get(key) is server:
            server.perform(waiting)

    def take_up(self, invite: Request, flow: Flow) -> ServerTransaction:
        """Go on with an INVITE that a process has received which is gone."""
        return self._transaction(invite, server_key(invite, "INVITE"), merge_key(invite), flow)

    def _transaction(self, request: Request, key: Hashable, merge: Hashable, flow: Flow) -> ServerTransaction:
        """Make a server transaction that has not started."""
        runner = self._runner
        reliable = flow.transport != "UDP"
        timers = runner.timers_of(flow)
        machine: ServerMachine
        if request.method == "INVITE":
            machine = InviteServer(request, timers, reliable=reliable)
        else:
            machine = NonInviteServer(request, timers, reliable=reliable)
        server = ServerTransaction(runner, machine, key, merge, flow, way_back(request.via, flow))
        self._live[key] = server
        if merge is not None:
            self._merges[merge] = server
        return server

    def _cancel(self, request: Request, key: Hashable, flow: Flow) -> None:
        """
        Answer a CANCEL, of a first INVITE or a re-INVITE, and pass it on (section 9.2).

        It cannot be challenged, so it has to come from where its INVITE came
        from, or where the user knows its party to be (section 22.1).  It has a
        place even when there is none for new requests, since it makes room.
        The To tag is that of the INVITE's response as far as there is one yet.
        """
        invite = self._live.get(server_key(request, "INVITE"))
        if invite is None or not self._may_cancel(request, invite, flow):
            self._refuse(request, 481, flow)
        elif len(self._live) >= self._limits.transactions * self._limits.spare:
            self._turn_away(request, flow)
        else:
            server = self._transaction(request, key, None, flow)
            server.respond(request.response(200, to_tag=invite.to_tag() or self._runner.token()))
            if not invite.answered:
                self._runner.user.cancel_received(request, invite)

    def _may_cancel(self, request: Request, invite: ServerTransaction, flow: Flow) -> bool:
        """Does a CANCEL come from the party of its INVITE?"""
        same_host = invite.flow.remote[0] == flow.remote[0]
        return same_host or self._runner.user.may_cancel(request, invite, flow)

    # Answers without a transaction.

    def reply(self, request: Request, response: Response, flow: Flow) -> None:
        """Send a response without a transaction (section 8.2.7)."""
        self._runner.send(write(response), answer_flow(request, flow))

    def refusal(
        self, request: Request, code: int, reason: str = "", fields: Iterable[Field] = ()
    ) -> Response:
        """
        Make an answer that is sent without a transaction.

        Its To tag is the same each time that the request comes (section 8.2.7),
        also from another port of the phone's router, and nobody else can work
        it out.
        """
        via = _SEEN_FROM.sub("", request.get("Via") or "")
        same = " ".join([request.get("Call-ID") or "", request.get("CSeq") or "", via])
        digest = blake2b(same.encode("utf-8", "surrogateescape"), key=self._secret, digest_size=8)
        return request.response(code, reason, to_tag=digest.hexdigest(), fields=fields)

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
            self._runner.log.debug("nothing to answer to in what {peer} sent", peer=flow.remote)
