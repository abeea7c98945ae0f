"""A phone registers (RFC 3261 section 10.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.testing.account import Account
from b2bua.testing.clock import Timer
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.testing.dialog import Field


class Registering(Account):
    """The registration of a phone's one account."""

    registered = False
    register_code = 0
    """The last final status of a REGISTER; 408 when none came."""
    expires = 3600
    refreshes_registration = True
    instance = ""
    """Its C{+sip.instance}, if it says one (RFC 5626 section 4.1)."""
    _register_call_id = ""
    _register_cseq = 0
    _register_timer: Timer | None = None
    _register_open = False

    def register(
        self, expires: int | None = None, *, contact: str | None = None, fields: list[Field] | None = None
    ) -> None:
        """
        Send a REGISTER; a challenge is answered.

        @param expires: None takes the usual time.
        @param contact: another Contact than our own; empty sends none.
        """
        if not self._register_call_id:
            self._register_call_id = f"0_{self.token()}@{self.host}"
        seconds = self.expires if expires is None else expires
        value = contact
        if value is None:
            value = f"<{self.contact}>"
            if self.instance:
                value += f';+sip.instance="<{self.instance}>"'
        head: list[Field] = [
            ("Via", self.via()),
            ("Max-Forwards", "70"),
            ("From", f"<{self.aor}>;tag={self.token()}"),
            ("To", f"<{self.aor}>"),
            ("Call-ID", self._register_call_id),
            ("CSeq", f"{self._next_register()} REGISTER"),
            *([("Contact", value)] if value else []),
            ("Expires", str(seconds)),
            ("User-Agent", self.user_agent),
            *(fields or []),
        ]
        self._register_open = True
        self._send_register(Request("REGISTER", f"sip:{self.domain}", head), seconds)

    def unregister(self) -> None:
        """Take the binding back."""
        self.register(0)

    def registration_lost(self) -> None:
        """Register again soon, if we were registered."""
        if self.registered and self.refreshes_registration:
            self.registered = False
            self.later(1.0, self.register)

    def _next_register(self) -> int:
        self._register_cseq += 1
        return self._register_cseq

    def _send_register(self, request: Request, seconds: int) -> None:
        def heard(response: Response | None) -> None:
            if response is not None and response.code in (401, 407):
                again = self.with_credentials(request, response)
                if again is not None:
                    fields = [("Via", self.via()), ("CSeq", f"{self._next_register()} REGISTER")]
                    again = again.with_fields(remove=("Via", "CSeq"), prepend=fields)
                    self._send_register(again, seconds)
                    return
            if response is None or response.code >= 200:
                self._registered(response, seconds)

        self.ask(request, heard)

    def _registered(self, response: Response | None, seconds: int) -> None:
        self._register_open = False
        self.register_code = 408 if response is None else response.code
        if self._register_timer is not None:
            self._register_timer.cancel()
            self._register_timer = None
        self.registered = 200 <= self.register_code < 300 and seconds > 0
        if self.registered and self.refreshes_registration:
            self._register_timer = self.later(seconds / 2, self.register)

    def stop_registering(self) -> None:
        """Refresh no more, so that time can run out."""
        if self._register_timer is not None:
            self._register_timer.cancel()
            self._register_timer = None
