"""
The session timer of one dialog (RFC 4028), pure: values in, values out.

What one leg agrees on never reaches the other one: each is negotiated by
itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

from b2bua.wire.fields import SessionExpires

if TYPE_CHECKING:
    from b2bua.wire.message import Field, Request, Response

SMALLEST = 90
"""No interval is shorter, and Min-SE means this when it is absent (section 5)."""


@final
@dataclass(frozen=True, slots=True)
class TooBrief:
    """The session interval of a request is too small: refuse it with 422 (section 9)."""

    min_se: int

    @property
    def fields(self) -> tuple[Field, ...]:
        """What the 422 says."""
        return (("Min-SE", str(self.min_se)),)


@dataclass(frozen=True, slots=True)
class SessionTimer:
    """What was agreed on last, and what to ask for next."""

    wanted: int
    """The interval that we ask for in seconds; 0 asks for none."""
    ours: int = SMALLEST
    """The smallest interval that we take."""
    interval: int = 0
    """The session interval in force; 0 while there is none."""
    refreshing: bool = False
    """Is it us who refresh?"""
    min_se: int = 0
    """The largest Min-SE that was ever received in this dialog (section 7.4); 0 for none."""

    @property
    def delay(self) -> float:
        """
        Seconds from the 2xx until something is due; 0 for never.

        The refresher refreshes at half the interval (section 7.2); the other
        side gives up a little before the end (section 10).
        """
        if not self.interval:
            return 0.0
        if self.refreshing:
            return self.interval / 2
        return self.deadline

    @property
    def deadline(self) -> float:
        """Seconds from the 2xx until the side that does not refresh gives up (section 10)."""
        return self.interval - min(32.0, self.interval / 3)

    def asking(self) -> tuple[Field, ...]:
        """Give the fields of an INVITE or UPDATE of ours (sections 7.1 and 7.4)."""
        wanted = self.interval or self.wanted
        fields: list[Field] = []
        if wanted:
            value = SessionExpires(max(wanted, self.min_se, SMALLEST), self._role)
            fields.append(("Session-Expires", str(value)))
        if self.min_se:
            fields.append(("Min-SE", str(self.min_se)))
        elif wanted and self.ours > SMALLEST:
            fields.append(("Min-SE", str(min(self.ours, max(wanted, SMALLEST)))))
        return tuple(fields)

    @property
    def _role(self) -> str:
        """The role that we keep in a refresh; open in the first request (sections 7.1, 7.4)."""
        if not self.interval:
            return ""
        return "uac" if self.refreshing else "uas"

    def refused(self, response: Response) -> SessionTimer | None:
        """
        Take a 422: what to try again with (section 7.3).

        @return: None when the 422 names no Min-SE, or none that we did not
            know: the request would fail again.
        """
        least = response.min_se or 0
        if least <= max(self.min_se, SMALLEST if self.min_se else 0):
            return None
        return replace(self, min_se=least)

    def agreed(self, response: Response) -> SessionTimer:
        """
        Take a 2xx to a request of ours (section 7.2).

        An unasked Session-Expires is obeyed.  Without one there is no timer:
        a peer who knows nothing of session timers needs none from us, since we
        find out that it is gone in other ways.
        """
        found = response.session_expires if "Session-Expires" in response.first else None
        if found is None or found.seconds == 0:
            return replace(self, interval=0, refreshing=False) if self.interval else self
        return replace(
            self,
            interval=max(found.seconds, SMALLEST),
            # The parameter is mandatory here; we are the one to refresh if it is missing.
            refreshing=found.refresher != "uas",
        )

    def answer(self, request: Request) -> SessionTimer | TooBrief:
        """
        Take an INVITE or UPDATE of the peer (section 9).

        A value may go down to Min-SE, but never up.
        """
        found = request.session_expires if "Session-Expires" in request.first else None
        least = max(self.min_se, request.min_se or 0) if "Min-SE" in request.first else self.min_se
        knows = _knows(request)
        if found is not None and found.seconds < self.ours and knows:
            return TooBrief(self.ours)
        if found is None:
            if not knows or not self.wanted:
                if not self.interval and least == self.min_se:
                    return self
                return replace(self, interval=0, refreshing=False, min_se=least)
            interval = max(self.wanted, least, SMALLEST)
            return replace(
                self, interval=interval, refreshing=self._refresher(request) == "uas", min_se=least
            )
        interval = found.seconds
        if self.wanted and self.wanted < interval:
            interval = max(self.wanted, least or SMALLEST)
        interval = max(min(interval, found.seconds), SMALLEST) if knows else max(interval, SMALLEST)
        return replace(self, interval=interval, refreshing=self._refresher(request) == "uas", min_se=least)

    def _refresher(self, request: Request) -> str:
        """Decide who refreshes, by table 2; a choice of the client stands."""
        found = request.session_expires
        if not _knows(request):
            return "uas"
        if found is not None and found.refresher:
            return found.refresher
        if self.interval:
            return "uas" if self.refreshing else "uac"
        return "uac"

    def answering(self, request: Request) -> tuple[Field, ...]:
        """Give the fields of our 2xx, once L{answer} has decided (section 9)."""
        if not self.interval:
            return ()
        value = SessionExpires(self.interval, "uas" if self.refreshing else "uac")
        fields: tuple[Field, ...] = (("Session-Expires", str(value)),)
        if not self.refreshing or _knows(request):
            # A must when the client refreshes, a should when it knows of timers.
            fields += (("Require", "timer"),)
        return fields


def _knows(request: Request) -> bool:
    """Does the peer know session timers?"""
    return "timer" in request.supported or ("Require" in request.first and "timer" in request.require)
