"""The rules for a dialog as it is seen at the server's edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from b2bua.testing.sdp_checks import Exchange
from b2bua.testing.subscription_checks import Notifications
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.testing.seen import Came, Sent
    from b2bua.testing.surroundings import Surroundings

_AFTER_THE_END = frozenset({"NOTIFY", "ACK", "CANCEL", "PRACK"})


class Reader(Protocol):
    """Who reads along."""

    world: Surroundings
    inside: float
    """Seconds that a message takes to another process of the server, and what comes of it back."""

    @property
    def newly_connected(self) -> bool:
        """Does what leaves now leave by a connection that the server has opened?"""

    def complain(self, peer: str, what: str, section: str) -> None:
        """Note a broken rule."""


class Talk:
    """
    All that goes between the server and one peer under one Call-ID.

    C{server_called} tells who began; a forked INVITE of the server may have
    several far ends, told apart by their tags.
    """

    def __init__(self, witness: Reader, peer: str, server_called: bool) -> None:
        """Begin with the first message."""
        self._witness = witness
        self.peer = peer
        self.server_called = server_called
        self.exchange = Exchange(self.complain)
        self.notifications = Notifications(self.complain, self._reaches)
        self.last_cseq: dict[tuple[str, str], int] = {}
        """The last CSeq number of the server, by its own tag and the peer's."""
        self.forgotten: set[str] = set()
        """Those with whom there were dialogs when the server crashed; the empty one says that it has."""
        self.up: set[str] = set()
        """The peer's tags with which there was a 2xx to an INVITE."""
        self.stray: set[str] = set()
        """The peer's tags in dialogs whose INVITE was forgotten when they began."""
        self.over: set[str] = set()
        self._bye_came: dict[str, float] = {}
        """When the peer's BYE came, by the tag of the peer."""
        """The peer's tags with which a BYE went or came."""
        self.bye_out: dict[str, Sent] = {}
        """The server's last BYE, by the peer's tag."""
        self.invite_out: Sent | None = None
        self.invite_in: Came | None = None
        self.unacked_in: dict[tuple[str, int], Response] = {}
        """The peer's 2xx that the server has not acknowledged, by tag and CSeq."""
        self.unacked_before: set[tuple[str, int]] = set()
        """Those that came before a crash: another server, by whose socket they came, may know them."""
        self.acked: dict[tuple[str, int], Request] = {}
        """The server's ACKs of 2xx, by the peer's tag and CSeq."""
        self.acked_before: set[tuple[str, int]] = set()
        """Those of a server that has crashed since: the next one knows whether they owe an answer."""
        self.unacked_out: dict[int, float] = {}
        """When the server sent a 2xx whose ACK has not come, by CSeq."""
        self.reliable_out: dict[int, Response] = {}
        """The server's reliable responses that have not been acknowledged, by RSeq."""
        self.last_rseq: dict[str, int] = {}
        self.reliable_in: set[tuple[str, int]] = set()

    def complain(self, what: str, section: str) -> None:
        """Note a broken rule."""
        self._witness.complain(self.peer, what, section)

    def _reaches(self, sent: Sent) -> bool:
        """Is there somebody where a request went?  If not, ICMP says so before its time is over."""
        return sent.destination in self._witness.world.network.endpoints

    @property
    def now(self) -> float:
        """Look at the clock."""
        return self._witness.world.clock.rightNow

    def crashed(self) -> None:
        """The server is gone, and with it what it owed; the next one may not know what is over."""
        self.forgotten |= self.over | self.up | {""}
        self.unacked_before |= self.unacked_in.keys()
        self.acked_before |= self.acked.keys()
        self.unacked_in.clear()
        self.unacked_out.clear()
        self.reliable_in.clear()
        self.exchange.crashed()
        self.notifications.crashed(self.now)

    # What the server asks

    def request_leaves(self, sent: Sent) -> None:
        """A new request of the server, neither ACK nor CANCEL."""
        request = sent.request
        method, tag = request.method, request.to.tag
        ours = request.from_.tag
        last = self.last_cseq.get((ours, tag), self.last_cseq.get((ours, ""), 0))
        if request.cseq.number <= last:
            self.complain(f"{method} with CSeq {request.cseq.number} after {last}", "RFC 3261 12.2.1.1")
        self.last_cseq[ours, tag] = request.cseq.number
        # What waited for a connection to open was said before it left.
        before = self.bye_out.get(tag)
        again = method == "BYE" and before is not None and before.final is None
        if (
            tag in self.over
            and tag not in self.forgotten
            and method not in _AFTER_THE_END
            and not self._witness.newly_connected
            # A BYE that was lost with its connection may go again by another.
            and not again
            and not self._crosses(tag, method)
        ):
            self.complain(f"{method} in a dialog that is over", "RFC 3261 15")
        if method == "INVITE":
            self._invite_leaves(sent, tag)
        elif method == "BYE":
            self._bye_leaves(tag)
        elif method == "PRACK":
            self._prack_leaves(request, tag)
        elif method == "NOTIFY" and tag:
            self.notifications.leaves(sent)
        self.exchange.request_leaves(request)
        if method == "BYE":
            self.over.add(tag)
            self.bye_out[tag] = sent

    def _invite_leaves(self, sent: Sent, tag: str) -> None:
        if tag:
            out, came = self.invite_out, self.invite_in
            if out is not None and out.final is None and self.now < out.given_up:
                self.complain("re-INVITE while its own is open", "RFC 3261 14.1")
            elif out is not None and out.final is None:
                self.exchange.offer_lost(out.request)  # it was given up
            crosses = came is not None and self.now - came.at <= self._witness.inside
            if came is not None and came.final is None and not came.orphaned and not crosses:
                self.complain("re-INVITE while the peer's is open", "RFC 3261 14.1")
        self.invite_out = sent

    def _bye_leaves(self, tag: str) -> None:
        """Section 15: the callee may not, before its 2xx is acknowledged or will never be."""
        if self.server_called or self.forgotten:
            return
        if tag not in self.up:
            self.complain("BYE to a caller who was not answered", "RFC 3261 15")
        elif any(self.now - at < 32.0 - 0.1 for at in self.unacked_out.values()):
            self.complain("BYE before the ACK", "RFC 3261 15")

    def _prack_leaves(self, request: Request, tag: str) -> None:
        rack = request.rack
        if rack is None or (tag, rack.rseq) not in self.reliable_in:
            self.complain("PRACK for nothing", "RFC 3262 4")
        else:
            self.reliable_in.discard((tag, rack.rseq))

    def request_lost(self, request: Request) -> None:
        """A request of the server got lost with its connection, and may be sent again by another."""
        self.exchange.offer_lost(request)
        if request.method == "PRACK" and request.rack is not None:
            self.reliable_in.add((request.to.tag, request.rack.rseq))

    def ack_leaves(self, ack: Request, invite: Sent | None) -> None:
        """Sections 17.1.1.3 and 13.2.2.4."""
        tag, number = ack.to.tag, ack.cseq.number
        if invite is not None:
            final = invite.final
            if final is None or final.code < 300:
                self.complain("ACK with the branch of an INVITE that was not refused", "RFC 3261 13.2.2.4")
            elif str(final.to) != str(ack.to):
                self.complain("ACK of a refusal with another To", "RFC 3261 17.1.1.3")
            return
        before = self.acked.get((tag, number))
        if before is not None:
            anew = (tag, number) in self.acked_before
            if bool(before.body) != bool(ack.body) if anew else before.body != ack.body:
                self.complain("a repeated ACK differs from the first", "RFC 3261 13.2.2.4")
            if anew:
                self.acked_before.discard((tag, number))
                self.acked[tag, number] = ack
            return
        if (tag, number) not in self.unacked_in and (tag, number) not in self.unacked_before:
            self.complain("ACK for a 2xx that never came", "RFC 3261 13.2.2.4")
        self.acked[tag, number] = ack
        self.unacked_in.pop((tag, number), None)
        self.exchange.ack_leaves(ack)

    def success_after_refusal(self, response: Response) -> None:
        """A peer that had refused answers after all, and who knew of the refusal has crashed."""
        self.unacked_before.add((response.to.tag, response.cseq.number))

    def answer_came(self, sent: Sent, response: Response, *, first: bool) -> None:
        """An answer to a request of the server."""
        method, tag = sent.request.method, response.to.tag
        owed = first
        if method == "INVITE":
            if response.success:
                which = tag, response.cseq.number
                if which not in self.acked:
                    # Who has forgotten it in a crash gets it once more, with its offer (section 13.3.1.4).
                    owed = first or (bool(self.forgotten) and which not in self.unacked_in)
                    self.unacked_in[which] = response
                self.up.add(tag)
                if sent.stray or sent.orphaned:
                    self.stray.add(tag)
                # Whatever went before in early dialogs, CSeq goes on from there.
                self.last_cseq.setdefault((sent.request.from_.tag, tag), sent.request.cseq.number)
            elif response.code < 200 and response.rseq is not None:
                self.reliable_in.add((tag, response.rseq))
                self.last_cseq.setdefault((sent.request.from_.tag, tag), sent.request.cseq.number)
        if owed:
            self.exchange.answer_came(sent.request, response)

    # What the peer asks

    def _crosses(self, tag: str, method: str) -> bool:
        """
        Has the peer's BYE only just come, so that who answers for the dialog may not have it yet?

        It is a word between two servers away; a single one has it, but its BYE may be on its way.
        """
        inside = self._witness.inside
        if method != "BYE" and not inside:
            return False
        return self.now - self._bye_came.get(tag, -1.0) <= inside

    def request_came(self, came: Came) -> None:
        """A new request of the peer, neither ACK nor CANCEL."""
        request = came.request
        if request.method == "INVITE":
            if self.invite_in is None or self.invite_in.final is not None:
                self.invite_in = came
        elif request.method == "BYE" and request.to.tag:
            self.over.add(request.from_.tag)
            self._bye_came[request.from_.tag] = self.now
        elif request.method == "PRACK" and request.rack is not None:
            self.reliable_out.pop(request.rack.rseq, None)

    def ack_came(self, ack: Request) -> None:
        """The peer's ACK, for a 2xx or for a refusal."""
        if self.unacked_out.pop(ack.cseq.number, None) is not None:
            self.exchange.ack_came(ack)

    def answer_leaves(self, came: Came, response: Response) -> None:
        """An answer of the server."""
        request = came.request
        if request.method == "INVITE":
            self._invite_answered(request, response)
        elif request.method == "SUBSCRIBE":
            self.notifications.subscribed(request, response)
        self.exchange.answer_leaves(request, response)

    def _invite_answered(self, request: Request, response: Response) -> None:
        if 100 < response.code < 200:
            self._reliability(request, response)
        elif response.success:
            self.up.add(request.from_.tag)
            self.unacked_out[request.cseq.number] = self.now
            early = [one for one in self.reliable_out.values() if one.to.tag == response.to.tag]
            if any(open_one.body for open_one in early):
                self.complain("2xx before the PRACK for SDP", "RFC 3262 3")
            said = response.session_expires
            if said is not None and said.refresher == "uac" and "timer" not in response.require:
                self.complain("refresher=uac without Require: timer", "RFC 4028 9")

    def _reliability(self, request: Request, response: Response) -> None:
        """RFC 3262 section 3."""
        reliable = "100rel" in response.require
        if not reliable:
            if "100rel" in request.require:
                self.complain(f"{response.code} is not reliable as required", "RFC 3262 3")
            return
        if "100rel" not in request.supported | request.require:
            self.complain(f"reliable {response.code} to a peer that cannot PRACK", "RFC 3262 3")
        number, tag = response.rseq or 0, response.to.tag
        if self.reliable_out.get(number) == response:
            return  # once more, since no PRACK has come
        # Each early dialog counts for itself, as if a proxy had forked (RFC 3261 section 12.1).
        last = self.last_rseq.get(tag)
        if last is None and any(one.to.tag == tag for one in self.reliable_out.values()):
            self.complain("a second reliable response before the first PRACK", "RFC 3262 3")
        if last is not None and number != last + 1:
            self.complain(f"RSeq {number} after {last}", "RFC 3262 3")
        self.last_rseq[tag] = number
        self.reliable_out[number] = response

    # The end

    def conclude(self) -> None:
        """Everything is over: every 2xx was acknowledged, and every dialog ended."""
        if self._witness.world.may_be_unanswered(self.peer):
            return
        for tag, number in self.unacked_in:
            if tag in self.stray:
                continue
            self.complain(f"2xx (CSeq {number}, tag {tag}) was never acknowledged", "RFC 3261 13.2.2.4")
        for tag in sorted(self.up - self.over - self.stray - self.forgotten):
            self.complain(f"the dialog with tag {tag} has no end", "RFC 3261 15")
