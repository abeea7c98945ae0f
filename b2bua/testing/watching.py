"""A phone watches something: it subscribes, and checks each NOTIFY (RFC 6665 section 4.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from b2bua.testing.dialog import Dialog, Fields
from b2bua.testing.exchange import Asked
from b2bua.testing.surroundings import UNDER_WAY
from b2bua.wire.fields import Event
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.testing.account import Account
    from b2bua.testing.clock import Timer

_VERSION = re.compile(rb"""<[a-z-]+[^<>]*\sversion=["'](\d+)["']""")
SECTION = "RFC 6665 4.2.2"


class Notified(NamedTuple):
    """A NOTIFY that came."""

    at: float
    state: str
    reason: str
    type: str
    body: bytes
    request: Request


class Watching(Dialog):
    """One subscription of a phone."""

    def __init__(
        self,
        phone: Account,
        to: str,
        event: str,
        *,
        at: str = "",
        accept: str = "",
        expires: int | None = 3600,
        fields: Fields = (),
    ) -> None:
        """
        Be ready to subscribe.

        @param at: the Request-URI, of a phone that names whom it watches in To only.
        """
        super().__init__(phone, incoming=False)
        self.to = phone.uri_of(to)
        self.at = at or self.to
        self.event = event
        self.accept = accept
        self.expires = expires
        self.fields = tuple(fields)
        self.state = "new"
        """new, active, or over."""
        self.reason = ""
        """Why it is over: what the last NOTIFY said, or the status that refused it."""
        self.code = 0
        """The last final status of a SUBSCRIBE; 408 when none came."""
        self.answer: Response | None = None
        self.granted = 0
        self.asked: float | None = None
        """When the first SUBSCRIBE was sent."""
        self.notified: list[Notified] = []
        self.replies: int | None = 200
        """What a NOTIFY is answered with; None is silence."""
        self.refreshes = True
        self._version = -1
        self._told_by = ""
        """The tag in From of the last NOTIFY: with another one it is another dialog (section 4.4.1)."""
        self._timer: Timer | None = None

    @property
    def body(self) -> bytes:
        """What is shown: the body of the last NOTIFY."""
        return self.notified[-1].body if self.notified else b""

    @property
    def live(self) -> bool:
        """Does the phone still count on it?"""
        return self.state == "active"

    # What the phone asks for

    def subscribe(self, expires: int | None = None, body: bytes = b"", type: str = "") -> None:
        """Send a SUBSCRIBE, the first one or a refresh; 0 ends it."""
        if self.state == "new":
            phone = self.phone
            self.asked = phone.now()
            self.call_id = self.call_id or f"{phone.token()}@{phone.host}"
            self.local = phone.name_addr
            self.target, self.remote = self.at, f"<{self.to}>"
        wanted = self.expires if expires is None else expires
        head = [("Event", self.event), *self.fields]
        if self.accept:
            head.append(("Accept", self.accept))
        if wanted is not None:
            head.append(("Expires", str(wanted)))
        if type:
            head.append(("Content-Type", type))
        self.ask_as(self.compose("SUBSCRIBE", head, body), self._answered)

    def unsubscribe(self) -> None:
        """End it."""
        if self.live:
            self.stop()
            self.subscribe(0)

    def stop(self) -> None:
        """Refresh it no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def got(self, response: Response) -> None:
        """Keep answers from scripts: they are for us alone."""

    def _answered(self, response: Response | None) -> None:
        if response is not None and response.code < 200:
            return
        self.code = 408 if response is None else response.code
        self.answer = response
        if response is None or not response.success:
            if self.state == "new" or self.code == 481:
                self._over(str(self.code))
            return
        if self.state == "new":
            self.learn_from_response(response)
            self.state = "active"
        self.granted = response.expires or 0
        if response.expires is None:
            self._complain("a 2xx to SUBSCRIBE without Expires", "RFC 6665 4.2.1.1")
        elif self.granted and self.refreshes and self.state == "active":
            self.stop()
            self._timer = self.phone.later(self.granted / 2, self.subscribe)

    # What comes

    def belongs(self, request: Request) -> bool:
        """Is a NOTIFY for us?  The first one may come before the 2xx (section 4.1.2.4)."""
        return (
            request.method == "NOTIFY"
            and request.call_id == self.call_id
            and request.to.tag == self.local_tag
            and (not self.remote_tag or request.from_.tag == self.remote_tag)
        )

    def notify_received(self, asked: Asked) -> None:
        """Check a NOTIFY, and take what it says."""
        request = asked.request
        if self.state == "over":
            asked.respond(request.response(481))
            return
        if self.replies is None:
            asked.end()
            return
        if request.from_.tag != self._told_by:
            self._told_by, self.remote_cseq, self._version = request.from_.tag or "", 0, -1
        if not self.in_order(asked):
            late = self.phone.now() - self.phone.world.died < UNDER_WAY
            if not late and not self._copied(request):
                self._complain(f"NOTIFY with CSeq {request.cseq.number}: too low", "RFC 3261 12.2.1.1")
            return
        if not self._repeated(request):
            self._check(request)
        self.respond(asked, self.replies)
        if self.replies >= 300:
            self._over(str(self.replies))

    def _repeated(self, request: Request) -> bool:
        """Is it the last one again, which the server has sent after us to another connection?"""
        return bool(self.notified) and self.notified[-1].request.cseq == request.cseq

    def _copied(self, request: Request) -> bool:
        """
        Is it one of before once more, of the same transaction (RFC 3261 section 17.2.3)?

        What the server has sent after us to another connection is on its way by two of
        them, and nobody knows which is faster: so one copy may come after newer ones.
        """
        return any(one.request.via.branch == request.via.branch for one in reversed(self.notified))

    def _check(self, request: Request) -> None:
        said = request.subscription_state
        if said is None:
            self._complain("NOTIFY without Subscription-State", SECTION)
            return
        if request.event is None or str(request.event) != str(Event.parse(self.event)):
            self._complain(f"NOTIFY of {request.get('Event')}, not {self.event}", SECTION)
        if said.state == "active" and not said.expires:
            self._complain("an active subscription without the rest of its time", SECTION)
        if said.expires is not None and self.granted and said.expires > self.granted:
            self._complain(f"{said.expires} s left of {self.granted}", SECTION)
        if request.get("Contact") is None:
            self._complain("NOTIFY without Contact", "RFC 6665 8.2")
        if self.state == "new" and self.phone.world.network.faithful:
            self._complain("NOTIFY before the answer to SUBSCRIBE", "RFC 6665 4.2.1.2")
        version = _VERSION.search(request.body)
        if version is not None:
            if int(version[1]) <= self._version:
                self._complain(f"version {version[1].decode()} after {self._version}", "RFC 4235 4.1")
            self._version = int(version[1])
        now = self.phone.now()
        self.notified.append(
            Notified(now, said.state, said.reason, request.content_type, request.body, request)
        )
        if said.state == "terminated":
            self._over(said.reason)

    def _over(self, reason: str) -> None:
        self.state, self.reason = "over", reason
        self.stop()

    def _complain(self, what: str, section: str) -> None:
        self.phone.world.violation(self.phone.name, f"was sent {what}", section)
