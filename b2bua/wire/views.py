"""
Typed views of header fields.

A view is parsed when it is first asked for and remembered from then on.
"""

from __future__ import annotations

from datetime import datetime

from b2bua.errors import PeerError
from b2bua.wire.careful import too_many
from b2bua.wire.digest import AuthenticationInfo, Challenge, Credentials
from b2bua.wire.fields import (
    CSeq,
    Event,
    Info,
    Join,
    RAck,
    Reason,
    Replaces,
    RetryAfter,
    SessionExpires,
    SubscriptionState,
    TargetDialog,
    Via,
    WarningText,
    parse_date,
    parse_delta,
)
from b2bua.wire.lookup import Field, Fields, media_types, optional, view
from b2bua.wire.names import NameAddr, parse_again

__all__ = ["Field", "Message", "view"]

_BYTES = {str(number): number for number in range(256)}


class Message(Fields):
    """
    A request or a response.

    A field that is absent reads as None or as empty; so does a malformed one
    that can be done without (RFC 3261 section 8.2.2).  One without which the
    message has another meaning raises L{PeerError} (400) when it is malformed
    and asked for; Via, From, To, Call-ID and CSeq of a message that was parsed
    are known to be good.
    """

    # What every message has

    @view
    def via(self) -> Via:
        """The topmost Via."""
        lines = self.values("Via")
        if not lines:
            raise PeerError("No Via", section="RFC 3261 8.1.1")
        return Via.parse(lines[0])

    @view
    def vias(self) -> tuple[Via, ...]:
        """Every Via, topmost first."""
        lines = self.values("Via")
        if len(lines) == 1:
            return (self.via,)
        if len(lines) > self.limits.vias:
            raise too_many("Via")
        return tuple([Via.parse(item) for item in lines])

    @view
    def branch(self) -> str:
        """The branch of the topmost Via; empty from a client of RFC 2543."""
        return self.via.branch

    @view
    def from_(self) -> NameAddr:
        """From."""
        return NameAddr.parse(self._needed("From"))

    @view
    def to(self) -> NameAddr:
        """To."""
        return NameAddr.parse(self._needed("To"))

    @view
    def from_tag(self) -> str:
        """The tag of From, or the empty string."""
        return self.from_.tag

    @view
    def to_tag(self) -> str:
        """The tag of To, or the empty string."""
        return self.to.tag

    @view
    def call_id(self) -> str:
        """Call-ID, compared byte by byte (section 8.1.1.4)."""
        return self._needed("Call-ID")

    @view
    def cseq(self) -> CSeq:
        """CSeq."""
        return CSeq.parse(self._needed("CSeq"))

    # Where it goes

    @view
    def contacts(self) -> tuple[NameAddr, ...]:
        """Every Contact; none if it is C{*}."""
        first = self.first
        if "Contact" not in first or first["Contact"] != "*":
            return self._addresses("Contact")
        if not self.star_contact:
            raise PeerError("Contact is * and more", section="RFC 3261 10.3")
        return ()

    @view
    def star_contact(self) -> bool:
        """Is Contact C{*}, with nothing else?"""
        return self.all("Contact") == ["*"]

    @view
    def routes(self) -> tuple[NameAddr, ...]:
        """Route."""
        return self._addresses("Route")

    @view
    def record_routes(self) -> tuple[NameAddr, ...]:
        """Record-Route."""
        return self._addresses("Record-Route")

    @view
    def paths(self) -> tuple[NameAddr, ...]:
        """Path (RFC 3327)."""
        return self._addresses("Path")

    @view
    def service_routes(self) -> tuple[NameAddr, ...]:
        """Service-Route (RFC 3608)."""
        return self._addresses("Service-Route")

    # Who

    @optional("Reply-To")
    def reply_to(self) -> NameAddr:
        """Reply-To."""
        return NameAddr.parse(self.first["Reply-To"])

    @view
    def refer_to(self) -> NameAddr | None:
        """Refer-To (RFC 3515)."""
        return NameAddr.parse(self.first["Refer-To"]) if "Refer-To" in self.first else None

    @optional("Referred-By")
    def referred_by(self) -> NameAddr:
        """Referred-By (RFC 3892)."""
        return NameAddr.parse(self.first["Referred-By"])

    @view
    def asserted(self) -> tuple[NameAddr, ...]:
        """P-Asserted-Identity (RFC 3325)."""
        return self._readable("P-Asserted-Identity", parse_again)

    @view
    def preferred(self) -> tuple[NameAddr, ...]:
        """P-Preferred-Identity (RFC 3325)."""
        return self._readable("P-Preferred-Identity", parse_again)

    @view
    def remote_party(self) -> tuple[NameAddr, ...]:
        """Remote-Party-ID, which never became an RFC."""
        return self._readable("Remote-Party-ID", parse_again)

    @view
    def diversions(self) -> tuple[NameAddr, ...]:
        """Diversion, the latest first (RFC 5806); reason and counter are parameters."""
        return self._readable("Diversion", parse_again)

    @view
    def history(self) -> tuple[NameAddr, ...]:
        """History-Info (RFC 7044); index, rc and mp are parameters."""
        return self._readable("History-Info", parse_again)

    @view
    def privacy(self) -> frozenset[str]:
        """The values of Privacy, in lower case (RFC 3323 section 4.2)."""
        text = ";".join(self.all("Privacy")).replace(",", ";").lower()
        return frozenset([item for part in text.split(";") if (item := part.strip())])

    # Numbers

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards, 0 to 255 (section 20.22)."""
        if "Max-Forwards" not in self.first:
            return None
        value = self.first["Max-Forwards"]
        return _BYTES[value] if value in _BYTES else self._number("Max-Forwards", 255, "RFC 3261 20.22")

    @optional("Max-Breadth")
    def max_breadth(self) -> int:
        """Max-Breadth (RFC 5393 section 5.3.1)."""
        return self._number("Max-Breadth", 2**31 - 1, "RFC 5393 5.3.1")

    @optional("Expires")
    def expires(self) -> int:
        """Expires, in seconds."""
        return self._number("Expires", 2**32 - 1, "RFC 3261 20.19")

    @optional("Min-Expires")
    def min_expires(self) -> int:
        """Min-Expires, in seconds."""
        return self._number("Min-Expires", 2**32 - 1, "RFC 3261 20.23")

    @optional("Min-SE")
    def min_se(self) -> int:
        """Min-SE, in seconds (RFC 4028)."""
        return parse_delta(self.first["Min-SE"], "RFC 4028 5")[0]

    @optional("RSeq")
    def rseq(self) -> int:
        """RSeq (RFC 3262)."""
        return self._number("RSeq", 2**32 - 1, "RFC 3262 7.1")

    @optional("Retry-After")
    def retry_after(self) -> int:
        """Retry-After, in seconds."""
        return RetryAfter.parse(self.first["Retry-After"]).seconds

    # Words

    @view
    def supported(self) -> frozenset[str]:
        """The option tags of Supported."""
        return self._words("Supported")

    @view
    def require(self) -> frozenset[str]:
        """The option tags of Require."""
        return self._tags("Require")

    @view
    def proxy_require(self) -> frozenset[str]:
        """The option tags of Proxy-Require."""
        return self._tags("Proxy-Require")

    @view
    def unsupported(self) -> frozenset[str]:
        """The option tags of Unsupported."""
        return self._words("Unsupported")

    @view
    def allow(self) -> frozenset[str]:
        """The methods of Allow, as written."""
        return frozenset(self._readable("Allow", str))

    @view
    def allow_events(self) -> frozenset[str]:
        """The event packages of Allow-Events (RFC 6665)."""
        return self._words("Allow-Events")

    @property
    def content_type(self) -> str:
        """C{type/subtype} of the body in lower case, or the empty string."""
        first = self.first
        return media_types[first["Content-Type"]] if "Content-Type" in first else ""

    @view
    def content_disposition(self) -> str:
        """What the body is for, in lower case, or the empty string."""
        return media_types[self.first["Content-Disposition"]] if "Content-Disposition" in self.first else ""

    @view
    def content_encoding(self) -> tuple[str, ...]:
        """The codings of the body, in lower case."""
        if "Content-Encoding" not in self.first:
            return ()
        return tuple([item.lower() for item in self.values("Content-Encoding")])

    @view
    def accept(self) -> tuple[str, ...] | None:
        """The media ranges of Accept; None without the field, () if it is empty."""
        if "Accept" not in self.first:
            return None
        return tuple([media_types[item] for item in self.values("Accept")])

    # Structures

    @view
    def replaces(self) -> Replaces | None:
        """Replaces (RFC 3891); two of them are refused (section 3)."""
        lines = self.all("Replaces")
        if len(lines) > 1:
            raise PeerError("More than one Replaces", section="RFC 3891 3")
        return Replaces.parse(lines[0]) if lines else None

    @view
    def join(self) -> Join | None:
        """Join (RFC 3911)."""
        return Join.parse(self.first["Join"]) if "Join" in self.first else None

    @view
    def target_dialog(self) -> TargetDialog | None:
        """Target-Dialog (RFC 4538)."""
        return TargetDialog.parse(self.first["Target-Dialog"]) if "Target-Dialog" in self.first else None

    @view
    def rack(self) -> RAck | None:
        """RAck (RFC 3262)."""
        return RAck.parse(self.first["RAck"]) if "RAck" in self.first else None

    @optional("Session-Expires")
    def session_expires(self) -> SessionExpires:
        """Session-Expires (RFC 4028)."""
        return SessionExpires.parse(self.first["Session-Expires"])

    @view
    def event(self) -> Event | None:
        """Event (RFC 6665)."""
        return Event.parse(self.first["Event"]) if "Event" in self.first else None

    @optional("Subscription-State")
    def subscription_state(self) -> SubscriptionState:
        """Subscription-State (RFC 6665)."""
        return SubscriptionState.parse(self.first["Subscription-State"])

    @view
    def reasons(self) -> tuple[Reason, ...]:
        """Reason (RFC 3326)."""
        return self._readable("Reason", Reason.parse)

    @view
    def warning(self) -> tuple[WarningText, ...]:
        """Warning."""
        return self._readable("Warning", WarningText.parse)

    @view
    def alert_info(self) -> tuple[Info, ...]:
        """Alert-Info; phones also send bare words there, for which see L{get}."""
        return self._readable("Alert-Info", Info.parse)

    @view
    def call_info(self) -> tuple[Info, ...]:
        """Call-Info."""
        return self._readable("Call-Info", Info.parse)

    @optional("Authentication-Info")
    def authentication_info(self) -> AuthenticationInfo:
        """Authentication-Info."""
        return AuthenticationInfo.parse(self.first["Authentication-Info"])

    @optional("Date")
    def date(self) -> datetime:
        """Date, which is always in GMT (section 20.17)."""
        return parse_date(self.first["Date"])

    @view
    def challenges(self) -> tuple[Challenge, ...]:
        """WWW-Authenticate, in order; other schemes than Digest are left out."""
        return Challenge.parse_all(self.all("WWW-Authenticate"))

    @view
    def proxy_challenges(self) -> tuple[Challenge, ...]:
        """Proxy-Authenticate, in order; other schemes than Digest are left out."""
        return Challenge.parse_all(self.all("Proxy-Authenticate"))

    @view
    def credentials(self) -> tuple[Credentials, ...]:
        """Authorization; other schemes than Digest are left out."""
        return Credentials.parse_all(self.all("Authorization"))

    @view
    def proxy_credentials(self) -> tuple[Credentials, ...]:
        """Proxy-Authorization; other schemes than Digest are left out."""
        return Credentials.parse_all(self.all("Proxy-Authorization"))
