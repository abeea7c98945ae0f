"""What a session of a phone knows, and how it ends (RFC 3261 sections 9 and 15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.testing.dialog import Dialog, Field, Fields
from b2bua.testing.exchange import Asked, Asking
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.testing.account import Account
    from b2bua.testing.clock import Timer


class Life(Dialog):
    """The state of an INVITE session from its beginning to its end."""

    def __init__(self, phone: Account, incoming: bool) -> None:
        """Begin with nothing said."""
        super().__init__(phone, incoming)
        self.state = "new"
        """new, calling, called, up or over."""
        self.why = ""
        """How it ended: bye, cancelled, refused, timeout, lost, replaced."""
        self.media = phone.describes(phone, phone.kinds)
        self.media.short = phone.manners.short_answers
        self.invite: Request | None = None
        """The INVITE that began it."""
        self.asking: Asking | None = None
        """Our INVITE or re-INVITE that has no final answer yet."""
        self.asked: Asked | None = None
        """The peer's INVITE or re-INVITE; kept until it has been acknowledged."""
        self.code = 0
        """The last status of our first INVITE; 408 also when none came."""
        self.codes: list[int] = []
        self.dialled = ""
        self.began = phone.now()
        self.since = 0.0
        """When it was answered."""
        self.clocks: list[Timer] = []
        """What it means to do by itself, later."""
        self.cancelled = False
        self.confirmed = False
        """Has the ACK for our first 2xx come?"""
        self.ack_cseq = 0
        self.last_ack: Request | None = None
        self.owed_answer: bytes | None = None
        """The offer of a 2xx that our ACK has to answer."""
        self.bye: Asking | None = None
        self.replaces: Life | None = None
        """The session that this one takes the place of, at the target of a transfer."""

    def plan(self, seconds: float | None, deed: str, *arguments: object) -> None:
        """Do something later, if we are not over by then."""
        if seconds is None:
            return

        def act() -> None:
            if self.state != "over":
                getattr(self, deed)(*arguments)

        self.clocks.append(self.phone.later(seconds, act))

    # Ending it

    def hang_up(self, fields: Fields = ()) -> None:
        """End it in the way that its state asks for."""
        if self.state == "calling":
            self.cancel(fields)
        elif self.state == "called":
            self.refuse(self.phone.refuse_code)
        elif self.state == "up":
            if not self.confirmed and self.incoming and not self.phone.manners.by_hand:
                # Section 15: not before the ACK has come, or can no longer come.
                self.cancelled = True
                return
            self.send_bye(fields)

    def send_bye(self, fields: Fields = ()) -> None:
        """
        Send a BYE, whatever the state.

        A re-INVITE that rings is the peer's to cancel; one whose CANCEL never
        arrives gets its final response all the same, as after a BYE of the peer (section 15.1.2).
        """
        self.bye = self.ask("BYE", fields)
        self.finish("bye")
        if self.asked is not None and not self.asked.final:
            self.phone.later(64 * self.phone.t1, self._answer_what_is_open)

    def finish(self, why: str) -> None:
        """Note that nothing more will come of it."""
        if self.state == "over":
            return
        self.state, self.why = "over", why
        for timer in self.clocks:
            timer.cancel()
        self.clocks.clear()
        self.stop_refreshing()
        if self.asking is not None:
            self.asking.expect_soon()  # its answer may have been lost with the dialog
        self.media.dropped()
        self.phone.session_over(self)

    def bye_received(self, asked: Asked) -> None:
        """Section 15.1.2: answer it, and 487 what is still open."""
        self.respond(asked, 200)
        self.ended_by_peer()

    def ended_by_peer(self) -> None:
        """Answer with 487 whatever request of the peer is still open."""
        self._answer_what_is_open()
        self.finish("bye")

    def _answer_what_is_open(self) -> None:
        if self.asked is not None and not self.asked.final:
            self.respond(self.asked, 487)

    # Said by those who inherit

    def cancel(self, fields: Fields = ()) -> None:
        """Give up a call that has not been answered."""
        raise NotImplementedError

    def refuse(self, code: int, fields: Fields = (), reason: str = "") -> None:
        """Refuse a call."""
        raise NotImplementedError

    def refresh_fields(self) -> list[Field]:
        """Say what a request of ours tells of the session timer."""
        return []

    def stop_refreshing(self) -> None:
        """Stop the session timer, if one runs."""

    def learn_timer(self, response: Response) -> None:
        """Take what a 2xx of the peer says of the session timer."""
