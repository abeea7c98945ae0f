"""
The witness: it reads along at the server's edge and knows the rules.

Every message is looked at as it leaves the server, and as it reaches it, so
that what the network does in between excuses nothing.  What the server sends
must be right by itself (this file), field by field
(L{b2bua.testing.field_grammar}), in its place in the dialog
(L{b2bua.testing.dialog_checks}), and in its offers and answers
(L{b2bua.testing.sdp_checks}).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from b2bua.errors import PeerError
from b2bua.testing.dialog_checks import Talk
from b2bua.testing.field_grammar import SECTION as GRAMMAR
from b2bua.testing.field_grammar import is_request_uri, is_right
from b2bua.testing.network import FIRST_PORT, Address, Packet
from b2bua.testing.seen import Came, Sent
from b2bua.wire.message import Request, Response
from b2bua.wire.parser import parse
from b2bua.wire.registry import canonical
from b2bua.wire.stream import Framer

if TYPE_CHECKING:
    from b2bua.testing.surroundings import Surroundings

_NEEDED = ("Via", "From", "To", "Call-ID", "CSeq")
_WITH_CONTACT = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "REFER", "NOTIFY"})
_IN_DIALOG_ONLY = frozenset({"ACK", "BYE", "PRACK", "UPDATE", "INFO"})
_MARKS = re.compile(rb"(zq\d{3})[0-9a-f]{4}|\b(10\.0\.\d+\.\d+)\b")


PATIENCE = 32.0
"""64*T1: so long the server waits for an answer, and so long it still takes one that is late."""


class Witness:
    """Reads along at the edge of one server."""

    def __init__(self, world: Surroundings, hosts: set[str]) -> None:
        """
        Begin to read along.

        @param hosts: the addresses of the server.
        """
        self.world = world
        self.hosts = hosts
        self.inside = 0.0
        """Seconds that a message takes to another process of the server, and what comes of it back."""
        self.sent: dict[tuple[str, str], Sent] = {}
        self.came: dict[tuple[str, str, str], Came] = {}
        self.talks: dict[tuple[str, str], Talk] = {}
        self.hops: dict[str, int] = {}
        """The Max-Forwards with which a session description came in."""
        self._odd: set[str] = set()
        """Values against the grammar that peers sent: what is repeated of them is not the server's fault."""
        self._closed_from: set[Address] = set()
        self._source: Address = ("", 0)
        self._destination: Address = ("", 0)
        self._framers: dict[tuple[object, ...], Framer] = {}
        world.network.on_send.append(self._leaving)
        world.network.on_arrive.append(self._arriving)
        world.network.on_close.append(self._closed)

    @property
    def newly_connected(self) -> bool:
        """Does what leaves now leave by a connection that the server has opened?"""
        return self._source[1] >= FIRST_PORT

    # Plumbing

    def complain(self, peer: str, what: str, section: str) -> None:
        """Note a broken rule."""
        name = self.world.network.names.get(peer, peer)
        self.world.violation("the server", f"towards {name}: {what}", section)

    def _leaving(self, packet: Packet) -> None:
        if packet.source[0] in self.hosts:
            self._read(packet, "out", self.leaves)

    def _arriving(self, packet: Packet) -> None:
        if packet.destination[0] in self.hosts:
            self._read(packet, "in", self.arrives)

    def _read(self, packet: Packet, way: str, take: Callable[[str, Request | Response, bytes], None]) -> None:
        peer = packet.destination[0] if way == "out" else packet.source[0]
        self._source, self._destination = packet.source, packet.destination
        pieces = [packet.data]
        if packet.transport != "UDP":
            key = (way, packet.source, packet.destination)
            framer = self._framers.setdefault(key, Framer())
            try:
                pieces = [piece for piece in framer.feed(packet.data) if isinstance(piece, bytes)]
            except PeerError:
                pieces = [] if way == "in" else [packet.data]
        for piece in pieces:
            if len(piece) <= 4:
                continue
            try:
                message = self.world.parsed(piece, parse)
                take(peer, message, piece)
            except PeerError as error:
                if way == "out":
                    self.complain(peer, f"sent what is malformed: {error}", error.section)

    def _closed(self, local: Address, remote: Address) -> None:
        """
        What went over a connection that its peer has closed need not come to a good end.

        But an INVITE that was heard of goes on: its answer may take another
        connection.
        """
        self._closed_from.add(local)
        for came in self.came.values():
            if came.source == local and came.final is None and came.request.via.transport != "UDP":
                came.excused = True
        for sent in self.sent.values():
            if sent.destination == local and sent.final is None and sent.request.via.transport != "UDP":
                self._lost(sent)

    def crashed(self) -> None:
        """The server is gone: it answers nothing that came, and hears no answer."""
        for came in self.came.values():
            came.excused = came.excused or came.final is None
            came.orphaned = True
        for sent in self.sent.values():
            sent.orphaned = True
            if sent.final is None:
                sent.given_up = min(sent.given_up, self.world.clock.rightNow)
        for talk in self.talks.values():
            talk.crashed()

    def _lost(self, sent: Sent) -> None:
        """The server hears that the connection of a request is closed."""
        if sent.request.method != "INVITE" or not sent.provisional:
            sent.given_up = min(sent.given_up, self.world.clock.rightNow)
            self.talk(sent.peer, sent.request, outgoing=True).request_lost(sent.request)

    def talk(self, peer: str, message: Request | Response, *, outgoing: bool) -> Talk:
        """Find or begin the dialog of a message."""
        key = (self.world.network.names.get(peer, peer), message.call_id)  # phones may move
        talk = self.talks.get(key)
        if talk is None:
            talk = self.talks[key] = Talk(self, peer, server_called=outgoing)
        return talk

    # What arrives

    def arrives(self, peer: str, message: Request | Response, data: bytes) -> None:
        """Remember what a peer said."""
        self._odd.update(value for name, value in message.fields if not is_right(canonical(name), value))
        branch = message.via.branch
        if isinstance(message, Response):
            sent = self.sent.get((branch, message.cseq.method))
            if sent is None:
                return
            now, first = self.world.clock.rightNow, sent.final is None
            cancel = self.sent.get((message.via.branch, "CANCEL"))
            if cancel is not None:
                sent.given_up = min(sent.given_up, cancel.at + PATIENCE)  # RFC 3261 section 9.1
            if not sent.provisional:
                sent.given_up = min(sent.given_up, sent.at + PATIENCE)  # Timers B and F
            sent.stray = first and now > sent.given_up + PATIENCE
            if message.code < 200:
                sent.provisional = True
            elif first:
                sent.final, sent.finished = message, self.world.clock.rightNow
            if first or (message.success and sent.final is not None and sent.final.success):
                self.talk(peer, message, outgoing=True).answer_came(sent, message, first=first)
            elif message.success and sent.orphaned:
                self.talk(peer, message, outgoing=True).success_after_refusal(message)
            return
        if message.method == "ACK":
            self.talk(peer, message, outgoing=False).ack_came(message)
            return
        key = (peer, branch, message.method)
        if key in self.came:
            return
        came = self.came[key] = Came(message, self.world.clock.rightNow, self._source)
        came.excused = self._source in self._closed_from
        if message.method == "CANCEL":
            return
        self.talk(peer, message, outgoing=False).request_came(came)
        hops = message.max_forwards
        if message.method == "INVITE" and not message.to.tag and hops is not None:
            for port in media_ports(message.body):
                self.hops.setdefault(port, hops)

    # What leaves

    def leaves(self, peer: str, message: Request | Response, data: bytes) -> None:
        """Check what the server says."""
        if isinstance(message, Request):
            self._request_leaves(peer, message, data)
        else:
            self._response_leaves(peer, message, data)

    def _request_leaves(self, peer: str, request: Request, data: bytes) -> None:
        key = (request.via.branch, request.method)
        before = self.sent.get(key)
        if before is not None:
            # After a crash the same INVITE is cancelled once more, with other words (section 9.1).
            if before.data != data and not (request.method == "CANCEL" and before.orphaned):
                self.complain(peer, f"{request.method} uses the branch of another one", "RFC 3261 8.1.1.7")
            return
        self._head(peer, request, data)
        self._request_head(peer, request)
        invite = self.sent.get((request.via.branch, "INVITE"))
        talk = self.talk(peer, request, outgoing=True)
        if request.method == "CANCEL":
            self._cancel(peer, request, invite)
            self.sent[key] = Sent(request, peer, data, self.world.clock.rightNow, self._destination)
        elif request.method == "ACK":
            self.sent[key] = Sent(request, peer, data, self.world.clock.rightNow, self._destination)
            talk.ack_leaves(request, invite)
        else:
            sent = self.sent[key] = Sent(request, peer, data, self.world.clock.rightNow, self._destination)
            talk.request_leaves(sent)
            if self._destination in self._closed_from:
                self._lost(sent)

    def _head(
        self, peer: str, message: Request | Response, data: bytes, echoed: Request | None = None
    ) -> None:
        """
        What every message has to have, and what none may have.

        @param echoed: the request whose fields a response repeats, whatever is in them.
        """
        for name in _NEEDED:
            if message.get(name) is None:
                self.complain(peer, f"a message without {name}", "RFC 3261 8.1.1")
        self._grammar(peer, message)
        if message.body and not message.get("Content-Type"):
            self.complain(peer, "a body without Content-Type", "RFC 3261 20.15")
        length = message.get("Content-Length")
        if length is not None and int(length) != len(message.body):
            self.complain(peer, f"Content-Length {length} for {len(message.body)} bytes", "RFC 3261 20.14")
        head, _, body = data.partition(b"\r\n\r\n")
        origin = next((line for line in body.split(b"\r\n") if line.startswith(b"o=")), b"")
        if message.cseq.method == "REGISTER":
            return  # its 200 lists all contacts of the user
        known = {self.world.mark_of(peer), *map(self.world.mark_of, self.hosts), *self.hosts}
        known |= self.world.hosts_of(peer)
        for line in (*head.split(b"\r\n"), origin):
            if any((mark or host).decode() not in known for mark, host in _MARKS.findall(line)):
                name, _, value = line.decode().partition(": ")
                if echoed is not None and value.split(";tag=")[0] in (echoed.get(name) or ""):
                    continue
                self.complain(peer, f"leaks another party's identifier: {line.decode()}", "RFC 7092 3")

    def _grammar(self, peer: str, message: Request | Response) -> None:
        """Every field, and the Request-URI; what is repeated as a peer has written it is the peer's."""
        for name, value in message.fields:
            if not is_right(canonical(name), value) and not self._is_repeated(value):
                self.complain(peer, f"malformed: {name}: {value}", GRAMMAR)
        uri = message.uri if isinstance(message, Request) else "sip:none"
        if not is_request_uri(uri) and not self._is_repeated(uri):
            self.complain(peer, f"malformed Request-URI: {uri}", GRAMMAR)

    def _is_repeated(self, text: str) -> bool:
        """Has a peer written it like that, but for the tag that the server adds?"""
        said = text.rsplit(";tag=", 1)[0]
        return any(said in odd for odd in self._odd)

    def _request_head(self, peer: str, request: Request) -> None:
        method = request.method
        if len(request.vias) != 1:
            self.complain(peer, f"{method} with {len(request.vias)} Via", "RFC 3261 8.1.1.7")
        if request.via.host not in self.hosts | {self.world.domain}:
            self.complain(peer, f"{method} with a foreign Via", "RFC 3261 18.1.1")
        if not request.via.branch.startswith("z9hG4bK"):
            self.complain(peer, f"{method} without the magic cookie", "RFC 3261 8.1.1.7")
        if request.max_forwards is None:
            self.complain(peer, f"{method} without Max-Forwards", "RFC 3261 8.1.1.6")
        if not request.from_.tag:
            self.complain(peer, f"{method} without a tag in From", "RFC 3261 8.1.1.3")
        if len(request.all("Privacy")) > 1:
            self.complain(peer, f"{method} with more than one Privacy", "RFC 3323 4.2")
        if method in _WITH_CONTACT:
            self._contact(peer, request, method)
        if method in _IN_DIALOG_ONLY and not request.to.tag:
            self.complain(peer, f"{method} outside of a dialog", "RFC 3261 12.2.1.1")
        if method == "INVITE" and not request.to.tag:
            self._max_forwards(peer, request)

    def _contact(self, peer: str, message: Request | Response, title: str) -> None:
        contacts = message.contacts
        if len(contacts) != 1:
            self.complain(peer, f"{title} with {len(contacts)} Contact", "RFC 3261 8.1.1.8")
        elif contacts[0].uri.host not in self.hosts | {self.world.domain}:
            self.complain(peer, f"{title} with a Contact that is not the server's", "RFC 3261 8.1.1.8")

    def _max_forwards(self, peer: str, request: Request) -> None:
        came_with = [self.hops[port] for port in media_ports(request.body) if port in self.hops]
        if came_with and (request.max_forwards or 0) >= min(came_with):
            self.complain(peer, "Max-Forwards did not become less", "RFC 7332 5")

    def _cancel(self, peer: str, request: Request, invite: Sent | None) -> None:
        """Section 9.1."""
        section = "RFC 3261 9.1"
        if invite is None:
            self.complain(peer, "CANCEL for no INVITE", section)
            return
        was = invite.request
        if not invite.provisional:
            self.complain(peer, "CANCEL before a provisional response", section)
        crosses = self.world.clock.rightNow - invite.finished <= self.inside
        if invite.final is not None and not invite.orphaned and not crosses:
            self.complain(peer, "CANCEL after the final response", section)
        same = (
            request.uri == was.uri
            and request.get("To") == was.get("To")
            and request.get("From") == was.get("From")
            and request.cseq.number == was.cseq.number
            and request.all("Route") == was.all("Route")
        )
        if not same:
            self.complain(peer, "CANCEL differs from its INVITE", section)
        if request.get("Require") or request.get("Proxy-Require"):
            self.complain(peer, "CANCEL with Require", section)

    def _response_leaves(self, peer: str, response: Response, data: bytes) -> None:
        method = response.cseq.method
        came = self.came.get((peer, response.via.branch, method))
        if came is None:
            if response.code < 300 and response.code != 100:
                self.complain(peer, f"{response.code} to a request that never came", "RFC 3261 8.2.6")
            return
        final = came.final
        if final is not None:
            # What has overtaken the 2xx finds no dialog, and may find it when it comes again.
            excused = (
                final.code == 481 or came.orphaned or self.world.clock.rightNow > came.answered + PATIENCE
            )
            several = len(self.hosts) > 1
            if not excused and _but_nonce(final, several) != _but_nonce(response, several):
                self.complain(peer, f"{response.code} after {final.code} to {method}", "RFC 3261 17.2.1")
            return
        if response in came.answers:
            return  # sent again
        self._head(peer, response, data, echoed=came.request)
        self._response_head(peer, response, came.request)
        came.answers.append(response)
        if response.code >= 200:
            came.answered = self.world.clock.rightNow
        if method != "CANCEL":
            self.talk(peer, response, outgoing=False).answer_leaves(came, response)

    def _response_head(self, peer: str, response: Response, request: Request) -> None:
        """Section 8.2.6.2: what is copied, and what is added."""
        title = f"{response.code} to {request.method}"
        section = "RFC 3261 8.2.6.2"
        if len(response.vias) != len(request.vias):
            self.complain(peer, f"{title} with {len(response.vias)} Via", section)
        if str(response.from_) != str(request.from_) or response.cseq != request.cseq:
            self.complain(peer, f"{title} changes From or CSeq", section)
        tag = request.to.tag
        if tag and response.to.tag != tag:
            self.complain(peer, f"{title} changes the tag of To", section)
        if response.code > 100 and not response.to.tag:
            self.complain(peer, f"{title} without a tag in To", section)
        if request.method != "INVITE":
            if 100 < response.code < 200:
                self.complain(peer, f"{title}: only 100 is allowed", "RFC 4320 4.1")
            if response.code == 408:
                self.complain(peer, f"{title}: never 408", "RFC 4320 4.2")
        elif 100 < response.code < 300:
            self._contact(peer, response, title)
        for code, name in ((420, "Unsupported"), (405, "Allow"), (423, "Min-Expires"), (422, "Min-SE")):
            if response.code == code and response.get(name) is None:
                self.complain(peer, f"{title} without {name}", f"RFC 3261 21.4 {name}")
        if response.code in (401, 407) and not response.challenges:
            self.complain(peer, f"{title} without a challenge", "RFC 3261 22.2")

    # The end

    def conclude(self) -> None:
        """Everything is over: what is missing now will never come."""
        for (peer, _branch, method), came in self.came.items():
            if came.final is None and not came.excused and not self.world.may_be_unanswered(peer):
                self.complain(peer, f"{method} was never answered", "RFC 3261 8.2")
        for talk in self.talks.values():
            talk.conclude()


def media_ports(body: bytes) -> list[str]:
    """Find the ports of the audio streams that a description names."""
    return [port.decode() for port in re.findall(rb"\nm=audio (\d+) ", body) if port != b"0"]


def _but_nonce(response: Response, several: bool) -> Response:
    """
    What of an answer is the same each time, if nothing is kept of the request (section 8.2.7).

    Its Via names the port from which the request came, which a router may have changed.

    @param several: are there several servers?  Each challenges by a To tag of its own, and the call that an
        INVITE with Replaces names may be moved between two copies of that.
    """
    own = ["WWW-Authenticate", "Via", *(["To"] if several else [])]
    return response.with_fields(remove=own) if response.code == 401 else response
