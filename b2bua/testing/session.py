"""One call as a phone sees it: where requests of the peer go, and who is told."""

from __future__ import annotations

from b2bua.testing.exchange import Asked
from b2bua.testing.referring import Referring
from b2bua.wire.message import Request


class Session(Referring):
    """
    A call of a phone.

    The files of its bases follow its life: L{b2bua.testing.dialog},
    C{life}, C{dialing}, C{answering}, C{changing}, C{refreshing}, C{referring}.
    """

    def __repr__(self) -> str:
        """For failed assertions."""
        way = "from" if self.incoming else "to"
        return f"<Session of {self.phone.name} {way} {self.dialled or self.remote}: {self.state} {self.why}>"

    @property
    def busy(self) -> bool:
        """Is an exchange open, so that another change would be bad manners?"""
        return (
            self.asking is not None
            or self.media.open_exchange()
            or (self.asked is not None and not self.asked.final)
            or bool(self.unacked)
            or self._updating
        )

    @property
    def agreed_early(self) -> bool:
        """Was an offer answered reliably, so that an UPDATE may follow (RFC 3311 section 5.1)?"""
        return bool(self.answers) or self.pracked

    def belongs(self, request: Request) -> bool:
        """Section 12.2.2: is this request sent within our dialog?"""
        return (
            request.call_id == self.call_id
            and request.to.tag == self.local_tag
            and (not self.remote_tag or request.from_.tag in {self.remote_tag, *self.early})
        )

    def request_received(self, asked: Asked) -> None:
        """A request within the dialog."""
        request = asked.request
        if not self.in_order(asked):
            return
        match request.method:
            case "BYE":
                self.phone.got(request, self, asked)
                if self.phone.manners.replies:
                    self.bye_received(asked)
                else:
                    self.ended_by_peer()
            case "PRACK":
                self.phone.got(request, self, asked)
                self.prack_received(asked)
            case "NOTIFY":
                self.phone.got(request, self, asked)
                self.notify_received(asked)
            case _ if self.state == "over":
                self.respond(asked, 481)
            case "INVITE":
                self.phone.got(request, self, asked)
                self.reinvite_received(asked)
            case "UPDATE":
                self.phone.got(request, self, asked)
                self.update_received(asked)
            case "REFER":
                self.phone.got(request, self, asked)
                if self.phone.manners.replies:
                    self.refer_received(asked)
            case _:
                self.phone.got(request, self, asked)
                if self.phone.manners.replies:
                    self.respond(asked, 200)

    # People

    def talks_to(self, other: Session) -> bool:
        """Do the two hear each other, as far as their descriptions say?"""
        return self.hears(other) and other.hears(self)

    def hears(self, other: Session) -> bool:
        """Does what the other session sends arrive where we listen?"""
        if self.state == "over" or other.state == "over":
            return False
        to = self.phone.world.relays.heard_at(other.media.sends_to())
        return to is not None and to == self.media.receives_at()
