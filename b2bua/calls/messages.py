"""
Messages outside of calls (RFC 3428, page mode): passed on at once, or refused; never stored.

A message for an extension goes to all of its phones, one for a trunk to the
first of its servers; the first 2xx answers it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from b2bua.calls.outcomes import NO_ANSWER, best, outcome_of, towards_caller
from b2bua.calls.verdicts import Outcome
from b2bua.capabilities import ALLOW_BUT_MESSAGE
from b2bua.legs.header_policy import REPLY, REQUEST, entering, leaving
from b2bua.wire.message import Request

if TYPE_CHECKING:
    from b2bua.calls.ports import Destination
    from b2bua.calls.protocol import Shared
    from b2bua.clock import ITimer
    from b2bua.legs.party import Identity, Party
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IClientTransaction, IServerTransaction
    from b2bua.wire.message import Field, Response

ANSWERED_BY = 56
"""In T1: an answer is given by then, for at 64 the sender's Timer F fires (RFC 4320 section 4.1)."""
HOPS = 70
REFUSAL = REPLY | {"Accept"}
"""What is told of a refusal: a 415 says what would be understood (RFC 3261 section 21.4.13)."""


class MessageRelay:
    """One message on its way."""

    def __init__(
        self, calls: Shared, request: Request, server: IServerTransaction, sender: Party, identity: Identity
    ) -> None:
        """
        Take a message of somebody who was proved to be the sender.

        @param identity: who that is to others.
        """
        self._calls = calls
        self._request = request
        self._server = server
        self._sender = sender
        self._identity = identity
        self._waiting: set[Copy] = set()
        self._failures: list[Outcome] = []
        self._timer: ITimer | None = None
        self._over = False

    def start(self, target: str) -> None:
        """Send it wherever the target is, or refuse it."""
        found = self._calls.directory.message_destinations(target, self._sender)
        if isinstance(found, Outcome):
            self._refuse(found)
            return
        layer = self._calls.context.layer
        seconds = ANSWERED_BY * layer.timers_of(self._server.flow).t1
        self._timer = layer.start(seconds, partial(self._refuse, NO_ANSWER))
        copies = [Copy(self, destination) for destination in found]
        self._waiting.update(copies)
        for copy in copies:
            copy.send()

    def write(self, destination: Destination, call_id: str, seq: int, flow: Flow, via: str) -> Request:
        """Write it as one of ours; it has no Contact (section 5)."""
        calls, said = self._calls, self._request
        shown, fields = calls.identities.presented(
            self._identity, self._sender, destination.party, destination.to_uri
        )
        if fields and self._identity.private:
            fields.append(("Privacy", "id"))
        left = said.max_forwards if said.max_forwards is not None else HOPS
        head: list[Field] = [
            ("Via", via),
            *[("Route", f"<{uri}>") for uri in destination.route],
            ("Max-Forwards", str(left - 1)),
            ("From", f"{shown.name_addr};tag={call_id[:12]}"),
            ("To", f"<{destination.to_uri}>"),
            ("Call-ID", call_id),
            ("CSeq", f"{seq} MESSAGE"),
            *leaving((*entering(said, REQUEST, self._sender), *fields), destination.party),
        ]
        return Request("MESSAGE", destination.request_uri, head, said.body)

    @property
    def calls(self) -> Shared:
        """What all messages share."""
        return self._calls

    def answered(self, copy: Copy, response: Response) -> None:
        """Take an answer: the first 2xx is the sender's, a refusal if there is none."""
        self._waiting.discard(copy)
        if self._over:
            return
        if response.success:
            self._finish()
            fields = entering(response, REPLY, copy.destination.party)
            token = self._calls.context.token()
            self._server.respond(
                self._request.response(response.code, to_tag=token, fields=fields, body=response.body)
            )
            return
        code = 480 if response.code < 400 else response.code
        fields = entering(response, REFUSAL, copy.destination.party)
        self._failures.append(replace(outcome_of(code, response.reason, local=response.local), fields=fields))
        if not self._waiting:
            self._refuse(best(self._failures))

    def _refuse(self, outcome: Outcome) -> None:
        """Tell the sender why it does not arrive."""
        self._finish()
        code, reason = towards_caller(outcome, phone=self._sender.internal)
        fields = (*outcome.fields, ALLOW_BUT_MESSAGE) if code == 405 else outcome.fields
        token = self._calls.context.token()
        self._server.respond(self._request.response(code, reason, to_tag=token, fields=fields))

    def _finish(self) -> None:
        """Wait for nothing any more."""
        self._over = True
        if self._timer is not None:
            self._timer.stop()
        for copy in self._waiting:
            copy.forget()
        self._waiting.clear()


class Copy:
    """The message to one place."""

    def __init__(self, relay: MessageRelay, destination: Destination) -> None:
        """Prepare; L{send} sends it."""
        self.destination = destination
        self._relay = relay
        self._call_id = relay.calls.token()
        self._seq = 0
        self._credentials: Sequence[Field] = ()
        self._sent: Request | None = None
        self._way: Flow | None = None
        self._client: IClientTransaction | None = None

    def send(self) -> None:
        """Send it, for the first time or with credentials."""
        self._seq += 1
        layer = self._relay.calls.context.layer
        hear: Callable[[Response], None] = partial(self._relay.calls.run, self._heard)
        self._client = layer.request(self._write, self.destination.target, hear)

    def forget(self) -> None:
        """Nobody wants to know what becomes of it."""
        if self._client is not None:
            self._client.forget()

    def _write(self, flow: Flow, via: str) -> Request:
        """Write it for the hop that it takes."""
        self._way = flow
        request = self._relay.write(self.destination, self._call_id, self._seq, flow, via)
        self._sent = request.with_fields(add=self._credentials)
        return self._sent

    def _heard(self, response: Response) -> None:
        """Take the answer; a trunk may ask for a password once."""
        if response.provisional:
            return
        party = self.destination.party
        if (
            response.code in (401, 407)
            and party.kind == "trunk"
            and self._seq == 1
            and self._sent is not None
        ):
            directory = self._relay.calls.directory
            fields = directory.credentials(party.name, response, self._sent, self._way)
            if fields is not None:
                self._credentials = fields
                self.send()
                return
        self._relay.answered(self, response)
