"""A phone transfers, is transferred, and is transferred to (RFC 3515, 3891, 5589)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from b2bua.testing.dialog import Field, Fields
from b2bua.testing.exchange import Asked, Asking
from b2bua.testing.refreshing import Refreshing
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.testing.account import Account


class Referring(Refreshing):
    """What a session has to do with transfers, in all three parts."""

    def __init__(self, phone: Account, incoming: bool) -> None:
        """Nobody has been transferred yet."""
        super().__init__(phone, incoming)
        self.refer: Asking | None = None
        self.refer_code = 0
        """The final status of our REFER."""
        self.told: list[int] = []
        """The statuses that NOTIFYs told us about the transfer."""
        self.told_end = False
        """Has a NOTIFY ended the subscription?"""
        self.expects_notify = False
        self._referrer: Referring | None = None
        self._refer_cseq = 0

    # Transferor

    def transfer(
        self, to: str = "", *, replaces: Referring | None = None, fields: Fields = (), early: bool = False
    ) -> None:
        """
        Send a REFER: blind to a number, or attended to the peer of another call.

        @param replaces: our other session, with the party that shall take over.
        @param early: mark the replacement as early-only.
        """
        uri = self.phone.uri_of(to) if to else ""
        if replaces is not None:
            uri = uri or replaces.remote.strip("<>").partition(">")[0].rpartition("<")[2]
            # RFC 3891 section 3: the tags as the far end of that dialog has them.
            value = f"{replaces.call_id};to-tag={replaces.remote_tag};from-tag={replaces.local_tag}"
            uri = f"{uri}?Replaces={quote(value + (';early-only' if early else ''), safe='')}"
        refer_to = f"<{uri}>"
        head: list[Field] = [("Refer-To", refer_to), ("Referred-By", self.phone.name_addr), *fields]
        self.told, self.told_end, self.expects_notify = [], False, True
        self.refer = self.ask("REFER", head, hear=self._refer_answered)
        self._refer_cseq = self.refer.request.cseq.number

    def _refer_answered(self, response: Response | None) -> None:
        self.refer_code = 408 if response is None else response.code
        if self.refer_code >= 300:
            self.expects_notify = False
        elif self.refer_code >= 200 and self.phone.manners.leaves_after_refer == "at once":
            self.hang_up()

    def notify_received(self, asked: Asked) -> None:
        """A NOTIFY tells how the transfer goes."""
        request = asked.request
        if (request.event.package if request.event else "") != "refer":
            if self.phone.manners.replies:
                self.respond(asked, 489)
            return
        line = request.body.decode("utf-8", "replace").split("\r\n")[0].split(" ")
        if len(line) > 1 and line[1].isdigit():
            self.told.append(int(line[1]))
        state = request.subscription_state
        ended = state is not None and state.state == "terminated"
        code = self.phone.manners.notify_code
        if self.phone.manners.replies:
            self.respond(asked, code)
        if code >= 300:
            self.expects_notify = False
        elif ended:
            self.told_end, self.expects_notify = True, False
            self.transfer_ended()

    def transfer_ended(self) -> None:
        """Hang up when it went well; take the call back when it did not."""
        went_well = bool(self.told) and 200 <= self.told[-1] < 300
        if self.state != "up":
            return
        if went_well and self.phone.manners.leaves_after_refer == "final":
            self.hang_up()

    # Transferee

    def refer_received(self, asked: Asked) -> None:
        """The peer wants us to call somebody else."""
        refer_to = asked.request.refer_to
        if refer_to is None:
            self.respond(asked, 400)
            return
        if not self.phone.manners.accepts_refer:
            self.respond(asked, 603)
            return
        self.respond(asked, 202)
        uri, _, rest = refer_to.uri_text.partition("?")
        fields: list[Field] = []
        for header in filter(None, rest.split("&")):
            name, _, value = header.partition("=")
            fields.append((unquote(name), unquote(value)))
        referred_by = asked.request.get("Referred-By")
        if referred_by:
            fields.append(("Referred-By", referred_by))
        self._notify(100, "Trying", ended=False)
        triggered = self.phone.dial(uri, fields=fields)
        triggered.tell_referrer(self)

    def tell_referrer(self, referrer: Referring) -> None:
        """Report to the dialog from which the REFER came."""
        self._referrer = referrer

    def report(self, code: int) -> None:
        """Tell the transferor, if there is one, what became of the call."""
        if self._referrer is not None:
            referrer = self._referrer
            if code >= 200:
                self._referrer = None
            referrer._notify(code, "OK" if code < 300 else "Refused", ended=code >= 200)

    def _notify(self, code: int, reason: str, *, ended: bool) -> None:
        state = "terminated;reason=noresource" if ended else "active;expires=60"
        fields = [
            ("Event", "refer"),
            ("Subscription-State", state),
            ("Content-Type", "message/sipfrag"),
        ]
        self.ask("NOTIFY", fields, f"SIP/2.0 {code} {reason}\r\n".encode())

    # Target

    def take_place_of(self, replaced: Referring, asked: Asked) -> None:
        """RFC 3891 section 3: answer at once, and end the call that is replaced."""
        self.replaces = replaced
        self.answer()
        if replaced.state == "up":
            replaced.send_bye()
        elif replaced.state == "calling":
            replaced.cancel()

    def matches_replaces(self, request: Request) -> bool:
        """RFC 3891 section 3: is this the dialog that the request wants to replace?"""
        wanted = request.replaces
        return (
            wanted is not None
            and wanted.call_id == self.call_id
            and wanted.to_tag == self.local_tag
            and wanted.from_tag == self.remote_tag
        )
