"""A phone keeps a session alive, or expects to see it kept alive: session timers (RFC 4028)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.testing.changing import Changing
from b2bua.testing.dialog import Field
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.testing.account import Account
    from b2bua.testing.clock import Timer


class Refreshing(Changing):
    """The session timer of one session."""

    def __init__(self, phone: Account, incoming: bool) -> None:
        """No timer runs yet."""
        super().__init__(phone, incoming)
        self.interval = 0
        """The session interval that was agreed on; 0 without a timer."""
        self.we_refresh = False
        self.refreshes = 0
        """How often one of the two sides has refreshed."""
        self._min_se = phone.manners.min_se
        self._timer: Timer | None = None

    def refresh_fields(self) -> list[Field]:
        """Section 7.1 for the first request, section 7.4 for those that refresh."""
        manners = self.phone.manners
        seconds = self.interval or manners.session_expires
        if not seconds:
            return []
        fields = [("Min-SE", str(self._min_se))]
        if self.interval:
            # From where a refresh stands, "uac" is who sends it.
            refresher = "uac" if self.we_refresh else "uas"
            return [("Session-Expires", f"{seconds};refresher={refresher}"), *fields]
        refresher = f";refresher={manners.refresher}" if manners.refresher else ""
        return [("Session-Expires", f"{max(seconds, self._min_se)}{refresher}"), *fields]

    def timer_fields(self, request: Request) -> list[Field]:
        """Section 9: what the UAS decides; it may shorten the interval, but not below Min-SE."""
        wanted, manners = request.session_expires, self.phone.manners
        can, timers = "timer" in request.supported, "timer" in self.phone.supported
        if not timers or (wanted is None and not manners.session_expires):
            return []
        if wanted is None:
            seconds, refresher = manners.session_expires, "uas"
        else:
            seconds, refresher = (
                wanted.seconds,
                wanted.refresher or (manners.refresher or "uac" if can else "uas"),
            )
            if not self.interval and manners.session_expires:
                seconds = min(seconds, max(manners.session_expires, request.min_se or 90))
        self._begin(seconds, refresher == "uas")
        fields = [("Session-Expires", f"{seconds};refresher={refresher}")]
        if refresher == "uac":
            fields.append(("Require", "timer"))
        return fields

    def learn_timer(self, response: Response) -> None:
        """Section 7.2: the 2xx says what was decided."""
        said = response.session_expires
        if said is None or "timer" not in self.phone.supported:
            self.stop_refreshing()
            return
        self._begin(said.seconds, (said.refresher or "uac") == "uac")

    def retry_with_longer_timer(self, response: Response) -> bool:
        """Section 7.3: a 422 says what the least is."""
        least = response.min_se
        if least is None or least <= self._min_se:
            return False
        self._min_se = least
        self.invite_again(self.phone.invite_fields(self))
        return True

    # While it runs

    def _begin(self, seconds: int, we_refresh: bool) -> None:
        self.stop_refreshing()
        if self.state == "over":
            return
        if self.interval:
            self.refreshes += 1
        self.interval, self.we_refresh = seconds, we_refresh
        if we_refresh and self.phone.manners.refreshes:
            self._timer = self.phone.later(seconds / 2, self._refresh)
        else:
            # Section 10: whoever is not the refresher leaves a little earlier.
            early = 0 if we_refresh else min(32.0, seconds / 3)
            self._timer = self.phone.later(seconds - early, self._expired)

    def stop_refreshing(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refresh(self) -> None:
        if self.state != "up":
            return
        # Should all go wrong, the session still has an end.
        self._timer = self.phone.later(self.interval / 2, self._expired)
        if self.asking is not None or self.media.open_exchange():
            self.plan(1.0, "refresh_now")
        else:
            self.refresh_now()

    def refresh_now(self) -> None:
        """Send a refresh (section 7.4)."""
        if self.asking is not None or self.media.open_exchange():
            self.plan(1.0, "refresh_now")
        elif self.phone.manners.refreshes_by == "UPDATE":
            self.update(offer=False)
        else:
            self.reinvite()

    def refreshed_by(self, request: Request) -> None:
        """A request without Session-Expires turns the timer off (section 9)."""
        if request.session_expires is None and self.interval and not self.phone.manners.session_expires:
            self.stop_refreshing()
            self.interval = 0

    def _expired(self) -> None:
        if self.state == "up":
            self.phone.session_expired(self.we_refresh)
            self.send_bye()
